//! Newer versions of a golden path in a repository that its team went on with.

use crate::Lines;
use crate::git::{file, git};
use loggia_app::instance::change_request::{Merges, Proposal, Seen};
use loggia_app::instance::driver::{Driver, Failure, Request};
use loggia_drivers::git::GitDriver;
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file in the old version, as the team has it now, and in the new version; and what the change makes of it.
struct Case {
    name: &'static str,
    before: Option<&'static str>,
    team: Option<&'static str>,
    after: Option<&'static str>,
    makes: Makes,
}

enum Makes {
    /// Exactly this.
    Text(Option<&'static str>),
    /// Both sides, for people.
    Both,
}

const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

/// Every way in which two sides change a file, as text and as being there.
const CASES: [Case; 14] = [
    case("nobody", Some(OLD), Some(OLD), Some(OLD), Makes::Text(Some(OLD))),
    case("template", Some("a\n"), Some("a\n"), Some("b\n"), Makes::Text(Some("b\n"))),
    case("team", Some("a\n"), Some("t\n"), Some("a\n"), Makes::Text(Some("t\n"))),
    case("same", Some("a\n"), Some("b\n"), Some("b\n"), Makes::Text(Some("b\n"))),
    case("same-place", Some("a\n"), Some("t\n"), Some("b\n"), Makes::Both),
    case(
        "other-places",
        Some(OLD),
        Some("ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n"),
        Some("one\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n"),
        Makes::Text(Some("ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n")),
    ),
    case("new", None, None, Some("n\n"), Makes::Text(Some("n\n"))),
    case("new-on-both", None, Some("t\n"), Some("n\n"), Makes::Both),
    case("teams-own", None, Some("t\n"), None, Makes::Text(Some("t\n"))),
    case("gone", Some("a\n"), Some("a\n"), None, Makes::Text(None)),
    // No text holds both: what the team changed stays, and what it took away comes back; both are named.
    case("gone-and-changed", Some("a\n"), Some("t\n"), None, Makes::Text(Some("t\n"))),
    case("thrown-away-and-changed", Some("a\n"), None, Some("b\n"), Makes::Text(Some("b\n"))),
    case("thrown-away", Some("a\n"), None, Some("a\n"), Makes::Text(None)),
    case("gone-on-both", Some("a\n"), None, None, Makes::Text(None)),
];

const fn case(
    name: &'static str,
    before: Option<&'static str>,
    team: Option<&'static str>,
    after: Option<&'static str>,
    makes: Makes,
) -> Case {
    Case { name, before, team, after, makes }
}

struct World {
    root: TempDir,
    driver: GitDriver,
    before: Request,
    after: Request,
}

fn version(number: &str, files: &[(String, &str)]) -> Request {
    let mut request = crate::request("quotes", json!({ "driver": "git", "template": "path", "raw": ["**"] }));
    number.clone_into(&mut request.version);
    request.files = vec![file("path/README.md", "# Quotes\n")];
    request.files.extend(files.iter().map(|(path, text)| file(&format!("path/{path}"), text)));
    request
}

fn pairs<'a>(cases: &[&'a Case], side: fn(&Case) -> Option<&'static str>) -> Vec<(String, &'a str)> {
    cases.iter().filter_map(|case| Some((format!("{}.txt", case.name), side(case)?))).collect()
}

impl World {
    /// A repository of the old version that its team went on with.
    async fn of(cases: &[&Case]) -> World {
        let root = tempfile::tempdir().unwrap();
        let driver = GitDriver::new(root.path());
        let before = version("1.0.0", &pairs(cases, |case| case.before));
        let after = version("2.0.0", &pairs(cases, |case| case.after));
        driver.apply(&before, &Lines::default()).await.unwrap();
        let world = World { root, driver, before, after };
        let work = world.clone_it("work");
        for case in cases {
            let path = work.join(format!("{}.txt", case.name));
            match case.team {
                Some(text) => std::fs::write(path, text).unwrap(),
                None => drop(std::fs::remove_file(path)),
            }
        }
        world.push(&work, "HEAD:main");
        world
    }

    fn bare(&self) -> PathBuf {
        self.root.path().join("booking/quotes.git")
    }

    fn clone_it(&self, name: &str) -> PathBuf {
        git(self.root.path(), &["clone", "-q", "booking/quotes.git", name]);
        self.root.path().join(name)
    }

    fn push(&self, work: &Path, to: &str) {
        git(work, &["add", "--all"]);
        let who = ["-c", "user.name=Team", "-c", "user.email=team@example.org"];
        git(work, &[&who[..], &["commit", "-q", "--allow-empty", "-m", "Ours"]].concat());
        git(work, &["push", "-q", "origin", to]);
    }

    async fn propose(&self) -> Result<(), Failure> {
        self.driver.propose(&self.before, &self.after, &Lines::default()).await
    }

    async fn waiting(&self) -> Option<Proposal> {
        self.driver.waiting(&self.before).await.unwrap()
    }

    async fn merge(&self, proposal: &Proposal) -> Result<(), Failure> {
        let seen = Seen { commit: proposal.commit.clone(), base: proposal.base.clone() };
        self.driver.merge(&self.before, &seen, &("Ann".into(), "ann@example.org".into())).await
    }

    /// Version and statement of a look.
    async fn look(&self) -> (String, Option<String>) {
        let seen = self.driver.observe(&self.before, &Lines::default()).await.unwrap();
        let waits = seen.conditions.into_iter().find(|condition| condition.kind == "ChangeWaits");
        (seen.version, waits.map(|condition| condition.reason))
    }

    fn read(&self, rev: &str, name: &str) -> Option<String> {
        let place = format!("{rev}:{name}.txt");
        let mut there = std::process::Command::new("git");
        let said = there.args(["cat-file", "blob", &place]).current_dir(self.bare()).output().unwrap();
        said.status.success().then(|| String::from_utf8(said.stdout).unwrap())
    }
}

#[tokio::test]
async fn each_pair_of_changes_comes_together_or_is_left_to_people() {
    for case in &CASES {
        let world = World::of(&[case]).await;
        let main = git(&world.bare(), &["rev-parse", "main"]);
        let preview = world.driver.preview(&world.before, &world.after).await.unwrap();
        assert_eq!(git(&world.bare(), &["for-each-ref", "refs/heads"]).lines().count(), 1, "{}: a preview", case.name);
        world.propose().await.unwrap();
        assert_eq!(git(&world.bare(), &["rev-parse", "main"]), main, "{}: the team's branch stays", case.name);
        let Some(proposal) = world.waiting().await else {
            // Nothing differs: it is the new version already.
            let Makes::Text(text) = case.makes else { panic!("{}: both sides changed it", case.name) };
            assert_eq!(world.read("main", case.name).as_deref(), text, "{}", case.name);
            assert!(preview.files.iter().all(|file| file.apart), "{}: {:?}", case.name, preview.files);
            assert_eq!(preview.files.len(), usize::from(case.name == "gone-and-changed"), "{}", case.name);
            assert_eq!(world.look().await, ("2.0.0".to_owned(), None), "{}", case.name);
            continue;
        };
        assert_eq!((&preview.files, &preview.diff), (&proposal.files, &proposal.diff), "{}: as previewed", case.name);
        assert_eq!(world.look().await, ("1.0.0".to_owned(), Some("Open".to_owned())), "{}", case.name);
        let conflicts: Vec<&str> = proposal.conflicts().collect();
        match case.makes {
            Makes::Text(text) => {
                assert!(conflicts.is_empty(), "{}: {conflicts:?}", case.name);
                let apart = proposal.files.iter().filter(|file| file.apart).count();
                assert_eq!(apart, usize::from(case.name == "thrown-away-and-changed"), "{}", case.name);
                world.merge(&proposal).await.unwrap();
                assert_eq!(world.read("main", case.name).as_deref(), text, "{}", case.name);
                assert_eq!(world.look().await, ("2.0.0".to_owned(), None), "{}", case.name);
                assert_eq!(git(&world.bare(), &["for-each-ref", "refs/heads"]).lines().count(), 1, "{}", case.name);
            }
            Makes::Both => {
                assert_eq!(conflicts, [format!("{}.txt", case.name)], "{}", case.name);
                let refused = world.merge(&proposal).await.unwrap_err();
                assert!(refused.message.contains("Both sides"), "{refused}");
            }
        }
    }
}

fn named(names: &[&str]) -> Vec<&'static Case> {
    CASES.iter().filter(|case| names.contains(&case.name)).collect()
}

#[tokio::test]
async fn what_people_brought_together_is_merged() {
    let world = World::of(&named(&["same-place", "template"])).await;
    world.propose().await.unwrap();
    let work = world.clone_it("solve");
    git(&work, &["switch", "-q", "loggia/sample-2.0.0"]);
    let text = std::fs::read_to_string(work.join("same-place.txt")).unwrap();
    assert!(text.contains("<<<<<<<") && text.contains("t\n") && text.contains("b\n"), "{text}");
    std::fs::write(work.join("same-place.txt"), "both\n").unwrap();
    world.push(&work, "HEAD");
    // Asking again leaves what people did.
    world.propose().await.unwrap();
    let proposal = world.waiting().await.unwrap();
    assert_eq!((proposal.conflicts().count(), proposal.files.len()), (0, 2), "{:?}", proposal.files);
    world.merge(&proposal).await.unwrap();
    assert_eq!(world.read("main", "same-place").as_deref(), Some("both\n"));
    assert_eq!(world.look().await, ("2.0.0".to_owned(), None));
}

#[tokio::test]
async fn only_what_was_seen_is_merged() {
    let world = World::of(&named(&["template"])).await;
    world.propose().await.unwrap();
    let seen = world.waiting().await.unwrap();
    let work = world.clone_it("more");
    std::fs::write(work.join("meanwhile.txt"), "m\n").unwrap();
    world.push(&work, "HEAD:main");
    let refused = world.merge(&seen).await.unwrap_err();
    assert!(refused.message.contains("changed since you looked"), "{refused}");
    let again = world.waiting().await.unwrap();
    assert_eq!(again.files.len(), 1, "what the team did meanwhile is no part of it: {:?}", again.files);
    let patch = world.driver.patch(&world.before).await.unwrap();
    assert!(String::from_utf8(patch).unwrap().contains("Subject: [PATCH] Bring sample to 2.0.0"));
    world.merge(&again).await.unwrap();
    assert_eq!(world.read("main", "meanwhile").as_deref(), Some("m\n"));
    assert_eq!(world.read("main", "template").as_deref(), Some("b\n"));
    git(&world.bare(), &["fsck", "--strict"]);
}

#[tokio::test]
async fn a_merge_is_seen_however_it_was_made_and_a_closed_branch_leaves_what_there_was() {
    let branch = "loggia/sample-2.0.0";
    let from = format!("origin/{branch}");
    let who = ["-c", "user.name=Team", "-c", "user.email=team@example.org"];
    let ways: [(&str, &[&str]); 3] = [
        ("straight", &["merge", "-q", "--ff-only", &from]),
        ("merge", &["merge", "-q", "--no-ff", "--no-edit", &from]),
        ("squash", &["merge", "-q", "--squash", &from]),
    ];
    for (name, args) in ways {
        for delete in [false, true] {
            let world = World::of(&named(&["template", "team"])).await;
            world.propose().await.unwrap();
            let work = world.clone_it("hand");
            git(&work, &[&who[..], args].concat());
            world.push(&work, "HEAD:main");
            if delete {
                git(&work, &["push", "-q", "origin", "--delete", branch]);
            }
            assert_eq!(world.look().await, ("2.0.0".to_owned(), None), "{name}, branch taken away: {delete}");
            // The next version begins where this one ended.
            let next = version("3.0.0", &[("template.txt".to_owned(), "c\n"), ("team.txt".to_owned(), "a\n")]);
            world.driver.propose(&world.after, &next, &Lines::default()).await.unwrap();
            assert_eq!(world.look().await, ("2.0.0".to_owned(), Some("Open".to_owned())), "{name}");
        }
    }
    let world = World::of(&named(&["template"])).await;
    world.propose().await.unwrap();
    world.driver.close(&world.before).await.unwrap();
    assert_eq!(world.look().await, ("1.0.0".to_owned(), Some("Closed".to_owned())));
    assert_eq!(world.waiting().await, None);
    // Asked for again, it waits again; and a branch set back by hand is not merged.
    world.propose().await.unwrap();
    assert_eq!(world.look().await.1.as_deref(), Some("Open"));
    git(&world.bare(), &["update-ref", "refs/heads/loggia/sample-2.0.0", "main"]);
    assert_eq!(world.look().await, ("1.0.0".to_owned(), Some("Open".to_owned())));
}

#[tokio::test]
async fn a_branch_of_somebody_else_is_left_alone() {
    let world = World::of(&named(&["template"])).await;
    git(&world.bare(), &["update-ref", "refs/heads/loggia/sample-2.0.0", "main"]);
    let refused = world.propose().await.unwrap_err();
    assert!(refused.message.contains("There is a branch"), "{refused}");
    assert_eq!(git(&world.bare(), &["rev-parse", "loggia/sample-2.0.0"]), git(&world.bare(), &["rev-parse", "main"]));
}
