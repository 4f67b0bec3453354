//! Numbers that say what changed, and versions that are tried out on what runs before they are published.

use crate::estate::platform;
use crate::harness::{World, on_each};
use loggia_app::instance::order::OrderInput;
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::release::publication::Publish;
use loggia_app::{Caller, Door, Error, Result};
use loggia_model::contract::Weight;
use loggia_model::{Publication, Ref};
use serde_json::{Value, json};

const DRAFT: &str = "draft";

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

/// A release of the database with inputs of its own.
pub fn release(version: &str, properties: Value, begins: &str, more: Value) -> Value {
    let mut document = json!({"apiVersion": "loggia.dev/v1", "kind": "Release",
        "metadata": {"name": format!("db-{version}"), "annotations": {}},
        "spec": {"offering": "db", "version": version, "recipe": {"driver": "memory"}, "contract": {"inputs":
            {"type": "object", "additionalProperties": false}}}});
    document["spec"]["contract"]["inputs"]["properties"] = properties;
    if !begins.is_empty() {
        document["metadata"]["annotations"]["loggia.dev/publication"] = json!(begins);
    }
    if let Value::Object(more) = more {
        for (key, value) in more {
            document["spec"][key] = value;
        }
    }
    document
}

/// The inputs that the database of the platform has.
pub fn usual() -> Value {
    json!({"size": {"type": "string", "enum": ["s", "m"], "default": "s"}, "seed": {"type": "string", "writeOnly": true}})
}

pub async fn apply(world: &World, document: Value) -> Result<()> {
    let prepared = vec![prepare(document, "").unwrap()];
    world.app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await.map(drop)
}

async fn order(world: &World, name: &str, size: &str) {
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        inputs: json!({"size": size}).as_object().cloned().unwrap(),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
}

#[test]
fn a_number_that_hides_a_change_is_refused_through_every_way() {
    on_each("a_number_that_hides_a_change_is_refused", |world| async move {
        platform(&world).await;
        let small = json!({"size": {"type": "string", "enum": ["s"], "default": "s"}});
        let Err(Error::Invalid(problems)) = apply(&world, release("1.2.0", small.clone(), "", json!({}))).await else {
            panic!("published");
        };
        assert_eq!((problems[0].rule.as_str(), problems[0].path.as_str()), ("release.number", "spec.version"));
        let said = problems[0].to_string();
        assert!(said.contains("input seed is not there any more") && said.contains("Call it 2.0.0"), "{said}");
        let idle = json!({"migration": {"steps": [{"default": {"input": "size", "value": "m"}}]}});
        let Err(Error::Invalid(problems)) = apply(&world, release("1.2.0", usual(), "", idle)).await else {
            panic!("published");
        };
        assert_eq!(problems[0].rule, "release.migration");
        // A draft may say what it likes until it is published.
        apply(&world, release("1.2.0", small.clone(), DRAFT, json!({}))).await.unwrap();
        let publish = |name: &str| Publish {
            release: Ref::new("release", "default", name),
            to: Publication::Published,
            reason: String::new(),
            accept_failing: false,
        };
        assert!(matches!(world.app.run(&admin(), publish("db-1.2.0")).await, Err(Error::Invalid(_))));
        // A correction with less than the version that is out already after it makes that number a lie.
        let more =
            json!({"size": {"type": "string", "enum": ["s", "m", "l"]}, "seed": {"type": "string", "writeOnly": true}});
        let between = apply(&world, release("1.0.1", usual(), "", json!({}))).await;
        assert!(between.is_ok(), "{between:?}");
        let Err(Error::Invalid(problems)) = apply(&world, release("1.0.5", more, "", json!({}))).await else {
            panic!("published");
        };
        assert_eq!(problems[0].rule, "release.number");
        // The same in a repository, with its place; others of the same commit are taken over.
        let text = |document: Value| document.to_string();
        let (wrong, right) = (release("1.3.0", small, "", json!({})), release("1.4.0", usual(), "", json!({})));
        let report = world.sync("repository:main", &[("a.yaml", &text(wrong)), ("b.yaml", &text(right))]).await;
        let found: Vec<_> = report.problems.iter().map(|p| (p.rule.as_str(), p.file.as_deref(), p.line)).collect();
        assert_eq!(found[0], ("release.number", Some("a.yaml"), Some(1)), "{report:?}");
    });
}

#[test]
fn a_breaking_version_is_tried_on_what_runs() {
    on_each("a_breaking_version_is_tried_on_what_runs", |world| async move {
        platform(&world).await;
        order(&world, "one", "s").await;
        order(&world, "two", "m").await;
        let tiers = json!({"tier": {"type": "string", "enum": ["small", "large"]}});
        let steps = |values: Value| {
            json!({"migration": {"from": "1", "steps": [
                {"rename": {"from": "size", "to": "tier"}}, {"map": {"input": "tier", "values": values}}]}})
        };
        let half = steps(json!({"s": "small"}));
        apply(&world, release("2.0.0", tiers.clone(), DRAFT, half.clone())).await.unwrap();
        let named = Ref::new("release", "default", "db-2.0.0");
        let tried = world.app.dry_run(&admin(), &named).unwrap();
        assert_eq!((tried.tried, tried.weight, tried.before.as_deref()), (2, Weight::Breaking, Some("1.1.0")));
        let names: Vec<&str> = tried.failing.iter().map(|one| one.instance.name()).collect();
        assert_eq!(names, ["two.dev"], "{tried:?}");
        assert_eq!(tried.failing[0].problems[0].path, "inputs.tier");
        let publish = |accept_failing: bool, reason: &str| Publish {
            release: named.clone(),
            to: Publication::Published,
            reason: reason.into(),
            accept_failing,
        };
        let Err(Error::Refused(refusal)) = world.app.run(&admin(), publish(false, "")).await else {
            panic!("published")
        };
        assert_eq!(refusal.rule, "release.would-fail");
        assert!(refusal.message.contains("booking/two.dev"), "{refusal}");
        // Taking the word "draft" away is no way around it, neither by command nor in a repository.
        assert!(matches!(apply(&world, release("2.0.0", tiers.clone(), "", half)).await, Err(Error::Refused(_))));
        assert!(matches!(world.app.run(&admin(), publish(true, " ")).await, Err(Error::Invalid(_))));
        apply(&world, release("2.0.0", tiers, DRAFT, steps(json!({"s": "small", "m": "large"})))).await.unwrap();
        assert!(world.app.dry_run(&admin(), &named).unwrap().failing.is_empty());
        world.app.run(&admin(), publish(false, "")).await.unwrap();
        // Others may neither try nor publish; who does not see it learns nothing.
        assert!(matches!(world.app.dry_run(&world.person("bob"), &named), Err(Error::Forbidden(_))));
        let strict = json!({"tier": {"type": "string", "enum": ["large"]}});
        apply(&world, release("3.0.0", strict, DRAFT, json!({}))).await.unwrap();
        let third = Publish { release: Ref::new("release", "default", "db-3.0.0"), ..publish(true, "They were told.") };
        world.app.run(&admin(), third).await.unwrap();
        // The migration of 2.0.0 is on the way to 3.0.0 too.
        let tried = world.app.dry_run(&admin(), &Ref::new("release", "default", "db-3.0.0")).unwrap();
        assert_eq!((tried.tried, tried.failing.len()), (2, 1), "{tried:?}");
    });
}
