//! Showing a credential to whom it is for: once, and then it is kept nowhere.

use super::settle::FIELD;
use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::access::reveal::Way;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Entry, RecordChange};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::instance::instance_access::{draft, words};
use loggia_graph::Graph;
use loggia_model::instance::InstanceStatus;
use loggia_model::instance_access::{self as access, Access};
use loggia_model::{Record, Ref, Uid};
use serde_json::{Map, Value, json};

/// What a consumer needs to get in.
pub struct Shown {
    /// What is no secret.
    pub outputs: Map<String, Value>,
    /// The secrets, by name.
    pub secrets: Vec<(String, Secret)>,
}

impl App {
    /// How the caller may see the credential of an access: as the team of the instance or of the consumer, or as an
    /// administrator who says why.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`], with who may.
    pub fn may_show(&self, caller: &Caller, record: &Record, access: &Access) -> Result<Way> {
        let own = self.may_reveal(caller, record);
        if matches!(own, Ok(Way::Own)) {
            return own;
        }
        match self.require(caller, Action::Reveal, &self.of_consumer(&access.to)) {
            Ok(()) => Ok(Way::Own),
            Err(_) => own,
        }
    }

    /// The team of a consumer.
    fn of_consumer(&self, to: &str) -> Subject {
        let graph = self.graph();
        let record = to.parse::<Ref>().ok().and_then(|reference| graph.get(&reference).cloned());
        let subject = record.map(|record| subject_of(&record.parse())).unwrap_or_default();
        Subject { team: subject.team.or(subject.owner), owner: None }
    }

    /// Shows the secrets of the newest credential of an access, and forgets them. Each reading is an event.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others than the two teams and administrators, [`Error::Refused`] for an administrator
    /// without a reason, and when it was shown already.
    pub async fn show_access(&self, caller: &Caller, instance: &Ref, id: Uid, reason: &str) -> Result<Shown> {
        let record = self.record(caller, instance)?;
        let status: InstanceStatus = record.typed_status()?;
        let known = status.access.iter().find(|access| access.id == id).ok_or_else(missing)?;
        let broken = self.may_show(caller, &record, known)? == Way::WithReason;
        let reason = reason.trim().to_owned();
        if broken && reason.is_empty() {
            let mend = "Say why you need it (--reason, or the field beside it): the team reads that in what happened.";
            return Err(Error::refused(
                "reveal.reason",
                "This is a credential of another team, and no reason is given.",
                mend,
            ));
        }
        let credential = known.current().ok_or_else(not_yet)?;
        let rows = self.store.secrets_of(credential.id).await?;
        let (id, outputs) = (credential.id, credential.outputs.clone());
        self.run(caller, Showing { uid: record.uid, credential: id, reason, broken }).await?;
        let mut secrets = Vec::new();
        for row in rows {
            if let Some(name) = row.field.strip_prefix(FIELD) {
                secrets.push((name.to_owned(), self.secrets.open(&row)?));
            }
        }
        Ok(Shown { outputs, secrets })
    }
}

fn missing() -> Error {
    Error::NotFound("There is no such access.".into())
}

fn not_yet() -> Error {
    Error::refused("access.making", "Its credential is not made yet.", "Wait until it works, then ask again.")
}

/// Notes that a credential was shown, and forgets its secrets.
struct Showing {
    uid: Uid,
    credential: Uid,
    reason: String,
    /// An administrator read a secret of another team.
    broken: bool,
}

impl Command for Showing {
    fn name(&self) -> &'static str {
        "access.show"
    }

    fn decide(&self, graph: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        let record = graph.by_uid(self.uid).ok_or_else(missing)?;
        let mut status: InstanceStatus = record.typed_status()?;
        let message = access::of(&status.access, self.credential).map(|(known, _)| words(known)).ok_or_else(missing)?;
        let all = status.access.iter_mut().flat_map(|access| &mut access.credentials);
        let unseen = all.filter(|known| known.id == self.credential).map(|known| std::mem::take(&mut known.unseen));
        if unseen.flatten().count() == 0 {
            let mend = "Renew it for another one: loggia access rotate.";
            return Err(Error::refused("access.shown", "It was shown already, and is kept nowhere.", mend));
        }
        let mut changes = Changes::answer(Value::Null);
        changes.forgotten.push(self.credential);
        let kind = if self.broken { "access.shown-to-administrator" } else { "access.shown" };
        let change = Some(RecordChange::Put(Box::new(draft(record, &status)?)));
        let reason = Some(&self.reason).filter(|reason| !reason.is_empty()).cloned();
        changes.entries.push(Entry {
            kind: kind.to_owned(),
            change,
            subject: None,
            reason,
            data: json!({"message": message}),
        });
        Ok(changes)
    }
}
