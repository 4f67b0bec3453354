//! The campaign of the example platform: everything goes to Tern 7. It began three weeks ago and is in its second wave,
//! which it does by itself, through the same commands as any other.

use anyhow::{Result, bail};
use loggia_app::access::caller::{Caller, Door};
use loggia_app::access::differ::Differ;
use loggia_app::campaign::{Decide, Verb};
use loggia_app::record::Apply;
use loggia_app::record::prepare::prepare;
use loggia_app::{App, Error};
use loggia_model::campaign::CampaignState;
use loggia_model::time::DAY;
use loggia_model::{Day, Micros, Ref};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Its name.
const NAME: &str = "tern-7";
/// Days since it began.
const BEGAN: i64 = 21;
/// Days until the makers of Tern end version 6.
const ENDS: u32 = 70;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who grants exemptions.
const PERSON: &str = "tomasz";

/// Writes the campaign and starts it, unless it is there.
///
/// # Errors
/// When a command fails.
pub async fn run(app: &App) -> Result<()> {
    let campaign = Ref::new("campaign", "default", NAME);
    if app.graph().get(&campaign).is_none() {
        let system = app.system("replay");
        let prepared = vec![prepare(document(Day::of(app.now()).plus(ENDS)), "").map_err(Error::Invalid)?];
        app.run(&system, Apply { prepared, if_match: None, dry_run: false }).await?;
        let past = Some(Micros(app.now().0 - BEGAN * DAY));
        app.run(&system, Decide { campaign: campaign.clone(), verb: Verb::Start { past } }).await?;
        let person = Ref::new("user", "default", PERSON);
        let caller = Caller::person(&app.graph(), person, Door::Api, "demo");
        let verb = exempt(Day::of(app.now()).plus(35));
        app.run(&caller, Decide { campaign: campaign.clone(), verb }).await?;
    }
    settled(app, &campaign).await
}

/// Waits until it has done what it does by itself: its second wave halts.
async fn settled(app: &App, campaign: &Ref) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while Instant::now() < limit {
        let (line, _) = app.burn_down(&app.system("replay"), campaign).await?;
        if !matches!(line.state, CampaignState::Scheduled | CampaignState::Running) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the campaign did not come to its second wave in time")
}

fn document(deadline: Day) -> Value {
    json!({
        "apiVersion": "loggia.dev/v1",
        "kind": "Campaign",
        "metadata": {"name": NAME, "title": "Everything on Tern 7"},
        "spec": {
            "purpose": "The makers of Tern end version 6, and mend nothing in it from then on.",
            "offering": "tern-cache",
            "to": ">=7",
            "owner": "group:default/data-platform",
            "waves": [
                {"name": "development and test", "types": ["development", "test", "preview"]},
                {"name": "first in production", "types": ["production"], "teams": ["customer-portal", "documents",
                    "fleet-reports", "mobile", "notifications", "pricing", "quotes", "reefer", "search", "tracking",
                    "vessel-schedule"]},
                {"name": "production", "types": ["production"]},
            ],
            "parallelism": 2,
            "failureBudget": 0,
            "deadline": deadline,
            "endsAsStandard": true,
        },
    })
}

fn exempt(until: Day) -> Verb {
    Verb::Exempt(Differ {
        team: Ref::new("group", "default", "procurement"),
        thing: Some(Ref::new("instance", "procurement", "catalogue.production")),
        until,
        reason: "The yearly tender runs until then; nothing moves meanwhile.".to_owned(),
    })
}
