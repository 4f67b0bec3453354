//! A run of neighbouring values of one key, packed.
//!
//! Many keys are nearly unique (title, description, links), so the cost of one value decides the memory of the whole
//! process: here it is 24 bytes and its text, without an allocation of its own.

use crate::posting::Posting;
use std::ops::Range;

/// Values in order of their folded text, then of the text as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    /// The folded text of each value, followed by the text as written where that differs, in no order.
    text: String,
    entries: Vec<Entry>,
    /// Bytes of `text` that no entry uses.
    waste: usize,
}

/// One value within the text of a chunk.
#[derive(Clone, Debug)]
struct Entry {
    start: u32,
    folded: u16,
    /// Length of the text as written, or 0 when it is the folded one.
    original: u16,
    posting: Posting,
}

/// One value and the records that have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub folded: &'a str,
    pub original: &'a str,
    pub posting: &'a Posting,
}

impl Chunk {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The value at a place.
    fn value<'a>(&'a self, entry: &'a Entry) -> Value<'a> {
        let start = entry.start as usize;
        let middle = start + usize::from(entry.folded);
        let folded = &self.text[start..middle];
        let original = match usize::from(entry.original) {
            0 => folded,
            length => &self.text[middle..middle + length],
        };
        Value { folded, original, posting: &entry.posting }
    }

    /// The values at some places.
    pub fn values(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = Value<'_>> + Clone {
        self.entries[range].iter().map(|entry| self.value(entry))
    }

    /// The place of the first value that is not less than this folded text.
    pub fn at_least(&self, folded: &str) -> usize {
        self.entries.partition_point(|entry| self.value(entry).folded < folded)
    }

    /// The place behind the last value that is not greater than this folded text.
    pub fn at_most(&self, folded: &str) -> usize {
        self.entries.partition_point(|entry| self.value(entry).folded <= folded)
    }

    fn find(&self, folded: &str, original: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| {
            let value = self.value(entry);
            (value.folded, value.original).cmp(&(folded, original))
        })
    }

    /// Adds numbers to a value; gives the place of the value and whether the value is new.
    pub fn insert(&mut self, folded: &str, original: &str, numbers: &[u32]) -> (usize, bool) {
        let place = self.find(folded, original);
        let (Ok(at) | Err(at)) = place;
        if place.is_err() {
            self.place(at, Value { folded, original, posting: &Posting::Empty });
        }
        let posting = &mut self.entries[at].posting;
        numbers.iter().for_each(|number| {
            posting.insert(*number);
        });
        (at, place.is_err())
    }

    /// Takes a number from a value; says whether the value is gone by that.
    pub fn remove(&mut self, folded: &str, original: &str, number: u32) -> bool {
        let Ok(at) = self.find(folded, original) else { return false };
        let entry = &mut self.entries[at];
        entry.posting.remove(number);
        if !entry.posting.is_empty() {
            return false;
        }
        self.waste += usize::from(entry.folded) + usize::from(entry.original);
        self.entries.remove(at);
        if self.waste > 1024 && self.waste > self.text.len() / 2 {
            *self = self.packed(&Posting::clone);
        }
        true
    }

    /// Puts a value at a place.
    fn place(&mut self, at: usize, value: Value<'_>) {
        let length = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        let differs = value.folded != value.original;
        let entry = Entry {
            start: u32::try_from(self.text.len()).unwrap_or(u32::MAX),
            folded: length(value.folded),
            original: if differs { length(value.original) } else { 0 },
            posting: value.posting.clone(),
        };
        self.text.push_str(value.folded);
        if differs {
            self.text.push_str(value.original);
        }
        self.entries.insert(at, entry);
    }

    /// The same values without spare room, with other postings.
    pub fn packed(&self, posting: &impl Fn(&Posting) -> Posting) -> Chunk {
        let text = String::with_capacity(self.text.len() - self.waste);
        let mut chunk = Chunk { text, entries: Vec::with_capacity(self.entries.len()), waste: 0 };
        for value in self.values(0..self.len()) {
            chunk.place(chunk.len(), Value { posting: &posting(value.posting), ..value });
        }
        chunk
    }

    /// Moves the upper part into a chunk of its own, when values of different folded text allow it. `hint` is the
    /// place of the newest value: where values arrive in order, the lower part stays full.
    pub fn split(&mut self, hint: usize) -> Option<Chunk> {
        let wanted = if hint + 1 == self.len() { hint } else { self.len() / 2 };
        let starts = |at: &usize| *at > 0 && self.folded(*at - 1) != self.folded(*at);
        let at = (wanted..self.len()).find(starts).or_else(|| (0..wanted).rev().find(starts))?;
        let mut upper = Chunk::default();
        for value in self.values(at..self.len()) {
            upper.place(upper.len(), value);
        }
        self.entries.truncate(at);
        *self = self.packed(&Posting::clone);
        Some(upper)
    }

    /// The folded text of the value at a place, or empty.
    pub fn folded(&self, at: usize) -> &str {
        self.entries.get(at).map_or("", |entry| self.value(entry).folded)
    }
}
