//! Location: a pointer to more documents.

use super::catalog::{self, API_VERSIONS, CatalogKind};
use super::visibility;
use crate::Kind;
use crate::shape::{FILLED_LIST, Fields, Rest, Shape};

/// What Backstage demands of a Location.
pub static RULES: CatalogKind = CatalogKind {
    name: "Location",
    api_versions: API_VERSIONS,
    processor: "BuiltinKindsEntityProcessor",
    spec: Shape::Object(&Fields {
        required: &[],
        known: &[
            ("type", Shape::Filled),
            ("target", Shape::Filled),
            ("targets", FILLED_LIST),
            ("presence", Shape::Choice(&["required", "optional"])),
        ],
        rest: Rest::Any,
    }),
    links: &[],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "Location",
    plural: "locations",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "location",
    summary: "A pointer to files with more documents.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
