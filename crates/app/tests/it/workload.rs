//! Workloads: deployed, deployed again, on to the next environment, and back.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::order::phase;
use crate::versions::apply;
use loggia_app::command::due;
use loggia_app::workload::deploy::DeployInput;
use loggia_app::workload::differ::Which;
use loggia_app::workload::history::{PromoteInput, RollbackInput};
use loggia_app::{Caller, Error};
use loggia_model::Ref;
use loggia_model::kinds::instance::InstanceSpec;
use serde_json::{Value, json};
use std::sync::Arc;

const SHOP: &str = "apiVersion: score.dev/v1b1
metadata: {name: web}
containers:
  main:
    image: .
    variables: {DATABASE: 'at ${resources.db.host}', PASSWORD: '${resources.db.password}', NAME: '${metadata.name}'}
resources:
  db: {type: store}
  cache: {type: store, id: main}
";

fn ours(kind: &str, name: &str, spec: Value) -> Value {
    let mut document = json!({"apiVersion": "loggia.dev/v1", "kind": kind, "metadata": {"name": name}});
    document["spec"] = spec;
    document
}

async fn start(world: &World) -> (Caller, Arc<InMemory>) {
    platform(world).await;
    let offering = |name: &str, provides: Value| {
        ours(
            "Offering",
            name,
            json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
            "problem": "p", "plans": [{"name": "small", "default": true}], "provides": [provides]}),
        )
    };
    let outputs = json!({"type": "object", "properties": {"address": {"type": "string"},
        "password": {"type": "string", "writeOnly": true}}});
    let inputs = json!({"type": "object", "additionalProperties": false, "required": ["image"], "properties": {
        "image": {"type": "string"}, "variables": {"type": "object", "writeOnly": true}}});
    let place = |name: &str, next: Value| {
        let mut spec = json!({"product": "fairway", "type": "test", "owner": "core", "order": 2,
            "backends": {"memory": {"driver": "memory"}}});
        if next.is_string() {
            spec["promotesTo"] = next;
            spec["order"] = json!(1);
        }
        ours("Environment", name, spec)
    };
    let all = vec![
        offering("store", json!({"type": "store", "outputs": {"host": "address"}})),
        offering("runner", json!({"type": "workload"})),
        ours(
            "Release",
            "store-1.0.0",
            json!({"offering": "store", "version": "1.0.0", "recipe": {"driver": "memory"},
            "contract": {"inputs": {"type": "object", "additionalProperties": false}, "outputs": outputs}}),
        ),
        ours(
            "Release",
            "runner-1.0.0",
            json!({"offering": "runner", "version": "1.0.0", "recipe": {"driver": "memory"},
            "contract": {"inputs": inputs, "outputs": outputs}}),
        ),
        place("test", Value::Null),
        place("dev", json!("test")),
    ];
    for document in all {
        apply(world, document).await.unwrap();
    }
    let driver = Arc::new(InMemory::default());
    world.work(&driver);
    (world.person("ann"), driver)
}

fn input(score: &str, image: &str) -> DeployInput {
    DeployInput { score: score.into(), environment: "dev".into(), image: Some(image.into()), ..DeployInput::default() }
}

fn booking() -> Ref {
    Ref::new("group", "default", "booking")
}

async fn deploy(world: &World, ann: &Caller, input: DeployInput) -> Result<Value, Error> {
    Ok(world.app.run(ann, input.command()?).await?.answer)
}

async fn ready(world: &World, name: &str) {
    for _ in 0..400 {
        due::fire(&world.app, &due::handlers()).await.unwrap();
        if phase(&world.app, &format!("instance:booking/{name}")) == "ready" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let all: Vec<String> =
        world.names("instance").iter().map(|name| format!("{name} {}", phase(&world.app, name))).collect();
    panic!("{name} is never ready: {all:?}");
}

fn spec(world: &World, name: &str) -> InstanceSpec {
    world.app.graph().get(&Ref::new("instance", "booking", name)).unwrap().spec().unwrap()
}

#[test]
fn a_workload_is_deployed_with_what_it_asks_for_and_again_and_goes_on_and_back() {
    on_each("a_workload_is_deployed", |world| async move {
        let (ann, driver) = start(&world).await;
        let dry = deploy(&world, &ann, DeployInput { dry_run: true, ..input(SHOP, "web:1") }).await.unwrap();
        assert_eq!((dry["parts"].as_array().unwrap().len(), world.names("instance").len()), (2, 0));
        let first = deploy(&world, &ann, input(SHOP, "web:1")).await.unwrap();
        assert_eq!((&first["number"], &first["artifact"]), (&json!(1), &json!("web:1")));
        ready(&world, "web.dev").await;
        assert_eq!(
            world.names("instance"),
            ["main.dev", "web-db.dev", "web.dev"].map(|name| format!("instance:booking/{name}"))
        );
        assert_eq!(spec(&world, "main.dev").shared.as_deref(), Some("store.default#main"));
        let all: String = world
            .app
            .graph()
            .of_kind(&loggia_graph::Audience::All, "instance")
            .map(|r| format!("{}{:?}", r.document, r.status))
            .collect();
        assert!(!all.contains("password-of-"), "no secret is in the clear");
        let same = deploy(&world, &ann, input(SHOP, "web:1")).await.unwrap();
        assert_eq!((&same["unchanged"], &same["number"]), (&json!(true), &json!(1)));
        // Another image, and one resource less: told, and taken away only when it is asked for.
        let less = SHOP
            .replace("  cache: {type: store, id: main}\n", "")
            .replace("  db:", "  data:")
            .replace("resources.db.", "resources.data.");
        let second = deploy(&world, &ann, input(&less, "web:2")).await.unwrap();
        assert_eq!(second["left"], json!(["instance:booking/web-db.dev"]));
        ready(&world, "web.dev").await;
        let third = deploy(&world, &ann, DeployInput { prune: true, ..input(&less, "web:3") }).await.unwrap();
        assert_eq!(third["number"], json!(3));
        ready(&world, "web.dev").await;
        for _ in 0..200 {
            due::fire(&world.app, &due::handlers()).await.unwrap();
            if phase(&world.app, "instance:booking/web-db.dev") == "none" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(phase(&world.app, "instance:booking/web-db.dev"), "none");
        on_and_back(&world, &ann).await;
        drop(driver);
        world.stop.send_replace(true);
    });
}

async fn on_and_back(world: &World, ann: &Caller) {
    let wish = PromoteInput { from: "dev".into(), ..PromoteInput::default() };
    let command = world.app.promotion(ann, &booking(), "web", &wish).unwrap();
    world.app.run(ann, command).await.unwrap();
    ready(world, "web.test").await;
    let (dev, test) = (spec(world, "web.dev").deployed.unwrap(), spec(world, "web.test").deployed.unwrap());
    assert_eq!((dev.artifact, dev.score), (test.artifact, test.score), "the same artifact");
    assert_eq!(test.from.as_deref(), Some("dev"));
    let places = world.app.workload(ann, &booking(), "web").unwrap();
    let shown: Vec<(&str, u64, &str)> =
        places.iter().map(|place| (place.environment.as_str(), place.number, place.artifact.as_str())).collect();
    assert_eq!(shown, [("dev", 3, "web:3"), ("test", 1, "web:3")]);
    let back = RollbackInput { environment: "dev".into(), to: Some(1), dry_run: false };
    let command = world.app.way_back(ann, &booking(), "web", &back).await.unwrap();
    world.app.run(ann, command).await.unwrap();
    ready(world, "web.dev").await;
    let dev = spec(world, "web.dev").deployed.unwrap();
    assert_eq!((dev.number, dev.artifact.as_str(), dev.from.as_deref()), (4, "web:1", Some("deployment 1")));
    let instance = Ref::new("instance", "booking", "web.dev");
    let numbers: Vec<u64> = world.app.deployments(ann, &instance).await.unwrap().iter().map(|one| one.number).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    let rows = world.app.differ_environments(ann, "dev", "test", Some(&booking())).await.unwrap();
    let web = rows.iter().find(|row| row.name == "booking/web").unwrap();
    assert!(
        web.which == Which::Changed && web.fields.iter().any(|field| field.path == "artifact") && web.cause.is_some()
    );
    // What changed over time: each edge with what brought it about.
    crate::harness::pass(world, 86_400);
    let now = world.app.now();
    let rows = world.app.differ_times(ann, loggia_model::Micros(0), now, None).await.unwrap();
    let web = rows.iter().find(|row| row.name == "instance:booking/web.dev").unwrap();
    assert!(!web.edges.is_empty() && web.edges.iter().all(|edge| edge.cause.is_some()), "{:?}", web.edges);
    assert!(world.app.differ_times(&world.person("bob"), now, now, None).await.is_err());
}

#[test]
fn what_a_workload_cannot_get_is_told_with_what_there_is() {
    on_each("what_a_workload_cannot_get", |world| async move {
        let (ann, _) = start(&world).await;
        for (score, path, says) in [
            (SHOP.replace("type: store}", "type: redis}"), "resources.db.type", "There is: store."),
            (SHOP.replace("type: store}", "type: store, class: large}"), "resources.db.type", "There is: store."),
            (SHOP.replace("db.host", "db.nothing"), "containers.main.variables.DATABASE", "address"),
        ] {
            let Err(Error::Invalid(problems)) = deploy(&world, &ann, input(&score, "a")).await else {
                panic!("{path}")
            };
            assert_eq!(problems[0].path, path);
            assert!(problems[0].mend.contains(says), "{problems:?}");
        }
        let none = DeployInput { image: None, ..input(SHOP, "") };
        let Err(Error::Invalid(problems)) = deploy(&world, &ann, none).await else { panic!("no image") };
        assert_eq!(problems[0].rule, "score.image");
        assert!(
            deploy(&world, &world.person("bob"), DeployInput { team: Some("booking".into()), ..input(SHOP, "a") })
                .await
                .is_err()
        );
        assert!(world.names("instance").is_empty());
    });
}
