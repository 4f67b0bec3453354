//! Commands and queries: what every door calls. One file for each noun.
//!
//! [`App::run`] is the only way to change anything; queries answer from a snapshot of the graph and take the caller,
//! whose audience bounds what they see.

pub mod access;
pub mod app;
pub mod campaign;
pub mod checks;
pub mod clock;
pub mod command;
pub mod ending;
pub mod error;
pub mod estate;
pub mod instance;
pub mod record;
pub mod release;
pub mod retention;
pub mod rules;
pub mod settings;
pub mod source;
pub mod state;
mod trace;

pub use access::caller::{Caller, Door, Principal};
pub use app::{App, Parts};
pub use command::writer::Outcome;
pub use error::{Error, Result};
pub use trace::TRACES;
