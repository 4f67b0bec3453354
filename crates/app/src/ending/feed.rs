//! Endings for other programs: offerings in the shape of endoflife.date, and days for calendars.

use super::words::company;
use super::{Found, all, of_instance, of_subject, subject_words};
use crate::App;
use crate::error::{Error, Result};
use crate::record::visible;
use crate::release::offering::{publication, release_status, releases};
use loggia_graph::{Audience, Graph, Predicate, Query};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Day, Micros, Publication, Record, Ref, Uid};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One version of an offering with its days, as endoflife.date has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The version.
    pub version: String,
    /// The day on which it was published.
    pub released: Day,
    /// From when it should not be chosen any more, or does not get everything new, whichever comes first.
    pub effective: Option<Day>,
    /// From when nobody new gets it.
    pub closed_to_new: Option<Day>,
    /// From when nobody looks after it, or it is off, whichever comes first.
    pub over: Option<Day>,
    /// Whether it was withdrawn: nobody gets it, whatever its days say.
    pub withdrawn: bool,
}

/// The versions of an offering that everybody of the company may see, the newest first.
///
/// # Errors
/// [`Error::NotFound`] for an offering that the audience may not see.
pub fn cycles(graph: &Graph, audience: &Audience, offering: &str, now: Micros) -> Result<(Arc<Record>, Vec<Cycle>)> {
    let name = Ref::new("offering", "default", offering);
    let record = visible(graph, audience, &name)?;
    let whole: Vec<Found> = of_subject(graph, &name, now)
        .into_iter()
        .filter(|found| found.spec.plan.is_none() && found.spec.feature.is_none())
        .collect();
    let one = |release: &Arc<Record>| {
        let own = of_subject(graph, &release.reference, now);
        let endings = || own.iter().chain(&whole).map(|found| &found.spec.dates);
        let released = Day::of(release_status(release).since.unwrap_or(release.created_at));
        let support = release.spec::<ReleaseSpec>().ok().and_then(|spec| spec.support).unwrap_or_default();
        Cycle {
            version: release.parse().spec_text("version").to_owned(),
            released,
            effective: endings().map(|dates| dates.effective).chain(support.settles(released)).min(),
            closed_to_new: endings().map(loggia_model::ending::Dates::closes_to_new).min(),
            over: endings().map(|dates| dates.off).chain(support.ends()).min(),
            withdrawn: publication(release) == Publication::Yanked,
        }
    };
    let settled = releases(graph, audience, offering).into_iter().filter(|release| publication(release).is_settled());
    Ok((record, settled.map(|release| one(&release)).collect()))
}

/// One entry of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The same for ever.
    pub uid: String,
    /// Grows with each change.
    pub sequence: i64,
    /// When it changed last.
    pub changed: Micros,
    /// When it is.
    pub when: When,
    /// What happens.
    pub title: String,
    /// Why, and what to take instead.
    pub text: String,
    /// The ending.
    pub ending: Ref,
    /// Whether it was given up.
    pub cancelled: bool,
    /// Whether somebody should be reminded.
    pub last: bool,
}

/// When an entry of a calendar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// On a day.
    Day(Day),
    /// From one time to another.
    Hours(Micros, Micros),
}

impl App {
    /// The secret part of the address of a calendar: of a team, or of all of a product. None for what is not there.
    pub fn calendar_key(&self, of: &Ref) -> Option<String> {
        let record = self.graph().get(of).cloned()?;
        // The identity, not the name: who gets a name later does not get the address.
        matches!(of.kind(), "group" | "product").then(|| self.secrets.address_key(&format!("calendar {}", record.uid)))
    }

    /// The days of a calendar.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a wrong key, as for a team that is not there.
    pub fn calendar(&self, of: &Ref, key: &str) -> Result<Vec<Entry>> {
        let right = self.calendar_key(of).is_some_and(|right| same(&right, key));
        if !right {
            return Err(Error::NotFound("There is no such calendar.".into()));
        }
        let graph = self.graph();
        let found = match of.kind() {
            "group" => of_team(&graph, of, self.now()),
            _ => all(&graph, &Audience::All),
        };
        let told = found.iter().filter(|found| found.status.announced.is_some());
        Ok(told.flat_map(|found| entries(&graph, found)).collect())
    }
}

/// Compares in the same time, wherever two texts differ.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

/// The endings that concern what a team runs, and those that were given up of it.
fn of_team(graph: &Graph, team: &Ref, now: Micros) -> Vec<Found> {
    let mine = Predicate::equals("kind", "instance").and(Predicate::equals("spec.team", team.as_str()));
    let query = Query { predicate: mine, ..Query::default() };
    let mut uids: BTreeSet<Uid> = BTreeSet::new();
    let runs = graph.query(&Audience::All, &query).records;
    let read = |record: &Arc<Record>| {
        Some((record.spec::<InstanceSpec>().ok()?, record.typed_status::<InstanceStatus>().ok()?))
    };
    let runs: Vec<(InstanceSpec, InstanceStatus)> = runs.iter().filter_map(read).collect();
    for (spec, status) in &runs {
        uids.extend(of_instance(graph, spec, status, now).iter().map(|found| found.record.uid));
    }
    let gave_up = |found: &Found| {
        found.status.cancelled.is_some() && runs.iter().any(|(spec, status)| found.concerns(spec, status))
    };
    all(graph, &Audience::All).into_iter().filter(|found| uids.contains(&found.record.uid) || gave_up(found)).collect()
}

fn entries(graph: &Graph, found: &Found) -> Vec<Entry> {
    let readers = company();
    let (dates, what) = (&found.spec.dates, subject_words(graph, &readers, &found.spec));
    let entry = |key: String, title: String, when: When| Entry {
        uid: format!("{}-{key}", found.record.uid),
        sequence: found.record.revision,
        changed: found.record.updated_at,
        when,
        title,
        text: format!("{} {}", found.spec.reason, super::instead(graph, &readers, &found.spec)),
        ending: found.record.reference.clone(),
        cancelled: found.status.cancelled.is_some(),
        last: key_is_last(when, dates.off),
    };
    let days = [
        ("effective", Some(dates.effective), format!("{what} should not be chosen any more")),
        ("closed", dates.closed_to_new, format!("{what} is closed to new")),
        ("updates", dates.closed_to_updates, format!("{what} is closed to updates")),
        ("off", Some(dates.off), format!("{what} is off")),
    ];
    let mut all: Vec<Entry> =
        days.into_iter().filter_map(|(key, day, title)| Some(entry(key.to_owned(), title, When::Day(day?)))).collect();
    for (at, one) in dates.brownouts.iter().enumerate() {
        all.push(entry(format!("brownout-{at}"), format!("{what} is off on trial"), When::Hours(one.from, one.to)));
    }
    all
}

fn key_is_last(when: When, off: Day) -> bool {
    when == When::Day(off)
}
