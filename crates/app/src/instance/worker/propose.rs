//! Bringing a team a change to merge.

use super::run::Run;
use crate::instance::driver::{Call, Driver, Failure, Presence, Request};
use crate::instance::operation_end::Ending;
use crate::instance::request;
use std::sync::Arc;

impl Run<'_> {
    /// Has the driver make the change between what the instance has and what is wished, and looks at what came of it.
    pub(super) async fn propose(&mut self, driver: &dyn Driver, after: &Request) -> Result<Ending, Failure> {
        let name = &self.operation.driver;
        let merges = driver.merges().ok_or_else(|| {
            let mend = "Ask the owner of the offering for another way to upgrade.";
            Failure::ours(format!("{name} makes no changes to merge."), mend)
        })?;
        let app = &self.worker.app;
        let before = request::build(app, &self.operation, false, None, Some(driver)).await;
        let before = before.map_err(|error| Failure::ours(error.to_string(), "Ask the owner of the offering."))?;
        let log = Arc::clone(&self.lines);
        let made = merges.propose(&before.request, after, &*log);
        self.step((Call::Propose, driver), made, |()| "The change is made.".to_owned()).await?;
        let seen = self.observe(driver, after).await?;
        match seen.presence {
            Presence::Present => Ok(Ending::Seen(Box::new(seen))),
            _ => Err(Failure::backend("What was changed cannot be seen.", "It is looked for again by itself.")),
        }
    }
}
