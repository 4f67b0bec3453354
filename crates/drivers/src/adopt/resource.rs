//! What is taken out of a resource of Terraform, and nothing else.

use super::objects::{ENVIRONMENT, TEAM, is_word};
use super::version;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Attributes that hold tags or labels.
const TAGS: [&str; 8] = [
    "tags",
    "tags_all",
    "labels",
    "user_labels",
    "resource_labels",
    "effective_labels",
    "terraform_labels",
    "settings",
];

/// One managed resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// The module that it is in, with all keys; empty outside of modules.
    pub(super) module: String,
    /// Its address.
    pub(super) address: String,
    pub(super) kind: String,
    /// What its provider calls it. It is compared, and goes nowhere.
    pub(super) id: String,
    pub(super) version: String,
    /// What tags say of the team, the most telling first.
    pub(super) teams: Vec<String>,
    /// What tags say of the environment, the most telling first.
    pub(super) environments: Vec<String>,
}

/// Takes from a resource what may be known. Everything else stays where it is.
pub(super) fn taken(
    module: &str,
    address: String,
    kind: &str,
    values: &Map<String, Value>,
    hidden: &BTreeSet<String>,
) -> Resource {
    let open = |name: &str| values.get(name).filter(|_| !hidden.contains(name));
    let id = ["arn", "self_link", "id"].iter().find_map(|name| open(name)?.as_str());
    Resource {
        module: module.to_owned(),
        address,
        kind: kind.to_owned(),
        id: id.unwrap_or_default().to_owned(),
        version: version::of_resource(values, hidden).unwrap_or_default(),
        teams: tags(values, hidden, &TEAM),
        environments: tags(values, hidden, &ENVIRONMENT),
    }
}

/// The values of tags in the order of their names, whatever case these are in.
fn tags(values: &Map<String, Value>, hidden: &BTreeSet<String>, names: &[&str]) -> Vec<String> {
    let open = |name: &&str| values.get(*name).filter(|_| !hidden.contains(*name));
    let sets: Vec<&Map<String, Value>> = TAGS.iter().filter_map(open).filter_map(set).collect();
    let mut told = Vec::new();
    for name in names {
        let fitting = sets.iter().flat_map(|set| set.iter()).filter(|(tag, _)| tag.eq_ignore_ascii_case(name));
        for value in fitting.filter_map(|(_, value)| value.as_str()).filter(|text| is_word(text)) {
            if !told.iter().any(|known| known == value) {
                told.push(value.to_owned());
            }
        }
    }
    told
}

/// Tags stand in an attribute, or in the labels of the settings in it.
fn set(attribute: &Value) -> Option<&Map<String, Value>> {
    match attribute {
        Value::Object(set) => Some(set),
        Value::Array(list) => list.first()?.get("user_labels")?.as_object(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(values: &Value) -> (Vec<String>, Vec<String>) {
        let hidden = BTreeSet::from(["sealed".to_owned()]);
        let one = taken("", "a.b".into(), "a", values.as_object().unwrap(), &hidden);
        (one.teams, one.environments)
    }

    #[test]
    fn tags_count_in_the_order_of_their_names() {
        let all =
            json!({"owner": "jdoe", "team": "booking", "env": "sandbox", "environment": "production", "Stage": "x"});
        let wanted =
            (vec!["booking".to_owned(), "jdoe".into()], vec!["production".to_owned(), "sandbox".into(), "x".into()]);
        assert_eq!(of(&json!({"tags": all})), wanted);
        for place in TAGS.iter().filter(|place| **place != "settings") {
            assert_eq!(of(&json!({*place: all})), wanted, "{place}");
        }
        assert_eq!(of(&json!({"settings": [{"user_labels": all, "tier": "x"}]})), wanted);
        assert_eq!(of(&json!({"settings": "x", "tags": {"owner": "a b", "note": "team"}})), (vec![], vec![]));
    }

    /// Each name alone says it, and each pair says it in order, in whatever case they are written.
    #[test]
    fn every_name_counts_before_those_after_it() {
        for names in [&TEAM[..], &ENVIRONMENT[..]] {
            for (at, first) in names.iter().enumerate() {
                for second in &names[at + 1..] {
                    let (upper, values) =
                        (first.to_uppercase(), json!({"tags": {*second: "b", first.to_uppercase(): "a"}}));
                    let (teams, environments) = of(&values);
                    let told = if names.len() == TEAM.len() { teams } else { environments };
                    assert_eq!(told, ["a", "b"], "{upper} {second}");
                }
            }
        }
    }
}
