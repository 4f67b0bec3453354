//! Whether what is offered can be made here and now: what the drivers say when they are asked, kept for a while, so that
//! a page can say so before anybody orders.

use crate::App;
use crate::access::caller::Caller;
use crate::error::Result;
use crate::instance::program::Program;
use crate::instance::worker::Drivers;
use crate::record::visible;
use crate::release::offering::{backend, release_for};
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Record, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often drivers are asked while all of them can work.
const INTERVAL: Duration = Duration::from_secs(30);
/// How often while one of them cannot: what came back is soon offered again.
const SOON: Duration = Duration::from_secs(2);
/// How long a driver may think about it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What drivers said, by environment and driver.
pub(crate) type Probed = BTreeMap<(String, String), Probe>;

/// What a driver said about an environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe {
    /// Why it cannot work there; empty when it can.
    pub(crate) why_not: String,
    /// The program that serves there.
    pub(crate) program: Option<Program>,
}

/// Whether an offering can be got in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// Name of the environment.
    pub environment: String,
    /// Its title.
    pub title: String,
    /// Why it cannot be got there now, and what to do; empty when it can.
    pub why_not: String,
    /// The program that really serves there, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub program: Option<Program>,
    /// What differs there from what the version promises; empty when nothing does.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub note: String,
}

impl App {
    /// Where an offering can be got, in the order of the environments; those that do not offer it are left out.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for an offering that the caller may not see, [`crate::Error::Invalid`] when it has no
    /// release to get.
    pub fn availability(&self, caller: &Caller, offering: &str) -> Result<Vec<Availability>> {
        let graph = self.graph();
        let audience = &caller.audience;
        visible(&graph, audience, &Ref::new("offering", "default", offering))?;
        let release = release_for(&graph, audience, offering, None)?;
        let release: ReleaseSpec = release.spec()?;
        let one = |record: &Arc<Record>| {
            let spec: EnvironmentSpec = record.spec().ok().filter(|spec: &EnvironmentSpec| spec.allows(offering))?;
            Some(self.place(record, &spec, &release))
        };
        Ok(environments(&graph, audience).iter().filter_map(one).collect())
    }

    /// Whether a release can be made in an environment, and in what.
    pub(crate) fn place(&self, environment: &Record, spec: &EnvironmentSpec, release: &ReleaseSpec) -> Availability {
        let (name, title) = (environment.reference.name().to_owned(), environment.parse().title().to_owned());
        let recipe = &release.recipe;
        let Some((_, there)) = backend(spec, &recipe.driver) else {
            let why_not = format!("{title} has no place to make it.");
            return Availability { environment: name, title, why_not, program: None, note: String::new() };
        };
        let key = (name, recipe.driver.clone());
        let Probe { mut why_not, program } = self.probed.load().get(&key).cloned().unwrap_or_default();
        let driver = self.drivers.get().and_then(|drivers| drivers.get(&recipe.driver));
        let told = driver
            .zip(program.as_ref())
            .map(|(driver, program)| driver.differs(&recipe.settings, &there.config, program));
        let note = match told {
            Some(Ok(note)) => note.unwrap_or_default(),
            Some(Err(failure)) if why_not.is_empty() => {
                why_not = loggia_model::problem::sentences(&failure.message, &failure.mend);
                String::new()
            }
            _ => String::new(),
        };
        Availability { environment: key.0, title, why_not, program, note }
    }

    /// Adds to the answer of an order that only tells what would happen what is known of where it would be made.
    pub(crate) fn tell_place(&self, environment: &str, answer: &mut Value) {
        let graph = self.graph();
        let named = |kind: &str, name: &str| graph.get(&Ref::new(kind, "default", name)).cloned();
        let release = answer.get("release").and_then(Value::as_str).and_then(|name| named("release", name));
        let (Some(release), Some(environment)) = (release, named("environment", environment)) else { return };
        let (Ok(release), Ok(spec)) = (release.spec::<ReleaseSpec>(), environment.spec::<EnvironmentSpec>()) else {
            return;
        };
        let place = self.place(&environment, &spec, &release);
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("whyNot".to_owned(), place.why_not.into());
            answer.insert("note".to_owned(), place.note.into());
            answer.insert("program".to_owned(), json!(place.program));
        }
    }

    /// Asks every driver that a release needs, once, whether it can work in every environment.
    pub async fn probe_all(&self, drivers: &Drivers) {
        let graph = self.graph();
        let mut probed = Probed::new();
        for (environment, spec) in specs(&graph) {
            for driver in wanted(&graph) {
                if backend(&spec, &driver).is_some() {
                    let said = self.probe(drivers, &environment, &spec, &driver).await;
                    probed.insert((environment.clone(), driver), said);
                }
            }
        }
        self.probed.store(Arc::new(probed));
    }

    async fn probe(&self, drivers: &Drivers, environment: &str, spec: &EnvironmentSpec, driver: &str) -> Probe {
        let not = |why_not: String| Probe { why_not, program: None };
        let Some(code) = drivers.get(driver) else {
            return not(format!("This server has no driver {driver}. Whoever runs it can add one."));
        };
        let backend = match crate::instance::request::backend(self, spec, environment, driver).await {
            Ok(backend) => backend,
            Err(error) => return not(error.to_string()),
        };
        let asked = async {
            backend.complete()?;
            code.probe(&backend).await?;
            code.program(&backend).await
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(program)) => Probe { why_not: String::new(), program },
            Ok(Err(failure)) => not(loggia_model::problem::sentences(&failure.message, &failure.mend)),
            Err(_) => not(format!("The backend in {environment} does not answer. It is asked again by itself.")),
        }
    }
}

/// Environments in the order that they say, then by name.
pub fn environments(graph: &Graph, audience: &Audience) -> Vec<Arc<Record>> {
    let mut all: Vec<Arc<Record>> = graph.of_kind(audience, "environment").collect();
    let order = |record: &Record| record.spec::<EnvironmentSpec>().ok().and_then(|spec| spec.order).unwrap_or(i64::MAX);
    all.sort_by_cached_key(|record| (order(record), record.reference.clone()));
    all
}

fn specs(graph: &Graph) -> Vec<(String, EnvironmentSpec)> {
    let spec = |record: Arc<Record>| Some((record.reference.name().to_owned(), record.spec().ok()?));
    graph.of_kind(&Audience::All, "environment").filter_map(spec).collect()
}

/// The drivers that releases name.
fn wanted(graph: &Graph) -> BTreeSet<String> {
    let driver = |record: Arc<Record>| Some(record.spec::<ReleaseSpec>().ok()?.recipe.driver);
    graph.of_kind(&Audience::All, "release").filter_map(driver).collect()
}

/// Asks again and again until `stop` turns true, and at once when the first records arrive.
pub(crate) async fn follow(app: Arc<App>, drivers: Arc<Drivers>, mut stop: watch::Receiver<bool>) {
    let mut positions = app.positions();
    while !*stop.borrow() {
        let empty = app.graph().is_empty();
        app.probe_all(&drivers).await;
        let works = app.probed.load().values().all(|said| said.why_not.is_empty());
        tokio::select! {
            () = tokio::time::sleep(if works { INTERVAL } else { SOON }) => {}
            _ = positions.changed(), if empty => {}
            _ = stop.changed() => return,
        }
    }
}
