//! Generated histories of endings: what may be decided, in any order, with time that passes in between.

use loggia_model::ending::rule::Notice;
use loggia_model::ending::steps::{By, Ending};
use loggia_model::ending::{Brownout, Dates, EndingRule, Exemption, Reach, Standing, Trial, Wish};
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
    Approve(usize, bool),
    Follow(bool),
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
        2 => (who.clone(), any::<bool>()).prop_map(|(who, here)| Act::Approve(who, here)),
        2 => any::<bool>().prop_map(Act::Follow),
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
        Act::Approve(who, here) => ending.approve(by(who), *here).ok(),
        // The repository says what was agreed on, or something else.
        Act::Follow(right) => {
            let agreed = ending.status.agreed.clone()?;
            let wanted = if *right { agreed.after } else { shifted(&agreed.after, &[0, 0, 0, 0, -1]) };
            ending.shift(wanted, By { who: "", at: now }, None).ok()
        }
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
    let follows =
        before.status.agreed.as_ref().is_some_and(|one| one.before == before.dates && one.after == after.dates);
    let agreed = matches!(act, Act::Approve(_, true)) || (follows && !matches!(act, Act::Approve(..)));
    if matches!(act, Act::Approve(_, false)) {
        assert_eq!(after.dates, before.dates, "kept elsewhere");
    }
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

fn rule() -> impl Strategy<Value = EndingRule> {
    let gap = || prop::option::of(0_u32..60);
    let trial =
        (1_u32..40, 0_u32..12, 1_u32..12).prop_map(|(days_before, hour, hours)| Trial { days_before, hour, hours });
    let trials = prop::collection::btree_map(0_u8..4, trial, 0..3);
    (0_u32..400, 0_u32..200, 0_u32..30, gap(), gap(), trials).prop_map(
        |(ga, preview, experimental, new, updates, trials)| {
            let mut brownouts: Vec<Trial> = trials.into_values().collect();
            brownouts.sort_by_key(|one| one.days_before);
            brownouts.dedup_by_key(|one| one.days_before);
            EndingRule {
                notice: Notice { ga, preview, experimental },
                closed_to_new_after: new,
                closed_to_updates_after: updates,
                brownouts,
                exemption: 90,
                quiet: 7,
            }
        },
    )
}

fn any_day() -> impl Strategy<Value = Option<Day>> {
    prop::option::of((0_i64..500).prop_map(|days| Day(START.0 + days - 50)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn what_is_proposed_is_the_first_that_may_be_told(
        rule in rule(),
        stage in prop::sample::select(vec![Stage::Ga, Stage::Preview, Stage::Experimental]),
        given in (any_day(), any_day(), any_day(), any_day()),
        dates in dates(),
    ) {
        let told = |dates: Dates| {
            let ending = Ending { dates, status: EndingStatus::default(), rule: rule.clone(), stage };
            ending.announce(By { who: "ann", at: START.start() }, None)
        };
        let proposed = rule.propose("house", &Wish::default(), START, stage).dates;
        prop_assert_eq!(proposed.faults(), vec![]);
        prop_assert!(told(proposed.clone()).is_ok(), "{proposed:?}");
        // No day of it could come earlier, each for itself.
        let sooner = |day: Option<Day>| day.map(|day| Day(day.0 - 1));
        for less in [
            Dates { effective: Day(proposed.effective.0 - 1), ..proposed.clone() },
            Dates { off: Day(proposed.off.0 - 1), ..proposed.clone() },
            Dates { closed_to_new: sooner(proposed.closed_to_new), ..proposed.clone() },
            Dates { closed_to_updates: sooner(proposed.closed_to_updates), ..proposed.clone() },
        ] {
            // How long before the end a brownout is, is the rule's wish; that there is one is what it demands.
            if !rule.brownouts.is_empty() && less.effective == proposed.effective {
                continue;
            }
            prop_assert!(less == proposed || !less.faults().is_empty() || told(less.clone()).is_err(), "{less:?}");
        }
        // What is given wins, whatever the rule says.
        let (effective, closed_to_new, closed_to_updates, off) = given;
        let wish = Wish { effective, closed_to_new, closed_to_updates, off, ..Wish::default() };
        let with = rule.propose("house", &wish, START, stage);
        let says = |wanted: Option<Day>, got: Option<Day>| wanted.is_none() || wanted == got;
        prop_assert!(says(effective, Some(with.dates.effective)) && says(off, Some(with.dates.off)));
        prop_assert!(says(closed_to_new, with.dates.closed_to_new));
        prop_assert!(says(closed_to_updates, with.dates.closed_to_updates));
        // What is offered in place of days that are too early, or out of order, may be told, and stays what it is.
        for given in [with.dates, dates] {
            let offered = rule.first_valid("house", &given, START, stage).dates;
            prop_assert_eq!(offered.faults(), vec![], "{:?} for {:?}", offered, given);
            prop_assert!(told(offered.clone()).is_ok(), "{offered:?}");
            prop_assert!(offered.off >= given.off && offered.effective >= given.effective);
            prop_assert_eq!(&rule.first_valid("house", &offered, START, stage).dates, &offered);
        }
    }
}

#[test]
fn a_proposal_says_which_rule_gave_which_day() {
    let rule = EndingRule::named(&BTreeMap::new(), "aws-lambda").expect("a preset");
    let day = |text: &str| Day::parse(text).expect("a day");
    let wish = Wish { effective: Some(day("2027-02-01")), ..Wish::default() };
    let origins = rule.propose("aws-lambda", &wish, day("2027-01-01"), Stage::Ga).origins;
    let told: Vec<String> = origins.iter().map(|one| format!("{} {}: {}", one.field, one.when, one.why)).collect();
    let expected = [
        "effective 1 February 2027: as given",
        "closedToNew 3 March 2027: aws-lambda asks for 30 days after it takes effect",
        "closedToUpdates 2 April 2027: aws-lambda asks for 30 days after nobody new gets it",
        "off 30 June 2027: aws-lambda asks for 180 days of notice for what is generally available",
    ];
    assert_eq!(told, expected);
}

#[test]
fn each_fault_of_a_brownout_says_which_one_it_is() {
    let time = |text: &str| Micros::parse(&format!("2027-{text}:00Z")).expect("a time");
    let day = |text: &str| Some(Day::parse(&format!("2027-{text}")).expect("a day"));
    let window = |from: &str, to: &str| Brownout { from: time(from), to: time(to), scope: Reach::All };
    let faults = |brownouts: Vec<Brownout>| {
        let dates = Dates {
            effective: day("02-01").expect("a day"),
            closed_to_new: day("03-01"),
            brownouts,
            closed_to_updates: day("04-01"),
            off: day("05-01").expect("a day"),
            ..Dates::default()
        };
        dates.faults().into_iter().map(|(_, message)| message).collect::<Vec<_>>()
    };
    let good = window("03-16T10:00", "03-16T12:00");
    assert_eq!(faults(vec![good.clone()]), [""; 0]);
    assert_eq!(Brownout::parse(&good.line()), Some(good.clone()));
    assert_eq!(Brownout::parse("2027-03-16 10:00 to 12:00"), Some(good.clone()));
    assert!(["", "2027-03-16", "2027-03-16 10:00 to", "a b to c d"].iter().all(|line| Brownout::parse(line).is_none()));
    for (wrong, says) in [
        (
            vec![window("02-16T10:00", "02-16T12:00")],
            "the brownout on 16 February 2027 from 10:00 to 12:00 (UTC) begins before it is closed to new on 1 March 2027",
        ),
        (
            vec![window("03-31T10:00", "04-01T12:00")],
            "the brownout from 31 March 2027 10:00 to 1 April 2027 12:00 (UTC) ends after it is closed to updates on 1 April 2027",
        ),
        (
            vec![good, window("03-16T11:00", "03-16T13:00")],
            "the brownout on 16 March 2027 from 11:00 to 13:00 (UTC) begins before the one on 16 March 2027 from 10:00 to \
             12:00 (UTC) is over",
        ),
        (
            vec![window("03-16T12:00", "03-16T10:00")],
            "the brownout on 16 March 2027 from 12:00 to 10:00 (UTC) ends before it begins",
        ),
    ] {
        assert_eq!(faults(wrong), [says]);
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
    assert_eq!(says(&status, "2027-06-30"), "off on 30 June 2027");
    status.proved = Some(Micros(0));
    assert_eq!(says(&status, "2027-07-01"), "gone (proved)");
}
