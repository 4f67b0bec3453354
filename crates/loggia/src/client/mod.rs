//! Commands that ask a running server.

pub mod credentials;
