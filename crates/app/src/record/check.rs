//! `loggia check`: everything that can be said about a repository without a server.

use crate::composition::check::{Known, problems as composition};
use crate::composition::resolve::in_range;
use crate::record::missing_references;
use crate::record::prepare::Prepared;
use crate::record::recipes;
pub use crate::record::recipes::{GoldenPaths, ROLES, Recipes};
use crate::record::warnings;
use crate::release::offering_versions::OfferingVersions;
use crate::source::read::{Place, Reading, SourceFile, read};
use loggia_graph::Graph;
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::Version;
use loggia_model::{Document, Problem, Publication, Ref, file_of, version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

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
    /// What is allowed and may be a mistake, in order of places.
    pub warnings: Vec<Problem>,
}

/// Checks the files of a repository: each document by itself, then all of them together. `recipes` is what the drivers
/// that are known say about recipes.
pub fn check(source: &[SourceFile], recipes: &Recipes) -> CheckReport {
    let nowhere: Place<'_> = &|_| None;
    let mut reading = read(source, nowhere);
    let mut later = duplicates(&reading);
    later.extend(dangling(&reading));
    later.extend(releases(&reading));
    let (wrong, unheard) = recipes::problems(&reading, recipes);
    later.extend(wrong);
    later.extend(recipes::golden_paths(&reading, recipes));
    later.append(&mut reading.problems);
    reading.locate_later(source, &mut later);
    let mut warnings = unsure(&reading);
    warnings.extend(unheard);
    reading.locate_later(source, &mut warnings);
    for list in [&mut later, &mut warnings] {
        list.sort_by(|a, b| (&a.file, a.line, a.column, &a.rule).cmp(&(&b.file, b.line, b.column, &b.rule)));
    }
    CheckReport { files: reading.files, documents: reading.prepared.len(), problems: later, warnings }
}

/// As [`check`], for one of the files: what the others say counts, what is wrong with them does not.
pub fn check_one(source: &[SourceFile], path: &str, recipes: &Recipes) -> CheckReport {
    let CheckReport { problems, warnings, .. } = check(source, recipes);
    let own = |list: Vec<Problem>| list.into_iter().filter(|one| one.file.as_deref() == Some(path)).collect();
    let alone: Vec<SourceFile> = source.iter().filter(|file| file.path == path).cloned().collect();
    let documents = read(&alone, &|_| None).prepared.len();
    CheckReport { files: alone.len(), documents, problems: own(problems), warnings: own(warnings) }
}

/// What may be a mistake.
fn unsure(reading: &Reading) -> Vec<Problem> {
    let names: HashSet<&Ref> = reading.prepared.iter().map(|prepared| &prepared.reference).collect();
    let found = warnings::of_files(&reading.prepared, |target| names.contains(target));
    found.into_iter().map(|warning| warning.problem).collect()
}

/// References that lead nowhere.
fn dangling(reading: &Reading) -> Vec<Problem> {
    let names: HashSet<&Ref> = reading.prepared.iter().map(|prepared| &prepared.reference).collect();
    missing_references(&reading.prepared, &Graph::empty(), |target| names.contains(target))
}

fn duplicates(reading: &Reading) -> Vec<Problem> {
    let mut first: HashMap<&Ref, &str> = HashMap::new();
    let mut problems = Vec::new();
    for prepared in &reading.prepared {
        if let Some(before) = first.insert(&prepared.reference, &prepared.path) {
            let message = format!("{} is described already, in {}", prepared.reference, file_of(before));
            let mut problem = Problem::new("name.duplicate", "metadata.name", message, "Rename or remove one of them.");
            problem.file = Some(prepared.path.clone());
            problems.push(problem);
        }
    }
    problems
}

fn at(prepared: &Prepared, mut problem: Problem) -> Problem {
    problem.file = Some(prepared.path.clone());
    problem
}

/// What can only be said when offering and releases are all known: each number fits the offering's rule of versions, and
/// says how much changed since the version before.
fn releases(reading: &Reading) -> Vec<Problem> {
    let offerings: HashMap<&str, OfferingSpec> = reading
        .prepared
        .iter()
        .filter(|p| p.kind == "Offering")
        .filter_map(|p| Some((p.reference.name(), spec(p)?)))
        .collect();
    let mut problems = Vec::new();
    for prepared in reading.prepared.iter().filter(|p| p.kind == "Release") {
        let document = prepared.document();
        let Some(offering) = offerings.get(document.spec_text("offering")) else { continue };
        if let Err(message) = version::check(offering.versioning, document.spec_text("version")) {
            let mend = "Give it a number of that form, or change `versioning` of the offering.";
            problems.push(at(prepared, Problem::new("release.versioning", "spec.version", message, mend)));
        }
        let composed = document.spec().filter(|spec| spec.get("composition").is_some());
        let composed = composed.and_then(|spec| ReleaseSpec::deserialize(spec).ok());
        if let Some(release) = composed {
            let known = Files { reading, offerings: &offerings };
            problems.extend(composition(&release, &known).into_iter().map(|problem| at(prepared, problem)));
        }
        if Publication::wanted(&document) != Publication::Draft
            && let Some(problem) =
                OfferingVersions::of_files(&reading.prepared, &document).lie(offering.versioning, &document)
        {
            problems.push(at(prepared, problem));
        }
    }
    problems
}

/// Offerings and releases as files have them.
struct Files<'a> {
    reading: &'a Reading,
    offerings: &'a HashMap<&'a str, OfferingSpec>,
}

impl Known for Files<'_> {
    fn offering(&self, name: &str) -> bool {
        self.offerings.contains_key(name)
    }

    fn release(&self, offering: &str, range: Option<&str>) -> Option<ReleaseSpec> {
        let all = self.reading.prepared.iter().filter(|one| one.kind == "Release").map(Prepared::document);
        let own = all.filter(|document| document.spec_text("offering") == offering);
        let fits = |document: &Document| range.is_none_or(|range| in_range(range, document.spec_text("version")));
        let number = |document: &Document| Version::parse(document.spec_text("version"));
        let newest = own.filter(fits).max_by_key(number)?;
        ReleaseSpec::deserialize(newest.spec()?).ok()
    }
}

fn spec(prepared: &Prepared) -> Option<OfferingSpec> {
    serde_json::from_value(prepared.document().spec()?.clone()).ok()
}
