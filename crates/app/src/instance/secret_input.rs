//! Secret inputs: taken out of what was filled in, by the contract of the very release that is written with the rest.

use crate::command::changes::{Changes, Draft, RecordChange};
use crate::command::{Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use crate::record::schema::secret_names;
use loggia_model::{Document, Record, Uid};
use loggia_store::ErasedInputs;
use serde_json::{Map, Value, json};

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

/// Takes out of the inputs of now what is secret in the version to come, by name or, where a migration gives it another
/// one, by value; all of it is to be sealed under its name of now too, for the way back. Gives the names.
pub(crate) fn hide(
    inputs: &mut Map<String, Value>,
    names: &[String],
    secrets: &mut Vec<(String, Secret)>,
) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_secret = |name: &String, value: &Value| {
        let renamed = || value.is_string() && secrets.iter().any(|(_, secret)| secret.reveal() == text(value));
        names.contains(name) || renamed()
    };
    let hidden: Vec<String> =
        inputs.iter().filter(|(name, value)| is_secret(name, value)).map(|(name, _)| name.clone()).collect();
    for name in &hidden {
        let Some(value) = inputs.remove(name) else { continue };
        if secrets.iter().all(|(known, _)| known != name) {
            secrets.push((name.clone(), Secret::new(text(&value))));
        }
    }
    hidden
}

/// Has nothing that is kept of an instance hold some inputs in the clear: neither the text that is written now nor what it
/// was before.
///
/// # Errors
/// [`Error::Internal`] for inputs that cannot be written.
pub(crate) fn forget(
    changes: &mut Changes,
    record: &Record,
    inputs: &Map<String, Value>,
    names: &[String],
) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    for entry in &mut changes.entries {
        let Some(RecordChange::Put(draft)) = &mut entry.change else { continue };
        let mut text = Document(serde_json::from_str(&draft.document)?);
        // A text with other inputs is that of the version to come.
        if draft.uid == record.uid && draft.document == record.document {
            text.0["spec"]["inputs"] = Value::Object(inputs.clone());
            **draft = Draft { status: draft.status.take(), ..Draft::new(record.uid, &text, draft.source.clone()) };
        }
    }
    let subject = Some((record.uid, record.reference.clone()));
    changes.note("instance.inputs-sealed", subject, json!({"inputs": names}));
    changes.erased.push(ErasedInputs { record: record.uid, names: names.to_vec() });
    Ok(())
}

/// Gives a driver what it wants in the clear and what is kept sealed, because another version calls it secret; and no
/// secret that this version does not have.
pub(crate) fn sort(contract: &Value, inputs: &mut Map<String, Value>, secrets: &mut Vec<(String, Secret)>) {
    let own = secret_names(contract);
    let properties = contract.get("properties").and_then(Value::as_object);
    secrets.retain(|(name, secret)| {
        if own.contains(name) {
            return true;
        }
        if let Some(property) = properties.and_then(|all| all.get(name)).filter(|_| !inputs.contains_key(name)) {
            let text = secret.reveal();
            let plain = || Value::String(text.to_owned());
            let is_text = property.get("type").is_none_or(|kind| kind == "string");
            let value = if is_text { plain() } else { serde_json::from_str(text).unwrap_or_else(|_| plain()) };
            inputs.insert(name.clone(), value);
        }
        false
    });
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
        changes.secrets.push(ctx.seal(uid, &field(name), secret)?);
    }
    Ok(())
}

/// Where a secret is kept that has this name as an input.
pub(crate) fn field(name: &str) -> String {
    format!("input.{name}")
}

/// Where it is kept that an operation is to bring: beside the one of now, which stays until the operation has ended well.
fn next_field(operation: Uid, name: &str) -> String {
    format!("next.{operation}.{name}")
}

/// The name of an input, of a secret that an operation is to bring.
pub(crate) fn is_next(field: &str, operation: Uid) -> Option<&str> {
    field.strip_prefix("next.")?.strip_prefix(&operation.to_string())?.strip_prefix('.')
}

/// Keeps secrets that an operation is to bring, sealed.
///
/// # Errors
/// As [`Ctx::seal`].
pub(crate) fn seal_next(changes: &mut Changes, uid: Uid, operation: Uid, secrets: &Named, ctx: &Ctx<'_>) -> Result<()> {
    for (name, secret) in secrets {
        changes.secrets.push(ctx.seal(uid, &next_field(operation, name), secret)?);
    }
    Ok(())
}

/// The facts with the secrets that an operation is to bring.
pub(crate) fn needs_next(uid: Uid, operation: Uid, names: &[String]) -> Vec<Need> {
    names.iter().map(|name| Need::Secret { uid, field: next_field(operation, name) }).collect()
}

/// The secrets that an operation is to bring.
///
/// # Errors
/// As [`Ctx::open`].
pub(crate) fn next(
    facts: &Facts,
    uid: Uid,
    operation: Uid,
    names: &[String],
    ctx: &Ctx<'_>,
) -> Result<Vec<(String, Secret)>> {
    let row = |name: &String| Some((name.clone(), facts.secrets.get(&(uid, next_field(operation, name)))?));
    names.iter().filter_map(row).map(|(name, row)| Ok((name, ctx.open(row)?))).collect()
}

/// An operation brings nothing any more.
pub(crate) fn drop_next(changes: &mut Changes, uid: Uid, operation: Uid, names: &[String]) {
    changes.dropped_secrets.extend(names.iter().map(|name| (uid, next_field(operation, name))));
}
