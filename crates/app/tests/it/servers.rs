//! Two servers on one database: what the one takes, the other carries out.

use crate::estate::platform;
use crate::harness::{InMemory, on_each};
use crate::odd::Odd;
use crate::running::{ordered, status};
use crate::versions::{apply, release, usual};
use loggia_app::access::caller::Door;
use loggia_app::command::idempotency::{Earlier, Keyed};
use loggia_app::estate::{Observe, Observed};
use loggia_app::instance::driver::Call;
use loggia_app::instance::worker;
use loggia_app::release::upgrade::Upgrade;
use loggia_app::{App, Caller, Error};
use loggia_model::instance::Phase;
use loggia_model::operation::State;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

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
                let done = |app: &App| {
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
        let Keyed::New(held) = world.app.take_key(&ann, "k", "digest", 202).await.unwrap() else { panic!("new") };
        assert!(matches!(other.take_key(&ann, "k", "something else", 202).await, Err(Error::Conflict(_))));
        assert!(matches!(other.take_key(&world.person("bob"), "k", "digest", 202).await, Ok(Keyed::New(_))));
        let second = tokio::spawn({
            let (other, ann) = (Arc::clone(&other), ann.clone());
            async move { other.take_key(&ann, "k", "digest", 202).await }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!second.is_finished(), "it waits for the answer of the first");
        let answer = Earlier { status: 202, body: "{}".into() };
        world.app.keep_answer(&held, answer.clone()).await.unwrap();
        let Keyed::Answered(found) = second.await.unwrap().unwrap() else { panic!("answered") };
        assert_eq!(found, answer);
        // What has no answer to keep is served anew; what was never settled, too, after a while.
        let Keyed::New(held) = other.take_key(&ann, "l", "digest", 202).await.unwrap() else { panic!("new") };
        other.give_key_back(&held).await.unwrap();
        let Keyed::New(late) = world.app.take_key(&ann, "l", "digest", 202).await.unwrap() else { panic!("new") };
        world.clock.advance(16);
        let Keyed::New(held) = other.take_key(&ann, "l", "digest", 202).await.unwrap() else { panic!("new") };
        world.app.keep_answer(&late, Earlier { status: 500, body: "late".into() }).await.unwrap();
        other.keep_answer(&held, answer.clone()).await.unwrap();
        let Keyed::Answered(found) = world.app.take_key(&ann, "l", "digest", 202).await.unwrap() else {
            panic!("kept")
        };
        assert_eq!(found, answer, "who comes too late writes over nothing");
    });
}

/// Does something under the key of its caller.
async fn observed(app: &App, caller: &Caller) -> Result<(), Error> {
    let seen = Observed {
        offering: "postgres".into(),
        version: "1".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: Some("seen".into()),
        ..Observed::default()
    };
    app.run(caller, Observe { seen: vec![seen] }).await.map(drop)
}

/// Between the commit and the answer a server may end: what was done is not done again, and somebody is told.
#[test]
fn a_key_stands_with_what_was_done_under_it() {
    on_each("a_key_stands_with_what_was_done_under_it", |world| async move {
        platform(&world).await;
        let other = world.restarted().await;
        let ann = world.person("ann");
        let Keyed::New(held) = world.app.take_key(&ann, "k", "digest", 202).await.unwrap() else { panic!("new") };
        let keyed = Caller { key: Some(Arc::new(held.clone())), ..ann.clone() };
        observed(&world.app, &keyed).await.unwrap();
        // It never says what it answered.
        let Keyed::Answered(found) = other.take_key(&ann, "k", "digest", 202).await.unwrap() else { panic!("kept") };
        assert_eq!(found.status, 202);
        assert!(found.body.contains("created"), "{found:?}");
        // Where it does after all, that is the answer.
        let whole = Earlier { status: 200, body: "whole".into() };
        world.app.keep_answer(&held, whole.clone()).await.unwrap();
        let Keyed::Answered(found) = other.take_key(&ann, "k", "digest", 202).await.unwrap() else { panic!("kept") };
        assert_eq!(found, whole);
    });
}

/// A server that held a key for too long does nothing under it: somebody else does by now.
#[test]
fn a_key_that_was_lost_lets_nothing_be_done() {
    on_each("a_key_that_was_lost_lets_nothing_be_done", |world| async move {
        platform(&world).await;
        let other = world.restarted().await;
        let ann = world.person("ann");
        let Keyed::New(lost) = world.app.take_key(&ann, "k", "digest", 202).await.unwrap() else { panic!("new") };
        world.clock.advance(16);
        let Keyed::New(_) = other.take_key(&ann, "k", "digest", 202).await.unwrap() else { panic!("new") };
        let keyed = Caller { key: Some(Arc::new(lost)), ..ann.clone() };
        assert!(matches!(observed(&world.app, &keyed).await, Err(Error::Conflict(_))));
        assert!(world.app.graph().get_text("instance:booking/seen.dev").is_none());
        // Whoever starts alone on a database knows that nobody holds a key any more.
        world.store.end_holds().await.unwrap();
        assert!(matches!(other.take_key(&ann, "k", "digest", 202).await, Ok(Keyed::New(_))));
    });
}

/// A server whose clock is far ahead leaves alone what another one carries out.
#[test]
fn clocks_that_are_apart_take_no_work_away() {
    on_each("clocks_that_are_apart_take_no_work_away", |world| async move {
        if world.store.is_sqlite() {
            return;
        }
        platform(&world).await;
        let (slow, ahead) = (world.by_clock(0).await, world.by_clock(100 * 86_400).await);
        let driver = Arc::new(Odd { waits: Some((Call::Apply, "memory")).into(), ..Odd::default() });
        let stop = tokio::sync::watch::channel(false).0;
        drop(worker::start(&slow, &driver.drivers(), 1, &stop.subscribe()));
        let id = ordered(&world, &slow, "one", "dev").await;
        driver.began.notified().await;
        drop(worker::start(&ahead, &driver.drivers(), 2, &stop.subscribe()));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let operation = world.store.operation(id).await.unwrap().unwrap();
        assert_eq!((operation.state, operation.attempt), (State::Running, 1), "{operation:?}");
        // What the one that is ahead writes is done at once all the same.
        *driver.waits.lock().unwrap() = None;
        let second = ordered(&world, &ahead, "two", "dev").await;
        driver.gate.notify_one();
        for id in [id, second] {
            let ended = crate::worker::ended(&world, id).await;
            assert_eq!((ended.state, ended.attempt), (State::Succeeded, 1), "{ended:?}");
        }
        stop.send_replace(true);
    });
}
