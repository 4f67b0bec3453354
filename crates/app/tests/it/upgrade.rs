//! One upgrade: previewed, done, failed without harm, and taken back.

use crate::ending;
use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::versions::{apply, release, usual};
use loggia_app::instance::driver::Failure;
use loggia_app::instance::order::OrderInput;
use loggia_app::release::upgrade::Upgrade;
use loggia_app::{App, Error, Result};
use loggia_model::Ref;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use serde_json::{Value, json};
use std::sync::Arc;

fn one() -> Ref {
    Ref::new("instance", "booking", "one.dev")
}

fn to(version: &str) -> Upgrade {
    let to = Some(version.to_owned()).filter(|text| !text.is_empty());
    Upgrade { instance: one(), to, back: false, confirmed: false }
}

fn back(confirmed: bool) -> Upgrade {
    Upgrade { instance: one(), to: None, back: true, confirmed }
}

fn state(app: &App) -> (InstanceSpec, InstanceStatus) {
    let record = app.graph().get(&one()).cloned().unwrap();
    (record.spec().unwrap(), record.typed_status().unwrap())
}

async fn settled(world: &World, release: &str) {
    let ready = |app: &App| {
        let (_, status) = state(app);
        status.phase == Phase::Ready && status.applied == release
    };
    world.until(&format!("ready with {release}"), ready).await;
}

fn rule(result: Result<loggia_app::Outcome>) -> String {
    match result {
        Err(Error::Refused(refusal)) => refusal.rule,
        Err(Error::Invalid(problems)) => problems[0].rule.clone(),
        other => panic!("{other:?}"),
    }
}

/// 1.2.0 as 1.1.0; 2.0.0 with another name for the size; 3.0.0 from 2 only.
async fn versions(world: &World) {
    platform(world).await;
    let upgrade = |from: &str, back: &str| json!({"from": from, "strategy": "in-place", "rollback": back});
    let tiers = json!({"tier": {"enum": ["small", "large"], "default": "small"}});
    let steps = json!({"steps": [{"rename": {"from": "size", "to": "tier"}},
        {"map": {"input": "tier", "values": {"s": "small", "m": "large"}}}]});
    let second = json!({"upgrade": upgrade(">=1.1", "loses-data"), "migration": steps});
    apply(world, release("1.2.0", usual(), "", json!({"upgrade": upgrade("1", "supported")}))).await.unwrap();
    apply(world, release("2.0.0", tiers.clone(), "", second)).await.unwrap();
    apply(world, release("3.0.0", tiers, "", json!({"upgrade": upgrade("2", "forward-only")}))).await.unwrap();
}

async fn ordered(world: &World, driver: &Arc<InMemory>, version: &str) {
    world.work(driver);
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: "one".into(),
        release: Some(format!("db-{version}")),
        inputs: json!({"size": "m"}).as_object().cloned().unwrap(),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
    settled(world, &format!("db-{version}")).await;
}

#[test]
fn what_is_closed_to_updates_stays_as_it_is() {
    on_each("what_is_closed_to_updates_stays_as_it_is", |world| async move {
        versions(&world).await;
        let driver = Arc::new(InMemory::default());
        ordered(&world, &driver, "1.1.0").await;
        ending::announced(&world).await;
        let ann = world.person("ann");
        ending::until(&world, "2027-03-20");
        let preview = world.app.upgrade_preview(&ann, &to("1.2.0")).unwrap();
        assert_eq!(preview.blocked, None, "closed to new is not closed to updates");
        ending::until(&world, "2027-04-01");
        let preview = world.app.upgrade_preview(&ann, &to("1.2.0")).unwrap();
        assert!(preview.blocked.is_some_and(|why| why.contains("changed no more since 1 April 2027")));
        assert_eq!(rule(world.app.run(&ann, to("1.2.0")).await), "ending.updates");
        assert_eq!(state(&world.app).1.applied, "db-1.1.0");
    });
}

#[test]
fn an_upgrade_is_previewed_done_and_taken_back() {
    on_each("an_upgrade_is_previewed_done_and_taken_back", |world| async move {
        versions(&world).await;
        let driver = Arc::new(InMemory::default());
        ordered(&world, &driver, "1.1.0").await;
        let ann = world.person("ann");
        let preview = world.app.upgrade_preview(&ann, &to("2.0.0")).unwrap();
        assert_eq!((preview.from.as_str(), preview.to.as_deref(), &preview.blocked), ("1.1.0", Some("2.0.0"), &None));
        let inputs: Vec<(&str, Option<&Value>, Option<&Value>)> =
            preview.inputs.iter().map(|d| (d.path.as_str(), d.before.as_ref(), d.after.as_ref())).collect();
        assert_eq!(inputs, [("size", Some(&json!("m")), None), ("tier", None, Some(&json!("large")))]);
        assert!(preview.risk.contains("loses what was written"), "{}", preview.risk);
        // Others than its team may not, and learn nothing that they may not see.
        let other = world.app.run(&world.person("bob"), to("2.0.0")).await;
        assert!(matches!(other, Err(Error::Forbidden(_) | Error::NotFound(_))), "{other:?}");
        assert_eq!(rule(world.app.run(&ann, back(true)).await), "upgrade.no-way-back");
        world.app.run(&ann, to("2.0.0")).await.unwrap();
        settled(&world, "db-2.0.0").await;
        let (spec, status) = state(&world.app);
        assert_eq!((Value::Object(spec.inputs), status.version.as_str()), (json!({"tier": "large"}), "2.0.0"));
        assert_eq!(driver.resources.lock().unwrap().len(), 1);
        assert_eq!(rule(world.app.run(&ann, to("1.2.0")).await), "upgrade.not-above");
        // The way back loses data: only who says that it may.
        assert_eq!(rule(world.app.run(&ann, back(false)).await), "instance.unconfirmed");
        world.app.run(&ann, back(true)).await.unwrap();
        settled(&world, "db-1.1.0").await;
        let (spec, status) = state(&world.app);
        assert_eq!((Value::Object(spec.inputs), status.earlier), (json!({"size": "m"}), None));
        assert_eq!(rule(world.app.run(&ann, back(true)).await), "upgrade.no-way-back");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_failed_upgrade_leaves_the_old_one_serving() {
    on_each("a_failed_upgrade_leaves_the_old_one_serving", |world| async move {
        versions(&world).await;
        let driver = Arc::new(InMemory::default());
        ordered(&world, &driver, "1.1.0").await;
        let ann = world.person("ann");
        driver.failures.lock().unwrap().push(Failure::ours("The disk is too small.", "Choose a larger plan."));
        world.app.run(&ann, to("2.0.0")).await.unwrap();
        let failed = |app: &App| {
            let (_, status) = state(app);
            status.conditions.iter().any(|c| c.kind == "UpgradeFailed") && status.phase == Phase::Ready
        };
        world.until("fallen back and seen", failed).await;
        let (spec, status) = state(&world.app);
        assert_eq!(
            (spec.target.as_deref(), status.applied.as_str(), status.version.as_str()),
            (Some("db-1.1.0"), "db-1.1.0", "1.1.0")
        );
        assert_eq!((Value::Object(spec.inputs), status.earlier), (json!({"size": "m"}), None));
        let said = &status.conditions.iter().find(|c| c.kind == "UpgradeFailed").unwrap().message;
        assert!(
            said.contains("disk is too small") && said.contains("keeps db-1.1.0") && said.contains("larger plan"),
            "{said}"
        );
        // Mended, it goes through, and nothing is left of the failure.
        world.app.run(&ann, to("2.0.0")).await.unwrap();
        settled(&world, "db-2.0.0").await;
        assert!(state(&world.app).1.conditions.iter().all(|c| c.kind != "UpgradeFailed"));
        // What fails before anything is touched leaves it ready at once.
        *driver.down.lock().unwrap() = true;
        world.app.run(&ann, to("3.0.0")).await.unwrap();
        world.until("kept", failed).await;
        assert_eq!(state(&world.app).1.applied, "db-2.0.0");
        let since = world.app.past(&ann, &one(), 50).await.unwrap();
        let count = |what: &str| since.events.iter().filter(|event| event.kind.contains(what)).count();
        assert_eq!((count("instance.upgrading"), count("instance.upgraded"), count("instance.fell-back")), (3, 1, 2));
        world.stop.send_replace(true);
    });
}

#[test]
fn ways_go_hop_by_hop_and_name_the_hop_that_is_missing() {
    on_each("ways_go_hop_by_hop", |world| async move {
        versions(&world).await;
        let driver = Arc::new(InMemory::default());
        ordered(&world, &driver, "1.0.0").await;
        let ann = world.person("ann");
        let preview = world.app.upgrade_preview(&ann, &to("")).unwrap();
        let way: Vec<&str> = preview.way.iter().map(|hop| hop.version.as_str()).collect();
        assert_eq!((way, preview.to.as_deref()), (vec!["1.2.0", "2.0.0", "3.0.0"], Some("1.2.0")), "{preview:?}");
        assert_eq!(rule(world.app.run(&ann, to("3.0.0")).await), "upgrade.hops");
        let more = json!({"upgrade": {"from": ">=3.5", "strategy": "in-place"}});
        apply(&world, release("4.0.0", json!({"tier": {"type": "string"}}), "", more)).await.unwrap();
        let blocked = world.app.upgrade_preview(&ann, &to("4.0.0")).unwrap().blocked.unwrap();
        assert!(blocked.contains("from 3.0.0 to 4.0.0, which is reached from >=3.5 only"), "{blocked}");
        // Without a way to the newest one it goes as far as there is one.
        world.app.run(&ann, to("")).await.unwrap();
        settled(&world, "db-1.2.0").await;
        let team = Ref::new("group", "default", "booking");
        let ways = world.app.upgrades_of_team(&ann, &team).unwrap();
        assert_eq!((ways.len(), ways[0].way.len()), (1, 2));
        // A version of which nobody says how goes by hand.
        apply(&world, release("1.3.0", usual(), "", json!({}))).await.unwrap();
        world.app.run(&ann, to("1.3.0")).await.unwrap();
        assert_eq!(state(&world.app).1.change.unwrap().expects, "1.3.0");
        world.stop.send_replace(true);
    });
}
