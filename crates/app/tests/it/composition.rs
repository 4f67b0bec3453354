//! What is made of parts: made in order, taken away in reverse, and explained.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::order::phase;
use crate::versions::apply;
use loggia_app::command::due;
use loggia_app::instance::driver::Failure;
use loggia_app::instance::order::OrderInput;
use loggia_app::rules::approval::Approve;
use loggia_app::{App, Caller, Error};
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{State, Verb};
use loggia_model::{Ref, Uid};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn offering(name: &str) -> Value {
    json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": name, "title": name, "description": name},
        "spec": {"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
            "problem": "p", "plans": [{"name": "small", "default": true}]}})
}

pub fn release(name: &str, version: &str, spec: Value) -> Value {
    let mut document = json!({"apiVersion": "loggia.dev/v1", "kind": "Release",
        "metadata": {"name": format!("{name}-{version}")}, "spec": {"offering": name, "version": version}});
    if let Value::Object(more) = spec {
        for (key, value) in more {
            document["spec"][key] = value;
        }
    }
    document
}

/// A thing that takes an address and a password.
pub fn app_release() -> Value {
    let inputs = json!({"type": "object", "additionalProperties": false, "properties": {
        "address": {"type": "string"}, "password": {"type": "string", "writeOnly": true}, "size": {"type": "string"}}});
    let outputs = json!({"type": "object", "properties": {"address": {"type": "string"},
        "password": {"type": "string", "writeOnly": true}}});
    release("app", "1.0.0", json!({"contract": {"inputs": inputs, "outputs": outputs}, "recipe": {"driver": "memory"}}))
}

pub fn shop_release(version: &str, composition: Value) -> Value {
    let inputs = json!({"type": "object", "additionalProperties": false, "properties": {
        "size": {"enum": ["s", "m"], "default": "s"}, "cache": {"type": "boolean", "default": false}}});
    let outputs = json!({"type": "object", "properties": {"address": {"type": "string"}, "text": {"type": "string"},
        "password": {"type": "string", "writeOnly": true}}});
    let spec = json!({"contract": {"inputs": inputs, "outputs": outputs}, "recipe": {"driver": "parts"}});
    let mut document = release("shop", version, spec);
    document["spec"]["composition"] = composition;
    document
}

pub fn usual() -> Value {
    json!({"parts": {
        "db": {"offering": "app", "version": "1", "inputs": {"size": "${inputs.size}"}},
        "cache": {"offering": "app", "when": {"input": "cache", "is": true}},
        "web": {"offering": "app", "inputs": {"address": "at ${parts.db.address}", "password": "${parts.db.password}"}}},
        "outputs": {"address": "${parts.web.address}", "password": "${parts.db.password}", "text": "$${x} ${inputs.size}"}})
}

pub async fn write(world: &World, documents: Vec<Value>) -> Result<(), Error> {
    for document in documents {
        apply(world, document).await?;
    }
    Ok(())
}

pub fn named(name: &str) -> Ref {
    Ref::new("instance", "booking", &format!("{name}.dev"))
}

pub fn state(app: &App, name: &str) -> (InstanceSpec, InstanceStatus) {
    let record = app.graph().get(&named(name)).cloned().unwrap_or_else(|| panic!("no {name}"));
    (record.spec().unwrap(), record.typed_status().unwrap())
}

pub fn input(name: &str, inputs: Value) -> OrderInput {
    let Value::Object(inputs) = inputs else { panic!("inputs are names and values") };
    OrderInput {
        offering: "shop".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        inputs,
        ..OrderInput::default()
    }
}

pub async fn start(world: &World) -> (Caller, Arc<InMemory>) {
    platform(world).await;
    let all = vec![offering("app"), app_release(), offering("shop"), shop_release("1.0.0", usual())];
    write(world, all).await.unwrap();
    (world.person("ann"), Arc::new(InMemory::default()))
}

/// Fires deadlines until something is so.
pub async fn until(world: &World, what: &str, test: impl Fn(&App) -> bool) {
    for _ in 0..400 {
        due::fire(&world.app, &due::handlers()).await.unwrap();
        if test(&world.app) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!(
        "never: {what}: {:?}",
        world.names("instance").iter().map(|name| phase(&world.app, name)).collect::<Vec<_>>()
    );
}

pub fn ready(name: &str) -> impl Fn(&App) -> bool {
    let name = named(name).to_string();
    move |app| phase(app, &name) == "ready"
}

#[test]
fn a_whole_is_made_of_its_parts_in_order_and_goes_in_reverse() {
    on_each("a_whole_is_made_of_its_parts", |world| async move {
        let (ann, driver) = start(&world).await;
        let done = world.app.order(&ann, input("shop", json!({}))).await.unwrap();
        assert_eq!(
            world.names("instance"),
            ["shop-db.dev", "shop-web.dev", "shop.dev"].map(|n| format!("instance:booking/{n}"))
        );
        assert!(state(&world.app, "shop-db").1.held.is_none() && state(&world.app, "shop-web").1.held.is_some());
        world.work(&driver);
        until(&world, "ready", ready("shop")).await;
        let ((db, db_status), (web, _), (_, shop)) =
            (state(&world.app, "shop-db"), state(&world.app, "shop-web"), state(&world.app, "shop"));
        let address = db_status.outputs["address"].as_str().unwrap().to_owned();
        assert_eq!(
            (web.inputs["address"].clone(), db.inputs["size"].clone()),
            (json!(format!("at {address}")), json!("s"))
        );
        assert_eq!(shop.outputs["address"], state(&world.app, "shop-web").1.outputs["address"]);
        assert_eq!(shop.outputs["text"], json!("${x} s"));
        let of_db = world.app.reveal(&ann, &named("shop-db"), "password", "").await.unwrap();
        let of_shop = world.app.reveal(&ann, &named("shop"), "password", "").await.unwrap();
        assert_eq!(of_db.reveal(), of_shop.reveal(), "the same password, sealed anew");
        let all = world
            .app
            .graph()
            .of_kind(&loggia_graph::Audience::All, "instance")
            .map(|r| format!("{}{:?}", r.document, r.status))
            .collect::<String>();
        assert!(!all.contains("password-of-"), "no secret is in the clear");
        let id: Uid = serde_json::from_value(done.answer["operation"].clone()).unwrap();
        assert_eq!(world.app.operation(&ann, id).await.unwrap().state, State::Succeeded);
        explained(&world, &ann);
        // A part stays as long as something needs it.
        let refused = world.app.operate(&ann, named("shop-db"), Verb::Destroy, true).await.unwrap_err();
        assert!(format!("{refused:?}").contains("shop-web.dev"), "{refused:?}");
        let gone = world.app.operate(&ann, named("shop"), Verb::Destroy, true).await.unwrap();
        until(&world, "gone", |_| driver.resources.lock().unwrap().is_empty() && world.names("instance").is_empty())
            .await;
        let id: Uid = serde_json::from_value(gone.answer["operation"].clone()).unwrap();
        assert_eq!(world.app.operation(&ann, id).await.unwrap().state, State::Succeeded);
        world.stop.send_replace(true);
    });
}

/// Each part and each edge has a reason.
fn explained(world: &World, ann: &Caller) {
    let why = world.app.explanation(ann, &named("shop")).unwrap();
    let parts: BTreeMap<&str, &[String]> =
        why.made_of.iter().map(|one| (one.part.as_str(), one.because.as_slice())).collect();
    assert_eq!(parts.keys().copied().collect::<Vec<_>>(), ["cache", "db", "web"]);
    assert!(parts["cache"][0].contains("cache is not true") && parts["db"].iter().any(|why| why.contains("app-1.0.0")));
    let graph = world.app.graph();
    for record in graph.of_kind(&loggia_graph::Audience::All, "instance") {
        let spec: InstanceSpec = record.spec().unwrap();
        let why = world.app.explanation(ann, &record.reference).unwrap();
        assert_eq!(spec.needs.len(), why.takes.len());
        for need in &spec.needs {
            let of_need = world.app.explanation(ann, &need.parse().unwrap()).unwrap();
            assert!(!of_need.chosen_by.is_empty(), "{need}");
            assert!(of_need.needed_by.contains(&record.reference));
        }
    }
}

#[test]
fn what_cannot_be_made_ends_the_whole_and_a_retry_goes_on() {
    on_each("what_cannot_be_made_ends_the_whole", |world| async move {
        let (ann, driver) = start(&world).await;
        driver.failures.lock().unwrap().push(Failure::yours("It is full.", "Make room."));
        world.app.order(&ann, input("shop", json!({"cache": false}))).await.unwrap();
        world.work(&driver);
        let failed = |app: &App| {
            ["shop-db", "shop-web", "shop"].iter().all(|name| phase(app, &named(name).to_string()) == "failed")
        };
        until(&world, "failed", failed).await;
        let told = state(&world.app, "shop").1.conditions;
        assert!(told.iter().any(|one| one.message.contains("which it needs, failed")), "{told:?}");
        world.app.operate(&ann, named("shop"), Verb::Apply, false).await.unwrap();
        until(&world, "ready after all", ready("shop")).await;
        assert_eq!(driver.resources.lock().unwrap().len(), 2);
        world.stop.send_replace(true);
    });
}

#[test]
fn what_is_shared_is_made_once_and_stays() {
    on_each("what_is_shared_is_made_once", |world| async move {
        let (ann, driver) = start(&world).await;
        let mut shared = usual();
        shared["parts"]["db"]["shared"] = json!("main");
        write(&world, vec![shop_release("1.1.0", shared)]).await.unwrap();
        world.work(&driver);
        for name in ["one", "two"] {
            world.app.order(&ann, input(name, json!({"cache": true}))).await.unwrap();
        }
        until(&world, "both", |app| ready("one")(app) && ready("two")(app)).await;
        let all = world.names("instance");
        assert_eq!(all.len(), 7, "{all:?}");
        let why = world.app.explanation(&ann, &named("two")).unwrap();
        assert!(
            why.made_of.iter().any(|one| one.shared && one.because.iter().any(|why| why.contains("there already")))
        );
        assert_eq!(world.app.explanation(&ann, &named("main")).unwrap().chosen_by.len(), 2);
        world.app.operate(&ann, named("one"), Verb::Destroy, true).await.unwrap();
        until(&world, "one is gone", |_| world.names("instance").len() == 4).await;
        assert!(ready("main")(&world.app));
        world.stop.send_replace(true);
    });
}

#[test]
fn compositions_that_do_not_fit_are_not_published() {
    on_each("compositions_that_do_not_fit", |world| async move {
        start(&world).await;
        let with = |path: &str, value: Value| {
            let mut all = usual();
            *all.pointer_mut(path).unwrap() = value;
            all
        };
        for (composition, rule) in [
            (with("/parts/db/offering", json!("nothing")), "composition.offering"),
            (with("/parts/db/version", json!("7")), "composition.version"),
            (with("/parts/db/inputs", json!({"colour": "red"})), "composition.field"),
            (with("/parts/db/inputs", json!({"size": 3})), "composition.value"),
            (with("/parts/db/inputs", json!({"size": "${inputs.cache}"})), "composition.type"),
            (with("/parts/db/inputs", json!({"size": "${inputs.nothing}"})), "composition.field"),
            (with("/parts/web/inputs", json!({"address": "${parts.db.password}"})), "composition.secret"),
            (with("/parts/web/inputs", json!({"address": "${parts.db.nothing}"})), "composition.field"),
            (with("/outputs", json!({"nothing": "x"})), "composition.field"),
            (with("/parts/db/offering", json!("shop")), "composition.circle"),
        ] {
            let refused = write(&world, vec![shop_release("1.2.0", composition)]).await.unwrap_err();
            let Error::Invalid(problems) = refused else { panic!("{rule}: {refused:?}") };
            assert!(problems.iter().any(|problem| problem.rule == rule), "{rule}: {problems:?}");
        }
    });
}

/// A part takes the addresses of all that it needs.
fn generated(needs: &[Vec<usize>]) -> Value {
    let part = |needs: &Vec<usize>| {
        let places: Vec<String> = needs.iter().map(|need| format!("${{parts.p{need}.address}}")).collect();
        json!({"offering": "app", "inputs": {"address": places.join(" ")}})
    };
    let parts: serde_json::Map<String, Value> =
        needs.iter().enumerate().map(|(at, needs)| (format!("p{at}"), part(needs))).collect();
    json!({"parts": parts})
}

/// Nothing is made before all that it needs is there, and nothing goes while something needs it.
fn in_order(app: &App) {
    let graph = app.graph();
    for record in graph.of_kind(&loggia_graph::Audience::All, "instance") {
        let (spec, status): (InstanceSpec, InstanceStatus) = (record.spec().unwrap(), record.typed_status().unwrap());
        let begun = status.held.is_none() && phase(app, &record.reference.to_string()) != "failed";
        for need in spec.needs.iter().filter(|_| begun) {
            let phase = phase(app, need);
            assert_eq!(phase, "ready", "{} has begun, and {need} is {phase}", record.reference);
        }
    }
}

#[test]
fn generated_compositions_come_and_go_in_order_whatever_is_cut_off() {
    on_each("generated_compositions", |mut world| async move {
        let (ann, driver) = start(&world).await;
        let mut seed = 7_u64;
        let mut roll = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for round in 0..12 {
            let count = 1 + roll(6) as usize;
            let needs: Vec<Vec<usize>> = (0..count).map(|at| (0..at).filter(|_| roll(2) == 0).collect()).collect();
            let version = format!("2.{round}.0");
            write(&world, vec![shop_release(&version, generated(&needs))]).await.unwrap();
            let mut wish = input("big", json!({}));
            wish.release = Some(version);
            world.app.order(&ann, wish).await.unwrap();
            let killed = roll(3) == 0;
            world.work(&driver);
            let mut turns = 0;
            let cut = roll(12);
            while phase(&world.app, "instance:booking/big.dev") != "ready" {
                due::fire(&world.app, &due::handlers()).await.unwrap();
                in_order(&world.app);
                turns += 1;
                if killed && turns == cut {
                    // Another process takes over what this one had in hand.
                    world.stop.send_replace(true);
                    world.app = world.restarted().await;
                    world.stop = tokio::sync::watch::channel(false).0;
                    world.work(&driver);
                    crate::harness::pass(&world, 60);
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                assert!(turns < 2_000, "{needs:?}");
            }
            assert_eq!(driver.resources.lock().unwrap().len(), count);
            world.app.operate(&ann, named("big"), Verb::Destroy, true).await.unwrap();
            for turn in 0.. {
                due::fire(&world.app, &due::handlers()).await.unwrap();
                if world.names("instance").is_empty() {
                    break;
                }
                for name in world.names("instance") {
                    // Whoever goes is needed by nobody who stays.
                    if phase(&world.app, &name) == "deleting" {
                        // It may have gone since it was listed.
                        let Ok(why) = world.app.explanation(&ann, &name.parse().unwrap()) else { continue };
                        let big = named("big");
                        assert!(why.needed_by.iter().all(|one| *one == big), "{name} goes before {:?}", why.needed_by);
                    }
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                assert!(turn < 2_000, "{needs:?}");
            }
            assert!(driver.resources.lock().unwrap().is_empty());
            world.stop.send_replace(true);
            world.stop = tokio::sync::watch::channel(false).0;
        }
    });
}

#[test]
fn nothing_of_a_whole_is_made_before_somebody_agrees_and_nothing_is_left_of_a_no() {
    on_each("nothing_of_a_whole_is_made_before", |world| async move {
        let (ann, driver) = start(&world).await;
        let watch = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": "watch"},
            "spec": {"type": "team", "children": []}});
        let wim = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"name": "wim"},
            "spec": {"memberOf": ["watch"]}});
        let dev = json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": "dev"},
            "spec": {"product": "fairway", "type": "development", "owner": "core", "backends": {"memory": {"driver": "memory"}},
                "rules": [{"name": "watched", "for": {"offering": "shop"}, "why": "It costs",
                    "approval": {"by": "watch", "to": ["order"], "withinDays": 3}}]}});
        write(&world, vec![watch, wim, dev]).await.unwrap();
        world.work(&driver);
        let wim = world.person("wim");
        for (name, agree) in [("no", false), ("yes", true)] {
            world.app.order(&ann, input(name, json!({"cache": true}))).await.unwrap();
            for _ in 0..5 {
                due::fire(&world.app, &due::handlers()).await.unwrap();
            }
            assert!(driver.resources.lock().unwrap().is_empty(), "{name}");
            let (instance, reason) = (named(name), "Not now.".to_owned());
            world.app.run(&wim, Approve { instance, agree, reason }).await.unwrap();
            if agree {
                until(&world, "ready", ready("yes")).await;
            } else {
                until(&world, "nothing is left", |_| world.names("instance").is_empty()).await;
            }
        }
        assert_eq!(world.names("instance").len(), 4);
        world.stop.send_replace(true);
    });
}
