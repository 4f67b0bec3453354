//! The ending of a version: what has it by any spelling is concerned, and what cannot be told is no proof.

use crate::ending::{PEOPLE, admin, apply, decide, named, rule, sweep};
use crate::ending_parts::off;
use crate::estate::platform;
use crate::harness::{World, on_each};
use crate::versions::{release, usual};
use loggia_app::command::due;
use loggia_app::ending::Verb;
use loggia_app::ending::feed::cycles;
use loggia_app::estate::{Observe, Observed};
use loggia_app::record::Delete;
use loggia_graph::Audience;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Day, EndingState, Ref};
use serde_json::json;

/// Versions that are 1.0.0, another one, and that do not tell.
const SAME: [&str; 5] = ["1.0.0", "v1.0.0", "1.0", "1.0.0-alpine", "1.0.0+b1"];
const OTHER: [&str; 2] = ["1.1", "1.1.0-alpine"];
const UNTOLD: [&str; 3] = ["latest", "", "9.9.9"];

async fn report(world: &World, name: &str, version: &str, removed: bool) {
    let one = Observed {
        offering: "postgres".into(),
        version: version.into(),
        environment: "dev".into(),
        team: "tracking".into(),
        name: Some(name.into()),
        removed,
        ..Observed::default()
    };
    world.app.run(&admin(), Observe { seen: vec![one] }).await.unwrap();
}

async fn view(world: &World) -> (EndingState, usize, loggia_app::ending::Left) {
    world.clock.advance(2 * 86_400);
    sweep(world).await;
    let view = world.app.ending(&admin(), &named()).await.unwrap();
    (view.line.state, view.line.running, view.left.unwrap())
}

#[test]
fn a_version_is_gone_when_nothing_has_it_however_it_is_written() {
    on_each("a_version_is_gone_when_nothing_has_it", |world| async move {
        platform(&world).await;
        apply(&world, PEOPLE).await.unwrap();
        due::arrange(&world.app).await.unwrap();
        let all: Vec<&str> = SAME.into_iter().chain(OTHER).chain(UNTOLD).collect();
        for (at, version) in all.iter().enumerate() {
            report(&world, &format!("n{at}"), version, false).await;
        }
        off(&world, "subject: release:db-1.0.0").await;
        let (_, running, left) = view(&world).await;
        assert_eq!((running, left.instances.len(), left.untold.len()), (SAME.len(), SAME.len(), UNTOLD.len()));
        assert_eq!(rule(decide(&world, "cora", Verb::Remove).await), "ending.in-use");
        for at in 0..SAME.len() {
            report(&world, &format!("n{at}"), "1.0.0", true).await;
        }
        decide(&world, "cora", Verb::Remove).await.unwrap();
        let gone = Delete { reference: Ref::new("release", "default", "db-1.0.0"), if_match: None, dry_run: false };
        world.app.run(&admin(), gone).await.unwrap();
        let (state, running, left) = view(&world).await;
        assert_eq!((state, running, left.untold.len()), (EndingState::Removed, 0, UNTOLD.len()), "{left:?}");
        assert!(left.first().unwrap().contains("Nobody can tell"), "{left:?}");
        // Once it is told, it is proved; and what has it again takes the proof back.
        for (at, _) in all.iter().enumerate().skip(SAME.len()) {
            report(&world, &format!("n{at}"), "1.1.0", false).await;
        }
        assert_eq!(view(&world).await.0, EndingState::Proved);
        report(&world, "again", "v1.0", false).await;
        assert_eq!(view(&world).await.0, EndingState::Removed);
    });
}

#[test]
fn a_target_goes_with_its_version() {
    on_each("a_target_goes_with_its_version", |world| async move {
        platform(&world).await;
        let target = |world: &World| {
            let record = world.app.graph().get_text("instance:tracking/one.dev").cloned().unwrap();
            record.spec::<InstanceSpec>().unwrap().target
        };
        let steps = [("1.0", Some("db-1.0.0")), ("9.9.9", None), ("v1.1.0", Some("db-1.1.0")), ("latest", None)];
        for (version, wanted) in steps {
            report(&world, "one", version, false).await;
            assert_eq!(target(&world).as_deref(), wanted, "{version}");
            report(&world, "one", version, false).await;
            assert_eq!(target(&world).as_deref(), wanted, "{version}, again");
        }
    });
}

/// Every phase that a release may say, with and without an ending: whichever comes first.
#[test]
fn the_feed_says_what_support_says() {
    on_each("the_feed_says_what_support_says", |world| async move {
        platform(&world).await;
        apply(&world, PEOPLE).await.unwrap();
        let today = Day::of(world.app.now());
        let day = |days: i64| Day(today.0 + days);
        let says = [
            ("1.2.0", json!({}), None, None),
            ("1.3.0", json!({"activeUntil": day(-2)}), Some(day(-1)), Some(day(-1))),
            ("1.4.0", json!({"activeUntil": day(-2), "maintenanceUntil": day(5)}), Some(day(-1)), Some(day(6))),
            ("1.5.0", json!({"maintenanceUntil": day(-9), "extendedUntil": day(-8)}), Some(day(0)), Some(day(-7))),
        ];
        for (version, support, _, _) in &says {
            let mut more = json!({});
            if support != &json!({}) {
                more["support"] = support.clone();
            }
            crate::versions::apply(&world, release(version, usual(), "", more)).await.unwrap();
        }
        let feed = |version: &str| {
            let (_, all) = cycles(&world.app.graph(), &Audience::All, "db", world.app.now()).unwrap();
            all.into_iter().find(|one| one.version == version).unwrap()
        };
        for (version, _, active, over) in &says {
            let one = feed(version);
            assert_eq!((one.effective, one.over), (*active, *over), "{version}");
        }
        due::arrange(&world.app).await.unwrap();
        off(&world, "subject: offering:db").await;
        for (version, _, active, over) in &says {
            let (one, least) = (feed(version), |said: &Option<Day>| said.map_or(today, |said| said.min(today)));
            assert_eq!((one.effective, one.over), (Some(least(active)), Some(least(over))), "{version}");
        }
    });
}
