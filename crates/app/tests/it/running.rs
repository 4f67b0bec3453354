//! Operations that do not run as they should: hung, broken, odd, late.

use crate::estate::platform;
use crate::harness::{World, on_each, pass};
use crate::odd::Odd;
use crate::versions::{apply, release, usual};
use loggia_app::App;
use loggia_app::estate::look;
use loggia_app::instance::driver::{Call, Failure};
use loggia_app::instance::order::OrderInput;
use loggia_app::instance::worker;
use loggia_app::release::upgrade::Upgrade;
use loggia_model::Uid;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::operation::{Operation, State};
use loggia_store::{Times, WorkClass};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

pub async fn ordered(world: &World, app: &App, name: &str, environment: &str) -> Uid {
    let input = OrderInput {
        offering: "db".into(),
        environment: environment.into(),
        team: "booking".into(),
        name: name.into(),
        release: Some("1.1.0".into()),
        ..OrderInput::default()
    };
    let outcome = app.order(&world.person("ann"), input).await.unwrap();
    serde_json::from_value(outcome.answer["operation"].clone()).unwrap()
}

pub fn status(app: &App, instance: &str) -> InstanceStatus {
    let graph = app.graph();
    graph.get_text(instance).map(|record| record.typed_status().unwrap()).unwrap_or_default()
}

async fn operation(world: &World, id: Uid) -> Operation {
    world.store.operation(id).await.unwrap().unwrap()
}

/// Waits until an operation is so, while time passes for whoever waits for another attempt.
async fn until(world: &World, id: Uid, seconds: i64, test: impl Fn(&Operation) -> bool) -> Operation {
    for _ in 0..400 {
        let now = operation(world, id).await;
        if test(&now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        world.clock.advance(seconds);
    }
    panic!("never: {:?}", operation(world, id).await);
}

async fn stuck(world: &World) {
    platform(world).await;
    let environment = json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": "stuck"},
        "spec": {"product": "fairway", "type": "development", "owner": "core", "backends": {"stuck": {"driver": "memory"}}}});
    apply(world, environment).await.unwrap();
}

#[test]
fn a_backend_that_hangs_holds_nobody_else_up() {
    on_each("a_backend_that_hangs_holds_nobody_else_up", |world| async move {
        for call in [Call::Probe, Call::Plan, Call::Apply, Call::Observe] {
            let name = call.name();
            if call == Call::Probe {
                stuck(&world).await;
            }
            let driver = Arc::new(Odd { waits: Some((call, "stuck")).into(), ..Odd::default() });
            let (stop, stopped) = tokio::sync::watch::channel(false);
            let workers = worker::start(&world.app, &driver.drivers(), 4, &stopped);
            for number in 0..6 {
                ordered(&world, &world.app, &format!("{name}-{number}"), "stuck").await;
            }
            driver.began.notified().await;
            let id = ordered(&world, &world.app, name, "dev").await;
            until(&world, id, 0, |operation| operation.state == State::Succeeded).await;
            *driver.waits.lock().unwrap() = None;
            stop.send_replace(true);
            for _ in 0..20 {
                driver.gate.notify_waiters();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            workers.ended().await;
        }
    });
}

#[test]
fn a_call_that_never_answers_is_given_up_and_its_time_is_shown() {
    on_each("a_call_that_never_answers_is_given_up", |world| async move {
        stuck(&world).await;
        let patience = Some(Duration::from_millis(100));
        let driver = Arc::new(Odd { waits: Some((Call::Probe, "stuck")).into(), patience, ..Odd::default() });
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let id = ordered(&world, &world.app, "hung", "stuck").await;
        let waiting = until(&world, id, 0, |operation| operation.state == State::Waiting).await;
        assert!(waiting.message.contains("did not answer within"), "{}", waiting.message);
        assert!(waiting.steps[0].until.is_some());
        let failed = until(&world, id, 60, |operation| operation.state.is_end()).await;
        assert_eq!((failed.state, failed.attempt), (State::Failed, 8));
        world.stop.send_replace(true);
    });
}

#[test]
fn what_never_comes_to_an_end_fails_after_some_attempts() {
    on_each("what_never_comes_to_an_end_fails_after_some_attempts", |world| async move {
        platform(&world).await;
        let lost = ordered(&world, &world.app, "lost", "dev").await;
        for fence in 1..=200 {
            // Somebody takes it up, and is never heard of again: that is not its fault, and yet not for ever.
            let claimed =
                world.store.claim("w", Times::at(world.app.now()), 30, &WorkClass::ALL, &[]).await.unwrap().unwrap();
            assert_eq!((claimed.id, claimed.attempt, claimed.fence), (lost, 1, fence));
            pass(&world, 31);
        }
        let driver = Arc::new(Odd { breaks: Some(Call::Apply), ..Odd::default() });
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let failed = until(&world, lost, 0, |operation| operation.state.is_end()).await;
        assert!(failed.message.starts_with("It was begun 200 times"), "{}", failed.message);
        let broken = ordered(&world, &world.app, "broken", "dev").await;
        let failed = until(&world, broken, 60, |operation| operation.state.is_end()).await;
        assert_eq!((failed.state, &*failed.message), (State::Failed, "The driver broke down."));
        assert_eq!(status(&world.app, "instance:booking/broken.dev").phase, Phase::Failed);
        world.stop.send_replace(true);
    });
}

#[test]
fn a_reading_that_cannot_be_is_left_out_with_a_line() {
    on_each("a_reading_that_cannot_be_is_left_out_with_a_line", |world| async move {
        platform(&world).await;
        let driver = Arc::new(Odd { boasts: true, ..Odd::default() });
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        for name in ["one", "two"] {
            let id = ordered(&world, &world.app, name, "dev").await;
            let ended = until(&world, id, 0, |operation| operation.state.is_end()).await;
            assert_eq!((ended.state, ended.attempt), (State::Succeeded, 1));
            let lines = world.app.log_lines(id, 0).await.unwrap();
            assert!(lines.iter().any(|line| line.text.contains("left out")), "{lines:?}");
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn lines_are_there_while_the_driver_still_works() {
    on_each("lines_are_there_while_the_driver_still_works", |world| async move {
        platform(&world).await;
        let driver = Arc::new(Odd { waits: Some((Call::Apply, "memory")).into(), ..Odd::default() });
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let id = ordered(&world, &world.app, "one", "dev").await;
        driver.began.notified().await;
        let mut lines = Vec::new();
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            lines = world.store.log_lines(id, 0, 10).await.unwrap();
            if !lines.is_empty() {
                break;
            }
        }
        assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["it begins"]);
        assert_eq!(operation(&world, id).await.state, State::Running);
        driver.gate.notify_one();
        until(&world, id, 0, |operation| operation.state == State::Succeeded).await;
        assert_eq!(world.store.log_lines(id, 0, 10).await.unwrap().len(), 1, "each line once");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_look_that_began_before_a_change_takes_nothing_back() {
    on_each("a_look_that_began_before_a_change_takes_nothing_back", |world| async move {
        platform(&world).await;
        let how = json!({"upgrade": {"from": "1", "strategy": "in-place", "rollback": "supported"}});
        apply(&world, release("1.2.0", usual(), "", how)).await.unwrap();
        let driver = Arc::new(Odd::default());
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let name = "instance:booking/one.dev";
        ordered(&world, &world.app, "one", "dev").await;
        world.until("1.1.0", |app| status(app, name).version == "1.1.0").await;
        *driver.waits.lock().unwrap() = Some((Call::Observe, "memory"));
        look::start(&world.app, &driver.drivers(), &world.stop.subscribe());
        driver.began.notified().await;
        *driver.waits.lock().unwrap() = None;
        let to = Some("1.2.0".to_owned());
        let upgrade = Upgrade { instance: name.parse().unwrap(), to, back: false, confirmed: false };
        world.app.run(&world.person("ann"), upgrade).await.unwrap();
        world.until("1.2.0", |app| status(app, name).version == "1.2.0").await;
        driver.gate.notify_one();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(status(&world.app, name).version, "1.2.0");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_failure_of_before_is_not_told_as_one_of_now() {
    on_each("a_failure_of_before_is_not_told_as_one_of_now", |world| async move {
        platform(&world).await;
        let driver = Arc::new(Odd::default());
        *driver.inner.failures.lock().unwrap() = vec![Failure::backend("It does not answer.", "Wait.")];
        drop(worker::start(&world.app, &driver.drivers(), 1, &world.stop.subscribe()));
        let id = ordered(&world, &world.app, "one", "dev").await;
        let ended = until(&world, id, 1, |operation| operation.state.is_end()).await;
        assert_eq!((ended.state, &*ended.message), (State::Succeeded, ""));
        world.stop.send_replace(true);
    });
}
