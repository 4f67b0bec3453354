//! Where modules come from: a state does not say it, the files beside it do.

use super::File;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How a module is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// Its source without version, credentials and the way to it.
    pub(super) source: String,
    /// Its version, when one is named exactly.
    pub(super) version: String,
    /// Whether it lies beside what calls it, and so has no versions of its own.
    pub(super) local: bool,
}

/// Calls by the names that lead to the module: `a`, and `a.b` for what is called in `a`.
pub(super) type Calls = BTreeMap<String, Call>;

#[derive(Deserialize)]
struct Installed {
    #[serde(rename = "Modules", default)]
    modules: Vec<InstalledOne>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstalledOne {
    key: String,
    source: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    dir: String,
}

/// The calls of every folder: what `init` wrote down wins over the files themselves, because it knows exact versions.
pub(super) fn by_folder(files: &[File]) -> BTreeMap<String, Calls> {
    let mut folders: BTreeMap<String, Calls> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.ends_with(".tf") || file.path.ends_with(".tofu")) {
        let calls = in_text(&super::text::decode(&file.bytes).unwrap_or_default());
        folders.entry(folder_of(&file.path).to_owned()).or_default().extend(calls);
    }
    for file in files {
        let Some(folder) = file.path.strip_suffix(".terraform/modules/modules.json") else { continue };
        let Ok(installed) = serde_json::from_slice::<Installed>(&file.bytes) else { continue };
        let own = installed.modules.into_iter().filter(|one| !one.key.is_empty());
        let calls = own.map(|one| {
            let called = call(&one.source, &one.version);
            // Two folders up from here or from there: the folder itself says the same for both.
            let beside = called.local && one.key.contains('.') && !one.dir.starts_with(".terraform");
            let source = if beside { one.dir } else { called.source.clone() };
            (one.key, Call { source, ..called })
        });
        folders.entry(folder.trim_end_matches('/').to_owned()).or_default().extend(calls);
    }
    folders
}

/// The calls that hold for a state: those of its folder, or of the nearest one above it that has any.
pub(super) fn nearest<'a>(folders: &'a BTreeMap<String, Calls>, path: &str) -> Option<&'a Calls> {
    let mut folder = folder_of(path);
    loop {
        if let Some(calls) = folders.get(folder).filter(|calls| !calls.is_empty()) {
            return Some(calls);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder_of(folder);
    }
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The calls in the configuration of a plan, and those within them.
pub(super) fn of_configuration(configuration: &Value) -> Calls {
    let mut found = Calls::new();
    let mut modules: Vec<(String, &Value)> =
        configuration.get("root_module").map(|root| (String::new(), root)).into_iter().collect();
    while let Some((front, module)) = modules.pop() {
        let calls = module.get("module_calls").and_then(Value::as_object);
        for (name, one) in calls.into_iter().flatten() {
            let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
            if !text("source").is_empty() {
                found.insert(format!("{front}{name}"), call(text("source"), text("version_constraint")));
            }
            modules.extend(one.get("module").map(|inner| (format!("{front}{name}."), inner)));
        }
    }
    found
}

/// The blocks `module "…" { source = "…" version = "…" }` of a text.
fn in_text(text: &str) -> Calls {
    let (mut calls, mut now, mut depth) = (Calls::new(), None::<(String, String, String)>, 0_usize);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.starts_with("//")) {
        if let Some((_, source, version)) = now.as_mut().filter(|_| depth == 1) {
            if let Some(value) = value_of(line, "source") {
                *source = value;
            } else if let Some(value) = value_of(line, "version") {
                *version = value;
            }
        }
        if depth == 0
            && let Some(rest) = line.strip_prefix("module")
            && let Some(name) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'))
        {
            now = Some((name.0.to_owned(), String::new(), String::new()));
        }
        let count = |brace: char| line.chars().filter(|c| *c == brace).count();
        depth = (depth + count('{')).saturating_sub(count('}'));
        if depth == 0
            && let Some((name, source, version)) = now.take().filter(|(_, source, _)| !source.is_empty())
        {
            calls.insert(name, call(&source, &version));
        }
    }
    calls
}

fn value_of(line: &str, key: &str) -> Option<String> {
    let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// A call, with what must not be kept taken out: names and passwords, and other parameters than the version.
fn call(source: &str, version: &str) -> Call {
    let (plain, query) = source.split_once('?').unwrap_or((source, ""));
    let named = query.split('&').find_map(|pair| pair.strip_prefix("ref=")).unwrap_or_default();
    let plain = plain.rsplit_once("::").map_or(plain, |(_, plain)| plain);
    let plain = match plain.split_once("://") {
        Some((_, rest)) => match rest.split_once('/') {
            Some((host, path)) => format!("{}/{path}", host.rsplit_once('@').map_or(host, |(_, host)| host)),
            None => rest.to_owned(),
        },
        // git@host:path is a name, not a password.
        None => plain.rsplit_once('@').map_or(plain, |(_, host)| host).to_owned(),
    };
    let mut rest = plain.as_str();
    while let Some(inner) = rest.strip_prefix("./").or_else(|| rest.strip_prefix("../")) {
        rest = inner;
    }
    let local = rest.len() < plain.len();
    let exact = version.trim().trim_start_matches('=').trim();
    let version = [exact, named].into_iter().find(|text| super::version::is_version(text)).unwrap_or_default();
    Call { source: rest.chars().take(200).collect(), version: version.to_owned(), local }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_the_same_wherever_they_are_called_from() {
        let of = |source: &str| call(source, "");
        assert_eq!(of("../../modules/bucket"), of("./modules/bucket"));
        assert_eq!(of("terraform-aws-modules/rds/aws").source, "terraform-aws-modules/rds/aws");
        let git = of("git::https://me:hunter2@git.example.org/infra/modules.git//postgres?ref=v1.4.0&depth=1");
        assert_eq!(git.source, "git.example.org/infra/modules.git//postgres");
        assert_eq!(git.version, "v1.4.0");
        assert_eq!(of("git@git.example.org:infra/db.git").source, "git.example.org:infra/db.git");
        assert_eq!(call("a/b/c", "~> 5.0").version, "", "a range is no version");
        assert_eq!(call("a/b/c", "= 5.0.1").version, "5.0.1");
    }

    #[test]
    fn calls_are_read_from_files() {
        let text = "module \"db\" {\n  source  = \"acme/db/aws\"\n  version = \"2.1.0\"\n  tags = {\n    source = \"no\"\n  }\n}\n\
                    # module \"old\" {\nresource \"x\" \"y\" {\n  source = \"no\"\n}\n";
        let calls = in_text(text);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls["db"], Call { source: "acme/db/aws".into(), version: "2.1.0".into(), local: false });
    }
}
