//! Whether recipes can run, as far as texts alone tell: each driver says what it takes.

use crate::error::{Error, Result};
use crate::record::files;
use crate::record::prepare::Prepared;
use crate::record::schema;
use crate::source::read::Reading;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::release::{AccessOffer, AccessRole, Recipe, ReleaseSpec};
use loggia_model::{Document, Problem, Severity};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where the schema of a driver says which roles it can give to consumers; `true` when its recipes say it.
pub const ROLES: &str = "x-roles";

/// Tells what is wrong with the files of a recipe, one sentence for each: driver, settings, and the files with their paths
/// below the folder of the recipe.
pub type GoldenPaths = fn(&str, &Map<String, Value>, &[(&str, &[u8])]) -> Vec<String>;

/// What the drivers that are known say about recipes.
#[derive(Clone, Default)]
pub struct Recipes {
    schemas: BTreeMap<&'static str, Value>,
    golden_paths: Option<GoldenPaths>,
}

impl Recipes {
    /// Of no driver.
    pub fn new() -> Recipes {
        Recipes::default()
    }

    /// With what reads the files of recipes.
    #[must_use]
    pub fn reading(self, golden_paths: GoldenPaths) -> Recipes {
        Recipes { golden_paths: Some(golden_paths), ..self }
    }

    fn get(&self, driver: &str) -> Option<&Value> {
        self.schemas.get(driver)
    }
}

impl From<BTreeMap<&'static str, Value>> for Recipes {
    /// The schema of the settings of a recipe, by driver.
    fn from(schemas: BTreeMap<&'static str, Value>) -> Recipes {
        Recipes { schemas, golden_paths: None }
    }
}

/// What is wrong with the files of golden paths: what cannot be rendered is no version that anybody can get.
pub(crate) fn golden_paths(reading: &Reading, known: &Recipes) -> Vec<Problem> {
    let Some(read) = known.golden_paths else { return Vec::new() };
    let releases = reading.prepared.iter().filter(|prepared| prepared.kind == "Release" && !prepared.files.is_empty());
    let told = releases.flat_map(|prepared| {
        let recipe = spec::<ReleaseSpec>(prepared).map(|spec| spec.recipe);
        let blob = |sha256: &String| reading.blobs.get(sha256).map(|(_, bytes)| &**bytes);
        let files: Vec<(&str, &[u8])> =
            prepared.files.iter().filter_map(|file| Some((file.path.as_str(), blob(&file.sha256)?))).collect();
        let wrong = recipe.map(|recipe| read(&recipe.driver, &recipe.settings, &files)).unwrap_or_default();
        wrong.into_iter().map(|message| {
            let mend = "Correct it: nobody could get this version.";
            let mut problem = Problem::new("recipe.files", files::RECIPE, message, mend);
            problem.file = Some(prepared.path.clone());
            problem
        })
    });
    told.collect()
}

/// What is wrong with the recipes of all releases, and the drivers that only a server may know.
pub(crate) fn problems(reading: &Reading, known: &Recipes) -> (Vec<Problem>, Vec<Problem>) {
    let (mut wrong, mut unheard) = (Vec::new(), Vec::new());
    let configs = configs(&reading.prepared);
    for prepared in reading.prepared.iter().filter(|prepared| prepared.kind == "Release") {
        let Some(spec) = spec::<ReleaseSpec>(prepared) else { continue };
        let (Recipe { driver, settings }, offer) = (spec.recipe, spec.contract.access);
        let at = |mut problem: Problem| {
            problem.file = Some(prepared.path.clone());
            problem
        };
        match known.get(driver.as_str()) {
            Some(schema) => {
                let own = configs.get(&driver).map_or(&[][..], Vec::as_slice);
                wrong.extend(misfits(schema, &settings, own).into_iter().map(at));
                wrong.extend(offer.iter().flat_map(|offer| impossible(&driver, schema, offer)).map(at));
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

/// The roles of consumers that a driver cannot give. Its schema says which there are, or that its recipes say it.
fn impossible(driver: &str, schema: &Value, offer: &AccessOffer) -> Vec<Problem> {
    let known: Vec<&str> = match schema.get(ROLES) {
        Some(Value::Bool(true)) => return Vec::new(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => {
            let message = format!("The driver {driver} gives consumers no access of their own");
            return vec![Problem::new("recipe.access", "spec.contract.access", message, "Leave it out.")];
        }
    };
    let wrong = offer.roles.iter().enumerate().filter(|(_, role)| !known.contains(&role.name.as_str()));
    let problem = |(at, role): (usize, &AccessRole)| {
        let message = format!("The driver {driver} knows no role {}", role.name);
        let mend = format!("Offer some of: {}.", known.join(", "));
        Problem::new("recipe.access", format!("spec.contract.access.roles.{at}.name"), message, mend)
    };
    wrong.map(problem).collect()
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
