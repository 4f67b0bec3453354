//! Showing a secret of an instance to its team.

use crate::App;
use crate::caller::Caller;
use crate::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::driver::Secret;
use crate::error::{Error, Result};
use crate::policy::Action;
use crate::writing::subject_of;
use loggia_graph::Graph;
use loggia_model::{Ref, Uid};
use serde_json::{Value, json};

impl App {
    /// Opens a secret output of an instance for its team. Each reading is an event.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Forbidden`] for others than the team.
    pub async fn reveal(&self, caller: &Caller, instance: &Ref, name: &str) -> Result<Secret> {
        let record = self.record(caller, instance)?;
        self.require(caller, Action::Reveal, &subject_of(&record.parse()))?;
        let field = format!("output.{name}");
        let row = self.store.secret(record.uid, &field).await?;
        let row = row.ok_or_else(|| Error::NotFound(format!("{} has no secret {name}.", instance.name())))?;
        self.run(caller, Revealed { uid: record.uid, reference: instance.clone(), field }).await?;
        self.secrets.open(&row)
    }
}

/// Notes that a secret was read.
struct Revealed {
    uid: Uid,
    reference: Ref,
    field: String,
}

impl Command for Revealed {
    fn name(&self) -> &'static str {
        "secret.reveal"
    }

    fn decide(&self, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::answer(Value::Null);
        changes.note("secret.revealed", Some((self.uid, self.reference.clone())), json!({"field": self.field}));
        Ok(changes)
    }
}
