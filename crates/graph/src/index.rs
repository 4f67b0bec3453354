//! All keys of all records.
//!
//! Changes are gathered over many records and then taken in key by key and value by value: where a thousand records
//! have the same type, its place is looked up once, and neighbouring values are touched one after another.

use crate::field::Field;
use crate::fold::fold;
use crate::posting::Posting;
use imbl::HashMap;
use std::sync::Arc;

/// One entry of a record in an index: key, value as written (`None` when it only exists), whether it is an item of a
/// list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub key: String,
    pub value: Option<String>,
    pub item: bool,
}

/// What the terms of one record say about one key.
#[derive(Clone, Copy, Default)]
struct Shape {
    exists: bool,
    bare: bool,
    items: bool,
    mixed: bool,
}

impl Shape {
    fn of(terms: &[Term]) -> Shape {
        let items = terms.iter().any(|term| term.item && term.value.is_some());
        Shape {
            exists: !terms.is_empty(),
            bare: !terms.is_empty() && terms.iter().all(|term| term.value.is_none()),
            items,
            mixed: items && terms.iter().any(|term| !term.item && term.value.is_some()),
        }
    }
}

/// Changes of many records, by key. Each record at most once.
#[derive(Default)]
pub(crate) struct Edits {
    keys: std::collections::HashMap<String, KeyEdits>,
}

/// Changes of one key.
#[derive(Default)]
struct KeyEdits {
    removed: Vec<(String, u32)>,
    added: Vec<(String, u32)>,
    shapes: Vec<(u32, Shape)>,
}

impl Edits {
    /// Adds the change of one record. Both lists are sorted and without doubles; what stays is left alone.
    pub fn replace(&mut self, number: u32, old: &[Term], new: &[Term]) {
        let (mut old, mut new) = (old, new);
        while let Some(key) = [old.first(), new.first()].into_iter().flatten().map(|term| term.key.as_str()).min() {
            let (before, old_rest) = old.split_at(old.partition_point(|term| term.key == key));
            let (after, new_rest) = new.split_at(new.partition_point(|term| term.key == key));
            if before != after {
                self.replace_key(key, number, before, after);
            }
            (old, new) = (old_rest, new_rest);
        }
    }

    fn replace_key(&mut self, key: &str, number: u32, before: &[Term], after: &[Term]) {
        let edits = match self.keys.get_mut(key) {
            Some(edits) => edits,
            None => self.keys.entry(key.to_owned()).or_default(),
        };
        // Terms of one key are in order of their values; a value that is both an item and not comes twice.
        let lacks = |terms: &[Term], value: &str| {
            terms.binary_search_by(|term| term.value.as_deref().cmp(&Some(value))).is_err()
        };
        let values = |terms: &[Term], others: &[Term], list: &mut Vec<(String, u32)>| {
            let values = terms.iter().filter_map(|term| term.value.as_ref()).filter(|value| lacks(others, value));
            list.extend(values.map(|value| (value.clone(), number)));
        };
        values(before, after, &mut edits.removed);
        values(after, before, &mut edits.added);
        edits.shapes.push((number, Shape::of(after)));
    }

    /// Brings the changes into the order in which they are taken in fastest.
    pub fn sort(&mut self) {
        for edits in self.keys.values_mut() {
            edits.removed.sort_unstable();
            edits.added.sort_unstable();
            edits.shapes.sort_unstable_by_key(|(number, _)| *number);
        }
    }
}

/// Fields by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    fields: HashMap<Arc<str>, Arc<Field>>,
}

impl Index {
    /// The field of a folded key.
    pub fn get(&self, key: &str) -> Option<&Field> {
        self.fields.get(key).map(Arc::as_ref)
    }

    /// Takes changes in.
    pub fn apply(&mut self, edits: &Edits) {
        for (key, edits) in &edits.keys {
            let field = match self.fields.get_mut(key.as_str()) {
                Some(field) => field,
                None => self.fields.entry(key.as_str().into()).or_default(),
            };
            edits.apply(Arc::make_mut(field));
            if field.exists.is_empty() {
                self.fields.remove(key.as_str());
            }
        }
    }

    /// Gives the records other numbers, and spare room back. Key by key, so that little is held twice.
    pub fn renumber(&mut self, new: &impl Fn(u32) -> u32) {
        let keys: Vec<Arc<str>> = self.fields.keys().cloned().collect();
        for key in keys {
            if let Some(field) = self.fields.get_mut(&key) {
                *field = Arc::new(field.renumbered(new));
            }
        }
    }
}

impl KeyEdits {
    fn apply(&self, field: &mut Field) {
        for (value, number) in &self.removed {
            field.remove(&fold(value), value, *number);
        }
        let mut numbers = Vec::new();
        for same in self.added.chunk_by(|one, next| one.0 == next.0) {
            numbers.clear();
            numbers.extend(same.iter().map(|(_, number)| *number));
            field.insert(&fold(&same[0].0), &same[0].0, &numbers);
        }
        for (posting, holds) in [
            (&mut field.exists, (|shape| shape.exists) as fn(&Shape) -> bool),
            (&mut field.bare, |shape| shape.bare),
            (&mut field.items, |shape| shape.items),
            (&mut field.mixed, |shape| shape.mixed),
        ] {
            self.shapes.iter().for_each(|(number, shape)| set(posting, *number, holds(shape)));
        }
    }
}

/// Makes a number a member of a set, or not.
fn set(posting: &mut Posting, number: u32, member: bool) {
    if member {
        posting.insert(number);
    } else {
        posting.remove(number);
    }
}
