//! Checks as people and programs see them: what each says, per thing and per team.

use super::engine::{Check, team_of};
use super::readings;
use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::told_exemptions;
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::Graph;
use loggia_model::check::{CheckStatus, Outcome, Reading, Verdict};
use loggia_model::ending::Exemption;
use loggia_model::{Record, Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many things stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// How many pass.
    pub passes: usize,
    /// How many fail.
    pub fails: usize,
    /// How many have time left.
    pub grace: usize,
    /// How many may differ for a while.
    pub exempt: usize,
    /// Of how many nobody knows.
    pub unknown: usize,
}

impl Standing {
    fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Passes => &mut self.passes,
            Outcome::Fails => &mut self.fails,
            Outcome::Grace => &mut self.grace,
            Outcome::Exempt => &mut self.exempt,
            Outcome::Unknown => &mut self.unknown,
        } += 1;
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.passes + self.fails + self.grace + self.exempt + self.unknown
    }
}

/// One check in a line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckLine {
    /// Its name.
    pub check: Ref,
    /// Its title.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// The kind of what it is about.
    pub of: String,
    /// Whether it is a standard.
    pub standard: bool,
    /// How many things stand how, as far as the caller may see them.
    pub standing: Standing,
}

/// What a check says about one thing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThingVerdict {
    /// The thing.
    pub thing: Ref,
    /// Its title.
    pub title: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub team: Option<Ref>,
    /// What it came to.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What to do; empty when it passes.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub mend: String,
}

/// How a team stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TeamStanding {
    /// The team.
    pub team: Ref,
    /// Its title.
    pub title: String,
    /// How many of its things stand how.
    pub standing: Standing,
}

/// One check with all that it says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    /// The line.
    #[serde(flatten)]
    pub line: CheckLine,
    /// What to do, with placeholders.
    pub mend: String,
    /// Page that says more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub docs: Option<String>,
    /// How each team stands, the worst first.
    pub teams: Vec<TeamStanding>,
    /// What it says of each thing, what fails first.
    pub things: Vec<ThingVerdict>,
    /// Who may differ, until when.
    pub exemptions: Vec<Exemption>,
}

impl App {
    /// The checks that a caller may see, with how things stand: standards first. Of one team, only its things.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn checks(&self, caller: &Caller, team: Option<&Ref>, all: bool) -> Result<Vec<CheckLine>> {
        let graph = self.graph();
        let mut lines = Vec::new();
        for record in graph.of_kind(&caller.audience, "check") {
            let readings = self.readings_of(&record).await?;
            let Some(check) = Check::read(&graph, self.now(), &record, readings) else { continue };
            if !(all || check.spec.standing) {
                continue;
            }
            let mut standing = Standing::default();
            for subject in check.subjects(&caller.audience) {
                if team.is_none_or(|team| team_of(&subject).as_ref() == Some(team)) {
                    standing.add(check.verdict(&subject).outcome);
                }
            }
            if team.is_none() || standing.total() > 0 {
                lines.push(line(&check, standing));
            }
        }
        lines.sort_by(|one, other| (!one.standard, &one.title).cmp(&(!other.standard, &other.title)));
        Ok(lines)
    }

    /// What one check says of each thing, of a team or of all.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub async fn check_view(&self, caller: &Caller, name: &Ref, team: Option<&Ref>) -> Result<CheckView> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, name)?;
        let readings = self.readings_of(&record).await?;
        let broken = || Error::Internal(format!("{name} does not fit its type"));
        let check = Check::read(&graph, self.now(), &record, readings).ok_or_else(broken)?;
        let (mut standing, mut teams) = (Standing::default(), BTreeMap::<Ref, Standing>::new());
        let mut things = Vec::new();
        for subject in check.subjects(&caller.audience) {
            let whose = team_of(&subject);
            if team.is_some() && whose.as_ref() != team {
                continue;
            }
            let verdict = check.verdict(&subject);
            standing.add(verdict.outcome);
            if let Some(whose) = &whose {
                teams.entry(whose.clone()).or_default().add(verdict.outcome);
            }
            things.push(thing(&graph, &check, &subject, whose, verdict));
        }
        let rank = |outcome: Outcome| match outcome {
            Outcome::Fails => 0,
            Outcome::Unknown => 1,
            Outcome::Grace => 2,
            Outcome::Exempt => 3,
            Outcome::Passes => 4,
        };
        things.sort_by(|a, b| (rank(a.verdict.outcome), &a.thing).cmp(&(rank(b.verdict.outcome), &b.thing)));
        let mut teams: Vec<TeamStanding> = teams
            .into_iter()
            .map(|(team, standing)| TeamStanding { title: title(&graph, &team), team, standing })
            .collect();
        teams.sort_by_key(|one| (std::cmp::Reverse(one.standing.fails), one.team.clone()));
        Ok(CheckView {
            mend: check.spec.mend.clone(),
            docs: check.spec.docs.clone(),
            exemptions: told_exemptions(&graph, &caller.audience, record.typed_status::<CheckStatus>()?.exemptions),
            line: line(&check, standing),
            teams,
            things,
        })
    }

    /// What the probe of a check answered.
    pub(crate) async fn readings_of(&self, check: &Record) -> Result<BTreeMap<Uid, Reading>> {
        let probes = check.document.contains("\"probe\"");
        Ok(if probes { readings(&self.store.items_of(check.uid).await?) } else { BTreeMap::new() })
    }
}

fn line(check: &Check<'_>, standing: Standing) -> CheckLine {
    CheckLine {
        check: check.record.reference.clone(),
        title: check.record.parse().title().to_owned(),
        why: check.spec.why.clone(),
        of: check.spec.of.clone(),
        standard: check.spec.standing,
        standing,
    }
}

fn thing(graph: &Graph, check: &Check<'_>, subject: &Arc<Record>, team: Option<Ref>, verdict: Verdict) -> ThingVerdict {
    let mend = if verdict.outcome == Outcome::Passes { String::new() } else { check.mend(subject) };
    ThingVerdict { title: title(graph, &subject.reference), thing: subject.reference.clone(), team, verdict, mend }
}

fn title(graph: &Graph, name: &Ref) -> String {
    graph.get(name).map_or_else(|| name.name().to_owned(), |record| record.parse().title().to_owned())
}
