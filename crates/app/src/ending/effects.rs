//! What endings do at the doors: who gets nothing new, what is off on trial, and what is gone.

use super::{Found, instead, of_subject, subject_words};
use crate::access::caller::Caller;
use crate::error::{Ended, Error, Result};
use crate::record::visible;
use crate::release::offering::{self, publication, version_of};
use loggia_graph::{Audience, Graph};
use loggia_model::ending::Reach;
use loggia_model::time::SECOND;
use loggia_model::version::Range;
use loggia_model::{EndingState, Micros, Publication, Record, Ref, Refusal};
use std::sync::Arc;

/// What somebody wants to get, or to change to.
pub struct Wanted<'a> {
    /// Who wants it, by what they may see.
    pub audience: &'a Audience,
    /// For this team.
    pub team: &'a Ref,
    /// Name of the offering.
    pub offering: &'a str,
    /// Name of the release.
    pub release: &'a str,
    /// Name of the plan.
    pub plan: Option<&'a str>,
}

/// Passes when nothing that ends stands in the way of getting something new.
///
/// # Errors
/// [`Error::Gone`] after its last day, [`Error::Paused`] during a brownout, [`Error::Refused`] when it is closed to new.
/// Each says what to take instead.
pub fn may_get(graph: &Graph, wanted: &Wanted<'_>, now: Micros) -> Result<()> {
    let offering = of_subject(graph, &Ref::new("offering", "default", wanted.offering), now);
    let of_plan = |found: &Found| found.spec.plan.is_none() || found.spec.plan.as_deref() == wanted.plan;
    let offering = offering.into_iter().filter(|found| found.spec.feature.is_none()).filter(of_plan);
    let release = of_subject(graph, &Ref::new("release", "default", wanted.release), now);
    for found in offering.chain(release) {
        if !found.status.exempts(wanted.team.as_str(), None, now) {
            passes(&Told { graph, audience: wanted.audience, found: &found }, now)?;
        }
    }
    Ok(())
}

/// Passes when nothing that ends stands in the way of bringing what runs to another release: that release must be open to
/// new, and the offering to updates.
///
/// # Errors
/// As [`may_get`]; [`Error::Refused`] when it is closed to updates.
pub fn may_move(graph: &Graph, wanted: &Wanted<'_>, now: Micros) -> Result<()> {
    let exempt = |found: &Found| found.status.exempts(wanted.team.as_str(), None, now);
    let whole = |found: &Found| found.spec.feature.is_none() && found.spec.plan.is_none();
    let offering = of_subject(graph, &Ref::new("offering", "default", wanted.offering), now);
    for found in offering.iter().filter(|found| whole(found) && !exempt(found)) {
        changes(&Told { graph, audience: wanted.audience, found }, now)?;
    }
    let release = of_subject(graph, &Ref::new("release", "default", wanted.release), now);
    release
        .iter()
        .filter(|found| !exempt(found))
        .try_for_each(|found| passes(&Told { graph, audience: wanted.audience, found }, now))
}

/// Passes when nothing that ends stands in the way of giving what runs another plan or other inputs: offering and release
/// are open to updates, and a plan that it would get is open to new.
///
/// # Errors
/// As [`may_move`].
pub fn may_change(graph: &Graph, wanted: &Wanted<'_>, now: Micros) -> Result<()> {
    let exempt = |found: &Found| found.status.exempts(wanted.team.as_str(), None, now);
    let offering = of_subject(graph, &Ref::new("offering", "default", wanted.offering), now);
    let release = of_subject(graph, &Ref::new("release", "default", wanted.release), now);
    for found in offering.iter().chain(&release).filter(|found| found.spec.feature.is_none() && !exempt(found)) {
        let told = Told { graph, audience: wanted.audience, found };
        match found.spec.plan.as_deref() {
            None => changes(&told, now)?,
            Some(plan) if Some(plan) == wanted.plan => passes(&told, now)?,
            Some(_) => {}
        }
    }
    Ok(())
}

/// An ending, and to whom it is told.
struct Told<'a> {
    graph: &'a Graph,
    audience: &'a Audience,
    found: &'a Found,
}

impl Told<'_> {
    fn what(&self) -> String {
        subject_words(self.graph, self.audience, &self.found.spec)
    }

    fn instead(&self) -> String {
        instead(self.graph, self.audience, &self.found.spec)
    }

    fn reason(&self) -> String {
        format!("{}.", self.found.spec.reason.trim().trim_end_matches('.'))
    }
}

fn changes(told: &Told<'_>, now: Micros) -> Result<()> {
    if told.found.state(now) >= EndingState::Off {
        return Err(gone(told));
    }
    paused(told, now, false)?;
    let day = told.found.spec.dates.closes_to_updates();
    if day.start() > now {
        return Ok(());
    }
    let message = format!("{} is changed no more since {}: {}", told.what(), day.words(), told.reason());
    Err(Error::refused("ending.updates", message, told.instead()))
}

fn passes(told: &Told<'_>, now: Micros) -> Result<()> {
    if told.found.state(now) >= EndingState::Off {
        return Err(gone(told));
    }
    paused(told, now, false)?;
    let day = told.found.spec.dates.closes_to_new();
    if day.start() > now {
        return Ok(());
    }
    let message = format!("Nobody new gets {} since {}: {}", told.what(), day.words(), told.reason());
    Err(Error::refused("ending.closed", message, told.instead()))
}

/// Passes unless it is off on trial.
fn paused(told: &Told<'_>, now: Micros, only_all: bool) -> Result<()> {
    let found = told.found;
    let brownout = found.spec.dates.brownout(now).filter(|one| !only_all || one.scope == Reach::All);
    let Some(brownout) = brownout.filter(|_| found.state(now) == EndingState::Brownout) else { return Ok(()) };
    let off = found.spec.dates.off.words();
    let message = format!("{} is off on trial {}, before it goes on {off}.", told.what(), brownout.words());
    Err(Error::Paused(Box::new(Ended {
        refusal: Refusal::new("ending.brownout", message, told.instead()),
        successor: found.spec.replacement_ref(),
        wait: (brownout.to.0 - now.0) / SECOND + 1,
    })))
}

fn gone(told: &Told<'_>) -> Error {
    let off = told.found.spec.dates.off.words();
    let message = format!("{} is gone since {off}: {}", told.what(), told.reason());
    Error::Gone(Box::new(Ended {
        refusal: Refusal::new("ending.gone", message, told.instead()),
        successor: told.found.spec.replacement_ref(),
        wait: 0,
    }))
}

/// Passes when an address that is about something still answers: not during a brownout of all of it, and not once it
/// was taken away. Its teams see what they run all the time.
///
/// # Errors
/// As [`may_get`]; nothing for an ending that the caller may not see.
pub fn may_look(graph: &Graph, caller: &Caller, subject: &Ref, now: Micros) -> Result<()> {
    for found in about(graph, &caller.audience, subject, now) {
        let exempt = caller.teams.iter().any(|team| found.status.exempts(team.as_str(), None, now));
        let told = Told { graph, audience: &caller.audience, found: &found };
        if found.state(now) >= EndingState::Removed {
            return Err(gone(&told));
        }
        if !exempt {
            paused(&told, now, true)?;
        }
    }
    Ok(())
}

/// The endings of all of an offering or a release that a caller may know of.
pub fn about(graph: &Graph, audience: &Audience, subject: &Ref, now: Micros) -> Vec<Found> {
    let whole = |found: &Found| found.spec.plan.is_none() && found.spec.feature.is_none() && found.spec.rule.is_none();
    let mut all = of_subject(graph, subject, now);
    if subject.kind() == "release"
        && let Some(offering) = loggia_model::kinds::ending::offering_of(subject)
    {
        all.extend(of_subject(graph, &Ref::new("offering", "default", &offering), now));
    }
    all.retain(|found| whole(found) && graph.visible(audience, &found.record));
    all
}

/// Another release for an order that named none, or a range, when the one that was found is closed to new: the newest
/// one that is open. What is named by its version stays, and is refused later.
pub fn open_release(
    graph: &Graph,
    audience: &Audience,
    found: Arc<Record>,
    wish: Option<&str>,
    now: Micros,
) -> Arc<Record> {
    let closed = |release: &Record| {
        let endings = of_subject(graph, &release.reference, now);
        endings.iter().any(|one| one.spec.dates.closes_to_new().start() <= now)
    };
    let range = wish.map(Range::parse);
    let exact = wish.is_some_and(|wish| {
        found.reference.name() == wish || found.parse().spec_text("version") == wish || matches!(range, Some(Err(_)))
    });
    if exact || !closed(&found) {
        return found;
    }
    let fits = |release: &Record| match &range {
        Some(Ok(range)) => version_of(release).is_some_and(|version| range.contains(&version)),
        _ => true,
    };
    let offering = found.parse().spec_text("offering").to_owned();
    let others = offering::releases(graph, audience, &offering);
    let open = |one: &&Arc<Record>| publication(one) == Publication::Published && fits(one) && !closed(one);
    others.iter().find(open).cloned().unwrap_or(found)
}

/// The endings that an address is about, for what an answer says of itself: of an offering, of a release with its
/// offering, or of what an instance is.
pub fn of_address(graph: &Graph, audience: &Audience, name: &Ref, now: Micros) -> Vec<Found> {
    if name.kind() != "instance" {
        return about(graph, audience, name, now);
    }
    let Ok(record) = visible(graph, audience, name) else { return Vec::new() };
    let (Ok(spec), Ok(status)) = (record.spec(), record.typed_status::<loggia_model::instance::InstanceStatus>())
    else {
        return Vec::new();
    };
    let mut all = super::of_instance(graph, &spec, &status, now);
    all.retain(|found| graph.visible(audience, &found.record));
    all
}
