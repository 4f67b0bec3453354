//! Taking over what runs already: only when nothing would change.

use super::run::Run;
use crate::instance::driver::{Call, Driver, Failure, Plan, Presence, Request};
use crate::instance::operation_end::Ending;
use crate::instance::take_over::Taken;
use loggia_model::instance::HeldBackend;
use std::sync::Arc;

impl Run<'_> {
    /// Compares what runs with what the release would make of it. Nothing is changed here, and any difference ends it.
    pub(super) async fn import(
        &mut self,
        driver: &dyn Driver,
        request: &Request,
        backend: Option<HeldBackend>,
    ) -> Result<Ending, Failure> {
        let wish = self
            .wish
            .clone()
            .ok_or_else(|| Failure::ours("Nobody said as what it is taken over.", "Ask for it again."))?;
        let tell = |plan: &Plan| match plan.changes.as_slice() {
            [] => "Nothing would change.".to_owned(),
            changes => changes.join("; "),
        };
        let log = Arc::clone(&self.lines);
        let plan = self.step((Call::Import, driver), driver.import(request, &*log), tell).await?;
        if !plan.changes.is_empty() {
            let message = format!("It is not taken over, because that would change it: {}.", plan.changes.join("; "));
            let mend = "Nothing was done. Name the release, plan and inputs that it really has, then try again.";
            return Err(Failure::yours(message, mend));
        }
        let seen = self.observe(driver, request).await?;
        if seen.presence != Presence::Present {
            return Err(Failure::yours(
                "The driver cannot see it there.",
                "Nothing was done. Look whether it runs there.",
            ));
        }
        Ok(Ending::Taken(Box::new(Taken { seen, backend, wish })))
    }
}
