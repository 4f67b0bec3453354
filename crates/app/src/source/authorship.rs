//! Who changed what is kept in a repository, and why: the history tells the author and the first line of the commit, not
//! only that it was read. An author whose address is that of a person here is told by their name here.

use crate::command::changes::{Changes, RecordChange};
use crate::source::reader::{Commit, Written};
use loggia_graph::{Audience, Graph};
use loggia_model::{Ref, file_of};
use serde_json::{Value, json};
use std::collections::HashMap;

/// How much of a first line is kept, in characters.
const LONGEST: usize = 200;

impl Written {
    /// The last commit of a file; that of the whole where the file's own is not known.
    fn of(&self, file: &str) -> Option<&Commit> {
        self.files.get(file).or(self.newest.as_ref()).map(AsRef::as_ref)
    }

    /// Adds author, commit and reason to each change of a record.
    pub(crate) fn sign(&self, graph: &Graph, changes: &mut Changes) {
        if self.newest.is_none() {
            return;
        }
        let mut people: Option<HashMap<String, Ref>> = None;
        for entry in &mut changes.entries {
            let file = match &entry.change {
                Some(RecordChange::Put(draft)) => file_of(&draft.source.path).to_owned(),
                Some(RecordChange::Remove(uid)) => match graph.by_uid(*uid) {
                    Some(record) => record.source.file().to_owned(),
                    None => continue,
                },
                None => continue,
            };
            let Some(commit) = self.of(&file) else { continue };
            let people = people.get_or_insert_with(|| by_mail(graph));
            entry.reason = Some(commit.subject.chars().take(LONGEST).collect());
            let mut data = std::mem::take(&mut entry.data);
            if data.is_null() {
                data = json!({});
            }
            if let Value::Object(map) = &mut data {
                map.insert("commit".to_owned(), commit.id.as_str().into());
                map.insert("author".to_owned(), commit.author.as_str().into());
                if let Some(person) = people.get(&commit.mail.to_lowercase()) {
                    map.insert("by".to_owned(), person.as_str().into());
                }
            }
            entry.data = data;
        }
    }
}

/// The people here by their addresses.
fn by_mail(graph: &Graph) -> HashMap<String, Ref> {
    let all = graph.of_kind(&Audience::All, "user").filter_map(|user| {
        let document = user.parse();
        let mail = document.spec()?.get("profile")?.get("email")?.as_str()?.to_lowercase();
        Some((mail, user.reference.clone()))
    });
    all.filter(|(mail, _)| !mail.is_empty()).collect()
}
