//! Objects of Kubernetes as `kubectl get -o json` or `-o yaml` write them, and manifests: releases of Helm, claims of
//! Crossplane, requests of Kratix, objects of added kinds, workloads.

use super::cluster::{Clusters, Object, Scope};
use super::helm::{self, Release, Standing};
use super::objects::{ENVIRONMENT, TEAM, is_word, label, text, words};
use super::version::is_version;
use super::{File, problem, text as reading};
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

/// The label by which Loggia finds again what it made.
const OWN: &str = "loggia.dev/key";

/// Revisions of releases, by where they are kept, namespace and name.
type Releases = BTreeMap<(usize, String, String), Vec<Release>>;

/// Everything that files describe.
pub(super) fn estate(files: &[File]) -> Estate {
    let mut estate = Estate::default();
    let mut clusters = Clusters::default();
    for file in files {
        let documents = documents(file, &mut estate);
        clusters.add(file, documents);
    }
    clusters.settle();
    let mut releases = Releases::new();
    for object in clusters.objects.iter().filter(|object| helm::holds(&object.value)) {
        match helm::read(&object.value) {
            Ok(release) => {
                let key = (object.scope, release.namespace.clone(), release.name.clone());
                releases.entry(key).or_default().push(release);
            }
            Err(why) => {
                estate.problems.push(problem("adopt.helm", &object.path, why, "Read it again from the cluster."));
            }
        }
    }
    let installed = releases.keys().map(|(_, namespace, name)| (namespace.clone(), name.clone())).collect();
    for ((scope, _, _), revisions) in &releases {
        let standing = helm::standing(revisions);
        estate.things.extend(standing.map(|standing| chart(&standing, &clusters, *scope)));
    }
    let others = clusters.objects.iter().filter(|one| !helm::holds(&one.value) && !is_made(&one.value, &installed));
    let (own, others): (Vec<_>, Vec<_>) = others.partition(|object| is_own(&object.value));
    estate.things.extend(others.into_iter().filter_map(|object| thing(object, &clusters)));
    match own.into_iter().filter_map(|object| thing(object, &clusters)).count() {
        0 => {}
        1 => estate.notes.push("1 object was made by Loggia and is known by that: it is left out.".to_owned()),
        many => {
            estate.notes.push(format!("{many} objects were made by Loggia and are known by that: they are left out."));
        }
    }
    estate
}

/// Whether Loggia made an object itself.
fn is_own(object: &Value) -> bool {
    !label(object, OWN).is_empty() || label(object, "app.kubernetes.io/managed-by") == "loggia"
}

/// The documents of a file; what is no document of Kubernetes is left out later.
fn documents(file: &File, estate: &mut Estate) -> Vec<Value> {
    let wrong =
        |message: String| problem("adopt.manifest", &file.path, message, "Give what kubectl get -o json writes.");
    let content = match reading::decode(&file.bytes) {
        Ok(content) => content,
        Err(why) => {
            estate.problems.push(wrong(why));
            return Vec::new();
        }
    };
    // A list of YAML may begin as JSON does, and a document of JSON is one of YAML too: what is cut off is neither.
    let (documents, broken) = reading::json(&content);
    if broken.is_none() {
        return documents;
    }
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for parsed in yaml::parse(&content) {
        match parsed.document {
            Ok(document) => read.push(document),
            Err(found) => problems.push(wrong(found.message)),
        }
    }
    match broken.filter(|_| !problems.is_empty() && content.trim_start().starts_with('{')) {
        Some(why) => {
            estate.problems.push(wrong(why));
            documents
        }
        None => {
            estate.problems.append(&mut problems);
            read
        }
    }
}

/// Whether something else made an object: then that counts, not the object.
fn is_made(object: &Value, installed: &BTreeSet<(String, String)>) -> bool {
    let owned = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let composed = !text(object, "/spec/claimRef/name").is_empty();
    let release = label(object, "meta.helm.sh/release-name").to_owned();
    let namespace = label(object, "meta.helm.sh/release-namespace").to_owned();
    owned.is_some_and(|owners| !owners.is_empty()) || composed || installed.contains(&(namespace, release))
}

/// What all things of a cluster have in common.
fn blank(scope: &Scope, within: &str) -> Found {
    let key = if scope.key.is_empty() { String::new() } else { format!("{} {within}", scope.key) };
    let address = format!("{} {within}", scope.path).trim_start().to_owned();
    Found { address, key, source: scope.path.clone(), time: scope.time, ..Found::default() }
}

fn chart(standing: &Standing<'_>, clusters: &Clusters, scope: usize) -> Found {
    let release = standing.runs.unwrap_or(standing.newest);
    let tried = if standing.runs == Some(standing.newest) { "" } else { standing.newest.version.as_str() };
    let unknown = match standing.runs {
        Some(_) => String::new(),
        None => format!("No revision of it was ever deployed; the newest is {}.", standing.newest.status),
    };
    let (teams, environments) = clusters.namespace(scope, &release.namespace);
    let attributes = [
        ("chart", release.chart.as_str()),
        ("release", &release.name),
        ("namespace", &release.namespace),
        ("appVersion", &release.app_version),
        ("status", &standing.newest.status),
        ("tried", tried),
        ("versionUnknown", &unknown),
    ];
    let version = standing.runs.map(|runs| runs.version.chars().take(200).collect());
    let whole = blank(clusters.scope(scope), &format!("helm {}/{}", release.namespace, release.name));
    Found {
        sort: Sort::Chart,
        what: release.chart.chars().take(200).collect(),
        version: version.unwrap_or_default(),
        name: release.name.clone(),
        places: vec![release.namespace.clone()],
        teams,
        environments,
        attributes: filled(&attributes),
        ..whole
    }
}

fn filled(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let filled = attributes.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What an object is, when it is something to take in.
fn thing(object: &Object, clusters: &Clusters) -> Option<Found> {
    let Object { value, scope, .. } = object;
    let (kind, name) = (text(value, "/kind"), text(value, "/metadata/name"));
    let (group, api) = text(value, "/apiVersion").split_once('/')?;
    if kind.is_empty() || name.is_empty() {
        return None;
    }
    let namespace = text(value, "/metadata/namespace");
    let sort = sort(value, group, kind)?;
    let (repository, tag) = split_image(image(value));
    let (what, version) = match sort {
        Sort::Workload => {
            let named = label(value, "app.kubernetes.io/name");
            let what = if named.is_empty() { repository.rsplit('/').next().unwrap_or_default() } else { named };
            let labelled = label(value, "app.kubernetes.io/version");
            (what.to_owned(), if labelled.is_empty() { tag } else { labelled })
        }
        // The version of its API says how to speak about it, not what runs.
        _ => (format!("{kind}.{group}"), said(value).unwrap_or_default()),
    };
    let (teams, environments) = clusters.namespace(*scope, namespace);
    let attributes = [
        ("kind", kind),
        ("group", group),
        ("apiVersion", api),
        ("namespace", namespace),
        ("image", repository),
        ("composition", text(value, "/spec/compositionRef/name")),
        ("partOf", label(value, "app.kubernetes.io/part-of")),
    ];
    let whole = blank(clusters.scope(*scope), &format!("{kind}.{group} {namespace}/{name}"));
    (!what.is_empty()).then(|| Found {
        sort,
        what: what.chars().take(200).collect(),
        version: version.chars().take(200).collect(),
        name: name.to_owned(),
        places: vec![namespace.to_owned()],
        teams: [words(value, &TEAM), teams].concat(),
        environments: [words(value, &ENVIRONMENT), environments].concat(),
        attributes: filled(&attributes),
        ..whole
    })
}

/// The image of the first container of a workload.
fn image(object: &Value) -> &str {
    let pointers =
        ["/spec/template/spec/containers/0/image", "/spec/jobTemplate/spec/template/spec/containers/0/image"];
    pointers.iter().map(|pointer| text(object, pointer)).find(|image| !image.is_empty()).unwrap_or_default()
}

/// The version that an object says of itself: that of the promise that it was requested by, or its label.
fn said(object: &Value) -> Option<&str> {
    let labels = ["kratix.io/promise-version", "app.kubernetes.io/version"];
    labels.iter().map(|name| label(object, name)).find(|version| is_version(version))
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
