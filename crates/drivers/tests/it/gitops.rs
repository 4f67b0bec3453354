//! The driver `gitops`: a real repository, and somebody who follows it.

use crate::git::{file, git};
use crate::{Lines, object, request};
use loggia_app::instance::driver::{Driver, Presence, Request, Secret, Whose};
use loggia_drivers::gitops::GitOpsDriver;
use loggia_model::instance::Verdict;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The repository of an environment.
pub struct Fleet(TempDir);

impl Fleet {
    pub fn new() -> Fleet {
        let fleet = Fleet(tempfile::tempdir().unwrap());
        std::fs::create_dir(fleet.0.path().join("fleet.git")).unwrap();
        git(&fleet.repository(), &["init", "--quiet", "--bare", "--initial-branch=main"]);
        by_hand(&fleet.repository(), "Begin", |work| std::fs::write(work.join("README.md"), "The fleet\n").unwrap());
        fleet
    }

    pub fn repository(&self) -> PathBuf {
        self.0.path().join("fleet.git")
    }

    pub fn driver(&self) -> GitOpsDriver {
        GitOpsDriver::new(self.0.path().join("cache"), self.0.path())
    }

    pub fn sample(&self) -> Request {
        let recipe =
            json!({"driver": "gitops", "template": "files", "outputs": {"url": "https://{{ name }}.example.com"}});
        let mut request = request("quotes", recipe);
        request.inputs = object(json!({"image": "quotes:1"}));
        request.files = vec![
            file("files/deployment.yaml", "image: {{ inputs.image }}\nteam: {{ team }}\n"),
            file("files/{% if inputs.public %}ingress.yaml{% endif %}", "open: true\n"),
        ];
        request.inputs.insert("public".to_owned(), json!(true));
        request.backend.config = object(json!({"repository": self.repository()}));
        request
    }

    /// The same with somebody who tells how far it is.
    fn told(&self) -> Request {
        let mut request = self.sample();
        request.backend.config.insert("status".to_owned(), json!("file"));
        request.backend.config.insert("wait".to_owned(), json!(20));
        request
    }

    fn head(&self) -> String {
        git(&self.repository(), &["rev-parse", "main"])
    }

    fn tell(&self, key: &str, state: &str, commit: &str) {
        let told = json!({"commit": commit, "state": state, "message": format!("{state} it is"), "version": "9",
            "outputs": {"pods": 3}});
        by_hand(&self.repository(), "Tell", |work| {
            std::fs::create_dir_all(work.join(".loggia/status")).unwrap();
            std::fs::write(work.join(format!(".loggia/status/{key}.json")), told.to_string()).unwrap();
        });
    }
}

/// Somebody else's commit.
fn by_hand(repository: &Path, message: &str, change: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    git(folder.path(), &["clone", "--quiet", repository.to_str().unwrap(), "work"]);
    change(&work);
    git(&work, &["add", "-A"]);
    git(&work, &["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", message]);
    git(&work, &["push", "--quiet", "origin", "HEAD:main"]);
}

pub fn remove_by_hand(repository: &Path) {
    by_hand(repository, "Lose it", |work| std::fs::remove_dir_all(work.join("booking")).unwrap());
}

/// In how many places a key stands.
pub fn marks(repository: &Path, key: &str) -> usize {
    let all = git(repository, &["ls-tree", "-r", "--name-only", "main"]);
    let has = |path: &&str| {
        path.ends_with(".loggia.json") && git(repository, &["show", &format!("main:{path}")]).contains(key)
    };
    all.lines().filter(has).count()
}

fn show(fleet: &Fleet, path: &str) -> String {
    git(&fleet.repository(), &["show", &format!("main:{path}")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_one_commit_that_says_why() {
    let fleet = Fleet::new();
    let (driver, log) = (fleet.driver(), Lines::default());
    let commits = || git(&fleet.repository(), &["rev-list", "--count", "main"]).parse::<usize>().unwrap();
    let before = commits();
    let plan = driver.plan(&fleet.sample(), &log).await.unwrap();
    assert_eq!(plan.changes[..2], ["add booking/quotes.dev/deployment.yaml", "add booking/quotes.dev/ingress.yaml"]);
    let seen = driver.apply(&fleet.sample(), &log).await.unwrap();
    assert_eq!(seen.outputs["url"], "https://quotes.example.com");
    assert_eq!(show(&fleet, "booking/quotes.dev/deployment.yaml"), "image: quotes:1\nteam: booking");
    let said = git(&fleet.repository(), &["log", "-1", "--format=%an|%B", "main"]);
    assert!(said.starts_with("amara|Make instance:booking/quotes.dev: sample 1.0.0"), "{said}");
    driver.apply(&fleet.sample(), &log).await.unwrap();
    assert_eq!(commits(), before + 1, "nothing to change is no commit");
    let mut next = fleet.sample();
    next.inputs = object(json!({"image": "quotes:2", "public": false}));
    next.version = "2.0.0".to_owned();
    driver.apply(&next, &log).await.unwrap();
    assert_eq!(commits(), before + 2);
    assert!(show(&fleet, "booking/quotes.dev/deployment.yaml").starts_with("image: quotes:2"));
    let all = git(&fleet.repository(), &["ls-tree", "-r", "--name-only", "main"]);
    assert!(!all.contains("ingress.yaml") && all.contains("README.md"), "{all}");
    driver.destroy(&next, &log).await.unwrap();
    let all = git(&fleet.repository(), &["ls-tree", "-r", "--name-only", "main"]);
    assert_eq!(all, "README.md", "what is not ours stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_and_gone_are_what_somebody_told_of_this_commit() {
    let fleet = Fleet::new();
    let (driver, log) = (fleet.driver(), Lines::default());
    let wish = fleet.told();
    // Told of the commit before: that says nothing of ours.
    fleet.tell(&wish.key, "ready", &fleet.head());
    let applied = async {
        let follow = async {
            while marks(&fleet.repository(), &wish.key) == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
            fleet.tell(&wish.key, "ready", &fleet.head());
        };
        tokio::join!(driver.apply(&wish, &log), follow).0
    };
    let started = std::time::Instant::now();
    let seen = applied.await.unwrap();
    assert!(started.elapsed().as_millis() > 1400, "it waited for what was told");
    assert_eq!(
        (seen.conditions[0].status, seen.version.as_str(), &seen.outputs["pods"]),
        (Verdict::True, "9", &json!(3))
    );
    // Removed from the repository is not gone.
    driver.destroy(&wish, &log).await.unwrap();
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Unknown);
    fleet.tell(&wish.key, "progressing", &fleet.head());
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Unknown);
    fleet.tell(&wish.key, "gone", &git(&fleet.repository(), &["rev-list", "--max-parents=0", "main"]));
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Unknown, "told of long ago");
    fleet.tell(&wish.key, "gone", &fleet.head());
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Absent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_there_and_what_nobody_tells_ends_with_a_reason() {
    let fleet = Fleet::new();
    let (driver, log) = (fleet.driver(), Lines::default());
    let mut wish = fleet.told();
    wish.backend.config.insert("wait".to_owned(), json!(2));
    let failure = driver.apply(&wish, &log).await.unwrap_err();
    assert!(failure.retry && failure.message.contains("nobody told"), "{failure}");
    fleet.tell(&wish.key, "failed", &fleet.head());
    let failure = driver.apply(&wish, &log).await.unwrap_err();
    assert!(!failure.retry && failure.message.contains("failed it is"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_lose_no_commit() {
    let fleet = Fleet::new();
    // Two servers with copies of their own, and somebody else.
    let drivers = [Arc::new(fleet.driver()), Arc::new(GitOpsDriver::new(fleet.0.path().join("other"), fleet.0.path()))];
    let wish = |at: usize| Request { key: format!("key-{at}"), name: format!("n{at}"), ..fleet.sample() };
    let tasks = (0..12).map(|at| {
        let (driver, wish) = (Arc::clone(&drivers[at % 2]), wish(at));
        tokio::spawn(async move { driver.apply(&wish, &Lines::default()).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for at in 0..12 {
        assert_eq!(marks(&fleet.repository(), &format!("\"key-{at}\"")), 1, "{at}");
        assert!(drivers[0].plan(&wish(at), &Lines::default()).await.unwrap().changes.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_by_hand_are_drift_and_foreign_folders_are_left_alone() {
    let fleet = Fleet::new();
    let (driver, log) = (fleet.driver(), Lines::default());
    driver.apply(&fleet.sample(), &log).await.unwrap();
    by_hand(&fleet.repository(), "Tune", |work| {
        std::fs::write(work.join("booking/quotes.dev/deployment.yaml"), "image: other\n").unwrap();
    });
    let seen = driver.observe(&fleet.sample(), &log).await.unwrap();
    let drifted = seen.conditions.iter().find(|c| c.kind == "Drifted").unwrap();
    assert!(drifted.status == Verdict::True && drifted.message.contains("change booking/quotes.dev/deployment.yaml"));
    let other = Request { key: "another".to_owned(), ..fleet.sample() };
    let failure = driver.apply(&other, &log).await.unwrap_err();
    assert!(failure.whose == Whose::Yours && failure.message.contains("somebody else's"), "{failure}");
    let head = fleet.head();
    driver.destroy(&other, &log).await.unwrap();
    assert_eq!(fleet.head(), head);
    by_hand(&fleet.repository(), "Mine", |work| {
        std::fs::create_dir_all(work.join("booking/mine.dev")).unwrap();
        std::fs::write(work.join("booking/mine.dev/by-hand.yaml"), "by: hand\n").unwrap();
    });
    let mine = Request { name: "mine".to_owned(), key: "mine".to_owned(), ..fleet.sample() };
    assert!(driver.apply(&mine, &log).await.unwrap_err().message.contains("somebody else's"));
    let mut secret = fleet.sample();
    secret.secret_inputs = vec![("token".to_owned(), Secret::new("very-secret"))];
    assert!(driver.plan(&secret, &log).await.unwrap_err().message.contains("no place for secrets"));
    let mut leaves = fleet.sample();
    leaves.backend.config.insert("path".to_owned(), Value::from("../{{ name }}"));
    assert!(driver.plan(&leaves, &log).await.is_err());
}
