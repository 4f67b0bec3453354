//! Workloads as Score describes them, in version v1b1: what is checked, and what is asked for.

use crate::kinds::own;
use crate::template;
use crate::{Problem, yaml};
use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The version that is read.
pub const API_VERSION: &str = "score.dev/v1b1";
/// The class of a resource that names none.
pub const DEFAULT_CLASS: &str = "default";
/// The image of a container that is given when it is deployed.
pub const GIVEN: &str = ".";

/// A workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Score {
    /// Its name and what else is said of it.
    pub metadata: Map<String, Value>,
    /// The ports that it serves.
    pub service: Option<Value>,
    /// What runs, by name.
    pub containers: BTreeMap<String, Container>,
    /// What it needs, by name.
    pub resources: BTreeMap<String, Resource>,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// What runs; a dot stands for what is given when it is deployed.
    pub image: String,
    /// What starts it, in place of what the image says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Variables.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// All the rest: files, volumes, limits, probes.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Something that a workload needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// Its type, such as `postgres`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its class; `default` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The name under which workloads share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What else is said of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What it is to be like.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

impl Resource {
    /// Its class.
    pub fn class(&self) -> &str {
        self.class.as_deref().unwrap_or(DEFAULT_CLASS)
    }

    /// What tells it from every other one: `postgres.default#main`, or `postgres.default#shop.db` for one of a workload.
    pub fn uid(&self, workload: &str, name: &str) -> String {
        let id = self.id.clone().unwrap_or_else(|| format!("{workload}.{name}"));
        format!("{}.{}#{id}", self.kind, self.class())
    }
}

impl Score {
    /// The name of the workload.
    pub fn name(&self) -> &str {
        self.metadata.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// What is said of the workload at a place such as `metadata.annotations.team`.
    pub fn said(&self, steps: &[String]) -> Option<Value> {
        let (first, rest) = steps.split_first()?;
        rest.iter().try_fold(self.metadata.get(first)?, |value, step| value.get(step)).cloned()
    }
}

/// Reads the text of a Score file.
///
/// # Errors
/// Every problem, each with its line.
pub fn read(text: &str) -> Result<Score, Vec<Problem>> {
    let mut documents = yaml::parse(text);
    let one = |message: &str| {
        vec![Problem::new("score.document", "", message, "Describe one workload, with `apiVersion: score.dev/v1b1`.")]
    };
    let (Some(parsed), true) = (documents.pop(), documents.is_empty()) else {
        return Err(one("the file has to hold one workload and nothing else"));
    };
    let value = parsed.document.map_err(|problem| vec![problem])?;
    from_value(&value).map_err(|mut problems| {
        yaml::place(text, parsed.index, &mut problems);
        problems
    })
}

/// Reads a workload.
///
/// # Errors
/// Every problem.
pub fn from_value(value: &Value) -> Result<Score, Vec<Problem>> {
    let mut problems = Vec::new();
    match &*SCHEMA {
        Ok(schema) => schema.iter_errors(value).for_each(|error| own::problems("", &error, &mut problems)),
        Err(error) => problems.push(Problem::new("score.schema", "", error.clone(), "Report this as a fault.")),
    }
    for problem in &mut problems {
        problem.path = problem.path.trim_start_matches('.').to_owned();
        if problem.path.is_empty() {
            problem.message = problem.message.trim_start().to_owned();
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let score = Score::deserialize(value)
        .map_err(|error| vec![Problem::new("score.form", "", error.to_string(), "Mend the field that is named.")])?;
    check_places(&score, &mut problems);
    if problems.is_empty() { Ok(score) } else { Err(problems) }
}

/// The values of a workload in which places are filled in, each with its path.
pub fn templates(score: &Score) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, container) in &score.containers {
        let at = format!("containers.{name}");
        found.extend(container.variables.iter().map(|(key, value)| (format!("{at}.variables.{key}"), value)));
        found.extend(files(container).into_iter().map(|(key, value)| (format!("{at}.files.{key}.content"), value)));
        found.extend(volumes(container).into_iter().map(|(key, value)| (format!("{at}.volumes.{key}.source"), value)));
    }
    for (name, resource) in &score.resources {
        found.extend(resource.params.iter().map(|(key, value)| (format!("resources.{name}.params.{key}"), value)));
    }
    found
}

/// The contents of files that are filled in; a map by target, or the older list.
fn files(container: &Container) -> Vec<(String, &Value)> {
    let filled = |file: &&Value| file.get("noExpand") != Some(&Value::Bool(true));
    entries(container, "files")
        .filter(|(_, file)| filled(file))
        .filter_map(|(at, file)| Some((at, file.get("content")?)))
        .collect()
}

fn volumes(container: &Container) -> Vec<(String, &Value)> {
    entries(container, "volumes").filter_map(|(at, volume)| Some((at, volume.get("source")?))).collect()
}

fn entries<'a>(container: &'a Container, field: &str) -> impl Iterator<Item = (String, &'a Value)> {
    let value = container.more.get(field);
    let map = value.and_then(Value::as_object).into_iter().flatten().map(|(key, value)| (key.clone(), value));
    let list = value.and_then(Value::as_array).into_iter().flatten().enumerate();
    map.chain(list.map(|(at, value)| (at.to_string(), value)))
}

/// Places lead to what is said of the workload and to its resources, and to nothing else.
fn check_places(score: &Score, out: &mut Vec<Problem>) {
    for (path, value) in templates(score) {
        match template::places(value) {
            Err(error) => {
                let mend = "Write it as `${resources.name.output}`; a dollar sign itself is `$$`.";
                out.push(Problem::new("score.place", &*path, error.to_string(), mend));
            }
            Ok(places) => out.extend(places.iter().filter_map(|steps| nowhere(score, &path, steps))),
        }
    }
}

fn nowhere(score: &Score, path: &str, steps: &[String]) -> Option<Problem> {
    let shown = steps.join(".");
    let problem = |message: String, mend: &str| Some(Problem::new("score.place", path, message, mend));
    match steps.first().map(String::as_str) {
        Some("metadata") if steps.len() > 1 => match score.said(&steps[1..]) {
            Some(_) => None,
            None => problem(format!("nothing is said at {shown}"), "Say it under `metadata`, or correct the place."),
        },
        Some("resources") if steps.len() > 1 => match score.resources.contains_key(&steps[1]) {
            true => None,
            false => {
                problem(format!("there is no resource {:?}", steps[1]), "Name it under `resources`, or correct it.")
            }
        },
        _ => problem(format!("{shown:?} leads nowhere"), "Begin with `metadata.` or `resources.`."),
    }
}

/// The schema of version v1b1.
static SCHEMA: LazyLock<Result<Validator, String>> =
    LazyLock::new(|| jsonschema::validator_for(&schema()).map_err(|error| error.to_string()));

fn closed(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false, "required": required});
    schema["properties"] = properties;
    schema
}

fn each(value: Value) -> Value {
    let mut schema = json!({"type": "object"});
    schema["additionalProperties"] = value;
    schema
}

/// What a Score file of version v1b1 may say.
pub fn schema() -> Value {
    let label = json!({"type": "string", "minLength": 2, "maxLength": 63, "pattern": "^[a-z0-9](?:-?[a-z0-9]+)+$"});
    let text = json!({"type": "string"});
    let annotations = each(text);
    let named =
        json!({"type": "object", "required": ["name"], "properties": {"name": label, "annotations": annotations}});
    let port = json!({"type": "integer", "minimum": 1, "maximum": 65535});
    let ports = each(closed(
        &["port"],
        json!({"port": port, "protocol": {"type": "string", "enum": ["TCP", "UDP"]}, "targetPort": port}),
    ));
    let resource = closed(
        &["type"],
        json!({"type": {"type": "string", "minLength": 2, "maxLength": 63}, "class": {"type": "string", "minLength": 2, "maxLength": 63},
            "id": {"type": "string", "minLength": 2, "maxLength": 63}, "params": {"type": "object"},
            "metadata": {"type": "object", "properties": {"annotations": annotations}}}),
    );
    let properties = json!({
        "apiVersion": {"type": "string", "pattern": "^score\\.dev/v1b1$"},
        "metadata": named,
        "service": closed(&[], json!({"ports": ports})),
        "containers": {"type": "object", "minProperties": 1, "additionalProperties": container()},
        "resources": each(resource),
    });
    closed(&["apiVersion", "metadata", "containers"], properties)
}

fn container() -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let amounts = closed(
        &[],
        json!({"cpu": {"type": "string", "pattern": "^\\d+(?:m|\\.\\d+)?$"},
            "memory": {"type": "string", "pattern": "^(0\\.\\d+|[1-9]\\d*(\\.\\d+)?)(K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"}}),
    );
    let before = closed(&["ready"], json!({"ready": {"type": "string", "enum": ["started", "healthy", "complete"]}}));
    closed(
        &["image"],
        json!({
            "image": {"type": "string", "minLength": 1},
            "command": texts, "args": texts,
            "variables": each(json!({"type": "string"})),
            "files": either(file(false), file(true)),
            "volumes": either(volume(false), volume(true)),
            "before": each(before),
            "resources": closed(&[], json!({"limits": amounts, "requests": amounts})),
            "livenessProbe": probe(), "readinessProbe": probe(),
        }),
    )
}

/// A map by target, or the older list, whose items name it.
fn either(one: Value, listed: Value) -> Value {
    let mut list = json!({"type": "array"});
    list["items"] = listed;
    json!({"anyOf": [each(one), list]})
}

fn file(listed: bool) -> Value {
    let text = json!({"type": "string"});
    let mut properties = json!({"mode": {"type": "string", "pattern": "^0?[0-7]{3}$"}, "source": text, "noExpand": {"type": "boolean"},
        "content": text, "binaryContent": text});
    let one_of: Vec<Value> =
        ["source", "content", "binaryContent"].iter().map(|name| json!({"required": [name]})).collect();
    let mut required: Vec<&str> = Vec::new();
    if listed {
        properties["target"] = json!({"type": "string", "minLength": 1});
        properties["content"] = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
        required.push("target");
    }
    let mut schema = closed(&required, properties);
    schema["oneOf"] = json!(one_of);
    schema
}

fn volume(listed: bool) -> Value {
    let text = json!({"type": "string"});
    let mut properties = json!({"source": text, "path": text, "readOnly": {"type": "boolean"}});
    let mut required = vec!["source"];
    if listed {
        properties["target"] = text;
        required.push("target");
    }
    closed(&required, properties)
}

fn probe() -> Value {
    let header = closed(&["name", "value"], json!({"name": {"type": "string"}, "value": {"type": "string"}}));
    let get = closed(
        &["port", "path"],
        json!({"host": {"type": "string"}, "scheme": {"type": "string", "enum": ["HTTP", "HTTPS"]}, "path": {"type": "string"},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535}, "httpHeaders": {"type": "array", "items": header}}),
    );
    let exec = closed(&["command"], json!({"command": {"type": "array", "items": {"type": "string"}}}));
    closed(&[], json!({"httpGet": get, "exec": exec}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "apiVersion: score.dev/v1b1
metadata: {name: shop}
containers:
  web:
    image: .
    variables: {DATABASE: 'postgres://${resources.db.host}', TEAM: '${metadata.name}', COST: '$${none}'}
resources:
  db: {type: postgres}
  cache: {type: redis, class: large, id: main}
";

    #[test]
    fn a_workload_is_read_and_its_resources_have_names_of_their_own() {
        let score = read(SHOP).unwrap();
        assert_eq!(score.name(), "shop");
        let uids: Vec<String> = score.resources.iter().map(|(name, one)| one.uid(score.name(), name)).collect();
        assert_eq!(uids, ["redis.large#main", "postgres.default#shop.db"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (from, to, line, rule) in [
            ("score.dev/v1b1", "score.dev/v2", 1, "schema.pattern"),
            ("{name: shop}", "{}", 2, "schema.required"),
            ("image: .", "image: ''", 5, "schema.minLength"),
            ("image: .", "imagine: .", 5, "schema.additionalProperties"),
            ("resources.db.host", "resources.nothing.host", 6, "score.place"),
            ("resources.db.host", "elsewhere.host", 6, "score.place"),
            ("metadata.name}", "metadata.nothing}", 6, "score.place"),
            ("type: postgres", "kind: postgres", 8, "schema.required"),
        ] {
            let problems = read(&SHOP.replace(from, to)).unwrap_err();
            let found = problems.iter().any(|problem| problem.rule == rule && problem.line == Some(line));
            assert!(found, "{to}: {problems:?}");
        }
        assert!(read("").is_err() && read(&format!("{SHOP}---\n{SHOP}")).is_err());
    }

    #[test]
    fn real_files_are_taken_and_what_is_none_is_refused() {
        let Some(folder) = shared() else {
            eprintln!("skipped: real_files_are_taken_and_what_is_none_is_refused: no shared data");
            return;
        };
        let mut counts = (0, 0);
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ext| ext != "yaml" && ext != "yml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let is_score = text.lines().any(|line| line.trim_end() == "apiVersion: score.dev/v1b1");
            match (is_score, read(&text)) {
                (true, Ok(_)) => counts.0 += 1,
                (false, Err(_)) => counts.1 += 1,
                (_, other) => panic!("{}: {other:?}", path.display()),
            }
        }
        assert!(counts.0 > 20 && counts.1 > 10, "{counts:?}");
    }

    fn shared() -> Option<std::path::PathBuf> {
        let given = std::env::var_os("LOGGIA_SHARED").map(std::path::PathBuf::from);
        let beside =
            || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).map(|top| top.join("shared"));
        given.or_else(beside).map(|top| top.join("data/score")).filter(|folder| folder.is_dir())
    }
}
