//! Migrations: how the inputs of a running thing become those that a breaking version wants.

use crate::Problem;
use crate::version::{Range, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How inputs are brought from earlier versions to the one that has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Migration {
    /// The versions whose inputs it understands, such as `>=1.4 <2`; every earlier one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<String>,
    /// What is done, one after another.
    #[schemars(length(min = 1))]
    pub steps: Vec<Step>,
}

/// One step of a migration. Inputs are named by dotted paths, such as `backup.days`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Gives an input another name; where it is not filled in, nothing happens.
    Rename(Way),
    /// Takes an input to another place; where it is not filled in, nothing happens.
    Move(Way),
    /// Puts other values in the place of those that are listed.
    Map(Values),
    /// Fills an input in that is not filled in.
    Default(Filling),
    /// Takes an input away.
    Drop(String),
}

/// From where to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Way {
    /// The input before.
    #[schemars(length(min = 1))]
    pub from: String,
    /// The input after. Of a rename: the last part of the path only.
    #[schemars(length(min = 1))]
    pub to: String,
}

/// Other values for an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Values {
    /// The input.
    #[schemars(length(min = 1))]
    pub input: String,
    /// The value after by the value before; numbers and the like are written as in JSON.
    pub values: BTreeMap<String, Value>,
    /// What becomes of every other value; it stays when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Value>,
}

/// What is filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Filling {
    /// The input.
    #[schemars(length(min = 1))]
    pub input: String,
    /// The value.
    pub value: Value,
}

impl Migration {
    /// Whether it understands the inputs of a version.
    pub fn understands(&self, version: &Version) -> bool {
        let range = self.from.as_deref().map(Range::parse);
        range.is_none_or(|range| range.is_ok_and(|range| range.contains(version)))
    }

    /// The inputs after all steps.
    ///
    /// # Errors
    /// Where a step would overwrite something, or meets something that is no object; nothing is lost silently.
    pub fn apply(&self, inputs: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Problem>> {
        let mut after = inputs.clone();
        let run = |step: &Step| step.apply(&mut after).err().map(|problem| *problem);
        let problems: Vec<Problem> = self.steps.iter().filter_map(run).collect();
        if problems.is_empty() { Ok(after) } else { Err(problems) }
    }

    /// The names of the inputs at the top that its steps name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let paths = self.steps.iter().flat_map(|step| match step {
            Step::Rename(way) | Step::Move(way) => vec![way.from.as_str(), way.to.as_str()],
            Step::Map(values) => vec![values.input.as_str()],
            Step::Default(filling) => vec![filling.input.as_str()],
            Step::Drop(path) => vec![path.as_str()],
        });
        paths.map(|path| path.split('.').next().unwrap_or(path))
    }
}

impl Step {
    fn apply(&self, inputs: &mut Map<String, Value>) -> Result<(), Box<Problem>> {
        match self {
            Step::Rename(way) => match take(inputs, &way.from) {
                Some(value) => put(inputs, &beside(&way.from, &way.to), value),
                None => Ok(()),
            },
            Step::Move(way) => match take(inputs, &way.from) {
                Some(value) => put(inputs, &way.to, value),
                None => Ok(()),
            },
            Step::Map(all) => {
                if let Some(value) = find(inputs, &all.input) {
                    let known = all.values.get(&text(value)).or(all.otherwise.as_ref());
                    if let Some(after) = known {
                        *value = after.clone();
                    }
                }
                Ok(())
            }
            Step::Default(filling) if find(inputs, &filling.input).is_some() => Ok(()),
            Step::Default(filling) => put(inputs, &filling.input, filling.value.clone()),
            Step::Drop(path) => {
                take(inputs, path);
                Ok(())
            }
        }
    }
}

/// The path of a field beside another one.
fn beside(path: &str, name: &str) -> String {
    match path.rsplit_once('.') {
        Some((parent, _)) => format!("{parent}.{name}"),
        None => name.to_owned(),
    }
}

/// A value as a key of a map of values.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The object that holds a field, and the name of the field in it.
fn parent<'a, 'p>(inputs: &'a mut Map<String, Value>, path: &'p str) -> Option<(&'a mut Map<String, Value>, &'p str)> {
    let (folder, name) = path.rsplit_once('.').map_or((None, path), |(folder, name)| (Some(folder), name));
    let mut object = inputs;
    for part in folder.into_iter().flat_map(|folder| folder.split('.')) {
        object = object.get_mut(part)?.as_object_mut()?;
    }
    Some((object, name))
}

fn find<'a>(inputs: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let (object, name) = parent(inputs, path)?;
    object.get_mut(name)
}

fn take(inputs: &mut Map<String, Value>, path: &str) -> Option<Value> {
    let (object, name) = parent(inputs, path)?;
    object.remove(name)
}

/// Puts a value at a place; objects on the way are made.
fn put(inputs: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), Box<Problem>> {
    let mend = "Change the steps of the migration.";
    let wrong = |message: String| Box::new(Problem::new("migration.step", path, message, mend));
    let parts: Vec<&str> = path.split('.').collect();
    let Some((name, folders)) = parts.split_last() else { return Ok(()) };
    let mut object = inputs;
    for part in folders {
        let inner = object.entry((*part).to_owned()).or_insert_with(|| Value::Object(Map::new()));
        let Some(inner) = inner.as_object_mut() else { return Err(wrong(format!("{part} holds no fields"))) };
        object = inner;
    }
    if object.contains_key(*name) {
        return Err(wrong("it is filled in already".to_owned()));
    }
    object.insert((*name).to_owned(), value);
    Ok(())
}

/// What is wrong with a migration by itself.
pub(crate) fn check(migration: &Migration, path: &str, out: &mut Vec<Problem>) {
    if let Some(Err(error)) = migration.from.as_deref().map(Range::parse) {
        let mend = "Write a range such as `1`, `~1.4` or `>=1 <2`.";
        out.push(Problem::new("release.migration", format!("{path}.from"), error.to_string(), mend));
    }
    for (at, step) in migration.steps.iter().enumerate() {
        let named = |text: &str| !text.is_empty() && text.split('.').all(|part| !part.is_empty());
        let good = match step {
            Step::Rename(way) => named(&way.from) && named(&way.to) && !way.to.contains('.'),
            Step::Move(way) => named(&way.from) && named(&way.to),
            Step::Map(values) => named(&values.input),
            Step::Default(filling) => named(&filling.input),
            Step::Drop(path) => named(path),
        };
        if !good {
            let path = format!("{path}.steps.{at}");
            let mend = "Write a name such as `size`, or a path such as `backup.days`; a rename has a name as `to`.";
            out.push(Problem::new("release.migration", path, "this step names no input", mend));
        }
    }
}
