//! Placeholders: `definition: {$text: ./openapi.yaml}` stands for the content of a file.

use crate::shape::{Step, dotted};
use serde_json::Value;

/// A place in a document that stands for the content of something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// The steps to it, for [`replace`].
    pub pointer: String,
    /// The same as a dotted path, for people.
    pub path: String,
    /// How the content is taken in, without the dollar sign: `text`, `json`, `yaml`, `openapi` or `asyncapi`.
    pub key: String,
    /// Where it is: an address, or a path relative to the document.
    pub target: String,
}

/// The placeholders that are known. Others stay as they are, as in Backstage.
const KEYS: [&str; 5] = ["text", "json", "yaml", "openapi", "asyncapi"];

/// The target of what is a placeholder by its key and names nothing, because it has no text: it cannot be filled.
pub const NOTHING: &str = "";

/// Every placeholder of a document, in document order: an object with exactly one key, `$<known>`. Without a text its target
/// is [`NOTHING`].
pub fn placeholders(document: &Value) -> Vec<Placeholder> {
    let mut found = Vec::new();
    walk(document, &mut Vec::new(), &mut found);
    found
}

/// Puts content in place of a placeholder; a pointer that leads nowhere changes nothing.
pub fn replace(document: &mut Value, placeholder: &Placeholder, content: Value) {
    if let Some(slot) = document.pointer_mut(&placeholder.pointer) {
        *slot = content;
    }
}

/// Looks at one value and what is in it.
fn walk<'a>(value: &'a Value, path: &mut Vec<Step<'a>>, found: &mut Vec<Placeholder>) {
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(Step::Index(at));
                walk(item, path, found);
                path.pop();
            }
        }
        Value::Object(map) if map.keys().any(|key| key.starts_with('$')) => {
            let only = map.iter().next().filter(|_| map.len() == 1);
            let known =
                only.and_then(|(key, target)| Some((key.strip_prefix('$')?, target.as_str().unwrap_or(NOTHING))));
            if let Some((key, target)) = known.filter(|(key, _)| KEYS.contains(key)) {
                let pointer = pointer(path);
                found.push(Placeholder { pointer, path: dotted(path, None), key: key.into(), target: target.into() });
            }
        }
        Value::Object(map) => {
            for (key, inner) in map {
                path.push(Step::Key(key));
                walk(inner, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The JSON pointer of a path.
fn pointer(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Step::Key(key) => text + "/" + &key.replace('~', "~0").replace('/', "~1"),
        Step::Index(at) => format!("{text}/{at}"),
    })
}
