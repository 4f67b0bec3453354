//! Placeholders such as `$text`: what they stand for is put in their place before a document is looked at.

use crate::source::fetch::beside;
use crate::source::reach::Reach;
use loggia_model::placeholder::{Placeholder, placeholders, replace};
use loggia_model::{Problem, yaml};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The content of addresses, or why there is none.
pub type Contents = HashMap<String, Result<Arc<[u8]>, String>>;

/// A placeholder that could not be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfilled {
    /// The placeholder.
    pub placeholder: Placeholder,
    /// Why, in the words of Backstage.
    pub message: String,
}

impl Unfilled {
    /// As a problem for people.
    pub fn problem(self) -> Problem {
        let mend = format!("Correct the path {:?}, or write the content itself.", self.placeholder.target);
        Problem::new("placeholder", self.placeholder.path, self.message, mend)
    }
}

/// Puts content in place of every placeholder; `find` gives the bytes of a target.
pub fn fill(document: &mut Value, find: impl Fn(&str) -> Result<Arc<[u8]>, String>) -> Vec<Unfilled> {
    let mut unfilled = Vec::new();
    for placeholder in placeholders(document) {
        let content = find(&placeholder.target).map_err(|cause| {
            format!("Placeholder ${} could not read location {}, {cause}", placeholder.key, placeholder.target)
        });
        match content.and_then(|bytes| read(&placeholder, &bytes)) {
            Ok(content) => replace(document, &placeholder, content),
            Err(message) => unfilled.push(Unfilled { placeholder, message }),
        }
    }
    unfilled
}

/// The content as the placeholder takes it in.
fn read(placeholder: &Placeholder, bytes: &[u8]) -> Result<Value, String> {
    let (key, target) = (&placeholder.key, &placeholder.target);
    let text = std::str::from_utf8(bytes).map_err(|_| format!("Placeholder ${key} found no text at {target}"))?;
    match key.as_str() {
        "json" => serde_json::from_str(text)
            .map_err(|error| format!("Placeholder $json failed to parse JSON data at {target}, {error}")),
        "yaml" => {
            let mut documents = yaml::parse(text);
            match (documents.pop(), documents.is_empty()) {
                (None, _) => Err(format!("Placeholder $yaml expected to find data at {target}, but there was none")),
                (Some(_), false) => {
                    Err(format!("Placeholder $yaml expected to find exactly one document of data at {target}"))
                }
                (Some(only), true) => only.document.map_err(|problem| {
                    format!("Placeholder $yaml found an error in the data at {target}, {}", problem.message)
                }),
            }
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// Fetches what the placeholders of a document point to, seen from the place of the document, and fills them.
pub async fn fetch_and_fill(document: &mut Value, base: &str, reach: &Reach<'_>) -> Vec<Unfilled> {
    let mut contents = Contents::new();
    for placeholder in placeholders(document) {
        let target = placeholder.target;
        if contents.contains_key(&target) {
            continue;
        }
        let content = match beside(base, &target) {
            Some(url) => reach.fetch(&url).await.map_err(|failure| failure.message),
            None => Err("Invalid URL".to_owned()),
        };
        contents.insert(target, content);
    }
    fill(document, |target| contents.get(target).cloned().unwrap_or_else(|| Err("Invalid URL".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn content_takes_the_place() {
        let files =
            HashMap::from([("./a.txt", "hello\n"), ("b.json", "[1]"), ("c.yaml", "x: y"), ("d.yaml", "a\n---\nb")]);
        let find = |target: &str| files.get(target).map(|text| text.as_bytes().into()).ok_or("gone".to_owned());
        let mut document = json!({"a": {"$text": "./a.txt"}, "b": {"$json": "b.json"}, "c": {"$yaml": "c.yaml"}});
        assert_eq!(fill(&mut document, find), []);
        assert_eq!(document, json!({"a": "hello\n", "b": [1], "c": {"x": "y"}}));
        let mut document = json!({"a": {"$text": "nowhere"}, "d": {"$yaml": "d.yaml"}});
        let messages: Vec<String> = fill(&mut document, find).into_iter().map(|one| one.message).collect();
        assert_eq!(
            messages,
            [
                "Placeholder $text could not read location nowhere, gone",
                "Placeholder $yaml expected to find exactly one document of data at d.yaml",
            ]
        );
    }
}
