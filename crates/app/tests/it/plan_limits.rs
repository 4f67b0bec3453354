//! What a plan allows is frozen with the order: drivers are told that, whatever the offering says by then.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::versions::{apply, release, usual};
use loggia_app::Caller;
use loggia_app::Door;
use loggia_app::instance::order::OrderInput;
use loggia_app::release::upgrade::Upgrade;
use loggia_model::Ref;
use loggia_model::instance::{InstanceStatus, Phase};
use serde_json::{Value, json};
use std::sync::Arc;

/// The offering with plans that allow so many connections; no plan `large` without its number.
async fn plans(world: &World, small: u32, large: Option<u32>) {
    let mut plans = vec![json!({"name": "small", "default": true, "limits": {"connections": small}})];
    plans.extend(large.map(|large| json!({"name": "large", "limits": {"connections": large, "disk": "1Ti"}})));
    let offering = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "db"}, "spec":
        {"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f", "problem": "x",
         "plans": plans}});
    apply(world, offering).await.unwrap();
}

async fn order(world: &World, name: &str, plan: &str) {
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        release: Some("2.0.0".into()),
        plan: Some(plan.into()),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
    until(world, name, |status| status.phase == Phase::Ready).await;
}

async fn until(world: &World, name: &str, is: impl Fn(&InstanceStatus) -> bool) {
    let reference = Ref::new("instance", "booking", &format!("{name}.dev"));
    let holds = |app: &loggia_app::App| app.graph().get(&reference).is_some_and(|one| is(&one.typed_status().unwrap()));
    world.until(name, holds).await;
}

/// What the driver was told since, each call once.
fn told(driver: &InMemory) -> Vec<(&'static str, String, Value)> {
    let mut all: Vec<_> = driver.limits.lock().unwrap().drain(..).map(|(a, b, c)| (a, b, Value::Object(c))).collect();
    all.sort_by_key(|one| format!("{one:?}"));
    all.dedup();
    all
}

#[test]
fn drivers_are_told_the_plan_that_was_ordered() {
    on_each("drivers_are_told_the_plan_that_was_ordered", |world| async move {
        platform(&world).await;
        for version in ["2.0.0", "2.1.0"] {
            let how = json!({"upgrade": {"from": ">=1", "strategy": "in-place", "rollback": "supported"}});
            apply(&world, release(version, usual(), "", how)).await.unwrap();
        }
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        let (small, large) = (json!({"connections": 10}), json!({"connections": 100, "disk": "1Ti"}));
        plans(&world, 10, Some(100)).await;
        for (name, plan, limits) in [("one", "small", &small), ("two", "large", &large)] {
            order(&world, name, plan).await;
            let calls = told(&driver);
            assert!(calls.iter().any(|(call, ..)| *call == "apply"), "{calls:?}");
            assert!(calls.iter().all(|(_, told, found)| told == plan && found == limits), "{calls:?}");
        }
        // The offering allows something else now, or has the plan no more: what runs keeps what it was promised.
        plans(&world, 5, None).await;
        order(&world, "three", "small").await;
        let calls = told(&driver);
        assert!(calls.iter().all(|(_, _, found)| *found == json!({"connections": 5})), "{calls:?}");
        let ann = world.person("ann");
        for (name, limits) in [("one", &small), ("two", &large)] {
            let instance = Ref::new("instance", "booking", &format!("{name}.dev"));
            let command = Upgrade { instance, to: Some("2.1.0".into()), back: false, confirmed: false };
            world.app.run(&ann, command).await.unwrap();
            until(&world, name, |status| status.applied == "db-2.1.0" && status.phase == Phase::Ready).await;
            let calls = told(&driver);
            assert!(calls.iter().any(|(call, ..)| *call == "apply"), "{calls:?}");
            assert!(calls.iter().all(|(_, _, found)| found == limits), "{name}: {calls:?}");
        }
        // A plan that is no more cannot be ordered.
        let input = OrderInput {
            offering: "db".into(),
            environment: "dev".into(),
            team: "booking".into(),
            name: "four".into(),
            plan: Some("large".into()),
            ..OrderInput::default()
        };
        assert!(world.app.order(&Caller::administrator("a", Door::Api, "r"), input).await.is_err());
        world.stop.send_replace(true);
    });
}
