//! Days of endings: proposed from the rule, offered where a plan is too short, and earlier ones for texts that are kept in
//! a repository.

use crate::ending::{PEOPLE, PLAN, admin, apply, dates, day, decide, named, planned, rule, state, sweep, until};
use crate::estate::platform;
use crate::harness::{World, on_each};
use loggia_app::clock::Clock;
use loggia_app::command::due;
use loggia_app::ending::{ProposalWish, Verb};
use loggia_app::{Caller, Error};
use loggia_model::Day;
use loggia_model::ending::{Dates, Wish};

fn propose(world: &World, caller: &Caller, preset: &str, dates: Wish) -> loggia_app::Result<Dates> {
    let wish = ProposalWish { subject: "release:db-1.0.0".into(), preset: preset.into(), dates };
    world.app.propose_ending(caller, &wish).map(|proposal| proposal.dates)
}

#[test]
fn days_that_are_not_given_follow_from_the_rule() {
    on_each("days_that_are_not_given_follow_from_the_rule", |world| async move {
        planned(&world).await;
        let (bob, today) = (world.person("bob"), Day::of(world.clock.now()));
        let proposed = propose(&world, &bob, "house", Wish::default()).unwrap();
        assert_eq!((proposed.effective, proposed.off), (today, today.plus(90)));
        let given = Wish { effective: Some(today.plus(30)), off: Some(today.plus(200)), ..Wish::default() };
        let proposed = propose(&world, &bob, "aws-lambda", given).unwrap();
        assert_eq!((proposed.effective, proposed.off), (today.plus(30), today.plus(200)));
        assert_eq!((proposed.closed_to_new, proposed.closed_to_updates), (Some(today.plus(60)), Some(today.plus(90))));
        assert!(matches!(propose(&world, &bob, "nonsense", Wish::default()), Err(Error::Invalid(_))));
        let wish = ProposalWish { subject: "offering:nothing".into(), preset: "house".into(), dates: Wish::default() };
        assert!(matches!(world.app.propose_ending(&bob, &wish), Err(Error::NotFound(_))));
    });
}

#[test]
fn what_is_too_short_is_offered_the_first_days_that_are_not() {
    on_each("what_is_too_short_is_offered_the_first_days_that_are_not", |world| async move {
        planned(&world).await;
        let today = Day::of(world.clock.now());
        let short = dates(&world, |dates| {
            *dates = Dates { effective: today, off: today.plus(20), ..Dates::default() };
        })
        .await;
        decide(&world, "cora", Verb::Move { dates: short, emergency: None }).await.unwrap();
        let view = world.app.ending(&admin(), &named()).await.unwrap();
        let offer = view.offer.unwrap();
        let command = format!("loggia ending move db-end --off {}", today.plus(90));
        assert_eq!((offer.dates.off, offer.mend.as_str()), (today.plus(90), command.as_str()));
        assert!(view.too_short.contains("90 days of notice are needed"), "{}", view.too_short);
        let Err(Error::Refused(refusal)) = decide(&world, "cora", Verb::Announce { emergency: None }).await else {
            panic!("announced")
        };
        assert!(refusal.rule == "ending.short" && refusal.mend.contains(&command), "{refusal:?}");
        decide(&world, "cora", Verb::Move { dates: Box::new(offer.dates), emergency: None }).await.unwrap();
        decide(&world, "cora", Verb::Announce { emergency: None }).await.unwrap();
        let view = world.app.ending(&admin(), &named()).await.unwrap();
        assert!(view.offer.is_none() && view.line.title == "db", "{view:?}");
    });
}

/// Two people agree here, and the repository says it: neither alone makes days earlier.
#[test]
fn earlier_days_of_a_repository_are_agreed_on_here_and_written_there() {
    on_each("earlier_days_of_a_repository_are_agreed_on_here_and_written_there", |world| async move {
        platform(&world).await;
        apply(&world, PEOPLE).await.unwrap();
        due::arrange(&world.app).await.unwrap();
        let sync = async |text: &str| world.sync("repository:test", &[("end.yaml", text), ("x.yaml", "")]).await;
        assert_eq!(sync(PLAN).await.problems, []);
        decide(&world, "cora", Verb::Announce { emergency: None }).await.unwrap();
        let earlier = PLAN.replace("off: 2027-05-01", "off: 2027-04-20");
        assert_eq!(sync(&earlier).await.problems[0].rule, "ending.earlier");
        let wanted = dates(&world, |dates| dates.off = day("2027-04-20")).await;
        let urgent = Verb::Move { dates: wanted, emergency: Some("It leaks.".into()) };
        decide(&world, "cora", urgent).await.unwrap();
        assert_eq!(rule(decide(&world, "cora", Verb::Approve).await), "ending.second");
        assert_eq!(sync(&earlier).await.problems[0].rule, "ending.earlier");
        decide(&world, "dan", Verb::Approve).await.unwrap();
        let view = world.app.ending(&admin(), &named()).await.unwrap();
        assert_eq!((view.line.dates.off, view.kept_elsewhere), (day("2027-05-01"), true));
        assert_eq!(view.agreed.unwrap().after.off, day("2027-04-20"));
        let other = PLAN.replace("off: 2027-05-01", "off: 2027-04-19");
        assert_eq!(sync(&other).await.problems[0].rule, "ending.earlier");
        assert_eq!(sync(&earlier).await.problems, []);
        sweep(&world).await;
        let view = world.app.ending(&admin(), &named()).await.unwrap();
        assert_eq!((view.line.dates.off, view.agreed), (day("2027-04-20"), None));
        // What was agreed on once is no permission for ever.
        assert_eq!(sync(PLAN).await.problems, []);
        assert_eq!(sync(&earlier).await.problems[0].rule, "ending.earlier");
        until(&world, "2027-05-01");
        assert_eq!(state(&world).await, loggia_model::EndingState::Off);
    });
}
