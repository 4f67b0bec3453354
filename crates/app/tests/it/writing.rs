//! Who may write what: every kind, every role.

use crate::harness::{World, on_each};
use loggia_app::access::caller::Limits;
use loggia_app::access::writing::may_create;
use loggia_app::estate::{Observe, Observed};
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::{Caller, Door, Error};
use loggia_model::kinds::ALL;
use loggia_model::{Document, Ref, naming};
use serde_json::{Value, json};

const WORLD: &str = "
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: platform}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: red}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: pia}
spec: {memberOf: [platform]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: rosa}
spec: {memberOf: [red]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: bob}
spec: {memberOf: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ann}
spec: {memberOf: []}
---
apiVersion: loggia.dev/v1
kind: Product
metadata: {name: yard}
spec: {team: platform, administrators: ['user:default/ann']}
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: dev}
spec: {product: yard, type: development, owner: platform, backends: {}}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: cache}
spec: {product: yard, owner: red, category: data, promise: p, for: f, problem: x, plans: [{name: small}]}
";

/// A document of a kind that the group `red` owns, as far as the kind has an owner.
fn document(kind: &str, name: &str, title: &str) -> Value {
    let spec = match kind {
        "API" => json!({"type": "openapi", "lifecycle": "production", "owner": "red", "definition": "{}"}),
        "Campaign" => json!({"purpose": "p", "offering": "cache", "to": ">=2"}),
        "Check" => json!({"of": "Instance", "query": {"fits": ["spec.team"]}, "why": "w", "mend": "m", "owner": "red"}),
        "Component" => json!({"type": "service", "lifecycle": "production", "owner": "red"}),
        "Domain" | "System" => json!({"owner": "red"}),
        "Ending" => json!({"subject": "offering:cache", "reason": "r", "replacement": "none", "preset": "aip-181",
            "dates": {"effective": "2035-01-01", "off": "2036-01-01"}}),
        "Environment" => json!({"product": "yard", "type": "development", "owner": "red", "backends": {}}),
        "Group" => json!({"type": "team", "children": [], "members": ["bob"]}),
        "Instance" => json!({"offering": "cache", "step": "observed", "team": "red", "environment": "dev"}),
        "Location" => json!({"type": "url", "target": "https://example.com/a.yaml"}),
        "Offering" => json!({"product": "yard", "owner": "red", "category": "data", "promise": "p", "for": "f",
            "problem": "x", "plans": [{"name": "small"}]}),
        "Product" => json!({"team": "platform", "administrators": ["user:default/ann"]}),
        "Release" => json!({"offering": "cache", "version": name.trim_start_matches("cache-"),
            "contract": {"inputs": {}}, "recipe": {"driver": "memory"}}),
        "Resource" => json!({"type": "bucket", "owner": "red"}),
        "Template" => json!({"type": "service", "owner": "red", "steps": []}),
        "User" => json!({"memberOf": ["red"], "owner": "red"}),
        other => panic!("{other} has no document here"),
    };
    let version = match kind {
        "Template" => "scaffolder.backstage.io/v1beta3",
        "Campaign" | "Check" | "Ending" | "Environment" | "Instance" | "Offering" | "Product" | "Release" => {
            "loggia.dev/v1"
        }
        _ => "backstage.io/v1alpha1",
    };
    let namespace = if kind == "Instance" { "red" } else { "default" };
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace, "title": title},
        "spec": spec})
}

fn apply(value: &Value, dry_run: bool) -> Apply {
    let prepared = prepare(value.clone(), "").unwrap_or_else(|problems| panic!("{value}: {problems:?}"));
    Apply { prepared: vec![prepared], if_match: None, dry_run }
}

fn may<T>(done: &Result<T, Error>) -> bool {
    !matches!(done, Err(Error::Forbidden(_) | Error::Unauthenticated(_) | Error::NotFound(_)))
}

fn names(kind: &str) -> (String, String) {
    match kind {
        "Release" => ("cache-1.0.0".into(), "cache-2.0.0".into()),
        "Instance" => ("old.dev".into(), "new.dev".into()),
        other => (format!("old-{}", other.to_lowercase()), format!("new-{}", other.to_lowercase())),
    }
}

async fn row(world: &World, kind: &str, callers: &[(&str, Caller)]) -> String {
    let (old, new) = names(kind);
    let mut row = format!("{kind:<12}");
    for (_, caller) in callers {
        let mut cell = String::new();
        let dry = |value: Value| apply(&value, true);
        cell.push(if may(&world.app.run(caller, dry(document(kind, &new, "New"))).await) { 'c' } else { '-' });
        cell.push(if may(&world.app.run(caller, dry(document(kind, &old, "Changed"))).await) { 'u' } else { '-' });
        let reference = Document(document(kind, &old, "")).reference();
        let delete = Delete { reference, if_match: None, dry_run: true };
        cell.push(if may(&world.app.run(caller, delete).await) { 'd' } else { '-' });
        row.push_str(&format!("{cell:<9}"));
    }
    row.trim_end().to_owned()
}

/// Create, update, delete. A change here is a change of who may give themselves rights.
const TABLE: &str = "            nobody   member   owner    product  admin    service
API         ---      ---      cud      cud      cud      cud
Campaign    ---      ---      cud      cud      cud      cud
Check       ---      ---      ---      cud      cud      cud
Component   ---      ---      cud      cud      cud      cud
Domain      ---      ---      cud      cud      cud      cud
Ending      ---      ---      cud      cud      cud      cu-
Environment ---      ---      ---      ---      cud      ---
Group       ---      ---      ---      ---      cud      ---
Instance    ---      ---      ---      ---      cud      ---
Location    ---      ---      ---      cud      cud      cud
Offering    ---      ---      -ud      cud      cud      cud
Product     ---      ---      ---      ---      cud      ---
Release     ---      ---      cud      cud      cud      cud
Resource    ---      ---      cud      cud      cud      cud
System      ---      ---      cud      cud      cud      cud
Template    ---      ---      cud      cud      cud      cud
User        ---      ---      ---      ---      cud      ---";

#[test]
fn every_kind_for_every_role() {
    on_each("every_kind_for_every_role", |world| async move {
        let report = world.sync("repository:test", &[("all.yaml", WORLD)]).await;
        assert_eq!(report.problems, []);
        let root = Caller::administrator("test", Door::Api, "r1");
        for kind in ALL {
            world.app.run(&root, apply(&document(kind.name, &names(kind.name).0, "Old"), false)).await.unwrap();
        }
        let limits = Limits::Only(["write".to_owned()].into());
        let callers = [
            ("nobody", Caller::nobody(Door::Api, "r1")),
            ("member", world.person("bob")),
            ("owner", world.person("rosa")),
            ("product", world.person("pia")),
            ("admin", world.person("ann")),
            ("service", Caller::service("ci", limits, Door::Api, "r1")),
        ];
        let mut table =
            vec![format!("{:<12}{}", "", callers.each_ref().map(|(name, _)| format!("{name:<9}")).concat())];
        let mut kinds: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
        kinds.sort_unstable();
        for kind in kinds {
            table.push(row(&world, kind, &callers).await);
        }
        let table: Vec<&str> = table.iter().map(|row| row.trim_end()).collect();
        assert_eq!(table.join("\n"), TABLE);
    });
}

/// Who creates in which namespace (decision 3): a change here is a change of who may find out what is there.
const NAMESPACES: &str = "            nobody   member   partner  product  admin    service
default     -        c        -        c        c        c
red         -        c        -        -        c        -
keelworks   -        -        c        -        c        -
elsewhere   -        -        -        -        c        -";

/// Somebody of a partner organisation.
const PARTNER: &str = "apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: li, annotations: {loggia.dev/partner: keelworks}}
spec: {memberOf: []}
";

#[test]
fn every_namespace_for_every_role() {
    on_each("every_namespace_for_every_role", |world| async move {
        world.sync("repository:test", &[("all.yaml", WORLD), ("partner.yaml", PARTNER)]).await;
        let limits = Limits::Only(["write".to_owned()].into());
        let callers = [
            ("nobody", Caller::nobody(Door::Api, "r1")),
            ("member", world.person("rosa")),
            ("partner", world.person("li")),
            ("product", world.person("pia")),
            ("admin", world.person("ann")),
            ("service", Caller::service("ci", limits, Door::Api, "r1")),
        ];
        let mut table =
            vec![format!("{:<12}{}", "", callers.each_ref().map(|(name, _)| format!("{name:<9}")).concat())];
        for namespace in ["default", "red", "keelworks", "elsewhere"] {
            let mut value = document("Component", "new", "New");
            value["metadata"]["namespace"] = json!(namespace);
            let mut row = format!("{namespace:<12}");
            for (_, caller) in &callers {
                let may = may_create(caller, &Document(value.clone())).is_ok();
                row.push_str(&format!("{:<9}", if may { 'c' } else { '-' }));
            }
            table.push(row);
        }
        let table: Vec<&str> = table.iter().map(|row| row.trim_end()).collect();
        assert_eq!(table.join("\n"), NAMESPACES);
    });
}

/// A hidden name is refused in the same words as a free one, so that nobody finds out by trying.
#[test]
fn trying_names_tells_nothing() {
    on_each("trying_names_tells_nothing", |world| async move {
        world.sync("repository:test", &[("all.yaml", WORLD)]).await;
        let component = |namespace: &str, name: &str, visibility: &str| {
            let mut value = document("Component", name, "T");
            value["metadata"]["namespace"] = json!(namespace);
            value["spec"]["owner"] = json!("group:default/red");
            value["metadata"]["annotations"] = json!({"loggia.dev/visibility": visibility});
            value
        };
        let rosa = world.person("rosa");
        world.app.run(&rosa, apply(&component("red", "hidden", "team"), false)).await.unwrap();
        // The product team and services may write components, and do not see all that a team has.
        let service = Caller::service("ci", Limits::None, Door::Api, "r1");
        for who in [world.person("pia"), service] {
            let told = async |name: &str| {
                let done = world.app.run(&who, apply(&component("red", name, "company"), false)).await;
                let Err(Error::Forbidden(message)) = done else { panic!("{done:?}") };
                message
            };
            let message = told("hidden").await;
            assert_eq!(message, told("free").await);
            assert!(message.contains("the namespace red") && message.contains("Use default"), "{message}");
        }
        // What is new and not for the whole company does not go where all of it creates.
        let done = world.app.run(&rosa, apply(&component("default", "secret", "team"), false)).await;
        let Err(Error::Refused(refusal)) = done else { panic!("{done:?}") };
        assert_eq!(refusal.rule, "namespace.shared");
        let root = Caller::administrator("test", Door::Api, "r1");
        world.app.run(&root, apply(&component("default", "secret", "team"), false)).await.unwrap();
    });
}

/// A group of the same name elsewhere does not get at what a team has: repositories and instances go by the namespace.
#[test]
fn a_namespace_is_one_team_s() {
    on_each("a_namespace_is_one_team_s", |world| async move {
        world.sync("repository:test", &[("all.yaml", WORLD)]).await;
        let root = Caller::administrator("test", Door::Api, "r1");
        let seen = |team: &str| Observe {
            seen: vec![Observed {
                offering: "cache".into(),
                version: "1".into(),
                environment: "dev".into(),
                team: team.into(),
                ..Observed::default()
            }],
        };
        world.app.run(&root, seen("red")).await.unwrap();
        world.app.run(&root, seen("group:evil/red")).await.unwrap();
        let evil = naming::namespace(&Ref::new("group", "evil", "red"));
        let both = [format!("instance:{evil}/cache.dev"), "instance:red/cache.dev".to_owned()];
        assert_eq!(world.names("instance"), both);
        let taken = world.app.run(&root, seen(&evil)).await;
        assert!(matches!(taken, Err(Error::Invalid(problems)) if problems[0].rule == "order.team"));
    });
}

/// What is managed got there by an order; nothing else writes or changes it.
#[test]
fn what_is_managed_is_not_written() {
    on_each("what_is_managed_is_not_written", |world| async move {
        let mut managed = document("Instance", "gold.dev", "Gold");
        managed["spec"]["step"] = json!("managed");
        let problems = prepare(managed, "").unwrap_err();
        assert_eq!(problems[0].rule, "instance.managed");
        let file = "apiVersion: loggia.dev/v1\nkind: Instance\nmetadata: {name: a.dev, namespace: red}\n\
            spec: {offering: cache, step: managed, team: red, environment: dev}\n";
        let report = world.sync("repository:test", &[("all.yaml", WORLD), ("a.yaml", file)]).await;
        assert_eq!(report.problems[0].rule, "instance.managed");
        assert_eq!(world.names("instance"), [""; 0]);
    });
}
