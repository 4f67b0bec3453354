//! Changing one's own password: a part of the page of sessions and tokens.

use super::form::Form;
use super::me;
use super::visit::{Answer, Visit};
use crate::address::Address;
use crate::caller::{COOKIE, cookie};
use crate::design::{Field, Input};
use crate::state::WebState;
use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use loggia_app::Error;
use loggia_app::access::login::{OLD, PasswordWish, digest};
use loggia_app::instance::driver::Secret;
use loggia_model::Problem;
use std::time::Duration;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/me/password", post(change))
}

async fn change(
    visit: Visit,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    visit.signed_in()?;
    visit.app().writable(&visit.caller)?;
    let user = visit.caller.user().cloned();
    let user = user.ok_or_else(|| Error::Forbidden("A password is a person's. A program has tokens.".into()))?;
    let form = Form::read(&body);
    if form.one("password") != form.one("again") {
        let problem = Problem::new("login.again", "again", "It is not the same", "Type the new password twice.");
        return refused(&visit, &headers, &[problem], StatusCode::BAD_REQUEST).await;
    }
    let attempt = match visit.state.limiter.begin(&user.to_string(), address).await {
        Ok(attempt) => attempt,
        Err(wait) => return too_many(&visit, &headers, wait).await,
    };
    let wish = PasswordWish {
        old: Some(form.one("old")).filter(|old| !old.is_empty()).map(|old| Secret::new(old.to_owned())),
        new: Secret::new(form.one("password").to_owned()),
        keep: cookie(&headers, COOKIE).map(digest),
    };
    let set = visit.app().set_login(&visit.caller, &user, wish).await;
    let wrong = |problem: &Problem| problem.rule == OLD;
    if !matches!(&set, Err(Error::Invalid(problems)) if problems.iter().any(wrong)) {
        attempt.untold();
    }
    match set {
        Ok(()) => Ok(Redirect::to("/me?done=password").into_response()),
        Err(Error::Invalid(problems)) => refused(&visit, &headers, &problems, StatusCode::BAD_REQUEST).await,
        Err(error) => Err(error.into()),
    }
}

/// The page again, with what is wrong at the fields.
async fn refused(visit: &Visit, headers: &HeaderMap, problems: &[Problem], status: StatusCode) -> Answer {
    let mut answer = me::page(visit, headers, me::Said { password: problems, ..me::Said::default() }).await?;
    *answer.status_mut() = status;
    Ok(answer)
}

async fn too_many(visit: &Visit, headers: &HeaderMap, wait: Duration) -> Answer {
    let mend = format!("Wait {} minutes, then try again.", wait.as_secs().div_ceil(60));
    let problem = Problem::new(OLD, "old", "Too many wrong tries", mend);
    let mut answer = refused(visit, headers, &[problem], StatusCode::TOO_MANY_REQUESTS).await?;
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    Ok(answer)
}

/// The fields, without what was typed; the old one only for whoever has one.
pub fn fields(has_one: bool, problems: &[Problem]) -> Vec<Field> {
    let field = |name: &str, label: &str, autocomplete: &str| Field {
        id: format!("f-{name}"),
        name: name.into(),
        label: label.into(),
        input: Input::Password,
        required: true,
        autocomplete: autocomplete.into(),
        ..Field::default()
    };
    let new = Field {
        help: "12 characters or more; a sentence is fine.".into(),
        ..field("password", "New password", "new-password")
    };
    let old = has_one.then(|| field("old", "Password until now", "current-password"));
    let again = field("again", "New password once more", "new-password");
    let mut fields: Vec<Field> = old.into_iter().chain([new, again]).collect();
    for problem in problems {
        if let Some(field) = fields.iter_mut().find(|field| field.name == problem.path) {
            field.error = format!("{}. {}", problem.message, problem.mend);
        }
    }
    fields
}
