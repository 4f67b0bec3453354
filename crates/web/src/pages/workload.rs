//! Workloads: each in its environments, side by side, and what was deployed.

use super::instance::href as instance_href;
use super::team;
use super::visit::{Answer, Visit};
use super::words::{self, When};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use loggia_app::workload::history::{Deployment, Place as Deployed};
use loggia_model::Ref;
use loggia_model::naming;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/workloads", get(list)).route("/workloads/{team}/{name}", get(show))
}

/// The page of a workload.
pub fn href(team: &Ref, name: &str) -> String {
    format!("/workloads/{}/{name}", naming::namespace(team))
}

#[derive(Template)]
#[template(path = "workload/list.html")]
struct ListPage {
    shell: Shell,
    workloads: Vec<(Link, Link)>,
}

async fn list(visit: Visit) -> Answer {
    visit.signed_in()?;
    let one = |(of, name): (Ref, String)| (Link::new(&name, href(&of, &name)), Link::new(of.name(), team::href(&of)));
    let workloads = visit.app().workloads(&visit.caller).into_iter().map(one).collect();
    visit.page(&ListPage {
        shell: Shell {
            command: "loggia workload".to_owned(),
            json_twin: "/api/v1/workloads".to_owned(),
            ..visit.shell(Some(Place::Team))
        },
        workloads,
    })
}

#[derive(Template)]
#[template(path = "workload/page.html")]
struct WorkloadPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    places: Vec<Column>,
    /// The names of all resources.
    resources: Vec<String>,
    history: Vec<HistoryLine>,
    differences: Vec<Link>,
}

/// One environment.
struct Column {
    environment: String,
    link: Option<Link>,
    state: (&'static str, &'static str),
    artifact: String,
    number: u64,
    from: String,
    runs_on: String,
    url: String,
    /// The release of each resource.
    resources: Vec<(String, String)>,
    /// What brings it to the next one.
    promote: String,
}

/// One deployment.
struct HistoryLine {
    environment: String,
    number: u64,
    when: When,
    by: String,
    artifact: String,
    from: String,
}

async fn show(visit: Visit, Path((of, name)): Path<(String, String)>) -> Answer {
    visit.signed_in()?;
    let of = visit.app().team_of_namespace(&of)?;
    let places = visit.app().workload(&visit.caller, &of, &name)?;
    let mut resources: Vec<String> = places.iter().flat_map(|place| place.resources.keys().cloned()).collect();
    resources.sort();
    resources.dedup();
    let mut history = Vec::new();
    for place in &places {
        let Some(instance) = &place.instance else { continue };
        let all = visit.app().deployments(&visit.caller, instance).await?;
        history.extend(all.into_iter().map(|one| (one.time, line(&visit, &place.environment, one))));
    }
    history.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let there: Vec<&Deployed> = places.iter().filter(|place| place.instance.is_some()).collect();
    let differences = there.windows(2).map(|pair| {
        let (from, to) = (&pair[0].environment, &pair[1].environment);
        let to_page = format!("/differences?from={from}&to={to}&team={}", of.name());
        Link::new(format!("What differs between {from} and {to}"), to_page)
    });
    visit.page(&WorkloadPage {
        shell: Shell {
            command: format!("loggia workload {name} --team {}", of.name()),
            json_twin: format!("/api/v1/workloads/{}/{name}", naming::namespace(&of)),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new("My team", "/team"), Link::new("Workloads", "/workloads")],
        differences: differences.collect(),
        places: places.iter().map(|place| column(place, &name, &resources)).collect(),
        history: history.into_iter().map(|(_, line)| line).collect(),
        title: name,
        resources,
    })
}

fn column(place: &Deployed, name: &str, resources: &[String]) -> Column {
    let phase = place.phase.map(words::phase);
    let next = place.promotes_to.as_ref().filter(|_| place.instance.is_some());
    let release = |name: &String| place.resources.get(name).cloned().unwrap_or_default();
    Column {
        link: place.instance.as_ref().map(|instance| Link::new(instance.name(), instance_href(instance))),
        state: phase.unwrap_or(("off", "not deployed")),
        artifact: place.artifact.clone(),
        number: place.number,
        from: place.from.clone().unwrap_or_default(),
        runs_on: place.release.clone(),
        url: place.url.clone().filter(|url| url.starts_with("http")).unwrap_or_default(),
        resources: resources.iter().map(|name| (name.clone(), release(name))).collect(),
        promote: next
            .map(|to| format!("loggia promote {name} --from {} --to {to}", place.environment))
            .unwrap_or_default(),
        environment: place.environment.clone(),
    }
}

fn line(visit: &Visit, environment: &str, one: Deployment) -> HistoryLine {
    HistoryLine {
        environment: environment.to_owned(),
        number: one.number,
        when: When::ago(visit.app().now(), Some(one.time)),
        by: one.by.rsplit('/').next().unwrap_or_default().to_owned(),
        artifact: one.artifact,
        from: one.from.unwrap_or_default(),
    }
}
