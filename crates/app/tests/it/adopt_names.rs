//! What was taken in keeps its name and its time, whatever comes beside it.

use crate::adopt::{adopt, found, input};
use crate::estate::{platform, seen};
use crate::harness::{World, on_each};
use loggia_app::estate::Observe;
use loggia_app::estate::adopt::{Found, Sort, plan};
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::{Caller, Door};
use loggia_graph::{Audience, Graph};
use loggia_model::instance::Phase;
use serde_json::{Value, json};

fn database(key: &str, folder: &str) -> Found {
    let address = format!("{folder} module.orders");
    let one = found(Sort::Module, "postgres-module", "15.1", &address, &["booking", "dev"]);
    Found { key: format!("{key} module.orders"), ..one }
}

fn identity(world: &World, name: &str) -> Value {
    world.app.graph().get_text(name).unwrap().parse_status()["attributes"]["identity"].clone()
}

async fn offer(world: &World, name: &str, matches: Value) {
    let spec = json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
        "problem": "x", "plans": [{"name": "s"}], "match": matches});
    let value = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": name}, "spec": spec});
    let admin = Caller::administrator("test", Door::Api, "r0");
    let prepared = vec![prepare(value, "").unwrap()];
    world.app.run(&admin, Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
}

#[test]
fn a_neighbour_renames_nothing_and_a_moved_file_doubles_nothing() {
    on_each("adopt_neighbour", |world| async move {
        platform(&world).await;
        adopt(&world, vec![database("one", "b")]).await;
        assert_eq!(world.names("instance"), ["instance:booking/orders.dev"]);
        // Beside it, whichever comes first in order, and again.
        for others in [["a"].as_slice(), &["a", "c"], &["c", "a"]] {
            let things = others.iter().map(|other| database(other, other)).chain([database("one", "b")]).collect();
            adopt(&world, things).await;
            assert_eq!(world.names("instance").len(), 1 + others.len());
            assert_eq!(identity(&world, "instance:booking/orders.dev"), "one module.orders");
        }
        let position = world.app.graph().position();
        for alone in ["c", "a", "one"] {
            let done = adopt(&world, vec![database(alone, alone)]).await;
            assert_eq!(done.matched.len(), 1);
            assert_eq!(world.names("instance").len(), 3, "what moved, or stands alone, is the same");
        }
        assert!(world.app.graph().position() > position, "its address is another");
        // Read through two descriptions at once, it is one.
        let done = adopt(&world, vec![database("one", "b"), database("one", "piped")]).await;
        assert_eq!((done.matched.len(), world.names("instance").len()), (1, 3));
    });
}

/// A name that something else has: the newcomer gets another, and both count.
#[test]
fn a_clash_of_names_drops_nothing() {
    on_each("adopt_clash", |world| async move {
        platform(&world).await;
        offer(&world, "claims", json!([{"offering": "Claim.acme.org"}])).await;
        let admin = Caller::administrator("test", Door::Api, "r0");
        world.app.run(&admin, Observe { seen: vec![seen("postgres", "15.1", "orders")] }).await.unwrap();
        let claim = found(Sort::Claim, "Claim.acme.org", "", "k.json orders", &["booking-dev"]);
        for _ in 0..2 {
            let done = adopt(&world, vec![claim.clone()]).await;
            assert_eq!(done.reported.unwrap().get("clash"), None);
            assert_eq!(world.names("instance").len(), 2, "{:?}", world.names("instance"));
        }
        let offering = |name: &str| world.app.graph().get_text(name).unwrap().parse().spec_text("offering").to_owned();
        assert_eq!(offering("instance:booking/orders.dev"), "db");
    });
}

#[test]
fn what_a_pipeline_reports_keeps_what_it_was_adopted_by() {
    on_each("adopt_pipeline", |world| async move {
        platform(&world).await;
        adopt(&world, vec![database("one", "b")]).await;
        let admin = Caller::administrator("test", Door::Api, "r0");
        world.app.run(&admin, Observe { seen: vec![seen("postgres", "16", "orders")] }).await.unwrap();
        assert_eq!(identity(&world, "instance:booking/orders.dev"), "one module.orders");
    });
}

#[test]
fn an_old_description_says_nothing_of_today() {
    on_each("adopt_old", |world| async move {
        platform(&world).await;
        let start = world.app.now();
        let at = |days: i64, version: &str| Found {
            time: Some(start.plus_seconds(days * 86_400)),
            version: version.into(),
            ..database("one", "b")
        };
        adopt(&world, vec![at(0, "15.1")]).await;
        let status = || world.app.graph().get_text("instance:booking/orders.dev").unwrap().parse_status();
        adopt(&world, vec![at(-30, "13.0")]).await;
        assert_eq!(status()["version"], "15.1", "an older one moves nothing back");
        world.clock.advance(15 * 86_400);
        for _ in 0..3 {
            let done = adopt(&world, vec![at(0, "15.1")]).await;
            assert_eq!(done.sources.values().collect::<Vec<_>>(), [&start]);
            world.app.note_unseen().await.unwrap();
            assert_eq!(status()["phase"], json!(Phase::Unknown), "the same file again is no sighting");
        }
        adopt(&world, vec![at(15, "15.1")]).await;
        assert_eq!(status()["phase"], json!(Phase::Ready), "what was written anew is one");
    });
}

/// Each pair of tags, in both orders: what is known here counts, else the first.
#[test]
fn of_several_tags_the_one_that_is_known_counts() {
    on_each("adopt_tags", |world| async move {
        platform(&world).await;
        let words = ["jdoe", "tracking", "booking", "dev", "sandbox"];
        for first in words {
            for second in words {
                let tags = vec![first.to_owned(), second.to_owned()];
                let one = Found { teams: tags.clone(), environments: tags, places: Vec::new(), ..database("one", "b") };
                let plan = world
                    .app
                    .adopt(&Caller::administrator("t", Door::Api, "r"), &input(vec![one]), true)
                    .await
                    .unwrap();
                let of = |is: fn(&str) -> bool| [first, second].into_iter().find(|word| is(word)).unwrap_or(first);
                let matched = &plan.matched[0];
                assert_eq!(matched.team, of(|word| ["tracking", "booking"].contains(&word)), "{first} {second}");
                assert_eq!(matched.environment, of(|word| word == "dev"), "{first} {second}");
            }
        }
    });
}

#[test]
fn a_file_says_where_it_runs_and_is_no_part_of_the_name() {
    let one = |source: &str, namespace: &str| Found {
        source: source.into(),
        teams: vec!["booking".into()],
        ..found(Sort::Chart, "redis", "1", &format!("{source} cache"), &[namespace])
    };
    for (source, namespace, environment) in [
        ("two/production.json", "booking", "production"),
        ("two/test.json", "booking", "test"),
        ("production/a.yaml", "booking", "production"),
        ("eu-production.json", "booking", "production"),
        ("production.json", "booking-test", "test"),
    ] {
        let proposed = plan(
            &Graph::empty(),
            &Audience::All,
            &loggia_app::estate::adopt::AdoptInput { at_least: Some(1), ..input(vec![one(source, namespace)]) },
        );
        let environments: Vec<&String> = proposed.adoption.proposed[0].environments.iter().collect();
        assert_eq!(environments, [environment], "{source} {namespace}");
    }
}

#[test]
fn a_rule_says_which_version_counts() {
    on_each("adopt_scale", |world| async move {
        platform(&world).await;
        offer(&world, "engines", json!([{"offering": "acme/engine/aws", "versionFrom": "engineVersion"}])).await;
        let attributes =
            [("engineVersion".to_owned(), "16.1".to_owned()), ("moduleVersion".to_owned(), "5.0.1".to_owned())];
        let one = found(Sort::Module, "acme/engine/aws", "5.0.1", "a module.x", &["booking", "dev"]);
        let plan = adopt(&world, vec![Found { attributes: attributes.into(), ..one }]).await;
        assert_eq!(plan.matched[0].version, "16.1");
        let status = world.app.graph().get_text("instance:booking/x.dev").unwrap().parse_status();
        assert_eq!(status["version"], "16.1");
    });
}

/// A call within a call: with every combination of rules for the whole and for the part.
#[test]
fn a_part_counts_where_a_rule_knows_it_as_something_else() {
    on_each("adopt_parts", |world| async move {
        platform(&world).await;
        offer(&world, "wraps", json!([{"offering": "wrap*"}])).await;
        let thing = |what: &str, address: &str| found(Sort::Module, what, "1", address, &["booking", "dev"]);
        for (whole, part, count) in [
            ("postgres-wrap", "postgres-module", 1),
            ("wrap-a", "postgres-module", 2),
            ("unknown", "postgres-module", 2),
            ("wrap-a", "unknown", 1),
            ("unknown", "unknown-too", 1),
        ] {
            let inner = Found { within: Some("s module.a".into()), ..thing(part, "s module.a.module.b") };
            let things = vec![inner, thing(whole, "s module.a")];
            let plan = plan(&world.app.graph(), &Audience::All, &input(things)).adoption;
            assert_eq!(plan.found["module calls"], count, "{whole} {part}");
        }
    });
}
