//! Where a secret of the platform may be used. Whoever writes an environment names a secret, and the platform would
//! send it wherever the settings beside it lead; so an administrator says for each secret where that may be.

use crate::instance::driver::Failure;
use crate::source::addresses::{addresses, doubtful};
use loggia_model::kinds::environment::Backend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a secret may be used. What is not named is refused: with nothing named it is used nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretUse {
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
    /// Settings of recipes that name no place, whatever they hold, such as `region`: a recipe may fill them freely. In
    /// any other setting a recipe names only what stands in `hosts`.
    #[schemars(length(max = 1_000), inner(length(min = 1, max = 253)))]
    pub settings: Vec<String>,
}

/// What wants to use a secret.
pub(crate) struct Borrower<'a> {
    /// The environment.
    pub(crate) environment: &'a str,
    /// Its backend, which names the secret.
    pub(crate) backend: &'a Backend,
    /// The settings of the recipe that is to be applied with it; none when the driver is only asked whether it works.
    pub(crate) recipe: Option<&'a Map<String, Value>>,
    /// The settings of a recipe that the driver never takes for a place ([`crate::instance::driver::Driver::plain_settings`]).
    pub(crate) plain: &'a [&'a str],
}

/// The driver that runs programs: whoever writes a recipe chooses one, so allowing the driver alone would say nothing.
const PROGRAMS: &str = "command";

impl SecretUse {
    /// With what another one allows too, each name once.
    pub(crate) fn with(self, more: &SecretUse) -> SecretUse {
        let merged = |mut all: Vec<String>, more: &[String]| {
            all.extend_from_slice(more);
            all.sort_unstable();
            all.dedup();
            all
        };
        SecretUse {
            environments: merged(self.environments, &more.environments),
            drivers: merged(self.drivers, &more.drivers),
            hosts: merged(self.hosts, &more.hosts),
            settings: merged(self.settings, &more.settings),
        }
    }

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
        let foreign = addresses(&wish.backend.config).into_iter().find(|host| !has(&self.hosts, host));
        if let Some(host) = foreign {
            let message = format!("The secret {name} may not be used with {host}, which the settings name.");
            let mend = format!("Correct them. If they are right: {ask} loggia secret allow {name} --host {host}");
            return Some(Failure::ours(message, mend));
        }
        let free = |setting: &str| wish.plain.contains(&setting) || self.settings.iter().any(|one| one == setting);
        let setting = doubtful(wish.recipe?, free, &self.hosts)?;
        let message = format!("The secret {name} may not be used with the setting {setting} of the recipe.");
        let mend = format!(
            "It may name another place. If it names none: {ask} loggia secret allow {name} --setting {setting}. If it \
             names the right one: loggia secret allow {name} --host HOST"
        );
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
            looks_per_minute: None,
        }
    }

    #[test]
    fn nothing_is_allowed_that_is_not_named() {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let allowed = |environments: &[&str], drivers: &[&str], hosts: &[&str]| SecretUse {
            environments: list(environments),
            drivers: list(drivers),
            hosts: list(hosts),
            settings: Vec::new(),
        };
        let config = json!({"host": "db.example.com"});
        for (allowed, passes) in [
            (SecretUse::default(), false),
            (allowed(&["dev"], &[], &["db.example.com"]), false),
            (allowed(&[], &["postgres"], &["db.example.com"]), false),
            (allowed(&["test"], &["postgres"], &["db.example.com"]), false),
            (allowed(&["dev"], &["git"], &["db.example.com"]), false),
            (allowed(&["dev"], &["postgres"], &[]), false),
            (allowed(&["dev"], &["postgres"], &["other.example.com"]), false),
            (allowed(&["dev"], &["postgres"], &["db.example.com"]), true),
        ] {
            let backend = backend(&config);
            let wish = Borrower { environment: "dev", backend: &backend, recipe: None, plain: &[] };
            assert_eq!(allowed.refusal("s", &wish).is_none(), passes, "{allowed:?}");
        }
        let backend = backend(&json!({}));
        let wish = Borrower { environment: "dev", backend: &backend, recipe: None, plain: &[] };
        assert!(allowed(&["dev"], &["postgres"], &[]).refusal("s", &wish).is_none());
    }

    /// Whoever writes a recipe chooses the program and gives it settings.
    #[test]
    fn recipes_choose_no_other_program_and_no_other_host() {
        let backend = Backend { driver: "command".into(), ..backend(&json!({})) };
        let allowed = SecretUse {
            environments: vec!["dev".into()],
            drivers: vec!["command/bucket".into()],
            hosts: vec!["s3.example.com".into()],
            settings: vec!["region".into()],
        };
        let plain = &["program"];
        for (recipe, passes) in [
            (json!({"program": "bucket", "endpoint": "https://s3.example.com"}), true),
            (json!({"program": "bucket", "endpoint": "https://evil.example.com"}), false),
            (json!({"program": "bucket", "hosts": ["evil"]}), false),
            (json!({"program": "bucket", "region": "north-1", "versions": 3, "public": false}), true),
            (json!({"program": "bucket", "zone": "north-1"}), false),
            (json!({"program": "other"}), false),
        ] {
            let wish = Borrower { environment: "dev", backend: &backend, recipe: recipe.as_object(), plain };
            assert_eq!(allowed.refusal("s", &wish).is_none(), passes, "{recipe}");
        }
        let recipe = json!({"program": "bucket", "zone": "north-1"});
        let wish = Borrower { environment: "dev", backend: &backend, recipe: recipe.as_object(), plain };
        let refusal = allowed.refusal("s", &wish).unwrap();
        assert!(refusal.message.contains("the setting zone of the recipe"), "{refusal:?}");
        assert!(refusal.mend.contains("loggia secret allow s --setting zone"), "{refusal:?}");
        let asked = Borrower { environment: "dev", backend: &backend, recipe: None, plain: &[] };
        assert!(allowed.refusal("s", &asked).is_none(), "no program is asked before one is named");
    }
}
