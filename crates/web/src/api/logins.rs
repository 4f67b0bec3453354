//! Passwords of people.

use super::call::{Call, nothing};
use super::route::Handled;
use loggia_app::Error;
use loggia_app::driver::Secret;
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::Deserialize;

/// A password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginInput {
    /// The new password, 12 characters or more.
    #[schemars(length(min = 12, max = 1000))]
    pub password: String,
}

/// Sets the password of a person.
pub async fn put(call: Call) -> Handled {
    let missing = |_| Error::NotFound(format!("There is no person {:?}.", call.segment("user")));
    let user = Ref::parse(call.segment("user"), Some("user"), "default").map_err(missing)?;
    let input: LoginInput = call.json()?;
    call.app().set_login(&call.caller, &user, Secret::new(input.password)).await?;
    Ok(nothing())
}
