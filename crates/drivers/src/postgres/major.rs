//! The major version of the server that a release asks for: `major` of its recipe. An environment may accept any other
//! with `any_major: true`, and then says so.

use loggia_app::instance::driver::{Failure, Request};
use loggia_model::instance::{Condition, Verdict};
use serde_json::Value;

/// What the recipe asks for.
fn wanted(request: &Request) -> Result<Option<i32>, Failure> {
    let Some(value) = request.recipe.get("major").filter(|value| !value.is_null()) else { return Ok(None) };
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok()).and_then(|number| i32::try_from(number).ok());
    number.filter(|number| *number > 0).map(Some).ok_or_else(|| {
        let message = format!("`major` of the recipe is no major version: {value}");
        Failure::ours(message, "write it as a number, such as 16, and publish a new version")
    })
}

/// What differs: the version that is there, and the one that is asked for.
fn other(request: &Request, version: &str, number: i32) -> Result<Option<String>, Failure> {
    let differs = wanted(request)?.filter(|major| *major != number / 10_000);
    let what = |major| {
        format!("the server is PostgreSQL {version}, {} {} is PostgreSQL {major}", request.offering, request.version)
    };
    Ok(differs.map(what))
}

/// Refuses a server of another major version, unless the environment accepts any.
pub(super) fn check(request: &Request, version: &str, number: i32) -> Result<(), Failure> {
    let any = request.backend.config.get("any_major").and_then(Value::as_bool).unwrap_or_default();
    match other(request, version, number)? {
        Some(what) if !any => Err(Failure::ours(
            what,
            "order a release for this server, or another environment; its owner can change the server",
        )),
        _ => Ok(()),
    }
}

/// Says so where another major version was accepted.
pub(super) fn condition(request: &Request, version: &str, number: i32) -> Result<Option<Condition>, Failure> {
    let told = |message| Condition {
        kind: "ServerAsReleased".to_owned(),
        status: Verdict::False,
        reason: "OtherMajor".to_owned(),
        message,
    };
    Ok(other(request, version, number)?.map(told))
}
