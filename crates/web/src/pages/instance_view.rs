//! What the page of an instance shows.

use super::changes::{Happened, happened};
use super::clone::{self, CloneLogin};
use super::visit::Visit;
use super::words::{self, When};
use super::{change_request, entity, offer, operation, team};
use crate::design::{Fact, Fault, StepLine};
use crate::shell::{Link, Place, Shell};
use askama::Template;
use loggia_app::Error;
use loggia_app::change_request::WAITS;
use loggia_app::history::Past;
use loggia_app::offering::release_for;
use loggia_app::policy::{Action, Subject};
use loggia_app::writing::subject_of;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Step, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::{Operation, State};
use loggia_model::{Record, Ref};
use serde_json::Value;

/// How many entries of the past are shown.
const PAST: i64 = 20;

/// The page of an instance.
#[derive(Template)]
#[template(path = "instance/page.html")]
pub struct InstancePage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    lede: String,
    href: String,
    state: (&'static str, &'static str),
    step: &'static str,
    meaning: &'static str,
    facts: Vec<Fact>,
    /// What was filled in, and what was reported with it.
    said: Vec<Fact>,
    seen: When,
    since: When,
    /// Address of the stream while something is happening; empty otherwise.
    live: String,
    sentence: &'static str,
    steps: Vec<StepLine>,
    lines: Vec<String>,
    fault: Option<Fault>,
    conditions: Vec<ConditionLine>,
    outputs: Vec<Output>,
    connect: String,
    clone: Option<CloneLogin>,
    history: Vec<Happened>,
    relations: Vec<(String, Vec<Link>)>,
    may: May,
    newer_version: String,
    /// The version that waits to be merged; empty when none does.
    change: String,
    /// Why the version that it has was withdrawn.
    withdrawn: String,
    entity: String,
}

/// What the caller may do with it now.
#[derive(Default)]
struct May {
    destroy: bool,
    retry: bool,
    look: bool,
    enrol: bool,
    withdraw: bool,
    take_over: bool,
    orphan: bool,
    upgrade: bool,
    go_back: bool,
}

/// A statement about it.
struct ConditionLine {
    state: &'static str,
    word: String,
    text: String,
}

/// Something that one needs to reach it.
struct Output {
    label: String,
    name: String,
    help: String,
    value: String,
    secret: bool,
    shown: bool,
    link: bool,
}

/// What the page shows once, because it was just asked for.
#[derive(Default)]
pub enum Shown {
    /// Nothing.
    #[default]
    Nothing,
    /// A secret output: its name and its value.
    Output(String, String),
    /// A token to clone it with.
    Token(String),
}

/// Gathers the page.
pub async fn page(visit: &Visit, record: &Record, shown: Shown) -> Result<InstancePage, Error> {
    let (shown, token) = match shown {
        Shown::Nothing => (None, String::new()),
        Shown::Output(name, value) => (Some((name, value)), String::new()),
        Shown::Token(token) => (None, token),
    };
    let app = visit.app();
    let spec: InstanceSpec = record.spec()?;
    let status: InstanceStatus = record.typed_status()?;
    let operations = app.operations_of(record.uid, 1).await?;
    let newest = operations.first();
    let row = app.row(&visit.graph, visit.audience(), record);
    let phase = row.as_ref().map_or(status.phase, |row| row.phase);
    let (first, last) = app.sighting(record.uid).unzip();
    let base = loggia_app::request::base_name(&record.reference, &spec.environment);
    let lines = match newest {
        Some(operation) => app.log_lines(operation.id, -1).await?.into_iter().map(|line| line.text).collect(),
        None => Vec::new(),
    };
    let release = status_release(visit, &spec, &status);
    let may = may(visit, record, (&spec, &status), phase, newest);
    let past = app.past(&visit.caller, &record.reference, PAST).await?;
    let team = spec.team_ref().unwrap_or_else(|| Ref::new("group", "default", record.reference.namespace()));
    let href = super::instance::href(&record.reference);
    Ok(InstancePage {
        shell: Shell {
            command: format!("loggia describe instance/{}/{}", record.reference.namespace(), record.reference.name()),
            json_twin: format!("/api/v1/records/instance/{}/{}", record.reference.namespace(), record.reference.name()),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new(title_of(visit, &team), team::href(&team))],
        lede: lede(visit, &spec),
        state: words::phase(phase, spec.step),
        step: words::step(spec.step),
        meaning: words::step_meaning(spec.step),
        facts: facts(visit, &spec, &status, release.as_ref()),
        said: spec.inputs.iter().chain(&status.attributes).filter_map(|(name, v)| said(visit, name, v)).collect(),
        seen: When::ago(app.now(), last),
        since: When::ago(app.now(), status.since.or(first)),
        live: newest
            .filter(|op| !op.state.is_end())
            .map(|op| format!("/operations/{}/events", op.id))
            .unwrap_or_default(),
        sentence: newest.map(operation::sentence).unwrap_or_default(),
        steps: newest.map(|op| operation::steps(op, Vec::new(), app.now())).unwrap_or_default(),
        lines,
        fault: newest.and_then(|op| fault(op, &spec)),
        conditions: status.conditions.iter().filter(|c| c.kind != "Failed" && c.kind != WAITS).map(condition).collect(),
        connect: connect(&status),
        clone: clone::login(visit, &status, token),
        outputs: outputs(
            &status,
            release.as_ref(),
            shown,
            visit.app().require(&visit.caller, Action::Reveal, &subject_of(&record.parse())).is_ok(),
        ),
        history: happened(visit, &past),
        relations: relations(visit, &record.reference),
        newer_version: newer(visit, &spec, release.as_ref()),
        change: change_request::waiting(&status),
        withdrawn: row.map(|row| row.withdrawn).unwrap_or_default(),
        entity: entity::page(&record.reference),
        title: base,
        may,
        href,
    })
}

/// The page of what is gone, from what is kept about it.
pub async fn gone(visit: &Visit, past: &Past) -> Result<GonePage, Error> {
    let spec: InstanceSpec = past.record.spec()?;
    let last = past.events.iter().find(|event| event.kind.contains("instance.gone"));
    let reported = last.is_some_and(|event| event.data.get("reported").is_some());
    let operations = visit.app().operations_of(past.record.uid, 1).await?;
    let now = visit.app().now();
    Ok(GonePage {
        shell: visit.shell(Some(Place::Team)),
        title: loggia_app::request::base_name(&past.record.reference, &spec.environment),
        lede: lede(visit, &spec),
        when: When::ago(now, last.map(|event| event.time)),
        proof: if reported {
            "Whoever ran it reported that it was taken away."
        } else {
            "We looked for it after it was destroyed, and it was not there any more."
        },
        steps: operations.first().map(|op| operation::steps(op, Vec::new(), now)).unwrap_or_default(),
        history: happened(visit, past),
        again: format!("{}/new", offer::href(&spec.offering)),
    })
}

/// The page of what is gone.
#[derive(Template)]
#[template(path = "instance/gone.html")]
pub struct GonePage {
    shell: Shell,
    title: String,
    lede: String,
    when: When,
    proof: &'static str,
    steps: Vec<StepLine>,
    history: Vec<Happened>,
    again: String,
}

fn title_of(visit: &Visit, reference: &Ref) -> String {
    let seen = visit.graph.get(reference).filter(|record| visit.graph.visible(visit.audience(), record));
    seen.map_or_else(|| reference.name().to_owned(), |record| entity::title(record))
}

/// "PostgreSQL in Development, for Booking."
fn lede(visit: &Visit, spec: &InstanceSpec) -> String {
    let offering = title_of(visit, &Ref::new("offering", "default", &spec.offering));
    let environment = title_of(visit, &Ref::new("environment", "default", &spec.environment));
    let team = spec.team_ref().map(|team| title_of(visit, &team)).unwrap_or_default();
    format!("{offering} in {environment}, for {team}.")
}

fn status_release(visit: &Visit, spec: &InstanceSpec, status: &InstanceStatus) -> Option<ReleaseSpec> {
    let name = if status.applied.is_empty() { spec.target.as_deref()? } else { status.applied.as_str() };
    visit.graph.get(&Ref::new("release", "default", name))?.spec().ok()
}

fn facts(visit: &Visit, spec: &InstanceSpec, status: &InstanceStatus, release: Option<&ReleaseSpec>) -> Vec<Fact> {
    let mut facts = vec![Fact::link(
        "Offering",
        title_of(visit, &Ref::new("offering", "default", &spec.offering)),
        offer::href(&spec.offering),
    )];
    if !status.version.is_empty() {
        facts.push(Fact::new("Version that runs", &status.version));
    }
    if let Some(release) = release {
        facts.push(Fact::new("Release", &release.version));
    }
    if let Some(plan) = &spec.plan {
        let limits = words::limits(&plan.limits);
        let price = words::price(plan.price.as_ref());
        let parts: Vec<String> =
            [words::capital(&plan.name), limits, price].into_iter().filter(|p| !p.is_empty()).collect();
        facts.push(Fact::new("Plan", parts.join(" · ")));
    }
    facts.push(Fact::new("Environment", title_of(visit, &Ref::new("environment", "default", &spec.environment))));
    if let Some(team) = spec.team_ref() {
        facts.push(Fact::link("Team", title_of(visit, &team), team::href(&team)));
    }
    if let Some(contact) = spec.contact.as_deref().and_then(|text| Ref::parse(text, Some("user"), "default").ok()) {
        facts.push(Fact::link("Contact", title_of(visit, &contact), entity::href(&contact)));
    }
    facts.push(Fact::new("How it is known", words::known_by(&status.known_by)));
    facts
}

/// Something that was filled in or reported; the name of a known thing leads to it.
fn said(visit: &Visit, name: &str, value: &Value) -> Option<Fact> {
    let text = words::plain(value);
    if text.is_empty() || value.is_object() {
        return None;
    }
    let label = words::label(name);
    let named = text
        .parse::<Ref>()
        .ok()
        .filter(|named| visit.graph.get(named).is_some_and(|r| visit.graph.visible(visit.audience(), r)));
    Some(match named {
        Some(named) => Fact::link(label, title_of(visit, &named), entity::href(&named)),
        None => Fact::new(label, text),
    })
}

/// A version that is newer than the one that it has.
fn newer(visit: &Visit, spec: &InstanceSpec, release: Option<&ReleaseSpec>) -> String {
    let newest = release_for(&visit.graph, visit.audience(), &spec.offering, None).ok();
    let newest = newest.and_then(|record| record.spec::<ReleaseSpec>().ok());
    let version = |spec: &ReleaseSpec| loggia_model::version::Version::parse(&spec.version);
    match (newest, release) {
        (Some(newest), Some(release)) if version(&newest) > version(release) => newest.version,
        _ => String::new(),
    }
}

fn may(
    visit: &Visit,
    record: &Record,
    (spec, status): (&InstanceSpec, &InstanceStatus),
    phase: Phase,
    newest: Option<&Operation>,
) -> May {
    let subject: Subject = subject_of(&record.parse());
    let allowed = |action| visit.app().require(&visit.caller, action, &subject).is_ok();
    let busy = newest.is_some_and(|op| !op.state.is_end());
    let managed = spec.step == Step::Managed && allowed(Action::Operate);
    let enrol = allowed(Action::Enrol);
    May {
        destroy: managed && phase != Phase::Deleting,
        retry: managed && !busy && phase == Phase::Failed,
        look: managed && !busy,
        enrol: enrol && spec.step == Step::Observed,
        withdraw: enrol && spec.step == Step::Enrolled,
        take_over: allowed(Action::Operate) && spec.step == Step::Enrolled && spec.target.is_some() && !busy,
        orphan: managed && !busy && phase != Phase::Deleting,
        upgrade: managed && !busy && status.change.is_none(),
        go_back: managed && !busy && status.earlier.is_some() && status.change.is_none(),
    }
}

fn condition(condition: &Condition) -> ConditionLine {
    // Most statements say that something is as it should be; these say the opposite.
    let warning =
        matches!(condition.kind.as_str(), "SourceGone" | "UpgradeFailed" | "Drifted" | "Unused" | "Deprecated");
    let state = match (condition.status, warning) {
        (Verdict::Unknown, _) => "unknown",
        (Verdict::True, false) | (Verdict::False, true) => "ok",
        (Verdict::True, true) => "warn",
        (Verdict::False, false) => "bad",
    };
    let name = words::spaced(&condition.kind);
    let word = if condition.status == Verdict::False { format!("not {name}") } else { name };
    ConditionLine { state, word, text: condition.message.clone() }
}

fn outputs(
    status: &InstanceStatus,
    release: Option<&ReleaseSpec>,
    shown: Option<(String, String)>,
    may_reveal: bool,
) -> Vec<Output> {
    let described = |name: &str| {
        let properties = release.and_then(|spec| spec.contract.outputs.as_ref()?.get("properties"));
        properties.and_then(|all| all.get(name)?.get("description")?.as_str()).unwrap_or_default().to_owned()
    };
    // An address that is known with its password too needs no copy without; and this page is not worth a link to itself.
    let worth = |name: &&String| name.as_str() != "page" && !status.secret_outputs.contains(name);
    let plain = status.outputs.iter().filter(|(name, _)| worth(name)).map(|(name, value)| {
        let value = words::plain(value);
        let link = value.starts_with("https://") || value.starts_with("http://") || value.starts_with('/');
        output(name, described(name), value, false, link)
    });
    let mut all: Vec<Output> = plain.collect();
    if may_reveal {
        all.extend(status.secret_outputs.iter().map(|name| output(name, described(name), String::new(), true, false)));
    }
    if let Some((name, value)) = shown
        && let Some(output) = all.iter_mut().find(|output| output.name == name)
    {
        (output.value, output.shown) = (value, true);
    }
    all
}

fn output(name: &str, help: String, value: String, secret: bool, link: bool) -> Output {
    let label = words::label(name);
    Output { label, name: name.to_owned(), help, value, secret, shown: !secret, link }
}

/// The one line with which one begins to use it; empty where no such line is known.
fn connect(status: &InstanceStatus) -> String {
    let text = |name: &str| status.outputs.get(name).map(words::plain).unwrap_or_default();
    if !text("clone_url").is_empty() {
        return format!("git clone {}", text("clone_url"));
    }
    let (host, database, user) = (text("host"), text("database"), text("user"));
    if [&host, &database, &user].iter().all(|part| !part.is_empty()) {
        let port = text("port");
        return format!("psql \"host={host} port={port} dbname={database} user={user}\"");
    }
    String::new()
}

/// What went wrong, as an answer.
fn fault(operation: &Operation, spec: &InstanceSpec) -> Option<Fault> {
    if operation.message.is_empty() || operation.state == State::Succeeded {
        return None;
    }
    let waits = operation.state != State::Failed;
    Some(Fault {
        what: if waits {
            "It does not go on right now".to_owned()
        } else {
            operation::sentence(operation).trim_end_matches('.').to_owned()
        },
        why: operation.message.clone(),
        who: format!("Whoever runs {} in {}", operation.driver, spec.environment),
        mend: if operation.mend.is_empty() { "Try again.".to_owned() } else { operation.mend.clone() },
        id: operation.id.to_string(),
    })
}

fn relations(visit: &Visit, reference: &Ref) -> Vec<(String, Vec<Link>)> {
    entity::relations(visit, reference).into_iter().filter(|(word, _)| word != "Belongs to").collect()
}
