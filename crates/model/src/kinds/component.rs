//! Component: a piece of software.

use super::catalog::{self, API_VERSIONS, CatalogKind};
use super::link::{link, link_with_kind};
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{FILLED_LIST, Fields, Rest, Shape};

/// What Backstage demands of a Component.
pub static RULES: CatalogKind = CatalogKind {
    name: "Component",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["type", "lifecycle", "owner"],
        known: &[
            ("type", Shape::Filled),
            ("lifecycle", Shape::Filled),
            ("owner", Shape::Filled),
            ("system", Shape::Filled),
            ("subcomponentOf", Shape::Filled),
            ("providesApis", FILLED_LIST),
            ("consumesApis", FILLED_LIST),
            ("dependsOn", FILLED_LIST),
            ("dependencyOf", FILLED_LIST),
        ],
        rest: Rest::Any,
    }),
    links: &[
        link("owner", RelationType::OWNED_BY, "Group"),
        link("subcomponentOf", RelationType::PART_OF, "Component"),
        link("providesApis", RelationType::PROVIDES_API, "API"),
        link("consumesApis", RelationType::CONSUMES_API, "API"),
        link_with_kind("dependsOn", RelationType::DEPENDS_ON),
        link_with_kind("dependencyOf", RelationType::DEPENDENCY_OF),
        link("system", RelationType::PART_OF, "System"),
    ],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "Component",
    plural: "components",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "component",
    summary: "A piece of software: a service, a website, a library.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
