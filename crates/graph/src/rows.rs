//! Three ways to bring records into order: by their numbers, along the index of a key, and by sorting.
//!
//! Along the index costs as many steps as there are values before the page is full; for few records among many values
//! it is cheaper to read their values and sort them.

use crate::Graph;
use crate::chunk::Value;
use crate::field::Field;
use crate::fold::fold;
use crate::posting::Posting;
use crate::query::{Missing, OrderKey, Position};
use crate::substring::Pattern;
use roaring::RoaringBitmap;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Reading one record costs about as much as stepping over so many values.
const READ: u64 = 512;

/// Most rows that one record yields in an order of several keys with many values each.
const MOST_ROWS: usize = 1024;

/// The values of the order keys of one row.
type Values<'a> = SmallVec<[Option<Cow<'a, str>>; 1]>;

/// One row of a list: its folded values of the order keys and the number of its record.
pub(crate) struct Row<'a> {
    pub values: Values<'a>,
    pub number: u32,
}

/// A walk through the rows of a set: where it starts (strictly behind), which way it goes, how many rows it takes.
pub(crate) struct Walk<'w> {
    pub set: &'w RoaringBitmap,
    pub from: Option<&'w Position>,
    pub backwards: bool,
    pub take: usize,
    pub missing: Missing,
    /// Only rows whose first value matches.
    pub pattern: Option<&'w Pattern>,
}

impl Walk<'_> {
    /// Whether records with the same values come against the order of names, when walked.
    fn ties_backwards(&self, descending: bool) -> bool {
        (self.missing == Missing::Omitted && descending) != self.backwards
    }

    /// Whether rows with this first value are wanted.
    fn wants(&self, value: Option<&str>) -> bool {
        self.pattern.is_none_or(|pattern| value.is_some_and(|value| pattern.matches(value)))
    }
}

/// Whether the records are so few among the values of a key that they should be read and sorted.
pub(crate) fn is_sparse(set: &RoaringBitmap, field: Option<&Field>) -> bool {
    field.is_some_and(|field| set.len().saturating_mul(READ) < field.distinct() as u64)
}

impl Graph {
    /// Rows in order of names.
    pub(crate) fn rows_by_name<'a>(&'a self, walk: &Walk<'_>) -> Vec<Row<'a>> {
        let from = walk.from.map(|from| from.reference.as_str());
        let numbers = self.nodes.in_order(walk.set, from, walk.backwards).take(walk.take);
        numbers.map(|number| Row { values: SmallVec::new(), number }).collect()
    }

    /// Rows along the index of one key.
    pub(crate) fn rows_along<'a>(&'a self, key: &OrderKey, field: Option<&'a Field>, walk: &Walk<'_>) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        let from_missing = walk.from.is_some_and(|from| from.values.first().is_none_or(Option::is_none));
        if walk.backwards && from_missing {
            self.take_missing(field, walk, &mut rows);
        }
        if let Some(field) = field
            && (walk.backwards || !from_missing)
        {
            self.take_valued(key, field, walk, &mut rows);
        }
        if !walk.backwards && walk.missing == Missing::Last {
            self.take_missing(field, walk, &mut rows);
        }
        rows
    }

    /// Takes the records that lack the field.
    fn take_missing<'a>(&self, field: Option<&Field>, walk: &Walk<'_>, rows: &mut Vec<Row<'a>>) {
        let set = match field {
            Some(field) => Cow::Owned(walk.set - &*crate::eval::valued(field)),
            None => Cow::Borrowed(walk.set),
        };
        let from = walk.from.filter(|from| from.values.first().is_none_or(Option::is_none));
        let from = from.map(|from| from.reference.as_str());
        let left = walk.take.saturating_sub(rows.len());
        let numbers = self.nodes.in_order(&set, from, walk.backwards).take(left);
        rows.extend(numbers.map(|number| Row { values: SmallVec::from_iter([None]), number }));
    }

    /// Takes the records that have the field, value by value.
    fn take_valued<'a>(&'a self, key: &OrderKey, field: &'a Field, walk: &Walk<'_>, rows: &mut Vec<Row<'a>>) {
        let from = walk.from.and_then(|from| Some((from.values.first()?.as_deref()?, from.reference.as_str())));
        let start = from.map(|(value, _)| value);
        let mut upwards = field.between(start.filter(|_| key.descending == walk.backwards), None);
        let mut downwards = field.between(None, start);
        let mut next = || if key.descending == walk.backwards { upwards.next() } else { downwards.next_back() };
        let mut waiting = next();
        while let Some(Value { folded, posting, .. }) = waiting {
            let mut postings: SmallVec<[&Posting; 2]> = SmallVec::from_iter([posting]);
            waiting = next();
            while let Some(value) = waiting.filter(|value| value.folded == folded) {
                postings.push(value.posting);
                waiting = next();
            }
            if !walk.wants(Some(folded)) {
                continue;
            }
            let behind = from.filter(|(value, _)| *value == folded).map(|(_, name)| name);
            self.take_value(folded, &postings, behind, walk.ties_backwards(key.descending), walk, rows);
            if rows.len() >= walk.take {
                return;
            }
        }
    }

    /// Takes the records that have one value, in whatever spelling, behind a name.
    fn take_value<'a>(
        &self,
        folded: &'a str,
        postings: &[&Posting],
        behind: Option<&str>,
        backwards: bool,
        walk: &Walk<'_>,
        rows: &mut Vec<Row<'a>>,
    ) {
        let row = |number| Row { values: SmallVec::from_iter([Some(Cow::Borrowed(folded))]), number };
        if let [Posting::One(number)] = postings
            && behind.is_none()
        {
            rows.extend(walk.set.contains(*number).then(|| row(*number)));
            return;
        }
        let mut set = RoaringBitmap::new();
        postings.iter().for_each(|posting| posting.add_to(&mut set));
        set &= walk.set;
        let left = walk.take.saturating_sub(rows.len());
        rows.extend(self.nodes.in_order(&set, behind, backwards).take(left).map(row));
    }

    /// Rows in an order of several keys, or of few records: all are read and sorted.
    pub(crate) fn rows_sorted<'a>(
        &'a self,
        keys: &[OrderKey],
        columns: &'a [Option<Cow<'a, Field>>],
        walk: &Walk<'_>,
    ) -> Vec<Row<'a>> {
        let columns = keys.iter().zip(columns);
        let values: Vec<_> = columns.map(|(key, field)| self.values_of(key, field.as_ref(), walk.set)).collect();
        let mut rows: Vec<Row<'a>> = Vec::new();
        for number in walk.set {
            for values in product(number, &values) {
                rows.push(Row { values, number });
            }
        }
        rows.retain(|row| walk.wants(row.values.first().and_then(Option::as_deref)));
        let ties_down = walk.missing == Missing::Omitted && keys.first().is_some_and(|key| key.descending);
        let turn = |order: Ordering, down: bool| if down { order.reverse() } else { order };
        rows.sort_unstable_by(|a, b| {
            let ties = || turn(self.nodes.compare(a.number, b.number), ties_down);
            compare(keys, &a.values, &b.values).then_with(ties)
        });
        if let Some(from) = walk.from {
            let values: Values<'_> = from.values.iter().map(|value| value.as_deref().map(Cow::Borrowed)).collect();
            let place = |row: &Row<'_>| {
                let ties = || turn(self.nodes.name(row.number).cmp(&from.reference), ties_down);
                compare(keys, &row.values, &values).then_with(ties)
            };
            rows.retain(|row| place(row) == if walk.backwards { Ordering::Less } else { Ordering::Greater });
        }
        if walk.backwards {
            rows.reverse();
        }
        rows.truncate(walk.take);
        rows
    }

    /// The folded values of a key for each record of a set that has any, in order.
    fn values_of<'a>(
        &'a self,
        key: &OrderKey,
        field: Option<&'a Cow<'a, Field>>,
        set: &RoaringBitmap,
    ) -> HashMap<u32, SmallVec<[Cow<'a, str>; 1]>> {
        let mut found: HashMap<u32, SmallVec<[Cow<'a, str>; 1]>> = HashMap::new();
        match field {
            None => {}
            Some(Cow::Borrowed(field)) if is_sparse(set, Some(field)) => {
                let key = fold(&key.key);
                for (number, record) in set.iter().filter_map(|number| Some((number, self.nodes.record(number)?))) {
                    let terms = self.digest(record).leaves.into_iter().filter(|term| term.key == key);
                    let values = terms.filter_map(|term| term.value).map(|value| Cow::Owned(fold(&value).into_owned()));
                    let mut values: SmallVec<[Cow<'a, str>; 1]> = values.collect();
                    values.sort_unstable();
                    values.dedup();
                    found.insert(number, values);
                }
            }
            Some(field) => {
                for value in field.values() {
                    value.posting.each(|number| {
                        if set.contains(number) {
                            let values = found.entry(number).or_default();
                            if values.last().is_none_or(|last| *last != value.folded) {
                                values.push(Cow::Borrowed(value.folded));
                            }
                        }
                    });
                }
            }
        }
        found
    }
}

/// All combinations of the values of one record.
fn product<'a>(number: u32, columns: &[HashMap<u32, SmallVec<[Cow<'a, str>; 1]>>]) -> Vec<Values<'a>> {
    let mut rows: Vec<Values<'a>> = vec![SmallVec::new()];
    for column in columns {
        let values = column.get(&number).map(SmallVec::as_slice).unwrap_or_default();
        let mut next = Vec::with_capacity(rows.len() * values.len().max(1));
        for row in rows {
            let with = |value: Option<Cow<'a, str>>| row.iter().cloned().chain([value]).collect();
            if values.is_empty() {
                next.push(with(None));
            }
            next.extend(values.iter().map(|value| with(Some(value.clone()))));
        }
        next.truncate(MOST_ROWS);
        rows = next;
    }
    rows
}

/// Compares two rows by their values; a missing value comes last in both directions.
fn compare(keys: &[OrderKey], one: &[Option<Cow<'_, str>>], other: &[Option<Cow<'_, str>>]) -> Ordering {
    let pairs = keys.iter().zip(one.iter().zip(other));
    let orders = pairs.map(|(key, pair)| match pair {
        (Some(a), Some(b)) if key.descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    orders.fold(Ordering::Equal, Ordering::then)
}
