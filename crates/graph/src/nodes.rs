//! The numbers of records.
//!
//! A number belongs to a *name*, not to a record: it is given when a record or a relation first mentions the name, and
//! stays until the next renumbering, whether or not a record has the name. Numbers below `base` are in order of names,
//! so that a page in order of names is a walk over a bitmap. Later ones are kept in order in `delta` and merged in;
//! when they become many, everything is renumbered ([`Nodes::plan`]). Nobody outside ever sees a number.

use crate::posting::Posting;
use crate::visibility::Narrowed;
use imbl::{HashMap, OrdMap, Vector};
use loggia_model::{Record, Ref, Scope, Uid};
use roaring::RoaringBitmap;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

/// A name, the record that has it now, and the relations that touch it.
#[derive(Clone)]
pub(crate) struct Node {
    pub reference: Ref,
    /// None for the target of a relation that does not exist.
    pub record: Option<Arc<Record>>,
    /// Who sees it, with all that narrows it.
    pub scopes: Arc<[Scope]>,
    /// What it says itself about who sees it, where something else narrows that.
    pub narrowed: Option<Arc<Narrowed>>,
    /// Relations that the record states, as [`crate::edges::pack`] writes them.
    pub stated: Posting,
    /// Relations that others state about this name, by their type and the number of the other.
    pub received: Posting,
}

/// All nodes.
#[derive(Clone, Default)]
pub(crate) struct Nodes {
    list: Vector<Node>,
    by_ref: HashMap<Ref, u32>,
    by_uid: HashMap<Uid, u32>,
    base: u32,
    /// How many nodes there were after the last renumbering.
    settled: u32,
    delta: OrdMap<Ref, u32>,
    all: Arc<RoaringBitmap>,
}

impl Nodes {
    /// The node of a number.
    pub fn get(&self, number: u32) -> Option<&Node> {
        self.list.get(number as usize)
    }

    /// The node of a number, to change it.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Node> {
        self.list.get_mut(number as usize)
    }

    /// The record of a number.
    pub fn record(&self, number: u32) -> Option<&Arc<Record>> {
        self.get(number)?.record.as_ref()
    }

    /// The name of a number, or empty.
    pub fn name(&self, number: u32) -> &str {
        self.get(number).map_or("", |node| node.reference.as_str())
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.by_ref.get(name).copied()
    }

    /// The number of an identity.
    pub fn of_uid(&self, uid: Uid) -> Option<u32> {
        self.by_uid.get(&uid).copied()
    }

    /// Identities with their numbers, in no order.
    pub fn uids(&self) -> impl Iterator<Item = (Uid, u32)> {
        self.by_uid.iter().map(|(uid, number)| (*uid, *number))
    }

    /// Numbers of all records.
    pub fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    /// Names that no record has.
    pub fn without_record(&self) -> impl Iterator<Item = &Node> {
        self.list.iter().filter(|node| node.record.is_none())
    }

    /// The number of a name; a new one when it has none.
    pub fn mention(&mut self, name: &Ref) -> u32 {
        if let Some(number) = self.by_ref.get(name) {
            return *number;
        }
        let number = self.count();
        let empty = || Arc::from([].as_slice());
        let (stated, received) = (Posting::Empty, Posting::Empty);
        let (scopes, narrowed) = (empty(), None);
        self.list.push_back(Node { reference: name.clone(), record: None, scopes, narrowed, stated, received });
        self.by_ref.insert(name.clone(), number);
        number
    }

    /// Gives names the lowest numbers, before any other name is mentioned. They are in order and without doubles.
    pub fn found(&mut self, names: impl Iterator<Item = Ref>) {
        names.for_each(|name| {
            self.mention(&name);
        });
        self.base = self.count();
    }

    /// Ends a load: what was mentioned so far does not count as crowding.
    pub fn rest(&mut self) {
        self.settled = self.count();
    }

    /// Gives a name its record.
    pub fn settle(&mut self, number: u32, record: &Arc<Record>) {
        let Some(node) = self.list.get_mut(number as usize) else { return };
        node.record = Some(record.clone());
        self.by_uid.insert(record.uid, number);
        if !self.all.contains(number) {
            Arc::make_mut(&mut self.all).insert(number);
        }
        if number >= self.base {
            self.delta.insert(record.reference.clone(), number);
        }
    }

    /// Takes the record from a name.
    pub fn vacate(&mut self, number: u32) -> Option<Arc<Record>> {
        let node = self.list.get_mut(number as usize)?;
        let record = node.record.take()?;
        self.by_uid.remove(&record.uid);
        Arc::make_mut(&mut self.all).remove(number);
        self.delta.remove(&record.reference);
        Some(record)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// The members of a set in order of names, or against it, strictly behind `from`.
    pub fn in_order<'a>(&'a self, set: &'a RoaringBitmap, from: Option<&'a str>, backwards: bool) -> InOrder<'a> {
        let bounds: (Bound<&str>, Bound<&str>) = match from {
            None => (Bound::Unbounded, Bound::Unbounded),
            Some(from) if backwards => (Bound::Unbounded, Bound::Excluded(from)),
            Some(from) => (Bound::Excluded(from), Bound::Unbounded),
        };
        let low = if backwards { 0 } else { from.map_or(0, |from| self.base_place(from, false)) };
        let high = if backwards { from.map_or(self.base, |from| self.base_place(from, true)) } else { self.base };
        let base = set.range(low..high.max(low));
        let late = self.late(set, bounds);
        InOrder { nodes: self, set, base, late, waiting: (None, None), backwards }
    }

    /// The members of a set that came late, in order of names. When they are few they are put in order here, because a
    /// walk over everything that came late costs most where it finds least.
    fn late<'a>(&'a self, set: &RoaringBitmap, bounds: (Bound<&str>, Bound<&str>)) -> Late<'a> {
        let count = set.range_cardinality(self.base..);
        // A page stops early, so that many are better walked to even when putting them in order would be quicker in all.
        if count.saturating_mul(count) > 16 * self.delta.len() as u64 {
            return Late::Walk(self.delta.range::<_, str>(bounds));
        }
        let within = |number: &u32| RangeBounds::<str>::contains(&bounds, self.name(*number));
        let mut few: SmallVec<[u32; 8]> = set.range(self.base..).filter(within).collect();
        few.sort_unstable_by(|one, other| self.name(*one).cmp(self.name(*other)));
        Late::Few(few.into_iter())
    }

    /// The first number of the base whose name is greater than `name` (or not less, with `inclusive`).
    fn base_place(&self, name: &str, inclusive: bool) -> u32 {
        let (mut low, mut high) = (0, self.base);
        while low < high {
            let middle = low + (high - low) / 2;
            let before = match self.name(middle).cmp(name) {
                Ordering::Less => true,
                Ordering::Equal => !inclusive,
                Ordering::Greater => false,
            };
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Compares the names of two numbers.
    pub fn compare(&self, one: u32, other: u32) -> Ordering {
        if one < self.base && other < self.base { one.cmp(&other) } else { self.name(one).cmp(self.name(other)) }
    }

    /// Whether so much came later that everything should be renumbered.
    pub fn crowded(&self) -> bool {
        let late = (self.count() - self.settled).max(u32::try_from(self.delta.len()).unwrap_or(u32::MAX));
        late > (self.base / 2).max(1024)
    }

    /// The order of a renumbering: for each new number the old one. Names without record and relation are left out.
    pub fn plan(&self) -> Vec<u32> {
        let mut plan: Vec<u32> = self.in_order(&self.all, None, false).collect();
        let targets = (0..self.count()).filter(|number| !self.all.contains(*number));
        plan.extend(targets.filter(|number| self.get(*number).is_some_and(|node| !node.received.is_empty())));
        plan
    }

    /// The same nodes with other numbers: `plan` as from [`Nodes::plan`], `edges` renumbers relations.
    pub fn renumbered(&self, plan: &[u32], edges: &impl Fn(&Posting) -> Posting) -> Nodes {
        let mut nodes = Nodes::default();
        let base = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        for (number, old) in (0u32..).zip(plan) {
            let Some(node) = self.get(*old) else { continue };
            let (stated, received) = (edges(&node.stated), edges(&node.received));
            nodes.by_ref.insert(node.reference.clone(), number);
            if let Some(record) = &node.record {
                nodes.by_uid.insert(record.uid, number);
            }
            nodes.list.push_back(Node { stated, received, ..node.clone() });
        }
        nodes.all = Arc::new((0..base).collect());
        nodes.base = base;
        nodes.settled = nodes.count();
        nodes
    }
}

/// What came after the last renumbering, in order of names.
enum Late<'a> {
    /// Everything; what is not of the set is passed over.
    Walk(imbl::ordmap::RangedIter<'a, Ref, u32, imbl::shared_ptr::DefaultSharedPtr>),
    /// The members of the set.
    Few(smallvec::IntoIter<[u32; 8]>),
}

/// Numbers in order of their names.
pub(crate) struct InOrder<'a> {
    nodes: &'a Nodes,
    set: &'a RoaringBitmap,
    base: roaring::bitmap::Iter<'a>,
    late: Late<'a>,
    /// The next of the base and the next of what came late, when they were looked at already.
    waiting: (Option<u32>, Option<u32>),
    backwards: bool,
}

impl InOrder<'_> {
    fn next_of_base(&mut self) -> Option<u32> {
        self.waiting.0.take().or_else(|| if self.backwards { self.base.next_back() } else { self.base.next() })
    }

    fn next_of_late(&mut self) -> Option<u32> {
        if let Some(number) = self.waiting.1.take() {
            return Some(number);
        }
        let all = match &mut self.late {
            Late::Few(few) if self.backwards => return few.next_back(),
            Late::Few(few) => return few.next(),
            Late::Walk(all) => all,
        };
        loop {
            let (_, number) = if self.backwards { all.next_back() } else { all.next() }?;
            if self.set.contains(*number) {
                return Some(*number);
            }
        }
    }
}

impl Iterator for InOrder<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match (self.next_of_base(), self.next_of_late()) {
            (Some(base), Some(delta)) => {
                let order = self.nodes.compare(base, delta);
                if (order == Ordering::Less) != self.backwards {
                    self.waiting.1 = Some(delta);
                    Some(base)
                } else {
                    self.waiting.0 = Some(base);
                    Some(delta)
                }
            }
            (base, delta) => base.or(delta),
        }
    }
}
