//! Standards: what everything is held to, per team and per thing, and the page of each check.

use super::form::Form;
use super::visit::{Answer, Visit};
use super::{entity, team, words};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::differ::Differ;
use loggia_app::access::writing::may_write;
use loggia_app::checks::{CheckLine, CheckView, Exempt, Standing, ThingVerdict};
use loggia_model::check::Outcome;
use loggia_model::{Day, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/standards", get(list))
        .route("/standards/{name}", get(show))
        .route("/standards/{name}/exempt", post(exempt))
}

/// The page of a check.
pub fn href(check: &Ref) -> String {
    format!("/standards/{}", check.name())
}

/// How a verdict looks.
pub fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passes => "ok",
        Outcome::Fails => "bad",
        Outcome::Grace | Outcome::Exempt => "warn",
        Outcome::Unknown => "unknown",
    }
}

#[derive(Template)]
#[template(path = "check/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<CheckLine>,
    teams: Vec<Link>,
    team: String,
}

/// The team that is asked for, when the caller may see it.
fn chosen(visit: &Visit) -> Result<Option<Ref>, Error> {
    let Some(team) = visit.given("team") else { return Ok(None) };
    let missing = || Error::NotFound("There is no such team, or you may not see it.".into());
    let team = Ref::parse(&team, Some("group"), "default").map_err(|_| missing())?;
    visit.app().record(&visit.caller, &team)?;
    Ok(Some(team))
}

async fn list(visit: Visit) -> Answer {
    visit.signed_in()?;
    let team = chosen(&visit)?;
    let rows = visit.app().checks(&visit.caller, team.as_ref(), false).await?;
    let mine = visit.my_teams();
    let link = |record: &std::sync::Arc<loggia_model::Record>| {
        Link::new(entity::title(record), format!("/standards?team={}", record.reference.name()))
    };
    let mut teams = vec![Link::new("Everybody", "/standards")];
    teams.extend(mine.iter().map(link));
    let studio = visit.caller.product_team || visit.caller.administrator;
    let shell = Shell {
        command: team.as_ref().map_or("loggia checks".into(), |team| format!("loggia checks --team {}", team.name())),
        json_twin: "/api/v1/checks:overview".into(),
        ..visit.shell(Some(Place::Studio).filter(|_| studio))
    };
    let team = team.map_or_else(|| "/standards".to_owned(), |team| format!("/standards?team={}", team.name()));
    visit.page(&ListPage { shell, rows, teams, team })
}

#[derive(Template)]
#[template(path = "check/page.html")]
struct CheckPage {
    shell: Shell,
    crumbs: Vec<Link>,
    view: CheckView,
    teams: Vec<(Link, Standing)>,
    things: Vec<Thing>,
    /// How many pass and are not listed.
    passing: usize,
    may: bool,
    /// Whether it is narrowed to a team, and which.
    team: String,
}

struct Thing {
    title: String,
    href: String,
    team: String,
    mark: &'static str,
    word: String,
    why: String,
    mend: String,
}

async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    visit.signed_in()?;
    let name = Ref::new("check", "default", &name);
    let team = chosen(&visit)?;
    let view = visit.app().check_view(&visit.caller, &name, team.as_ref()).await?;
    let shell = Shell {
        command: format!("loggia checks {}", name.name()),
        json_twin: format!("/api/v1/checks/default/{}/state", name.name()),
        ..visit.shell(None)
    };
    let text = visit.graph.get(&name).map(|record| record.parse());
    let may = |action, subject: &_| visit.app().require(&visit.caller, action, subject);
    let may = !visit.app().settings.read_only
        && text.is_some_and(|text| may_write(&visit.graph, Some(&text), Some(&text), may).is_ok());
    let open: Vec<Thing> = view.things.iter().filter(|t| t.verdict.outcome != Outcome::Passes).map(thing).collect();
    visit.page(&CheckPage {
        shell,
        crumbs: vec![Link::new("Standards", "/standards")],
        teams: view
            .teams
            .iter()
            .map(|one| (Link::new(one.title.as_str(), team::href(&one.team)), one.standing))
            .collect(),
        passing: view.things.len() - open.len(),
        things: open,
        may,
        team: team.map(|team| team.name().to_owned()).unwrap_or_default(),
        view,
    })
}

fn thing(one: &ThingVerdict) -> Thing {
    Thing {
        title: one.title.clone(),
        href: entity::href(&one.thing),
        team: one.team.as_ref().map(|team| team.name().to_owned()).unwrap_or_default(),
        mark: mark(one.verdict.outcome),
        word: one.verdict.to_string(),
        why: one.verdict.why.clone(),
        mend: one.mend.clone(),
    }
}

async fn exempt(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let mend = "Write it as 2027-03-31.";
    let until = Day::parse(form.one("until"))
        .ok_or_else(|| Error::invalid("check.exemption", "until", "This is no day", mend))?;
    let missing = || Error::NotFound("There is no such team, or you may not see it.".into());
    let team = Ref::parse(form.one("team"), Some("group"), "default").map_err(|_| missing())?;
    let check = Ref::new("check", "default", &name);
    let reason = form.one("reason").to_owned();
    visit
        .app()
        .run(&visit.caller, Exempt { check: check.clone(), differ: Differ { team, thing: None, until, reason } })
        .await?;
    Ok(Redirect::to(&format!("{}?done=exempted", href(&check))).into_response())
}
