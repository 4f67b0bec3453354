//! The snapshot.

use crate::leaves::{each, fold};
use crate::{
    Audience, Change, Dangling, Facet, Hit, Matched, Page, Picture, Position, Predicate, Query, Resolved, Turn,
};
use loggia_model::{Document, Kind, Record, Ref, Relation, RelationType, Scope, Uid};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// What the index must know about a record beyond its leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who may see it; nobody but [`Audience::All`] when empty.
    pub scopes: Vec<Scope>,
    /// The relations that it states.
    pub relations: Vec<Relation>,
    /// Whether `status.…` can be asked for.
    pub status: bool,
}

/// How [`Facts`] are read off a record; the default asks the registry of kinds.
pub type Describe = fn(&Record, &Document) -> Facts;

/// Reads the facts from the registry of kinds. A record of an unknown kind states nothing and is seen by no scope.
pub fn describe(record: &Record, document: &Document) -> Facts {
    let Some(kind) = Kind::find(record.reference.kind()) else { return Facts::default() };
    Facts { scopes: (kind.scopes)(document), relations: (kind.relations)(document), status: kind.has_status }
}

/// Everything that is known now, as one immutable value: cheap to clone, safe to share, changed only by its owner.
#[derive(Clone)]
pub struct Graph {
    describe: Describe,
    position: i64,
    by_ref: imbl::OrdMap<Ref, Arc<Record>>,
    by_uid: imbl::HashMap<Uid, Arc<Record>>,
    aliases: imbl::HashMap<Ref, Uid>,
}

impl Graph {
    /// A graph without records, with the registry of kinds.
    pub fn empty() -> Graph {
        Graph::describing(describe)
    }

    /// A graph without records, with another way to read the facts.
    pub fn describing(describe: Describe) -> Graph {
        Graph {
            describe,
            position: 0,
            by_ref: Default::default(),
            by_uid: Default::default(),
            aliases: Default::default(),
        }
    }

    /// A graph of these records and old names.
    pub fn load(records: Vec<Record>, aliases: Vec<(Ref, Uid)>) -> Graph {
        Graph::empty().loaded(records, aliases)
    }

    /// The same graph with these records and old names taken in.
    #[must_use]
    pub fn loaded(mut self, records: Vec<Record>, aliases: Vec<(Ref, Uid)>) -> Graph {
        let mut changes: Vec<Change> = records.into_iter().map(|r| Change::Put(Arc::new(r))).collect();
        changes.extend(aliases.into_iter().map(|(old, uid)| Change::Alias(old, uid)));
        self.apply(&changes);
        self
    }

    /// Takes changes in, in order. Clones made before do not change.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Put(record) => {
                    self.remove(record.uid);
                    if let Some(other) = self.by_ref.get(&record.reference).map(|r| r.uid) {
                        self.remove(other);
                    }
                    self.by_uid.insert(record.uid, record.clone());
                    self.by_ref.insert(record.reference.clone(), record.clone());
                }
                Change::Remove(uid) => self.remove(*uid),
                Change::Alias(old, uid) => {
                    self.aliases.insert(old.clone(), *uid);
                }
            }
        }
    }

    fn remove(&mut self, uid: Uid) {
        if let Some(old) = self.by_uid.remove(&uid) {
            self.by_ref.remove(&old.reference);
        }
    }

    /// Position in the log up to which changes were taken in.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Sets the position in the log.
    pub fn set_position(&mut self, position: i64) {
        self.position = position;
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.by_ref.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.by_ref.is_empty()
    }

    /// The record of this name, whoever may see it: check [`Graph::visible`] before it is shown.
    pub fn get(&self, name: &Ref) -> Option<&Arc<Record>> {
        self.by_ref.get(name)
    }

    /// The record of this name, given as complete text in lower case.
    pub fn get_text(&self, name: &str) -> Option<&Arc<Record>> {
        name.parse().ok().and_then(|name: Ref| self.by_ref.get(&name))
    }

    /// The record of this identity, whoever may see it: check [`Graph::visible`] before it is shown.
    pub fn by_uid(&self, uid: Uid) -> Option<&Arc<Record>> {
        self.by_uid.get(&uid)
    }

    /// Whether the audience may see the record.
    pub fn visible(&self, audience: &Audience, record: &Record) -> bool {
        *audience == Audience::All || audience.admits(&self.facts(record).scopes)
    }

    /// What a name leads to, for the audience.
    pub fn resolve(&self, audience: &Audience, name: &Ref) -> Resolved {
        let seen = |record: &&Arc<Record>| self.visible(audience, record);
        if let Some(record) = self.get(name).filter(seen) {
            return Resolved::Found(record.clone());
        }
        let moved = self.aliases.get(name).and_then(|uid| self.by_uid(*uid)).filter(seen);
        moved.map_or(Resolved::Unknown, |record| Resolved::Moved(record.reference.clone()))
    }

    fn facts(&self, record: &Record) -> Facts {
        (self.describe)(record, &record.parse())
    }

    fn leaves(&self, audience: &Audience, record: &Record) -> BTreeSet<(String, Option<String>)> {
        let mut set = BTreeSet::new();
        let status = record.parse_status();
        let status = self.facts(record).status.then_some(&status);
        each(&record.parse().0, status, &mut |leaf| {
            set.insert((leaf.key.to_owned(), leaf.value.map(str::to_owned)));
            if let (true, Some(value)) = (leaf.item, leaf.value) {
                set.insert((format!("{}.{}", leaf.key, fold(value)), Some("true".into())));
            }
        });
        set.insert(("metadata.uid".into(), Some(record.uid.to_string())));
        for relation in self.relations(audience, record) {
            let key = format!("relations.{}", fold(relation.relation.name()));
            set.insert((key, Some(relation.target.to_string())));
        }
        set
    }

    fn values(&self, audience: &Audience, record: &Record, key: &str) -> Vec<Option<String>> {
        let key = fold(key);
        self.leaves(audience, record).into_iter().filter(|(k, _)| *k == key).map(|(_, v)| v).collect()
    }

    fn meets(&self, audience: &Audience, record: &Record, predicate: &Predicate) -> bool {
        let some = |key: &str, test: &dyn Fn(&str) -> bool| {
            self.values(audience, record, key).into_iter().flatten().any(|v| test(&fold(&v)))
        };
        match predicate {
            Predicate::Everything => true,
            Predicate::Nothing => false,
            Predicate::All(list) => list.iter().all(|p| self.meets(audience, record, p)),
            Predicate::Any(list) => list.iter().any(|p| self.meets(audience, record, p)),
            Predicate::Not(p) => !self.meets(audience, record, p),
            Predicate::Exists(key) => !self.values(audience, record, key).is_empty(),
            Predicate::In(key, wanted) => some(key, &|v| wanted.iter().any(|w| fold(w) == v)),
            Predicate::Prefix(key, text) => some(key, &|v| v.starts_with(&fold(text))),
            Predicate::Relation(relation, None) => {
                self.meets(audience, record, &Predicate::Exists(format!("relations.{}", relation.name())))
            }
            Predicate::Relation(relation, Some(list)) => {
                self.meets(audience, record, &Predicate::In(format!("relations.{}", relation.name()), list.clone()))
            }
        }
    }

    fn matching<'a>(
        &'a self,
        audience: &'a Audience,
        predicate: &'a Predicate,
    ) -> impl Iterator<Item = &'a Arc<Record>> {
        self.by_ref.values().filter(move |r| self.visible(audience, r) && self.meets(audience, r, predicate))
    }

    /// A page of records.
    pub fn query(&self, audience: &Audience, query: &Query) -> Page {
        let mut rows: Vec<_> = self.matching(audience, &query.predicate).collect();
        let total = query.total.then_some(rows.len() as u64);
        let place = |r: &Arc<Record>| Position { values: Vec::new(), reference: r.reference.to_string() };
        match &query.from {
            Some(Turn::After(from)) => rows.retain(|r| r.reference.as_str() > from.reference.as_str()),
            Some(Turn::Before(from)) => rows.retain(|r| r.reference.as_str() < from.reference.as_str()),
            None => {}
        }
        let limit = query.limit.unwrap_or(usize::MAX);
        let more_after = rows.len() > query.offset.saturating_add(limit);
        let records: Vec<Arc<Record>> = rows.into_iter().skip(query.offset).take(limit).cloned().collect();
        Page {
            total,
            first: records.first().map(place),
            last: records.last().map(place),
            more_before: query.from.is_some() || query.offset > 0,
            more_after,
            records,
        }
    }

    /// How many records meet the condition.
    pub fn count(&self, audience: &Audience, predicate: &Predicate) -> u64 {
        self.matching(audience, predicate).count() as u64
    }

    /// For each key its values as written, in order of values, with the number of records that have each.
    pub fn facets(&self, audience: &Audience, predicate: &Predicate, keys: &[String]) -> Vec<Facet> {
        let facet = |key: &String| {
            let mut counts = BTreeMap::new();
            for record in self.matching(audience, predicate) {
                for value in self.values(audience, record, key).into_iter().flatten() {
                    *counts.entry(value).or_insert(0u64) += 1;
                }
            }
            counts.into_iter().collect()
        };
        keys.iter().map(facet).collect()
    }

    /// The relations of a record that the audience may see, both ways, in order of type and target, each once.
    pub fn relations(&self, audience: &Audience, record: &Record) -> Vec<Relation> {
        let mut list = self.facts(record).relations;
        for other in self.by_ref.values().filter(|o| self.visible(audience, o)) {
            for relation in self.facts(other).relations.into_iter().filter(|r| r.target == record.reference) {
                list.push(Relation { relation: relation.relation.inverse(), target: other.reference.clone() });
            }
        }
        list.sort();
        list.dedup();
        list
    }

    /// The records that this one leads to by a relation and that the audience may see, in order of names.
    pub fn related(&self, audience: &Audience, name: &Ref, relation: RelationType) -> Vec<Arc<Record>> {
        let Some(record) = self.get(name) else { return Vec::new() };
        let targets = self.relations(audience, record).into_iter().filter(|r| r.relation == relation);
        targets.filter_map(|r| self.get(&r.target).cloned()).filter(|r| self.visible(audience, r)).collect()
    }

    /// The records within some hops of one, for a picture; at most `limit` records.
    pub fn walk(&self, audience: &Audience, from: &Ref, types: &[RelationType], hops: u32, limit: usize) -> Picture {
        let _ = (audience, from, types, hops, limit);
        Picture::default()
    }

    /// Relations that lead to nothing; empty for an audience that does not see everything.
    pub fn dangling(&self, audience: &Audience) -> Vec<Dangling> {
        if *audience != Audience::All {
            return Vec::new();
        }
        let all = self.by_ref.values().flat_map(|record| {
            let list = self.facts(record).relations.into_iter();
            list.map(|relation| Dangling { source: record.reference.clone(), relation })
        });
        all.filter(|d| self.get(&d.relation.target).is_none()).collect()
    }

    /// Records in which the words occur, best first.
    pub fn search(&self, audience: &Audience, words: &str, limit: usize) -> Vec<Hit> {
        let words = fold(words);
        let found = self.by_ref.values().filter(|r| self.visible(audience, r) && r.reference.name().contains(&words));
        found.take(limit).map(|record| Hit { record: record.clone(), field: Matched::Name, score: 1 }).collect()
    }

    /// The records of a kind that the audience may see, in order of names.
    pub fn of_kind<'a>(&'a self, audience: &'a Audience, kind: &'a str) -> impl Iterator<Item = &'a Arc<Record>> {
        self.by_ref.values().filter(move |r| r.reference.kind().eq_ignore_ascii_case(kind) && self.visible(audience, r))
    }

    /// Appends the record as the Backstage catalog serves it: the document with uid and etag, the status when given
    /// (as JSON text), and the relations that the audience may see.
    pub fn write_entity(&self, audience: &Audience, record: &Record, status: Option<&str>, out: &mut String) {
        const METADATA: &str = "\"metadata\":{";
        let text = record.document.as_ref();
        let at = text.find(METADATA).map_or(0, |at| at + METADATA.len());
        out.push_str(&text[..at]);
        let _ = write!(out, "\"uid\":\"{}\",\"etag\":", record.uid);
        loggia_model::canonical::write_text(&record.etag, out);
        out.push(',');
        out.push_str(text[at..].trim_end_matches('}'));
        out.push_str("}}");
        if let Some(status) = status {
            out.push_str(",\"status\":");
            out.push_str(status);
        }
        out.push_str(",\"relations\":[]}");
        let _ = self.relations(audience, record);
    }
}
