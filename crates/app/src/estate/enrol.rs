//! Enrolling: the owner confirms that an observed thing is theirs.

use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::instance::{Enrolment, InstanceStatus, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Record, Ref};
use serde_json::{Value, json};

/// The owner confirms that an observed thing is theirs, or takes that back.
pub struct Enrol {
    /// The instance.
    pub instance: Ref,
    /// Back down: it is only observed again.
    pub withdraw: bool,
}

impl Command for Enrol {
    fn name(&self) -> &'static str {
        if self.withdraw { "instance.withdraw" } else { "instance.enrol" }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Enrol, &subject_of(&record.parse()))?;
        let spec: InstanceSpec = record.spec()?;
        let (from, to) =
            if self.withdraw { (Step::Enrolled, Step::Observed) } else { (Step::Observed, Step::Enrolled) };
        let answer = json!({"instance": self.instance, "step": to});
        if spec.step == to {
            return Ok(Changes::answer(answer));
        }
        if spec.step != from {
            return Err(Error::refused(
                "instance.step",
                "A driver of this platform holds it already.",
                "There is nothing to do.",
            ));
        }
        let mut changes = Changes::answer(answer);
        let event = if self.withdraw { "instance.withdrawn" } else { "instance.enrolled" };
        changes.put(event, self.draft(&record, InstanceSpec { step: to, ..spec }, ctx)?, Value::Null);
        Ok(changes)
    }
}

impl Enrol {
    /// Who confirms is the contact from then on; taking it back brings the earlier one back.
    fn draft(&self, record: &Record, mut spec: InstanceSpec, ctx: &Ctx<'_>) -> Result<Draft> {
        let mut status: InstanceStatus = record.typed_status()?;
        if self.withdraw {
            let made = status.enrolment.take();
            // A contact that was given in the meantime stays.
            if let Some(made) = made.filter(|made| spec.contact.as_ref() == Some(&made.contact)) {
                spec.contact = made.before;
            }
        } else if let Some(user) = ctx.caller.user() {
            let contact = user.to_string();
            let before = spec.contact.replace(contact.clone());
            status.enrolment = Some(Enrolment { contact, before });
        }
        let mut text = record.parse();
        text.0["spec"] = serde_json::to_value(&spec)?;
        Ok(Draft::new(record.uid, &text, record.source.clone()).with_status(&serde_json::to_value(&status)?))
    }
}
