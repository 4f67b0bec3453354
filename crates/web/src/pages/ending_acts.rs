//! What is decided about an ending on its page: told, agreed to, moved, differed from, given up, taken away.

use super::ending::{href, page_of};
use super::ending_form::{days, field, options, place, problems, wish};
use super::form::Form;
use super::visit::{Answer, Visit};
use crate::design::{Field, Input};
use crate::state::WebState;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use loggia_app::Error;
use loggia_app::access::differ::Differ;
use loggia_app::access::writing::may_write;
use loggia_app::ending::{Decide, EndingView, Verb};
use loggia_model::ending::Dates;
use loggia_model::{Day, EndingState, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/endings/{name}/{verb}", post(step))
}

/// Something that the caller may decide about an ending now.
pub struct Act {
    /// The last part of its address.
    pub word: &'static str,
    /// What opens it.
    pub title: &'static str,
    /// What it means, in one sentence.
    pub lead: String,
    /// What the button says.
    pub label: &'static str,
    /// What it asks.
    pub fields: Vec<Field>,
    /// Why it was not done.
    pub refused: Vec<String>,
    /// Whether it is what comes next.
    pub open: bool,
}

/// What was sent and not done: the word of the act, the form, and why.
pub type Sent<'a> = Option<(&'a str, &'a Form, &'a Error)>;

/// What the caller may decide about an ending now; what was sent and not done stays as it was filled in.
pub fn acts(visit: &Visit, view: &EndingView, name: &Ref, sent: Sent<'_>) -> Vec<Act> {
    let Some(text) = visit.graph.get(name).map(|record| record.parse()) else { return Vec::new() };
    let may = |action, subject: &_| visit.app().require(&visit.caller, action, subject);
    if visit.app().settings.read_only || may_write(&visit.graph, Some(&text), Some(&text), may).is_err() {
        return Vec::new();
    }
    let empty = Form::default();
    let form = |word: &str| sent.filter(|(verb, ..)| *verb == word).map_or(&empty, |(_, form, _)| form);
    let mut all = Vec::new();
    if view.pending.as_ref().is_some_and(|pending| pending.by != visit.caller.name()) {
        all.push(act("approve", "Agree as the second person", "Who asked and who agrees are two people.", Vec::new()));
    }
    let (state, short) = (view.line.state, !view.too_short.is_empty());
    let movable = state == EndingState::Draft || (state.is_told() && state < EndingState::Off);
    if state == EndingState::Draft {
        all.push(announcing(view, form("announce")));
    }
    if state == EndingState::Off {
        let lead = "Say so once it is taken away. Whether anything is left is looked for by itself.";
        all.push(act("remove", "It was taken away", lead, Vec::new()));
    }
    if movable {
        // What cannot be announced as it is gets other days first.
        let at = if short { all.len() - 1 } else { all.len() };
        all.insert(at, moving(view, form("move")));
    }
    if state.is_told() && state < EndingState::Removed {
        all.push(exempting(view, form("exempt")));
    }
    if matches!(state, EndingState::Draft | EndingState::Announced) {
        let form = form("cancel");
        let why = reason(form, "Whoever was told reads it.", true);
        all.push(act("cancel", "Give it up", "Nothing goes away then.", vec![why]));
    }
    opened(all, view, sent)
}

/// Opens what comes next, and what was sent and not done.
fn opened(mut all: Vec<Act>, view: &EndingView, sent: Sent<'_>) -> Vec<Act> {
    let waits = view.pending.is_some() || matches!(view.line.state, EndingState::Draft | EndingState::Off);
    if let Some(first) = all.first_mut() {
        first.open = waits;
    }
    if let Some((word, _, error)) = sent {
        refuse(&mut all, word, error);
    }
    all
}

/// Shows why something was not done, where it was asked.
fn refuse(all: &mut [Act], word: &str, error: &Error) {
    let Some(act) = all.iter_mut().find(|act| act.word == word) else { return };
    let problems = problems(error.clone()).unwrap_or_default();
    act.refused = place(act.fields.iter_mut(), &problems);
    act.open = true;
}

fn act(word: &'static str, title: &'static str, lead: &str, fields: Vec<Field>) -> Act {
    Act { word, title, lead: lead.to_owned(), label: title, fields, refused: Vec::new(), open: false }
}

fn reason(form: &Form, help: &str, required: bool) -> Field {
    let value = form.one("reason").to_owned();
    Field { value, required, ..field("reason", "Why, in one sentence", Input::Text, help) }
}

fn announcing(view: &EndingView, form: &Form) -> Act {
    if view.too_short.is_empty() {
        let lead = "Everybody who runs it is told, and from then on its days move later only.";
        return act("announce", "Announce it", lead, Vec::new());
    }
    let help = "Such as: its makers end it on that day. Everybody reads it.";
    let why = Field { label: "Why it is an emergency".into(), ..reason(form, help, true) };
    let lead = "There is less notice than the rule asks for. It is announced once a second person has agreed.";
    act("announce", "Announce it as an emergency", lead, vec![why])
}

fn moving(view: &EndingView, form: &Form) -> Act {
    let sent = !form.is_empty();
    let dates = view.offer.as_ref().map_or(&view.line.dates, |offer| &offer.dates);
    let mut fields = days(form, Some(dates).filter(|_| !sent));
    let told = view.line.state.is_told();
    if told {
        fields.retain(|field| field.name != "announced");
        let help = "Only for earlier days: why that is an emergency. A second person has to agree.";
        fields.push(reason(form, help, false));
    }
    let lead = match (told, view.offer.is_some()) {
        (false, true) => "These are the first days with which it may be announced.",
        (false, false) => "Nobody was told yet, so its days move freely.",
        (true, _) => "People were told: days move later. Earlier ones are for emergencies.",
    };
    act("move", "Give it other days", lead, fields)
}

fn exempting(view: &EndingView, form: &Form) -> Act {
    let teams = view.concerned.iter().map(|one| (one.team.to_string(), one.title.clone()));
    let runs = view.concerned.iter().flat_map(|one| &one.runs);
    let runs =
        runs.map(|row| (row.instance.to_string(), format!("{}: {} in {}", row.team_title, row.name, row.environment)));
    let all = std::iter::once((String::new(), "all that it has".to_owned()));
    let last = format!("{} at the latest.", view.last_exemption.words());
    let fields = vec![
        Field { options: options(teams, form.one("team")), required: true, ..field("team", "Team", Input::Select, "") },
        Field {
            options: options(all.chain(runs), form.one("instance")),
            required: true,
            ..field("instance", "For", Input::Select, "")
        },
        Field { value: form.one("until").to_owned(), required: true, ..field("until", "Until", Input::Date, &last) },
        reason(form, "Such as: the quarter ends then.", true),
    ];
    act(
        "exempt",
        "Let a team differ",
        "It keeps what it has for a while, and may get new ones; you are written down as who granted it.",
        fields,
    )
}

async fn step(visit: Visit, Path((name, word)): Path<(String, String)>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let (form, ending) = (Form::read(&body), Ref::new("ending", "default", &name));
    let decided = match verb(&word, &form) {
        Ok((verb, done)) => {
            let command = Decide { ending: ending.clone(), verb };
            visit.app().run(&visit.caller, command).await.map(|_| done)
        }
        Err(error) => Err(error),
    };
    match decided {
        Ok(done) => Ok(Redirect::to(&format!("{}?done={done}", href(&ending))).into_response()),
        Err(error @ (Error::Invalid(_) | Error::Refused(_))) => {
            let mut answer = page_of(&visit, &ending, Some((&word, &form, &error))).await?;
            *answer.status_mut() = crate::error::status(&error);
            Ok(answer)
        }
        Err(error) => Err(error.into()),
    }
}

fn verb(word: &str, form: &Form) -> Result<(Verb, &'static str), Error> {
    let reason = form.one("reason").to_owned();
    let urgent = Some(reason.clone()).filter(|text| !text.is_empty());
    Ok(match word {
        "announce" => (Verb::Announce { emergency: urgent }, "told"),
        "approve" => (Verb::Approve, "agreed"),
        "move" => (Verb::Move { dates: Box::new(all_days(form)?), emergency: urgent }, "moved"),
        "exempt" => {
            let instance = Some(form.one("instance")).filter(|text| !text.is_empty());
            let name = |text: &str, kind: &str| {
                Ref::parse(text, Some(kind), "default")
                    .map_err(|_| Error::invalid("reference", kind, "This is no name", "Choose one."))
            };
            let until = Day::parse(form.one("until")).ok_or_else(|| {
                Error::invalid("day", "until", "It is not said until when", "Write a day such as 2027-03-31.")
            })?;
            let thing = instance.map(|text| name(text, "instance")).transpose()?;
            let team = name(form.one("team"), "group")?;
            (Verb::Exempt(Differ { team, thing, until, reason }), "exempted")
        }
        "cancel" => (Verb::Cancel { reason }, "cancelled"),
        "remove" => (Verb::Remove, "taken"),
        _ => return Err(Error::NotFound("There is no such page.".into())),
    })
}

/// All days of a form; what it leaves empty is not planned.
fn all_days(form: &Form) -> Result<Dates, Error> {
    let wish = wish(form).map_err(Error::Invalid)?;
    let needed = |day: Option<Day>, field: &str| {
        day.ok_or_else(|| Error::invalid("day", field, "This day is needed", "Write a day such as 2027-03-31."))
    };
    Ok(Dates {
        announced: wish.announced,
        effective: needed(wish.effective, "effective")?,
        closed_to_new: wish.closed_to_new,
        brownouts: wish.brownouts,
        closed_to_updates: wish.closed_to_updates,
        off: needed(wish.off, "off")?,
    })
}
