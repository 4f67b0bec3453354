//! Taking things away, and proving that they are.

use super::run::Run;
use crate::instance::driver::{Call, Driver, Failure, Presence, Request};
use crate::instance::request;
use crate::instance::take_over::Wish;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::release::Strategy;
use std::sync::Arc;

impl Run<'_> {
    /// Destroys something and looks: done only when it is not there any more.
    pub(super) async fn take_away(&mut self, driver: &dyn Driver, request: &Request) -> Result<(), Failure> {
        let log = Arc::clone(&self.lines);
        self.step((Call::Destroy, driver), driver.destroy(request, &*log), |()| "Done.".into()).await?;
        match self.observe(driver, request).await?.presence {
            Presence::Absent => Ok(()),
            Presence::Present => {
                Err(Failure::backend("It was destroyed but is still there.", "It is tried again by itself."))
            }
            Presence::Unknown => {
                Err(Failure::backend("Nobody can tell yet whether it is gone.", "It is looked for again by itself."))
            }
        }
    }

    /// What is kept of an earlier version goes with all the rest.
    pub(super) async fn take_kept(&mut self, driver: &dyn Driver, request: &Request) -> Result<(), Failure> {
        let app = &self.worker.app;
        let status = app.graph().by_uid(self.operation.instance).and_then(|record| record.typed_status().ok());
        let Some(kept) = status.and_then(|status: InstanceStatus| status.kept) else { return Ok(()) };
        let (operation, generation) = (&self.operation, Some(kept.generation));
        let wish = Some(Wish { release: kept.release, plan: None, inputs: kept.inputs });
        let built = request::build_generation(app, operation, request.confirmed, wish, Some(driver), generation).await;
        let kept = built.map_err(|error| Failure::ours(error.to_string(), "Ask the owner of the offering."))?;
        self.take_away(driver, &kept.request).await
    }

    /// Where a version is made anew, takes the one before away first.
    pub(super) async fn make_room(&mut self, driver: &dyn Driver) -> Result<(), Failure> {
        let Some(moving) = self.moving.clone().filter(|moving| moving.strategy == Strategy::Rebuild) else {
            return Ok(());
        };
        let app = &self.worker.app;
        // It was confirmed when it was asked for: that is how this version is reached.
        let before = request::build(app, &self.operation, true, Some(moving.earlier), Some(driver)).await;
        let before = before.map_err(|error| Failure::ours(error.to_string(), "Ask the owner of the offering."))?;
        self.take_away(driver, &before.request).await
    }
}
