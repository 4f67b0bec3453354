//! What differs: between two environments, and between two times.

use crate::App;
use crate::access::caller::Caller;
use crate::access::visibility::is_told;
use crate::command::diff::{Difference, differences};
use crate::error::{Error, Result};
use crate::instance::availability::environments;
use crate::instance::request::base_name;
use crate::record::visible;
use crate::workload::deploy::promotes_to;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Event, Kind, Micros, Record, Ref, RelationType, Uid};
use loggia_store::EventFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many events are looked through for the causes of one thing.
const EVENTS: i64 = 200;
/// How many events back a decision is looked for.
const RECENT: i64 = 30;
/// How many things are compared in full at most.
const MOST: usize = 2_000;

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// It is there only after.
    Added,
    /// It was there only before.
    Removed,
    /// It is another.
    Changed,
}

/// What brought a change about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Its place in the history.
    pub position: i64,
    /// What happened, such as `instance.upgrading`.
    pub event: String,
    /// When.
    pub time: Micros,
    /// Who.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The commit, where it came from a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// One relation that is there on one side only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// The relation.
    pub relation: String,
    /// What it leads to.
    pub target: Ref,
    /// Added or removed.
    pub which: Which,
    /// What brought it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its name: of the record, or that which it has in both environments.
    pub name: String,
    /// The records; one, or one of each environment.
    pub records: Vec<Ref>,
    /// What happened.
    pub which: Which,
    /// Fields that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Difference>,
    /// Relations that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// What last happened to it, or what took it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

impl App {
    /// What a team has in one environment and not, or otherwise, in another.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an environment or a team that the caller does not see.
    pub async fn differ_environments(
        &self,
        caller: &Caller,
        from: &str,
        to: &str,
        team: Option<&Ref>,
    ) -> Result<Vec<Row>> {
        let graph = self.graph();
        for name in [from, to] {
            visible(&graph, &caller.audience, &Ref::new("environment", "default", name))?;
        }
        if from == to {
            let mend = "Name two that are not the same.";
            return Err(Error::invalid("diff.same", "to", format!("That compares {from} with itself"), mend));
        }
        if let Some(team) = team {
            visible(&graph, &caller.audience, team)?;
        }
        let mut rows = Vec::new();
        for (name, pair) in pairs(&graph, caller, [from, to], team)? {
            rows.extend(self.differing_pair(name, pair, [from, to]).await?);
            few(&rows)?;
        }
        Ok(rows)
    }

    /// The two environments that are compared when nobody says which: the first one, and the one that comes after it.
    pub fn usual_pair(&self, caller: &Caller) -> Option<(String, String)> {
        let graph = self.graph();
        let all = environments(&graph, &caller.audience);
        let first = all.first()?.reference.name();
        let next = promotes_to(&graph, &caller.audience, first)
            .filter(|next| all.iter().any(|one| one.reference.name() == next));
        let next = next.or_else(|| Some(all.get(1)?.reference.name().to_owned()))?;
        Some((first.to_owned(), next))
    }

    /// How one thing differs between two environments.
    async fn differing_pair(&self, name: String, [before, after]: Pair, places: [&str; 2]) -> Result<Option<Row>> {
        let text = |record: &Option<Arc<Record>>, place: &str| {
            record.as_ref().map_or(Value::Null, |record| comparable(record, place))
        };
        let fields = differences(&text(&before, places[0]), &text(&after, places[1]));
        let which = match (&before, &after) {
            (None, _) => Which::Added,
            (_, None) => Which::Removed,
            _ if fields.is_empty() => return Ok(None),
            _ => Which::Changed,
        };
        let fields = if which == Which::Changed { fields } else { Vec::new() };
        let records: Vec<Arc<Record>> = before.into_iter().chain(after).collect();
        let newest = records.iter().max_by_key(|record| record.position);
        let cause = match newest {
            Some(record) => self.cause(record.uid, record.position).await?,
            None => None,
        };
        let records = records.iter().map(|record| record.reference.clone()).collect();
        Ok(Some(Row { name, records, which, fields, edges: Vec::new(), cause }))
    }

    /// What differs between two times, as far as the caller sees it today: records, and the relations between them, each
    /// with what brought it about.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the times are the wrong way round, [`Error::Unavailable`] when the database does not answer.
    pub async fn differ_times(
        &self,
        caller: &Caller,
        before: Micros,
        after: Micros,
        team: Option<&Ref>,
    ) -> Result<Vec<Row>> {
        if before >= after {
            let mend = "Give the earlier one first.";
            return Err(Error::invalid("diff.times", "at", "The first time is not before the second", mend));
        }
        let sides = [self.as_of(before).await?, self.as_of(after.min(self.now())).await?];
        let graph = self.graph();
        let [old, new] = [&sides[0], &sides[1]].map(|side| seen(&graph, caller, side, team));
        let mut rows: Vec<Row> = Vec::new();
        let names: BTreeSet<&Uid> = old.keys().chain(new.keys()).collect();
        for uid in names {
            let (one, other) = (old.get(uid), new.get(uid));
            if one.zip(other).is_some_and(|(one, other)| one.revision == other.revision) {
                continue;
            }
            rows.extend(self.differing(one, other, before, after).await?);
            few(&rows)?;
        }
        for row in &mut rows {
            // What an edge leads to is told to those only who may know of it.
            row.edges.retain(|edge| is_told(&graph, &caller.audience, &edge.target));
        }
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(rows)
    }

    async fn as_of(&self, time: Micros) -> Result<Graph> {
        Ok(Graph::describing(crate::access::visibility::facts).loaded(self.store.heads_at(time).await?, Vec::new()))
    }

    async fn differing(
        &self,
        one: Option<&Arc<Record>>,
        other: Option<&Arc<Record>>,
        from: Micros,
        to: Micros,
    ) -> Result<Option<Row>> {
        let (which, record) = match (one, other) {
            (None, Some(other)) => (Which::Added, other),
            (Some(one), None) => (Which::Removed, one),
            (Some(_), Some(other)) => (Which::Changed, other),
            (None, None) => return Ok(None),
        };
        let text = |record: Option<&Arc<Record>>| record.map_or(Value::Null, |record| whole(record));
        let fields = if which == Which::Changed { differences(&text(one), &text(other)) } else { Vec::new() };
        if which == Which::Changed && fields.is_empty() {
            return Ok(None);
        }
        let events = self.events_between(record, from, to).await?;
        let edges = self.edges(one, other, &events).await?;
        let cause = decision(&events).map(cause_of);
        Ok(Some(Row {
            name: record.reference.to_string(),
            records: vec![record.reference.clone()],
            which,
            fields,
            edges,
            cause,
        }))
    }

    /// The relations that a record states on one side only, each with the event that wrote or took it.
    async fn edges(
        &self,
        one: Option<&Arc<Record>>,
        other: Option<&Arc<Record>>,
        events: &[Event],
    ) -> Result<Vec<Edge>> {
        let (old, new) = (stated(one), stated(other));
        let mut edges = Vec::new();
        for (relation, target) in old.symmetric_difference(&new) {
            let wanted = new.contains(&(*relation, target.clone()));
            let cause = self.turn(one.or(other), events, wanted, &(*relation, target.clone())).await?;
            let which = if wanted { Which::Added } else { Which::Removed };
            edges.push(Edge { relation: relation.name().to_owned(), target: target.clone(), which, cause });
        }
        Ok(edges)
    }

    /// The event since which a relation is, or is no more: the last one at which that turned.
    async fn turn(
        &self,
        record: Option<&Arc<Record>>,
        events: &[Event],
        wanted: bool,
        edge: &(RelationType, Ref),
    ) -> Result<Option<Cause>> {
        let Some(record) = record else { return Ok(None) };
        let mut newest: Option<&Event> = None;
        for event in events.iter().rev().filter(|event| event.revision.is_some()) {
            let Some(number) = event.revision else { continue };
            let row = self.store.revision(record.uid, number).await?.and_then(loggia_store::RevisionRow::record);
            let has = row.is_some_and(|row| stated(Some(&Arc::new(row))).contains(edge));
            if has != wanted {
                break;
            }
            newest = Some(event);
        }
        // Events are in order of time: the last one that was looked at is the first since which it is so.
        Ok(newest.map(cause_of))
    }

    /// What happened to a record in a time, in order.
    async fn events_between(&self, record: &Record, from: Micros, to: Micros) -> Result<Vec<Event>> {
        let until = Some(Micros(to.0.saturating_add(1)));
        let since = Some(Micros(from.0.saturating_add(1)));
        let filter = EventFilter { subject: Some(record.uid), since, until, limit: EVENTS, ..EventFilter::default() };
        let mut events = self.store.events(&filter).await?;
        events.sort_by_key(|event| event.position);
        Ok(events)
    }

    async fn cause(&self, uid: Uid, position: i64) -> Result<Option<Cause>> {
        let filter = EventFilter {
            subject: Some(uid),
            before: Some(position.saturating_add(1)),
            limit: RECENT,
            ..EventFilter::default()
        };
        Ok(decision(&self.store.events(&filter).await?).map(cause_of))
    }
}

/// The same thing in two environments.
type Pair = [Option<Arc<Record>>; 2];

/// What runs in either of two environments, by the name that it has in both.
fn pairs(graph: &Graph, caller: &Caller, places: [&str; 2], team: Option<&Ref>) -> Result<BTreeMap<String, Pair>> {
    let mut all: BTreeMap<String, Pair> = BTreeMap::new();
    for (side, place) in places.iter().enumerate() {
        let predicate = Predicate::equals("kind", "instance").and(Predicate::equals("spec.environment", *place));
        for record in graph.select(&caller.audience, &predicate) {
            let spec: InstanceSpec = record.spec()?;
            if team.is_none_or(|team| spec.team_ref().as_ref() == Some(team)) {
                let name = format!("{}/{}", record.reference.namespace(), base_name(&record.reference, place));
                all.entry(name).or_default()[side] = Some(record);
            }
        }
    }
    Ok(all)
}

/// What a caller sees of another time, with the rights of today: what is gone is judged by what it was.
fn seen(now: &Graph, caller: &Caller, side: &Graph, team: Option<&Ref>) -> BTreeMap<Uid, Arc<Record>> {
    let may = |record: &Record| match now.by_uid(record.uid) {
        Some(now_it_is) => now.visible(&caller.audience, now_it_is),
        None => side.visible(&caller.audience, record),
    };
    let all = side.select(&Audience::All, &Predicate::exists("kind")).into_iter();
    let own = all.filter(|record| team.is_none_or(|team| is_of(record, team)) && may(record));
    own.map(|record| (record.uid, record)).collect()
}

/// Refuses what nobody reads any more.
fn few(rows: &[Row]) -> Result<()> {
    if rows.len() <= MOST {
        return Ok(());
    }
    let mend = "Name a team, or times that are closer to each other.";
    Err(Error::refused("diff.many", format!("More than {MOST} things differ."), mend))
}

/// What somebody decided last; what happened last, where nobody did.
fn decision(events: &[Event]) -> Option<&Event> {
    let decided = |event: &&Event| !event.actor.principal.starts_with("system:") && event.revision.is_some();
    let newest = events.iter().filter(decided).max_by_key(|event| event.position);
    newest.or_else(|| events.iter().max_by_key(|event| event.position))
}

fn cause_of(event: &Event) -> Cause {
    let kind = event.kind.strip_prefix("dev.loggia.").and_then(|kind| kind.strip_suffix(".v1")).unwrap_or(&event.kind);
    Cause {
        position: event.position,
        event: kind.to_owned(),
        time: event.time,
        by: event.actor.principal.clone(),
        reason: event.reason.clone(),
        commit: event.data.get("commit").and_then(Value::as_str).map(str::to_owned),
    }
}

/// The relations that a record states.
fn stated(record: Option<&Arc<Record>>) -> BTreeSet<(RelationType, Ref)> {
    let Some(record) = record else { return BTreeSet::new() };
    let document = record.parse();
    let relations = Kind::find(document.kind()).map(|kind| (kind.relations)(&document)).unwrap_or_default();
    relations.into_iter().map(|relation| (relation.relation, relation.target)).collect()
}

fn is_of(record: &Record, team: &Ref) -> bool {
    let subject = crate::access::writing::subject_of(&record.parse());
    subject.team.as_ref() == Some(team) || subject.owner.as_ref() == Some(team)
}

/// The text of a record, and what was decided about it.
fn whole(record: &Record) -> Value {
    json!({"metadata": record.parse().0.get("metadata"), "spec": record.parse().spec(), "status": record.parse_status()})
}

/// What two instances of different environments are compared by: everything that is not the environment itself.
fn comparable(record: &Record, environment: &str) -> Value {
    let Ok(spec) = record.spec::<InstanceSpec>() else { return Value::Null };
    let ending = format!(".{environment}");
    let short = |name: &String| name.strip_suffix(&ending).unwrap_or(name).to_owned();
    let needs: Vec<String> = spec.needs.iter().map(short).collect();
    let deployed = spec.deployed.as_ref();
    let taken: BTreeSet<&String> = spec.wiring.iter().flat_map(|wiring| wiring.inputs.keys()).collect();
    // What was taken from others differs by where they are, and says nothing.
    let inputs: BTreeMap<&String, &Value> = spec.inputs.iter().filter(|(name, _)| !taken.contains(name)).collect();
    json!({
        "offering": spec.offering,
        "release": spec.target,
        "plan": spec.plan.map(|plan| plan.name),
        "inputs": inputs,
        "takes": spec.wiring.as_ref().map(|wiring| &wiring.inputs),
        "needs": needs,
        "artifact": deployed.map(|deployed| &deployed.artifact),
        "workload": deployed.map(|deployed| &deployed.score),
    })
}
