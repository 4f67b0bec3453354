//! Walks over relations.

use crate::edges::unpack;
use crate::{Audience, Dangling, Graph, Picture};
use loggia_model::{Ref, Relation, RelationType};
use std::collections::HashMap;

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
            for relation in types {
                for other in self.nodes.in_order(&self.neighbours(audience, number, *relation), None, false) {
                    if !self.sees(audience, other) {
                        continue;
                    }
                    if !found.contains_key(&other) {
                        if list.len() >= limit {
                            picture.cut = true;
                            continue;
                        }
                        found.insert(other, hop + 1);
                        list.push(other);
                    }
                    edges.push((number, *relation, other));
                }
            }
            at += 1;
        }
        let name = |number: u32| self.nodes.get(number).map(|node| node.reference.clone());
        picture.nodes = list.iter().filter_map(|n| Some((self.nodes.record(*n)?.clone(), found[n]))).collect();
        picture.edges = edges.into_iter().filter_map(|(a, by, b)| Some((name(a)?, by, name(b)?))).collect();
        picture.edges.sort_unstable();
        picture.edges.dedup();
        picture
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
