//! What recipes may say to each driver, as JSON Schemas, for whoever checks files without a server.

use crate::command::LONGEST;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The schema of the settings of a recipe, by driver. A program takes what its author wrote it to take, and a replayed
/// thing takes anything.
pub fn all() -> BTreeMap<&'static str, Value> {
    let text = json!({"type": "string", "minLength": 1});
    let command = json!({"type": "object", "required": ["program"], "properties": {
        "program": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
        "timeout": {"type": "integer", "minimum": 1, "maximum": LONGEST},
        "network": {"type": "boolean"},
    }});
    let git = json!({"type": "object", "properties": {
        "template": text,
        "scaffolder": {"type": "boolean"},
        "on_destroy": {"enum": ["trash", "delete"]},
    }});
    let postgres = json!({"type": "object", "properties": {
        "major": {"type": ["integer", "string", "null"]},
        "backup": {"type": ["boolean", "string", "null"]},
    }});
    let replay = json!({"type": "object"});
    BTreeMap::from([("command", command), ("git", git), ("postgres", postgres), ("replay", replay)])
}

#[cfg(test)]
mod tests {
    use crate::registry::{DriverOptions, Drivers};

    #[test]
    fn every_driver_says_what_its_recipes_may_say() {
        let folder = tempfile::tempdir().unwrap();
        let options = DriverOptions { data: folder.path().to_owned(), ..DriverOptions::default() };
        let drivers = Drivers::new(options).unwrap();
        let names: Vec<&str> = super::all().into_keys().collect();
        assert_eq!(drivers.names().collect::<Vec<_>>(), names);
    }
}
