//! Who has access to a running thing, as its page shows it; granting, renewing, showing and taking it away.

use super::form::Form;
use super::instance::{At, once, reference};
use super::instance_view::{Shown, page};
use super::visit::{Answer, Visit};
use super::words::When;
use super::{changes, entity};
use crate::design::Fact;
use crate::shell::Link;
use crate::state::WebState;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use loggia_app::Error;
use loggia_app::access::reveal::Way;
use loggia_app::access::visibility::told_access;
use loggia_app::instance::instance_access::{self, GrantInput};
use loggia_model::instance::InstanceStatus;
use loggia_model::instance_access::{Access, CredentialState};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::time::SECOND;
use loggia_model::{Day, Micros, Record, Ref, Uid};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/instances/{team}/{name}/access", post(grant))
        .route("/instances/{team}/{name}/access/rotate", post(rotate))
        .route("/instances/{team}/{name}/access/revoke", post(revoke))
        .route("/instances/{team}/{name}/access/show", post(show))
}

/// The section of the page of an instance.
#[derive(Default)]
pub struct Section {
    /// Who has access.
    pub lines: Vec<Line>,
    /// The roles that can be granted: name and meaning.
    pub roles: Vec<(String, String)>,
    /// Whether the caller may grant and revoke.
    pub may: bool,
    /// The last day that can be given; empty when there is none.
    pub latest: String,
}

/// One access.
pub struct Line {
    /// Its identity.
    pub id: Uid,
    /// Who has it.
    pub who: Link,
    /// What it may do.
    pub role: String,
    /// Its state, as a mark: kind and word.
    pub state: (&'static str, &'static str),
    /// What comes next, in a sentence; empty when nothing does.
    pub note: String,
    /// Who granted it, and when.
    pub by: String,
    /// Whether it goes on.
    pub lives: bool,
    /// Whether its credential waits to be shown to the caller.
    pub unseen: bool,
    /// Whether the caller has to say why.
    pub why: bool,
    /// The credential, right after it was asked for.
    pub shown: Vec<Fact>,
}

/// Gathers the section.
pub fn section(
    visit: &Visit,
    record: &Record,
    (spec, status): (&InstanceSpec, &InstanceStatus),
    may: bool,
    mut shown: Option<(Uid, Vec<Fact>)>,
) -> Section {
    let offer = instance_access::offer(&visit.graph, spec, status);
    let told = told_access(&visit.graph, visit.audience(), record, status.access.clone());
    let mut lines: Vec<Line> = told.iter().map(|access| line(visit, record, access)).collect();
    for line in &mut lines {
        if let Some((_, facts)) = shown.take_if(|(id, _)| *id == line.id) {
            line.shown = facts;
        }
    }
    let longest = offer.as_ref().and_then(|offer| offer.longest_days);
    let latest = longest.map(|days| Day::of(visit.app().now()).plus(days).to_string()).unwrap_or_default();
    let able = visit.app().unable(&record.reference).is_none();
    let roles = offer.filter(|_| able).map(|offer| offer.roles).unwrap_or_default();
    Section { lines, roles: roles.into_iter().map(|role| (role.name, role.summary)).collect(), may, latest }
}

fn line(visit: &Visit, record: &Record, access: &Access) -> Line {
    let way = visit.app().may_show(&visit.caller, record, access).ok();
    let waits = access.current().is_some_and(|credential| !credential.unseen.is_empty());
    let since = When::ago(visit.app().now(), Some(access.since));
    Line {
        id: access.id,
        who: consumer(visit, &access.to),
        role: access.role.clone(),
        state: state(access),
        note: note(visit, access),
        by: format!("{}, {}", changes::who(visit, &access.by), since.words),
        lives: access.lives(),
        unseen: waits && way.is_some(),
        why: way == Some(Way::WithReason),
        shown: Vec::new(),
    }
}

/// A consumer by the name that people know.
pub(super) fn consumer(visit: &Visit, to: &str) -> Link {
    let known = to.parse::<Ref>().ok().filter(|_| !to.starts_with("service:"));
    let record = known.as_ref().and_then(|named| visit.graph.get(named));
    match (record.filter(|record| visit.graph.visible(visit.audience(), record)), known) {
        (Some(record), Some(named)) => Link::new(entity::title(record), entity::href(&named)),
        (None, Some(named)) => Link::new(named.name(), String::new()),
        _ => Link::new(to.strip_prefix("service:").unwrap_or(to), String::new()),
    }
}

fn state(access: &Access) -> (&'static str, &'static str) {
    let is = |state| access.credentials.iter().any(|credential| credential.state == state);
    let stuck = access.credentials.iter().any(|credential| !credential.message.is_empty());
    match (access.current(), access.lives()) {
        (Some(_), _) if is(CredentialState::Making) => ("busy", "being renewed"),
        (Some(_), _) => ("ok", "works"),
        (None, true) => ("busy", "being made"),
        (None, false) if stuck => ("bad", "not revoked yet"),
        (None, false) => ("busy", "being revoked"),
    }
}

fn note(visit: &Visit, access: &Access) -> String {
    let now = visit.app().now();
    let mut said = Vec::new();
    if let Some(until) = access.until.filter(|_| access.lives()) {
        said.push(format!("Works until the end of {}.", Day::of(until).words()));
    }
    let newest = access.current().map(|credential| credential.id);
    for credential in &access.credentials {
        let ends =
            credential.ends.filter(|_| credential.state == CredentialState::Works && Some(credential.id) != newest);
        if let Some(ends) = ends {
            said.push(format!("The earlier credential works on; it is taken away {}.", ahead(now, ends)));
        }
        if !credential.message.is_empty() {
            said.push(format!("{} It is tried again by itself.", credential.message));
        }
    }
    said.join(" ")
}

/// A time to come, as people say it.
fn ahead(now: Micros, then: Micros) -> String {
    let of = |count: i64, one: &str| if count == 1 { format!("in one {one}") } else { format!("in {count} {one}s") };
    match (then.0 - now.0).max(0) / SECOND {
        seconds @ 0..60 => of(seconds.max(1), "second"),
        seconds @ 60..3_600 => of(seconds / 60, "minute"),
        seconds @ 3_600..172_800 => of(seconds / 3_600, "hour"),
        _ => format!("on {}", Day::of(then).words()),
    }
}

async fn back(visit: &Visit, instance: Ref, done: &'static str) -> Answer {
    let to = super::instance::href(&instance);
    // The instance is looked up again: it may be gone meanwhile.
    visit.record(&instance, super::instance::href)?;
    Ok(Redirect::to(&format!("{to}?done={done}#h-access")).into_response())
}

async fn grant(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    visit.signed_in()?;
    let (form, instance) = (Form::read(&body), reference(&team, &name));
    let until = match form.one("until") {
        "" => None,
        day => Some(Day::parse(day).ok_or_else(|| {
            Error::invalid("access.until", "until", format!("{day:?} is no day"), "Write it like 2027-03-31.")
        })?),
    };
    let role = Some(form.one("role")).filter(|role| !role.is_empty()).map(str::to_owned);
    let input = GrantInput { to: form.one("to").to_owned(), role, until };
    visit.app().grant_access(&visit.caller, instance.clone(), input).await?;
    back(&visit, instance, "granted").await
}

fn id(form: &Form) -> Result<Uid, Error> {
    form.one("id").parse().map_err(|_| Error::NotFound("There is no such access.".into()))
}

async fn rotate(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    visit.signed_in()?;
    let (id, instance) = (id(&Form::read(&body))?, reference(&team, &name));
    visit.app().rotate_access(&visit.caller, instance.clone(), id, None).await?;
    back(&visit, instance, "rotated").await
}

async fn revoke(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    visit.signed_in()?;
    let (id, instance) = (id(&Form::read(&body))?, reference(&team, &name));
    visit.app().revoke_access(&visit.caller, instance.clone(), id).await?;
    back(&visit, instance, "access-revoked").await
}

/// Shows a credential, once: the answer is kept nowhere.
async fn show(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let (id, instance) = (id(&form)?, reference(&team, &name));
    let found = visit.app().show_access(&visit.caller, &instance, id, form.one("reason")).await?;
    let plain = found.outputs.iter().map(|(name, value)| (name.clone(), super::words::plain(value)));
    // The page itself shows them: that is what was asked for.
    let secrets = found.secrets.iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned()));
    let facts = plain.chain(secrets).map(|(name, value)| Fact::new(super::words::label(&name), value)).collect();
    let record = visit.record(&instance, super::instance::href)?;
    once(&visit, &page(&visit, &record, Shown::Access(id, facts)).await?)
}

#[cfg(test)]
mod tests {
    use super::ahead;
    use loggia_model::Micros;

    #[test]
    fn times_to_come_are_said_as_people_say_them() {
        let told = |seconds: i64| ahead(Micros(0), Micros(seconds * 1_000_000));
        let all = [0, 1, 59, 60, 3_599, 3_600, 100_000, 172_800].map(told);
        let wanted = [
            "in one second",
            "in one second",
            "in 59 seconds",
            "in one minute",
            "in 59 minutes",
            "in one hour",
            "in 27 hours",
            "on 3 January 1970",
        ];
        assert_eq!(all, wanted);
    }
}
