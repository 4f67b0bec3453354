//! Search by words.

use crate::world::{describe, record};
use loggia_graph::{Audience, Change, Graph, Matched};
use loggia_model::Scope;
use serde_json::{Value, json};
use std::sync::Arc;

fn graph() -> Graph {
    let offering = |at: u32, name: &str, title: &str, tags: Value, text: &str, scope: &str| {
        let metadata = json!({"name": name, "title": title, "tags": tags, "description": text});
        let document =
            json!({"apiVersion": "v1", "kind": "Offering", "metadata": metadata, "spec": {"seenBy": [scope]}});
        Change::Put(Arc::new(record(at, document, None)))
    };
    let mut graph = Graph::describing(describe);
    graph.apply(&[
        offering(1, "postgres", "PostgreSQL", json!(["database"]), "A relational database", "all"),
        offering(2, "postgres-backup", "Backups", json!(["storage"]), "Copies of your database, each night", "all"),
        offering(3, "queue", "Queue", json!(["postgres"]), "Messages", "all"),
        offering(4, "shop", "Shop", json!([]), "Uses postgres below", "all"),
        offering(5, "postgres-next", "Draft", json!([]), "The next one", "a"),
        offering(6, "straße", "ÜBERWEG", json!([]), "", "all"),
    ]);
    graph
}

fn found(text: &str) -> Vec<String> {
    let hits = graph().search(&Audience::of([Scope::Company]), text, 10);
    hits.iter().map(|hit| hit.record.reference.name().to_owned()).collect()
}

#[test]
fn the_best_part_comes_first() {
    assert_eq!(found("postgres"), ["postgres", "postgres-backup", "queue", "shop"]);
    assert_eq!(found("Postgre"), ["postgres", "postgres-backup", "queue", "shop"]);
    assert_eq!(found("database"), ["postgres", "postgres-backup"]);
    let hits = graph().search(&Audience::All, "postgres", 10);
    assert_eq!(hits.iter().map(|hit| hit.field).collect::<Vec<_>>()[..2], [Matched::Name, Matched::Name]);
    assert_eq!(hits.len(), 5);
    assert_eq!(graph().search(&Audience::All, "postgres", 2).len(), 2);
}

#[test]
fn all_words_must_occur_and_the_last_may_be_begun() {
    assert_eq!(found("postgres night"), ["postgres-backup"]);
    assert_eq!(found("database post"), ["postgres", "postgres-backup"]);
    assert_eq!(found("post database"), Vec::<String>::new());
    assert_eq!(found("überw"), ["straße"]);
    assert_eq!(found("  "), Vec::<String>::new());
    assert_eq!(found("§$%"), Vec::<String>::new());
}

#[test]
fn one_wrong_letter_is_forgiven_when_nothing_else_is_found() {
    assert_eq!(found("postgras"), ["postgres", "postgres-backup", "queue", "shop"]);
    assert_eq!(found("databsae"), ["postgres", "postgres-backup"]);
    assert_eq!(found("mysql"), Vec::<String>::new());
    // Only who sees the draft finds it, also by a near miss.
    assert_eq!(found("draff"), Vec::<String>::new());
    assert_eq!(graph().search(&Audience::All, "draff", 10).len(), 1);
}
