//! The drivers against what they drive: programs, git, PostgreSQL, and servers of this test.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod adopt;
mod adopt_sources;
mod change;
mod command;
mod contract;
mod corpus;
mod git;
mod gitops;
mod http;
mod kubernetes;
mod postgres;
mod service;
mod source;
mod terraform;
mod web;
mod workload;

use loggia_app::instance::driver::{Request, RunLog};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Mutex;

/// Keeps lines, to look at them.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl RunLog for Lines {
    fn line(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

impl Lines {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}

/// A request of team booking for `name`.
fn request(name: &str, recipe: Value) -> Request {
    Request {
        key: format!("key-{name}"),
        instance: format!("instance:booking/{name}.dev"),
        name: name.to_owned(),
        team: "booking".to_owned(),
        namespace: "booking".to_owned(),
        environment: "dev".to_owned(),
        offering: "sample".to_owned(),
        version: "1.0.0".to_owned(),
        plan: "small".to_owned(),
        recipe: object(recipe),
        public_url: "http://loggia.example".to_owned(),
        requested_by: "user:default/amara".to_owned(),
        ..Request::default()
    }
}

/// The folder of the whole project.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The material that is shared with other projects; `None` (and a line that says so) when it is not there.
fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("LOGGIA_SHARED").map_or_else(|| project().join("../shared"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no shared data");
    None
}
