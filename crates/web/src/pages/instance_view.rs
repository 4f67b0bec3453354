//! What the page of an instance shows.

use super::changes::{Happened, happened};
use super::clone::{self, CloneLogin};
use super::condition::{ConditionLine, asks, condition};
use super::environment::{self, Asked};
use super::instance_outputs::{Output, connect, outputs};
use super::visit::Visit;
use super::words::{self, When};
use super::{change_request, composition, entity, instance_access, offer, operation, team, upgrade, workload};
use crate::design::{Fact, Fault, StepLine};
use crate::shell::{Link, Place, Shell};
use askama::Template;
use loggia_app::Error;
use loggia_app::access::policy::{Action, Subject};
use loggia_app::access::writing::subject_of;
use loggia_app::instance::change_request::WAITS;
use loggia_app::record::history::Past;
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::operation::Operation;
use loggia_model::{Record, Ref, Uid};
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
    /// Which try it is, when the next one comes, and why the last one did not work.
    /// What is being tried now, while that takes long.
    hangs: String,
    tries: String,
    steps: Vec<StepLine>,
    lines: Vec<String>,
    fault: Option<Fault>,
    conditions: Vec<ConditionLine>,
    outputs: Vec<Output>,
    connect: String,
    clone: Option<CloneLogin>,
    /// Who has access with a credential of their own.
    access: instance_access::Section,
    history: Vec<Happened>,
    relations: Vec<(String, Vec<Link>)>,
    may: May,
    newer_version: String,
    /// What waits until somebody agrees.
    asked: Option<Asked>,
    /// The version that people bring.
    change: Option<change_request::Notice>,
    /// What is kept of an earlier version, in a sentence; empty when nothing is.
    kept: String,
    /// Why the version that it has was withdrawn.
    withdrawn: String,
    entity: String,
    /// What it is made of, and why.
    made_of: composition::MadeOf,
    /// The workload that was deployed as it.
    workload: Option<Link>,
}

/// What the caller may do with it now.
#[derive(Default)]
struct May {
    destroy: bool,
    retry: bool,
    repair: bool,
    look: bool,
    enrol: bool,
    withdraw: bool,
    take_over: bool,
    orphan: bool,
    /// Giving up what waits for its hours, or for people to bring it.
    give_up: bool,
    upgrade: bool,
    go_back: bool,
    access: bool,
    /// Another plan, or other inputs.
    change: bool,
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
    /// The credential of a consumer: of which access, and what gets it in.
    Access(Uid, Vec<Fact>),
}

/// Gathers the page.
pub async fn page(visit: &Visit, record: &Record, shown: Shown) -> Result<InstancePage, Error> {
    let (shown, token, credential) = match shown {
        Shown::Nothing => (None, String::new(), None),
        Shown::Output(name, value) => (Some((name, value)), String::new(), None),
        Shown::Token(token) => (None, token, None),
        Shown::Access(id, facts) => (None, String::new(), Some((id, facts))),
    };
    let app = visit.app();
    let spec: InstanceSpec = record.spec()?;
    let status: InstanceStatus = record.typed_status()?;
    let operations = app.operations_of(record.uid, 1).await?;
    let newest = operations.first();
    let row = app.row(&visit.graph, record);
    let phase = row.as_ref().map_or(status.phase, |row| row.phase);
    let (first, last) = app.sighting(record.uid).unzip();
    let base = loggia_app::instance::request::base_name(&record.reference, &spec.environment);
    let lines = match newest {
        Some(operation) => app.log_lines(operation.id, -1).await?.into_iter().map(|line| line.text).collect(),
        None => Vec::new(),
    };
    let release = status_release(visit, &spec, &status);
    let may = may(visit, record, (&spec, &status), phase, newest);
    let past = app.past(&visit.caller, &record.reference, PAST).await?;
    let team = spec.team_ref().unwrap_or_else(|| Ref::new("group", "default", record.reference.namespace()));
    let href = super::instance::href(&record.reference);
    let access = instance_access::section(visit, record, (&spec, &status), may.access, credential);
    Ok(InstancePage {
        shell: Shell {
            command: format!("loggia describe instance/{}/{}", record.reference.namespace(), record.reference.name()),
            json_twin: format!("/api/v1/records/instance/{}/{}", record.reference.namespace(), record.reference.name()),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new(title_of(visit, &team), team::href(&team))],
        lede: lede(visit, &spec),
        state: words::phase(phase),
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
        tries: newest.map(|op| operation::tries(op, app.now())).unwrap_or_default(),
        hangs: newest.map(|op| operation::hangs(op, app.now())).unwrap_or_default(),
        steps: newest.map(|op| operation::steps(op, Vec::new(), app.now())).unwrap_or_default(),
        lines,
        fault: newest.and_then(|op| operation::fault(op, &spec.environment)),
        conditions: status.conditions.iter().filter(|c| c.kind != "Failed" && c.kind != WAITS).map(condition).collect(),
        connect: connect(&status),
        clone: clone::login(visit, &status, token),
        outputs: outputs(&status, release.as_ref(), shown, visit.app().may_reveal(&visit.caller, record).ok()),
        access,
        history: happened(visit, &past),
        relations: relations(visit, &record.reference),
        newer_version: upgrade::newer(visit, &spec, release.as_ref()),
        asked: environment::asked(visit, &status),
        change: change_request::waiting(visit, &status),
        kept: upgrade::kept(&status),
        withdrawn: row.map(|row| row.withdrawn).unwrap_or_default(),
        entity: entity::page(&record.reference),
        made_of: composition::made_of(visit, record)?,
        workload: spec
            .deployed
            .as_ref()
            .map(|_| Link::new("All environments of this workload", workload::href(&team, &base))),
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
        title: loggia_app::instance::request::base_name(&past.record.reference, &spec.environment),
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
    let environment = title_of(visit, &Ref::new("environment", "default", &spec.environment));
    facts.push(Fact::link("Environment", environment, environment::href(&spec.environment)));
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

fn may(
    visit: &Visit,
    record: &Record,
    (spec, status): (&InstanceSpec, &InstanceStatus),
    phase: Phase,
    newest: Option<&Operation>,
) -> May {
    let subject: Subject = subject_of(&record.parse());
    let allowed = |action| visit.app().require(&visit.caller, action, &subject).is_ok();
    // What only waits for its hours keeps nobody from anything else.
    let held = status.queued.as_ref().map(|queued| queued.operation);
    let busy = newest.is_some_and(|op| !op.state.is_end() && Some(op.id) != held);
    let ours = held.is_some() || status.change.as_ref().is_some_and(|change| change.branch.is_empty());
    let managed = spec.step == Step::Managed && allowed(Action::Operate);
    let enrol = allowed(Action::Enrol);
    let free = managed && !busy && status.change.is_none() && status.queued.is_none();
    May {
        destroy: managed && phase != Phase::Deleting,
        retry: managed && !busy && phase == Phase::Failed,
        repair: managed && !busy && phase == Phase::Ready && asks(visit, spec, status),
        look: managed && !busy,
        enrol: enrol && spec.step == Step::Observed,
        withdraw: enrol && spec.step == Step::Enrolled,
        take_over: allowed(Action::Operate) && spec.step == Step::Enrolled && spec.target.is_some() && !busy,
        give_up: managed && ours,
        orphan: managed && !busy && phase != Phase::Deleting,
        upgrade: free,
        change: free && status.approval.is_none() && matches!(phase, Phase::Ready | Phase::Unknown),
        access: managed && phase != Phase::Deleting,
        go_back: free && status.earlier.is_some(),
    }
}

fn relations(visit: &Visit, reference: &Ref) -> Vec<(String, Vec<Link>)> {
    entity::relations(visit, reference).into_iter().filter(|(word, _)| word != "Belongs to").collect()
}
