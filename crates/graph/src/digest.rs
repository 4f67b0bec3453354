//! What the index needs to know of one record, read off its document.

use crate::index::Term;
use crate::leaves::each;
use crate::search;
use loggia_model::{Document, Kind, Record, Relation, Scope};

/// What the index must know about a record beyond its leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who may see it; nobody but [`crate::Audience::All`] when empty.
    pub scopes: Vec<Scope>,
    /// The relations that it states.
    pub relations: Vec<Relation>,
    /// Whether `status.…` can be asked for.
    pub status: bool,
}

/// How [`Facts`] are read off a record; the default asks the registry of kinds. It must depend on its arguments only.
pub type Describe = fn(&Record, &Document) -> Facts;

/// Reads the facts from the registry of kinds. A record of an unknown kind states nothing and is seen by no scope.
pub fn describe(record: &Record, document: &Document) -> Facts {
    let Some(kind) = Kind::find(record.reference.kind()) else { return Facts::default() };
    Facts { scopes: (kind.scopes)(document), relations: (kind.relations)(document), status: kind.has_status }
}

/// Everything that the indexes hold of one record. All lists are sorted and without doubles.
#[derive(Default)]
pub(crate) struct Digest {
    pub leaves: Vec<Term>,
    pub words: Vec<Term>,
    pub relations: Vec<Relation>,
    pub scopes: Vec<Scope>,
}

impl Digest {
    /// Reads a record.
    pub fn of(record: &Record, describe: Describe) -> Digest {
        let document = record.parse();
        let mut facts = describe(record, &document);
        facts.relations.sort_unstable();
        facts.relations.dedup();
        facts.scopes.sort_unstable();
        facts.scopes.dedup();
        let status = facts.status.then(|| record.parse_status());
        Digest {
            leaves: terms(&document, status.as_ref()),
            words: search::words_of(&document),
            relations: facts.relations,
            scopes: facts.scopes,
        }
    }
}

/// The leaves of a document.
pub(crate) fn terms(document: &Document, status: Option<&serde_json::Value>) -> Vec<Term> {
    let mut list = Vec::with_capacity(32);
    each(&document.0, status, &mut |leaf| {
        list.push(Term { key: leaf.key.to_owned(), value: leaf.value.map(str::to_owned), item: leaf.item });
    });
    list.sort_unstable();
    list.dedup();
    list
}
