//! Generated histories of endings: what may be decided, in any order, with time that passes in between.

use loggia_model::ending::steps::{By, Ending};
use loggia_model::ending::{Brownout, Dates, EndingRule, Exemption, Reach, Standing};
use loggia_model::kinds::offering::Stage;
use loggia_model::time::DAY;
use loggia_model::{Day, EndingState, EndingStatus, Micros};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Something that happens.
#[derive(Clone, Debug)]
enum Act {
    Days(i64),
    Hours(i64),
    Announce(usize, bool),
    Approve(usize),
    Shift(usize, Vec<i64>, bool),
    Cancel(usize),
    Exempt(i64),
    Remove(bool),
    Found(bool),
}

const PEOPLE: [&str; 3] = ["ann", "bob", "cia"];
const START: Day = Day(20_000);

fn act() -> impl Strategy<Value = Act> {
    let who = 0..PEOPLE.len();
    prop_oneof![
        4 => (0_i64..120).prop_map(Act::Days),
        1 => (0_i64..30).prop_map(Act::Hours),
        3 => (who.clone(), prop::bool::weighted(0.3)).prop_map(|(who, urgent)| Act::Announce(who, urgent)),
        2 => who.clone().prop_map(Act::Approve),
        4 => (who.clone(), prop::collection::vec(-40_i64..90, 6), prop::bool::weighted(0.3))
            .prop_map(|(who, by, urgent)| Act::Shift(who, by, urgent)),
        1 => who.prop_map(Act::Cancel),
        1 => (-10_i64..700).prop_map(Act::Exempt),
        3 => prop::bool::weighted(0.3).prop_map(Act::Remove),
        2 => any::<bool>().prop_map(Act::Found),
    ]
}

fn dates() -> impl Strategy<Value = Dates> {
    let gap = || 0_i64..150;
    let parts = (gap(), gap(), gap(), gap(), any::<bool>(), any::<bool>(), prop::option::of(0_i64..40));
    parts.prop_map(|(first, second, third, fourth, new, updates, trial)| {
        let effective = Day(START.0 + first);
        let closed = Day(effective.0 + second);
        let frozen = Day(closed.0 + third);
        let from = |days| Micros(closed.start().0 + days * DAY + 10 * DAY / 24);
        let window = |days| Brownout { from: from(days), to: Micros(from(days).0 + DAY / 12), scope: Reach::All };
        let all = Dates {
            announced: None,
            effective,
            closed_to_new: new.then_some(closed),
            brownouts: trial.map(window).into_iter().collect(),
            closed_to_updates: updates.then_some(frozen),
            off: Day(frozen.0 + fourth),
        };
        let usable = all.faults().is_empty();
        if usable { all } else { Dates { brownouts: Vec::new(), ..all } }
    })
}

fn shifted(dates: &Dates, by: &[i64]) -> Dates {
    let day = |day: Day, at: usize| Day(day.0 + by[at]);
    Dates {
        announced: dates.announced,
        effective: day(dates.effective, 0),
        closed_to_new: dates.closed_to_new.map(|old| day(old, 1)),
        brownouts: dates
            .brownouts
            .iter()
            .map(|one| Brownout { from: Micros(one.from.0 + by[2] * DAY), to: Micros(one.to.0 + by[2] * DAY), ..*one })
            .collect(),
        closed_to_updates: dates.closed_to_updates.map(|old| day(old, 3)),
        off: day(dates.off, 4),
    }
}

fn decide(ending: &Ending, act: &Act, now: Micros) -> Option<Ending> {
    let by = |who: &usize| By { who: PEOPLE[*who], at: now };
    let urgent = |yes: &bool| yes.then_some("It leaks.");
    let ending = ending.clone();
    match act {
        Act::Days(_) | Act::Hours(_) => Some(ending),
        Act::Announce(who, emergency) => ending.announce(by(who), urgent(emergency)).ok(),
        Act::Approve(who) => ending.approve(by(who)).ok(),
        Act::Shift(who, days, emergency) => {
            let wanted = shifted(&ending.dates, days);
            let usable = wanted.faults().is_empty();
            usable.then(|| ending.shift(wanted, by(who), urgent(emergency)).ok()).flatten()
        }
        Act::Cancel(who) => ending.cancel(by(who), "Not now.").ok(),
        Act::Exempt(days) => {
            let until = Day(Day::of(now).0 + days);
            let (team, reason) = ("group:default/red".to_owned(), "Quarter's end.".to_owned());
            ending.exempt(Exemption { team, instance: None, until, reason, by: "ann".to_owned(), at: now }).ok()
        }
        Act::Remove(used) => {
            let left: &[String] = if *used { &["instance:red/a.dev".to_owned()] } else { &[] };
            ending.remove(by(&0), left).ok()
        }
        Act::Found(left) => Some(ending.found(left.then_some("An instance."), now)),
    }
}

/// What holds between two states of one ending.
fn audit(before: &Ending, was: EndingState, act: &Act, after: &Ending, now: Micros) {
    let is = after.state(now);
    let back = (was, is) == (EndingState::Proved, EndingState::Removed) && matches!(act, Act::Found(true));
    let pause = was == EndingState::Brownout && is == EndingState::ClosedToNew;
    let resumes = was == EndingState::Brownout && is == EndingState::Effective && after.dates.closed_to_new.is_none();
    let given_up = is == EndingState::Cancelled && matches!(act, Act::Cancel(_));
    assert!(is >= was || given_up || back || pause || resumes, "{was:?} became {is:?} by {act:?}");
    if is == EndingState::Cancelled && was != is {
        assert!(matches!(was, EndingState::Draft | EndingState::Announced), "cancelled when {was:?}");
    }
    assert!(after.dates.faults().is_empty());
    let agreed = matches!(act, Act::Approve(_));
    if let Some(emergency) = &after.status.emergency {
        assert_ne!(emergency.by, emergency.approved_by);
    }
    let told = was.is_told();
    if told && !agreed {
        let earlier = after.dates.off < before.dates.off
            || after.dates.effective < before.dates.effective
            || after.dates.closes_to_new() < before.dates.closes_to_new()
            || after.dates.closes_to_updates() < before.dates.closes_to_updates();
        assert!(!earlier, "earlier than told, by {act:?}");
    }
    if let (Some(deed), None) = (&after.status.announced, &after.status.emergency) {
        let notice = after.dates.off.since(Day::of(deed.at));
        assert!(notice >= i64::from(after.rule.notice(after.stage)), "{notice} days");
    }
    let last = after.dates.off.plus(after.rule.exemption);
    assert!(after.status.exemptions.iter().all(|one| one.until <= last));
    let standing = after.status.standing(&after.dates, now);
    assert_eq!(standing == Standing::Available, !is.is_told());
    assert_eq!(standing == Standing::Gone, is == EndingState::Proved);
    if is == EndingState::Removed && was == EndingState::Off {
        assert!(matches!(act, Act::Remove(false)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn no_history_breaks_a_promise(
        dates in dates(),
        preset in prop::sample::select(vec!["kubernetes", "aip-181", "aws-lambda"]),
        stage in prop::sample::select(vec![Stage::Ga, Stage::Preview, Stage::Experimental]),
        acts in prop::collection::vec(act(), 1..40),
    ) {
        let rule = EndingRule::named(&BTreeMap::new(), preset).expect("a preset");
        let mut ending = Ending { dates, status: EndingStatus::default(), rule, stage };
        let mut now = START.start();
        for act in acts {
            let was = ending.state(now);
            match act {
                Act::Days(days) => now = Micros(now.0 + days * DAY),
                Act::Hours(hours) => now = Micros(now.0 + hours * DAY / 24),
                _ => {}
            }
            let Some(after) = decide(&ending, &act, now) else { continue };
            audit(&ending, was, &act, &after, now);
            let text = serde_json::to_string(&after.status).expect("JSON");
            prop_assert_eq!(&serde_json::from_str::<EndingStatus>(&text).expect("read back"), &after.status);
            ending = after;
        }
        // Whatever happened, there is a way on for what was told: time, then taking it away, then proving it.
        if ending.state(now).is_told() && ending.state(now) < EndingState::Off {
            now = ending.dates.off.start();
        }
        if ending.state(now) == EndingState::Off {
            ending = ending.remove(By { who: "ann", at: now }, &[]).expect("taken away");
        }
        if ending.state(now) == EndingState::Removed {
            prop_assert_eq!(ending.found(None, now).state(now), EndingState::Proved);
        }
    }
}

#[test]
fn a_day_off_is_told_in_four_words() {
    let day = |text: &str| Day::parse(text).expect("a day");
    let dates = Dates { effective: day("2027-02-01"), off: day("2027-06-30"), ..Dates::default() };
    let mut status = EndingStatus::default();
    let says = |status: &EndingStatus, at: &str| status.standing(&dates, day(at).start()).to_string();
    assert_eq!(says(&status, "2027-01-01"), "available");
    status.announced = Some(loggia_model::ending::Deed { at: Micros(0), by: "ann".into(), reason: String::new() });
    assert_eq!(says(&status, "2027-01-01"), "going away");
    assert_eq!(says(&status, "2027-06-30"), "off on 2027-06-30");
    status.proved = Some(Micros(0));
    assert_eq!(says(&status, "2027-07-01"), "gone (proved)");
}
