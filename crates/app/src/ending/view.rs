//! Endings as people and programs see them: where each stands, whom it concerns, and what is left.

use super::evidence::Readings;
use super::proposal::{Offer, offer, why_not};
use super::text::plan;
use super::words::title_of;
use super::{Found, Left, all, evidence, of_instance};
use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::{is_told, told_exemptions, told_reopened};
use crate::command::Need;
use crate::error::{Error, Result};
use crate::estate::usage::UsageFilter;
use crate::estate::who_runs::WhoRunsRow;
use crate::record::{owned_here, visible};
use loggia_graph::Graph;
use loggia_model::ending::{Agreed, Dates, Emergency, Exemption, Pending, Reopened};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::usage::UsageReading;
use loggia_model::{Day, EndingState, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One ending, in a line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndingLine {
    /// Its name.
    pub ending: Ref,
    /// What goes away.
    pub subject: Ref,
    /// What people call it, such as "Tern cache 6.2.0".
    pub title: String,
    /// Which part of it: a plan, a feature or a rule, in words; empty for all of it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub part: String,
    /// Where it stands.
    pub state: EndingState,
    /// What people see: available, going away, off on a day, or gone (proved).
    pub standing: String,
    /// Why.
    pub reason: String,
    /// What to take instead; absent when nothing replaces it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replacement: Option<Ref>,
    /// What people call that.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub replacement_title: String,
    /// When what happens.
    pub dates: Dates,
    /// How many running things it concerns.
    pub running: usize,
}

/// One ending with all that is known of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndingView {
    /// The line.
    #[serde(flatten)]
    pub line: EndingLine,
    /// The rule that it follows.
    pub preset: String,
    /// Why it cannot be announced today as it is; empty when it can, or was.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub too_short: String,
    /// Days with which it may be announced today, when it cannot as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offer: Option<Offer>,
    /// Whether its text is kept elsewhere, so that its days change there.
    pub kept_elsewhere: bool,
    /// Earlier days that two people agreed on and that its repository does not say yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agreed: Option<Agreed>,
    /// Page that says how to move.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub guide: Option<String>,
    /// Whom it concerns, by team.
    pub concerned: Vec<Concerned>,
    /// The last day for which somebody may be allowed to differ.
    pub last_exemption: Day,
    /// Who may differ, until when.
    pub exemptions: Vec<Exemption>,
    /// What waits for a second person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<Pending>,
    /// Why its dates could be so early.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub emergency: Option<Emergency>,
    /// When a proof was found not to hold any more.
    pub reopened: Vec<Reopened>,
    /// What is left, from its last day on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left: Option<Left>,
}

/// What a team runs that an ending concerns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Concerned {
    /// The team.
    pub team: Ref,
    /// Its title.
    pub title: String,
    /// What it runs, on all three steps.
    pub runs: Vec<WhoRunsRow>,
    /// The day until which it may differ, all of it or a part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exempt_until: Option<Day>,
}

impl App {
    /// Every ending that the caller may see, what comes next first, what is over last.
    pub fn endings(&self, caller: &Caller) -> Vec<EndingLine> {
        let graph = self.graph();
        let found = all(&graph, &caller.audience);
        let mut lines: Vec<EndingLine> = found.iter().filter_map(|one| self.line(&graph, caller, one)).collect();
        lines.sort_by(|a, b| {
            let over = |line: &EndingLine| matches!(line.state, EndingState::Cancelled | EndingState::Proved);
            (over(a), a.dates.off, &a.ending).cmp(&(over(b), b.dates.off, &b.ending))
        });
        lines
    }

    /// One ending with all that is known of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub async fn ending(&self, caller: &Caller, name: &Ref) -> Result<EndingView> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, name)?;
        let broken = || Error::Internal(format!("{name} does not fit its type"));
        let found = Found::read(&record).ok_or_else(broken)?;
        let (concerned, _) = self.concerned(&graph, caller, &found);
        let line = self.line(&graph, caller, &found).ok_or_else(broken)?;
        let too_short = match line.state {
            EndingState::Draft => why_not(&plan(&graph, &found)?, self.now()),
            _ => String::new(),
        };
        let left = if line.state >= EndingState::Off { Some(self.left(&graph, caller, &found).await?) } else { None };
        Ok(EndingView {
            preset: found.spec.preset.clone(),
            guide: found.spec.guide.clone(),
            last_exemption: found.spec.dates.off.plus(super::rule(&graph, &found.spec)?.exemption),
            exemptions: told_exemptions(&graph, &caller.audience, found.status.exemptions.clone()),
            pending: found.status.pending.clone(),
            emergency: found.status.emergency.clone(),
            reopened: told_reopened(&graph, &caller.audience, &found.status.reopened),
            agreed: found.status.agreed.clone(),
            kept_elsewhere: owned_here(&found.record).is_err(),
            offer: offer(&graph, &found, self.now())?,
            too_short,
            concerned,
            line,
            left,
        })
    }

    fn line(&self, graph: &Graph, caller: &Caller, found: &Found) -> Option<EndingLine> {
        let parts = [("plan", &found.spec.plan), ("feature", &found.spec.feature), ("rule", &found.spec.rule)];
        let part = parts.into_iter().find_map(|(word, part)| Some(format!("{word} {}", part.as_ref()?)));
        let (subject, replacement) = (found.spec.subject_ref()?, found.spec.replacement_ref());
        let title = |name: &Ref| title_of(graph, &caller.audience, name);
        Some(EndingLine {
            title: title(&subject),
            replacement_title: replacement.as_ref().map(title).unwrap_or_default(),
            ending: found.record.reference.clone(),
            subject,
            part: part.unwrap_or_default(),
            state: found.state(self.now()),
            standing: found.standing(self.now()).to_string(),
            reason: found.spec.reason.clone(),
            replacement,
            dates: found.spec.dates.clone(),
            running: self.concerned(graph, caller, found).1,
        })
    }

    /// Whom an ending concerns, as far as the caller may see it, and how many running things those are.
    fn concerned(&self, graph: &Graph, caller: &Caller, found: &Found) -> (Vec<Concerned>, usize) {
        let mut teams: BTreeMap<Ref, Vec<WhoRunsRow>> = BTreeMap::new();
        for (name, _) in evidence::instances(graph, found) {
            let record = visible(graph, &caller.audience, &name).ok();
            if let Some(row) = record.and_then(|record| self.row(graph, &record)) {
                teams.entry(row.team.clone()).or_default().push(row);
            }
        }
        let running = teams.values().map(Vec::len).sum();
        let one = |(team, runs): (Ref, Vec<WhoRunsRow>)| Concerned {
            title: runs.first().map_or_else(String::new, |row| row.team_title.clone()),
            exempt_until: exempt_until(found, &team),
            team,
            runs,
        };
        (teams.into_iter().map(one).collect(), running)
    }

    async fn left(&self, graph: &Graph, caller: &Caller, found: &Found) -> Result<Left> {
        let (mut all, mut features) = (Vec::new(), Vec::new());
        match evidence::need(graph, found) {
            Some(Need::Uses { offering, from_day }) => {
                let filter =
                    UsageFilter { offering: Some(offering), from_day: Some(from_day), ..UsageFilter::default() };
                all = self.store.uses(&filter).await?;
            }
            Some(Need::Features { offering, from_day }) => {
                features = self.store.feature_uses(&offering, Day(from_day).start()).await?;
            }
            _ => {}
        }
        let mut left = evidence::left(graph, Readings { all: &all, features: &features }, found);
        left.texts.retain(|name| visible(graph, &caller.audience, name).is_ok());
        left.instances.retain(|name| visible(graph, &caller.audience, name).is_ok());
        left.untold.retain(|name| visible(graph, &caller.audience, name).is_ok());
        let sees = |name: &str| name.parse::<Ref>().is_ok_and(|name| is_told(graph, &caller.audience, &name));
        left.callers.retain(|one| {
            (one.instance.is_empty() || sees(&one.instance)) && (!one.who.contains(':') || sees(&one.who))
        });
        Ok(left)
    }

    /// Notes that somebody asked for what is off on trial or gone: once a day for each.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn note_refused(&self, caller: &Caller, offering: &str, outcome: &str) -> Result<()> {
        let now = self.now();
        let reading = UsageReading {
            source: "loggia".to_owned(),
            id: format!("ended-{outcome}-{offering}-{}-{}", caller.name(), now.day()),
            time: now,
            team: None,
            principal: Some(caller.name()),
            offering: offering.to_owned(),
            release: None,
            feature: None,
            instance: None,
            channel: caller.door.word().to_owned(),
            count: 1,
            outcome: outcome.to_owned(),
            mandated: false,
        };
        self.store.ingest_usage(&[reading]).await?;
        Ok(())
    }

    /// The endings that concern what a team runs: each with the row, the first to be off first.
    pub fn endings_of_row(&self, graph: &Graph, row: &WhoRunsRow) -> Vec<Found> {
        let Some(record) = graph.get(&row.instance) else { return Vec::new() };
        let (Ok(spec), Ok(status)) = (record.spec::<InstanceSpec>(), record.typed_status::<InstanceStatus>()) else {
            return Vec::new();
        };
        of_instance(graph, &spec, &status, self.now())
    }
}

fn exempt_until(found: &Found, team: &Ref) -> Option<Day> {
    let mine = found.status.exemptions.iter().filter(|one| one.team == team.as_str());
    mine.map(|one| one.until).max()
}
