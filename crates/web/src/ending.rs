//! What every answer about something that goes away says of it: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and links
//! to its plan and to what replaces it; and the answers of what is off on trial or gone.

use crate::error::{Reply, door_of};
use crate::pages;
use crate::state::WebState;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use loggia_app::ending::Found;
use loggia_app::ending::effects::{may_look, of_address};
use loggia_app::{Caller, Error};
use loggia_model::{Day, Kind, Ref};
use std::sync::Arc;

/// What an answer is about, when its address does not say it: set by the handler.
#[derive(Clone, Debug)]
pub struct Subject(pub Ref);

/// A request whose answer may be about something that goes away.
pub struct About {
    state: WebState,
    caller: Caller,
    name: Option<Ref>,
}

impl About {
    /// Of a request; none while nothing goes away.
    pub fn of(state: &WebState, request: &Request, caller: &Caller) -> Option<About> {
        if !loggia_app::ending::any(&state.app.graph()) {
            return None;
        }
        let caller = caller.clone();
        let name = name_of(request.uri().path());
        Some(About { state: state.clone(), caller, name })
    }

    /// The answer of what is off on trial or gone; none for everything else.
    pub fn refuses(&self, request: &Request) -> Option<Response> {
        let name = self.name.as_ref().filter(|name| name.kind() != "instance")?;
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || !self.caller.is_signed_in() || is_past(request.uri().path()) {
            return None;
        }
        let graph = self.state.app.graph();
        let error = may_look(&graph, &self.caller, name, self.state.app.now()).err()?;
        let door = door_of(request.uri().path());
        // People read during a brownout what programs must not rely on.
        if door == loggia_app::Door::Page && matches!(error, Error::Paused(_)) {
            return None;
        }
        self.note(name, &error);
        let mut response = Reply(error).into_response_for(door, request);
        self.tell(&mut response);
        Some(response)
    }

    /// Notes who asked for what is not there, so that a forgotten caller shows up.
    fn note(&self, name: &Ref, error: &Error) {
        let Some(offering) = loggia_model::kinds::ending::offering_of(name) else { return };
        let (app, caller) = (Arc::clone(&self.state.app), self.caller.clone());
        let outcome = if matches!(error, Error::Gone(_)) { "gone" } else { "brownout" };
        tokio::spawn(async move {
            if let Err(error) = app.note_refused(&caller, &offering, outcome).await {
                tracing::debug!(%error, "cannot note who asked for what is gone");
            }
        });
    }

    /// Says in the headers what goes away, and when.
    pub fn tell(&self, response: &mut Response) {
        let named = response.extensions().get::<Subject>().map(|subject| subject.0.clone());
        let Some(name) = named.or_else(|| self.name.clone()) else { return };
        let graph = self.state.app.graph();
        let found = of_address(&graph, &self.caller.audience, &name, self.state.app.now());
        if let Some(first) = found.first() {
            headers(response.headers_mut(), first, &self.state.app.settings.public_url);
        }
    }
}

/// The name of what an address of the API, of a page or of the catalog is about.
fn name_of(path: &str) -> Option<Ref> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let named = |kind: &str, namespace: &str, name: &str| {
        let name = name.split(':').next().unwrap_or_default();
        let known = Kind::find(kind)?.lower();
        let ends = matches!(known.as_str(), "offering" | "release" | "instance");
        (ends && !namespace.is_empty() && !name.is_empty()).then(|| Ref::new(&known, namespace, name))
    };
    match segments.as_slice() {
        ["api", "v1", "records", kind, namespace, name, ..] => named(kind, namespace, name),
        ["api", "v1", "forms" | "who-runs", name] => named("offering", "default", name),
        ["api", "v1", plural, namespace, name, ..] => named(plural, namespace, name),
        ["api", "catalog", "entities", "by-name", kind, namespace, name] => named(kind, namespace, name),
        ["catalog", kind, namespace, name, ..] => named(kind, namespace, name),
        ["get", name, ..] => named("offering", "default", name),
        ["instances", namespace, name, ..] => named("instance", namespace, name),
        _ => None,
    }
}

/// Whether an address is about what was, which stays.
fn is_past(path: &str) -> bool {
    path.ends_with("/history") || path.starts_with("/api/v1/who-runs/")
}

/// Writes what an ending says of itself. `rel` stands first in each link: there are clients that look for it there.
fn headers(headers: &mut HeaderMap, found: &Found, base: &str) {
    let put = |headers: &mut HeaderMap, name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    };
    let dates = &found.spec.dates;
    let plan = format!("{base}{}", pages::ending::href(&found.record.reference));
    let guide = match found.spec.guide.as_deref() {
        Some(guide) if guide.starts_with('/') => format!("{base}{guide}"),
        Some(guide) => guide.to_owned(),
        None => plan.clone(),
    };
    let seconds = dates.effective.start().0 / loggia_model::time::SECOND;
    put(headers, HeaderName::from_static("deprecation"), format!("@{seconds}"));
    put(headers, HeaderName::from_static("sunset"), http_date(dates.off));
    put(headers, header::LINK, format!("<{guide}>; rel=\"deprecation\""));
    put(headers, header::LINK, format!("<{plan}>; rel=\"sunset\""));
    if let Some(successor) = found.spec.replacement_ref() {
        let page = format!("{base}{}", pages::entity::href(&successor));
        put(headers, header::LINK, format!("<{page}>; rel=\"successor-version\""));
    }
}

/// Says what to take instead.
pub fn tell_successor(headers: &mut HeaderMap, successor: Option<&Ref>) {
    let link = successor.map(|name| format!("<{}>; rel=\"successor-version\"", pages::entity::href(name)));
    if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        headers.append(header::LINK, value);
    }
}

/// The start of a day as HTTP writes times.
fn http_date(day: Day) -> String {
    day.start().datetime().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::{http_date, name_of};
    use loggia_model::Day;

    #[test]
    fn addresses_tell_what_they_are_about() {
        let of = |path: &str| name_of(path).map(|name| name.to_string()).unwrap_or_default();
        for path in [
            "/api/v1/offerings/default/tern",
            "/api/v1/records/offering/default/tern/history",
            "/api/v1/forms/tern",
            "/api/v1/who-runs/tern",
            "/api/catalog/entities/by-name/offering/default/tern",
            "/catalog/offering/default/tern/history",
            "/get/tern/new",
        ] {
            assert_eq!(of(path), "offering:default/tern", "{path}");
        }
        assert_eq!(of("/api/v1/releases/default/tern-6.0.0:yank"), "release:default/tern-6.0.0");
        assert_eq!(of("/api/v1/instances/red/a.dev:retry"), "instance:red/a.dev");
        assert_eq!(of("/instances/red/a.dev"), "instance:red/a.dev");
        for path in ["/", "/get", "/api/v1/components/default/tern", "/api/v1/orders"] {
            assert_eq!(of(path), "", "{path}");
        }
        assert_eq!(http_date(Day::parse("2027-12-31").unwrap()), "Fri, 31 Dec 2027 00:00:00 GMT");
    }
}
