//! Another plan, or other inputs, of what runs: every kind of change, whatever comes of it.

use crate::ending;
use crate::estate::{platform, seen};
use crate::harness::{InMemory, World, on_each};
use crate::rules::{people, priced, ruled, status};
use crate::secret_input::holding;
use crate::versions::{apply, release};
use loggia_app::command::due;
use loggia_app::ending::{Decide, Verb as Verdict};
use loggia_app::estate::Observe;
use loggia_app::instance::change::{ChangeInput, ChangePreview};
use loggia_app::instance::order::OrderInput;
use loggia_app::release::upgrade::Upgrade;
use loggia_app::rules::approval::Approve;
use loggia_app::{Caller, Error};
use loggia_model::Ref;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::{State, Verb};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const FIRST: &str = "the-first-seed";
const SECOND: &str = "the-second-seed";
/// Every kind of change; the first four go through.
const KINDS: [&str; 5] = ["plan", "plain", "secret", "several", "immutable"];
const PASSING: [&str; 4] = ["plan", "plain", "secret", "several"];

fn inputs() -> Value {
    json!({"size": {"type": "string", "enum": ["s", "m"], "default": "s"}, "seed": {"type": "string", "writeOnly": true, "minLength": 5},
        "title": {"type": "string", "title": "Name", "x-immutable": true}, "note": {"type": "string"}})
}

async fn world_of_changes(world: &World) -> Arc<InMemory> {
    platform(world).await;
    people(world).await;
    priced(world).await;
    let how = json!({"upgrade": {"from": ">=1", "strategy": "in-place", "rollback": "supported"}});
    apply(world, release("2.0.0", inputs(), "", how.clone())).await.unwrap();
    let driver = Arc::new(InMemory::default());
    world.work(&driver);
    driver
}

fn named(name: &str) -> Ref {
    Ref::new("instance", "booking", &format!("{name}.dev"))
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}

fn change(kind: &str) -> ChangeInput {
    let (plan, inputs) = match kind {
        "plan" => (Some("large"), json!({})),
        "plain" => (None, json!({"size": "m"})),
        "secret" => (None, json!({"seed": SECOND})),
        "immutable" => (None, json!({"title": "other", "size": "m"})),
        "several" => (Some("large"), json!({"size": "m", "seed": SECOND, "note": null})),
        other => panic!("{other}"),
    };
    ChangeInput { plan: plan.map(str::to_owned), inputs: object(inputs), dry_run: false }
}

async fn ordered(world: &World, name: &str) {
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: name.into(),
        release: Some("db-2.0.0".into()),
        inputs: object(json!({"size": "s", "seed": FIRST, "title": "one", "note": "mine"})),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
    settled(world, name).await;
}

fn found(world: &World, name: &str) -> (InstanceSpec, InstanceStatus) {
    let record = world.app.graph().get(&named(name)).cloned().unwrap();
    (record.spec().unwrap(), record.typed_status().unwrap())
}

/// Nothing is being done any more, whatever came of it.
async fn settled(world: &World, name: &str) {
    for _ in 0..1_000 {
        let uid = world.app.graph().get(&named(name)).unwrap().uid;
        let all = world.app.operations_of(uid, 20).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let rests = matches!(found(world, name).1.phase, Phase::Ready | Phase::Failed);
        if all.iter().all(|operation| operation.state.is_end()) && rests {
            return;
        }
    }
    panic!("{name} never settled: {:?}", found(world, name).1);
}

/// The secret fields that are kept of an instance, but those of its outputs.
async fn sealed(world: &World, name: &str) -> Vec<String> {
    let uid = world.app.graph().get(&named(name)).unwrap().uid;
    let rows = world.store.secrets_of(uid).await.unwrap();
    rows.into_iter().map(|row| row.field).filter(|field| !field.starts_with("output.")).collect()
}

/// The seed that the driver is told when it makes the thing right again.
async fn seed(world: &World, driver: &InMemory, name: &str) -> String {
    world.app.operate(&world.person("ann"), named(name), Verb::Apply, false).await.unwrap();
    settled(world, name).await;
    driver.secrets.lock().unwrap().last().unwrap()[0].1.clone()
}

fn rule(result: Result<loggia_app::Outcome, Error>) -> String {
    match result {
        Err(Error::Refused(refusal)) => refusal.rule,
        Err(Error::Invalid(problems)) => format!("{} at {}", problems[0].rule, problems[0].path),
        Err(Error::Gone(ended) | Error::Paused(ended)) => ended.refusal.rule,
        other => panic!("{other:?}"),
    }
}

async fn preview(world: &World, name: &str, kind: &str) -> ChangePreview {
    let input = ChangeInput { dry_run: true, ..change(kind) };
    let answer = world.app.change(&world.person("ann"), named(name), input).await.unwrap().answer;
    serde_json::from_value(answer).unwrap()
}

/// What it is after a change that went well.
async fn is_changed(world: &World, driver: &InMemory, name: &str, kind: &str) {
    let (spec, state) = found(world, name);
    let plan = spec.plan.unwrap();
    let another = matches!(kind, "plan" | "several");
    assert_eq!(
        (plan.name.as_str(), plan.price.unwrap().amount.as_str()),
        if another { ("large", "0.1") } else { ("small", "12.50") }
    );
    let wanted = match kind {
        "plain" => json!({"size": "m", "title": "one", "note": "mine"}),
        "several" => json!({"size": "m", "title": "one"}),
        _ => json!({"size": "s", "title": "one", "note": "mine"}),
    };
    assert_eq!(Value::Object(spec.inputs), wanted, "{kind}");
    assert_eq!((state.applied.as_str(), spec.target.as_deref()), ("db-2.0.0", Some("db-2.0.0")));
    assert!(state.conditions.iter().all(|one| one.kind != "ChangeFailed"), "{kind}");
    assert_eq!(driver.inputs.lock().unwrap().last(), Some(&wanted), "{kind}");
    let told = driver.limits.lock().unwrap().iter().rev().find(|(call, ..)| *call == "apply").unwrap().1.clone();
    assert_eq!(told, if another { "large" } else { "small" }, "{kind}");
    assert_eq!(sealed(world, name).await, ["input.seed"], "{kind}");
    assert_eq!(
        seed(world, driver, name).await,
        if matches!(kind, "secret" | "several") { SECOND } else { FIRST },
        "{kind}"
    );
    let uid = world.app.graph().get(&named(name)).unwrap().uid;
    assert_eq!(holding(world, uid, SECOND).await, Vec::<String>::new(), "{kind}");
}

#[test]
fn every_kind_of_change_goes_through_and_failing_at_any_step_keeps_what_there_was() {
    on_each("every_kind_of_change", |world| async move {
        let driver = world_of_changes(&world).await;
        let ann = world.person("ann");
        for kind in KINDS {
            for step in ["probe", "plan", "apply", "observe", "nothing"] {
                let (name, about) = (format!("{kind}-{step}"), format!("{kind}, failing at {step}"));
                ordered(&world, &name).await;
                let before = found(&world, &name);
                if kind == "immutable" {
                    let refused = world.app.change(&ann, named(&name), change(kind)).await;
                    assert_eq!(rule(refused), "change.immutable at inputs.title");
                    assert_eq!(found(&world, &name), before);
                    continue;
                }
                *driver.trip.lock().unwrap() = Some(step.to_owned());
                world.app.change(&ann, named(&name), change(kind)).await.unwrap();
                settled(&world, &name).await;
                *driver.trip.lock().unwrap() = None;
                if step == "nothing" {
                    is_changed(&world, &driver, &name, kind).await;
                    continue;
                }
                let (spec, state) = found(&world, &name);
                assert_eq!(
                    (&spec, &state.applied, state.phase),
                    (&before.0, &before.1.applied, Phase::Ready),
                    "{about}"
                );
                let said = &state.conditions.iter().find(|one| one.kind == "ChangeFailed").unwrap().message;
                assert!(said.contains("It keeps what it had. Mend that."), "{about}: {said}");
                assert!(state.conditions.iter().all(|one| one.kind != "UpgradeFailed"), "{about}");
                assert_eq!(sealed(&world, &name).await, ["input.seed"], "{about}");
                assert_eq!(seed(&world, &driver, &name).await, FIRST, "{about}");
                // Mended, it goes through, and nothing is left of the failure.
                world.app.change(&ann, named(&name), change(kind)).await.unwrap();
                settled(&world, &name).await;
                is_changed(&world, &driver, &name, kind).await;
            }
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn what_would_happen_is_told_and_nothing_is_done() {
    on_each("what_would_happen_is_told", |world| async move {
        let driver = world_of_changes(&world).await;
        ordered(&world, "one").await;
        let before = found(&world, "one");
        let made = driver.inputs.lock().unwrap().len();
        for kind in PASSING {
            let said = preview(&world, "one", kind).await;
            assert_eq!((said.approval, said.blocked), (None, None), "{kind}");
            let inputs: Vec<&str> = said.inputs.iter().map(|one| one.path.as_str()).collect();
            let plans = [&said.before, &said.after].map(|plan| plan.as_ref().unwrap().name.clone());
            let wanted: (&[&str], &[&str], &str) = match kind {
                "plan" => (&[], &[], "large"),
                "plain" => (&["size"], &[], "small"),
                "secret" => (&[], &["seed"], "small"),
                _ => (&["note", "size"], &["seed"], "large"),
            };
            assert_eq!(
                (inputs.as_slice(), said.secrets.as_slice()),
                (wanted.0, wanted.1.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice())
            );
            assert_eq!(plans, ["small", wanted.2], "{kind}");
        }
        // What cannot be is told at the field, what may not be as such.
        let ann = world.person("ann");
        for (inputs, plan, wanted) in [
            (json!({"size": "xl"}), None, "contract.enum at inputs.size"),
            (json!({"seed": "abc"}), None, "contract.minLength at inputs.seed"),
            (json!({"seed": null}), None, "change.secret at inputs.seed"),
            (json!({"nosuch": null}), None, "change.input at inputs.nosuch"),
            (json!({}), Some("huge"), "order.plan at plan"),
        ] {
            for dry_run in [true, false] {
                let input = ChangeInput { plan: plan.map(str::to_owned), inputs: object(inputs.clone()), dry_run };
                assert_eq!(rule(world.app.change(&ann, named("one"), input).await), wanted);
            }
        }
        for input in [
            ChangeInput::default(),
            ChangeInput { inputs: object(json!({"size": "s", "title": "one"})), ..ChangeInput::default() },
        ] {
            assert_eq!(rule(world.app.change(&ann, named("one"), input).await), "change.nothing");
        }
        assert_eq!((found(&world, "one"), driver.inputs.lock().unwrap().len()), (before, made));
        // A plan by the name that it has takes the terms of now, and only when it is asked for.
        priced(&world).await;
        let form = world.app.change_form(&ann, &named("one")).unwrap();
        assert_eq!(
            (form.immutable, form.secrets, form.blocked),
            (vec!["title".to_owned()], vec!["seed".to_owned()], None)
        );
        world.stop.send_replace(true);
    });
}

async fn decide(world: &World, name: &str, agree: bool) -> Result<loggia_app::Outcome, Error> {
    world.app.run(&world.person("wim"), Approve { instance: named(name), agree, reason: "So be it.".into() }).await
}

#[test]
fn a_rule_asks_for_every_kind_of_change_and_the_answer_counts() {
    on_each("a_rule_asks_for_every_kind", |world| async move {
        let driver = world_of_changes(&world).await;
        for kind in PASSING {
            for (to, end) in [
                ("order", "agree"),
                ("change", "agree"),
                ("change", "decline"),
                ("order", "lapse"),
                ("change", "destroy"),
            ] {
                let name = format!("{kind}-{to}-{end}");
                ruled(&world, json!([])).await;
                ordered(&world, &name).await;
                let before = found(&world, &name).0;
                ruled(&world, json!([{"name": "watched", "approval": {"by": "watch", "to": [to], "withinDays": 3}}]))
                    .await;
                assert!(preview(&world, &name, kind).await.approval.unwrap().contains("watch has to agree"));
                let asked = world.app.change(&world.person("ann"), named(&name), change(kind)).await.unwrap().answer;
                assert!(asked["waits"].as_str().unwrap().contains("somebody of watch agrees"), "{asked}");
                let id = asked["operation"].as_str().unwrap().parse().unwrap();
                assert_eq!((&found(&world, &name).0, found(&world, &name).1.phase), (&before, Phase::Ready), "{name}");
                let brings = matches!(kind, "secret" | "several");
                assert_eq!(sealed(&world, &name).await.len(), 1 + usize::from(brings), "{name}");
                assert_eq!(
                    rule(world.app.change(&world.person("ann"), named(&name), change(kind)).await),
                    "change.waits"
                );
                let due = world.app.approvals(&world.person("wim"));
                assert!(due.iter().any(|one| one.yours && one.approval.change.is_some()), "{name}");
                match end {
                    "agree" => drop(decide(&world, &name, true).await.unwrap()),
                    "decline" => drop(decide(&world, &name, false).await.unwrap()),
                    "lapse" => {
                        world.clock.advance(3 * 86_400 + 1);
                        due::fire(&world.app, &due::handlers()).await.unwrap();
                    }
                    _ => {
                        *driver.trip.lock().unwrap() = Some("probe".to_owned());
                        world.app.operate(&world.person("ann"), named(&name), Verb::Destroy, true).await.unwrap();
                    }
                }
                settled(&world, &name).await;
                let ended = world.app.operation(&world.person("ann"), id).await.unwrap().state;
                if end == "agree" {
                    assert_eq!(ended, State::Succeeded, "{name}");
                    is_changed(&world, &driver, &name, kind).await;
                } else {
                    assert_eq!((ended, found(&world, &name).0), (State::Cancelled, before), "{name}");
                    assert_eq!(sealed(&world, &name).await, ["input.seed"], "{name}");
                    assert_eq!(seed(&world, &driver, &name).await, FIRST, "{name}");
                }
            }
        }
        world.stop.send_replace(true);
    });
}

#[test]
fn what_may_not_be_changed_now_is_refused_in_every_kind() {
    on_each("what_may_not_be_changed_now", |world| async move {
        let driver = world_of_changes(&world).await;
        let ann = world.person("ann");
        ordered(&world, "one").await;
        let observed = Observe { seen: vec![seen("db", "2.0.0", "wild")] };
        world.app.run(&ann, observed).await.unwrap();
        ordered(&world, "broken").await;
        *driver.trip.lock().unwrap() = Some("apply".to_owned());
        world.app.operate(&ann, named("broken"), Verb::Apply, false).await.unwrap();
        settled(&world, "broken").await;
        assert_eq!(found(&world, "broken").1.phase, Phase::Failed);
        let before = found(&world, "one");
        let at = |seconds: i64| world.app.now().plus_seconds(seconds).to_string();
        let frozen =
            |of: Value| json!([{"name": "still", "freezes": [{"from": at(-60), "until": at(3600), "of": of}]}]);
        for kind in PASSING {
            let another_plan = matches!(kind, "plan" | "several");
            let try_it = async |name: &str, rules: Value| {
                ruled(&world, rules).await;
                let said = world.app.change(&ann, named(name), ChangeInput { dry_run: true, ..change(kind) }).await;
                match said {
                    Ok(outcome) => outcome.answer["blocked"].as_str().unwrap_or_default().to_owned(),
                    Err(error) => error.to_string(),
                }
            };
            for of in [json!([]), json!(["order"]), json!(["change"])] {
                assert!(try_it("one", frozen(of)).await.contains("still of dev"), "{kind}");
                assert_eq!(rule(world.app.change(&ann, named("one"), change(kind)).await), "rule.frozen");
            }
            assert_eq!(try_it("one", frozen(json!(["upgrade"]))).await, "", "{kind}");
            let short = json!([{"name": "few", "quota": {"count": 1, "monthly": {"amount": "50", "currency": "EUR"}}}]);
            assert_eq!(
                try_it("one", short).await.contains("25.00 a month of 50 EUR that it may, and this is 60.50 more"),
                another_plan,
                "{kind}"
            );
            let none = json!([{"name": "none", "for": {"plan": "large"}, "may": false}]);
            assert_eq!(try_it("one", none).await.contains("none of dev"), another_plan, "{kind}");
            assert!(try_it("broken", json!([])).await.contains("not ready now"), "{kind}");
            assert!(try_it("wild", json!([])).await.contains("No driver of this platform made it"), "{kind}");
            assert_eq!(rule(world.app.change(&ann, named("broken"), change(kind)).await), "change.busy");
            assert_eq!(rule(world.app.change(&ann, named("wild"), change(kind)).await), "instance.not-managed");
            for name in ["one", "broken", "wild"] {
                let other = world.app.change(&world.person("bob"), named(name), change(kind)).await;
                assert!(matches!(other, Err(Error::Forbidden(_) | Error::NotFound(_))), "{kind} {name}: {other:?}");
            }
        }
        assert_eq!(found(&world, "one"), before);
        world.stop.send_replace(true);
    });
}

#[test]
fn a_limit_counts_what_is_there_once_and_never_holds_up_what_is_cheaper() {
    on_each("a_limit_counts_what_is_there_once", |world| async move {
        let driver = world_of_changes(&world).await;
        let ann = world.person("ann");
        for name in ["one", "two"] {
            ordered(&world, name).await;
        }
        let to = |plan: &str| ChangeInput { plan: Some(plan.to_owned()), ..ChangeInput::default() };
        let blocked = async |name: &str, plan: &str, rules: Value| {
            ruled(&world, rules).await;
            let said =
                world.app.change(&ann, named(name), ChangeInput { dry_run: true, ..to(plan) }).await.unwrap().answer;
            said["blocked"].as_str().unwrap_or_default().to_owned()
        };
        // All is taken, and what is there already counts once.
        assert_eq!(blocked("one", "large", json!([{"name": "few", "quota": {"count": 2}}])).await, "");
        // A limit of one plan counts who comes to it.
        let one_large = json!([{"name": "big", "for": {"plan": "large"}, "quota": {"count": 1}}]);
        assert_eq!(blocked("one", "large", one_large.clone()).await, "");
        world.app.change(&ann, named("one"), to("large")).await.unwrap();
        settled(&world, "one").await;
        assert!(blocked("two", "large", one_large).await.contains("booking has 1 of 1 that it may have of this plan"));
        // Smaller is always possible, also above a limit that came later.
        let money = |amount: &str| json!([{"name": "money", "quota": {"count": 0, "monthly": {"amount": amount, "currency": "EUR"}}}]);
        assert_eq!(blocked("one", "small", money("1")).await, "");
        assert!(blocked("two", "large", money("146")).await.is_empty());
        assert!(blocked("two", "large", money("145")).await.contains("85.50 a month of 145 EUR"));
        drop(driver);
        world.stop.send_replace(true);
    });
}

#[test]
fn the_way_back_to_the_version_before_keeps_what_was_changed_since() {
    on_each("the_way_back_keeps_what_was_changed", |world| async move {
        let driver = world_of_changes(&world).await;
        let ann = world.person("ann");
        ordered(&world, "one").await;
        let how = json!({"upgrade": {"from": ">=1", "strategy": "in-place", "rollback": "supported"}});
        let mut more = inputs();
        more["days"] = json!({"type": "integer", "default": 3});
        apply(&world, release("2.1.0", more, "", how)).await.unwrap();
        let upgrade = |back| Upgrade { instance: named("one"), to: None, back, confirmed: true };
        world.app.run(&ann, upgrade(false)).await.unwrap();
        settled(&world, "one").await;
        assert_eq!(found(&world, "one").1.applied, "db-2.1.0");
        let input = ChangeInput { inputs: object(json!({"size": "m", "days": 9})), ..ChangeInput::default() };
        world.app.change(&ann, named("one"), input).await.unwrap();
        settled(&world, "one").await;
        assert_eq!(found(&world, "one").0.inputs.get("days"), Some(&json!(9)));
        world.app.run(&ann, upgrade(true)).await.unwrap();
        settled(&world, "one").await;
        let (spec, state) = found(&world, "one");
        assert_eq!(state.applied, "db-2.0.0");
        assert_eq!(Value::Object(spec.inputs), json!({"size": "m", "title": "one", "note": "mine"}));
        assert!(status(&world.app, "one").unwrap().earlier.is_none());
        drop(driver);
        world.stop.send_replace(true);
    });
}

/// A plan that is closed to new is come to by nobody, and what is closed to updates keeps what it has.
#[test]
fn what_goes_away_takes_no_changes_from_its_days_on() {
    on_each("what_goes_away_takes_no_changes", |world| async move {
        let driver = world_of_changes(&world).await;
        ordered(&world, "one").await;
        ending::closing(&world, "db-2.0.0", "2027-03-05").await;
        let plan = ending::PLAN.replace("db-end", "large-end").replace("offering:db", "offering:db\n  plan: large");
        ending::apply(&world, &plan).await.unwrap();
        let announce = Verdict::Announce { emergency: None };
        let decided = Decide { ending: Ref::new("ending", "default", "large-end"), verb: announce };
        world.app.run(&world.person("cora"), decided).await.unwrap();
        let blocked = async |kind: &str| preview(&world, "one", kind).await.blocked.unwrap_or_default();
        for kind in PASSING {
            assert_eq!(blocked(kind).await, "", "{kind}");
        }
        ending::until(&world, "2027-03-06");
        for kind in PASSING {
            let another_plan = matches!(kind, "plan" | "several");
            assert_eq!(blocked(kind).await.contains("since 1 March 2027"), another_plan, "{kind}");
        }
        assert_eq!(rule(world.app.change(&world.person("ann"), named("one"), change("plan")).await), "ending.closed");
        ending::until(&world, "2027-04-01");
        for kind in PASSING {
            let day = if matches!(kind, "plan" | "several") { "1 March 2027" } else { "1 April 2027" };
            assert!(blocked(kind).await.contains(day), "{kind}: {}", blocked(kind).await);
        }
        assert_eq!(rule(world.app.change(&world.person("ann"), named("one"), change("plain")).await), "ending.updates");
        drop(driver);
        world.stop.send_replace(true);
    });
}

/// A version that its team named is kept, and the way to the newest one is told.
#[test]
fn a_version_that_its_team_keeps_is_said_to_be_kept() {
    on_each("a_version_that_its_team_keeps", |world| async move {
        let driver = world_of_changes(&world).await;
        let how = json!({"upgrade": {"from": ">=1", "strategy": "in-place"}});
        apply(&world, release("2.2.0", inputs(), "", how)).await.unwrap();
        let ann = world.person("ann");
        for (name, wish) in
            [("exact", "2.0.0"), ("same", "=2.0.0"), ("near", "~2.0"), ("open", "2"), ("named", "db-2.0.0")]
        {
            let input = OrderInput { release: Some(wish.into()), ..crate::rules::wish(name, "") };
            world.app.order(&ann, input).await.unwrap();
            settled(&world, name).await;
            let said = |caller: &Caller| {
                let wish = Upgrade { instance: named(name), to: None, back: false, confirmed: false };
                world.app.upgrade_preview(caller, &wish).unwrap()
            };
            let blocked = said(&ann).blocked.unwrap_or_default();
            let wanted = match name {
                "exact" | "same" => format!(
                    "Its team keeps 2.0.0; 2.2.0 is the newest version. Take it when you want it: loggia upgrade booking/{name}.dev --to 2.2.0."
                ),
                "near" => format!(
                    "It has 2.0.0, and its team accepts ~2.0 only; 2.2.0 is the newest version. Take it when you want it: loggia upgrade booking/{name}.dev --to 2.2.0."
                ),
                "open" => {
                    "It has 2.2.0, and there is no newer version that its team accepts. Nothing needs to be done."
                        .to_owned()
                }
                _ => String::new(),
            };
            assert_eq!(blocked, wanted, "{name}");
        }
        drop(driver);
        world.stop.send_replace(true);
    });
}
