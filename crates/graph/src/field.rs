//! The values of one key, in order, with the records that have each: one structure for equality, prefix, order,
//! facets and substrings.

use crate::chunk::{Chunk, Value};
use crate::posting::Posting;
use imbl::OrdMap;
use std::ops::Bound;
use std::sync::Arc;

/// Most values in one chunk. A change copies one chunk when the snapshot is shared.
const FULL: usize = 64;

/// The index of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    /// Chunks by the least folded text that belongs into each; there is one for the empty text when there is any.
    chunks: OrdMap<Arc<str>, Arc<Chunk>>,
    distinct: usize,
    /// Records that have the key.
    pub exists: Posting,
    /// Records that have it without a value that can be compared.
    pub bare: Posting,
    /// Records that have it as items of a list.
    pub items: Posting,
    /// Records that have it both as items of a list and otherwise.
    pub mixed: Posting,
}

impl Field {
    /// How many different values there are.
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// Adds records to a value.
    pub fn insert(&mut self, folded: &str, original: &str, numbers: &[u32]) {
        if self.chunks.is_empty() {
            self.chunks.insert("".into(), Arc::default());
        }
        let Some((_, chunk)) = self.chunks.get_prev_mut(folded) else { return };
        let chunk = Arc::make_mut(chunk);
        let (at, new) = chunk.insert(folded, original, numbers);
        self.distinct += usize::from(new);
        if chunk.len() > FULL
            && let Some(upper) = chunk.split(at)
        {
            self.chunks.insert(upper.folded(0).into(), Arc::new(upper));
        }
    }

    /// Takes a record from a value.
    pub fn remove(&mut self, folded: &str, original: &str, number: u32) {
        let Some((key, chunk)) = self.chunks.get_prev_mut(folded) else { return };
        let chunk = Arc::make_mut(chunk);
        if chunk.remove(folded, original, number) {
            self.distinct -= 1;
        }
        if chunk.len() == 0 && !key.is_empty() {
            let key = key.clone();
            self.chunks.remove(&key);
        }
    }

    /// The values between two folded texts, both inclusive, in order.
    pub fn between<'a, 'k>(
        &'a self,
        low: Option<&'k str>,
        high: Option<&'k str>,
    ) -> impl DoubleEndedIterator<Item = Value<'a>> + use<'a, 'k> {
        let start = low.and_then(|low| self.chunks.get_prev(low)).map_or("", |(key, _)| key);
        let end = high.map_or(Bound::Unbounded, |high| Bound::Included(high.max(start)));
        self.chunks.range::<(Bound<&str>, Bound<&str>), str>((Bound::Included(start), end)).flat_map(
            move |(_, chunk)| {
                let from = low.map_or(0, |low| chunk.at_least(low));
                let to = high.map_or(chunk.len(), |high| chunk.at_most(high));
                chunk.values(from..to.max(from))
            },
        )
    }

    /// All values in order.
    pub fn values<'a>(&'a self) -> impl DoubleEndedIterator<Item = Value<'a>> + use<'a> {
        self.chunks.values().flat_map(|chunk| chunk.values(0..chunk.len()))
    }

    /// The spellings of one folded text.
    pub fn equal<'a, 'k>(&'a self, folded: &'k str) -> impl Iterator<Item = Value<'a>> + use<'a, 'k> {
        let chunk = self.chunks.get_prev(folded).map(|(_, chunk)| chunk);
        chunk.into_iter().flat_map(|chunk| chunk.values(chunk.at_least(folded)..chunk.at_most(folded)))
    }

    /// The values that start with a folded text.
    pub fn prefixed<'a, 'k>(&'a self, folded: &'k str) -> impl Iterator<Item = Value<'a>> + use<'a, 'k> {
        self.between(Some(folded), None).take_while(move |value| value.folded.starts_with(folded))
    }

    /// The same values without spare room, with other numbers.
    pub fn renumbered(&self, new: &impl Fn(u32) -> u32) -> Field {
        let posting = |posting: &Posting| posting.renumbered(new);
        let chunks = self.chunks.iter().map(|(key, chunk)| (key.clone(), Arc::new(chunk.packed(&posting))));
        Field {
            chunks: chunks.collect(),
            distinct: self.distinct,
            exists: posting(&self.exists),
            bare: posting(&self.bare),
            items: posting(&self.items),
            mixed: posting(&self.mixed),
        }
    }
}
