//! Names of records.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The namespace of what the whole company shares.
pub const DEFAULT_NAMESPACE: &str = "default";

/// The name of a record, `kind:namespace/name`, in lower case and complete.
///
/// Two spellings that differ only by case are the same name (Backstage catalog, entity references). Orders by code
/// point over the whole text, so by kind, then namespace, then name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref(Arc<str>);

/// Why a text is not the name of a record. The message is the one that Backstage gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// A part is empty.
    #[error("Entity reference \"{0}\" was not on the form [<kind>:][<namespace>/]<name>")]
    Malformed(String),
    /// No kind in the text, and no default for it.
    #[error(
        "Entity reference \"{text}\" had missing or empty kind (e.g. did not start with \"component:\" or similar)"
    )]
    MissingKind {
        /// The text as it was given.
        text: String,
    },
}

impl Ref {
    /// Joins three parts; they are folded to lower case.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Ref {
        let text = format!("{kind}:{namespace}/{name}");
        if text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
            Ref(text.to_lowercase().into())
        } else {
            Ref(text.into())
        }
    }

    /// Reads `[<kind>:][<namespace>/]<name>`; missing parts come from the defaults.
    ///
    /// # Errors
    /// [`RefError`] when a part is empty, or when the kind is missing and there is no default for it.
    pub fn parse(text: &str, default_kind: Option<&str>, default_namespace: &str) -> Result<Ref, RefError> {
        let malformed = || RefError::Malformed(text.to_owned());
        let colon = text.find(':');
        let slash = text.find('/');
        let colon = match (colon, slash) {
            (Some(c), Some(s)) if s < c => None,
            _ => colon,
        };
        let (kind, rest) = match colon {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        let (namespace, name) = match rest.find('/') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        if kind == Some("") || namespace == Some("") || name.is_empty() {
            return Err(malformed());
        }
        let kind = kind.or(default_kind).ok_or_else(|| RefError::MissingKind { text: text.to_owned() })?;
        Ok(Ref::new(kind, namespace.unwrap_or(default_namespace), name))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind, in lower case.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        let rest = self.0.split_once(':').map_or("", |(_, rest)| rest);
        rest.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The name within kind and namespace.
    pub fn name(&self) -> &str {
        let rest = self.0.split_once(':').map_or("", |(_, rest)| rest);
        rest.split_once('/').map_or("", |(_, name)| name)
    }

    /// The shortest text that people recognise: kind and namespace only where they are not the defaults.
    pub fn short(&self, default_kind: &str) -> String {
        let mut text = String::new();
        if self.kind() != default_kind {
            text.push_str(self.kind());
            text.push(':');
        }
        if self.namespace() != DEFAULT_NAMESPACE {
            text.push_str(self.namespace());
            text.push('/');
        }
        text.push_str(self.name());
        text
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Ref {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ref {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ref::parse(text, None, DEFAULT_NAMESPACE)
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Ref {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ref".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[^:/]+:[^:/]+/[^:/]+$", "examples": ["group:default/booking"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_forms_and_folds_case() {
        let read = |text| Ref::parse(text, Some("Component"), "team-a").map(|r| r.to_string());
        assert_eq!(read("Web"), Ok("component:team-a/web".into()));
        assert_eq!(read("API:Web"), Ok("api:team-a/web".into()));
        assert_eq!(read("default/Web"), Ok("component:default/web".into()));
        assert_eq!(read("api:default/web"), Ok("api:default/web".into()));
        assert_eq!(read("a/b:c"), Ok("component:a/b:c".into()));
        for bad in ["", ":", ":a", "a:", "/a", "a/", "a:/b", "a:b/"] {
            assert_eq!(read(bad), Err(RefError::Malformed(bad.into())), "{bad}");
        }
        assert!(matches!(Ref::parse("web", None, "default"), Err(RefError::MissingKind { .. })));
    }

    #[test]
    fn gives_its_parts_and_short_form() {
        let name = Ref::new("Group", "default", "Booking");
        assert_eq!((name.kind(), name.namespace(), name.name()), ("group", "default", "booking"));
        assert_eq!(name.short("group"), "booking");
        assert_eq!(Ref::new("api", "x", "y").short("group"), "api:x/y");
    }
}
