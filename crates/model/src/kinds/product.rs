//! Product: the platform itself, run as a product.

use super::link::{Link, link};
use super::own::{self, Compiled};
use super::visibility;
use crate::rule::{self, Rule};
use crate::support::Fixes;
use crate::{Day, Document, EndingRule, Kind, Problem, Ref, RelationType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// After how many days without a sign of life an instance counts as unknown, when nobody says otherwise.
pub const UNKNOWN_AFTER_DAYS: u32 = 14;

/// `spec` of a Product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ProductSpec {
    /// What it is, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagline: Option<String>,
    /// The group that runs the product.
    #[schemars(length(min = 1))]
    pub team: String,
    /// People and groups that may do everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub administrators: Vec<String>,
    /// How it looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<Brand>,
    /// Earlier names; old addresses lead here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<String>,
    /// After how many days without a sign of life an instance counts as unknown; 14 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub unknown_after_days: Option<u32>,
    /// Own rules of how much notice an ending gives, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ending_rules: BTreeMap<String, EndingRule>,
    /// What holds in all environments, or in those of a type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Within how many days what is wrong is mended, by how bad it is and how a version is looked after; two days for
    /// the worst in an active version, and so on, when absent.
    #[serde(default, skip_serializing_if = "Fixes::is_empty")]
    pub fixes: Fixes,
}

/// How a product looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Brand {
    /// Path of the logo in the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// The colour of what can be acted on, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^#[0-9a-fA-F]{6}$"))]
    pub accent: Option<String>,
    /// Links at the foot of each page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<BrandLink>,
    /// The host name under which the product is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A link of a brand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct BrandLink {
    /// The words.
    #[schemars(length(min = 1))]
    pub title: String,
    /// The address.
    #[schemars(length(min = 1))]
    pub url: String,
}

/// The fields that name other records.
const LINKS: &[Link] = &[link("team", RelationType::OWNED_BY, "Group")];
/// The compiled schema.
static SCHEMA: LazyLock<Compiled> = LazyLock::new(own::compile::<ProductSpec>);

/// The kind.
pub static KIND: Kind = Kind {
    name: "Product",
    plural: "products",
    api_versions: own::API_VERSIONS,
    catalog: false,
    has_status: false,
    is_shared: true,
    icon: "product",
    summary: "The platform itself: its team, its name and how it looks.",
    schema: own::schema::<ProductSpec>,
    check,
    normalise: |document| own::normalise(document, &[("team", "Group"), ("administrators", "User")]),
    relations: |document| own::relations(document, LINKS),
    scopes: visibility::scopes,
};

/// The rules of a Product.
fn check(document: &Document, out: &mut Vec<Problem>) {
    own::check_links(document, LINKS, out);
    let Some(spec) = own::spec::<ProductSpec>(document, &SCHEMA, out) else { return };
    rule::check(&spec.rules, false, out);
    for (at, name) in spec.administrators.iter().enumerate() {
        let kind = Ref::parse(name, Some("User"), document.namespace()).map(|name| name.kind().to_owned());
        if !matches!(kind.as_deref(), Ok("user" | "group")) {
            let path = format!("spec.administrators.{at}");
            let message = format!("{name:?} is not a person or a group");
            out.push(Problem::new("product.administrator", path, message, "Write `user:ines` or `group:platform`."));
        }
    }
    for (name, rule) in &spec.ending_rules {
        let windows: Vec<_> = rule.brownouts.iter().map(|one| one.before(Day(0))).collect();
        let meets = |at: usize| windows[..at].iter().any(|one| one.from < windows[at].to && windows[at].from < one.to);
        for at in (0..windows.len()).filter(|at| !rule.brownouts[*at].fits() || meets(*at)) {
            let path = format!("spec.endingRules.{name}.brownouts.{at}");
            let message = "this brownout is not over before the end, or meets another one";
            out.push(Problem::new("product.brownout", path, message, "Let it begin earlier, or last fewer hours."));
        }
    }
    for (at, link) in spec.brand.iter().flat_map(|brand| &brand.links).enumerate() {
        // A link that a browser would run is no address.
        if !url::Url::parse(&link.url).is_ok_and(|url| ["https", "http", "mailto"].contains(&url.scheme())) {
            let path = format!("spec.brand.links.{at}.url");
            let message = format!("{:?} is not a complete address", link.url);
            out.push(Problem::new("product.link", path, message, "Write an address such as `https://example.com/`."));
        }
    }
}
