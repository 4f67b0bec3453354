//! What recipes may say to each driver, as JSON Schemas, for whoever checks files without a server.

use crate::command::LONGEST;
use crate::git::template_check;
use loggia_app::record::check::{ROLES, Recipes};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What all drivers say about recipes: their settings, and the files of golden paths.
pub fn all() -> Recipes {
    Recipes::from(schemas()).reading(golden_path)
}

/// What is wrong with the files of a recipe, which drivers render.
fn golden_path(driver: &str, settings: &Map<String, Value>, files: &template_check::Files<'_>) -> Vec<String> {
    match driver {
        "git" => template_check::check(settings, files),
        "gitops" | "kubernetes" => {
            template_check::plain(settings, files).unwrap_or_else(|failure| vec![failure.message])
        }
        _ => Vec::new(),
    }
}

/// The schema of the settings of a recipe, by driver. A program or a service takes what its author wrote it to take beside
/// what is said here, and a replayed thing takes anything.
fn schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("command", giving(command(), &true.into())),
        ("git", git()),
        ("gitops", manifests()),
        ("http", giving(settings(&json!({"timeout": seconds(LONGEST)})), &true.into())),
        ("kubernetes", manifests()),
        (
            "parts",
            json!({"type": "object", "properties": {"timeout": seconds(LONGEST)}, "additionalProperties": false}),
        ),
        ("postgres", giving(postgres(), &json!(["read", "write", "own"]))),
        ("process", process()),
        ("replay", settings(&json!({}))),
        ("terraform", terraform()),
    ])
}

/// With the roles that consumers can get.
fn giving(mut schema: Value, roles: &Value) -> Value {
    schema[ROLES] = roles.clone();
    schema
}

fn settings(properties: &Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn seconds(longest: u64) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": longest})
}

fn command() -> Value {
    let program = json!({"type": "string", "minLength": 1, "pattern": "^[^/]+$"});
    json!({"type": "object", "required": ["program"], "properties": {
        "program": program, "timeout": seconds(LONGEST), "network": {"type": "boolean"},
    }})
}

fn git() -> Value {
    let destroyed = json!({"enum": ["trash", "delete"]});
    settings(&json!({"template": text(), "raw": texts(), "scaffolder": {"type": "boolean"}, "on_destroy": destroyed}))
}

fn manifests() -> Value {
    let outputs = json!({"type": "object", "additionalProperties": {"type": "string"}});
    settings(&json!({"template": text(), "raw": texts(), "outputs": outputs, "keeps_data": {"type": "boolean"}}))
}

fn postgres() -> Value {
    let (major, backup) = (["integer", "string", "null"], ["boolean", "string", "null"]);
    settings(&json!({"major": {"type": major}, "backup": {"type": backup}}))
}

fn process() -> Value {
    let value = json!({"type": ["string", "number", "boolean"]});
    json!({"type": "object", "required": ["command"], "properties": {
        "command": {"type": "array", "minItems": 1, "items": value},
        "environment": {"type": "object", "additionalProperties": value},
        "start": seconds(LONGEST), "health": text(), "repository": text(), "branch": text(), "template": text(),
        "variables": text(),
    }})
}

fn terraform() -> Value {
    let (variables, kept) = (json!({"type": "object"}), json!({"type": "boolean"}));
    settings(&json!({"template": text(), "variables": variables, "timeout": {"type": "integer"}, "keeps_data": kept}))
}

#[cfg(test)]
mod tests {
    use crate::registry::{DriverOptions, Drivers};
    use serde_json::json;

    #[tokio::test]
    async fn every_driver_says_what_its_recipes_may_say() {
        let folder = tempfile::tempdir().unwrap();
        let client = crate::exchange::for_provider("https://provider.example.com", &[]).ok();
        let options = DriverOptions { client, data: folder.path().to_owned(), ..DriverOptions::default() };
        let drivers = Drivers::new(options).unwrap();
        let mut names: Vec<&str> = drivers.names().collect();
        names.sort_unstable();
        let said = super::schemas();
        assert_eq!(names, said.keys().copied().collect::<Vec<_>>());
        // What is said of access without a driver is what the driver does.
        for name in names {
            let driver = drivers.get(name).unwrap();
            let roles = driver.grants().map(|grants| grants.roles().map_or(json!(true), |roles| json!(roles)));
            assert_eq!(said[name].get(super::ROLES).cloned(), roles, "{name}");
        }
    }
}
