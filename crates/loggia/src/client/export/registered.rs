//! Registered places in an export: what was read there, in a folder of its own, and where it came from.

use crate::client::output::text;
use loggia_app::source::fetch::beside;
use loggia_model::Document;
use loggia_model::backstage::LOCATION;
use serde_json::Value;
use std::collections::BTreeMap;

/// The registered places of a server: address and folder by the origin of what was read there.
pub struct Places(BTreeMap<String, (String, String)>);

impl Places {
    /// Those among all that is exported.
    pub fn of(all: &[Value]) -> Places {
        let is_it = |one: &&Value| {
            text(one, "/document/kind") == "Location"
                && text(one, "/source/origin") == "server"
                && text(one, "/source/path").starts_with("registered")
        };
        let found = all.iter().filter(is_it).enumerate();
        let place = |(at, one): (usize, &Value)| {
            let target = text(one, "/document/spec/target");
            (format!("location:{}", text(one, "/uid")), (target, format!("registered/{}", at + 1)))
        };
        Places(found.map(place).collect())
    }

    /// The folder of what was read at such a place; none for everything else.
    pub fn folder(&self, one: &Value) -> Option<String> {
        self.0.get(&text(one, "/source/origin")).map(|(_, folder)| folder.clone())
    }

    /// Makes the targets of a Location that was read at such a place whole addresses: the files beside it stay there.
    pub fn whole(&self, document: &mut Document, one: &Value) {
        if document.kind() != "Location" || !self.0.contains_key(&text(one, "/source/origin")) {
            return;
        }
        let place = document.annotation(LOCATION).to_owned();
        let base = place.split_once(':').map_or("", |(_, address)| address);
        let whole = |target: &mut Value| {
            if let Some(address) = target.as_str().and_then(|text| beside(base, text)) {
                *target = address.into();
            }
        };
        if let Some(one) = document.0.pointer_mut("/spec/target") {
            whole(one);
        }
        document.0.pointer_mut("/spec/targets").and_then(Value::as_array_mut).into_iter().flatten().for_each(whole);
    }

    /// What to do so that the places are read at their addresses again.
    pub fn told(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut told = String::from(
            "\nRead at registered places; the files here are as they were read. To have one read at its address again, \
             take its folder out and register the address (`POST /api/catalog/locations`):\n\n",
        );
        self.0.values().for_each(|(target, folder)| told.push_str(&format!("- {folder}: {target}\n")));
        told
    }
}
