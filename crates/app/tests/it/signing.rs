//! What people prove themselves with: passwords, sessions, tokens, and who they are at a provider.

use crate::harness::{World, on_each};
use loggia_app::access::audit::{AuditQuery, EventFilter};
use loggia_app::access::login::{Entry, PasswordWish};
use loggia_app::access::provider::Identity;
use loggia_app::access::token::TokenWish;
use loggia_app::instance::driver::Secret;
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::{App, Caller, Door, Error};
use loggia_model::Ref;
use serde_json::{Value, json};

const ENTRY: Entry<'_> = Entry { by: "password", agent: "Firefox", request_id: "test" };

fn user(name: &str, profile: &Value, annotations: &Value) -> Value {
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User",
        "metadata": {"name": name, "annotations": annotations}, "spec": {"memberOf": [], "profile": profile}})
}

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r1")
}

async fn apply(app: &App, values: Vec<Value>) {
    let prepared = values.into_iter().map(|value| prepare(value, "").unwrap()).collect();
    app.run(&admin(), Apply { prepared, if_match: None, dry_run: false }).await.unwrap();
}

fn password(old: Option<&str>, new: &str) -> PasswordWish {
    PasswordWish { old: old.map(Secret::new), new: Secret::new(new), keep: None }
}

async fn remove(app: &App, name: &str) {
    let delete = Delete { reference: Ref::new("user", "default", name), if_match: None, dry_run: false };
    app.run(&admin(), delete).await.unwrap();
}

#[test]
fn whoever_gets_a_name_later_gets_nothing_with_it() {
    on_each("whoever_gets_a_name_later", |world| async move {
        let app = &world.app;
        apply(app, vec![user("ann", &json!({}), &json!({}))]).await;
        let ann = Ref::new("user", "default", "ann");
        app.set_login(&admin(), &ann, password(None, "correct horse battery")).await.unwrap();
        let secret = || Secret::new("correct horse battery");
        let (_, session) = app.sign_in("ann", secret(), ENTRY).await.unwrap();
        let wish = TokenWish { name: "laptop".into(), ..TokenWish::default() };
        let (_, token) = app.create_token(&world.person("ann"), wish).await.unwrap();
        remove(app, "ann").await;
        apply(app, vec![user("ann", &json!({}), &json!({}))]).await;
        let by_session = app.session_caller(session.reveal(), Door::Page, "r").await.unwrap();
        let by_token = app.token_caller(token.reveal(), Door::Api, "r").await.unwrap();
        assert!(by_session.is_none() && by_token.is_none());
        assert!(matches!(app.sign_in("ann", secret(), ENTRY).await, Err(Error::Unauthenticated(_))));
        assert!(app.my_tokens(&world.person("ann")).await.unwrap().is_empty());
        assert!(app.my_sessions(&world.person("ann")).await.unwrap().is_empty());
    });
}

#[test]
fn another_password_needs_the_old_one_and_ends_other_sessions() {
    on_each("another_password_needs_the_old_one", |world| async move {
        let app = &world.app;
        apply(app, vec![user("ann", &json!({}), &json!({})), user("bob", &json!({}), &json!({}))]).await;
        let (ann, caller) = (Ref::new("user", "default", "ann"), world.person("ann"));
        app.set_login(&caller, &ann, password(None, "the first of them")).await.unwrap();
        let sign_in = async |text: &str| app.sign_in("ann", Secret::new(text), ENTRY).await.map(|(_, token)| token);
        let (here, there) = (sign_in("the first of them").await.unwrap(), sign_in("the first of them").await.unwrap());
        for old in [None, Some("the wrong one")] {
            let refused = app.set_login(&caller, &ann, password(old, "the second of them")).await;
            assert!(matches!(&refused, Err(Error::Invalid(problems)) if problems[0].path == "old"), "{refused:?}");
        }
        let other = app.set_login(&world.person("bob"), &ann, password(None, "the second of them")).await;
        assert!(matches!(other, Err(Error::Forbidden(_))));
        let keep = Some(loggia_app::access::login::digest(here.reveal()));
        let wish = PasswordWish { keep, ..password(Some("the first of them"), "the second of them") };
        app.set_login(&caller, &ann, wish).await.unwrap();
        let valid = async |token: &Secret| app.session_caller(token.reveal(), Door::Page, "r").await.unwrap().is_some();
        assert!(valid(&here).await && !valid(&there).await);
        app.set_login(&admin(), &ann, password(None, "the third of them")).await.unwrap();
        assert!(!valid(&here).await);
        assert!(sign_in("the second of them").await.is_err());
        sign_in("the third of them").await.unwrap();
    });
}

#[test]
fn every_change_of_what_people_prove_themselves_with_is_an_event_without_secrets() {
    on_each("credentials_are_events", |world| async move {
        let app = &world.app;
        apply(app, vec![user("ann", &json!({}), &json!({}))]).await;
        let (ann, caller) = (Ref::new("user", "default", "ann"), world.person("ann"));
        app.set_login(&caller, &ann, password(None, "correct horse battery")).await.unwrap();
        let (_, session) = app.sign_in("ann", Secret::new("correct horse battery"), ENTRY).await.unwrap();
        let wish = TokenWish { name: "laptop".into(), ..TokenWish::default() };
        let (row, token) = app.create_token(&caller, wish).await.unwrap();
        app.revoke_token(&caller, row.id).await.unwrap();
        app.sign_out(session.reveal(), "test").await.unwrap();
        let filter = EventFilter { principal: Some("user:default/ann".into()), limit: 100, ..EventFilter::default() };
        let query = AuditQuery { subject: None, filter };
        let events = app.events(&admin(), query).await.unwrap().events;
        let kinds: Vec<&str> = events.iter().rev().map(|event| event.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["password.set", "session.begun", "token.created", "token.revoked", "session.ended"]
                .map(|kind| format!("dev.loggia.{kind}.v1"))
        );
        let text = serde_json::to_string(&events).unwrap();
        for secret in ["correct horse", session.reveal(), token.reveal(), row.hash.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(world.store.verify_chain().await.unwrap().is_ok());
    });
}

fn identity(subject: &str, username: &str, email: &str) -> Identity {
    Identity {
        issuer: "https://id.example".into(),
        subject: subject.into(),
        username: username.into(),
        email: email.into(),
        ..Identity::default()
    }
}

async fn arrive(world: &World, who: Identity) -> Result<String, String> {
    match world.app.arrive(who, "Firefox", "test").await {
        Ok((user, _)) => Ok(user.to_string()),
        Err(Error::Forbidden(why)) => Err(why),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_name_at_the_provider_makes_nobody_somebody_else() {
    on_each("a_name_at_the_provider", |world| async move {
        let group = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": "gate"},
            "spec": {"type": "team", "children": [], "members": ["cleo"]}});
        apply(&world.app, vec![user("ann", &json!({}), &json!({})), group]).await;
        let why = arrive(&world, identity("7", "ann", "someone@example.com")).await.unwrap_err();
        assert!(why.contains("loggia.dev/subject, value https://id.example#7"), "{why}");
        let why = arrive(&world, identity("8", "cleo", "")).await.unwrap_err();
        assert!(why.contains("meant for somebody"), "{why}");
        assert_eq!(arrive(&world, identity("9", "dora", "dora@example.com")).await.unwrap(), "user:default/dora");
        assert_eq!(arrive(&world, identity("9", "ann", "")).await.unwrap(), "user:default/dora");
        assert!(arrive(&world, identity("10", "dora", "")).await.is_err());
    });
}

#[test]
fn a_checked_address_an_annotation_or_a_trusted_claim_says_who_somebody_is() {
    on_each("who_somebody_is", |world| async move {
        let named = json!({"loggia.dev/subject": "https://id.example#Ann"});
        let people = vec![
            user("ann", &json!({}), &named),
            user("bob", &json!({"email": "Bob@example.com"}), &json!({})),
            user("cleo", &json!({}), &json!({})),
            user("twin", &json!({"email": "both@example.com"}), &json!({})),
            user("other", &json!({"email": "both@example.com"}), &json!({})),
        ];
        apply(&world.app, people).await;
        assert_eq!(arrive(&world, identity("Ann", "x", "")).await.unwrap(), "user:default/ann");
        assert_ne!(arrive(&world, identity("ann", "y", "")).await.unwrap(), "user:default/ann");
        assert_eq!(arrive(&world, identity("2", "z", "bob@example.com")).await.unwrap(), "user:default/bob");
        let why = arrive(&world, identity("3", "z", "bob@example.com")).await.unwrap_err();
        assert!(why.contains("another account"), "{why}");
        let why = arrive(&world, identity("4", "z", "both@example.com")).await.unwrap_err();
        assert!(why.contains("Several people"), "{why}");
        let trusted = Identity { trusted: "cleo".into(), ..identity("5", "whatever", "") };
        assert_eq!(arrive(&world, trusted).await.unwrap(), "user:default/cleo");
        // The tie stays when the address goes, and an annotation moves it.
        apply(&world.app, vec![user("bob", &json!({"email": "new@example.com"}), &json!({}))]).await;
        assert_eq!(arrive(&world, identity("2", "z", "")).await.unwrap(), "user:default/bob");
        let named = json!({"loggia.dev/subject": "https://id.example#3"});
        apply(&world.app, vec![user("bob", &json!({"email": "new@example.com"}), &named)]).await;
        assert_eq!(arrive(&world, identity("3", "z", "")).await.unwrap(), "user:default/bob");
        assert_eq!(arrive(&world, identity("2", "zed", "new@example.com")).await.unwrap(), "user:default/zed");
    });
}
