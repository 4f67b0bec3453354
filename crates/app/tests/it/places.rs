//! Registered places bring no rights, unless an administrator vouches for them.

use crate::harness::{World, on_each};
use async_trait::async_trait;
use loggia_app::access::caller::Limits;
use loggia_app::instance::driver::Failure;
use loggia_app::record::prepare::prepare;
use loggia_app::record::{Apply, Delete};
use loggia_app::source::Sources;
use loggia_app::source::fetch::Fetch;
use loggia_app::source::location::{Register, Registered, Unregister, registered};
use loggia_app::source::places::Places;
use loggia_app::{App, Caller, Door, Error};
use loggia_graph::Audience;
use loggia_model::{Document, Uid};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ADDRESS: &str = "https://code.example/all.yaml";

const COMPANY: &str = "
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: core}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: pia}
spec: {memberOf: [core]}
---
apiVersion: loggia.dev/v1
kind: Product
metadata: {name: yard}
spec: {team: core}
";

const COMPONENT: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a}\nspec: {type: \
    service, lifecycle: production, owner: core}\n";

const USER: &str = "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: eve}\nspec: {memberOf: [core]}\n";

const GROUP: &str = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: crew}\nspec: {type: team, \
    children: [], members: [pia]}\n";

/// A host with one file.
struct Host(String);

#[async_trait]
impl Fetch for Host {
    async fn fetch(&self, _: &str) -> Result<Arc<[u8]>, Failure> {
        Ok(self.0.as_bytes().into())
    }
}

fn places(app: &Arc<App>, text: &str) -> Arc<Places> {
    Arc::new(Places::new(Arc::clone(app), Arc::new(Host(text.to_owned()))))
}

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

fn service() -> Caller {
    Caller::service("ci", Limits::Only(["write".to_owned()].into()), Door::Api, "r0")
}

fn register(id: Option<&str>, target: &str) -> Register {
    Register { id: id.map(str::to_owned), kind: "url".into(), target: target.into(), known_is_fine: true }
}

async fn add(world: &World, who: &Caller, target: &str) -> Uid {
    serde_json::from_value(world.app.run(who, register(None, target)).await.unwrap().answer).unwrap()
}

fn place(app: &App, id: Uid) -> Registered {
    registered(&app.graph(), &Audience::All).into_iter().find(|one| one.id == id).unwrap()
}

/// Reads all places once, and gives what the place says of itself afterwards.
async fn read(world: &World, app: &Arc<App>, text: &str) -> String {
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let places = places(app, text);
    let following = tokio::spawn(async move { places.follow(stopping).await });
    world.until("the component is there", |app| app.graph().get_text("component:default/a").is_some()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send_replace(true);
    following.await.unwrap();
    let place = registered(&app.graph(), &Audience::All).remove(0);
    app.graph().by_uid(place.id).unwrap().parse_status().to_string()
}

fn is_there(app: &App, name: &str) -> bool {
    app.graph().get_text(name).is_some()
}

/// A place that somebody registered gives nobody rights over the platform, and reaches no backend.
#[test]
fn no_registered_place_brings_what_the_operator_decides() {
    on_each("no_registered_place_brings_what_the_operator_decides", |world| async move {
        let product = "apiVersion: loggia.dev/v1\nkind: Product\nmetadata: {name: mine}\nspec: {team: core, \
            administrators: [eve]}\n";
        let environment = "apiVersion: loggia.dev/v1\nkind: Environment\nmetadata: {name: mine}\nspec: {product: a, \
            type: test, owner: core, backends: {}}\n";
        for bad in [product, environment] {
            let places = places(&world.app, &format!("{COMPONENT}---\n{bad}"));
            let gathered = places.gather("url", ADDRESS, true, &places.reach(&admin())).await.unwrap();
            assert_eq!(gathered.prepared.len(), 1, "{gathered:?}");
            assert!(gathered.errors[0].contains("no registered place brings that"), "{gathered:?}");
        }
    });
}

#[test]
fn people_and_teams_come_only_by_places_of_administrators() {
    on_each("people_and_teams_come_only_by_places_of_administrators", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        let text = format!("{COMPONENT}---\n{USER}---\n{GROUP}");
        for who in [service(), world.person("pia")] {
            let id = add(&world, &who, ADDRESS).await;
            let said = read(&world, &world.app, &text).await;
            assert!(!is_there(&world.app, "user:default/eve") && !is_there(&world.app, "group:default/crew"));
            assert!(said.contains("The User eve was not taken") && said.contains("The Group crew"), "{said}");
            assert!(said.contains("Ask one to register the same address"), "{said}");
            world.app.run(&who, Unregister { id: id.to_string() }).await.unwrap();
        }
        add(&world, &admin(), ADDRESS).await;
        read(&world, &world.app, &text).await;
        assert!(is_there(&world.app, "user:default/eve") && is_there(&world.app, "group:default/crew"));
        // The mark outlives readings and a new start.
        let app = world.restarted().await;
        assert!(registered(&app.graph(), &Audience::All)[0].trusted);
    });
}

#[test]
fn trust_is_given_by_administrators_only_and_kept_from_others() {
    on_each("trust_is_given_by_administrators_only_and_kept_from_others", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        let pia = world.person("pia");
        let id = add(&world, &pia, ADDRESS).await;
        assert!(!place(&world.app, id).trusted);
        // An administrator vouches for the same address.
        assert_eq!(add(&world, &admin(), ADDRESS).await, id);
        assert!(place(&world.app, id).trusted);
        // Somebody lesser changes nothing by registering it again, and neither moves it nor takes it out.
        assert_eq!(add(&world, &pia, ADDRESS).await, id);
        let moved = world.app.run(&pia, register(Some(&id.to_string()), "https://code.example/b.yaml")).await;
        assert!(matches!(moved, Err(Error::Forbidden(_))), "{moved:?}");
        let gone = world.app.run(&service(), Unregister { id: id.to_string() }).await;
        assert!(matches!(gone, Err(Error::Forbidden(_))), "{gone:?}");
        assert!(place(&world.app, id).trusted);
    });
}

/// The record of a place is no way to another address, nor to the mark.
#[test]
fn the_text_of_a_place_is_not_written() {
    on_each("the_text_of_a_place_is_not_written", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        let pia = world.person("pia");
        let id = add(&world, &pia, ADDRESS).await;
        let before = place(&world.app, id);
        let document = |name: &str, source: Value| {
            json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Location",
                "metadata": {"name": name, "annotations": {"loggia.dev/trusted": "true"}}, "source": source,
                "spec": {"type": "url", "target": "https://code.example/b.yaml"}})
        };
        let source = json!({"origin": "server", "path": "registered-by-administrator"});
        for name in [before.reference.name(), "other"] {
            let value = document(name, source.clone());
            assert_eq!(Document(value.clone()).reference().name(), name);
            let Ok(prepared) = prepare(value, "") else { continue };
            let apply = Apply { prepared: vec![prepared], if_match: None, dry_run: false };
            let done = world.app.run(&pia, apply).await;
            assert_eq!(done.is_ok(), name == "other", "{done:?}");
        }
        let delete = Delete { reference: before.reference.clone(), if_match: None, dry_run: false };
        assert!(matches!(world.app.run(&pia, delete).await, Err(Error::Refused(_))));
        assert_eq!(registered(&world.app.graph(), &Audience::All), [before]);
    });
}

/// What a place brought before it was refused leaves, whether or not the place can be read.
#[test]
fn people_of_a_place_that_nobody_vouches_for_leave() {
    on_each("people_of_a_place_that_nobody_vouches_for_leave", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        let id = add(&world, &service(), ADDRESS).await;
        let origin = place(&world.app, id).origin();
        let text = format!("{COMPONENT}---\n{USER}---\n{GROUP}");
        for now in [text.clone(), format!("{text}---\nkind: {{\n")] {
            world.sync(&origin, &[(ADDRESS, &text)]).await;
            assert!(is_there(&world.app, "user:default/eve") && is_there(&world.app, "group:default/crew"));
            read(&world, &world.app, &now).await;
            assert!(!is_there(&world.app, "user:default/eve") && !is_there(&world.app, "group:default/crew"));
            assert!(is_there(&world.app, "component:default/a"));
        }
        world.sync(&origin, &[(ADDRESS, &text)]).await;
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let gone = Arc::new(Places::new(Arc::clone(&world.app), Arc::new(Nowhere)));
        let following = tokio::spawn(async move { gone.follow(stopping).await });
        world.until("eve is gone", |app| !is_there(app, "user:default/eve")).await;
        stop.send_replace(true);
        following.await.unwrap();
        assert!(is_there(&world.app, "component:default/a"), "what gives no rights stays as it was");
    });
}

/// A host that does not answer.
struct Nowhere;

#[async_trait]
impl Fetch for Nowhere {
    async fn fetch(&self, _: &str) -> Result<Arc<[u8]>, Failure> {
        Err(Failure::backend("It does not answer.", "Try again."))
    }
}

/// What is not wanted from a place is read all the same: what its file says no more still leaves.
#[test]
fn a_refused_document_holds_nothing() {
    on_each("a_refused_document_holds_nothing", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        add(&world, &service(), ADDRESS).await;
        let other = COMPONENT.replace("name: a", "name: b");
        read(&world, &world.app, &format!("{COMPONENT}---\n{other}---\n{USER}")).await;
        assert!(is_there(&world.app, "component:default/b"));
        read(&world, &world.app, &format!("{COMPONENT}---\n{USER}")).await;
        assert!(!is_there(&world.app, "component:default/b"));
    });
}

#[test]
fn what_a_place_may_not_change_is_told() {
    on_each("what_a_place_may_not_change_is_told", |world| async move {
        world.sync("repository:test", &[("all.yaml", &format!("{COMPANY}---\n{COMPONENT}"))]).await;
        add(&world, &service(), ADDRESS).await;
        let twice = COMPONENT.replace("name: a", "name: b");
        let said = read(&world, &world.app, &format!("{COMPONENT}---\n{twice}---\n{twice}")).await;
        assert!(said.contains("comes from repository:test already"), "{said}");
        assert!(said.contains("is described twice"), "{said}");
        // It is right as soon as the other end is.
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        let said = read(&world, &world.app, COMPONENT).await;
        assert!(!said.contains("already"), "{said}");
    });
}

/// A host whose files come after hours, when they are slow, and at once when they are not.
struct Slow;

#[async_trait]
impl Fetch for Slow {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        if url.contains("slow") {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        let name = url.rsplit('/').next().unwrap_or_default().trim_end_matches(".yaml");
        Ok(COMPONENT.replace("name: a", &format!("name: {name}")).into_bytes().into())
    }
}

/// Slow places cost only themselves: others are read beside them, also those that are registered later, and each slow
/// one says why it is not there.
#[test]
fn a_slow_place_holds_no_other_up() {
    on_each("a_slow_place_holds_no_other_up", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        let at = |name: &str| format!("https://code.example/{name}.yaml");
        let mut slow = Vec::new();
        for number in 0..5 {
            slow.push(add(&world, &admin(), &at(&format!("slow-{number}"))).await);
        }
        add(&world, &admin(), &at("fast")).await;
        let run = |places: Arc<Places>| {
            let (stop, stopping) = tokio::sync::watch::channel(false);
            (stop, tokio::spawn(async move { places.follow(stopping).await }))
        };
        let places = Arc::new(Places::new(Arc::clone(&world.app), Arc::new(Slow)));
        let (stop, following) = run(Arc::clone(&places));
        world.until("the fast one is there", |app| is_there(app, "component:default/fast")).await;
        let later = add(&world, &admin(), &at("later")).await;
        places.read_again(later).await;
        world.until("the later one is there", |app| is_there(app, "component:default/later")).await;
        stop.send_replace(true);
        following.await.unwrap();
        let places = Places::new(Arc::clone(&world.app), Arc::new(Slow)).within(Duration::from_millis(100));
        let (stop, following) = run(Arc::new(places));
        let told = |app: &App| {
            slow.iter().all(|id| app.graph().by_uid(*id).unwrap().parse_status().to_string().contains("took longer"))
        };
        world.until("the slow ones say why", told).await;
        stop.send_replace(true);
        following.await.unwrap();
    });
}

/// What is wrong at a place is told with its address, document and name; and the place stands among the sources.
#[test]
fn what_is_wrong_at_a_place_says_where_and_what() {
    on_each("what_is_wrong_at_a_place_says_where_and_what", |world| async move {
        world.sync("repository:test", &[("all.yaml", COMPANY)]).await;
        add(&world, &admin(), ADDRESS).await;
        let bad = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: b}\nspec: {type: service}\n";
        let text = format!("{COMPONENT}---\n{bad}---\n{GROUP}---\nkind: [broken");
        let said = read(&world, &world.app, &text).await;
        for part in [format!("{ADDRESS}#1: Component b: "), format!("YAML error at {ADDRESS}#3")] {
            assert!(said.contains(&part), "{part}: {said}");
        }
        let sources = sources(&world);
        let listed = |who: Caller| {
            let sources = Arc::clone(&sources);
            async move { sources.list(&who).await.unwrap().into_iter().find(|one| one.row.location == ADDRESS) }
        };
        let seen = listed(admin()).await.unwrap();
        assert_eq!((seen.row.kind.as_str(), seen.followed), ("location", true));
        let problems = &seen.state.report.problems;
        assert!(
            problems.iter().any(|one| one.file.as_deref() == Some("https://code.example/all.yaml#1")),
            "{problems:?}"
        );
        assert!(seen.looked.is_some() && seen.state.failure.is_empty() && seen.state.documents >= 1, "{seen:?}");
        // Everybody of the company knows that it is read; what is wrong in it is for who keeps it.
        let seen = listed(world.person("pia")).await;
        assert!(seen.is_none_or(|one| one.state.report.problems.is_empty() || world.person("pia").product_team));
        let found = sources.doctor(&admin()).await.unwrap();
        assert!(found.iter().any(|one| one.what == "source" && one.found.starts_with(ADDRESS)), "{found:?}");
    });
}

fn sources(world: &World) -> Arc<Sources> {
    let reader = crate::source::Repository::default();
    Arc::new(Sources::new(Arc::clone(&world.app), Arc::new(reader), Vec::new()))
}
