//! Two servers on one database: what the one takes, the other carries out.

use crate::estate::platform;
use crate::harness::{InMemory, on_each};
use crate::running::{ordered, status};
use crate::versions::{apply, release, usual};
use loggia_app::access::caller::Door;
use loggia_app::command::idempotency::{Earlier, Keyed};
use loggia_app::release::upgrade::Upgrade;
use loggia_app::{Caller, Error};
use loggia_model::instance::Phase;
use loggia_model::operation::State;
use serde_json::json;
use std::sync::Arc;

const ROUNDS: usize = 4;
const AT_ONCE: usize = 3;

#[test]
fn what_one_server_takes_the_other_carries_out_at_once() {
    on_each("what_one_server_takes_the_other_carries_out_at_once", |world| async move {
        platform(&world).await;
        let how = json!({"upgrade": {"from": "1", "strategy": "in-place", "rollback": "supported"}});
        apply(&world, release("1.2.0", usual(), "", how)).await.unwrap();
        let other = world.restarted().await;
        // Only this one works; what the other writes it has not taken in yet when it takes the work.
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        for round in 0..ROUNDS {
            let names: Vec<String> = (0..AT_ONCE).map(|at| format!("n-{round}-{at}")).collect();
            let orders = names.iter().map(|name| ordered(&world, &other, name, "dev"));
            let mut operations = futures_util::future::join_all(orders).await;
            let full = |name: &String| format!("instance:booking/{name}.dev");
            for name in &names {
                world.until("ready", |app| status(app, &full(name)).phase == Phase::Ready).await;
            }
            for name in &names {
                let (instance, to) = (full(name).parse().unwrap(), Some("1.2.0".to_owned()));
                let upgrade = Upgrade { instance, to, back: false, confirmed: false };
                let outcome = other.run(&world.person("ann"), upgrade).await.unwrap();
                operations.push(serde_json::from_value(outcome.answer["operation"].clone()).unwrap());
            }
            for name in &names {
                let done = |app: &loggia_app::App| {
                    let status = status(app, &full(name));
                    status.phase == Phase::Ready && (&*status.applied, &*status.version) == ("db-1.2.0", "1.2.0")
                };
                world.until("upgraded", done).await;
            }
            for id in operations {
                let operation = world.store.operation(id).await.unwrap().unwrap();
                assert_eq!((operation.state, operation.attempt), (State::Succeeded, 1), "{operation:?}");
            }
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn a_key_is_one_key_on_all_servers() {
    on_each("a_key_is_one_key_on_all_servers", |world| async move {
        platform(&world).await;
        let other = world.restarted().await;
        let ann = Caller { door: Door::Api, ..world.person("ann") };
        let Keyed::New(held) = world.app.take_key(&ann, "k", "digest").await.unwrap() else { panic!("new") };
        assert!(matches!(other.take_key(&ann, "k", "something else").await, Err(Error::Conflict(_))));
        assert!(matches!(other.take_key(&world.person("bob"), "k", "digest").await, Ok(Keyed::New(_))));
        let second = tokio::spawn({
            let (other, ann) = (Arc::clone(&other), ann.clone());
            async move { other.take_key(&ann, "k", "digest").await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(!second.is_finished(), "it waits for the answer of the first");
        let answer = Earlier { status: 202, body: "{}".into() };
        world.app.keep_answer(&held, answer.clone()).await.unwrap();
        let Keyed::Answered(found) = second.await.unwrap().unwrap() else { panic!("answered") };
        assert_eq!(found, answer);
        // What has no answer to keep is served anew; what was never settled, too, after a while.
        let Keyed::New(held) = other.take_key(&ann, "l", "digest").await.unwrap() else { panic!("new") };
        other.give_key_back(&held).await.unwrap();
        let Keyed::New(late) = world.app.take_key(&ann, "l", "digest").await.unwrap() else { panic!("new") };
        world.clock.advance(121);
        let Keyed::New(held) = other.take_key(&ann, "l", "digest").await.unwrap() else { panic!("new") };
        world.app.keep_answer(&late, Earlier { status: 500, body: "late".into() }).await.unwrap();
        other.keep_answer(&held, answer.clone()).await.unwrap();
        let Keyed::Answered(found) = world.app.take_key(&ann, "l", "digest").await.unwrap() else { panic!("kept") };
        assert_eq!(found, answer, "who comes too late writes over nothing");
    });
}
