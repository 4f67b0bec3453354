//! What somebody sees may name what they do not see. Such an export would not start: here what is named gets a stand-in,
//! else it is named no more.

use super::Exported;
use crate::client::output::print;
use crate::exit::told;
use anyhow::Result;
use loggia_app::record::check::check;
use loggia_app::record::missing;
use loggia_app::record::prepare::prepare;
use loggia_drivers::reader::read_folder;
use loggia_drivers::recipes;
use loggia_graph::Graph;
use loggia_model::{Document, Ref};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

/// What stands-in say of themselves.
const STAND_IN: &str =
    "A stand-in: whoever exported this did not see it, and something here names it. Write the real one.";

/// Makes everything that is named by our own kinds be there, and tells how, a line for each.
pub fn complete(all: &mut Vec<Exported>) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let lost = lost(all);
        if lost.is_empty() {
            return told;
        }
        let mut without: BTreeMap<usize, Vec<(String, Ref)>> = BTreeMap::new();
        let mut made: BTreeSet<Ref> = BTreeSet::new();
        for (at, target, field) in lost {
            match stand_in(&target, &all[at].document) {
                Some(_) if made.contains(&target) => {}
                Some(document) => {
                    told.push(format!(
                        "wrote a stand-in for {target}: you do not see it, and {} names it",
                        name(&all[at])
                    ));
                    all.push(Exported { path: path_of(&target), index: 0, files: Vec::new(), document });
                    made.insert(target);
                }
                None => without.entry(at).or_default().push((field, target)),
            }
        }
        // From the end, so that what is left out moves nothing that is still to come.
        for (at, fields) in without.into_iter().rev() {
            told.push(cut(all, at, &fields));
        }
    }
}

/// What our own kinds name and nobody here describes: the place of what names it, the target and the field.
fn lost(all: &[Exported]) -> Vec<(usize, Ref, String)> {
    let names: HashSet<Ref> = all.iter().map(|one| one.document.reference()).collect();
    let ready = |(at, one): (usize, &Exported)| prepare(one.document.0.clone(), &at.to_string()).ok();
    let prepared: Vec<_> = all.iter().enumerate().filter_map(ready).collect();
    let missing = missing(&prepared, &Graph::empty(), |target| names.contains(target));
    missing.into_iter().filter_map(|one| Some((one.by.path.parse().ok()?, one.target, one.field))).collect()
}

/// What stands for something that is not seen; none for what would claim too much.
fn stand_in(target: &Ref, by: &Document) -> Option<Document> {
    let owner = [by.spec_text("owner"), by.spec_text("team")].into_iter().find(|name| !name.is_empty());
    let owner = owner.unwrap_or("group:default/unknown");
    let (kind, spec) = match target.kind() {
        "product" => ("Product", json!({"team": owner})),
        "group" => ("Group", json!({"type": "team", "children": []})),
        "user" => ("User", json!({"memberOf": []})),
        "component" => ("Component", json!({"type": "unknown", "lifecycle": "unknown", "owner": owner})),
        "resource" => ("Resource", json!({"type": "unknown", "owner": owner})),
        "system" => ("System", json!({"owner": owner})),
        "domain" => ("Domain", json!({"owner": owner})),
        _ => return None,
    };
    let version = if kind == "Product" { "loggia.dev/v1" } else { "backstage.io/v1alpha1" };
    let metadata = json!({"name": target.name(), "namespace": target.namespace(), "description": STAND_IN});
    Some(Document(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})))
}

/// Takes fields out of a document; leaves it out where it means nothing without them.
fn cut(all: &mut Vec<Exported>, at: usize, fields: &[(String, Ref)]) -> String {
    let who = name(&all[at]);
    let named = fields.iter().map(|(_, target)| target.to_string()).collect::<Vec<_>>().join(", ");
    let mut document = all[at].document.clone();
    // The last of a list first, so that the places of the others stay.
    let all_out = fields.iter().rev().all(|(field, _)| take_out(&mut document.0, field));
    if all_out && prepare(document.0.clone(), "").is_ok() {
        all[at].document = document;
        return format!("took {named} out of {who}: you do not see it");
    }
    all.remove(at);
    format!("left out {who}: it names {named}, which you do not see")
}

/// Takes away the value at a dotted path; false when there is none.
fn take_out(value: &mut Value, path: &str) -> bool {
    let Some((parent, last)) = path.rsplit_once('.') else { return false };
    match value.pointer_mut(&format!("/{}", parent.replace('.', "/"))) {
        Some(Value::Object(map)) => map.remove(last).is_some(),
        Some(Value::Array(items)) => match last.parse::<usize>() {
            Ok(at) if at < items.len() => {
                items.remove(at);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

fn name(one: &Exported) -> String {
    one.document.reference().to_string()
}

fn path_of(target: &Ref) -> String {
    format!("stand-ins/{}.yaml", target.to_string().replace([':', '/'], "-"))
}

/// Checks a folder that was written.
///
/// # Errors
/// When something is wrong with it, after all was told.
pub fn checked(folder: &Path) -> Result<()> {
    let files = read_folder(folder).map_err(|why| anyhow::anyhow!("{} {}", why.message, why.mend))?;
    let report = check(&files, &recipes::all());
    if report.problems.is_empty() {
        return Ok(());
    }
    let lines: String = report.problems.iter().map(|problem| format!("{problem}\n")).collect();
    print(&format!("{lines}It does not start like this: mend these, then loggia check {}\n", folder.display()))?;
    Err(told())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(value: Value) -> Exported {
        Exported { document: Document(value), path: "x.yaml".into(), index: 0, files: Vec::new() }
    }

    fn offering() -> Value {
        json!({"apiVersion": "loggia.dev/v1", "kind": "Offering", "metadata": {"name": "cache"}, "spec": {
            "product": "hidden", "owner": "yard", "category": "data", "promise": "p", "for": "f", "problem": "x",
            "plans": [{"name": "small"}]}})
    }

    #[test]
    fn what_is_named_and_not_seen_gets_a_stand_in_until_nothing_is_missing() {
        let mut all = vec![exported(offering())];
        let told = complete(&mut all);
        let names: Vec<String> = all.iter().map(name).collect();
        assert_eq!(names, ["offering:default/cache", "product:default/hidden", "group:default/yard"], "{told:?}");
        assert!(lost(&all).is_empty() && told.len() == 2 && told[0].contains("product:default/hidden"), "{told:?}");
    }

    #[test]
    fn what_would_claim_too_much_is_taken_out_or_left_out() {
        let release = json!({"apiVersion": "loggia.dev/v1", "kind": "Release", "metadata": {"name": "other-1.0.0"}, "spec": {
            "offering": "other", "version": "1.0.0", "contract": {"inputs": {"type": "object"}},
            "recipe": {"driver": "replay"}}});
        let mut all = vec![exported(release), exported(offering())];
        let told = complete(&mut all);
        assert!(told.iter().any(|line| line.starts_with("left out release:default/other-1.0.0")), "{told:?}");
        assert!(lost(&all).is_empty());
        let mut value = json!({"spec": {"list": ["a", "b"], "one": 1}});
        assert!(take_out(&mut value, "spec.list.0") && take_out(&mut value, "spec.one"));
        assert!(!take_out(&mut value, "spec.nothing") && !take_out(&mut value, "spec.list.7"));
        assert_eq!(value, json!({"spec": {"list": ["b"]}}));
    }
}
