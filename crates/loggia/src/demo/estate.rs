//! What runs on the example platform, as its file tells it.

use anyhow::{Context, Result};
use loggia_app::estate::Observed;
use loggia_app::instance::order::{OrderInput, Past};
use loggia_model::instance::Step;
use loggia_model::{Micros, Ref};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One running thing.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Running {
    /// What its reporter calls it; for managed things the name of the offering.
    pub offering: String,
    /// Version of what really runs.
    pub version: String,
    /// Name of the release that made it.
    #[serde(default)]
    pub release: Option<String>,
    /// Where.
    pub environment: String,
    /// Name of the team.
    pub team: String,
    /// Name within team and environment.
    pub name: String,
    /// How firmly the platform holds it.
    pub step: Step,
    /// The plan, for managed things.
    #[serde(default)]
    pub plan: Option<String>,
    /// Who reported it.
    pub how: String,
    /// Days since it was last seen.
    pub last_seen_days_ago: i64,
    /// Days since this version runs.
    pub since_days_ago: i64,
    /// What else is known.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// Reads the file.
///
/// # Errors
/// When a line is not as it must be.
pub fn read(text: &str) -> Result<Vec<Running>> {
    let lines = text.lines().enumerate();
    lines.map(|(at, line)| serde_json::from_str(line).with_context(|| format!("estate, line {}", at + 1))).collect()
}

impl Running {
    /// The group that runs it.
    pub fn team(&self) -> Ref {
        Ref::new("group", "default", &self.team)
    }

    /// Its name as an instance.
    pub fn instance(&self) -> Ref {
        Ref::new("instance", &self.team, &format!("{}.{}", self.name, self.environment))
    }

    /// Since when it runs.
    pub fn since(&self, now: Micros) -> Micros {
        now.plus_seconds(-self.since_days_ago * 86_400)
    }

    /// When it was last seen. What was seen today was seen within the last hours.
    pub fn last_seen(&self, now: Micros) -> Micros {
        now.plus_seconds(-self.last_seen_days_ago * 86_400)
    }

    /// As its reporter tells it.
    pub fn observed(&self, now: Micros) -> Observed {
        Observed {
            offering: self.offering.clone(),
            version: self.version.clone(),
            environment: self.environment.clone(),
            team: self.team.clone(),
            name: Some(self.name.clone()),
            attributes: self.attributes.clone(),
            time: Some(self.last_seen(now)),
            since: Some(self.since(now)),
            how: Some(self.how.clone()),
            removed: false,
            ..Observed::default()
        }
    }

    /// As its team ordered it, back then.
    pub fn order(&self, contract: &Value) -> OrderInput {
        OrderInput {
            offering: self.offering.clone(),
            plan: self.plan.clone(),
            release: self.release.clone(),
            environment: self.environment.clone(),
            team: self.team.clone(),
            name: self.name.clone(),
            inputs: self.inputs(contract),
            dry_run: false,
        }
    }

    /// What is known of it from before.
    pub fn past(&self, now: Micros) -> Past {
        Past {
            driver: "replay".to_owned(),
            version: self.version.clone(),
            since: self.since(now),
            attributes: self.attributes.clone(),
        }
    }

    /// What the contract asks for and has no default, as the team would have filled it in.
    fn inputs(&self, contract: &Value) -> Map<String, Value> {
        let required = contract.get("required").and_then(Value::as_array).into_iter().flatten();
        let words = self.name.replace('-', " ");
        let value = |name: &str| match name {
            "purpose" => json!(format!("Part of {}: {words}.", self.team.replace('-', " "))),
            "title" => json!(capital(&words)),
            "image" => json!(format!("images.meridian-lines.example/{}/{}:{}", self.team, self.name, self.version)),
            "repository" => json!(format!("https://code.meridian-lines.example/{}/{}", self.team, self.name)),
            _ => json!(self.name),
        };
        required.filter_map(Value::as_str).map(|name| (name.to_owned(), value(name))).collect()
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
