//! What goes away on the example platform today: planned, announced, agreed to and differed from by its people, through
//! the same commands as anybody would. What is there already stays.

use super::seed::REQUEST;
use anyhow::{Context, Result};
use loggia_app::access::caller::{Caller, Door};
use loggia_app::access::differ::Differ;
use loggia_app::ending::{Decide, ProposalWish, Verb};
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::{App, Error};
use loggia_model::ending::Wish;
use loggia_model::{Day, Ref};
use serde_json::json;

/// In how many days the makers of Tern end version 6: ten weeks, so that it stays the same day of the week.
const TERN_ENDS: u32 = 70;
/// For how many days after the last one Finance Systems keeps its books where they are.
const MONTH_END: u32 = 30;

/// One plan.
struct Plan {
    name: &'static str,
    subject: &'static str,
    replacement: &'static str,
    reason: &'static str,
    guide: &'static str,
    dates: Wish,
    /// Why there is less notice than the rule of the house asks for.
    emergency: Option<&'static str>,
}

/// Brings today's endings about.
///
/// # Errors
/// When a command fails in a way that doing it again does not mend.
pub async fn run(app: &App) -> Result<()> {
    for plan in plans(Day::of(app.now())) {
        bring(app, &plan).await.with_context(|| plan.name)?;
    }
    exempt(app).await.context("the exemption")
}

fn plans(today: Day) -> [Plan; 2] {
    let tern = Wish { effective: Some(today), off: Some(today.plus(TERN_ENDS)), ..Wish::default() };
    [
        Plan {
            name: "tern-6",
            subject: "release:tern-cache-6.2.0",
            replacement: "release:tern-cache-7.0.0",
            reason: "The makers of Tern end version 6 and mend nothing in it afterwards.",
            guide: "/get/tern-cache/docs/upgrading",
            dates: tern,
            emergency: Some("Its makers told us the day seven weeks late; after it nobody mends what is found."),
        },
        Plan {
            name: "postgres-1.5",
            subject: "release:postgres-1.5.0",
            replacement: "release:postgres-2.2.0",
            reason: "It runs PostgreSQL 14, which its makers have ended.",
            guide: "/get/postgres/docs/upgrading",
            dates: Wish::default(),
            emergency: None,
        },
    ]
}

fn person(app: &App, name: &str) -> Caller {
    Caller::person(&app.graph(), Ref::new("user", "default", name), Door::Api, REQUEST)
}

async fn bring(app: &App, plan: &Plan) -> Result<()> {
    let name = Ref::new("ending", "default", plan.name);
    // Ines plans and asks, Tomasz agrees: who asks for less notice and who agrees are two people.
    let (ines, tomasz) = (person(app, "ines"), person(app, "tomasz"));
    if app.graph().get(&name).is_none() {
        let dates = plan.dates.clone();
        let wish = ProposalWish { subject: plan.subject.to_owned(), preset: "house".to_owned(), dates };
        let dates = app.propose_ending(&ines, &wish)?.dates;
        let document = json!({"apiVersion": "loggia.dev/v1", "kind": "Ending", "metadata": {"name": plan.name},
            "spec": {"subject": plan.subject, "reason": plan.reason, "replacement": plan.replacement,
                "guide": plan.guide, "preset": "house", "dates": dates}});
        let prepared = prepare(document, "").map_err(Error::Invalid)?;
        app.run(&ines, Apply { prepared: vec![prepared], if_match: None, dry_run: false }).await?;
    }
    let view = app.ending(&ines, &name).await?;
    if view.line.state.is_told() {
        return Ok(());
    }
    if view.pending.is_none() {
        let verb = Verb::Announce { emergency: plan.emergency.map(str::to_owned) };
        app.run(&ines, Decide { ending: name.clone(), verb }).await?;
    }
    if plan.emergency.is_some() {
        app.run(&tomasz, Decide { ending: name, verb: Verb::Approve }).await?;
    }
    Ok(())
}

/// Finance Systems may differ until the month end after: closing the books comes first.
async fn exempt(app: &App) -> Result<()> {
    let (ines, ending) = (person(app, "ines"), Ref::new("ending", "default", "postgres-1.5"));
    let view = app.ending(&ines, &ending).await?;
    if !view.exemptions.is_empty() {
        return Ok(());
    }
    let verb = Verb::Exempt(Differ {
        team: Ref::new("group", "default", "finance-systems"),
        thing: Some(Ref::new("instance", "finance-systems", "books.production")),
        until: view.line.dates.off.plus(MONTH_END),
        reason: "The books of the quarter are closed first; month end is sacred.".to_owned(),
    });
    app.run(&ines, Decide { ending, verb }).await?;
    Ok(())
}
