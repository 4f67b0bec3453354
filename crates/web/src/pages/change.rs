//! Another plan, or other inputs, of what runs: the form, what it would do, and doing it.

use super::form::Form;
use super::instance::href;
use super::order_form::{Known, Plain, input_field, inputs, plan_field, quoted};
use super::visit::{Answer, Visit};
use super::words;
use crate::design::{Fact, Field, Input};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::access::writing::subject_of;
use loggia_app::instance::change::{ChangeInput, ChangePreview};
use loggia_app::instance::change_form::ChangeForm;
use loggia_app::instance::request::base_name;
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::{Problem, Record, Ref};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/instances/{team}/{name}/form", get(ask).post(send))
}

#[derive(Template)]
#[template(path = "instance/form.html")]
struct ChangePage {
    shell: Shell,
    crumbs: Vec<Link>,
    heading: String,
    lede: String,
    href: String,
    /// Why nothing can be changed now.
    blocked: String,
    can: bool,
    fields: Vec<Field>,
    wrong: Vec<Field>,
    /// What is wrong and belongs to no field.
    refused: Vec<String>,
    preview: Vec<Fact>,
    /// What cannot become another.
    stays: Vec<Fact>,
    command: String,
}

/// What the page is about.
struct About {
    record: Arc<Record>,
    form: ChangeForm,
    known: Known,
}

/// For whoever may change it.
fn about(visit: &Visit, team: &str, name: &str) -> Result<About, super::error::Wrong> {
    visit.signed_in()?;
    let record = visit.record(&Ref::new("instance", team, name), |now| format!("{}/form", href(now)))?;
    visit.app().require(&visit.caller, Action::Operate, &subject_of(&record.parse()))?;
    let form = visit.app().change_form(&visit.caller, &record.reference)?;
    let known = Known::of_change(&form);
    Ok(About { record, form, known })
}

async fn ask(visit: Visit, Path((team, name)): Path<(String, String)>) -> Answer {
    let about = about(&visit, &team, &name)?;
    show(&visit, about, &Form::default(), &[], Vec::new())
}

async fn send(visit: Visit, Path((team, name)): Path<(String, String)>, body: Bytes) -> Answer {
    let about = about(&visit, &team, &name)?;
    let form = Form::read(&body);
    let input = ChangeInput { dry_run: form.one("do") == "preview", ..wish(&about, &form) };
    let dry_run = input.dry_run;
    match visit.app().change(&visit.caller, about.record.reference.clone(), input).await {
        Ok(outcome) if dry_run => {
            let facts = previewed(&serde_json::from_value(outcome.answer).map_err(Error::from)?, &about.known);
            show(&visit, about, &form, &[], facts)
        }
        Ok(_) => Ok(Redirect::to(&href(&about.record.reference)).into_response()),
        Err(Error::Invalid(problems)) => show(&visit, about, &form, &problems, Vec::new()),
        Err(Error::Refused(refusal)) => {
            let problem = Problem::new(&refusal.rule, "", refusal.message, refusal.mend);
            show(&visit, about, &form, &[problem], Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn fields(about: &About, form: &Form) -> Vec<Plain> {
    let known = &about.known;
    let plan = plan_field(known, form).into_iter();
    let of = |(name, property): &(String, Value)| {
        let mut plain = input_field(known, form, name, property);
        if plain.field.input == Input::Password {
            plain.field.help = format!("{} Left empty, it stays as it is.", plain.field.help).trim().to_owned();
        }
        plain
    };
    plan.chain(known.properties.iter().map(of)).collect()
}

/// What is to become another: what was sent and is not what it has.
fn wish(about: &About, form: &Form) -> ChangeInput {
    let has = &about.form.inputs;
    let mut changed = Map::new();
    if !form.is_empty() {
        let sent = inputs(&about.known, form, &fields(about, form));
        for (name, _) in &about.known.properties {
            let empty = |value: &Value| *value == Value::Bool(false) || value.as_array().is_some_and(Vec::is_empty);
            match (sent.get(name), has.get(name)) {
                (Some(value), None) if empty(value) => {}
                (Some(value), before) if before != Some(value) => drop(changed.insert(name.clone(), value.clone())),
                (None, Some(_)) => drop(changed.insert(name.clone(), Value::Null)),
                _ => {}
            }
        }
    }
    // The plan that it has stays as it was frozen.
    let another = |plan: &String| about.form.plan.as_ref().is_none_or(|has| has.name != *plan);
    let plan = Some(form.one("plan").to_owned()).filter(|plan| !plan.is_empty()).filter(another);
    ChangeInput { plan, inputs: changed, dry_run: false }
}

fn plan_and_price(plan: Option<&FrozenPlan>) -> String {
    let Some(plan) = plan else { return "no plan".to_owned() };
    let parts = [words::capital(&plan.name), words::limits(&plan.limits), words::price(plan.price.as_ref())];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// What a change would do, in words.
fn previewed(preview: &ChangePreview, known: &Known) -> Vec<Fact> {
    let text = |value: Option<&Value>| match value.map(words::plain) {
        Some(text) if !text.is_empty() => text,
        _ => "nothing".to_owned(),
    };
    let mut facts = Vec::new();
    if preview.before != preview.after {
        let (before, after) = (plan_and_price(preview.before.as_ref()), plan_and_price(preview.after.as_ref()));
        facts.push(Fact::new("Plan and price", format!("{before} → {after}")));
    } else if let Some(plan) = &preview.after {
        facts.push(Fact::new("Plan and price", format!("{}; they stay as they are", plan_and_price(Some(plan)))));
    }
    for input in &preview.inputs {
        let (before, after) = (text(input.before.as_ref()), text(input.after.as_ref()));
        facts.push(Fact::new(known.label(&input.path), format!("{before} → {after}")));
    }
    facts.extend(preview.secrets.iter().map(|name| Fact::new(known.label(name), "another one")));
    facts.extend(preview.approval.iter().map(|who| Fact::new("Who agrees", who)));
    match &preview.blocked {
        Some(why) => facts.push(Fact::new("Not now", why)),
        None => facts.push(Fact::new("If it fails", "It keeps what it has, and its page says what to do.")),
    }
    facts
}

/// The same as a command line. Secrets are never written down.
fn command(about: &About, input: &ChangeInput) -> String {
    let instance = &about.record.reference;
    let mut parts = vec!["loggia".to_owned(), "change".to_owned()];
    parts.push(format!("{}/{}", instance.namespace(), instance.name()));
    parts.extend(input.plan.iter().flat_map(|plan| ["--plan".to_owned(), plan.clone()]));
    for (name, value) in &input.inputs {
        let text = match value {
            Value::Null => {
                parts.extend(["--unset".to_owned(), name.clone()]);
                continue;
            }
            _ if about.form.secrets.contains(name) => "…".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        parts.extend(["--set".to_owned(), format!("{name}={text}")]);
    }
    parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(" ")
}

fn show(visit: &Visit, about: About, form: &Form, problems: &[Problem], preview: Vec<Fact>) -> Answer {
    let mut all = fields(&about, form);
    let refused = super::order::place(&mut all, problems);
    let fields: Vec<Field> = all.into_iter().map(|plain| plain.field).collect();
    let wrong = fields.iter().filter(|field| !field.error.is_empty()).cloned().collect();
    let command = command(&about, &wish(&about, form));
    let About { record, form, .. } = about;
    let spec: InstanceSpec = record.spec().map_err(Error::from)?;
    let base = base_name(&record.reference, &spec.environment);
    let stays = |name: &String| form.only_plan || form.immutable.contains(name);
    let stays = form.inputs.iter().filter(|(name, _)| stays(name));
    let to = href(&record.reference);
    let page = ChangePage {
        shell: Shell {
            json_twin: format!("/api/v1/instances/{}/{}/form", record.reference.namespace(), record.reference.name()),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new("My team", "/team"), Link::new(&base, &to)],
        heading: format!("Change {base}"),
        lede: format!("Another plan, or other inputs. It stays at version {}.", form.version),
        href: to,
        can: form.blocked.is_none(),
        blocked: form.blocked.clone().unwrap_or_default(),
        fields,
        wrong,
        refused,
        preview,
        stays: stays.map(|(name, value)| Fact::new(words::label(name), words::plain(value))).collect(),
        command,
    };
    let mut answer = visit.page(&page)?;
    if !problems.is_empty() {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(answer)
}
