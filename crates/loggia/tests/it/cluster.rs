//! The PostgreSQL server of the tests as a backend: databases of an offering, and what is really there.

use crate::platform::commit;
use crate::support::{Server, text, write};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// The offering of databases.
pub const OFFERING: &str = "base";

/// A PostgreSQL server that a driver may use.
pub struct Cluster(String);

impl Cluster {
    /// The one of the tests; none (and a line that says so) where there is none.
    pub fn find(test: &str) -> Option<Cluster> {
        let server = std::env::var("LOGGIA_TEST_POSTGRES").ok();
        if server.is_none() {
            println!("skipped: {test} with the driver postgres: no LOGGIA_TEST_POSTGRES");
        }
        server.map(Cluster)
    }

    /// Adds it to a platform, with an offering.
    pub fn describe(root: &Path) {
        let people = root.join("people.yaml");
        let text = std::fs::read_to_string(&people).unwrap();
        let backends = "  backends:\n";
        let with = format!("{backends}    cluster: {{driver: postgres, secretRef: cluster}}\n");
        std::fs::write(&people, text.replace(backends, &with)).unwrap();
        write(root, "base.yaml", &crate::platform::offering(OFFERING, &["1.0.0"], "{driver: postgres}"));
        commit(root, "Databases");
    }

    /// Gives a server the secret of the cluster.
    pub fn allow(&self, server: &Server) {
        let allowed = json!({"environments": ["dev"], "drivers": ["postgres"]});
        let (status, body) =
            server.http("PUT", "/api/v1/secrets/cluster", Some(&json!({"value": self.0, "allowed": allowed})));
        assert_eq!(status, 200, "{body}");
    }

    /// How many databases and how many roles carry the mark of a key.
    pub fn count(&self, key: &str) -> (usize, usize) {
        let mark = format!("'loggia:{key}'");
        let said = psql(
            &self.0,
            &format!(
                "select (select count(*) from pg_database where shobj_description(oid, 'pg_database') = {mark}), \
                 (select count(*) from pg_roles where shobj_description(oid, 'pg_authid') = {mark})"
            ),
        );
        let (databases, roles) = said.trim().split_once('|').unwrap();
        (databases.parse().unwrap(), roles.parse().unwrap())
    }
}

/// Somebody who was given the password of a database gets in, and nobody needs another one.
pub fn lets_in(server: &Server, instance: &Value) {
    let name = instance["document"]["metadata"]["name"].as_str().unwrap();
    let url = server.ok(&["reveal", &format!("red/{name}"), "url", "--reason", "a test"]);
    assert_eq!(psql(url.trim(), "select 40 + 2").trim(), "42");
}

fn psql(address: &str, statement: &str) -> String {
    let done = Command::new("psql").args([address, "-qAtc", statement]).output().expect("psql comes with PostgreSQL");
    assert!(done.status.success(), "{statement}: {}", text(&done.stderr));
    text(&done.stdout)
}
