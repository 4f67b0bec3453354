//! Getting things and giving them back.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each, pass};
use loggia_app::driver::Failure;
use loggia_app::operation::Operate;
use loggia_app::order::OrderInput;
use loggia_app::{Caller, Error};
use loggia_model::Uid;
use loggia_model::operation::{State, Verb};
use serde_json::{Value, json};
use std::sync::Arc;

fn input(name: &str) -> OrderInput {
    OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        ..OrderInput::default()
    }
}

fn phase(app: &loggia_app::App, instance: &str) -> String {
    let graph = app.graph();
    let record = graph.get_text(instance);
    record.map_or("none".into(), |r| r.parse_status()["phase"].as_str().unwrap_or_default().to_owned())
}

async fn ordered(world: &World, caller: &Caller, input: OrderInput) -> Uid {
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
        let secret = world.app.reveal(&ann, &instance, "password").await.unwrap();
        assert!(secret.reveal().starts_with("password-of-"));
        assert!(matches!(
            world.app.reveal(&world.person("bob"), &instance, "password").await,
            Err(Error::Forbidden(_))
        ));
        let destroy = Operate { instance: instance.clone(), verb: Verb::Destroy, confirmed: true };
        let outcome = world.app.run(&ann, destroy).await.unwrap();
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
        let retry =
            Operate { instance: "instance:booking/bad.dev".parse().unwrap(), verb: Verb::Apply, confirmed: false };
        world.app.run(&ann, retry).await.unwrap();
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
        let destroy = || Operate { instance: instance.clone(), verb: Verb::Destroy, confirmed: true };
        let first = world.app.run(&ann, destroy()).await.unwrap().answer["operation"].clone();
        let second = world.app.run(&ann, destroy()).await.unwrap().answer["operation"].clone();
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
