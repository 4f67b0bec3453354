//! From enrolled to managed, and back without destroying.

use crate::estate::{platform, seen};
use crate::harness::{InMemory, World, on_each};
use loggia_app::estate::Observe;
use loggia_app::estate::enrol::Enrol;
use loggia_app::instance::take_over::{Orphan, TakeOverInput};
use loggia_app::{Caller, Error};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{State, Verb};
use loggia_model::{Ref, Uid};
use serde_json::json;
use std::sync::Arc;

fn instance() -> Ref {
    "instance:booking/main.dev".parse().unwrap()
}

fn now(world: &World) -> (InstanceSpec, InstanceStatus) {
    let graph = world.app.graph();
    let record = graph.get(&instance()).unwrap();
    (record.spec().unwrap(), record.typed_status().unwrap())
}

async fn observed(world: &World) -> Caller {
    platform(world).await;
    let ann = world.person("ann");
    world.app.run(&ann, Observe { seen: vec![seen("postgres", "1.1.0", "main")] }).await.unwrap();
    ann
}

async fn asked(world: &World, caller: &Caller, input: TakeOverInput) -> Uid {
    let outcome = world.app.take_over(caller, instance(), input).await.unwrap();
    serde_json::from_value(outcome.answer["operation"].clone()).unwrap()
}

async fn ended(world: &World, caller: &Caller, id: Uid) -> loggia_model::operation::Operation {
    for _ in 0..1_000 {
        let operation = world.app.operation(caller, id).await.unwrap();
        if operation.state.is_end() {
            return operation;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never ended");
}

#[test]
fn what_is_enrolled_is_taken_over_only_when_nothing_would_change() {
    on_each("take_over", |world| async move {
        let ann = observed(&world).await;
        let refused = world.app.take_over(&ann, instance(), TakeOverInput::default()).await;
        assert!(matches!(refused, Err(Error::Refused(ref r)) if r.mend.contains("loggia enrol")), "{refused:?}");
        world.app.run(&ann, Enrol { instance: instance(), withdraw: false }).await.unwrap();
        let bob = world.app.take_over(&world.person("bob"), instance(), TakeOverInput::default()).await;
        assert!(matches!(bob, Err(Error::Forbidden(_))), "{bob:?}");
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        let before = now(&world);
        let id = asked(&world, &ann, TakeOverInput::default()).await;
        let operation = ended(&world, &ann, id).await;
        assert_eq!((operation.state, operation.verb), (State::Failed, Verb::Import));
        assert!(operation.message.contains("would change it: make it"), "{}", operation.message);
        assert_eq!(now(&world), before, "nothing was done");
        assert!(driver.resources.lock().unwrap().is_empty(), "also outside");
        let uid = world.app.graph().get(&instance()).unwrap().uid;
        driver.resources.lock().unwrap().insert(uid.to_string(), "there".into());
        let input = TakeOverInput {
            inputs: [("size".to_owned(), json!("m"))].into_iter().collect(),
            ..TakeOverInput::default()
        };
        let operation = asked(&world, &ann, input).await;
        let operation = ended(&world, &ann, operation).await;
        assert_eq!(operation.state, State::Succeeded, "{}", operation.message);
        let steps: Vec<_> = operation.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(steps, ["probe", "import", "observe"]);
        let (spec, status) = now(&world);
        assert_eq!((spec.step, spec.target.as_deref()), (Step::Managed, Some("db-1.1.0")));
        assert_eq!((spec.inputs["size"].clone(), spec.plan.unwrap().name.as_str()), (json!("m"), "small"));
        assert_eq!((status.phase, status.known_by.as_str()), (Phase::Ready, "driver"));
        assert_eq!(status.backend.unwrap().name, "memory");
        assert_eq!(driver.resources.lock().unwrap().len(), 1, "the resource is what it was");
        world.stop.send_replace(true);
    });
}

#[test]
fn what_is_let_go_runs_on_and_can_be_taken_over_again() {
    on_each("orphan", |world| async move {
        platform(&world).await;
        let (ann, driver) = (world.person("ann"), Arc::new(InMemory::default()));
        world.work(&driver);
        let order = loggia_app::instance::order::OrderInput {
            offering: "db".into(),
            environment: "dev".into(),
            team: "booking".into(),
            name: "main".into(),
            ..Default::default()
        };
        world.app.order(&ann, order).await.unwrap();
        let busy = world.app.run(&ann, Orphan { instance: instance() }).await;
        let ready = |app: &loggia_app::App| {
            let graph = app.graph();
            graph.get(&instance()).unwrap().parse_status()["phase"] == "ready"
        };
        world.until("ready", ready).await;
        if let Err(error) = busy {
            assert!(matches!(error, Error::Refused(_)), "{error:?}");
            world.app.run(&ann, Orphan { instance: instance() }).await.unwrap();
        }
        let (spec, status) = now(&world);
        assert_eq!((spec.step, status.backend), (Step::Enrolled, None));
        assert_eq!(driver.resources.lock().unwrap().len(), 1, "it runs on");
        let destroy = world.app.operate(&ann, instance(), Verb::Destroy, true).await;
        assert!(matches!(destroy, Err(Error::Refused(_))), "what is not held is not destroyed");
        let id = asked(&world, &ann, TakeOverInput::default()).await;
        assert_eq!(ended(&world, &ann, id).await.state, State::Succeeded);
        // The operation is read from the database, and what it did from the graph, which comes after.
        let is_managed = |app: &loggia_app::App| {
            let graph = app.graph();
            graph.get(&instance()).unwrap().parse().spec_text("step") == "managed"
        };
        world.until("managed", is_managed).await;
        let again = world.app.take_over(&ann, instance(), TakeOverInput::default()).await;
        assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
        world.stop.send_replace(true);
    });
}
