//! What a reading must be, wherever it comes from outside. Readings share their tables with those that Loggia writes
//! itself, some of them in the same transaction as an order: so nothing that was sent may make another one fail, take
//! its place, or pass for one.

use super::normalise;
use crate::access::caller::{Caller, Principal};
use loggia_graph::Graph;
use loggia_model::usage::{MOST_COUNT, UsageReading};
use loggia_model::{Micros, Problem, Ref};

/// Channels that only Loggia itself writes.
const OWN_CHANNELS: [&str; 2] = ["order", "fetch"];
/// What Loggia itself measures under: its doors, its drivers, the example.
const OWN_SOURCES: [&str; 5] = ["loggia", "replay", "git", "postgres", "command"];
/// The longest text of a reading, in characters.
const LONGEST: usize = 300;

/// Names everything that is wrong with a reading that somebody reports.
pub(super) fn check(at: usize, reading: &UsageReading, caller: &Caller, problems: &mut Vec<Problem>) {
    form(at, reading, problems);
    let group = |team: &str| Ref::parse(team, None, "default").is_ok_and(|team| team.kind() == "group");
    if reading.team.as_deref().is_some_and(|team| !group(team)) {
        let (message, mend) = ("This is not the name of a team", "Give it as booking or group:default/booking.");
        problems.push(Problem::new("usage.reading", format!("{at}.team"), message, mend));
    }
    let source = reading.source.trim().to_lowercase();
    if OWN_SOURCES.contains(&source.as_str()) && !matches!(caller.principal, Principal::System(_)) {
        let (message, mend) = ("Loggia itself measures under this name", "Name what measured it, such as gateway.");
        problems.push(Problem::new("usage.reading", format!("{at}.source"), message, mend));
    }
}

/// Leaves out readings of a driver that cannot be kept, for a program may print anything; tells what is wrong with them.
pub(crate) fn leave_out_wrong(graph: &Graph, now: Micros, readings: &mut Vec<UsageReading>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut at = 0;
    readings.retain_mut(|reading| {
        normalise(graph, reading, now);
        let before = problems.len();
        form(at, reading, &mut problems);
        at += 1;
        problems.len() == before
    });
    problems
}

/// Names what is wrong with a reading, whoever measured it.
fn form(at: usize, reading: &UsageReading, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, message: &str, mend: &str| {
        problems.push(Problem::new("usage.reading", format!("{at}.{field}"), message, mend));
    };
    if reading.id.is_empty() {
        wrong("id", "The id is missing", "Give each reading an id of its own, so that it is counted once.");
    }
    if reading.offering.is_empty() {
        wrong("offering", "The offering is missing", "Name what was used.");
    }
    if reading.channel.is_empty() {
        wrong("channel", "The channel is missing", "Say how it was used, such as request.");
    }
    if OWN_CHANNELS.contains(&reading.channel.trim()) {
        wrong("channel", "Loggia counts this channel itself", "Give another one, such as request or clone.");
    }
    if reading.team.is_none() && reading.principal.is_none() {
        wrong("team", "Neither team nor person is given", "Name the team or the person that used it.");
    }
    if reading.count < 0 {
        wrong("count", "The count is negative", "Give 0 or more.");
    }
    if reading.count > MOST_COUNT {
        let mend = format!("Give at most {MOST_COUNT}, and the rest in another reading.");
        wrong("count", "The count is too high", &mend);
    }
    if !matches!(reading.outcome.as_str(), "ok" | "error") {
        wrong("outcome", "The outcome is neither ok nor error", "Give one of them.");
    }
    for (field, text) in texts(reading) {
        if text.chars().any(char::is_control) {
            wrong(field, "There are control characters in it", "Leave them out.");
        }
        if text.chars().count() > LONGEST {
            wrong(field, "It is too long", &format!("Give at most {LONGEST} characters."));
        }
    }
}

fn texts(reading: &UsageReading) -> impl Iterator<Item = (&'static str, &str)> {
    let given = [
        ("team", &reading.team),
        ("principal", &reading.principal),
        ("release", &reading.release),
        ("feature", &reading.feature),
        ("instance", &reading.instance),
    ];
    let given = given.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?)));
    let always = [
        ("source", reading.source.as_str()),
        ("id", &reading.id),
        ("offering", &reading.offering),
        ("channel", &reading.channel),
    ];
    always.into_iter().chain(given)
}
