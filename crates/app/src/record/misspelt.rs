//! Documents that are not read and were probably meant to be: what a file of the catalog holds, and a kind of ours below a
//! group that is nearly one of ours. Everything else is somebody else's, and none of our business.

use crate::record::suggestion::{hint, is_near};
use loggia_model::{Kind, Problem, kinds};
use serde_json::Value;

/// The groups whose documents are read.
pub(crate) const GROUPS: [&str; 3] = ["backstage.io", "scaffolder.backstage.io", "loggia.dev"];

/// What is probably wrong with a document that is not read; none when it is not meant for us.
pub(crate) fn problem(document: &Value, path: &str) -> Option<Problem> {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let group = version.split('/').next().unwrap_or_default();
    let is_known = Kind::find(kind).is_some();
    let meant = is_of_catalog(path) || is_known && GROUPS.iter().any(|known| is_near(group, known));
    if !meant {
        return None;
    }
    let kinds = || kinds::ALL.iter().map(|kind| kind.name.to_owned()).collect();
    Some(match (group.is_empty(), is_known) {
        (_, false) if kind.is_empty() => {
            Problem::new("kind", "kind", "It says no kind, so it is not read", "Write kind and apiVersion.")
        }
        (true, false) => {
            let message = format!("Nobody knows the kind {kind:?}, so it is not read");
            Problem::new("kind", "kind", message, hint(kind, kinds()))
        }
        (true, true) => {
            let message = "It has no metadata, so it is not read";
            Problem::new("metadata", "metadata", message, "Write at least metadata.name.")
        }
        (false, _) => {
            let message = format!("Nobody knows the group {group:?}, so it is not read");
            let known = GROUPS.map(str::to_owned).to_vec();
            let versions = Kind::find(kind).and_then(|kind| kind.api_versions.last());
            let mend = versions.map_or_else(|| hint(group, known), |version| format!("Write `apiVersion: {version}`."));
            Problem::new("apiVersion", "apiVersion", message, mend)
        }
    })
}

/// Whether a file says by its name that it describes things of the catalog.
fn is_of_catalog(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("catalog-info."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nearly_ours_is_told_and_what_is_others_is_not() {
        let document =
            |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}});
        let told = |version: &str, kind: &str, path: &str| problem(&document(version, kind), path).map(|one| one.path);
        for version in
            ["backstge.io/v1alpha1", "backstage.oi/v1alpha1", "logia.dev/v1", "scafolder.backstage.io/v1beta3"]
        {
            assert_eq!(told(version, "Component", "a.yaml").as_deref(), Some("apiVersion"), "{version}");
        }
        // Of Kubernetes and its like.
        for (version, kind) in [
            ("v1", "Service"),
            ("apps/v1", "Deployment"),
            ("template.openshift.io/v1", "Template"),
            ("helm.crossplane.io/v1beta1", "Release"),
            ("user.openshift.io/v1", "Group"),
            ("argoproj.io/v1alpha1", "Application"),
        ] {
            assert_eq!(told(version, kind, "deploy/a.yaml"), None, "{version} {kind}");
        }
        assert_eq!(told("example.org/v1", "Component", "web/catalog-info.yaml").as_deref(), Some("apiVersion"));
        assert_eq!(told("", "Compnent", "catalog-info.yml").as_deref(), Some("kind"));
        assert!(problem(&json!({"name": "a"}), "catalog-info.yaml").is_some());
        let near = problem(&json!({"kind": "Compnent"}), "catalog-info.yaml").unwrap();
        assert!(near.mend.contains("Component"), "{}", near.mend);
    }
}
