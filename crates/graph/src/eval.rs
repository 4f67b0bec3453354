//! Which records meet a condition.

use crate::field::Field;
use crate::fold::{fits, fold};
use crate::posting::Posting;
use crate::substring::Pattern;
use crate::{Audience, Graph, Predicate, Query, TextFilter};
use loggia_model::{RelationType, Uid};
use roaring::RoaringBitmap;
use std::borrow::Cow;

/// A set of numbers, borrowed from the index where it stands there as it is.
pub(crate) type Set<'a> = Cow<'a, RoaringBitmap>;

/// Where the answers about a key come from.
pub(crate) enum Key {
    /// The identity of the record.
    Uid,
    /// Relations of one type; `None` for a type that does not exist.
    Relation(Option<RelationType>),
    /// The leaves of the document.
    Leaf(String),
}

impl Key {
    /// Reads a key as it was asked for, in any case.
    pub fn read(key: &str) -> Key {
        let key = fold(key).into_owned();
        match key.strip_prefix("relations.") {
            Some(name) => Key::Relation(RelationType::find(name)),
            None if key == "metadata.uid" => Key::Uid,
            None => Key::Leaf(key),
        }
    }
}

impl Graph {
    /// The numbers of what a query asks for.
    pub(crate) fn matching(&self, audience: &Audience, query: &Query) -> Set<'_> {
        let set = self.selected(audience, &query.predicate);
        match &query.text {
            Some(filter) if !filter.term.trim().is_empty() => Cow::Owned(self.containing(audience, filter) & &*set),
            _ => set,
        }
    }

    /// The numbers of the records in the audience that meet a condition.
    pub(crate) fn selected(&self, audience: &Audience, predicate: &Predicate) -> Set<'_> {
        match (audience, predicate) {
            (_, Predicate::Everything) => self.seen(audience),
            (Audience::All, _) => self.eval(audience, predicate),
            _ => meet(self.seen(audience), &self.eval(audience, predicate)),
        }
    }

    /// The numbers of all records that meet a condition; the audience decides only which relations count.
    fn eval(&self, audience: &Audience, predicate: &Predicate) -> Set<'_> {
        match predicate {
            Predicate::Everything => Cow::Borrowed(self.nodes.all()),
            Predicate::Nothing => Cow::default(),
            Predicate::All(list) => self.eval_all(audience, list),
            Predicate::Any(list) => list.iter().fold(Cow::default(), |found: Set<'_>, one| {
                let one = self.eval(audience, one);
                if found.is_empty() { one } else { Cow::Owned(found.into_owned() | &*one) }
            }),
            Predicate::Not(inner) => Cow::Owned(self.nodes.all() - &*self.eval(audience, inner)),
            Predicate::Exists(key) => self.having(audience, key),
            Predicate::In(key, values) => self.equal(audience, key, values),
            Predicate::Prefix(key, text) => self.prefixed(audience, key, &fold(text)),
            Predicate::Relation(relation, names) => {
                Cow::Owned(self.related_to(audience, *relation, names.as_deref()) & self.nodes.all())
            }
        }
    }

    fn eval_all(&self, audience: &Audience, list: &[Predicate]) -> Set<'_> {
        let mut found: Option<Set<'_>> = None;
        for one in list {
            let one = self.eval(audience, one);
            let next = match found {
                None => one,
                Some(set) => meet(set, &one),
            };
            if next.is_empty() {
                return Cow::default();
            }
            found = Some(next);
        }
        found.unwrap_or_else(|| Cow::Borrowed(self.nodes.all()))
    }

    /// Records that have a key.
    fn having(&self, audience: &Audience, key: &str) -> Set<'_> {
        match Key::read(key) {
            Key::Uid => Cow::Borrowed(self.nodes.all()),
            Key::Relation(None) => Cow::default(),
            Key::Relation(Some(relation)) => Cow::Owned(self.related_to(audience, relation, None) & self.nodes.all()),
            Key::Leaf(key) => {
                let real = self.leaves.get(&key).map(|field| field.exists.bitmap());
                join(real, self.listing(&key))
            }
        }
    }

    /// Records in which a key has one of some values.
    fn equal(&self, audience: &Audience, key: &str, values: &[String]) -> Set<'_> {
        match Key::read(key) {
            Key::Uid => {
                let uids =
                    values.iter().filter(|value| value.len() == 36).filter_map(|value| value.parse::<Uid>().ok());
                Cow::Owned(uids.filter_map(|uid| self.nodes.of_uid(uid)).collect())
            }
            Key::Relation(None) => Cow::default(),
            Key::Relation(Some(relation)) => {
                Cow::Owned(self.related_to(audience, relation, Some(values)) & self.nodes.all())
            }
            Key::Leaf(key) => {
                let values: Vec<String> = values.iter().map(|value| fold(value).into_owned()).collect();
                let real = self.leaves.get(&key).map(|field| either(values.iter().map(|value| field.equal_set(value))));
                let listed = values.iter().any(|value| value == "true").then(|| self.listing(&key)).flatten();
                join(real, listed)
            }
        }
    }

    /// Records in which a value of a key starts with a folded text.
    fn prefixed(&self, audience: &Audience, key: &str, text: &str) -> Set<'_> {
        let Some(field) = self.column(audience, key) else { return Cow::default() };
        if text.is_empty() {
            return Cow::Owned(&*field.exists.bitmap() - &*field.bare.bitmap());
        }
        let mut found = RoaringBitmap::new();
        field.prefixed(text).for_each(|value| value.posting.add_to(&mut found));
        Cow::Owned(found)
    }

    /// Records in which a text occurs in one of some fields.
    fn containing(&self, audience: &Audience, filter: &TextFilter) -> RoaringBitmap {
        let pattern = Pattern::within(&fold(filter.term.trim()));
        let mut found = RoaringBitmap::new();
        for key in &filter.fields {
            let Some(field) = self.column(audience, key) else { continue };
            let values = field.values().filter(|value| pattern.matches(value.folded));
            values.for_each(|value| value.posting.add_to(&mut found));
        }
        found
    }

    /// The records for which a key of the form `path.item` holds since the list `path` has that item.
    ///
    /// Where the dot is, is not known: each place is tried. A record that has `path` both as a list and otherwise is
    /// looked at itself.
    fn listing(&self, key: &str) -> Option<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        for (at, _) in key.match_indices('.').filter(|_| fits(key)) {
            let (path, item) = (&key[..at], &key[at + 1..]);
            let Some(field) = self.leaves.get(path).filter(|field| !field.items.is_empty()) else { continue };
            let mut listed = &*field.equal_set(item) & &*field.items.bitmap();
            for number in field.mixed.bitmap().iter() {
                if listed.contains(number) && !self.lists(number, path, item) {
                    listed.remove(number);
                }
            }
            found |= listed;
        }
        (!found.is_empty()).then_some(found)
    }

    /// Whether the document of a record has this item in the list `path`.
    fn lists(&self, number: u32, path: &str, item: &str) -> bool {
        let Some(record) = self.nodes.record(number) else { return false };
        let terms = self.digest(record).leaves;
        terms.iter().any(|t| t.item && t.key == path && t.value.as_deref().is_some_and(|value| fold(value) == item))
    }

    /// All values of a key in order, however they come about. None when no record has it.
    pub(crate) fn column(&self, audience: &Audience, key: &str) -> Option<Cow<'_, Field>> {
        match Key::read(key) {
            Key::Uid => Some(Cow::Owned(self.uid_column())),
            Key::Relation(relation) => Some(Cow::Owned(self.relation_column(audience, relation?))),
            Key::Leaf(key) => match (self.leaves.get(&key), self.listing(&key)) {
                (real, None) => real.map(Cow::Borrowed),
                (real, Some(listed)) => {
                    let mut field = real.cloned().unwrap_or_default();
                    field.add("true", listed);
                    Some(Cow::Owned(field))
                }
            },
        }
    }

    fn uid_column(&self) -> Field {
        let mut field = Field::default();
        for (uid, number) in self.nodes.uids() {
            let text = uid.to_string();
            field.insert(&text, &text, &[number]);
            field.exists.insert(number);
        }
        field
    }

    fn relation_column(&self, audience: &Audience, relation: RelationType) -> Field {
        let mut field = Field::default();
        for target in self.ends(relation) {
            let mut sources = RoaringBitmap::new();
            self.each_source(audience, relation, target, |source| {
                sources.insert(source);
            });
            field.add(self.nodes.name(target), sources & self.nodes.all());
        }
        field
    }
}

impl Field {
    /// The records that have a folded value, in whatever spelling.
    pub fn equal_set(&self, folded: &str) -> Set<'_> {
        either(self.equal(folded).map(|value| value.posting.bitmap()))
    }

    /// Adds records to a folded value.
    fn add(&mut self, folded: &str, numbers: RoaringBitmap) {
        let numbers: Vec<u32> = numbers.into_iter().collect();
        if numbers.is_empty() {
            return;
        }
        self.insert(folded, folded, &numbers);
        for number in numbers {
            self.exists.insert(number);
            self.bare.remove(number);
        }
    }
}

/// The union, without a copy when there is but one set.
fn either<'a>(mut sets: impl Iterator<Item = Set<'a>>) -> Set<'a> {
    let Some(mut found) = sets.next() else { return Cow::default() };
    for set in sets {
        *found.to_mut() |= &*set;
    }
    found
}

/// The union of what is there.
fn join<'a>(one: Option<Set<'a>>, other: Option<RoaringBitmap>) -> Set<'a> {
    either(one.into_iter().chain(other.map(Cow::Owned)))
}

/// The intersection, in place where one set is ours already.
fn meet<'a>(one: Set<'a>, other: &RoaringBitmap) -> Set<'a> {
    match one {
        Cow::Owned(mut set) => {
            set &= other;
            Cow::Owned(set)
        }
        Cow::Borrowed(set) => Cow::Owned(set & other),
    }
}

/// The records that have a value that can be compared.
pub(crate) fn valued(field: &Field) -> Set<'_> {
    match field.bare {
        Posting::Empty => field.exists.bitmap(),
        _ => Cow::Owned(&*field.exists.bitmap() - &*field.bare.bitmap()),
    }
}
