//! The arrow between the crates, and libraries that belong in few of them.

use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;

const ALL: &[&str] = &["loggia-model", "loggia-graph", "loggia-store", "loggia-app", "loggia-drivers", "loggia-web"];

/// Crate, and which of ours it may use.
const ARROW: &[(&str, &[&str])] = &[
    ("loggia-model", &[]),
    ("loggia-graph", &["loggia-model"]),
    ("loggia-store", &["loggia-model"]),
    ("loggia-app", &["loggia-model", "loggia-graph", "loggia-store"]),
    ("loggia-drivers", &["loggia-model", "loggia-app"]),
    ("loggia-web", &["loggia-model", "loggia-graph", "loggia-app"]),
    ("loggia", ALL),
    ("xtask", &[]),
];

/// Library, and the crates that may use it outside their tests.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("sqlx", &["loggia-store", "loggia-drivers"]),
    ("axum", &["loggia-web"]),
    ("kube", &["loggia-drivers"]),
    ("reqwest", &["loggia-drivers", "loggia"]),
];

pub fn problems() -> Result<Vec<String>> {
    let text = process::succeed(process::cargo().args(["metadata", "--no-deps", "--format-version=1", "--offline"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, may_use)) = ARROW.iter().find(|(owner, _)| *owner == name) else {
            found.push(format!("crate {name} has no place in the arrow; give it one in xtask/src/structure/arrow.rs"));
            continue;
        };
        for library in used(package) {
            found.extend(judge(name, may_use, library));
        }
    }
    Ok(found)
}

/// What a package uses outside its tests.
fn used(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies.filter(|it| it["kind"].as_str() != Some("dev")).filter_map(|it| it["name"].as_str())
}

fn judge(name: &str, may_use: &[&str], library: &str) -> Option<String> {
    let ours = library == "loggia" || ALL.contains(&library);
    if ours && !may_use.contains(&library) {
        return Some(format!("{name} uses {library}: the arrow turns back"));
    }
    let (_, owners) = LIBRARIES.iter().find(|(it, _)| *it == library || library.starts_with(&format!("{it}-")))?;
    (!owners.contains(&name)).then(|| format!("{name} uses {library}, which belongs in {}", owners.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn an_arrow_that_turns_back_is_found() {
        assert!(judge("loggia-model", &[], "loggia-graph").is_some());
        assert!(judge("loggia-app", &["loggia-model"], "sqlx").is_some());
        assert!(judge("loggia-app", &["loggia-model"], "axum-extra").is_some());
        assert!(judge("loggia-web", &[], "reqwest").is_some(), "the outside is asked through the guarded client");
        assert!(judge("loggia-app", &["loggia-model"], "loggia-model").is_none());
        assert!(judge("loggia-store", &["loggia-model"], "sqlx").is_none());
    }
}
