//! Search by words.

use super::call::{Call, json};
use super::route::Handled;
use loggia_app::release::offered::Offered;
use loggia_graph::Matched;
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::Serialize;

/// What was found.
#[derive(Serialize, JsonSchema)]
pub struct Hits {
    /// Best first.
    pub items: Vec<HitView>,
}

/// One thing that was found.
#[derive(Serialize, JsonSchema)]
pub struct HitView {
    /// Its name.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// Its kind, as written in documents.
    pub kind: String,
    /// What people call it.
    pub title: String,
    /// What it is, in a sentence; empty when nobody said.
    pub description: String,
    /// Where the words were found: `name`, `title`, `tag`, `type` or `text`.
    pub matched: String,
    /// Higher is better; comparable within one answer.
    pub score: u32,
    /// Of an offering: promise, owner, plans, who uses it, the newest version, and where one gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offered>,
}

/// Finds what has all the words.
pub async fn search(call: Call) -> Handled {
    let limit = usize::try_from(call.given.number("limit").unwrap_or(20)).unwrap_or(20);
    let graph = call.app().graph();
    let hits = graph.search(&call.caller.audience, call.given.text("q").unwrap_or_default(), limit);
    let view = |hit: loggia_graph::Hit| {
        let document = hit.record.parse();
        let promise = document.spec_text("promise");
        let description = document.meta_text("description");
        HitView {
            offer: call.app().offered(&graph, &call.caller, &hit.record),
            reference: hit.record.reference.clone(),
            kind: document.kind().to_owned(),
            title: document.title().to_owned(),
            description: if description.is_empty() { promise } else { description }.to_owned(),
            matched: word(hit.field).to_owned(),
            score: hit.score,
        }
    };
    json(&Hits { items: hits.into_iter().map(view).collect() })
}

fn word(matched: Matched) -> &'static str {
    match matched {
        Matched::Name => "name",
        Matched::Title => "title",
        Matched::Tag => "tag",
        Matched::Type => "type",
        Matched::Text => "text",
    }
}
