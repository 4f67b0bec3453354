//! The Location that stands for a source in the catalog, as Backstage generates one for each registered place.

use crate::prepare::{Prepared, prepare_at};
use crate::read::Reading;
use crate::source::Tree;
use loggia_model::canonical::hex;
use serde_json::json;
use sha1::{Digest, Sha1};

/// The name that Backstage gives the Location of a registered place: a digest of `type:target`.
pub fn generated_name(kind: &str, target: &str) -> String {
    format!("generated-{}", hex(&Sha1::digest(format!("{kind}:{target}"))))
}

/// The Location of a repository: its target is the one file with documents when there is only one, else the folder.
pub fn of_tree(tree: &Tree, reading: &Reading) -> Option<Prepared> {
    let (kind, base) = tree.place.split_once(':')?;
    let mut paths: Vec<&str> =
        reading.prepared.iter().map(|prepared| prepared.path.split('#').next().unwrap_or_default()).collect();
    paths.dedup();
    let target = match paths.as_slice() {
        _ if tree.single => base.to_owned(),
        [only] => format!("{base}{only}"),
        _ => base.to_owned(),
    };
    let place = format!("{kind}:{target}");
    let document = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": generated_name(kind, &target), "namespace": "default"},
        "spec": {"type": kind, "target": target},
    });
    prepare_at(document, "", Some(&place)).ok()
}
