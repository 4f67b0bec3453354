//! Checks: what each says, who is excused until when, and what is held up by one that does not pass.

use crate::campaign::admin;
use crate::estate::{platform, seen};
use crate::harness::{World, on_each};
use crate::versions::{apply, release, usual};
use async_trait::async_trait;
use loggia_app::access::differ::Differ;
use loggia_app::checks::probe::{self, Answer, Ask};
use loggia_app::checks::{Exempt, verdict};
use loggia_app::estate::Observe;
use loggia_app::{Error, Result};
use loggia_model::check::Outcome;
use loggia_model::{Day, Ref};
use serde_json::{Value, json};
use std::sync::Mutex;

fn check(name: &str, more: &Value) -> Value {
    let mut spec = json!({"of": "Instance", "why": "It is old.", "mend": "Upgrade {name} in {environment} from {version}.",
        "standing": true});
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    json!({"apiVersion": "loggia.dev/v1", "kind": "Check", "metadata": {"name": name}, "spec": spec})
}

fn named(name: &str) -> Ref {
    Ref::new("check", "default", name)
}

fn says(world: &World, check: &str, thing: &str) -> (Outcome, String) {
    let graph = world.app.graph();
    let (check, thing) = (graph.get(&named(check)).unwrap(), graph.get_text(thing).unwrap());
    let said = verdict(&graph, world.app.now(), check, thing).unwrap();
    (said.outcome, said.why)
}

#[test]
fn each_question_passes_fails_or_is_unknown_and_never_passes_by_silence() {
    on_each("each_question", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        let all = vec![seen("postgres", "13", "a"), seen("postgres", "16.1", "b"), seen("postgres", "main", "c")];
        world.app.run(&ann, Observe { seen: all }).await.unwrap();
        let cases = [
            ("version", json!({"version": ">=15"}), ["fails", "passes", "unknown"]),
            ("not", json!({"not": {"version": "<15"}}), ["fails", "passes", "unknown"]),
            ("phase", json!({"phase": ["ready"]}), ["passes", "passes", "passes"]),
            ("failed", json!({"phase": ["failed"]}), ["fails", "fails", "fails"]),
            ("stated", json!({"condition": {"type": "Ready", "status": "True"}}), ["unknown"; 3]),
            ("owned", json!({"relation": {"type": "ownedBy", "to": "group:default/booking"}}), ["passes"; 3]),
            ("other", json!({"relation": {"type": "ownedBy", "to": "group:default/core"}}), ["fails"; 3]),
            ("named", json!({"fits": ["metadata.name=a.dev", "metadata.name=b.dev"]}), ["passes", "passes", "fails"]),
            // What fails in one way fails, whatever is unknown beside it.
            ("both", json!({"version": ">=15", "phase": ["failed"]}), ["fails"; 3]),
        ];
        for (name, query, wanted) in cases {
            apply(&world, check(name, &json!({"query": query}))).await.unwrap();
            for (thing, wanted) in ["a", "b", "c"].iter().zip(wanted) {
                let (outcome, why) = says(&world, name, &format!("instance:booking/{thing}.dev"));
                assert_eq!(outcome.word(), wanted, "{name} of {thing}: {why}");
                assert_eq!(why.is_empty(), outcome == Outcome::Passes, "{name} of {thing}: {why}");
            }
        }
        let view = world.app.check_view(&ann, &named("version"), None).await.unwrap();
        let shown: Vec<(&str, Outcome)> = view.things.iter().map(|t| (t.thing.name(), t.verdict.outcome)).collect();
        assert_eq!(shown, [("a.dev", Outcome::Fails), ("c.dev", Outcome::Unknown), ("b.dev", Outcome::Passes)]);
        assert_eq!(view.things[0].mend, "Upgrade a in dev from 13.");
        assert_eq!((view.line.standing.total(), view.teams.len()), (3, 1));
    });
}

#[test]
fn who_is_excused_fails_again_on_the_day() {
    on_each("who_is_excused", |world| async move {
        platform(&world).await;
        let ann = world.person("ann");
        world.app.run(&ann, Observe { seen: vec![seen("postgres", "13", "a")] }).await.unwrap();
        apply(&world, check("old", &json!({"query": {"version": ">=15"}, "graceDays": 10}))).await.unwrap();
        let thing = "instance:booking/a.dev";
        assert_eq!(says(&world, "old", thing).0, Outcome::Grace, "the check is new");
        world.clock.advance(11 * 86_400);
        assert_eq!(says(&world, "old", thing).0, Outcome::Fails);
        let until = Day::of(world.app.now()).plus(5);
        let exempt = |reason: &str, until| Exempt {
            check: named("old"),
            differ: Differ { team: Ref::new("group", "default", "booking"), thing: None, until, reason: reason.into() },
        };
        let refused = world.app.run(&ann, exempt("Peak", until)).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "who asks does not grant: {refused:?}");
        for (reason, day) in [(" ", until), ("Peak", Day::of(world.app.now()))] {
            assert!(matches!(world.app.run(&admin(), exempt(reason, day)).await, Err(Error::Refused(_))));
        }
        world.app.run(&admin(), exempt("Peak", until)).await.unwrap();
        assert_eq!(says(&world, "old", thing).0, Outcome::Exempt);
        world.clock.advance(5 * 86_400);
        assert_eq!(says(&world, "old", thing).0, Outcome::Fails, "a day that has come ends it");
    });
}

/// Answers as it is told, and keeps what it was asked.
#[derive(Default)]
struct Told {
    answer: Mutex<Option<Answer>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Ask for Told {
    async fn http(&self, url: &str) -> Answer {
        self.asked.lock().unwrap().push(url.to_owned());
        self.answer.lock().unwrap().clone().unwrap()
    }

    async fn program(&self, name: &str, thing: &Value) -> Answer {
        self.http(&format!("{name} {}", thing["name"].as_str().unwrap_or_default())).await
    }
}

#[test]
fn a_probe_is_asked_on_its_cadence_and_silence_is_unknown() {
    on_each("a_probe_is_asked", |world| async move {
        platform(&world).await;
        world.app.run(&world.person("ann"), Observe { seen: vec![seen("postgres", "13", "a")] }).await.unwrap();
        let probe = json!({"program": "look", "everyMinutes": 10});
        apply(&world, check("up", &json!({"probe": probe}))).await.unwrap();
        let outputs = json!({"probe": {"http": "https://{host}/health"}});
        apply(&world, check("open", &outputs)).await.unwrap();
        let told = Told::default();
        let answers = [(Some(true), Outcome::Passes), (Some(false), Outcome::Fails), (None, Outcome::Unknown)];
        for (passed, wanted) in answers {
            *told.answer.lock().unwrap() = Some(Answer { passed, said: "It said so.".into() });
            world.clock.advance(601);
            for _ in 0..3 {
                probe::round(&world.app, &told).await.unwrap();
            }
            let said = world.app.check_view(&admin(), &named("up"), None).await.unwrap();
            assert_eq!(said.things[0].verdict.outcome, wanted, "{passed:?}");
        }
        let asked = told.asked.lock().unwrap().clone();
        assert_eq!(
            asked,
            vec!["look instance:booking/a.dev"; 3],
            "once in ten minutes, and nothing without its address"
        );
        let said = world.app.check_view(&admin(), &named("open"), None).await.unwrap();
        assert_eq!(said.things[0].verdict.outcome, Outcome::Unknown);
        assert!(said.things[0].verdict.why.contains("It says no host"), "{}", said.things[0].verdict.why);
        // An answer of long ago is no answer, also for a server that starts anew.
        *told.answer.lock().unwrap() = Some(Answer { passed: Some(true), said: String::new() });
        world.clock.advance(601);
        probe::round(&world.app, &told).await.unwrap();
        world.clock.advance(31 * 60);
        let said = world.restarted().await.check_view(&admin(), &named("up"), None).await.unwrap();
        assert_eq!(said.things[0].verdict.outcome, Outcome::Unknown);
    });
}

async fn gates(world: &World, names: &[&str]) {
    let offering = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "db"},
        "spec": {"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f", "problem": "x",
            "plans": [{"name": "small", "default": true}, {"name": "large"}],
            "match": [{"offering": "postgres*"}], "checks": {"release": names}}});
    apply(world, offering).await.unwrap();
}

#[test]
fn a_release_whose_checks_do_not_pass_is_not_published() {
    on_each("a_release_whose_checks_do_not_pass", |world| async move {
        platform(&world).await;
        let rule = |result: Result<()>| match result {
            Err(Error::Refused(refusal)) => (refusal.rule, refusal.message),
            other => (format!("{other:?}"), String::new()),
        };
        gates(&world, &["noted"]).await;
        let next = |more: Value| release("1.2.0", usual(), "", more);
        assert_eq!(rule(apply(&world, next(json!({}))).await).0, "check.missing");
        let noted = json!({"of": "Release", "query": {"fits": ["spec.notes"]}, "mend": "Write notes for {name}."});
        apply(&world, check("noted", &noted)).await.unwrap();
        let (said, message) = rule(apply(&world, next(json!({}))).await);
        assert_eq!(said, "release.checks");
        assert!(
            message.contains("One check does not pass.") && message.contains("Write notes for db-1.2.0."),
            "{message}"
        );
        // A draft is written, and mended before it is published.
        let draft = |more: Value| release("1.2.0", usual(), "draft", more);
        apply(&world, draft(json!({}))).await.unwrap();
        apply(&world, next(json!({"notes": "Faster."}))).await.unwrap();
        // What is not of its kind has nothing to say about a release.
        apply(&world, check("old", &json!({"query": {"version": ">=15"}}))).await.unwrap();
        gates(&world, &["noted", "old"]).await;
        apply(&world, release("1.3.0", usual(), "", json!({"notes": "Faster still."}))).await.unwrap();
    });
}

/// The launch list of an offering holds each of its releases up, line by line, until the checks themselves say that it is
/// green: one that asks the thing is answered by the thing alone.
#[test]
fn a_red_launch_list_holds_every_release_up() {
    on_each("a_red_launch_list", |world| async move {
        platform(&world).await;
        let listed = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "db"},
            "spec": {"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f", "problem": "x",
                "plans": [{"name": "small", "default": true}, {"name": "large"}],
                "checks": {"launch": ["guide", "answers", "instances"]}}});
        let guide = json!({"of": "Offering", "query": {"fits": ["spec.guide"]}, "mend": "Write a guide for {name}."});
        let answers = json!({"of": "Offering", "probe": {"program": "look", "everyMinutes": 60}, "mend": "Mend it."});
        let texts = [
            check("guide", &guide),
            check("answers", &answers),
            check("instances", &json!({"query": {"version": ">=15"}})),
            listed,
        ];
        for text in texts {
            apply(&world, text).await.unwrap();
        }
        let next = || release("1.2.0", usual(), "", json!({}));
        let message = |result: Result<()>| match result {
            Err(Error::Refused(refusal)) if refusal.rule == "release.checks" => refusal.message,
            other => panic!("{other:?}"),
        };
        let said = message(apply(&world, next()).await);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 3, "one is about nothing of it: {said}");
        assert!(
            lines[1].starts_with("guide of its launch list: ") && lines[1].contains("Write a guide for db."),
            "{said}"
        );
        assert!(lines[2].contains("answers of its launch list: It was not asked yet."), "{said}");
        let list =
            world.app.launch_lists(&admin(), &Ref::new("product", "default", "fairway")).await.unwrap().remove(0);
        assert!(!list.green && list.lines.len() == 2 && list.lines.iter().all(|line| line.open));
        // Permission to differ excuses what fails, and is no answer of a probe.
        let exempt = |name: &str| Exempt {
            check: named(name),
            differ: Differ {
                team: Ref::new("group", "default", "core"),
                thing: None,
                until: Day::of(world.app.now()).plus(9),
                reason: "It comes with the next one.".into(),
            },
        };
        for name in ["guide", "answers"] {
            world.app.run(&admin(), exempt(name)).await.unwrap();
        }
        let said = message(apply(&world, next()).await);
        assert!(said.lines().count() == 2 && said.contains("answers"), "{said}");
        let told = Told::default();
        *told.answer.lock().unwrap() = Some(Answer { passed: Some(true), said: String::new() });
        world.clock.advance(3601);
        probe::round(&world.app, &told).await.unwrap();
        apply(&world, next()).await.unwrap();
        let list =
            world.app.launch_lists(&admin(), &Ref::new("product", "default", "fairway")).await.unwrap().remove(0);
        assert!(list.green, "{list:?}");
        // An answer of long ago is none.
        world.clock.advance(4 * 3600);
        assert!(message(apply(&world, release("1.3.0", usual(), "", json!({}))).await).contains("asked last on"));
    });
}
