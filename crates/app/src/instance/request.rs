//! Builds what a driver is told, from the graph and the sealed secrets.

use crate::App;
use crate::access::platform_secret::lend;
use crate::access::secret_use::Borrower;
use crate::error::{Error, Result};
use crate::instance::backend;
use crate::instance::driver::{Backend, Driver, RecipeFile, Request, Secret};
use crate::instance::operation_end::Applied;
use crate::instance::secret_input;
use crate::instance::take_over::Wish;
use crate::record::files;
use loggia_graph::Graph;
use loggia_model::instance::{HeldBackend, InstanceStatus};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::Operation;
use loggia_model::{Record, Ref, Uid};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The folder under which a driver finds the files of a release.
const FILES: &str = "files";

/// What a worker needs for an operation.
pub(crate) struct Prepared {
    /// What the driver is told.
    pub(crate) request: Request,
    /// The release that it applies, and the inputs as they are kept: a driver may be told more in the clear.
    pub(crate) applied: Applied,
    /// The backend that is to hold the instance from now on; none when one holds it already.
    pub(crate) hold: Option<HeldBackend>,
    /// Secrets that it is told no more: they are blanked in what it writes all the same.
    pub(crate) former: Vec<Secret>,
}

/// The name under which a driver keeps one of the things that were made for an instance.
pub(crate) fn key(uid: Uid, generation: u32) -> String {
    if generation == 0 { uid.to_string() } else { format!("{uid}-{generation}") }
}

/// Prepares an operation for its driver; none when this server has it not.
pub(crate) async fn build(
    app: &App,
    operation: &Operation,
    confirmed: bool,
    wish: Option<Wish>,
    driver: Option<&dyn Driver>,
) -> Result<Prepared> {
    build_generation(app, operation, confirmed, wish, driver, None).await
}

/// The same for another one of the things that were made for the instance.
pub(crate) async fn build_generation(
    app: &App,
    operation: &Operation,
    confirmed: bool,
    wish: Option<Wish>,
    driver: Option<&dyn Driver>,
    generation: Option<u32>,
) -> Result<Prepared> {
    let graph = app.graph();
    let record = graph.by_uid(operation.instance).cloned();
    let record = record.ok_or_else(|| Error::NotFound(format!("{} is not there any more.", operation.instance_ref)))?;
    let mut spec: InstanceSpec = record.spec()?;
    if let Some(wish) = wish {
        wish.apply(&mut spec);
    }
    let status: InstanceStatus = record.typed_status()?;
    let release = find(&graph, "release", spec.target.as_deref().unwrap_or_default())?;
    let recipe: ReleaseSpec = release.spec()?;
    let environment: EnvironmentSpec = find(&graph, "environment", &spec.environment)?.spec()?;
    let (name, backend) = backend::choose(&environment, &spec.environment, &operation.driver, status.backend.as_ref())?;
    let hold = status.backend.is_none().then(|| backend::identity(name, backend));
    let Sealed { inputs: mut secret_inputs, outputs: mut secret_outputs, former } =
        secrets(app, record.uid, operation.id).await?;
    let inputs = spec.inputs.clone();
    secret_input::sort(&Value::Object(recipe.contract.inputs.clone()), &mut spec.inputs, &mut secret_inputs);
    let mut outputs = status.outputs;
    if generation.is_some_and(|generation| generation != status.generation) {
        // What is known is of another one.
        secret_outputs.clear();
        outputs.clear();
    }
    let team = spec.team_ref();
    let (plan, limits) = spec.plan.map(|plan| (plan.name, plan.limits)).unwrap_or_default();
    let (settings, plain) = (&recipe.recipe.settings, driver.map(Driver::plain_settings).unwrap_or_default());
    let wish = Borrower { environment: &spec.environment, backend, recipe: Some(settings), plain };
    let request = Request {
        key: key(record.uid, generation.unwrap_or(status.generation)),
        instance: record.reference.to_string(),
        name: base_name(&record.reference, &spec.environment),
        team: team.map_or_else(|| record.reference.namespace().to_owned(), |team| team.short("group")),
        namespace: record.reference.namespace().to_owned(),
        backend: with_secret(app, name, &wish).await?,
        files: recipe_files(app, &release).await?,
        environment: spec.environment,
        offering: spec.offering,
        version: recipe.version,
        plan,
        limits,
        recipe: told(recipe.recipe.settings),
        inputs: spec.inputs,
        secret_inputs,
        outputs,
        secret_outputs,
        state: Some(app.state_access(record.uid)),
        public_url: app.settings.public_url.clone(),
        requested_by: operation.requested_by.clone(),
        confirmed,
    };
    let applied = Applied { release: release.reference.name().to_owned(), inputs };
    Ok(Prepared { request, applied, hold, former })
}

fn find(graph: &Graph, kind: &str, name: &str) -> Result<Arc<Record>> {
    let found = graph.get(&Ref::new(kind, "default", name)).cloned();
    found.ok_or_else(|| Error::NotFound(format!("The {kind} {name} is not there any more.")))
}

/// The name that was ordered: that of the record without the environment.
pub fn base_name(reference: &Ref, environment: &str) -> String {
    let name = reference.name();
    name.strip_suffix(environment).and_then(|n| n.strip_suffix('.')).unwrap_or(name).to_owned()
}

/// The backend that a driver gets now, with its secret.
pub(crate) async fn backend(app: &App, spec: &EnvironmentSpec, environment: &str, driver: &str) -> Result<Backend> {
    let (name, backend) = backend::choose(spec, environment, driver, None)?;
    with_secret(app, name, &Borrower { environment, backend, recipe: None, plain: &[] }).await
}

/// A backend of an environment by its name, with its secret.
pub(crate) async fn named_backend(app: &App, spec: &EnvironmentSpec, environment: &str, name: &str) -> Result<Backend> {
    let backend = spec.backends.get(name);
    let backend = backend.ok_or_else(|| Error::NotFound(format!("{environment} has no backend {name}.")))?;
    with_secret(app, name, &Borrower { environment, backend, recipe: None, plain: &[] }).await
}

async fn with_secret(app: &App, name: &str, wish: &Borrower<'_>) -> Result<Backend> {
    let backend = wish.backend;
    let secret_ref = backend.secret_ref.clone().unwrap_or_default();
    let lent = match &backend.secret_ref {
        Some(reference) => lend(app, reference, wish).await?,
        None => Ok(None),
    };
    let (secret, withheld) = match lent {
        Ok(secret) => (secret, None),
        Err(failure) => (None, Some(failure)),
    };
    Ok(Backend { name: name.to_owned(), config: backend.config.clone(), secret_ref, secret, withheld })
}

type Named = Vec<(String, Secret)>;

/// The secrets of an instance.
#[derive(Default)]
struct Sealed {
    inputs: Named,
    outputs: Named,
    /// In whose place others come.
    former: Vec<Secret>,
}

/// The secrets of an instance, with what an operation brings in place of what it has.
async fn secrets(app: &App, uid: Uid, operation: Uid) -> Result<Sealed> {
    let mut all = Sealed::default();
    let rows = app.store.secrets_of(uid).await?;
    let next: Vec<&str> = rows.iter().filter_map(|row| secret_input::is_next(&row.field, operation)).collect();
    for row in &rows {
        // What else lies there, such as the state of a module, is not for everybody who drives.
        let (list, name) = match row.field.split_once('.') {
            Some(("input", name)) if next.contains(&name) => {
                all.former.push(app.secrets.open(row)?);
                continue;
            }
            Some(("input", name)) => (&mut all.inputs, name),
            Some(("output", name)) => (&mut all.outputs, name),
            _ => match secret_input::is_next(&row.field, operation) {
                Some(name) => (&mut all.inputs, name),
                None => continue,
            },
        };
        list.push((name.to_owned(), app.secrets.open(row)?));
    }
    Ok(all)
}

/// The settings of a recipe. Its template is named beside the file of the release, which a driver does not know: it is
/// told the folder under which it gets the files.
fn told(mut settings: Map<String, Value>) -> Map<String, Value> {
    if let Some(template) = settings.get_mut("template") {
        *template = FILES.into();
    }
    settings
}

/// The files of a release: templates of golden paths.
async fn recipe_files(app: &App, release: &Record) -> Result<Vec<RecipeFile>> {
    let mut found = Vec::new();
    for entry in files::of(release) {
        let Some(blob) = app.store.blob(&entry.sha256).await? else {
            return Err(Error::Internal(format!("the file {} of {} is lost", entry.path, release.reference)));
        };
        let path = format!("{FILES}/{}", entry.path);
        found.push(RecipeFile { path, bytes: blob.bytes, executable: entry.executable });
    }
    Ok(found)
}
