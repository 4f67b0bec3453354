//! Teams, environments and names are the same at every way in.

use crate::estate::{platform, seen};
use crate::harness::{InMemory, World, on_each};
use crate::order::{input, ordered, phase};
use loggia_app::estate::{Observe, Observed};
use loggia_app::instance::order::OrderInput;
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::{Caller, Door, Error};
use loggia_graph::Audience;
use loggia_model::{Document, Ref, kind, naming};
use serde_json::{Value, json};
use std::sync::Arc;

const TEAMS: [&str; 4] = ["booking", "data_platform", "acme.search", "eu/team-a"];

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r1")
}

async fn add(world: &World, all: Vec<Value>) {
    let prepared = all.into_iter().map(|value| prepare(value, "").unwrap()).collect();
    world.app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
}

fn group(name: &str) -> Value {
    let name = Ref::parse(name, Some("group"), "default").unwrap();
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group",
        "metadata": {"name": name.name(), "namespace": name.namespace()}, "spec": {"type": "team", "children": []}})
}

fn place(name: &str, driver: &str) -> Value {
    json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": name},
        "spec": {"product": "fairway", "type": "test", "owner": "core", "backends": {driver: {"driver": driver}}}})
}

/// Every instance that is there, held against the rules of its kind.
fn wrong(world: &World) -> Vec<String> {
    let graph = world.app.graph();
    let all = graph.of_kind(&Audience::All, "instance");
    let told = all.flat_map(|one| kind::check(&Document(one.parse().0)));
    told.map(|problem| problem.to_string()).collect()
}

#[test]
fn what_is_valid_is_taken_by_reports_and_orders_alike_and_is_valid_again() {
    on_each("what_is_valid_is_taken_by_reports_and_orders_alike", |world| async move {
        platform(&world).await;
        let long = "a-place-with-a-name-of-forty-characters-".trim_end_matches('-');
        let mut all: Vec<Value> = TEAMS.iter().map(|team| group(team)).collect();
        all.push(place(long, "memory"));
        add(&world, all).await;
        let mut count = 0;
        for team in TEAMS {
            for environment in ["dev", "environment:default/dev", long] {
                for name in ["ordered", "reported"] {
                    let name = format!("{name}-{}", environment.len());
                    count += 1;
                    if name.starts_with("ordered") {
                        let wish = OrderInput { team: team.into(), environment: environment.into(), ..input(&name) };
                        ordered(&world, &admin(), wish).await;
                    } else {
                        let one = Observed {
                            team: team.into(),
                            environment: environment.into(),
                            ..seen("postgres", "15", &name)
                        };
                        world.app.run(&admin(), Observe { seen: vec![one.clone()] }).await.unwrap();
                        let again = world.app.run(&admin(), Observe { seen: vec![one] }).await.unwrap();
                        assert_eq!(again.answer[0]["result"], "seen", "{team} {environment}");
                    }
                }
            }
        }
        assert_eq!(world.names("instance").len(), count);
        assert_eq!(wrong(&world), [""; 0]);
    });
}

#[test]
fn what_is_too_long_together_says_how_long_it_may_be() {
    on_each("what_is_too_long_together", |world| async move {
        platform(&world).await;
        let long = "e".repeat(40);
        add(&world, vec![place(&long, "memory")]).await;
        let name = "n".repeat(23);
        let wish = OrderInput { environment: long.clone(), ..input(&name) };
        let Err(Error::Invalid(order)) = world.app.order(&admin(), wish).await else { panic!("ordered") };
        let one = Observed { environment: long.clone(), ..seen("postgres", "15", &name) };
        let Err(Error::Invalid(report)) = world.app.run(&admin(), Observe { seen: vec![one] }).await else {
            panic!("seen")
        };
        for problem in [&order[0], &report[0]] {
            assert!(problem.path == "name" && problem.message.contains("may have 62"), "{problem:?}");
            assert!(problem.mend.contains("at most 22"), "{problem:?}");
        }
        ordered(&world, &admin(), OrderInput { environment: long, ..input(&"n".repeat(22)) }).await;
    });
}

/// A driver is told the team as an owner is written, and a namespace that any backend takes.
#[test]
fn drivers_are_told_team_and_namespace() {
    on_each("drivers_are_told_team_and_namespace", |world| async move {
        platform(&world).await;
        add(&world, TEAMS.iter().map(|team| group(team)).collect()).await;
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        for team in TEAMS {
            let wish = OrderInput { team: team.into(), ..input("orders") };
            let made = world.app.order(&admin(), wish).await.unwrap().answer["instance"].as_str().unwrap().to_owned();
            world.until("ready", |app| phase(app, &made) == "ready").await;
            let reference = Ref::parse(team, Some("group"), "default").unwrap();
            let told = driver.teams.lock().unwrap().pop().unwrap();
            assert_eq!(told, (team.to_owned(), naming::namespace(&reference)));
        }
        world.stop.send_replace(true);
    });
}

/// A repository is found by team and name: one of the same name cannot be made in another environment.
#[test]
fn a_repository_has_its_name_once_in_all_environments() {
    on_each("a_repository_has_its_name_once", |world| async move {
        platform(&world).await;
        let release = json!({"apiVersion": "loggia.dev/v1", "kind": "Release", "metadata": {"name": "path-1.0.0"},
            "spec": {"offering": "path", "version": "1.0.0", "contract": {"inputs": {"type": "object"}},
                "recipe": {"driver": "git"}}});
        let offering = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "path"},
            "spec": {"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
                "problem": "x", "plans": [{"name": "small"}]}});
        let git = |name: &str| {
            let mut place = place(name, "memory");
            place["spec"]["backends"]["git"] = json!({"driver": "git"});
            place
        };
        add(&world, vec![offering, release, git("one"), git("two"), group("eu/team-a")]).await;
        let wish = |offering: &str, environment: &str, team: &str, name: &str, dry_run: bool| OrderInput {
            offering: offering.into(),
            environment: environment.into(),
            team: team.into(),
            dry_run,
            ..input(name)
        };
        ordered(&world, &admin(), wish("path", "one", "booking", "web", false)).await;
        for dry_run in [true, false] {
            let refused = world.app.order(&admin(), wish("path", "two", "booking", "web", dry_run)).await;
            let Err(Error::Invalid(problems)) = refused else { panic!("{dry_run}") };
            assert!(problems[0].rule == "name.taken" && problems[0].message.contains("in one"), "{problems:?}");
            assert!(problems[0].mend.contains("web-2"), "{problems:?}");
        }
        // Another name, another team, and another driver are free.
        for (offering, team, name) in
            [("path", "booking", "web-2"), ("path", "eu/team-a", "web"), ("db", "booking", "web")]
        {
            ordered(&world, &admin(), wish(offering, "two", team, name, false)).await;
        }
    });
}

/// However things are named in full, an order means the same.
#[test]
fn things_are_named_in_every_form() {
    on_each("things_are_named_in_every_form", |world| async move {
        platform(&world).await;
        let forms = |kind: &str, name: &str| {
            [
                name.to_owned(),
                format!("default/{name}"),
                format!("{kind}:{name}"),
                format!("{kind}:default/{name}"),
                format!("{kind}/{name}"),
            ]
        };
        let wish = |offering: &str, environment: &str, release: Option<&str>| OrderInput {
            offering: offering.into(),
            environment: environment.into(),
            release: release.map(str::to_owned),
            dry_run: true,
            ..input("orders")
        };
        let plain = world.app.order(&admin(), wish("db", "dev", Some("db-1.0.0"))).await.unwrap().answer;
        for at in 0..5 {
            let (offering, place, release) =
                (&forms("offering", "db")[at], &forms("environment", "dev")[at], &forms("release", "db-1.0.0")[at]);
            let said = world.app.order(&admin(), wish(offering, place, Some(release))).await.unwrap().answer;
            assert_eq!(said, plain, "{offering} {place} {release}");
        }
    });
}
