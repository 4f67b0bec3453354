//! Reads what `show -json` tells of a plan.

use loggia_app::instance::driver::Secret;
use serde_json::{Map, Value};

/// What a plan says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// One line for each thing that would change.
    pub changes: Vec<String>,
    /// How many resources there are, as they were found just now.
    pub resources: usize,
    /// Outputs that everybody may see.
    pub outputs: Map<String, Value>,
}

impl Shown {
    /// From the text of `show -json PLAN`.
    pub(super) fn read(text: &[u8]) -> Option<Shown> {
        let plan: Value = serde_json::from_slice(text).ok()?;
        let values = &plan["prior_state"]["values"];
        Some(Shown {
            changes: changes(&plan),
            resources: resources(&values["root_module"]),
            outputs: outputs(values["outputs"].as_object()).0,
        })
    }
}

fn changes(plan: &Value) -> Vec<String> {
    let named = |change: &Value| {
        let actions: Vec<&str> = change["change"]["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
        let what = match actions.as_slice() {
            ["no-op" | "read"] => return None,
            ["create"] => "make",
            ["update"] => "change",
            ["delete"] => "remove",
            _ => "replace",
        };
        Some(format!("{what} {}", change["address"].as_str().unwrap_or("something")))
    };
    let resources = plan["resource_changes"].as_array().into_iter().flatten().filter_map(named);
    let outputs = plan["output_changes"].as_object().into_iter().flatten().filter_map(|(name, change)| {
        let same = change["actions"].as_array().is_some_and(|all| all.iter().all(|action| action == "no-op"));
        (!same).then(|| format!("change the output {name}"))
    });
    resources.chain(outputs).collect()
}

fn resources(module: &Value) -> usize {
    let own = module["resources"].as_array().into_iter().flatten().filter(|one| one["mode"] == "managed").count();
    own + module["child_modules"].as_array().into_iter().flatten().map(resources).sum::<usize>()
}

/// Outputs as everybody may see them, and those that are secret.
pub(super) fn outputs(all: Option<&Map<String, Value>>) -> (Map<String, Value>, Vec<(String, Secret)>) {
    let (mut open, mut secret) = (Map::new(), Vec::new());
    for (name, output) in all.into_iter().flatten() {
        let value = output["value"].clone();
        match output["sensitive"] == Value::Bool(true) {
            false => drop(open.insert(name.clone(), value)),
            true => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                secret.push((name.clone(), Secret::new(text)));
            }
        }
    }
    (open, secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_is_told_in_words() {
        let change = |address: &str, actions: &[&str]| json!({"address": address, "change": {"actions": actions}});
        let plan = json!({
            "resource_changes": [
                change("a.one", &["create"]), change("a.two", &["no-op"]), change("data.three", &["read"]),
                change("a.four", &["delete", "create"]), change("module.m.a.five", &["update"]), change("a.six", &["delete"]),
            ],
            "output_changes": {"url": {"actions": ["create"]}, "same": {"actions": ["no-op"]}},
            "prior_state": {"values": {
                "outputs": {"url": {"value": "u", "sensitive": false}, "key": {"value": "k", "sensitive": true}},
                "root_module": {
                    "resources": [{"mode": "managed"}, {"mode": "data"}],
                    "child_modules": [{"resources": [{"mode": "managed"}]}],
                },
            }},
        });
        let shown = Shown::read(plan.to_string().as_bytes()).unwrap();
        let wanted =
            ["make a.one", "replace a.four", "change module.m.a.five", "remove a.six", "change the output url"];
        assert_eq!(shown.changes, wanted);
        assert_eq!((shown.resources, shown.outputs), (2, json!({"url": "u"}).as_object().cloned().unwrap()));
        assert_eq!(Shown::read(b"{}"), Some(Shown::default()));
        assert_eq!(Shown::read(b"no"), None);
    }
}
