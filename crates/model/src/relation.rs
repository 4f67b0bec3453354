//! Relations between records.

use crate::Ref;
use serde::{Serialize, Serializer};

/// One type of relation. Each has an inverse; both are served (Backstage catalog, well-known relations).
///
/// The number is the place in [`NAMES`], which is in order of code points, so that numbers order as names do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationType(pub u8);

/// Every relation type with its inverse, in order of names.
const NAMES: [(&str, &str); 26] = [
    ("apiConsumedBy", "consumesApi"),
    ("apiProvidedBy", "providesApi"),
    ("childOf", "parentOf"),
    ("consumesApi", "apiConsumedBy"),
    ("dependencyOf", "dependsOn"),
    ("dependsOn", "dependencyOf"),
    ("hasInstance", "instanceOf"),
    ("hasMember", "memberOf"),
    ("hasOffering", "offeringOf"),
    ("hasPart", "partOf"),
    ("hasRelease", "releaseOf"),
    ("hosts", "runsIn"),
    ("instanceOf", "hasInstance"),
    ("memberOf", "hasMember"),
    ("offeringOf", "hasOffering"),
    ("ownedBy", "ownerOf"),
    ("ownerOf", "ownedBy"),
    ("parentOf", "childOf"),
    ("partOf", "hasPart"),
    ("promotedFrom", "promotesTo"),
    ("promotesTo", "promotedFrom"),
    ("providesApi", "apiProvidedBy"),
    ("ranBy", "runsRelease"),
    ("releaseOf", "hasRelease"),
    ("runsIn", "hosts"),
    ("runsRelease", "ranBy"),
];

impl RelationType {
    /// Finds a type by its name, in any case.
    pub fn find(name: &str) -> Option<RelationType> {
        let at = NAMES.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        u8::try_from(at).ok().map(RelationType)
    }

    /// Every type, in order of names.
    pub fn all() -> impl Iterator<Item = RelationType> {
        (0u8..).take(NAMES.len()).map(RelationType)
    }

    /// The name, such as `ownedBy`.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).map_or("", |(name, _)| name)
    }

    /// The type seen from the other end.
    #[must_use]
    pub fn inverse(self) -> RelationType {
        NAMES.get(usize::from(self.0)).and_then(|(_, inverse)| RelationType::find(inverse)).unwrap_or(self)
    }
}

impl Serialize for RelationType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A relation that a document states about itself: *this* is `relation` *target*. The inverse is derived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    /// What kind of relation.
    pub relation: RelationType,
    /// The other end; it need not exist.
    pub target: Ref,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_inverses_return() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for relation in RelationType::all() {
            assert_ne!(relation.inverse(), relation, "{}", relation.name());
            assert_eq!(relation.inverse().inverse(), relation);
        }
    }
}
