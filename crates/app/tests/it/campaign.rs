//! Campaigns: from the plan in which nothing happens, over waves, a halt and owners who go their own way, to the standard
//! that stays.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::versions::{apply, release, usual};
use loggia_app::access::differ::Differ;
use loggia_app::campaign::{CampaignPlan, CampaignView, Decide, PlanWish, Verb, What};
use loggia_app::command::due;
use loggia_app::estate::{Observe, Observed};
use loggia_app::instance::driver::Failure;
use loggia_app::instance::order::OrderInput;
use loggia_app::{Caller, Door, Error, Result};
use loggia_model::campaign::{CampaignState, Counts, EndedAs, ItemState, points};
use loggia_model::contract::Weight;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::{Day, Ref};
use loggia_store::EventFilter;
use serde_json::{Value, json};
use std::sync::Arc;

pub fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

pub fn name() -> Ref {
    Ref::new("campaign", "default", "db-2")
}

pub fn own(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "loggia.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

pub fn spec(more: &Value) -> Value {
    let mut spec = json!({"purpose": "The first one ends.", "offering": "db", "to": ">=2", "owner": "core",
        "parallelism": 2, "endsAsStandard": true});
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    spec
}

/// Two environments, 2.0.0 with another name for the size, two databases in dev, one in prod, and an observed one.
pub async fn world_of_four(world: &World, driver: &Arc<InMemory>) {
    platform(world).await;
    due::arrange(&world.app).await.unwrap();
    let prod = json!({"product": "fairway", "type": "production", "owner": "core",
        "backends": {"memory": {"driver": "memory"}}});
    apply(world, own("Environment", "prod", &prod)).await.unwrap();
    let small = json!({"upgrade": {"strategy": "in-place", "rollback": "supported"}});
    apply(world, release("1.2.0", usual(), "", small)).await.unwrap();
    world.work(driver);
    for (name, environment) in [("one", "dev"), ("two", "dev"), ("three", "prod")] {
        let input = OrderInput {
            offering: "db".into(),
            environment: environment.into(),
            team: "booking".into(),
            name: name.into(),
            release: Some("db-1.1.0".into()),
            inputs: json!({"size": "m"}).as_object().cloned().unwrap(),
            ..OrderInput::default()
        };
        world.app.order(&world.person("ann"), input).await.unwrap();
    }
    let steps = json!({"steps": [{"rename": {"from": "size", "to": "tier"}}]});
    let tiers = json!({"tier": {"enum": ["s", "m"], "default": "s"}});
    let second =
        json!({"upgrade": {"from": ">=1.2", "strategy": "in-place", "rollback": "supported"}, "migration": steps});
    apply(world, release("2.0.0", tiers, "", second)).await.unwrap();
    seen(world, "1.0.0").await;
    let ready = |app: &loggia_app::App| {
        let all = app.graph();
        let runs = all.of_kind(&loggia_graph::Audience::All, "instance");
        let ours = runs.filter(|r| r.reference.namespace() == "booking");
        ours.filter(|r| r.typed_status::<InstanceStatus>().unwrap().phase == Phase::Ready).count() == 3
    };
    world.until("all ready", ready).await;
}

pub async fn seen(world: &World, version: &str) {
    let one = Observed {
        offering: "postgres".into(),
        version: version.into(),
        environment: "dev".into(),
        team: "tracking".into(),
        name: Some("old".into()),
        time: Some(world.app.now()),
        ..Observed::default()
    };
    world.app.run(&world.person("bob"), Observe { seen: vec![one] }).await.unwrap();
}

pub async fn decide(world: &World, caller: &Caller, verb: Verb) -> Result<()> {
    world.app.run(caller, Decide { campaign: name(), verb }).await.map(drop)
}

pub async fn view(world: &World) -> CampaignView {
    world.app.campaign(&admin(), &name()).await.unwrap()
}

/// Lets the campaign look until nothing moves any more.
pub async fn settle(world: &World) -> CampaignView {
    let mut before = None;
    for _ in 0..40 {
        // Less than a lease, so that nobody takes over what another is at.
        world.clock.advance(20);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        let idle = |app: &loggia_app::App| {
            let graph = app.graph();
            let mut runs = graph.of_kind(&loggia_graph::Audience::All, "instance");
            runs.all(|r| {
                let phase = r.typed_status::<InstanceStatus>().unwrap().phase;
                phase == Phase::Ready || (phase == Phase::Pending && r.document.contains("observed"))
            })
        };
        world.until("nothing is being changed", idle).await;
        let now = view(world).await;
        let state = (now.line.counts, now.line.state, now.line.wave.clone());
        if before.as_ref() == Some(&state) && now.line.counts.changing == 0 {
            return now;
        }
        before = Some(state);
    }
    panic!("it never settles: {before:?}");
}

pub fn rule(result: Result<()>) -> String {
    match result {
        Err(Error::Refused(refusal)) => refusal.rule,
        Err(Error::Invalid(problems)) => problems[0].rule.clone(),
        other => format!("{other:?}"),
    }
}

pub async fn kinds(world: &World) -> Vec<String> {
    let subject = world.app.graph().get(&name()).map(|record| record.uid);
    let filter = EventFilter { subject, after: Some(0), limit: 500, ..EventFilter::default() };
    let events = world.store.events(&filter).await.unwrap();
    events.into_iter().map(|event| event.kind.replace("dev.loggia.", "").replace(".v1", "")).collect()
}

/// How often a team was told, in its own history.
async fn told(world: &World, team: &str) -> usize {
    let subject = world.app.graph().get(&Ref::new("group", "default", team)).map(|record| record.uid);
    let types = vec!["dev.loggia.campaign.told.v1".to_owned()];
    let filter = EventFilter { subject, types, after: Some(0), limit: 500, ..EventFilter::default() };
    world.store.events(&filter).await.unwrap().len()
}

async fn planned(world: &World, caller: &Caller) -> CampaignPlan {
    world.app.campaign_plan(caller, PlanWish::Kept(name())).await.unwrap()
}

#[test]
fn a_plan_says_who_is_hit_and_what_breaks_and_nothing_happens() {
    on_each("a_plan_says_who_is_hit", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        apply(&world, own("Campaign", "db-2", &spec(&json!({})))).await.unwrap();
        let plan = planned(&world, &admin()).await;
        assert_eq!((plan.meant, plan.there, plan.hit, plan.managed, plan.teams, plan.stuck), (4, 0, 4, 3, 2, 0));
        let waves: Vec<(&str, usize)> = plan.waves.iter().map(|wave| (wave.name.as_str(), wave.rows.len())).collect();
        assert_eq!(waves, [("development", 3), ("production", 1)]);
        let row = plan.waves[0].rows.iter().find(|row| row.instance.name() == "one.dev").unwrap();
        assert_eq!(
            (row.what, row.weight, &row.way),
            (What::Upgrade, Weight::Breaking, &vec!["1.2.0".into(), "2.0.0".into()])
        );
        assert!(row.todo.contains("in 2 steps") && row.breaks.is_empty(), "{row:?}");
        let seen = plan.waves[0].rows.iter().find(|row| row.instance.name() == "old.dev").unwrap();
        assert_eq!((seen.what, seen.version.as_str()), (What::Owners, "1.0.0"));
        // Something that nobody can fill in breaks, and is named before anybody starts.
        let thought = |to: &str| PlanWish::Thought(Box::new(serde_json::from_value(spec(&json!({"to": to}))).unwrap()));
        let wanted = json!({"tier": {"enum": ["s", "m"]}, "region": {"type": "string"}});
        let mut third = release("3.0.0", wanted, "draft", json!({"upgrade": {"strategy": "in-place"}}));
        third["spec"]["contract"]["inputs"]["required"] = json!(["region"]);
        apply(&world, third).await.unwrap();
        let publish = loggia_app::release::publication::Publish {
            release: Ref::new("release", "default", "db-3.0.0"),
            to: loggia_model::Publication::Published,
            reason: "Known".into(),
            accept_failing: true,
        };
        world.app.run(&admin(), publish).await.unwrap();
        let plan = world.app.campaign_plan(&admin(), thought(">=3")).await.unwrap();
        assert_eq!(plan.stuck, 3);
        assert!(plan.waves[0].rows.iter().any(|row| row.breaks.iter().any(|one| one.to_string().contains("region"))));
        let plan = world.app.campaign_plan(&admin(), thought(">=9")).await.unwrap();
        assert!(plan.waves[0].rows[0].stuck.contains("No version above"), "{:?}", plan.waves[0].rows[0]);
        assert!(world.app.campaign_plan(&admin(), thought("newest")).await.is_err());
        assert_eq!(kinds(&world).await, ["campaign.applied"], "nothing happened by planning");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_campaign_halts_by_itself_resumes_waits_for_owners_and_ends_as_a_standard() {
    on_each("a_campaign_halts_by_itself", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        apply(&world, own("Campaign", "db-2", &spec(&json!({})))).await.unwrap();
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        let refused = decide(&world, &ann, Verb::Start { past: None }).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        driver.failures.lock().unwrap().push(Failure::ours("The disk is too small.", "Choose a larger plan."));
        decide(&world, &admin(), Verb::Start { past: None }).await.unwrap();
        assert_eq!(rule(decide(&world, &admin(), Verb::Start { past: None }).await), "campaign.state");
        let halted = settle(&world).await;
        assert_eq!((halted.line.state, halted.line.counts.failed, halted.frozen), (CampaignState::Halted, 1, 4));
        let halt = halted.halt.unwrap();
        assert!(
            halt.instance.is_some_and(|name| name.namespace() == "booking")
                && halt.message.contains("disk is too small")
        );
        assert!(halt.operation.is_some(), "its lines say more");
        assert!(halted.line.wave == "development" && halted.line.counts.done <= 1);
        // The class of its work: people come first.
        decide(&world, &admin(), Verb::Resume { reason: "Made it larger".into() }).await.unwrap();
        let open = settle(&world).await;
        assert_eq!(open.line.wave, "production", "all that Loggia moves in dev is done, owners do not hold others up");
        let counts = open.line.counts;
        assert_eq!((counts.total, counts.done, counts.notified, counts.open()), (4, 3, 1, 1), "{:?}", open.items);
        let three: InstanceStatus =
            world.app.graph().get_text("instance:booking/three.prod").unwrap().typed_status().unwrap();
        assert_eq!(three.applied, "db-2.0.0", "over two hops");
        assert_eq!((told(&world, "tracking").await, told(&world, "booking").await), (1, 0), "whom it concerns, once");
        // The same from its owner's side.
        let mine = world.app.campaigns_of(&bob, &[Ref::new("group", "default", "tracking")]).await.unwrap();
        assert_eq!((mine.len(), mine[0].open.len(), mine[0].open[0].state), (1, 1, ItemState::Notified));
        assert!(mine[0].open[0].todo.contains("where pipeline made it"), "{}", mine[0].open[0].todo);
        let old = Ref::new("instance", "tracking", "old.dev");
        let until = Day::of(world.app.now()).plus(3);
        let snooze = || Verb::Snooze { instance: old.clone(), until, reason: "Harvest".into() };
        assert!(decide(&world, &ann, snooze()).await.is_err(), "only its own team puts it off");
        decide(&world, &bob, snooze()).await.unwrap();
        let row = view(&world).await.items.into_iter().find(|row| row.instance == old).unwrap();
        assert_eq!(row.snooze.map(|snooze| snooze.by), Some("user:default/bob".into()));
        // An exemption, until its day; then the check alone.
        let exempt = Verb::Exempt(Differ {
            team: Ref::new("group", "default", "tracking"),
            thing: None,
            until,
            reason: "Audit".into(),
        });
        assert!(decide(&world, &bob, exempt.clone()).await.is_err(), "who asks does not grant");
        decide(&world, &admin(), exempt).await.unwrap();
        assert_eq!(settle(&world).await.line.counts.exempt, 1);
        world.clock.advance(4 * 86_400);
        assert_eq!(settle(&world).await.line.counts.notified, 1, "it is over");
        seen(&world, "2.0.1").await;
        let over = settle(&world).await;
        assert_eq!((over.line.state, over.line.ended_as), (CampaignState::Ended, Some(EndedAs::Completed)));
        assert_eq!(over.days.last().map(|point| (point.total, point.done)), Some((4, 4)));
        // The curve is what the rows tell, also for a server that starts anew.
        let again = world.restarted().await.campaign(&admin(), &name()).await.unwrap();
        assert_eq!((again.days.clone(), again.line.counts), (over.days, over.line.counts));
        let uid = world.app.graph().get(&name()).unwrap().uid;
        let rows = world.store.items_of(uid).await.unwrap();
        let items: Vec<loggia_model::campaign::Item> = rows
            .into_iter()
            .filter(|row| row.about != uid)
            .map(|row| serde_json::from_value(row.data).unwrap())
            .collect();
        assert_eq!(points(items.iter(), world.app.now()), again.days);
        assert_eq!(Counts::of(items.iter()), again.line.counts);
        // Its check stays, as a standard that speaks of each of them.
        let lines = world.app.checks(&ann, None, false).await.unwrap();
        assert_eq!((lines.len(), lines[0].check.name(), lines[0].standing.passes), (1, "db-2", 4));
        let history = kinds(&world).await;
        for kind in ["started", "began", "halted", "resumed", "wave-opened", "snoozed", "exempted", "completed"] {
            assert!(history.iter().any(|one| *one == format!("campaign.{kind}")), "{kind}: {history:?}");
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn a_wave_is_taken_back_and_a_late_comer_is_a_recorded_change() {
    on_each("a_wave_is_taken_back", |world| async move {
        let driver = Arc::new(InMemory::default());
        world_of_four(&world, &driver).await;
        let waves = json!({"waves": [{"name": "booking", "teams": ["booking"], "environments": ["dev"]}]});
        apply(&world, own("Campaign", "db-2", &spec(&waves))).await.unwrap();
        decide(&world, &admin(), Verb::Start { past: None }).await.unwrap();
        let all = settle(&world).await;
        assert_eq!((all.line.counts.done, all.line.wave.as_str()), (3, "the rest"));
        let back = |wave: &str| Verb::Rollback { wave: wave.into(), reason: "It is slow".into() };
        assert_eq!(rule(decide(&world, &admin(), back("nowhere")).await), "campaign.wave");
        decide(&world, &admin(), back("booking")).await.unwrap();
        let after = settle(&world).await;
        assert_eq!((after.line.state, after.line.counts.done, after.line.counts.total), (CampaignState::Paused, 1, 4));
        for one in ["one.dev", "two.dev"] {
            let record = world.app.graph().get_text(&format!("instance:booking/{one}")).cloned().unwrap();
            assert_eq!(record.typed_status::<InstanceStatus>().unwrap().applied, "db-1.2.0", "back by one hop");
        }
        // Somebody gets an old one meanwhile: the total grows, and it is written down why.
        let input = OrderInput {
            offering: "db".into(),
            environment: "dev".into(),
            team: "booking".into(),
            name: "late".into(),
            release: Some("db-1.1.0".into()),
            ..OrderInput::default()
        };
        world.app.order(&world.person("ann"), input).await.unwrap();
        let grown = settle(&world).await;
        assert_eq!((grown.frozen, grown.line.counts.total, grown.scope.len()), (4, 5, 1));
        assert_eq!((grown.scope[0].added, grown.scope[0].gone), (1, 0));
        assert!(grown.items.iter().any(|row| row.delta && row.instance.name() == "late.dev"));
        assert_eq!(rule(decide(&world, &admin(), Verb::End { reason: " ".into() }).await), "campaign.reason");
        decide(&world, &admin(), Verb::End { reason: "Other plans".into() }).await.unwrap();
        let ended = view(&world).await;
        assert_eq!((ended.line.state, ended.line.ended_as), (CampaignState::Ended, Some(EndedAs::Partial)));
        world.stop.send_replace(true);
    });
}
