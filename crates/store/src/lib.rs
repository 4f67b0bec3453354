//! The log, the heads and the ledgers of Loggia on SQLite and PostgreSQL: all SQL on Loggia's own data is here.
//!
//! A [`Store`] is cheap to clone and answers reads directly. What changes records goes through [`Store::begin`], which
//! gives a [`WriteTx`] and the [`Tail`] that others wrote meanwhile; [`WriteTx::write`] takes a whole [`Batch`].
//! The store has no clock and makes no ids: times and ids are arguments.

mod backup;
mod blobs;
mod credentials;
mod due;
mod edits;
mod erasure;
mod error;
mod events;
mod heads;
mod history;
mod idempotency;
mod items;
mod logins;
mod meta;
mod operations;
mod private_file;
mod retention;
mod rows;
mod secrets;
mod sessions;
mod sightings;
mod sources;
mod sql;
mod store;
mod tables;
mod tokens;
mod usage;
mod watch;
mod work;
mod write;

pub use backup::Copied;
pub use blobs::Blob;
pub use credentials::Credential;
pub use due::Due;
pub use edits::{PageEdit, Settled};
pub use erasure::ErasedInputs;
pub use error::StoreError;
pub use events::{Broken, EventFilter};
pub use heads::{Delta, Loaded, Tail};
pub use history::{Gone, RevisionRow};
pub use idempotency::{Answer, HeldAnswer, Hold};
pub use items::Item;
pub use logins::{Login, LoginState, Tie};
pub use operations::LogLine;
pub use secrets::SecretRow;
pub use sessions::Session;
pub use sightings::{Sighting, Unmatched};
pub use sources::SourceRow;
pub use store::{Options, Store, Target};
pub use tokens::{Token, TokenKind};
pub use usage::{DailyUsage, FeatureUse, UsageFilter};
pub use watch::Watch;
pub use work::{Claimed, NewWork, Times, WorkClass, WorkRow};
pub use write::{Batch, Removal, WriteTx};
