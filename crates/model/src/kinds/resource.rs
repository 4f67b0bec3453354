//! Resource: what software needs at run time.

use super::catalog::{self, API_VERSIONS, CatalogKind};
use super::link::{link, link_with_kind};
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{FILLED_LIST, Fields, Rest, Shape};

/// What Backstage demands of a Resource.
pub static RULES: CatalogKind = CatalogKind {
    name: "Resource",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["type", "owner"],
        known: &[
            ("type", Shape::Filled),
            ("owner", Shape::Filled),
            ("dependsOn", FILLED_LIST),
            ("dependencyOf", FILLED_LIST),
            ("system", Shape::Filled),
        ],
        rest: Rest::Any,
    }),
    links: &[
        link("owner", RelationType::OWNED_BY, "Group"),
        link_with_kind("dependsOn", RelationType::DEPENDS_ON),
        link_with_kind("dependencyOf", RelationType::DEPENDENCY_OF),
        link("system", RelationType::PART_OF, "System"),
    ],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "Resource",
    plural: "resources",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "resource",
    summary: "Something that software needs while it runs: a database, a bucket, a cluster.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
