//! What is due for some teams: what waits for somebody of them, and what they wait for, each with when it is over and what
//! to do. It is worked out at each reading from what is kept elsewhere, so that it is told alike wherever people look.

use crate::App;
use crate::access::caller::Caller;
use crate::campaign::Mine;
use crate::ending;
use crate::error::Result;
use crate::instance::change;
use crate::release::upgrade_wait;
use crate::rules::approval;
use loggia_graph::{Graph, Predicate};
use loggia_model::instance::{Approval, ChangeRequest, InstanceStatus, Queued};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::rule::Act;
use loggia_model::{Day, Record, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// Somebody asks you to agree.
    Agree,
    /// Another version waits for the team to merge it.
    Merge,
    /// Another version waits for the team to bring it by hand.
    ByHand,
    /// A campaign wants something of the team.
    Campaign,
    /// Something that the team runs goes away.
    Ending,
    /// Something that the team asked for waits until somebody agrees.
    Asked,
    /// An upgrade waits for its hours and begins by itself.
    Hours,
}

/// One thing that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DueLine {
    /// What it is.
    pub kind: DueKind,
    /// The instance, campaign or ending.
    pub about: Ref,
    /// What people call that.
    pub title: String,
    /// What is due and what to do, in a sentence.
    pub text: String,
    /// The day by which; absent when nothing names one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Day>,
}

impl App {
    /// What is due for some teams, what is over first standing first; what somebody asks of the caller before all else.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the database does not answer.
    pub async fn due(&self, caller: &Caller, teams: &[Ref]) -> Result<Vec<DueLine>> {
        let graph = self.graph();
        let asked = self.approvals(caller).into_iter().filter(|one| one.yours);
        let mut lines: Vec<DueLine> = asked.map(|one| agree(&one.instance, &one.approval)).collect();
        let runs: Vec<Arc<Record>> = teams.iter().flat_map(|team| runs(&graph, caller, team)).collect();
        for record in &runs {
            lines.extend(waiting(record));
        }
        lines.extend(self.endings_of(&graph, caller, &runs));
        lines.extend(self.campaigns_of(caller, teams).await?.iter().filter_map(campaign));
        lines.sort_by(|a, b| {
            let key = |line: &DueLine| (line.kind != DueKind::Agree, line.until.is_none(), line.until, line.kind);
            (key(a), &a.about).cmp(&(key(b), &b.about))
        });
        // Who may agree and asked for it in the name of the team is told once.
        lines.dedup_by(|a, b| a.about == b.about && a.kind == b.kind);
        Ok(lines)
    }

    /// What goes away of what runs: one line for each ending, however many of them it concerns.
    fn endings_of(&self, graph: &Graph, caller: &Caller, runs: &[Arc<Record>]) -> Vec<DueLine> {
        let mut found: BTreeMap<Ref, (ending::Found, Vec<&Arc<Record>>)> = BTreeMap::new();
        for record in runs {
            let (Ok(spec), Ok(status)) = (record.spec::<InstanceSpec>(), record.typed_status::<InstanceStatus>())
            else {
                continue;
            };
            for one in ending::of_instance(graph, &spec, &status, self.now()) {
                let name = one.record.reference.clone();
                found.entry(name).or_insert((one, Vec::new())).1.push(record);
            }
        }
        let line = |(about, (found, runs)): (Ref, (ending::Found, Vec<&Arc<Record>>))| {
            let whom = match runs.as_slice() {
                [one] => format!("{} is concerned.", plain(one)),
                many => format!("{} of yours are concerned.", many.len()),
            };
            let instead = ending::instead(graph, &caller.audience, &found.spec);
            DueLine {
                kind: DueKind::Ending,
                about,
                title: ending::subject_words(graph, &caller.audience, &found.spec),
                text: format!("{}: {whom} {instead}", found.standing(self.now())),
                until: Some(found.spec.dates.off),
            }
        };
        found.into_iter().map(line).collect()
    }
}

fn runs(graph: &Graph, caller: &Caller, team: &Ref) -> Vec<Arc<Record>> {
    let of = Predicate::equals("kind", "instance").and(Predicate::equals("spec.team", team.as_str()));
    graph.select(&caller.audience, &of)
}

/// The name of an instance with where it is.
fn plain(record: &Record) -> String {
    let environment = record.parse().spec_text("environment").to_owned();
    let name = record.reference.name();
    format!("{} in {environment}", name.strip_suffix(&format!(".{environment}")).unwrap_or(name))
}

/// What waits for an instance.
fn waiting(record: &Record) -> Option<DueLine> {
    // Read for everything that a team runs: most are told by a look at the text.
    let some = |word: &&str| record.status.as_deref().is_some_and(|text| text.contains(*word));
    ["\"approval\"", "\"queued\"", "\"change\""].iter().find(|word| some(word))?;
    let status: InstanceStatus = record.typed_status().ok()?;
    let (kind, text, until) = match status {
        InstanceStatus { approval: Some(asked), .. } => {
            (DueKind::Asked, approval::waits(&asked), Some(Day::of(asked.until)))
        }
        InstanceStatus { queued: Some(queued), .. } => (DueKind::Hours, hours(&queued), Some(Day::of(queued.opens))),
        InstanceStatus { change: Some(change), .. } if change.made => team_brings(&change),
        _ => return None,
    };
    Some(DueLine { kind, about: record.reference.clone(), title: plain(record), text, until })
}

fn hours(queued: &Queued) -> String {
    format!("The upgrade to {} is asked for. {}", queued.to, upgrade_wait::waits(queued))
}

fn team_brings(change: &ChangeRequest) -> (DueKind, String, Option<Day>) {
    let over = change.until.map(Day::of);
    let then = over.map(|day| format!(" It is given up on {}.", day.words())).unwrap_or_default();
    match change.branch.as_str() {
        "" => (DueKind::ByHand, format!("Version {} is yours to bring by hand.{then}", change.version), over),
        branch => (
            DueKind::Merge,
            format!("Version {} waits on the branch {branch}: merge it, or give it up.{then}", change.version),
            over,
        ),
    }
}

fn agree(instance: &Ref, asked: &Approval) -> DueLine {
    let what = match (asked.act, &asked.to) {
        (Act::Order, _) => "getting it".to_owned(),
        (Act::Upgrade, Some(to)) => format!("bringing it to {to}"),
        (Act::Upgrade, None) => "upgrading it".to_owned(),
        (Act::Change, _) => asked.change.as_ref().map(change::words).unwrap_or_default(),
    };
    let by = asked.asked_by.rsplit(['/', ':']).next().unwrap_or_default();
    DueLine {
        kind: DueKind::Agree,
        about: instance.clone(),
        title: instance.name().to_owned(),
        text: format!("{by} asks you to agree to {what}."),
        until: Some(Day::of(asked.until)),
    }
}

fn campaign(mine: &Mine) -> Option<DueLine> {
    let first = mine.open.first()?;
    Some(DueLine {
        kind: DueKind::Campaign,
        about: mine.line.campaign.clone(),
        title: mine.line.title.clone(),
        text: format!("{} of {} of yours to go. {}", mine.open.len(), mine.total, first.todo).trim().to_owned(),
        until: mine.line.deadline,
    })
}
