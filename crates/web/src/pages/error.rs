//! Errors as pages: what happened, why, who can fix it, what to do now.

use super::visit::{self, Visit};
use crate::design::Fault;
use crate::shell::Shell;
use crate::state::WebState;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use loggia_app::{Caller, Door, Error};

/// Why a page is not shown.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// Something is not as it should be.
    Error(Error),
    /// It is at another address now.
    Moved(String),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        Wrong::Error(error)
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        match self {
            Wrong::Moved(address) => Redirect::permanent(&address).into_response(),
            // The layer around all pages draws it: only that knows who looks.
            Wrong::Error(error) => {
                let mut response = crate::error::status(&error).into_response();
                response.extensions_mut().insert(error);
                response
            }
        }
    }
}

/// The page of an error.
#[derive(Template)]
#[template(path = "error/page.html")]
struct ErrorPage {
    shell: Shell,
    fault: Fault,
}

/// Draws errors of all pages, and says to browsers what every page says.
pub async fn show(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_else(|| Caller::nobody(Door::Page, ""));
    let visit = Visit::new(&state, caller, &parts);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = response.extensions_mut().remove::<Error>() {
        response = draw(&error, visit.shell(None), visit.address());
    }
    visit::headers(&mut response);
    response
}

/// A page for an error of a request whose caller is not known.
pub fn answer(error: &Error, uri: &Uri) -> Response {
    let shell = Shell {
        product_title: "Loggia".into(),
        asset_version: crate::assets::version().to_owned(),
        ..Shell::default()
    };
    let mut response = draw(error, shell, uri.path_and_query().map_or("/", |whole| whole.as_str()));
    visit::headers(&mut response);
    response
}

/// What is at no address: a page for people, a problem document for programs that know ours. A program that looks for
/// something else gets the bare status, as from a Backstage, and does not have to read what it cannot understand.
pub async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let error = Error::NotFound(format!("There is nothing at {path}."));
    let takes = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes_pages = ["text/html", "text/*", "*/*"].iter().any(|form| takes.contains(form));
    match crate::error::door_of(path) {
        Door::Page if takes_pages => Wrong::Error(error).into_response(),
        Door::Git => crate::error::Reply(error).into_response(),
        Door::Api if path.starts_with("/api/v1/") => crate::error::Reply(error).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn draw(error: &Error, shell: Shell, address: &str) -> Response {
    if matches!(error, Error::Unauthenticated(_)) && shell.person.is_none() {
        let back: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
        return Redirect::to(&format!("/login?return_to={back}")).into_response();
    }
    let fault = Fault { id: shell.request_id.clone(), ..fault(error) };
    let status = crate::error::status(error);
    match (ErrorPage { shell, fault }).render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response(),
    }
}

/// An error in the words of a page.
pub fn fault(error: &Error) -> Fault {
    let (what, who, mend) = match error {
        Error::NotFound(_) => ("This is not here", "You", "Check the address, or search for it above."),
        Error::Conflict(_) => ("Somebody was faster", "You", "Go back, look at the newest state, and do it again."),
        Error::Refused(_) => ("This is not done", "You", ""),
        Error::Gone(_) => ("This is gone", "You", ""),
        Error::Paused(_) => ("This is off on trial", "You", ""),
        Error::Invalid(_) => ("Something in it is not right", "You", "Go back and correct it."),
        Error::Unauthenticated(_) => ("Who are you?", "You", "Sign in, or use another token."),
        Error::Forbidden(_) => {
            ("This is not for you to do", "Whoever may do it", "Ask them to do it, or to give you the right.")
        }
        Error::Unavailable(_) => ("It does not work right now", "We", "Try again in a moment; nothing was lost."),
        Error::Internal(_) => ("Something broke on our side", "We", "Try again. If it stays, tell us the id below."),
    };
    let (why, mend) = match error {
        Error::Refused(refusal) => (refusal.message.clone(), refusal.mend.clone()),
        Error::Gone(ended) | Error::Paused(ended) => (ended.refusal.message.clone(), ended.refusal.mend.clone()),
        other => (crate::error::public_text(other), mend.to_owned()),
    };
    Fault { what: what.into(), why, who: who.into(), mend, id: String::new() }
}
