//! What is wanted in the cluster: the rendered files of the release, each object marked with the key.

use super::api::Name;
use crate::git::render;
use base64::{Engine, engine::general_purpose::STANDARD};
use loggia_app::instance::driver::{Failure, Request};
use loggia_model::yaml;
use serde_json::{Map, Value, json};

/// The label by which the objects of an instance are found again.
pub(super) const KEY: &str = "loggia.dev/key";
/// What leads, because others stand on it.
const FIRST: [&str; 6] =
    ["Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret", "PersistentVolumeClaim"];

/// One object that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub name: Name,
    pub object: Value,
}

fn wrong(why: &str) -> Failure {
    Failure::ours(format!("The release is wrong: {why}."), "Correct it and publish a new version.")
}

/// A name that may stand in a path.
fn plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b))
        && !text.contains("..")
}

/// The namespace of an instance.
pub(super) fn namespace(request: &Request) -> Result<String, Failure> {
    let template = request.backend.config.get("namespace").and_then(Value::as_str).unwrap_or("{{ namespace }}");
    let name = render::line(request, "namespace", template)?;
    if plain(&name) { Ok(name) } else { Err(wrong(&format!("{name} is no namespace"))) }
}

/// Everything that is wanted, in order.
pub(super) fn wanted(request: &Request) -> Result<Vec<Wanted>, Failure> {
    let namespace = namespace(request)?;
    let mut all = Vec::new();
    for file in render::files(request)? {
        let text = String::from_utf8(file.bytes.unwrap_or_default());
        let text = text.map_err(|_| wrong(&format!("{} is no text", file.path)))?;
        for parsed in yaml::parse(&text) {
            let object = parsed.document.map_err(|problem| wrong(&format!("{}: {}", file.path, problem.message)))?;
            all.push(marked(request, &namespace, object)?);
        }
    }
    if all.is_empty() {
        return Err(wrong("it has no objects"));
    }
    all.extend(secret(request, &namespace)?);
    let rank = |one: &Wanted| FIRST.iter().position(|kind| *kind == one.name.kind).unwrap_or(FIRST.len());
    all.sort_by_key(rank);
    Ok(all)
}

/// The secret inputs, as one Secret beside the objects.
fn secret(request: &Request, namespace: &str) -> Result<Option<Wanted>, Failure> {
    if request.secret_inputs.is_empty() {
        return Ok(None);
    }
    // Revealed to the cluster that needs them; they stand in no line and no plan.
    let data =
        request.secret_inputs.iter().map(|(name, secret)| (name.clone(), STANDARD.encode(secret.reveal()).into()));
    let data: Map<String, Value> = data.collect();
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("{}-inputs", request.name)},
        "data": data});
    marked(request, namespace, object).map(Some)
}

/// An object with its name, its namespace and the key.
fn marked(request: &Request, namespace: &str, mut object: Value) -> Result<Wanted, Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let name = text(&object["metadata"]["name"]);
    if api_version.is_empty() || kind.is_empty() || !plain(&name) {
        return Err(wrong("each object needs apiVersion, kind and metadata.name"));
    }
    let own = text(&object["metadata"]["namespace"]);
    if !own.is_empty() && own != namespace {
        return Err(wrong(&format!("{kind} {name} names the namespace {own}, and the environment gives {namespace}")));
    }
    object["metadata"]["namespace"] = namespace.into();
    if !object["metadata"]["labels"].is_object() {
        object["metadata"]["labels"] = json!({});
    }
    object["metadata"]["labels"][KEY] = request.key.clone().into();
    object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "loggia".into();
    let name = Name { api_version, kind, namespace: namespace.to_owned(), name };
    Ok(Wanted { name, object })
}

/// The note of all kinds that an instance ever had, so that what a later version has no more is found too.
pub(super) fn note(request: &Request, namespace: &str, kinds: &[(String, String)]) -> Result<Wanted, Failure> {
    let kinds: Vec<Value> = kinds.iter().map(|(api_version, kind)| json!([api_version, kind])).collect();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("loggia-{}", request.key)},
        "data": {"instance": request.instance, "version": request.version, "kinds": Value::from(kinds).to_string()}});
    marked(request, namespace, object)
}

/// The kinds of such a note.
pub(super) fn kinds(note: &Value) -> Vec<(String, String)> {
    serde_json::from_str(note["data"]["kinds"].as_str().unwrap_or_default()).unwrap_or_default()
}

/// The name of an object of the cluster.
pub(super) fn name_of(api_version: &str, kind: &str, object: &Value) -> Name {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    Name {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: text("namespace"),
        name: text("name"),
    }
}

/// Whether an object carries the key.
pub(super) fn is_of(object: &Value, key: &str) -> bool {
    object["metadata"]["labels"][KEY] == key
}
