//! Deadlines: each fires once, whatever servers and clocks do.

use crate::harness::{START, World, on_each};
use loggia_app::clock::Clock;
use loggia_app::command::changes::Changes;
use loggia_app::command::due::{self, Due, Handler, Handlers};
use loggia_app::command::{Command, Ctx, Facts};
use loggia_app::{App, Caller, Door, Error, Result};
use loggia_graph::Graph;
use loggia_model::Micros;
use loggia_model::time::SECOND;
use loggia_store::{Answer, EventFilter};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sets and drops deadlines, as commands of all kinds do.
#[derive(Default)]
struct Set {
    due: Vec<Due>,
    past: Vec<String>,
}

impl Command for Set {
    fn name(&self) -> &'static str {
        "test.set"
    }

    fn decide(&self, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        Ok(Changes { due: self.due.clone(), past: self.past.clone(), ..Changes::default() })
    }
}

fn deadline(key: &str, kind: &str, time: Micros, turn: i64) -> Due {
    Due { key: key.into(), time, kind: kind.into(), subject: None, payload: json!(turn) }
}

fn fired(due: &Due, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
    let mut changes = Changes::default();
    changes.note("test.fired", None, json!([due.key, due.payload]));
    Ok(changes)
}

/// Fires, and comes again ten minutes later.
fn again(due: &Due, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
    let mut changes = fired(due, graph, facts, ctx)?;
    let turn = due.payload.as_i64().unwrap_or_default() + 1;
    changes.due.push(Due { time: Micros(ctx.now.0 + 600 * SECOND), payload: json!(turn), ..due.clone() });
    Ok(changes)
}

fn never(_: &Due, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
    Err(Error::Conflict("It cannot be done.".into()))
}

fn table() -> Handlers {
    Handlers::from([("once", fired as Handler), ("again", again as Handler), ("never", never as Handler)])
}

async fn set(app: &App, due: Vec<Due>, past: Vec<String>) {
    app.run(&Caller::system("test", Door::Worker), Set { due, past }).await.unwrap();
}

/// What fired, in order.
async fn all_fired(world: &World) -> Vec<Value> {
    let filter = EventFilter { after: Some(0), limit: 100_000, ..EventFilter::default() };
    let events = world.store.events(&filter).await.unwrap();
    assert!(events.windows(2).all(|pair| pair[0].time <= pair[1].time), "the time of events went back");
    events.into_iter().filter(|event| event.kind == "dev.loggia.test.fired.v1").map(|event| event.data).collect()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % limit).unwrap()
    }
}

/// Deadlines that are set, moved and dropped in any order, with clocks that jump both ways, and two servers that fire at
/// the same moment: what was due fires once, what was not does not.
#[test]
fn each_deadline_fires_once_in_generated_histories() {
    on_each("each_deadline_fires_once_in_generated_histories", |world| async move {
        let other = world.restarted().await;
        for seed in 1..6 {
            history(&world, &other, seed).await;
        }
    });
}

async fn history(world: &World, other: &App, seed: u64) {
    let (mut dice, table) = (Dice(seed), table());
    let mut standing: BTreeMap<String, Due> = BTreeMap::new();
    let mut expected = all_fired(world).await;
    for step in 0..120 {
        let key = format!("{seed}-{}", dice.below(12));
        match dice.below(6) {
            0..=2 => {
                let time = Micros(world.clock.now().0 + (dice.below(1_200) - 200) * SECOND);
                let kind = if dice.below(4) == 0 { "unheard-of" } else { "once" };
                let due = deadline(&key, kind, time, step);
                set(if step % 2 == 0 { &world.app } else { other }, vec![due.clone()], Vec::new()).await;
                standing.insert(key, due);
            }
            3 => {
                set(&world.app, Vec::new(), vec![key.clone()]).await;
                standing.remove(&key);
            }
            4 => world.clock.advance(dice.below(900) - 300),
            _ => {
                let (one, two) = tokio::join!(due::fire(&world.app, &table), due::fire(other, &table));
                one.and(two).unwrap();
                let now = world.clock.now();
                let mut come: Vec<Due> =
                    standing.values().filter(|due| due.time <= now && due.kind == "once").cloned().collect();
                come.sort_by(|a, b| (a.time, &a.key).cmp(&(b.time, &b.key)));
                standing.retain(|_, due| due.time > now || due.kind != "once");
                expected.extend(come.into_iter().map(|due| json!([due.key, due.payload])));
            }
        }
    }
    assert_eq!(sorted(all_fired(world).await), sorted(expected), "seed {seed}");
    set(&world.app, Vec::new(), standing.into_keys().collect()).await;
}

/// Two servers do not keep the order among what comes at the same moment.
fn sorted(mut all: Vec<Value>) -> Vec<String> {
    all.sort_by_key(Value::to_string);
    all.into_iter().map(|value| value.to_string()).collect()
}

#[test]
fn a_clock_that_is_set_back_fires_nothing_twice() {
    on_each("a_clock_that_is_set_back_fires_nothing_twice", |world| async move {
        let table = table();
        set(&world.app, vec![deadline("a", "again", START, 1), deadline("b", "once", START, 1)], Vec::new()).await;
        due::fire(&world.app, &table).await.unwrap();
        world.clock.advance(-3_600);
        let restarted = world.restarted().await;
        for minutes in 0..6 {
            due::fire(if minutes % 2 == 0 { &restarted } else { &world.app }, &table).await.unwrap();
            world.clock.advance(600);
        }
        assert_eq!(all_fired(&world).await.len(), 2, "the same hour again");
        world.clock.advance(600);
        due::fire(&world.app, &table).await.unwrap();
        assert_eq!(all_fired(&world).await, [json!(["a", 1]), json!(["b", 1]), json!(["a", 2])]);
    });
}

#[test]
fn what_cannot_be_done_holds_no_other_up_and_comes_again() {
    on_each("what_cannot_be_done_holds_no_other_up_and_comes_again", |world| async move {
        let table = table();
        let all = vec![deadline("a", "never", START, 1), deadline("b", "once", Micros(START.0 + 1), 1)];
        set(&world.app, all, Vec::new()).await;
        world.clock.advance(1);
        due::fire(&world.app, &table).await.unwrap();
        assert_eq!(all_fired(&world).await, [json!(["b", 1])]);
        let left = world.store.due("a").await.unwrap().unwrap();
        assert_eq!(left.time, Micros(START.0 + 601 * SECOND));
    });
}

#[test]
fn housekeeping_forgets_what_expired_each_hour() {
    on_each("housekeeping_forgets_what_expired_each_hour", |world| async move {
        let answer = |key: &str, seconds| Answer {
            principal: "service:test".into(),
            key: key.into(),
            request_hash: "h".into(),
            status: 200,
            body: "{}".into(),
            expires_at: START.plus_seconds(seconds),
        };
        for (key, seconds) in [("early", 60), ("late", 7_000)] {
            world.store.put_answer(&answer(key, seconds)).await.unwrap();
        }
        let kept = async |key| world.store.answer("service:test", key).await.unwrap().is_some();
        // A clock that showed a far future once: the next time is not then.
        let far = Due { kind: "housekeeping".into(), ..deadline("housekeeping", "", Micros(START.0 * 2), 0) };
        set(&world.app, vec![far], Vec::new()).await;
        due::arrange(&world.app).await.unwrap();
        let table = due::handlers();
        for (hour, early, late) in [(0, true, true), (1, false, true), (2, false, false)] {
            due::fire(&world.app, &table).await.unwrap();
            assert_eq!((kept("early").await, kept("late").await), (early, late), "hour {hour}");
            due::arrange(&world.app).await.unwrap();
            world.clock.advance(3_600);
        }
    });
}
