//! The records of Loggia: their envelope, names, kinds, validation and relations.
//!
//! Everything here is pure: no input or output, no clock, no randomness, no async. A value goes in, a value or a list
//! of [`Problem`]s comes out, so that each rule can be tested by the thousand.

pub mod backstage;
pub mod campaign;
pub mod canonical;
pub mod check;
pub mod composition;
pub mod contract;
pub mod day;
pub mod document;
pub mod ending;
pub mod event;
pub mod field;
pub mod flatten;
pub mod frontmatter;
pub mod glob;
pub mod instance;
pub mod instance_access;
pub mod kind;
pub mod kinds;
pub mod migration;
pub mod naming;
pub mod operation;
pub mod placeholder;
pub mod price;
pub mod problem;
pub mod publication;
pub mod record;
pub mod reference;
pub mod relation;
pub mod rule;
pub mod scope;
pub mod score;
pub mod shape;
pub mod support;
pub mod template;
pub mod time;
pub mod uid;
pub mod usage;
pub mod version;
pub mod yaml;

pub use day::Day;
pub use document::Document;
pub use ending::{EndingRule, EndingState, EndingStatus};
pub use event::{Actor, Event};
pub use kind::Kind;
pub use problem::{Problem, Refusal, Severity};
pub use publication::{PUBLICATION, PUBLICATION_REASON, Publication, ReleaseStatus};
pub use record::{Record, Source, file_of};
pub use reference::{Ref, RefError};
pub use relation::{Relation, RelationType};
pub use scope::Scope;
pub use time::Micros;
pub use uid::Uid;
