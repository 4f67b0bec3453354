//! Changes on pages that the repository does not show yet: each is a row of its own, so that every server and the next
//! start tell all of them, and each is settled by itself.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::access::writing::may_write;
use crate::command::changes::Changes;
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::source::{Delivery, Edit, Landed, Proposed, Sources, Standing, Tree, location_of, origin};
use crate::{Door, record};
use loggia_graph::Graph;
use loggia_model::{Record, Ref, Uid};
use loggia_store::{PageEdit, Settled};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// How many changes of one thing are told.
const MOST: i64 = 100;

/// A change that was made on a page and that its repository has to take in, or had to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Identity.
    pub id: Uid,
    /// `open`, `taken`, `closed` (its branch is gone) or `put-aside`.
    pub state: String,
    /// The commit.
    pub commit: String,
    /// The branch on which it waits to be taken in; absent when it only waits to be read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub branch: String,
    /// Where a change request for the branch is opened; absent when that is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// Its first line.
    pub why: String,
    /// Who made it, such as `user:default/maya`.
    pub author: String,
    /// When it was made.
    pub made_at: loggia_model::Micros,
    /// Whether the text has changed since it was made, so that both may have to be brought together.
    pub overtaken: bool,
    /// When it was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<loggia_model::Micros>,
    /// Why it was put aside.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Waiting {
    fn of(edit: PageEdit, record: &Record) -> Waiting {
        let open = edit.settled.is_none();
        let (settled_at, state, reason) = match edit.settled {
            Some(settled) => (Some(settled.at), settled.outcome, settled.reason),
            None => (None, "open".to_owned(), String::new()),
        };
        Waiting {
            id: edit.id,
            state,
            commit: edit.commit,
            branch: edit.branch,
            link: edit.link,
            why: edit.why,
            author: edit.author,
            made_at: edit.made_at,
            overtaken: open && edit.etag != *record.etag,
            settled_at,
            reason,
        }
    }

    /// Whether nothing has become of it yet.
    pub fn is_open(&self) -> bool {
        self.settled_at.is_none()
    }
}

impl App {
    /// The changes of a record that were made on pages: those that are open first, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the caller may not see; [`Error::Unavailable`] when the database does not answer.
    pub async fn page_edits(&self, caller: &Caller, reference: &Ref) -> Result<Vec<Waiting>> {
        let record = self.record(caller, reference)?;
        self.page_edits_of(&record).await
    }

    /// The same, of a record that the caller was shown.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn page_edits_of(&self, record: &Record) -> Result<Vec<Waiting>> {
        if location_of(record).is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.edits_of(record.uid, MOST).await?;
        Ok(rows.into_iter().map(|edit| Waiting::of(edit, record)).collect())
    }

    /// Puts a change aside: nothing waits for it here any more. Its branch stays in the repository.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what there is not or the caller may not see; [`Error::Forbidden`] unless they may change
    /// the record or made the change; [`Error::Invalid`] without a reason; [`Error::Conflict`] when it is settled.
    pub async fn put_edit_aside(&self, caller: &Caller, id: Uid, reason: &str) -> Result<Waiting> {
        self.writable(caller)?;
        let missing = || Error::NotFound("There is no such change, or you may not see it.".into());
        let edit = self.store.edit(id).await?.ok_or_else(missing)?;
        let graph = self.graph();
        let shown = graph.by_uid(edit.record).filter(|one| record::is_seen(&graph, &caller.audience, &one.reference));
        let reference = shown.ok_or_else(missing)?.reference.clone();
        let reason = reason.trim().to_owned();
        self.run(caller, PutAside { source: edit.source, record: edit.record, id, reason }).await?;
        let all = self.page_edits(caller, &reference).await?;
        all.into_iter().find(|one| one.id == id).ok_or_else(missing)
    }
}

impl Sources {
    /// How edits on pages reach the source of a record.
    pub async fn delivery(&self, record: &Record) -> Delivery {
        self.reader.delivery(location_of(record)).await
    }

    /// Commits an edit of a record that comes from a repository, in the caller's name.
    ///
    /// # Errors
    /// [`Error::Refused`] when the repository takes no edits; the refusal says what to do instead.
    pub(crate) async fn edit(&self, location: &str, edit: &Edit) -> Result<Landed> {
        if self.reader.delivery(location).await == Delivery::Patch {
            return Err(Error::refused(
                "source.patch",
                "This repository takes no changes from here.",
                "Download the change as a patch, and bring it in yourself.",
            ));
        }
        let landed = self.reader.commit(location, edit).await;
        let landed = landed.map_err(|failure| Error::refused("source.edit", failure.message, failure.mend))?;
        self.refresh();
        Ok(landed)
    }

    /// Notes what a record waits for. The turn of its source must be held.
    pub(crate) async fn note(&self, caller: &Caller, record: &Record, edit: &Edit, landed: &Landed) -> Result<()> {
        let command = NoteEdit {
            source: record.source.origin.to_string(),
            record: record.uid,
            reference: record.reference.clone(),
            etag: record.etag.to_string(),
            why: edit.message.clone(),
            landed: landed.clone(),
        };
        self.app.run(caller, command).await.map(drop)
    }

    /// Settles what was taken in or closed, once the source was read: what stands on a branch waits as long as that is
    /// open; everything else was read by now.
    pub(crate) async fn settle(&self, location: &str) -> Result<()> {
        let source = origin(location);
        let open = self.app.store.open_edits(&source).await?;
        if open.is_empty() {
            return Ok(());
        }
        let (on_branches, pushed): (Vec<PageEdit>, Vec<PageEdit>) =
            open.into_iter().partition(|edit| !edit.branch.is_empty());
        let mut ends: HashMap<Uid, &'static str> = pushed.iter().map(|edit| (edit.id, "taken")).collect();
        let asked: Vec<Proposed> = on_branches
            .iter()
            .map(|edit| Proposed { commit: edit.commit.clone(), branch: edit.branch.clone() })
            .collect();
        // A source that does not answer says nothing about its branches.
        let told = if asked.is_empty() { Ok(Vec::new()) } else { self.reader.standing(location, &asked).await };
        for (edit, standing) in on_branches.iter().zip(told.unwrap_or_default()) {
            match standing {
                Standing::Open => None,
                Standing::Taken => ends.insert(edit.id, "taken"),
                Standing::Closed => ends.insert(edit.id, "closed"),
            };
        }
        if ends.is_empty() {
            return Ok(());
        }
        self.app.run(&Caller::system("sync", Door::Sync), SettleEdits { source, ends }).await.map(drop)
    }

    /// The newest files of a source; `None` for one that is not of this server.
    pub(crate) async fn tree(&self, location: &str) -> Result<Option<Tree>> {
        if !self.locations.iter().any(|known| known == location) {
            return Ok(None);
        }
        self.reader.read(location, None).await.map_err(|failure| {
            // What is wrong with it stands on the page of the sources, for who can mend it.
            tracing::warn!(%location, why = %failure.message, "a repository could not be read for a change");
            Error::Unavailable("The repository cannot be read now. Try again in a moment.".into())
        })
    }
}

/// Notes a change that was committed. Whether it may be made was decided before it was.
struct NoteEdit {
    source: String,
    record: Uid,
    reference: Ref,
    etag: String,
    why: String,
    landed: Landed,
}

impl Command for NoteEdit {
    fn name(&self) -> &'static str {
        "edit.note"
    }

    fn decide(&self, _: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let edit = PageEdit {
            id: ctx.uid(),
            source: self.source.clone(),
            record: self.record,
            commit: self.landed.commit.clone(),
            branch: self.landed.branch.clone(),
            link: self.landed.link.clone(),
            why: self.why.clone(),
            author: ctx.caller.name(),
            etag: self.etag.clone(),
            made_at: ctx.now,
            settled: None,
        };
        let verb = if edit.branch.is_empty() { "edit-committed" } else { "edit-proposed" };
        let mut changes = Changes::default();
        told(&mut changes, &self.reference, &edit, verb, &self.why);
        changes.edits.push(edit);
        Ok(changes)
    }
}

/// Adds what happened to a change to the history of what it changes.
fn told(changes: &mut Changes, reference: &Ref, edit: &PageEdit, verb: &str, reason: &str) {
    let data = json!({"edit": edit.id, "commit": edit.commit, "branch": edit.branch});
    changes.note(&format!("{}.{verb}", reference.kind()), Some((edit.record, reference.clone())), data);
    if let Some(entry) = changes.entries.last_mut().filter(|_| !reason.is_empty()) {
        entry.reason = Some(reason.to_owned());
    }
}

/// Notes what became of changes, each unless somebody noted it already.
struct SettleEdits {
    source: String,
    ends: HashMap<Uid, &'static str>,
}

impl Command for SettleEdits {
    fn name(&self) -> &'static str {
        "edit.settle"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        vec![Need::Edits(self.source.clone())]
    }

    fn in_read_only(&self) -> bool {
        true
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::answer(Value::Null);
        for edit in facts.edits.get(&self.source).into_iter().flatten() {
            let Some(outcome) = self.ends.get(&edit.id) else { continue };
            if let Some(record) = graph.by_uid(edit.record) {
                told(&mut changes, &record.reference, edit, &format!("edit-{outcome}"), "");
            }
            let settled = Settled { at: ctx.now, outcome: (*outcome).to_owned(), reason: String::new() };
            changes.edits.push(PageEdit { settled: Some(settled), ..edit.clone() });
        }
        Ok(changes)
    }
}

/// Puts a change aside.
struct PutAside {
    source: String,
    record: Uid,
    id: Uid,
    reason: String,
}

impl Command for PutAside {
    fn name(&self) -> &'static str {
        "edit.put-aside"
    }

    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        vec![Need::Edits(self.source.clone())]
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let gone = || Error::NotFound("What it changes is not there any more.".into());
        let record = graph.by_uid(self.record).ok_or_else(gone)?;
        let open = facts.edits.get(&self.source).into_iter().flatten().find(|edit| edit.id == self.id);
        let own = open.is_some_and(|edit| edit.author == ctx.caller.name());
        if !own {
            let text = record.parse();
            may_write(graph, Some(&text), Some(&text), |action, subject| ctx.require(action, subject))?;
        }
        let settled = "Something has become of it already: it was taken in, closed or put aside. Look at it again.";
        let edit = open.ok_or_else(|| Error::Conflict(settled.into()))?;
        if self.reason.is_empty() {
            return Err(Error::invalid(
                "edit.reason",
                "reason",
                "It says not why",
                "Say in a line why it is put aside.",
            ));
        }
        let mut changes = Changes::default();
        told(&mut changes, &record.reference, edit, "edit-put-aside", &self.reason);
        let settled = Settled { at: ctx.now, outcome: "put-aside".to_owned(), reason: self.reason.clone() };
        changes.edits.push(PageEdit { settled: Some(settled), ..edit.clone() });
        Ok(changes)
    }
}
