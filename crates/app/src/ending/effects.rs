//! What endings do at the doors: who gets nothing new, what is off on trial, and what is gone.

use super::{Found, instead, of_subject, subject_words};
use crate::caller::Caller;
use crate::error::{Ended, Error, Result};
use crate::offering::{self, publication, version_of};
use crate::record::visible;
use loggia_graph::{Audience, Graph};
use loggia_model::ending::Reach;
use loggia_model::time::SECOND;
use loggia_model::version::Range;
use loggia_model::{EndingState, Micros, Publication, Record, Ref, Refusal};
use std::sync::Arc;

/// What somebody wants to get, or to change to.
pub struct Wanted<'a> {
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
            passes(&found, now)?;
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
        changes(found, now)?;
    }
    let release = of_subject(graph, &Ref::new("release", "default", wanted.release), now);
    release.iter().filter(|found| !exempt(found)).try_for_each(|found| passes(found, now))
}

fn changes(found: &Found, now: Micros) -> Result<()> {
    if found.state(now) >= EndingState::Off {
        return Err(gone(found));
    }
    paused(found, now, false)?;
    let day = found.spec.dates.closes_to_updates();
    if day.start() > now {
        return Ok(());
    }
    let message =
        format!("{} is changed no more since {day}: {}", subject_words(&found.spec), sentence(&found.spec.reason));
    Err(Error::refused("ending.updates", message, instead(&found.spec)))
}

fn passes(found: &Found, now: Micros) -> Result<()> {
    let state = found.state(now);
    if state >= EndingState::Off {
        return Err(gone(found));
    }
    paused(found, now, false)?;
    if found.spec.dates.closes_to_new().start() > now {
        return Ok(());
    }
    let (what, day) = (subject_words(&found.spec), found.spec.dates.closes_to_new());
    let message = format!("Nobody new gets {what} since {day}: {}", sentence(&found.spec.reason));
    Err(Error::refused("ending.closed", message, instead(&found.spec)))
}

/// Passes unless it is off on trial.
fn paused(found: &Found, now: Micros, only_all: bool) -> Result<()> {
    let brownout = found.spec.dates.brownout(now).filter(|one| !only_all || one.scope == Reach::All);
    let Some(brownout) = brownout.filter(|_| found.state(now) == EndingState::Brownout) else { return Ok(()) };
    let what = subject_words(&found.spec);
    let message = format!("{what} is off on trial until {}, before it goes on {}.", brownout.to, found.spec.dates.off);
    Err(Error::Paused(Box::new(Ended {
        refusal: Refusal::new("ending.brownout", message, instead(&found.spec)),
        successor: found.spec.replacement_ref(),
        wait: (brownout.to.0 - now.0) / SECOND + 1,
    })))
}

fn gone(found: &Found) -> Error {
    let what = subject_words(&found.spec);
    let message = format!("{what} is gone since {}: {}", found.spec.dates.off, sentence(&found.spec.reason));
    Error::Gone(Box::new(Ended {
        refusal: Refusal::new("ending.gone", message, instead(&found.spec)),
        successor: found.spec.replacement_ref(),
        wait: 0,
    }))
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim().trim_end_matches('.'))
}

/// Passes when an address that is about something still answers: not during a brownout of all of it, and not once it
/// was taken away. Its teams see what they run all the time.
///
/// # Errors
/// As [`may_get`]; nothing for an ending that the caller may not see.
pub fn may_look(graph: &Graph, caller: &Caller, subject: &Ref, now: Micros) -> Result<()> {
    for found in about(graph, &caller.audience, subject, now) {
        let exempt = caller.teams.iter().any(|team| found.status.exempts(team.as_str(), None, now));
        if found.state(now) >= EndingState::Removed {
            return Err(gone(&found));
        }
        if !exempt {
            paused(&found, now, true)?;
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
    let mut all = super::of_instance(graph, &spec, &status.applied, now);
    all.retain(|found| graph.visible(audience, &found.record));
    all
}
