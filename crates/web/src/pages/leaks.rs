//! What is left behind at backends, for those who run the platform.

use super::environment;
use super::form::Form;
use super::visit::{Answer, Visit};
use super::words::When;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::access::policy::{Action, Subject};
use loggia_app::estate::leak_decision::LeakName;
use loggia_app::estate::leaks::Leak;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new().route("/leaks", get(show)).route("/leaks/dismiss", post(dismiss)).route("/leaks/remove", post(remove))
}

#[derive(Template)]
#[template(path = "environment/leaks.html")]
struct LeaksPage {
    shell: Shell,
    crumbs: Vec<Link>,
    rows: Vec<Row>,
    may_remove: bool,
}

struct Row {
    driver: String,
    key: String,
    environment: Link,
    backend: String,
    since: When,
    /// Its state, as a mark: kind and word.
    state: (&'static str, &'static str),
}

async fn show(visit: Visit) -> Answer {
    visit.signed_in()?;
    let leaks = visit.app().leaks(&visit.caller)?;
    let now = visit.app().now();
    let row = |leak: Leak| Row {
        environment: Link::new(&leak.environment, environment::href(&leak.environment)),
        since: When::ago(now, Some(leak.since)),
        state: if leak.unknown { ("unknown", "nobody could look") } else { ("warn", "left behind") },
        driver: leak.driver,
        key: leak.key,
        backend: leak.backend,
    };
    visit.page(&LeaksPage {
        shell: Shell {
            json_twin: "/api/v1/leaks".into(),
            command: "loggia leaks".into(),
            ..visit.shell(Some(Place::Studio))
        },
        crumbs: vec![Link::new("Who runs what", "/who-runs")],
        rows: leaks.into_iter().map(row).collect(),
        may_remove: visit.app().require(&visit.caller, Action::Administer, &Subject::default()).is_ok(),
    })
}

fn named(form: &Form) -> LeakName {
    LeakName { driver: form.one("driver").to_owned(), key: form.one("key").to_owned() }
}

async fn dismiss(visit: Visit, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    visit.app().dismiss_leak(&visit.caller, &named(&form), form.one("reason")).await?;
    Ok(Redirect::to("/leaks?done=dismissed").into_response())
}

async fn remove(visit: Visit, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    visit.app().remove_leak(&visit.caller, &named(&form), form.ticked("confirmed")).await?;
    Ok(Redirect::to("/leaks?done=leak-removed").into_response())
}
