//! Errors of this door as problem documents (RFC 9457).

use crate::error::{Reply, problem, status};
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use loggia_app::Error;
use loggia_app::command::diff::Difference;
use loggia_model::{Problem, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// The media type of problem documents.
pub const MEDIA: &str = "application/problem+json";

/// Rules about things that a request names and that are not there: 404, however many fields of the request are right.
const NOT_THERE: &[&str] =
    &["order.offering", "order.team", "order.environment", "order.release", "order.plan", "reference.missing"];
/// Rules that no schema can say: names that are taken, fields that contradict each other or the rules of their kind:
/// 409. What the published schema says is 400.
const CONTRADICTS: &[&str] = &[
    "campaign.deadline",
    "campaign.to",
    "campaign.wave",
    "change.immutable",
    "change.input",
    "change.secret",
    "check.how",
    "check.of",
    "check.probe",
    "check.query",
    "check.relation",
    "check.version",
    "ending.dates",
    "ending.preset",
    "ending.replacement",
    "ending.subject",
    "environment.name",
    "environment.promotes-to",
    "field-case",
    "instance.constraint",
    "instance.name",
    "instance.namespace",
    "name.taken",
    "namespace",
    "offering.channel",
    "offering.followers",
    "offering.limits",
    "offering.match",
    "offering.plan-default",
    "offering.plan-name",
    "offering.price-unit",
    "offering.until",
    "product.administrator",
    "product.brownout",
    "product.link",
    "reference",
    "release.access",
    "release.contract",
    "release.default-from",
    "release.immutable",
    "release.name",
    "release.recipe",
    "release.secret",
    "release.support",
    "release.upgrade",
    "release.version",
    "release.versioning",
    "rule",
    "visibility",
];

/// Why a request was not answered as it wished.
#[derive(Debug)]
pub enum Fault {
    /// The application says so.
    App(Error),
    /// The tag that the request expects is not that of now; what differs is told.
    Stale {
        /// What happened.
        message: String,
        /// The tag of now.
        etag: String,
        /// What differs between now and what was sent.
        diff: Vec<Difference>,
    },
    /// HTTP says so.
    Http(StatusCode, String, Vec<(HeaderName, String)>),
}

/// Of a `cursor` that leads nowhere.
pub(super) fn page_gone() -> Fault {
    Error::NotFound("This page is not there any more. Begin again without the cursor.".into()).into()
}

impl Fault {
    /// A fault of HTTP without further headers.
    pub fn http(status: StatusCode, message: impl Into<String>) -> Fault {
        Fault::Http(status, message.into(), Vec::new())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::App(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Fault {
        Fault::App(error.into())
    }
}

/// The body of an error.
#[derive(Serialize, JsonSchema)]
pub struct ProblemDocument {
    /// `about:blank`: the status says what kind it is, and `refusal.rule` or `problems` say which. What goes away answers
    /// with `urn:loggia:problem:brownout` while it is off on trial, and with `urn:loggia:problem:gone` afterwards.
    #[serde(rename = "type")]
    pub kind: String,
    /// The words of the status.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What happened and what to do, for people.
    pub detail: String,
    /// What is wrong with the input, field by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<Problem>>,
    /// The rule that says no, and what would pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// What to take instead of something that is gone, or off on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<loggia_model::Ref>,
    /// The tag of now, when another one was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// What differs between now and what was sent, when another tag was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Vec<Difference>>,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Fault::App(error @ Error::Invalid(_)) => invalid(&error),
            Fault::App(error) => {
                let mut response = Reply(error).into_response();
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Fault::Stale { message, etag, diff } => {
                let mut body = plain(StatusCode::PRECONDITION_FAILED, &message);
                body["etag"] = json!(etag);
                body["diff"] = json!(diff);
                answer(StatusCode::PRECONDITION_FAILED, body)
            }
            Fault::Http(status, message, headers) => {
                let mut response = answer(status, plain(status, &message));
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_str(&value) {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
        }
    }
}

/// Another status than the usual one of the error.
fn special_status(error: &Error) -> Option<StatusCode> {
    let Error::Invalid(problems) = error else { return None };
    let all = |lists: &[&[&str]]| {
        let known = |problem: &Problem| lists.iter().any(|rules| rules.contains(&problem.rule.as_str()));
        !problems.is_empty() && problems.iter().all(known)
    };
    if all(&[NOT_THERE]) {
        Some(StatusCode::NOT_FOUND)
    } else if all(&[NOT_THERE, CONTRADICTS]) {
        Some(StatusCode::CONFLICT)
    } else {
        None
    }
}

/// What is wrong with an input; the status says whether its form, what it names, or what it says.
fn invalid(error: &Error) -> Response {
    let status = special_status(error).unwrap_or_else(|| status(error));
    let mut body = problem(error);
    body["status"] = json!(status.as_u16());
    body["title"] = json!(status.canonical_reason().unwrap_or("Error"));
    legible(&mut body);
    answer(status, body)
}

/// Takes characters out that nobody can read and that inputs may have brought along.
fn legible(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|c| c == '\n' || !c.is_control()),
        Value::Array(items) => items.iter_mut().for_each(legible),
        Value::Object(map) => map.values_mut().for_each(legible),
        _ => {}
    }
}

fn plain(status: StatusCode, detail: &str) -> Value {
    json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    })
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA))], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The names of rules in the text of a file.
    fn rules(text: &str) -> Vec<String> {
        let begun = text.split("Problem::new(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        begun.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    }

    /// What the published schema cannot say is no fault of the form of a request.
    #[test]
    fn every_rule_of_a_kind_beyond_its_schema_contradicts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/src/kinds");
        let mut all = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            all.extend(rules(&std::fs::read_to_string(file.unwrap().path()).unwrap()));
        }
        assert!(all.len() > 20, "{all:?}");
        let of_form = |rule: &str| rule == "schema" || rule == "schema.required";
        let known = |rule: &str| CONTRADICTS.contains(&rule) || NOT_THERE.contains(&rule) || of_form(rule);
        let unknown: Vec<&String> = all.iter().filter(|rule| !known(rule)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
