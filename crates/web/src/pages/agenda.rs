//! What is due, as lines on home and on the page of a team.

use super::visit::Visit;
use loggia_app::estate::agenda::{DueKind, DueLine};
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::Serialize;

/// One line for somebody.
#[derive(Serialize, JsonSchema)]
pub struct Line {
    /// How it looks.
    pub state: &'static str,
    /// What it is, in two words.
    pub word: String,
    /// What it is about.
    pub title: String,
    /// The page of that.
    pub href: String,
    /// What is due.
    pub text: String,
}

/// What is due for some teams.
///
/// # Errors
/// When the database does not answer.
pub async fn lines(visit: &Visit, teams: &[Ref]) -> Result<Vec<Line>, loggia_app::Error> {
    Ok(visit.app().due(&visit.caller, teams).await?.iter().map(line).collect())
}

fn line(due: &DueLine) -> Line {
    let (state, word) = match due.kind {
        DueKind::Agree => ("new", "agree"),
        DueKind::Merge => ("new", "to merge"),
        DueKind::ByHand => ("new", "by hand"),
        DueKind::Campaign => ("busy", "campaign"),
        DueKind::Ending => ("warn", "going away"),
        DueKind::Asked => ("off", "asked for"),
        DueKind::Hours => ("off", "waits"),
    };
    let href = match due.kind {
        DueKind::Campaign => super::campaign::href(&due.about),
        DueKind::Ending => super::ending::href(&due.about),
        DueKind::Merge => format!("{}/change", super::instance::href(&due.about)),
        _ => super::instance::href(&due.about),
    };
    // What already names its day says it there.
    let by = due.until.filter(|_| matches!(due.kind, DueKind::Campaign | DueKind::Agree));
    let by = by.map(|day| format!(" Until {}.", day.words())).unwrap_or_default();
    Line { state, word: word.to_owned(), title: due.title.clone(), href, text: format!(": {}{by}", due.text) }
}
