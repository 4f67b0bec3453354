//! What can be asked for, and what a page of answers holds.

use crate::Predicate;
use crate::fold::fold;
use loggia_model::Record;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A question for a page of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Which records.
    pub predicate: Predicate,
    /// Only records in which this text occurs.
    pub text: Option<TextFilter>,
    /// In which order; by name when empty.
    pub order: Vec<OrderKey>,
    /// What happens to records that lack the field of the order.
    pub missing: Missing,
    /// Rows to skip, counted from the start or from `from`.
    pub offset: usize,
    /// Most rows to give; all when absent.
    pub limit: Option<usize>,
    /// Where to go on.
    pub from: Option<Turn>,
    /// Whether to count all matching records.
    pub total: bool,
}

impl Query {
    /// The text that the value of each single row must hold: a text that is looked for only in the key of the order,
    /// spelled in lower case, picks rows and not records (as the Backstage catalog has it).
    pub(crate) fn row_text(&self) -> Option<&str> {
        let (text, key) = (self.text.as_ref()?, self.order.first()?);
        let same = self.missing == Missing::Omitted && text.fields == [fold(&key.key)];
        Some(text.term.trim()).filter(|term| same && !term.is_empty())
    }
}

/// A text that must occur somewhere in one of some fields. `%` stands for any text and `_` for any one character.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextFilter {
    /// The text; blanks around it do not count, and a blank one filters nothing.
    pub term: String,
    /// The keys to look into; with none there is no answer.
    pub fields: Vec<String>,
}

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// The key of the leaf.
    pub key: String,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

impl OrderKey {
    /// Smallest value first.
    pub fn ascending(key: impl Into<String>) -> OrderKey {
        OrderKey { key: key.into(), descending: false }
    }

    /// Greatest value first.
    pub fn descending(key: impl Into<String>) -> OrderKey {
        OrderKey { key: key.into(), descending: true }
    }
}

/// Where records without the field of the order go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// At the end, in both directions; records with the same values are in order of names.
    #[default]
    Last,
    /// Nowhere: they are neither given nor counted. Records with the same value are in order of names in the
    /// direction of the first key.
    Omitted,
}

/// A place in an order: the values of one row and the name of its record. It holds over restarts and on other
/// replicas, also when the record it was taken from is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The folded value of each order key, `None` for a missing one.
    pub values: Vec<Option<String>>,
    /// The name of the record.
    pub reference: String,
}

/// Where a page starts or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// With the first row behind this place.
    After(Position),
    /// With the last row before this place, going back.
    Before(Position),
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records in order. One with many values of an order key comes once for each.
    pub records: Vec<Arc<Record>>,
    /// How many different records match, when asked for.
    pub total: Option<u64>,
    /// The place of the first row; none on an empty page.
    pub first: Option<Position>,
    /// The place of the last row; none on an empty page.
    pub last: Option<Position>,
    /// Whether there are rows before this page.
    pub more_before: bool,
    /// Whether there are rows behind this page.
    pub more_after: bool,
}

impl Page {
    /// Where the next page starts, when there is one.
    pub fn next(&self) -> Option<&Position> {
        self.last.as_ref().filter(|_| self.more_after)
    }

    /// Before which place the previous page ends, when there is one.
    pub fn previous(&self) -> Option<&Position> {
        self.first.as_ref().filter(|_| self.more_before)
    }
}

/// The values of one key with the number of records that have each, in order of values.
pub type Facet = Vec<(String, u64)>;

/// A record found by words.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The record.
    pub record: Arc<Record>,
    /// Where the best match was.
    pub field: Matched,
    /// Higher is better; comparable within one answer only.
    pub score: u32,
}

/// In which part of a record a word was found, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matched {
    /// `metadata.name`.
    Name,
    /// `metadata.title`, or the display name of a person or team.
    Title,
    /// `metadata.tags` and former names.
    Tag,
    /// Type, category and the like.
    Type,
    /// Description, promise and other sentences.
    Text,
}

/// One change of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new record, or a new revision of one (also under a new name).
    Put(Arc<Record>),
    /// A record that is no more.
    Remove(loggia_model::Uid),
    /// An old name that leads to a record.
    Alias(loggia_model::Ref, loggia_model::Uid),
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// A record that has this name now.
    Found(Arc<Record>),
    /// It had this name formerly; this is its name now.
    Moved(loggia_model::Ref),
    /// Nothing that the audience may see.
    Unknown,
}

/// A relation that leads to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// The name of the record that states it.
    pub source: loggia_model::Ref,
    /// The relation.
    pub relation: loggia_model::Relation,
}

/// Records around one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The records with their distance in hops from the first, nearest first. What does not exist or is not visible
    /// is left out.
    pub nodes: Vec<(Arc<Record>, u32)>,
    /// Relations among the nodes as they were walked: from, type, to; in order, each once.
    pub edges: Vec<(loggia_model::Ref, loggia_model::RelationType, loggia_model::Ref)>,
    /// Whether there was more than the limit.
    pub cut: bool,
}
