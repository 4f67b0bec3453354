//! What something that runs is made of, and what it takes from what it needs.

use crate::template;
use crate::version::Range;
use crate::{Micros, Problem, Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The driver of what is made of its parts and of nothing else.
pub const PARTS: &str = "parts";
/// How many parts one thing has at most.
pub const MOST: usize = 40;
/// How deep parts may have parts of their own.
pub const DEEPEST: usize = 4;

/// The parts of a release, and what it takes from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Composition {
    /// The parts, by a short name each: lower-case letters, digits and hyphens.
    pub parts: BTreeMap<String, Part>,
    /// Own inputs that are taken from parts, for a release that makes something beside them: `${parts.database.host}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Own outputs that are taken from parts.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

/// One part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Part {
    /// Name of the offering.
    #[schemars(length(min = 1))]
    pub offering: String,
    /// Version or range, such as `>=2 <3`; the newest published one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub version: Option<String>,
    /// Name of the plan; the usual one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub plan: Option<String>,
    /// Its inputs: values, and texts with `${inputs.<own input>}` or `${parts.<other part>.<output>}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// It is there only then; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// One for all of the team in the environment that name this; one of its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"))]
    pub shared: Option<String>,
}

/// A condition: an own input has a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct When {
    /// Name of the input.
    #[schemars(length(min = 1))]
    pub input: String,
    /// The value.
    pub is: Value,
}

impl When {
    /// Whether inputs fulfil it.
    pub fn holds(&self, inputs: &Map<String, Value>) -> bool {
        inputs.get(&self.input) == Some(&self.is)
    }
}

/// What an instance takes from others before it can be made: templates, whose places begin with a name of `from`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Wiring {
    /// The instances that it needs, by the names of the templates.
    pub from: BTreeMap<String, String>,
    /// Inputs, by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Outputs, by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

impl Wiring {
    /// The instance behind a name.
    pub fn source(&self, name: &str) -> Option<Ref> {
        self.from.get(name)?.parse().ok()
    }

    /// All instances that it needs, each once.
    pub fn sources(&self) -> BTreeSet<Ref> {
        self.from.values().filter_map(|text| text.parse().ok()).collect()
    }

    /// The outputs that are taken, each with the name of where it comes from.
    pub fn taken(&self) -> BTreeSet<(String, String)> {
        let all = self.inputs.values().chain(self.outputs.values());
        let places = all.filter_map(|value| template::places(value).ok()).flatten();
        places.filter_map(|steps| Some((steps.first()?.clone(), steps.get(1).cloned().unwrap_or_default()))).collect()
    }
}

/// How one part came to be: which, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Choice {
    /// Its name among the parts.
    pub part: String,
    /// The instance; none for a part that was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Name of the offering.
    pub offering: String,
    /// Name of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// Whether others may use it too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// The reasons, each a sentence.
    pub because: Vec<String>,
}

/// What is kept of an instance that is made of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MadeOf {
    /// The choices, by name of the part.
    pub choices: Vec<Choice>,
    /// Instances that are no part any more, and are taken away as soon as it runs without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<String>,
    /// How its parts are taken away, once it is gone itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emptying: Option<Emptying>,
}

/// How parts are taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Emptying {
    /// The operation whose end is the end of all.
    pub operation: Uid,
    /// Who asked for it.
    pub by: String,
    /// When.
    pub since: Micros,
    /// Whether it is known that data is lost.
    pub confirmed: bool,
    /// The parts whose removal has begun.
    #[serde(default)]
    pub begun: BTreeSet<Uid>,
}

/// An operation that waits for what its instance needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Who asked for it.
    pub by: String,
    /// When.
    pub since: Micros,
    /// What its work is told, such as from which version it comes.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub work: Value,
}

/// The parts that each part takes something from.
pub fn needs(parts: &BTreeMap<String, Part>) -> BTreeMap<&str, BTreeSet<String>> {
    let one = |part: &Part| {
        let places = part.inputs.values().filter_map(|value| template::places(value).ok()).flatten();
        let named = places.filter(|steps| steps.first().is_some_and(|root| root == "parts"));
        named.filter_map(|steps| steps.get(1).cloned()).collect()
    };
    parts.iter().map(|(name, part)| (name.as_str(), one(part))).collect()
}

/// The names in an order in which each comes after all that it needs; the names in a circle when there is none.
///
/// # Errors
/// The names of one circle, in order.
pub fn order<'a>(needs: &BTreeMap<&'a str, BTreeSet<String>>) -> Result<Vec<&'a str>, Vec<String>> {
    let (mut done, mut placed) = (Vec::new(), BTreeSet::new());
    while done.len() < needs.len() {
        let open = |name: &&str| !placed.contains(*name);
        let free = |name: &&str| {
            needs[*name].iter().all(|need| placed.contains(need.as_str()) || !needs.contains_key(need.as_str()))
        };
        let next: Vec<&'a str> = needs.keys().copied().filter(|name| open(name) && free(name)).collect();
        if next.is_empty() {
            return Err(circle(needs, &placed));
        }
        placed.extend(next.iter().copied());
        done.extend(next);
    }
    Ok(done)
}

fn circle(needs: &BTreeMap<&str, BTreeSet<String>>, placed: &BTreeSet<&str>) -> Vec<String> {
    let mut way: Vec<String> = Vec::new();
    let mut at = needs.keys().find(|name| !placed.contains(**name)).map(|name| (*name).to_owned());
    while let Some(name) = at {
        if let Some(begin) = way.iter().position(|known| *known == name) {
            way.drain(..begin);
            way.push(name);
            return way;
        }
        at = needs.get(name.as_str()).and_then(|all| {
            all.iter().find(|need| needs.contains_key(need.as_str()) && !placed.contains(need.as_str())).cloned()
        });
        way.push(name);
    }
    way
}

/// What is wrong with the composition of a release, as far as it says itself.
pub fn check(composition: Option<&Composition>, own_driver: &str, path: &str, out: &mut Vec<Problem>) {
    match composition {
        Some(composition) => check_parts(composition, own_driver, path, out),
        None if own_driver == PARTS => {
            let mend = "Name the parts under `composition`, or another driver.";
            out.push(Problem::new("composition.parts", "spec.recipe.driver", "there are no parts", mend));
        }
        None => {}
    }
}

fn check_parts(composition: &Composition, own_driver: &str, path: &str, out: &mut Vec<Problem>) {
    let parts = &composition.parts;
    if parts.is_empty() || parts.len() > MOST {
        let message = format!("{} parts are none or too many", parts.len());
        out.push(Problem::new("composition.parts", format!("{path}.parts"), message, format!("Name 1 to {MOST}.")));
    }
    if own_driver == PARTS && !composition.inputs.is_empty() {
        let mend = "Give them to the parts, or name a driver that makes something itself.";
        let message = "what is made of parts only has nothing to take inputs for";
        out.push(Problem::new("composition.inputs", format!("{path}.inputs"), message, mend));
    }
    for (name, part) in parts {
        let at = format!("{path}.parts.{name}");
        if !is_name(name) {
            let mend = "Use lower-case letters, digits and hyphens, at most 20, beginning with a letter.";
            out.push(Problem::new("composition.name", at.clone(), format!("{name:?} is no name of a part"), mend));
        }
        if let Some(Err(error)) = part.version.as_deref().map(Range::parse) {
            let mend = "Write a range such as `2`, `~1.4` or `>=15 <17`.";
            out.push(Problem::new("composition.version", format!("{at}.version"), error.to_string(), mend));
        }
        for (input, value) in &part.inputs {
            check_places(value, parts, Some(part), &format!("{at}.inputs.{input}"), out);
        }
    }
    for (field, all) in [("inputs", &composition.inputs), ("outputs", &composition.outputs)] {
        for (name, value) in all {
            check_places(value, parts, None, &format!("{path}.{field}.{name}"), out);
        }
    }
    if let Err(names) = order(&needs(parts)) {
        let message = format!("the parts need each other in a circle: {}", names.join(", "));
        out.push(Problem::new("composition.circle", format!("{path}.parts"), message, "Take one of them out of it."));
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 20
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The places of one template lead to own inputs and to other parts that are there whenever this is.
fn check_places(value: &Value, parts: &BTreeMap<String, Part>, of: Option<&Part>, path: &str, out: &mut Vec<Problem>) {
    let places = match template::places(value) {
        Ok(places) => places,
        Err(error) => {
            let mend = "Write it as `${parts.name.output}`; a dollar sign itself is `$$`.";
            return out.push(Problem::new("composition.place", path, error.to_string(), mend));
        }
    };
    for steps in places {
        let shown = steps.join(".");
        match steps.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["inputs", _] => {}
            ["parts", name, _] => {
                let Some(part) = parts.get(*name) else {
                    let mend = format!("Name one of: {}.", parts.keys().cloned().collect::<Vec<_>>().join(", "));
                    out.push(Problem::new("composition.part", path, format!("there is no part {name:?}"), mend));
                    continue;
                };
                if part.when.is_some() && of.is_none_or(|of| of.when != part.when) {
                    let message = format!("{name} is not always there, and this needs it always");
                    let mend = "Give this the same condition, or take the condition away.";
                    out.push(Problem::new("composition.condition", path, message, mend));
                }
            }
            _ => {
                let mend = "Write `${inputs.name}` or `${parts.name.output}`.";
                out.push(Problem::new("composition.place", path, format!("{shown:?} leads nowhere"), mend));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn composition(value: Value) -> Composition {
        serde_json::from_value(value).unwrap()
    }

    fn rules(value: Value) -> Vec<String> {
        let mut out = Vec::new();
        check(Some(&composition(value)), PARTS, "spec.composition", &mut out);
        out.into_iter().map(|problem| format!("{} {}", problem.rule, problem.path)).collect()
    }

    #[test]
    fn what_is_wrong_is_told_at_its_field() {
        let fine = json!({"parts": {"db": {"offering": "db"}, "app": {"offering": "app", "inputs":
            {"host": "${parts.db.host}", "size": "${inputs.size}"}}}, "outputs": {"url": "http://${parts.app.host}/"}});
        assert!(rules(fine).is_empty());
        let app =
            |inputs: Value| json!({"parts": {"db": {"offering": "db"}, "app": {"offering": "app", "inputs": inputs}}});
        for (inputs, rule) in [
            (json!({"a": "${parts.nothing.host}"}), "composition.part"),
            (json!({"a": "${elsewhere}"}), "composition.place"),
            (json!({"a": ["${parts.db"]}), "composition.place"),
        ] {
            assert_eq!(rules(app(inputs)), [format!("{rule} spec.composition.parts.app.inputs.a")]);
        }
        assert_eq!(rules(json!({"parts": {}})), ["composition.parts spec.composition.parts"]);
        assert_eq!(
            rules(json!({"parts": {"A": {"offering": "a", "version": "what"}}})),
            ["composition.name spec.composition.parts.A", "composition.version spec.composition.parts.A.version"]
        );
        let maybe = json!({"parts": {"db": {"offering": "db", "when": {"input": "x", "is": true}}},
            "outputs": {"host": "${parts.db.host}"}});
        assert_eq!(rules(maybe), ["composition.condition spec.composition.outputs.host"]);
        let circle = json!({"parts": {"a": {"offering": "a", "inputs": {"x": "${parts.b.y}"}},
            "b": {"offering": "b", "inputs": {"x": "${parts.a.y}"}}}});
        assert_eq!(rules(circle), ["composition.circle spec.composition.parts"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn an_order_has_all_after_what_they_need_or_names_a_circle(
            edges in proptest::collection::vec((0usize..8, 0usize..8), 0..20)
        ) {
            let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let mut graph: BTreeMap<&str, BTreeSet<String>> = names.iter().map(|n| (*n, BTreeSet::new())).collect();
            for (from, to) in edges {
                graph.entry(names[from]).or_default().insert(names[to].to_owned());
            }
            match order(&graph) {
                Ok(all) => {
                    prop_assert_eq!(all.len(), names.len());
                    let at = |name: &str| all.iter().position(|one| *one == name);
                    for (name, needs) in &graph {
                        prop_assert!(needs.iter().all(|need| at(need) < at(name)));
                    }
                }
                Err(way) => {
                    prop_assert!(way.len() > 1 && way.first() == way.last());
                    prop_assert!(way.windows(2).all(|pair| graph[pair[0].as_str()].contains(&pair[1])));
                }
            }
        }
    }
}
