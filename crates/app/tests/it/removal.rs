//! Nothing that is still needed goes away, and what comes back is what it was.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use async_trait::async_trait;
use loggia_app::instance::driver::Failure;
use loggia_app::instance::order::OrderInput;
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::record::removal::DropSource;
use loggia_app::source::fetch::Fetch;
use loggia_app::source::location::{Forget, Register, Unregister};
use loggia_app::source::places::Places;
use loggia_app::{Caller, Door, Error};
use loggia_model::operation::{State, Verb};
use loggia_model::{Ref, Uid};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

const ORIGIN: &str = "repository:main";

fn component(name: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{more}spec:\n  type: service\n  \
         lifecycle: production\n  owner: x\n"
    )
}

const CACHE: &str = "apiVersion: loggia.dev/v1
kind: Offering
metadata:
  name: cache
spec: {product: fairway, owner: core, category: data, promise: p, for: f, problem: x, plans: [{name: small, default: true}]}
---
apiVersion: loggia.dev/v1
kind: Release
metadata:
  name: cache-1.0.0
spec: {offering: cache, version: 1.0.0, contract: {inputs: {type: object, additionalProperties: false}}, recipe: {driver: memory}}
";

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

fn uid(world: &World, name: &str) -> Option<Uid> {
    world.app.graph().get_text(name).map(|record| record.uid)
}

fn phase(app: &loggia_app::App, instance: &str) -> String {
    let graph = app.graph();
    let record = graph.get_text(instance);
    record.map_or("none".into(), |r| r.parse_status()["phase"].as_str().unwrap_or_default().to_owned())
}

/// A ready instance of an offering, for the team booking in dev.
async fn ready(world: &World, offering: &str, driver: &Arc<InMemory>) -> Ref {
    let input = OrderInput {
        offering: offering.into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: "one".into(),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
    world.work(driver);
    world.until("ready", |app| phase(app, "instance:booking/one.dev") == "ready").await;
    "instance:booking/one.dev".parse().unwrap()
}

fn gone(world: &World, name: &str) -> bool {
    let graph = world.app.graph();
    graph.get_text(name).is_some_and(|record| record.status.as_deref().is_some_and(|s| s.contains("SourceGone")))
}

async fn apply(world: &World, value: Value) {
    let prepared = vec![prepare(value, "").unwrap()];
    world.app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
}

fn dev(backends: &Value) -> Value {
    json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": "dev"},
        "spec": {"product": "fairway", "type": "development", "owner": "core", "backends": backends}})
}

/// Invariant 7: on another backend, absence proves nothing.
#[test]
fn an_instance_is_destroyed_only_where_it_was_made() {
    on_each("an_instance_is_destroyed_only_where_it_was_made", |world| async move {
        platform(&world).await;
        let driver = Arc::new(InMemory::default());
        apply(&world, dev(&json!({"first": {"driver": "memory", "config": {"folder": "a"}}}))).await;
        let instance = ready(&world, "db", &driver).await;
        let ann = world.person("ann");
        let destroy = || world.app.operate(&ann, instance.clone(), Verb::Destroy, true);
        for other in
            [json!({"first": {"driver": "memory", "config": {"folder": "b"}}}), json!({"memory": {"driver": "memory"}})]
        {
            apply(&world, dev(&other)).await;
            let outcome = destroy().await.unwrap();
            world.until("ended", |app| phase(app, instance.as_str()) != "deleting").await;
            // Nothing was touched, so it is what it was; the operation says why.
            assert_eq!(phase(&world.app, instance.as_str()), "ready");
            let id: Uid = serde_json::from_value(outcome.answer["operation"].clone()).unwrap();
            let operation = world.app.operation(&ann, id).await.unwrap();
            assert_eq!(operation.state, State::Failed);
            assert!(operation.message.contains("first") && !operation.mend.is_empty(), "{operation:?}");
            assert_eq!(driver.resources.lock().unwrap().len(), 1);
        }
        // Another backend beside it is fine, even one that the driver would get now.
        let both = json!({"first": {"driver": "memory", "config": {"folder": "a"}}, "memory": {"driver": "memory"}});
        apply(&world, dev(&both)).await;
        destroy().await.unwrap();
        world.until("gone", |app| phase(app, instance.as_str()) == "none").await;
        assert!(driver.resources.lock().unwrap().is_empty());
        world.stop.send_replace(true);
    });
}

/// Pages of a host in memory; an empty one does not answer.
#[derive(Default)]
struct Host(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Fetch for Host {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        match self.0.lock().unwrap().get(url) {
            Some(text) if !text.is_empty() => Ok(text.as_bytes().into()),
            _ => Err(Failure::backend(format!("{url} answers 503."), "Wait.")),
        }
    }
}

fn location(name: &str, target: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: {name}}}\nspec: {{target: {target}}}\n"
    )
}

/// A host that is away for a moment costs nothing (#29318): the last good state stays.
#[test]
fn a_file_that_does_not_answer_takes_nothing_along() {
    on_each("a_file_that_does_not_answer_takes_nothing_along", |world| async move {
        let host = Arc::new(Host::default());
        let page = |name: &str, text: String| {
            host.0.lock().unwrap().insert(format!("https://code.example/{name}"), text);
        };
        page("root.yaml", location("root", "./next.yaml"));
        page("next.yaml", location("next", "./all.yaml"));
        page("all.yaml", format!("{}---\n{}", component("a", ""), component("b", "")));
        let register = Register {
            id: None,
            kind: "url".into(),
            target: "https://code.example/root.yaml".into(),
            known_is_fine: false,
        };
        let id: Uid = serde_json::from_value(world.app.run(&admin(), register).await.unwrap().answer).unwrap();
        let places = Arc::new(Places::new(Arc::clone(&world.app), Arc::clone(&host) as Arc<dyn Fetch>));
        let (following, until) = (Arc::clone(&places), world.stop.subscribe());
        tokio::spawn(async move { following.follow(until).await });
        world.until("read", |_| uid(&world, "component:default/b").is_some()).await;
        let before = (uid(&world, "component:default/a"), uid(&world, "location:default/next"));
        page("next.yaml", String::new());
        let position = world.app.graph().position();
        places.read_again(id).await;
        world.until("noted", |app| app.graph().position() > position).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!((uid(&world, "component:default/a"), uid(&world, "location:default/next")), before);
        // What really left is let go once all can be read again.
        page("next.yaml", location("next", "./all.yaml"));
        page("all.yaml", component("a", ""));
        places.read_again(id).await;
        world.until("let go", |_| uid(&world, "component:default/b").is_none()).await;
        assert_eq!(uid(&world, "component:default/a"), before.0);
        world.stop.send_replace(true);
    });
}

/// A host whose first answer is long on its way.
#[derive(Default)]
struct Slow {
    host: Host,
    asked: Notify,
    answer: Notify,
    first: AtomicBool,
}

#[async_trait]
impl Fetch for Slow {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        let page = self.host.fetch(url).await;
        if !self.first.swap(true, Ordering::AcqRel) {
            self.asked.notify_one();
            self.answer.notified().await;
        }
        page
    }
}

/// Whoever asks for a reading while one is under way means what is there now, not what was there before.
#[test]
fn a_place_that_is_asked_for_while_it_is_read_is_read_again() {
    on_each("a_place_that_is_asked_for_while_it_is_read_is_read_again", |world| async move {
        let slow = Arc::new(Slow::default());
        let target = "https://code.example/all.yaml".to_owned();
        slow.host.0.lock().unwrap().insert(target.clone(), component("before", ""));
        let register = Register { id: None, kind: "url".into(), target: target.clone(), known_is_fine: false };
        let id: Uid = serde_json::from_value(world.app.run(&admin(), register).await.unwrap().answer).unwrap();
        let places = Arc::new(Places::new(Arc::clone(&world.app), Arc::clone(&slow) as Arc<dyn Fetch>));
        let (following, until) = (Arc::clone(&places), world.stop.subscribe());
        tokio::spawn(async move { following.follow(until).await });
        slow.asked.notified().await;
        slow.host.0.lock().unwrap().insert(target, component("after", ""));
        places.read_again(id).await;
        slow.answer.notify_one();
        world.until("what is there now", |_| uid(&world, "component:default/after").is_some()).await;
        world.until("without what was there", |_| uid(&world, "component:default/before").is_none()).await;
        world.stop.send_replace(true);
    });
}

/// Decision 8 holds whichever way a source is taken out.
#[test]
fn what_something_runs_on_outlives_its_source() {
    on_each("what_something_runs_on_outlives_its_source", |world| async move {
        platform(&world).await;
        let register = Register {
            id: None,
            kind: "url".into(),
            target: "https://code.example/cache.yaml".into(),
            known_is_fine: false,
        };
        let id: Uid = serde_json::from_value(world.app.run(&admin(), register).await.unwrap().answer).unwrap();
        let other = component("other", "");
        let report = world.sync(&format!("location:{id}"), &[("cache.yaml", CACHE), ("other.yaml", &other)]).await;
        assert!(report.problems.is_empty(), "{report:?}");
        let driver = Arc::new(InMemory::default());
        let instance = ready(&world, "cache", &driver).await;
        world.app.run(&admin(), Unregister { id: id.to_string() }).await.unwrap();
        assert!(gone(&world, "offering:default/cache") && gone(&world, "release:default/cache-1.0.0"));
        assert!(uid(&world, "component:default/other").is_none() && world.names("location").is_empty());
        let drop = || DropSource { origin: format!("location:{id}").into() };
        world.app.run(&admin(), drop()).await.unwrap();
        assert!(gone(&world, "offering:default/cache"));
        world.app.operate(&world.person("ann"), instance, Verb::Destroy, true).await.unwrap();
        world.until("gone", |app| phase(app, "instance:booking/one.dev") == "none").await;
        world.app.run(&admin(), drop()).await.unwrap();
        assert!(uid(&world, "offering:default/cache").is_none());
        world.stop.send_replace(true);
    });
}

/// A team that runs something stays: nobody else may operate what it runs.
#[test]
fn a_team_that_runs_something_stays() {
    on_each("a_team_that_runs_something_stays", |world| async move {
        platform(&world).await;
        let team = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: sailing}\nspec: {type: team, children: []}\n";
        world.sync(ORIGIN, &[("team.yaml", team), ("other.yaml", &component("a", ""))]).await;
        let input = OrderInput {
            offering: "db".into(),
            environment: "dev".into(),
            team: "sailing".into(),
            name: "one".into(),
            ..OrderInput::default()
        };
        world.app.order(&admin(), input).await.unwrap();
        let report = world.sync_confirmed(ORIGIN, &[], true).await;
        assert_eq!((report.kept.len(), report.removed), (1, 1), "{report:?}");
        assert!(gone(&world, "group:default/sailing"));
        let forgotten = Forget { uid: uid(&world, "group:default/sailing").unwrap() };
        assert!(matches!(world.app.run(&admin(), forgotten).await, Err(Error::Refused(_))));
    });
}

/// #29318: what was taken away by hand and is still described comes back as what it was.
#[test]
fn what_is_still_described_comes_back_as_itself() {
    on_each("what_is_still_described_comes_back_as_itself", |world| async move {
        let (a, b) = (component("a", ""), component("b", ""));
        let both = [("a.yaml", a.as_str()), ("b.yaml", b.as_str())];
        world.sync(ORIGIN, &both).await;
        let before = uid(&world, "component:default/a").unwrap();
        world.app.run(&admin(), Forget { uid: before }).await.unwrap();
        assert!(uid(&world, "component:default/a").is_none());
        world.sync(ORIGIN, &both).await;
        assert_eq!(uid(&world, "component:default/a"), Some(before));
        let revisions = world.store.history(before, None, 10).await.unwrap();
        assert_eq!(revisions.iter().map(|r| r.revision).collect::<Vec<_>>(), [3, 2, 1]);
        let restarted = world.restarted().await;
        assert_eq!(restarted.graph().get_text("component:default/a").unwrap().uid, before);
        // A file that was away and comes back describes something new (decision 1).
        world.sync_confirmed(ORIGIN, &both[1..], true).await;
        world.sync(ORIGIN, &both).await;
        assert_ne!(uid(&world, "component:default/a"), Some(before));
        // So does another source.
        let b_before = uid(&world, "component:default/b").unwrap();
        world.app.run(&admin(), Forget { uid: b_before }).await.unwrap();
        world.sync("repository:other", &both[1..]).await;
        assert_ne!(uid(&world, "component:default/b"), Some(b_before));
    });
}

/// A name that is still in use is nobody's former name.
#[test]
fn a_former_name_that_is_still_described_is_told() {
    on_each("a_former_name_that_is_still_described_is_told", |world| async move {
        let old = component("old", "");
        world.sync(ORIGIN, &[("z.yaml", &old)]).await;
        let before = uid(&world, "component:default/old");
        let new = component("new", "  annotations: {loggia.dev/formerly: old}\n");
        let report = world.sync(ORIGIN, &[("a.yaml", &new), ("z.yaml", &old)]).await;
        assert_eq!(uid(&world, "component:default/old"), before);
        assert_ne!(uid(&world, "component:default/new"), before);
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert_eq!(
            (report.problems[0].rule.as_str(), report.problems[0].file.as_deref()),
            ("name.formerly", Some("a.yaml"))
        );
    });
}
