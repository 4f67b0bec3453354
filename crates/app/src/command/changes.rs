//! What a command wants to be written.

use loggia_graph::Change;
use loggia_model::operation::Operation;
use loggia_model::usage::UsageReading;
use loggia_model::{Document, Micros, Record, Ref, Source, Uid, canonical};
use loggia_store::{Credential, Due, ErasedInputs, Item, NewWork, PageEdit, SecretRow, Sighting, Unmatched};
use serde_json::Value;
use std::sync::Arc;

/// A record as a command wants it to be. The writer gives it its revision and its place in the log.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Identity: that of an existing record, or a new one.
    pub uid: Uid,
    /// Address.
    pub reference: Ref,
    /// Canonical text.
    pub document: Arc<str>,
    /// Canonical text of the status.
    pub status: Option<String>,
    /// Tag of the text.
    pub etag: Arc<str>,
    /// Who owns the text.
    pub source: Source,
    /// Where its history goes on, for a record that comes back.
    pub returning: Option<Returning>,
}

/// A record that was taken away by hand and is still described: it comes back as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returning {
    /// Its identity.
    pub uid: Uid,
    /// The revision that took it away.
    pub revision: i64,
    /// When its first revision was written.
    pub created_at: Micros,
}

impl Draft {
    /// From a document in normal form.
    pub fn new(uid: Uid, document: &Document, source: Source) -> Draft {
        let text = document.canonical();
        let etag = canonical::etag(&text);
        Draft {
            uid,
            reference: document.reference(),
            document: text.into(),
            status: None,
            etag: etag.into(),
            source,
            returning: None,
        }
    }

    /// Another status for an existing record; its text stays as it is.
    pub fn of(record: &Record) -> Draft {
        Draft {
            uid: record.uid,
            reference: record.reference.clone(),
            document: Arc::clone(&record.document),
            status: record.status.as_deref().map(str::to_owned),
            etag: Arc::clone(&record.etag),
            source: record.source.clone(),
            returning: None,
        }
    }

    /// With a status.
    #[must_use]
    pub fn with_status(mut self, status: &Value) -> Draft {
        self.status = Some(canonical::to_string(status));
        self
    }
}

/// One change of a record.
#[derive(Clone, Debug)]
pub enum RecordChange {
    /// Write a new revision.
    Put(Box<Draft>),
    /// Write a last revision.
    Remove(Uid),
}

/// One entry for the log, with the change that it tells of.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `dev.loggia.<noun>.<past-verb>.v1` without the frame: `instance.ordered`.
    pub kind: String,
    /// The record that changes.
    pub change: Option<RecordChange>,
    /// The record that it is about, when none changes.
    pub subject: Option<(Uid, Ref)>,
    /// Why, in the words of the actor.
    pub reason: Option<String>,
    /// Details. Never a secret.
    pub data: Value,
}

impl Entry {
    /// What the entry does to the graph, for deciding what comes after it in the same command. Revision and position
    /// are given later, by the writer.
    pub(crate) fn as_graph_change(&self, now: Micros) -> Option<Change> {
        match self.change.as_ref()? {
            RecordChange::Put(draft) => Some(Change::Put(Arc::new(Record {
                uid: draft.uid,
                reference: draft.reference.clone(),
                document: Arc::clone(&draft.document),
                status: draft.status.as_deref().map(Into::into),
                etag: Arc::clone(&draft.etag),
                source: draft.source.clone(),
                revision: 1,
                position: 0,
                created_at: now,
                updated_at: now,
            }))),
            RecordChange::Remove(uid) => Some(Change::Remove(*uid)),
        }
    }
}

/// All that a command wants to be written, in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Entries for the log, in order.
    pub entries: Vec<Entry>,
    /// Old addresses of renamed records.
    pub aliases: Vec<(Ref, Uid)>,
    /// Operations, new or changed.
    pub operations: Vec<Operation>,
    /// Work for the workers.
    pub work: Vec<NewWork>,
    /// Work that has ended, with its fence.
    pub finished: Vec<(Uid, i64)>,
    /// Deadlines, new or moved.
    pub due: Vec<Due>,
    /// Keys of deadlines that no longer matter.
    pub past: Vec<String>,
    /// What held until this time is forgotten: sessions, answers that are kept, logins that were begun.
    pub expired_by: Option<Micros>,
    /// Secrets, sealed.
    pub secrets: Vec<SecretRow>,
    /// Records whose secrets are forgotten.
    pub forgotten: Vec<Uid>,
    /// Single secrets that are: the record, and which of its secrets.
    pub dropped_secrets: Vec<(Uid, String)>,
    /// What people and services prove themselves with.
    pub credentials: Vec<Credential>,
    /// Readings of use.
    pub usage: Vec<UsageReading>,
    /// What was reported and matches nothing.
    pub unmatched: Vec<Unmatched>,
    /// Keys of such things that match something by now.
    pub matched: Vec<String>,
    /// Keys of such things that somebody put aside.
    pub dismissed: Vec<String>,
    /// Instances that were seen, and when.
    pub sightings: Vec<Sighting>,
    /// What records keep about others.
    pub items: Vec<Item>,
    /// Changes on pages that repositories have to take in, new ones or what became of them.
    pub edits: Vec<PageEdit>,
    /// Inputs that no revision shall hold any more.
    pub erased: Vec<ErasedInputs>,
    /// What the caller gets as an answer.
    pub answer: Value,
}

impl Changes {
    /// Nothing to write; an answer only.
    pub fn answer(answer: Value) -> Changes {
        Changes { answer, ..Changes::default() }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.aliases.is_empty()
            && self.operations.is_empty()
            && self.work.is_empty()
            && self.finished.is_empty()
            && self.due.is_empty()
            && self.past.is_empty()
            && self.expired_by.is_none()
            && self.secrets.is_empty()
            && self.forgotten.is_empty()
            && self.dropped_secrets.is_empty()
            && self.credentials.is_empty()
            && self.usage.is_empty()
            && self.unmatched.is_empty()
            && self.matched.is_empty()
            && self.dismissed.is_empty()
            && self.sightings.is_empty()
            && self.items.is_empty()
            && self.edits.is_empty()
            && self.erased.is_empty()
    }

    /// Adds what another command wants to be written, as part of this one. Its answer is dropped.
    pub(crate) fn absorb(&mut self, other: Changes) {
        self.entries.extend(other.entries);
        self.aliases.extend(other.aliases);
        self.operations.extend(other.operations);
        self.work.extend(other.work);
        self.finished.extend(other.finished);
        self.due.extend(other.due);
        self.past.extend(other.past);
        self.expired_by = self.expired_by.max(other.expired_by);
        self.secrets.extend(other.secrets);
        self.forgotten.extend(other.forgotten);
        self.dropped_secrets.extend(other.dropped_secrets);
        self.credentials.extend(other.credentials);
        self.usage.extend(other.usage);
        self.unmatched.extend(other.unmatched);
        self.matched.extend(other.matched);
        self.dismissed.extend(other.dismissed);
        self.sightings.extend(other.sightings);
        self.items.extend(other.items);
        self.edits.extend(other.edits);
        self.erased.extend(other.erased);
    }

    /// Writes a record.
    pub fn put(&mut self, kind: &str, draft: Draft, data: Value) {
        let change = Some(RecordChange::Put(Box::new(draft)));
        self.entries.push(Entry { kind: kind.to_owned(), change, subject: None, reason: None, data });
    }

    /// Removes a record.
    pub fn remove(&mut self, kind: &str, uid: Uid, data: Value) {
        let change = Some(RecordChange::Remove(uid));
        self.entries.push(Entry { kind: kind.to_owned(), change, subject: None, reason: None, data });
    }

    /// Notes that an instance was seen.
    pub fn saw(&mut self, uid: Uid, time: Micros, source: &str) {
        self.sightings.push(Sighting { uid, first_seen: time, last_seen: time, source: source.to_owned() });
    }

    /// Notes that something happened to a record without changing it.
    pub fn note(&mut self, kind: &str, subject: Option<(Uid, Ref)>, data: Value) {
        self.entries.push(Entry { kind: kind.to_owned(), change: None, subject, reason: None, data });
    }
}
