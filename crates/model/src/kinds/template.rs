//! Template: a golden path that makes something new (Backstage scaffolder).

use super::catalog::{self, CatalogKind};
use super::link::link;
use super::visibility;
use crate::Kind;
use crate::RelationType;
use crate::shape::{Fields, OPEN, Rest, Shape};

/// The one version that is recognised.
const API_VERSIONS: &[&str] = &["scaffolder.backstage.io/v1beta3"];

/// Texts by which a request is authorised.
const PERMISSIONS: Shape =
    Shape::Object(&Fields { required: &[], known: &[("tags", Shape::List(&Shape::Text))], rest: Rest::Any });

/// One page of the form: a JSON Schema.
const FORM: Shape =
    Shape::Object(&Fields { required: &[], known: &[("backstage:permissions", PERMISSIONS)], rest: Rest::Any });

/// One step of the work.
const STEP: Shape = Shape::Object(&Fields {
    required: &["action"],
    known: &[
        ("id", Shape::Text),
        ("name", Shape::Text),
        ("action", Shape::Text),
        ("input", OPEN),
        ("if", Shape::TextOrBool),
        ("backstage:permissions", PERMISSIONS),
    ],
    rest: Rest::Any,
});

/// How the form looks.
const PRESENTATION: Shape = Shape::Object(&Fields {
    required: &[],
    known: &[(
        "buttonLabels",
        Shape::Object(&Fields {
            required: &[],
            known: &[
                ("backButtonText", Shape::Text),
                ("createButtonText", Shape::Text),
                ("reviewButtonText", Shape::Text),
            ],
            rest: Rest::Any,
        }),
    )],
    rest: Rest::Any,
});

/// A link that the work gives at its end.
const OUTPUT_LINK: Shape = Shape::Object(&Fields {
    required: &[],
    known: &[
        ("if", Shape::TextOrBool),
        ("url", Shape::Filled),
        ("entityRef", Shape::Filled),
        ("title", Shape::Filled),
        ("icon", Shape::Filled),
    ],
    rest: Rest::Any,
});

/// A text that the work gives at its end.
const OUTPUT_TEXT: Shape = Shape::Object(&Fields {
    required: &[],
    known: &[("if", Shape::TextOrBool), ("title", Shape::Filled), ("icon", Shape::Filled), ("content", Shape::Text)],
    rest: Rest::Any,
});

/// What Backstage demands of a Template.
pub static RULES: CatalogKind = CatalogKind {
    name: "Template",
    api_versions: API_VERSIONS,
    processor: "ScaffolderEntitiesProcessor",
    spec: Shape::Object(&Fields {
        required: &["type", "steps"],
        known: &[
            ("type", Shape::Filled),
            ("owner", Shape::Filled),
            ("lifecycle", Shape::Filled),
            ("parameters", Shape::Either(&[FORM, Shape::List(&FORM)])),
            ("secrets", Shape::Object(&Fields { required: &[], known: &[("schema", OPEN)], rest: Rest::Any })),
            ("presentation", PRESENTATION),
            ("steps", Shape::List(&STEP)),
            (
                "output",
                Shape::Object(&Fields {
                    required: &[],
                    known: &[("links", Shape::List(&OUTPUT_LINK)), ("text", Shape::List(&OUTPUT_TEXT))],
                    rest: Rest::Only(&Shape::Text),
                }),
            ),
        ],
        rest: Rest::Any,
    }),
    links: &[link("owner", RelationType::OWNED_BY, "Group")],
};

/// The kind.
pub static KIND: Kind = Kind {
    name: "Template",
    plural: "templates",
    api_versions: API_VERSIONS,
    catalog: true,
    has_status: false,
    is_shared: false,
    icon: "template",
    summary: "A golden path: a form and the steps that make something new.",
    schema: || RULES.schema(),
    check: |document, out| RULES.check(document, out),
    normalise: catalog::normalise,
    relations: |document| RULES.relations(document),
    scopes: visibility::scopes,
};
