//! What people and services prove themselves with, as it changes: each change is an event, and none tells a secret.

use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use loggia_graph::Graph;
use loggia_model::Uid;
use loggia_store::Credential;
use serde_json::Value;

/// Changes credentials of one person or service, and notes it.
pub(crate) struct Prove {
    /// Noun, dot, past verb, such as `session.begun`.
    pub(crate) event: &'static str,
    /// The person whose credentials they are.
    pub(crate) person: Option<Uid>,
    /// The changes.
    pub(crate) credentials: Vec<Credential>,
    /// Details. Never a secret, nor its digest.
    pub(crate) data: Value,
}

impl Command for Prove {
    fn name(&self) -> &'static str {
        self.event
    }

    /// Whoever may only look has to sign in for that, and what leaked must end at any time.
    fn in_read_only(&self) -> bool {
        let simple = |change: &Credential| {
            matches!(change, Credential::Session(_) | Credential::SessionEnd(_) | Credential::Revocation(..))
        };
        self.credentials.iter().all(simple)
    }

    fn decide(&self, graph: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        // The person may have been removed since they were looked up.
        if self.person.is_some_and(|uid| graph.by_uid(uid).is_none()) {
            return Err(Error::Unauthenticated("This person is not here any more.".into()));
        }
        let mut changes = Changes::answer(Value::Null);
        changes.credentials.clone_from(&self.credentials);
        // It is about no record: what people see of a person does not tell when they sign in.
        changes.note(self.event, None, self.data.clone());
        Ok(changes)
    }
}
