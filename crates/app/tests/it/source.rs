//! Following repositories: each by itself, and what a person says yes to is what they saw.

use crate::estate::platform;
use crate::harness::{World, on_each};
use async_trait::async_trait;
use loggia_app::instance::driver::Failure;
use loggia_app::source::read::SourceFile;
use loggia_app::source::{Commit, Delivery, Edit, Landed, Proposed, Reader, Sources, Standing, Tree, Written};
use loggia_app::{Caller, Door, Error};
use loggia_model::Ref;
use loggia_store::EventFilter;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const PLACE: &str = "/company";
const SLOW: &str = "/slow";

/// A repository in memory, beside one that never answers.
#[derive(Default)]
pub(crate) struct Repository {
    now: Mutex<(String, Vec<SourceFile>)>,
    whole: AtomicUsize,
    /// Who wrote what is there now.
    written: Mutex<Written>,
    /// What becomes of edits; without it there are none.
    pub(crate) takes: Mutex<Option<Landed>>,
    /// How edits reach it.
    pub(crate) delivery: Mutex<Delivery>,
    /// What became of branches with edits; of the others, nothing.
    pub(crate) ended: Mutex<HashMap<String, Standing>>,
    /// How many edits were made.
    made: AtomicUsize,
    /// Who made the last edit: name and address.
    pub(crate) author: Mutex<(String, String)>,
}

impl Repository {
    pub(crate) fn commit(&self, commit: &str, files: Vec<SourceFile>) {
        *self.now.lock().unwrap() = (commit.to_owned(), files);
    }
}

#[async_trait]
impl Reader for Repository {
    async fn read(&self, location: &str, known: Option<&str>) -> Result<Option<Tree>, Failure> {
        if location == SLOW {
            std::future::pending::<()>().await;
        }
        let (commit, files) = self.now.lock().unwrap().clone();
        if known == Some(commit.as_str()) {
            return Ok(None);
        }
        self.whole.fetch_add(1, Ordering::AcqRel);
        let written = self.written.lock().unwrap().clone();
        Ok(Some(Tree { commit, files, place: "file:/company/".into(), single: false, written }))
    }

    async fn delivery(&self, _: &str) -> Delivery {
        *self.delivery.lock().unwrap()
    }

    async fn standing(&self, _: &str, edits: &[Proposed]) -> Result<Vec<Standing>, Failure> {
        let ended = self.ended.lock().unwrap();
        Ok(edits.iter().map(|edit| ended.get(&edit.branch).copied().unwrap_or(Standing::Open)).collect())
    }

    async fn commit(&self, _: &str, edit: &Edit) -> Result<Landed, Failure> {
        self.author.lock().unwrap().clone_from(&edit.author);
        let takes = self.takes.lock().unwrap().clone();
        let landed = takes.ok_or_else(|| Failure::yours("It takes no edits.", "Change the file."))?;
        let number = self.made.fetch_add(1, Ordering::AcqRel) + 1;
        let branch = landed.branch.replace("{n}", &number.to_string());
        Ok(Landed { branch, ..landed })
    }
}

pub(crate) fn component(name: &str) -> SourceFile {
    let text = format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: service\n  \
         lifecycle: production\n  owner: x\n"
    );
    crate::harness::file(&format!("{name}.yaml"), &text)
}

pub(crate) fn sources(world: &World, reader: &Arc<Repository>, locations: &[&str]) -> Arc<Sources> {
    let locations = locations.iter().map(|one| (*one).to_owned()).collect();
    Arc::new(Sources::new(Arc::clone(&world.app), Arc::clone(reader) as Arc<dyn Reader>, locations))
}

pub(crate) fn follow(world: &World, sources: &Arc<Sources>) {
    tokio::spawn(Arc::clone(sources).follow(|| (), world.stop.subscribe()));
}

pub(crate) fn there(app: &loggia_app::App, name: &str) -> bool {
    app.graph().get_text(&format!("component:default/{name}")).is_some()
}

pub(crate) fn admin() -> Caller {
    Caller::administrator("ines", Door::Page, "r0")
}

pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[test]
fn removals_are_confirmed_as_they_were_shown_by_a_person() {
    on_each("removals_are_confirmed_as_they_were_shown_by_a_person", |world| async move {
        platform(&world).await;
        let reader = Arc::new(Repository::default());
        reader.commit("c1", ["a", "b", "c", "d"].into_iter().map(component).collect());
        let sources = sources(&world, &reader, &[PLACE]);
        follow(&world, &sources);
        world.until("read", |app| there(app, "d")).await;
        reader.commit("c2", vec![component("a"), component("b")]);
        sources.refresh();
        for _ in 0..100 {
            pause().await;
            if sources.list(&admin()).await.unwrap()[0].state.report.held.len() == 2 {
                break;
            }
        }
        let seen = sources.list(&admin()).await.unwrap().remove(0);
        assert_eq!((seen.state.report.held.len(), seen.row.last_commit.as_deref()), (2, Some("c2")));
        // What was found names things, and is for who may synchronise.
        let outline = sources.list(&world.person("ann")).await.unwrap().remove(0);
        assert!(outline.state.report.held.is_empty() && outline.followed);
        reader.commit("c3", Vec::new());
        let stale = sources.confirm(&admin(), PLACE, "c2").await;
        assert!(matches!(stale, Err(Error::Conflict(_))), "{stale:?}");
        assert!(there(&world.app, "c") && there(&world.app, "d"));
        reader.commit("c2", vec![component("a"), component("b")]);
        assert_eq!(sources.confirm(&admin(), PLACE, "c2").await.unwrap().removed, 2);
        let events = world.store.events(&EventFilter { limit: 3, ..EventFilter::default() }).await.unwrap();
        assert!(events.iter().all(|event| event.actor.principal.contains("ines")), "{events:?}");
        world.stop.send_replace(true);
    });
}

#[test]
fn a_source_that_is_not_read_any_more_can_be_dropped() {
    on_each("a_source_that_is_not_read_any_more_can_be_dropped", |world| async move {
        platform(&world).await;
        let reader = Arc::new(Repository::default());
        reader.commit("c1", vec![component("a"), component("b")]);
        let before = sources(&world, &reader, &[PLACE]);
        follow(&world, &before);
        world.until("read", |app| there(app, "b")).await;
        for _ in 0..100 {
            pause().await;
            if before.all_read().await.unwrap() {
                break;
            }
        }
        assert!(matches!(before.drop_source(&admin(), PLACE).await, Err(Error::Conflict(_))));
        world.stop.send_replace(true);
        let after = sources(&world, &reader, &[]);
        assert!(!after.list(&admin()).await.unwrap()[0].followed);
        assert!(matches!(after.drop_source(&world.person("ann"), PLACE).await, Err(Error::Forbidden(_))));
        assert_eq!(after.drop_source(&admin(), PLACE).await.unwrap().removed, 3);
        assert!(!there(&world.app, "a") && after.list(&admin()).await.unwrap().is_empty());
        assert!(matches!(after.drop_source(&admin(), PLACE).await, Err(Error::NotFound(_))));
    });
}

#[test]
fn a_source_that_hangs_holds_nobody_up_and_problems_are_not_read_again_and_again() {
    on_each("a_source_that_hangs_holds_nobody_up", |world| async move {
        let reader = Arc::new(Repository::default());
        let sources = sources(&world, &reader, &[SLOW, PLACE]);
        reader.commit("c1", vec![component("a"), crate::harness::file("b.yaml", "kind: [broken")]);
        follow(&world, &sources);
        world.until("read", |app| there(app, "a")).await;
        for _ in 0..5 {
            pause().await;
            sources.refresh();
        }
        pause().await;
        assert_eq!(reader.whole.load(Ordering::Acquire), 1);
        // What cannot be read is a problem, and no removal.
        let unreadable = SourceFile { bytes: Arc::from([]), ..component("a") };
        reader.commit("c2", vec![unreadable, component("c")]);
        sources.refresh();
        world.until("read", |app| there(app, "c")).await;
        assert!(there(&world.app, "a"));
        for _ in 0..100 {
            pause().await;
            if sources.list(&admin()).await.unwrap()[0].row.last_commit.as_deref() == Some("c2") {
                break;
            }
        }
        let report = sources.list(&admin()).await.unwrap().remove(0).state.report;
        let told: Vec<_> = report.problems.iter().map(|p| (p.rule.as_str(), p.file.as_deref())).collect();
        assert_eq!(told, [("file.unreadable", Some("a.yaml"))]);
        world.stop.send_replace(true);
    });
}

#[test]
fn a_location_keeps_its_name_whatever_files_come_and_go() {
    on_each("a_location_keeps_its_name_whatever_files_come_and_go", |world| async move {
        let reader = Arc::new(Repository::default());
        let sources = sources(&world, &reader, &[PLACE]);
        reader.commit("c1", vec![component("a")]);
        follow(&world, &sources);
        world.until("read", |app| there(app, "a")).await;
        let location = || {
            let all: Vec<_> = world.app.graph().of_kind(&loggia_graph::Audience::All, "location").collect();
            assert_eq!(all.len(), 1);
            let target = all[0].parse().spec_text("target").to_owned();
            (all[0].reference.to_string(), all[0].uid, target)
        };
        let (name, uid, target) = location();
        assert_eq!(target, "/company/a.yaml");
        reader.commit("c2", vec![component("a"), component("b")]);
        sources.refresh();
        world.until("read", |app| there(app, "b")).await;
        assert_eq!(location(), (name.clone(), uid, target.clone()));
        // A file that is gone is no place; the name stays.
        reader.commit("c3", vec![component("b"), component("c")]);
        sources.refresh();
        world.until("read", |app| there(app, "c")).await;
        assert_eq!(location(), (name.clone(), uid, "/company/".to_owned()));
        let graph = world.app.graph();
        let c = graph.get_text("component:default/c").cloned().unwrap();
        let chain = loggia_app::source::location::ancestors(&graph, &loggia_graph::Audience::All, &c);
        assert_eq!(chain.last().unwrap().reference.to_string(), name);
        world.stop.send_replace(true);
    });
}

#[test]
fn the_history_says_who_changed_it_in_the_repository_and_why() {
    on_each("the_history_says_who_changed_it", |world| async move {
        platform(&world).await;
        let reader = Arc::new(Repository::default());
        let by = |id: &str, author: &str, mail: &str, subject: &str| {
            Arc::new(Commit { id: id.into(), author: author.into(), mail: mail.into(), subject: subject.into() })
        };
        let (sam, eve) = (by("c1", "Sam", "SAM@example.com", "Two services"), by("c0", "Eve", "eve@x", "One more"));
        let files = [("b.yaml".to_owned(), eve)].into();
        *reader.written.lock().unwrap() = Written { newest: Some(sam), files };
        let user = "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: samuel}\nspec: {memberOf: [], \
            profile: {email: sam@example.com}}\n";
        world.sync("test:people", &[("sam.yaml", user)]).await;
        reader.commit("c1", ["a", "b"].into_iter().map(component).collect());
        follow(&world, &sources(&world, &reader, &[PLACE]));
        world.until("read", |app| there(app, "a") && there(app, "b")).await;
        let told = async |name: &str| {
            let name = Ref::new("component", "default", name);
            let all = world.app.revisions(&admin(), &name, None, 10).await.unwrap();
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            (text(&all[0].author), text(&all[0].commit), text(&all[0].reason))
        };
        let own = |author: &str, commit: &str, why: &str| (author.to_owned(), commit.to_owned(), why.to_owned());
        assert_eq!(told("a").await, own("user:default/samuel", "c1", "Two services"));
        assert_eq!(told("b").await, own("Eve", "c0", "One more"));
        world.stop.send_replace(true);
    });
}
