//! What some items of a campaign add up to. Sums of parts are the sum of the whole, so that whoever sees only a part of the
//! items is told what that part comes to.

use super::{Counts, Item, ItemState, Point, ScopeChange, curve};
use crate::{Day, Micros};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// What some items add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many stand where.
    pub counts: Counts,
    /// How many stood on the list when it was frozen.
    pub frozen: usize,
    /// By day: how many more were meant, done and exempt than on the day before.
    steps: BTreeMap<Day, [i64; 3]>,
    /// By time: how many came and left after the list was frozen.
    scope: BTreeMap<Micros, (usize, usize)>,
}

impl Tally {
    /// Of some items.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Tally {
        let mut tally = Tally::default();
        items.into_iter().for_each(|item| tally.add(item));
        tally
    }

    /// Counts one more.
    pub fn add(&mut self, item: &Item) {
        self.counts.add(item);
        curve::steps(item, &mut self.steps);
        match item.delta {
            true => self.scope.entry(item.listed).or_default().0 += 1,
            false => self.frozen += 1,
        }
        let mut before = ItemState::Pending;
        for step in &item.moves {
            if step.to == ItemState::NotApplicable {
                self.scope.entry(step.at).or_default().1 += 1;
            } else if before == ItemState::NotApplicable {
                self.scope.entry(step.at).or_default().0 += 1;
            }
            before = step.to;
        }
    }

    /// The burn-down up to a time, a point for each day.
    pub fn points(&self, now: Micros) -> Vec<Point> {
        curve::drawn(&self.steps, now)
    }

    /// What came and left after the list was frozen, in order of time.
    pub fn scope(&self) -> Vec<ScopeChange> {
        self.scope.iter().map(|(at, (added, gone))| ScopeChange { at: *at, added: *added, gone: *gone }).collect()
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        self.counts += other.counts;
        self.frozen += other.frozen;
        for (day, change) in &other.steps {
            let sums = self.steps.entry(*day).or_default();
            sums.iter_mut().zip(change).for_each(|(sum, change)| *sum += change);
        }
        for (at, (added, gone)) in &other.scope {
            let change = self.scope.entry(*at).or_default();
            (change.0, change.1) = (change.0 + added, change.1 + gone);
        }
    }
}
