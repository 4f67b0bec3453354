//! The rules for the common fields: names, namespaces, labels, annotations, tags, links (Backstage catalog format).

use serde_json::Value;

/// Where the format is described.
const LEARN_MORE: &str = "To learn more about catalog file format, visit: https://github.com/backstage/backstage/blob/master/docs/architecture-decisions/adr002-default-catalog-file-format.md";

/// What names and label values look like.
const NAME: &str =
    "a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total";
/// What namespaces look like.
const NAMESPACE: &str = "a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total";
/// How many characters they have at most.
const LONGEST: usize = 63;
/// What kinds look like.
const KIND: &str = "a string that is a sequence of [a-zA-Z][a-z0-9A-Z], at most 63 characters in total";
/// What tags look like.
const TAG: &str = "a string that is sequences of [a-z0-9+#] separated by [-], at most 63 characters in total";
/// What keys with an optional prefix look like.
const PREFIXED: &str = "a valid prefix and/or suffix";
/// What addresses look like.
const URL: &str = "a string that is a valid url";
/// What titles of links look like.
const NOT_BLANK: &str = "a non empty string";

/// One field that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The field as Backstage names it, such as `labels.a`.
    pub field: String,
    /// The field as a dotted path from the root.
    pub path: String,
    /// What was expected.
    pub expected: &'static str,
    /// What was found.
    pub found: String,
}

impl Breach {
    /// The sentence that Backstage says.
    pub fn message(&self) -> String {
        let Breach { field, expected, found, .. } = self;
        format!("\"{field}\" is not valid; expected {expected} but found \"{found}\". {LEARN_MORE}")
    }

    /// What is wrong, for people: what they see first.
    pub fn short_message(&self) -> String {
        let found = &self.found;
        let length = found.chars().count();
        match self.expected {
            NAME | NAMESPACE | KIND | TAG if length > LONGEST => {
                format!("it has {length} characters, and may have {LONGEST}")
            }
            NAME | NAMESPACE | KIND | TAG => format!("{found:?} is not written as it has to be"),
            expected => format!("expected {expected} but found {found:?}"),
        }
    }

    /// What to do.
    pub fn mend(&self) -> &'static str {
        match self.expected {
            NAME => {
                "Use letters, digits, `-`, `_` and `.`; begin and end with a letter or digit; at most 63 characters."
            }
            NAMESPACE => "Use lower-case letters and digits, joined by single `-`; at most 63 characters.",
            KIND => "Use letters and digits, and begin with a letter.",
            TAG => "Use lower-case letters, digits, `+`, `#` and `:`, joined by single `-`; at most 63 characters.",
            PREFIXED => "Use a name like `tier` or one with a lower-case host name before it, like `example.com/tier`.",
            URL => "Write a complete address, such as `https://example.com/`.",
            _ => "Write a text, or leave the field out.",
        }
    }
}

/// Whether a text is made of words of some characters, joined by single hyphens; at most 63 characters.
fn hyphenated(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.len() <= 63 && text.split('-').all(|word| !word.is_empty() && word.bytes().all(&allowed))
}

/// Lower-case letter or digit.
fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Whether a text can be a namespace (a DNS label).
pub fn is_namespace(text: &str) -> bool {
    hyphenated(text, lower)
}

/// Whether a text can be a tag.
pub fn is_tag(text: &str) -> bool {
    hyphenated(text, |byte| lower(byte) || matches!(byte, b':' | b'+' | b'#'))
}

/// Whether a text can be a name.
pub fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= 63
        && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Whether a text can be a kind.
pub fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a text is `[<host name>/]<suffix>`.
fn is_prefixed(text: &str, suffix: impl Fn(&str) -> bool) -> bool {
    match text.split_once('/') {
        None => suffix(text),
        Some((prefix, rest)) => prefix.len() <= 253 && prefix.split('.').all(is_namespace) && suffix(rest),
    }
}

/// Whether a text can be an `apiVersion`.
pub fn is_api_version(text: &str) -> bool {
    is_prefixed(text, |s| (1..=63).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether a text can be the key of a label or an annotation.
pub fn is_key(text: &str) -> bool {
    is_prefixed(text, is_name)
}

/// Collects breaches.
struct Check {
    /// Those found so far.
    breaches: Vec<Breach>,
}

impl Check {
    /// Tests a text that lives under `metadata`.
    fn meta(&mut self, expected: &'static str, text: &str, good: bool, field: impl FnOnce() -> String) {
        if !good {
            let field = field();
            let path = if field.starts_with("metadata.") { field.clone() } else { format!("metadata.{field}") };
            self.breaches.push(Breach { field, path, expected, found: text.to_owned() });
        }
    }

    /// Tests a text at the root.
    fn root(&mut self, expected: &'static str, field: &str, text: &str, good: bool) {
        if !good {
            let (field, path) = (field.to_owned(), field.to_owned());
            self.breaches.push(Breach { field, path, expected, found: text.to_owned() });
        }
    }
}

/// Every common field that breaks its rule, in the order in which Backstage looks. Fields of a wrong type are not
/// looked at: their faults are found before, by form.
pub fn breaches(document: &Value) -> Vec<Breach> {
    let mut check = Check { breaches: Vec::new() };
    let text = |field: &str| document.get(field).and_then(Value::as_str);
    if let Some(version) = text("apiVersion") {
        check.root(PREFIXED, "apiVersion", version, is_api_version(version));
    }
    if let Some(kind) = text("kind") {
        check.root(KIND, "kind", kind, is_kind(kind));
    }
    let Some(metadata) = document.get("metadata") else { return check.breaches };
    if let Some(name) = metadata.get("name").and_then(Value::as_str) {
        check.meta(NAME, name, is_name(name), || "metadata.name".into());
    }
    if let Some(namespace) = metadata.get("namespace").and_then(Value::as_str) {
        check.meta(NAMESPACE, namespace, is_namespace(namespace), || "metadata.namespace".into());
    }
    keys_and_tags(metadata, &mut check);
    links(metadata, &mut check);
    check.breaches
}

/// Labels, annotations and tags.
fn keys_and_tags(metadata: &Value, check: &mut Check) {
    for (key, value) in metadata.get("labels").and_then(Value::as_object).into_iter().flatten() {
        check.meta(PREFIXED, key, is_key(key), || format!("labels.{key}"));
        if let Some(value) = value.as_str() {
            check.meta(NAME, value, value.is_empty() || is_name(value), || format!("labels.{key}"));
        }
    }
    for key in metadata.get("annotations").and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
        check.meta(PREFIXED, key, is_key(key), || format!("annotations.{key}"));
    }
    for (at, tag) in metadata.get("tags").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(tag) = tag.as_str() {
            check.meta(TAG, tag, is_tag(tag), || format!("tags.{at}"));
        }
    }
}

/// Links; the name of an icon may be anything (observed).
fn links(metadata: &Value, check: &mut Check) {
    for (at, link) in metadata.get("links").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(url) = link.get("url").and_then(Value::as_str) {
            check.meta(URL, url, url::Url::parse(url).is_ok(), || format!("links.{at}.url"));
        }
        if let Some(title) = link.get("title").and_then(Value::as_str) {
            check.meta(NOT_BLANK, title, !title.trim().is_empty(), || format!("links.{at}.title"));
        }
    }
}
