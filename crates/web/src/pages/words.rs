//! The words of the house: states, times, prices and limits as people read them.

use loggia_model::instance::{Phase, Step};
use loggia_model::kinds::offering::{OfferingSpec, Per, Plan, Price, Stage};
use loggia_model::kinds::release::{Rollback, Strategy};
use loggia_model::{Micros, Publication, RelationType, time};
use serde_json::{Map, Value};

/// A point in time for people, with the exact text for machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// RFC 3339; empty when unknown.
    pub iso: String,
    /// Such as "3 days ago"; "–" when unknown.
    pub words: String,
}

impl When {
    /// Relative to now.
    pub fn ago(now: Micros, at: Option<Micros>) -> When {
        match at {
            Some(at) => When { iso: at.to_string(), words: ago(now, at) },
            None => When { iso: String::new(), words: "–".to_owned() },
        }
    }

    /// The day.
    pub fn day(at: Option<Micros>) -> When {
        match at {
            Some(at) => When { iso: at.to_string(), words: short_day(at) },
            None => When { iso: String::new(), words: "–".to_owned() },
        }
    }

    /// Whether it is known.
    pub fn is_known(&self) -> bool {
        !self.iso.is_empty()
    }
}

/// How long ago: "just now", "5 minutes ago", "3 days ago"; "in 3 days" for what lies ahead.
pub fn ago(now: Micros, at: Micros) -> String {
    let seconds = (now.0 - at.0) / time::SECOND;
    let (size, unit) = unit(seconds.abs());
    if size == 0 {
        return "just now".to_owned();
    }
    let plural = if size == 1 { "" } else { "s" };
    if seconds < 0 { format!("in {size} {unit}{plural}") } else { format!("{size} {unit}{plural} ago") }
}

/// The largest unit in which a number of seconds is at least one, with how many.
fn unit(seconds: i64) -> (i64, &'static str) {
    let units = [
        (31_557_600, "year"),
        (2_629_800, "month"),
        (604_800, "week"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ];
    let found = units.iter().find(|(length, _)| seconds >= *length);
    found.map_or((0, "minute"), |(length, word)| (seconds / length, word))
}

/// A length of time: "0.4 s", "12 s", "3 min".
pub fn took(from: Micros, to: Micros) -> String {
    let micros = (to.0 - from.0).max(0);
    let seconds = micros / time::SECOND;
    match seconds {
        0..10 => format!("{}.{} s", seconds, (micros % time::SECOND) / 100_000),
        10..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds / 60),
    }
}

/// A day: "3 February 2026".
pub fn day(at: Micros) -> String {
    at.datetime().format("%-d %B %Y").to_string()
}

/// A day in a table: "3 Feb 2026".
pub fn short_day(at: Micros) -> String {
    at.datetime().format("%-d %b %Y").to_string()
}

/// How far a release is; nothing to say of a published one.
pub fn publication(publication: Publication) -> &'static str {
    match publication {
        Publication::Draft => "draft",
        Publication::Candidate => "candidate",
        Publication::Published => "",
        Publication::Yanked => "withdrawn",
    }
}

/// The state of an instance: the shape of its badge, and its words.
pub fn phase(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Pending => ("busy", "ordered"),
        Phase::Progressing => ("busy", "being made"),
        Phase::Ready => ("ok", "ready"),
        Phase::Failed => ("bad", "failed"),
        Phase::Deleting => ("busy", "being destroyed"),
        Phase::Gone => ("off", "gone (proved)"),
        Phase::Unknown => ("unknown", "unknown"),
    }
}

/// The word of a step.
pub fn step(step: Step) -> &'static str {
    match step {
        Step::Observed => "observed",
        Step::Enrolled => "enrolled",
        Step::Managed => "managed",
    }
}

/// What a step means, in one sentence.
pub fn step_meaning(step: Step) -> &'static str {
    match step {
        Step::Observed => "Seen where it runs; nobody of the team has confirmed it yet.",
        Step::Enrolled => "Confirmed by its team, who are told what is due.",
        Step::Managed => "Made and kept by the platform.",
    }
}

/// How a fact is known, in words.
pub fn known_by(text: &str) -> String {
    match text {
        "" => "not seen yet".to_owned(),
        "driver" => "the platform looked".to_owned(),
        "pipeline" => "a pipeline told us".to_owned(),
        "cdevents" => "an event of a pipeline".to_owned(),
        other => format!("seen by {other}"),
    }
}

/// A price: "9.00 EUR a month", "0.02 EUR per run".
pub fn price(price: Option<&Price>) -> String {
    let Some(price) = price else { return "free of charge".to_owned() };
    let per = match price.per {
        Per::Month => "a month".to_owned(),
        Per::Hour => "an hour".to_owned(),
        Per::Unit => format!("per {}", price.unit.as_deref().unwrap_or("use")),
    };
    format!("{} {} {per}", price.amount, price.currency)
}

/// Prices together: "9.00 EUR a month and 0.02 EUR per run".
pub fn prices(prices: &[Price]) -> String {
    let all: Vec<String> = prices.iter().map(|one| price(Some(one))).collect();
    if all.is_empty() { price(None) } else { all.join(" and ") }
}

/// The least price of an offering: "from 9.00 EUR a month".
pub fn price_from(spec: &OfferingSpec) -> String {
    let amount = |plan: &&Plan| plan.price.as_ref().and_then(|p| p.amount.parse::<f64>().ok()).unwrap_or(0.0);
    let least = spec.plans.iter().min_by(|a, b| amount(a).total_cmp(&amount(b)));
    let text = price(least.and_then(|plan| plan.price.as_ref()));
    let several = spec.plans.len() > 1 && least.is_some_and(|plan| plan.price.is_some());
    if several { format!("from {text}") } else { text }
}

/// Limits of a plan: "20 connections · 1 GiB size".
pub fn limits(limits: &Map<String, Value>) -> String {
    let one = |(name, value): (&String, &Value)| {
        let name = spaced(name);
        match value {
            Value::Bool(true) => name,
            Value::Bool(false) => format!("no {name}"),
            Value::Number(number) => format!("{number} {name}"),
            other => format!("{} {name}", amount(&plain(other))),
        }
    };
    limits.iter().map(one).collect::<Vec<_>>().join(" · ")
}

/// "1Gi" as "1 GiB"; other texts stay.
fn amount(text: &str) -> String {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    match text.strip_prefix(digits) {
        Some(unit @ ("Ki" | "Mi" | "Gi" | "Ti")) => format!("{digits} {unit}B"),
        _ => text.to_owned(),
    }
}

/// A value as a text without quotes.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// `maxConnections` as "max connections"; `business-hours` as "business hours".
pub fn spaced(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(if matches!(c, '-' | '_') { ' ' } else { c }.to_lowercase());
    }
    out
}

/// The name of a field as a label: `businessHours` as "Business hours", `url` as "URL".
pub fn label(name: &str) -> String {
    let word = |word: &str| match word {
        "api" | "id" | "ip" | "url" | "uri" => word.to_uppercase(),
        "sslmode" => "SSL mode".to_owned(),
        other => other.to_owned(),
    };
    capital(&spaced(name).split(' ').map(word).collect::<Vec<_>>().join(" "))
}

/// The first letter large.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A category as a need.
pub fn need(category: &str) -> String {
    match category {
        "path" => "Start something new".to_owned(),
        "data" => "Keep data".to_owned(),
        "compute" | "runtime" => "Run it".to_owned(),
        "delivery" => "Build and deliver".to_owned(),
        "observability" => "See what happens".to_owned(),
        "security" => "Keep it safe".to_owned(),
        "messaging" | "integration" => "Talk to others".to_owned(),
        other => capital(&spaced(other)),
    }
}

/// How settled an offering is: the shape of its badge, and its words.
pub fn stage(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Experimental => ("warn", "experimental, may go"),
        Stage::Preview => ("busy", "preview, nearly settled"),
        Stage::Ga => ("ok", "available"),
    }
}

/// How an upgrade to a release goes.
pub fn upgrade(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::InPlace => "changed in place",
        Strategy::SideBySide => "a new one is made beside the old one",
        Strategy::Rebuild => "destroyed and made again",
        Strategy::ChangeRequest => "a change request in your repository",
        Strategy::ByHand => "by hand",
    }
}

/// Whether there is a way back.
pub fn rollback(rollback: Rollback) -> &'static str {
    match rollback {
        Rollback::Supported => "there is a way back",
        Rollback::LosesData => "the way back loses what was written since",
        Rollback::ForwardOnly => "there is no way back",
    }
}

/// Who did something, as people call them: `tomasz` for `user:default/tomasz`, this server for a part of it.
pub fn who(name: &str) -> &str {
    match name.split_once(':') {
        Some(("system", _)) => "this server",
        Some((_, rest)) => rest.rsplit('/').next().unwrap_or(rest),
        None => name,
    }
}

/// "1 team", "3 teams".
pub fn count(number: usize, noun: &str) -> String {
    let many = if number == 1 { noun.to_owned() } else { format!("{noun}s") };
    format!("{number} {many}")
}

/// A relation in words, as a heading over what is at its other end.
pub fn relation(relation: RelationType) -> &'static str {
    match relation.name() {
        "apiConsumedBy" => "Used by",
        "apiProvidedBy" => "Provided by",
        "childOf" => "Part of the group",
        "consumesApi" => "Uses the interfaces",
        "dependencyOf" => "Needed by",
        "dependsOn" => "Needs",
        "endedBy" => "Goes away by",
        "ends" => "Ends",
        "hasInstance" => "Running copies",
        "hasMember" => "People",
        "hasOffering" => "Offers",
        "hasPart" => "Consists of",
        "hasRelease" => "Versions",
        "hasReplacement" => "Take instead",
        "hosts" => "Runs here",
        "instanceOf" => "Is a",
        "memberOf" => "Member of",
        "offeringOf" => "Offered by",
        "ownedBy" => "Belongs to",
        "ownerOf" => "Owns",
        "parentOf" => "Groups below",
        "partOf" => "Part of",
        "promotedFrom" => "Comes after",
        "promotesTo" => "Comes before",
        "providesApi" => "Provides the interfaces",
        "ranBy" => "Run by",
        "releaseOf" => "Version of",
        "replaces" => "Takes the place of",
        "runsIn" => "Runs in",
        "runsRelease" => "Runs the version",
        "usedBy" => "Has given access to",
        "uses" => "Has access to",
        _ => "Related to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_words() {
        let now = Micros(1_800_000_000 * time::SECOND);
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(now, now.plus_seconds(-90)), "1 minute ago");
        assert_eq!(ago(now, now.plus_seconds(-3 * 86_400)), "3 days ago");
        assert_eq!(ago(now, now.plus_seconds(7200)), "in 2 hours");
        assert_eq!(took(Micros(0), Micros(1_430_000)), "1.4 s");
        assert_eq!(took(Micros(0), Micros(200 * time::SECOND)), "3 min");
    }

    #[test]
    fn prices_say_what_they_are_for() {
        let words = |value: Value| price(Some(&serde_json::from_value(value).expect("a price")));
        assert_eq!(words(json!({"amount": "9.00", "currency": "EUR", "per": "month"})), "9.00 EUR a month");
        let run = json!({"amount": "0.02", "currency": "EUR", "per": "unit", "unit": "run"});
        assert_eq!(words(run), "0.02 EUR per run");
        assert_eq!(words(json!({"amount": "1", "currency": "EUR", "per": "unit"})), "1 EUR per use");
    }

    #[test]
    fn limits_and_names_are_words() {
        let map = json!({"connections": 20, "size": "1Gi", "highAvailability": true});
        assert_eq!(limits(map.as_object().expect("a map")), "20 connections · high availability · 1 GiB size");
        assert_eq!(spaced("business-hours"), "business hours");
        assert_eq!(count(1, "team"), "1 team");
        assert_eq!(count(0, "team"), "0 teams");
        assert_eq!(label("cloneUrl"), "Clone URL");
        assert_eq!(short_day(Micros(1_770_000_000 * time::SECOND)), "2 Feb 2026");
    }
}
