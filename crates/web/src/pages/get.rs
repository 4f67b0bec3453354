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
    let offers = offer::all(&visit);
    let mut by_category: BTreeMap<(usize, String), Vec<&Offer>> = BTreeMap::new();
    for offer in &offers {
        let category = offer.spec.category.clone();
        let place = ORDER.iter().position(|known| *known == category).unwrap_or(ORDER.len());
        by_category.entry((place, category)).or_default().push(offer);
    }
    let wanted = visit.param("category");
    let mut tabs = vec![Link::new("Everything", "/get")];
    tabs.extend(by_category.keys().map(|(_, name)| Link::new(words::need(name), address(name))));
    let shelf = |((_, category), mut offers): ((usize, String), Vec<&Offer>)| {
        // What cannot be got any more stands last.
        offers.sort_by_key(|offer| offer.places.is_empty());
        let cards = offers.iter().map(|offer| offer.card()).collect();
        Shelf { id: format!("need-{category}"), need: words::need(&category), cards }
    };
    let shelves =
        by_category.into_iter().filter(|((_, name), _)| wanted.is_empty() || name == wanted).map(shelf).collect();
    let active = if wanted.is_empty() { "/get".to_owned() } else { address(wanted) };
    let shell = Shell {
        command: "loggia get offerings".into(),
        json_twin: "/api/v1/offerings".into(),
        ..visit.shell(Some(Place::Get))
    };
    visit.page(&Shop { shell, tabs, active, shelves })
}

fn address(category: &str) -> String {
    let value: String = url::form_urlencoded::byte_serialize(category.as_bytes()).collect();
    format!("/get?category={value}")
}
