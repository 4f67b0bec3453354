//! How the text of a campaign may change: what people were told that it does stays once it was started.

use super::Found;
use crate::error::{Error, Result};
use crate::record::prepare::Prepared;
use loggia_model::Record;
use loggia_model::kinds::CampaignSpec;
use std::sync::Arc;

/// Checks another text of a campaign, wherever it comes from.
///
/// # Errors
/// [`Error::Refused`] for another goal of one that was started.
pub(crate) fn change(before: &Record, prepared: &Prepared) -> Result<()> {
    if prepared.kind != "Campaign" {
        return Ok(());
    }
    let Some(old) = Found::read(&Arc::new(before.clone())).filter(|old| old.status.started.is_some()) else {
        return Ok(());
    };
    let new: CampaignSpec = serde_json::from_value(prepared.document().spec().cloned().unwrap_or_default())?;
    let Some(field) = moved(&old.spec, &new) else { return Ok(()) };
    let message = format!("It was started, so its `{field}` stays: people decided by it.");
    let name = before.reference.name();
    let mend = format!(
        "Take that change back. For another goal end this one (loggia campaign end {name}) and plan a new one."
    );
    Err(Error::refused("campaign.started", message, mend))
}

/// The first field of its goal that is another one.
fn moved(old: &CampaignSpec, new: &CampaignSpec) -> Option<&'static str> {
    let fields = [
        ("offering", old.offering == new.offering),
        ("to", old.to == new.to),
        ("scope", old.scope == new.scope),
        ("check", old.check == new.check),
        ("waves", old.waves() == new.waves()),
    ];
    fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}
