//! Writes values as YAML that people like to read, and that reads back as the same value.

use serde_json::Value;

/// A value as a YAML document, with a line break at its end.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(list) if !list.is_empty() => block(value, 0, &mut out),
        other => {
            out.push_str(&flat(other));
            out.push('\n');
        }
    }
    out
}

/// In a document of a platform, these come first and in this order.
const FIRST: [&str; 5] = ["apiVersion", "kind", "metadata", "name", "namespace"];

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
            for key in keys {
                out.push_str(&indent);
                out.push_str(&scalar(key));
                out.push(':');
                below(&map[key], depth + 1, out);
            }
        }
        Value::Array(list) => {
            for item in list {
                out.push_str(&indent);
                out.push('-');
                item_of(item, depth + 1, out);
            }
        }
        other => out.push_str(&flat(other)),
    }
}

/// What stands after a key.
fn below(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, depth, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(value, depth, out);
        }
        Value::String(text) => {
            out.push(' ');
            match literal(text, depth) {
                Some(lines) => out.push_str(&lines),
                None => {
                    out.push_str(&scalar(text));
                    out.push('\n');
                }
            }
        }
        other => {
            out.push(' ');
            out.push_str(&flat(other));
            out.push('\n');
        }
    }
}

/// What stands after a dash: the first key of a map on the same line.
fn item_of(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut text = String::new();
            block(value, depth, &mut text);
            out.push(' ');
            out.push_str(text.trim_start());
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(value, depth, out);
        }
        other => below(other, depth, out),
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// Several lines as a literal block, where that keeps every character.
fn literal(text: &str, depth: usize) -> Option<String> {
    let body = text.strip_suffix('\n');
    let (body, mark) = body.map_or((text, "|-"), |body| (body, "|"));
    let plain = |line: &str| !line.ends_with([' ', '\t']) && !line.chars().any(|c| c.is_control() || c == '\u{feff}');
    let fits = body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n', '\t'])
        && body.lines().all(plain)
        && !body.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']);
    if !fits {
        return None;
    }
    let indent = "  ".repeat(depth);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") };
    Some(format!("{mark}\n{}", body.split('\n').map(line).collect::<String>()))
}

/// A text as it is where it cannot be taken for something else, else in quotes.
fn scalar(text: &str) -> String {
    let first = text.chars().next().unwrap_or('?');
    let opens = first.is_ascii_alphabetic() || first == '/' || first == '_';
    let calm = text.chars().all(|c| c.is_alphanumeric() || " _-./:+@(),;=~'%$^".contains(c));
    let word = text.to_ascii_lowercase();
    let special = matches!(word.as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    let ends = text.ends_with([' ', ':']) || text.contains(": ") || text.contains(" #");
    if opens && calm && !special && !ends { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_back_as_the_same_value() {
        let value = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "z": [1, "1", true, "true", null,
            {"a": "x: y", "b": [], "c": {}}, ["in", ["in"]], "- dash", "", " lead", "tail ", "a #b", "1.10", "0x1f",
            "~", "é", "two\nlines", "two\nlines\n", "gap\n\nline", " two\nlines", "end \nline", "tab\tin", "2026-01-01",
            "https://a.example/b?c=d#e", "\u{1}", "12:30:45", "@x", "%y", "key:", "!tag", "&a", "*a", "a\\b", "\"q\"", "off"]});
        let text = write(&value);
        let read = crate::yaml::parse(&text).into_iter().next().unwrap().document.unwrap();
        assert_eq!(read, value, "{text}");
        assert!(text.starts_with("apiVersion: v1\nkind: X\nmetadata:\n  name: a\n"), "{text}");
        assert!(text.contains("|-\n    two\n    lines\n"), "{text}");
    }
}
