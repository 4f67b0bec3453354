//! What the index needs to know of one record, read off its document.

use crate::fold::fold;
use crate::index::Term;
use crate::search;
use crate::visibility::Within;
use loggia_model::flatten::{Leaf, flatten, flatten_under};
use loggia_model::{Document, Kind, Record, Relation, Scope};
use serde_json::Value;

/// What the index must know about a record beyond its leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who may see it; nobody but [`crate::Audience::All`] when empty.
    pub scopes: Vec<Scope>,
    /// The relations that it states.
    pub relations: Vec<Relation>,
    /// Whether `status.…` can be asked for.
    pub status: bool,
    /// Parts of the status that cannot be asked for, because they name what not everybody sees who sees the record.
    pub apart: &'static [&'static str],
    /// Within what else it is seen.
    pub within: Within,
}

/// How [`Facts`] are read off a record; the default asks the registry of kinds. It must depend on its arguments only.
pub type Describe = fn(&Record, &Document) -> Facts;

/// Reads the facts from the registry of kinds. A record of an unknown kind states nothing and is seen by no scope.
pub fn describe(record: &Record, document: &Document) -> Facts {
    let Some(kind) = Kind::find(record.reference.kind()) else { return Facts::default() };
    let (scopes, relations) = ((kind.scopes)(document), (kind.relations)(document));
    Facts { scopes, relations, status: kind.has_status, ..Facts::default() }
}

/// Everything that the indexes hold of one record. All lists are sorted and without doubles.
#[derive(Default)]
pub(crate) struct Digest {
    pub leaves: Vec<Term>,
    pub words: Vec<Term>,
    pub relations: Vec<Relation>,
    pub scopes: Vec<Scope>,
    pub within: Within,
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
        let mut status = facts.status.then(|| record.parse_status());
        if let Some(map) = status.as_mut().and_then(Value::as_object_mut) {
            map.retain(|key, _| !facts.apart.contains(&key.as_str()));
        }
        Digest {
            leaves: terms(&document, status.as_ref()),
            words: search::words_of(&document),
            relations: facts.relations,
            scopes: facts.scopes,
            within: facts.within,
        }
    }
}

/// The leaves of a document, and of its status when given.
///
/// The texts of a list come with a mark instead of a second time as the key `path.text`: one key for each of them
/// would be nearly as many keys as records. The index answers such keys from the marked values.
fn terms(document: &Document, status: Option<&Value>) -> Vec<Term> {
    let mut list: Vec<Term> = Vec::with_capacity(32);
    let mut take = |key: &str, leaf: Leaf<'_>| {
        let value = match leaf {
            Leaf::Exists => None,
            Leaf::Text { original, .. } => Some(original),
        };
        if let Some(last) = list.last_mut()
            && value == Some("true")
            && names_item(key, last)
        {
            last.item = true;
            return;
        }
        list.push(Term { key: key.to_owned(), value: value.map(str::to_owned), item: false });
    };
    flatten(&document.0, &mut take);
    if let Some(status) = status.filter(|status| !status.is_null()) {
        flatten_under("status", status, &mut take);
    }
    list.sort_unstable();
    list.dedup();
    list
}

/// Whether a key is the key of an item, followed by a dot and the text of the item.
fn names_item(key: &str, item: &Term) -> bool {
    let text = key.strip_prefix(item.key.as_str()).and_then(|rest| rest.strip_prefix('.'));
    text.is_some() && text == item.value.as_deref().map(fold).as_deref()
}
