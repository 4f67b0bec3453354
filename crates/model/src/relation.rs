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
    /// `apiConsumedBy`.
    pub const API_CONSUMED_BY: RelationType = RelationType(0);
    /// `apiProvidedBy`.
    pub const API_PROVIDED_BY: RelationType = RelationType(1);
    /// `childOf`.
    pub const CHILD_OF: RelationType = RelationType(2);
    /// `consumesApi`.
    pub const CONSUMES_API: RelationType = RelationType(3);
    /// `dependencyOf`.
    pub const DEPENDENCY_OF: RelationType = RelationType(4);
    /// `dependsOn`.
    pub const DEPENDS_ON: RelationType = RelationType(5);
    /// `hasInstance`.
    pub const HAS_INSTANCE: RelationType = RelationType(6);
    /// `hasMember`.
    pub const HAS_MEMBER: RelationType = RelationType(7);
    /// `hasOffering`.
    pub const HAS_OFFERING: RelationType = RelationType(8);
    /// `hasPart`.
    pub const HAS_PART: RelationType = RelationType(9);
    /// `hasRelease`.
    pub const HAS_RELEASE: RelationType = RelationType(10);
    /// `hosts`.
    pub const HOSTS: RelationType = RelationType(11);
    /// `instanceOf`.
    pub const INSTANCE_OF: RelationType = RelationType(12);
    /// `memberOf`.
    pub const MEMBER_OF: RelationType = RelationType(13);
    /// `offeringOf`.
    pub const OFFERING_OF: RelationType = RelationType(14);
    /// `ownedBy`.
    pub const OWNED_BY: RelationType = RelationType(15);
    /// `ownerOf`.
    pub const OWNER_OF: RelationType = RelationType(16);
    /// `parentOf`.
    pub const PARENT_OF: RelationType = RelationType(17);
    /// `partOf`.
    pub const PART_OF: RelationType = RelationType(18);
    /// `promotedFrom`.
    pub const PROMOTED_FROM: RelationType = RelationType(19);
    /// `promotesTo`.
    pub const PROMOTES_TO: RelationType = RelationType(20);
    /// `providesApi`.
    pub const PROVIDES_API: RelationType = RelationType(21);
    /// `ranBy`.
    pub const RAN_BY: RelationType = RelationType(22);
    /// `releaseOf`.
    pub const RELEASE_OF: RelationType = RelationType(23);
    /// `runsIn`.
    pub const RUNS_IN: RelationType = RelationType(24);
    /// `runsRelease`.
    pub const RUNS_RELEASE: RelationType = RelationType(25);

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
        assert_eq!(RelationType::API_CONSUMED_BY.name(), "apiConsumedBy");
        assert_eq!(RelationType::HAS_INSTANCE.name(), "hasInstance");
        assert_eq!(RelationType::OWNED_BY.name(), "ownedBy");
        assert_eq!(RelationType::RUNS_RELEASE.name(), "runsRelease");
    }
}
