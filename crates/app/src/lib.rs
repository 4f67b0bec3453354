//! Commands and queries: what every door calls. One file for each noun.
//!
//! [`App::run`] is the only way to change anything; queries answer from a snapshot of the graph and take the caller,
//! whose audience bounds what they see.

pub mod app;
pub mod audit;
pub mod availability;
pub mod caller;
pub mod catalog;
pub mod changes;
pub mod check;
pub mod clock;
pub mod command;
mod credential;
pub mod diff;
mod documents;
pub mod driver;
pub mod edit;
pub mod enrol;
pub mod error;
pub mod estate;
pub mod fetch;
pub mod files;
mod followed;
pub mod form;
pub mod git_http;
pub mod history;
pub mod idempotency;
mod known;
pub mod location;
pub mod login;
pub mod look;
pub mod matching;
pub mod offering;
pub mod operation;
pub mod order;
pub mod placeholders;
pub mod places;
pub mod platform_secret;
pub mod policy;
pub mod prepare;
pub mod provider;
pub mod read;
pub mod record;
pub mod request;
pub mod schema;
pub mod secret;
mod seen;
pub mod settings;
pub mod source;
pub mod sync;
pub mod team;
pub mod token;
mod trace;
pub mod unmatched;
pub mod usage;
pub mod visibility;
pub mod who_runs;
pub mod worker;
mod writer;
pub mod writing;

pub use app::{App, Parts};
pub use caller::{Caller, Door, Principal};
pub use error::{Error, Result};
pub use trace::TRACES;
pub use writer::Outcome;
