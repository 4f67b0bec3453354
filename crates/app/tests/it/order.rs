//! Getting things and giving them back.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each, pass};
use loggia_app::access::secret_use::SecretUse;
use loggia_app::instance::driver::{Failure, Secret};
use loggia_app::instance::order::OrderInput;
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::{Caller, Door, Error};
use loggia_model::Uid;
use loggia_model::operation::{State, Verb};
use serde_json::{Value, json};
use std::sync::Arc;

pub fn input(name: &str) -> OrderInput {
    OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        ..OrderInput::default()
    }
}

pub fn phase(app: &loggia_app::App, instance: &str) -> String {
    let graph = app.graph();
    let record = graph.get_text(instance);
    record.map_or("none".into(), |r| r.parse_status()["phase"].as_str().unwrap_or_default().to_owned())
}

pub async fn ordered(world: &World, caller: &Caller, input: OrderInput) -> Uid {
    let outcome = world.app.order(caller, input).await.unwrap();
    serde_json::from_value(outcome.answer["operation"].clone()).unwrap()
}

#[test]
fn an_order_becomes_a_working_instance_and_goes_away_again() {
    on_each("an_order_becomes_a_working_instance", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        let mut wish = input("orders");
        wish.inputs.insert("seed".into(), json!("very-secret-seed"));
        let id = ordered(&world, &ann, wish).await;
        assert_eq!(phase(&world.app, "instance:booking/orders.dev"), "pending");
        world.work(&driver);
        world.until("ready", |app| phase(app, "instance:booking/orders.dev") == "ready").await;
        let operation = world.app.operation(&ann, id).await.unwrap();
        assert_eq!(operation.state, State::Succeeded);
        let steps: Vec<_> = operation.steps.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(steps, ["probe", "plan", "apply", "observe"]);
        let lines = world.app.log_lines(id, 0).await.unwrap();
        assert_eq!(lines[0].text, "seed is ***", "secrets are blanked");
        let instance: loggia_model::Ref = "instance:booking/orders.dev".parse().unwrap();
        let record = world.app.record(&ann, &instance).unwrap();
        assert!(!record.document.contains("very-secret") && record.document.contains("\"size\":\"s\""));
        let secret = world.app.reveal(&ann, &instance, "password", "").await.unwrap();
        assert!(secret.reveal().starts_with("password-of-"));
        assert!(matches!(
            world.app.reveal(&world.person("bob"), &instance, "password", "").await,
            Err(Error::Forbidden(_))
        ));
        let outcome = world.app.operate(&ann, instance, Verb::Destroy, true).await.unwrap();
        world.until("gone", |app| phase(app, "instance:booking/orders.dev") == "none").await;
        assert!(driver.resources.lock().unwrap().is_empty());
        let id: Uid = serde_json::from_value(outcome.answer["operation"].clone()).unwrap();
        assert_eq!(world.app.operation(&ann, id).await.unwrap().state, State::Succeeded);
        let ended = world.app.figures().await.unwrap().ended;
        let ended: Vec<_> = ended.iter().map(|((verb, driver, how), n)| format!("{verb} {driver} {how} {n}")).collect();
        assert_eq!(ended, ["apply memory succeeded 1", "destroy memory succeeded 1"]);
        world.stop.send_replace(true);
    });
}

#[test]
fn wrong_inputs_are_told_at_their_fields() {
    on_each("wrong_inputs_are_told_at_their_fields", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        let wrong = |change: &dyn Fn(&mut OrderInput)| {
            let mut wish = input("orders");
            change(&mut wish);
            wish
        };
        let cases: Vec<(OrderInput, &str)> = vec![
            (wrong(&|w| w.name = "Orders!".into()), "name"),
            (wrong(&|w| w.offering = "nothing".into()), "offering"),
            (wrong(&|w| w.environment = "moon".into()), "environment"),
            (wrong(&|w| w.plan = Some("huge".into())), "plan"),
            (wrong(&|w| w.release = Some("9".into())), "release"),
            (wrong(&|w| drop(w.inputs.insert("size".into(), json!("xl")))), "inputs.size"),
            (wrong(&|w| drop(w.inputs.insert("other".into(), json!(1)))), "inputs"),
        ];
        for (wish, field) in cases {
            let Err(Error::Invalid(problems)) = world.app.order(&ann, wish).await else { panic!("{field} passed") };
            assert_eq!(problems[0].path, field, "{problems:?}");
            assert!(!problems[0].mend.is_empty());
        }
        assert!(matches!(world.app.order(&world.person("bob"), input("a")).await, Err(Error::Forbidden(_))));
        ordered(&world, &ann, input("orders")).await;
        let Err(Error::Invalid(problems)) = world.app.order(&ann, input("orders")).await else { panic!("twice") };
        assert_eq!(problems[0].rule, "name.taken");
    });
}

#[test]
fn a_failure_waits_is_tried_again_and_ends() {
    on_each("a_failure_waits_is_tried_again_and_ends", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        *driver.failures.lock().unwrap() = vec![Failure::backend("It does not answer.", "Wait.")];
        ordered(&world, &ann, input("slow")).await;
        world.work(&driver);
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            pass(&world, 1);
        }
        world.until("ready", |app| phase(app, "instance:booking/slow.dev") == "ready").await;
        driver.failures.lock().unwrap().push(Failure::yours("The name is taken.", "Choose another."));
        let id = ordered(&world, &ann, input("bad")).await;
        world.until("failed", |app| phase(app, "instance:booking/bad.dev") == "failed").await;
        let operation = world.app.operation(&ann, id).await.unwrap();
        assert_eq!((operation.state, operation.message.as_str()), (State::Failed, "The name is taken."));
        let bad = "instance:booking/bad.dev".parse().unwrap();
        world.app.operate(&ann, bad, Verb::Apply, false).await.unwrap();
        world.until("mended", |app| phase(app, "instance:booking/bad.dev") == "ready").await;
        world.stop.send_replace(true);
    });
}

#[test]
fn gone_is_said_only_after_absence_was_seen() {
    on_each("gone_is_said_only_after_absence_was_seen", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        ordered(&world, &ann, input("sticky")).await;
        world.work(&driver);
        world.until("ready", |app| phase(app, "instance:booking/sticky.dev") == "ready").await;
        *driver.sticky.lock().unwrap() = true;
        let instance: loggia_model::Ref = "instance:booking/sticky.dev".parse().unwrap();
        let destroy = || world.app.operate(&ann, instance.clone(), Verb::Destroy, true);
        let first = destroy().await.unwrap().answer["operation"].clone();
        let second = destroy().await.unwrap().answer["operation"].clone();
        assert_eq!(first, second, "asking twice is one operation");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(phase(&world.app, "instance:booking/sticky.dev"), "deleting");
        *driver.sticky.lock().unwrap() = false;
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            pass(&world, 2);
        }
        world.until("gone", |app| phase(app, "instance:booking/sticky.dev") == "none").await;
        assert_ne!(first, Value::Null);
        world.stop.send_replace(true);
    });
}

#[test]
fn what_was_lost_and_is_back_is_ready_again() {
    on_each("what_was_lost_and_is_back_is_ready_again", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        ordered(&world, &ann, input("lost")).await;
        world.work(&driver);
        let (name, instance) = ("instance:booking/lost.dev", || "instance:booking/lost.dev".parse().unwrap());
        world.until("ready", |app| phase(app, name) == "ready").await;
        let kept = std::mem::take(&mut *driver.resources.lock().unwrap());
        world.app.operate(&ann, instance(), Verb::Observe, false).await.unwrap();
        world.until("lost", |app| phase(app, name) == "failed").await;
        driver.resources.lock().unwrap().clone_from(&kept);
        world.app.operate(&ann, instance(), Verb::Observe, false).await.unwrap();
        world.until("back", |app| phase(app, name) == "ready").await;
        let conditions = || world.app.graph().get_text(name).unwrap().parse_status()["conditions"].clone();
        assert_eq!(conditions(), Value::Null, "nothing is said of the loss any more");

        // Nobody asks: the looks find it.
        driver.resources.lock().unwrap().clear();
        world.app.operate(&ann, instance(), Verb::Observe, false).await.unwrap();
        world.until("lost again", |app| phase(app, name) == "failed").await;
        *driver.resources.lock().unwrap() = kept;
        world.look(&driver);
        world.until("found by a look", |app| phase(app, name) == "ready").await;
        world.stop.send_replace(true);
    });
}

#[test]
fn what_was_half_made_is_not_ready_because_it_can_be_seen() {
    on_each("what_was_half_made_is_not_ready", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        driver.failures.lock().unwrap().push(Failure::ours("The recipe is wrong.", "Correct it."));
        ordered(&world, &ann, input("half")).await;
        world.work(&driver);
        let name = "instance:booking/half.dev";
        world.until("failed", |app| phase(app, name) == "failed").await;
        let record = world.app.graph().get_text(name).cloned().unwrap();
        driver.resources.lock().unwrap().insert(record.uid.to_string(), "half".into());
        world.app.operate(&ann, name.parse().unwrap(), Verb::Observe, false).await.unwrap();
        world.until("looked at", |app| app.graph().get_text(name).unwrap().parse_status()["outputs"].is_object()).await;
        let status = world.app.graph().get_text(name).unwrap().parse_status();
        assert_eq!((&status["phase"], &status["conditions"][0]["reason"]), (&json!("failed"), &json!("ApplyFailed")));
        world.stop.send_replace(true);
    });
}

#[test]
fn what_was_not_touched_stays_what_it_was() {
    on_each("what_was_not_touched_stays_what_it_was", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        ordered(&world, &ann, input("precious")).await;
        world.work(&driver);
        let (name, instance) = ("instance:booking/precious.dev", || "instance:booking/precious.dev".parse().unwrap());
        world.until("ready", |app| phase(app, name) == "ready").await;
        *driver.precious.lock().unwrap() = true;
        let uid = world.app.graph().get_text(name).unwrap().uid;
        let before = world.app.operations_of(uid, 10).await.unwrap().len();
        let refused = world.app.operate(&ann, instance(), Verb::Destroy, false).await;
        assert!(matches!(&refused, Err(Error::Refused(r)) if r.rule == "instance.unconfirmed"), "{refused:?}");
        assert_eq!(
            (phase(&world.app, name), world.app.operations_of(uid, 10).await.unwrap().len()),
            ("ready".into(), before)
        );

        *driver.down.lock().unwrap() = true;
        let outcome = world.app.operate(&ann, instance(), Verb::Destroy, true).await.unwrap();
        let id: Uid = serde_json::from_value(outcome.answer["operation"].clone()).unwrap();
        assert_eq!(phase(&world.app, name), "deleting");
        world.until("kept", |app| phase(app, name) == "ready").await;
        assert_eq!(world.app.operation(&ann, id).await.unwrap().state, State::Failed);
        *driver.down.lock().unwrap() = false;
        world.app.operate(&ann, instance(), Verb::Destroy, true).await.unwrap();
        world.until("gone", |app| phase(app, name) == "none").await;
        world.stop.send_replace(true);
    });
}

#[test]
fn a_slow_driver_holds_no_other_up() {
    on_each("a_slow_driver_holds_no_other_up", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        for name in ["one", "two", "three", "four", "five"] {
            ordered(&world, &ann, input(name)).await;
        }
        world.work(&driver);
        let ready = |app: &loggia_app::App| {
            ["one", "two", "three", "four", "five"]
                .iter()
                .all(|n| phase(app, &format!("instance:booking/{n}.dev")) == "ready")
        };
        world.until("all ready", ready).await;
        let slow = world.app.graph().get_text("instance:booking/one.dev").unwrap().uid.to_string();
        *driver.slow.lock().unwrap() = slow;
        driver.resources.lock().unwrap().clear();
        world.look(&driver);
        world.until("the others were looked at", |app| phase(app, "instance:booking/five.dev") == "failed").await;
        assert_eq!(phase(&world.app, "instance:booking/one.dev"), "ready");
        world.stop.send_replace(true);
    });
}

/// Adds a record of ours to the platform.
pub async fn add(world: &World, kind: &str, name: &str, spec: Value) {
    let value = json!({"apiVersion": "loggia.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let apply = Apply { prepared: vec![prepare(value, "").unwrap()], if_match: None, dry_run: false };
    world.app.run(&Caller::administrator("test", Door::Api, "r1"), apply).await.unwrap();
}

#[test]
fn a_secret_that_was_never_set_is_named() {
    on_each("a_secret_that_was_never_set_is_named", |world| async move {
        platform(&world).await;
        let backends = json!({"memory": {"driver": "memory", "secretRef": "the-server"}});
        let spec = json!({"product": "fairway", "type": "test", "owner": "core", "backends": backends});
        add(&world, "Environment", "sealed", spec).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        let wish = || OrderInput { environment: "sealed".into(), ..input("orders") };
        let id = ordered(&world, &ann, wish()).await;
        world.work(&driver);
        world.until("failed", |app| phase(app, "instance:booking/orders.sealed") == "failed").await;
        let operation = world.app.operation(&ann, id).await.unwrap();
        assert_eq!(operation.steps.len(), 1, "it was said before anything was tried");
        assert_eq!(operation.mend, "Set it: loggia secret set the-server");
        world
            .until("told beforehand", |app| {
                let all = app.availability(&ann, "db").unwrap();
                all.iter()
                    .any(|one| one.environment == "sealed" && one.why_not.contains("loggia secret set the-server"))
            })
            .await;
        let admin = Caller::administrator("test", Door::Api, "r2");
        let secret = Some(Secret::new("s"));
        world.app.set_platform_secret(&admin, "the-server", secret, allowed("sealed", "")).await.unwrap();
        world.app.operate(&ann, "instance:booking/orders.sealed".parse().unwrap(), Verb::Apply, false).await.unwrap();
        world.until("ready", |app| phase(app, "instance:booking/orders.sealed") == "ready").await;
        // It runs on when nobody can look any more, and says why nobody can.
        world.app.set_platform_secret(&admin, "the-server", None, Some(SecretUse::default())).await.unwrap();
        world.look(&driver);
        let told = |app: &loggia_app::App| {
            let status = app.graph().get_text("instance:booking/orders.sealed").unwrap().parse_status();
            status["phase"] == "ready" && status["conditions"].to_string().contains("loggia secret allow the-server")
        };
        world.until("the look says why", told).await;
        world.stop.send_replace(true);
    });
}

/// The driver in memory, in one environment, with one host.
fn allowed(environment: &str, host: &str) -> Option<SecretUse> {
    let list = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    Some(SecretUse {
        environments: list(environment),
        drivers: list("memory"),
        hosts: list(host),
        ..SecretUse::default()
    })
}

/// Whoever writes an environment can name a secret, and sends it nowhere where an administrator did not allow it.
#[test]
fn a_secret_is_used_where_it_is_allowed_and_nowhere_else() {
    on_each("a_secret_is_used_where_it_is_allowed_and_nowhere_else", |world| async move {
        platform(&world).await;
        let admin = Caller::administrator("test", Door::Api, "r2");
        let backends =
            json!({"memory": {"driver": "memory", "secretRef": "s", "config": {"host": "evil.example.com"}}});
        let spec = json!({"product": "fairway", "type": "test", "owner": "core", "backends": backends});
        add(&world, "Environment", "mine", spec).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        world.work(&driver);
        let name = "instance:booking/orders.mine";
        let wish = || OrderInput { environment: "mine".into(), ..input("orders") };
        let set = |uses| world.app.set_platform_secret(&admin, "s", Some(Secret::new("hunter2")), uses);
        // By default it is used nowhere; elsewhere is not here; and the host is told apart.
        let mut id = None;
        for (uses, told) in [
            (None, "The secret s may not be used by the driver memory in mine."),
            (allowed("dev", "evil.example.com"), "The secret s may not be used by the driver memory in mine."),
            (allowed("mine", ""), "The secret s may not be used with evil.example.com, which the settings name."),
            (allowed("mine", "db.example.com"), "The secret s may not be used with evil.example.com"),
        ] {
            set(uses).await.unwrap();
            let this = match id {
                None => ordered(&world, &ann, wish()).await,
                Some(_) => {
                    let outcome = world.app.operate(&ann, name.parse().unwrap(), Verb::Apply, false).await.unwrap();
                    serde_json::from_value(outcome.answer["operation"].clone()).unwrap()
                }
            };
            id = Some(this);
            world.until("failed", |app| phase(app, name) == "failed").await;
            let operation = world.app.operation(&ann, this).await.unwrap();
            assert!(operation.message.starts_with(told), "{operation:?}");
            assert!(operation.mend.contains("loggia secret allow s "), "{operation:?}");
            assert_eq!(operation.steps.len(), 1, "nothing was tried with it");
        }
        set(allowed("mine", "evil.example.com")).await.unwrap();
        world.app.operate(&ann, name.parse().unwrap(), Verb::Apply, false).await.unwrap();
        world.until("ready", |app| phase(app, name) == "ready").await;
        let said = world.app.set_platform_secret(&ann, "s", None, allowed("mine", "")).await;
        assert!(matches!(said, Err(Error::Forbidden(_))), "{said:?}");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_promise_that_the_driver_does_not_keep_is_told() {
    on_each("a_promise_that_the_driver_does_not_keep_is_told", |world| async move {
        platform(&world).await;
        let outputs = json!({"type": "object", "properties": {
            "address": {"type": "string"}, "password": {"type": "string", "writeOnly": true}, "branch": {"type": "string"}}});
        let contract = json!({"inputs": {"type": "object"}, "outputs": outputs});
        let spec = json!({"offering": "db", "version": "2.0.0", "contract": contract, "recipe": {"driver": "memory"}});
        add(&world, "Release", "db-2.0.0", spec).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        ordered(&world, &ann, input("orders")).await;
        world.work(&driver);
        let name = "instance:booking/orders.dev";
        world.until("ready", |app| phase(app, name) == "ready").await;
        let status = world.app.graph().get_text(name).unwrap().parse_status();
        let told = &status["conditions"][0];
        assert_eq!((&told["type"], &told["status"]), (&json!("ContractKept"), &json!("False")), "{status}");
        assert!(told["message"].as_str().unwrap().contains("promises branch,"), "{told}");
        world.stop.send_replace(true);
    });
}
