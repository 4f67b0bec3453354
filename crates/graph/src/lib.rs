//! The snapshot in memory: every question is answered here, for an audience.
//!
//! A [`Graph`] is an immutable value. Its owner clones it, takes changes in, and publishes the new one; who holds the
//! old one is not disturbed, and both share what did not change. There are no locks, no clock and no input or output.
//!
//! * `nodes`: records have numbers in order of names, so that a page is a walk over a bitmap.
//! * `posting`, `chunk`, `field`, `index`: for each key its values in order with the records that have each, packed.
//!   One structure serves equality, prefix, existence, order, facets and substrings.
//! * `edges`: relations as numbers at both ends; inverses are derived and filtered by audience when asked for.
//! * `eval`, `rows`, `page`, `search`, `picture`, `entity`: the questions.

mod audience;
mod chunk;
mod digest;
mod edges;
mod entity;
mod eval;
mod field;
mod filter;
mod fold;
mod graph;
mod index;
mod nodes;
mod page;
mod picture;
mod posting;
mod predicate;
mod query;
mod rows;
mod search;
mod substring;
mod visibility;

pub use audience::Audience;
pub use digest::{Describe, Facts, describe};
pub use graph::Graph;
pub use predicate::Predicate;
pub use query::{
    Change, Dangling, Facet, Hit, Matched, Missing, OrderKey, Page, Picture, Position, Query, Resolved, TextFilter,
    Turn,
};
pub use visibility::Within;
