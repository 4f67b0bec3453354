//! Commands and queries: what every door calls.
pub mod driver;
