//! The one writer: decides waiting commands one after another, commits them together, publishes the new snapshot.
//!
//! Only this task changes the head. A batch is decided against a private copy of the graph (cheap: it shares what
//! does not change), written in one transaction, and published after the commit by an atomic swap. When the commit
//! fails the copy is dropped, every caller of the batch is told, and the head stays what it was.

use crate::App;
use crate::access::caller::Caller;
use crate::command::changes::{Changes, Entry, RecordChange};
use crate::command::facts::read_facts;
use crate::command::{Command, Ctx};
use crate::error::{Error, Result};
use loggia_graph::{Change, Graph};
use loggia_model::{Event, Micros, Record, Ref, Uid};
use loggia_store::{Batch, Delta, Removal, Store, StoreError, Tail, WriteTx};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many commands share one commit at most.
const BATCH: usize = 256;

/// How many events are held before they go to the database, in the same transaction. A source of a hundred thousand
/// documents has as many events, and nothing asks for them until the commit.
const EVENTS: usize = 1024;

/// What a caller gets back from a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Position of the log after the command; a read may ask for at least this.
    pub position: i64,
    /// The command's answer.
    pub answer: Value,
}

/// A message to the writer.
pub(crate) enum Message {
    /// Decide a command.
    Run { caller: Box<Caller>, command: Arc<dyn Command>, reply: oneshot::Sender<Result<Outcome>> },
    /// Take in what other servers wrote.
    CatchUp,
}

/// Where the log ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) position: i64,
    pub(crate) hash: String,
    pub(crate) time: Micros,
}

pub(crate) struct Writer {
    pub(crate) app: Arc<App>,
    pub(crate) store: Store,
    pub(crate) head: Head,
    pub(crate) inbox: mpsc::Receiver<Message>,
}

struct Pending {
    caller: Box<Caller>,
    command: Arc<dyn Command>,
    reply: oneshot::Sender<Result<Outcome>>,
}

/// A batch while it is decided.
struct Decided {
    graph: Graph,
    head: Head,
    batch: Batch,
    changed: Vec<Change>,
    /// What the command in hand has made of records so far; none for one that it removed.
    fresh: HashMap<Uid, Option<Arc<Record>>>,
    finished: Vec<(Uid, i64)>,
    /// Whether there is anything to write.
    dirty: bool,
    answers: Vec<Result<Outcome>>,
}

impl Writer {
    /// Works until every sender is gone.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.inbox.recv().await {
            let mut pending = Vec::new();
            let mut catch_up = false;
            let mut message = Some(first);
            while let Some(next) = message {
                match next {
                    Message::Run { caller, command, reply } => pending.push(Pending { caller, command, reply }),
                    Message::CatchUp => catch_up = true,
                }
                message = if pending.len() < BATCH { self.inbox.try_recv().ok() } else { None };
            }
            if catch_up && pending.is_empty() {
                self.catch_up().await;
            } else {
                self.work(pending).await;
            }
        }
    }

    async fn catch_up(&mut self) {
        match self.store.tail(self.head.position).await {
            Ok(tail) if tail.position > self.head.position => {
                let mut graph = (*self.app.graph()).clone();
                self.take_in(&mut graph, tail);
                self.app.publish(graph);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot read what other servers wrote"),
        }
    }

    fn take_in(&mut self, graph: &mut Graph, tail: Tail) {
        self.head = Head { position: tail.position, hash: tail.last_hash, time: tail.last_time };
        self.app.clock.reached(self.head.time);
        let changes: Vec<Change> = tail.changes.into_iter().map(change_of).collect();
        graph.apply(&changes);
        graph.set_position(self.head.position);
    }

    /// Runs a batch; when something in it spoils the transaction, runs its commands one by one, so that only the
    /// guilty one fails.
    async fn work(&mut self, pending: Vec<Pending>) {
        let many = pending.len() > 1;
        match self.attempt(&pending).await {
            Ok(answers) => reply(pending, answers),
            // Not when the database is away: then none of them is to blame, and each would wait in vain.
            Err(error) if many && !matches!(error, StoreError::Unavailable(_)) => {
                tracing::debug!(%error, "a batch could not be written; its commands are run one by one");
                for one in pending {
                    let single = vec![one];
                    let answers = self.attempt(&single).await;
                    reply_result(single, answers);
                }
            }
            Err(error) => reply_result(pending, Err(error)),
        }
    }

    async fn attempt(&mut self, pending: &[Pending]) -> Result<Vec<Result<Outcome>>, StoreError> {
        let (mut tx, tail) = self.store.begin(self.head.position).await?;
        if tail.position > self.head.position {
            let mut graph = (*self.app.graph()).clone();
            self.take_in(&mut graph, tail);
            self.app.publish(graph);
        }
        let mut decided = Decided {
            graph: (*self.app.graph()).clone(),
            head: self.head.clone(),
            batch: Batch::default(),
            changed: Vec::new(),
            fresh: HashMap::new(),
            finished: Vec::new(),
            dirty: false,
            answers: Vec::new(),
        };
        for one in pending {
            let answer = self.decide(one, &mut tx, &mut decided).await?;
            decided.answers.push(answer);
        }
        if !decided.dirty {
            return Ok(decided.answers);
        }
        tx.write(&decided.batch).await?;
        for (work, fence) in &decided.finished {
            tx.finish(*work, *fence).await?;
        }
        tx.commit().await?;
        self.head = decided.head;
        decided.graph.set_position(self.head.position);
        self.app.publish(decided.graph);
        self.app.committed(&decided.batch);
        Ok(decided.answers)
    }

    async fn decide(
        &self,
        one: &Pending,
        tx: &mut WriteTx,
        decided: &mut Decided,
    ) -> Result<Result<Outcome>, StoreError> {
        let needs = match unbroken(|| Ok(one.command.needs(&decided.graph, &one.caller))) {
            Ok(needs) => needs,
            Err(error) => return Ok(Err(error)),
        };
        let facts = read_facts(tx, &needs, &decided.batch).await?;
        let app = &*self.app;
        let mut ctx = Ctx::new(&one.caller, &*app.clock, &*app.ids, &*app.policy, &app.secrets, &app.recipes);
        ctx.now = ctx.now.max(decided.head.time);
        let result = unbroken(|| one.command.decide(&decided.graph, &facts, &ctx));
        Ok(match result {
            Ok(changes) => {
                let answer = changes.answer.clone();
                // What is done outside under the key of a request is done once; what changes nothing may be asked again.
                let key = one.caller.key.as_ref().filter(|_| !changes.is_empty());
                decided.batch.held_answers.extend(key.map(|key| key.committed(&answer)));
                decided.take(changes, &ctx, tx).await?;
                Ok(Outcome { position: decided.head.position, answer })
            }
            Err(error) => {
                if let Error::Refused(refusal) = &error {
                    decided.take(refused(&*one.command, refusal), &ctx, tx).await?;
                }
                Err(error)
            }
        })
    }
}

/// What a command says; a fault in one is its own, and must not end the writing of all others.
fn unbroken<T>(decide: impl FnOnce() -> Result<T>) -> Result<T> {
    // It only reads what it is given, so nothing is left half changed.
    std::panic::catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::Internal(format!("a command panicked: {text}")))
    })
}

/// A refusal is kept too: what people were not able to do is worth knowing.
fn refused(command: &dyn Command, refusal: &loggia_model::Refusal) -> Changes {
    let mut changes = Changes::default();
    let noun = command.name().split('.').next().unwrap_or("command");
    changes.note(&format!("{noun}.refused"), None, json!({"command": command.name(), "refusal": refusal}));
    changes
}

fn change_of(delta: Delta) -> Change {
    match delta {
        Delta::Put(record) => Change::Put(Arc::new(record)),
        Delta::Remove(uid) => Change::Remove(uid),
        Delta::Alias(old, uid) => Change::Alias(old, uid),
    }
}

fn reply(pending: Vec<Pending>, answers: Vec<Result<Outcome>>) {
    for (one, answer) in pending.into_iter().zip(answers) {
        // A caller that went away needs no answer.
        let _ = one.reply.send(answer);
    }
}

fn reply_result(pending: Vec<Pending>, answers: Result<Vec<Result<Outcome>>, StoreError>) {
    match answers {
        Ok(answers) => reply(pending, answers),
        Err(error) => {
            tracing::error!(%error, commands = pending.len(), "a commit failed");
            for one in pending {
                let _ = one.reply.send(Err(error.clone().into()));
            }
        }
    }
}

impl Decided {
    /// Adds the changes of one command to the batch and to the private graph.
    async fn take(&mut self, changes: Changes, ctx: &Ctx<'_>, tx: &mut WriteTx) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.dirty = true;
        let first = self.changed.len();
        self.fresh.clear();
        for entry in changes.entries {
            self.entry(entry, ctx);
            if self.batch.events.len() >= EVENTS {
                let events = std::mem::take(&mut self.batch.events);
                tx.write(&Batch { events, ..Batch::default() }).await?;
            }
        }
        for (old, uid) in changes.aliases {
            self.changed.push(Change::Alias(old.clone(), uid));
            self.batch.aliases.push((old, uid));
        }
        self.graph.apply(&self.changed[first..]);
        self.batch.operations.extend(changes.operations);
        self.batch.work.extend(changes.work);
        self.finished.extend(changes.finished);
        // What was said last about a deadline holds.
        self.batch.due_removals.retain(|key| changes.due.iter().all(|due| due.key != *key));
        self.batch.due.retain(|due| !changes.past.contains(&due.key));
        self.batch.due.extend(changes.due);
        self.batch.due_removals.extend(changes.past);
        self.batch.expired_by = self.batch.expired_by.max(changes.expired_by);
        self.batch.secrets.extend(changes.secrets);
        self.batch.secret_removals.extend(changes.forgotten);
        self.batch.secret_fields_gone.extend(changes.dropped_secrets);
        for mut reading in changes.usage {
            crate::estate::usage::normalise(&self.graph, &mut reading, ctx.now);
            self.batch.usage.push(reading);
        }
        self.batch.credentials.extend(changes.credentials);
        self.batch.unmatched.extend(changes.unmatched);
        self.batch.matched.extend(changes.matched);
        self.batch.dismissed.extend(changes.dismissed);
        self.batch.sightings.extend(changes.sightings);
        self.batch.items.extend(changes.items);
        self.batch.edits.extend(changes.edits);
        self.batch.erased.extend(changes.erased);
        Ok(())
    }

    /// A record as it is after everything so far, also within the command in hand.
    fn before(&self, uid: Uid) -> Option<Arc<Record>> {
        self.fresh.get(&uid).cloned().unwrap_or_else(|| self.graph.by_uid(uid).cloned())
    }

    fn entry(&mut self, entry: Entry, ctx: &Ctx<'_>) {
        let position = self.head.position + 1;
        let (mut subject, mut revision) = (entry.subject, None);
        match entry.change {
            Some(RecordChange::Put(draft)) => {
                let before = self.before(draft.uid).map(|r| (r.revision, r.created_at));
                let before = before.or(draft.returning.map(|past| (past.revision, past.created_at)));
                let record = Record {
                    uid: draft.uid,
                    reference: draft.reference,
                    document: draft.document,
                    status: draft.status.map(Into::into),
                    etag: draft.etag,
                    source: draft.source,
                    revision: before.map_or(1, |(revision, _)| revision + 1),
                    position,
                    created_at: before.map_or(ctx.now, |(_, created)| created),
                    updated_at: ctx.now,
                };
                subject = Some((record.uid, record.reference.clone()));
                revision = Some(record.revision);
                self.batch.puts.push(record.clone());
                let record = Arc::new(record);
                self.fresh.insert(record.uid, Some(Arc::clone(&record)));
                self.changed.push(Change::Put(record));
            }
            Some(RecordChange::Remove(uid)) => {
                let Some(before) = self.before(uid) else { return };
                self.fresh.insert(uid, None);
                let removal = Removal {
                    uid,
                    reference: before.reference.clone(),
                    revision: before.revision + 1,
                    position,
                    time: ctx.now,
                };
                subject = Some((uid, before.reference.clone()));
                revision = Some(removal.revision);
                self.batch.removals.push(removal);
                self.changed.push(Change::Remove(uid));
            }
            None => {}
        }
        self.event(&entry.kind, subject, revision, entry.reason, entry.data, ctx);
    }

    fn event(
        &mut self,
        kind: &str,
        subject: Option<(Uid, Ref)>,
        revision: Option<i64>,
        reason: Option<String>,
        data: Value,
        ctx: &Ctx<'_>,
    ) {
        let mut event = Event {
            position: self.head.position + 1,
            id: ctx.uid(),
            time: ctx.now,
            kind: format!("dev.loggia.{kind}.v1"),
            subject: subject.as_ref().map(|(uid, _)| *uid),
            subject_ref: subject.map(|(_, reference)| reference.to_string()),
            actor: ctx.caller.actor(),
            reason,
            cause: None,
            revision,
            data,
            previous: std::mem::take(&mut self.head.hash),
            hash: String::new(),
        };
        event.hash = event.expected_hash();
        self.head = Head { position: event.position, hash: event.hash.clone(), time: event.time };
        self.batch.events.push(event);
    }
}
