//! Files that belong to a record: templates of a release, docs and logo of an offering.
//!
//! Their bytes are blobs, found by digest; the record's status lists them. A published release keeps its files.

use crate::App;
use crate::access::caller::Caller;
use crate::error::{Error, Result};
use loggia_model::{Record, Ref};
pub use loggia_store::Blob;
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

/// The kinds whose documents may name files beside them.
pub(crate) const HOLDERS: [&str; 3] = ["Release", "Offering", "Product"];

/// The field of a release that names the folder of its golden path.
pub(crate) const RECIPE: &str = "spec.recipe.template";

/// The folder or file that a document names beside its own file: `spec.recipe.template` of a release, `spec.docs`
/// and the annotation `loggia.dev/logo` of an offering, `spec.brand.logo` of a product.
pub fn wanted(document: &loggia_model::Document) -> Vec<String> {
    named(document).into_iter().map(|(_, name)| name).collect()
}

/// The same, each with the field that names it as a dotted path.
pub(crate) fn named(document: &loggia_model::Document) -> Vec<(&'static str, String)> {
    let logo = "metadata.annotations.loggia.dev/logo";
    let at = |field: &'static str| {
        let pointer = format!("/{}", field.replace('.', "/"));
        let name = document.0.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
        (field, name.to_owned())
    };
    let names = match document.kind() {
        "Release" => vec![at(RECIPE)],
        "Offering" => vec![at("spec.docs"), (logo, document.annotation("loggia.dev/logo").to_owned())],
        "Product" => vec![at("spec.brand.logo")],
        _ => Vec::new(),
    };
    names.into_iter().filter(|(_, name)| !name.is_empty()).collect()
}

impl App {
    /// A file of a record that the caller may see, with its digest.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or the caller may not see the record.
    pub async fn file(&self, caller: &Caller, reference: &Ref, path: &str) -> Result<(FileEntry, Blob)> {
        let record = self.record(caller, reference)?;
        self.file_of(&record, path).await
    }

    /// A file of a record that was found already.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn file_of(&self, record: &Record, path: &str) -> Result<(FileEntry, Blob)> {
        let missing = || Error::NotFound(format!("{} has no file {path}.", record.reference.name()));
        let entry = of(record).into_iter().find(|entry| entry.path == path).ok_or_else(missing)?;
        let blob = self.store.blob(&entry.sha256).await?.ok_or_else(missing)?;
        Ok((entry, blob))
    }
}
