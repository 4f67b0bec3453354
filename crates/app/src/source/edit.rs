//! Changing a record that is kept in a repository, from a page: a commit by the platform in the author's name
//! (decision 7). Until the repository was read again the record waits for its commit.

use crate::App;
use crate::access::caller::Caller;
use crate::access::writing::may_write;
use crate::error::{Error, Result};
use crate::record::files;
use crate::record::prepare::{Prepared, prepare};
use crate::record::{is_seen, missing_references};
use crate::release::publication::unchanged;
use crate::source::documents::add_notes;
use crate::source::{Edit, Landed, Sources, Tree, location_of};
use loggia_model::{Problem, Record, Ref, frontmatter, yaml};
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
    /// How its lines end.
    line_end: &'static str,
    record: Arc<Record>,
}

impl Found {
    /// The whole file with another text for the document; the rest stays to the byte.
    fn with(&self, text: &str) -> String {
        let text = normal(text).replace('\n', self.line_end);
        format!("{}{text}{}", self.around.0, self.around.1)
    }
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
    /// began with. Answers the commit, and the branch where it waits on one.
    ///
    /// # Errors
    /// [`Error::Invalid`] with line and column for a text that is wrong; [`Error::Conflict`] when the document was
    /// changed since; [`Error::Refused`] when the repository does not take it; as [`Sources::draft`] otherwise.
    pub async fn change(&self, caller: &Caller, reference: &Ref, seen: &str, text: &str, why: &str) -> Result<Landed> {
        self.app.writable(caller)?;
        // No synchronisation in between: what waits must not be settled before it was read.
        let record = self.app.record(caller, reference)?;
        let _turn = self.turn(location_of(&record)).await;
        let found = self.find(caller, reference).await?;
        let edit = self.decide(caller, &found, seen, text, why)?;
        let landed = self.edit(&found.draft.location, &edit).await?;
        self.note(caller, &found.record, &edit, &landed).await?;
        Ok(landed)
    }

    /// The same change as a patch for its author, who brings it in. Nothing is committed.
    ///
    /// # Errors
    /// As [`Sources::change`].
    pub async fn patch(&self, caller: &Caller, reference: &Ref, seen: &str, text: &str, why: &str) -> Result<Vec<u8>> {
        let found = self.find(caller, reference).await?;
        let edit = self.decide(caller, &found, seen, text, why)?;
        let patch = self.reader.patch(&found.draft.location, &edit).await;
        patch.map_err(|failure| Error::refused("source.edit", failure.message, failure.mend))
    }

    /// The edit that makes a text the new one of a record, when it may be.
    fn decide(&self, caller: &Caller, found: &Found, seen: &str, text: &str, why: &str) -> Result<Edit> {
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
        self.check(caller, found, text)?;
        let reference = &found.record.reference;
        let message = match why.trim() {
            "" => format!("Change {}", reference.short("")),
            why => why.lines().next().unwrap_or_default().to_owned(),
        };
        Ok(Edit {
            path: found.draft.path.clone(),
            bytes: found.with(text).into_bytes(),
            author: author(&self.app, caller),
            message,
            base: found.draft.base.clone(),
            about: format!("{}-{}-{}", reference.kind(), reference.namespace(), reference.name()),
        })
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
        let mut prepared = parse(text, notes_of(&found.draft.path, &found.around.1))?;
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
        unchanged(&found.record, &prepared)?;
        let problems = missing_references(std::slice::from_ref(&prepared), &graph, |target| {
            is_seen(&graph, &caller.audience, target)
        });
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(located(text, problems))) }
    }
}

/// What tells one text from another, to be sent along with a form.
pub fn digest(text: &str) -> String {
    loggia_model::canonical::etag(text)
}

/// What stands below the head of a Markdown file.
fn notes_of<'a>(path: &str, rest: &'a str) -> Option<&'a str> {
    path.ends_with(".md").then(|| rest.split_once('\n').map_or("", |(_, body)| body))
}

/// Reads one document; `notes` is the text below it in a Markdown file.
fn parse(text: &str, notes: Option<&str>) -> Result<Prepared> {
    let chunks = yaml::split(text);
    let [chunk] = chunks.as_slice() else {
        let message = format!("There are {} documents", chunks.len());
        return Err(Error::invalid("edit.one", "", message, "Keep exactly one."));
    };
    let parsed = yaml::parse_chunk(chunk, &yaml::Limits::default());
    let Some(parsed) = parsed else {
        return Err(Error::invalid("edit.one", "", "There is no document", "Write one."));
    };
    let mut value = parsed.document.map_err(|problem| Error::Invalid(vec![problem]))?;
    if let Some(problem) = notes.and_then(|notes| add_notes(&mut value, notes)) {
        return Err(Error::Invalid(vec![problem]));
    }
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
    let (path, index) = record.source.path.rsplit_once('#')?;
    let file = tree.files.iter().find(|file| file.path == path)?;
    let text = std::str::from_utf8(&file.bytes).ok()?;
    let index: usize = index.parse().ok()?;
    let (begin, end) = match path.ends_with(".md") {
        true => head(text)?,
        false => chunk(text, index)?,
    };
    let old = text.get(begin..end)?;
    let line_end = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let around = (text.get(..begin)?.to_owned(), text.get(end..)?.to_owned());
    let draft = Draft { text: normal(old), path: path.to_owned(), location, base: tree.commit.clone() };
    Some(Found { draft, around, line_end, record: Arc::clone(record) })
}

/// Where the head of a Markdown file begins and ends, without the lines around it.
fn head(text: &str) -> Option<(usize, usize)> {
    let parsed = frontmatter::parse(text).ok()??;
    let begin = text.find('\n')? + 1;
    let body = text.len() - parsed.body.len();
    let closing = text.get(..body)?.trim_end_matches(['\r', '\n']).rfind('\n')? + 1;
    Some((begin, closing))
}

/// Where a document of a YAML file begins and ends, without the line that begins it and the line that ends it.
fn chunk(text: &str, index: usize) -> Option<(usize, usize)> {
    let chunk = yaml::split(text).into_iter().find(|chunk| chunk.index == index)?;
    let start = (chunk.text.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let marker = chunk.text.split_inclusive('\n').next().filter(|line| line.trim_end() == "---").map_or(0, str::len);
    let ending = |line: &&str| line.trim_end() == "..." && !line.starts_with(' ');
    let last = chunk.text.split_inclusive('\n').next_back().filter(ending).map_or(0, str::len);
    Some((start + marker, start + chunk.text.len() - last))
}

/// Name and address for the commit.
pub(crate) fn author(app: &App, caller: &Caller) -> (String, String) {
    let graph = app.graph();
    let document = caller.user().and_then(|user| graph.get(user)).map(|record| record.parse());
    let profile = |field: &str| {
        let found = document.as_ref()?.spec()?.pointer(&format!("/profile/{field}"))?.as_str()?.trim();
        Some(found.to_owned()).filter(|text| !text.is_empty())
    };
    let title = || document.as_ref().map(|document| document.title().to_owned());
    let name = profile("displayName").or_else(title).unwrap_or_else(|| caller.name());
    let email = profile("email");
    (name, email.unwrap_or_else(|| "nobody@localhost".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::read::SourceFile;
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
        assert_eq!(found.with(&found.draft.text), FILE);
        assert!(cut(&record("a.yaml#7"), &tree, "x".into()).is_none());
        let odd = cut(&record("a#b.yaml#1"), &file("a#b.yaml", FILE), "x".into()).expect("a document");
        assert_eq!((odd.draft.path.as_str(), odd.draft.text), ("a#b.yaml", found.draft.text));
        assert!(cut(&record("b.yaml#0"), &tree, "x".into()).is_none());
    }

    fn file(path: &str, text: &str) -> Tree {
        let bytes: Arc<[u8]> = text.as_bytes().into();
        let file = SourceFile { path: path.into(), size: bytes.len(), bytes, executable: false };
        Tree { files: vec![file], ..Tree::default() }
    }

    #[test]
    fn the_head_of_a_markdown_file_changes_and_its_body_stays_to_the_byte() {
        let body = "\r\n# Notes  \n\n---\nnot a head\t\n...\n no end of line";
        for (end, closing) in [("\n", "---"), ("\r\n", "---  "), ("\n", "...")] {
            let text = format!("---{end}kind: A # why{end}name: b{end}{closing}{end}{body}");
            let found = cut(&record("a.md#0"), &file("a.md", &text), "x".into()).expect("a head");
            assert_eq!(found.draft.text, "kind: A # why\nname: b\n");
            assert_eq!(found.with(&found.draft.text), text);
            let other = format!("---{end}kind: A{end}title: T{end}{closing}{end}{body}");
            assert_eq!(found.with("kind: A\r\ntitle: T"), other);
            assert_eq!(notes_of("a.md", &found.around.1), Some(body));
        }
        assert!(cut(&record("a.md#0"), &file("a.md", "# No head"), "x".into()).is_none());
        let release = "apiVersion: loggia.dev/v1\nkind: Release\nmetadata: {name: q-1.0.0}\nspec: {offering: q, version: \
                       1.0.0, contract: {inputs: {}}, recipe: {driver: git}}\n";
        let read = parse(release, Some("\nWhat is new.\n")).expect("a release");
        assert_eq!(read.document().spec_text("notes"), "What is new.");
    }

    #[test]
    fn comments_of_other_documents_stay() {
        let text = "# about A\nkind: A\n# end of A\n---\nkind: B # b\n...\n# about C\n---\nkind: C\n# end of C\n";
        let own = ["# about A\nkind: A\n# end of A\n", "kind: B # b\n", "# about C\n---\nkind: C\n# end of C\n"];
        for (index, own) in own.iter().enumerate() {
            let found =
                cut(&record(&format!("a.yaml#{index}")), &file("a.yaml", text), "x".into()).expect("a document");
            assert_eq!(&found.draft.text, own);
            assert_eq!(found.with("kind: X\n"), text.replacen(own, "kind: X\n", 1));
        }
    }

    #[test]
    fn texts_are_read_as_one_document() {
        assert!(matches!(parse("kind: A\n---\nkind: B\n", None), Err(Error::Invalid(_))));
        let Err(Error::Invalid(problems)) =
            parse("apiVersion: loggia.dev/v1\nkind: Offering\nmetadata:\n  name: x\nspec: {}\n", None)
        else {
            panic!("an offering needs more")
        };
        assert!(problems.iter().all(|problem| problem.line.is_some()), "{problems:?}");
    }
}
