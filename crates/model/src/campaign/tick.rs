//! What follows by itself in a campaign, from what is seen of its instances: who is done, who failed, which wave is open,
//! what is begun and who is told.

use super::steps::{Act, Campaign, Gate, Look, Note, Work};
use super::{CampaignState, Counts, EndedAs, Halt, Item, ItemState, ScopeChange, Told, points};
use crate::check::{Outcome, exempt_until};
use crate::ending::Deed;
use crate::time::{DAY, SECOND};
use crate::{Micros, Uid};
use std::collections::BTreeMap;

/// How often one instance is begun at most: a way has few hops.
const ATTEMPTS: u32 = 12;
/// How long what cannot be begun now is left alone, in microseconds.
const AGAIN: i64 = 300 * SECOND;
/// What is said of one that is not there.
const AWAY: &str = "It was looked for and is not there. Bring it back, or destroy it.";

impl Campaign {
    /// What follows by itself from what is seen.
    #[must_use]
    pub fn tick(mut self, looks: &BTreeMap<Uid, Look>, gate: &Gate, now: Micros) -> Campaign {
        if self.status.state == CampaignState::Scheduled && self.spec.start.is_none_or(|day| day.start() <= now) {
            self.begin(looks, now);
        }
        if !self.status.state.is_live() {
            return self;
        }
        self.rescope(looks, now);
        self.follow_all(looks, now);
        if self.status.state == CampaignState::Running {
            self.open_waves(gate, now);
        }
        if self.status.state == CampaignState::Running {
            self.begin_some(looks, now);
            self.tell(now);
            self.complete(now);
        }
        self.count(now);
        self
    }

    /// Freezes the list: what does not pass, and what has come to pass since it was started.
    pub(super) fn begin(&mut self, looks: &BTreeMap<Uid, Look>, now: Micros) {
        let since = self.status.started.as_ref().map_or(now, |deed| deed.at);
        let since = self.spec.start.map_or(since, |day| day.start().max(since));
        let meant = |look: &Look| look.outcome != Outcome::Passes || look.since.is_some_and(|at| at > since);
        for (uid, look) in looks.iter().filter(|(_, look)| meant(look)) {
            let mut item = Item::new(&look.instance, &look.team, look.wave, since);
            (item.managed, item.before) = (look.managed, look.version.clone());
            if look.outcome == Outcome::Passes {
                item.before.clear();
                item.go(ItemState::Done, look.since.unwrap_or(now));
            }
            self.items.insert(*uid, item);
        }
        self.status.state = CampaignState::Running;
        self.status.frozen = self.items.len();
        self.notes.push(Note::Began);
        self.count(now);
    }

    /// What came and what left since.
    fn rescope(&mut self, looks: &BTreeMap<Uid, Look>, now: Micros) {
        let mut change = ScopeChange { at: now, added: 0, gone: 0 };
        for (uid, look) in looks {
            match self.items.get_mut(uid) {
                None if look.outcome != Outcome::Passes => {
                    let mut item = Item::new(&look.instance, &look.team, look.wave, now);
                    (item.managed, item.before, item.delta) = (look.managed, look.version.clone(), true);
                    self.items.insert(*uid, item);
                    change.added += 1;
                }
                Some(item) if item.state == ItemState::NotApplicable => {
                    item.go(ItemState::Pending, now);
                    change.added += 1;
                }
                _ => {}
            }
        }
        for (uid, item) in &mut self.items {
            if !looks.contains_key(uid) && item.go(ItemState::NotApplicable, now) {
                item.back = false;
                change.gone += 1;
            }
        }
        if change.added + change.gone > 0 {
            self.status.scope.push(change);
            self.notes.push(Note::Scope);
        }
    }

    fn follow_all(&mut self, looks: &BTreeMap<Uid, Look>, now: Micros) {
        let mut regressed = 0;
        let mut halt = None;
        let uids: Vec<Uid> = self.items.keys().copied().collect();
        for uid in uids {
            let (Some(item), Some(look)) = (self.items.get_mut(&uid), looks.get(&uid)) else { continue };
            let allowed = exempt_until(&self.status.exemptions, &item.team, &item.instance, now).is_some();
            let before = item.state;
            follow(item, look, allowed, now);
            regressed += usize::from(item.state == ItemState::Regressed && before != ItemState::Regressed);
            if item.state == ItemState::Failed && before != ItemState::Failed {
                self.status.failures += 1;
                if self.status.failures > self.spec.failure_budget {
                    halt = Some(Halt { at: now, wave: item.wave, item: uid, operation: item.operation });
                }
            }
        }
        if regressed > 0 {
            self.notes.push(Note::Regressed(regressed));
        }
        if let Some(halt) = halt.filter(|_| self.status.state == CampaignState::Running) {
            self.halt(halt);
        }
    }

    fn halt(&mut self, halt: Halt) {
        self.status.state = CampaignState::Halted;
        self.status.halt = Some(halt);
        self.notes.push(Note::Halted);
    }

    /// Opens the next wave when all of this one is settled, has rested, and the gate lets it through.
    fn open_waves(&mut self, gate: &Gate, now: Micros) {
        let last = self.items.values().map(|item| item.wave).max().unwrap_or_default();
        self.status.waits.clear();
        // The gate was asked about the wave that is open; of the next one it is asked the next time.
        let mut asked = false;
        while self.status.wave < last && !asked {
            let open = self.status.wave;
            if self.items.values().any(|item| item.wave <= open && !item.is_settled(now)) {
                return;
            }
            if let Some(moved) = self.moved_in(open) {
                asked = true;
                if !self.may_go_on(gate, moved, now) {
                    return;
                }
            }
            self.status.wave += 1;
            self.status.failures = 0;
            self.notes.push(Note::Wave(self.status.wave));
        }
    }

    /// When something last moved in a wave; none for one in which nothing is meant.
    fn moved_in(&self, wave: usize) -> Option<Micros> {
        let own = self.items.values().filter(|item| item.wave == wave && item.state != ItemState::NotApplicable);
        own.map(|item| item.since).max()
    }

    /// Whether the open wave has rested, and its gate lets the next one begin. What is not well halts it.
    fn may_go_on(&mut self, gate: &Gate, moved: Micros, now: Micros) -> bool {
        let wave = self.status.wave;
        let until = Micros(moved.0 + i64::from(self.spec.bake_minutes) * 60 * SECOND);
        if now < until {
            self.status.waits = format!("{} rests until {until}.", self.spec.wave_name(wave));
            return false;
        }
        match gate {
            Gate::Open => {
                // What could not be told of some of them is told now.
                let done = |item: &&mut Item| item.wave <= wave && item.state == ItemState::Done;
                self.items.values_mut().filter(done).for_each(|item| item.message.clear());
                return true;
            }
            Gate::Waits(uid, why) => {
                self.say(*uid, why);
                self.status.waits = format!("The gate cannot tell yet whether {} is well.", self.spec.wave_name(wave));
            }
            Gate::Shut(uid, why) => {
                self.say(*uid, why);
                self.halt(Halt { at: now, wave, item: *uid, operation: None });
            }
        }
        false
    }

    /// Keeps what was said of an instance with its item, because not everybody sees each of them.
    fn say(&mut self, uid: Uid, why: &str) {
        if let Some(item) = self.items.get_mut(&uid) {
            why.clone_into(&mut item.message);
        }
    }

    /// Begins as many as may be changed at the same time.
    fn begin_some(&mut self, looks: &BTreeMap<Uid, Look>, now: Micros) {
        let busy = self.items.values().filter(|item| item.state == ItemState::Changing).count();
        let free = usize::try_from(self.spec.parallelism).unwrap_or(usize::MAX).saturating_sub(busy);
        let wave = self.status.wave;
        let ready = |item: &Item| {
            item.managed
                && item.wave <= wave
                && matches!(item.state, ItemState::Pending | ItemState::Regressed)
                && !item.is_snoozed(now)
                && item.again.is_none_or(|at| at <= now)
        };
        let fails = |uid: &Uid| looks.get(uid).is_some_and(|look| look.outcome != Outcome::Unknown && !look.away);
        let mut next: Vec<(usize, Uid)> = self
            .items
            .iter()
            .filter(|(uid, item)| ready(item) && fails(uid))
            .map(|(uid, item)| (item.wave, *uid))
            .collect();
        next.sort_unstable();
        self.acts.extend(next.into_iter().take(free).map(|(_, uid)| Act::Upgrade(uid)));
    }

    /// Tells the teams that have something to do: each as often as the budget of notices allows.
    fn tell(&mut self, now: Micros) {
        let wave = self.status.wave;
        let mut teams: BTreeMap<String, (usize, Option<Told>)> = BTreeMap::new();
        for item in self.items.values_mut().filter(|item| item.wave <= wave && !item.is_snoozed(now)) {
            if !item.managed && matches!(item.state, ItemState::Pending | ItemState::Regressed) {
                item.go(ItemState::Notified, now);
            }
            if item.state == ItemState::Notified {
                let (count, told) = teams.entry(item.team.clone()).or_default();
                *count += 1;
                *told = (*told).into_iter().chain(item.told).max_by_key(|told| (told.times, told.last));
            }
        }
        let (every, most) = (i64::from(self.spec.reminders.every_days) * DAY, self.spec.reminders.most);
        teams.retain(|_, (_, told)| told.map_or(most > 0, |told| told.times < most && now.0 >= told.last.0 + every));
        for item in self.items.values_mut().filter(|item| item.state == ItemState::Notified) {
            if let Some((_, told)) = teams.get(&item.team) {
                item.told = Some(Told { last: now, times: told.map_or(0, |told| told.times) + 1 });
            }
        }
        self.acts.extend(teams.into_iter().map(|(team, (count, _))| Act::Tell(team, count)));
    }

    /// It is over by itself when everything passes, or nothing is left of what it means.
    fn complete(&mut self, now: Micros) {
        let over = |item: &Item| matches!(item.state, ItemState::Done | ItemState::NotApplicable);
        if self.items.values().all(over) {
            self.status.state = CampaignState::Ended;
            self.status.ended_as = Some(EndedAs::Completed);
            self.status.decided = Some(Deed { at: now, by: "system:campaign".to_owned(), reason: String::new() });
            self.notes.push(Note::Ended);
        }
    }

    /// Notes that an instance is being changed.
    pub fn began(&mut self, uid: Uid, operation: Uid, now: Micros) {
        if let Some(item) = self.items.get_mut(&uid) {
            item.go(ItemState::Changing, now);
            item.operation = Some(operation);
            item.attempts += u32::from(!item.back);
            item.again = None;
            item.message.clear();
        }
        self.count(now);
    }

    /// Notes that an instance cannot be changed: now, or by Loggia at all, which leaves it to its owners.
    pub fn refused(&mut self, uid: Uid, why: &str, for_good: bool, now: Micros) {
        if let Some(item) = self.items.get_mut(&uid) {
            item.message = why.to_owned();
            if item.back {
                item.back = false;
                item.go(ItemState::Done, now);
            } else if for_good {
                item.go(ItemState::Notified, now);
            } else {
                item.again = Some(Micros(now.0 + AGAIN));
            }
        }
        self.count(now);
    }

    /// Notes that an instance can be changed from a time on only, and what it waits for.
    pub fn postponed(&mut self, uid: Uid, why: &str, until: Micros, now: Micros) {
        if let Some(item) = self.items.get_mut(&uid) {
            why.clone_into(&mut item.message);
            item.again = Some(until.max(Micros(now.0 + SECOND)));
        }
    }

    /// Counts, and draws the curve, from the items alone.
    pub(super) fn count(&mut self, now: Micros) {
        self.status.counts = Counts::of(self.items.values());
        self.status.days = points(self.items.values(), now);
    }

    /// The items that differ from those of another time.
    pub fn changed<'a>(&'a self, before: &BTreeMap<Uid, Item>) -> Vec<(&'a Uid, &'a Item)> {
        self.items.iter().filter(|(uid, item)| before.get(uid) != Some(item)).collect()
    }
}

/// What becomes of one item by what is seen of it.
fn follow(item: &mut Item, look: &Look, allowed: bool, now: Micros) {
    item.managed = look.managed;
    let passes = look.outcome == Outcome::Passes;
    // What is not there is not done any more, and nobody begins to change it.
    let fails = look.away || (!passes && look.outcome != Outcome::Unknown);
    if !look.away && item.message == AWAY {
        item.message.clear();
    }
    match item.state {
        ItemState::Changing => settle(item, look, passes, fails, now),
        ItemState::Done if fails => {
            item.go(ItemState::Regressed, now);
        }
        ItemState::Done | ItemState::NotApplicable => {}
        _ if passes => {
            // It passes since its version runs, not since somebody looked.
            let since = look.since.filter(|at| *at > item.listed && *at <= now).unwrap_or(now);
            item.message.clear();
            item.go(ItemState::Done, since);
        }
        ItemState::Exempt if !allowed => {
            item.go(ItemState::Pending, now);
        }
        ItemState::Pending | ItemState::Regressed if look.work == Work::Waits => waits(item, now),
        _ if allowed => {
            item.go(ItemState::Exempt, now);
        }
        _ => {}
    }
    if look.away && !matches!(item.state, ItemState::Changing | ItemState::NotApplicable) {
        AWAY.clone_into(&mut item.message);
    }
}

/// What becomes of one that is being changed.
fn settle(item: &mut Item, look: &Look, passes: bool, fails: bool, now: Micros) {
    let back = item.back;
    match &look.work {
        Work::Running => return,
        Work::Failed(operation, message) if item.operation == Some(*operation) => {
            item.message.clone_from(message);
            if !back {
                item.go(ItemState::Failed, now);
                return;
            }
        }
        Work::Waits if fails => return waits(item, now),
        Work::Failed(..) | Work::Over | Work::Waits => {}
    }
    if passes {
        item.back = false;
        item.go(ItemState::Done, now);
    } else if fails {
        item.back = false;
        if !back && item.attempts >= ATTEMPTS {
            item.message = "It was changed again and again, and the check does not pass.".to_owned();
            item.go(ItemState::Failed, now);
        } else {
            item.go(ItemState::Pending, now);
        }
    }
}

/// Leaves one to its team, which has a change to merge.
fn waits(item: &mut Item, now: Micros) {
    item.back = false;
    item.message = "A change waits in its repository to be merged.".to_owned();
    item.go(ItemState::Notified, now);
}
