//! The driver `terraform` with the real program, against a state server of this test that keeps to the protocol.

use crate::git::file;
use crate::{Lines, object, request};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use loggia_app::instance::driver::{
    Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog, Secret, StateAccess, Whose,
};
use loggia_drivers::terraform::{TerraformDriver, TerraformOptions};
use loggia_model::instance::Verdict;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A module that needs no provider from elsewhere.
const MODULE: &str = r#"
variable "size" { type = number }
variable "label" { type = string }
variable "token" {
  type      = string
  sensitive = true
  default   = ""
}
resource "terraform_data" "bucket" {
  input = { size = var.size, label = var.label }
}
resource "terraform_data" "key" {
  triggers_replace = nonsensitive(sha256(var.token))
}
output "place" { value = "${var.label}-${var.size}" }
output "key" {
  value     = "key of ${var.token}"
  sensitive = true
}
"#;

#[derive(Default)]
struct Kept {
    state: Option<Value>,
    lock: Option<Value>,
}

type All = Arc<Mutex<HashMap<String, Kept>>>;

/// A state server.
#[derive(Clone)]
pub struct States {
    pub address: String,
    all: All,
}

async fn serve(
    State(all): State<All>,
    Path(key): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // loggia:state-password
    if headers.get("authorization").is_none_or(|value| value != "Basic bG9nZ2lhOnN0YXRlLXBhc3N3b3Jk") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut all = all.lock().unwrap();
    let kept = all.entry(key).or_default();
    let id = query.get("ID").map(|id| json!(id));
    let other = |lock: &Option<Value>| lock.as_ref().map(|lock| lock["ID"].clone()) != id;
    let info: Value = serde_json::from_slice(&body).unwrap_or_default();
    match method.as_str() {
        "GET" => kept
            .state
            .as_ref()
            .map_or(StatusCode::NO_CONTENT.into_response(), |state| axum::Json(state).into_response()),
        "POST" | "DELETE" if other(&kept.lock) => (StatusCode::LOCKED, axum::Json(kept.lock.clone())).into_response(),
        "POST" => {
            kept.state = Some(info);
            StatusCode::OK.into_response()
        }
        "DELETE" => {
            kept.state = None;
            StatusCode::OK.into_response()
        }
        "LOCK" if kept.lock.is_some() => (StatusCode::LOCKED, axum::Json(kept.lock.clone())).into_response(),
        "LOCK" => {
            kept.lock = Some(info);
            StatusCode::OK.into_response()
        }
        "UNLOCK" if body.is_empty() || kept.lock.as_ref().is_some_and(|lock| lock["ID"] == info["ID"]) => {
            kept.lock = None;
            StatusCode::OK.into_response()
        }
        _ => StatusCode::CONFLICT.into_response(),
    }
}

impl States {
    pub async fn start() -> States {
        let all = All::default();
        let router = Router::new().route("/state/{key}", any(serve)).with_state(Arc::clone(&all));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        States { address, all }
    }

    pub fn access(&self, key: &str) -> StateAccess {
        StateAccess { url: format!("http://{}/state/{key}", self.address), password: Secret::new("state-password") }
    }

    /// How many resources stand in a state.
    pub fn resources(&self, key: &str) -> usize {
        let all = self.all.lock().unwrap();
        let state = all.get(key).and_then(|kept| kept.state.clone()).unwrap_or_default();
        state["resources"].as_array().map_or(0, Vec::len)
    }

    /// Changes what a state says was made, as somebody by hand would change the thing.
    fn spoil(&self, key: &str) {
        let mut all = self.all.lock().unwrap();
        let state = all.get_mut(key).unwrap().state.as_mut().unwrap();
        let resources = state["resources"].as_array_mut().unwrap();
        resources.retain(|one| one["name"] != "bucket");
    }

    /// Empties what was made.
    pub fn lose(&self, key: &str) {
        let mut all = self.all.lock().unwrap();
        let state = all.get_mut(key).unwrap().state.as_mut().unwrap();
        state["resources"] = json!([]);
        state["outputs"] = json!({});
    }

    fn lock(&self, key: &str, lock: Option<Value>) {
        self.all.lock().unwrap().entry(key.to_owned()).or_default().lock = lock;
    }
}

/// The program, when this machine has one.
pub fn program(test: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| ["tofu", "terraform"].map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {test}: no terraform and no tofu");
    }
    found
}

pub fn driver(program: PathBuf) -> TerraformDriver {
    TerraformDriver::new(TerraformOptions { program: Some(program), require_sandbox: false })
}

pub fn sample() -> Request {
    let recipe = json!({"driver": "terraform", "template": "files", "variables": {"label": "{{ team }}-{{ name }}"}});
    Request {
        inputs: object(json!({"size": 3})),
        secret_inputs: vec![("token".to_owned(), Secret::new("very-secret-token"))],
        files: vec![file("files/main.tf", MODULE)],
        ..request("quotes", recipe)
    }
}

fn with(states: &States, key: &str) -> Request {
    Request { key: key.to_owned(), state: Some(states.access(key)), ..sample() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_plan_to_drift_to_nothing() {
    let Some(program) = program("terraform::from_plan_to_drift_to_nothing") else { return };
    let (states, driver, log) = (States::start().await, driver(program), Lines::default());
    let wish = with(&states, "life");
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Absent);
    let plan = driver.plan(&wish, &log).await.unwrap();
    assert!(plan.changes.contains(&"make terraform_data.bucket".to_owned()), "{plan:?}");
    assert_eq!(states.resources("life"), 0, "a plan makes nothing");
    let made = driver.apply(&wish, &log).await.unwrap();
    assert_eq!((made.presence, made.outputs["place"].as_str()), (Presence::Present, Some("booking-quotes-3")));
    assert_eq!(made.secret_outputs[0].1.reveal(), "key of very-secret-token");
    let drifted = |seen: &Observation| {
        let found = seen.conditions.iter().find(|c| c.kind == "Drifted").unwrap();
        (found.status, found.message.clone())
    };
    assert_eq!(drifted(&driver.observe(&wish, &log).await.unwrap()).0, Verdict::False);
    states.spoil("life");
    let (status, message) = drifted(&driver.observe(&wish, &log).await.unwrap());
    assert!(status == Verdict::True && message.contains("make terraform_data.bucket"), "{message}");
    driver.apply(&wish, &log).await.unwrap();
    assert_eq!(drifted(&driver.observe(&wish, &log).await.unwrap()).0, Verdict::False);
    driver.destroy(&wish, &log).await.unwrap();
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Absent);
    assert!(!log.text().contains("very-secret-token"), "{}", log.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_of_a_run_that_was_cut_off_is_taken_over() {
    let Some(program) = program("terraform::the_lock_of_a_run_that_was_cut_off_is_taken_over") else { return };
    let (states, driver, log) = (States::start().await, driver(program), Lines::default());
    let wish = with(&states, "locked");
    states.lock("locked", Some(json!({"ID": "of-an-earlier-run", "Who": "somebody"})));
    // Looks take no lock.
    assert_eq!(driver.observe(&wish, &log).await.unwrap().presence, Presence::Absent);
    driver.apply(&wish, &log).await.unwrap();
    assert_eq!(states.resources("locked"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_does_not_answer_is_never_absence() {
    let Some(program) = program("terraform::a_state_that_does_not_answer_is_never_absence") else { return };
    let (driver, log) = (driver(program), Lines::default());
    let nowhere = StateAccess { url: "http://127.0.0.1:1/state".to_owned(), password: Secret::new("p") };
    let wish = Request { state: Some(nowhere), ..sample() };
    let failures = [
        driver.observe(&wish, &log).await.map(drop).unwrap_err(),
        driver.plan(&wish, &log).await.map(drop).unwrap_err(),
        driver.apply(&wish, &log).await.map(drop).unwrap_err(),
        driver.destroy(&wish, &log).await.unwrap_err(),
    ];
    for failure in failures {
        assert!(failure.retry && failure.whose == Whose::Backend, "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_planned_says_what_is_wrong() {
    let Some(program) = program("terraform::what_cannot_be_planned_says_what_is_wrong") else { return };
    let (states, driver, log) = (States::start().await, driver(program), Lines::default());
    let mut wish = with(&states, "wrong");
    wish.files = vec![file("files/main.tf", "output \"x\" { value = var.nobody_declared }")];
    let failure = driver.plan(&wish, &log).await.unwrap_err();
    assert!(!failure.retry && failure.message.contains("nobody_declared"), "{failure:?}");
    let none = TerraformDriver::new(TerraformOptions::default());
    assert!(none.probe(&wish.backend).await.unwrap_err().mend.contains("--terraform"));
}

/// The driver, told for each key where its state is, as the server does.
pub struct AtStates {
    pub driver: TerraformDriver,
    pub states: States,
}

impl AtStates {
    fn at(&self, request: &Request) -> Request {
        Request { state: Some(self.states.access(&request.key)), ..request.clone() }
    }
}

#[async_trait::async_trait]
impl Driver for AtStates {
    fn name(&self) -> &str {
        self.driver.name()
    }

    async fn probe(&self, backend: &Backend) -> Result<(), Failure> {
        self.driver.probe(backend).await
    }

    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        self.driver.plan(&self.at(request), log).await
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        self.driver.apply(&self.at(request), log).await
    }

    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        self.driver.observe(&self.at(request), log).await
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        self.driver.destroy(&self.at(request), log).await
    }
}
