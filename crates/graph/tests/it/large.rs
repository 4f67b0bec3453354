//! Enough records for every form of a set, for split runs of values, and for renumbering.

use crate::history::{change, check_numbers, check_pages, check_relations, query};
use crate::oracle::Oracle;
use crate::world::{self, Dice};
use loggia_graph::{Audience, Graph, Query};
use loggia_model::Scope;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

#[test]
fn thousands_of_records_answer_like_few() {
    let mut dice = Dice(7);
    let mut graph = Graph::describing(world::describe);
    let mut records = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    for round in 0..6 {
        change(&mut graph, &mut records, &mut dice, 3000, if round % 2 == 0 { 1500 } else { 300 });
        let oracle = Oracle::new(records.values(), world::describe);
        for audience in [Audience::All, Audience::of([Scope::Company])] {
            let views = oracle.seen_by(&audience);
            for _ in 0..12 {
                let query: Query = query().new_tree(&mut runner).expect("a query").current();
                check_pages(&graph, &audience, &views, &query, 400);
            }
            let one = query().new_tree(&mut runner).expect("a query").current();
            check_numbers(&graph, &audience, &views, &one.predicate);
            check_relations(&graph, &audience, &views, 40);
        }
    }
}
