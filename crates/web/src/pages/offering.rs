//! The page of one offering.

use super::offer::Offer;
use super::releases::{Verb, trial, verbs};
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{check, docs, files, markdown, offer};
use crate::design::Fact;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::access::writing::may_write;
use loggia_app::checks::LaunchList;
use loggia_app::ending;
use loggia_app::estate::who_runs::{WhoRunsQuery, WhoRunsRow};
use loggia_app::release::offering::{release_status, releases};
use loggia_model::kinds::offering::Alternative;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Record, Ref};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/get/{name}", get(offering))
}

#[derive(Template)]
#[template(path = "offering/page.html")]
struct OfferingPage {
    shell: Shell,
    crumbs: Vec<Link>,
    offer: Offer,
    logo: String,
    badge: (&'static str, &'static str),
    description: String,
    facts: Vec<Fact>,
    plans: Vec<PlanRow>,
    alternatives: Vec<(Alternative, String)>,
    releases: Vec<ReleaseView>,
    docs: Vec<Link>,
    use_rows: Vec<UseRow>,
    runs: usize,
    mandatory: String,
    endings: Vec<Going>,
    /// What holds up its releases; none for who does not publish them, or without a list.
    launch: Option<LaunchList>,
}

/// What goes away of it.
struct Going {
    what: String,
    href: String,
    mark: &'static str,
    word: String,
    text: String,
}

/// One plan.
struct PlanRow {
    title: String,
    limits: String,
    price: String,
    default: bool,
}

/// One version.
struct ReleaseView {
    /// Name of the release.
    name: String,
    version: String,
    upstream: String,
    notes: String,
    upgrade: String,
    /// Draft, candidate or withdrawn; empty when published.
    publication: &'static str,
    /// Why it was withdrawn.
    reason: String,
    verbs: Vec<Verb>,
    /// What publishing it would change, and whom it would not fit.
    trial: Vec<String>,
    used: usize,
    since: When,
}

/// One team that uses it.
struct UseRow {
    team: String,
    href: String,
    places: String,
    versions: String,
}

async fn offering(visit: Visit, Path(name): Path<String>) -> Answer {
    let record = visit.record(&Ref::new("offering", "default", &name), |now| offer::href(now.name()))?;
    let Some(offer) = Offer::read(&visit, &record) else {
        return Err(loggia_app::Error::Internal(format!("{name} does not fit its type")).into());
    };
    let query = WhoRunsQuery { offering: name.clone(), ..WhoRunsQuery::default() };
    let rows = visit.app().who_runs(&visit.caller, &query)?;
    let shell = Shell {
        command: if offer.can_be_got() { format!("loggia new {}", offer.name()) } else { String::new() },
        json_twin: format!("/api/v1/offers/{}", offer.name()),
        ..visit.shell(Some(Place::Get))
    };
    visit.page(&OfferingPage {
        crumbs: vec![Link::new("Get", "/get")],
        logo: files::logo(&record),
        badge: offer.badge(),
        description: record.parse().meta_text("description").to_owned(),
        facts: facts(&visit, &offer, rows.len()),
        plans: offer.spec.plans.iter().map(plan).collect(),
        alternatives: offer.spec.alternatives.iter().map(|a| (a.clone(), alternative_href(&visit, &a.name))).collect(),
        releases: releases(&visit.graph, visit.audience(), &name)
            .iter()
            .filter_map(|r| release(&visit, r, &rows))
            .collect(),
        docs: docs::pages(&visit, &record).await.into_iter().map(|page| Link::new(page.title, page.href)).collect(),
        use_rows: used_by(&rows),
        runs: rows.len(),
        mandatory: mandatory(&offer),
        endings: endings(&visit, &record),
        launch: launch(&visit, &record).await?,
        shell,
        offer,
    })
}

/// What holds up releases of an offering, for who publishes them.
async fn launch(visit: &Visit, record: &Record) -> Result<Option<LaunchList>, loggia_app::Error> {
    let text = record.parse();
    let may = |action, subject: &_| visit.app().require(&visit.caller, action, subject);
    match may_write(&visit.graph, Some(&text), Some(&text), may) {
        Ok(()) => visit.app().launch_list(&visit.caller, &record.reference).await,
        Err(_) => Ok(None),
    }
}

/// What goes away of an offering: all of it, a plan, or one of its versions.
fn endings(visit: &Visit, record: &Record) -> Vec<Going> {
    let now = visit.app().now();
    let versions = releases(&visit.graph, visit.audience(), record.reference.name());
    let names = std::iter::once(&record.reference).chain(versions.iter().map(|release| &release.reference));
    let found = names.flat_map(|name| ending::of_subject(&visit.graph, name, now));
    let one = |found: ending::Found| Going {
        what: ending::subject_words(&visit.graph, visit.audience(), &found.spec),
        href: super::ending::href(&found.record.reference),
        mark: super::ending::mark(found.state(now)),
        word: found.standing(now).to_string(),
        text: format!("{} {}", found.spec.reason, ending::instead(&visit.graph, visit.audience(), &found.spec)),
    };
    found.filter(|found| visit.graph.visible(visit.audience(), &found.record)).map(one).collect()
}

fn facts(visit: &Visit, offer: &Offer, runs: usize) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some((owner, title)) = offer.owner(visit) {
        facts.push(Fact::link("Run by", title, super::entity::href(&owner)));
    }
    if let Some(support) = &offer.spec.support {
        facts.push(Fact::new("Support", words::spaced(support)));
    }
    facts.push(Fact::new("Price", words::price_from(&offer.spec)));
    if offer.can_be_got() {
        facts.push(Fact::new("You get", format!("version {}", offer.version())));
    }
    if let Some(teams) = offer.teams {
        let copies = words::count(runs, "running copy").replace("copys", "copies");
        let used = format!("{}, {copies}", words::count(teams, "team"));
        facts.push(Fact::link("Used by (measured)", used, super::who_runs::href(offer.name())));
    }
    facts
}

fn plan(plan: &loggia_model::kinds::offering::Plan) -> PlanRow {
    PlanRow {
        title: plan.title.clone().unwrap_or_else(|| words::capital(&plan.name)),
        limits: words::limits(&plan.limits),
        price: words::price(plan.price.as_ref()),
        default: plan.default,
    }
}

/// An alternative that is offered here leads to its page.
fn alternative_href(visit: &Visit, name: &str) -> String {
    let offered = loggia_app::release::offering::offerings(&visit.graph, visit.audience());
    let found = offered.iter().find(|r| r.parse().title().eq_ignore_ascii_case(name) || r.reference.name() == name);
    found.map(|record| offer::href(record.reference.name())).unwrap_or_default()
}

fn release(visit: &Visit, record: &Arc<Record>, rows: &[WhoRunsRow]) -> Option<ReleaseView> {
    let spec: ReleaseSpec = record.spec().ok()?;
    let status = release_status(record);
    let upgrade = spec.upgrade.as_ref();
    Some(ReleaseView {
        upstream: spec.upstream.as_ref().map(|up| format!("{} {}", up.name, up.version)).unwrap_or_default(),
        notes: markdown::render(spec.notes.as_deref().unwrap_or_default(), |_| None).html,
        upgrade: upgrade
            .map(|up| format!("{}; {}", words::upgrade(up.strategy), words::rollback(up.rollback)))
            .unwrap_or_default(),
        publication: words::publication(status.publication),
        reason: status.reason,
        verbs: verbs(visit, record),
        trial: trial(visit, record),
        name: record.reference.name().to_owned(),
        used: rows.iter().filter(|row| row.release == record.reference.name()).count(),
        since: When::ago(visit.app().now(), Some(record.created_at)),
        version: spec.version,
    })
}

/// Teams with where and in which versions they run it.
fn used_by(rows: &[WhoRunsRow]) -> Vec<UseRow> {
    let mut by_team: BTreeMap<&str, Vec<&WhoRunsRow>> = BTreeMap::new();
    for row in rows {
        by_team.entry(&row.team_title).or_default().push(row);
    }
    let distinct = |mut list: Vec<String>| {
        list.retain(|text| !text.is_empty());
        list.sort();
        list.dedup();
        list.join(", ")
    };
    let one = |(team, rows): (&str, Vec<&WhoRunsRow>)| UseRow {
        team: team.to_owned(),
        href: rows.first().filter(|row| !row.unknown_team).map(|row| super::team::href(&row.team)).unwrap_or_default(),
        places: distinct(rows.iter().map(|row| row.environment.clone()).collect()),
        versions: distinct(rows.iter().map(|row| row.version.clone()).collect()),
    };
    by_team.into_iter().map(one).collect()
}

fn mandatory(offer: &Offer) -> String {
    let Some(duty) = &offer.spec.mandatory else { return String::new() };
    format!("{} By {}.", duty.rule, duty.until)
}
