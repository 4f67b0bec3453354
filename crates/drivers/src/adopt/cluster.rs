//! Which objects belong together: those of one cluster, as one export or one folder of manifests describes it.

use super::File;
use super::objects::{ENVIRONMENT, TEAM, text, words};
use loggia_model::Micros;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What the labels of a namespace say: teams, environments.
type Said = (Vec<String>, Vec<String>);

/// One description of a cluster: an export, or a folder of manifests.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Its file or folder, below the place that was named.
    pub(super) path: String,
    /// What tells it from others; empty when nobody said.
    pub(super) key: String,
    /// When the oldest of its files was written, as far as that is known.
    pub(super) time: Option<Micros>,
    namespaces: BTreeMap<String, Said>,
}

/// One object, and where it is described.
pub(super) struct Object {
    pub(super) path: String,
    pub(super) scope: usize,
    pub(super) value: Value,
}

/// Everything that files describe.
#[derive(Default)]
pub(super) struct Clusters {
    scopes: Vec<Scope>,
    by_source: BTreeMap<(String, String), usize>,
    pub(super) objects: Vec<Object>,
}

impl Clusters {
    /// Takes in the documents of a file. A list is an export and stands for itself; manifests of one folder belong together.
    pub(super) fn add(&mut self, file: &File, documents: Vec<Value>) {
        let list = |document: &Value| document.is_array() || listed(document).is_some();
        let (path, source) = if file.named || documents.iter().any(list) {
            (file.path.as_str(), file.source.as_str())
        } else {
            let folder = |path: &'_ str| path.rsplit_once('/').map_or(0, |(folder, _)| folder.len());
            (&file.path[..folder(&file.path)], &file.source[..folder(&file.source)])
        };
        let fresh = self.scopes.len();
        let scope = *self.by_source.entry((path.to_owned(), source.to_owned())).or_insert(fresh);
        if scope == fresh {
            let (path, key) = (path.to_owned(), source.to_owned());
            self.scopes.push(Scope { path, key, time: file.time, ..Scope::default() });
        }
        if let Some(known) = self.scopes.get_mut(scope) {
            known.time = known.time.min(file.time);
        }
        for document in documents {
            self.flatten(&file.path, scope, document);
        }
    }

    /// The objects of a document: those of a list, or itself. Items of a list of one kind are of that kind.
    fn flatten(&mut self, path: &str, scope: usize, document: Value) {
        let (kind, api) = (listed(&document).map(str::to_owned), text(&document, "/apiVersion").to_owned());
        match (document, kind) {
            (Value::Array(items), _) => items.into_iter().for_each(|item| self.flatten(path, scope, item)),
            (Value::Object(mut map), Some(kind)) => {
                if let Some(Value::Array(items)) = map.remove("items") {
                    items.into_iter().for_each(|item| self.flatten(path, scope, typed(item, &kind, &api)));
                }
            }
            (value @ Value::Object(_), None) => self.objects.push(Object { path: path.to_owned(), scope, value }),
            _ => {}
        }
    }

    /// Reads what concerns a cluster as a whole, and leaves out what was described twice.
    pub(super) fn settle(&mut self) {
        let mut seen = HashSet::new();
        self.objects.retain(|object| {
            let uid = text(&object.value, "/metadata/uid");
            uid.is_empty() || seen.insert(uid.to_owned())
        });
        for object in self.objects.iter().filter(|object| text(&object.value, "/kind") == "Namespace") {
            let (name, uid) = (text(&object.value, "/metadata/name"), text(&object.value, "/metadata/uid"));
            let Some(scope) = self.scopes.get_mut(object.scope) else { continue };
            // Every cluster has this one, and another one of it.
            if name == "kube-system" && !uid.is_empty() {
                scope.key = format!("cluster:{uid}");
            }
            let said = (words(&object.value, &TEAM), words(&object.value, &ENVIRONMENT));
            scope.namespaces.insert(name.to_owned(), said);
        }
    }

    pub(super) fn scope(&self, at: usize) -> &Scope {
        &self.scopes[at]
    }

    /// What the labels of a namespace say: in its own description, else in the others where they agree.
    pub(super) fn namespace(&self, scope: usize, name: &str) -> Said {
        let own = self.scopes.get(scope).and_then(|scope| scope.namespaces.get(name));
        let others: BTreeSet<&Said> = self.scopes.iter().filter_map(|scope| scope.namespaces.get(name)).collect();
        own.or_else(|| others.first().copied().filter(|_| others.len() == 1)).cloned().unwrap_or_default()
    }
}

/// The kind of the items of a list; `List` where they say their own; none when it is no list.
fn listed(document: &Value) -> Option<&str> {
    let kind = text(document, "/kind");
    let list = kind.ends_with("List") && document.get("items").is_some_and(Value::is_array);
    list.then_some(kind)
}

/// An item with the kind of its list, where it has none.
fn typed(mut item: Value, list: &str, api: &str) -> Value {
    let kind = list.strip_suffix("List").unwrap_or_default();
    if let Some(map) = item.as_object_mut().filter(|_| !kind.is_empty()) {
        map.entry("kind").or_insert_with(|| kind.into());
        map.entry("apiVersion").or_insert_with(|| api.into());
    }
    item
}
