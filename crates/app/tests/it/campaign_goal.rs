//! What a campaign is held to once it was started, what it leaves behind, and who is in a wave of a share.

use crate::campaign::{admin, decide, kinds, name, own, rule, seen, settle, spec, view, world_of_four};
use crate::harness::{InMemory, World, on_each};
use crate::versions::apply;
use loggia_app::access::differ::Differ;
use loggia_app::campaign::{CampaignPlan, PlanWish, Verb, What};
use loggia_model::campaign::EndedAs;
use loggia_model::{Day, Ref};
use serde_json::{Value, json};
use std::sync::Arc;

async fn thought(world: &World, more: Value) -> CampaignPlan {
    let wish = PlanWish::Thought(Box::new(serde_json::from_value(spec(&more)).unwrap()));
    world.app.campaign_plan(&admin(), wish).await.unwrap()
}

async fn written(world: &World, more: &Value) -> loggia_app::Result<()> {
    apply(world, own("Campaign", "db-2", &spec(more))).await
}

#[test]
fn the_goal_of_a_started_campaign_stays() {
    on_each("the_goal_of_a_started_campaign_stays", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        let check = json!({"of": "Instance", "query": {"version": ">=1"}, "why": "w", "mend": "m", "owner": "core"});
        apply(&world, own("Check", "fresh", &check)).await.unwrap();
        let goals = [
            ("to", json!({"to": ">=1.2"})),
            ("scope", json!({"scope": ["spec.environment=dev"]})),
            ("check", json!({"check": "fresh"})),
            ("waves", json!({"waves": [{"name": "all"}]})),
        ];
        // Before it was started everything may change.
        for (_, goal) in &goals {
            written(&world, goal).await.unwrap();
        }
        written(&world, &json!({})).await.unwrap();
        decide(&world, &admin(), Verb::Start { past: None }).await.unwrap();
        for (field, goal) in &goals {
            assert_eq!(rule(written(&world, goal).await), "campaign.started", "{field}");
        }
        let before = kinds(&world).await.len();
        let more = json!({"deadline": Day::of(world.app.now()).plus(90), "failureBudget": 3, "purpose": "Said better",
            "reminders": {"everyDays": 3, "most": 2}});
        written(&world, &more).await.unwrap();
        assert_eq!(kinds(&world).await.len(), before + 1, "and its history says so");
        assert_eq!(rule(written(&world, &json!({"to": ">=1.2"})).await), "campaign.started");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_standard_keeps_check_and_exemptions_and_nothing_stays_of_what_was_cancelled() {
    on_each("a_standard_keeps_check_and_exemptions", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        let check = json!({"of": "Instance", "query": {"phase": ["ready"]}, "why": "w", "mend": "m", "owner": "core"});
        apply(&world, own("Check", "well", &check)).await.unwrap();
        apply(&world, own("Campaign", "given-up", &spec(&json!({"check": "well"})))).await.unwrap();
        let end = |reason: &str| Verb::End { reason: reason.into() };
        let given_up = Ref::new("campaign", "default", "given-up");
        let command = loggia_app::campaign::Decide { campaign: given_up.clone(), verb: end("Other plans") };
        world.app.run(&admin(), command).await.unwrap();
        assert_eq!(world.app.campaign(&admin(), &given_up).await.unwrap().line.ended_as, Some(EndedAs::Cancelled));
        let standards = async || world.app.checks(&admin(), None, false).await.unwrap();
        assert!(standards().await.iter().all(|line| !line.check.name().starts_with("given-up")));
        written(&world, &json!({"check": "well"})).await.unwrap();
        decide(&world, &admin(), Verb::Start { past: None }).await.unwrap();
        settle(&world).await;
        let exempt = Verb::Exempt(Differ {
            team: Ref::new("group", "default", "tracking"),
            thing: None,
            until: Day::of(world.app.now()).plus(30),
            reason: "Audit".into(),
        });
        decide(&world, &admin(), exempt).await.unwrap();
        decide(&world, &admin(), end("The rest is told")).await.unwrap();
        assert_eq!(view(&world).await.line.ended_as, Some(EndedAs::Partial));
        let left = standards().await;
        let of = |name: &str| left.iter().find(|line| line.check.name() == name).unwrap().standing;
        assert_eq!((of("db-2").passes, of("db-2").exempt, of("db-2").fails), (3, 1, 0));
        assert_eq!(of("db-2-check").passes, 4, "what it asked beside the version stays too");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_wave_of_a_share_is_never_empty_while_something_fits() {
    on_each("a_wave_of_a_share", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        for share in 1..=100_usize {
            let waves =
                json!({"waves": [{"name": "canary", "share": share}, {"name": "moon", "environments": ["moon"]}]});
            let plan = thought(&world, waves.clone()).await;
            let rows = |plan: &CampaignPlan, name: &str| -> Vec<Ref> {
                let wave = plan.waves.iter().find(|wave| wave.name == name);
                wave.into_iter().flat_map(|wave| &wave.rows).map(|row| row.instance.clone()).collect()
            };
            let (canary, rest) = (rows(&plan, "canary"), rows(&plan, "the rest"));
            assert_eq!((canary.len(), canary.len() + rest.len()), ((4 * share).div_ceil(100), 4), "{share}");
            assert_eq!(plan.empty, ["moon"]);
            assert_eq!(rows(&thought(&world, waves).await, "canary"), canary, "always the same ones");
        }
        // Of two, half and half: none is left out, and none is in both.
        let waves = json!({"waves": [{"name": "a", "share": 50, "environments": ["dev"]},
            {"name": "b", "share": 100, "environments": ["dev"]}, {"name": "c"}]});
        let plan = thought(&world, waves).await;
        let sizes: Vec<usize> = plan.waves.iter().map(|wave| wave.rows.len()).collect();
        assert_eq!((sizes, plan.empty.len()), (vec![2, 1, 1], 0));
        // Others come first in another campaign.
        let first = async |to: &str| {
            let plan = thought(&world, json!({"to": to, "waves": [{"name": "canary", "share": 1}]})).await;
            plan.waves[0].rows[0].instance.clone()
        };
        let mut seen = std::collections::BTreeSet::new();
        for to in ["2", ">=2", ">=2.0", ">=2 <3", ">=2 <4", "2 || 3", ">=2.0.0", "^2"] {
            seen.insert(first(to).await);
        }
        assert!(seen.len() > 1, "{seen:?}");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_plan_says_of_what_nobody_knows_the_version() {
    on_each("a_plan_says_of_what_nobody_knows_the_version", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        for (version, known) in [("latest", false), ("2026-05", false), ("1.5-alpine", true), ("1.0.0", true)] {
            world.clock.advance(60);
            seen(&world, version).await;
            let plan = thought(&world, json!({})).await;
            let rows = || plan.waves.iter().flat_map(|wave| &wave.rows);
            let row = rows().find(|row| row.instance.name() == "old.dev").unwrap();
            assert_eq!(row.what == What::Unknown, !known, "{version} {row:?}");
            assert_eq!(row.todo.contains("Bring it to"), known, "{version} {}", row.todo);
            assert_eq!(plan.unknown, usize::from(!known), "{version}");
        }
        written(&world, &json!({"to": ">=1"})).await.unwrap();
        let nothing = decide(&world, &admin(), Verb::Start { past: None }).await;
        assert_eq!(rule(nothing), "campaign.nothing");
        assert_eq!(world.app.campaign(&admin(), &name()).await.unwrap().items.len(), 0);
        world.stop.send_replace(true);
    });
}
