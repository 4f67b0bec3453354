//! What a driver writes while it works.

use crate::instance::driver::{Observation, RunLog, Secret};
use serde_json::{Map, Value};
use std::sync::Mutex;

/// Keeps the lines of a run; the secrets of the request are blanked by value.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) secrets: Vec<Secret>,
}

impl Lines {
    /// The lines so far, which are kept elsewhere from now on.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lines.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default()
    }

    /// Lines that could not be kept, before those that came meanwhile.
    pub(crate) fn put_back(&self, mut lines: Vec<String>) {
        if let Ok(mut newer) = self.lines.lock() {
            lines.append(&mut newer);
            *newer = lines;
        }
    }
}

/// A text from outside as people read it and every database keeps it: control characters are shown as such. A program
/// may print anything.
pub(crate) fn readable(text: &str) -> String {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().map(|c| if plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// What a driver saw, in readable texts.
pub(crate) fn readable_observation(mut seen: Observation) -> Observation {
    seen.version = readable(&seen.version);
    for condition in &mut seen.conditions {
        for text in [&mut condition.kind, &mut condition.reason, &mut condition.message] {
            *text = readable(text);
        }
    }
    seen.outputs = readable_map(seen.outputs);
    for (name, _) in &mut seen.secret_outputs {
        *name = readable(name);
    }
    seen
}

fn readable_map(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter().map(|(name, value)| (readable(&name), readable_value(value))).collect()
}

fn readable_value(value: Value) -> Value {
    match value {
        Value::String(text) => readable(&text).into(),
        Value::Array(items) => items.into_iter().map(readable_value).collect(),
        Value::Object(map) => Value::Object(readable_map(map)),
        other => other,
    }
}

impl RunLog for Lines {
    fn line(&self, text: &str) {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            // Short texts would blank ordinary words.
            if secret.reveal().len() >= 6 {
                text = text.replace(secret.reveal(), "***");
            }
        }
        if let Ok(mut lines) = self.lines.lock() {
            lines.push(readable(&text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_secrets_in_lines() {
        let lines = Lines { lines: Mutex::default(), secrets: vec![Secret::new("s3cret-value")] };
        lines.line("connecting with s3cret-value now");
        assert_eq!(*lines.lines.lock().unwrap(), ["connecting with *** now"]);
    }

    #[test]
    fn control_characters_are_shown_as_such() {
        for c in (0..0xa0).filter_map(char::from_u32) {
            let read = readable(&format!("a{c}b"));
            assert!(read.chars().all(|c| !c.is_control() || "\n\t".contains(c)), "{c:?}: {read:?}");
            assert_eq!(read.chars().count(), 3);
        }
        let nested = serde_json::json!({"a\0": ["b\0", {"c": "d\u{7}"}]});
        assert!(!readable_value(nested).to_string().contains("\\u00"));
    }
}
