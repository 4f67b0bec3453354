//! What says a version, and what only looks like it.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Attributes that say the version of what a resource is, the most telling first.
const VERSIONS: [&str; 7] = [
    "engine_version",
    "kubernetes_version",
    "current_kubernetes_version",
    "postgres_version",
    "database_version",
    "version",
    "runtime",
];
/// Words before the number of a version, as providers write them.
const LANGUAGES: [&str; 15] = [
    "nodejs",
    "python",
    "java",
    "dotnet",
    "dotnetcore",
    "ruby",
    "go",
    "php",
    "perl",
    "powershell",
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "sqlserver",
];

/// The version that a resource says.
pub(super) fn of_resource(values: &Map<String, Value>, hidden: &BTreeSet<String>) -> Option<String> {
    let open = |name: &str| values.get(name).filter(|_| !hidden.contains(name));
    VERSIONS.iter().filter_map(|name| open(name)?.as_str()).find_map(read)
}

/// The number in a text that can only be a version: itself, what stands behind the name of a language or database
/// (`nodejs18.x`, `POSTGRES_14`), or what stands before the name of an edition (`8.0.mysql_aurora.3.04.0`).
pub(super) fn read(text: &str) -> Option<String> {
    if is_version(text) {
        return Some(text.to_owned());
    }
    let edition = text.split_once(".mysql_aurora.").filter(|(_, own)| is_number(own));
    if let Some((number, _)) = edition.filter(|(number, _)| is_number(number)) {
        return Some(number.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let at = lower.find(|c: char| c.is_ascii_digit())?;
    let (word, rest) = lower.split_at(at);
    let number = rest.strip_suffix(".x").unwrap_or(rest);
    // SQLSERVER_2019_STANDARD: the edition is no part of the number.
    let number: Vec<&str> = number.split(['_', '.']).take_while(|part| is_number(part)).collect();
    let number = number.join(".");
    (LANGUAGES.contains(&word.trim_end_matches('_')) && is_number(&number)).then_some(number)
}

/// Digits with dots between them, none of them long.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 40 && text.split('.').all(digits)
}

/// Whether a text can only be a version: it begins like one, is short, and is nothing that somebody made up to be secret.
pub(super) fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let calm = rest.chars().all(|c| c.is_ascii_alphanumeric() || ".-+_".contains(c));
    let number = rest.split(['-', '+', '_']).next().unwrap_or_default();
    text.len() <= 40 && calm && is_number(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_looks_like_a_version_is_one() {
        for version in ["1", "15.4", "v2.1.0", "1.2.3-rc.1"] {
            assert!(is_version(version), "{version}");
        }
        for other in ["", "latest", "hunter2", "12345678901234567890", "s3cret-1", "1 2", "8.0.mysql_aurora.3.04.0"] {
            assert!(!is_version(other), "{other}");
        }
    }

    #[test]
    fn the_forms_of_providers_are_read() {
        for (text, version) in [
            ("15.4", Some("15.4")),
            ("nodejs18.x", Some("18")),
            ("python3.9", Some("3.9")),
            ("java17", Some("17")),
            ("go1.x", Some("1")),
            ("dotnet8", Some("8")),
            ("POSTGRES_14", Some("14")),
            ("MYSQL_8_0", Some("8.0")),
            ("SQLSERVER_2019_STANDARD", Some("2019")),
            ("8.0.mysql_aurora.3.04.0", Some("8.0")),
            ("provided.al2", None),
            ("hunter2", None),
            ("s3cret", None),
            ("python", None),
            ("python12345678901234567890", None),
            ("8.0.mysql_aurora.s3cret", None),
        ] {
            assert_eq!(read(text).as_deref(), version, "{text}");
        }
    }

    #[test]
    fn the_first_attribute_that_says_one_counts() {
        let of = |values: Value| of_resource(values.as_object().unwrap(), &BTreeSet::new());
        let both = json!({"kubernetes_version": null, "current_kubernetes_version": "1.30.1"});
        assert_eq!(of(both).as_deref(), Some("1.30.1"));
        assert_eq!(of(json!({"engine_version": "16", "version": "2"})).as_deref(), Some("16"));
        let hidden = BTreeSet::from(["version".to_owned()]);
        assert_eq!(of_resource(json!({"version": "2"}).as_object().unwrap(), &hidden), None);
    }
}
