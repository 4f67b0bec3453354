//! Who asks.

use loggia_model::Scope;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The records that a caller may see. Every question takes one; there is no question without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every record: the server itself, administrators, workers.
    All,
    /// Records that have at least one of these scopes. Shared by all callers of a class.
    Scopes(Arc<BTreeSet<Scope>>),
}

impl Audience {
    /// The audience of a caller who is in these scopes.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Audience {
        Audience::Scopes(Arc::new(scopes.into_iter().collect()))
    }

    /// Whether a record with these scopes is in it. A record without scopes is seen by [`Audience::All`] only.
    pub fn admits(&self, scopes: &[Scope]) -> bool {
        match self {
            Audience::All => true,
            Audience::Scopes(mine) => scopes.iter().any(|scope| holds(mine, scope)),
        }
    }
}

/// Whether somebody in these scopes is in another.
pub(crate) fn holds(mine: &BTreeSet<Scope>, scope: &Scope) -> bool {
    match scope {
        Scope::Together(all) => all.iter().all(|one| mine.contains(one)),
        one => mine.contains(one),
    }
}
