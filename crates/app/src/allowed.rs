//! Where a secret of the platform may be used. Whoever writes an environment names a secret, and the platform would
//! send it wherever the settings beside it lead; so an administrator says for each secret where that may be.

use crate::driver::Failure;
use loggia_model::kinds::environment::Backend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;
use url::Url;

/// Where a secret may be used. What is not named is refused: with nothing named it is used nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Allowed {
    /// Names of environments.
    #[schemars(length(max = 1_000), inner(length(min = 1, max = 253)))]
    pub environments: Vec<String>,
    /// Names of drivers. Of the driver `command` each program by itself: `command/PROGRAM`.
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub drivers: Vec<String>,
    /// Hosts, addresses and sockets that the settings of a backend may name. A secret that is a whole address needs
    /// none.
    #[schemars(length(max = 1_000), inner(length(min = 1, max = 253)))]
    pub hosts: Vec<String>,
}

/// What wants to use a secret.
pub(crate) struct Borrower<'a> {
    /// The environment.
    pub(crate) environment: &'a str,
    /// Its backend, which names the secret.
    pub(crate) backend: &'a Backend,
    /// The settings of the recipe that is to be applied with it; none when the driver is only asked whether it works.
    pub(crate) recipe: Option<&'a Map<String, Value>>,
}

/// The driver that runs programs: whoever writes a recipe chooses one, so allowing the driver alone would say nothing.
const PROGRAMS: &str = "command";

/// The last word of the name of a setting that holds an address, whatever the address looks like.
const PLACES: [&str; 10] =
    ["host", "hostname", "hostaddr", "address", "addr", "server", "endpoint", "url", "uri", "socket"];

impl Allowed {
    /// Why a backend of an environment does not get the secret `name`, and who can change that; none when it does.
    pub(crate) fn refusal(&self, name: &str, wish: &Borrower<'_>) -> Option<Failure> {
        let environment = wish.environment;
        let has = |list: &[String], wanted: &str| list.iter().any(|one| one.eq_ignore_ascii_case(wanted));
        let ask = "Ask an administrator to allow it:";
        let driver = wish.driver();
        if !has(&self.environments, environment) || !driver.iter().all(|driver| has(&self.drivers, driver)) {
            let driver = driver.unwrap_or_else(|| PROGRAMS.to_owned());
            let message = format!("The secret {name} may not be used by the driver {driver} in {environment}.");
            let mend = format!("{ask} loggia secret allow {name} --environment {environment} --driver {driver}");
            return Some(Failure::ours(message, mend));
        }
        let foreign = wish.addresses().into_iter().find(|host| !has(&self.hosts, host))?;
        let message = format!("The secret {name} may not be used with {foreign}, which the settings name.");
        let mend = format!("Correct them. If they are right: {ask} loggia secret allow {name} --host {foreign}");
        Some(Failure::ours(message, mend))
    }
}

impl Borrower<'_> {
    fn settings(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.recipe.into_iter().chain([&self.backend.config])
    }

    /// The driver as it is allowed; none while nobody knows which program will be run.
    fn driver(&self) -> Option<String> {
        if self.backend.driver != PROGRAMS {
            return Some(self.backend.driver.clone());
        }
        let program = self.settings().find_map(|settings| settings.get("program")?.as_str());
        program.map(|program| format!("{PROGRAMS}/{program}"))
    }

    /// The hosts and sockets that the settings of backend and recipe lead to: what stands under a name such as `host`,
    /// and every value that reads as an address.
    fn addresses(&self) -> Vec<String> {
        addresses(self.settings())
    }
}

fn addresses<'a>(settings: impl Iterator<Item = &'a Map<String, Value>>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in settings.flatten() {
        collect(key, value, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn collect(key: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(address(key, text.trim())),
        Value::Array(list) => list.iter().for_each(|one| collect(key, one, found)),
        Value::Object(map) => map.iter().for_each(|(key, value)| collect(key, value, found)),
        _ => {}
    }
}

fn address(key: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if text.contains("://") {
        let host = Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        return Some(host.unwrap_or_else(|| text.to_owned()).to_lowercase());
    }
    let bare = without_port(text);
    let last = key.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
    let named = PLACES.iter().any(|place| last.ends_with(place));
    (named || reads_as_host(bare)).then(|| bare.to_lowercase())
}

/// The host of `host:port`; anything else as it is.
fn without_port(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => text,
    }
}

/// Whether a text reads as an IP address or as a name with a domain. A version such as `16.2` does not.
fn reads_as_host(text: &str) -> bool {
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return true;
    }
    let labels: Vec<&str> = text.split('.').collect();
    let fits = |label: &&str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let ends_in_a_word = labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_alphabetic()));
    labels.len() > 1 && ends_in_a_word && labels.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn backend(config: &Value) -> Backend {
        Backend {
            driver: "postgres".into(),
            config: config.as_object().cloned().unwrap_or_default(),
            secret_ref: Some("s".into()),
        }
    }

    #[test]
    fn finds_where_settings_lead() {
        for (config, expected) in [
            (json!({"host": "db", "port": 5432, "any_major": true, "version": "16.2"}), vec!["db"]),
            (json!({"public_host": "DB.example.com"}), vec!["db.example.com"]),
            (json!({"clusterEndpoint": "db:5432", "socket": "/run/pg"}), vec!["/run/pg", "db"]),
            (json!({"target": "https://x.example.com:8443/a"}), vec!["x.example.com"]),
            (json!({"nodes": [{"a": "10.0.0.1:99"}, "b.example.com"]}), vec!["10.0.0.1", "b.example.com"]),
            (json!({"user": "app", "database": "main", "sslmode": "verify-full"}), vec![]),
        ] {
            assert_eq!(addresses([&backend(&config).config].into_iter()), expected, "{config}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_is_not_named() {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let allowed = |environments: &[&str], drivers: &[&str], hosts: &[&str]| Allowed {
            environments: list(environments),
            drivers: list(drivers),
            hosts: list(hosts),
        };
        let config = json!({"host": "db.example.com"});
        for (allowed, passes) in [
            (Allowed::default(), false),
            (allowed(&["dev"], &[], &["db.example.com"]), false),
            (allowed(&[], &["postgres"], &["db.example.com"]), false),
            (allowed(&["test"], &["postgres"], &["db.example.com"]), false),
            (allowed(&["dev"], &["git"], &["db.example.com"]), false),
            (allowed(&["dev"], &["postgres"], &[]), false),
            (allowed(&["dev"], &["postgres"], &["other.example.com"]), false),
            (allowed(&["dev"], &["postgres"], &["db.example.com"]), true),
        ] {
            let backend = backend(&config);
            let wish = Borrower { environment: "dev", backend: &backend, recipe: None };
            assert_eq!(allowed.refusal("s", &wish).is_none(), passes, "{allowed:?}");
        }
        let backend = backend(&json!({}));
        let wish = Borrower { environment: "dev", backend: &backend, recipe: None };
        assert!(allowed(&["dev"], &["postgres"], &[]).refusal("s", &wish).is_none());
    }

    /// Whoever writes a recipe chooses the program and gives it settings.
    #[test]
    fn recipes_choose_no_other_program_and_no_other_host() {
        let backend = Backend { driver: "command".into(), ..backend(&json!({})) };
        let allowed = Allowed {
            environments: vec!["dev".into()],
            drivers: vec!["command/bucket".into()],
            hosts: vec!["s3.example.com".into()],
        };
        for (recipe, passes) in [
            (json!({"program": "bucket", "endpoint": "https://s3.example.com"}), true),
            (json!({"program": "bucket", "endpoint": "https://evil.example.com"}), false),
            (json!({"program": "other"}), false),
        ] {
            let wish = Borrower { environment: "dev", backend: &backend, recipe: recipe.as_object() };
            assert_eq!(allowed.refusal("s", &wish).is_none(), passes, "{recipe}");
        }
        let asked = Borrower { environment: "dev", backend: &backend, recipe: None };
        assert!(allowed.refusal("s", &asked).is_none(), "no program is asked before one is named");
    }
}
