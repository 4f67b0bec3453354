//! A release is published only with a recipe that its driver takes, whichever way it comes.

use crate::estate::platform;
use crate::harness::{World, on_each, strict};
use crate::versions::{apply, release, usual};
use loggia_app::record::check::check;
use loggia_app::release::offering::publication;
use loggia_app::release::publication::Publish;
use loggia_app::{Caller, Door, Error};
use loggia_model::{Problem, Publication, Ref};
use serde_json::{Value, json};

/// Recipes, and the fields that are wrong in each.
fn recipes() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (json!({"driver": "strict", "program": "make"}), &[]),
        (json!({"driver": "strict", "program": "make", "timeout": 60, "more": [1]}), &[]),
        (json!({"driver": "strict"}), &["spec.recipe.program"]),
        (json!({"driver": "strict", "program": 5}), &["spec.recipe.program"]),
        (json!({"driver": "strict", "program": "make", "timeout": 61}), &["spec.recipe.timeout"]),
        (json!({"driver": "strict", "program": [], "timeout": "1"}), &["spec.recipe.program", "spec.recipe.timeout"]),
        // Another server may have it.
        (json!({"driver": "unheard-of", "anything": 1}), &[]),
    ]
}

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

fn paths(problems: &[Problem]) -> Vec<&str> {
    assert!(problems.iter().all(|problem| !problem.message.is_empty() && !problem.mend.is_empty()), "{problems:?}");
    let mut paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

fn is_published(world: &World, name: &str) -> bool {
    let record = world.app.graph().get(&Ref::new("release", "default", name)).cloned();
    record.is_some_and(|record| publication(&record) == Publication::Published)
}

fn refused(said: Result<(), Error>) -> Vec<Problem> {
    match said {
        Ok(()) => Vec::new(),
        Err(Error::Invalid(problems)) => problems,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_recipe_that_its_driver_does_not_take_is_published_no_way() {
    on_each("a_recipe_that_its_driver_does_not_take_is_published_no_way", |world| async move {
        platform(&world).await;
        for (at, (recipe, wrong)) in recipes().into_iter().enumerate() {
            let of = |way: u32, begins| {
                release(&format!("2.{at}.{way}"), usual(), begins, json!({"recipe": recipe.clone()}))
            };
            // Written as published.
            let problems = refused(apply(&world, of(0, "")).await);
            assert_eq!(paths(&problems), wrong, "{recipe}");
            assert_eq!(is_published(&world, &format!("db-2.{at}.0")), wrong.is_empty());
            // A draft may be unfinished; publishing it asks, and so does a text that says so.
            apply(&world, of(1, "draft")).await.unwrap();
            let name = format!("db-2.{at}.1");
            let (to, release) = (Publication::Published, Ref::new("release", "default", &name));
            let publish = Publish { release, to, reason: String::new(), accept_failing: true };
            let publish = Publish { reason: "it is known".into(), ..publish };
            let problems = refused(world.app.run(&admin(), publish).await.map(drop));
            assert_eq!(paths(&problems), wrong, "{recipe}");
            assert_eq!(is_published(&world, &name), wrong.is_empty());
            if !wrong.is_empty() {
                assert_eq!(paths(&refused(apply(&world, of(1, "")).await)), wrong, "{recipe}");
            }
            // From a repository: told at the file, and the rest of it is taken over.
            let name = format!("db-2.{at}.2");
            let other = format!(
                "apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {{name: s-{at}}}\nspec: {{owner: booking}}\n"
            );
            let text = serde_json::to_string_pretty(&of(2, "")).unwrap();
            let origin = format!("repository:{at}");
            let report = world.sync(&origin, &[("a.yaml", &text), ("s.yaml", &other)]).await;
            let told = report.problems;
            assert_eq!(paths(&told), wrong, "{recipe}");
            assert!(told.iter().all(|one| one.file.as_deref() == Some("a.yaml") && one.line.is_some()), "{told:?}");
            assert_eq!(is_published(&world, &name), wrong.is_empty());
            // And so say the files alone.
            let report = check(&[crate::harness::file("a.yaml", &text)], &strict());
            let own: Vec<Problem> = report.problems.into_iter().filter(|one| one.path.contains("recipe")).collect();
            assert_eq!(paths(&own), wrong, "{recipe}");
        }
    });
}

/// What a recipe leaves out, the settings of an environment may say: one that is there, or comes along.
#[test]
fn an_environment_may_say_what_a_recipe_leaves_out() {
    on_each("an_environment_may_say_what_a_recipe_leaves_out", |world| async move {
        platform(&world).await;
        let recipe = json!({"recipe": {"driver": "strict"}});
        let of = |version: &str| release(version, usual(), "", recipe.clone());
        assert_eq!(paths(&refused(apply(&world, of("2.0.0")).await)), ["spec.recipe.program"]);
        let lab = |config: Value| {
            json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": "lab"}, "spec":
                {"product": "fairway", "type": "test", "owner": "booking", "backends": {"own": {"driver": "strict", "config": config}}}})
        };
        apply(&world, lab(json!({"program": 7}))).await.unwrap();
        assert_eq!(paths(&refused(apply(&world, of("2.0.0")).await)), ["spec.recipe.program"]);
        apply(&world, lab(json!({"program": "make"}))).await.unwrap();
        apply(&world, of("2.0.0")).await.unwrap();
        world.stop.send_replace(true);
    });
}
