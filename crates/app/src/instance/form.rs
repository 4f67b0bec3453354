//! The form of an offering: what is asked, with the values that are most likely right and why.

use crate::App;
use crate::access::caller::Caller;
use crate::error::{Error, Result};
use crate::instance::program::Program;
use crate::record::schema;
use crate::record::team::no_team;
use crate::record::{suggestion, visible};
use crate::release::from_template;
use crate::release::offering::{self, release_for};
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::environment::EnvironmentSpec;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::{OfferingSpec, Plan};
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Record, Ref, RelationType, naming};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What narrows a form.
#[derive(Clone, Debug, Default)]
pub struct FormQuery {
    /// Name of the offering.
    pub offering: String,
    /// The team that it is for; the caller's own when absent.
    pub team: Option<String>,
    /// Name of the environment.
    pub environment: Option<String>,
    /// Version or range of the release; the newest when absent.
    pub release: Option<String>,
}

impl FormQuery {
    /// The same with plain names, however things are named in full.
    fn plain(&self) -> FormQuery {
        let shared =
            |kind: &str, text: &Option<String>| text.as_deref().map(|text| naming::shared(kind, text).to_owned());
        FormQuery {
            offering: naming::shared("offering", &self.offering).to_owned(),
            team: self.team.clone(),
            environment: shared("environment", &self.environment),
            release: shared("release", &self.release),
        }
    }
}

/// A value that is filled in, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Filled {
    /// The value.
    pub value: Value,
    /// Why, in a few words for people.
    pub why: String,
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Choice {
    /// The name to send.
    pub name: String,
    /// What people see.
    pub title: String,
}

/// An environment to choose.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceChoice {
    /// The name to send.
    pub name: String,
    /// What people see.
    pub title: String,
    /// Why it cannot be got there now, and what to do; empty when it can.
    pub why_not: String,
    /// The program that really serves there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// What differs there from what the version promises; empty when nothing does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The form of an offering.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// Name of the offering.
    pub offering: String,
    /// Its title.
    pub title: String,
    /// Name of the release that an order would get.
    pub release: String,
    /// Its version.
    pub version: String,
    /// The teams of the caller.
    pub teams: Vec<Choice>,
    /// The environments that offer it, with what is known of each.
    pub environments: Vec<PlaceChoice>,
    /// The plans.
    pub plans: Vec<Plan>,
    /// JSON Schema of the inputs.
    pub schema: Value,
    /// Names of inputs that are kept as secrets.
    pub secrets: Vec<String>,
    /// What is filled in, by the field of the order: `team`, `environment`, `plan`, and `inputs.<name>`.
    pub defaults: BTreeMap<String, Filled>,
}

impl App {
    /// The form of an offering for a caller.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an offering, a team or an environment that is not there or may not be seen.
    pub fn form(&self, caller: &Caller, query: &FormQuery) -> Result<Form> {
        let query = &query.plain();
        let graph = self.graph();
        let audience = &caller.audience;
        let offering = visible(&graph, audience, &Ref::new("offering", "default", &query.offering)).map_err(|_| {
            match from_template::instead(&graph, audience, &query.offering) {
                Some((message, mend)) => Error::NotFound(format!("{message}. {mend}.")),
                None => unknown(&graph, audience, "offering", &query.offering),
            }
        })?;
        let release = release_for(&graph, audience, offering.reference.name(), query.release.as_deref())?;
        let spec: ReleaseSpec = release.spec()?;
        let offered: OfferingSpec = offering.spec()?;
        let schema = Value::Object(spec.contract.inputs.clone());
        let found = Found { graph: &graph, caller, query, offering: &offering, schema: &schema };
        let team = found.team()?;
        let environments = found.environments(&spec.recipe.driver)?;
        let defaults = found.defaults(team.as_ref(), &environments, &offered);
        Ok(Form {
            offering: offering.reference.name().to_owned(),
            title: offering.parse().title().to_owned(),
            release: release.reference.name().to_owned(),
            teams: crate::record::team::own(&graph, caller).iter().filter_map(choice).collect(),
            environments: environments.into_iter().map(|choice| self.choice(&graph, choice, &spec)).collect(),
            version: spec.version,
            plans: offered.plans,
            secrets: schema::secret_names(&schema),
            schema,
            defaults,
        })
    }
}

impl App {
    /// An environment to choose, with what is known of it.
    fn choice(&self, graph: &Graph, choice: Choice, release: &ReleaseSpec) -> PlaceChoice {
        let Choice { name, title } = choice;
        let record = graph.get(&Ref::new("environment", "default", &name));
        let known = record.and_then(|record| Some(self.place(record, &record.spec().ok()?, release)));
        let (why_not, program, note) =
            known.map(|known| (known.why_not, known.program, known.note)).unwrap_or_default();
        PlaceChoice { name, title, why_not, program, note }
    }
}

fn choice(record: &Arc<Record>) -> Option<Choice> {
    let document = record.parse();
    let profile = document.spec().and_then(|spec| spec.pointer("/profile/displayName")?.as_str().map(str::to_owned));
    let title = profile.unwrap_or_else(|| document.title().to_owned());
    (!title.is_empty()).then(|| Choice { name: record.reference.short(record.reference.kind()), title })
}

/// What a form is made from.
struct Found<'a> {
    graph: &'a Graph,
    caller: &'a Caller,
    query: &'a FormQuery,
    offering: &'a Record,
    schema: &'a Value,
}

impl Found<'_> {
    /// The team that was named, else the first of the caller.
    fn team(&self) -> Result<Option<Ref>> {
        let Some(text) = &self.query.team else {
            return Ok(crate::record::team::own(self.graph, self.caller).first().map(|team| team.reference.clone()));
        };
        let (graph, audience) = (self.graph, &self.caller.audience);
        let missing = || Error::NotFound(no_team(graph, audience, text));
        let team = Ref::parse(text, Some("group"), "default").map_err(|_| missing())?;
        let record = visible(graph, audience, &team).map_err(|_| missing())?;
        Ok(Some(record.reference.clone()))
    }

    /// The environments that offer it and can make it.
    fn environments(&self, driver: &str) -> Result<Vec<Choice>> {
        let name = self.offering.reference.name();
        let offers = |record: &Arc<Record>| {
            let spec: Option<EnvironmentSpec> = record.spec().ok();
            spec.is_some_and(|spec| spec.allows(name) && offering::backend(&spec, driver).is_some())
        };
        let mut found: Vec<(i64, Choice)> = self
            .graph
            .of_kind(&self.caller.audience, "environment")
            .filter(offers)
            .filter_map(|record| Some((order(&record), choice(&record)?)))
            .collect();
        found.sort_by_key(|(order, _)| *order);
        let found: Vec<Choice> = found.into_iter().map(|(_, choice)| choice).collect();
        match &self.query.environment {
            Some(wish) if !found.iter().any(|choice| choice.name == *wish) => {
                let names = found.into_iter().map(|choice| choice.name).collect();
                let known = visible(self.graph, &self.caller.audience, &Ref::new("environment", "default", wish));
                let what = match known {
                    Ok(_) => format!("{name} is not offered in {wish}."),
                    Err(_) => format!("There is no environment {wish:?} that offers {name}."),
                };
                Err(Error::NotFound(format!("{what} {}", suggestion::hint(wish, names))))
            }
            _ => Ok(found),
        }
    }

    fn defaults(
        &self,
        team: Option<&Ref>,
        environments: &[Choice],
        offered: &OfferingSpec,
    ) -> BTreeMap<String, Filled> {
        let mut filled = BTreeMap::new();
        let mut fill = |field: String, value: Value, why: &str| {
            filled.entry(field).or_insert_with(|| Filled { value, why: why.to_owned() });
        };
        if let Some(team) = team {
            let why = if self.query.team.is_some() { "as you asked" } else { "your team" };
            fill("team".into(), json!(team.short("group")), why);
        }
        let last = team.and_then(|team| self.last(team));
        let as_last = last.as_ref().map(|(name, _)| format!("as in {name}, the last time")).unwrap_or_default();
        let known = |name: &str| environments.iter().any(|choice| choice.name == name);
        if let Some(wish) = &self.query.environment {
            fill("environment".into(), json!(wish), "as you asked");
        } else if let Some((_, spec)) = last.as_ref().filter(|(_, spec)| known(&spec.environment)) {
            fill("environment".into(), json!(spec.environment), &as_last);
        } else if let Some(first) = environments.first() {
            fill("environment".into(), json!(first.name), "the first in the order of environments");
        }
        if let Some(plan) = last.as_ref().and_then(|(_, spec)| spec.plan.as_ref())
            && offered.plan(Some(&plan.name)).is_some()
        {
            fill("plan".into(), json!(plan.name), &as_last);
        }
        if let Some(plan) = offered.plan(None) {
            fill("plan".into(), json!(plan.name), "the usual plan");
        }
        self.inputs(team, last.as_ref().map(|(_, spec)| &spec.inputs), &as_last, &mut fill);
        filled
    }

    fn inputs(
        &self,
        team: Option<&Ref>,
        last: Option<&Map<String, Value>>,
        as_last: &str,
        fill: &mut impl FnMut(String, Value, &str),
    ) {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        let secrets = schema::secret_names(self.schema);
        for (name, property) in properties.into_iter().flatten().filter(|(name, _)| !secrets.contains(name)) {
            let field = format!("inputs.{name}");
            let from = property.get("x-default-from").and_then(Value::as_str).unwrap_or_default();
            let (value, why) = match from {
                "last" => (last.and_then(|inputs| inputs.get(name)).cloned(), as_last),
                "team" => (team.map(|team| json!(team.name())), "your team"),
                "person" => (self.caller.user().map(|user| json!(user.name())), "you"),
                _ => (None, ""),
            };
            let fits = |value: &Value| schema::check(property, value, "").is_empty();
            if let Some(value) = value.filter(fits) {
                fill(field.clone(), value, why);
            }
            if let Some(value) = property.get("default") {
                fill(field, value.clone(), "the usual value");
            }
        }
    }

    /// What the team got of this offering last, as far as the caller may see it.
    fn last(&self, team: &Ref) -> Option<(String, InstanceSpec)> {
        let all = self.graph.related(&self.caller.audience, &self.offering.reference, RelationType::HAS_INSTANCE);
        let own = all.into_iter().filter_map(|record| {
            let spec: InstanceSpec = record.spec().ok()?;
            (spec.team_ref().as_ref() == Some(team) && spec.plan.is_some()).then_some((record, spec))
        });
        let (record, spec) = own.max_by_key(|(record, _)| (record.created_at, record.uid))?;
        Some((record.reference.name().to_owned(), spec))
    }
}

/// Nothing of a kind has a name; what may have been meant.
fn unknown(graph: &Graph, audience: &Audience, kind: &str, wanted: &str) -> Error {
    let near = suggestion::of_kind(graph, audience, kind, wanted);
    Error::NotFound(format!("There is no {kind} {wanted:?}. {near}"))
}

fn order(record: &Record) -> i64 {
    record.spec::<EnvironmentSpec>().ok().and_then(|spec| spec.order).unwrap_or(i64::MAX)
}
