//! The snapshot and how it changes.

use crate::digest::{Describe, Digest, describe};
use crate::edges::{self, Ends};
use crate::index::{Edits, Index};
use crate::nodes::Nodes;
use crate::posting::Posting;
use crate::visibility::{Sight, Within};
use crate::{Audience, Change, Resolved};
use imbl::HashMap;
use loggia_model::{Record, Ref, Uid};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

/// How many records are read before they are indexed together: enough that neighbouring values are touched together,
/// few enough that what was read off them is no second copy of everything.
const AT_ONCE: usize = 1024;

/// Changes of the indexes that wait for the rest of their batch.
#[derive(Default)]
struct Pending {
    /// The numbers whose changes wait.
    numbers: RoaringBitmap,
    leaves: Edits,
    words: Edits,
}

impl Pending {
    fn sort(&mut self) {
        self.leaves.sort();
        self.words.sort();
    }
}

/// Records with what was read off them, ready to be indexed.
struct Batch {
    records: Vec<(u32, Arc<Record>, Digest)>,
    pending: Pending,
}

impl Batch {
    fn read(records: impl Iterator<Item = (u32, Arc<Record>)>, describe: Describe) -> Batch {
        let mut batch = Batch { records: Vec::new(), pending: Pending::default() };
        for (number, record) in records {
            let mut digest = Digest::of(&record, describe);
            batch.pending.leaves.replace(number, &[], &std::mem::take(&mut digest.leaves));
            batch.pending.words.replace(number, &[], &std::mem::take(&mut digest.words));
            batch.records.push((number, record, digest));
        }
        batch.pending.sort();
        batch
    }
}

/// Everything that is known now, as one immutable value: cheap to clone, safe to share, changed only by its owner.
#[derive(Clone)]
pub struct Graph {
    pub(crate) describe: Describe,
    position: i64,
    /// How often records of each kind have changed since this was loaded.
    turns: BTreeMap<String, u64>,
    pub(crate) aliases: HashMap<Ref, Uid>,
    pub(crate) nodes: Nodes,
    pub(crate) ends: Ends,
    pub(crate) leaves: Index,
    pub(crate) words: Index,
    pub(crate) sight: Sight,
}

impl Graph {
    /// A graph without records, with the registry of kinds.
    pub fn empty() -> Graph {
        Graph::describing(describe)
    }

    /// A graph without records, with another way to read the facts of a record.
    pub fn describing(describe: Describe) -> Graph {
        Graph {
            describe,
            position: 0,
            turns: BTreeMap::new(),
            aliases: HashMap::default(),
            nodes: Nodes::default(),
            ends: Ends::default(),
            leaves: Index::default(),
            words: Index::default(),
            sight: Sight::default(),
        }
    }

    /// A graph of these records and old names, with the registry of kinds.
    pub fn load(records: Vec<Record>, aliases: Vec<(Ref, Uid)>) -> Graph {
        Graph::empty().loaded(records, aliases)
    }

    /// This graph with these records and old names in place of its own. Uses two threads.
    #[must_use]
    pub fn loaded(self, mut records: Vec<Record>, aliases: Vec<(Ref, Uid)>) -> Graph {
        let describe = self.describe;
        let mut graph = Graph { position: self.position, ..Graph::describing(describe) };
        records.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
        records.dedup_by(|a, b| a.reference == b.reference);
        graph.nodes.found(records.iter().map(|record| record.reference.clone()));
        graph.aliases.extend(aliases);
        // Reading documents and building indexes cost about the same: one thread reads ahead of the other.
        let (read, ready) = sync_channel::<Batch>(2);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut records = (0u32..).zip(records.into_iter().map(Arc::new)).peekable();
                while records.peek().is_some() {
                    if read.send(Batch::read(records.by_ref().take(AT_ONCE), describe)).is_err() {
                        return;
                    }
                }
            });
            for batch in ready {
                graph.take_in(batch);
            }
        });
        graph.narrow_all();
        graph.nodes.rest();
        graph.leaves.renumber(&|same| same);
        graph.words.renumber(&|same| same);
        graph
    }

    /// Takes records in that are new, under numbers that they already have.
    fn take_in(&mut self, batch: Batch) {
        for (number, record, digest) in batch.records {
            self.restate(number, &Digest::default(), &digest);
            self.nodes.settle(number, &record);
            self.show(number, digest.scopes, digest.within);
        }
        self.leaves.apply(&batch.pending.leaves);
        self.words.apply(&batch.pending.words);
    }

    /// Takes changes in, one after another. Clones made before do not change.
    pub fn apply(&mut self, changes: &[Change]) {
        let mut pending = Pending::default();
        for change in changes {
            match change {
                Change::Put(record) => {
                    self.turn(record.reference.kind());
                    self.put(record, &mut pending);
                }
                Change::Remove(uid) => {
                    if let Some(number) = self.nodes.of_uid(*uid) {
                        let kind = self.nodes.record(number).map(|record| record.reference.kind().to_owned());
                        self.turn(kind.as_deref().unwrap_or_default());
                        self.take_out(number, &mut pending);
                    }
                }
                Change::Alias(old, uid) => {
                    self.aliases.insert(old.clone(), *uid);
                    self.narrow_within(old);
                }
            }
        }
        self.flush(&mut pending);
        if self.nodes.crowded() {
            self.renumber();
        }
    }

    /// Notes that something of a kind has changed.
    fn turn(&mut self, kind: &str) {
        match self.turns.get_mut(kind) {
            Some(turns) => *turns += 1,
            None => drop(self.turns.insert(kind.to_owned(), 1)),
        }
    }

    /// A number that grows whenever a record of one of these kinds changes, for what was worked out from them.
    pub fn turns(&self, kinds: &[&str]) -> u64 {
        kinds.iter().filter_map(|kind| self.turns.get(*kind)).sum()
    }

    /// Takes a record in. Another record of the same name makes room for it; its own former name becomes free.
    fn put(&mut self, record: &Arc<Record>, pending: &mut Pending) {
        let number = self.nodes.mention(&record.reference);
        if let Some(former) = self.nodes.of_uid(record.uid).filter(|former| *former != number) {
            self.take_out(former, pending);
        }
        let old = self.nodes.record(number).map(|old| Digest::of(old, self.describe)).unwrap_or_default();
        let other = self.nodes.record(number).is_some_and(|old| old.uid != record.uid);
        if other {
            self.nodes.vacate(number);
        }
        let new = Digest::of(record, self.describe);
        self.reindex(number, &old, &new, pending);
        self.nodes.settle(number, record);
        self.show(number, new.scopes, new.within);
        self.narrow_others(record);
    }

    /// Takes the record of a number out.
    fn take_out(&mut self, number: u32, pending: &mut Pending) {
        if let Some(old) = self.nodes.vacate(number) {
            self.reindex(number, &Digest::of(&old, self.describe), &Digest::default(), pending);
            self.show(number, Vec::new(), Within::default());
            self.narrow_others(&old);
        }
    }

    /// Brings all indexes from one reading of a record to another: relations now, the rest with the batch.
    fn reindex(&mut self, number: u32, old: &Digest, new: &Digest, pending: &mut Pending) {
        if pending.numbers.contains(number) || pending.numbers.len() >= AT_ONCE as u64 {
            self.flush(pending);
        }
        pending.numbers.insert(number);
        pending.leaves.replace(number, &old.leaves, &new.leaves);
        pending.words.replace(number, &old.words, &new.words);
        self.restate(number, old, new);
    }

    /// Takes the gathered changes in.
    fn flush(&mut self, pending: &mut Pending) {
        let mut pending = std::mem::take(pending);
        pending.sort();
        self.leaves.apply(&pending.leaves);
        self.words.apply(&pending.words);
    }

    /// Brings relations from one reading of a record to another.
    fn restate(&mut self, number: u32, old: &Digest, new: &Digest) {
        edges::restate(&mut self.nodes, &mut self.ends, number, &old.relations, &new.relations);
    }

    /// Gives all records new numbers, in order of names, and gives spare room back.
    fn renumber(&mut self) {
        let plan = self.nodes.plan();
        let mut numbers = vec![u32::MAX; plan.iter().max().map_or(0, |last| *last as usize + 1)];
        for (new, old) in (0u32..).zip(&plan) {
            numbers[*old as usize] = new;
        }
        let new = |old: u32| numbers.get(old as usize).copied().unwrap_or(u32::MAX);
        let edge = |edge: u32| {
            let (relation, node) = edges::unpack(edge);
            edges::pack(relation, new(node))
        };
        self.nodes = self.nodes.renumbered(&plan, &|posting: &Posting| posting.renumbered(&edge));
        self.ends = self.ends.renumbered(&new);
        self.leaves.renumber(&new);
        self.words.renumber(&new);
        self.sight.renumber(&new);
    }

    /// Position in the log up to which changes were taken in.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Sets the position in the log.
    pub fn set_position(&mut self, position: i64) {
        self.position = position;
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        usize::try_from(self.nodes.all().len()).unwrap_or(usize::MAX)
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.nodes.all().is_empty()
    }

    /// The record of this name, whoever may see it: ask [`Graph::visible`] before it is shown.
    pub fn get(&self, name: &Ref) -> Option<&Arc<Record>> {
        self.get_text(name.as_str())
    }

    /// The record of this name, given as complete text in lower case: ask [`Graph::visible`] before it is shown.
    pub fn get_text(&self, name: &str) -> Option<&Arc<Record>> {
        self.nodes.record(self.nodes.number(name)?)
    }

    /// The record of this identity, whoever may see it: ask [`Graph::visible`] before it is shown.
    pub fn by_uid(&self, uid: Uid) -> Option<&Arc<Record>> {
        self.nodes.record(self.nodes.of_uid(uid)?)
    }

    /// What a name leads to, for the audience.
    pub fn resolve(&self, audience: &Audience, name: &Ref) -> Resolved {
        let seen = |record: &&Arc<Record>| self.visible(audience, record);
        if let Some(record) = self.get(name).filter(seen) {
            return Resolved::Found(record.clone());
        }
        let moved = self.aliases.get(name).and_then(|uid| self.by_uid(*uid)).filter(seen);
        moved.map_or(Resolved::Unknown, |record| Resolved::Moved(record.reference.clone()))
    }

    /// Reads a record as the indexes do.
    pub(crate) fn digest(&self, record: &Record) -> Digest {
        Digest::of(record, self.describe)
    }
}
