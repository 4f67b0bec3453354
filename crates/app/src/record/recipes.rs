//! Whether recipes can run, as far as texts alone tell: each driver says what it takes.

use crate::error::{Error, Result};
use crate::record::prepare::Prepared;
use crate::record::schema;
use crate::source::read::Reading;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::release::{Recipe, ReleaseSpec};
use loggia_model::{Document, Problem, Severity};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The schema of the settings of a recipe, by driver.
pub type Recipes = BTreeMap<&'static str, Value>;

/// What is wrong with the recipes of all releases, and the drivers that only a server may know.
pub(crate) fn problems(reading: &Reading, known: &Recipes) -> (Vec<Problem>, Vec<Problem>) {
    let (mut wrong, mut unheard) = (Vec::new(), Vec::new());
    let configs = configs(&reading.prepared);
    for prepared in reading.prepared.iter().filter(|prepared| prepared.kind == "Release") {
        let Some(Recipe { driver, settings }) = spec::<ReleaseSpec>(prepared).map(|spec| spec.recipe) else { continue };
        let at = |mut problem: Problem| {
            problem.file = Some(prepared.path.clone());
            problem
        };
        match known.get(driver.as_str()) {
            Some(schema) => {
                let own = configs.get(&driver).map_or(&[][..], Vec::as_slice);
                wrong.extend(misfits(schema, &settings, own).into_iter().map(at));
            }
            None => {
                let message = format!("No driver of this program is called {driver}");
                let mend = "Correct it, unless the server has one of that name.";
                let problem = Problem::new("recipe.driver", "spec.recipe.driver", message, mend);
                unheard.push(at(Problem { severity: Severity::Warning, ..problem }));
            }
        }
    }
    (wrong, unheard)
}

/// What does not fit with any backend: what a recipe leaves out, the environment's settings may say.
fn misfits(schema: &Value, settings: &Map<String, Value>, configs: &[Map<String, Value>]) -> Vec<Problem> {
    let with = |config: &Map<String, Value>| {
        let mut whole = config.clone();
        whole.extend(settings.clone());
        schema::check(schema, &Value::Object(whole), "spec.recipe")
    };
    let alone = with(&Map::new());
    if configs.iter().any(|config| with(config).is_empty()) { Vec::new() } else { alone }
}

/// Passes when the recipe of a release fits what its driver takes, with a backend of some environment: one that is there,
/// or comes in the same command. A driver that is not known here may be that of another server.
///
/// # Errors
/// [`Error::Invalid`], with the field and what to write.
pub(crate) fn fits(graph: &Graph, beside: &[Prepared], known: &Recipes, document: &Document) -> Result<()> {
    let recipe: Option<Recipe> =
        document.spec().and_then(|spec| serde_json::from_value(spec.get("recipe")?.clone()).ok());
    let Some(Recipe { driver, settings }) = recipe else { return Ok(()) };
    let Some(schema) = known.get(driver.as_str()) else { return Ok(()) };
    let mut own = configs(beside).remove(&driver).unwrap_or_default();
    let there = graph.of_kind(&Audience::All, "environment").filter_map(|record| record.spec::<EnvironmentSpec>().ok());
    let backends = there.flat_map(|environment| environment.backends.into_values());
    own.extend(backends.filter(|backend| backend.driver == driver).map(|backend| backend.config));
    let problems = misfits(schema, &settings, &own);
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// The settings of all backends of environments, by driver.
fn configs(described: &[Prepared]) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let mut found: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
    let environments = described.iter().filter(|prepared| prepared.kind == "Environment");
    for environment in environments.filter_map(spec::<EnvironmentSpec>) {
        for backend in environment.backends.into_values() {
            found.entry(backend.driver).or_default().push(backend.config);
        }
    }
    found
}

fn spec<T: serde::de::DeserializeOwned>(prepared: &Prepared) -> Option<T> {
    serde_json::from_value(prepared.document().spec()?.clone()).ok()
}
