//! Pages, counts and facets.

use crate::chunk::Value;
use crate::eval::{Key, valued};
use crate::field::Field;
use crate::fold::fold;
use crate::rows::{Row, Walk, is_sparse};
use crate::substring::Pattern;
use crate::{Audience, Facet, Graph, Missing, Page, Position, Predicate, Query, Turn};
use loggia_model::{Record, RelationType};
use roaring::RoaringBitmap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Graph {
    /// A page of records.
    pub fn query(&self, audience: &Audience, query: &Query) -> Page {
        let set = self.matching(audience, query);
        let columns: Vec<_> = query.order.iter().map(|key| self.column(audience, &key.key)).collect();
        let set = match (columns.first(), query.missing) {
            (Some(None), Missing::Omitted) => Cow::default(),
            (Some(Some(first)), Missing::Omitted) => Cow::Owned(&*set & &*valued(first)),
            _ => set,
        };
        let rows = self.rows(query, &columns, &set);
        let mut page = self.page(rows, query);
        page.total = query.total.then(|| set.len());
        page
    }

    /// The rows of a page in the direction in which they are walked, those to skip included, and one row more.
    fn rows<'a>(&'a self, query: &Query, columns: &'a [Option<Cow<'a, Field>>], set: &RoaringBitmap) -> Vec<Row<'a>> {
        let (from, backwards) = match &query.from {
            None => (None, false),
            Some(Turn::After(position)) => (Some(position), false),
            Some(Turn::Before(position)) => (Some(position), true),
        };
        let take = match query.limit {
            Some(0) => return Vec::new(),
            Some(limit) => limit.saturating_add(query.offset).saturating_add(1),
            None => usize::MAX,
        };
        let pattern = query.row_text().map(|term| Pattern::within(&fold(term)));
        let walk = Walk { set, from, backwards, take, missing: query.missing, pattern: pattern.as_ref() };
        match (query.order.as_slice(), columns) {
            ([], _) => self.rows_by_name(&walk),
            ([key], [field]) if !is_sparse(set, field.as_deref()) => self.rows_along(key, field.as_deref(), &walk),
            (keys, columns) => self.rows_sorted(keys, columns, &walk),
        }
    }

    /// Makes a page of walked rows.
    fn page(&self, rows: Vec<Row<'_>>, query: &Query) -> Page {
        let limit = query.limit.unwrap_or(usize::MAX);
        let backwards = matches!(query.from, Some(Turn::Before(_)));
        let more = limit > 0 && rows.len() > query.offset.saturating_add(limit);
        let mut rows: Vec<Row<'_>> = rows.into_iter().skip(query.offset).take(limit).collect();
        if backwards {
            rows.reverse();
        }
        let behind = query.from.is_some() || query.offset > 0;
        Page {
            first: rows.first().map(|row| self.position_of(row)),
            last: rows.last().map(|row| self.position_of(row)),
            more_before: if backwards { more } else { behind },
            more_after: if backwards { behind } else { more },
            records: rows.iter().filter_map(|row| self.nodes.record(row.number).cloned()).collect(),
            total: None,
        }
    }

    fn position_of(&self, row: &Row<'_>) -> Position {
        let values = row.values.iter().map(|value| value.as_deref().map(str::to_owned)).collect();
        Position { values, reference: self.nodes.name(row.number).to_owned() }
    }

    /// How many records meet the condition.
    pub fn count(&self, audience: &Audience, predicate: &Predicate) -> u64 {
        self.selected(audience, predicate).len()
    }

    /// Takes those records out of a list that do not meet the condition.
    pub fn keep_matching(&self, audience: &Audience, predicate: &Predicate, records: &mut [Option<Arc<Record>>]) {
        let set = self.selected(audience, predicate);
        for slot in records {
            let number = slot.as_ref().and_then(|record| self.nodes.of_uid(record.uid));
            if !number.is_some_and(|number| set.contains(number)) {
                *slot = None;
            }
        }
    }

    /// For each key its values as written, in order of code points, with the number of records that have each.
    /// Values that can not be compared are not listed.
    pub fn facets(&self, audience: &Audience, predicate: &Predicate, keys: &[String]) -> Vec<Facet> {
        let all = (audience, predicate) == (&Audience::All, &Predicate::Everything);
        let set = self.selected(audience, predicate);
        let facet = |key: &String| {
            if let Key::Relation(relation) = Key::read(key) {
                return relation.map(|relation| self.relation_facet(audience, relation, &set)).unwrap_or_default();
            }
            let Some(field) = self.column(audience, key) else { return Facet::new() };
            let count = |value: &Value<'_>| if all { value.posting.len() } else { value.posting.common(&set) };
            let counts = field.values().map(|value| (value.original, count(&value))).filter(|(_, count)| *count > 0);
            let mut list: Facet = counts.map(|(value, count)| (value.to_owned(), count)).collect();
            list.sort_unstable();
            list
        };
        keys.iter().map(facet).collect()
    }

    /// The facets of some fields for each value of another one, of which a record has one value: as many as
    /// [`Graph::facets`] gives for each of them, in one walk over the records.
    pub fn facets_by(
        &self,
        audience: &Audience,
        predicate: &Predicate,
        by: &str,
        keys: &[String],
    ) -> BTreeMap<String, Vec<Facet>> {
        let set = self.selected(audience, predicate);
        let Some(field) = self.column(audience, by) else { return BTreeMap::new() };
        let mut names: Vec<&str> = Vec::new();
        let mut rows = vec![u32::MAX; set.max().map_or(0, |last| last as usize + 1)];
        for value in field.values() {
            let row = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let mut any = false;
            value.posting.each(|number| {
                if set.contains(number) {
                    rows[number as usize] = row;
                    any = true;
                }
            });
            if any {
                names.push(value.original);
            }
        }
        let columns: Vec<Vec<Facet>> =
            keys.iter().map(|key| self.facet_rows(audience, key, &rows, names.len())).collect();
        let of = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
        names.iter().enumerate().map(|(row, name)| ((*name).to_owned(), of(row))).collect()
    }

    /// The facet of a field for each row, where `rows` says in which row a record is.
    fn facet_rows(&self, audience: &Audience, key: &str, rows: &[u32], count: usize) -> Vec<Facet> {
        let mut facets = vec![Facet::new(); count];
        let Some(field) = self.column(audience, key) else { return facets };
        let mut counts = vec![0_u64; count];
        for value in field.values() {
            value.posting.each(|number| {
                if let Some(count) = rows.get(number as usize).and_then(|row| counts.get_mut(*row as usize)) {
                    *count += 1;
                }
            });
            for (facet, count) in facets.iter_mut().zip(&mut counts).filter(|(_, count)| **count > 0) {
                facet.push((value.original.to_owned(), std::mem::take(count)));
            }
        }
        facets.iter_mut().for_each(|facet| facet.sort_unstable());
        facets
    }

    /// For each target of a relation the number of records that lead to it, in order of targets.
    fn relation_facet(&self, audience: &Audience, relation: RelationType, set: &RoaringBitmap) -> Facet {
        let mut list = Facet::new();
        for target in self.ends(relation) {
            let mut sources = Vec::new();
            self.each_source(audience, relation, target, |source| sources.push(source));
            sources.retain(|source| set.contains(*source));
            sources.sort_unstable();
            sources.dedup();
            if !sources.is_empty() {
                list.push((self.nodes.name(target).to_owned(), sources.len() as u64));
            }
        }
        list.sort_unstable();
        list
    }

    /// The records that meet the condition, in order of names.
    pub fn select(&self, audience: &Audience, predicate: &Predicate) -> Vec<Arc<Record>> {
        let set = self.selected(audience, predicate);
        self.nodes.in_order(&set, None, false).filter_map(|number| self.nodes.record(number).cloned()).collect()
    }

    /// The records of a kind that the audience may see, in order of names.
    pub fn of_kind(&self, audience: &Audience, kind: &str) -> impl Iterator<Item = Arc<Record>> {
        self.select(audience, &Predicate::equals("kind", kind)).into_iter()
    }
}
