//! Parameters of queries and headers: what they may be, read strictly.

use axum::http::{HeaderMap, HeaderValue};
use loggia_app::Error;
use loggia_model::{Micros, Problem};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Any text without control characters, up to a length; it may be asked to fit a pattern, given with what it means.
    Text(usize, Option<(&'static str, &'static str)>),
    /// A whole number in a range.
    Number(i64, i64),
    /// `true` or `false`.
    Flag,
    /// A point in time.
    Time,
    /// One of some words.
    Word(&'static [&'static str]),
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// The name.
    pub name: &'static str,
    /// Where.
    pub place: Place,
    /// What it may be.
    pub form: Form,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it may come several times.
    pub many: bool,
}

impl Param {
    /// A parameter of the query.
    pub const fn query(name: &'static str, form: Form, about: &'static str) -> Param {
        Param { name, place: Place::Query, form, about, many: false }
    }

    /// A header.
    pub const fn header(name: &'static str, about: &'static str) -> Param {
        let form = Form::Text(300, Some((VISIBLE, "visible characters")));
        Param { name, place: Place::Header, form, about, many: false }
    }

    /// It may come several times.
    pub const fn many(mut self) -> Param {
        self.many = true;
        self
    }

    /// Its schema.
    pub fn schema(&self) -> Value {
        let one = match self.form {
            Form::Text(most, pattern) => {
                json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern.map_or(PLAIN, |(p, _)| p)})
            }
            Form::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Form::Flag => json!({"type": "boolean"}),
            Form::Time => json!({"type": "string", "format": "date-time"}),
            Form::Word(words) => json!({"type": "string", "enum": words}),
        };
        if self.many { json!({"type": "array", "items": one, "maxItems": MOST}) } else { one }
    }

    /// What is wrong with a value; nothing when it is right.
    fn fault(&self, value: &str) -> Option<String> {
        match self.form {
            Form::Text(most, pattern) => {
                let length = value.chars().count();
                if length == 0 || length > most {
                    return Some(format!("Write 1 to {most} characters."));
                }
                if value.chars().any(char::is_control) {
                    return Some("Write it without control characters.".into());
                }
                let (pattern, meaning) = pattern?;
                (!super::schema::fits(pattern, value)).then(|| format!("Write {meaning}."))
            }
            Form::Number(least, most) => {
                let fits = value.parse().is_ok_and(|n: i64| (least..=most).contains(&n)) && plain_number(value);
                (!fits).then(|| format!("Write a whole number from {least} to {most}."))
            }
            Form::Flag => (!matches!(value, "true" | "false")).then(|| "Write true or false.".into()),
            Form::Time => Micros::parse(value).is_none().then(|| "Write a time like 2026-01-31T12:00:00Z.".into()),
            Form::Word(words) => (!words.contains(&value)).then(|| format!("Write one of: {}.", words.join(", "))),
        }
    }
}

/// That a value does not fit, with its beginning.
fn misfit(value: &str) -> String {
    format!("{:?} does not fit", value.chars().take(60).collect::<String>())
}

/// How often a parameter may come that may come several times.
const MOST: usize = 20;
/// Texts without control characters.
pub const PLAIN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// What headers may hold.
pub const VISIBLE: &str = r"^[!-~]+$";

fn plain_number(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit())
}

/// Parameters that were read.
#[derive(Clone, Debug, Default)]
pub struct Given(BTreeMap<String, Vec<String>>);

impl Given {
    /// Reads a query.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every parameter that is unknown, wrong or repeated.
    pub fn read(query: &str, known: &[Param]) -> Result<Given, Error> {
        let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            given.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        let mut problems = Vec::new();
        for (name, values) in &given {
            let Some(param) = known.iter().find(|p| p.name == name && p.place == Place::Query) else {
                problems.push(unknown(name, known));
                continue;
            };
            if values.len() > MOST {
                let message = format!("{name} is given {} times", values.len());
                problems.push(Problem::new(
                    "parameter.repeated",
                    name,
                    message,
                    format!("Give it at most {MOST} times."),
                ));
            }
            if values.len() > 1 && !param.many {
                let message = format!("{name} is given {} times", values.len());
                problems.push(Problem::new("parameter.repeated", name, message, "Give it once."));
            }
            for (value, mend) in values.iter().filter_map(|value| Some((value, param.fault(value)?))) {
                problems.push(Problem::new("parameter.value", name, misfit(value), mend));
            }
        }
        if problems.is_empty() { Ok(Given(given)) } else { Err(Error::Invalid(problems)) }
    }

    /// A value.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// All values.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// A value of our own.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A flag; false when absent.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A point in time.
    pub fn time(&self, name: &str) -> Option<Micros> {
        Micros::parse(self.text(name)?)
    }
}

/// Checks the headers that a route declares.
///
/// # Errors
/// [`Error::Invalid`] names every header whose value does not fit.
pub fn check_headers<'a>(headers: &HeaderMap, known: impl Iterator<Item = &'a Param>) -> Result<(), Error> {
    let mut problems = Vec::new();
    for param in known.filter(|param| param.place == Place::Header) {
        let wrong = |value: &HeaderValue| match value.to_str() {
            Ok(text) => param.fault(text),
            Err(_) => Some("Write visible characters.".to_owned()),
        };
        for mend in headers.get_all(param.name).iter().filter_map(wrong) {
            problems.push(Problem::new("header.value", param.name, "The value does not fit", mend));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

fn unknown(name: &str, known: &[Param]) -> Problem {
    let names: Vec<&str> = known.iter().filter(|p| p.place == Place::Query).map(|p| p.name).collect();
    let mend = match names.is_empty() {
        true => "This address takes no parameters.".to_owned(),
        false => format!("Use some of: {}.", names.join(", ")),
    };
    let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    Problem::new("parameter.unknown", &shown, format!("There is no parameter {shown:?}"), mend)
}
