//! What is made of parts goes to another version: new parts come first, and what is none any more goes last.

use crate::composition::{input, named, offering, ready, release, shop_release, start, state, until, usual, write};
use crate::harness::{World, on_each};
use crate::order::phase;
use loggia_app::instance::driver::Failure;
use loggia_app::release::upgrade::Upgrade;
use loggia_app::{Caller, Error};
use loggia_model::instance::Phase;
use serde_json::{Value, json};

fn next(version: &str, composition: Value) -> Value {
    let mut document = shop_release(version, composition);
    document["spec"]["upgrade"] = json!({"strategy": "in-place", "rollback": "supported"});
    document
}

/// The usual one, and a queue from which the web takes its address.
fn with_queue() -> Value {
    let mut all = usual();
    all["parts"]["queue"] = json!({"offering": "app"});
    all["parts"]["web"]["inputs"]["address"] = json!("at ${parts.queue.address}");
    all
}

fn to(version: &str, confirmed: bool) -> Upgrade {
    Upgrade { instance: named("shop"), to: Some(version.into()), back: false, confirmed }
}

async fn ordered(world: &World, ann: &Caller) {
    let mut first = input("shop", json!({}));
    first.release = Some("1.0.0".into());
    world.app.order(ann, first).await.unwrap();
    until(world, "ready", ready("shop")).await;
}

fn says(refused: &Error, rule: &str) {
    assert!(format!("{refused:?}").contains(rule), "{rule}: {refused:?}");
}

#[test]
fn new_parts_are_made_first_and_former_ones_go_last() {
    on_each("new_parts_are_made_first", |world| async move {
        let (ann, driver) = start(&world).await;
        write(&world, vec![next("1.1.0", with_queue()), next("1.2.0", usual())]).await.unwrap();
        world.work(&driver);
        ordered(&world, &ann).await;
        let told = world.app.upgrade_preview(&ann, &to("1.1.0", false)).unwrap().parts.join(" ");
        assert!(told.contains("queue is made new") && told.contains("db stays: shop-db.dev"), "{told}");
        world.app.run(&ann, to("1.1.0", false)).await.unwrap();
        assert!(state(&world.app, "shop").1.held.is_some(), "it waits for its parts");
        until(&world, "1.1.0", |app| ready("shop")(app) && state(app, "shop").1.applied == "shop-1.1.0").await;
        let queue = state(&world.app, "shop-queue").1.outputs["address"].clone();
        assert_eq!(state(&world.app, "shop-web").0.inputs["address"], json!(format!("at {}", queue.as_str().unwrap())));
        // What would be lost is asked about first.
        let told = world.app.upgrade_preview(&ann, &to("1.2.0", false)).unwrap();
        assert!(told.parts.iter().any(|line| line.contains("queue is taken away")), "{told:?}");
        says(&world.app.run(&ann, to("1.2.0", false)).await.unwrap_err(), "instance.unconfirmed");
        world.app.run(&ann, to("1.2.0", true)).await.unwrap();
        let gone = |app: &loggia_app::App| ready("shop")(app) && phase(app, named("shop-queue").as_str()) == "none";
        until(&world, "the queue is gone", gone).await;
        assert_eq!(driver.resources.lock().unwrap().len(), 2);
        // And back: what was taken away is made anew.
        let back = Upgrade { instance: named("shop"), to: None, back: true, confirmed: true };
        world.app.run(&ann, back).await.unwrap();
        until(&world, "back", |app| ready("shop")(app) && state(app, "shop").1.applied == "shop-1.1.0").await;
        assert_eq!(driver.resources.lock().unwrap().len(), 3);
        world.stop.send_replace(true);
    });
}

#[test]
fn a_part_that_cannot_be_made_leaves_the_version_that_there_was() {
    on_each("a_part_that_cannot_be_made", |world| async move {
        let (ann, driver) = start(&world).await;
        write(&world, vec![next("1.1.0", with_queue())]).await.unwrap();
        world.work(&driver);
        ordered(&world, &ann).await;
        let (before, _) = state(&world.app, "shop");
        let (web, _) = state(&world.app, "shop-web");
        driver.failures.lock().unwrap().push(Failure::yours("It is full.", "Make room."));
        world.app.run(&ann, to("1.1.0", false)).await.unwrap();
        let back = |app: &loggia_app::App| {
            phase(app, named("shop-queue").as_str()) == "none" && ready("shop")(app) && ready("shop-web")(app)
        };
        until(&world, "as it was", back).await;
        let (spec, status) = state(&world.app, "shop");
        assert_eq!((spec.target, spec.wiring, spec.needs), (before.target, before.wiring, before.needs));
        assert!(status.conditions.iter().any(|one| one.kind == "UpgradeFailed"), "{:?}", status.conditions);
        assert_eq!(state(&world.app, "shop-web").0.inputs, web.inputs);
        assert_eq!(driver.resources.lock().unwrap().len(), 2);
        // Nothing is in the way of another try.
        world.app.run(&ann, to("1.1.0", false)).await.unwrap();
        until(&world, "1.1.0", |app| ready("shop")(app) && state(app, "shop").1.applied == "shop-1.1.0").await;
        world.stop.send_replace(true);
    });
}

#[test]
fn what_cannot_be_had_from_what_is_there_is_told_before() {
    on_each("what_cannot_be_had_is_told", |world| async move {
        let (ann, driver) = start(&world).await;
        let mut newer = crate::composition::app_release();
        newer["metadata"]["name"] = json!("app-2.0.0");
        newer["spec"]["version"] = json!("2.0.0");
        newer["spec"]["upgrade"] = json!({"strategy": "in-place", "rollback": "supported"});
        let mut ranged = usual();
        ranged["parts"]["db"]["version"] = json!("2");
        let mut by_hand = next("1.2.0", with_queue());
        by_hand["spec"]["upgrade"] = json!({"strategy": "by-hand", "rollback": "supported"});
        world.work(&driver);
        ordered(&world, &ann).await;
        write(&world, vec![newer, next("1.1.0", ranged), by_hand]).await.unwrap();
        for (version, rule) in [("1.1.0", "composition.range"), ("1.2.0", "upgrade.parts")] {
            assert!(world.app.upgrade_preview(&ann, &to(version, true)).unwrap().blocked.is_some(), "{version}");
            says(&world.app.run(&ann, to(version, true)).await.unwrap_err(), rule);
        }
        let part = Upgrade { instance: named("shop-db"), to: Some("2.0.0".into()), back: false, confirmed: false };
        world.app.run(&ann, part).await.unwrap();
        until(&world, "the part", |app| state(app, "shop-db").1.applied == "app-2.0.0" && ready("shop-db")(app)).await;
        world.app.run(&ann, to("1.1.0", false)).await.unwrap();
        until(&world, "1.1.0", |app| ready("shop")(app) && state(app, "shop").1.applied == "shop-1.1.0").await;
        world.stop.send_replace(true);
    });
}

/// Parts of parts: names may be the same on both floors.
#[test]
fn what_is_made_of_parts_may_be_a_part() {
    on_each("what_is_made_of_parts_may_be_a_part", |world| async move {
        let (ann, driver) = start(&world).await;
        let inputs = json!({"type": "object", "additionalProperties": false, "properties": {
            "host": {"type": "string"}, "size": {"type": "string"}}});
        let outputs = json!({"type": "object", "properties": {"address": {"type": "string"}}});
        let inner = |version: &str, more: bool| {
            let mut parts = json!({"db": {"offering": "app", "inputs": {"address": "${inputs.host}"}}});
            if more {
                parts["extra"] = json!({"offering": "app", "inputs": {"address": "${parts.db.address}"}});
            }
            let spec = json!({"contract": {"inputs": inputs, "outputs": outputs}, "recipe": {"driver": "parts"},
                "upgrade": {"strategy": "in-place", "rollback": "supported"},
                "composition": {"parts": parts, "outputs": {"address": "${parts.db.address}"}}});
            release("floor", version, spec)
        };
        let composition = json!({"parts": {"db": {"offering": "app"},
            "floor": {"offering": "floor", "version": ">=1 <2", "inputs": {"host": "to ${parts.db.address}"}}}});
        let all = vec![offering("floor"), inner("1.0.0", false), shop_release("3.0.0", composition)];
        write(&world, all).await.unwrap();
        world.work(&driver);
        world.app.order(&ann, input("shop", json!({}))).await.unwrap();
        until(&world, "ready", ready("shop")).await;
        let address = |name: &str| state(&world.app, name).1.outputs["address"].as_str().unwrap().to_owned();
        let (own, inner_db) = (address("shop-db"), state(&world.app, "shop-floor-db").0);
        assert_eq!(inner_db.inputs["address"], json!(format!("to {own}")));
        // The inner one by itself to a version with one part more: what it takes from outside stays.
        write(&world, vec![inner("1.1.0", true)]).await.unwrap();
        let floor = Upgrade { instance: named("shop-floor"), to: Some("1.1.0".into()), back: false, confirmed: false };
        world.app.run(&ann, floor).await.unwrap();
        until(&world, "one more", |app| {
            ready("shop-floor")(app) && state(app, "shop-floor").1.applied == "floor-1.1.0"
        })
        .await;
        assert_eq!(state(&world.app, "shop-floor-db").0.inputs, inner_db.inputs);
        assert_eq!(state(&world.app, "shop-floor").1.phase, Phase::Ready);
        assert_eq!(driver.resources.lock().unwrap().len(), 3);
        world.stop.send_replace(true);
    });
}
