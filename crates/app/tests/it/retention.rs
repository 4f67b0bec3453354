//! What is old is forgotten; what is told from it stays as it was.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use loggia_app::estate::usage::UsageFilter;
use loggia_app::instance::order::OrderInput;
use loggia_app::retention::Forgotten;
use loggia_app::{Caller, Door, Error};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::usage::UsageReading;
use loggia_model::{Micros, Ref, Uid};
use serde_json::json;
use std::sync::Arc;

const DAY: i64 = 86_400;

fn reading(id: &str, time: Micros) -> UsageReading {
    let all = json!({"id": id, "time": time, "offering": "db", "channel": "request", "team": "booking"});
    serde_json::from_value(all).unwrap()
}

/// Orders, and waits until it is there; gives its operation.
async fn ordered(world: &World, name: &str) -> Uid {
    let wish = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        ..OrderInput::default()
    };
    let outcome = world.app.order(&world.person("ann"), wish).await.unwrap();
    let instance = Ref::new("instance", "booking", &format!("{name}.dev"));
    let ready = |app: &loggia_app::App| {
        let status = app.graph().get(&instance).map(|record| record.typed_status::<InstanceStatus>().unwrap());
        status.is_some_and(|status| status.phase == Phase::Ready)
    };
    world.until("ready", ready).await;
    serde_json::from_value(outcome.answer["operation"].clone()).unwrap()
}

#[test]
fn lines_and_readings_are_forgotten_when_they_are_old_and_not_before() {
    on_each("lines_and_readings_are_forgotten_when_they_are_old", |world| async move {
        platform(&world).await;
        world.work(&Arc::new(InMemory::default()));
        let admin = Caller::administrator("test", Door::Api, "r1");
        let first = ordered(&world, "one").await;
        world.store.append_log(first, &[(world.app.now(), "made".into())]).await.unwrap();
        let lines = async |operation| world.store.log_lines(operation, 0, 100).await.unwrap().len();
        let kept = lines(first).await;
        assert!(kept > 0);
        let sent = (0..2_500).map(|at| reading(&at.to_string(), world.app.now())).collect();
        world.app.report_usage(&admin, sent).await.unwrap();
        world.clock.advance(179 * DAY);
        assert_eq!(world.app.forget_old(true).await.unwrap(), Forgotten::default());
        world.clock.advance(2 * DAY);
        let second = ordered(&world, "two").await;
        world.store.append_log(second, &[(world.app.now(), "made".into())]).await.unwrap();
        let gone = world.app.forget_old(false).await.unwrap();
        assert_eq!((gone.lines, gone.readings), (kept as u64, 0));
        assert_eq!(lines(first).await, 0);
        assert!(lines(second).await > 0);
        assert!(world.store.operation(first).await.unwrap().is_some(), "what was done is known for ever");
        let uses = world.app.uses(&admin, &UsageFilter::default()).await.unwrap();
        world.clock.advance(620 * DAY);
        let gone = world.app.forget_old(false).await.unwrap();
        assert!(gone.readings >= 2_500, "{gone:?}");
        assert_eq!(world.app.uses(&admin, &UsageFilter::default()).await.unwrap(), uses, "days are kept");
        // What was counted and is forgotten is not counted again.
        let old = reading("7", Micros(world.app.now().0 - 801 * 86_400_000_000));
        let Err(Error::Invalid(problems)) = world.app.report_usage(&admin, vec![old]).await else {
            panic!("it is too old")
        };
        assert_eq!(problems[0].path, "0.time");
        assert_eq!(world.app.forget_old(true).await.unwrap().readings, 0);
        world.stop.send_replace(true);
    });
}
