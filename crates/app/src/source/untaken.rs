//! Things whose newest text is wrong: what was read before stays, and the thing itself says so.

use crate::command::changes::{Changes, Draft};
use crate::record::removal::without_condition;
use loggia_model::{Kind, Problem, Record, Ref, Scope};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The condition of a record whose newest text is not taken over.
pub const NOT_TAKEN: &str = "TextNotTaken";
/// How many problems of a file are told at a thing; the source lists all.
const MOST: usize = 5;

/// Files with a document that is wrong, each with why.
pub type Broken = HashMap<String, Vec<String>>;

/// Files with a problem, each with its problems.
pub fn of<'a>(broken: HashSet<String>, problems: impl IntoIterator<Item = &'a Problem>) -> Broken {
    let mut broken: Broken = broken.into_iter().map(|file| (file, Vec::new())).collect();
    for problem in problems {
        if let Some(why) = problem.file.as_ref().and_then(|file| broken.get_mut(file)) {
            why.push(told(problem));
        }
    }
    broken
}

/// A problem in one line.
pub(super) fn told(problem: &Problem) -> String {
    let field = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    loggia_model::problem::sentences(&format!("{field}{}", problem.message), &problem.mend).replace('\n', " ")
}

/// Says of everything that a source did not describe any more, because its file is wrong, that its newest text is not
/// taken over. Why is told where all that the file held is seen by the same people: a problem may be another one's.
pub(super) fn tell(changes: &mut Changes, owned: &[Arc<Record>], left: &HashMap<Ref, Arc<Record>>, broken: &Broken) {
    let mut stays: Vec<&Arc<Record>> = left.values().filter(|one| broken.contains_key(one.source.file())).collect();
    stays.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
    for record in stays {
        let file = record.source.file();
        let own = scopes(record);
        let same = owned.iter().filter(|other| other.source.file() == file).all(|other| scopes(other) == own);
        note(changes, record, broken.get(file).filter(|_| same).map(Vec::as_slice).unwrap_or_default());
    }
}

fn scopes(record: &Record) -> Vec<Scope> {
    let document = record.parse();
    Kind::find(document.kind()).map(|kind| (kind.scopes)(&document)).unwrap_or_default()
}

/// Says of a record that its newest text is not taken over; nothing when it says so already.
fn note(changes: &mut Changes, record: &Record, why: &[String]) {
    let shown = why.iter().take(MOST).cloned().collect::<Vec<_>>().join(" ");
    let more = why.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" There are {more} more.") } else { String::new() };
    let message = format!("The newest text in {} is not taken over. {shown}{more}", record.source.file());
    let condition = json!({"type": NOT_TAKEN, "status": "True", "reason": "Invalid", "message": message.trim_end()});
    let known = record.parse_status();
    if known.get("conditions").and_then(Value::as_array).is_some_and(|known| known.contains(&condition)) {
        return;
    }
    let rest = without_condition(record.status.as_deref(), NOT_TAKEN);
    let mut status = rest.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| json!({}));
    match status.get_mut("conditions").and_then(Value::as_array_mut) {
        Some(list) => list.push(condition),
        None => status["conditions"] = json!([condition]),
    }
    let verb = format!("{}.not-taken", record.reference.kind());
    changes.put(&verb, Draft::of(record).with_status(&status), Value::Null);
}
