//! Files that belong to a record: templates of a release, docs and logo of an offering.
//!
//! Their bytes are blobs, found by digest; the record's status lists them. A published release keeps its files.

use loggia_model::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest file that is kept, in bytes.
pub const LARGEST: usize = 5_000_000;

/// One file of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Path below the folder that the record names, with `/`.
    pub path: String,
    /// Digest of the bytes, hexadecimal.
    pub sha256: String,
    /// Whether it is a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// The files of a record, in order of paths.
pub fn of(record: &Record) -> Vec<FileEntry> {
    let status = record.parse_status();
    status.get("files").and_then(|files| serde_json::from_value(files.clone()).ok()).unwrap_or_default()
}

/// The folder or file that a document names beside its own file: `spec.recipe.template` of a release, `spec.docs`
/// and the annotation `loggia.dev/logo` of an offering, `spec.brand.logo` of a product.
pub fn wanted(document: &loggia_model::Document) -> Vec<String> {
    let at = |pointer: &str| document.0.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let names = match document.kind() {
        "Release" => vec![at("/spec/recipe/template")],
        "Offering" => vec![at("/spec/docs"), Some(document.annotation("loggia.dev/logo").to_owned())],
        "Product" => vec![at("/spec/brand/logo")],
        _ => Vec::new(),
    };
    names.into_iter().flatten().filter(|name| !name.is_empty()).collect()
}
