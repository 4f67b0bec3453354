//! Changing a record that is kept in a repository, from a page: a commit by the platform in the author's name
//! (decision 7). Until the repository was read again the record waits for its commit.

use crate::App;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::files;
use crate::prepare::{Prepared, prepare};
use crate::record::{immutable, is_seen, missing_references};
use crate::source::{Edit, Sources, Tree, location_of};
use crate::writing::may_write;
use loggia_model::{Problem, Record, Ref, yaml};
use std::sync::Arc;

/// The text of one record within its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The text of the document, without the line that begins it.
    pub text: String,
    /// The file.
    pub path: String,
    /// The repository.
    pub location: String,
    /// The commit that it was read from.
    pub base: String,
}

/// A document that was found in its file.
struct Found {
    draft: Draft,
    /// What stands before and after it in the file.
    around: (String, String),
    record: Arc<Record>,
}

impl Sources {
    /// The text of a record as it stands in its repository now, for whoever may change it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Error::Refused`] for a record that is kept elsewhere.
    pub async fn draft(&self, caller: &Caller, reference: &Ref) -> Result<Draft> {
        Ok(self.find(caller, reference).await?.draft)
    }

    /// Commits another text for a record in the caller's name; `seen` is the [`digest`] of the text that they
    /// began with. Answers the commit.
    ///
    /// # Errors
    /// [`Error::Invalid`] with line and column for a text that is wrong; [`Error::Conflict`] when the document was
    /// changed since; as [`Sources::draft`] otherwise.
    pub async fn change(&self, caller: &Caller, reference: &Ref, seen: &str, text: &str, why: &str) -> Result<String> {
        // No synchronisation in between: what waits must not be forgotten before it was read.
        let record = self.app.record(caller, reference)?;
        let _turn = self.turn(location_of(&record)).await;
        let found = self.find(caller, reference).await?;
        if found.draft.text == normal(text) {
            return Err(Error::refused(
                "edit.nothing",
                "The text is the same as before.",
                "Change something, or leave it.",
            ));
        }
        if digest(&found.draft.text) != seen {
            return Err(Error::Conflict(
                "It was changed in the repository meanwhile. Look at the newest text and change that.".into(),
            ));
        }
        self.check(caller, &found, text)?;
        let whole = format!("{}{}{}", found.around.0, normal(text), found.around.1);
        let message = match why.trim() {
            "" => format!("Change {}", reference.short("")),
            why => why.lines().next().unwrap_or_default().to_owned(),
        };
        let edit = Edit {
            path: found.draft.path.clone(),
            bytes: whole.into_bytes(),
            author: author(&self.app, caller),
            message,
            base: found.draft.base.clone(),
        };
        let commit = self.edit(&found.draft.location, &edit).await?;
        self.wait_for(reference, &found.draft.location, &commit);
        Ok(commit)
    }

    async fn find(&self, caller: &Caller, reference: &Ref) -> Result<Found> {
        let record = self.app.record(caller, reference)?;
        let text = record.parse();
        may_write(&self.app.graph(), Some(&text), Some(&text), |action, subject| {
            self.app.require(caller, action, subject)
        })?;
        let elsewhere = || {
            let mend = "Change it where it is kept.";
            Error::refused(
                "edit.elsewhere",
                format!("{} is not kept in a repository of this server.", reference.name()),
                mend,
            )
        };
        let location = record.source.origin.strip_prefix("repository:").ok_or_else(elsewhere)?.to_owned();
        let tree = self.tree(&location).await?.ok_or_else(elsewhere)?;
        cut(&record, &tree, location).ok_or_else(|| {
            let message = format!("{} is not in its file any more.", reference.name());
            Error::refused("edit.moved", message, "Wait a few seconds until the repository was read again.")
        })
    }

    fn check(&self, caller: &Caller, found: &Found, text: &str) -> Result<()> {
        let mut prepared = parse(text)?;
        prepared.files = files::of(&found.record);
        if prepared.reference != found.record.reference {
            let message = format!("It would become {}", prepared.reference);
            return Err(Error::invalid(
                "edit.name",
                "metadata.name",
                message,
                "Keep kind, namespace and name; rename in the repository.",
            ));
        }
        // Owning the new text is not enough, and giving it away needs the right too.
        let graph = self.app.graph();
        may_write(&graph, Some(&found.record.parse()), Some(&prepared.document()), |action, subject| {
            self.app.require(caller, action, subject)
        })?;
        immutable(&found.record, &prepared)?;
        let problems =
            missing_references(std::slice::from_ref(&prepared), |target| is_seen(&graph, &caller.audience, target));
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(located(text, problems))) }
    }
}

/// What tells one text from another, to be sent along with a form.
pub fn digest(text: &str) -> String {
    loggia_model::canonical::etag(text)
}

/// Reads one document.
fn parse(text: &str) -> Result<Prepared> {
    let chunks = yaml::split(text);
    let [chunk] = chunks.as_slice() else {
        let message = format!("There are {} documents", chunks.len());
        return Err(Error::invalid("edit.one", "", message, "Keep exactly one."));
    };
    let parsed = yaml::parse_chunk(chunk, &yaml::Limits::default());
    let Some(parsed) = parsed else {
        return Err(Error::invalid("edit.one", "", "There is no document", "Write one."));
    };
    let value = parsed.document.map_err(|problem| Error::Invalid(vec![problem]))?;
    prepare(value, "").map_err(|problems| Error::Invalid(located(text, problems)))
}

fn located(text: &str, mut problems: Vec<Problem>) -> Vec<Problem> {
    yaml::place(text, 0, &mut problems);
    problems
}

/// The text as it is kept: with one line end at its end, and those of Unix.
fn normal(text: &str) -> String {
    format!("{}\n", text.replace("\r\n", "\n").trim_end())
}

/// Cuts a record's document out of its file.
fn cut(record: &Arc<Record>, tree: &Tree, location: String) -> Option<Found> {
    let (path, index) = record.source.path.split_once('#')?;
    let file = tree.files.iter().find(|file| file.path == path)?;
    let text = std::str::from_utf8(&file.bytes).ok()?;
    let index: usize = index.parse().ok()?;
    // A document in the head of a Markdown file is edited with its file.
    if path.ends_with(".md") {
        return None;
    }
    let chunk = yaml::split(text).into_iter().find(|chunk| chunk.index == index)?;
    let start = (chunk.text.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let marker = chunk.text.split_inclusive('\n').next().filter(|line| line.trim_end() == "---").map_or(0, str::len);
    let (begin, end) = (start + marker, start + chunk.text.len());
    let own = normal(text.get(begin..end)?);
    let around = (text.get(..begin)?.to_owned(), text.get(end..)?.to_owned());
    let draft = Draft { text: own, path: path.to_owned(), location, base: tree.commit.clone() };
    Some(Found { draft, around, record: Arc::clone(record) })
}

/// Name and address for the commit.
fn author(app: &App, caller: &Caller) -> (String, String) {
    let graph = app.graph();
    let document = caller.user().and_then(|user| graph.get(user)).map(|record| record.parse());
    let name = document.as_ref().map_or_else(|| caller.name(), |document| document.title().to_owned());
    let email = document.as_ref().and_then(|d| d.spec()?.pointer("/profile/email")?.as_str().map(str::to_owned));
    (name, email.unwrap_or_else(|| "nobody@localhost".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::SourceFile;
    use loggia_model::{Micros, Source, Uid};

    const FILE: &str = "# Head\nkind: A\n---\n# second\nkind: B\nname: b\n---\nkind: C\n";

    fn record(path: &str) -> Arc<Record> {
        Arc::new(Record {
            uid: Uid(uuid::Uuid::nil()),
            reference: Ref::new("component", "default", "b"),
            document: "{}".into(),
            status: None,
            etag: "".into(),
            source: Source::at("repository:x", path),
            revision: 1,
            position: 1,
            created_at: Micros(0),
            updated_at: Micros(0),
        })
    }

    #[test]
    fn a_document_is_cut_out_of_its_file_and_put_back() {
        let bytes: Arc<[u8]> = FILE.as_bytes().into();
        let tree = Tree {
            files: vec![SourceFile { path: "a.yaml".into(), size: bytes.len(), bytes, executable: false }],
            ..Tree::default()
        };
        let found = cut(&record("a.yaml#1"), &tree, "x".into()).expect("a document");
        assert_eq!(found.draft.text, "# second\nkind: B\nname: b\n");
        let back = format!("{}{}{}", found.around.0, found.draft.text, found.around.1);
        assert_eq!(back, FILE);
        assert!(cut(&record("a.yaml#7"), &tree, "x".into()).is_none());
        assert!(cut(&record("b.yaml#0"), &tree, "x".into()).is_none());
    }

    #[test]
    fn texts_are_read_as_one_document() {
        assert!(matches!(parse("kind: A\n---\nkind: B\n"), Err(Error::Invalid(_))));
        let Err(Error::Invalid(problems)) =
            parse("apiVersion: loggia.dev/v1\nkind: Offering\nmetadata:\n  name: x\nspec: {}\n")
        else {
            panic!("an offering needs more")
        };
        assert!(problems.iter().all(|problem| problem.line.is_some()), "{problems:?}");
    }
}
