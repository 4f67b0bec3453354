//! The filters and methods that Backstage's templates know and our engine does not.

use crate::git::render::jinja;
use minijinja::{Environment, Error, ErrorKind, Value as Jinja};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// Adds all filters.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("parseRepoUrl", |url: &Jinja| repo_url(url).map(|parts| jinja(&parts)));
    environment.add_filter("projectSlug", |url: &Jinja| {
        let parts = repo_url(url)?;
        let part = |name: &str| parts.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok::<_, Error>(format!("{}/{}", part("owner"), part("repo")))
    });
    environment.add_filter("parseEntityRef", |text: &str, defaults: Option<&Jinja>| parse_entity_ref(text, defaults));
    environment.add_filter("pick", |value: &Jinja, name: &Jinja| value.get_item(name));
    environment.add_filter("dump", dump);
    environment.add_filter("jsonify", dump);
    // The original engine takes anything for a text, and nothing for an empty one.
    environment.add_filter("lower", |value: &Jinja| plain(value).to_lowercase());
    environment.add_filter("upper", |value: &Jinja| plain(value).to_uppercase());
    environment.add_filter("trim", |value: &Jinja| plain(value).trim().to_owned());
    environment.add_filter("string", |value: &Jinja| plain(value));
    environment.add_filter("title", |value: &Jinja| {
        let words: Vec<String> = plain(value).split(' ').map(capitalized).collect();
        words.join(" ")
    });
    environment.add_filter("capitalize", |value: &Jinja| capitalized(&plain(value)));
    environment.add_filter("truncate", truncate);
    environment.add_filter("striptags", striptags);
    environment.add_filter("nl2br", |value: &Jinja| plain(value).replace("\r\n", "\n").replace('\n', "<br />\n"));
    environment.add_filter("center", |value: &Jinja, width: Option<usize>| {
        let (text, width) = (plain(value), width.unwrap_or(80));
        let spaces = width.saturating_sub(text.chars().count());
        format!("{}{text}{}", " ".repeat(spaces / 2), " ".repeat(spaces - spaces / 2))
    });
    environment.add_filter("wordcount", |value: &Jinja| {
        let text = plain(value);
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()
    });
    environment.add_filter("replace", |value: &Jinja, from: &Jinja, to: &Jinja| {
        plain(value).replace(&plain(from), &plain(to))
    });
}

/// The beginning of a text, up to the last word that fits.
fn truncate(value: &Jinja, length: Option<usize>, kill_words: Option<bool>, end: Option<&str>) -> String {
    let (text, length) = (plain(value), length.unwrap_or(255));
    let Some((at, _)) = text.char_indices().nth(length) else { return text };
    let begin = &text[..at];
    let whole = text[at..].starts_with(' ') || kill_words.unwrap_or_default();
    let cut = if whole { at } else { begin.rfind(' ').unwrap_or(at) };
    format!("{}{}", &begin[..cut], end.unwrap_or("..."))
}

/// A text without marks of HTML; with line breaks where they are wanted, else with single spaces.
fn striptags(value: &Jinja, keep_lines: Option<bool>) -> String {
    static MARKS: LazyLock<Result<Regex, regex::Error>> =
        LazyLock::new(|| Regex::new(r"(?i)</?[a-z][a-z0-9]*\b[^>]*>|<!--(?s:.*?)-->"));
    let text = plain(value);
    let bare = MARKS.as_ref().map_or_else(|_| text.clone(), |marks| marks.replace_all(&text, "").trim().to_owned());
    match keep_lines.unwrap_or_default() {
        true => bare.lines().map(str::trim).collect::<Vec<_>>().join("\n"),
        false => bare.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// A value as text.
fn plain(value: &Jinja) -> String {
    if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &letters.as_str().to_lowercase()
}

/// Writes a value as JSON; the second argument is the number of spaces for a layout in lines.
fn dump(value: &Jinja, indent: Option<usize>) -> Result<String, Error> {
    let text = match indent {
        Some(1..) => serde_json::to_string_pretty(value),
        _ => serde_json::to_string(value),
    };
    text.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// Takes `host?owner=…&repo=…` apart.
fn repo_url(value: &Jinja) -> Result<Map<String, Value>, Error> {
    let text = plain(value);
    let full = if text.contains("://") { text.clone() } else { format!("https://{text}") };
    let wrong = || format!("expected an address like host?owner=…&repo=…, found \"{text}\"");
    let url = url::Url::parse(&full).map_err(|_| Error::new(ErrorKind::InvalidOperation, wrong()))?;
    let mut parts = Map::new();
    parts.insert("host".to_owned(), url.host_str().unwrap_or_default().into());
    parts.extend(url.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))));
    Ok(parts)
}

fn parse_entity_ref(text: &str, defaults: Option<&Jinja>) -> Jinja {
    let default = |name: &str, other: &str| {
        let given = defaults.and_then(|given| given.get_attr(name).ok());
        given.as_ref().and_then(Jinja::as_str).unwrap_or(other).to_owned()
    };
    jinja(&entity_ref(text, &default("defaultKind", ""), &default("defaultNamespace", "default")))
}

/// Takes `kind:namespace/name` apart.
pub(super) fn entity_ref(text: &str, kind: &str, namespace: &str) -> Value {
    let (kind, rest) = text.split_once(':').unwrap_or((kind, text));
    let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
    json!({ "kind": kind, "namespace": namespace, "name": name })
}

/// Methods of texts and lists as in JavaScript.
pub(super) fn method(value: &Jinja, method: &str, args: &[Jinja]) -> Result<Jinja, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("there is no method {method}"));
    let arg = |at: usize| args.get(at).map(ToString::to_string).unwrap_or_default();
    if let Some(text) = value.as_str() {
        return Ok(match method {
            "startsWith" => Jinja::from(text.starts_with(&arg(0))),
            "endsWith" => Jinja::from(text.ends_with(&arg(0))),
            "includes" => Jinja::from(text.contains(&arg(0))),
            "toLowerCase" => Jinja::from(text.to_lowercase()),
            "toUpperCase" => Jinja::from(text.to_uppercase()),
            "trim" => Jinja::from(text.trim()),
            "replace" => Jinja::from(text.replacen(&arg(0), &arg(1), 1)),
            "replaceAll" => Jinja::from(text.replace(&arg(0), &arg(1))),
            "split" => Jinja::from_iter(text.split(&arg(0)).map(Jinja::from)),
            "toString" => value.clone(),
            _ => return Err(unknown()),
        });
    }
    match (method, value.try_iter()) {
        ("includes", Ok(mut items)) => Ok(Jinja::from(items.any(|item| Some(&item) == args.first()))),
        ("join", Ok(items)) => {
            let items: Vec<String> = items.map(|item| item.to_string()).collect();
            Ok(Jinja::from(items.join(if args.is_empty() { "," } else { args[0].as_str().unwrap_or(",") })))
        }
        ("toString", _) => Ok(Jinja::from(value.to_string())),
        _ => Err(unknown()),
    }
}
