//! Secret inputs are sealed by the contract of the release that is really taken, whichever that is.

use crate::ending;
use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::rules::ruled;
use crate::versions::{apply, release};
use loggia_app::command::due;
use loggia_app::instance::order::OrderInput;
use loggia_app::release::upgrade::Upgrade;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Ref, Uid};
use loggia_store::EventFilter;
use serde_json::{Value, json};
use std::sync::Arc;

const SECRET: &str = "the-very-license";

/// Each release calls the license secret, or not.
async fn releases(world: &World) {
    platform(world).await;
    for (version, secret) in [("3.0.0", true), ("4.0.0", false), ("5.0.0", true), ("6.0.0", false)] {
        let how = json!({"upgrade": {"from": ">=1", "strategy": "in-place", "rollback": "supported"}});
        let license = json!({"license": {"type": "string", "writeOnly": secret}});
        apply(world, release(version, license, "", how)).await.unwrap();
    }
}

fn order(name: &str, wish: Option<&str>) -> OrderInput {
    OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        release: wish.map(str::to_owned),
        inputs: json!({"license": SECRET}).as_object().cloned().unwrap(),
        ..OrderInput::default()
    }
}

fn found(world: &World, name: &str) -> (Uid, InstanceSpec, InstanceStatus) {
    let record = world.app.graph().get(&Ref::new("instance", "booking", &format!("{name}.dev"))).cloned().unwrap();
    (record.uid, record.spec().unwrap(), record.typed_status().unwrap())
}

/// Where the license is: sealed, in the clear, or both.
async fn places(world: &World, name: &str) -> (bool, bool) {
    let (uid, spec, _) = found(world, name);
    let sealed = world.store.secret(uid, "input.license").await.unwrap().is_some();
    (sealed, spec.inputs.contains_key("license"))
}

/// Everything that is kept of an instance and has the license in the clear.
async fn clear(world: &World, name: &str) -> Vec<String> {
    holding(world, found(world, name).0, SECRET).await
}

/// Everything that is kept of an instance and has a text in the clear.
pub async fn holding(world: &World, uid: Uid, secret: &str) -> Vec<String> {
    let rows = world.store.history(uid, None, 1000).await.unwrap();
    let rows = rows.iter().map(|row| format!("{row:?}"));
    let events =
        world.store.events(&EventFilter { after: Some(0), limit: 10_000, ..EventFilter::default() }).await.unwrap();
    let work = world.store.work_of(uid).await.unwrap();
    let head = world.store.load().await.unwrap().records.into_iter().map(|record| format!("{record:?}"));
    let all =
        rows.chain(events.iter().map(|event| format!("{event:?}"))).chain(work.iter().map(|row| format!("{row:?}")));
    all.chain(head).filter(|text| text.contains(secret)).collect()
}

/// What a rule brings by itself seals as what people ask for does.
#[test]
fn an_upgrade_that_comes_by_itself_seals_too() {
    on_each("an_upgrade_that_comes_by_itself_seals_too", |world| async move {
        platform(&world).await;
        world.work(&Arc::new(InMemory::default()));
        due::arrange(&world.app).await.unwrap();
        let how = || json!({"upgrade": {"from": ">=1", "strategy": "in-place", "rollback": "supported"}});
        let license = |secret: bool| json!({"license": {"type": "string", "writeOnly": secret}});
        apply(&world, release("4.0.0", license(false), "", how())).await.unwrap();
        let ann = world.person("ann");
        // Whoever names one version keeps it; whoever names a range gets what comes.
        world.app.order(&ann, order("one", Some(">=4"))).await.unwrap();
        world.until("ready", |_| found(&world, "one").2.phase == Phase::Ready).await;
        apply(&world, release("5.0.0", license(true), "", how())).await.unwrap();
        ruled(&world, json!([{"name": "current", "automatic": {"upgrades": "all"}}])).await;
        world.clock.advance(301);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        world.until("5.0.0", |_| found(&world, "one").2.applied == "db-5.0.0").await;
        assert_eq!(places(&world, "one").await, (true, false));
        assert_eq!(clear(&world, "one").await, Vec::<String>::new());
        world.stop.send_replace(true);
    });
}

/// A migration may give the input another name: then it is secret under both.
#[test]
fn what_becomes_secret_under_another_name_is_kept_under_none() {
    on_each("what_becomes_secret_under_another_name_is_kept_under_none", |world| async move {
        releases(&world).await;
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        let how = json!({"upgrade": {"from": ">=1", "strategy": "in-place", "rollback": "supported"},
            "migration": {"from": "<7", "steps": [{"rename": {"from": "license", "to": "key"}}]}});
        apply(&world, release("7.0.0", json!({"key": {"type": "string", "writeOnly": true}}), "", how)).await.unwrap();
        let ann = world.person("ann");
        world.app.order(&ann, order("one", Some("4.0.0"))).await.unwrap();
        world.until("ready", |_| found(&world, "one").2.phase == Phase::Ready).await;
        let instance = Ref::new("instance", "booking", "one.dev");
        let command = Upgrade { instance, to: Some("7.0.0".into()), back: false, confirmed: false };
        world.app.run(&ann, command).await.unwrap();
        world.until("7.0.0", |_| found(&world, "one").2.applied == "db-7.0.0").await;
        assert_eq!(clear(&world, "one").await, Vec::<String>::new());
        for field in ["input.license", "input.key"] {
            assert!(world.store.secret(found(&world, "one").0, field).await.unwrap().is_some(), "{field}");
        }
        world.stop.send_replace(true);
    });
}

fn is_secret(release: &str) -> bool {
    ["db-3.0.0", "db-5.0.0"].contains(&release)
}

#[test]
fn a_license_is_sealed_by_the_release_that_is_taken() {
    on_each("a_license_is_sealed_by_the_release_that_is_taken", |world| async move {
        releases(&world).await;
        let wishes = [None, Some("*"), Some(">=3"), Some("<6"), Some("<5"), Some("<4"), Some("3.0.0"), Some("4.0.0")];
        let days = ["2027-03-01", "2027-03-10"];
        ending::closing(&world, "db-6.0.0", days[0]).await;
        ending::closing(&world, "db-5.0.0", days[1]).await;
        for closed in 0..3 {
            // The newest ones are closed to new one after the other, so that another release is taken.
            if closed > 0 {
                ending::until(&world, days[closed - 1]);
            }
            for (at, wish) in wishes.into_iter().enumerate() {
                let name = format!("n-{closed}-{at}");
                world.app.order(&world.person("ann"), order(&name, wish)).await.unwrap();
                let release = found(&world, &name).1.target.unwrap();
                let secret = is_secret(&release);
                assert_eq!(places(&world, &name).await, (secret, !secret), "{wish:?} {release}");
            }
            let taken = found(&world, &format!("n-{closed}-0")).1.target.unwrap();
            assert_eq!(taken, ["db-6.0.0", "db-5.0.0", "db-4.0.0"][closed]);
        }
    });
}

#[test]
fn an_upgrade_seals_what_has_become_secret() {
    on_each("an_upgrade_seals_what_has_become_secret", |world| async move {
        releases(&world).await;
        let driver = Arc::new(InMemory::default());
        let told = &driver.inputs;
        world.work(&driver);
        let ann = world.person("ann");
        world.app.order(&ann, order("one", Some("4.0.0"))).await.unwrap();
        world.until("ready", |_| found(&world, "one").2.phase == Phase::Ready).await;
        assert_eq!(places(&world, "one").await, (false, true));
        let instance = Ref::new("instance", "booking", "one.dev");
        let to = Some("5.0.0".to_owned());
        world.app.run(&ann, Upgrade { instance: instance.clone(), to, back: false, confirmed: false }).await.unwrap();
        assert_eq!(places(&world, "one").await, (true, false));
        let row = world.store.secret(found(&world, "one").0, "input.license").await.unwrap().unwrap();
        assert!(!format!("{row:?}").contains(SECRET));
        assert_eq!(clear(&world, "one").await, Vec::<String>::new(), "while it is under way");
        world.until("5.0.0", |_| found(&world, "one").2.applied == "db-5.0.0").await;
        assert_eq!(Value::Object(found(&world, "one").1.inputs), json!({}));
        assert_eq!(clear(&world, "one").await, Vec::<String>::new());
        // The way back leads to a version that wants it in the clear: its driver gets it, and nothing keeps it so.
        told.lock().unwrap().clear();
        let back = Upgrade { instance, to: None, back: true, confirmed: true };
        world.app.run(&ann, back).await.unwrap();
        world.until("back", |_| found(&world, "one").2.applied == "db-4.0.0").await;
        world.until("ready", |_| found(&world, "one").2.phase == Phase::Ready).await;
        assert_eq!(told.lock().unwrap().last().cloned(), Some(json!({"license": SECRET})));
        assert_eq!(clear(&world, "one").await, Vec::<String>::new());
        assert_eq!(places(&world, "one").await, (true, false));
        world.stop.send_replace(true);
    });
}
