//! Showing the secrets of an instance: to its team, to a program that is bound to it, and to an administrator who says
//! why.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Entry};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use loggia_graph::Graph;
use loggia_model::instance::InstanceStatus;
use loggia_model::{Record, Ref, Uid};
use serde_json::{Value, json};

/// What stands in a plain output where its secret twin has the password.
pub const PLACE: &str = "PASSWORD";
/// The secret that is filled in there.
const PASSWORD: &str = "password";
/// How long a reason may be, in characters.
const LONGEST: usize = 500;

/// How somebody may see the secrets of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the team whose it is.
    Own,
    /// As an administrator, with a reason.
    WithReason,
}

impl App {
    /// How the caller may see the secrets of an instance.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`], with who may.
    pub fn may_reveal(&self, caller: &Caller, record: &Record) -> Result<Way> {
        let subject = subject_of(&record.parse());
        let own = self.require(caller, Action::Reveal, &subject);
        match own {
            Ok(()) => Ok(Way::Own),
            Err(_) if self.require(caller, Action::BreakGlass, &subject).is_ok() => Ok(Way::WithReason),
            Err(error) => Err(error),
        }
    }

    /// Opens a secret output of an instance. Each reading is an event, with the reason when one is given.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others than its team and administrators, [`Error::Refused`] for an administrator
    /// without a reason, [`Error::NotFound`] when there is no such secret.
    pub async fn reveal(&self, caller: &Caller, instance: &Ref, name: &str, reason: &str) -> Result<Secret> {
        let record = self.record(caller, instance)?;
        let way = self.may_reveal(caller, &record)?;
        let reason: String = reason.trim().chars().take(LONGEST).collect();
        if way == Way::WithReason && reason.is_empty() {
            return Err(Error::refused(
                "reveal.reason",
                "This is a secret of another team, and no reason is given.",
                "Say why you need it (--reason, or the field beside it): the team reads that in what happened.",
            ));
        }
        let field = format!("output.{name}");
        let row = self.store.secret(record.uid, &field).await?;
        let row = row.ok_or_else(|| Error::NotFound(format!("{} has no secret {name}.", instance.name())))?;
        let (uid, reference) = (record.uid, instance.clone());
        self.run(caller, Revealed { uid, reference, field, reason, broken: way == Way::WithReason }).await?;
        match self.composed(&record, name).await? {
            Some(secret) => Ok(secret),
            None => self.secrets.open(&row),
        }
    }

    /// A secret that is a plain output with the password filled in: what a look found out since holds for it too.
    async fn composed(&self, record: &Record, name: &str) -> Result<Option<Secret>> {
        let status: InstanceStatus = record.typed_status()?;
        let plain = status.outputs.get(name).and_then(Value::as_str).filter(|text| text.contains(PLACE));
        let Some(plain) = plain else { return Ok(None) };
        let Some(row) = self.store.secret(record.uid, &format!("output.{PASSWORD}")).await? else { return Ok(None) };
        // Revealed to stand in the address that was asked for.
        let password = self.secrets.open(&row)?;
        let password: String = url::form_urlencoded::byte_serialize(password.reveal().as_bytes()).collect();
        Ok(Some(Secret::new(plain.replacen(PLACE, &password.replace('+', "%20"), 1))))
    }
}

/// Notes that a secret was read.
struct Revealed {
    uid: Uid,
    reference: Ref,
    field: String,
    reason: String,
    /// An administrator read a secret of another team.
    broken: bool,
}

impl Command for Revealed {
    fn name(&self) -> &'static str {
        "secret.reveal"
    }

    fn decide(&self, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::answer(Value::Null);
        let kind = if self.broken { "secret.revealed-to-administrator" } else { "secret.revealed" };
        let reason = Some(&self.reason).filter(|reason| !reason.is_empty()).cloned();
        let subject = Some((self.uid, self.reference.clone()));
        let data = json!({"field": self.field});
        changes.entries.push(Entry { kind: kind.to_owned(), change: None, subject, reason, data });
        Ok(changes)
    }
}
