//! What is wrong with a template before it is run: its steps, and the files that they render.

use super::expression::Expressions;
use super::fetch::FetchTemplate;
use super::{SUPPORTED, Step, supported, template};
use crate::git::template_check::Files;
use loggia_app::instance::driver::Failure;
use serde_json::Value;

/// What is wrong with the template among some files, one sentence for each step and file.
pub(in crate::git) fn check_files(files: &Files<'_>) -> Vec<String> {
    let is_template = |path: &str| matches!(path.rsplit('/').next(), Some("template.yaml" | "template.yml"));
    let named = files.iter().filter(|(path, _)| is_template(path));
    let Some((path, bytes)) = named.min_by_key(|(path, _)| (path.split('/').count(), *path)) else {
        return vec!["the recipe has no file named template.yaml".to_owned()];
    };
    let template = match template(&String::from_utf8_lossy(bytes)) {
        Ok(template) => template,
        Err(why) => return vec![format!("{path}: {why}")],
    };
    let folder = path.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
    template.steps.iter().flat_map(|step| of_step(step, folder, files)).collect()
}

fn of_step(step: &Step, folder: &str, files: &Files<'_>) -> Vec<String> {
    if !supported(&step.action) {
        let known = SUPPORTED.join(", ");
        return vec![format!("step {}: the action {} does not run here; use one of {known}", step.id, step.action)];
    }
    let texts = [Some(&step.input), step.condition.as_ref(), step.each.as_ref()];
    let own = Expressions::new().and_then(|expressions| {
        texts
            .into_iter()
            .flatten()
            .try_for_each(|value| each_text(value, &mut |text| expressions.check(&step.id, text)))
    });
    if let Err(failure) = own {
        return vec![failure.message];
    }
    match step.action == "fetch:template" {
        true => rendered(step, folder, files).unwrap_or_else(|failure| vec![failure.message]),
        false => Vec::new(),
    }
}

/// What is wrong with the files that a step renders. An address that is worked out later is not known yet.
fn rendered(step: &Step, folder: &str, files: &Files<'_>) -> Result<Vec<String>, Failure> {
    let fetch = FetchTemplate::of(&step.id, &step.input)?;
    let url = step.input.get("url").and_then(Value::as_str).filter(|url| !url.contains("${{"));
    let Some(top) = url.and_then(|url| super::actions::joined(folder, url)) else { return Ok(Vec::new()) };
    let prefix = if top.is_empty() { String::new() } else { format!("{top}/") };
    let mut found = Vec::new();
    for (path, bytes) in files {
        let Some(below) = path.strip_prefix(&prefix) else { continue };
        let content = std::str::from_utf8(bytes).ok().filter(|_| fetch.renders(below, below));
        let name = Some(below).filter(|_| !fetch.keeps_name(below));
        let failure =
            name.into_iter().chain(content).map(|text| fetch.expressions.check(path, text)).find_map(Result::err);
        found.extend(failure.map(|failure| failure.message));
    }
    Ok(found)
}

/// Hands on every text within a value, keys included.
fn each_text(value: &Value, take: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().try_for_each(|item| each_text(item, take)),
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
            take(key)?;
            each_text(field, take)
        }),
        _ => Ok(()),
    }
}
