//! `GET /catalog-info.yaml`: offerings and instances for an existing Backstage, in kinds that it knows.
//!
//! An offering is a Component of type `platform-offering`; an instance is a Resource of type `platform-instance` that
//! depends on it. They lie in a namespace of their own, so that they clash with nothing.

use super::params::{Form, Params, Rules};
use crate::caller::By;
use crate::error::Reply;
use crate::state::WebState;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use loggia_app::access::policy::{Action, Subject};
use loggia_app::ending::{self, Found};
use loggia_app::{App, Caller, Door, Error};
use loggia_graph::Graph;
use loggia_model::canonical::{etag, to_string};
use loggia_model::{Document, EndingState, Record, Ref, Scope};
use serde_json::{Value, json};

/// The namespace of everything in the file.
const NAMESPACE: &str = "loggia";
/// Longest name of an entity.
const LONGEST: usize = 63;

/// Annotation: the version that runs.
const VERSION: &str = "loggia.dev/version";
/// Annotation: the release that it runs, when it is one of ours.
const RELEASE: &str = "loggia.dev/release";
/// Annotation: what becomes of it, such as `off on 31 January 2027`; absent while it stays.
const ENDING: &str = "loggia.dev/ending";

const RULES: Rules = &[("token", Form::Text)];

/// Answers with the file. A Backstage that reads an address sends no header, so the token may stand in the address.
pub async fn answer(
    State(state): State<WebState>,
    RawQuery(query): RawQuery,
    By(caller): By,
) -> Result<Response, Reply> {
    let caller = identified(&state, query.as_deref(), caller).await?;
    state.app.require(&caller, Action::Read, &Subject::default())?;
    let text = File { app: &state.app, graph: &state.app.graph(), caller: &caller }.text();
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml; charset=utf-8"));
    // The address may hold a token: no cache beside the reader's own may keep what it led to.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

async fn identified(state: &WebState, query: Option<&str>, caller: Caller) -> Result<Caller, Reply> {
    let params = Params::read(query, RULES);
    let params = params.map_err(|fault| Error::invalid("query", "token", fault.message, "Write ?token=… once."))?;
    match params.text("token") {
        Some(token) if !caller.is_signed_in() => {
            Ok(crate::caller::by_token(state, token, Door::Backstage, &caller.request_id).await?)
        }
        _ => Ok(caller),
    }
}

/// What the file is written from.
struct File<'a> {
    app: &'a App,
    graph: &'a Graph,
    caller: &'a Caller,
}

impl File<'_> {
    /// The documents, each as JSON, which is YAML too.
    fn text(&self) -> String {
        let (graph, audience) = (self.graph, &self.caller.audience);
        let mut documents = vec![signpost(self.url())];
        documents.extend(graph.of_kind(audience, "offering").map(|record| self.offering(&record)));
        documents.extend(graph.of_kind(audience, "instance").filter_map(|record| self.instance(&record)));
        documents.iter().map(|document| format!("---\n{}\n", to_string(document))).collect()
    }

    fn url(&self) -> &str {
        &self.app.settings.public_url
    }
}

/// The Location that says where all this comes from.
fn signpost(url: &str) -> Value {
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {
            "name": NAMESPACE, "namespace": NAMESPACE, "title": "Platform",
            "description": "Offerings of the platform, and what runs of them.",
            "links": [{"url": url, "title": "Open the platform"}],
        },
        "spec": {"type": "url", "targets": []},
    })
}

/// What offerings and instances have in common.
fn entity(record: &Record, document: &Document, kind: &str, name: &str, link: &str, spec: &Value) -> Value {
    let mut metadata = json!({
        "name": name, "namespace": NAMESPACE, "title": document.title(),
        "annotations": {"backstage.io/view-url": link, "loggia.dev/ref": record.reference},
        "links": [{"url": link, "title": "Open in the platform"}],
    });
    for field in ["description", "tags", "labels"] {
        if let Some(value) = document.meta(field) {
            metadata[field] = value.clone();
        }
    }
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

impl File<'_> {
    fn offering(&self, record: &Record) -> Value {
        let document = record.parse();
        let name = record.reference.name();
        let ending = ending::of_subject(self.graph, &record.reference, self.app.now());
        // What goes away of it, such as a plan, does not end it.
        let ending = ending.into_iter().find(|found| found.spec.plan.is_none() && found.spec.feature.is_none());
        let spec = json!({
            "type": "platform-offering", "lifecycle": self.lifecycle(name, document.spec_text("stage"), ending.as_ref()),
            "owner": group(document.spec_text("owner"), document.namespace()),
        });
        let link = format!("{}/get/{name}", self.url());
        let mut entity = entity(record, &document, "Component", &offering_name(name), &link, &spec);
        if entity["metadata"].get("description").is_none() {
            entity["metadata"]["description"] = document.spec_text("promise").into();
        }
        if let Some(found) = ending {
            entity["metadata"]["annotations"][ENDING] = found.standing(self.app.now()).to_string().into();
        }
        entity
    }

    /// In the words that every Backstage knows, and `removed` for what is not there any more.
    fn lifecycle(&self, name: &str, stage: &str, ending: Option<&Found>) -> &'static str {
        let offered = || self.app.availability(self.caller, name).is_ok_and(|places| !places.is_empty());
        match ending.map(|found| found.state(self.app.now())) {
            Some(EndingState::Removed | EndingState::Proved) => "removed",
            Some(_) => "deprecated",
            // Nobody gets it any more. Who sees no environment cannot tell.
            None if self.caller.audience.admits(&[Scope::Company]) && !offered() => "deprecated",
            None if matches!(stage, "experimental" | "preview") => "experimental",
            None => "production",
        }
    }

    /// An instance; none when it is gone.
    fn instance(&self, record: &Record) -> Option<Value> {
        let (document, status) = (record.parse(), record.parse_status());
        if status.get("phase").and_then(Value::as_str) == Some("gone") {
            return None;
        }
        let (namespace, name) = (record.reference.namespace(), record.reference.name());
        let offering = document.spec_text("offering").to_lowercase();
        let mut spec = json!({
            "type": "platform-instance",
            "owner": group(document.spec_text("team"), namespace),
            "dependsOn": [format!("component:{NAMESPACE}/{}", offering_name(&offering))],
        });
        if let Ok(component) = Ref::parse(document.spec_text("component"), Some("component"), namespace) {
            spec["dependencyOf"] = json!([component]);
        }
        let link = format!("{}/instances/{namespace}/{name}", self.url());
        let full = bounded(format!("{namespace}.{name}"));
        let mut entity = entity(record, &document, "Resource", &full, &link, &spec);
        entity["metadata"]["labels"]["loggia.dev/environment"] = document.spec_text("environment").into();
        entity["metadata"]["labels"]["loggia.dev/offering"] = offering.into();
        self.tell_version(record, &mut entity);
        Some(entity)
    }

    /// Says at which version something runs, for programs and, where it has no description of its own, for people.
    fn tell_version(&self, record: &Record, entity: &mut Value) {
        let Some(row) = self.app.row(self.graph, record) else { return };
        let metadata = &mut entity["metadata"];
        // Annotations, because a version may have characters that a label may not.
        for (name, text) in [(VERSION, &row.version), (RELEASE, &row.release), (ENDING, &row.ending)] {
            if !text.is_empty() {
                metadata["annotations"][name] = text.as_str().into();
            }
        }
        if metadata.get("description").is_none() {
            let offering = record.parse().spec_text("offering").to_owned();
            let named = self.graph.get(&Ref::new("offering", "default", &offering));
            let named = named.filter(|record| self.graph.visible(&self.caller.audience, record));
            let what = named.map_or(offering, |record| record.parse().title().to_owned());
            let version = if row.version.is_empty() { "at an unknown version" } else { &row.version };
            metadata["description"] = format!("{what} {version} in {}", row.environment).into();
        }
    }
}

fn offering_name(name: &str) -> String {
    bounded(name.to_owned())
}

/// A name that is not too long; the end of one that is becomes a digest of it.
fn bounded(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let kept: String = name.chars().take(LONGEST - 9).collect();
    format!("{}-{}", kept.trim_end_matches(['-', '_', '.']), &etag(&name)[..8])
}

/// A group as a complete name, since the file has a namespace of its own.
fn group(text: &str, namespace: &str) -> String {
    Ref::parse(text, Some("group"), namespace).map_or_else(|_| text.to_owned(), |group| group.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_apart() {
        let name = |end: &str| bounded(format!("{}{end}", "a".repeat(80)));
        assert_eq!(name("b").len(), LONGEST);
        assert_ne!(name("b"), name("c"));
        assert_eq!(bounded("short".into()), "short");
        assert_eq!(group("booking", "default"), "group:default/booking");
    }
}
