//! The form with which one gets something, and what it sends.

use super::form::Form;
use super::offer::{self, Offer};
use super::order_form::{Known, Plain, command, fields, wish};
use super::visit::{Answer, Visit};
use super::{instance, words};
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
use loggia_app::instance::order::OrderInput;
use loggia_model::kinds::offering::Price;
use loggia_model::{Problem, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/get/{name}/new", get(empty).post(send))
}

#[derive(Template)]
#[template(path = "order/form.html")]
struct OrderPage {
    shell: Shell,
    crumbs: Vec<Link>,
    heading: String,
    offer: Offer,
    visible: Vec<Field>,
    details: Vec<Field>,
    /// Whether something in the details is wrong, so that they are open.
    open: bool,
    wrong: Vec<Field>,
    /// What is wrong and belongs to no field.
    refused: Vec<String>,
    preview: Vec<Fact>,
    command: String,
    no_team: bool,
}

async fn empty(visit: Visit, Path(name): Path<String>) -> Answer {
    let offer = find(&visit, &name)?;
    let known = Known::of(&visit, &offer);
    let form = Form::default();
    show(&visit, offer, &known, &form, &[], Vec::new())
}

/// The offering of a form.
fn find(visit: &Visit, name: &str) -> Result<Offer, super::error::Wrong> {
    let to = |now: &Ref| format!("{}/new", offer::href(now.name()));
    let record = visit.record(&Ref::new("offering", "default", name), to)?;
    Offer::read(visit, &record).ok_or_else(|| Error::Internal(format!("{name} does not fit its type")).into())
}

async fn send(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    let offer = find(&visit, &name)?;
    let form = Form::read(&body);
    let known = Known::of(&visit, &offer);
    let input = OrderInput { dry_run: form.one("do") == "preview", ..wish(&offer, &known, &form) };
    let preview = input.dry_run;
    match visit.app().order(&visit.caller, input).await {
        Ok(outcome) if preview => {
            let facts = previewed(&outcome.answer, &known);
            show(&visit, offer, &known, &form, &[], facts)
        }
        Ok(outcome) => {
            let made = outcome.answer.get("instance").and_then(|v| v.as_str()).unwrap_or_default();
            let made: Ref = made.parse().map_err(|_| Error::Internal("an order without an instance".into()))?;
            Ok(Redirect::to(&instance::href(&made)).into_response())
        }
        Err(Error::Invalid(problems)) => show(&visit, offer, &known, &form, &problems, Vec::new()),
        Err(Error::Refused(refusal)) => {
            let problem = Problem::new(&refusal.rule, "", refusal.message, refusal.mend);
            show(&visit, offer, &known, &form, &[problem], Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// What an order would do, in words.
fn previewed(answer: &serde_json::Value, known: &Known) -> Vec<Fact> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let mut facts = vec![Fact::new("Makes", text("/instance").split('/').next_back().unwrap_or_default().to_owned())];
    facts.push(Fact::new("Version", text("/release")));
    if let Some(limits) = answer.pointer("/plan/limits").and_then(|v| v.as_object()) {
        facts.push(Fact::new("Limits", words::limits(limits)));
    }
    let prices: Vec<Price> = serde_json::from_value(answer["prices"].clone()).unwrap_or_default();
    facts.push(Fact::new("Price", words::prices(&prices)));
    let parts = answer["parts"].as_array().into_iter().flatten().filter(|part| !part["instance"].is_null());
    facts.extend(parts.map(|part| {
        let part_text = |field: &str| part[field].as_str().unwrap_or_default();
        let name = part_text("instance").split('/').next_back().unwrap_or_default();
        Fact::new(format!("With {}", part_text("part")), format!("{name}, {}", part_text("release")))
    }));
    if let (Some(name), Some(version)) = (answer["program"]["name"].as_str(), answer["program"]["version"].as_str()) {
        facts.push(Fact::new("Runs in", format!("{name} {version}")));
    }
    let told = [("Mind", "/note"), ("It would fail", "/whyNot")];
    facts.extend(told.map(|(term, at)| Fact::new(term, text(at))).into_iter().filter(|fact| !fact.text.is_empty()));
    if !text("/waits").is_empty() {
        facts.push(Fact::new("Who agrees", text("/waits")));
    }
    for (name, value) in answer.pointer("/inputs").and_then(|v| v.as_object()).into_iter().flatten() {
        let text = words::plain(value);
        if !text.is_empty() {
            facts.push(Fact::new(known.label(name), text));
        }
    }
    facts
}

fn show(visit: &Visit, offer: Offer, known: &Known, form: &Form, problems: &[Problem], preview: Vec<Fact>) -> Answer {
    let mut all = fields(known, form);
    let refused = place(&mut all, problems);
    let input = wish(&offer, known, form);
    let command = command(&input, known);
    let (visible, details): (Vec<_>, Vec<_>) = all.into_iter().partition(|field| field.visible);
    let plain = |fields: Vec<Plain>| fields.into_iter().map(|field| field.field).collect::<Vec<_>>();
    let (visible, details) = (plain(visible), plain(details));
    let wrong: Vec<Field> = visible.iter().chain(&details).filter(|f| !f.error.is_empty()).cloned().collect();
    let page = OrderPage {
        shell: Shell { json_twin: format!("/api/v1/forms/{}", offer.name()), ..visit.shell(Some(Place::Get)) },
        crumbs: vec![Link::new("Get", "/get"), Link::new(&offer.title, offer.href())],
        heading: format!("Get {}", offer.title),
        open: details.iter().any(|field| !field.error.is_empty()),
        no_team: known.teams.is_empty(),
        offer,
        visible,
        details,
        wrong,
        refused,
        preview,
        command,
    };
    let mut answer = visit.page(&page)?;
    if !problems.is_empty() {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(answer)
}

/// Puts each problem at its field; gives back those that belong to none.
pub fn place(fields: &mut [Plain], problems: &[Problem]) -> Vec<String> {
    let mut left = Vec::new();
    for problem in problems {
        let text = format!("{}. {}", problem.message.trim_end_matches('.'), problem.mend);
        let fits = |name: &str| problem.path == name || problem.path.starts_with(&format!("{name}."));
        match fields.iter_mut().find(|field| fits(&field.field.name)) {
            Some(field) => field.field.error = text.trim().to_owned(),
            None => left.push(text.trim().to_owned()),
        }
    }
    left
}
