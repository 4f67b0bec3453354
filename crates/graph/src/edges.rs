//! Relations between nodes.
//!
//! A relation is one number that holds its type and the other node, so that the relations of a node are a set of
//! numbers like any other, in order of type; a hub with thousands of them is a bitmap and no change of it is a scan.
//! Only what documents state is kept, at both ends; the inverse is derived when it is asked for.

use crate::nodes::Nodes;
use crate::posting::Posting;
use crate::{Audience, Graph};
use loggia_model::{Relation, RelationType};
use roaring::RoaringBitmap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bits of a packed relation that hold the node: 67 million nodes, 64 types.
const NODE_BITS: u32 = 26;

/// Writes type and node into one number.
pub(crate) fn pack(relation: RelationType, node: u32) -> u32 {
    (u32::from(relation.0) << NODE_BITS) | node
}

/// Reads type and node.
pub(crate) fn unpack(edge: u32) -> (RelationType, u32) {
    // The shift leaves six bits.
    (RelationType((edge >> NODE_BITS) as u8), edge & ((1 << NODE_BITS) - 1))
}

/// The packed relations of one type.
fn of_type(relation: RelationType) -> RangeInclusive<u32> {
    pack(relation, 0)..=pack(relation, (1 << NODE_BITS) - 1)
}

/// The nodes that a set of packed relations leads to by one type.
pub(crate) fn targets(edges: &Posting, relation: RelationType, mut take: impl FnMut(u32)) {
    edges.each_in(of_type(relation), |edge| take(unpack(edge).1));
}

/// Whether a set of packed relations has one of this type.
fn has_type(edges: &Posting, relation: RelationType) -> bool {
    let mut any = false;
    edges.each_in(of_type(relation), |_| any = true);
    any
}

/// For each type the nodes at its ends.
#[derive(Clone, Default)]
pub(crate) struct Ends {
    /// By number of the type: nodes that state it, nodes about which it is stated.
    types: Arc<Vec<(Posting, Posting)>>,
}

impl Ends {
    /// Nodes that state a relation of this type.
    pub fn stating(&self, relation: RelationType) -> &Posting {
        self.types.get(usize::from(relation.0)).map_or(&Posting::Empty, |ends| &ends.0)
    }

    /// Nodes about which a relation of this type is stated.
    pub fn receiving(&self, relation: RelationType) -> &Posting {
        self.types.get(usize::from(relation.0)).map_or(&Posting::Empty, |ends| &ends.1)
    }

    fn of(&mut self, relation: RelationType) -> &mut (Posting, Posting) {
        let types = Arc::make_mut(&mut self.types);
        let at = usize::from(relation.0);
        if types.len() <= at {
            types.resize_with(at + 1, Default::default);
        }
        &mut types[at]
    }

    /// Takes in that `source` now states this relation about `target`.
    pub fn connect(&mut self, nodes: &mut Nodes, source: u32, relation: RelationType, target: u32) {
        if let Some(node) = nodes.get_mut(source) {
            node.stated.insert(pack(relation, target));
        }
        if let Some(node) = nodes.get_mut(target) {
            node.received.insert(pack(relation, source));
        }
        let ends = self.of(relation);
        ends.0.insert(source);
        ends.1.insert(target);
    }

    /// Takes in that `source` no longer states this relation about `target`.
    pub fn disconnect(&mut self, nodes: &mut Nodes, source: u32, relation: RelationType, target: u32) {
        if let Some(node) = nodes.get_mut(source)
            && node.stated.remove(pack(relation, target))
            && !has_type(&node.stated, relation)
        {
            self.of(relation).0.remove(source);
        }
        if let Some(node) = nodes.get_mut(target)
            && node.received.remove(pack(relation, source))
            && !has_type(&node.received, relation)
        {
            self.of(relation).1.remove(target);
        }
    }

    /// The same ends with other numbers.
    pub fn renumbered(&self, new: &impl Fn(u32) -> u32) -> Ends {
        let types = self.types.iter().map(|(from, to)| (from.renumbered(new), to.renumbered(new)));
        Ends { types: Arc::new(types.collect()) }
    }
}

/// Replaces the relations that a node states; both lists are sorted and without doubles.
pub(crate) fn restate(nodes: &mut Nodes, ends: &mut Ends, source: u32, old: &[Relation], new: &[Relation]) {
    for gone in old.iter().filter(|relation| new.binary_search(relation).is_err()) {
        if let Some(target) = nodes.number(gone.target.as_str()) {
            ends.disconnect(nodes, source, gone.relation, target);
        }
    }
    for added in new.iter().filter(|relation| old.binary_search(relation).is_err()) {
        let target = nodes.mention(&added.target);
        ends.connect(nodes, source, added.relation, target);
    }
}

impl Graph {
    /// Calls `take` with type and other node for each relation of a node that the audience may see: what the record
    /// states itself (but for what was decided about ends that they do not see), and the inverse of what visible others state about it. A relation stated at both ends comes
    /// twice.
    pub(crate) fn each_relation(&self, audience: &Audience, number: u32, mut take: impl FnMut(RelationType, u32)) {
        let Some(node) = self.nodes.get(number) else { return };
        node.stated.each(|edge| {
            let (relation, target) = unpack(edge);
            if self.tells(audience, relation, target) {
                take(relation, target);
            }
        });
        // Edges come in order of type, and finding an inverse compares names.
        let mut inverse: Option<(RelationType, RelationType)> = None;
        node.received.each(|edge| {
            let (relation, source) = unpack(edge);
            if self.sees(audience, source) {
                let (_, back) = match inverse {
                    Some(known) if known.0 == relation => known,
                    _ => (relation, relation.inverse()),
                };
                inverse = Some((relation, back));
                take(back, source);
            }
        });
    }

    /// Whether somebody who sees a record is told of a relation that it states.
    fn tells(&self, audience: &Audience, relation: RelationType, target: u32) -> bool {
        !relation.is_decided() || self.sees(audience, target)
    }

    /// Whether anything states a relation of this type.
    pub fn has_relation(&self, relation: RelationType) -> bool {
        !self.ends.stating(relation).is_empty()
    }

    /// The nodes that `number` leads to by a relation, not in order of names.
    pub(crate) fn neighbours(&self, audience: &Audience, number: u32, relation: RelationType) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let Some(node) = self.nodes.get(number) else { return found };
        targets(&node.stated, relation, |target| {
            if self.tells(audience, relation, target) {
                found.insert(target);
            }
        });
        targets(&node.received, relation.inverse(), |source| {
            if self.sees(audience, source) {
                found.insert(source);
            }
        });
        found
    }

    /// The nodes that have a relation of this type to one of the targets (to any when there are none given).
    pub(crate) fn related_to(
        &self,
        audience: &Audience,
        relation: RelationType,
        names: Option<&[String]>,
    ) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let Some(names) = names else {
            match relation.is_decided() {
                false => self.ends.stating(relation).add_to(&mut found),
                true => self.ends.stating(relation).each(|number| {
                    if !self.neighbours(audience, number, relation).is_empty() {
                        found.insert(number);
                    }
                }),
            }
            self.ends.receiving(relation.inverse()).each(|number| {
                if *audience == Audience::All || !self.neighbours(audience, number, relation).is_empty() {
                    found.insert(number);
                }
            });
            return found;
        };
        for number in names.iter().filter_map(|name| self.nodes.number(&crate::fold::fold(name))) {
            self.each_source(audience, relation, number, |source| {
                found.insert(source);
            });
        }
        found
    }

    /// The nodes that have a relation of this type to one node, as the audience sees it: those that state it, and
    /// those about which a visible target states the inverse. In no order, and perhaps twice.
    pub(crate) fn each_source(
        &self,
        audience: &Audience,
        relation: RelationType,
        target: u32,
        mut take: impl FnMut(u32),
    ) {
        let Some(node) = self.nodes.get(target) else { return };
        if self.tells(audience, relation, target) {
            targets(&node.received, relation, &mut take);
        }
        if self.sees(audience, target) {
            targets(&node.stated, relation.inverse(), take);
        }
    }

    /// The nodes that others may lead to by a relation of this type.
    pub(crate) fn ends(&self, relation: RelationType) -> RoaringBitmap {
        let mut ends = self.ends.receiving(relation).bitmap().into_owned();
        self.ends.stating(relation.inverse()).add_to(&mut ends);
        ends
    }
}
