//! Who has access to an instance, each with a credential of its own.

use super::call::{Call, json, outcome};
use super::route::{Access, Handled, Handler, Route};
use axum::http::{Method, StatusCode};
use loggia_app::Outcome;
use loggia_app::access::policy::Action;
use loggia_app::access::visibility::told_access;
use loggia_app::instance::instance_access::{self, GrantInput};
use loggia_model::instance::InstanceStatus;
use loggia_model::instance_access as model;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::AccessRole;
use loggia_model::{Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const ALL: &str = "/api/v1/instances/{namespace}/{name}/access";

/// The routes.
pub fn routes() -> Vec<Route> {
    let post = |path, id, action, handler: Handler| {
        Route::new(Method::POST, path, id, Access::May(action), handler).fails([422])
    };
    vec![
        Route::new(Method::GET, ALL, "listAccess", Access::May(Action::Read), |call| Box::pin(list(call)))
            .does("Lists who has access to an instance with a credential of their own, and which roles there are.")
            .gives::<Accesses>(200, "Who has access."),
        post(ALL, "grantAccess", Action::Operate, |call| Box::pin(grant(call)))
            .does("Gives a consumer access, with a credential of its own; the operation makes it.")
            .body::<GrantInput>()
            .gives::<AccessChanged>(202, "Follow the operation."),
        post("/api/v1/instances/{namespace}/{name}/access/{id}:rotate", "rotateAccess", Action::Operate, |call| {
            Box::pin(rotate(call))
        })
        .does("Makes a new credential for a consumer; the old one works on for a while, and is then taken away.")
        .body::<RotateInput>()
        .optional_body()
        .gives::<AccessChanged>(202, "Follow the operation."),
        post("/api/v1/instances/{namespace}/{name}/access/{id}:revoke", "revokeAccess", Action::Operate, |call| {
            Box::pin(revoke(call))
        })
        .does("Takes access away; it is over when its absence was seen at the backend.")
        .gives::<AccessChanged>(202, "Follow the operation."),
        post("/api/v1/instances/{namespace}/{name}/access/{id}:reveal", "revealAccess", Action::Reveal, |call| {
            Box::pin(reveal(call))
        })
        .does("Shows the newest credential of an access, once: to the team of the instance or of the consumer.")
        .body::<ShowInput>()
        .optional_body()
        .gives::<ShownAccess>(200, "What gets the consumer in.")
        .secret(),
    ]
}

/// Who has access.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accesses {
    /// In the order in which it was granted.
    pub items: Vec<model::Access>,
    /// The roles that can be granted, the usual one first; none when the release gives no access.
    pub roles: Vec<AccessRole>,
}

/// What was begun.
#[derive(Serialize, JsonSchema)]
pub struct AccessChanged {
    /// The instance.
    pub instance: Ref,
    /// Its identity.
    pub uid: Uid,
    /// The access.
    pub access: Uid,
    /// The operation that carries it out; none when it is under way already.
    pub operation: Option<Uid>,
}

/// How a credential is renewed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RotateInput {
    /// For how many minutes the old one works on once the new one does; as long as the release says when absent.
    #[schemars(range(min = 0, max = 525_600))]
    pub overlap_minutes: Option<u32>,
}

/// What is said when a credential is asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShowInput {
    /// Why; an administrator who is of neither team has to say it, and the teams read it.
    #[schemars(length(max = 500))]
    pub reason: String,
}

/// What gets a consumer in.
#[derive(Serialize, JsonSchema)]
pub struct ShownAccess {
    /// What is no secret, such as the user name.
    pub outputs: Map<String, Value>,
    /// The secrets. They are kept nowhere from now on.
    pub secrets: BTreeMap<String, String>,
}

async fn list(call: Call) -> Handled {
    let record = call.app().record(&call.caller, &call.reference()?)?;
    let (spec, status): (InstanceSpec, InstanceStatus) =
        (record.spec().map_err(loggia_app::Error::from)?, record.typed_status().map_err(loggia_app::Error::from)?);
    let graph = call.app().graph();
    let offer = instance_access::offer(&graph, &spec, &status);
    let items = told_access(&graph, &call.caller.audience, &record, status.access);
    json(&Accesses { items, roles: offer.map(|offer| offer.roles).unwrap_or_default() })
}

fn begun(done: &Outcome) -> axum::response::Response {
    let body = done.answer.clone();
    outcome(StatusCode::ACCEPTED, done, body)
}

async fn grant(call: Call) -> Handled {
    let input: GrantInput = call.json()?;
    Ok(begun(&call.app().grant_access(&call.caller, call.reference()?, input).await?))
}

async fn rotate(call: Call) -> Handled {
    let RotateInput { overlap_minutes } = call.json()?;
    let id = call.uid("id")?;
    Ok(begun(&call.app().rotate_access(&call.caller, call.reference()?, id, overlap_minutes).await?))
}

async fn revoke(call: Call) -> Handled {
    let id = call.uid("id")?;
    Ok(begun(&call.app().revoke_access(&call.caller, call.reference()?, id).await?))
}

async fn reveal(call: Call) -> Handled {
    let ShowInput { reason } = call.json()?;
    let id = call.uid("id")?;
    let shown = call.app().show_access(&call.caller, &call.reference()?, id, &reason).await?;
    // Showing it is what this address is for.
    let secrets = shown.secrets.iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned()));
    json(&ShownAccess { secrets: secrets.collect(), outputs: shown.outputs })
}
