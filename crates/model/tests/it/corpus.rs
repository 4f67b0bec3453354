//! Real descriptors: the verdicts and the relations that a real Backstage 4.0.0 gave.

use crate::shared;
use loggia_model::{Document, Kind, Ref, backstage, kind, yaml};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Every document of a file that can be read, by its number.
fn documents(folder: &Path, file: &str) -> HashMap<u64, Value> {
    let bytes = std::fs::read(folder.join(file)).expect("readable");
    let parsed = yaml::parse(&String::from_utf8_lossy(&bytes));
    parsed.into_iter().filter_map(|p| Some((p.index as u64, p.document.ok()?))).collect()
}

#[test]
fn verdicts_agree() {
    let Some(folder) = shared::data("verdicts_agree", "catalog") else { return };
    let Some(golden) = shared::data("verdicts_agree", "golden/validate-entity.jsonl") else { return };
    let mut files: HashMap<String, HashMap<u64, Value>> = HashMap::new();
    let (mut seen, mut same_words, mut wrong) = (0, 0, Vec::new());
    for line in shared::json_lines(&golden) {
        if line["category"] == "read-denied" {
            continue;
        }
        let file = line["file"].as_str().expect("file");
        let all = files.entry(file.to_owned()).or_insert_with(|| documents(&folder, file));
        let number = line["doc"].as_u64().expect("number");
        seen += 1;
        let Some(document) = all.get(&number) else {
            wrong.push(format!("{file} #{number}: cannot be read"));
            continue;
        };
        let ours = backstage::validate(document);
        let theirs = line["errors"][0].as_str();
        if ours.is_ok() != theirs.is_none() {
            wrong.push(format!("{file} #{number}: ours {ours:?}, peer {theirs:?}"));
        }
        let words = ours.as_ref().err().map(|error| error.message.chars().take(400).collect::<String>());
        same_words += usize::from(words.as_deref() == theirs);
    }
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((seen, same_words), (639, 639), "verdicts, and those with the same words");
}

/// Every relation of every record, in both directions, as `(type, target)`.
fn relations(documents: &[Document]) -> BTreeMap<Ref, BTreeSet<(String, String)>> {
    let mut all: BTreeMap<Ref, BTreeSet<(String, String)>> = BTreeMap::new();
    for document in documents {
        let this = document.reference();
        let known = Kind::find(document.kind()).expect("known");
        for stated in (known.relations)(document) {
            let forward = (stated.relation.name().to_owned(), stated.target.to_string());
            let back = (stated.relation.inverse().name().to_owned(), this.to_string());
            all.entry(this.clone()).or_default().insert(forward);
            all.entry(stated.target).or_default().insert(back);
        }
    }
    all
}

/// Targets that are not compared; 20 of the 484 entries name one of them, and all others are compared whole.
///
/// The recording has no relation to the first four, though files of the corpus state some and it does keep relations to
/// other things that do not exist. Why is not known; perhaps they were taken out with the examples of a new Backstage.
/// The last one is the other way round: recorded, and stated by no file of the corpus.
const UNTOLD: [&str; 5] = [
    "api:default/petstore",
    "group:default/guests",
    "system:default/examples",
    "user:default/guest",
    "template:default/aws-secrets-manager-demo",
];

#[test]
fn relations_agree() {
    let Some(folder) = shared::data("relations_agree", "catalog") else { return };
    let Some(golden) = shared::data("relations_agree", "golden/relations.json") else { return };
    let golden: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(golden).expect("readable")).expect("JSON");
    // Some names stand in several files; each entry says which one was kept.
    let mut kept: Vec<Document> = Vec::new();
    let mut files: HashMap<String, HashMap<u64, Value>> = HashMap::new();
    for entry in &golden {
        let (Some(file), Some(name)) = (entry["file"].as_str(), entry["ref"].as_str()) else { continue };
        let all = files.entry(file.to_owned()).or_insert_with(|| documents(&folder, file));
        let mut named: Vec<_> =
            all.iter().filter(|(_, d)| Document((*d).clone()).reference().as_str() == name).collect();
        named.sort_by_key(|(number, _)| **number);
        if let Some((_, document)) = named.last() {
            kept.push(Document((*document).clone()));
        }
    }
    let ours = relations(&kept);
    let mut wrong = Vec::new();
    for entry in &golden {
        let name = entry["ref"].as_str().expect("ref");
        let pairs = entry["relations"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let theirs: BTreeSet<_> = pairs.map(|r| (text(&r["type"]), text(&r["targetRef"]))).collect();
        let mine = ours.get(name).cloned().unwrap_or_default();
        let told = |set: BTreeSet<(String, String)>| -> BTreeSet<(String, String)> {
            set.into_iter().filter(|(_, target)| !UNTOLD.contains(&target.as_str())).collect()
        };
        let (mine, theirs) = (told(mine), told(theirs));
        if mine != theirs {
            let extra: Vec<_> = mine.difference(&theirs).collect();
            let missing: Vec<_> = theirs.difference(&mine).collect();
            wrong.push(format!("{name} ({}): extra {extra:?}, missing {missing:?}", entry["file"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), golden.len(), wrong.join("\n"));
}

#[test]
fn what_backstage_takes_is_taken_and_problems_have_places() {
    let Some(folder) = shared::data("what_backstage_takes_is_taken_and_problems_have_places", "catalog") else {
        return;
    };
    for entry in std::fs::read_dir(&folder).expect("readable").map(|e| e.expect("entry").path()) {
        if entry.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&entry).expect("readable")).into_owned();
        for parsed in yaml::parse(&text) {
            let Ok(value) = parsed.document else { continue };
            let verdict = backstage::validate(&value);
            let mut problems = kind::check(&Document(value));
            let argued = problems.iter().all(|p| p.rule == "field-case");
            let allowed_type = verdict.as_ref().is_err_and(|e| e.message.contains("allowed type"));
            assert!(allowed_type || verdict.is_ok() == argued, "{}: {verdict:?} {problems:?}", entry.display());
            yaml::place(&text, parsed.index, &mut problems);
            for problem in &problems {
                assert!(problem.line.is_some_and(|line| line >= parsed.line), "{}: {problem}", entry.display());
                assert!(!problem.mend.is_empty(), "{problem}");
            }
        }
    }
}
