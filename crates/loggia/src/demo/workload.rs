//! What the demo has of things with parts: a service with its database in one order, and a workload that is deployed as its
//! Score file says. They really run, so they begin when the demo's PostgreSQL does.

use super::files;
use super::seed::{REQUEST, operation_of};
use anyhow::{Result, bail};
use loggia_app::access::caller::{Caller, Door};
use loggia_app::instance::order::OrderInput;
use loggia_app::workload::deploy::DeployInput;
use loggia_app::{App, Error};
use loggia_model::{Ref, Uid};
use loggia_store::Store;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Name of the database entry that tells that it was done.
const PROGRESS: &str = "demo-workload";
/// Who does it, for which team.
const PERSON: &str = "amara";
const TEAM: &str = "booking";
/// Where.
const ENVIRONMENT: &str = "dev";
/// The repository of the workload.
const REPOSITORY: &str = "berths";
/// How long its repository may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Orders and deploys, unless that was done: what somebody took away since stays away.
///
/// # Errors
/// When a command fails.
pub async fn run(app: &App, store: &Store) -> Result<()> {
    if store.meta(PROGRESS).await?.is_some() {
        return Ok(());
    }
    let person = Ref::new("user", "default", PERSON);
    let caller = Caller::person(&app.graph(), person, Door::Api, REQUEST);
    order(app, &caller, "quay", "tides", "Tells the tides of a port.").await?;
    if let Some(operation) = order(app, &caller, "service-path", REPOSITORY, "Plans which ship lies where.").await? {
        ended(app, &caller, operation).await?;
    }
    let deploy = DeployInput {
        score: files::text("workloads/berth-plan.yaml").to_owned(),
        environment: ENVIRONMENT.to_owned(),
        team: Some(TEAM.to_owned()),
        image: Some(REPOSITORY.to_owned()),
        ..DeployInput::default()
    };
    app.run(&caller, deploy.command()?).await?;
    Ok(store.put_meta(PROGRESS, "done").await?)
}

async fn order(app: &App, caller: &Caller, offering: &str, name: &str, purpose: &str) -> Result<Option<Uid>> {
    let Value::Object(inputs) = json!({"purpose": purpose}) else { return Ok(None) };
    let input = OrderInput {
        offering: offering.to_owned(),
        environment: ENVIRONMENT.to_owned(),
        team: TEAM.to_owned(),
        name: name.to_owned(),
        inputs,
        ..OrderInput::default()
    };
    match app.order(caller, input).await {
        Ok(outcome) => Ok(operation_of(&outcome.answer)),
        // There since an earlier start that did not come to its end.
        Err(Error::Invalid(problems)) if problems.iter().all(|problem| problem.rule == "name.taken") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn ended(app: &App, caller: &Caller, operation: Uid) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while Instant::now() < limit {
        let operation = app.operation(caller, operation).await?;
        if operation.state.is_end() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("{REPOSITORY} was not made in time")
}
