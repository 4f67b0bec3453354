//! The snapshot in memory: every question is answered here, for an audience.

mod audience;
mod graph;
mod leaves;
mod predicate;
mod query;

pub use audience::Audience;
pub use graph::{Describe, Facts, Graph, describe};
pub use predicate::Predicate;
pub use query::{
    Change, Dangling, Facet, Hit, Matched, Missing, OrderKey, Page, Picture, Position, Query, Resolved, TextFilter,
    Turn,
};
