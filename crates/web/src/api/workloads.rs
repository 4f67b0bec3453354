//! Workloads: deploying them, on to the next environment, back, and what differs.

use super::call::{Call, json, outcome};
use super::parameter::{Form, Param};
use super::route::{Access, Handled, Route};
use axum::http::{Method, StatusCode};
use loggia_app::access::policy::Action;
use loggia_app::composition::explain::Explanation;
use loggia_app::workload::deploy::{Deploy, DeployInput};
use loggia_app::workload::differ::Row;
use loggia_app::workload::history::{Deployment, Place, PromoteInput, RollbackInput};
use loggia_app::{Error, Outcome};
use loggia_model::composition::Choice;
use loggia_model::kinds::offering::Price;
use loggia_model::naming;
use loggia_model::{Micros, Ref, Uid};
use schemars::JsonSchema;
use serde::Serialize;

const ONE: &str = "/api/v1/workloads/{namespace}/{name}";
const PROMOTE: &str = "/api/v1/workloads/{namespace}/{name}:promote";
const BACK: &str = "/api/v1/workloads/{namespace}/{name}:rollback";
const DEPLOYMENTS: &str = "/api/v1/instances/{namespace}/{name}/deployments";
const EXPLANATION: &str = "/api/v1/instances/{namespace}/{name}/explanation";

/// The routes.
pub fn routes() -> Vec<Route> {
    changing().into_iter().chain(reading()).collect()
}

/// What brings something about.
fn changing() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/workloads:deploy", "deployWorkload", Access::May(Action::Order), |call| {
            Box::pin(deploy(call))
        })
        .does("Brings a workload to an environment as its Score file says, the first time and again.")
        .body::<DeployInput>()
        .gives::<DeployedTo>(200, "What would happen, or that nothing changes.")
        .gives::<DeployedTo>(202, "Follow the operation.")
        .fails([422]),
        Route::new(Method::POST, PROMOTE, "promoteWorkload", Access::May(Action::Order), |call| {
            Box::pin(promote(call))
        })
        .does("Brings a workload to the next environment: the same artifact and the same versions.")
        .body::<PromoteInput>()
        .gives::<DeployedTo>(200, "What would happen, or that nothing changes.")
        .gives::<DeployedTo>(202, "Follow the operation.")
        .fails([422]),
        Route::new(Method::POST, BACK, "rollbackWorkload", Access::May(Action::Operate), |call| Box::pin(back(call)))
            .does("Brings an earlier deployment of a workload back.")
            .body::<RollbackInput>()
            .gives::<DeployedTo>(200, "What would happen, or that nothing changes.")
            .gives::<DeployedTo>(202, "Follow the operation.")
            .fails([422]),
    ]
}

/// What only tells.
fn reading() -> Vec<Route> {
    let read = Access::May(Action::Read);
    vec![
        Route::new(Method::GET, "/api/v1/workloads", "listWorkloads", read, |call| Box::pin(list(call)))
            .does("Lists the workloads that you may see.")
            .gives::<Workloads>(200, "By team and name."),
        Route::new(Method::GET, ONE, "readWorkload", read, |call| Box::pin(one(call)))
            .does("Gives a workload in each environment, side by side.")
            .gives::<Places>(200, "In the order of environments."),
        Route::new(Method::GET, DEPLOYMENTS, "listDeployments", read, |call| Box::pin(deployments(call)))
            .does("Lists what was deployed as an instance: who, when, from where, and which artifact.")
            .gives::<Deployments>(200, "The newest first."),
        Route::new(Method::GET, EXPLANATION, "explainInstance", read, |call| Box::pin(explanation(call)))
            .does("Tells what an instance is made of, what needs it, and why each of them was chosen.")
            .gives::<Explanation>(200, "The choices with their reasons."),
        Route::new(Method::GET, "/api/v1/differences", "listDifferences", read, |call| Box::pin(differences(call)))
            .does(
                "Tells what differs between two environments, or between two times, with what brought it about. \
                   Of environments the first two when nothing is named.",
            )
            .takes([
                Param::query("from", Form::Text(63, None), "Name of the first environment."),
                Param::query("to", Form::Text(63, None), "Name of the second one."),
                Param::query(
                    "at",
                    Form::Text(40, None),
                    "The earlier time, such as 2026-04-30 or 2026-04-30T12:00:00Z.",
                ),
                Param::query("until", Form::Text(40, None), "The later time; now when absent."),
                Param::query("team", Form::Text(200, None), "Only what this team has."),
            ])
            .gives::<Differences>(200, "By name."),
    ]
}

/// What was deployed, or would be.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeployedTo {
    /// The instance.
    pub instance: Ref,
    /// Its identity for life.
    pub uid: Option<Uid>,
    /// The operation that makes it; none when nothing changes.
    pub operation: Option<Uid>,
    /// Who has to agree first.
    pub waits: Option<String>,
    /// Name of the environment.
    pub environment: String,
    /// What runs: an image, or a commit.
    pub artifact: String,
    /// The number of the deployment.
    pub number: u64,
    /// Its resources, each with the reasons.
    pub parts: Vec<Choice>,
    /// What is made new costs.
    pub prices: Vec<Price>,
    /// Resources that the file names no more.
    pub left: Vec<Ref>,
    /// What the file says and nothing here takes.
    pub ignored: Vec<String>,
    /// Whether all is as it was.
    pub unchanged: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// The name of a workload.
#[derive(Serialize, JsonSchema)]
pub struct Named {
    /// Its team.
    pub team: Ref,
    /// Its name.
    pub name: String,
    /// The namespace of its instances, for its address.
    pub namespace: String,
}

/// Workloads.
#[derive(Serialize, JsonSchema)]
pub struct Workloads {
    /// By team and name.
    pub items: Vec<Named>,
}

/// A workload in its environments.
#[derive(Serialize, JsonSchema)]
pub struct Places {
    /// In the order of environments.
    pub items: Vec<Place>,
}

/// Deployments.
#[derive(Serialize, JsonSchema)]
pub struct Deployments {
    /// The newest first.
    pub items: Vec<Deployment>,
}

/// What differs.
#[derive(Serialize, JsonSchema)]
pub struct Differences {
    /// By name.
    pub items: Vec<Row>,
}

async fn deploy(call: Call) -> Handled {
    let command = call.json::<DeployInput>()?.command()?;
    run(&call, command).await
}

async fn run(call: &Call, command: Deploy) -> Handled {
    let done = call.app().run(&call.caller, command).await?;
    Ok(answered(&done))
}

fn answered(done: &Outcome) -> axum::response::Response {
    let operation = done.answer.get("operation").is_some_and(|operation| !operation.is_null());
    let dry = done.answer.get("dryRun").and_then(serde_json::Value::as_bool).unwrap_or(false);
    let status = if operation && !dry { StatusCode::ACCEPTED } else { StatusCode::OK };
    outcome(status, done, done.answer.clone())
}

async fn list(call: Call) -> Handled {
    let one = |(team, name): (Ref, String)| Named { namespace: naming::namespace(&team), team, name };
    let items = call.app().workloads(&call.caller).into_iter().map(one).collect();
    json(&Workloads { items })
}

fn team(call: &Call) -> Result<Ref, Error> {
    call.app().team_of_namespace(call.segment("namespace"))
}

fn team_named(text: &str) -> Result<Ref, Error> {
    Ref::parse(text, Some("group"), "default")
        .map_err(|_| Error::invalid("order.team", "team", "This is not the name of a team", "Write it like booking."))
}

async fn one(call: Call) -> Handled {
    json(&Places { items: call.app().workload(&call.caller, &team(&call)?, call.segment("name"))? })
}

async fn promote(call: Call) -> Handled {
    call.app().writable(&call.caller)?;
    let input: PromoteInput = call.json()?;
    let command = call.app().promotion(&call.caller, &team(&call)?, call.segment("name"), &input)?;
    run(&call, command).await
}

async fn back(call: Call) -> Handled {
    call.app().writable(&call.caller)?;
    let input: RollbackInput = call.json()?;
    let command = call.app().way_back(&call.caller, &team(&call)?, call.segment("name"), &input).await?;
    run(&call, command).await
}

async fn deployments(call: Call) -> Handled {
    json(&Deployments { items: call.app().deployments(&call.caller, &call.reference()?).await? })
}

async fn explanation(call: Call) -> Handled {
    json(&call.app().explanation(&call.caller, &call.reference()?)?)
}

async fn differences(call: Call) -> Handled {
    let given = |name: &str| call.given.text(name);
    let team = given("team").map(team_named).transpose()?;
    let pair = given("from").zip(given("to")).map(|(from, to)| (from.to_owned(), to.to_owned()));
    let some = ["from", "to", "at", "until"].iter().any(|name| given(name).is_some());
    let pair = if some { pair } else { call.app().usual_pair(&call.caller) };
    let items = match (pair, given("at")) {
        (Some((from, to)), None) => call.app().differ_environments(&call.caller, &from, &to, team.as_ref()).await?,
        (None, Some(at)) if given("from").is_none() && given("to").is_none() => {
            let until = given("until").map(|text| time("until", text)).transpose()?.unwrap_or(call.app().now());
            call.app().differ_times(&call.caller, time("at", at)?, until, team.as_ref()).await?
        }
        (None, None) if !some => Vec::new(),
        _ => {
            let mend = "Give ?from=dev&to=test, or ?at=2026-04-30.";
            return Err(Error::invalid("diff.what", "from", "It is not said what is compared", mend).into());
        }
    };
    json(&Differences { items })
}

/// A day or a moment.
fn time(field: &str, text: &str) -> Result<Micros, Error> {
    let wrong = || {
        let mend = "Write a day such as 2026-04-30, or a moment such as 2026-04-30T12:00:00Z.";
        Error::invalid("diff.time", field, format!("{text:?} is no time"), mend)
    };
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Micros::parse(&whole).ok_or_else(wrong)
}
