//! The relations of the imported descriptor files against those of a real Backstage.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Relations of each entity: type and target.
type Relations = BTreeMap<String, BTreeSet<(String, String)>>;

/// What was recorded; entities that had an error there are left out.
pub fn recorded(text: &str) -> Result<Relations> {
    let list: Value = serde_json::from_str(text)?;
    let entities = list.as_array().context("the recorded relations are not a list")?.iter();
    let healthy = entities.filter(|entity| entity["status"].is_null());
    Ok(healthy.map(|entity| (text_of(&entity["ref"]), pairs(&entity["relations"]))).collect())
}

/// What a server answered for all entities.
pub fn answered(list: &Value) -> Result<Relations> {
    let entities = list.as_array().context("the entities are not a list")?.iter();
    Ok(entities.map(|entity| (reference(entity), pairs(&entity["relations"]))).collect())
}

/// A recorded entity whose relations are other ones.
pub struct Difference {
    reference: String,
    /// What was recorded and is not answered; none when the entity is not there at all.
    missing: Option<Vec<(String, String)>>,
    /// What is answered and was not recorded.
    extra: Vec<(String, String)>,
}

impl Difference {
    /// Whether a text gives reasons: it names the entity, and the other end of each relation.
    pub fn is_argued(&self, text: &str) -> bool {
        let targets = self.missing.iter().flatten().chain(&self.extra).map(|(_, target)| target);
        self.missing.is_some() && targets.chain([&self.reference]).all(|name| text.contains(name.as_str()))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reference, missing, extra } = self;
        match missing {
            None => write!(out, "{reference}: not imported"),
            Some(missing) => write!(out, "{reference}: missing {missing:?}, not expected {extra:?}"),
        }
    }
}

/// The recorded entities whose relations are other ones.
pub fn differences(wanted: &Relations, got: &Relations) -> Vec<Difference> {
    let mut found = Vec::new();
    for (reference, wanted) in wanted {
        let reference = reference.clone();
        match got.get(&reference) {
            None => found.push(Difference { reference, missing: None, extra: Vec::new() }),
            Some(got) if got != wanted => {
                let missing = Some(wanted.difference(got).cloned().collect());
                let extra = got.difference(wanted).cloned().collect();
                found.push(Difference { reference, missing, extra });
            }
            Some(_) => {}
        }
    }
    found
}

fn reference(entity: &Value) -> String {
    let metadata = &entity["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("default");
    let name = metadata["name"].as_str().unwrap_or_default();
    format!("{}:{namespace}/{name}", text_of(&entity["kind"])).to_lowercase()
}

fn pairs(relations: &Value) -> BTreeSet<(String, String)> {
    let list = relations.as_array().into_iter().flatten();
    list.map(|relation| (text_of(&relation["type"]), text_of(&relation["targetRef"]))).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::{answered, differences, recorded};
    use serde_json::json;

    #[test]
    fn differing_and_missing_entities_are_found() {
        let relation = json!([{"type": "ownedBy", "targetRef": "group:default/g"}]);
        let golden = json!([
            {"ref": "component:default/a", "relations": relation, "status": null},
            {"ref": "component:default/b", "relations": relation, "status": null},
            {"ref": "component:default/c", "relations": [], "status": null},
            {"ref": "component:default/d", "relations": [], "status": {"items": []}},
        ]);
        let ours = json!([
            {"kind": "Component", "metadata": {"name": "A"}, "relations": relation},
            {"kind": "Component", "metadata": {"name": "b", "namespace": "default"}, "relations": []},
        ]);
        let found = differences(&recorded(&golden.to_string()).unwrap(), &answered(&ours).unwrap());
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("component:default/b: missing [(") && told[1].contains("c: not imported"));
        assert!(found[0].is_argued("component:default/b has no group:default/g since …"));
        assert!(!found[0].is_argued("component:default/b") && !found[1].is_argued("component:default/c"));
    }
}
