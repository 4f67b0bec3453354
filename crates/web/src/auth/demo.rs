//! In the demo, anybody may look through other eyes.

use super::session::{agent, begun, within};
use crate::caller::{By, COOKIE, cookie};
use crate::error::Reply;
use crate::state::WebState;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::Response;
use loggia_app::Error;
use loggia_app::access::login::Entry;
use loggia_model::Ref;
use serde::Deserialize;

/// Who to become.
#[derive(Deserialize)]
pub struct Become {
    person: String,
    #[serde(default)]
    back: String,
}

/// Begins a session as a person, without a password. Only where the operator runs the demo.
pub async fn become_person(
    State(state): State<WebState>,
    By(caller): By,
    headers: HeaderMap,
    Form(wish): Form<Become>,
) -> Result<Response, Reply> {
    if !state.app.settings.demo {
        return Err(Error::NotFound("There is nothing at this address.".into()).into());
    }
    let missing = || Error::NotFound(format!("There is no person {:?}.", wish.person));
    let user = Ref::parse(&wish.person, Some("user"), "default").map_err(|_| missing())?;
    if user.kind() != "user" || state.app.graph().get(&user).is_none() {
        return Err(missing().into());
    }
    if let Some(before) = cookie(&headers, COOKIE) {
        state.app.sign_out(before, &caller.request_id).await?;
    }
    let entry = Entry { by: "demo", agent: agent(&headers), request_id: &caller.request_id };
    let token = state.app.begin_session(&user, entry).await?;
    Ok(begun(&state, &token, within(&wish.back)))
}
