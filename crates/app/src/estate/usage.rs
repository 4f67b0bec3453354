//! The usage ledger: taking readings in, and telling who uses what.

mod check;

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::access::visibility::is_told;
use crate::error::{Error, Result};
use crate::record::visible;
pub(crate) use check::leave_out_wrong;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::usage::{UsageReading, Use};
use loggia_model::{Micros, Problem, Ref};
pub use loggia_store::UsageFilter;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many readings one call may bring.
pub const MOST: usize = 10_000;
/// How many readings are read at once.
const PAGE: i64 = 500;

impl App {
    /// Takes readings in. A reading that was taken in before (same source and id) changes nothing. Answers how many
    /// were new, and what they name that nobody here knows.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every reading that is wrong; then none is taken in.
    pub async fn report_usage(&self, caller: &Caller, mut readings: Vec<UsageReading>) -> Result<Reported> {
        if caller.bound().is_none() {
            self.require(caller, Action::Report, &Subject::default())?;
        }
        self.writable(caller)?;
        if readings.len() > MOST {
            let message = format!("{} readings are too many at once", readings.len());
            return Err(Error::invalid("usage.batch", "", message, format!("Send at most {MOST} in one call.")));
        }
        let mut problems = Vec::new();
        let (graph, now) = (self.graph(), self.now());
        for (at, reading) in readings.iter_mut().enumerate() {
            if reading.source.is_empty() {
                reading.source = caller.name();
            }
            normalise(&graph, reading, now);
            self.is_own(caller, reading)?;
            check::check(at, reading, caller, &mut problems);
            if reading.time < self.settings.retention.readings_from(now) {
                let (days, field) = (self.settings.retention.readings, format!("{at}.time"));
                let message = format!("It lies more than {days} days back, and what is as old is not kept");
                problems.push(Problem::new("usage.reading", field, message, "Leave it out."));
            }
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let unknown = unknown(&graph, caller, &readings);
        Ok(Reported { new: self.store.ingest_usage(&readings).await?, unknown })
    }

    /// Passes when a program that is bound to a team reports the use by that team; what names no team is that team's.
    fn is_own(&self, caller: &Caller, reading: &mut UsageReading) -> Result<()> {
        let Some(bound) = caller.bound() else { return Ok(()) };
        let said = reading.team.get_or_insert_with(|| bound.to_string());
        let team = Ref::parse(said, Some("group"), "default").ok();
        self.require(caller, Action::Report, &Subject { team, owner: None })
    }

    /// Who uses what, derived from the readings.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn uses(&self, caller: &Caller, filter: &UsageFilter) -> Result<Vec<Use>> {
        self.uses_page(caller, filter, None, usize::MAX).await.map(|(all, _)| all)
    }

    /// So many of them, those that follow a place when one is given; and the place after which there are more.
    ///
    /// # Errors
    /// As [`App::uses`].
    pub async fn uses_page(
        &self,
        caller: &Caller,
        filter: &UsageFilter,
        after: Option<&UsePlace>,
        limit: usize,
    ) -> Result<(Vec<Use>, Option<UsePlace>)> {
        self.require(caller, Action::Read, &Subject::default())?;
        let filter = UsageFilter {
            team: filter.team.as_deref().map(|team| full_name(team, "group")),
            instance: filter.instance.as_deref().map(|instance| full_name(instance, "instance")),
            ..filter.clone()
        };
        let mut seen = self.seen(caller);
        if filter.release.as_deref().is_some_and(|release| !seen.release(release)) {
            return Ok((Vec::new(), None));
        }
        let (mut shown, mut last) = (Vec::new(), None);
        for row in self.store.uses(&filter).await? {
            let place = place(&row);
            // Use of what the caller may not see is not told either.
            let follows = after.is_none_or(|after| place > *after);
            if !follows || !seen.both(&row.offering, &row.instance).await? || !seen.team(&row.team) {
                continue;
            }
            if shown.len() == limit {
                return Ok((shown, last));
            }
            last = Some(place);
            shown.push(seen.told(row));
        }
        Ok((shown, None))
    }

    /// The readings behind the numbers of an offering, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an offering that the caller may not see.
    pub async fn usage_rows(
        &self,
        caller: &Caller,
        offering: &str,
        (from, until): (Micros, Micros),
        limit: i64,
    ) -> Result<Vec<UsageReading>> {
        self.require(caller, Action::Read, &Subject::default())?;
        let graph = self.graph();
        let offering = visible(&graph, &caller.audience, &Ref::new("offering", "default", offering))?;
        let (name, mut seen, mut shown) = (offering.reference.name(), self.seen(caller), Vec::new());
        let wanted = usize::try_from(limit).unwrap_or(0);
        let mut after = None;
        // What is hidden takes no place from what is shown, so it is read on until there is enough.
        while shown.len() < wanted {
            let rows = self.store.usage_rows(name, (from, until), after.as_ref(), PAGE).await?;
            let more = rows.len() == usize::try_from(PAGE).unwrap_or(0);
            after = rows.last().map(|row| (row.time, row.source.clone(), row.id.clone()));
            for mut row in rows {
                let instance = row.instance.as_deref().unwrap_or_default();
                if seen.both(&row.offering, instance).await? && seen.team(row.team.as_deref().unwrap_or_default()) {
                    let release = row.release.take().filter(|release| seen.release(release));
                    shown.push(UsageReading { release, ..row });
                }
            }
            if !more {
                break;
            }
        }
        shown.truncate(wanted);
        Ok(shown)
    }

    fn seen<'a>(&'a self, caller: &'a Caller) -> Seen<'a> {
        Seen { app: self, graph: self.graph(), audience: &caller.audience, instances: HashMap::new() }
    }
}

/// Where a use stands among all: offering, release, team, person or service, instance.
pub type UsePlace = [String; 5];

fn place(row: &Use) -> UsePlace {
    [&row.offering, &row.release, &row.team, &row.principal, &row.instance].map(Clone::clone)
}

/// What became of readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// How many were new.
    pub new: i64,
    /// What they name that nobody here knows: such readings are kept and shown nowhere until it is there.
    pub unknown: Vec<UnknownName>,
}

/// A name in readings that nobody here knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnknownName {
    /// `offering` or `team`.
    pub field: String,
    /// The name.
    pub name: String,
    /// How many readings carry it.
    pub readings: usize,
}

fn unknown(graph: &Graph, caller: &Caller, readings: &[UsageReading]) -> Vec<UnknownName> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for reading in readings {
        *counts.entry(("offering", &reading.offering)).or_default() += 1;
        if let Some(team) = &reading.team {
            *counts.entry(("team", team)).or_default() += 1;
        }
    }
    let knows = |field: &str, name: &str| {
        let kind = if field == "team" { "group" } else { field };
        Ref::parse(name, Some(kind), "default").is_ok_and(|name| visible(graph, &caller.audience, &name).is_ok())
    };
    counts.retain(|(field, name), _| !knows(field, name));
    let one = |((field, name), readings): ((&str, &str), usize)| UnknownName {
        field: field.to_owned(),
        name: name.to_owned(),
        readings,
    };
    counts.into_iter().map(one).collect()
}

/// Brings a reading into the one form in which the ledger keeps it, wherever it comes from: teams and instances by
/// their full names, offerings and releases by their plain ones, no time that lies ahead. What it leaves out and its
/// instance tells is filled in.
pub(crate) fn normalise(graph: &Graph, reading: &mut UsageReading, now: Micros) {
    reading.time = reading.time.min(now);
    reading.offering = plain_name(&reading.offering, "offering");
    reading.release = given(&reading.release).map(|name| plain_name(name, "release"));
    reading.team = given(&reading.team).map(|name| full_name(name, "group"));
    reading.instance = given(&reading.instance).map(|name| full_name(name, "instance"));
    let record = reading.instance.as_deref().and_then(|name| graph.get(&name.parse::<Ref>().ok()?));
    let Some((spec, status)) = record.and_then(|record| {
        let status: InstanceStatus = record.typed_status().ok()?;
        Some((record.spec::<InstanceSpec>().ok()?, status))
    }) else {
        return;
    };
    reading.team = reading.team.take().or_else(|| spec.team_ref().map(|team| team.to_string()));
    let applied = Some(status.applied).filter(|name| !name.is_empty());
    reading.release = reading.release.take().or(applied).or(spec.target);
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A name with kind and namespace; a text that is no name stays as it is.
fn full_name(text: &str, kind: &str) -> String {
    Ref::parse(text, Some(kind), "default").map_or_else(|_| text.to_owned(), |name| name.to_string())
}

/// A name without kind and namespace, where it is of this kind and of the company.
fn plain_name(text: &str, kind: &str) -> String {
    match Ref::parse(text, Some(kind), "default") {
        Ok(name) if name.kind() == kind && name.namespace() == "default" => name.name().to_owned(),
        _ => text.to_owned(),
    }
}

/// What a caller may see of the offerings and instances of readings; each is looked up once.
struct Seen<'a> {
    app: &'a App,
    graph: Arc<Graph>,
    audience: &'a Audience,
    instances: HashMap<String, bool>,
}

impl Seen<'_> {
    /// Whether both may be seen. An instance that is no more is judged by its last text.
    async fn both(&mut self, offering: &str, instance: &str) -> Result<bool> {
        if visible(&self.graph, self.audience, &Ref::new("offering", "default", offering)).is_err() {
            return Ok(false);
        }
        if let Some(known) = self.instances.get(instance) {
            return Ok(*known);
        }
        let seen = self.instance(instance).await?;
        self.instances.insert(instance.to_owned(), seen);
        Ok(seen)
    }

    /// Whether use by a team may be told. Of a team that is hidden nothing is told, not even that somebody uses it; a
    /// name that is no team here is only a word that was reported.
    fn team(&self, team: &str) -> bool {
        team.parse::<Ref>().map_or(true, |team| is_told(&self.graph, self.audience, &team))
    }

    /// With the team only where there is such a one, and the release only where the caller may see it.
    fn told(&self, mut row: Use) -> Use {
        if !row.team.is_empty() && self.graph.get_text(&row.team).is_none() {
            row.unknown_team = std::mem::take(&mut row.team);
        }
        if !self.release(&row.release) {
            row.release.clear();
        }
        row
    }

    fn release(&self, name: &str) -> bool {
        is_told(&self.graph, self.audience, &Ref::new("release", "default", name))
    }

    async fn instance(&self, instance: &str) -> Result<bool> {
        // A reading need not name one, or names one of elsewhere.
        let Ok(name) = instance.parse::<Ref>() else { return Ok(true) };
        if let Some(record) = self.graph.get(&name) {
            return Ok(self.graph.visible(self.audience, record));
        }
        let last = self.app.last_of(&name).await?;
        Ok(last.is_none_or(|record| self.graph.visible(self.audience, &record)))
    }
}
