//! Tests of the doors over a whole application.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod catalog;
