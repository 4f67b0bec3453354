//! Who may see a record, where its text alone does not tell.

use crate::offering::publication;
use loggia_graph::{Facts, describe};
use loggia_model::{Document, Publication, Record, Ref, Scope};
use std::sync::Arc;

/// What the graph holds of a record: as its kind says, but a release that is not published is seen by the product team
/// and the owners of its offering only; a candidate by those too who follow a channel of it.
pub fn facts(record: &Record, document: &Document) -> Facts {
    let mut facts = describe(record, document);
    if record.reference.kind() == "release" && !publication(record).is_settled() {
        let offering: Arc<str> = document.spec_text("offering").to_lowercase().into();
        facts.scopes = vec![Scope::Product, Scope::Drafts(Arc::clone(&offering))];
        if publication(record) == Publication::Candidate {
            facts.scopes.push(Scope::Previews(offering));
        }
    }
    // Until people are told, it is for those who plan it.
    if record.reference.kind() == "ending" && !crate::ending::holds(record) {
        let subject = Ref::parse(document.spec_text("subject"), None, "default").ok();
        let offering = subject.and_then(|subject| loggia_model::kinds::ending::offering_of(&subject));
        let drafts = offering.map(|name| Scope::Drafts(name.to_lowercase().into()));
        facts.scopes = std::iter::once(Scope::Product).chain(drafts).collect();
    }
    facts
}
