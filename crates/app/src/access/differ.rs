//! Permission for a team to differ for a while: from a check, an ending or a campaign.

use crate::command::Ctx;
use crate::error::Result;
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::ending::Exemption;
use loggia_model::{Day, Ref};

/// Who is to be allowed to differ, until when, and why.
#[derive(Clone, Debug)]
pub struct Differ {
    /// The team.
    pub team: Ref,
    /// One of its things only.
    pub thing: Option<Ref>,
    /// The day on which it ends.
    pub until: Day,
    /// Why.
    pub reason: String,
}

impl Differ {
    /// The permission as it is kept, granted by who asks now.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for what they do not see.
    pub(crate) fn granted(&self, graph: &Graph, ctx: &Ctx<'_>) -> Result<Exemption> {
        for name in std::iter::once(&self.team).chain(&self.thing) {
            visible(graph, &ctx.caller.audience, name)?;
        }
        Ok(Exemption {
            team: self.team.to_string(),
            instance: self.thing.as_ref().map(ToString::to_string),
            until: self.until,
            reason: self.reason.trim().to_owned(),
            by: ctx.caller.name(),
            at: ctx.now,
        })
    }
}
