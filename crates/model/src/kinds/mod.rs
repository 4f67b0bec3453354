//! One file per kind.

mod api;
pub mod campaign;
mod catalog;
pub mod check;
mod component;
mod domain;
pub mod ending;
pub mod environment;
mod group;
pub mod instance;
pub mod link;
mod location;
mod match_rule;
pub mod offering;
pub mod own;
pub mod product;
mod provides;
pub mod release;
mod resource;
mod system;
mod template;
mod user;
pub mod visibility;

pub use campaign::CampaignSpec;
pub use catalog::CatalogKind;
pub use check::CheckSpec;
pub use ending::EndingSpec;
pub use environment::EnvironmentSpec;
pub use instance::InstanceSpec;
pub use offering::OfferingSpec;
pub use product::ProductSpec;
pub use provides::Provides;
pub use release::ReleaseSpec;

use crate::Kind;

/// Every kind that this program knows: first the nine of Backstage, then ours.
pub static ALL: &[&Kind] = &[
    &component::KIND,
    &api::KIND,
    &resource::KIND,
    &system::KIND,
    &domain::KIND,
    &group::KIND,
    &user::KIND,
    &location::KIND,
    &template::KIND,
    &product::KIND,
    &offering::KIND,
    &release::KIND,
    &environment::KIND,
    &instance::KIND,
    &ending::KIND,
    &check::KIND,
    &campaign::KIND,
];

/// One whole text of each kind, made up.
const EXAMPLES: &str = include_str!("examples.yaml");

/// A whole text of a kind, as an example; empty for what is no kind.
pub fn example(kind: &str) -> &'static str {
    let line = format!("kind: {kind}");
    let found = EXAMPLES.split("\n---\n").find(|text| text.lines().any(|one| one == line));
    found.unwrap_or_default().trim()
}

/// What Backstage demands of its nine kinds.
pub static CATALOG: &[&CatalogKind] = &[
    &component::RULES,
    &api::RULES,
    &resource::RULES,
    &system::RULES,
    &domain::RULES,
    &group::RULES,
    &user::RULES,
    &location::RULES,
    &template::RULES,
];
