//! What runs and was not ordered here.

use crate::harness::{World, on_each};
use loggia_app::estate::enrol::Enrol;
use loggia_app::estate::who_runs::WhoRunsQuery;
use loggia_app::estate::{Observe, Observed};
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
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

pub fn seen(offering: &str, version: &str, name: &str) -> Observed {
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

/// What became of reports, in order.
async fn report(world: &World, caller: &Caller, seen: Vec<Observed>) -> Vec<Value> {
    let outcome = world.app.run(caller, Observe { seen }).await.unwrap();
    outcome.answer.as_array().unwrap().clone()
}

fn results(answers: &[Value]) -> Vec<&str> {
    answers.iter().filter_map(|answer| answer["result"].as_str()).collect()
}

fn versions(world: &World, caller: &Caller, offering: &str) -> Vec<String> {
    let all = WhoRunsQuery { offering: offering.into(), ..WhoRunsQuery::default() };
    world.app.who_runs(caller, &all).unwrap().into_iter().map(|row| row.version).collect()
}

async fn offer(world: &World, name: &str, spec: Value) {
    offer_to(world, name, "company", spec).await;
}

async fn offer_to(world: &World, name: &str, visibility: &str, spec: Value) {
    let mut all = json!({"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f",
        "problem": "x", "plans": [{"name": "small", "default": true}]});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let offering = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "spec": all,
        "metadata": {"name": name, "annotations": {"loggia.dev/visibility": visibility}}});
    let prepared = vec![prepare(offering, "").unwrap()];
    let admin = Caller::administrator("test", Door::Api, "r0");
    world.app.run(&admin, Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
}

#[test]
fn two_things_of_one_name_leave_each_other_alone() {
    on_each("two_things_of_one_name_leave_each_other_alone", |world| async move {
        platform(&world).await;
        offer(&world, "runtime", json!({})).await;
        let ann = world.person("ann");
        let service = |version: &str| Observed { name: Some("a".into()), ..seen("runtime", version, "a") };
        let answers = report(&world, &ann, vec![seen("postgres", "15", "a"), service("2.2.0")]).await;
        assert_eq!(results(&answers), ["created", "clash"]);
        assert_eq!(answers[1]["why"], "a.dev of booking is db already. Report this under another name.");
        let gone = Observed { removed: true, ..service("2.2.0") };
        assert_eq!(results(&report(&world, &ann, vec![gone.clone()]).await), ["clash"]);
        assert_eq!(versions(&world, &ann, "db"), ["15"]);
        assert!(versions(&world, &ann, "runtime").is_empty());
        let admin = Caller::administrator("test", Door::Api, "r1");
        assert!(world.app.unmatched(&admin).await.unwrap().is_empty(), "what was taken away needs no mending");
        report(&world, &ann, vec![service("2.3.0")]).await;
        let listed = world.app.unmatched(&admin).await.unwrap();
        assert_eq!((listed.len(), listed[0].attributes["version"].as_str()), (1, Some("2.3.0")));
    });
}

#[test]
fn an_old_report_does_not_win_over_a_newer_one() {
    on_each("an_old_report_does_not_win_over_a_newer_one", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        let at = |version: &str, days: i64| {
            let time = loggia_model::Micros(crate::harness::START.0 - days * 86_400_000_000);
            Observed { time: Some(time), ..seen("postgres", version, "a") }
        };
        let gone = |days| Observed { removed: true, ..at("15.1", days) };
        let answers = report(&world, &ann, vec![at("15.1", 3), at("14.1", 20), gone(50)]).await;
        assert_eq!(results(&answers), ["created", "older", "older"], "within one call");
        assert_eq!(results(&report(&world, &ann, vec![at("14.1", 20)]).await), ["older"]);
        assert_eq!(results(&report(&world, &ann, vec![gone(50)]).await), ["older"]);
        assert_eq!(versions(&world, &ann, "db"), ["15.1"]);
        let restarted = world.restarted().await;
        let said = restarted.run(&ann, Observe { seen: vec![at("14.1", 20)] }).await.unwrap();
        assert_eq!(said.answer[0]["result"], "older");
        assert_eq!(results(&report(&world, &ann, vec![at("15.2", 2)]).await), ["changed"]);
        assert_eq!(results(&report(&world, &ann, vec![gone(1)]).await), ["gone"]);
    });
}

#[test]
fn a_report_tells_nothing_of_what_is_hidden_from_its_sender() {
    on_each("a_report_tells_nothing_of_what_is_hidden_from_its_sender", |world| async move {
        platform(&world).await;
        let hidden = json!({"match": [{"offering": "postgres*"}, {"offering": "secret-*"}]});
        offer_to(&world, "hidden", "product", hidden).await;
        let ann = world.person("ann");
        let answers = report(
            &world,
            &ann,
            vec![seen("secret-1", "1", "a"), seen("hidden", "1", "b"), seen("postgres", "15", "c")],
        )
        .await;
        assert_eq!(results(&answers), ["unmatched", "unmatched", "created"]);
        assert!(!answers[0].to_string().contains("hidden"), "{}", answers[0]);
        assert_eq!(answers[2]["offering"], "db");
        let admin = Caller::administrator("test", Door::Api, "r1");
        assert_eq!(results(&report(&world, &admin, vec![seen("secret-1", "1", "d")]).await), ["created"]);
    });
}

#[test]
fn what_matched_nothing_is_taken_in_when_a_rule_is_added_and_can_be_put_aside() {
    on_each("what_matched_nothing_is_taken_in", |world| async move {
        platform(&world).await;
        let (ann, admin) = (world.person("ann"), Caller::administrator("test", Door::Api, "r1"));
        report(&world, &ann, vec![seen("redis", "7", "a"), seen("mongo", "6", "b"), seen("odd", "1", "c")]).await;
        let gone = Observed { removed: true, ..seen("mongo", "6", "b") };
        assert_eq!(results(&report(&world, &ann, vec![gone]).await), ["unknown"]);
        let keys = async || -> Vec<String> {
            world.app.unmatched(&admin).await.unwrap().into_iter().map(|row| row.key).collect()
        };
        let odd = "group:default/booking/c.dev/odd".to_owned();
        assert_eq!(keys().await, ["group:default/booking/a.dev/redis".to_owned(), odd.clone()]);
        world.clock.advance(86_400);
        offer(&world, "cache", json!({"match": [{"offering": "redis"}]})).await;
        world.until("taken in", |app| app.graph().get(&"instance:booking/a.dev".parse().unwrap()).is_some()).await;
        let all = WhoRunsQuery { offering: "cache".into(), ..WhoRunsQuery::default() };
        let row = world.app.who_runs(&ann, &all).unwrap().remove(0);
        assert_eq!((row.version.as_str(), row.last_seen), ("7", Some(crate::harness::START)), "as it was reported");
        assert_eq!(keys().await, [odd.as_str()]);
        let listed = world.app.unmatched(&admin).await.unwrap();
        assert_eq!(listed[0].count, 1, "looking again is no report");
        assert!(matches!(world.app.dismiss(&ann, vec![odd.clone()]).await, Err(Error::Forbidden(_))));
        assert!(matches!(world.app.dismiss(&admin, vec!["other".into()]).await, Err(Error::NotFound(_))));
        world.app.dismiss(&admin, vec![odd]).await.unwrap();
        report(&world, &ann, vec![seen("odd", "1", "c")]).await;
        assert!(keys().await.is_empty(), "it stays aside when it is reported again");
        offer(&world, "odd", json!({})).await;
        world.until("taken in", |app| app.graph().get(&"instance:booking/c.dev".parse().unwrap()).is_some()).await;
    });
}

#[test]
fn a_report_of_an_unknown_place_is_taken_in_with_a_warning() {
    on_each("a_report_of_an_unknown_place", |world| async move {
        platform(&world).await;
        let admin = Caller::administrator("test", Door::Api, "r1");
        let known = seen("postgres", "15", "a");
        let unknown = Observed { environment: "mars".into(), team: "nobody".into(), ..known.clone() };
        let answers = report(&world, &admin, vec![known, unknown]).await;
        assert_eq!(results(&answers), ["created", "created"]);
        assert_eq!(answers[0]["warnings"], Value::Null);
        assert_eq!(
            answers[1]["warnings"],
            json!([
                "There is no environment mars: add it, or correct the report.",
                "There is no team nobody: add it, or correct the report."
            ])
        );
    });
}

#[test]
fn taking_a_confirmation_back_brings_the_earlier_contact_back() {
    on_each("taking_a_confirmation_back", |world| async move {
        platform(&world).await;
        let (ann, admin) = (world.person("ann"), Caller::administrator("test", Door::Api, "r1"));
        report(&world, &ann, vec![seen("postgres", "15", "a")]).await;
        let instance: loggia_model::Ref = "instance:booking/a.dev".parse().unwrap();
        let enrol = |withdraw| Enrol { instance: instance.clone(), withdraw };
        let contact = || {
            let record = world.app.graph().get(&instance).cloned().unwrap();
            record.parse().spec_text("contact").to_owned()
        };
        world.app.run(&ann, enrol(false)).await.unwrap();
        assert_eq!(contact(), "user:default/ann");
        world.app.run(&ann, enrol(true)).await.unwrap();
        assert_eq!(contact(), "");
        let mut text = world.app.graph().get(&instance).cloned().unwrap().parse();
        text.0["spec"]["contact"] = json!("on-call@example.com");
        let prepared = vec![prepare(text.0, "").unwrap()];
        world.app.run(&admin, Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
        world.app.run(&ann, enrol(false)).await.unwrap();
        report(&world, &ann, vec![seen("postgres", "16", "a")]).await;
        assert_eq!(contact(), "user:default/ann");
        world.app.run(&ann, enrol(true)).await.unwrap();
        assert_eq!(contact(), "on-call@example.com");
    });
}

#[test]
fn what_was_taken_away_is_not_brought_back_by_an_old_report() {
    on_each("what_was_taken_away_is_not_brought_back_by_an_old_report", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        let at = |days: i64| {
            let time = loggia_model::Micros(crate::harness::START.0 - days * 86_400_000_000);
            Observed { time: Some(time), ..seen("postgres", "15.1", "a") }
        };
        let gone = |days| Observed { removed: true, ..at(days) };
        let answers = report(&world, &ann, vec![at(9), gone(5), at(6)]).await;
        assert_eq!(results(&answers), ["created", "gone", "older"], "within one call");
        assert_eq!(results(&report(&world, &ann, vec![at(7)]).await), ["older"]);
        let restarted = world.restarted().await;
        let said = restarted.run(&ann, Observe { seen: vec![at(5)] }).await.unwrap();
        assert_eq!(said.answer[0]["result"], "older");
        assert!(versions(&world, &ann, "db").is_empty());
        // What was seen after that is news.
        assert_eq!(results(&report(&world, &ann, vec![at(4)]).await), ["created"]);
        report(&world, &ann, vec![gone(3)]).await;
        assert_eq!(results(&report(&world, &ann, vec![seen("postgres", "16", "a")]).await), ["created"], "now");
    });
}

#[test]
fn a_filter_finds_as_unknown_what_pages_call_unknown() {
    on_each("a_filter_finds_as_unknown_what_pages_call_unknown", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        report(&world, &ann, vec![seen("postgres", "13", "a"), seen("postgres", "14", "b")]).await;
        world.clock.advance(13 * 86_400);
        report(&world, &ann, vec![seen("postgres", "14", "b")]).await;
        world.clock.advance(2 * 86_400);
        world.app.note_unseen().await.unwrap();
        let found = |phase: &str| -> Vec<String> {
            let is = loggia_graph::Predicate::equals("status.phase", phase);
            world.app.graph().select(&ann.audience, &is).iter().map(|r| r.reference.to_string()).collect()
        };
        assert_eq!(found("unknown"), ["instance:booking/a.dev"]);
        assert_eq!(found("ready"), ["instance:booking/b.dev"]);
        let all = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
        let phases: Vec<Phase> = world.app.who_runs(&ann, &all).unwrap().iter().map(|row| row.phase).collect();
        assert_eq!(phases, [Phase::Unknown, Phase::Ready]);
        let position = world.app.graph().position();
        world.app.note_unseen().await.unwrap();
        assert_eq!(world.app.graph().position(), position, "it is noted once");
        report(&world, &ann, vec![seen("postgres", "13", "a")]).await;
        assert_eq!(found("ready").len(), 2, "what is seen again runs");
    });
}

#[test]
fn a_team_that_nobody_knows_is_told_as_one() {
    on_each("a_team_that_nobody_knows_is_told_as_one", |world| async move {
        platform(&world).await;
        let admin = Caller::administrator("test", Door::Api, "r1");
        let ghost = Observed { team: "ghosts".into(), ..seen("postgres", "15", "a") };
        report(&world, &admin, vec![ghost, seen("postgres", "15", "a")]).await;
        let all = WhoRunsQuery { offering: "db".into(), ..WhoRunsQuery::default() };
        let rows = world.app.who_runs(&admin, &all).unwrap();
        let said: Vec<_> = rows.iter().map(|row| (row.team.name(), row.unknown_team)).collect();
        assert_eq!(said, [("booking", false), ("ghosts", true)]);
    });
}
