//! Programs on this machine: really started, killed, pushed to.

use crate::git::{file, git};
use crate::{Lines, object, request};
use loggia_app::instance::driver::{Driver, Observation, Presence, Request, Secret, Whose};
use loggia_drivers::workload::{ProcessDriver, ProcessOptions, end_all, running};
use loggia_model::instance::Verdict;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A service that says what it was given, and can be told to die.
const SERVICE: &str = r#"
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        text = {"/healthz": "ok", "/token": os.environ.get("TOKEN", ""), "/pid": str(os.getpid())}.get(self.path, "VERSION")
        self.send_response(STATUS if self.path == "/healthz" else 200)
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *args):
        pass
print("it listens, and knows", os.environ.get("TOKEN"), file=sys.stderr, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

fn service(version: &str, status: &str) -> String {
    SERVICE.replace("VERSION", version).replace("STATUS", status)
}

/// A folder for programs and one for repositories; what runs there ends with it.
pub struct Yard(TempDir);

impl Yard {
    pub fn new() -> Yard {
        let folder = tempfile::tempdir().unwrap();
        for name in ["workloads", "repositories"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Yard(folder)
    }

    pub fn options(&self, root: &str) -> ProcessOptions {
        let (root, repositories) = (self.0.path().join(root), self.0.path().join("repositories"));
        ProcessOptions { root, repositories, require_sandbox: false, end_with_server: false }
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().join("workloads")
    }

    pub fn driver(&self) -> ProcessDriver {
        ProcessDriver::new(self.options("workloads"))
    }

    /// The repository of team booking, with a service as its first commit.
    fn repository(&self) -> PathBuf {
        let bare = self.0.path().join("repositories/booking/quotes.git");
        std::fs::create_dir_all(&bare).unwrap();
        git(&bare, &["init", "--quiet", "--bare", "--initial-branch=main"]);
        self.push(&service("one", "200"));
        bare
    }

    fn push(&self, text: &str) -> String {
        let work = self.0.path().join("work");
        if !work.exists() {
            git(self.0.path(), &["clone", "--quiet", "repositories/booking/quotes.git", "work"]);
        }
        std::fs::write(work.join("service.py"), text).unwrap();
        git(&work, &["add", "-A"]);
        git(&work, &["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "Next"]);
        git(&work, &["push", "--quiet", "origin", "HEAD:main"]);
        git(&work, &["rev-parse", "HEAD"])
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        end_all(&self.root());
    }
}

/// Ports of their own for each request: what dies here must not find its port with another test.
fn ports() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = 46_000 + std::process::id() % 40 * 400 + NEXT.fetch_add(1, Ordering::Relaxed) % 100 * 4;
    format!("{first}-{}", first + 3)
}

/// The same request with ports of its own.
fn alone(mut request: Request) -> Request {
    request.backend.config.insert("ports".to_owned(), ports().into());
    request
}

/// A request for the service from the files of its release.
pub fn sample() -> Request {
    let recipe =
        json!({"driver": "process", "template": "files", "command": ["python3", "service.py"], "health": "/healthz"});
    alone(Request { files: vec![file("files/service.py", &service("one", "200"))], ..request("quotes", recipe) })
}

/// A request for the service from its repository.
fn from_repository() -> Request {
    let recipe = json!({"driver": "process", "command": ["python3", "service.py"], "health": "/healthz", "start": 5,
        "repository": "{{ inputs.repository }}"});
    alone(Request { inputs: object(json!({"repository": "quotes"})), ..request("quotes", recipe) })
}

async fn get(seen: &Observation, path: &str) -> String {
    let url = format!("{}{path}", seen.outputs["url"].as_str().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    match client.get(url).send().await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(40), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dies_is_started_again_and_keeps_its_address() {
    let yard = Yard::new();
    let (driver, log) = (yard.driver(), Lines::default());
    let wish = Request { secret_inputs: vec![("token".into(), Secret::new("very-secret"))], ..sample() };
    let seen = driver.apply(&wish, &log).await.unwrap();
    assert_eq!(seen.conditions[0].status, Verdict::True, "{seen:?}");
    assert_eq!(get(&seen, "/token").await, "very-secret");
    get(&seen, "/die").await;
    until("it serves again", || async { get(&seen, "/").await == "one" }).await;
    assert_eq!(get(&seen, "/token").await, "very-secret");
    driver.observe(&wish, &log).await.unwrap();
    assert!(log.text().contains("it listens, and knows ***"), "{}", log.text());
    assert!(!log.text().contains("very-secret"));
    for file in ["wanted.json", "running.json"] {
        let kept = std::fs::read_to_string(yard.root().join(&wish.key).join(file)).unwrap();
        assert!(!kept.contains("very-secret"), "{file} holds a secret");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_server_goes_on_with_what_runs() {
    let yard = Yard::new();
    let (first, log) = (yard.driver(), Lines::default());
    let seen = first.apply(&sample(), &log).await.unwrap();
    let pid = get(&seen, "/pid").await;
    drop(first);
    let second = yard.driver();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(second.plan(&sample(), &log).await.unwrap().changes.is_empty());
    second.apply(&sample(), &log).await.unwrap();
    assert_eq!(get(&seen, "/pid").await, pid);
    assert_eq!(running(&yard.root()).len(), 1);
    // One that died while no server was there is started by the next one, without anybody asking.
    drop(second);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    get(&seen, "/die").await;
    let _third = yard.driver();
    until("it serves again", || async { get(&seen, "/").await == "one" }).await;
    assert_eq!(running(&yard.root()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_taken_in_when_it_becomes_well() {
    let yard = Yard::new();
    yard.repository();
    let (driver, log) = (yard.driver(), Lines::default());
    let seen = driver.apply(&from_repository(), &log).await.unwrap();
    assert_eq!(get(&seen, "/").await, "one");
    let second = yard.push(&service("two", "200"));
    until("the push serves", || async { get(&seen, "/").await == "two" }).await;
    // What does not become well does not take the place of what serves.
    let bad = yard.push(&service("three", "500"));
    let deployed = || async {
        let seen = driver.observe(&from_repository(), &Lines::default()).await.unwrap();
        seen.conditions.iter().find(|c| c.kind == "Deployed").unwrap().clone()
    };
    until("the push is refused", || async { deployed().await.status == Verdict::False }).await;
    let said = deployed().await.message;
    assert!(said.contains(&bad[..12]) && said.contains("did not answer at /healthz"), "{said}");
    let seen = driver.observe(&from_repository(), &log).await.unwrap();
    assert_eq!((get(&seen, "/").await.as_str(), seen.outputs["commit"].as_str().unwrap()), ("two", second.as_str()));
    yard.push(&service("four", "200"));
    until("the next push serves", || async { get(&seen, "/").await == "four" }).await;
    until("nothing is refused any more", || async { deployed().await.status == Verdict::True }).await;
    driver.destroy(&from_repository(), &log).await.unwrap();
    assert_eq!(driver.observe(&from_repository(), &log).await.unwrap().presence, Presence::Absent);
    assert_eq!(running(&yard.root()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_run_says_why_and_whose_it_is() {
    let yard = Yard::new();
    let (driver, log) = (yard.driver(), Lines::default());
    let failure = driver.apply(&from_repository(), &log).await.unwrap_err();
    assert!(failure.whose == Whose::Yours && failure.message.contains("has no repository quotes"), "{failure}");
    let mut dies = sample();
    dies.files = vec![file("files/service.py", "print('no such table: quotes')")];
    let failure = driver.apply(&dies, &log).await.unwrap_err();
    assert!(failure.whose == Whose::Yours && failure.message.contains("no such table: quotes"), "{failure}");
    for (name, value) in [
        ("command", json!([])),
        ("command", json!("python3 service.py")),
        ("environment", json!({"LD_PRELOAD": "x"})),
        ("environment", json!({"LOGGIA_WORKLOAD": "x"})),
        ("health", json!("healthz")),
        ("start", json!(100_000)),
        ("repository", json!("../other/secret")),
    ] {
        let mut wrong = sample();
        wrong.recipe.insert(name.to_owned(), value.clone());
        assert!(driver.plan(&wrong, &log).await.is_err(), "{name}: {value}");
    }
}

/// A program sees its own files and nothing of the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walls_hide_the_server() {
    if !Path::new("/usr/bin/bwrap").exists() {
        println!("skipped: walls_hide_the_server: no bwrap");
        return;
    }
    let yard = Yard::new();
    std::fs::write(yard.0.path().join("secret.key"), "the key of the server").unwrap();
    let (driver, log) = (yard.driver(), Lines::default());
    let mut wish = sample();
    let text = service("one", "200").replace("\"VERSION\"", "\"\"").replace(
        "print(",
        &format!("print(os.path.exists({:?}), file=sys.stderr, flush=True)\nprint(", yard.0.path().join("secret.key")),
    );
    wish.files = vec![file("files/service.py", &text)];
    driver.apply(&wish, &log).await.unwrap();
    assert!(log.text().contains("False") && !log.text().contains("True"), "{}", log.text());
}
