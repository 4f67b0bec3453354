//! Group: a team or a part of the organisation.

use super::catalog::{self, API_VERSIONS, CatalogKind, PROFILE};
use super::link::link;
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{FILLED_LIST, Fields, Rest, Shape};

/// What Backstage demands of a Group.
pub static RULES: CatalogKind = CatalogKind {
    name: "Group",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["type", "children"],
        known: &[
            ("type", Shape::Filled),
            ("profile", PROFILE),
            ("parent", Shape::Filled),
            ("children", FILLED_LIST),
            ("members", FILLED_LIST),
        ],
        rest: Rest::Any,
    }),
    links: &[
        link("parent", RelationType::CHILD_OF, "Group"),
        link("children", RelationType::PARENT_OF, "Group"),
        link("members", RelationType::HAS_MEMBER, "User"),
    ],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "Group",
    plural: "groups",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "group",
    summary: "A team, or a part of the organisation.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
