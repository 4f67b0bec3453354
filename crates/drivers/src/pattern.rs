//! Patterns for paths: `*` within a part, `**` over parts, `?` one letter, `{a,b}` either.

use regex::RegexSet;
use serde_json::Value;

/// A list of patterns.
pub(crate) struct Patterns(RegexSet);

impl Patterns {
    /// Reads a list of patterns, or nothing.
    pub(crate) fn of(list: Option<&Value>) -> Result<Patterns, String> {
        let items = match list {
            None | Some(Value::Null) => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(other) => return Err(format!("expected a list of patterns, found {other}")),
        };
        let sources: Result<Vec<String>, String> = items
            .iter()
            .map(|item| item.as_str().map(expression).ok_or_else(|| format!("{item} is not a pattern for paths")))
            .collect();
        RegexSet::new(sources?).map(Patterns).map_err(|error| format!("a pattern for paths is wrong: {error}"))
    }

    /// Whether any pattern matches the path.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

fn expression(pattern: &str) -> String {
    let pattern = pattern.trim_start_matches("./");
    let mut out = String::from("(?s)^");
    let (mut chars, mut depth) = (pattern.chars().peekable(), 0);
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => match chars.next_if_eq(&'/') {
                Some(_) => out.push_str("(?:.*/)?"),
                None => out.push_str(".*"),
            },
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push_str(&")".repeat(depth));
    // A pattern for a folder covers what is in it.
    out.push_str("(?:/.*)?$");
    out
}

#[cfg(test)]
mod tests {
    use super::Patterns;
    use serde_json::json;

    #[test]
    fn patterns_match_as_people_expect() {
        for (pattern, path, matches) in [
            ("*.png", "a.png", true),
            ("*.png", "b/a.png", false),
            ("**/*.png", "b/c/a.png", true),
            ("**/*.png", "a.png", true),
            (".github/workflows/*", ".github/workflows/ci.yaml", true),
            (".github", ".github/workflows/ci.yaml", true),
            ("*.{js,ts}", "a.ts", true),
            ("a+b?.txt", "a+bc.txt", true),
            ("a", "ab", false),
        ] {
            let patterns = Patterns::of(Some(&json!([pattern]))).unwrap();
            assert_eq!(patterns.matches(path), matches, "{pattern} on {path}");
        }
        assert!(Patterns::of(Some(&json!("x"))).is_err());
    }
}
