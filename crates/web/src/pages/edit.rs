//! Changing a record on a page: a commit in the author's name, or a new text for what the server keeps itself.

use super::changes::who;
use super::entity;
use super::form::Form;
use super::visit::{Answer, Visit};
use super::words::When;
use crate::design::{Field, Input};
use crate::shell::{Link, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::policy::Subject;
use loggia_app::access::writing::may_write;
use loggia_app::record::Apply;
use loggia_app::record::prepare;
use loggia_app::source::Delivery;
use loggia_app::source::edit::digest;
use loggia_app::source::waiting::Waiting;
use loggia_model::{Problem, Record, Ref, yaml};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/catalog/{kind}/{namespace}/{name}/edit", get(form).post(save))
        .route("/catalog/{kind}/{namespace}/{name}/edits/{id}/put-aside", post(put_aside))
}

/// A change that waits for its repository, for people.
pub struct WaitingLine {
    /// Its first line.
    pub why: String,
    /// Who made it.
    pub who: String,
    /// When.
    pub when: When,
    /// Where it waits; empty when it only waits to be read.
    pub branch: String,
    /// Where it is asked for to be taken in; empty when that is not known.
    pub link: String,
    /// Whether the text has changed since.
    pub overtaken: bool,
    /// Where it is put aside; empty for who may not.
    pub action: String,
}

/// The changes of a record that wait, the newest first.
pub async fn waiting(visit: &Visit, record: &Record, may: bool) -> Result<Vec<WaitingLine>, Error> {
    let all = visit.app().page_edits_of(record).await?;
    let own = visit.caller.name();
    let line = |edit: Waiting| {
        let aside = !edit.branch.is_empty() && !visit.app().settings.read_only && (may || edit.author == own);
        let action = format!("{}/edits/{}/put-aside", entity::page(&record.reference), edit.id);
        WaitingLine {
            why: edit.why,
            who: who(visit, &edit.author),
            when: When::ago(visit.app().now(), Some(edit.made_at)),
            branch: edit.branch,
            link: edit.link,
            overtaken: edit.overtaken,
            action: if aside { action } else { String::new() },
        }
    };
    Ok(all.into_iter().filter(Waiting::is_open).map(line).collect())
}

async fn put_aside(
    visit: Visit,
    Path((kind, namespace, name, id)): Path<(String, String, String, String)>,
    body: Bytes,
) -> Answer {
    let record = visit.record(&Ref::new(&kind, &namespace, &name), entity::page)?;
    let id = id.parse().map_err(|_| Error::NotFound("There is no such change.".into()))?;
    visit.app().put_edit_aside(&visit.caller, id, Form::read(&body).one("reason")).await?;
    Ok(Redirect::to(&format!("{}?done=put-aside", entity::page(&record.reference))).into_response())
}

/// Where the text of a record is kept, in words.
pub fn place(record: &Record) -> String {
    let origin = &*record.source.origin;
    let path = record.source.file();
    match origin.split_once(':') {
        None => "this server".to_owned(),
        Some((_, location)) if path.is_empty() => location.to_owned(),
        Some((_, location)) => format!("{location}, file {path}"),
    }
}

#[derive(Template)]
#[template(path = "entity/edit.html")]
struct EditPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    heading: String,
    lede: String,
    href: String,
    action: String,
    repository: bool,
    /// What the button says; empty when only a patch is made.
    button: &'static str,
    /// What becomes of the change.
    help: &'static str,
    seen: String,
    text: Field,
    why: Field,
    refused: Vec<String>,
}

type At = Path<(String, String, String)>;

async fn form(visit: Visit, Path((kind, namespace, name)): At) -> Answer {
    let record = visit.record(&Ref::new(&kind, &namespace, &name), entity::page)?;
    may_change(&visit, &record)?;
    let (text, seen) = begin(&visit, &record).await?;
    show(&visit, &record, text, seen, "", &[]).await
}

/// Passes for whoever may change a record: nobody else is let write something that is refused in the end.
fn may_change(visit: &Visit, record: &Record) -> Result<(), Error> {
    let text = record.parse();
    let may = |action, subject: &Subject| visit.app().require(&visit.caller, action, subject);
    may_write(&visit.app().graph(), Some(&text), Some(&text), may)
}

/// The text to begin with, and what tells it from another.
async fn begin(visit: &Visit, record: &Record) -> Result<(String, String), Error> {
    if record.source.is_server() {
        let text = serde_json::to_string_pretty(&record.parse().0)?;
        return Ok((text, record.etag.to_string()));
    }
    let draft = visit.state.sources.draft(&visit.caller, &record.reference).await?;
    let seen = digest(&draft.text);
    Ok((draft.text, seen))
}

async fn save(visit: Visit, Path((kind, namespace, name)): At, body: Bytes) -> Answer {
    let record = visit.record(&Ref::new(&kind, &namespace, &name), entity::page)?;
    may_change(&visit, &record)?;
    let form = Form::read(&body);
    let (text, seen, why) = (form.exact("text"), form.one("seen"), form.one("why"));
    if form.one("as") == "patch" && !record.source.is_server() {
        match visit.state.sources.patch(&visit.caller, &record.reference, seen, text, why).await {
            Ok(patch) => return Ok(download(&record, patch)),
            Err(error) => return again(&visit, &record, (text, seen, why), error).await,
        }
    }
    let done = if record.source.is_server() {
        apply(&visit, &record, seen, text).await.map(|()| "saved")
    } else {
        let sources = &visit.state.sources;
        let landed = sources.change(&visit.caller, &record.reference, seen, text, why).await;
        landed.map(|landed| if landed.branch.is_empty() { "committed" } else { "branched" })
    };
    match done {
        Ok(done) => Ok(Redirect::to(&format!("{}?done={done}", entity::page(&record.reference))).into_response()),
        Err(error) => again(&visit, &record, (text, seen, why), error).await,
    }
}

/// The change as a file for `git am`.
fn download(record: &Record, patch: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("text/x-patch; charset=utf-8");
    let name = record.reference.name().replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "-");
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{name}.patch\""));
    let name = name.unwrap_or(HeaderValue::from_static("attachment"));
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], patch).into_response()
}

/// The form once more, with what was typed and what is wrong.
async fn again(visit: &Visit, record: &Record, typed: (&str, &str, &str), error: Error) -> Answer {
    let problems = match error {
        Error::Invalid(problems) => problems,
        Error::Refused(refusal) => vec![Problem::new(&refusal.rule, "", refusal.message, refusal.mend)],
        Error::Conflict(text) => {
            vec![Problem::new("conflict", "", text, "Copy what you wrote, then begin again.")]
        }
        error => return Err(error.into()),
    };
    let (text, seen, why) = typed;
    let mut answer = show(visit, record, text.to_owned(), seen.to_owned(), why, &problems).await?;
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    Ok(answer)
}

/// Writes what the server keeps itself.
async fn apply(visit: &Visit, record: &Record, seen: &str, text: &str) -> Result<(), Error> {
    let mut all = yaml::parse(text);
    let Some(parsed) = all.pop() else {
        return Err(Error::invalid("edit.one", "", "There is no document", "Write one."));
    };
    if !all.is_empty() {
        let message = format!("There are {} documents", all.len() + 1);
        return Err(Error::invalid("edit.one", "", message, "Keep exactly one."));
    }
    let value = parsed.document.map_err(|problem| Error::Invalid(vec![problem]))?;
    let mut prepared = prepare::prepare(value, "").map_err(|mut problems| {
        yaml::place(text, 0, &mut problems);
        Error::Invalid(problems)
    })?;
    prepared.files = loggia_app::record::files::of(record);
    if prepared.reference != record.reference {
        let message = format!("It would become {}", prepared.reference);
        return Err(Error::invalid("edit.name", "", message, "Keep kind, namespace and name."));
    }
    let command = Apply { prepared: vec![prepared], if_match: Some(seen.to_owned()), dry_run: false };
    visit.app().run(&visit.caller, command).await.map(drop)
}

/// What the button says, and what becomes of the change.
async fn what_becomes(visit: &Visit, record: &Record) -> (&'static str, &'static str) {
    if record.source.is_server() {
        return ("Save", "");
    }
    match visit.state.sources.delivery(record).await {
        Delivery::Push => ("Save", "It is saved in your name in the repository. The page shows it within seconds."),
        Delivery::Request => (
            "Propose",
            "It is proposed in your name. Those who look after the repository take it in; the page shows it then, and \
             until then says that it waits.",
        ),
        Delivery::Patch => (
            "",
            "This repository takes no changes from here, so you get yours as a file. Send it to those who look after the \
             repository.",
        ),
    }
}

async fn show(visit: &Visit, record: &Record, text: String, seen: String, why: &str, problems: &[Problem]) -> Answer {
    let reference = &record.reference;
    let said = problems.iter().map(|problem| {
        let at = problem.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{at}{}. {}", problem.message.trim_end_matches('.'), problem.mend)
    });
    let field = |id: &str, label: &str, input| Field {
        id: id.into(),
        name: id.into(),
        label: label.into(),
        input,
        ..Field::default()
    };
    let repository = !record.source.is_server();
    let (button, help) = what_becomes(visit, record).await;
    visit.page(&EditPage {
        shell: Shell {
            command: format!("loggia apply -f {}.yaml", reference.name()),
            json_twin: entity::twin(reference),
            ..visit.shell(None)
        },
        crumbs: vec![Link::new("Catalog", "/search"), Link::new(entity::title(record), entity::page(reference))],
        heading: format!("Change {}", entity::title(record)),
        lede: format!("Kept in {}.", place(record)),
        title: entity::title(record),
        href: entity::page(reference),
        action: format!("{}/edit", entity::page(reference)),
        repository,
        button,
        help,
        seen,
        text: Field { value: text, required: true, ..field("text", "Text", Input::Area) },
        why: Field {
            value: why.to_owned(),
            help: "One line, for those who read the history.".into(),
            ..field("why", "Why", Input::Text)
        },
        refused: said.collect(),
    })
}
