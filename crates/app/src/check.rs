//! `loggia check`: everything that can be said about a repository without a server.

use crate::prepare::Prepared;
use crate::read::{Place, Reading, SourceFile, read};
use crate::record::missing_references;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::{Micros, Problem, Record, Ref, Source, Uid, version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// How many files were looked at.
    pub files: usize,
    /// How many documents are right.
    pub documents: usize,
    /// What is wrong, in order of places.
    pub problems: Vec<Problem>,
}

/// Checks the files of a repository: each document by itself, then all of them together.
pub fn check(source: &[SourceFile]) -> CheckReport {
    let nowhere: Place<'_> = &|_| None;
    let mut reading = read(source, nowhere);
    let mut later = duplicates(&reading);
    later.extend(missing_references(&graph_of(&reading), &Audience::All, &reading.prepared));
    later.extend(releases(&reading));
    later.append(&mut reading.problems);
    reading.locate_later(source, &mut later);
    later.sort_by(|a, b| (&a.file, a.line, a.column, &a.rule).cmp(&(&b.file, b.line, b.column, &b.rule)));
    CheckReport { files: reading.files, documents: reading.prepared.len(), problems: later }
}

/// The records as they would be.
pub fn graph_of(reading: &Reading) -> Graph {
    let mut seen = HashMap::new();
    for (at, prepared) in reading.prepared.iter().enumerate() {
        seen.entry(&prepared.reference).or_insert(at);
    }
    let records = seen.into_values().map(|at| {
        let prepared = &reading.prepared[at];
        Record {
            uid: Uid(Uuid::from_u128(at as u128 + 1)),
            reference: prepared.reference.clone(),
            document: prepared.text.as_str().into(),
            status: None,
            etag: prepared.etag.as_str().into(),
            source: Source::at("check", &prepared.path),
            revision: 1,
            position: 1,
            created_at: Micros(0),
            updated_at: Micros(0),
        }
    });
    Graph::load(records.collect(), Vec::new())
}

fn duplicates(reading: &Reading) -> Vec<Problem> {
    let mut first: HashMap<&Ref, &str> = HashMap::new();
    let mut problems = Vec::new();
    for prepared in &reading.prepared {
        if let Some(before) = first.insert(&prepared.reference, &prepared.path) {
            let message = format!(
                "{} is described already, in {}",
                prepared.reference,
                before.split('#').next().unwrap_or(before)
            );
            let mut problem = Problem::new("name.duplicate", "metadata.name", message, "Rename or remove one of them.");
            problem.file = Some(prepared.path.clone());
            problems.push(problem);
        }
    }
    problems
}

/// What can only be said when offering and release are both known: the number fits the offering's rule of versions.
fn releases(reading: &Reading) -> Vec<Problem> {
    let offerings: HashMap<&str, OfferingSpec> = reading
        .prepared
        .iter()
        .filter(|p| p.kind == "Offering")
        .filter_map(|p| Some((p.reference.name(), spec(p)?)))
        .collect();
    let mut problems = Vec::new();
    for prepared in reading.prepared.iter().filter(|p| p.kind == "Release") {
        let Some(offering) = offerings.get(prepared.document.spec_text("offering")) else { continue };
        if let Err(message) = version::check(offering.versioning, prepared.document.spec_text("version")) {
            let mend = "Give it a number of that form, or change `versioning` of the offering.";
            let mut problem = Problem::new("release.versioning", "spec.version", message, mend);
            problem.file = Some(prepared.path.clone());
            problems.push(problem);
        }
    }
    problems
}

fn spec(prepared: &Prepared) -> Option<OfferingSpec> {
    serde_json::from_value(prepared.document.spec()?.clone()).ok()
}
