//! Objects of Kubernetes as `kubectl get -o json` or `-o yaml` write them, and manifests: releases of Helm, claims of
//! Crossplane, requests of Kratix, objects of added kinds, workloads.

use super::helm::{self, Release};
use super::objects::{ENVIRONMENT, TEAM, is_word, label, text, word};
use super::terraform::is_version;
use super::{File, problem};
use loggia_app::estate::adopt::{Estate, Found, Sort};
use loggia_model::yaml;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Groups whose objects are the machinery of a cluster, with everything below them.
const MACHINERY: [&str; 22] = [
    "k8s.io",
    "kubernetes.io",
    "x-k8s.io",
    "crossplane.io",
    "upbound.io",
    "kratix.io",
    "helm.sh",
    "fluxcd.io",
    "argoproj.io",
    "cert-manager.io",
    "kyverno.io",
    "gatekeeper.sh",
    "istio.io",
    "linkerd.io",
    "cilium.io",
    "projectcalico.org",
    "traefik.io",
    "external-secrets.io",
    "monitoring.coreos.com",
    "operators.coreos.com",
    "cattle.io",
    "velero.io",
];
/// Kinds that run something.
const WORKLOADS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "CronJob"];

/// Names of namespaces with what their labels say: team, environment.
type Namespaces = BTreeMap<String, (Option<String>, Option<String>)>;

/// Everything that files describe.
pub(super) fn estate(files: &[File]) -> Estate {
    let mut estate = Estate::default();
    let mut objects: Vec<(&str, Value)> = Vec::new();
    for file in files {
        for document in documents(file, &mut estate) {
            flatten(&file.path, document, &mut objects);
        }
    }
    let namespaces = namespaces(&objects);
    let mut releases: BTreeMap<(String, String), (&str, Release)> = BTreeMap::new();
    for (path, object) in objects.iter().filter(|(_, object)| helm::holds(object)) {
        match helm::read(object) {
            Ok(release) => {
                let key = (release.namespace.clone(), release.name.clone());
                let newer = releases.get(&key).is_none_or(|(_, known)| *known < release);
                if newer {
                    releases.insert(key, (path, release));
                }
            }
            Err(why) => estate.problems.push(problem("adopt.helm", path, why, "Read it again from the cluster.")),
        }
    }
    let installed: BTreeSet<(String, String)> = releases.keys().cloned().collect();
    let live = releases.into_values().filter(|(_, release)| release.status != "uninstalled");
    estate.things.extend(live.map(|(_, release)| chart(&release, &namespaces)));
    let others = objects.iter().filter(|(_, object)| !helm::holds(object) && !is_made(object, &installed));
    estate.things.extend(others.filter_map(|(_, object)| thing(object, &namespaces)));
    estate
}

/// The documents of a file; what is no document of Kubernetes is left out later.
fn documents(file: &File, estate: &mut Estate) -> Vec<Value> {
    if let Ok(value) = serde_json::from_slice(&file.bytes) {
        return vec![value];
    }
    let wrong =
        |message: String| problem("adopt.manifest", &file.path, message, "Give what kubectl get -o json writes.");
    let Ok(content) = std::str::from_utf8(&file.bytes) else {
        estate.problems.push(wrong("it is no text".to_owned()));
        return Vec::new();
    };
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for parsed in yaml::parse(content) {
        match parsed.document {
            Ok(document) => documents.push(document),
            Err(found) => problems.push(wrong(found.message)),
        }
    }
    estate.problems.append(&mut problems);
    documents
}

/// The objects of a document: those of a list, or itself.
fn flatten<'a>(path: &'a str, document: Value, out: &mut Vec<(&'a str, Value)>) {
    match document {
        Value::Array(items) => items.into_iter().for_each(|item| flatten(path, item, out)),
        Value::Object(mut map) => {
            let list = map.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
            match map.get_mut("items").map(Value::take) {
                Some(items @ Value::Array(_)) if list => flatten(path, items, out),
                _ => out.push((path, Value::Object(map))),
            }
        }
        _ => {}
    }
}

fn namespaces(objects: &[(&str, Value)]) -> Namespaces {
    let own = objects.iter().filter(|(_, object)| text(object, "/kind") == "Namespace");
    own.map(|(_, object)| {
        (text(object, "/metadata/name").to_owned(), (word(object, &TEAM), word(object, &ENVIRONMENT)))
    })
    .collect()
}

/// Whether something else made an object: then that counts, not the object.
fn is_made(object: &Value, installed: &BTreeSet<(String, String)>) -> bool {
    let owned = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let composed = !text(object, "/spec/claimRef/name").is_empty();
    let release = label(object, "meta.helm.sh/release-name").to_owned();
    let namespace = label(object, "meta.helm.sh/release-namespace").to_owned();
    owned.is_some_and(|owners| !owners.is_empty()) || composed || installed.contains(&(namespace, release))
}

fn chart(release: &Release, namespaces: &Namespaces) -> Found {
    let (team, environment) = namespaces.get(&release.namespace).cloned().unwrap_or_default();
    let attributes = [
        ("chart", release.chart.as_str()),
        ("release", &release.name),
        ("namespace", &release.namespace),
        ("appVersion", &release.app_version),
    ];
    Found {
        address: format!("helm {}/{}", release.namespace, release.name),
        sort: Sort::Chart,
        what: release.chart.chars().take(200).collect(),
        version: release.version.chars().take(200).collect(),
        name: release.name.clone(),
        places: vec![release.namespace.clone()],
        team,
        environment,
        attributes: filled(&attributes),
    }
}

fn filled(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let filled = attributes.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What an object is, when it is something to take in.
fn thing(object: &Value, namespaces: &Namespaces) -> Option<Found> {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let (group, api) = text(object, "/apiVersion").split_once('/')?;
    if kind.is_empty() || name.is_empty() {
        return None;
    }
    let namespace = text(object, "/metadata/namespace");
    let sort = sort(object, group, kind)?;
    let image = text(object, "/spec/template/spec/containers/0/image");
    let image =
        if image.is_empty() { text(object, "/spec/jobTemplate/spec/template/spec/containers/0/image") } else { image };
    let (repository, tag) = split_image(image);
    let (what, version) = match sort {
        Sort::Workload => {
            let named = label(object, "app.kubernetes.io/name");
            let what = if named.is_empty() { repository.rsplit('/').next().unwrap_or_default() } else { named };
            let labelled = label(object, "app.kubernetes.io/version");
            (what.to_owned(), if labelled.is_empty() { tag } else { labelled })
        }
        _ => (format!("{kind}.{group}"), promised(object).unwrap_or(api)),
    };
    let (team, environment) = namespaces.get(namespace).cloned().unwrap_or_default();
    let attributes = [
        ("kind", kind),
        ("group", group),
        ("namespace", namespace),
        ("image", repository),
        ("composition", text(object, "/spec/compositionRef/name")),
        ("partOf", label(object, "app.kubernetes.io/part-of")),
    ];
    (!what.is_empty()).then(|| Found {
        address: format!("{kind}.{group} {namespace}/{name}"),
        sort,
        what: what.chars().take(200).collect(),
        version: version.chars().take(200).collect(),
        name: name.to_owned(),
        places: vec![namespace.to_owned()],
        team: word(object, &TEAM).or(team),
        environment: word(object, &ENVIRONMENT).or(environment),
        attributes: filled(&attributes),
    })
}

/// The version of the promise that a request was made by, when it says one.
fn promised(object: &Value) -> Option<&str> {
    let version = label(object, "kratix.io/promise-version");
    is_version(version).then_some(version)
}

fn sort(object: &Value, group: &str, kind: &str) -> Option<Sort> {
    if matches!(group, "apps" | "batch") {
        return WORKLOADS.contains(&kind).then_some(Sort::Workload);
    }
    if group == "kustomize.config" || !group.contains('.') || is_machinery(group) {
        return None;
    }
    let named = |pointer: &str| object.pointer(pointer).is_some_and(|value| !value.is_null());
    let composed = ["/spec/resourceRef", "/spec/resourceRefs", "/spec/compositionRef", "/spec/compositionSelector"];
    if composed.into_iter().any(named) || named("/spec/crossplane") || named("/spec/compositeDeletePolicy") {
        return Some(Sort::Claim);
    }
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let kratix = finalizers.filter_map(Value::as_str).chain(labels.map(|(name, _)| name.as_str()));
    Some(if kratix.into_iter().any(|name| name.starts_with("kratix.io/")) { Sort::Request } else { Sort::Custom })
}

fn is_machinery(group: &str) -> bool {
    MACHINERY.iter().any(|own| group.strip_suffix(own).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}

/// An image without its tag and digest, and the tag.
fn split_image(image: &str) -> (&str, &str) {
    let plain = image.split('@').next().unwrap_or_default();
    match plain.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => {
            (repository, if is_word(tag) || is_version(tag) { tag } else { "" })
        }
        _ => (plain, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_names_and_tags() {
        assert_eq!(
            split_image("registry.example.org:5000/team/web:1.2.3@sha256:ab"),
            ("registry.example.org:5000/team/web", "1.2.3")
        );
        assert_eq!(split_image("registry.example.org:5000/web"), ("registry.example.org:5000/web", ""));
        assert!(is_machinery("apiextensions.crossplane.io") && is_machinery("kratix.io"));
        assert!(!is_machinery("notkratix.io") && !is_machinery("acme.example.org"));
    }
}
