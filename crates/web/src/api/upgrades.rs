//! Upgrades: what they would do, and doing them.

use super::call::{Call, json, outcome};
use super::change_requests;
use super::orders::Ordered;
use super::parameter::{Form, Param};
use super::route::{Access, Handled, Route};
use super::schema;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::instance::change_request::Proposal;
use loggia_app::release::upgrade::{Upgrade, UpgradePreview};
use loggia_app::release::upgrade_strategy::LetGo;
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const ONE: &str = "/api/v1/instances/{namespace}/{name}/upgrade";
const PATCH: &str = "/api/v1/instances/{namespace}/{name}/upgrade/patch";
const LET_GO: &str = "/api/v1/instances/{namespace}/{name}:let-go";
const DO: &str = "/api/v1/instances/{namespace}/{name}:upgrade";

/// The routes, with those of changes that wait.
pub fn routes() -> Vec<Route> {
    let to = Param::query("to", Form::Text(200, None), "To this version, range or channel; the newest when absent.");
    let version =
        Param::query("to", Form::Text(200, None), "To this version, range or channel; the newest when absent.");
    let own = vec![
        Route::new(Method::GET, PATCH, "getUpgradePatch", Access::May(Action::GitRead), |call| Box::pin(patch(call)))
            .does("Gives what another version of a golden path changes, as a patch for `git am --3way`: for a repository that is kept elsewhere.")
            .takes([version])
            .gives_as(200, "The patch.", "text/x-patch", schema::any_text)
            .fails([422]),
        Route::new(Method::GET, ONE, "previewUpgrade", Access::May(Action::Read), |call| Box::pin(preview(call)))
            .does("Tells what an upgrade would do: inputs, price, risk, way back, and why it cannot be done now.")
            .takes([to, Param::query("back", Form::Flag, "Back to the version before.")])
            .gives::<Preview>(200, "What would happen."),
        Route::new(Method::POST, DO, "upgradeInstance", Access::May(Action::Operate), |call| Box::pin(upgrade(call)))
            .does("Brings an instance to another version, or back to the one before. When it fails, the old one stays.")
            .body::<UpgradeInput>()
            .optional_body()
            .gives::<Ordered>(202, "Follow the operation.")
            .fails([422]),
        Route::new(Method::GET, "/api/v1/upgrades", "listUpgrades", Access::May(Action::Read), |call| {
            Box::pin(list(call))
        })
        .does("Gives the ways of everything that a team has to its newest versions, hop by hop.")
        .takes([Param::query("team", Form::Text(200, None), "Which team; all that you may see when absent.")])
        .gives::<Upgrades>(200, "By name."),
        Route::new(Method::POST, LET_GO, "letGoInstance", Access::May(Action::Operate), |call| Box::pin(let_go(call)))
            .does("Takes away what is kept of an earlier version, before its time: there is no way back then.")
            .gives::<Ordered>(202, "Follow the operation.")
            .fails([422]),
    ];
    own.into_iter().chain(change_requests::routes()).collect()
}

/// What would happen.
#[derive(Serialize, JsonSchema)]
pub struct Preview {
    #[serde(flatten)]
    upgrade: UpgradePreview,
    /// The change that its team would get to merge, where it goes that way.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Proposal>,
}

/// Where to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeInput {
    /// The version, a range or a channel; the newest one to which there is a way when absent.
    #[schemars(length(min = 1, max = 200))]
    to: Option<String>,
    /// Back to the version before.
    back: bool,
    /// You know that what was written since is lost.
    confirmed: bool,
}

/// Ways to newer versions.
#[derive(Serialize, JsonSchema)]
pub struct Upgrades {
    /// By name.
    pub items: Vec<UpgradePreview>,
}

async fn preview(call: Call) -> Handled {
    let to = call.given.text("to").map(str::to_owned);
    let wish = Upgrade { instance: call.reference()?, to, back: call.given.flag("back"), confirmed: true };
    let mut upgrade = call.app().upgrade_preview(&call.caller, &wish)?;
    let change = match call.app().upgrade_proposal(&call.caller, &wish).await {
        Ok(change) => change,
        Err(error) => {
            upgrade.blocked.get_or_insert(error.to_string());
            None
        }
    };
    json(&Preview { upgrade, change })
}

async fn patch(call: Call) -> Handled {
    let to = call.given.text("to").map(str::to_owned);
    let wish = Upgrade { instance: call.reference()?, to, back: false, confirmed: true };
    let bytes = call.app().upgrade_patch(&call.caller, &wish).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/x-patch"))], bytes).into_response())
}

async fn upgrade(call: Call) -> Handled {
    let UpgradeInput { to, back, confirmed } = call.json()?;
    let wish = Upgrade { instance: call.reference()?, to, back, confirmed };
    let done = call.app().run(&call.caller, wish).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::ACCEPTED, &done, body))
}

async fn let_go(call: Call) -> Handled {
    let done = call.app().run(&call.caller, LetGo { instance: call.reference()? }).await?;
    let body = done.answer.clone();
    Ok(outcome(StatusCode::ACCEPTED, &done, body))
}

async fn list(call: Call) -> Handled {
    let Some(team) = call.given.text("team") else {
        return json(&Upgrades { items: call.app().upgrades(&call.caller)? });
    };
    let team = Ref::parse(team, Some("group"), "default")
        .map_err(|_| Error::invalid("order.team", "team", "This is not the name of a team", "Give ?team=booking."))?;
    call.app().record(&call.caller, &team)?;
    json(&Upgrades { items: call.app().upgrades_of_team(&call.caller, &team)? })
}
