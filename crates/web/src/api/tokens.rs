//! Tokens: personal ones, and those of services.

use super::call::{Call, json, json_with, nothing};
use super::route::Handled;
use axum::http::StatusCode;
use loggia_app::access::token::{Token, TokenWish};
use loggia_graph::Graph;
use loggia_model::{Micros, Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of token is wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"properties": {"team": {"type": "null"}}},
    {"required": ["service"], "properties": {"service": {"type": "string", "minLength": 1}}},
]))]
pub struct TokenInput {
    /// What it is called.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// The service that it is for; a personal one when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub service: Option<String>,
    /// The team that the service acts for, such as `booking`; any when absent. Only a bound one sees secrets.
    #[serde(default)]
    pub team: Option<String>,
    /// What it is good for; all that its owner may do when empty, but a service sees secrets only with `reveal`.
    #[serde(default)]
    pub scopes: Vec<ScopeName>,
    /// Days until it expires; never when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 3650))]
    pub days: Option<i64>,
}

/// What a token may be good for.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ScopeName(#[schemars(extend("enum" = scope_names()))] pub String);

/// All scopes, each once.
fn scope_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = loggia_app::access::policy::Action::ALL.iter().map(|action| action.scope()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A token, without its secret.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Identity.
    pub id: Uid,
    /// What it is called.
    pub name: String,
    /// Who acts with it.
    pub principal: String,
    /// `personal` or `service`.
    pub kind: String,
    /// The team that a service acts for; any when absent.
    pub team: Option<Ref>,
    /// What it is good for; all that its owner may do when empty.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Micros,
    /// When it expires; never when absent.
    pub expires_at: Option<Micros>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Micros>,
    /// When it was revoked.
    pub revoked_at: Option<Micros>,
}

/// A new token.
#[derive(Serialize, JsonSchema)]
pub struct NewToken {
    /// The secret. It is shown this once.
    pub token: String,
    /// What is kept about it.
    pub about: TokenView,
}

/// Tokens.
#[derive(Serialize, JsonSchema)]
pub struct Tokens {
    /// Oldest first.
    pub items: Vec<TokenView>,
}

impl TokenView {
    fn of(token: Token, graph: &Graph) -> TokenView {
        TokenView {
            id: token.id,
            name: token.name,
            principal: token.principal,
            kind: token.kind.to_string(),
            team: token.team.and_then(|team| graph.by_uid(team)).map(|team| team.reference.clone()),
            scopes: token.scopes,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// Your tokens; those of services too for an administrator.
pub async fn list(call: Call) -> Handled {
    let rows = call.app().my_tokens(&call.caller).await?;
    let graph = call.app().graph();
    json(&Tokens { items: rows.into_iter().map(|row| TokenView::of(row, &graph)).collect() })
}

/// Makes a token.
pub async fn create(call: Call) -> Handled {
    let input: TokenInput = call.json()?;
    let scopes = input.scopes.into_iter().map(|scope| scope.0).collect();
    let wish = TokenWish { name: input.name, service: input.service, team: input.team, scopes, days: input.days };
    let (row, secret) = call.app().create_token(&call.caller, wish).await?;
    // This once it is shown.
    json_with(
        StatusCode::CREATED,
        &NewToken { token: secret.reveal().to_owned(), about: TokenView::of(row, &call.app().graph()) },
    )
}

/// Revokes a token.
pub async fn revoke(call: Call) -> Handled {
    call.app().revoke_token(&call.caller, call.uid("id")?).await?;
    Ok(nothing())
}
