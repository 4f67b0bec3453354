//! Every way of an upgrade, failing at every step: what there was serves on, and it is said what to do.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::versions::{apply, release, usual};
use loggia_app::command::due;
use loggia_app::instance::order::OrderInput;
use loggia_app::release::upgrade::Upgrade;
use loggia_app::release::upgrade_strategy::LetGo;
use loggia_app::{App, Error};
use loggia_model::Ref;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::Verb;
use serde_json::{Value, json};
use std::sync::Arc;

const WAYS: [&str; 3] = ["in-place", "side-by-side", "rebuild"];
const STEPS: [&str; 6] = ["probe", "plan", "apply", "observe", "destroy", "nothing"];

fn named(name: &str) -> Ref {
    Ref::new("instance", "booking", &format!("{name}.dev"))
}

fn state(app: &App, name: &str) -> (InstanceSpec, InstanceStatus) {
    let record = app.graph().get(&named(name)).cloned().unwrap();
    (record.spec().unwrap(), record.typed_status().unwrap())
}

fn upgrade(name: &str, confirmed: bool, back: bool) -> Upgrade {
    let to = (!back).then(|| "1.2.0".to_owned());
    Upgrade { instance: named(name), to, back, confirmed }
}

async fn ordered(world: &World, name: &str) {
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        release: Some("db-1.1.0".into()),
        inputs: json!({"size": "m"}).as_object().cloned().unwrap(),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
    settled(world, name).await;
}

/// Nothing is being done any more, whatever came of it.
async fn settled(world: &World, name: &str) {
    for _ in 0..1_000 {
        let uid = world.app.graph().get(&named(name)).unwrap().uid;
        let all = world.app.operations_of(uid, 20).await.unwrap();
        let ended = all.iter().all(|operation| operation.state.is_end());
        // What is committed is seen a moment later.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if ended && state(&world.app, name).1.phase == Phase::Ready {
            return;
        }
    }
    panic!("{name} never settled: {:?}", state(&world.app, name).1);
}

async fn platform_going(world: &World, way: &str) -> Arc<InMemory> {
    platform(world).await;
    let how = json!({"upgrade": {"from": "1", "strategy": way, "rollback": "supported", "keepDays": 3}});
    apply(world, release("1.2.0", usual(), "", how)).await.unwrap();
    let driver = Arc::new(InMemory::default());
    world.work(&driver);
    driver
}

fn keys(driver: &InMemory) -> Vec<String> {
    driver.resources.lock().unwrap().keys().cloned().collect()
}

#[test]
fn whatever_fails_in_whichever_way_what_there_was_serves_on() {
    for way in WAYS {
        on_each("whatever_fails", |world| async move {
            let driver = platform_going(&world, way).await;
            for step in STEPS {
                let about = format!("{way}, failing at {step}");
                ordered(&world, step).await;
                let old = keys(&driver);
                *driver.trip.lock().unwrap() = Some(step.to_owned());
                let before = state(&world.app, step);
                world.app.run(&world.person("ann"), upgrade(step, true, false)).await.unwrap();
                settled(&world, step).await;
                let failed = driver.trip.lock().unwrap().take().is_none();
                let (spec, status) = state(&world.app, step);
                let address = |status: &InstanceStatus| status.outputs["address"].clone();
                if failed {
                    assert_eq!((&spec, &status.applied), (&before.0, &before.1.applied), "{about}");
                    assert_eq!(address(&status), address(&before.1), "{about}");
                    assert_eq!((status.earlier, status.kept, status.generation), (None, None, 0), "{about}");
                    let said = status.conditions.iter().find(|one| one.kind == "UpgradeFailed").unwrap();
                    assert!(
                        said.message.contains("It keeps db-1.1.0") && said.message.contains("Mend that"),
                        "{about}"
                    );
                    assert_eq!(keys(&driver), old, "{about}: the old one, and nothing else");
                } else {
                    assert_eq!(status.applied, "db-1.2.0", "{about}");
                    assert_eq!(keys(&driver).len(), old.len() + usize::from(way == "side-by-side"), "{about}");
                }
                let passes = matches!((way, step), (_, "nothing") | ("in-place" | "side-by-side", "destroy"));
                assert_eq!(failed, !passes, "{about}");
            }
            world.stop.send_replace(true);
        });
    }
}

#[test]
fn a_new_one_beside_is_switched_to_and_back_until_the_old_one_goes() {
    on_each("a_new_one_beside", |world| async move {
        let driver = platform_going(&world, "side-by-side").await;
        let ann = world.person("ann");
        ordered(&world, "one").await;
        let address = || state(&world.app, "one").1.outputs["address"].clone();
        let old = address();
        world.app.run(&ann, upgrade("one", false, false)).await.unwrap();
        settled(&world, "one").await;
        assert!(address() != old && keys(&driver).len() == 2, "both run, and the new one is in use");
        // Back, as long as the old one is kept.
        world.app.run(&ann, upgrade("one", false, true)).await.unwrap();
        settled(&world, "one").await;
        assert_eq!((address(), state(&world.app, "one").1.applied.as_str()), (old.clone(), "db-1.1.0"));
        let refused = world.app.run(&ann, upgrade("one", false, false)).await;
        assert!(matches!(&refused, Err(Error::Refused(refusal)) if refusal.rule == "upgrade.kept"), "{refused:?}");
        world.app.run(&ann, LetGo { instance: named("one") }).await.unwrap();
        settled(&world, "one").await;
        assert_eq!((keys(&driver).len(), state(&world.app, "one").1.kept), (1, None));
        // Forward again; the old one goes when its time is over, and the way back with it. What cannot be taken away is
        // tried again.
        world.app.run(&ann, upgrade("one", false, false)).await.unwrap();
        settled(&world, "one").await;
        *driver.trip.lock().unwrap() = Some("destroy".to_owned());
        for round in 0..2 {
            world.clock.advance(3 * 86_400 + 1);
            due::fire(&world.app, &due::handlers()).await.unwrap();
            settled(&world, "one").await;
            assert_eq!(keys(&driver).len(), 2 - round, "{:?}", state(&world.app, "one").1);
            let left = state(&world.app, "one").1.conditions.iter().any(|one| one.kind == "EarlierLeft");
            assert_eq!(left, round == 0);
        }
        let back = world.app.run(&ann, upgrade("one", false, true)).await;
        assert!(matches!(&back, Err(Error::Refused(refusal)) if refusal.rule == "upgrade.no-way-back"), "{back:?}");
        // Destroyed while one is kept, both go.
        ordered(&world, "two").await;
        world.app.run(&ann, upgrade("two", false, false)).await.unwrap();
        settled(&world, "two").await;
        world.app.operate(&ann, named("two"), Verb::Destroy, true).await.unwrap();
        world.until("gone", |app| app.graph().get(&named("two")).is_none()).await;
        assert_eq!(keys(&driver).len(), 1);
        world.stop.send_replace(true);
    });
}

#[test]
fn what_destroys_is_confirmed_and_what_people_do_counts_when_it_is_seen() {
    on_each("what_destroys_is_confirmed", |world| async move {
        let driver = platform_going(&world, "rebuild").await;
        let ann = world.person("ann");
        ordered(&world, "one").await;
        let refused = world.app.run(&ann, upgrade("one", false, false)).await;
        assert!(
            matches!(&refused, Err(Error::Refused(refusal)) if refusal.rule == "instance.unconfirmed"),
            "{refused:?}"
        );
        let hand = json!({"upgrade": {"strategy": "by-hand", "steps": ["Stop it.", "Start the other."]},
            "upstream": {"name": "db", "version": "16"}});
        apply(&world, release("1.3.0", usual(), "", hand)).await.unwrap();
        let by_hand = || Upgrade { to: Some("1.3.0".into()), ..upgrade("one", false, false) };
        let steps = world.app.upgrade_preview(&ann, &by_hand()).unwrap().steps;
        assert_eq!(steps, ["Stop it.", "Start the other."]);
        let answer = world.app.run(&ann, by_hand()).await.unwrap().answer;
        assert_eq!(answer["steps"], Value::from(steps));
        settled(&world, "one").await;
        let look = async || {
            world.app.operate(&ann, named("one"), Verb::Observe, false).await.unwrap();
            settled(&world, "one").await;
            state(&world.app, "one").1
        };
        for (says, done) in [("15.4", false), ("160", false), ("16.2", true)] {
            *driver.says.lock().unwrap() = Some(says.to_owned());
            let status = look().await;
            assert_eq!((status.applied == "db-1.3.0", status.change.is_none()), (done, done), "{says}: {status:?}");
        }
        // Given up, it is what it was.
        apply(&world, release("1.4.0", usual(), "", json!({}))).await.unwrap();
        world.app.run(&ann, Upgrade { to: Some("1.4.0".into()), ..by_hand() }).await.unwrap();
        world.app.close_change(&ann, &named("one")).await.unwrap();
        assert_eq!(
            (state(&world.app, "one").1.change, state(&world.app, "one").1.applied.as_str()),
            (None, "db-1.3.0")
        );
        world.stop.send_replace(true);
    });
}
