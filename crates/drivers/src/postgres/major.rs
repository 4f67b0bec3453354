//! The major version of the server that a release asks for: `major` of its recipe. An environment may accept any other
//! with `any_major: true`, and then says so.

use loggia_app::instance::driver::{Failure, Request};
use loggia_app::instance::program::Program;
use loggia_model::instance::{Condition, Verdict};
use serde_json::{Map, Value};

/// How the program calls itself.
pub(super) const NAME: &str = "PostgreSQL";

/// What to do about a server that is refused.
const MEND: &str = "order a release for this server, or another environment; its owner can change the server";

/// What a recipe asks for.
fn wanted(recipe: &Map<String, Value>) -> Result<Option<i32>, Failure> {
    let Some(value) = recipe.get("major").filter(|value| !value.is_null()) else { return Ok(None) };
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok()).and_then(|number| i32::try_from(number).ok());
    number.filter(|number| *number > 0).map(Some).ok_or_else(|| {
        let message = format!("`major` of the recipe is no major version: {value}");
        Failure::ours(message, "write it as a number, such as 16, and publish a new version")
    })
}

/// The major version that a recipe asks for, when a server has another one: the first number of `15.18` or `17beta1`.
fn other(recipe: &Map<String, Value>, version: &str) -> Result<Option<i32>, Failure> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let has: Option<i32> = digits.parse().ok();
    Ok(wanted(recipe)?.filter(|major| Some(*major) != has))
}

/// What differs, for who knows which version of what is meant.
fn told(request: &Request, version: &str) -> Result<Option<String>, Failure> {
    let what =
        |major| format!("the server is {NAME} {version}, {} {} is {NAME} {major}", request.offering, request.version);
    Ok(other(&request.recipe, version)?.map(what))
}

fn takes_any(config: &Map<String, Value>) -> bool {
    config.get("any_major").and_then(Value::as_bool).unwrap_or_default()
}

/// Refuses a server of another major version, unless the environment accepts any.
pub(super) fn check(request: &Request, version: &str) -> Result<(), Failure> {
    match told(request, version)? {
        Some(what) if !takes_any(&request.backend.config) => Err(Failure::ours(what, MEND)),
        _ => Ok(()),
    }
}

/// The same before anybody orders: what differs where any is accepted, the refusal elsewhere.
pub(super) fn differs(
    recipe: &Map<String, Value>,
    config: &Map<String, Value>,
    program: &Program,
) -> Result<Option<String>, Failure> {
    let Some(major) = other(recipe, &program.version)? else { return Ok(None) };
    let what = format!("{program} is what runs there; this version is made for {NAME} {major}");
    if takes_any(config) { Ok(Some(format!("{what}."))) } else { Err(Failure::ours(what, MEND)) }
}

/// Says so where another major version was accepted.
pub(super) fn condition(request: &Request, version: &str) -> Result<Option<Condition>, Failure> {
    let condition = |message| Condition {
        kind: "ServerAsReleased".to_owned(),
        status: Verdict::False,
        reason: "OtherMajor".to_owned(),
        message,
    };
    Ok(told(request, version)?.map(condition))
}
