//! What runs and was not ordered here.

use crate::harness::{World, on_each};
use loggia_app::estate::{Enrol, Observe, Observed};
use loggia_app::prepare::prepare;
use loggia_app::record::Apply;
use loggia_app::who_runs::WhoRunsQuery;
use loggia_app::{Caller, Door, Error};
use loggia_model::instance::{Phase, Step};
use serde_json::{Value, json};

/// A platform with one offering that recognises databases.
pub async fn platform(world: &World) {
    let user = |name: &str, team: &str| {
        json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User",
        "metadata": {"name": name}, "spec": {"memberOf": [team]}})
    };
    let group = |name: &str| {
        json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": name},
        "spec": {"type": "team", "children": [], "profile": {"email": format!("{name}@example.com")}}})
    };
    let ours = |kind: &str, name: &str, spec: Value| {
        json!({"apiVersion": "loggia.dev/v1", "kind": kind,
        "metadata": {"name": name}, "spec": spec})
    };
    let release = |version: &str| {
        ours(
            "Release",
            &format!("db-{version}"),
            json!({"offering": "db", "version": version,
        "contract": {"inputs": {"type": "object", "additionalProperties": false, "properties": {
            "size": {"type": "string", "enum": ["s", "m"], "default": "s"}, "seed": {"type": "string", "writeOnly": true}}}},
        "recipe": {"driver": "memory"}}),
        )
    };
    let all = vec![
        group("booking"),
        group("tracking"),
        group("core"),
        user("ann", "booking"),
        user("bob", "tracking"),
        ours("Product", "fairway", json!({"team": "core"})),
        ours(
            "Offering",
            "db",
            json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p",
            "for": "f", "problem": "x", "plans": [{"name": "small", "default": true}, {"name": "large"}],
            "match": [{"offering": "postgres*"}, {"attributes": {"image": "*postgres:*"}}]}),
        ),
        ours(
            "Environment",
            "dev",
            json!({"product": "fairway", "type": "development", "owner": "core",
            "backends": {"memory": {"driver": "memory"}}}),
        ),
        release("1.0.0"),
        release("1.1.0"),
    ];
    let prepared = all.into_iter().map(|value| prepare(value, "").unwrap()).collect();
    let admin = Caller::administrator("test", Door::Api, "r0");
    world.app.run(&admin, Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
}

fn seen(offering: &str, version: &str, name: &str) -> Observed {
    Observed {
        offering: offering.into(),
        version: version.into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: Some(name.into()),
        ..Observed::default()
    }
}

#[test]
fn who_runs_what_below_a_version_with_everything_needed_to_tell_them() {
    on_each("who_runs_what_below_a_version", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        let mut by_image = seen("something", "16", "c");
        by_image.attributes.insert("image".into(), json!("library/postgres:16"));
        let all =
            vec![seen("postgresql", "13.4", "a"), seen("postgres", "15.1", "b"), by_image, seen("mysql", "8", "d")];
        let outcome = world.app.run(&ann, Observe { seen: all }).await.unwrap();
        let results: Vec<_> = outcome.answer.as_array().unwrap().iter().map(|a| a["result"].clone()).collect();
        assert_eq!(results, ["created", "created", "created", "unmatched"]);
        let below = WhoRunsQuery { offering: "db".into(), below: Some("15".into()), ..WhoRunsQuery::default() };
        let rows = world.app.who_runs(&ann, &below).unwrap();
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.name.as_str(), row.version.as_str(), row.environment.as_str()), ("a", "13.4", "dev"));
        assert_eq!(
            (row.contact.as_str(), row.step, row.known_by.as_str()),
            ("booking@example.com", Step::Observed, "pipeline")
        );
        assert_eq!(row.last_seen, Some(crate::harness::START));
        let admin = Caller::administrator("test", Door::Api, "r1");
        let unmatched = world.app.unmatched(&admin).await.unwrap();
        assert_eq!(unmatched.len(), 1);
        assert!(unmatched[0].why.contains("mysql"), "{}", unmatched[0].why);
    });
}

#[test]
fn not_seen_for_long_is_unknown_and_never_gone() {
    on_each("not_seen_for_long_is_unknown_and_never_gone", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        world.app.run(&ann, Observe { seen: vec![seen("postgres", "13", "a")] }).await.unwrap();
        let position = world.app.graph().position();
        world.clock.advance(13 * 86_400);
        world.app.run(&ann, Observe { seen: vec![seen("postgres", "13", "a")] }).await.unwrap();
        assert_eq!(world.app.graph().position(), position, "seeing the same again is no revision");
        let all = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
        world.clock.advance(13 * 86_400);
        assert_eq!(world.app.who_runs(&ann, &all).unwrap()[0].phase, Phase::Ready);
        world.clock.advance(2 * 86_400);
        assert_eq!(world.app.who_runs(&ann, &all).unwrap()[0].phase, Phase::Unknown);
        let restarted = world.restarted().await;
        assert_eq!(restarted.who_runs(&ann, &all).unwrap()[0].phase, Phase::Unknown);
    });
}

#[test]
fn only_the_team_speaks_for_itself_and_enrols() {
    on_each("only_the_team_speaks_for_itself_and_enrols", |world| async move {
        platform(&world).await;
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        let refused = world.app.run(&bob, Observe { seen: vec![seen("postgres", "13", "a")] }).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))));
        world.app.run(&ann, Observe { seen: vec![seen("postgres", "13", "a")] }).await.unwrap();
        let instance: loggia_model::Ref = "instance:booking/a.dev".parse().unwrap();
        let enrol = |withdraw| Enrol { instance: instance.clone(), withdraw };
        assert!(matches!(world.app.run(&bob, enrol(false)).await, Err(Error::Forbidden(_))));
        world.app.run(&ann, enrol(false)).await.unwrap();
        let all = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
        let row = world.app.who_runs(&ann, &all).unwrap().remove(0);
        assert_eq!((row.step, row.contact.as_str()), (Step::Enrolled, "user:default/ann"));
        world.app.run(&ann, Observe { seen: vec![seen("postgres", "14", "a")] }).await.unwrap();
        let row = world.app.who_runs(&ann, &all).unwrap().remove(0);
        assert_eq!((row.step, row.version.as_str()), (Step::Enrolled, "14"), "a report does not take it down a step");
        world.app.run(&ann, enrol(true)).await.unwrap();
        assert_eq!(world.app.who_runs(&ann, &all).unwrap()[0].step, Step::Observed);
        let gone = Observed { removed: true, ..seen("postgres", "14", "a") };
        world.app.run(&ann, Observe { seen: vec![gone] }).await.unwrap();
        assert!(world.app.who_runs(&ann, &all).unwrap().is_empty());
    });
}
