//! What is decided about checks: who may differ from one, until when.

use crate::access::differ::Differ;
use crate::access::writing::may_write;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::check::CheckStatus;
use loggia_model::ending::Exemption;
use loggia_model::{Day, Ref};
use serde_json::json;

/// Lets a team differ from a check until a day, with one of its things or all of them.
#[derive(Clone, Debug)]
pub struct Exempt {
    /// The check.
    pub check: Ref,
    /// Who, until when, and why.
    pub differ: Differ,
}

impl Command for Exempt {
    fn name(&self) -> &'static str {
        "check.exempt"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.check)?;
        let text = record.parse();
        may_write(graph, Some(&text), Some(&text), |action, subject| ctx.require(action, subject))?;
        let exemption = self.differ.granted(graph, ctx)?;
        let reason = exemption.reason.clone();
        if reason.is_empty() {
            return Err(Error::refused("check.reason", "It is not said why.", "Say it in one sentence."));
        }
        if exemption.until <= Day::of(ctx.now) {
            return Err(Error::refused("check.exemption", "That day has come already.", "Choose a day to come."));
        }
        let Differ { team, thing, until, .. } = &self.differ;
        let mut status: CheckStatus = record.typed_status()?;
        let same = |one: &Exemption| (&one.team, &one.instance) == (&exemption.team, &exemption.instance);
        status.exemptions.retain(|one| !same(one));
        status.exemptions.push(exemption);
        let mut changes = Changes::answer(json!({"check": self.check, "team": team, "until": until}));
        let draft = Draft::of(&record).with_status(&serde_json::to_value(&status)?);
        let data = json!({"team": team, "thing": thing, "until": until});
        changes.put("check.exempted", draft, data);
        if let Some(entry) = changes.entries.last_mut() {
            entry.reason = Some(reason);
        }
        Ok(changes)
    }
}
