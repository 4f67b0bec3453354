//! Campaigns: planned without anything happening, started, and followed.

use super::call::{Call, json, outcome};
use super::checks::name_in;
use super::differ::{self, DifferInput};
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::access::policy::Action;
use loggia_app::campaign::{CampaignLine, CampaignPlan, CampaignView, Decide, PlanWish, Verb};
use loggia_model::campaign::{CampaignState, Counts, Point};
use loggia_model::kinds::CampaignSpec;
use loggia_model::{Day, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The routes.
pub fn routes() -> Vec<Route> {
    reading().into_iter().chain(deciding()).collect()
}

fn reading() -> Vec<Route> {
    let get = |path, id, handler: Handler| Route::new(Method::GET, path, id, Access::May(Action::Read), handler);
    vec![
        get("/api/v1/campaigns:overview", "listCampaigns", |call| Box::pin(overview(call)))
            .does("Lists campaigns: how far each is, in which wave, and when it will be over.")
            .gives::<Campaigns>(200, "What is under way stands first."),
        Route::new(Method::POST, "/api/v1/campaigns:plan", "planCampaign", Access::May(Action::Read), |call| {
            Box::pin(thought(call))
        })
        .does("Tells what a campaign would do: who is hit, wave by wave, what breaks, what it costs. Nothing happens.")
        .body::<CampaignSpec>()
        .gives::<CampaignPlan>(200, "What would happen."),
        get("/api/v1/campaigns/{namespace}/{name}/plan", "getCampaignPlan", |call| Box::pin(plan(call)))
            .does("Tells what a campaign that is kept would do, or does from now on.")
            .gives::<CampaignPlan>(200, "What would happen."),
        get("/api/v1/campaigns/{namespace}/{name}/state", "getCampaign", |call| Box::pin(state(call)))
            .does("Tells where a campaign stands, who is where in it, and why it stopped.")
            .gives::<CampaignView>(200, "The campaign."),
        get("/api/v1/campaigns/{namespace}/{name}/burn-down", "getBurnDown", |call| Box::pin(burn_down(call)))
            .does("Gives how many were open on each day, and when it will be over if it goes on like this.")
            .gives::<BurnDown>(200, "A point for each day."),
    ]
}

fn deciding() -> Vec<Route> {
    let step = |path, id, about, handler: Handler| {
        let route = Route::new(Method::POST, path, id, Access::May(Action::Apply), handler);
        route.does(about).gives::<Moved>(200, "Where it stands now.").fails([422])
    };
    vec![
        step(
            "/api/v1/campaigns/{namespace}/{name}:start",
            "startCampaign",
            "Starts it; its list is frozen then.",
            |call| Box::pin(start(call)),
        ),
        step("/api/v1/campaigns/{namespace}/{name}:pause", "pauseCampaign", "Stops it for a while.", |call| {
            Box::pin(pause(call))
        })
        .body::<Said>()
        .optional_body(),
        step(
            "/api/v1/campaigns/{namespace}/{name}:resume",
            "resumeCampaign",
            "Lets it go on; what failed is tried again.",
            |call| Box::pin(resume(call)),
        )
        .body::<Said>()
        .optional_body(),
        step(
            "/api/v1/campaigns/{namespace}/{name}:rollback",
            "rollBackCampaign",
            "Takes back what it moved in a wave; it stands still from then on.",
            |call| Box::pin(rollback(call)),
        )
        .body::<WaveInput>(),
        step(
            "/api/v1/campaigns/{namespace}/{name}:exempt",
            "exemptFromCampaign",
            "Lets a team differ until a day.",
            |call| Box::pin(exempt(call)),
        )
        .body::<DifferInput>(),
        step("/api/v1/campaigns/{namespace}/{name}:end", "endCampaign", "Ends it.", |call| Box::pin(end(call)))
            .body::<Said>()
            .optional_body(),
        Route::new(
            Method::POST,
            "/api/v1/campaigns/{namespace}/{name}:snooze",
            "snoozeInCampaign",
            Access::May(Action::Operate),
            |call| Box::pin(snooze(call)),
        )
        .does("Leaves an instance of one's own alone until a day.")
        .body::<SnoozeInput>()
        .gives::<Moved>(200, "Where it stands now.")
        .fails([422]),
    ]
}

/// Campaigns.
#[derive(Serialize, JsonSchema)]
pub struct Campaigns {
    /// What is under way stands first, what is over last.
    pub items: Vec<CampaignLine>,
}

/// How many were open, day by day.
#[derive(Serialize, JsonSchema)]
pub struct BurnDown {
    /// How far it is.
    #[serde(flatten)]
    pub line: CampaignLine,
    /// A point for each day.
    pub days: Vec<Point>,
}

/// Where it stands after a decision.
#[derive(Serialize, JsonSchema)]
pub struct Moved {
    /// The campaign.
    pub campaign: Ref,
    /// Where it stands.
    pub state: CampaignState,
    /// How many of its instances stand where.
    pub counts: Counts,
}

/// Why.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Said {
    /// One sentence; whoever is concerned reads it.
    #[schemars(length(max = 500))]
    reason: String,
}

/// Which wave.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaveInput {
    /// Its name.
    #[schemars(length(min = 1, max = 200))]
    wave: String,
    /// Why, in one sentence.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// What is left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeInput {
    /// The instance, such as `booking/orders.dev`.
    #[schemars(length(min = 1, max = 200))]
    instance: String,
    /// Until which day.
    until: Day,
    /// Why, in one sentence.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

async fn overview(call: Call) -> Handled {
    json(&Campaigns { items: call.app().campaigns(&call.caller).await? })
}

async fn thought(call: Call) -> Handled {
    let spec: CampaignSpec = call.json()?;
    json(&call.app().campaign_plan(&call.caller, PlanWish::Thought(Box::new(spec))).await?)
}

async fn plan(call: Call) -> Handled {
    json(&call.app().campaign_plan(&call.caller, PlanWish::Kept(named(&call))).await?)
}

async fn state(call: Call) -> Handled {
    let view = call.app().campaign(&call.caller, &named(&call)).await?;
    json(&view)
}

async fn burn_down(call: Call) -> Handled {
    let (line, days) = call.app().burn_down(&call.caller, &named(&call)).await?;
    json(&BurnDown { line, days })
}

async fn start(call: Call) -> Handled {
    step(&call, Verb::Start { past: None }).await
}

async fn pause(call: Call) -> Handled {
    let Said { reason } = call.json()?;
    step(&call, Verb::Pause { reason }).await
}

async fn resume(call: Call) -> Handled {
    let Said { reason } = call.json()?;
    step(&call, Verb::Resume { reason }).await
}

async fn end(call: Call) -> Handled {
    let Said { reason } = call.json()?;
    step(&call, Verb::End { reason }).await
}

async fn rollback(call: Call) -> Handled {
    let WaveInput { wave, reason } = call.json()?;
    step(&call, Verb::Rollback { wave, reason }).await
}

async fn exempt(call: Call) -> Handled {
    let differ = differ::read(&call)?;
    step(&call, Verb::Exempt(differ)).await
}

async fn snooze(call: Call) -> Handled {
    let SnoozeInput { instance, until, reason } = call.json()?;
    let instance = name_in(&instance, "instance", "instance")?;
    step(&call, Verb::Snooze { instance, until, reason }).await
}

fn named(call: &Call) -> Ref {
    Ref::new("campaign", call.segment("namespace"), call.segment("name"))
}

async fn step(call: &Call, verb: Verb) -> Handled {
    let done = call.app().run(&call.caller, Decide { campaign: named(call), verb }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::OK, &done, body))
}
