//! The contract test over every driver.

use crate::workload::{self, Yard};
use crate::{gitops, kubernetes, object, postgres, project, request, service, terraform};
use loggia_app::instance::driver::{Driver, Request, Secret};
use loggia_drivers::command::{CommandDriver, CommandOptions};
use loggia_drivers::contract::{Changed, Contract, Hand};
use loggia_drivers::git::GitDriver;
use loggia_drivers::postgres::{PostgresDriver, PostgresOptions};
use loggia_drivers::replay::ReplayDriver;
use loggia_drivers::workload::{ProcessDriver, running};
use serde_json::json;
use std::path::{Path, PathBuf};

/// How often calls are cut off; more with `LOGGIA_CUTS`.
pub fn rounds(default: usize) -> usize {
    std::env::var("LOGGIA_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub async fn check(contract: Contract<'_>, skipped: usize) {
    let report = contract.run().await;
    println!("{report}");
    assert!(report.passed(), "{report}");
    let left = report.checks.iter().filter(|c| matches!(c.outcome, loggia_drivers::contract::Outcome::Skipped(_)));
    assert_eq!(left.count(), skipped, "{report}");
}

pub fn entries(folder: &Path, keep: impl Fn(&str) -> bool) -> usize {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names.filter(|entry| keep(&entry.file_name().to_string_lossy())).count()
}

/// The sample with other inputs, and another of each secret.
fn other(sample: &Request, told: bool, change: impl FnOnce(&mut Request)) -> Option<Changed> {
    let mut request = sample.clone();
    change(&mut request);
    for (_, secret) in &mut request.secret_inputs {
        *secret = Secret::new("another-secret-token");
    }
    Some(Changed { request, told })
}

pub fn hand<T>(f: impl Fn(Request) -> T + Send + Sync + Clone + 'static) -> Hand<T>
where
    T: Send + 'static,
{
    Box::new(move |request| {
        let value = f(request);
        Box::pin(async move { value })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, nowhere) = (ReplayDriver::new(folder.path()), ReplayDriver::new(folder.path().join("none")));
    let sample = request("quotes", json!({ "driver": "replay", "outputs": { "host": "h" } }));
    let (lost, counted) = (folder.path().to_owned(), folder.path().to_owned());
    let changed = other(&sample, true, |r| r.plan = "medium".to_owned());
    let contract = Contract {
        driver: &driver,
        sample: sample.clone(),
        unreachable: Some((&nowhere, sample)),
        lose: Some(hand(move |r: Request| std::fs::remove_file(lost.join(format!("{}.json", r.key))).unwrap())),
        count: Some(hand(move |r: Request| entries(&counted, |name| name.starts_with(&r.key)))),
        role: None,
        changed,
        rounds: rounds(20),
    };
    check(contract, 3).await;
}

#[tokio::test]
async fn replay_costs_next_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, log) = (ReplayDriver::new(folder.path()), crate::Lines::default());
    let started = std::time::Instant::now();
    for number in 0..1000 {
        driver.apply(&request(&format!("n{number}"), json!({ "driver": "replay" })), &log).await.unwrap();
    }
    println!("1,000 replayed in {:?}", started.elapsed());
    assert!(started.elapsed().as_millis() < 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, nowhere) = (GitDriver::new(folder.path()), GitDriver::new(folder.path().join("none")));
    let sample = crate::git::golden("quotes");
    let path: PathBuf = folder.path().join("booking/quotes.git");
    let counted = folder.path().join("booking");
    let changed = None;
    let contract = Contract {
        driver: &driver,
        sample: sample.clone(),
        unreachable: Some((&nowhere, sample)),
        lose: Some(hand(move |_| std::fs::remove_dir_all(&path).unwrap())),
        count: Some(hand(move |_| entries(&counted, |_| true))),
        role: None,
        changed,
        rounds: rounds(20),
    };
    check(contract, 4).await;
    let left = entries(&folder.path().join(".making"), |_| true);
    assert_eq!(left, 0, "half-made repositories are left over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    std::fs::copy(project().join("examples/drivers/bucket"), programs.join("bucket")).unwrap();
    let driver = CommandDriver::new(CommandOptions { programs: Some(programs), ..CommandOptions::default() });
    let mut sample = request("quotes", json!({ "driver": "command", "program": "bucket" }));
    sample.secret_inputs = vec![("token".to_owned(), Secret::new("very-secret-token"))];
    let state = folder.path().join("driver-state/bucket");
    let (lost, counted) = (state.clone(), state);
    let changed = other(&sample, false, |r| r.inputs = object(json!({ "days": 3 })));
    let contract = Contract {
        driver: &driver,
        sample,
        unreachable: None,
        lose: Some(hand(move |r: Request| std::fs::remove_dir_all(lost.join(r.key)).unwrap())),
        count: Some(hand(move |r: Request| entries(&counted, |name| name == r.key))),
        role: Some("read".to_owned()),
        changed,
        rounds: rounds(20),
    };
    check(contract, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_server() {
    let Some(admin) = postgres::admin("contract::postgres_server") else { return };
    let driver = PostgresDriver::new(PostgresOptions::default());
    let mut sample = request("quotes", json!({ "driver": "postgres" }));
    sample.limits = object(json!({ "connections": 5, "size": "1 GB", "statement_timeout": 30 }));
    sample.backend.secret = Some(Secret::new(&admin));
    let mut unreachable = sample.clone();
    // Port 1 is nobody's.
    unreachable.backend.config = object(json!({ "host": "127.0.0.1", "port": 1 }));
    let (lost, counted) = (admin.clone(), admin);
    let changed = other(&sample, true, |r| {
        r.limits = object(json!({ "connections": 7, "size": "2 GB", "statement_timeout": 60 }));
        r.inputs = object(json!({ "extensions": ["citext"] }));
    });
    let contract = Contract {
        driver: &driver as &dyn Driver,
        sample,
        unreachable: Some((&driver, unreachable)),
        lose: Some(Box::new(move |r| {
            let admin = lost.clone();
            Box::pin(async move { postgres::lose(&admin, &r.key).await })
        })),
        count: Some(Box::new(move |r| {
            let admin = counted.clone();
            Box::pin(async move { postgres::count(&admin, &r.key).await })
        })),
        role: None,
        changed,
        rounds: rounds(10),
    };
    check(contract, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let yard = Yard::new();
    let (driver, nowhere) = (yard.driver(), ProcessDriver::new(yard.options("none")));
    let mut sample = workload::sample();
    sample.secret_inputs = vec![("token".to_owned(), Secret::new("very-secret-token"))];
    let (lost, counted) = (yard.root(), yard.root());
    let changed = other(&sample, true, |_| {});
    let contract = Contract {
        driver: &driver,
        sample: sample.clone(),
        unreachable: Some((&nowhere, sample)),
        // Its folder alone: what ran there goes on, and must not be there twice afterwards.
        lose: Some(hand(move |r: Request| std::fs::remove_dir_all(lost.join(r.key)).unwrap())),
        count: Some(hand(move |r: Request| running(&counted).iter().filter(|key| **key == r.key).count())),
        role: None,
        changed,
        rounds: rounds(6),
    };
    check(contract, 2).await;
    assert_eq!(running(&yard.root()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http() {
    let shelf = service::Shelf::start();
    let driver = service::driver(&shelf.address);
    let mut sample = service::sample(&shelf);
    sample.secret_inputs = vec![("token".to_owned(), Secret::new("very-secret-token"))];
    let mut unreachable = sample.clone();
    unreachable.backend.config = object(json!({"url": "http://127.0.0.1:1"}));
    let nowhere = service::driver("127.0.0.1:1");
    let (lost, counted) = (shelf.folder.path().to_owned(), shelf.folder.path().to_owned());
    let changed = other(&sample, false, |r| r.inputs = object(json!({ "days": 3 })));
    let contract = Contract {
        driver: &driver,
        sample,
        unreachable: Some((&nowhere, unreachable)),
        lose: Some(hand(move |r: Request| std::fs::remove_dir_all(lost.join(r.key)).unwrap())),
        count: Some(hand(move |r: Request| entries(&counted, |name| name == r.key))),
        role: Some("read".to_owned()),
        changed,
        rounds: rounds(20),
    };
    check(contract, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terraform() {
    let Some(program) = terraform::program("contract::terraform") else { return };
    let states = terraform::States::start().await;
    let driver = terraform::AtStates { driver: terraform::driver(program), states: states.clone() };
    let (lost, counted) = (states.clone(), states);
    let changed = other(&terraform::sample(), true, |r| r.inputs = object(json!({ "size": 4 })));
    let contract = Contract {
        driver: &driver,
        sample: terraform::sample(),
        // Where the state is has nothing to do with the backend: `terraform` tries that by itself.
        unreachable: None,
        lose: Some(hand(move |r: Request| lost.lose(&r.key))),
        count: Some(hand(move |r: Request| counted.resources(&r.key) / 2)),
        role: None,
        changed,
        rounds: rounds(4),
    };
    check(contract, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitops() {
    let fleet = gitops::Fleet::new();
    let driver = fleet.driver();
    let mut sample = fleet.sample();
    sample.backend.secret = Some(Secret::new("loggia:very-secret-token"));
    let mut unreachable = sample.clone();
    unreachable.backend.config = object(json!({"repository": "http://127.0.0.1:1/fleet.git"}));
    let (lost, counted) = (fleet.repository(), fleet.repository());
    let changed = other(&sample, true, |r| drop(r.inputs.insert("image".to_owned(), json!("quotes:2"))));
    let contract = Contract {
        driver: &driver,
        sample,
        unreachable: Some((&driver, unreachable)),
        lose: Some(hand(move |_| gitops::remove_by_hand(&lost))),
        count: Some(hand(move |r: Request| gitops::marks(&counted, &r.key))),
        role: None,
        changed,
        rounds: rounds(10),
    };
    check(contract, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubernetes() {
    let cluster = kubernetes::Cluster::start().await;
    let driver = cluster.driver();
    let mut sample = cluster.sample();
    sample.secret_inputs = vec![("token".to_owned(), Secret::new("very-secret-token"))];
    let mut unreachable = sample.clone();
    unreachable.backend.config = object(json!({"server": "http://127.0.0.1:1"}));
    let (lost, counted) = (cluster.clone(), cluster);
    let changed = other(&sample, true, |r| drop(r.inputs.insert("replicas".to_owned(), json!(3))));
    let contract = Contract {
        driver: &driver,
        sample,
        unreachable: Some((&driver, unreachable)),
        lose: Some(hand(move |r: Request| lost.lose(&r.key))),
        count: Some(hand(move |r: Request| {
            counted.objects(&r.key).iter().filter(|p| p.contains("/deployments/")).count()
        })),
        role: None,
        changed,
        rounds: rounds(10),
    };
    check(contract, 2).await;
}
