//! Proposed offerings as documents to look through and commit.

use super::place::{clean, with_digest};
use super::{Proposed, Sort};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Words in names that say in which category something is.
const CATEGORIES: [(&str, &[&str]); 6] = [
    (
        "data",
        &[
            "db",
            "database",
            "sql",
            "postgres",
            "postgresql",
            "mysql",
            "redis",
            "cache",
            "bucket",
            "s3",
            "storage",
            "mongodb",
            "opensearch",
            "dynamodb",
        ],
    ),
    ("messaging", &["queue", "topic", "kafka", "rabbitmq", "sqs", "sns", "stream", "broker"]),
    ("observability", &["prometheus", "grafana", "loki", "logs", "monitoring", "alerts", "dashboard"]),
    ("security", &["vault", "secret", "secrets", "certificate", "iam", "key", "kms"]),
    ("network", &["vpc", "dns", "network", "ingress", "gateway", "cdn", "lb", "zone"]),
    ("compute", &["cluster", "vm", "instance", "function", "lambda", "app", "runtime", "service", "eks"]),
];

/// What the proposed offerings belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Name of the product.
    pub product: String,
    /// Name of the group that answers for it.
    pub owner: String,
    /// Whether product and group are not there yet, so that they are proposed, too.
    pub new: bool,
}

/// One file of a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct ProposalFile {
    /// Its name.
    pub path: String,
    /// What stands above the documents, line by line.
    pub about: Vec<String>,
    /// The documents.
    pub documents: Vec<Value>,
}

/// The files of a proposal: one for each offering, and one for what they belong to where that is new.
pub fn files(proposed: &[Proposed], frame: &Frame) -> Vec<ProposalFile> {
    let mut files: Vec<ProposalFile> = proposed.iter().map(|one| offering(one, frame)).collect();
    if frame.new {
        let group = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group",
            "metadata": {"name": frame.owner}, "spec": {"type": "team", "children": []}});
        let product = json!({"apiVersion": "loggia.dev/v1", "kind": "Product",
            "metadata": {"name": frame.product}, "spec": {"team": frame.owner}});
        let about =
            vec!["The product that the offerings belong to, and its team. Give them your own names.".to_owned()];
        files.push(ProposalFile { path: "product.yaml".to_owned(), about, documents: vec![group, product] });
    }
    files
}

fn offering(one: &Proposed, frame: &Frame) -> ProposalFile {
    let document = json!({
        "apiVersion": "loggia.dev/v1",
        "kind": "Offering",
        "metadata": {"name": one.name, "title": title(&one.name)},
        "spec": {
            "product": frame.product,
            "owner": frame.owner,
            "category": category_of(&one.name),
            "promise": "Not written down yet: what its users can rely on.",
            "for": "Not written down yet: for whom it is.",
            "problem": "Not written down yet: what it solves.",
            "stage": "experimental",
            "plans": [{"name": "standard"}],
            "match": [{"offering": pattern(&one.what)}],
        },
    });
    ProposalFile { path: format!("{}.yaml", one.name), about: about(one), documents: vec![document] }
}

/// What was seen, so that who reads the file knows what it is about.
fn about(one: &Proposed) -> Vec<String> {
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let version = |(version, count): (&String, &usize)| match version.as_str() {
        "" => format!("unknown ({count})"),
        version => format!("{version} ({count})"),
    };
    let mut lines = vec![
        format!("Proposed from {} {} that run already.", one.count, one.sort.words().1),
        format!("Versions: {}", one.versions.iter().map(version).collect::<Vec<_>>().join(", ")),
    ];
    if !one.teams.is_empty() {
        lines.push(format!("Teams: {}", list(&one.teams)));
        lines.push(format!("Environments: {}", list(&one.environments)));
    }
    if one.unplaced > 0 {
        lines.push(format!("{} do not say team or environment and are not reported yet.", one.unplaced));
    }
    lines
}

/// A name for an offering that nothing has yet.
pub(super) fn name(sort: Sort, what: &str, taken: &BTreeSet<String>) -> String {
    let plain = plain_name(sort, what);
    let word = match sort {
        Sort::Module => "module",
        Sort::Chart => "chart",
        Sort::Claim => "claim",
        Sort::Request => "request",
        Sort::Custom => "kind",
        Sort::Resource | Sort::Workload => "own",
    };
    let candidates = [plain.clone(), format!("{plain}-{word}")];
    let free = candidates.into_iter().find(|name| !taken.contains(name));
    free.unwrap_or_else(|| with_digest(&plain, what, ""))
}

fn plain_name(sort: Sort, what: &str) -> String {
    let core = match sort {
        Sort::Module => module_name(what),
        // A kind is written Kind.group.
        Sort::Claim | Sort::Request | Sort::Custom => spaced(what.split('.').next().unwrap_or(what)),
        Sort::Chart | Sort::Workload | Sort::Resource => what.rsplit('/').next().unwrap_or(what).to_owned(),
    };
    let name: String = clean(&core).chars().take(40).collect();
    let name = name.trim_end_matches('-').to_owned();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("x-{name}").trim_end_matches('-').to_owned()
    }
}

/// The telling part of a module's source, or of the types of which it is made.
fn module_name(what: &str) -> String {
    if let Some(types) = what.strip_prefix("types:") {
        let telling = types.split('+').min_by_key(|kind| (kind.len(), *kind)).unwrap_or(types);
        return telling.split_once('_').map_or(telling, |(_, rest)| rest).to_owned();
    }
    let parts: Vec<&str> = what.split('/').filter(|part| !part.is_empty()).collect();
    let registry = parts.len() >= 3 && !what.contains("//") && !what.contains(':') && !what.starts_with("modules/");
    let part = match parts.as_slice() {
        // namespace/name/provider, or host/namespace/name/provider
        [.., name, _] if registry && parts.len() <= 4 => name,
        [.., last] => last,
        [] => what,
    };
    let part = part.trim_end_matches(".git");
    let part = part.strip_prefix("terraform-").map_or(part, |rest| rest.split_once('-').map_or(rest, |(_, name)| name));
    part.to_owned()
}

/// `PostgreSQLInstance` as `PostgreSQL-Instance`: a hyphen where a word begins.
fn spaced(kind: &str) -> String {
    let chars: Vec<char> = kind.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let after = at.checked_sub(1).and_then(|before| chars.get(before));
        let begins = c.is_ascii_uppercase() && after.is_some_and(char::is_ascii_uppercase);
        let begins = begins && chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let begins =
            begins || c.is_ascii_uppercase() && after.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if begins {
            out.push('-');
        }
        out.push(*c);
    }
    out
}

fn title(name: &str) -> String {
    let text = name.replace('-', " ");
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn category_of(name: &str) -> &'static str {
    let words: Vec<&str> = name.split('-').collect();
    let stands = |(_, known): &&(&str, &[&str])| words.iter().any(|word| known.contains(word));
    CATEGORIES.iter().find(stands).map_or("other", |(category, _)| category)
}

/// A pattern for a text; what would be a wildcard stands for any one character.
fn pattern(what: &str) -> String {
    what.replace('*', "?")
}
