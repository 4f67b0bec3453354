//! Publishing versions from the page of their offering, and withdrawing them.

use super::form::Form;
use super::offer;
use super::visit::{Answer, Visit};
use super::words;
use crate::state::WebState;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use loggia_app::Error;
use loggia_app::access::writing::may_write;
use loggia_app::release::offering::publication;
use loggia_app::release::publication::Publish;
use loggia_model::contract::Weight;
use loggia_model::{Publication, Record, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/get/{name}/versions/{release}/{verb}", post(step))
}

/// Something that the caller may do with a version now.
pub struct Verb {
    /// The last part of its address.
    pub word: &'static str,
    /// What the button says.
    pub label: &'static str,
    /// Whether it is asked why.
    pub asks: bool,
}

const PUBLISH: Verb = Verb { word: "publish", label: "Publish", asks: false };
const PROPOSE: Verb = Verb { word: "propose", label: "Make it a candidate", asks: false };
const WITHDRAW: Verb = Verb { word: "withdraw", label: "Withdraw", asks: true };
const AGAIN: Verb = Verb { word: "publish", label: "Publish it again", asks: false };

/// What the caller may do with a version now.
pub fn verbs(visit: &Visit, release: &Record) -> Vec<Verb> {
    let text = release.parse();
    let may = |action, subject: &_| visit.app().require(&visit.caller, action, subject);
    if visit.app().settings.read_only || may_write(&visit.graph, Some(&text), Some(&text), may).is_err() {
        return Vec::new();
    }
    match publication(release) {
        Publication::Draft => vec![PUBLISH, PROPOSE],
        Publication::Candidate => vec![PUBLISH],
        Publication::Published => vec![WITHDRAW],
        Publication::Yanked => vec![AGAIN],
    }
}

/// What publishing a version would change, and whom it would not fit; for those who may, while it is not out.
pub fn trial(visit: &Visit, release: &Record) -> Vec<String> {
    if publication(release).is_settled() || verbs(visit, release).is_empty() {
        return Vec::new();
    }
    let tried = match visit.app().dry_run(&visit.caller, &release.reference) {
        Ok(tried) => tried,
        Err(error) => return vec![error.to_string()],
    };
    let mut lines = Vec::new();
    if let Some(before) = &tried.before {
        let what = match tried.weight {
            Weight::Breaking => "a breaking change",
            Weight::Addition => "an addition",
            Weight::None => "the same inputs and outputs",
        };
        lines.push(format!("Compared with {before}: {what}."));
        lines.extend(tried.changes.iter().map(|change| words::capital(&format!("{}.", change.text))));
    }
    lines.push(format!("It was tried on {}.", words::count(tried.tried, "running thing")));
    if !tried.failing.is_empty() {
        lines.push(format!("It would not fit {}.", tried.names()));
    }
    lines
}

async fn step(visit: Visit, Path((name, release, verb)): Path<(String, String, String)>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let (to, done) = match verb.as_str() {
        "publish" => (Publication::Published, "published"),
        "propose" => (Publication::Candidate, "proposed"),
        "withdraw" => (Publication::Yanked, "yanked"),
        _ => return Err(Error::NotFound("There is no such page.".into()).into()),
    };
    let reason = Form::read(&body).one("reason").to_owned();
    let release = Ref::new("release", "default", &release);
    visit.app().run(&visit.caller, Publish { release, to, reason, accept_failing: false }).await?;
    Ok(Redirect::to(&format!("{}?done={done}", offer::href(&name))).into_response())
}
