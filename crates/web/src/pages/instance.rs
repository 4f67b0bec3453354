//! One running thing: its state, what one needs to reach it, what happens to it and what happened.

use super::clone;
use super::form::Form;
use super::instance_view::{InstancePage, Shown, gone, page};
use super::visit::{Answer, Visit};
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::policy::Action;
use loggia_app::access::writing::subject_of;
use loggia_app::estate::enrol::Enrol;
use loggia_app::instance::take_over::{Orphan, TakeOverInput};
use loggia_model::Ref;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::Verb;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/instances/{team}/{name}", get(show))
        .route("/instances/{team}/{name}/destroy", get(ask).post(destroy))
        .route("/instances/{team}/{name}/retry", post(retry))
        .route("/instances/{team}/{name}/look", post(look))
        .route("/instances/{team}/{name}/enrol", post(enrol))
        .route("/instances/{team}/{name}/withdraw", post(withdraw))
        .route("/instances/{team}/{name}/take-over", post(take_over))
        .route("/instances/{team}/{name}/orphan", post(orphan))
        .route("/instances/{team}/{name}/reveal", post(reveal))
        .route("/instances/{team}/{name}/token", post(token))
}

/// The page of an instance.
pub fn href(instance: &Ref) -> String {
    format!("/instances/{}/{}", instance.namespace(), instance.name())
}

type At = Path<(String, String)>;

fn reference(team: &str, name: &str) -> Ref {
    Ref::new("instance", team, name)
}

async fn show(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let reference = reference(&team, &name);
    let seen = |record| visit.graph.visible(visit.audience(), record);
    if !visit.graph.get(&reference).is_some_and(|record| seen(record)) {
        // What is gone is still worth a page: it says so, and since when. What may not be seen is told in the same words
        // as what never was.
        let past = visit.app().past(&visit.caller, &reference, 50).await?;
        if past.removed {
            return visit.page(&gone(&visit, &past).await?);
        }
    }
    let record = visit.record(&reference, href)?;
    let shown = page(&visit, &record, Shown::Nothing).await?;
    visit.page(&shown)
}

/// Shows one secret, once: the answer is kept nowhere.
async fn reveal(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    let reference = reference(&team, &name);
    let form = Form::read(&body);
    let output = form.one("output").to_owned();
    let record = visit.record(&reference, href)?;
    let secret = visit.app().reveal(&visit.caller, &record.reference, &output, form.one("reason")).await?;
    // The page itself shows it: that is what was asked for.
    let shown = Shown::Output(output, secret.reveal().to_owned());
    once(&visit, &page(&visit, &record, shown).await?)
}

/// Makes a token to clone it with, and shows it.
async fn token(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let record = visit.record(&reference(&team, &name), href)?;
    let token = clone::token(&visit, &record).await?;
    once(&visit, &page(&visit, &record, Shown::Token(token)).await?)
}

/// A page with something that is kept nowhere.
fn once(visit: &Visit, page: &InstancePage) -> Answer {
    let mut answer = visit.page(page)?;
    answer.headers_mut().remove(header::ETAG);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

async fn operate(visit: &Visit, instance: Ref, verb: Verb, confirmed: bool) -> Answer {
    visit.signed_in()?;
    let to = href(&instance);
    visit.app().operate(&visit.caller, instance, verb, confirmed).await?;
    Ok(Redirect::to(&to).into_response())
}

async fn retry(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let reference = reference(&team, &name);
    let record = visit.record(&reference, href)?;
    let status: InstanceStatus = record.typed_status().map_err(Error::from)?;
    // What failed while it was being taken away is taken away again, not made again.
    let newest = visit.app().operations_of(record.uid, 1).await?;
    let destroying = status.phase == Phase::Deleting || newest.first().is_some_and(|op| op.verb == Verb::Destroy);
    let verb = if destroying { Verb::Destroy } else { Verb::Apply };
    operate(&visit, reference, verb, false).await
}

async fn look(visit: Visit, Path((team, name)): At) -> Answer {
    operate(&visit, reference(&team, &name), Verb::Observe, false).await
}

async fn destroy(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    let confirmed = Form::read(&body).ticked("confirmed");
    operate(&visit, reference(&team, &name), Verb::Destroy, confirmed).await
}

async fn step(visit: &Visit, instance: Ref, back_down: bool) -> Answer {
    visit.signed_in()?;
    let to = href(&instance);
    visit.app().run(&visit.caller, Enrol { instance, withdraw: back_down }).await?;
    let done = if back_down { "withdrawn" } else { "enrolled" };
    Ok(Redirect::to(&format!("{to}?done={done}")).into_response())
}

async fn enrol(visit: Visit, Path((team, name)): At) -> Answer {
    step(&visit, reference(&team, &name), false).await
}

async fn withdraw(visit: Visit, Path((team, name)): At) -> Answer {
    step(&visit, reference(&team, &name), true).await
}

/// As what it was recognised as; the page then shows what would change, or that nothing does.
async fn take_over(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let instance = reference(&team, &name);
    let to = href(&instance);
    visit.app().take_over(&visit.caller, instance, TakeOverInput::default()).await?;
    Ok(Redirect::to(&to).into_response())
}

async fn orphan(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let instance = reference(&team, &name);
    let to = href(&instance);
    visit.app().run(&visit.caller, Orphan { instance }).await?;
    Ok(Redirect::to(&format!("{to}?done=orphaned")).into_response())
}

#[derive(Template)]
#[template(path = "instance/destroy.html")]
struct DestroyPage {
    shell: Shell,
    crumbs: Vec<Link>,
    title: String,
    heading: String,
    href: String,
    lost: Vec<String>,
    users: Vec<Link>,
}

/// Says what will be lost before anything is done.
async fn ask(visit: Visit, Path((team, name)): At) -> Answer {
    let record = visit.record(&reference(&team, &name), href)?;
    visit.app().require(&visit.caller, Action::Operate, &subject_of(&record.parse()))?;
    let spec: InstanceSpec = record.spec().map_err(Error::from)?;
    let base = loggia_app::instance::request::base_name(&record.reference, &spec.environment);
    let offering = visit.graph.get(&Ref::new("offering", "default", &spec.offering));
    let offering = offering.map_or_else(|| spec.offering.clone(), |record| record.parse().title().to_owned());
    let mut lost = vec![format!("{base}, a {offering} in {}, with everything that is in it", spec.environment)];
    let status: InstanceStatus = record.typed_status().map_err(Error::from)?;
    if !status.secret_outputs.is_empty() {
        lost.push("its passwords: whoever uses them is refused from then on".to_owned());
    }
    let used_by = super::entity::neighbours(&visit, &record.reference, &["dependsOn", "dependencyOf"]);
    let to = href(&record.reference);
    visit.page(&DestroyPage {
        shell: Shell {
            command: format!("loggia delete instance/{}/{}", team, record.reference.name()),
            json_twin: format!("/api/v1/instances/{}/{}", team, record.reference.name()),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new("My team", "/team"), Link::new(&base, &to)],
        heading: format!("Destroy {base}?"),
        title: base,
        href: to,
        lost,
        users: used_by,
    })
}
