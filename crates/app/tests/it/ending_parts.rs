//! Endings of a part: a feature of what is offered, and a rule of the product. What proves that they are gone.

use crate::ending::{PEOPLE, admin, apply, decide, named, seen, sweep};
use crate::estate::platform;
use crate::harness::{World, on_each};
use loggia_app::clock::Clock;
use loggia_app::command::due;
use loggia_app::ending::Verb;
use loggia_app::release::publication::Publish;
use loggia_model::usage::UsageReading;
use loggia_model::{Day, EndingState, Publication, Ref};

/// An ending that is off at once, agreed on by two people.
pub async fn off(world: &World, subject: &str) {
    let today = Day::of(world.clock.now());
    apply(
        world,
        &format!(
            "apiVersion: loggia.dev/v1\nkind: Ending\nmetadata: {{name: db-end}}\nspec:\n  {subject}\n  reason: Nobody \
             needs it\n  replacement: none\n  preset: house\n  dates: {{effective: {today}, off: {today}}}\n"
        ),
    )
    .await
    .unwrap();
    decide(world, "cora", Verb::Announce { emergency: Some("It leaks.".into()) }).await.unwrap();
    decide(world, "dan", Verb::Approve).await.unwrap();
    world.clock.advance(3_600);
}

async fn stands(world: &World) -> (EndingState, Vec<String>, String) {
    world.clock.advance(2 * 86_400);
    sweep(world).await;
    let view = world.app.ending(&admin(), &named()).await.unwrap();
    let left = view.left.unwrap();
    (view.line.state, left.texts.iter().map(|name| name.name().to_owned()).collect(), left.unknown)
}

fn reading(world: &World, id: &str, feature: &str) -> UsageReading {
    UsageReading {
        source: "runtime".into(),
        id: id.into(),
        time: world.clock.now(),
        team: Some("tracking".into()),
        principal: None,
        offering: "db".into(),
        release: None,
        feature: Some(feature.into()),
        instance: None,
        channel: "request".into(),
        count: 1,
        outcome: "ok".into(),
        mandated: false,
    }
}

#[test]
fn a_feature_is_gone_when_no_version_takes_it_and_nobody_uses_it() {
    on_each("a_feature_is_gone_when_no_version_takes_it", |world| async move {
        platform(&world).await;
        apply(&world, PEOPLE).await.unwrap();
        due::arrange(&world.app).await.unwrap();
        off(&world, "subject: offering:db\n  feature: seed").await;
        // A use of another feature tells nothing of this one.
        world.app.report_usage(&admin(), vec![reading(&world, "1", "size")]).await.unwrap();
        decide(&world, "cora", Verb::Remove).await.unwrap();
        let (state, texts, unknown) = stands(&world).await;
        assert_eq!((state, texts.len(), unknown.as_str()), (EndingState::Removed, 2, ""), "{texts:?}");
        for version in ["db-1.0.0", "db-1.1.0"] {
            let release = Ref::new("release", "default", version);
            let reason = "It takes seeds.".to_owned();
            let withdraw = Publish { release, to: Publication::Yanked, reason, accept_failing: false };
            world.app.run(&admin(), withdraw).await.unwrap();
        }
        assert_eq!(stands(&world).await.0, EndingState::Proved);
        world.app.report_usage(&admin(), vec![reading(&world, "2", "seed")]).await.unwrap();
        assert_eq!(stands(&world).await.0, EndingState::Removed);
        let view = world.app.ending(&admin(), &named()).await.unwrap();
        assert!(view.reopened[0].found.contains("group:default/tracking used it"), "{view:?}");
    });
}

#[test]
fn what_nobody_can_see_is_never_proved() {
    on_each("what_nobody_can_see_is_never_proved", |world| async move {
        platform(&world).await;
        apply(&world, PEOPLE).await.unwrap();
        due::arrange(&world.app).await.unwrap();
        world.app.run(&admin(), seen("tracking", false)).await.unwrap();
        off(&world, "subject: offering:db\n  feature: replicas").await;
        decide(&world, "cora", Verb::Remove).await.unwrap();
        let (state, _, unknown) = stands(&world).await;
        assert!(state == EndingState::Removed && unknown.contains("nobody can tell"), "{state:?} {unknown}");
        // Once somebody reports the use of features, no use of this one is a proof.
        world.app.report_usage(&admin(), vec![reading(&world, "1", "size")]).await.unwrap();
        assert_eq!(stands(&world).await.0, EndingState::Proved);
    });
}

#[test]
fn a_rule_is_gone_when_nothing_says_or_follows_it() {
    on_each("a_rule_is_gone_when_nothing_says_or_follows_it", |world| async move {
        platform(&world).await;
        let old = PEOPLE.replace("{house:", "{old: {notice: {ga: 10, preview: 10}}, house:");
        apply(&world, &old).await.unwrap();
        due::arrange(&world.app).await.unwrap();
        off(&world, "subject: product:fairway\n  rule: old").await;
        decide(&world, "cora", Verb::Remove).await.unwrap();
        let (state, texts, _) = stands(&world).await;
        assert_eq!((state, texts), (EndingState::Removed, vec!["fairway".to_owned()]));
        apply(&world, PEOPLE).await.unwrap();
        assert_eq!(stands(&world).await.0, EndingState::Proved);
        apply(&world, &old).await.unwrap();
        assert_eq!(stands(&world).await.0, EndingState::Removed);
    });
}
