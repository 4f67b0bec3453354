//! What is seen that is not as it was made, what nobody answers for, and what is left behind.

use crate::estate::platform;
use crate::harness::{InMemory, World, drivers, on_each};
use crate::order::{add, input, ordered, phase};
use loggia_app::Error;
use loggia_app::campaign::{PlanWish, What};
use loggia_app::checks::verdict;
use loggia_app::estate::leak_decision::LeakName;
use loggia_app::estate::leaks::Leak;
use loggia_app::estate::restored;
use loggia_app::estate::who_runs::WhoRunsQuery;
use loggia_model::Micros;
use loggia_model::check::Outcome;
use loggia_model::operation::{State, Verb};
use loggia_model::time::SECOND;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "instance:booking/one.dev";

/// The offering of the platform with a policy of its own.
pub async fn offered(world: &World, drift: Option<&str>) {
    let mut spec = json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
        "problem": "x", "plans": [{"name": "small", "default": true, "lookMinutes": 1}]});
    if let Some(drift) = drift {
        spec["drift"] = drift.into();
    }
    add(world, "Offering", "db", spec).await;
}

pub async fn ready(world: &World, driver: &Arc<InMemory>) {
    let ann = world.person("ann");
    ordered(world, &ann, input("one")).await;
    world.work(driver);
    world.until("ready", |app| phase(app, NAME) == "ready").await;
}

pub fn status(world: &World) -> Value {
    world.app.graph().get_text(NAME).unwrap().parse_status()
}

fn drifted(world: &World) -> bool {
    let status = status(world);
    let all = status["conditions"].as_array().cloned().unwrap_or_default();
    all.iter().any(|one| one["type"] == "Drifted" && one["status"] == "True")
}

async fn operations(world: &World) -> Vec<(Verb, State)> {
    let uid = world.app.graph().get_text(NAME).unwrap().uid;
    let all = world.app.operations_of(uid, 10).await.unwrap();
    all.iter().map(|operation| (operation.verb, operation.state)).collect()
}

#[test]
fn drift_is_told_and_only_repaired_where_the_offering_says_so() {
    for policy in [None, Some("report"), Some("ask"), Some("repair")] {
        on_each(&format!("drift_{policy:?}"), |world| async move {
            platform(&world).await;
            offered(&world, policy).await;
            let driver = Arc::new(InMemory::default());
            ready(&world, &driver).await;
            *driver.drifted.lock().unwrap() = Some(true);
            world.look(&driver);
            if policy == Some("repair") {
                world.until("it was repaired", |_| !status(&world)["repaired"].is_null()).await;
                world.until("it is right again", |app| phase(app, NAME) == "ready" && !drifted(&world)).await;
                assert_eq!(operations(&world).await, [(Verb::Apply, State::Succeeded); 2], "made and repaired");
            } else {
                world.until("it is told", |_| drifted(&world)).await;
                assert_eq!((phase(&world.app, NAME).as_str(), operations(&world).await.len()), ("ready", 1));
                let query = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
                assert!(world.app.who_runs(&world.person("ann"), &query).unwrap()[0].drifted);
                assert_eq!(world.app.figures().await.unwrap().drifted, 1);
            }
            world.stop.send_replace(true);
        });
    }
}

#[test]
fn what_nobody_answers_for_is_unknown_and_comes_back() {
    on_each("what_nobody_answers_for", |world| async move {
        platform(&world).await;
        offered(&world, None).await;
        let driver = Arc::new(InMemory::default());
        ready(&world, &driver).await;
        *driver.silent.lock().unwrap() = true;
        world.look(&driver);
        // Rounds come by real time, and what is due by the clock.
        let wait = async |what: &str, wanted: &str| {
            for _ in 0..500 {
                if phase(&world.app, NAME) == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                world.clock.advance(1);
            }
            panic!("never: {what}");
        };
        assert_eq!(phase(&world.app, NAME), "ready");
        wait("unknown", "unknown").await;
        assert!(status(&world)["conditions"].to_string().contains("does not answer"), "{}", status(&world));
        *driver.silent.lock().unwrap() = false;
        wait("ready again", "ready").await;
        assert!(!status(&world)["conditions"].to_string().contains("does not answer"), "{}", status(&world));
        world.stop.send_replace(true);
    });
}

#[test]
fn what_is_left_behind_is_told_when_it_was_seen_twice() {
    on_each("what_is_left_behind", |world| async move {
        platform(&world).await;
        let driver = Arc::new(InMemory::default());
        ready(&world, &driver).await;
        let left = world.app.new_id().to_string();
        driver.resources.lock().unwrap().insert(left.clone(), "of nobody".into());
        let all = drivers(&driver);
        let admin = loggia_app::Caller::administrator("test", loggia_app::Door::Api, "r1");
        let keys = |leaks: Vec<Leak>| leaks.into_iter().map(|leak| leak.key).collect::<Vec<_>>();
        let told = || keys(world.app.leaks(&admin).unwrap());
        let first = world.app.sweep_leaks(&all, &Default::default()).await;
        assert_eq!(told(), Vec::<String>::new(), "it may be on its way");
        let second = world.app.sweep_leaks(&all, &first).await;
        assert_eq!(told(), [left.as_str()]);
        assert_eq!(world.app.figures().await.unwrap().leaks, 1);
        // No answer is not absence.
        *driver.silent.lock().unwrap() = true;
        let third = world.app.sweep_leaks(&all, &second).await;
        assert_eq!(told(), [left.as_str()]);
        *driver.silent.lock().unwrap() = false;
        driver.resources.lock().unwrap().remove(&left);
        world.app.sweep_leaks(&all, &third).await;
        assert_eq!(told(), Vec::<String>::new());
        assert!(matches!(world.app.leaks(&world.person("ann")), Err(Error::Forbidden(_))));
        world.stop.send_replace(true);
    });
}

#[test]
fn what_is_left_behind_is_put_aside_or_taken_away_and_unknown_when_nobody_answers() {
    on_each("what_is_left_behind_is_decided", |world| async move {
        platform(&world).await;
        let driver = Arc::new(InMemory::default());
        ready(&world, &driver).await;
        let all = drivers(&driver);
        let admin = loggia_app::Caller::administrator("test", loggia_app::Door::Api, "r1");
        let keys: Vec<String> = (0..3).map(|_| world.app.new_id().to_string()).collect();
        for key in &keys {
            driver.resources.lock().unwrap().insert(key.clone(), "of nobody".into());
        }
        let mut found = world.app.sweep_leaks(&all, &Default::default()).await;
        let since = world.app.now();
        world.clock.advance(3_600);
        found = world.app.sweep_leaks(&all, &found).await;
        let told = |app: &loggia_app::App| app.leaks(&admin).unwrap();
        assert!(told(&world.app).iter().all(|leak| leak.since == since && !leak.unknown));
        let name = |number: usize| LeakName { driver: "memory".into(), key: keys[number].clone() };
        let refused = world.app.dismiss_leak(&admin, &name(0), " ").await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        world.app.dismiss_leak(&admin, &name(0), "Kept for the auditors.").await.unwrap();
        let refused = world.app.remove_leak(&admin, &name(1), false).await;
        assert!(matches!(&refused, Err(Error::Refused(r)) if r.rule == "leak.unconfirmed"), "{refused:?}");
        assert!(matches!(world.app.remove_leak(&world.person("ann"), &name(1), true).await, Err(Error::Forbidden(_))));
        // After a restore it may be what was made after the backup.
        restored::begin(&world.store, world.app.now()).await.unwrap();
        let held = world.app.remove_leak(&admin, &name(1), true).await;
        assert!(matches!(&held, Err(Error::Refused(r)) if r.rule == "leak.restored"), "{held:?}");
        assert!(restored::end(&world.store).await.unwrap() && driver.resources.lock().unwrap().contains_key(&keys[1]));
        // What stays there is not said to be gone.
        *driver.sticky.lock().unwrap() = true;
        let stays = world.app.remove_leak(&admin, &name(1), true).await;
        assert!(matches!(&stays, Err(Error::Refused(r)) if r.rule == "leak.stays"), "{stays:?}");
        *driver.sticky.lock().unwrap() = false;
        world.app.remove_leak(&admin, &name(1), true).await.unwrap();
        assert!(!driver.resources.lock().unwrap().contains_key(&keys[1]));
        // No answer, no driver and no backend are one thing: nobody knows.
        let nobody = loggia_app::instance::worker::Drivers::new();
        *driver.silent.lock().unwrap() = true;
        for all in [&*all, &nobody] {
            let round = world.app.sweep_leaks(all, &found).await;
            let told = told(&world.app);
            assert!(told.iter().any(|leak| leak.key == keys[2] && leak.unknown), "{told:?}");
            found = round;
        }
        // The next server knows since when, and what was put aside.
        *driver.silent.lock().unwrap() = false;
        let next = world.restarted().await;
        let first = next.sweep_leaks(&all, &Default::default()).await;
        next.sweep_leaks(&all, &first).await;
        let told = told(&next);
        assert_eq!(
            told.iter().map(|leak| (leak.key.as_str(), leak.since)).collect::<Vec<_>>(),
            [(keys[2].as_str(), since)]
        );
        world.stop.send_replace(true);
    });
}

/// After a restore nothing counts as gone where nothing was seen, until the operator says that all is back.
#[test]
fn what_is_not_there_after_a_restore_is_not_gone() {
    on_each("what_is_not_there_after_a_restore", |world| async move {
        platform(&world).await;
        offered(&world, None).await;
        let driver = Arc::new(InMemory::default());
        ready(&world, &driver).await;
        restored::begin(&world.store, world.app.now()).await.unwrap();
        driver.resources.lock().unwrap().clear();
        world.look(&driver);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(phase(&world.app, NAME), "ready");
        assert!(restored::end(&world.store).await.unwrap());
        assert!(!restored::end(&world.store).await.unwrap() && restored::since(&world.store).await.unwrap().is_none());
        for _ in 0..300 {
            if phase(&world.app, NAME) == "failed" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.clock.advance(1);
        }
        assert_eq!(phase(&world.app, NAME), "failed", "all is back, and it is not there");
        world.stop.send_replace(true);
    });
}

/// A freeze puts a repair off and says so; what else it does not hold up goes on.
#[test]
fn a_freeze_puts_a_repair_off() {
    on_each("a_freeze_puts_a_repair_off", |world| async move {
        platform(&world).await;
        offered(&world, Some("repair")).await;
        let driver = Arc::new(InMemory::default());
        ready(&world, &driver).await;
        let until = Micros(world.app.now().0 + 3_600 * SECOND);
        let freezes = json!([{"from": world.app.now(), "until": until}]);
        let spec = json!({"product": "fairway", "type": "development", "owner": "core",
            "backends": {"memory": {"driver": "memory"}}, "rules": [{"name": "quiet", "freezes": freezes}]});
        add(&world, "Environment", "dev", spec).await;
        *driver.drifted.lock().unwrap() = Some(true);
        world.look(&driver);
        let waits = || status(&world)["conditions"].to_string().contains("quiet of dev");
        world.until("it waits", |_| waits()).await;
        assert!(drifted(&world) && status(&world)["repaired"].is_null(), "{}", status(&world));
        assert_eq!(operations(&world).await.len(), 1);
        world.clock.advance(3_700);
        world.until("it was repaired", |_| !status(&world)["repaired"].is_null()).await;
        world.until("it is right again", |app| phase(app, NAME) == "ready" && !drifted(&world)).await;
        assert!(!waits(), "{}", status(&world));
        world.stop.send_replace(true);
    });
}

/// Every question of a check that what is there would pass, but the one for absence itself.
#[test]
fn what_is_not_there_passes_no_check() {
    on_each("what_is_not_there_passes_no_check", |world| async move {
        platform(&world).await;
        offered(&world, None).await;
        let driver = Arc::new(InMemory::default());
        ready(&world, &driver).await;
        driver.resources.lock().unwrap().clear();
        world.look(&driver);
        world.until("it is away", |app| phase(app, NAME) == "failed").await;
        let away = json!({"type": "Present", "status": "False"});
        let questions = [
            (json!({"version": ">=1"}), Outcome::Unknown),
            (json!({"version": ">=9"}), Outcome::Fails),
            (json!({"phase": ["failed", "ready"]}), Outcome::Unknown),
            (json!({"fits": ["kind=instance"]}), Outcome::Unknown),
            (json!({"not": {"version": ">=9"}}), Outcome::Unknown),
            (json!({"condition": away}), Outcome::Passes),
        ];
        for (question, wanted) in questions {
            let spec = json!({"of": "Instance", "query": question, "why": "w", "mend": "m", "owner": "core"});
            add(&world, "Check", "asked", spec).await;
            let graph = world.app.graph();
            let check = graph.get_text("check:default/asked").unwrap();
            let found = verdict(&graph, world.app.now(), check, graph.get_text(NAME).unwrap()).unwrap();
            assert_eq!(found.outcome, wanted, "{question} {found:?}");
        }
        let campaign = json!({"purpose": "p", "offering": "db", "to": ">=1", "owner": "core"});
        let wish = PlanWish::Thought(Box::new(serde_json::from_value(campaign).unwrap()));
        let admin = loggia_app::Caller::administrator("test", loggia_app::Door::Api, "r1");
        let plan = world.app.campaign_plan(&admin, wish).await.unwrap();
        let row = &plan.waves[0].rows[0];
        assert!(plan.there == 0 && row.what == What::Unknown && row.todo.contains("is not there"), "{row:?}");
        world.stop.send_replace(true);
    });
}
