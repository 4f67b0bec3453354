//! The estate: things that run and were not ordered here. They are reported, matched to what is offered, and climb from
//! observed to enrolled when their owner confirms them.

pub mod adopt;
pub mod agenda;
pub(crate) mod drift;
pub mod enrol;
pub mod exported_status;
pub mod leak_decision;
pub mod leaks;
pub mod look;
pub mod matching;
pub mod observation;
pub mod observed;
pub mod restored;
pub mod unmatched;
pub mod usage;
pub(crate) mod version_scale;
pub mod who_runs;
mod whose;

use crate::App;
use crate::access::caller::Caller;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::Result;
use crate::estate::matching::{Match, Rules, address, recognise};
use crate::estate::observed::check_names;
use crate::estate::unmatched::UnmatchedThing;
use crate::instance::order::{component, document, namespace_of};
use crate::record::visible;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::naming;
use loggia_model::{Micros, Record, Ref, Source, Uid};
pub use observed::Observed;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Takes in what reporters saw.
pub struct Observe {
    /// What was seen, in order.
    pub seen: Vec<Observed>,
}

impl Command for Observe {
    fn name(&self) -> &'static str {
        "instance.observe"
    }

    fn needs(&self, graph: &Graph, caller: &Caller) -> Vec<Need> {
        needs(&self.seen, graph, caller)
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        observed::check(&self.seen)?;
        let rules = matching::rules(graph, &ctx.caller.audience);
        let mut intake = Intake::new(graph, facts, ctx, 1);
        let answers = self.seen.iter().map(|seen| intake.take(&rules, seen)).collect::<Result<_>>()?;
        intake.changes.answer = Value::Array(answers);
        Ok(intake.changes)
    }
}

/// What must be known to tell an old report from a new one: when the instances of dated reports were seen last, and
/// until when those were there that are no more.
pub(crate) fn needs(seen: &[Observed], graph: &Graph, caller: &Caller) -> Vec<Need> {
    let mut dated = seen.iter().filter(|seen| seen.time.is_some()).peekable();
    if dated.peek().is_none() {
        return Vec::new();
    }
    let rules = matching::rules(graph, &caller.audience);
    let known = |seen: &Observed| {
        let seen = seen.plain();
        let team = whose::known(graph, caller, &seen)?;
        let found = recognise(&rules, graph, &caller.audience, &seen, &team).ok()?;
        let name = address(graph, &seen, &found, &team);
        Some(match graph.get(&name) {
            Some(record) => Need::LastSeen(record.uid),
            None => Need::Gone(name),
        })
    };
    dated.filter_map(known).collect()
}

/// Reports on their way into the estate, one after another: each is decided on what those before it made.
pub(crate) struct Intake<'a> {
    ctx: &'a Ctx<'a>,
    graph: Graph,
    /// When instances were seen last.
    seen: HashMap<Uid, Micros>,
    /// Until when those were there that are no more.
    gone: HashMap<Ref, Micros>,
    /// Teams whose names are their own, as was seen.
    checked: HashSet<Ref>,
    /// How often a report counts where it matches nothing.
    count: i64,
    pub(crate) changes: Changes,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(graph: &Graph, facts: &Facts, ctx: &'a Ctx<'a>, count: i64) -> Intake<'a> {
        let (seen, gone) = (facts.seen.clone(), facts.gone.clone());
        let (checked, changes) = (HashSet::new(), Changes::default());
        Intake { ctx, graph: graph.clone(), seen, gone, checked, count, changes }
    }

    /// Takes one report in and tells what became of it.
    pub(crate) fn take(&mut self, rules: &Rules, seen: &Observed) -> Result<Value> {
        let seen = &seen.plain();
        let Some(team) = whose::team(&self.graph, seen, self.ctx)? else {
            return self.unmatched(seen, whose::NOBODYS, None);
        };
        let first = self.changes.entries.len();
        let mut answer = match recognise(rules, &self.graph, &self.ctx.caller.audience, seen, &team) {
            Ok(found) => self.matched(seen, &found, &team)?,
            Err(why) => self.unmatched(seen, &why.to_string(), Some(&team))?,
        };
        let now = self.ctx.now;
        let news: Vec<_> = self.changes.entries[first..].iter().filter_map(|e| e.as_graph_change(now)).collect();
        self.graph.apply(&news);
        let warnings = self.warnings(seen, &team);
        if !warnings.is_empty() {
            answer["warnings"] = json!(warnings);
        }
        Ok(answer)
    }

    /// What a report names and nobody here knows. It is taken in all the same: what runs, runs.
    fn warnings(&self, seen: &Observed, team: &Ref) -> Vec<String> {
        let environment = Ref::new("environment", "default", &seen.environment);
        let knows = |reference: &Ref| visible(&self.graph, &self.ctx.caller.audience, reference).is_ok();
        let mut warnings = Vec::new();
        if !knows(&environment) {
            warnings.push(format!("There is no environment {}: add it, or correct the report.", environment.name()));
        }
        if !knows(team) {
            warnings.push(format!("There is no team {}: add it, or correct the report.", team.name()));
        }
        warnings
    }

    fn time(&self, seen: &Observed) -> Micros {
        seen.time.unwrap_or(self.ctx.now).min(self.ctx.now)
    }

    fn saw(&mut self, uid: Uid, time: Micros, how: &str) {
        let last = self.seen.entry(uid).or_insert(time);
        *last = time.max(*last);
        self.changes.saw(uid, time, how);
    }

    fn matched(&mut self, seen: &Observed, found: &Match, team: &Ref) -> Result<Value> {
        check_names(seen.name.as_ref().unwrap_or(&found.offering), &seen.environment)?;
        // Going through what a team has for each of its reports would cost the square of their number.
        if !self.checked.contains(team) {
            namespace_of(&self.graph, team)?;
            self.checked.insert(team.clone());
        }
        let reference = address(&self.graph, seen, found, team);
        let before = self.graph.get(&reference).cloned();
        if let Some(before) = before.as_ref().filter(|before| before.parse().spec_text("offering") != found.offering) {
            return self.clash(seen, before, team);
        }
        self.changes.matched.push(key_of(seen, Some(team)));
        // The same may have been reported before, when nobody knew whose it is.
        self.changes.matched.push(key_of(seen, None));
        let result = match before {
            None if seen.removed => "unknown",
            // What was seen before it was taken away is no news of it.
            None if seen.time.is_some() && self.gone.get(&reference).is_some_and(|end| self.time(seen) <= *end) => {
                "older"
            }
            None => self.create(seen, found, team)?,
            Some(before) => self.again(&before, seen, found)?,
        };
        Ok(json!({"instance": reference, "result": result, "offering": found.offering, "release": found.release}))
    }

    /// Another thing has the name already: neither is changed, and somebody is told.
    fn clash(&mut self, seen: &Observed, before: &Record, team: &Ref) -> Result<Value> {
        let known = Ref::new("offering", "default", before.parse().spec_text("offering"));
        let known = visible(&self.graph, &self.ctx.caller.audience, &known);
        let known = known.map_or_else(|_| "something else".to_owned(), |record| record.reference.name().to_owned());
        let name = before.reference.name();
        let why = format!("{name} of {} is {known} already. Report this under another name.", team.name());
        let mut answer = self.unmatched(seen, &why, Some(team))?;
        answer["result"] = "clash".into();
        Ok(answer)
    }

    fn create(&mut self, seen: &Observed, found: &Match, team: &Ref) -> Result<&'static str> {
        let name = seen.name.as_ref().unwrap_or(&found.offering);
        let time = self.time(seen);
        let status = status_of(InstanceStatus::default(), seen, found, time);
        let uid = self.ctx.uid();
        let document = document(&naming::namespace(team), name, &seen.environment, &observed_spec(seen, found, team))?;
        let draft = Draft::new(uid, &document, Source::server()).with_status(&serde_json::to_value(&status)?);
        self.changes.put("instance.observed", draft, json!({"how": status.known_by}));
        self.saw(uid, time, &status.known_by);
        Ok("created")
    }

    /// What is known already was seen again, changed, or taken away.
    fn again(&mut self, before: &Record, seen: &Observed, found: &Match) -> Result<&'static str> {
        let spec: InstanceSpec = before.spec()?;
        let time = self.time(seen);
        let last = self.seen.get(&before.uid).copied().filter(|_| seen.time.is_some());
        let older = last.is_some_and(|last| time < last);
        // The same description again is no new sighting: what was not seen for too long stays unknown.
        let same = last == Some(time);
        let managed = spec.step == Step::Managed;
        match (seen.removed, managed) {
            // A driver knows better than a reporter what it made.
            (true, true) => return Ok("managed"),
            (true, false) if older => return Ok("older"),
            (true, false) => {
                self.gone.insert(before.reference.clone(), time);
                self.changes.remove("instance.gone", before.uid, json!({"reported": true, "at": time}));
                return Ok("gone");
            }
            (false, _) => self.saw(before.uid, time, seen.how.as_deref().unwrap_or("pipeline")),
        }
        match (managed, older) {
            (true, false) if !same && before.typed_status::<InstanceStatus>()?.phase == Phase::Unknown => {
                self.there_again(before)
            }
            (true, _) => Ok("seen"),
            (false, true) => Ok("older"),
            (false, false) => self.change(before, spec, seen, found, same),
        }
    }

    /// What a driver holds and nobody had seen for too long was seen.
    fn there_again(&mut self, before: &Record) -> Result<&'static str> {
        let status = InstanceStatus { phase: Phase::Ready, ..before.typed_status()? };
        let draft = Draft::of(before).with_status(&serde_json::to_value(&status)?);
        self.changes.put("instance.observed", draft, Value::Null);
        Ok("seen")
    }

    fn change(
        &mut self,
        before: &Record,
        spec: InstanceSpec,
        seen: &Observed,
        found: &Match,
        same: bool,
    ) -> Result<&'static str> {
        let old: InstanceStatus = before.typed_status()?;
        let mut status = status_of(old.clone(), seen, found, self.time(seen));
        if same && old.phase == Phase::Unknown {
            status.phase = old.phase;
        }
        // The release of another version is not the one that it was.
        let kept = spec.target.clone().filter(|_| status.version == old.version);
        let target = found.release.clone().or(kept);
        if status == old && target == spec.target {
            return Ok("seen");
        }
        let mut text = before.parse();
        text.0["spec"] = serde_json::to_value(&InstanceSpec { target, ..spec })?;
        let draft = Draft::new(before.uid, &text, before.source.clone()).with_status(&serde_json::to_value(&status)?);
        self.changes.put("instance.observed", draft, json!({"from": old.version, "to": status.version}));
        Ok("changed")
    }

    /// Keeps what matched nothing, with why, so that somebody can mend the rules; what was taken away needs none.
    fn unmatched(&mut self, seen: &Observed, why: &str, team: Option<&Ref>) -> Result<Value> {
        let (key, time) = (key_of(seen, team), self.time(seen));
        if seen.removed {
            self.changes.matched.push(key);
            return Ok(json!({"result": "unknown", "why": why}));
        }
        self.changes.unmatched.push(UnmatchedThing {
            key,
            attributes: serde_json::to_value(seen)?,
            why: why.to_owned(),
            first_seen: time,
            last_seen: time,
            count: self.count,
            dismissed: false,
        });
        Ok(json!({"result": "unmatched", "why": why}))
    }
}

fn observed_spec(seen: &Observed, found: &Match, team: &Ref) -> InstanceSpec {
    InstanceSpec {
        offering: found.offering.clone(),
        step: Step::Observed,
        team: team.to_string(),
        environment: seen.environment.clone(),
        target: found.release.clone(),
        component: component(&seen.attributes),
        ..InstanceSpec::default()
    }
}

fn status_of(old: InstanceStatus, seen: &Observed, found: &Match, time: Micros) -> InstanceStatus {
    let said = found.version.as_ref().unwrap_or(&seen.version);
    let version = if said.is_empty() { old.version.clone() } else { said.clone() };
    let since = if version == old.version && old.since.is_some() { old.since } else { seen.since.or(Some(time)) };
    // The release of the same version may be one that this reporter does not see.
    let kept = if version == old.version { old.applied.clone() } else { String::new() };
    // A pipeline that reports the same does not know by what it was adopted.
    let mut attributes = seen.attributes.clone();
    if let Some(identity) = old.attributes.get(adopt::IDENTITY) {
        attributes.entry(adopt::IDENTITY).or_insert_with(|| identity.clone());
    }
    InstanceStatus {
        phase: Phase::Ready,
        applied: found.release.clone().unwrap_or(kept),
        version,
        since,
        known_by: seen.how.clone().unwrap_or_else(|| "pipeline".to_owned()),
        attributes,
        ..old
    }
}

/// What makes an unmatched thing the same when it is seen again.
fn key_of(seen: &Observed, team: Option<&Ref>) -> String {
    let team = team.map(Ref::as_str).unwrap_or_default();
    let name = seen.name.as_deref().unwrap_or(&seen.offering);
    format!("{team}/{name}.{}/{}", seen.environment, seen.offering)
}

impl App {
    /// When an instance was first and last seen.
    pub fn sighting(&self, uid: Uid) -> Option<(Micros, Micros)> {
        self.sightings.load().get(&uid).copied()
    }
}

/// Days after which something in an environment that was not seen is unknown.
pub(crate) fn unknown_after_days(graph: &Graph, environment: &str) -> i64 {
    let days = |record: &Record| record.parse().spec().and_then(|s| s.get("unknownAfterDays")).and_then(Value::as_i64);
    let own = graph.get(&Ref::new("environment", "default", environment));
    own.and_then(|record| days(record))
        .or_else(|| graph.of_kind(&Audience::All, "product").find_map(|record| days(&record)))
        .unwrap_or(14)
}
