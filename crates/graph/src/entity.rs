//! A record as others see it: its relations, and the text of the Backstage catalog.

use crate::{Audience, Graph};
use loggia_model::{Record, Ref, Relation, RelationType, canonical::write_text};
use memchr::memmem::Finder;
use smallvec::SmallVec;
use std::sync::{Arc, LazyLock};

/// What stands before what the catalog adds to a text.
const METADATA: &str = "\"metadata\":{";
/// Finds it; prepared once, because every entity that is read is searched for it.
static METADATA_AT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(METADATA));

impl Graph {
    /// The relations of a node in order of type and target, each once.
    fn sorted_relations(&self, audience: &Audience, number: u32) -> SmallVec<[(RelationType, &Ref); 16]> {
        let mut list: SmallVec<[(RelationType, u32); 16]> = SmallVec::new();
        self.each_relation(audience, number, |relation, other| list.push((relation, other)));
        // Most numbers are in order of names, and comparing numbers is cheaper than comparing names.
        list.sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| self.nodes.compare(one.1, other.1)));
        list.dedup();
        let named =
            list.into_iter().filter_map(|(relation, other)| Some((relation, &self.nodes.get(other)?.reference)));
        named.collect()
    }

    /// The relations of a record as it stands in the graph that the audience may see, both ways: what it states
    /// itself, and the inverse of what others that the audience may see state about it. In order of type and target,
    /// each once.
    pub fn relations(&self, audience: &Audience, record: &Record) -> Vec<Relation> {
        let Some(number) = self.nodes.of_uid(record.uid) else { return Vec::new() };
        let list = self.sorted_relations(audience, number).into_iter();
        list.map(|(relation, target)| Relation { relation, target: target.clone() }).collect()
    }

    /// The records that this one leads to by a relation and that the audience may see, in order of names.
    pub fn related(&self, audience: &Audience, name: &Ref, relation: RelationType) -> Vec<Arc<Record>> {
        let Some(number) = self.nodes.number(name.as_str()).filter(|number| self.sees(audience, *number)) else {
            return Vec::new();
        };
        let mut found = self.neighbours(audience, number, relation) & self.nodes.all();
        if *audience != Audience::All {
            found = found.into_iter().filter(|other| self.sees(audience, *other)).collect();
        }
        self.nodes.in_order(&found, None, false).filter_map(|other| self.nodes.record(other).cloned()).collect()
    }

    /// Appends the record as the Backstage catalog serves it: its text with uid and etag, the status when given (as
    /// JSON text), and the relations that the audience may see. The text is copied, not written anew.
    pub fn write_entity(&self, audience: &Audience, record: &Record, status: Option<&str>, out: &mut String) {
        let text = record.document.strip_suffix('}').unwrap_or(&record.document);
        // Quotes within texts are escaped, and what stands before `metadata` holds no objects: this is the one.
        let at = METADATA_AT.find(text.as_bytes()).map_or(text.len(), |at| at + METADATA.len());
        let (head, tail) = text.split_at(at);
        let number = self.nodes.of_uid(record.uid);
        let relations = number.map(|number| self.sorted_relations(audience, number)).unwrap_or_default();
        let names: usize = relations.iter().map(|(_, target)| target.as_str().len()).sum();
        // Beside the texts: what one relation needs around its name, and identity, tag and brackets.
        out.reserve(text.len() + status.map_or(0, str::len) + names + relations.len() * 64 + 256);
        out.push_str(head);
        if !tail.is_empty() {
            out.push_str("\"uid\":\"");
            out.push_str(record.uid.0.as_hyphenated().encode_lower(&mut [0; 36]));
            out.push_str("\",\"etag\":");
            write_text(&record.etag, out);
            if !tail.starts_with('}') {
                out.push(',');
            }
            out.push_str(tail);
        }
        out.push_str(",\"relations\":[");
        for (at, (relation, target)) in relations.into_iter().enumerate() {
            out.push_str(if at > 0 { ",{\"targetRef\":" } else { "{\"targetRef\":" });
            write_text(target.as_str(), out);
            out.push_str(",\"type\":\"");
            out.push_str(relation.name());
            out.push_str("\"}");
        }
        out.push(']');
        if let Some(status) = status {
            out.push_str(",\"status\":");
            out.push_str(status);
        }
        out.push('}');
    }
}
