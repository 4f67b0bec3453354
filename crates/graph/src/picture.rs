//! Walks over relations.

use crate::edges::unpack;
use crate::{Audience, Dangling, Graph, Picture};
use loggia_model::{Ref, Relation, RelationType};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

impl Graph {
    /// The records within some hops of one along relations of some types, for a picture or to find who is affected.
    ///
    /// Only records that the audience may see are given and walked through; at most `limit`, the nearest ones. Empty
    /// when the audience may not see the first.
    pub fn walk(&self, audience: &Audience, from: &Ref, types: &[RelationType], hops: u32, limit: usize) -> Picture {
        let mut picture = Picture::default();
        let Some(first) = self.nodes.number(from.as_str()).filter(|number| self.sees(audience, *number)) else {
            return picture;
        };
        let mut found: HashMap<u32, u32> = HashMap::from([(first, 0)]);
        let mut list = vec![first];
        let mut edges = Vec::new();
        let mut at = 0;
        while let Some((number, hop)) = list.get(at).map(|number| (*number, found[number])).filter(|(_, h)| *h < hops) {
            at += 1;
            for (relation, other) in self.steps(audience, number, types) {
                match found.entry(other) {
                    Entry::Vacant(_) if list.len() >= limit => {
                        picture.cut = true;
                        continue;
                    }
                    Entry::Vacant(place) => {
                        place.insert(hop + 1);
                        list.push(other);
                    }
                    Entry::Occupied(_) => {}
                }
                edges.push((number, relation, other));
            }
        }
        let name = |number: u32| self.nodes.get(number).map(|node| node.reference.clone());
        picture.nodes = list.iter().filter_map(|n| Some((self.nodes.record(*n)?.clone(), found[n]))).collect();
        picture.edges = edges.into_iter().filter_map(|(a, by, b)| Some((name(a)?, by, name(b)?))).collect();
        picture.edges.sort_unstable();
        picture.edges.dedup();
        picture
    }

    /// Where one can go from a node along some types of relations, in order of types as given and then of names.
    fn steps(&self, audience: &Audience, number: u32, types: &[RelationType]) -> Vec<(RelationType, u32)> {
        let mut steps = Vec::new();
        for relation in types {
            let others = self.neighbours(audience, number, *relation);
            let others = self.nodes.in_order(&others, None, false).filter(|other| self.sees(audience, *other));
            steps.extend(others.map(|other| (*relation, other)));
        }
        steps
    }

    /// Relations that lead to nothing, in order of target and then type and source; none for an audience that does
    /// not see everything, since it can not tell what is missing from what is hidden.
    pub fn dangling(&self, audience: &Audience) -> Vec<Dangling> {
        let mut list = Vec::new();
        if *audience != Audience::All {
            return list;
        }
        for node in self.nodes.without_record() {
            node.received.each(|edge| {
                let (relation, source) = unpack(edge);
                let source = self.nodes.get(source).map(|source| source.reference.clone());
                let relation = Relation { relation, target: node.reference.clone() };
                list.extend(source.map(|source| Dangling { source, relation }));
            });
        }
        list.sort_unstable_by(|a, b| {
            (&a.relation.target, &a.relation, &a.source).cmp(&(&b.relation.target, &b.relation, &b.source))
        });
        list
    }
}
