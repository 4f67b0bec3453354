//! CloudEvents 1.0 over HTTP (structured, batched, binary), and CDEvents in them.
//!
//! CDEvents say which service runs in which environment as which artifact. They do not say whose it is and which version
//! it has: `customData.team` says whose, else the first part of the subject's id before a slash, else the token or the
//! component of that name; the version is that of
//! the artifact's package address, else `customData.version`. What it is, `customData.offering` says; without it, what is
//! known under the name of the service, else what rules know under that name or that of the artifact's package.

use super::call::{Call, wrong_body};
use super::fault::Fault;
use super::parameter::PLAIN;
use axum::http::HeaderMap;
use loggia_app::Error;
use loggia_app::estate::Observed;
use loggia_model::{Micros, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CloudEvent {
    /// Always `1.0`.
    #[schemars(regex(pattern = r"^1\.0$"))]
    pub specversion: String,
    /// Identity within the source.
    #[schemars(length(min = 1), regex(pattern = PLAIN))]
    pub id: String,
    /// Who sent it.
    #[schemars(length(min = 1), regex(pattern = PLAIN))]
    pub source: String,
    /// What happened, such as `dev.cdevents.service.deployed.0.3.0`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1), regex(pattern = PLAIN))]
    pub kind: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = PLAIN))]
    pub subject: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Micros")]
    pub time: Option<Micros>,
    /// What it says.
    #[serde(default)]
    pub data: Value,
}

impl CloudEvent {
    /// The envelope of a CDEvent that came without one, as it is sent with `application/json`; none for anything else.
    pub fn around(event: &Value) -> Option<CloudEvent> {
        let context = |name: &str| text(event, &format!("/context/{name}")).map(str::to_owned);
        event.get("subject")?;
        Some(CloudEvent {
            specversion: "1.0".into(),
            id: context("id")?,
            source: context("source")?,
            kind: context("type").filter(|kind| kind.starts_with("dev.cdevents."))?,
            subject: None,
            time: None,
            data: event.clone(),
        })
    }
}

/// Whether a request carries an event with its attributes in headers.
pub fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key("ce-specversion")
}

/// The events of a request.
///
/// # Errors
/// 400 when an attribute is missing or wrong.
pub fn read(call: &Call) -> Result<Vec<CloudEvent>, Fault> {
    if is_binary(&call.headers) {
        return Ok(vec![binary(call)?]);
    }
    match call.media.as_str() {
        "application/cloudevents-batch+json" => call.json(),
        _ => Ok(vec![call.json()?]),
    }
}

fn binary(call: &Call) -> Result<CloudEvent, Fault> {
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let needed = |name: &str| {
        let missing = || Error::invalid("cloudevents", name, format!("The header {name} is missing"), "Send it.");
        header(name).filter(|text| !text.is_empty()).ok_or_else(missing)
    };
    let time = match header("ce-time") {
        None => None,
        Some(text) => Some(Micros::parse(&text).ok_or_else(|| {
            Error::invalid("cloudevents", "ce-time", "This is not a time", "Write it like 2026-01-31T12:00:00Z.")
        })?),
    };
    Ok(CloudEvent {
        specversion: needed("ce-specversion")?,
        id: needed("ce-id")?,
        source: needed("ce-source")?,
        kind: needed("ce-type")?,
        subject: header("ce-subject"),
        time,
        data: serde_json::from_slice(&call.body).map_err(|error| wrong_body(&error))?,
    })
}

/// What an event says about something that runs; `Ok(Err(why))` for events that say nothing about that.
///
/// # Errors
/// What is wrong with an event that should.
pub fn observed(event: &CloudEvent) -> Result<Result<Observed, String>, Box<Problem>> {
    // The full CDEvent is in the data; its context says more exactly what it is.
    let kind = text(&event.data, "/context/type").unwrap_or(&event.kind);
    let Some(predicate) = predicate(kind) else {
        return Ok(Err(format!("{kind} says nothing about what runs.")));
    };
    let id = text(&event.data, "/subject/id").or(event.subject.as_deref()).unwrap_or_default();
    if id.is_empty() {
        return Err(missing("data.subject.id", "Name the service."));
    }
    let (owner, service) = id.rsplit_once('/').map_or((None, id), |(front, name)| (front.rsplit('/').next(), name));
    let own = |key: &str| text(&event.data, &format!("/customData/{key}")).map(str::to_owned);
    let content = |key: &str| text(&event.data, &format!("/subject/content/{key}"));
    let environment = content("environment/id").map(|id| id.rsplit('/').next().unwrap_or(id).to_owned());
    let environment = own("environment").or(environment);
    let Some(environment) = environment else {
        return Ok(Err(format!("{kind} does not say in which environment.")));
    };
    let team = own("team").or_else(|| owner.map(str::to_owned)).unwrap_or_default();
    let artifact = content("artifactId").map(str::to_owned);
    let version = own("version").or_else(|| artifact.as_deref().and_then(version_of)).unwrap_or_default();
    let time = text(&event.data, "/context/timestamp").and_then(Micros::parse).or(event.time);
    let stated = own("offering");
    let package = artifact.as_deref().and_then(package_of).filter(|_| stated.is_none());
    Ok(Ok(Observed {
        assumed: stated.is_none(),
        also: package.filter(|name| name != service).into_iter().collect(),
        offering: stated.unwrap_or_else(|| service.to_owned()),
        version,
        environment,
        team,
        name: Some(own("name").unwrap_or_else(|| service.to_owned())),
        attributes: attributes(event, id, artifact),
        time,
        since: time.filter(|_| predicate != "published"),
        how: Some("cdevents".into()),
        removed: predicate == "removed",
    }))
}

/// What happened to a service, in an event that says something about what runs.
fn predicate(kind: &str) -> Option<&str> {
    let word = kind.strip_prefix("dev.cdevents.service.")?.split('.').next()?;
    ["deployed", "upgraded", "rolledback", "removed", "published"].contains(&word).then_some(word)
}

fn attributes(event: &CloudEvent, id: &str, artifact: Option<String>) -> Map<String, Value> {
    let mut attributes = Map::new();
    attributes.insert("service".into(), json!(id));
    attributes.insert("source".into(), json!(text(&event.data, "/context/source").unwrap_or(&event.source)));
    if let Some(artifact) = artifact {
        attributes.insert("artifact".into(), json!(artifact));
    }
    attributes
}

/// The version in a package address, `pkg:type/name@version?…`: that of a tag rather than that of a digest.
fn version_of(artifact: &str) -> Option<String> {
    let tag =
        artifact.split_once('?').and_then(|(_, query)| query.split('&').find_map(|pair| pair.strip_prefix("tag=")));
    let plain = artifact.split(['?', '#']).next()?.rsplit_once('@').map(|(_, version)| version);
    let version = tag.or(plain.filter(|version| !version.starts_with("sha256")))?;
    Some(version.replace("%2B", "+").replace("%2b", "+"))
}

/// The name of the package in a package address.
fn package_of(artifact: &str) -> Option<String> {
    let path = artifact.strip_prefix("pkg:")?.split(['?', '#', '@']).next()?;
    path.rsplit('/').next().filter(|name| !name.is_empty() && name.len() <= 200).map(str::to_owned)
}

fn text<'a>(data: &'a Value, pointer: &str) -> Option<&'a str> {
    data.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

fn missing(path: &str, mend: &str) -> Box<Problem> {
    Box::new(Problem::new("cdevents", path, "It is missing", mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: Value) -> CloudEvent {
        CloudEvent {
            specversion: "1.0".into(),
            id: "1".into(),
            source: "ci".into(),
            kind: kind.into(),
            subject: None,
            time: None,
            data,
        }
    }

    #[test]
    fn reads_what_a_service_event_says() {
        let data = json!({
            "context": {"type": "dev.cdevents.service.deployed.0.3.0", "timestamp": "2026-03-20T14:27:05Z", "source": "/ci"},
            "subject": {"id": "booking/orders", "content": {"environment": {"id": "dev"},
                "artifactId": "pkg:oci/postgres@sha256%3Aabc?tag=16.4"}},
        });
        let seen = observed(&event("dev.cdevents.service.deployed.0.3.0", data)).unwrap().unwrap();
        assert_eq!((seen.team.as_str(), seen.offering.as_str(), seen.version.as_str()), ("booking", "orders", "16.4"));
        assert_eq!((seen.environment.as_str(), seen.removed), ("dev", false));
        assert_eq!(seen.attributes["artifact"], "pkg:oci/postgres@sha256%3Aabc?tag=16.4");
        assert!(seen.time.is_some());
    }

    #[test]
    fn other_events_say_nothing_and_broken_ones_say_where() {
        assert!(observed(&event("dev.cdevents.build.started.0.2.0", json!({}))).unwrap().is_err());
        assert!(observed(&event("dev.cdevents.service.deployed.0.2.0", json!({}))).is_err());
        let data = json!({"subject": {"id": "orders", "content": {"environment": {"id": "dev"}}}});
        let seen = observed(&event("dev.cdevents.service.removed.0.2.0", data)).unwrap().unwrap();
        assert_eq!((seen.team.as_str(), seen.name.as_deref()), ("", Some("orders")), "others may know whose it is");
        assert_eq!(version_of("pkg:deb/x@1.2%2B3"), Some("1.2+3".into()));
        assert_eq!(version_of("pkg:oci/x@sha256%3Aabc"), None);
        assert_eq!(package_of("pkg:golang/example.org/deep/x@v1?a=b").as_deref(), Some("x"));
        assert_eq!((package_of("pkg:"), package_of("https://example.org/x")), (None, None));
    }
}
