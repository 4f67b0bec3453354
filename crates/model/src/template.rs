//! Texts with places in them: `postgres://${parts.database.host}`. One form for compositions and for workloads.
//!
//! `$$` stands for a dollar sign, and a dot within a step is written `\.`. A text that is one place and nothing else gives
//! the value of that place as it is; anywhere else, what is no text is written as JSON.

use serde_json::{Map, Value};

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// The value of a place, step by step.
    Place(Vec<String>),
}

/// A text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A place that begins and never ends.
    #[error("a place begins with ${{ and does not end")]
    Open,
    /// A place without a name.
    #[error("a place has no name between ${{ and }}")]
    Empty,
}

/// The pieces of a text.
///
/// # Errors
/// For a place that does not end, or has no name.
pub fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let (mut all, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find('$') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            plain.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}').ok_or(TemplateError::Open)?;
            if !plain.is_empty() {
                all.push(Piece::Text(std::mem::take(&mut plain)));
            }
            all.push(Piece::Place(steps(&inner[..end])?));
            rest = &inner[end + 1..];
        } else {
            plain.push('$');
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        all.push(Piece::Text(plain));
    }
    Ok(all)
}

/// The steps of a place.
fn steps(text: &str) -> Result<Vec<String>, TemplateError> {
    let (mut all, mut step, mut letters) = (Vec::new(), String::new(), text.trim().chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => step.extend(letters.next()),
            '.' => all.push(std::mem::take(&mut step)),
            other => step.push(other),
        }
    }
    all.push(step);
    if all.iter().any(String::is_empty) { Err(TemplateError::Empty) } else { Ok(all) }
}

/// A text that says just this, whatever is in it.
pub fn plain(text: &str) -> String {
    text.replace('$', "$$")
}

/// The place that a text is, when it is one and nothing else.
pub fn only_place(text: &str) -> Option<Vec<String>> {
    match pieces(text).ok()?.as_slice() {
        [Piece::Place(steps)] => Some(steps.clone()),
        _ => None,
    }
}

/// Every place in the texts of a value.
///
/// # Errors
/// As [`pieces`].
pub fn places(value: &Value) -> Result<Vec<Vec<String>>, TemplateError> {
    let mut found = Vec::new();
    walk(value, &mut found)?;
    Ok(found)
}

fn walk(value: &Value, found: &mut Vec<Vec<String>>) -> Result<(), TemplateError> {
    match value {
        Value::String(text) => {
            found.extend(pieces(text)?.into_iter().filter_map(|piece| match piece {
                Piece::Place(steps) => Some(steps),
                Piece::Text(_) => None,
            }));
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, found)),
        Value::Object(map) => map.values().try_for_each(|item| walk(item, found)),
        _ => Ok(()),
    }
}

/// A value with its places filled in.
///
/// # Errors
/// What `look_up` says of a place; a text that cannot be read, as `unreadable` makes it.
pub fn fill<E>(
    value: &Value,
    look_up: &mut impl FnMut(&[String]) -> Result<Value, E>,
    unreadable: &impl Fn(TemplateError) -> E,
) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => match pieces(text).map_err(unreadable)?.as_slice() {
            [Piece::Place(steps)] => look_up(steps)?,
            many => {
                let mut whole = String::new();
                for piece in many {
                    match piece {
                        Piece::Text(text) => whole.push_str(text),
                        Piece::Place(steps) => whole.push_str(&text_of(&look_up(steps)?)),
                    }
                }
                Value::String(whole)
            }
        },
        Value::Array(items) => {
            let items: Result<_, E> = items.iter().map(|item| fill(item, look_up, unreadable)).collect();
            Value::Array(items?)
        }
        Value::Object(map) => {
            let one = |(key, item): (&String, &Value)| Ok((key.clone(), fill(item, look_up, unreadable)?));
            let map: Result<Map<_, _>, E> = map.iter().map(one).collect();
            Value::Object(map?)
        }
        other => other.clone(),
    })
}

/// What becomes of a place when a template is written anew.
pub enum Place {
    /// A value that is known.
    Known(Value),
    /// Another place.
    At(Vec<String>),
    /// The places of another template.
    Template(Value),
}

/// A template with its places written anew.
///
/// # Errors
/// What `become_` says of a place; a text that cannot be read, as `unreadable` makes it.
pub fn rewrite<E>(
    value: &Value,
    become_: &mut impl FnMut(&[String]) -> Result<Place, E>,
    unreadable: &impl Fn(TemplateError) -> E,
) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => match pieces(text).map_err(unreadable)?.as_slice() {
            [Piece::Place(steps)] => match become_(steps)? {
                Place::Known(value) => quoted(&value),
                Place::At(steps) => Value::String(written(&steps)),
                Place::Template(template) => template,
            },
            many => {
                let mut whole = String::new();
                for piece in many {
                    match piece {
                        Piece::Text(text) => whole.push_str(&plain(text)),
                        Piece::Place(steps) => match become_(steps)? {
                            Place::Known(value) => whole.push_str(&plain(&text_of(&value))),
                            Place::At(steps) => whole.push_str(&written(&steps)),
                            Place::Template(template) => whole.push_str(&text_of(&template)),
                        },
                    }
                }
                Value::String(whole)
            }
        },
        Value::Array(items) => {
            let items: Result<_, E> = items.iter().map(|item| rewrite(item, become_, unreadable)).collect();
            Value::Array(items?)
        }
        Value::Object(map) => {
            let one = |(key, item): (&String, &Value)| Ok((key.clone(), rewrite(item, become_, unreadable)?));
            let map: Result<Map<_, _>, E> = map.iter().map(one).collect();
            Value::Object(map?)
        }
        other => other.clone(),
    })
}

/// A template that gives a value.
pub fn quoted(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(items) => Value::Array(items.iter().map(quoted).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), quoted(value))).collect()),
        other => other.clone(),
    }
}

/// The value of a template without places; none for one that has some.
pub fn value_of(template: &Value) -> Option<Value> {
    fill(template, &mut |_| Err(()), &|_| ()).ok()
}

/// A place as it is written.
fn written(steps: &[String]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| step.replace('\\', r"\\").replace('.', r"\.")).collect();
    format!("${{{}}}", steps.join("."))
}

/// A value within a text.
pub fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn place(text: &str) -> Piece {
        Piece::Place(text.split('/').map(str::to_owned).collect())
    }

    #[test]
    fn texts_and_places_take_turns() {
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(
            pieces("a${b.c}d$${e}$f").unwrap(),
            [text("a"), place("b/c"), text("d${e}$f")],
            "two dollars are one, and one alone is itself"
        );
        assert_eq!(pieces(r"${a.b\.c}").unwrap(), [place("a/b.c")]);
        for wrong in ["${", "${a", "x${}", "${.a}", "${a..b}"] {
            assert!(pieces(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_place_keeps_the_value_and_more_make_a_text() {
        let mut look_up = |steps: &[String]| match steps {
            [one] if one == "port" => Ok(json!(5432)),
            [one] if one == "host" => Ok(json!("db")),
            other => Err(format!("no {}", other.join("."))),
        };
        let mut filled = |value: Value| fill(&value, &mut look_up, &|error| error.to_string());
        assert_eq!(filled(json!({"a": ["${port}"], "b": "${host}:${port}"})), Ok(json!({"a": [5432], "b": "db:5432"})));
        assert_eq!(filled(json!("${nothing.here}")), Err("no nothing.here".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_can_be_said_plainly(text in "\\PC{0,40}") {
            let value = json!(plain(&text));
            let filled = fill(&value, &mut |_| Err(()), &|_| ());
            prop_assert_eq!(filled, Ok(json!(text)));
        }

        #[test]
        fn what_is_written_anew_gives_the_same(known in "[a${}.\\\\]{0,8}", place in "[a.\\\\]{1,5}") {
            let template = json!({"whole": "${x}", "mixed": "$$ ${x}-${y.z}"});
            let mut become_ = |steps: &[String]| Ok::<_, ()>(match steps {
                [one] if one == "x" => Place::Known(json!(known)),
                _ => Place::At(vec![place.clone()]),
            });
            let anew = rewrite(&template, &mut become_, &|_| ()).unwrap();
            let filled = fill(&anew, &mut |steps| if steps == [place.clone()] { Ok(json!("P")) } else { Err(()) }, &|_| ());
            prop_assert_eq!(filled, Ok(json!({"whole": known, "mixed": format!("$ {known}-P")})));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[a${}.\\\\]{0,20}") {
            if let Ok(found) = pieces(&text) {
                let named = |piece: &Piece| !matches!(piece, Piece::Place(steps) if steps.iter().any(String::is_empty));
                prop_assert!(found.iter().all(named));
            }
        }
    }
}
