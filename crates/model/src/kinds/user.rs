//! User: a person.

use super::catalog::{self, API_VERSIONS, CatalogKind, PROFILE};
use super::link::link;
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{FILLED_LIST, Fields, Rest, Shape};

/// What Backstage demands of a User.
pub static RULES: CatalogKind = CatalogKind {
    name: "User",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["memberOf"],
        known: &[("profile", PROFILE), ("memberOf", FILLED_LIST)],
        rest: Rest::Any,
    }),
    links: &[link("memberOf", RelationType::MEMBER_OF, "Group")],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "User",
    plural: "users",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "user",
    summary: "A person.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
