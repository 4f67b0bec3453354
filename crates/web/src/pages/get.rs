//! The shop: what the platform offers, by need.

use super::offer::{self, Offer};
use super::visit::{Answer, Visit};
use super::words;
use crate::design::OfferingCard;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::routing::get;
use std::collections::BTreeMap;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/get", get(shop))
}

#[derive(Template)]
#[template(path = "get/index.html")]
struct Shop {
    shell: Shell,
    /// All, then each need.
    tabs: Vec<Link>,
    active: String,
    shelves: Vec<Shelf>,
    /// What cannot be got any more.
    past: Vec<OfferingCard>,
}

/// The offerings of one need.
struct Shelf {
    id: String,
    need: String,
    cards: Vec<OfferingCard>,
}

/// The order in which people need things; other categories come after, by name.
const ORDER: [&str; 6] = ["path", "data", "compute", "delivery", "observability", "security"];

async fn shop(visit: Visit) -> Answer {
    visit.signed_in()?;
    let (past, offered): (Vec<Offer>, Vec<Offer>) = offer::all(&visit).into_iter().partition(Offer::is_past);
    let mut by_category: BTreeMap<(usize, String), Vec<OfferingCard>> = BTreeMap::new();
    for offer in &offered {
        let category = offer.spec.category.clone();
        let place = ORDER.iter().position(|known| *known == category).unwrap_or(ORDER.len());
        by_category.entry((place, category)).or_default().push(offer.card());
    }
    let wanted = visit.param("category");
    let mut tabs = vec![Link::new("Everything", "/get")];
    tabs.extend(by_category.keys().map(|(_, name)| Link::new(words::need(name), address(name))));
    let shelf = |((_, category), cards): ((usize, String), Vec<OfferingCard>)| Shelf {
        id: format!("need-{category}"),
        need: words::need(&category),
        cards,
    };
    let here = |name: &str| wanted.is_empty() || name == wanted;
    let shelves = by_category.into_iter().filter(|((_, name), _)| here(name)).map(shelf).collect();
    let shell = Shell {
        command: "loggia get offerings".into(),
        json_twin: "/api/v1/offers".into(),
        ..visit.shell(Some(Place::Get))
    };
    visit.page(&Shop {
        shell,
        tabs,
        active: if wanted.is_empty() { "/get".to_owned() } else { address(wanted) },
        past: past.iter().filter(|offer| here(&offer.spec.category)).map(Offer::card).collect(),
        shelves,
    })
}

fn address(category: &str) -> String {
    let value: String = url::form_urlencoded::byte_serialize(category.as_bytes()).collect();
    format!("/get?category={value}")
}
