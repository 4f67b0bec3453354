//! Domain: systems of one part of the business.

use super::catalog::{self, API_VERSIONS, CatalogKind};
use super::link::link;
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{Fields, Rest, Shape};

/// What Backstage demands of a Domain.
pub static RULES: CatalogKind = CatalogKind {
    name: "Domain",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &["owner"],
        known: &[("owner", Shape::Filled), ("subdomainOf", Shape::Filled), ("type", Shape::Filled)],
        rest: Rest::Any,
    }),
    links: &[link("owner", RelationType::OWNED_BY, "Group"), link("subdomainOf", RelationType::PART_OF, "Domain")],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "Domain",
    plural: "domains",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "domain",
    summary: "Systems that belong to one part of the business.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
