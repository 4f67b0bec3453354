//! Signed-in browsers.

use super::call::{Call, json, nothing};
use super::route::Handled;
use loggia_app::access::login::digest;
use loggia_model::Micros;
use schemars::JsonSchema;
use serde::Serialize;

/// One signed-in browser.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Identity.
    pub id: String,
    /// Since when.
    pub created_at: Micros,
    /// Until when.
    pub expires_at: Micros,
    /// When it was used last, to the minute.
    pub last_used_at: Micros,
    /// What the browser says it is.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// Sessions.
#[derive(Serialize, JsonSchema)]
pub struct Sessions {
    /// The newest use first.
    pub items: Vec<SessionView>,
}

/// Your sessions.
pub async fn list(call: Call) -> Handled {
    let own = crate::caller::cookie(&call.headers, crate::caller::COOKIE).map(digest);
    let rows = call.app().my_sessions(&call.caller).await?;
    let view = rows.into_iter().map(|row| SessionView {
        this: own.as_deref() == Some(row.hash.as_str()),
        id: row.hash,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        user_agent: row.user_agent,
    });
    json(&Sessions { items: view.collect() })
}

/// Ends a session.
pub async fn end(call: Call) -> Handled {
    call.app().end_session(&call.caller, call.segment("id")).await?;
    Ok(nothing())
}
