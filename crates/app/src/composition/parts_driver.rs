//! The driver `parts`: for what is made of its parts and of nothing else. It makes nothing itself, and gives what was taken
//! from the parts.

use crate::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog};
use async_trait::async_trait;
use loggia_model::composition::PARTS;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Makes nothing.
#[derive(Default)]
pub struct PartsDriver {
    /// What was taken away; nothing of its own is anywhere where it could be looked for.
    gone: Mutex<HashSet<String>>,
}

impl PartsDriver {
    fn gone(&self) -> MutexGuard<'_, HashSet<String>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seen(request: &Request, presence: Presence) -> Observation {
    Observation {
        presence,
        version: request.version.clone(),
        conditions: Vec::new(),
        outputs: request.outputs.clone(),
        secret_outputs: Vec::new(),
        readings: Vec::new(),
    }
}

#[async_trait]
impl Driver for PartsDriver {
    fn name(&self) -> &str {
        PARTS
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        Ok(())
    }

    async fn plan(&self, _: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        Ok(Plan::default())
    }

    async fn apply(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        self.gone().remove(&request.key);
        Ok(seen(request, Presence::Present))
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        let gone = self.gone().contains(&request.key);
        Ok(seen(request, if gone { Presence::Absent } else { Presence::Present }))
    }

    async fn destroy(&self, request: &Request, _: &dyn RunLog) -> Result<(), Failure> {
        self.gone().insert(request.key.clone());
        Ok(())
    }
}
