//! A record as it is stored: a document, its identity, and what the server says about it.

use crate::{Document, Micros, Ref, Uid};
use serde_json::Value;
use std::sync::Arc;

/// The head of one record: its newest revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Identity for life.
    pub uid: Uid,
    /// Address of today.
    pub reference: Ref,
    /// Canonical JSON text of `apiVersion`, `kind`, `metadata` (without uid and etag) and `spec`.
    pub document: Arc<str>,
    /// Canonical JSON text of `status`, written by commands only.
    pub status: Option<Arc<str>>,
    /// Tag of `document`: a digest of it, or what the source gave.
    pub etag: Arc<str>,
    /// Who owns the text.
    pub source: Source,
    /// Number of this revision, from 1.
    pub revision: i64,
    /// Position in the log of the event that wrote this revision.
    pub position: i64,
    /// When the first revision was written.
    pub created_at: Micros,
    /// When this revision was written.
    pub updated_at: Micros,
}

impl Record {
    /// The document as JSON. A text that does not parse reads as `null`; what is stored always parses.
    pub fn parse(&self) -> Document {
        Document(serde_json::from_str(&self.document).unwrap_or(Value::Null))
    }

    /// The status as JSON, `null` when there is none.
    pub fn parse_status(&self) -> Value {
        self.status.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    }

    /// `spec` as a typed value.
    ///
    /// # Errors
    /// When the stored text does not fit the type: a document of an older schema.
    pub fn spec<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Spec<T> {
            spec: T,
        }
        serde_json::from_str::<Spec<T>>(&self.document).map(|d| d.spec)
    }

    /// `status` as a typed value; the default when there is none.
    ///
    /// # Errors
    /// When the stored text does not fit the type.
    pub fn typed_status<T: serde::de::DeserializeOwned + Default>(&self) -> Result<T, serde_json::Error> {
        self.status.as_deref().map_or_else(|| Ok(T::default()), serde_json::from_str)
    }
}

/// The one place that owns `metadata` and `spec` of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// `server`, `repository:<id>`, `location:<id>` or `catalog:<url>`.
    pub origin: Arc<str>,
    /// The file within the origin and, after `#`, the number of the document in it; empty for the server.
    pub path: Arc<str>,
}

impl Source {
    /// The text is owned by the server itself.
    pub fn server() -> Source {
        Source { origin: "server".into(), path: "".into() }
    }

    /// A place within an origin.
    pub fn at(origin: &str, path: &str) -> Source {
        Source { origin: origin.into(), path: path.into() }
    }

    /// The file within the origin; empty for the server.
    pub fn file(&self) -> &str {
        file_of(&self.path)
    }

    /// Whether pages and the API may change the text directly.
    pub fn is_server(&self) -> bool {
        &*self.origin == "server"
    }
}

/// The file of a place within an origin: what stands before the `#` and the number of the document.
pub fn file_of(path: &str) -> &str {
    path.rsplit_once('#').map_or(path, |(file, _)| file)
}
