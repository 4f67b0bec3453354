//! The form with which an ending is planned.

use super::ending::href;
use super::form::Form;
use super::visit::{Answer, Visit};
use super::words;
use crate::design::{Choice, Fact, Field, Input};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use loggia_app::ending::{ProposalWish, title_of};
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::release::offering::{offerings, publication, releases};
use loggia_app::{Caller, Error};
use loggia_model::ending::{Brownout, Dates, Proposal, Wish};
use loggia_model::{Day, Problem, Publication, Ref, RelationType};
use serde_json::{Map, Value, json};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/ending/new", get(empty).post(send))
}

#[derive(Template)]
#[template(path = "ending/form.html")]
struct PlanPage {
    shell: Shell,
    crumbs: Vec<Link>,
    visible: Vec<Field>,
    details: Vec<Field>,
    open: bool,
    wrong: Vec<Field>,
    refused: Vec<String>,
    /// Where each proposed day comes from.
    origins: Vec<Fact>,
}

/// Whether a caller may plan endings of anything.
pub fn may_plan(visit: &Visit, caller: &Caller) -> bool {
    let owns = || {
        visit.my_teams().iter().any(|team| {
            let owned = visit.graph.related(visit.audience(), &team.reference, RelationType::OWNER_OF);
            owned.iter().any(|record| record.reference.kind() == "offering")
        })
    };
    !visit.app().settings.read_only && (caller.product_team || caller.administrator || owns())
}

/// A field of a form of endings.
pub fn field(name: &str, label: &str, input: Input, help: &str) -> Field {
    let (id, name, label, help) = (format!("f-{name}"), name.to_owned(), label.to_owned(), help.to_owned());
    Field { id, name, label, input, help, ..Field::default() }
}

/// The days as fields: those that are known, else as they were filled in.
pub fn days(form: &Form, dates: Option<&Dates>) -> Vec<Field> {
    let texts = [
        ("announced", "Tell people by itself on", "Left empty, somebody announces it."),
        ("effective", "Not to be chosen any more from", "From this day on everybody is told to take something else."),
        ("closedToNew", "Closed to new from", "Orders are refused from this day on."),
        ("closedToUpdates", "Closed to updates from", "What runs is not changed any more from this day on."),
        ("off", "Off from", "Its last day is the one before."),
    ];
    let known = |name: &str| dates.and_then(|dates| dates.days().find(|(field, _)| *field == name));
    let one = |(name, label, help): (&str, &str, &str)| {
        let value = known(name).map_or_else(|| form.one(name).to_owned(), |(_, day)| day.to_string());
        Field { value, ..field(name, label, Input::Date, help) }
    };
    let mut all: Vec<Field> = texts.into_iter().map(one).collect();
    let lines = dates.map(|dates| dates.brownouts.iter().map(Brownout::line).collect::<Vec<_>>().join("\n"));
    let help =
        "Hours in which it is off, so that forgotten callers show up; one a line, in UTC: 2027-03-16 10:00 to 12:00.";
    let value = lines.unwrap_or_else(|| form.exact("brownouts").to_owned());
    all.push(Field { value, ..field("brownouts", "Off on trial", Input::Area, help) });
    all
}

/// The days of a form.
pub fn wish(form: &Form) -> Result<Wish, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut day = |name: &str| {
        let text = form.one(name);
        let found = Day::parse(text);
        if found.is_none() && !text.is_empty() {
            let message = format!("{text:?} is not a day");
            problems.push(Problem::new("day", name, message, "Write it as 2027-03-31."));
        }
        found
    };
    let mut wish = Wish {
        announced: day("announced"),
        effective: day("effective"),
        closed_to_new: day("closedToNew"),
        closed_to_updates: day("closedToUpdates"),
        off: day("off"),
        brownouts: Vec::new(),
    };
    for line in form.exact("brownouts").lines().filter(|line| !line.trim().is_empty()) {
        match Brownout::parse(line) {
            Some(one) => wish.brownouts.push(one),
            None => {
                let message = format!("{:?} is not from when to when", line.trim());
                problems.push(Problem::new("hours", "brownouts", message, "Write it as 2027-03-16 10:00 to 12:00."));
            }
        }
    }
    if problems.is_empty() { Ok(wish) } else { Err(problems) }
}

/// The choices of a field.
pub fn options(all: impl Iterator<Item = (String, String)>, chosen: &str) -> Vec<Choice> {
    all.map(|(value, title)| Choice { chosen: value == chosen, value, title, note: String::new() }).collect()
}

/// What may end: what is offered, its versions, and the product for its rules.
fn things(visit: &Visit) -> Vec<(String, String)> {
    let (graph, audience) = (&visit.graph, visit.audience());
    let named = |name: &Ref| (format!("{}:{}", name.kind(), name.name()), title_of(graph, audience, name));
    let mut all = Vec::new();
    for offering in offerings(graph, audience) {
        all.push(named(&offering.reference));
        let out = releases(graph, audience, offering.reference.name());
        let out = out.iter().filter(|release| publication(release) == Publication::Published);
        all.extend(out.map(|release| named(&release.reference)));
    }
    all.extend(graph.of_kind(audience, "product").map(|product| {
        let (value, title) = named(&product.reference);
        (value, format!("A rule of {title}"))
    }));
    all
}

fn fields(visit: &Visit, form: &Form, dates: Option<&Dates>) -> Vec<Field> {
    let text = |name: &str| form.one(name).to_owned();
    let first = |title: &str, value: &str| std::iter::once((value.to_owned(), title.to_owned()));
    let things = things(visit);
    let rules = visit.app().ending_rules();
    let rule = Some(text("preset")).filter(|rule| !rule.is_empty()).or_else(|| rules.first().cloned());
    let mut visible = vec![
        Field {
            options: options(first("Choose", "").chain(things.clone()), form.one("subject")),
            required: true,
            ..field("subject", "What goes away", Input::Select, "")
        },
        Field {
            value: text("reason"),
            required: true,
            ..field("reason", "Why", Input::Text, "One sentence; whoever uses it reads it.")
        },
        Field {
            options: options(
                first("Choose", "").chain(first("Nothing replaces it", "none")).chain(things),
                form.one("replacement"),
            ),
            required: true,
            ..field("replacement", "What to take instead", Input::Select, "At least as settled as what goes.")
        },
        Field {
            options: options(rules.iter().map(|rule| (rule.clone(), words::spaced(rule))), &rule.unwrap_or_default()),
            required: true,
            ..field("preset", "Rule of notice", Input::Select, "How long before people have to be told.")
        },
    ];
    visible.extend(days(form, dates));
    visible
}

/// What is seldom needed.
fn details(form: &Form) -> Vec<Field> {
    let text = |name: &str| form.one(name).to_owned();
    vec![
        Field { value: text("plan"), ..field("plan", "Only this plan of it", Input::Text, "") },
        Field {
            value: text("feature"),
            ..field(
                "feature",
                "Only this feature of it",
                Input::Text,
                "An input of its versions, or a name in readings of use.",
            )
        },
        Field {
            value: text("rule"),
            ..field(
                "rule",
                "This rule of the product",
                Input::Text,
                "One of its rules of notice, or one that makes something mandatory.",
            )
        },
        Field { value: text("guide"), ..field("guide", "Page that says how to move", Input::Text, "Its address.") },
        Field {
            value: text("name"),
            ..field("name", "Name of the plan", Input::Text, "Left empty, it follows from what goes away.")
        },
    ]
}

/// Passes for who may plan.
fn planner(visit: &Visit) -> Result<(), Error> {
    match may_plan(visit, &visit.caller) {
        true => Ok(()),
        false => {
            Err(Error::Forbidden("Endings are planned by the product team, and by who owns what goes away.".into()))
        }
    }
}

async fn empty(visit: Visit) -> Answer {
    visit.signed_in()?;
    planner(&visit)?;
    let form = Form::read(visit.address().split_once('?').map_or("", |(_, query)| query).as_bytes());
    show(&visit, &form, None, &[])
}

async fn send(visit: Visit, body: Bytes) -> Answer {
    visit.signed_in()?;
    planner(&visit)?;
    let form = Form::read(&body);
    let proposal = match propose(&visit, &form) {
        Ok(proposal) => proposal,
        Err(error) => return show(&visit, &form, None, &problems(error)?),
    };
    if form.one("do") != "plan" {
        return show(&visit, &form, Some(proposal), &[]);
    }
    let name = name(&form);
    let document = document(&form, &name, &proposal.dates);
    let planned = match prepare(document, "") {
        Ok(prepared) => {
            let command = Apply { prepared: vec![prepared], if_match: None, dry_run: false };
            visit.app().run(&visit.caller, command).await.map(drop)
        }
        Err(problems) => Err(Error::Invalid(problems)),
    };
    match planned {
        Ok(()) => {
            Ok(Redirect::to(&format!("{}?done=planned", href(&Ref::new("ending", "default", &name)))).into_response())
        }
        Err(error) => show(&visit, &form, Some(proposal), &problems(error)?),
    }
}

fn propose(visit: &Visit, form: &Form) -> Result<Proposal, Error> {
    let dates = wish(form).map_err(Error::Invalid)?;
    if form.one("subject").is_empty() {
        let mend = "Choose one.";
        return Err(Error::invalid("ending.subject", "subject", "It is not said what goes away", mend));
    }
    let wish = ProposalWish { subject: form.one("subject").to_owned(), preset: form.one("preset").to_owned(), dates };
    visit.app().propose_ending(&visit.caller, &wish)
}

fn name(form: &Form) -> String {
    let subject = form.one("subject").split_once(':').map_or("", |(_, name)| name);
    let part = ["plan", "feature", "rule"].map(|part| form.one(part)).concat().to_lowercase();
    let made = [subject, &part, "end"].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join("-");
    Some(form.one("name").to_owned()).filter(|name| !name.is_empty()).unwrap_or(made)
}

fn document(form: &Form, name: &str, dates: &Dates) -> Value {
    let mut spec = Map::new();
    for field in ["subject", "reason", "replacement", "preset", "plan", "feature", "rule", "guide"] {
        let text = form.one(field);
        if !text.is_empty() {
            spec.insert(field.to_owned(), json!(text));
        }
    }
    spec.insert("dates".to_owned(), json!(dates));
    json!({"apiVersion": "loggia.dev/v1", "kind": "Ending", "metadata": {"name": name}, "spec": spec})
}

/// The problems of what was refused; other errors are pages of their own.
pub fn problems(error: Error) -> Result<Vec<Problem>, Error> {
    match error {
        Error::Invalid(problems) => Ok(problems),
        Error::Refused(refusal) => Ok(vec![Problem::new(&refusal.rule, "", refusal.message, refusal.mend)]),
        other => Err(other),
    }
}

fn show(visit: &Visit, form: &Form, proposal: Option<Proposal>, problems: &[Problem]) -> Answer {
    let (mut visible, mut details) = (fields(visit, form, proposal.as_ref().map(|one| &one.dates)), details(form));
    let refused = place(visible.iter_mut().chain(&mut details), problems);
    let origins = proposal.map(|one| one.origins).unwrap_or_default();
    let page = PlanPage {
        shell: Shell {
            command: "loggia ending plan --help".into(),
            ..visit.shell(Some(Place::Studio).filter(|_| visit.caller.product_team || visit.caller.administrator))
        },
        crumbs: vec![Link::new("What goes away", "/endings")],
        wrong: visible.iter().chain(&details).filter(|field| !field.error.is_empty()).cloned().collect(),
        open: details.iter().any(|field| !field.error.is_empty() || !field.value.is_empty()),
        origins: origins
            .into_iter()
            .map(|one| Fact::new(format!("{}: {}", day_words(&one.field), one.when), one.why))
            .collect(),
        visible,
        details,
        refused,
    };
    let mut answer = visit.page(&page)?;
    if !problems.is_empty() {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(answer)
}

/// The word of a day.
pub fn day_words(field: &str) -> &'static str {
    match field {
        "announced" => "People are told",
        "effective" => "Not to be chosen any more",
        "closedToNew" => "Closed to new",
        "closedToUpdates" => "Closed to updates",
        "off" => "Off",
        _ => "Off on trial",
    }
}

/// Puts each problem at its field; gives back those that belong to none.
pub fn place<'a>(fields: impl Iterator<Item = &'a mut Field>, problems: &[Problem]) -> Vec<String> {
    let mut fields: Vec<&mut Field> = fields.collect();
    let mut left = Vec::new();
    for problem in problems {
        let path = problem.path.trim_start_matches("spec.").trim_start_matches("dates.").replace("metadata.", "");
        let text = format!("{}. {}", words::capital(problem.message.trim_end_matches('.')), problem.mend);
        let fits = |name: &str| path == name || path.starts_with(&format!("{name}."));
        match fields.iter_mut().find(|field| fits(&field.name)) {
            Some(field) => field.error = text.trim().to_owned(),
            None => left.push(text.trim().to_owned()),
        }
    }
    left
}
