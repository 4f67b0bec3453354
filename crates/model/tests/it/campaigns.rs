//! Campaigns: states, totals, waves and budgets, over generated histories.

use loggia_model::campaign::steps::{Act, Campaign, Gate, Look, Work};
use loggia_model::campaign::{
    CampaignState, CampaignStatus, Counts, EndedAs, Item, ItemState, ScopeChange, Tally, points,
};
use loggia_model::check::Outcome;
use loggia_model::ending::Exemption;
use loggia_model::ending::steps::By;
use loggia_model::kinds::CampaignSpec;
use loggia_model::time::{DAY, SECOND};
use loggia_model::{Day, Micros, Uid};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub const START: Micros = Micros(20_000 * DAY);
const HISTORIES: u64 = 10_000;

pub fn uid(number: u64) -> Uid {
    format!("00000000-0000-7000-8000-{number:012x}").parse().expect("there")
}

fn spec(more: &serde_json::Value) -> CampaignSpec {
    let mut spec = json!({"purpose": "It ends", "offering": "tern", "to": "7", "parallelism": 2, "failureBudget": 1});
    spec.as_object_mut().expect("there").extend(more.as_object().cloned().expect("there"));
    serde_json::from_value(spec).expect("there")
}

pub fn fresh(more: &serde_json::Value) -> Campaign {
    Campaign::new(spec(more), CampaignStatus::default(), BTreeMap::new())
}

pub fn by(at: Micros) -> By<'static> {
    By { who: "user:default/tomasz", at }
}

pub fn look(number: u64, wave: usize, managed: bool) -> (Uid, Look) {
    let look = Look {
        instance: format!("instance:red/i{number}.dev"),
        team: format!("group:default/t{}", number % 3),
        wave,
        managed,
        version: "6".into(),
        since: None,
        outcome: Outcome::Fails,
        away: false,
        work: Work::Over,
    };
    (uid(number), look)
}

/// Numbers that are the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

impl Dice {
    fn number(&mut self, below: u64) -> usize {
        usize::try_from(self.roll(below)).expect("a small number")
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.number(all.len() as u64)]
    }
}

/// A world of instances, with what the campaign made of them.
struct World {
    campaign: Campaign,
    looks: BTreeMap<Uid, Look>,
    now: Micros,
    next: u64,
}

impl World {
    fn new(dice: &mut Dice) -> World {
        let budget = dice.roll(3);
        let campaign = fresh(&json!({"failureBudget": budget, "parallelism": 1 + dice.roll(3)}));
        let count = 1 + dice.roll(6);
        let looks = (0..count).map(|n| look(n, dice.number(3), dice.roll(3) > 0)).collect();
        World { campaign, looks, now: START, next: count }
    }

    /// Does what the campaign asks for, as the application would.
    fn carry_out(&mut self, dice: &mut Dice) {
        for act in std::mem::take(&mut self.campaign.acts) {
            match act {
                Act::Upgrade(id) | Act::Back(id) if dice.roll(5) == 0 => {
                    self.campaign.refused(id, "not now", dice.roll(2) == 0, self.now);
                }
                Act::Upgrade(id) | Act::Back(id) => {
                    self.next += 1;
                    self.campaign.began(id, uid(1_000_000 + self.next), self.now);
                    if let Some(look) = self.looks.get_mut(&id) {
                        look.work = Work::Running;
                    }
                }
                Act::Tell(..) => {}
            }
        }
    }

    /// Something happens to one instance, or to the scope.
    fn happen(&mut self, dice: &mut Dice) {
        let ids: Vec<Uid> = self.looks.keys().copied().collect();
        let Some(id) = ids.get(dice.number(8)).copied() else {
            if dice.roll(4) == 0 {
                self.next += 1;
                let (id, look) = look(self.next, dice.number(3), dice.roll(2) == 0);
                self.looks.insert(id, look);
            }
            return;
        };
        let operation = self.campaign.items.get(&id).and_then(|item| item.operation);
        let look = self.looks.get_mut(&id).expect("there");
        match dice.roll(8) {
            0..=2 => (look.outcome, look.work) = (Outcome::Passes, Work::Over),
            3 => look.outcome = *dice.one_of(&[Outcome::Fails, Outcome::Unknown, Outcome::Grace]),
            4 => look.work = operation.map_or(Work::Over, |id| Work::Failed(id, "no space left".into())),
            5 => look.work = dice.one_of(&[Work::Over, Work::Waits]).clone(),
            6 if dice.roll(4) == 0 => drop(self.looks.remove(&id)),
            _ => look.managed = dice.roll(3) > 0,
        }
    }

    /// Somebody decides something; what is refused changes nothing.
    fn decide(&mut self, dice: &mut Dice) {
        let (before, by) = (self.campaign.clone(), by(self.now));
        let day = Day::of(self.now).plus(u32::try_from(dice.roll(4)).expect("there"));
        let id = uid(dice.roll(6));
        let exemption = Exemption {
            team: format!("group:default/t{}", dice.roll(3)),
            instance: None,
            until: day,
            reason: "Harvest".into(),
            by: "sofia".into(),
            at: self.now,
        };
        let step = match dice.roll(9) {
            0 => before.clone().start(by, &self.looks),
            1 => before.clone().pause(by, "lunch"),
            2..=3 => before.clone().resume(by, ""),
            4 => before.clone().roll_back(by, dice.number(3), "slow"),
            5 => before.clone().snooze(by, id, day, "peak"),
            6 => before.clone().exempt(exemption),
            7 if dice.roll(10) == 0 => before.clone().end(by, "enough"),
            _ => return,
        };
        self.campaign = step.unwrap_or(before);
    }

    fn tick(&mut self, dice: &mut Dice) {
        let gate = match dice.roll(12) {
            0 => Gate::Waits(uid(0), "nobody looked".into()),
            1 => Gate::Shut(uid(0), "it is slow".into()),
            _ => Gate::Open,
        };
        self.campaign = self.campaign.clone().tick(&self.looks, &gate, self.now);
    }
}

/// What holds between two states of a campaign, whatever happened.
fn holds(before: &Campaign, after: &Campaign, now: Micros, seed: u64) {
    let status = &after.status;
    let counts = Counts::of(after.items.values());
    assert_eq!(status.counts, counts, "history {seed}: the counts are those of the items");
    // The curve is what the items tell, and its last point is now.
    assert_eq!(status.days, points(after.items.values(), now), "history {seed}");
    if let Some(last) = status.days.last() {
        assert_eq!((last.total, last.done, last.exempt), (counts.total, counts.done, counts.exempt), "history {seed}");
    }
    // Parts add up to the whole, whichever way the items are parted: who sees a part is told a part of the same.
    let whole = Tally::of(after.items.values());
    let (mut left, right): (Vec<&Item>, Vec<&Item>) =
        after.items.values().partition(|item| item.wave.is_multiple_of(2));
    let mut sum = Tally::of(left.drain(..));
    sum += &Tally::of(right);
    assert_eq!((&sum, whole.counts), (&whole, counts), "history {seed}");
    assert_eq!(whole.points(now), status.days, "history {seed}");
    let changes = |list: &[ScopeChange]| list.iter().fold((0, 0), |sum, one| (sum.0 + one.added, sum.1 + one.gone));
    assert_eq!(changes(&whole.scope()), changes(&status.scope), "history {seed}");
    assert!(status.frozen == 0 || whole.frozen == status.frozen, "history {seed}");
    // The total is constant, or a change of scope was written down.
    let moved: i64 = status
        .scope
        .iter()
        .map(|one| i64::try_from(one.added).expect("few") - i64::try_from(one.gone).expect("few"))
        .sum();
    if status.state.is_live() || (status.state == CampaignState::Ended && status.frozen > 0) {
        let total = i64::try_from(status.frozen).expect("there") + moved;
        assert_eq!(i64::try_from(counts.total).expect("there"), total, "history {seed}: {status:?}");
    }
    for (id, item) in &after.items {
        let was = before.items.get(id).map_or(ItemState::Pending, |item| item.state);
        let path: Vec<ItemState> = item.moves.iter().map(|step| step.to).collect();
        assert!(
            item.moves.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].to.leads_to(pair[1].to)),
            "{path:?}"
        );
        assert!(item.state == was || path.contains(&item.state), "history {seed}");
        assert_eq!(path.last().copied().unwrap_or(ItemState::Pending), item.state);
    }
    let changing = after.items.values().filter(|item| item.state == ItemState::Changing && !item.back).count();
    assert!(changing <= usize::try_from(after.spec.parallelism).expect("there"), "history {seed}: {changing} at once");
    if status.state == CampaignState::Running {
        assert!(status.failures <= after.spec.failure_budget, "history {seed}: it goes on over its budget");
        assert_eq!(status.halt, None);
    }
    assert_eq!(status.state == CampaignState::Halted, status.halt.is_some(), "history {seed}");
    if status.ended_as == Some(EndedAs::Completed) {
        assert_eq!(counts.done, counts.total, "history {seed}: completed means that everything passes");
    }
    for told in after.items.values().filter_map(|item| item.told) {
        assert!(told.times <= after.spec.reminders.most, "history {seed}");
    }
}

#[test]
fn over_generated_histories_the_totals_and_budgets_hold() {
    let (mut reached, mut ways) = (BTreeSet::new(), BTreeSet::new());
    for seed in 1..=HISTORIES {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut world = World::new(&mut dice);
        let started = world.campaign.clone().start(by(START), &world.looks).expect("there");
        if dice.roll(4) > 0 {
            world.campaign = started;
        }
        for _ in 0..30 {
            let before = world.campaign.clone();
            match dice.roll(4) {
                0 => world.happen(&mut dice),
                1 => world.decide(&mut dice),
                2 => world.tick(&mut dice),
                _ => world.now = Micros(world.now.0 + i64::try_from(dice.roll(20)).expect("there") * 3_600 * SECOND),
            }
            world.carry_out(&mut dice);
            // A curve is as of the last change; the next tick brings it up to the day.
            if before != world.campaign {
                let days = points(world.campaign.items.values(), world.now);
                let shown = world.campaign.status.days.len();
                assert!(shown <= days.len());
                world.campaign.status.days = days;
                holds(&before, &world.campaign, world.now, seed);
            }
            reached.insert(world.campaign.status.state);
            for (id, item) in &world.campaign.items {
                let was = before.items.get(id).map(|item| item.state);
                ways.extend(was.filter(|was| *was != item.state).map(|was| (was, item.state)));
            }
        }
    }
    // Scheduled needs a day to come, which has a test of its own.
    assert_eq!(reached.len(), CampaignState::ALL.len() - 1, "{reached:?}");
    assert!(ways.len() >= 20, "the histories go few ways: {ways:?}");
}

#[test]
fn waves_rest_wait_for_their_gate_and_halt_over_the_budget() {
    let mut looks: BTreeMap<Uid, Look> = (0..3).map(|n| look(n, 0, true)).collect();
    looks.extend([look(7, 1, true), look(8, 1, false)]);
    let mut now = START;
    let mut one = fresh(&json!({"bakeMinutes": 60})).start(by(now), &looks).expect("there");
    one = one.tick(&looks, &Gate::Open, now);
    let acts = std::mem::take(&mut one.acts);
    assert_eq!(acts, [Act::Upgrade(uid(0)), Act::Upgrade(uid(1))], "two at the same time, of the first wave");
    for (at, id) in [uid(0), uid(1)].into_iter().enumerate() {
        one.began(id, uid(100 + at as u64), now);
        looks.get_mut(&id).expect("there").work = Work::Running;
    }
    one = one.tick(&looks, &Gate::Open, now);
    assert_eq!(one.acts, []);
    looks.get_mut(&uid(0)).expect("there").outcome = Outcome::Passes;
    looks.get_mut(&uid(0)).expect("there").work = Work::Over;
    looks.get_mut(&uid(1)).expect("there").work = Work::Failed(uid(101), "no space left".into());
    one = one.tick(&looks, &Gate::Open, now);
    assert_eq!((one.status.state, one.status.failures), (CampaignState::Running, 1), "the budget allows one");
    one.began(uid(2), uid(102), now);
    one.acts.clear();
    looks.get_mut(&uid(2)).expect("there").outcome = Outcome::Passes;
    one = one.tick(&looks, &Gate::Open, now);
    assert!(one.status.wave == 0 && one.status.waits.contains("rests until"), "{}", one.status.waits);
    now = Micros(now.0 + 3_600 * SECOND);
    one = one.tick(&looks, &Gate::Waits(uid(0), "nobody looked".into()), now);
    assert_eq!((one.status.wave, one.items[&uid(0)].message.as_str()), (0, "nobody looked"));
    assert!(one.status.waits.starts_with("The gate cannot tell yet"), "{}", one.status.waits);
    let shut = one.clone().tick(&looks, &Gate::Shut(uid(0), "it is slow".into()), now);
    assert_eq!(
        (shut.status.state, shut.status.halt.map(|halt| halt.item), shut.items[&uid(0)].message.as_str()),
        (CampaignState::Halted, Some(uid(0)), "it is slow")
    );
    one = one.tick(&looks, &Gate::Open, now);
    assert_eq!((one.status.wave, one.status.failures), (1, 0));
    let mut acts = std::mem::take(&mut one.acts);
    acts.sort();
    assert_eq!(acts, [Act::Upgrade(uid(7)), Act::Tell("group:default/t2".into(), 1)]);
    // The second one over the budget names the instance and what was said.
    one.spec.failure_budget = 0;
    one.began(uid(7), uid(107), now);
    looks.get_mut(&uid(7)).expect("there").work = Work::Failed(uid(107), "the disk is full".into());
    one = one.tick(&looks, &Gate::Open, now);
    let halt = one.status.halt.clone().expect("there");
    assert_eq!((halt.item, one.items[&uid(7)].message.as_str(), halt.wave), (uid(7), "the disk is full", 1));
    one = one.tick(&looks, &Gate::Open, now);
    assert_eq!(one.acts, [], "what stands still begins nothing");
    one = one.resume(by(now), "").expect("there");
    looks.get_mut(&uid(7)).expect("there").work = Work::Over;
    one = one.tick(&looks, &Gate::Open, now);
    assert_eq!(one.acts, [Act::Upgrade(uid(1)), Act::Upgrade(uid(7))], "what failed is tried again");
    // Taking the first wave back concerns what the campaign moved there, and nothing goes on meanwhile.
    let back = one.roll_back(by(now), 0, "slow").expect("there");
    assert_eq!(back.status.state, CampaignState::Paused);
    assert!(back.acts.contains(&Act::Back(uid(0))) && back.acts.contains(&Act::Back(uid(2))));
}

#[test]
fn what_moved_since_the_start_counts_and_what_was_there_before_does_not() {
    let mut looks: BTreeMap<Uid, Look> = (0..4).map(|n| look(n, 0, false)).collect();
    for (n, since) in [(0, -5), (1, 2), (2, 9)] {
        let look = looks.get_mut(&uid(n)).expect("there");
        (look.outcome, look.since) = (Outcome::Passes, Some(Micros(START.0 + since * DAY)));
    }
    let later = Micros(START.0 + 10 * DAY);
    let mut one = fresh(&json!({}));
    one.status.state = CampaignState::Scheduled;
    one.status.started = Some(loggia_model::ending::Deed { at: START, by: "t".into(), reason: String::new() });
    one = one.tick(&looks, &Gate::Open, later);
    assert_eq!((one.status.frozen, one.status.counts.done), (3, 2), "the first one had it long before");
    let curve: Vec<(usize, usize)> = one.status.days.iter().map(|point| (point.total, point.done)).collect();
    assert_eq!((curve.len(), curve[0], curve[2], curve[8], curve[9]), (11, (3, 0), (3, 1), (3, 1), (3, 2)));
    // What fails again is regressed, and its owner hears of it once more when the budget allows.
    looks.get_mut(&uid(1)).expect("there").outcome = Outcome::Fails;
    one = one.tick(&looks, &Gate::Open, Micros(later.0 + 8 * DAY));
    assert_eq!((one.status.counts.regressed, one.status.counts.notified), (0, 2), "told at once");
    assert_eq!(
        one.items[&uid(1)].moves.iter().map(|m| m.to).collect::<Vec<_>>(),
        [ItemState::Done, ItemState::Regressed, ItemState::Notified]
    );
}

#[test]
fn a_scheduled_campaign_freezes_its_list_on_its_day() {
    let day = Day::of(START).plus(2);
    let mut looks = BTreeMap::from([look(1, 0, true)]);
    let one = fresh(&json!({"start": day})).start(by(START), &looks).expect("there");
    assert_eq!((one.status.state, one.items.len()), (CampaignState::Scheduled, 0));
    let one = one.tick(&looks, &Gate::Open, Micros(day.start().0 - 1));
    assert_eq!((one.status.state, one.acts.len()), (CampaignState::Scheduled, 0));
    looks.extend([look(2, 0, true)]);
    let one = one.tick(&looks, &Gate::Open, day.start());
    assert_eq!((one.status.state, one.status.frozen, one.status.scope.len()), (CampaignState::Running, 2, 0));
}

#[test]
fn what_is_not_there_is_neither_done_nor_changed() {
    let mut looks: BTreeMap<Uid, Look> = (0..3).map(|n| look(n, 0, true)).collect();
    let away = |looks: &mut BTreeMap<Uid, Look>, n: u64, away: bool| {
        let look = looks.get_mut(&uid(n)).expect("there");
        (look.away, look.outcome) = (away, if away { Outcome::Unknown } else { Outcome::Passes });
    };
    let mut one = fresh(&json!({"parallelism": 9})).start(by(START), &looks).expect("there");
    away(&mut looks, 0, false);
    away(&mut looks, 1, true);
    one = one.tick(&looks, &Gate::Open, START);
    assert_eq!(std::mem::take(&mut one.acts), [Act::Upgrade(uid(2))]);
    assert_eq!((one.items[&uid(0)].state, one.items[&uid(1)].state), (ItemState::Done, ItemState::Pending));
    assert!(one.items[&uid(1)].message.contains("is not there"));
    // What was done and was taken away is done no more, and nothing is over.
    (0..3).for_each(|n| away(&mut looks, n, n == 0));
    one = one.tick(&looks, &Gate::Open, Micros(START.0 + SECOND));
    assert_eq!((one.items[&uid(0)].state, one.status.state), (ItemState::Regressed, CampaignState::Running));
    assert_eq!(one.acts, []);
    away(&mut looks, 0, false);
    one = one.tick(&looks, &Gate::Open, Micros(START.0 + 2 * SECOND));
    assert_eq!(one.status.ended_as, Some(EndedAs::Completed));
    assert!(one.items.values().all(|item| item.message.is_empty()));
}

#[test]
fn a_campaign_with_nothing_to_move_is_over() {
    let mut looks: BTreeMap<Uid, Look> = (0..3).map(|n| look(n, 0, true)).collect();
    let started = fresh(&json!({})).start(by(START), &looks).expect("there");
    // All of it was destroyed meanwhile.
    let over = started.tick(&BTreeMap::new(), &Gate::Open, Micros(START.0 + SECOND));
    assert_eq!((over.status.state, over.status.ended_as), (CampaignState::Ended, Some(EndedAs::Completed)));
    for look in looks.values_mut() {
        look.outcome = Outcome::Passes;
    }
    for looks in [&looks, &BTreeMap::new()] {
        let refusal = fresh(&json!({})).start(by(START), looks).expect_err("there is nothing");
        assert!(refusal.rule == "campaign.nothing" && refusal.message.contains("nothing to move"));
        // On its day nobody is there to be told.
        let day = Day::of(START).plus(2);
        let waits = fresh(&json!({"start": day})).start(by(START), looks).expect("it waits for its day");
        let over = waits.tick(looks, &Gate::Open, day.start());
        assert_eq!((over.status.state, over.status.ended_as), (CampaignState::Ended, Some(EndedAs::Completed)));
    }
}
