//! What is known about a running thing that comes with its text: an exported platform keeps versions and times.

use crate::record::prepare::Prepared;
use loggia_model::Micros;
use loggia_model::instance::{InstanceStatus, Phase};
use serde::{Deserialize, Serialize};

/// The annotation that says what ran, as [`ExportedStatus`] in JSON. `loggia export` writes it.
pub const EXPORTED_STATUS: &str = "loggia.dev/running";

/// What was known about a running thing where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExportedStatus {
    /// The version that ran.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Micros>,
    /// When it was seen last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Micros>,
    /// Name of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub applied: String,
    /// How it was known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub known_by: String,
}

impl ExportedStatus {
    /// Of a document; none for what is no instance. A text that says nothing readable says nothing.
    pub(crate) fn of(prepared: &Prepared) -> Option<ExportedStatus> {
        let document = (prepared.kind == "Instance").then(|| prepared.document())?;
        Some(serde_json::from_str(document.annotation(EXPORTED_STATUS)).unwrap_or_default())
    }

    /// The status with which it begins here. What nobody saw is unknown, and waits for no operation.
    pub(crate) fn status(&self) -> InstanceStatus {
        InstanceStatus {
            phase: if self.last_seen.is_some() { Phase::Ready } else { Phase::Unknown },
            version: self.version.clone(),
            since: self.since,
            applied: self.applied.clone(),
            known_by: self.known_by.clone(),
            ..InstanceStatus::default()
        }
    }
}
