//! What runs a workload is told of it: as much as its contract takes.

use crate::error::{Error, Result};
use loggia_model::Problem;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::score::{Container, GIVEN, Score};
use loggia_model::template;
use serde_json::{Map, Value, json};

/// What a workload says, as inputs for what runs it.
#[derive(Default)]
pub(crate) struct Told {
    /// Inputs, whose places are not filled in yet.
    pub(crate) inputs: Map<String, Value>,
    /// What is said and not taken.
    pub(crate) ignored: Vec<String>,
    /// What runs: the image, or all of them.
    pub(crate) artifact: String,
}

/// The inputs that a release takes of a workload.
///
/// # Errors
/// Without an image, and for several containers or variables that are not taken.
pub(crate) fn told(score: &Score, release: &ReleaseSpec, image: Option<&str>) -> Result<Told> {
    let takes = |name: &str| release.contract.inputs.get("properties").is_some_and(|all| all.get(name).is_some());
    let mut containers = score.containers.clone();
    for (name, container) in &mut containers {
        if container.image == GIVEN {
            let path = format!("containers.{name}.image");
            let mend = "Give it: --image NAME (in the API: \"image\").";
            let missing = || Error::Invalid(vec![Problem::new("score.image", path, "the image is to be given", mend)]);
            container.image = image.map(str::to_owned).ok_or_else(missing)?;
        } else if let Some(image) = image.filter(|_| score.containers.len() == 1) {
            image.clone_into(&mut container.image);
        }
    }
    let images: Vec<&str> = containers.values().map(|container| container.image.as_str()).collect();
    let mut told = Told { artifact: images.join(", "), ..Told::default() };
    if takes("containers") {
        let one = |(name, container): (&String, &Container)| -> Result<(String, Value)> {
            let fields = serde_json::to_value(container)?;
            let fields = fields.as_object().into_iter().flatten();
            let fields: Map<String, Value> =
                fields.map(|(field, value)| (field.clone(), as_said(field, value))).collect();
            Ok((name.clone(), Value::Object(fields)))
        };
        let all: Map<String, Value> = containers.iter().map(one).collect::<Result<_>>()?;
        told.inputs.insert("containers".into(), Value::Object(all));
    } else {
        one_container(&containers.into_iter().collect::<Vec<_>>(), &takes, &mut told)?;
    }
    if let Some(service) = &score.service {
        match (takes("service"), takes("port"), port_of(service)) {
            (true, ..) => drop(told.inputs.insert("service".into(), service.clone())),
            (false, true, Some(port)) => drop(told.inputs.insert("port".into(), port)),
            _ => told.ignored.push("service".to_owned()),
        }
    }
    if takes("workload") {
        told.inputs.insert("workload".into(), score.name().into());
    }
    Ok(told)
}

/// A value as a template: places are filled in where the format says so, and nowhere else.
fn as_said(field: &str, value: &Value) -> Value {
    match (field, value) {
        ("variables", value) => value.clone(),
        ("files" | "volumes", Value::Object(all)) => {
            Value::Object(all.iter().map(|(target, value)| (target.clone(), entry(value))).collect())
        }
        ("files" | "volumes", Value::Array(all)) => Value::Array(all.iter().map(entry).collect()),
        (_, value) => template::quoted(value),
    }
}

/// A file or a volume: its content or its source is filled in.
fn entry(value: &Value) -> Value {
    let fixed = value.get("noExpand") == Some(&Value::Bool(true)) || value.get("binaryContent").is_some();
    let filled = if value.get("content").is_some() { "content" } else { "source" };
    let is_file = value.get("content").is_some() || value.get("mode").is_some();
    let one = |(field, value): (&String, &Value)| {
        let open = !fixed && field == filled && (field == "content" || !is_file);
        (field.clone(), if open { value.clone() } else { template::quoted(value) })
    };
    Value::Object(value.as_object().into_iter().flatten().map(one).collect())
}

fn port_of(service: &Value) -> Option<Value> {
    let ports = service.get("ports")?.as_object()?;
    let only = ports.values().next().filter(|_| ports.len() == 1)?;
    only.get("targetPort").or_else(|| only.get("port")).cloned()
}

fn one_container(containers: &[(String, Container)], takes: &dyn Fn(&str) -> bool, told: &mut Told) -> Result<()> {
    let [(name, container)] = containers else {
        let message = format!("{} containers, and what runs workloads here takes one", containers.len());
        let mend = "Split them into workloads of one container each.";
        return Err(Error::Invalid(vec![Problem::new("score.containers", "containers", message, mend)]));
    };
    let known = [
        ("image", json!(container.image)),
        ("command", json!(container.command)),
        ("args", json!(container.args)),
        ("variables", json!(container.variables)),
    ];
    let rest = container.more.iter().map(|(field, value)| (field.as_str(), value.clone()));
    for (field, value) in known.into_iter().chain(rest) {
        let empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
        match (takes(field), empty) {
            // Taken also when there is none, so that one that was taken out goes.
            (true, empty) if !empty || field == "variables" => {
                told.inputs.insert(field.to_owned(), as_said(field, &value));
            }
            (_, true) => {}
            (false, false) if matches!(field, "variables" | "command" | "image") => {
                let message = format!("what runs workloads here takes no {field}");
                let path = format!("containers.{name}.{field}");
                let mend = "Take it out, or ask the owner of that offering.";
                return Err(Error::Invalid(vec![Problem::new("score.untaken", path, message, mend)]));
            }
            _ => told.ignored.push(format!("containers.{name}.{field}")),
        }
    }
    Ok(())
}
