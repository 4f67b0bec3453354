//! Changes on pages that wait for their repository: each for its own end.

use crate::estate::platform;
use crate::harness::{World, on_each};
use crate::source::{PLACE, Repository, admin, component, follow, pause, sources, there};
use crate::versions::apply;
use loggia_app::source::read::SourceFile;
use loggia_app::source::waiting::Waiting;
use loggia_app::source::{Delivery, Landed, Reader, Sources, Standing};
use loggia_app::{App, Error};
use loggia_model::{Record, Ref};
use serde_json::json;
use std::sync::Arc;

/// The text of a component, as an editor would have it, with another owner.
async fn changed(sources: &Sources, name: &Ref) -> (String, String) {
    let draft = sources.draft(&admin(), name).await.unwrap();
    (loggia_app::source::edit::digest(&draft.text), draft.text.replace("owner: x", "owner: y"))
}

#[test]
fn a_change_waits_for_its_commit_after_a_restart_too() {
    on_each("a_change_waits_for_its_commit_after_a_restart_too", |world| async move {
        platform(&world).await;
        let reader = Arc::new(Repository::default());
        reader.commit("c1", vec![component("a"), component("b")]);
        let before = sources(&world, &reader, &[PLACE]);
        follow(&world, &before);
        world.until("read", |app| there(app, "b")).await;
        let name: Ref = "component:default/a".parse().unwrap();
        let (seen, text) = changed(&before, &name).await;
        let refused = before.change(&admin(), &name, &seen, &text, "").await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        *reader.takes.lock().unwrap() = Some(Landed { commit: "c2".into(), ..Landed::default() });
        *reader.delivery.lock().unwrap() = Delivery::Patch;
        let Err(Error::Refused(no)) = before.change(&admin(), &name, &seen, &text, "").await else { panic!("a patch") };
        assert_eq!(no.rule, "source.patch");
        *reader.delivery.lock().unwrap() = Delivery::Push;
        // Nothing reads the repository in between.
        world.stop.send_replace(true);
        pause().await;
        before.change(&admin(), &name, &seen, &text, "").await.unwrap();
        let app = world.restarted().await;
        let record = || app.graph().get(&name).cloned().unwrap();
        let after = Sources::new(Arc::clone(&app), Arc::clone(&reader) as Arc<dyn Reader>, vec![PLACE.into()]);
        assert_eq!(open(&app, &record()).await[0].commit, "c2");
        let file = SourceFile { bytes: text.as_bytes().into(), size: text.len(), ..component("a") };
        reader.commit("c2", vec![file, component("b")]);
        let (after, stop) = (Arc::new(after), tokio::sync::watch::channel(false).0);
        tokio::spawn(Arc::clone(&after).follow(|| (), stop.subscribe()));
        for _ in 0..100 {
            pause().await;
            if open(&app, &record()).await.is_empty() {
                break;
            }
        }
        assert_eq!(record().parse().spec_text("owner"), "y");
        assert_eq!(open(&app, &record()).await, []);
        stop.send_replace(true);
    });
}

/// The changes of a record that wait.
async fn open(app: &App, record: &Record) -> Vec<Waiting> {
    app.page_edits_of(record).await.unwrap().into_iter().filter(Waiting::is_open).collect()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Taken,
    Closed,
    PutAside,
}

#[test]
fn each_of_several_changes_waits_for_its_own_end() {
    on_each("each_of_several_changes_waits_for_its_own_end", |world| async move {
        platform(&world).await;
        let reader = Arc::new(Repository::default());
        reader.commit("c1", vec![component("a"), component("b")]);
        let sources = sources(&world, &reader, &[PLACE]);
        follow(&world, &sources);
        world.until("read", |app| there(app, "b")).await;
        let name: Ref = "component:default/a".parse().unwrap();
        *reader.takes.lock().unwrap() =
            Some(Landed { commit: "p".into(), branch: "loggia/a-{n}".into(), link: String::new() });
        let mut dice = Dice(7);
        for round in 0..6 {
            let (seen, text) = changed(&sources, &name).await;
            for number in 0..3 {
                sources.change(&admin(), &name, &seen, &text, &format!("r{round} {number}")).await.unwrap();
            }
            let record = || world.app.graph().get(&name).cloned().unwrap();
            let mut left = open(&world.app, &record()).await;
            assert_eq!(left.len(), 3);
            assert!(left.iter().all(|one| !one.overtaken));
            for _ in 0..3 {
                let next = left.remove(dice.below(left.len()));
                let end = [End::Taken, End::Closed, End::PutAside][dice.below(3)];
                finish(&world, &reader, &sources, &next, end).await;
                until_settled(&world, &record(), &next).await;
                let now = open(&world.app, &record()).await;
                assert_eq!(ids(&now), ids(&left), "only its own end settles a change");
                let told = world.app.page_edits(&admin(), &name).await.unwrap();
                let told = told.into_iter().find(|one| one.id == next.id).unwrap();
                let state = [(End::Taken, "taken"), (End::Closed, "closed"), (End::PutAside, "put-aside")];
                assert_eq!(told.state, state.iter().find(|(one, _)| *one == end).unwrap().1);
                let again = world.app.put_edit_aside(&admin(), next.id, "twice").await;
                assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
            }
        }
        world.stop.send_replace(true);
    });
}

fn ids(all: &[Waiting]) -> Vec<loggia_model::Uid> {
    all.iter().map(|one| one.id).collect()
}

async fn finish(world: &World, reader: &Repository, sources: &Sources, edit: &Waiting, end: End) {
    if end == End::PutAside {
        let other = world.app.put_edit_aside(&world.person("ann"), edit.id, "mine").await;
        assert!(matches!(other, Err(Error::Forbidden(_))), "{other:?}");
        let wordless = world.app.put_edit_aside(&admin(), edit.id, " ").await;
        assert!(matches!(wordless, Err(Error::Invalid(_))), "{wordless:?}");
        let done = world.app.put_edit_aside(&admin(), edit.id, "not now").await.unwrap();
        assert_eq!((done.state.as_str(), done.reason.as_str()), ("put-aside", "not now"));
        return;
    }
    let standing = if end == End::Taken { Standing::Taken } else { Standing::Closed };
    reader.ended.lock().unwrap().insert(edit.branch.clone(), standing);
    if end == End::Taken {
        // The text is another one from now on; the others wait all the same.
        let text = String::from_utf8(component("a").bytes.to_vec()).unwrap();
        let text = text.replace("type: service", &format!("type: t-{}", edit.id.to_string().replace('-', "")));
        let file = SourceFile { bytes: text.as_bytes().into(), size: text.len(), ..component("a") };
        reader.commit(&format!("after-{}", edit.id), vec![file, component("b")]);
    }
    sources.refresh();
}

async fn until_settled(world: &World, record: &Record, edit: &Waiting) {
    for _ in 0..200 {
        if open(&world.app, record).await.iter().all(|one| one.id != edit.id) {
            return;
        }
        pause().await;
    }
    panic!("{} waits for ever", edit.branch);
}

/// A commit is in the name of whoever made the change: as people call them, with their address.
#[test]
fn a_commit_has_the_name_and_the_address_of_its_author() {
    on_each("a_commit_has_the_name_and_the_address_of_its_author", |world| async move {
        platform(&world).await;
        let reader = Arc::new(Repository::default());
        let owned = String::from_utf8(component("a").bytes.to_vec()).unwrap().replace("owner: x", "owner: booking");
        reader.commit("c1", vec![crate::harness::file("a.yaml", &owned)]);
        let sources = sources(&world, &reader, &[PLACE]);
        follow(&world, &sources);
        world.until("read", |app| there(app, "a")).await;
        let name: Ref = "component:default/a".parse().unwrap();
        *reader.takes.lock().unwrap() =
            Some(Landed { commit: "p".into(), branch: "loggia/a-{n}".into(), link: String::new() });
        let titles = [None, Some("Noor A.")];
        let profiles = [
            json!({}),
            json!({"displayName": " Noor Ahmadi "}),
            json!({"email": "noor@example.com"}),
            json!({"displayName": "Noor Ahmadi", "email": "noor@example.com"}),
        ];
        for (at, (title, profile)) in
            titles.iter().flat_map(|title| profiles.iter().map(move |one| (title, one))).enumerate()
        {
            let user = format!("noor-{at}");
            let mut person = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "User",
                "metadata": {"name": user}, "spec": {"memberOf": ["booking"], "profile": profile}});
            if let Some(title) = title {
                person["metadata"]["title"] = json!(title);
            }
            apply(&world, person).await.unwrap();
            let draft = sources.draft(&admin(), &name).await.unwrap();
            let text = draft.text.replace("type: service", &format!("type: t{at}"));
            let seen = loggia_app::source::edit::digest(&draft.text);
            sources.change(&world.person(&user), &name, &seen, &text, "").await.unwrap();
            let shown = profile["displayName"].as_str().map(str::trim).or(*title).unwrap_or(&user).to_owned();
            let mail = profile["email"].as_str().unwrap_or("nobody@localhost").to_owned();
            assert_eq!(*reader.author.lock().unwrap(), (shown, mail), "{title:?} {profile}");
            let all = world.app.page_edits(&admin(), &name).await.unwrap();
            assert_eq!(all[0].author, format!("user:default/{user}"));
        }
        world.stop.send_replace(true);
    });
}
