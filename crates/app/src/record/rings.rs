//! Groups above groups and parts of parts that come back to where they began: allowed, as in Backstage, and hardly meant.

use crate::record::warnings::{Warning, field_of, warning};
use loggia_model::{Document, Ref, Relation, RelationType};
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of which one may stand above another.
pub(crate) const KINDS: [&str; 3] = ["group", "component", "domain"];

/// What stands above something, by the document that says so.
struct Above {
    target: Ref,
    /// Place of that document in the list.
    said_by: usize,
    relation: Relation,
}

/// Whether a text may say what stands above or below something. Parsing all of them would be felt.
pub(crate) fn may(kind: &str, text: &str) -> bool {
    let fields: &[&str] = match kind.to_ascii_lowercase().as_str() {
        "group" => &["parent", "children"],
        "component" => &["subcomponentOf"],
        "domain" => &["subdomainOf"],
        _ => return false,
    };
    fields.iter().any(|field| text.contains(&format!("\"{field}\"")))
}

/// A warning for each ring that something `own` is a part of, at the first of its own by name.
pub(crate) fn of(documents: &[(Ref, Document, String)], own: impl Fn(&Ref) -> bool) -> Vec<Warning> {
    let mut above: BTreeMap<Ref, Vec<Above>> = BTreeMap::new();
    for (at, (name, document, _)) in documents.iter().enumerate() {
        let Some(kind) = loggia_model::Kind::find(document.kind()) else { continue };
        for relation in (kind.relations)(document) {
            let target = relation.target.clone();
            match relation.relation {
                RelationType::CHILD_OF => add(&mut above, name.clone(), target, at, relation),
                RelationType::PARENT_OF => add(&mut above, target, name.clone(), at, relation),
                RelationType::PART_OF if target.kind() == name.kind() => {
                    add(&mut above, name.clone(), target, at, relation);
                }
                _ => {}
            }
        }
    }
    rings(&above)
        .iter()
        .filter(|ring| ring.iter().any(&own))
        .filter_map(|ring| tell(ring, &above, documents, &own))
        .collect()
}

fn add(above: &mut BTreeMap<Ref, Vec<Above>>, name: Ref, target: Ref, said_by: usize, relation: Relation) {
    above.entry(name).or_default().push(Above { target, said_by, relation });
}

/// The rings, each begun at its first name, and each once.
fn rings(above: &BTreeMap<Ref, Vec<Above>>) -> BTreeSet<Vec<Ref>> {
    let left = leading_into(above);
    let mut found = BTreeSet::new();
    let mut met: BTreeSet<&Ref> = BTreeSet::new();
    for first in &left {
        let mut way: Vec<&Ref> = Vec::new();
        let mut next = Some(*first);
        while let Some(name) = next.filter(|name| met.insert(*name)) {
            way.push(name);
            next = above[name].iter().map(|one| &one.target).find(|target| left.contains(target));
        }
        if let Some(begin) = next.and_then(|again| way.iter().position(|name| *name == again)) {
            let mut ring: Vec<Ref> = way[begin..].iter().map(|name| (*name).clone()).collect();
            let least = ring.iter().enumerate().min_by_key(|(_, name)| (*name).clone()).map_or(0, |(at, _)| at);
            ring.rotate_left(least);
            found.insert(ring);
        }
    }
    found
}

/// What leads into a ring: what is left when everything that leads out is taken away, again and again.
fn leading_into(above: &BTreeMap<Ref, Vec<Above>>) -> BTreeSet<&Ref> {
    let mut ways: BTreeMap<&Ref, usize> = BTreeMap::new();
    let mut below: BTreeMap<&Ref, Vec<&Ref>> = BTreeMap::new();
    for (name, all) in above {
        let on = all.iter().filter(|one| above.contains_key(&one.target));
        ways.insert(name, on.map(|one| below.entry(&one.target).or_default().push(name)).count());
    }
    let mut out: Vec<&Ref> = ways.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = out.pop() {
        ways.remove(name);
        for other in below.get(name).into_iter().flatten() {
            let Some(count) = ways.get_mut(other) else { continue };
            *count -= 1;
            if *count == 0 {
                out.push(other);
            }
        }
    }
    ways.into_keys().collect()
}

fn tell(
    ring: &[Ref],
    above: &BTreeMap<Ref, Vec<Above>>,
    documents: &[(Ref, Document, String)],
    own: &impl Fn(&Ref) -> bool,
) -> Option<Warning> {
    let first = ring.first()?;
    let steps = ring.iter().zip(ring.iter().cycle().skip(1));
    let said = steps.filter_map(|(name, next)| above.get(name)?.iter().find(|one| one.target == *next));
    let said: Vec<&Above> = said.collect();
    let place = said.iter().find(|one| own(&documents[one.said_by].0)).or(said.first())?;
    let (_, document, path) = documents.get(place.said_by)?;
    let way: Vec<&str> = ring.iter().chain([first]).map(Ref::as_str).collect();
    let message = format!("{first} stands above itself: {}", way.join(" → "));
    let mend = "Take one of these out; until then nobody can say what stands above what.";
    let problem = warning("reference.ring", field_of(document, &place.relation), message, mend, path);
    Some(Warning { problem, target: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(name: &str, parent: Option<&str>, children: &[&str]) -> (Ref, Document, String) {
        let mut spec = json!({"type": "team", "children": children});
        if let Some(parent) = parent {
            spec["parent"] = parent.into();
        }
        let document = Document(json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group",
            "metadata": {"name": name}, "spec": spec}));
        (document.reference(), document, format!("{name}.yaml#0"))
    }

    fn told(all: &[(Ref, Document, String)]) -> Vec<(String, String)> {
        let warnings = of(all, |_| true).into_iter();
        warnings.map(|one| (one.problem.path, one.problem.message.replace("group:default/", ""))).collect()
    }

    #[test]
    fn each_ring_is_spelled_out_once_whoever_says_it() {
        let all = vec![
            group("c", Some("a"), &[]),
            group("a", Some("b"), &[]),
            group("b", Some("c"), &["a"]),
            group("d", Some("a"), &[]),
        ];
        assert_eq!(told(&all), [("spec.parent".to_owned(), "a stands above itself: a → b → c → a".to_owned())]);
        let said_below = vec![group("x", None, &["y"]), group("y", None, &["x"])];
        assert_eq!(told(&said_below), [("spec.children.0".to_owned(), "x stands above itself: x → y → x".to_owned())]);
        let itself = vec![group("x", Some("x"), &[])];
        assert_eq!(told(&itself), [("spec.parent".to_owned(), "x stands above itself: x → x".to_owned())]);
    }

    #[test]
    fn a_deep_tree_is_no_ring() {
        let name = |at: usize| format!("g{at}");
        let all: Vec<_> = (0..3_000).map(|at| group(&name(at), Some(&name(at + 1)), &[])).collect();
        assert_eq!(told(&all), []);
    }
}
