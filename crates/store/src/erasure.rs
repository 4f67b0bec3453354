//! Taking out of the past what must not be kept in the clear. Numbers, times and tags of revisions stay, and the log says
//! that it was done; nothing else of a revision ever changes.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use loggia_model::{Uid, canonical};
use serde_json::Value;
use std::sync::Arc;

/// Inputs of an instance that no revision shall hold any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedInputs {
    /// The instance.
    pub record: Uid,
    /// Names of the inputs.
    pub names: Vec<String>,
}

/// Where inputs stand in the text of an instance, and in its status.
const TEXT: [&str; 1] = ["/spec/inputs"];
const STATUS: [&str; 2] = ["/earlier/inputs", "/change/inputs"];

struct Kept {
    revision: i64,
    document: Option<Arc<str>>,
    status: Option<Arc<str>>,
}

impl FromRow for Kept {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Kept { revision: cells.take()?, document: cells.take()?, status: cells.take()? })
    }
}

/// Takes inputs out of every revision of their records.
pub(crate) async fn inputs(conn: &mut Conn<'_>, erased: &[ErasedInputs]) -> Result<(), StoreError> {
    for one in erased {
        let statement = sql("select revision, document, status from revisions where uid = $1 order by revision");
        let rows: Vec<Kept> = conn.list(statement.bind(one.record)).await?;
        for row in rows {
            let document = without(row.document.as_deref(), &TEXT, &one.names);
            let status = without(row.status.as_deref(), &STATUS, &one.names);
            if document.is_none() && status.is_none() {
                continue;
            }
            let document = document.or(row.document.as_deref().map(str::to_owned));
            let status = status.or(row.status.as_deref().map(str::to_owned));
            let statement = sql("update revisions set document = $1, status = $2 where uid = $3 and revision = $4");
            conn.run(statement.bind(&document).bind(&status).bind(one.record).bind(row.revision)).await?;
        }
    }
    Ok(())
}

/// A text without some names in some of its places; none when it has none of them.
fn without(text: Option<&str>, places: &[&str], names: &[String]) -> Option<String> {
    let text = text.filter(|text| names.iter().any(|name| text.contains(name.as_str())))?;
    let mut value: Value = serde_json::from_str(text).ok()?;
    let mut found = false;
    for place in places {
        let Some(inputs) = value.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        for name in names {
            found |= inputs.remove(name).is_some();
        }
    }
    found.then(|| canonical::to_string(&value))
}
