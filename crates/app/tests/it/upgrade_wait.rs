//! Nothing waits for ever: whatever waits, and whatever is done meanwhile, there is a deadline for it, and in the end nothing
//! waits any more.

use crate::harness::{InMemory, World, on_each};
use crate::rules::{refused, ruled, status, upgradable, upgrade, wish};
use crate::versions::{apply, release, usual};
use loggia_app::command::due;
use loggia_app::release::publication::Publish;
use loggia_app::rules::approval::Approve;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::operation::{State, Verb};
use loggia_model::{Micros, Publication, Ref, Uid};
use serde_json::{Value, json};
use std::sync::Arc;

/// The hours in which upgrades are made, at night; the clock begins in the morning.
fn nights() -> Value {
    json!({"name": "nights", "upgradeWindows": [{"from": "22:00", "until": "02:00"}]})
}

fn one() -> Ref {
    Ref::new("instance", "booking", "one.dev")
}

/// What may wait.
#[derive(Clone, Copy, Debug)]
enum Waits {
    Hours,
    ByItself,
    AgreementToUpgrade,
    AgreementToOrder,
    Hand,
}

const STATES: [Waits; 5] =
    [Waits::Hours, Waits::ByItself, Waits::AgreementToUpgrade, Waits::AgreementToOrder, Waits::Hand];

/// What may be done meanwhile.
#[derive(Clone, Copy, Debug)]
enum Act {
    Nothing,
    Agree,
    Decline,
    GiveUp,
    UpgradeElsewhere,
    Destroy,
    Look,
    Withdraw,
    NoRules,
    Freeze,
    Orphan,
}

const ACTS: [Act; 11] = [
    Act::Nothing,
    Act::Agree,
    Act::Decline,
    Act::GiveUp,
    Act::UpgradeElsewhere,
    Act::Destroy,
    Act::Look,
    Act::Withdraw,
    Act::NoRules,
    Act::Freeze,
    Act::Orphan,
];

/// Brings it about that something waits; gives its name.
async fn begin(world: &World, waits: Waits) -> &'static str {
    let ann = world.person("ann");
    let watched = |to: &str| json!({"name": "watched", "approval": {"by": "group:default/watch", "to": [to]}});
    match waits {
        Waits::Hours => {
            ruled(world, json!([nights()])).await;
            world.app.run(&ann, upgrade("1.2.0")).await.unwrap();
        }
        Waits::ByItself => {
            ruled(world, json!([nights(), {"name": "current", "automatic": {"upgrades": "compatible"}}])).await;
            due::arrange(&world.app).await.unwrap();
            world.clock.advance(301);
            due::fire(&world.app, &due::handlers()).await.unwrap();
        }
        Waits::AgreementToUpgrade => {
            ruled(world, json!([nights(), watched("upgrade")])).await;
            world.app.run(&ann, upgrade("1.2.0")).await.unwrap();
        }
        Waits::AgreementToOrder => {
            ruled(world, json!([watched("order")])).await;
            world.app.order(&ann, wish("two", "")).await.unwrap();
            return "two";
        }
        Waits::Hand => {
            let how = json!({"upgrade": {"from": "1", "strategy": "by-hand", "steps": ["Do it."]}});
            apply(world, release("1.3.0", usual(), "", how)).await.unwrap();
            world.app.run(&ann, upgrade("1.3.0")).await.unwrap();
        }
    }
    "one"
}

/// Does something; what is refused is refused.
async fn act(world: &World, name: &str, act: Act) {
    let (ann, wim) = (world.person("ann"), world.person("wim"));
    let instance = Ref::new("instance", "booking", &format!("{name}.dev"));
    let decide = |agree| Approve { instance: instance.clone(), agree, reason: "So.".into() };
    let admin = loggia_app::Caller::administrator("test", loggia_app::Door::Api, "r0");
    let _ = match act {
        Act::Nothing => Ok(()),
        Act::Agree => world.app.run(&wim, decide(true)).await.map(drop),
        Act::Decline => world.app.run(&wim, decide(false)).await.map(drop),
        Act::GiveUp => world.app.close_change(&ann, &instance).await.map(drop),
        Act::UpgradeElsewhere => world.app.run(&ann, upgrade("2.0.0")).await.map(drop),
        Act::Destroy => world.app.operate(&ann, instance, Verb::Destroy, true).await.map(drop),
        Act::Look => world.app.operate(&ann, instance, Verb::Observe, false).await.map(drop),
        Act::Withdraw => {
            let release = Ref::new("release", "default", "db-1.2.0");
            let wish =
                Publish { release, to: Publication::Yanked, reason: "It is broken.".into(), accept_failing: false };
            world.app.run(&admin, wish).await.map(drop)
        }
        Act::NoRules => {
            ruled(world, json!([])).await;
            Ok(())
        }
        Act::Freeze => {
            let freeze = json!({"from": world.app.now(), "until": Micros(world.app.now().0 + 200 * 86_400_000_000)});
            ruled(world, json!([nights(), {"name": "still", "freezes": [freeze]}])).await;
            Ok(())
        }
        Act::Orphan => {
            let orphan = loggia_app::instance::take_over::Orphan { instance };
            world.app.run(&ann, orphan).await.map(drop)
        }
    };
}

/// What waits for it, by the operations that stand for it.
fn waiting(status: &InstanceStatus) -> Vec<String> {
    let held = [
        ("hours", status.queued.is_some()),
        ("agreement", status.approval.is_some()),
        ("people", status.change.is_some()),
    ];
    held.iter().filter(|(_, waits)| *waits).map(|(word, _)| (*word).to_owned()).collect()
}

/// Whatever waits has a deadline.
async fn has_an_end(world: &World, what: &str) {
    let kinds: Vec<&str> = due::handlers().into_keys().collect();
    let all = world.store.due_before(Micros(i64::MAX), &kinds, 1000).await.unwrap();
    for record in world.app.graph().of_kind(&loggia_graph::Audience::All, "instance") {
        let status: InstanceStatus = record.typed_status().unwrap();
        let limits = all.iter().filter(|due| due.subject == Some(record.uid)).count();
        assert!(waiting(&status).is_empty() || limits > 0, "{what}: {:?} has no end", waiting(&status));
    }
}

/// Lets so many days pass.
async fn pass(world: &World, days: i64) {
    // As often as the shortest hours take.
    for _ in 0..days * 6 {
        world.clock.advance(14_400);
        due::fire(&world.app, &due::handlers()).await.unwrap();
    }
    let rest = |app: &loggia_app::App| {
        let phase = status(app, "one").map_or(Phase::Gone, |status| status.phase);
        !matches!(phase, Phase::Progressing | Phase::Deleting)
    };
    world.until("nothing is under way", rest).await;
}

async fn none_waits(world: &World, operations: &[Uid], what: &str) {
    for record in world.app.graph().of_kind(&loggia_graph::Audience::All, "instance") {
        let status: InstanceStatus = record.typed_status().unwrap();
        assert_eq!(waiting(&status), Vec::<String>::new(), "{what}: {status:?}");
    }
    for id in operations {
        let mut left = 200;
        loop {
            let operation = world.store.operation(*id).await.unwrap().unwrap();
            if operation.state.is_end() {
                break;
            }
            left -= 1;
            assert!(left > 0, "{what}: {operation:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

#[test]
fn nothing_waits_for_ever_whatever_is_done() {
    for waits in STATES {
        for does in ACTS {
            let what = format!("{waits:?} {does:?}");
            on_each(&format!("waiting_{waits:?}_{does:?}").to_lowercase(), |world| {
                let what = what.clone();
                async move {
                    upgradable(&world).await;
                    let name = begin(&world, waits).await;
                    let before = status(&world.app, name).unwrap();
                    assert_eq!(waiting(&before).len(), 1, "{what}: {before:?}");
                    let held = [before.queued.map(|one| one.operation), before.approval.map(|one| one.operation)];
                    has_an_end(&world, &what).await;
                    act(&world, name, does).await;
                    has_an_end(&world, &what).await;
                    pass(&world, 32).await;
                    none_waits(&world, &held.into_iter().flatten().collect::<Vec<_>>(), &what).await;
                    world.stop.send_replace(true);
                }
            });
        }
    }
}

#[test]
fn an_upgrade_waits_for_its_hours_may_be_given_up_and_begins_by_itself() {
    on_each("waits_for_hours", |world| async move {
        let driver: Arc<InMemory> = upgradable(&world).await;
        ruled(&world, json!([nights(), {"name": "current", "automatic": {"upgrades": "compatible"}}])).await;
        let ann = world.person("ann");
        let answer = world.app.run(&ann, upgrade("1.2.0")).await.unwrap().answer;
        assert!(answer["waits"].as_str().unwrap().contains("22:00 UTC, as the rule nights of dev"), "{answer}");
        let lines = world.app.due(&ann, &[Ref::new("group", "default", "booking")]).await.unwrap();
        assert!(lines.len() == 1 && lines[0].text.contains("22:00"), "{lines:?}");
        let again = world.app.run(&ann, upgrade("1.2.0")).await.map(|outcome| outcome.answer);
        assert_eq!(refused(again).0, "upgrade.waits");
        world.app.close_change(&ann, &one()).await.unwrap();
        let id: Uid = serde_json::from_value(answer["operation"].clone()).unwrap();
        assert_eq!(world.store.operation(id).await.unwrap().unwrap().state, State::Cancelled);
        // What comes by itself waits for its hours, too; what is given up does not come again at once.
        due::arrange(&world.app).await.unwrap();
        let sweep = async || {
            world.clock.advance(301);
            due::fire(&world.app, &due::handlers()).await.unwrap();
        };
        sweep().await;
        assert_eq!(status(&world.app, "one").unwrap().queued.unwrap().by, "system:clock");
        world.app.close_change(&ann, &one()).await.unwrap();
        sweep().await;
        assert!(status(&world.app, "one").unwrap().queued.is_none(), "its team put it off");
        world.clock.advance(8 * 86_400);
        sweep().await;
        assert!(status(&world.app, "one").unwrap().queued.is_some());
        pass(&world, 1).await;
        world.until("upgraded", |app| status(app, "one").unwrap().applied == "db-1.2.0").await;
        assert_eq!(driver.resources.lock().unwrap().len(), 1);
        world.stop.send_replace(true);
    });
}

#[test]
fn a_change_that_nobody_brings_is_brought_to_mind_and_given_up() {
    on_each("waits_for_people", |world| async move {
        upgradable(&world).await;
        let ann = world.person("ann");
        ruled(&world, json!([{"name": "soon", "waiting": {"days": 10, "remindDays": 3}}])).await;
        let how = json!({"upgrade": {"from": "1", "strategy": "by-hand", "steps": ["Do it."]}});
        apply(&world, release("1.3.0", usual(), "", how)).await.unwrap();
        world.app.run(&ann, upgrade("1.3.0")).await.unwrap();
        let team = [Ref::new("group", "default", "booking")];
        let line = world.app.due(&ann, &team).await.unwrap().remove(0);
        assert!(line.text.contains("yours to bring by hand. It is given up on 25 January 2027"), "{line:?}");
        let events = async || {
            let past = world.app.past(&ann, &one(), 50).await.unwrap();
            past.events.iter().filter(|event| event.kind.contains("change-reminded")).count()
        };
        pass(&world, 6).await;
        assert_eq!(events().await, 0);
        pass(&world, 2).await;
        assert_eq!(events().await, 1, "once");
        pass(&world, 3).await;
        let now = status(&world.app, "one").unwrap();
        let said = now.conditions.iter().find(|one| one.reason == "GivenUp").map(|one| one.message.clone());
        assert!(now.change.is_none() && said.unwrap().contains("waited 10 days"), "{now:?}");
        assert_eq!((now.applied.as_str(), events().await), ("db-1.1.0", 1));
        world.app.run(&ann, upgrade("1.3.0")).await.unwrap();
        world.stop.send_replace(true);
    });
}
