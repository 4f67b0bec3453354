//! Who you are, as the server sees it.

use super::call::{Call, json};
use super::route::Handled;
use loggia_app::access::caller::Limits;
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::Serialize;

/// Who you are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// As in the history: `user:default/amara` or `service:ci`.
    pub principal: String,
    /// The person, when you are one.
    pub user: Option<Ref>,
    /// What people call you.
    pub title: String,
    /// Namespace of your organisation; `default` is the company.
    pub organisation: String,
    /// Your teams, with those above them.
    pub teams: Vec<Ref>,
    /// Whether you belong to the product team.
    pub product_team: bool,
    /// Whether you administer this server.
    pub administrator: bool,
    /// What your token is good for; absent when it is not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

/// Who you are.
pub async fn me(call: Call) -> Handled {
    let caller = &call.caller;
    let record = caller.user().and_then(|user| call.app().record(caller, user).ok()).map(|record| record.parse());
    let shown = record.as_ref().and_then(|document| document.spec()?.pointer("/profile/displayName")?.as_str());
    let title = shown.or(record.as_ref().map(|document| document.title())).map(str::to_owned);
    json(&Me {
        principal: caller.name(),
        user: caller.user().cloned(),
        title: title.unwrap_or_else(|| caller.name()),
        organisation: caller.organisation.to_string(),
        teams: caller.teams.clone(),
        product_team: caller.product_team,
        administrator: caller.administrator,
        scopes: match &caller.limits {
            Limits::None => None,
            Limits::Only(scopes) => Some(scopes.iter().cloned().collect()),
        },
    })
}
