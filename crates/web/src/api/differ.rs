//! Who may differ from an ending or a campaign, as it is asked for.

use super::call::Call;
use super::checks::name_in;
use super::fault::Fault;
use loggia_app::access::differ::Differ;
use loggia_model::Day;
use schemars::JsonSchema;
use serde::Deserialize;

/// Who may differ.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferInput {
    /// The team, as `booking` or `group:default/booking`.
    #[schemars(length(min = 1, max = 200))]
    team: String,
    /// One instance of it only, such as `booking/orders.dev`.
    #[schemars(length(min = 1, max = 200))]
    instance: Option<String>,
    /// The day on which it ends.
    until: Day,
    /// Why, in one sentence.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// Reads it from a request.
///
/// # Errors
/// For what is no such text, and names that are none.
pub fn read(call: &Call) -> Result<Differ, Fault> {
    let DifferInput { team, instance, until, reason } = call.json()?;
    let thing = instance.as_deref().map(|text| name_in(text, "instance", "instance")).transpose()?;
    Ok(Differ { team: name_in(&team, "group", "team")?, thing, until, reason })
}
