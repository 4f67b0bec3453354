//! Secret inputs: taken out of what was filled in, by the contract of the very release that is written with the rest.

use crate::command::Ctx;
use crate::command::changes::Changes;
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::record::schema::secret_names;
use loggia_model::Uid;
use serde_json::{Map, Value};

/// Secrets by the names of their inputs.
pub(crate) type Named = [(String, Secret)];

/// Takes the secret inputs out, so that they are in no document and no event.
pub(crate) fn take(contract: &Value, inputs: &mut Map<String, Value>) -> Vec<(String, Secret)> {
    let take = |name: String| {
        let value = inputs.remove(&name)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((name, Secret::new(text)))
    };
    secret_names(contract).into_iter().filter_map(take).collect()
}

/// The last guard before inputs are written: nothing that the contract calls secret is in the clear.
///
/// # Errors
/// [`Error::Internal`], with the name and never the value.
pub(crate) fn none_in_clear(contract: &Value, inputs: &Map<String, Value>) -> Result<()> {
    match secret_names(contract).into_iter().find(|name| inputs.contains_key(name)) {
        Some(name) => Err(Error::Internal(format!("the secret input {name} would have been written in the clear"))),
        None => Ok(()),
    }
}

/// Keeps secrets with an instance, sealed.
///
/// # Errors
/// As [`Ctx::seal`].
pub(crate) fn seal(changes: &mut Changes, uid: Uid, secrets: &Named, ctx: &Ctx<'_>) -> Result<()> {
    for (name, secret) in secrets {
        changes.secrets.push(ctx.seal(uid, &format!("input.{name}"), secret)?);
    }
    Ok(())
}
