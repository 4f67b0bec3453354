//! Prints how long the graph takes and how much memory, at 10,000 and 100,000 records (or at the sizes given as
//! arguments). One process for each size, so that memory is that of one graph.

use loggia_graph::{Audience, Change, Facts, Graph, Missing, OrderKey, Predicate, Query, TextFilter, Turn};
use loggia_model::{Document, Micros, Record, Ref, Relation, RelationType, Scope, Source, Uid, canonical};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LANGUAGES: [&str; 6] = ["java", "go", "rust", "python", "typescript", "kotlin"];
const WORDS: [&str; 18] = [
    "fast", "payment", "ledger", "order", "search", "user", "audit", "mail", "risk", "stock", "price", "route",
    "cache", "event", "batch", "report", "portal", "gate",
];

/// A stream of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if let [size] = sizes.as_slice() {
        return measure(*size);
    }
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    let Ok(program) = std::env::current_exe() else { return println!("skipped: the program does not know its path") };
    for size in sizes {
        if let Err(problem) = Command::new(&program).arg(size.to_string()).status() {
            println!("skipped {size}: {problem}");
        }
    }
}

/// Relations and scopes as the kinds of the catalog have them, without their checks.
fn describe(record: &Record, document: &Document) -> Facts {
    let kind = record.reference.kind();
    let part = if kind == "system" { "domain" } else { "system" };
    let fields = [
        ("owner", "ownedBy", "group"),
        (part, "partOf", part),
        ("parent", "childOf", "group"),
        ("memberOf", "memberOf", "group"),
        ("providesApis", "providesApi", "api"),
        ("consumesApis", "consumesApi", "api"),
        ("dependsOn", "dependsOn", "component"),
    ];
    let relations = fields.into_iter().filter_map(|(key, by, kind)| Some((key, RelationType::find(by)?, kind)));
    let relations = relations.flat_map(|(key, relation, kind)| {
        let targets = document.spec_list(key).chain([document.spec_text(key)]).filter(|text| !text.is_empty());
        let targets = targets.filter_map(|text| Ref::parse(text, Some(kind), "default").ok());
        targets.map(|target| Relation { relation, target }).collect::<Vec<_>>()
    });
    Facts { scopes: vec![Scope::Company], relations: relations.collect(), ..Facts::default() }
}

/// Records in the mix of a usual catalog: mostly components, then APIs, people, systems, teams.
fn records(size: usize) -> Vec<Record> {
    let mut dice = Dice(20_260_101);
    (0..size).map(|at| record(at, size, &mut dice)).collect()
}

fn record(at: usize, size: usize, dice: &mut Dice) -> Record {
    let one = |dice: &mut Dice, name: &str, share: usize| format!("{name}-{:05}", dice.roll(size * share / 100));
    let (kind, share) = match at % 100 {
        0..70 => ("Component", 70),
        70..80 => ("API", 10),
        80..88 => ("User", 8),
        88..93 => ("System", 5),
        93..97 => ("Group", 4),
        97..99 => ("Resource", 2),
        _ => ("Domain", 1),
    };
    let name = format!("{}-{:05}", kind.to_lowercase(), at / 100 * share + at % 100 % share);
    let owner = one(dice, "group", 4);
    let mut spec = match kind {
        "User" => {
            json!({"memberOf": [owner, one(dice, "group", 4)], "profile": {"displayName": format!("User {at}"), "email": format!("{name}@example.com")}})
        }
        "Group" => {
            json!({"type": "team", "children": [], "parent": owner, "profile": {"displayName": format!("Team {at}")}})
        }
        "Domain" => json!({"owner": owner}),
        "System" => json!({"owner": owner, "domain": one(dice, "domain", 1)}),
        _ => {
            json!({"type": dice.pick(&["service", "website", "library", "job"]), "owner": owner, "system": one(dice, "system", 5),
            "lifecycle": dice.pick(&["production", "experimental", "deprecated"])})
        }
    };
    if kind == "API" {
        spec["definition"] = json!("openapi: 3.0.3\n".repeat(20));
    }
    if kind == "Component" {
        spec["providesApis"] = (0..dice.roll(3)).map(|_| json!(one(dice, "api", 10))).collect();
        spec["consumesApis"] = (0..dice.roll(4)).map(|_| json!(one(dice, "api", 10))).collect();
        spec["dependsOn"] = json!([one(dice, "resource:resource", 2), one(dice, "component", 70)]);
    }
    let words: Vec<&str> = (0..5 + dice.roll(10)).map(|_| dice.pick(&WORDS)).collect();
    let document = json!({"apiVersion": "backstage.io/v1alpha1", "kind": kind, "spec": spec, "metadata": {
        "name": name, "namespace": "default", "title": format!("{kind} {name}"), "description": words.join(" "),
        "labels": {"example.com/tier": dice.pick(&["tier-1", "tier-2", "tier-3"])},
        "annotations": {"example.com/cost-center": format!("cc-{}", dice.roll(900)), "backstage.io/techdocs-ref": "dir:.",
            "backstage.io/managed-by-location": format!("url:https://example.com/catalog/part{}.yaml", at / 1000),
            "backstage.io/managed-by-origin-location": "url:https://example.com/catalog/all.yaml"},
        "tags": [dice.pick(&LANGUAGES), dice.pick(&["tier-1", "tier-2", "tier-3"])],
        "links": [{"url": format!("https://example.com/{name}"), "title": "Dashboard"}]}});
    finished(at as u128, &Document(document))
}

fn finished(identity: u128, document: &Document) -> Record {
    let text = document.canonical();
    Record {
        uid: Uid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | identity)),
        reference: document.reference(),
        etag: canonical::etag(&text).into(),
        document: text.into(),
        status: None,
        source: Source::at("repository:main", "catalog.yaml#1"),
        revision: 1,
        position: 1,
        created_at: Micros(0),
        updated_at: Micros(0),
    }
}

/// A figure of `/proc/self/status` in MB; 0 where there is none.
fn memory(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Time that this process had on a processor; other processes do not count. Zero where the system does not say.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// Prints median and 99th percentile of some runs.
fn time(what: &str, runs: usize, mut run: impl FnMut(usize) -> usize) {
    let mut hits = 0;
    let mut times: Vec<Duration> = (0..runs)
        .map(|at| {
            let start = Instant::now();
            hits = std::hint::black_box(run(at));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let micros = |share: usize| times[(runs - 1) * share / 100].as_nanos() as f64 / 1000.0;
    println!("  {what:<52} p50 {:>9.1} µs   p99 {:>9.1} µs   ({hits})", micros(50), micros(99));
}

fn measure(size: usize) {
    let list = records(size);
    let bytes: usize = list.iter().map(|record| record.document.len()).sum();
    let before = memory("VmRSS:");
    println!("{size} records of {} bytes; {before} MB with the records alone", bytes / size);
    let (start, busy) = (Instant::now(), processor_time());
    let graph = Graph::describing(describe).loaded(list, Vec::new());
    let (took, busy) = (start.elapsed(), processor_time() - busy);
    let after = memory("VmRSS:");
    println!(
        "  load {took:.2?}, on the processor {busy:.2?}; {after} MB, {} MB of them indexes; peak {} MB",
        after - before,
        memory("VmHWM:")
    );
    let everyone = Audience::of([Scope::Company, Scope::Team("group:default/group-00001".into())]);
    for (name, audience) in [("all", &Audience::All), ("scoped", &everyone)] {
        println!(" {name}");
        pages(&graph, audience);
        numbers(&graph, audience, size);
    }
    changes(&graph, size);
    import(size);
}

fn pages(graph: &Graph, audience: &Audience) {
    let kind = |kind: &str| Predicate::equals("kind", kind);
    let list = |predicate: Predicate, order: Vec<OrderKey>| Query {
        predicate,
        order,
        missing: Missing::Omitted,
        limit: Some(20),
        total: true,
        ..Query::default()
    };
    let service = kind("component").and(Predicate::equals("spec.type", "service"));
    let owned = Predicate::equals("relations.ownedBy", "group:default/group-00007");
    let by = |key: &str| vec![OrderKey::ascending(key)];
    let text = TextFilter { term: "-001".into(), fields: vec!["metadata.name".into(), "metadata.title".into()] };
    let deep = Query { offset: 1000, ..list(service.clone(), Vec::new()) };
    for (name, query) in [
        ("20 components and total", list(kind("component"), Vec::new())),
        ("20 services and total", list(service.clone(), Vec::new())),
        ("20 services behind 1000", deep),
        ("20 services by metadata.name", list(service.clone(), by("metadata.name"))),
        (
            "20 services by metadata.title, last first",
            list(service.clone(), vec![OrderKey::descending("metadata.title")]),
        ),
        ("20 components by spec.type", list(kind("component"), by("spec.type"))),
        ("20 domains by metadata.title", list(kind("domain"), by("metadata.title"))),
        ("20 owned by a team, by metadata.name", list(owned, by("metadata.name"))),
        ("20 components with text in name or title", Query { text: Some(text), ..list(kind("component"), Vec::new()) }),
        ("20 tagged java by key", list(Predicate::exists("metadata.tags.java"), Vec::new())),
    ] {
        time(name, 300, |_| graph.query(audience, &query).records.len());
    }
    let query = list(service, by("metadata.name"));
    let mut from = None;
    time("following pages of 20 services by metadata.name", 50, |_| {
        let page = graph.query(audience, &Query { from: from.take(), ..query.clone() });
        from = page.next().cloned().map(Turn::After);
        page.records.len()
    });
}

fn numbers(graph: &Graph, audience: &Audience, size: usize) {
    let all = Predicate::Everything;
    let components = Predicate::equals("kind", "component");
    for (name, predicate, key) in [
        ("facet of kind", &all, "kind"),
        ("facet of spec.type of components", &components, "spec.type"),
        ("facet of spec.owner of components", &components, "spec.owner"),
        ("facet of relations.ownedBy of components", &components, "relations.ownedBy"),
    ] {
        time(name, 100, |_| graph.facets(audience, predicate, &[key.to_owned()])[0].len());
    }
    let mut out = String::new();
    time("by name, served text with relations", 10_000, |at| {
        let name = format!("component:default/component-{:05}", at * 7 % (size * 70 / 100));
        let Some(record) = graph.get_text(&name).filter(|record| graph.visible(audience, record)) else { return 0 };
        out.clear();
        graph.write_entity(audience, record, None, &mut out);
        out.len()
    });
    for (name, words) in [
        ("search one rare word", "00042"),
        ("search two common words", "payment led"),
        ("search with a slip", "paymemt"),
    ] {
        time(name, 50, |_| graph.search(audience, words, 20).len());
    }
}

/// Changes of one record, each on a clone as the writer has it, while the old graph is still in use.
fn changes(graph: &Graph, size: usize) {
    println!(" changes");
    let mut dice = Dice(7);
    let count = size * 70 / 100;
    let mut head = graph.clone();
    time("one change: title, owner, a tag", 1000, |at| {
        let name = format!("component:default/component-{:05}", at * 13 % count);
        let Some(record) = head.get_text(&name).cloned() else { return 0 };
        let mut document = record.parse();
        document.0["metadata"]["title"] = json!(format!("New title {at}"));
        document.0["metadata"]["tags"] = json!([dice.pick(&LANGUAGES)]);
        document.0["spec"]["owner"] = Value::String(format!("group-{:05}", dice.roll(size * 4 / 100)));
        let mut record = finished(0, &document);
        record.uid = head.get_text(&name).map_or(record.uid, |old| old.uid);
        let mut next = head.clone();
        next.apply(&[Change::Put(Arc::new(record))]);
        head = next;
        head.len()
    });
    println!("  {} MB after that, with the first graph still in use", memory("VmRSS:"));
}

/// The same records in batches into an empty graph, as an import has it.
fn import(size: usize) {
    let changes: Vec<Change> = records(size).into_iter().map(|record| Change::Put(Arc::new(record))).collect();
    let (start, busy) = (Instant::now(), processor_time());
    let mut graph = Graph::describing(describe);
    for batch in changes.chunks(1000) {
        let mut next = graph.clone();
        next.apply(batch);
        graph = next;
    }
    let (took, busy) = (start.elapsed(), processor_time() - busy);
    println!("  import of {} in batches of 1000: {took:.2?}, on the processor {busy:.2?}", graph.len());
}
