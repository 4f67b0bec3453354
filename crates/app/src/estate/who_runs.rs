//! The main question: who runs what, at which version, and who must be told.

use crate::App;
use crate::access::caller::Caller;
use crate::ending;
use crate::error::{Error, Result};
use crate::estate::observation;
use crate::estate::unknown_after_days;
use crate::estate::version_scale::Limit;
use crate::instance::request::base_name;
use crate::record::suggestion;
use crate::record::visible;
use crate::release::offering;
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Micros, Record, Ref, RelationType, canonical, naming, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Narrows the question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WhoRunsQuery {
    /// Name of the offering.
    pub offering: String,
    /// Only versions below this one: of what runs, or of the releases, whichever scale has that number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<String>,
    /// Only what runs of a release below this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_below: Option<String>,
    /// Only versions in this range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Only this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Only this team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Only this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
}

/// One running thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoRunsRow {
    /// Name of the instance.
    pub instance: Ref,
    /// Name within team and environment.
    pub name: String,
    /// The team that runs it.
    pub team: Ref,
    /// Title of the team.
    pub team_title: String,
    /// Where.
    pub environment: String,
    /// Version of what really runs, as observed; that of the release when nobody has looked. Empty when unknown.
    pub version: String,
    /// Name of the release, when it is one of ours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// Why its release was withdrawn; empty when it was not.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub withdrawn: String,
    /// What becomes of it: going away, off on a day, or gone (proved); empty when it is simply available.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub ending: String,
    /// Nobody here knows the team: its name is only what was reported.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unknown_team: bool,
    /// Since when this version runs.
    pub since: Option<Micros>,
    /// When it was last seen.
    pub last_seen: Option<Micros>,
    /// Whom to tell: the contact of the instance, else of the team.
    pub contact: String,
    /// Observed, enrolled or managed.
    pub step: Step,
    /// How it is known.
    pub known_by: String,
    /// It is no longer as it was made.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub drifted: bool,
    /// Where it is in its life; `unknown` when it was not seen for longer than its environment allows.
    pub phase: Phase,
}

impl App {
    /// Who runs an offering. Answers what the caller may see, by team, environment and name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown offering, [`Error::Invalid`] for a version that is none.
    pub fn who_runs(&self, caller: &Caller, query: &WhoRunsQuery) -> Result<Vec<WhoRunsRow>> {
        let query = &WhoRunsQuery {
            offering: naming::shared("offering", &query.offering).to_owned(),
            environment: query.environment.as_deref().map(|name| naming::shared("environment", name).to_owned()),
            ..query.clone()
        };
        let graph = self.graph();
        let audience = &caller.audience;
        let offering = visible(&graph, audience, &Ref::new("offering", "default", &query.offering))
            .map_err(|_| unknown_offering(&graph, audience, &query.offering))?;
        let row = |record: &Arc<Record>| self.row(&graph, record);
        let every = || {
            let all = graph.select(audience, &narrowed(&graph, &offering.reference, &WhoRunsQuery::default()));
            all.iter().filter_map(row).collect::<Vec<WhoRunsRow>>()
        };
        let limit = Limit::read(query, &released(&graph, audience, &query.offering), every)?;
        // Of very many only those that can be meant are read.
        let meant = graph.select(audience, &narrowed(&graph, &offering.reference, query));
        let mut rows: Vec<WhoRunsRow> = meant.iter().filter_map(row).collect();
        rows.retain(|row| limit.keeps(row) && keeps(query, row));
        if rows.is_empty() {
            // A word that was written wrong is no answer of none; and a team may only be known by what it runs.
            let all = every();
            known(&graph, audience, query, &all)?;
            rows = all.into_iter().filter(|row| limit.keeps(row) && keeps(query, row)).collect();
        }
        rows.sort_by(|a, b| (&a.team, &a.environment, &a.name).cmp(&(&b.team, &b.environment, &b.name)));
        Ok(rows)
    }

    /// What a team runs, by environment.
    pub fn runs_of_team(&self, caller: &Caller, team: &Ref) -> Vec<WhoRunsRow> {
        self.runs_where(
            caller,
            Predicate::equals("kind", "instance").and(Predicate::equals("spec.team", team.as_str())),
        )
    }

    /// Everything that runs and that the caller may see.
    pub fn runs(&self, caller: &Caller) -> Vec<WhoRunsRow> {
        self.runs_where(caller, Predicate::equals("kind", "instance"))
    }

    fn runs_where(&self, caller: &Caller, predicate: Predicate) -> Vec<WhoRunsRow> {
        let (graph, audience) = (self.graph(), &caller.audience);
        let query = Query { predicate, ..Query::default() };
        graph.query(audience, &query).records.iter().filter_map(|record| self.row(&graph, record)).collect()
    }

    /// An instance as a row; none for a text that does not fit the type.
    pub fn row(&self, graph: &Graph, record: &Record) -> Option<WhoRunsRow> {
        let spec: InstanceSpec = record.spec().ok()?;
        let status: InstanceStatus = record.typed_status().ok()?;
        let team: Ref = Ref::parse(&spec.team, Some("group"), "default").ok()?;
        let group = graph.get(&team).map(|record| record.parse());
        let (first, last) = self.sighting(record.uid).unzip();
        let contact = spec.contact.clone().or_else(|| {
            let email = group.as_ref()?.spec()?.pointer("/profile/email")?.as_str()?;
            Some(email.to_owned())
        });
        let applied = status.applied.clone();
        let version = if status.version.is_empty() {
            applied.strip_prefix(&format!("{}-", spec.offering)).unwrap_or_default().to_owned()
        } else {
            status.version.clone()
        };
        let release = Some(&applied).filter(|name| !name.is_empty());
        let release = release.and_then(|name| graph.get(&Ref::new("release", "default", name)));
        let ends = ending::of_instance(graph, &spec, &status, self.now());
        Some(WhoRunsRow {
            ending: ends.first().map(|one| one.standing(self.now()).to_string()).unwrap_or_default(),
            withdrawn: release.and_then(|release| offering::withdrawn(release)).unwrap_or_default(),
            unknown_team: group.is_none(),
            instance: record.reference.clone(),
            name: base_name(&record.reference, &spec.environment),
            team_title: group.map_or_else(|| team.name().to_owned(), |g| g.title().to_owned()),
            drifted: observation::has_drifted(&status),
            phase: self.phase(graph, &spec, &status, last),
            team,
            environment: spec.environment,
            version,
            release: applied,
            since: status.since.or(first),
            last_seen: last,
            contact: contact.unwrap_or_default(),
            step: spec.step,
            known_by: status.known_by,
        })
    }

    /// The status of a record as it is now, as JSON. That of an instance says what time made of it: when it was first
    /// and last seen, and the phase `unknown` where that is too long ago.
    pub fn status_now<'a>(&self, graph: &Graph, record: &'a Record) -> Option<Cow<'a, str>> {
        let text = record.status.as_deref();
        self.instance_now(graph, record).map(Cow::Owned).or_else(|| text.map(Cow::Borrowed))
    }

    fn instance_now(&self, graph: &Graph, record: &Record) -> Option<String> {
        if record.reference.kind() != "instance" {
            return None;
        }
        let (first, last) = self.sighting(record.uid)?;
        let phase = self.phase(graph, &record.spec().ok()?, &record.typed_status().ok()?, Some(last));
        let mut status = serde_json::to_value(record.parse_status()).ok()?;
        let map = status.as_object_mut()?;
        map.insert("phase".to_owned(), serde_json::to_value(phase).ok()?);
        map.insert("firstSeen".to_owned(), first.to_string().into());
        map.insert("lastSeen".to_owned(), last.to_string().into());
        Some(canonical::to_string(&status))
    }

    /// The phase of now: what was not seen for too long is unknown, never gone.
    fn phase(&self, graph: &Graph, spec: &InstanceSpec, status: &InstanceStatus, last: Option<Micros>) -> Phase {
        // Nothing makes what is not managed: without an operation it is not on its way, it is only not known.
        let idle = status.phase == Phase::Pending && spec.step != Step::Managed && status.operation.is_none();
        let seen = if last.is_some() { Phase::Ready } else { Phase::Unknown };
        let phase = if idle { seen } else { status.phase };
        let stale = last.is_some_and(|last| is_stale(graph, &spec.environment, last, self.now()));
        if stale && phase == Phase::Ready { Phase::Unknown } else { phase }
    }
}

/// The instances that a question can mean, by what they are indexed under.
fn narrowed(graph: &Graph, offering: &Ref, query: &WhoRunsQuery) -> Predicate {
    let of = RelationType::find("instanceOf").map(|of| Predicate::Relation(of, Some(vec![offering.to_string()])));
    let mut all = Predicate::equals("kind", "instance").and(of.unwrap_or_default());
    if let Some(environment) = &query.environment {
        all = all.and(Predicate::equals("spec.environment", environment));
    }
    if let Some(wanted) = &query.team {
        let named = Predicate::equals("kind", "group").and(Predicate::equals("metadata.name", wanted));
        let mut teams: Vec<String> =
            graph.select(&Audience::All, &named).iter().map(|group| group.reference.to_string()).collect();
        teams.extend(Ref::parse(wanted, Some("group"), "default").ok().map(|team| team.to_string()));
        all = all.and(Predicate::In("spec.team".to_owned(), teams));
    }
    all
}

/// Whether what was last seen then was not seen for longer than its environment allows.
pub(crate) fn is_stale(graph: &Graph, environment: &str, last: Micros, now: Micros) -> bool {
    now.0 - last.0 > unknown_after_days(graph, environment) * time::DAY
}

/// Passes when the environment and the team that are asked for are known, be it by what runs there: a word that was
/// written wrong is no answer of none.
fn known(graph: &Graph, audience: &Audience, query: &WhoRunsQuery, rows: &[WhoRunsRow]) -> Result<()> {
    let names = |kind: &str| -> Vec<String> {
        graph.of_kind(audience, kind).map(|record| record.reference.name().to_owned()).collect()
    };
    let there = |kind: &str, wanted: &str| {
        Ref::parse(wanted, Some(kind), "default").is_ok_and(|name| visible(graph, audience, &name).is_ok())
    };
    if let Some(wanted) = &query.environment
        && !there("environment", wanted)
        && !rows.iter().any(|row| row.environment == *wanted)
    {
        return Err(unknown("environment", wanted, names("environment")));
    }
    if let Some(wanted) = &query.team
        && !there("group", wanted)
        && !rows.iter().any(|row| is_team(row, wanted))
    {
        return Err(unknown("team", wanted, names("group")));
    }
    Ok(())
}

fn unknown(what: &str, wanted: &str, names: Vec<String>) -> Error {
    Error::NotFound(format!("There is no {what} {wanted:?}. {}", suggestion::hint(wanted, names)))
}

/// The numbers of the releases of an offering that the audience may see.
fn released(graph: &Graph, audience: &Audience, offering: &str) -> Vec<String> {
    offering::releases(graph, audience, offering)
        .iter()
        .map(|one| one.parse().spec_text("version").to_owned())
        .collect()
}

fn is_team(row: &WhoRunsRow, wanted: &str) -> bool {
    row.team.name() == wanted || Ref::parse(wanted, Some("group"), "default").is_ok_and(|team| team == row.team)
}

fn keeps(query: &WhoRunsQuery, row: &WhoRunsRow) -> bool {
    query.environment.as_ref().is_none_or(|wanted| *wanted == row.environment)
        && query.team.as_ref().is_none_or(|wanted| is_team(row, wanted))
        && query.step.is_none_or(|wanted| wanted == row.step)
}

fn unknown_offering(graph: &Graph, audience: &Audience, name: &str) -> Error {
    let offered = offering::offerings(graph, audience);
    unknown("offering", name, offered.iter().map(|record| record.reference.name().to_owned()).collect())
}
