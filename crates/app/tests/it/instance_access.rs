//! Access of consumers, from being granted to being proved gone.

use crate::estate::platform;
use crate::harness::{InMemory, World, on_each, pass};
use crate::order::{input, ordered, phase};
use crate::running::status;
use crate::versions::apply;
use loggia_app::command::due;
use loggia_app::instance::instance_access::GrantInput;
use loggia_app::{Caller, Door, Error};
use loggia_graph::Audience;
use loggia_model::instance_access::{Access, CredentialState};
use loggia_model::operation::{State, Verb};
use loggia_model::{Day, Micros, Ref, RelationType, Uid};
use serde_json::json;
use std::sync::Arc;

const NAME: &str = "instance:booking/one.dev";
const API: &str = "component:default/quotes-api";

fn one() -> Ref {
    NAME.parse().unwrap()
}

/// A platform whose newest release offers access, with one instance of it, and a component of another team.
async fn ready(world: &World) -> Arc<InMemory> {
    platform(world).await;
    let release = json!({"apiVersion": "loggia.dev/v1", "kind": "Release", "metadata": {"name": "db-1.2.0"},
        "spec": {"offering": "db", "version": "1.2.0", "recipe": {"driver": "memory"},
            "contract": {"inputs": {"type": "object", "additionalProperties": false, "properties": {
                "size": {"type": "string", "enum": ["s", "m"], "default": "s"},
                "seed": {"type": "string", "writeOnly": true}}},
                "access": {"roles": [{"name": "read", "summary": "Reads."}, {"name": "write"}], "longestDays": 90,
                    "overlapMinutes": 10}}}});
    let component = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component",
        "metadata": {"name": "quotes-api"}, "spec": {"type": "service", "lifecycle": "production", "owner": "tracking"}});
    apply(world, release).await.unwrap();
    apply(world, component).await.unwrap();
    let driver = Arc::new(InMemory::default());
    ordered(world, &world.person("ann"), input("one")).await;
    world.work(&driver);
    world.until("ready", |app| phase(app, NAME) == "ready").await;
    driver
}

fn to(consumer: &str) -> GrantInput {
    GrantInput { to: consumer.into(), ..GrantInput::default() }
}

async fn grant(world: &World, consumer: &str) -> Uid {
    let done = world.app.grant_access(&world.person("ann"), one(), to(consumer)).await.unwrap();
    serde_json::from_value(done.answer["access"].clone()).unwrap()
}

fn list(world: &World) -> Vec<Access> {
    status(&world.app, NAME).access
}

fn states(world: &World) -> Vec<CredentialState> {
    list(world).iter().flat_map(|access| &access.credentials).map(|known| known.state).collect()
}

async fn works(world: &World) {
    let all = |app: &loggia_app::App| {
        let access = status(app, NAME).access;
        !access.is_empty()
            && access.iter().flat_map(|one| &one.credentials).all(|known| known.state == CredentialState::Works)
    };
    world.until("all work", all).await;
}

async fn gone(world: &World) {
    world.until("no access is left", |app| status(app, NAME).access.is_empty()).await;
}

fn rule<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Refused(refusal)) => refusal.rule,
        Err(Error::Invalid(problems)) => problems[0].rule.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_consumer_gets_a_credential_that_is_shown_once_renewed_and_taken_away() {
    on_each("a_consumer_gets_a_credential", |world| async move {
        let driver = ready(&world).await;
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        let id = grant(&world, "component/quotes-api").await;
        works(&world).await;
        assert_eq!((list(&world)[0].to.as_str(), list(&world)[0].role.as_str()), (API, "read"));
        // The edge is seen from both ends.
        let graph = world.app.graph();
        for (from, other, way) in [(NAME, API, RelationType::USED_BY), (API, NAME, RelationType::USES)] {
            let found = graph.related(&Audience::All, &from.parse().unwrap(), way);
            assert!(found.iter().any(|record| record.reference.to_string() == other), "{from}");
        }
        // Its own team sees it, once; what is shown is what the backend has.
        let shown = world.app.show_access(&bob, &one(), id, "").await.unwrap();
        let there = driver.logins.lock().unwrap().values().next().cloned().unwrap();
        assert_eq!(shown.secrets[0].1.reveal(), there);
        assert_eq!(rule(world.app.show_access(&bob, &one(), id, "").await.map(drop)), "access.shown");
        let record = world.app.graph().get(&one()).unwrap().clone();
        assert!(!format!("{record:?}").contains(&there), "a secret is in the record");
        // The old one works until the overlap is over.
        world.app.rotate_access(&ann, one(), id, None).await.unwrap();
        works(&world).await;
        assert_eq!(driver.logins.lock().unwrap().len(), 2);
        pass(&world, 599);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        assert_eq!(states(&world), [CredentialState::Works, CredentialState::Works]);
        pass(&world, 2);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        world.until("one is left", |app| status(app, NAME).access[0].credentials.len() == 1).await;
        assert!(driver.logins.lock().unwrap().values().all(|secret| *secret != there), "the old one is still there");
        world.app.revoke_access(&ann, one(), id).await.unwrap();
        gone(&world).await;
        assert!(driver.logins.lock().unwrap().is_empty());
        let graph = world.app.graph();
        assert!(graph.related(&Audience::All, &API.parse().unwrap(), RelationType::USES).is_empty());
        let past = world.app.past(&ann, &one(), 50).await.unwrap();
        let kinds: Vec<&str> =
            past.events.iter().rev().filter_map(|e| e.kind.split_once("access.")).map(|k| k.1).collect();
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.trim_end_matches(".v1")).collect();
        assert_eq!(kinds, ["granted", "made", "shown", "rotating", "made", "overlap-over", "gone", "revoking", "gone"]);
        world.stop.send_replace(true);
    });
}

#[test]
fn who_may_not_and_what_is_not_offered_is_refused_before_anything_is_made() {
    on_each("who_may_not_is_refused", |world| async move {
        let driver = ready(&world).await;
        let ann = world.person("ann");
        let asked = |input: GrantInput| world.app.grant_access(&ann, one(), input);
        let today = Day::of(world.app.now());
        let until = |day: Day| GrantInput { until: Some(day), ..to("team/tracking") };
        assert_eq!(rule(asked(to("component/nobody")).await), "access.to");
        assert_eq!(rule(asked(to("user/ann")).await), "access.to");
        assert_eq!(rule(asked(to("service/")).await), "access.to");
        assert_eq!(rule(asked(GrantInput { role: Some("sudo".into()), ..to("team/tracking") }).await), "access.role");
        assert_eq!(rule(asked(until(Day(today.0 - 1))).await), "access.until");
        assert_eq!(rule(asked(until(today.plus(91))).await), "access.until");
        let bob = world.app.grant_access(&world.person("bob"), one(), to("team/tracking")).await;
        assert!(matches!(bob, Err(Error::Forbidden(_) | Error::NotFound(_))), "{bob:?}");
        *driver.private.lock().unwrap() = true;
        assert_eq!(rule(asked(to("team/tracking")).await), "access.driver");
        *driver.private.lock().unwrap() = false;
        assert!(driver.logins.lock().unwrap().is_empty() && list(&world).is_empty());
        // A program, and an administrator who looks at what is not theirs.
        let id = grant(&world, "service/importer").await;
        works(&world).await;
        assert_eq!(rule(asked(to("service/importer")).await), "access.granted");
        let admin = Caller::administrator("test", Door::Api, "r1");
        assert_eq!(rule(world.app.show_access(&admin, &one(), id, " ").await.map(drop)), "reveal.reason");
        world.app.show_access(&admin, &one(), id, "It broke at night.").await.unwrap();
        // Without a word it ends when the longest time is over.
        assert_eq!(list(&world)[0].until, Some(Micros(today.plus(91).start().0 - 1)));
        pass(&world, 92 * 86_400);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        gone(&world).await;
        assert!(driver.logins.lock().unwrap().is_empty());
        world.stop.send_replace(true);
    });
}

#[test]
fn what_consumers_use_is_destroyed_only_by_who_knows_it() {
    on_each("what_consumers_use_is_destroyed", |world| async move {
        let driver = ready(&world).await;
        let ann = world.person("ann");
        grant(&world, "component/quotes-api").await;
        works(&world).await;
        let refused = world.app.operate(&ann, one(), Verb::Destroy, false).await;
        assert!(matches!(&refused, Err(Error::Refused(r)) if r.message.contains("quotes-api")), "{refused:?}");
        let orphan = loggia_app::instance::take_over::Orphan { instance: one() };
        assert_eq!(rule(world.app.run(&ann, orphan).await), "instance.in-use");
        let secrets = list(&world)[0].credentials[0].id;
        assert_eq!(world.store.secrets_of(secrets).await.unwrap().len(), 1);
        world.app.operate(&ann, one(), Verb::Destroy, true).await.unwrap();
        world.until("gone", |app| phase(app, NAME) == "none").await;
        assert!(driver.logins.lock().unwrap().is_empty());
        assert!(world.store.secrets_of(secrets).await.unwrap().is_empty(), "a secret is left over");
        world.stop.send_replace(true);
    });
}

#[test]
fn what_goes_wrong_leaves_no_credential_behind() {
    on_each("what_goes_wrong_leaves_nothing", |world| async move {
        let driver = ready(&world).await;
        let ann = world.person("ann");
        // It was made, and failed for good afterwards: it is taken away again.
        *driver.trip.lock().unwrap() = Some("grant".into());
        let done = world.app.grant_access(&ann, one(), to("team/tracking")).await.unwrap();
        gone(&world).await;
        assert!(driver.logins.lock().unwrap().is_empty());
        let id: Uid = serde_json::from_value(done.answer["operation"].clone()).unwrap();
        assert_eq!(world.app.operation(&ann, id).await.unwrap().state, State::Failed);
        assert_eq!(phase(&world.app, NAME), "ready", "the instance is what it was");
        // What cannot be taken away is said, and tried again by the clock.
        let id = grant(&world, "team/tracking").await;
        works(&world).await;
        *driver.trip.lock().unwrap() = Some("revoke".into());
        world.app.revoke_access(&ann, one(), id).await.unwrap();
        let stuck = |app: &loggia_app::App| status(app, NAME).access[0].credentials[0].message.contains("tripped");
        world.until("told", stuck).await;
        assert_eq!(driver.logins.lock().unwrap().len(), 1);
        pass(&world, 3_700);
        due::fire(&world.app, &due::handlers()).await.unwrap();
        gone(&world).await;
        assert!(driver.logins.lock().unwrap().is_empty());
        world.stop.send_replace(true);
    });
}

#[test]
fn a_server_that_dies_while_it_makes_a_credential_leaves_one() {
    on_each("a_server_that_dies", |world| async move {
        let driver = ready(&world).await;
        // The first try ends as if the process had died: the backend did it, and nobody knows.
        world.stop.send_replace(true);
        let id = grant(&world, "component/quotes-api").await;
        let (credential, key) = (list(&world)[0].credentials[0].id, world.app.graph().get(&one()).unwrap().uid);
        driver.logins.lock().unwrap().insert((key.to_string(), credential.to_string()), "told to nobody".into());
        world.stop.send_replace(false);
        world.work(&driver);
        works(&world).await;
        let shown = world.app.show_access(&world.person("ann"), &one(), id, "").await.unwrap();
        let there: Vec<String> = driver.logins.lock().unwrap().values().cloned().collect();
        assert_eq!(there, [shown.secrets[0].1.reveal()]);
        // Revoked before it was ever made: nothing is made.
        world.stop.send_replace(true);
        let id = grant(&world, "team/tracking").await;
        world.app.revoke_access(&world.person("ann"), one(), id).await.unwrap();
        world.stop.send_replace(false);
        world.work(&driver);
        world.until("only one", |app| status(app, NAME).access.len() == 1).await;
        assert_eq!(driver.logins.lock().unwrap().len(), 1);
        world.stop.send_replace(true);
    });
}
