//! Relations between records.

use crate::Ref;
use serde::{Serialize, Serializer};

/// One type of relation. Each has an inverse; both are served (Backstage catalog, well-known relations).
///
/// The number is the place in [`NAMES`], which is in order of code points, so that numbers order as names do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationType(pub u8);

/// Every relation type with its inverse, in order of names.
const NAMES: [(&str, &str); 32] = [
    ("apiConsumedBy", "consumesApi"),
    ("apiProvidedBy", "providesApi"),
    ("childOf", "parentOf"),
    ("consumesApi", "apiConsumedBy"),
    ("dependencyOf", "dependsOn"),
    ("dependsOn", "dependencyOf"),
    ("endedBy", "ends"),
    ("ends", "endedBy"),
    ("hasInstance", "instanceOf"),
    ("hasMember", "memberOf"),
    ("hasOffering", "offeringOf"),
    ("hasPart", "partOf"),
    ("hasRelease", "releaseOf"),
    ("hasReplacement", "replaces"),
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
    ("replaces", "hasReplacement"),
    ("runsIn", "hosts"),
    ("runsRelease", "ranBy"),
    ("usedBy", "uses"),
    ("uses", "usedBy"),
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
    /// `endedBy`.
    pub const ENDED_BY: RelationType = RelationType(6);
    /// `ends`.
    pub const ENDS: RelationType = RelationType(7);
    /// `hasInstance`.
    pub const HAS_INSTANCE: RelationType = RelationType(8);
    /// `hasMember`.
    pub const HAS_MEMBER: RelationType = RelationType(9);
    /// `hasOffering`.
    pub const HAS_OFFERING: RelationType = RelationType(10);
    /// `hasPart`.
    pub const HAS_PART: RelationType = RelationType(11);
    /// `hasRelease`.
    pub const HAS_RELEASE: RelationType = RelationType(12);
    /// `hasReplacement`.
    pub const HAS_REPLACEMENT: RelationType = RelationType(13);
    /// `hosts`.
    pub const HOSTS: RelationType = RelationType(14);
    /// `instanceOf`.
    pub const INSTANCE_OF: RelationType = RelationType(15);
    /// `memberOf`.
    pub const MEMBER_OF: RelationType = RelationType(16);
    /// `offeringOf`.
    pub const OFFERING_OF: RelationType = RelationType(17);
    /// `ownedBy`.
    pub const OWNED_BY: RelationType = RelationType(18);
    /// `ownerOf`.
    pub const OWNER_OF: RelationType = RelationType(19);
    /// `parentOf`.
    pub const PARENT_OF: RelationType = RelationType(20);
    /// `partOf`.
    pub const PART_OF: RelationType = RelationType(21);
    /// `promotedFrom`.
    pub const PROMOTED_FROM: RelationType = RelationType(22);
    /// `promotesTo`.
    pub const PROMOTES_TO: RelationType = RelationType(23);
    /// `providesApi`.
    pub const PROVIDES_API: RelationType = RelationType(24);
    /// `ranBy`.
    pub const RAN_BY: RelationType = RelationType(25);
    /// `releaseOf`.
    pub const RELEASE_OF: RelationType = RelationType(26);
    /// `replaces`.
    pub const REPLACES: RelationType = RelationType(27);
    /// `runsIn`.
    pub const RUNS_IN: RelationType = RelationType(28);
    /// `runsRelease`.
    pub const RUNS_RELEASE: RelationType = RelationType(29);
    /// `usedBy`: with a credential of its own.
    pub const USED_BY: RelationType = RelationType(30);
    /// `uses`.
    pub const USES: RelationType = RelationType(31);

    /// Whether no text of a record states it: it follows from what was decided, and is for those who see both ends. What a
    /// text states is read with the text.
    pub fn is_decided(self) -> bool {
        self == RelationType::USED_BY
    }

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
        assert_eq!((RelationType::USED_BY.name(), RelationType::USED_BY.inverse()), ("usedBy", RelationType::USES));
        assert_eq!(RelationType::USES.name(), "uses");
    }
}
