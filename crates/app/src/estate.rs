//! The estate: things that run and were not ordered here. They are reported, matched to what is offered, and climb from
//! observed to enrolled when their owner confirms them.

use crate::App;
use crate::caller::Caller;
use crate::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::matching::{Match, Unmatched, match_offering};
use crate::order::{component, document, namespace_of};
use crate::policy::{Action, Subject};
use crate::record::visible;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::{Micros, Record, Ref, Source, Uid};
pub use loggia_store::Unmatched as UnmatchedThing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One thing that runs, as a pipeline or another reporter saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observed {
    /// What the reporter calls it; the rules of the offerings say what it is.
    #[schemars(length(min = 1, max = 200))]
    pub offering: String,
    /// Version of what runs.
    #[serde(default)]
    pub version: String,
    /// Name of the environment.
    #[schemars(regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_]{0,18}[A-Za-z0-9])?$"))]
    pub environment: String,
    /// The team that runs it, as `booking` or `group:default/booking`.
    #[schemars(regex(
        pattern = r"^([Gg]roup:)?([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
    ))]
    pub team: String,
    /// Name within team and environment; the name of the offering when absent.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,38}[A-Za-z0-9])?$"))]
    pub name: Option<String>,
    /// What else the reporter knows, such as `image`, `chart` or `resource`.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// When it was seen; now when absent. Never later than now.
    #[serde(default)]
    pub time: Option<Micros>,
    /// Since when this version runs, when the reporter knows.
    #[serde(default)]
    pub since: Option<Micros>,
    /// Who saw it, such as `pipeline`, `terraform`, `cdevents`.
    #[serde(default)]
    pub how: Option<String>,
    /// The reporter says that it was taken away.
    #[serde(default)]
    pub removed: bool,
}

/// Takes in what reporters saw.
pub struct Observe {
    /// What was seen, in order.
    pub seen: Vec<Observed>,
}

impl Command for Observe {
    fn name(&self) -> &'static str {
        "instance.observe"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(self.seen.len());
        let mut after = graph.clone();
        let rules = crate::matching::rules(graph);
        for seen in &self.seen {
            let first = changes.entries.len();
            let answer = match match_offering(&rules, graph, seen) {
                Ok(found) => observe_one(&mut changes, &after, seen, &found, ctx)?,
                Err(why) => unmatched(&mut changes, seen, &why, ctx)?,
            };
            let news: Vec<_> = changes.entries[first..].iter().filter_map(|e| e.as_graph_change(ctx.now)).collect();
            after.apply(&news);
            answers.push(answer);
        }
        changes.answer = Value::Array(answers);
        Ok(changes)
    }
}

/// The team of a report, checked: only who may speak for a team may say what it runs.
fn team(seen: &Observed, ctx: &Ctx<'_>) -> Result<Ref> {
    let team = Ref::parse(&seen.team, Some("group"), "default").map_err(|_| {
        Error::invalid(
            "observe.team",
            "team",
            "This is not the name of a team",
            "Give it as booking or group:default/booking.",
        )
    })?;
    ctx.require(Action::Observe, &Subject { team: Some(team.clone()), owner: None })?;
    Ok(team)
}

/// Names become part of the instance's name, so they follow its rules, whatever the way in.
fn check_names(name: &str, environment: &str) -> Result<()> {
    let fits = |text: &str, most: usize, more: &[u8]| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        bytes.len() <= most && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|b| inner(*b))
    };
    let mend = "Use letters, digits, hyphens and underscores, beginning and ending with a letter or digit.";
    if !fits(environment, 20, b"-_") {
        let message = format!("{environment:?} cannot be the name of an environment");
        return Err(Error::invalid("observe.environment", "environment", message, mend));
    }
    if !fits(name, 40, b"-_.") {
        return Err(Error::invalid("observe.name", "name", format!("{name:?} cannot be a name"), mend));
    }
    Ok(())
}

fn observe_one(changes: &mut Changes, graph: &Graph, seen: &Observed, found: &Match, ctx: &Ctx<'_>) -> Result<Value> {
    let team = team(seen, ctx)?;
    let name = seen.name.clone().unwrap_or_else(|| found.offering.clone());
    check_names(&name, &seen.environment)?;
    let namespace = namespace_of(graph, &team)?;
    let reference = Ref::new("instance", &namespace, &format!("{name}.{}", seen.environment));
    let time = seen.time.unwrap_or(ctx.now).min(ctx.now);
    changes.matched.push(key_of(seen, &team));
    let answer = |what: &str| json!({"instance": reference, "result": what, "offering": found.offering, "release": found.release});
    let Some(before) = graph.get(&reference) else {
        if seen.removed {
            return Ok(answer("unknown"));
        }
        let spec = observed_spec(seen, found, &team);
        let status = status_of(InstanceStatus::default(), seen, found, time);
        let uid = ctx.uid();
        let document = document(&namespace, &name, &seen.environment, &spec)?;
        let draft = Draft::new(uid, &document, Source::server()).with_status(&serde_json::to_value(&status)?);
        changes.put("instance.observed", draft, json!({"how": status.known_by}));
        changes.saw(uid, time, &status.known_by);
        return Ok(answer("created"));
    };
    let spec: InstanceSpec = before.spec()?;
    if seen.removed {
        return removed(changes, before, &spec, answer);
    }
    changes.saw(before.uid, time, seen.how.as_deref().unwrap_or("pipeline"));
    let old: InstanceStatus = before.typed_status()?;
    // A driver knows better than a reporter what it made.
    if spec.step == Step::Managed {
        return Ok(answer("seen"));
    }
    let status = status_of(old.clone(), seen, found, time);
    let target = found.release.clone().or_else(|| spec.target.clone());
    if status == old && target == spec.target {
        return Ok(answer("seen"));
    }
    let spec = InstanceSpec { target, ..spec };
    let document = document(&namespace, &name, &seen.environment, &spec)?;
    let draft = Draft::new(before.uid, &document, before.source.clone()).with_status(&serde_json::to_value(&status)?);
    changes.put("instance.observed", draft, json!({"from": old.version, "to": status.version}));
    Ok(answer("changed"))
}

/// A reporter says that it is gone. For what is only observed this is the proof; what is managed is looked at.
fn removed(
    changes: &mut Changes,
    before: &Record,
    spec: &InstanceSpec,
    answer: impl Fn(&str) -> Value,
) -> Result<Value> {
    if spec.step == Step::Managed {
        return Ok(answer("managed"));
    }
    changes.remove("instance.gone", before.uid, json!({"reported": true}));
    Ok(answer("gone"))
}

fn observed_spec(seen: &Observed, found: &Match, team: &Ref) -> InstanceSpec {
    InstanceSpec {
        offering: found.offering.clone(),
        step: Step::Observed,
        team: team.to_string(),
        environment: seen.environment.clone(),
        constraint: None,
        target: found.release.clone(),
        plan: None,
        inputs: Map::new(),
        contact: None,
        component: component(&seen.attributes),
    }
}

fn status_of(old: InstanceStatus, seen: &Observed, found: &Match, time: Micros) -> InstanceStatus {
    let version = if seen.version.is_empty() { old.version.clone() } else { seen.version.clone() };
    let since = if version == old.version && old.since.is_some() { old.since } else { seen.since.or(Some(time)) };
    InstanceStatus {
        phase: Phase::Ready,
        applied: found.release.clone().unwrap_or_default(),
        version,
        since,
        known_by: seen.how.clone().unwrap_or_else(|| "pipeline".to_owned()),
        attributes: seen.attributes.clone(),
        ..old
    }
}

/// What makes an unmatched thing the same when it is seen again.
fn key_of(seen: &Observed, team: &Ref) -> String {
    let name = seen.name.as_deref().unwrap_or(&seen.offering);
    format!("{team}/{name}.{}/{}", seen.environment, seen.offering)
}

/// Keeps what matched nothing, with why, so that somebody can mend the rules.
fn unmatched(changes: &mut Changes, seen: &Observed, why: &Unmatched, ctx: &Ctx<'_>) -> Result<Value> {
    let team = team(seen, ctx)?;
    let time = seen.time.unwrap_or(ctx.now).min(ctx.now);
    changes.unmatched.push(UnmatchedThing {
        key: key_of(seen, &team),
        attributes: serde_json::to_value(seen)?,
        why: why.to_string(),
        first_seen: time,
        last_seen: time,
        count: 1,
    });
    Ok(json!({"result": "unmatched", "why": why.to_string()}))
}

/// The owner confirms that an observed thing is theirs.
pub struct Enrol {
    /// The instance.
    pub instance: Ref,
    /// Back down: it is only observed again.
    pub withdraw: bool,
}

impl Command for Enrol {
    fn name(&self) -> &'static str {
        if self.withdraw { "instance.withdraw" } else { "instance.enrol" }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Enrol, &crate::writing::subject_of(&record.parse()))?;
        let spec: InstanceSpec = record.spec()?;
        let (from, to) =
            if self.withdraw { (Step::Enrolled, Step::Observed) } else { (Step::Observed, Step::Enrolled) };
        let answer = json!({"instance": self.instance, "step": to});
        if spec.step == to {
            return Ok(Changes::answer(answer));
        }
        if spec.step != from {
            return Err(Error::refused(
                "instance.step",
                "A driver of this platform holds it already.",
                "There is nothing to do.",
            ));
        }
        let contact = ctx.caller.user().map(ToString::to_string).or_else(|| spec.contact.clone());
        let spec = InstanceSpec { step: to, contact, ..spec };
        let mut text = record.parse();
        text.0["spec"] = serde_json::to_value(&spec)?;
        let mut draft = Draft::new(record.uid, &text, record.source.clone());
        draft.status = record.status.as_deref().map(str::to_owned);
        let mut changes = Changes::answer(answer);
        changes.put(if self.withdraw { "instance.withdrawn" } else { "instance.enrolled" }, draft, Value::Null);
        Ok(changes)
    }
}

impl App {
    /// When an instance was first and last seen.
    pub fn sighting(&self, uid: Uid) -> Option<(Micros, Micros)> {
        self.sightings.load().get(&uid).copied()
    }

    /// Days after which something in an environment that was not seen is unknown.
    pub fn unknown_after_days(&self, graph: &Graph, environment: &str) -> i64 {
        let days =
            |record: &Record| record.parse().spec().and_then(|s| s.get("unknownAfterDays")).and_then(Value::as_i64);
        let own = graph.get(&Ref::new("environment", "default", environment));
        own.and_then(|record| days(record))
            .or_else(|| graph.of_kind(&Audience::All, "product").find_map(|record| days(&record)))
            .unwrap_or(14)
    }

    /// What was reported and matches nothing that is offered.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the caller is of the product team.
    pub async fn unmatched(&self, caller: &Caller) -> Result<Vec<UnmatchedThing>> {
        self.require(caller, Action::Sync, &Subject::default())?;
        Ok(self.store.unmatched(10_000).await?)
    }
}
