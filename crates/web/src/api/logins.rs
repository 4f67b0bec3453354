//! Passwords of people.

use super::call::{Call, nothing};
use super::fault::Fault;
use super::route::Handled;
use axum::http::StatusCode;
use loggia_app::Error;
use loggia_app::access::login::{OLD, PasswordWish, digest};
use loggia_app::instance::driver::Secret;
use loggia_model::{Problem, Ref};
use schemars::JsonSchema;
use serde::Deserialize;

/// A password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginInput {
    /// The new password, 12 characters or more.
    #[schemars(length(min = 12, max = 1000))]
    pub password: String,
    /// The old password of whoever sets their own; an administrator needs none for others.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub old: Option<String>,
}

/// Sets the password of a person, and ends their other sessions.
pub async fn put(call: Call) -> Handled {
    let missing = |_| Error::NotFound(format!("There is no person {:?}.", call.segment("user")));
    let user = Ref::parse(call.segment("user"), Some("user"), "default").map_err(missing)?;
    let input: LoginInput = call.json()?;
    let attempt = call.state.limiter.begin(&user.to_string(), call.address).await.map_err(|wait| {
        let minutes = wait.as_secs().div_ceil(60);
        let message = format!("Too many wrong tries. Wait {minutes} minutes, then try again.");
        Fault::http(StatusCode::TOO_MANY_REQUESTS, message)
    })?;
    let wish = PasswordWish {
        old: input.old.map(Secret::new),
        new: Secret::new(input.password),
        keep: crate::caller::cookie(&call.headers, crate::caller::COOKIE).map(digest),
    };
    let set = call.app().set_login(&call.caller, &user, wish).await;
    let wrong = |problem: &Problem| problem.rule == OLD;
    if !matches!(&set, Err(Error::Invalid(problems)) if problems.iter().any(wrong)) {
        attempt.untold();
    }
    set?;
    Ok(nothing())
}
