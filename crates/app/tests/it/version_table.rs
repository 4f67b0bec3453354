//! The versions of an offering as a table: phases, who runs them, the way to the newest; and that none ever changes.

use crate::ending::{admin, apply, until};
use crate::estate::{platform, seen};
use crate::harness::{World, on_each};
use loggia_app::estate::Observe;
use loggia_app::instance::order::OrderInput;
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::release::publication::Publish;
use loggia_app::release::versions::{VersionRow, Versions};
use loggia_app::{Caller, Error};
use loggia_model::support::{Severity, SupportPhase};
use loggia_model::{Day, Publication, Ref};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

fn release(version: &str, more: &Value) -> Value {
    let mut spec = json!({"offering": "db", "version": version, "contract": {"inputs": {"type": "object"}},
        "recipe": {"driver": "memory"}});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({"apiVersion": "loggia.dev/v1", "kind": "Release", "metadata": {"name": format!("db-{version}")}, "spec": spec})
}

async fn write(world: &World, document: Value) -> loggia_app::Result<()> {
    let prepared = vec![prepare(document, "").map_err(Error::Invalid)?];
    world.app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await.map(drop)
}

fn table(world: &World, caller: &Caller) -> Versions {
    world.app.versions(caller, "db").unwrap()
}

fn row(table: &Versions, version: &str) -> VersionRow {
    table.versions.iter().find(|row| row.version == version).unwrap().clone()
}

#[test]
fn phases_follow_the_days_and_what_goes_away() {
    on_each("phases_follow_the_days_and_what_goes_away", |world| async move {
        platform(&world).await;
        let support = json!({"support": {"activeUntil": "2027-01-31", "maintenanceUntil": "2027-03-31",
            "extendedUntil": "2027-06-30"}});
        write(&world, release("2.0.0", &support)).await.unwrap();
        write(&world, release("3.0.0", &json!({"upgrade": {"from": "2", "strategy": "in-place"}}))).await.unwrap();
        let seen = [seen("postgres", "13", "a"), seen("postgres", "13", "b")];
        world.app.run(&admin(), Observe { seen: seen.to_vec() }).await.unwrap();
        let bob = world.person("bob");
        for (day, phase, last) in [
            ("2027-01-31", SupportPhase::Active, Some("2027-01-31")),
            ("2027-02-01", SupportPhase::Maintenance, Some("2027-03-31")),
            ("2027-04-01", SupportPhase::Extended, Some("2027-06-30")),
            ("2027-07-01", SupportPhase::Ended, None),
        ] {
            until(&world, day);
            let found = row(&table(&world, &bob), "2.0.0");
            assert_eq!((found.phase, found.until), (phase, last.and_then(Day::parse)), "{day}");
            assert_eq!(found.end, Day::parse("2027-06-30"));
            let soon = found.fixed_within.get(&Severity::Critical).copied();
            let expected = [Some(2), Some(7), Some(14), None][phase as usize];
            assert_eq!(soon, expected, "{day}");
        }
        let all = table(&world, &bob);
        assert_eq!((all.others, all.versions[0].version.as_str()), (2, "3.0.0"));
        // From 2 there is a way to 3; from 1 it goes over 2, and 3 says nothing of an end.
        assert_eq!(row(&all, "2.0.0").way, ["3.0.0"]);
        assert_eq!(row(&all, "1.0.0").way, ["2.0.0", "3.0.0"]);
        assert_eq!((row(&all, "3.0.0").phase, row(&all, "3.0.0").until), (SupportPhase::Active, None));
        write(&world, release("4.0.0", &json!({"upgrade": {"from": ">=3.5 <4", "strategy": "in-place"}})))
            .await
            .unwrap();
        let all = table(&world, &bob);
        let stuck = row(&all, "1.0.0");
        assert!(stuck.way.is_empty() && stuck.no_way.contains("no way from 3.0.0 to 4.0.0"), "{stuck:?}");
        assert!(row(&all, "4.0.0").way.is_empty() && row(&all, "4.0.0").no_way.is_empty());
        let late = json!({"support": {"activeUntil": "2027-02-01", "maintenanceUntil": "2027-01-01"}});
        let Err(Error::Invalid(problems)) = write(&world, release("5.0.0", &late)).await else { panic!("written") };
        assert_eq!(problems[0].rule, "release.support");
    });
}

#[test]
fn what_is_off_has_ended_whatever_its_release_says() {
    on_each("what_is_off_has_ended_whatever_its_release_says", |world| async move {
        platform(&world).await;
        crate::ending::announced(&world).await;
        let bob = world.person("bob");
        let found = row(&table(&world, &bob), "1.1.0");
        assert_eq!((found.phase, found.until), (SupportPhase::Active, Day::parse("2027-04-30")));
        assert_eq!(found.standing, "going away");
        until(&world, "2027-05-01");
        assert_eq!(row(&table(&world, &bob), "1.1.0").phase, SupportPhase::Ended);
        let days = "apiVersion: loggia.dev/v1
kind: Product
metadata: {name: fairway}
spec: {team: core, fixes: {critical: {active: 1}}, endingRules: {house: {notice: {ga: 90, preview: 30}, exemption: 20}}}
";
        apply(&world, days).await.unwrap();
        assert_eq!(table(&world, &bob).fixes[&Severity::Critical].active, Some(1));
    });
}

/// Who follows a channel gets its previews; nobody else sees or gets them.
#[test]
fn groups_on_a_channel_get_its_previews() {
    on_each("groups_on_a_channel_get_its_previews", |world| async move {
        platform(&world).await;
        let offering = |more: Value| {
            let mut spec = json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
                "problem": "x", "plans": [{"name": "small"}]});
            for (key, value) in more.as_object().unwrap() {
                spec[key] = value.clone();
            }
            json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "db"}, "spec": spec})
        };
        let nobody = write(&world, offering(json!({"followers": {"edge": ["booking"]}}))).await;
        let Err(Error::Invalid(problems)) = nobody else { panic!("written") };
        assert_eq!(problems[0].rule, "offering.followers");
        let channels = json!({"stable": "1.0.0", "edge": ">=1.0.0-0"});
        write(&world, offering(json!({"channels": channels, "followers": {"edge": ["booking"]}}))).await.unwrap();
        let mut candidate = release("2.0.0", &json!({"upgrade": {"strategy": "in-place"}}));
        candidate["metadata"]["annotations"] = json!({"loggia.dev/publication": "candidate"});
        write(&world, candidate).await.unwrap();
        let mut draft = release("3.0.0", &json!({}));
        draft["metadata"]["annotations"] = json!({"loggia.dev/publication": "draft"});
        write(&world, draft).await.unwrap();
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        let order = async |who: &Caller, team: &str, wish: Option<&str>| {
            let input = OrderInput {
                offering: "db".into(),
                environment: "dev".into(),
                team: team.into(),
                name: "one".into(),
                release: wish.map(str::to_owned),
                dry_run: true,
                ..OrderInput::default()
            };
            let done = world.app.order(who, input).await;
            done.map(|done| done.answer["release"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(order(&ann, "booking", None).await.unwrap(), "db-2.0.0");
        assert_eq!(order(&ann, "booking", Some("stable")).await.unwrap(), "db-1.0.0");
        assert_eq!(order(&bob, "tracking", None).await.unwrap(), "db-1.1.0");
        assert_eq!(order(&bob, "tracking", Some("edge")).await.unwrap(), "db-1.1.0");
        assert!(order(&bob, "tracking", Some("2.0.0")).await.is_err());
        let sees = |who: &Caller| table(&world, who).versions.iter().map(|row| row.version.clone()).collect::<Vec<_>>();
        assert_eq!(sees(&ann), ["2.0.0", "1.1.0", "1.0.0"]);
        assert_eq!(sees(&bob), ["1.1.0", "1.0.0"]);
        let stable = row(&table(&world, &bob), "1.0.0").channels;
        assert_eq!(stable, ["stable"]);
    });
}

/// What somebody does to a version.
#[derive(Clone, Debug)]
enum Act {
    /// Writes it with one of some contents, as a draft or not.
    Write(usize, bool),
    Publish,
    Withdraw,
    Delete,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_usize..3, any::<bool>()).prop_map(|(content, draft)| Act::Write(content, draft)),
        2 => Just(Act::Publish),
        1 => Just(Act::Withdraw),
        2 => Just(Act::Delete),
    ]
}

fn content(number: usize) -> Value {
    json!({"notes": format!("Content {number}.")})
}

async fn done(world: &World, act: &Act) -> loggia_app::Result<()> {
    let name = Ref::new("release", "default", "db-2.0.0");
    let step = |to| Publish { release: name.clone(), to, reason: "It leaks.".into(), accept_failing: false };
    match act {
        Act::Write(number, draft) => {
            let mut document = release("2.0.0", &content(*number));
            if *draft {
                document["metadata"]["annotations"] = json!({"loggia.dev/publication": "draft"});
            }
            write(world, document).await
        }
        Act::Publish => world.app.run(&admin(), step(Publication::Published)).await.map(drop),
        Act::Withdraw => world.app.run(&admin(), step(Publication::Yanked)).await.map(drop),
        Act::Delete => {
            let delete = Delete { reference: name.clone(), if_match: None, dry_run: false };
            world.app.run(&admin(), delete).await.map(drop)
        }
    }
}

/// Whatever is done in whatever order: what was published once is what stands under that name, or nothing does.
#[test]
fn what_was_published_is_the_same_in_every_history() {
    on_each("what_was_published_is_the_same_in_every_history", |world| async move {
        platform(&world).await;
        let histories = Arc::new(Mutex::new(Vec::new()));
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
        let keep = Arc::clone(&histories);
        TestRunner::new(config)
            .run(&prop::collection::vec(act(), 1..14), move |acts| {
                keep.lock().unwrap().push(acts);
                Ok(())
            })
            .unwrap();
        let name = Ref::new("release", "default", "db-2.0.0");
        let histories = std::mem::take(&mut *histories.lock().unwrap());
        let mut settled: HashMap<String, Value> = HashMap::new();
        let (mut tried, mut refused) = (0, 0);
        for acts in histories {
            for act in &acts {
                tried += 1;
                refused += usize::from(done(&world, act).await.is_err());
                let Some(record) = world.app.graph().get(&name).cloned() else { continue };
                let spec = record.parse().spec().cloned().unwrap();
                if loggia_app::release::offering::publication(&record).is_settled() {
                    let first = settled.entry(name.to_string()).or_insert_with(|| spec.clone());
                    assert_eq!(*first, spec, "after {act:?} of {acts:?}");
                } else {
                    assert!(settled.is_empty(), "what was published became a draft by {act:?} of {acts:?}");
                }
            }
        }
        println!("{tried} acts, {refused} of them refused");
        assert!(!settled.is_empty() && refused > 0);
    });
}
