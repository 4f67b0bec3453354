//! The burn-down of a campaign: from where each of its items stood, day by day, and what is likely to come.

use super::{Item, ItemState};
use crate::{Day, Micros};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a campaign stood at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// The day.
    pub day: Day,
    /// How many were meant.
    pub total: usize,
    /// How many were done.
    pub done: usize,
    /// How many were exempt.
    pub exempt: usize,
}

impl Point {
    /// How many were open.
    pub fn open(&self) -> usize {
        self.total.saturating_sub(self.done + self.exempt)
    }
}

/// When it will be over if it goes on like this.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// The day.
    pub day: Day,
    /// How many a day, as measured.
    pub per_day: f64,
    /// Over how many days that was measured.
    pub measured_days: i64,
}

/// Over how many days it is measured how fast it goes.
const MEASURED: i64 = 14;
/// How many days ahead something is still worth saying.
const AHEAD: i64 = 3_650;

/// The points from the first day of the list to today, worked out from the items alone.
pub fn points<'a>(items: impl Iterator<Item = &'a Item>, now: Micros) -> Vec<Point> {
    let mut all = BTreeMap::new();
    items.for_each(|item| steps(item, &mut all));
    drawn(&all, now)
}

/// Adds what one item changes, day by day: how many are meant, done and exempt.
pub(super) fn steps(item: &Item, steps: &mut BTreeMap<Day, [i64; 3]>) {
    let mut at = |time: Micros, state: ItemState, sign: i64| {
        let day = steps.entry(Day::of(time)).or_default();
        day[0] += if state == ItemState::NotApplicable { 0 } else { sign };
        day[1] += if state == ItemState::Done { sign } else { 0 };
        day[2] += if state == ItemState::Exempt { sign } else { 0 };
    };
    at(item.listed, ItemState::Pending, 1);
    let mut before = ItemState::Pending;
    for step in &item.moves {
        at(step.at, before, -1);
        at(step.at, step.to, 1);
        before = step.to;
    }
}

/// The points that follow from the changes of each day, up to a time.
pub(super) fn drawn(steps: &BTreeMap<Day, [i64; 3]>, now: Micros) -> Vec<Point> {
    let Some(first) = steps.keys().next().copied() else { return Vec::new() };
    let last = Day::of(now).max(first);
    let mut sums = [0_i64; 3];
    let whole = |sum: i64| usize::try_from(sum).unwrap_or_default();
    (first.0..=last.0)
        .map(|day| {
            let change = steps.get(&Day(day)).copied().unwrap_or_default();
            for (sum, change) in sums.iter_mut().zip(change) {
                *sum += change;
            }
            Point { day: Day(day), total: whole(sums[0]), done: whole(sums[1]), exempt: whole(sums[2]) }
        })
        .collect()
}

/// When the last one will be done if it goes on as in the last days; none when nothing was done then, or nothing is left.
pub fn forecast(points: &[Point]) -> Option<Forecast> {
    let last = points.last()?;
    let left = last.total.saturating_sub(last.done + last.exempt);
    let before = points.iter().rev().nth(usize::try_from(MEASURED).unwrap_or_default()).or(points.first())?;
    let days = last.day.since(before.day).max(1);
    // What was done on the very first day counts, too.
    let base = if before.day == last.day || points.first() == Some(before) { 0 } else { before.done };
    let done = last.done.saturating_sub(base);
    if left == 0 || done == 0 {
        return None;
    }
    let (done, left) = (i64::try_from(done).ok()?, i64::try_from(left).ok()?);
    let ahead = (left * days + done - 1) / done;
    let per_day = done as f64 / days as f64;
    (ahead <= AHEAD).then(|| Forecast { day: Day(last.day.0 + ahead), per_day, measured_days: days })
}

#[cfg(test)]
mod tests {
    use super::{Point, forecast};
    use crate::Day;

    #[test]
    fn a_forecast_is_measured_and_says_nothing_without_movement() {
        let point = |day, done| Point { day: Day(day), total: 31, done, exempt: 1 };
        let points: Vec<Point> = (0..=20).map(|day| point(day, usize::try_from(day).unwrap())).collect();
        let found = forecast(&points).unwrap();
        assert_eq!((found.day, found.measured_days), (Day(30), 14), "10 are left, one a day");
        assert_eq!(forecast(&[point(0, 5), point(1, 5)]).map(|f| f.day), Some(Day(6)));
        assert_eq!(forecast(&[point(0, 0), point(1, 0)]), None);
        assert_eq!(forecast(&[point(0, 0), point(1, 30)]), None, "nothing is left");
        assert_eq!(forecast(&[]), None);
    }
}
