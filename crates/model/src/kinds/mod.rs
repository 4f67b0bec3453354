//! One file per kind.

use crate::Kind;

/// Every kind that this program knows.
pub static ALL: &[&Kind] = &[];
