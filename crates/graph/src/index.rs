//! All keys of all records.

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

/// Fields by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    fields: HashMap<Arc<str>, Arc<Field>>,
}

/// What the terms of one record say about one key.
#[derive(Default, PartialEq)]
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

impl Index {
    /// The field of a folded key.
    pub fn get(&self, key: &str) -> Option<&Field> {
        self.fields.get(key).map(Arc::as_ref)
    }

    /// Replaces the terms of a record. Both lists are sorted and have no doubles; what stays is not touched.
    pub fn update(&mut self, number: u32, old: &[Term], new: &[Term]) {
        let (mut old, mut new) = (old, new);
        while let Some(key) = [old.first(), new.first()].into_iter().flatten().map(|term| term.key.as_str()).min() {
            let (before, old_rest) = old.split_at(old.partition_point(|term| term.key == key));
            let (after, new_rest) = new.split_at(new.partition_point(|term| term.key == key));
            if before != after {
                self.update_key(key, number, before, after);
            }
            (old, new) = (old_rest, new_rest);
        }
    }

    fn update_key(&mut self, key: &str, number: u32, before: &[Term], after: &[Term]) {
        let field = match self.fields.get_mut(key) {
            Some(field) => field,
            None => self.fields.entry(key.into()).or_default(),
        };
        let field = Arc::make_mut(field);
        // Terms of one key are in order of their values.
        let holds = |terms: &[Term], value: &str| {
            terms.binary_search_by(|term| term.value.as_deref().cmp(&Some(value))).is_ok()
        };
        for value in before.iter().filter_map(|term| term.value.as_deref()).filter(|value| !holds(after, value)) {
            field.remove(&fold(value), value, number);
        }
        for value in after.iter().filter_map(|term| term.value.as_deref()).filter(|value| !holds(before, value)) {
            field.insert(&fold(value), value, number);
        }
        let shape = Shape::of(after);
        set(&mut field.exists, number, shape.exists);
        set(&mut field.bare, number, shape.bare);
        set(&mut field.items, number, shape.items);
        set(&mut field.mixed, number, shape.mixed);
        if field.exists.is_empty() {
            self.fields.remove(key);
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

/// Makes a number a member of a set, or not.
fn set(posting: &mut Posting, number: u32, member: bool) {
    if member {
        posting.insert(number);
    } else {
        posting.remove(number);
    }
}
