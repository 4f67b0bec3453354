//! Who sees passwords, and which.

use crate::estate::{platform, seen};
use crate::harness::{InMemory, World, on_each};
use loggia_app::access::caller::Limits;
use loggia_app::access::token::TokenWish;
use loggia_app::estate::Observe;
use loggia_app::instance::order::OrderInput;
use loggia_app::{Caller, Door, Error};
use loggia_model::Ref;
use loggia_model::operation::Verb;
use loggia_model::usage::UsageReading;
use serde_json::json;
use std::sync::Arc;

/// A database of booking that runs, with the address `first`.
async fn database(world: &World) -> (Arc<InMemory>, Ref) {
    platform(world).await;
    let driver = Arc::new(InMemory::default());
    "first".clone_into(&mut driver.host.lock().unwrap());
    let input = OrderInput {
        offering: "db".into(),
        environment: "dev".into(),
        team: "booking".into(),
        name: "orders".into(),
        ..OrderInput::default()
    };
    world.app.order(&world.person("ann"), input).await.unwrap();
    world.work(&driver);
    world.until("ready", |app| status(app)["phase"] == "ready").await;
    (driver, "instance:booking/orders.dev".parse().unwrap())
}

fn status(app: &loggia_app::App) -> serde_json::Value {
    app.graph().get_text("instance:booking/orders.dev").map(|record| record.parse_status()).unwrap_or_default()
}

/// A program, by the team that it is bound to and its scopes; no scopes means that all are fine.
async fn program(world: &World, team: Option<&str>, scopes: &[&str]) -> Caller {
    let wish = TokenWish {
        name: "ci".into(),
        service: Some("ci".into()),
        team: team.map(str::to_owned),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        days: None,
    };
    let admin = Caller::administrator("test", Door::Api, "r0");
    let (_, token) = world.app.create_token(&admin, wish).await.unwrap();
    world.app.token_caller(token.reveal(), Door::Api, "r1").await.unwrap().unwrap()
}

#[test]
fn passwords_are_the_teams_and_whoever_breaks_the_glass_says_why() {
    on_each("passwords_are_the_teams", |world| async move {
        let (_driver, instance) = database(&world).await;
        let (ann, bob) = (world.person("ann"), world.person("bob"));
        let admin = Caller { administrator: true, ..bob.clone() };
        let admin_of_team = Caller { administrator: true, ..ann.clone() };
        let product = Caller { product_team: true, ..bob.clone() };
        let limited = Caller { limits: Limits::Only(["read".to_owned()].into()), ..ann.clone() };
        let cases = [
            ("a member", ann, "", "yes"),
            ("another team", bob, "please", "forbidden"),
            ("the product team", product, "please", "forbidden"),
            ("an administrator without a reason", admin.clone(), " ", "refused"),
            ("an administrator with a reason", admin, "the disk is full", "yes"),
            ("an administrator of the team", admin_of_team, "", "yes"),
            ("the first administrator", Caller::administrator("boot", Door::Api, "r"), "", "refused"),
            ("a token that may only read", limited, "", "forbidden"),
            ("a program of all teams", program(&world, None, &[]).await, "x", "forbidden"),
            ("a program of all teams, with the scope", program(&world, None, &["reveal"]).await, "x", "forbidden"),
            ("a program of the team without the scope", program(&world, Some("booking"), &[]).await, "x", "forbidden"),
            ("a program of the team", program(&world, Some("booking"), &["reveal"]).await, "", "yes"),
            ("a program of another", program(&world, Some("tracking"), &["reveal"]).await, "x", "forbidden"),
        ];
        for (who, caller, reason, wanted) in cases {
            let said = match world.app.reveal(&caller, &instance, "password", reason).await {
                Ok(_) => "yes",
                Err(Error::Forbidden(_)) => "forbidden",
                Err(Error::Refused { .. }) => "refused",
                Err(error) => panic!("{who}: {error}"),
            };
            assert_eq!(said, wanted, "{who}");
        }
        let past = world.app.past(&world.person("ann"), &instance, 50).await.unwrap();
        let broken: Vec<_> = past.events.iter().filter(|event| event.kind.contains("to-administrator")).collect();
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].reason.as_deref(), Some("the disk is full"));
        assert_eq!(past.events.iter().filter(|event| event.kind.contains("secret.revealed.")).count(), 3);
        world.stop.send_replace(true);
    });
}

#[test]
fn an_address_with_its_password_follows_where_the_thing_is_now() {
    on_each("an_address_with_its_password_follows", |world| async move {
        let (driver, instance) = database(&world).await;
        let ann = world.person("ann");
        let url = async || world.app.reveal(&ann, &instance, "url", "").await.unwrap().reveal().to_owned();
        let password = world.app.reveal(&ann, &instance, "password", "").await.unwrap().reveal().to_owned();
        let escaped = password.replace(':', "%3A").replace('/', "%2F");
        assert_eq!(url().await, format!("memory://me:{escaped}@first"));
        "second".clone_into(&mut driver.host.lock().unwrap());
        world.app.operate(&ann, instance.clone(), Verb::Observe, false).await.unwrap();
        world.until("seen", |app| status(app)["outputs"]["url"] == "memory://me:PASSWORD@second").await;
        assert_eq!(url().await, format!("memory://me:{escaped}@second"));
        world.stop.send_replace(true);
    });
}

#[test]
fn a_program_that_is_bound_to_a_team_speaks_for_it_only() {
    on_each("a_program_that_is_bound", |world| async move {
        platform(&world).await;
        let (own, any) = (program(&world, Some("booking"), &[]).await, program(&world, None, &[]).await);
        let report = |team: &str| Observe {
            seen: vec![loggia_app::estate::Observed { team: team.into(), ..seen("postgres", "15", "x") }],
        };
        assert!(world.app.run(&own, report("booking")).await.is_ok());
        assert!(world.app.run(&any, report("tracking")).await.is_ok());
        let Err(Error::Forbidden(why)) = world.app.run(&own, report("tracking")).await else { panic!("it may") };
        assert!(why.contains("bound to booking"), "{why}");
        let reading = |team: Option<&str>| -> UsageReading {
            let mut reading = json!({"id": format!("{team:?}"), "time": "2026-01-01T00:00:00Z", "source": "gate",
                "offering": "db", "channel": "request", "principal": "somebody"});
            if let Some(team) = team {
                reading["team"] = json!(team);
            }
            serde_json::from_value(reading).unwrap()
        };
        assert!(world.app.report_usage(&any, vec![reading(Some("tracking"))]).await.is_ok());
        assert!(world.app.report_usage(&own, vec![reading(None), reading(Some("booking"))]).await.is_ok());
        assert!(world.app.report_usage(&own, vec![reading(Some("tracking"))]).await.is_err());
        let uses = world.app.uses(&world.person("ann"), &Default::default()).await.unwrap();
        let of = |team: &str| uses.iter().filter(|one| one.team == format!("group:default/{team}")).count();
        assert_eq!((of("booking"), of("tracking")), (1, 1), "{uses:?}");
        let wish = |service: Option<&str>, team: &str| TokenWish {
            name: "x".into(),
            service: service.map(str::to_owned),
            team: Some(team.into()),
            ..TokenWish::default()
        };
        let admin = Caller { administrator: true, ..world.person("ann") };
        assert!(world.app.create_token(&admin, wish(None, "booking")).await.is_err(), "one's own acts as oneself");
        assert!(world.app.create_token(&admin, wish(Some("ci"), "nobody")).await.is_err(), "there is no such team");
    });
}
