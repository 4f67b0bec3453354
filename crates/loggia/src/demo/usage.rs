//! Use of the example platform in the last weeks, in the numbers that its estate makes believable. The readings say
//! that they are replayed.

use super::estate::Running;
use loggia_model::usage::UsageReading;
use loggia_model::{Micros, Ref, time};
use std::collections::BTreeMap;

/// For how many days back there are readings.
const DAYS: i64 = 28;
/// Readings are of this hour of their day, in seconds: late, so that a day's use is complete.
const HOUR: i64 = 18 * 3_600;

/// One reading for each running thing and each day on which it ran and was seen.
pub fn readings(all: &[Running], offerings: &BTreeMap<Ref, String>, now: Micros) -> Vec<UsageReading> {
    let known = |one: &Running| offerings.get(&one.instance()).cloned();
    let ours = all.iter().filter_map(|one| Some((one, known(one)?)));
    ours.flat_map(|(one, offering)| days(one, now).filter_map(move |day| reading(one, &offering, day, now))).collect()
}

/// The days, counted back from today.
fn days(one: &Running, now: Micros) -> impl Iterator<Item = i64> + use<> {
    let today = now.day();
    (one.last_seen_days_ago..=one.since_days_ago.min(DAYS)).map(move |back| today - back)
}

fn reading(one: &Running, offering: &str, day: i64, now: Micros) -> Option<UsageReading> {
    let (channel, most) = habit(offering);
    let count = count(one, day, most);
    let time = Micros(day * time::DAY).plus_seconds(HOUR).min(now);
    (count > 0).then(|| UsageReading {
        source: "replay".to_owned(),
        id: format!("{}-{day}", one.instance()),
        time,
        team: Some(one.team().to_string()),
        principal: None,
        offering: offering.to_owned(),
        release: one.release.clone(),
        feature: None,
        instance: Some(one.instance().to_string()),
        channel: channel.to_owned(),
        count,
        outcome: "ok".to_owned(),
        mandated: offering == "pipeline",
    })
}

/// How an offering is used, and how often in a busy day of production.
fn habit(offering: &str) -> (&'static str, i64) {
    match offering {
        "postgres" => ("connection", 4_200),
        "tern-cache" | "secrets" => ("request", 90_000),
        "runtime" | "preview-env" => ("request", 38_000),
        "service-path" | "web-path" => ("push", 9),
        "pipeline" => ("run", 14),
        "bucket" => ("transfer", 2_600),
        "stream" => ("event", 52_000),
        _ => ("request", 700),
    }
}

/// The same number for the same thing and day, whenever it is asked: weekends are calm, and so is all but production.
fn count(one: &Running, day: i64, most: i64) -> i64 {
    let share = match one.environment.as_str() {
        "production" => 100,
        "test" => 30,
        _ => 12,
    };
    let size = match one.plan.as_deref() {
        Some("large") => 220,
        Some("medium") => 130,
        _ => 70,
    };
    // Day 0 was a Thursday.
    let weekend = (day + 4).rem_euclid(7) % 6 == 0;
    let calm = if weekend { 20 } else { 100 };
    let chance = 60 + i64::from(digest(&format!("{}{day}", one.instance())) % 80);
    let own = 40 + i64::from(digest(&one.instance().to_string()) % 90);
    let count = most * share * size / 10_000 * calm * chance / 10_000 * own / 100;
    if most < 100 && !weekend { count.max(i64::from(digest(&one.name) % 3)) } else { count }
}

/// FNV-1a over the bytes.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum: u32, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{estate, files};

    #[test]
    fn use_ends_when_a_thing_was_last_seen_and_has_one_reading_a_day() {
        let all = estate::read(files::text("estate.jsonl")).unwrap();
        let now = Micros(1_800_000_000_000_000);
        let offerings = all.iter().map(|one| (one.instance(), one.offering.clone())).collect();
        let readings = readings(&all, &offerings, now);
        assert!(readings.len() > 4_000, "{}", readings.len());
        let mut ids: Vec<&str> = readings.iter().map(|reading| reading.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), readings.len());
        for one in &all {
            let mine = readings.iter().filter(|r| r.instance == Some(one.instance().to_string()));
            assert!(
                mine.into_iter().all(|r| r.time <= now && r.time.day() <= one.last_seen(now).day()),
                "{}",
                one.name
            );
        }
    }
}
