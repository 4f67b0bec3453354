//! A model of the graph that has no index: every answer comes from looking at every record.

use loggia_graph::{Audience, Describe, Missing, Predicate, Query, Within};
use loggia_model::flatten::{Leaf, flatten, flatten_under};
use loggia_model::{Record, Ref, Relation, Scope};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One record with what its text says.
struct Item {
    record: Arc<Record>,
    scopes: Vec<Scope>,
    within: Within,
    stated: Vec<Relation>,
    leaves: BTreeSet<(String, Option<String>)>,
}

/// All records.
pub struct Oracle {
    items: Vec<Item>,
}

/// One record as an audience sees it.
pub struct View {
    pub record: Arc<Record>,
    pub relations: BTreeSet<Relation>,
    leaves: BTreeSet<(String, Option<String>)>,
}

impl Item {
    fn read(record: &Arc<Record>, describe: Describe) -> Item {
        let document = record.parse();
        let facts = describe(record, &document);
        let mut leaves = BTreeSet::new();
        let mut take = |key: &str, leaf: Leaf<'_>| {
            let value = match leaf {
                Leaf::Exists => None,
                Leaf::Text { original, .. } => Some(original.to_owned()),
            };
            leaves.insert((key.to_owned(), value));
        };
        flatten(&document.0, &mut take);
        let status = record.parse_status();
        if facts.status && !status.is_null() {
            flatten_under("status", &status, &mut take);
        }
        leaves.insert(("metadata.uid".to_owned(), Some(record.uid.to_string())));
        Item { record: record.clone(), scopes: facts.scopes, within: facts.within, stated: facts.relations, leaves }
    }
}

impl Oracle {
    pub fn new<'a>(records: impl Iterator<Item = &'a Arc<Record>>, describe: Describe) -> Oracle {
        Oracle { items: records.map(|record| Item::read(record, describe)).collect() }
    }

    /// Whether an audience sees all that a record is within.
    fn inside(&self, audience: &Audience, item: &Item) -> bool {
        let mut outer =
            item.within.names.iter().flat_map(|name| self.items.iter().filter(|o| o.record.reference == *name));
        audience.admits(&item.within.or) || outer.all(|outer| audience.admits(&outer.scopes))
    }

    /// What an audience sees, in order of names.
    pub fn seen_by(&self, audience: &Audience) -> Vec<View> {
        let visible = || self.items.iter().filter(|item| audience.admits(&item.scopes) && self.inside(audience, item));
        let mut incoming: BTreeMap<&Ref, Vec<Relation>> = BTreeMap::new();
        for item in visible() {
            for stated in &item.stated {
                let back = Relation { relation: stated.relation.inverse(), target: item.record.reference.clone() };
                incoming.entry(&stated.target).or_default().push(back);
            }
        }
        let view = |item: &Item| {
            let others = incoming.get(&item.record.reference).into_iter().flatten();
            let names: BTreeSet<&Ref> = visible().map(|item| &item.record.reference).collect();
            let told = |stated: &&Relation| !stated.relation.is_decided() || names.contains(&stated.target);
            let relations: BTreeSet<Relation> = item.stated.iter().filter(told).chain(others).cloned().collect();
            let rows = relations
                .iter()
                .map(|r| (format!("relations.{}", r.relation.name().to_lowercase()), Some(r.target.to_string())));
            let leaves = item.leaves.iter().cloned().chain(rows).collect();
            View { record: item.record.clone(), relations, leaves }
        };
        let mut views: Vec<View> = visible().map(view).collect();
        views.sort_by(|a, b| a.record.reference.cmp(&b.record.reference));
        views
    }

    /// Relations that lead to nothing.
    pub fn dangling(&self) -> BTreeSet<(Ref, Relation)> {
        let names: BTreeSet<&Ref> = self.items.iter().map(|item| &item.record.reference).collect();
        let all = self.items.iter().flat_map(|i| i.stated.iter().map(|r| (i.record.reference.clone(), r.clone())));
        all.filter(|(_, relation)| !names.contains(&relation.target)).collect()
    }
}

impl View {
    /// The values of a key as written.
    fn values(&self, key: &str) -> Vec<&Option<String>> {
        let key = key.to_lowercase();
        self.leaves.iter().filter(|(k, _)| *k == key).map(|(_, value)| value).collect()
    }

    /// The values of a key that can be compared, folded.
    fn folded(&self, key: &str) -> BTreeSet<String> {
        self.values(key).into_iter().flatten().map(|value| value.to_lowercase()).collect()
    }

    pub fn meets(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::Everything => true,
            Predicate::Nothing => false,
            Predicate::All(list) => list.iter().all(|p| self.meets(p)),
            Predicate::Any(list) => list.iter().any(|p| self.meets(p)),
            Predicate::Not(inner) => !self.meets(inner),
            Predicate::Exists(key) => !self.values(key).is_empty(),
            Predicate::In(key, list) => list.iter().any(|v| self.folded(key).contains(&v.to_lowercase())),
            Predicate::Prefix(key, text) => self.folded(key).iter().any(|v| v.starts_with(&text.to_lowercase())),
            Predicate::Relation(by, list) => self.relations.iter().any(|r| {
                let wanted = |list: &Vec<String>| list.iter().any(|name| name.to_lowercase() == r.target.as_str());
                r.relation == *by && list.as_ref().is_none_or(wanted)
            }),
        }
    }

    fn contains(&self, query: &Query) -> bool {
        let Some(filter) = &query.text else { return true };
        let term = filter.term.trim().to_lowercase();
        let found = |key: &String| self.folded(key).iter().any(|value| like(&format!("%{term}%"), value));
        term.is_empty() || filter.fields.iter().any(found)
    }
}

/// `LIKE`, the slow and plain way.
fn like(pattern: &str, value: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return value.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let mut tail = value.chars();
    match first {
        '%' => like(rest, value) || tail.next().is_some_and(|_| like(pattern, tail.as_str())),
        first => tail.next().is_some_and(|c| (c == first || first == '_') && like(rest, tail.as_str())),
    }
}

/// The rows of a query in order, and how many different records they are.
pub fn rows(views: &[View], query: &Query) -> (Vec<Ref>, u64) {
    let mut rows: Vec<(Vec<Option<String>>, Ref)> = Vec::new();
    let mut total = 0;
    for view in views.iter().filter(|view| view.meets(&query.predicate) && view.contains(query)) {
        let mut combinations: Vec<Vec<Option<String>>> = vec![Vec::new()];
        for key in &query.order {
            let values = view.folded(&key.key);
            let values: Vec<Option<String>> =
                if values.is_empty() { vec![None] } else { values.into_iter().map(Some).collect() };
            let with = |c: &Vec<_>, v: &Option<String>| c.iter().cloned().chain([v.clone()]).collect();
            combinations = combinations.iter().flat_map(|c| values.iter().map(move |v| with(c, v))).collect();
        }
        combinations.retain(|c| query.missing == Missing::Last || c.first() != Some(&None));
        total += u64::from(!combinations.is_empty());
        combinations.retain(|c| picks(query, c));
        rows.extend(combinations.into_iter().map(|c| (c, view.record.reference.clone())));
    }
    rows.sort_by(|a, b| compare(query, a, b));
    (rows.into_iter().map(|(_, name)| name).collect(), total)
}

/// Whether a text that is looked for in the key of the order only is in the value of this row.
fn picks(query: &Query, values: &[Option<String>]) -> bool {
    let (Some(filter), Some(key), Missing::Omitted) = (&query.text, query.order.first(), query.missing) else {
        return true;
    };
    let term = filter.term.trim().to_lowercase();
    let other = filter.fields != [key.key.to_lowercase()];
    let found = |value: &String| like(&format!("%{term}%"), value);
    term.is_empty() || other || values.first().and_then(Option::as_ref).is_some_and(found)
}

fn compare(query: &Query, a: &(Vec<Option<String>>, Ref), b: &(Vec<Option<String>>, Ref)) -> Ordering {
    for (at, key) in query.order.iter().enumerate() {
        let order = match (&a.0[at], &b.0[at]) {
            (Some(a), Some(b)) if key.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (None, None) => Ordering::Equal,
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    let down = query.missing == Missing::Omitted && query.order.first().is_some_and(|key| key.descending);
    if down { b.1.cmp(&a.1) } else { a.1.cmp(&b.1) }
}

/// The facet of a key.
pub fn facet(views: &[View], predicate: &Predicate, key: &str) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for view in views.iter().filter(|view| view.meets(predicate)) {
        for value in view.values(key).into_iter().flatten() {
            *counts.entry(value.clone()).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}
