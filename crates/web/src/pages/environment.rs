//! One environment: what it is for, what holds there, which rule says so, and what waits until somebody agrees.

use super::form::Form;
use super::instance::href as instance_href;
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{entity, team};
use crate::design::Fact;
use crate::shell::{Link, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::policy::{Action, Subject};
use loggia_app::instance::availability::environments;
use loggia_app::instance::change::words as words_of;
use loggia_app::release::offering::offerings;
use loggia_app::rules::approval::{Approve, waits};
use loggia_app::rules::{Answer as Told, Question};
use loggia_model::instance::{Approval, InstanceStatus};
use loggia_model::kinds::environment::{Backend, EnvironmentSpec};
use loggia_model::rule::{Act, Aspect};
use loggia_model::{Record, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/environments/{name}", get(show)).route("/instances/{team}/{name}/approve", post(approve))
}

/// The page of an environment.
pub fn href(name: &str) -> String {
    format!("/environments/{name}")
}

#[derive(Template)]
#[template(path = "environment/page.html")]
struct EnvironmentPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    lede: String,
    href: String,
    facts: Vec<Fact>,
    /// What was asked about: team and offering.
    teams: Vec<(String, String, bool)>,
    offerings: Vec<(String, String, bool)>,
    answers: Vec<Line>,
    rules: Vec<(String, String, String)>,
    waiting: Vec<Waiting>,
}

/// What holds for one thing.
struct Line {
    about: &'static str,
    says: String,
    rule: String,
    because: String,
    instead_of: String,
}

/// Something that waits until somebody agrees.
struct Waiting {
    link: Link,
    what: &'static str,
    by: String,
    whom: String,
    since: When,
}

async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    visit.signed_in()?;
    let record = visit.record(&Ref::new("environment", "default", &name), |now| href(now.name()))?;
    let spec: EnvironmentSpec = record.spec().map_err(Error::from)?;
    let mine = visit.my_teams();
    let team = visit.given("team").or_else(|| mine.first().map(|team| team.reference.to_string()));
    let team = team.and_then(|text| Ref::parse(&text, Some("group"), "default").ok());
    let offering = visit.given("offering");
    let question = Question {
        environment: record.reference.name().to_owned(),
        team: team.clone(),
        offering: offering.clone(),
        plan: None,
    };
    let answers = visit.app().why(&visit.caller, &question)?;
    let chosen = |of: &Ref, with: Option<&str>| with == Some(of.name());
    let option = |record: &Record, with: Option<&str>| {
        (record.reference.name().to_owned(), entity::title(record), chosen(&record.reference, with))
    };
    let offered = offerings(&visit.graph, visit.audience());
    let offered = offered.iter().filter(|record| spec.allows(record.reference.name()));
    visit.page(&EnvironmentPage {
        shell: Shell {
            command: command(&record, team.as_ref(), offering.as_deref()),
            json_twin: format!("/api/v1/environments/default/{}/why", record.reference.name()),
            ..visit.shell(None)
        },
        crumbs: vec![Link::new("Catalog", "/search?q=kind:environment")],
        title: entity::title(&record),
        lede: format!("For {}.", purpose(&spec)),
        href: href(record.reference.name()),
        facts: facts(&visit, &record, &spec),
        teams: mine.iter().map(|one| option(one, team.as_ref().map(Ref::name))).collect(),
        offerings: offered.map(|one| option(one, offering.as_deref())).collect(),
        answers: answers.into_iter().map(line).collect(),
        rules: spec
            .rules
            .iter()
            .map(|rule| (rule.name.clone(), rule.whom.words(), rule.why.clone().unwrap_or_default()))
            .collect(),
        waiting: waiting(&visit, record.reference.name()),
    })
}

fn command(record: &Record, team: Option<&Ref>, offering: Option<&str>) -> String {
    let team = team.map(|team| format!(" --team {}", team.name())).unwrap_or_default();
    let offering = offering.map(|name| format!(" --offering {name}")).unwrap_or_default();
    format!("loggia why {}{team}{offering}", record.reference.name())
}

fn purpose(spec: &EnvironmentSpec) -> &'static str {
    use loggia_model::kinds::environment::Purpose;
    match spec.purpose {
        Purpose::Development => "trying things out",
        Purpose::Test => "testing",
        Purpose::Production => "real use",
        Purpose::Preview => "a look at one change",
    }
}

fn facts(visit: &Visit, record: &Record, spec: &EnvironmentSpec) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Ok(owner) = Ref::parse(&spec.owner, Some("group"), "default") {
        facts.push(Fact::link("Who answers for it", owner.name(), team::href(&owner)));
    }
    let all = environments(&visit.graph, visit.audience());
    let leads_here = all.iter().filter(|other| {
        let next = other.spec::<EnvironmentSpec>().ok().and_then(|spec| spec.promotes_to);
        next.is_some_and(|next| next.eq_ignore_ascii_case(record.reference.name()))
    });
    for before in leads_here {
        facts.push(Fact::link("Comes after", entity::title(before), href(before.reference.name())));
    }
    if let Some(next) = &spec.promotes_to {
        facts.push(Fact::link("Before", next, href(next)));
    }
    match &spec.offerings {
        None => facts.push(Fact::new("What may run here", "everything that is offered")),
        Some(names) => facts.push(Fact::new("What may run here", names.join(", "))),
    }
    let backend = |(name, backend): (&String, &Backend)| match *name == backend.driver {
        true => name.clone(),
        false => format!("{name}, by {}", backend.driver),
    };
    let backends: Vec<String> = spec.backends.iter().map(backend).collect();
    if !backends.is_empty() {
        facts.push(Fact::new("What it is made with", backends.join("; ")));
    }
    facts
}

fn line(told: Told) -> Line {
    let about = match told.aspect {
        Aspect::May => "May it be got",
        Aspect::Quota => "How much",
        Aspect::Freezes => "Held up",
        Aspect::UpgradeWindows => "When upgrades are made",
        Aspect::Approval => "Who has to agree",
        Aspect::Automatic => "Upgrades by themselves",
        Aspect::Waiting => "What waits for its team",
    };
    let rule = told.rule.unwrap_or_default();
    Line { about, says: told.says, rule, because: told.because, instead_of: told.instead_of.join(", then ") }
}

fn waiting(visit: &Visit, environment: &str) -> Vec<Waiting> {
    let ending = format!(".{environment}");
    let here = visit.app().approvals(&visit.caller).into_iter().filter(|one| one.instance.name().ends_with(&ending));
    let short = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    here.map(|one| Waiting {
        link: Link::new(one.instance.short("instance"), instance_href(&one.instance)),
        what: act(one.approval.act),
        by: short(&one.approval.asked_by),
        whom: short(&one.approval.by),
        since: When::ago(visit.app().now(), Some(one.approval.asked_at)),
    })
    .collect()
}

fn act(act: Act) -> &'static str {
    match act {
        Act::Order => "getting it",
        Act::Upgrade => "another version",
        Act::Change => "another plan, or other inputs",
    }
}

/// What waits on the page of an instance.
pub struct Asked {
    /// What it waits for, in a sentence.
    pub waits: String,
    /// What is asked, where that is not plain: a change of plan or inputs.
    pub what: String,
    /// Who asked.
    pub by: String,
    /// When it lapses.
    pub until: String,
    /// Whether the caller may decide it.
    pub yours: bool,
}

/// What waits for somebody to agree.
pub fn asked(visit: &Visit, status: &InstanceStatus) -> Option<Asked> {
    let approval: &Approval = status.approval.as_ref()?;
    let owner = Ref::parse(&approval.by, Some("group"), "default").ok();
    let may = visit.app().require(&visit.caller, Action::Approve, &Subject { team: None, owner }).is_ok();
    Some(Asked {
        waits: waits(approval),
        what: approval.change.as_ref().map(|change| format!("It is about {}.", words_of(change))).unwrap_or_default(),
        by: approval.asked_by.rsplit('/').next().unwrap_or_default().to_owned(),
        until: words::day(approval.until),
        yours: may && approval.asked_by != visit.caller.name(),
    })
}

async fn approve(visit: Visit, Path((team, name)): Path<(String, String)>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let instance = Ref::new("instance", &team, &name);
    let (agree, reason) = (form.one("do") == "agree", form.one("reason").to_owned());
    visit.app().run(&visit.caller, Approve { instance: instance.clone(), agree, reason }).await?;
    let to = if agree { instance_href(&instance) } else { team::href(&Ref::new("group", "default", &team)) };
    Ok(Redirect::to(&format!("{to}?done={}", if agree { "approved" } else { "declined" })).into_response())
}
