//! What holds where: the most specific rule, and why that one; limits, times, agreeing, and upgrades by themselves.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each};
use crate::versions::{apply, release, usual};
use loggia_app::command::due;
use loggia_app::instance::driver::Failure;
use loggia_app::instance::order::OrderInput;
use loggia_app::release::upgrade::Upgrade;
use loggia_app::rules::Question;
use loggia_app::rules::approval::Approve;
use loggia_app::{App, Caller, Door, Error};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::operation::State;
use loggia_model::rule::Aspect;
use loggia_model::{Micros, Ref, Uid};
use serde_json::{Value, json};
use std::sync::Arc;

/// The environment with these rules, and plans with prices.
pub async fn ruled(world: &World, rules: Value) {
    let environment = json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": "dev"},
        "spec": {"product": "fairway", "type": "development", "owner": "core",
            "backends": {"memory": {"driver": "memory"}}, "rules": rules}});
    apply(world, environment).await.unwrap();
}

pub async fn priced(world: &World) {
    let price = |amount: &str, per: &str| json!({"amount": amount, "currency": "EUR", "per": per});
    let offering = json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "db"},
        "spec": {"product": "fairway", "owner": "core", "category": "data", "promise": "p", "for": "f", "problem": "x",
            "plans": [{"name": "small", "default": true, "price": price("12.50", "month")},
                {"name": "large", "price": price("0.1", "hour")}]}});
    apply(world, offering).await.unwrap();
}

pub fn wish(name: &str, plan: &str) -> OrderInput {
    OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        plan: Some(plan.to_owned()).filter(|plan| !plan.is_empty()),
        ..OrderInput::default()
    }
}

async fn order(world: &World, name: &str, plan: &str) -> Result<Value, Error> {
    world.app.order(&world.person("ann"), wish(name, plan)).await.map(|outcome| outcome.answer)
}

pub fn refused(result: Result<Value, Error>) -> (String, String) {
    match result {
        Err(Error::Refused(refusal)) => (refusal.rule.clone(), refusal.to_string()),
        other => panic!("{other:?}"),
    }
}

pub fn status(app: &App, name: &str) -> Option<InstanceStatus> {
    let record = app.graph().get(&Ref::new("instance", "booking", &format!("{name}.dev"))).cloned()?;
    Some(record.typed_status().unwrap())
}

pub async fn ready(world: &World, name: &str, release: &str) {
    let is = |app: &App| {
        status(app, name)
            .is_some_and(|status| status.phase == Phase::Ready && (release.is_empty() || status.applied == release))
    };
    world.until(&format!("{name} is ready with {release}"), is).await;
}

/// Somebody of the group core, which agrees here.
pub async fn people(world: &World) {
    let user = |name: &str| {
        json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"name": name},
            "spec": {"memberOf": ["watch"]}})
    };
    let watch = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": "watch"},
        "spec": {"type": "team", "children": []}});
    for text in [watch, user("wim"), user("wanda")] {
        apply(world, text).await.unwrap();
    }
}

#[test]
fn the_most_specific_rule_counts_whatever_the_others_say() {
    on_each("the_most_specific_rule_counts", |world| async move {
        platform(&world).await;
        // Every rule of an environment: for none, this or another one of each part.
        let parts = [("team", "booking", "tracking"), ("plan", "small", "large"), ("offering", "db", "cache")];
        let mut all = Vec::new();
        for number in 0..27_usize {
            let mut whom = json!({});
            let (mut fits, mut weight, mut rest) = (true, 0, number);
            for (at, (part, this, other)) in parts.iter().enumerate() {
                match rest % 3 {
                    1 => whom[*part] = json!(this),
                    2 => {
                        whom[*part] = json!(other);
                        fits = false;
                    }
                    _ => {}
                }
                weight += if rest % 3 == 0 { 0 } else { [16, 8, 4][at] };
                rest /= 3;
            }
            let rule = json!({"name": format!("r{number}"), "for": whom, "quota": {"count": number + 100}});
            all.push((rule, fits, weight));
        }
        let question = Question {
            environment: "dev".into(),
            team: Some(Ref::new("group", "default", "booking")),
            offering: Some("db".into()),
            plan: None,
        };
        // As many mixtures as there are, from a few numbers that have nothing in common.
        for seed in 0..60_usize {
            let mixed: Vec<_> = (0..27)
                .map(|at| &all[(at * 7 + seed * 5) % 27])
                .filter(|(rule, ..)| {
                    !rule["name"].as_str().unwrap().len().wrapping_mul(seed + 3).wrapping_add(seed).is_multiple_of(4)
                })
                .skip(seed % 20)
                .collect();
            ruled(&world, mixed.iter().map(|(rule, ..)| rule.clone()).collect()).await;
            let mut wanted: Vec<_> = mixed.iter().filter(|(_, fits, _)| *fits).collect();
            wanted.sort_by_key(|(_, _, weight)| std::cmp::Reverse(*weight));
            let said = world.app.why(&world.person("ann"), &question).unwrap();
            let quota = said.iter().find(|answer| answer.aspect == Aspect::Quota).unwrap();
            let name = |rule: &Value| rule["name"].as_str().unwrap().to_owned();
            assert_eq!(quota.rule, wanted.first().map(|(rule, ..)| name(rule)), "{seed}: {quota:?}");
            assert_eq!(quota.instead_of.len(), wanted.len().saturating_sub(1));
            assert!(said.iter().all(|answer| answer.aspect == Aspect::Quota || answer.rule.is_none()));
        }
    });
}

#[test]
fn limits_count_what_a_team_has_and_what_it_costs() {
    on_each("limits_count_what_a_team_has", |world| async move {
        platform(&world).await;
        priced(&world).await;
        let money = json!({"amount": "100", "currency": "EUR"});
        ruled(
            &world,
            json!([{"name": "few", "why": "The machines are full", "quota": {"count": 3, "monthly": money}},
            {"name": "many", "for": {"team": "tracking"}, "quota": {"count": 9}}]),
        )
        .await;
        order(&world, "one", "small").await.unwrap();
        order(&world, "two", "large").await.unwrap();
        // 12.50 and 73 hours' worth: another large one would be 158.50.
        let (rule, said) = refused(order(&world, "three", "large").await);
        assert!(
            rule == "rule.quota" && said.contains("85.50 a month of 100 EUR") && said.contains("73.00 more"),
            "{said}"
        );
        order(&world, "three", "small").await.unwrap();
        let (_, said) = refused(order(&world, "four", "small").await);
        assert!(
            said.contains("booking has 3 of 3") && said.contains("few of dev") && said.contains("machines are full"),
            "{said}"
        );
        let bob = world.person("bob");
        let other = OrderInput { team: "tracking".into(), ..wish("four", "small") };
        world.app.order(&bob, other).await.unwrap();
        let question = Question {
            environment: "dev".into(),
            team: Some(Ref::new("group", "default", "booking")),
            ..Question::default()
        };
        let told = |caller: &Caller| world.app.why(caller, &question).unwrap()[1].says.clone();
        assert!(told(&world.person("ann")).contains("has 3"), "{}", told(&world.person("ann")));
        assert!(!told(&bob).contains("has "), "how much others have is theirs");
    });
}

#[test]
fn times_hold_up_what_they_say_and_no_more() {
    on_each("times_hold_up_what_they_say", |world| async move {
        platform(&world).await;
        let at = |seconds: i64| Micros(world.app.now().0).plus_seconds(seconds).to_string();
        ruled(
            &world,
            json!([{"name": "freeze", "freezes": [{"from": at(60), "until": at(120)}]},
            {"name": "ours", "for": {"offering": "db", "plan": "large"}, "freezes": []},
            {"name": "never", "for": {"team": "tracking"}, "may": false}]),
        )
        .await;
        order(&world, "before", "").await.unwrap();
        world.clock.advance(61);
        let (rule, said) = refused(order(&world, "during", "small").await);
        assert!(rule == "rule.frozen" && said.contains("freeze of dev"), "{said}");
        // The exception is one more rule, and a more specific one.
        order(&world, "large", "large").await.unwrap();
        world.clock.advance(60);
        order(&world, "after", "small").await.unwrap();
        let never = OrderInput { team: "tracking".into(), ..wish("x", "") };
        let said = world.app.order(&world.person("bob"), never).await.map(|outcome| outcome.answer);
        assert_eq!(refused(said).0, "rule.may");
    });
}

#[test]
fn what_needs_an_agreement_waits_is_decided_once_and_lapses() {
    on_each("what_needs_an_agreement_waits", |world| async move {
        platform(&world).await;
        people(&world).await;
        let driver = Arc::new(InMemory::default());
        world.work(&driver);
        ruled(&world, json!([{"name": "watched", "why": "It costs", "approval": {"by": "watch", "to": ["order"], "withinDays": 3}}])).await;
        let decide = |name: &str, agree: bool, reason: &str| Approve {
            instance: Ref::new("instance", "booking", &format!("{name}.dev")),
            agree,
            reason: reason.into(),
        };
        let (ann, wim) = (world.person("ann"), world.person("wim"));
        for name in ["yes", "no", "late"] {
            let answer = order(&world, name, "").await.unwrap();
            assert!(answer["waits"].as_str().unwrap().contains("somebody of watch agrees"), "{answer}");
        }
        assert_eq!(world.app.approvals(&wim).iter().filter(|one| one.yours).count(), 3);
        assert_eq!(world.app.approvals(&ann).iter().filter(|one| one.yours).count(), 0);
        for other in [&ann, &world.person("bob")] {
            let said = world.app.run(other, decide("yes", true, "")).await;
            assert!(matches!(said, Err(Error::Forbidden(_) | Error::NotFound(_))), "{said:?}");
        }
        assert!(driver.resources.lock().unwrap().is_empty(), "nothing is made before");
        world.app.run(&wim, decide("yes", true, "Fine.")).await.unwrap();
        ready(&world, "yes", "").await;
        let kept = status(&world.app, "yes").unwrap();
        let agreed = &kept.agreements[0];
        assert_eq!(
            (agreed.by.as_str(), agreed.asked_by.as_str(), agreed.reason.as_str(), agreed.agreed),
            ("user:default/wim", "user:default/ann", "Fine.", true)
        );
        let again = world.app.run(&wim, decide("yes", true, "")).await.map(|outcome| outcome.answer);
        assert_eq!(refused(again).0, "approval.none");
        assert!(matches!(world.app.run(&wim, decide("no", false, " ")).await, Err(Error::Invalid(_))));
        let id: Uid = status(&world.app, "no").unwrap().operation.unwrap();
        world.app.run(&wim, decide("no", false, "Too many.")).await.unwrap();
        assert!(status(&world.app, "no").is_none(), "what was never made is forgotten");
        let ended = world.app.operation(&ann, id).await.unwrap();
        assert!(ended.state == State::Cancelled && ended.message.contains("Too many"), "{ended:?}");
        // Nobody decides: it lapses, and the name is free again.
        world.clock.advance(3 * 86_400 + 1);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        assert!(status(&world.app, "late").is_none());
        order(&world, "late", "").await.unwrap();
        assert_eq!(driver.resources.lock().unwrap().len(), 1);
        // Who asks does not agree as well, whoever they are.
        let admin = Caller::administrator("test", Door::Api, "r0");
        world.app.order(&admin, wish("own", "")).await.unwrap();
        let own = world.app.run(&admin, decide("own", true, "")).await.map(|outcome| outcome.answer);
        assert_eq!(refused(own).0, "approval.self");
        world.stop.send_replace(true);
    });
}

pub async fn upgradable(world: &World) -> Arc<InMemory> {
    platform(world).await;
    people(world).await;
    let how = json!({"upgrade": {"from": "1", "strategy": "in-place", "rollback": "supported"}});
    apply(world, release("1.2.0", usual(), "", how)).await.unwrap();
    let tiers = json!({"tier": {"enum": ["small"], "default": "small"}});
    let how = json!({"upgrade": {"from": "1.2", "strategy": "in-place"}, "migration": {"steps": [{"drop": "size"}, {"drop": "seed"}]}});
    apply(world, release("2.0.0", tiers, "", how)).await.unwrap();
    let driver = Arc::new(InMemory::default());
    world.work(&driver);
    let input = OrderInput { release: Some("db-1.1.0".into()), ..wish("one", "") };
    world.app.order(&world.person("ann"), input).await.unwrap();
    ready(world, "one", "db-1.1.0").await;
    driver
}

pub fn upgrade(to: &str) -> Upgrade {
    let to = Some(to.to_owned()).filter(|text| !text.is_empty());
    Upgrade { instance: Ref::new("instance", "booking", "one.dev"), to, back: false, confirmed: false }
}

#[test]
fn an_upgrade_waits_for_its_hours_and_for_who_agrees() {
    on_each("an_upgrade_waits_for_its_hours", |world| async move {
        upgradable(&world).await;
        // The clock begins on a Friday at 08:00.
        ruled(
            &world,
            json!([{"name": "nights", "upgradeWindows": [{"from": "22:00", "until": "02:00"}]},
            {"name": "watched", "approval": {"by": "group:default/watch", "to": ["upgrade"]}}]),
        )
        .await;
        let ann = world.person("ann");
        let preview = world.app.upgrade_preview(&ann, &upgrade("1.2.0")).unwrap();
        assert!(preview.blocked.is_none() && preview.approval.unwrap().contains("watch has to agree"));
        assert!(preview.waits.unwrap().contains("Friday 15 January 2027 22:00 UTC"));
        world.app.run(&ann, upgrade("1.2.0")).await.unwrap();
        assert_eq!(status(&world.app, "one").unwrap().phase, Phase::Ready, "it serves as before");
        let again = world.app.run(&ann, upgrade("1.2.0")).await.map(|outcome| outcome.answer);
        assert_eq!(refused(again).0, "upgrade.waits");
        let decide = |agree| Approve { instance: upgrade("").instance, agree, reason: "Not now.".into() };
        world.app.run(&world.person("wim"), decide(false)).await.unwrap();
        assert_eq!(status(&world.app, "one").unwrap().applied, "db-1.1.0");
        world.app.run(&ann, upgrade("1.2.0")).await.unwrap();
        // Somebody agrees by day: it waits for the night, under the operation that waited for them.
        let asked = status(&world.app, "one").unwrap().approval.unwrap().operation;
        world.app.run(&world.person("wanda"), decide(true)).await.unwrap();
        let queued = status(&world.app, "one").unwrap().queued.unwrap();
        assert_eq!((queued.operation, queued.by.as_str()), (asked, "user:default/ann"));
        assert_eq!(world.app.operation(&ann, asked).await.unwrap().state, State::Waiting);
        world.clock.advance(13 * 3600);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        assert!(status(&world.app, "one").unwrap().queued.is_some(), "it is not night yet");
        world.clock.advance(3600);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        ready(&world, "one", "db-1.2.0").await;
        assert_eq!(world.app.operation(&ann, asked).await.unwrap().state, State::Succeeded);
        let kept = status(&world.app, "one").unwrap();
        assert_eq!(kept.agreements.iter().map(|one| one.agreed).collect::<Vec<_>>(), [false, true]);
        world.stop.send_replace(true);
    });
}

#[test]
fn upgrades_come_by_themselves_when_the_rule_says_and_once() {
    on_each("upgrades_come_by_themselves", |world| async move {
        let driver = upgradable(&world).await;
        ruled(&world, json!([{"name": "current", "automatic": {"upgrades": "compatible", "afterDays": 10}}])).await;
        let sweep = async || {
            world.clock.advance(301);
            due::fire(&world.app, &due::handlers()).await.unwrap();
        };
        due::arrange(&world.app).await.unwrap();
        let preview = world.app.upgrade_preview(&world.person("ann"), &upgrade("")).unwrap();
        assert!(preview.automatic.unwrap().contains("by itself from 25 January 2027"), "the team has ten days");
        sweep().await;
        assert_eq!(status(&world.app, "one").unwrap().applied, "db-1.1.0");
        world.clock.advance(10 * 86_400);
        driver.failures.lock().unwrap().push(Failure::ours("The disk is too small.", "Choose a larger plan."));
        sweep().await;
        let failed = |app: &App| {
            let status = status(app, "one").unwrap();
            status.phase == Phase::Ready && status.conditions.iter().any(|one| one.kind == "UpgradeFailed")
        };
        world.until("it failed and keeps the old one", failed).await;
        // What failed is left to people.
        sweep().await;
        assert_eq!(status(&world.app, "one").unwrap().applied, "db-1.1.0");
        world.app.run(&world.person("ann"), upgrade("1.2.0")).await.unwrap();
        ready(&world, "one", "db-1.2.0").await;
        // What breaks is left to people too, until a rule says all.
        sweep().await;
        assert_eq!(status(&world.app, "one").unwrap().phase, Phase::Ready);
        ruled(&world, json!([{"name": "current", "automatic": {"upgrades": "all"}}])).await;
        sweep().await;
        ready(&world, "one", "db-2.0.0").await;
        world.stop.send_replace(true);
    });
}
