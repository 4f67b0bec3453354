//! Histories of changes: whatever happened, every answer is the one of a graph that was loaded at once, and the one of
//! a look at every record.

use crate::oracle::{self, Oracle, View};
use crate::world::{self, Dice};
use loggia_graph::{Audience, Change, Graph, Missing, OrderKey, Page, Predicate, Query, TextFilter, Turn};
use loggia_model::{Record, RelationType, Uid};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const KEYS: [&str; 18] = [
    "kind",
    "metadata.name",
    "metadata.namespace",
    "METADATA.title",
    "metadata.tags",
    "metadata.tags.java",
    "metadata.tags.x.y",
    "spec.type",
    "spec.type.web",
    "spec.type.web.web",
    "spec.type.1",
    "spec.rank",
    "status.phase",
    "metadata.uid",
    "relations.ownedBy",
    "relations.dependencyof",
    "relations.nothing",
    "nowhere",
];
const VALUES: [&str; 16] = [
    "component",
    "Instance",
    "thing-03",
    "default",
    "strasse",
    "Straße",
    "JAVA",
    "true",
    "web",
    "7",
    "1.5",
    "READY",
    "",
    "component:default/thing-01",
    "01900000-0000-7000-8000-000000000003",
    "σας",
];

fn leaf() -> impl Strategy<Value = Predicate> {
    let key = prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned);
    let value = prop::sample::select(VALUES.to_vec()).prop_map(str::to_owned);
    let relation = prop::sample::select(vec!["ownedBy", "ownerOf", "dependsOn", "partOf"]);
    let relation = relation.prop_map(|name| RelationType::find(name).expect("a relation"));
    prop_oneof![
        Just(Predicate::Everything),
        key.clone().prop_map(Predicate::Exists),
        (key.clone(), prop::collection::vec(value.clone(), 0..4)).prop_map(|(k, v)| Predicate::In(k, v)),
        (key, value.clone(), 0..4usize).prop_map(|(k, v, n)| Predicate::Prefix(k, v.chars().take(n).collect())),
        (relation, prop::option::of(prop::collection::vec(value, 0..3))).prop_map(|(r, v)| Predicate::Relation(r, v)),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    leaf().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::Any),
            inner.prop_map(Predicate::negate),
        ]
    })
}

pub fn query() -> impl Strategy<Value = Query> {
    let order = prop::collection::vec((prop::sample::select(KEYS.to_vec()), any::<bool>()), 0..3);
    let order = order.prop_map(|list| {
        let key = |(key, descending): (&str, bool)| OrderKey { key: key.to_owned(), descending };
        list.into_iter().map(key).collect()
    });
    let term = prop::sample::select(vec!["", " A ", "ß", "%", "_b", "e%r", "thing_0", "0190"]);
    let fields = prop::collection::vec(prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned), 0..3);
    let text = prop::option::weighted(0.3, (term, fields));
    let text = text.prop_map(|text| text.map(|(term, fields)| TextFilter { term: term.to_owned(), fields }));
    (predicate(), text, order, any::<bool>()).prop_map(|(predicate, text, order, last)| {
        let missing = if last { Missing::Last } else { Missing::Omitted };
        Query { predicate, text, order, missing, total: true, ..Query::default() }
    })
}

/// The names of a page.
fn names(page: &Page) -> Vec<String> {
    page.records.iter().map(|record| record.reference.to_string()).collect()
}

/// Asks for all rows at once, page by page to the end, and back again.
pub fn check_pages(graph: &Graph, audience: &Audience, views: &[View], query: &Query, size: usize) {
    let (rows, total) = oracle::rows(views, query);
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let whole = graph.query(audience, query);
    assert_eq!(names(&whole), rows, "{query:?}");
    assert_eq!(whole.total, Some(total), "{query:?}");
    assert!(!whole.more_before && !whole.more_after);
    let offset = graph.query(audience, &Query { offset: 2, limit: Some(size), ..query.clone() });
    assert_eq!(names(&offset), rows.iter().skip(2).take(size).cloned().collect::<Vec<_>>(), "{query:?}");
    let counted = graph.query(audience, &Query { limit: Some(0), ..query.clone() });
    assert_eq!((counted.records.len(), counted.total), (0, Some(total)));

    let mut pages = vec![graph.query(audience, &Query { limit: Some(size), ..query.clone() })];
    while let Some(next) = pages.last().and_then(Page::next) {
        let from = Some(Turn::After(next.clone()));
        pages.push(graph.query(audience, &Query { limit: Some(size), from, ..query.clone() }));
    }
    assert_eq!(pages.iter().flat_map(names).collect::<Vec<_>>(), rows, "forward {query:?}");
    for pair in pages.windows(2) {
        let from = Some(Turn::Before(pair[1].previous().expect("a page before").clone()));
        let back = graph.query(audience, &Query { limit: Some(size), from, ..query.clone() });
        assert_eq!(names(&back), names(&pair[0]), "back {query:?}");
        assert_eq!(back.next().is_some(), pair[0].next().is_some());
        assert_eq!(back.previous().is_some(), pair[0].previous().is_some());
    }
}

/// Asks for counts and facets.
pub fn check_numbers(graph: &Graph, audience: &Audience, views: &[View], predicate: &Predicate) {
    let keys: Vec<String> = KEYS.map(str::to_owned).to_vec();
    for (key, facet) in keys.iter().zip(graph.facets(audience, predicate, &keys)) {
        assert_eq!(facet, oracle::facet(views, predicate, key), "{key} of {predicate:?}");
    }
    // For each value of a field at once it is the same as for one after the other.
    let leaves: Vec<String> = keys.into_iter().filter(|key| !key.starts_with("relations.")).collect();
    let by = graph.facets_by(audience, predicate, "kind", &leaves);
    let kinds = oracle::facet(views, predicate, "kind");
    assert_eq!(by.keys().collect::<Vec<_>>(), kinds.iter().map(|(kind, _)| kind).collect::<Vec<_>>());
    for (kind, facets) in &by {
        let of_kind = predicate.clone().and(Predicate::equals("kind", kind.as_str()));
        for (key, facet) in leaves.iter().zip(facets) {
            assert_eq!(*facet, oracle::facet(views, &of_kind, key), "{key} of {kind} of {predicate:?}");
        }
    }
    assert_eq!(graph.count(audience, predicate), views.iter().filter(|view| view.meets(predicate)).count() as u64);
}

/// Asks for the relations of some records.
pub fn check_relations(graph: &Graph, audience: &Audience, views: &[View], most: usize) {
    for view in views.iter().take(most) {
        let relations = graph.relations(audience, &view.record);
        assert_eq!(relations, view.relations.iter().cloned().collect::<Vec<_>>(), "{}", view.record.reference);
        let by = RelationType::find("ownerOf").expect("a relation");
        let targets = view.relations.iter().filter(|r| r.relation == by).map(|r| &r.target);
        let seen = targets.filter(|target| views.iter().any(|v| v.record.reference == **target));
        let related = graph.related(audience, &view.record.reference, by);
        assert_eq!(related.iter().map(|r| &r.reference).collect::<Vec<_>>(), seen.collect::<Vec<_>>());
    }
}

/// Which records an audience sees, one by one, through every way in.
pub fn check_sight(graph: &Graph, audience: &Audience, views: &[View], records: &BTreeMap<Uid, Arc<Record>>) {
    for record in records.values() {
        let seen = views.iter().any(|view| view.record.uid == record.uid);
        assert_eq!(graph.visible(audience, record), seen);
        assert_eq!(graph.by_uid(record.uid), Some(record));
        assert_eq!(graph.get(&record.reference), Some(record));
        let found = graph.search(audience, record.reference.name(), 1000);
        assert_eq!(found.iter().any(|hit| hit.record.uid == record.uid), seen);
        let names: Vec<&str> = views.iter().map(|view| view.record.reference.as_str()).collect();
        assert!(found.iter().all(|hit| names.binary_search(&hit.record.reference.as_str()).is_ok()));
        let picture = graph.walk(audience, &record.reference, &RelationType::all().collect::<Vec<_>>(), 3, 1000);
        assert_eq!(picture.nodes.is_empty(), !seen);
        assert!(picture.nodes.iter().all(|(node, _)| names.binary_search(&node.reference.as_str()).is_ok()));
    }
    assert_eq!(graph.len(), records.len());
}

/// Some changes, applied to a graph and to a plain map.
pub fn change(graph: &mut Graph, records: &mut BTreeMap<Uid, Arc<Record>>, dice: &mut Dice, names: u32, count: u64) {
    let mut changes = Vec::new();
    for _ in 0..count {
        let identity = dice.roll(u64::from(names) * 2 / 3) as u32;
        if dice.roll(5) == 0 {
            records.remove(&world::uid(identity));
            changes.push(Change::Remove(world::uid(identity)));
            continue;
        }
        let same = records.get(&world::uid(identity)).filter(|_| dice.roll(3) > 0);
        let number = (0..names).find(|n| same.is_some_and(|r| r.reference.name() == world::name(*n).1.to_lowercase()));
        let number = number.unwrap_or_else(|| dice.roll(u64::from(names)) as u32);
        let record = world::random(identity, number, names, dice);
        records.retain(|_, other| other.reference != record.reference);
        records.insert(record.uid, record.clone());
        changes.push(Change::Put(record));
    }
    graph.apply(&changes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_a_plain_look(
        seed in any::<u64>(),
        batches in prop::collection::vec(1..12u64, 1..5),
        queries in prop::collection::vec(query(), 12),
    ) {
        let mut dice = Dice(seed);
        let mut grown = Graph::describing(world::describe);
        let mut records = BTreeMap::new();
        for count in batches {
            change(&mut grown, &mut records, &mut dice, 24, count);
        }
        let all: Vec<Record> = records.values().map(|record| Record::clone(record)).collect();
        let loaded = Graph::describing(world::describe).loaded(all, Vec::new());
        let oracle = Oracle::new(records.values(), world::describe);
        for graph in [&grown, &loaded] {
            for audience in world::audiences() {
                let views = oracle.seen_by(&audience);
                for query in &queries {
                    check_pages(graph, &audience, &views, query, 3);
                    check_numbers(graph, &audience, &views, &query.predicate);
                }
                check_relations(graph, &audience, &views, usize::MAX);
                check_sight(graph, &audience, &views, &records);
            }
            let dangling = graph.dangling(&Audience::All).into_iter().map(|d| (d.source, d.relation));
            prop_assert_eq!(dangling.collect::<std::collections::BTreeSet<_>>(), oracle.dangling());
            prop_assert!(graph.dangling(&Audience::of([])).is_empty());
        }
    }

    #[test]
    fn a_snapshot_never_changes(seed in any::<u64>(), queries in prop::collection::vec(query(), 6)) {
        let mut dice = Dice(seed);
        let mut graph = Graph::describing(world::describe);
        let mut records = BTreeMap::new();
        change(&mut graph, &mut records, &mut dice, 24, 20);
        let old = graph.clone();
        let ask = |graph: &Graph| -> Vec<Page> { queries.iter().map(|q| graph.query(&Audience::All, q)).collect() };
        let before = ask(&old);
        let kept = records.clone();
        for _ in 0..4 {
            change(&mut graph, &mut records, &mut dice, 24, 10);
        }
        prop_assert_eq!(ask(&old), before);
        let oracle = Oracle::new(kept.values(), world::describe);
        let views = oracle.seen_by(&Audience::All);
        check_numbers(&old, &Audience::All, &views, &Predicate::Everything);
        check_relations(&old, &Audience::All, &views, usize::MAX);
    }
}
