//! The first steps of somebody who has got nothing here yet.

use super::offer::Offer;
use super::visit::Visit;
use super::{me, team};
use loggia_app::access::policy::{Action, within};
use loggia_graph::Predicate;
use loggia_model::instance::InstanceStatus;
use loggia_model::{Record, time};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// One step of the start.
#[derive(Serialize, JsonSchema)]
pub struct StartStep {
    /// What to do.
    pub title: String,
    /// Where.
    pub href: String,
    /// Why.
    pub text: String,
    /// Whether it was done.
    pub done: bool,
    /// The category of offerings without which the step makes no sense; empty for any other step.
    #[serde(skip)]
    category: &'static str,
}

/// The steps of somebody who has got nothing here yet; none for others. What is done is seen, not ticked.
///
/// # Errors
/// When the database does not answer.
pub async fn start(visit: &Visit, offers: &[Offer]) -> Result<Vec<StartStep>, loggia_app::Error> {
    let Some(user) = visit.caller.user().filter(|_| !visit.caller.product_team) else { return Ok(Vec::new()) };
    let mine = Predicate::equals("kind", "instance").and(Predicate::equals("spec.contact", user.as_str()));
    let mine = visit.graph.select(visit.audience(), &mine);
    let got = |category: &str| {
        let names: Vec<&str> = offers.iter().filter(|o| o.spec.category == category).map(Offer::name).collect();
        mine.iter().any(|record| names.contains(&record.parse().spec_text("offering")))
    };
    let (path, data) = (got("path"), got("data"));
    let first = |category: &str| {
        let found = offers.iter().find(|o| o.spec.category == category && o.can_be_got());
        found.map_or_else(|| format!("/get?category={category}"), Offer::href)
    };
    // A token that is only good for looking does not tell which others there are.
    let own = within(&visit.caller, Action::OwnTokens);
    let token = own && !visit.app().my_tokens(&visit.caller).await?.is_empty();
    let mut steps = vec![
        step(
            "path",
            "Get a repository",
            first("path"),
            "It builds, tests and reports its health from the first minute.",
            path,
        ),
        step("", "Make a token", me::TOKENS.to_owned(), "Your password for Git and for the command line.", token),
        step(
            "path",
            "Clone it and push",
            newest_of(&mine, offers, "path"),
            "The address stands on the page of your repository.",
            false,
        ),
        step("data", "Get a database", first("data"), "Connect to it as soon as its page says ready.", data),
        step("", "See what you run", "/team".to_owned(), "Everything of your team, by environment.", false),
    ];
    steps.retain(|step| leads_somewhere(step, offers));
    // Who has both knows the way. A push cannot be seen from here, so it is not asked for.
    let knows = path && data && token;
    let works_here = mine.iter().any(|record| has_run_for_a_week(visit, record));
    if knows || works_here || visit.my_teams().is_empty() {
        steps.clear();
    }
    Ok(steps)
}

/// Whether a step can be taken: nobody is sent to what they cannot get.
fn leads_somewhere(step: &StartStep, offers: &[Offer]) -> bool {
    let here = |offer: &&Offer| !offer.elsewhere && !offer.is_past();
    step.category.is_empty() || offers.iter().filter(here).any(|offer| offer.spec.category == step.category)
}

/// Whether something of mine is no news any more: then I know my way.
fn has_run_for_a_week(visit: &Visit, record: &Record) -> bool {
    let since = record.typed_status::<InstanceStatus>().ok().and_then(|status| status.since);
    since.is_some_and(|since| visit.app().now().0 - since.0 > 7 * time::DAY)
}

fn step(category: &'static str, title: &str, href: String, text: &str, done: bool) -> StartStep {
    StartStep { title: title.to_owned(), href, text: text.to_owned(), done, category }
}

/// The newest thing of mine of a category; the shop without one.
fn newest_of(mine: &[Arc<Record>], offers: &[Offer], category: &str) -> String {
    let of = |name: &str| offers.iter().any(|o| o.spec.category == category && o.name() == name);
    let found = mine.iter().filter(|r| of(r.parse().spec_text("offering"))).max_by_key(|r| r.created_at);
    found.map_or_else(|| format!("/get?category={category}"), |record| team::instance_href(record))
}
