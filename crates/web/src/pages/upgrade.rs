//! One upgrade: what it would change, and the button that does it.

use super::change_request::Shown;
use super::form::Form;
use super::instance::href;
use super::visit::{Answer, Visit};
use super::words;
use crate::design::Fact;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::access::writing::subject_of;
use loggia_app::release::offering::release_for;
use loggia_app::release::upgrade::{Upgrade, UpgradePreview};
use loggia_app::release::upgrade_strategy::LetGo;
use loggia_model::contract::Weight;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{ReleaseSpec, Rollback, Strategy};
use loggia_model::{Record, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/instances/{team}/{name}/upgrade", get(ask).post(run))
        .route("/instances/{team}/{name}/let-go", post(let_go))
}

#[derive(Template)]
#[template(path = "instance/upgrade.html")]
struct UpgradePage {
    shell: Shell,
    crumbs: Vec<Link>,
    heading: String,
    href: String,
    /// Empty when there is nothing to go to.
    to: String,
    back: bool,
    /// What was written since is lost.
    loses: bool,
    blocked: String,
    /// A version that its team could ask for, where it keeps the one that it has.
    instead: String,
    facts: Vec<Fact>,
    changes: Vec<(&'static str, String)>,
    inputs: Vec<(String, String, String)>,
    way: Vec<String>,
    /// What people do where it goes by hand.
    steps: Vec<String>,
    /// The change that its team would get to merge; none where it goes another way.
    change: Option<Shown>,
}

/// What is kept of an earlier version, in a sentence; empty when nothing is.
pub fn kept(status: &InstanceStatus) -> String {
    let kept = status.kept.as_ref();
    kept.map(|kept| format!("{} runs beside it until {}.", kept.release, words::day(kept.until))).unwrap_or_default()
}

async fn let_go(visit: Visit, Path((team, name)): Path<(String, String)>) -> Answer {
    visit.signed_in()?;
    let instance = Ref::new("instance", &team, &name);
    let to = href(&instance);
    visit.app().run(&visit.caller, LetGo { instance }).await?;
    Ok(Redirect::to(&to).into_response())
}

/// A version that is newer than the one that it has.
pub fn newer(visit: &Visit, spec: &InstanceSpec, release: Option<&ReleaseSpec>) -> String {
    let newest = release_for(&visit.graph, visit.audience(), &spec.offering, None).ok();
    let newest = newest.and_then(|record| record.spec::<ReleaseSpec>().ok());
    let version = |spec: &ReleaseSpec| loggia_model::version::Version::parse(&spec.version);
    match (newest, release) {
        (Some(newest), Some(release)) if version(&newest) > version(release) => newest.version,
        _ => String::new(),
    }
}

/// The newest version of what runs, where its team accepts an earlier one only.
fn beyond(visit: &Visit, record: &Record) -> Result<String, Error> {
    let (spec, status): (InstanceSpec, InstanceStatus) = (record.spec()?, record.typed_status()?);
    let release = visit.graph.get(&Ref::new("release", "default", &status.applied));
    Ok(newer(visit, &spec, release.and_then(|release| release.spec().ok()).as_ref()))
}

fn wish(team: &str, name: &str, form: &Form, confirmed: bool) -> Upgrade {
    let to = Some(form.one("to").to_owned()).filter(|to| !to.is_empty());
    Upgrade { instance: Ref::new("instance", team, name), to, back: form.ticked("back"), confirmed }
}

async fn ask(visit: Visit, Path((team, name)): Path<(String, String)>, RawQuery(query): RawQuery) -> Answer {
    visit.signed_in()?;
    let wish = wish(&team, &name, &Form::read(query.unwrap_or_default().as_bytes()), true);
    let record = visit.record(&wish.instance, |now| format!("{}/upgrade", href(now)))?;
    visit.app().require(&visit.caller, Action::Operate, &subject_of(&record.parse()))?;
    let wish = Upgrade { instance: record.reference.clone(), ..wish };
    let mut preview = visit.app().upgrade_preview(&visit.caller, &wish)?;
    let change = match visit.app().upgrade_proposal(&visit.caller, &wish).await {
        Ok(change) => change.map(|change| Shown::of(&change)),
        Err(error) => {
            preview.blocked.get_or_insert(error.to_string());
            None
        }
    };
    let page = page(&visit, &wish, preview);
    let instead =
        if page.to.is_empty() && !wish.back && wish.to.is_none() { beyond(&visit, &record)? } else { String::new() };
    visit.page(&UpgradePage { change, instead, ..page })
}

fn page(visit: &Visit, wish: &Upgrade, preview: UpgradePreview) -> UpgradePage {
    let (to, to_page) = (preview.to.clone().unwrap_or_default(), href(&wish.instance));
    let name = wish.instance.name().to_owned();
    let verb = if wish.back { "Back" } else { "Upgrade" };
    let weight = |weight| match weight {
        Weight::Breaking => "breaks",
        Weight::Addition => "more",
        Weight::None => "same",
    };
    let text = |value: &Option<serde_json::Value>| value.as_ref().map(words::plain).unwrap_or_default();
    let hop =
        |hop: &loggia_app::release::upgrade_path::Hop| format!("{}: {}", hop.version, words::upgrade(hop.strategy));
    let command = if wish.back { "loggia upgrade --back" } else { "loggia upgrade" };
    UpgradePage {
        shell: Shell {
            command: format!("{command} {}/{name}", wish.instance.namespace()),
            json_twin: format!("/api/v1/instances/{}/{name}/upgrade", wish.instance.namespace()),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new("My team", "/team"), Link::new(&name, &to_page)],
        heading: if to.is_empty() { format!("{verb} of {name}") } else { format!("{verb} to {to}") },
        facts: facts(&preview),
        changes: preview.changes.iter().map(|c| (weight(c.weight), words::capital(&c.text))).collect(),
        inputs: preview.inputs.iter().map(|d| (d.path.clone(), text(&d.before), text(&d.after))).collect(),
        change: None,
        way: if preview.way.len() > 1 { preview.way.iter().map(hop).collect() } else { Vec::new() },
        loses: (wish.back && preview.rollback == Rollback::LosesData) || preview.strategy == Strategy::Rebuild,
        steps: preview.steps.clone(),
        blocked: preview.blocked.unwrap_or_default(),
        instead: String::new(),
        back: wish.back,
        href: to_page,
        to,
    }
}

fn facts(preview: &UpgradePreview) -> Vec<Fact> {
    let mut facts = vec![Fact::new("It has", &preview.from)];
    if let Some(plan) = &preview.plan {
        let price = words::price(plan.price.as_ref());
        facts.push(Fact::new(
            "Plan and price",
            format!("{}, {price}; they stay as they are", words::capital(&plan.name)),
        ));
    }
    if let Some(approval) = &preview.approval {
        facts.push(Fact::new("Who agrees", approval));
    }
    if let Some(waits) = &preview.waits {
        facts.push(Fact::new("When", waits));
    }
    if let Some(automatic) = &preview.automatic {
        facts.push(Fact::new("By itself", automatic));
    }
    if !preview.risk.is_empty() {
        facts.push(Fact::new("Risk", &preview.risk));
        facts.push(Fact::new("If it fails", "It keeps the version that it has, and its page says what to do."));
    }
    facts
}

async fn run(visit: Visit, Path((team, name)): Path<(String, String)>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let wish = wish(&team, &name, &form, form.ticked("confirmed"));
    let to = href(&wish.instance);
    visit.app().run(&visit.caller, wish).await?;
    Ok(Redirect::to(&to).into_response())
}
