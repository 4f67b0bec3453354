//! Writing records through the doors.

use crate::harness::on_each;
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::{Caller, Door, Error};
use serde_json::{Value, json};

fn group(name: &str) -> Value {
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": name},
        "spec": {"type": "team", "children": []}})
}

fn component(name: &str, owner: &str, title: &str) -> Value {
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name, "title": title},
        "spec": {"type": "service", "lifecycle": "production", "owner": owner}})
}

fn apply(values: Vec<Value>) -> Apply {
    let prepared = values.into_iter().map(|value| prepare(value, "").unwrap()).collect();
    Apply { prepared, if_match: None, dry_run: false }
}

#[test]
fn writes_keeps_history_and_survives_a_restart() {
    on_each("writes_keeps_history_and_survives_a_restart", |world| async move {
        let admin = Caller::administrator("test", Door::Api, "r1");
        world.app.run(&admin, apply(vec![group("a"), component("web", "a", "One")])).await.unwrap();
        let first = world.app.graph().get_text("component:default/web").unwrap().clone();
        world.clock.advance(60);
        let outcome = world.app.run(&admin, apply(vec![component("web", "a", "Two")])).await.unwrap();
        assert_eq!(outcome.answer[0]["result"], "changed");
        let again = world.restarted().await;
        let graph = again.graph();
        let record = graph.get_text("component:default/web").unwrap();
        assert_eq!((record.uid, record.revision, record.parse().title()), (first.uid, 2, "Two"));
        assert_eq!(graph.position(), outcome.position);
        let then = again.record_at(&admin, &record.reference, first.updated_at).await.unwrap();
        assert_eq!(then.parse().title(), "One");
        let broken = world.store.verify_chain().await.unwrap();
        assert!(broken.is_ok(), "{broken:?}");
    });
}

#[test]
fn a_stale_tag_is_a_conflict_and_a_dry_run_writes_nothing() {
    on_each("a_stale_tag_is_a_conflict_and_a_dry_run_writes_nothing", |world| async move {
        let admin = Caller::administrator("test", Door::Api, "r1");
        world.app.run(&admin, apply(vec![component("web", "a", "One")])).await.unwrap();
        let position = world.app.graph().position();
        let stale = Apply { if_match: Some("old".into()), ..apply(vec![component("web", "a", "Two")]) };
        assert!(matches!(world.app.run(&admin, stale).await, Err(Error::Conflict(_))));
        let dry = Apply { dry_run: true, ..apply(vec![component("web", "a", "Two")]) };
        assert_eq!(world.app.run(&admin, dry).await.unwrap().answer[0]["result"], "changed");
        assert_eq!(world.app.graph().position(), position);
    });
}

#[test]
fn references_of_our_kinds_must_lead_somewhere() {
    on_each("references_of_our_kinds_must_lead_somewhere", |world| async move {
        let admin = Caller::administrator("test", Door::Api, "r1");
        let offering = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "db"},
            "spec": {"product": "nowhere", "owner": "a", "category": "data", "promise": "p", "for": "f", "problem": "x",
                "plans": [{"name": "small"}]}});
        let Err(Error::Invalid(problems)) = world.app.run(&admin, apply(vec![offering])).await else {
            panic!("passed")
        };
        let rules: Vec<_> = problems.iter().map(|p| (p.rule.as_str(), p.path.as_str())).collect();
        assert_eq!(rules, [("reference.missing", "spec.product"), ("reference.missing", "spec.owner")]);
    });
}

#[test]
fn only_owners_write_and_nobody_sees_nothing() {
    on_each("only_owners_write_and_nobody_sees_nothing", |world| async move {
        let admin = Caller::administrator("test", Door::Api, "r1");
        let user = |name: &str, team: &str| {
            json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User",
            "metadata": {"name": name}, "spec": {"memberOf": [team]}})
        };
        let all = vec![group("a"), group("b"), user("ann", "a"), user("bob", "b"), component("web", "a", "One")];
        world.app.run(&admin, apply(all)).await.unwrap();
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        assert!(matches!(
            world.app.run(&bob, apply(vec![component("web", "a", "Bob")])).await,
            Err(Error::Forbidden(_))
        ));
        let theft = world.app.run(&bob, apply(vec![component("web", "b", "Bob")])).await;
        assert!(matches!(theft, Err(Error::Forbidden(_))), "naming oneself the owner is not enough");
        world.app.run(&ann, apply(vec![component("web", "a", "Ann")])).await.unwrap();
        let nobody = Caller::nobody(Door::Api, "r2");
        let name = "component:default/web".parse().unwrap();
        assert!(matches!(world.app.record(&nobody, &name), Err(Error::NotFound(_))));
        let delete = Delete { reference: name, if_match: None, dry_run: false };
        world.app.run(&ann, delete).await.unwrap();
        assert_eq!(world.names("component"), Vec::<String>::new());
    });
}
