//! Templates as people publish them.

use crate::{Lines, object, request, shared};
use loggia_app::instance::driver::{Driver, RecipeFile};
use loggia_drivers::git::{GitDriver, check_template};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A value that fits a schema, as somebody in a hurry would type it.
fn sample(schema: &Value) -> Value {
    if let Some(value) = schema.get("default").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => json!(true),
        Some("number" | "integer") => json!(1),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => match schema.get("ui:field").and_then(Value::as_str) {
            Some("RepoUrlPicker") => json!("git.example?owner=booking&repo=quotes"),
            Some("OwnerPicker" | "EntityPicker") => json!("group:default/booking"),
            _ => json!("quotes"),
        },
    }
}

fn inputs(text: &str) -> Map<String, Value> {
    let mut inputs = Map::new();
    for parsed in loggia_model::yaml::parse(text) {
        let Ok(document) = parsed.document else { continue };
        let pages = match document.pointer("/spec/parameters") {
            Some(Value::Array(pages)) => pages.clone(),
            Some(page) => vec![page.clone()],
            None => Vec::new(),
        };
        for (name, schema) in pages.iter().filter_map(|page| page.get("properties")?.as_object()).flatten() {
            inputs.insert(name.clone(), sample(schema));
        }
    }
    inputs
}

/// The folder of a template within its repository. Names of the corpus are `owner__repository__path__file`.
fn place(name: &str) -> String {
    let parts: Vec<&str> = name.split("__").collect();
    parts[2..parts.len() - 1].join("/")
}

/// Files of the corpus in the folder of a template.
fn files(texts: &BTreeMap<String, String>, name: &str) -> Vec<RecipeFile> {
    let folder = name.rsplit_once("__").map(|(folder, _)| format!("{folder}__")).unwrap_or_default();
    let below = texts.iter().filter(|(other, _)| other.starts_with(&folder));
    let path = |other: &str| format!("{}/{}", place(name), other[folder.len()..].replace("__", "/"));
    below.map(|(other, text)| crate::git::file(path(other).trim_start_matches('/'), text)).collect()
}

/// Most skeletons are not in the corpus: each relative address gets one file, so that what is tried is the template.
fn skeletons(folder: &str, text: &str, files: &mut Vec<RecipeFile>) {
    let info = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: quotes\n";
    for line in text.lines() {
        let Some(url) = line.trim().trim_start_matches("- ").strip_prefix("url: ") else { continue };
        let url = url.trim_matches(['"', '\'', ' ']);
        if url.contains("://") || url.contains("${{") {
            continue;
        }
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in url.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match part {
                ".." => parts.truncate(parts.len().saturating_sub(1)),
                part => parts.push(part),
            }
        }
        parts.push("catalog-info.yaml");
        let path = parts.join("/");
        if !files.iter().any(|file| file.path == path) {
            files.push(crate::git::file(&path, info));
        }
    }
}

#[tokio::test]
async fn templates_of_the_corpus() {
    let Some(shared) = shared("corpus::templates_of_the_corpus") else { return };
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(shared.join("data/catalog")).unwrap().flatten() {
        if let Ok(text) = std::fs::read_to_string(entry.path()) {
            texts.insert(entry.file_name().to_string_lossy().into_owned(), text);
        }
    }
    let root = tempfile::tempdir().unwrap();
    let (driver, log) = (GitDriver::new(root.path()), Lines::default());
    let (mut parsed, mut supported, mut rendered) = (0, 0, 0);
    let (mut why, mut unknown): (BTreeMap<String, usize>, BTreeMap<String, usize>) = Default::default();
    let templates = texts.iter().filter(|(_, text)| {
        text.lines().any(|line| line == "kind: Template") && text.contains("scaffolder.backstage.io/v1beta3")
    });
    let templates: Vec<_> = templates.collect();
    for (at, (name, text)) in templates.iter().enumerate() {
        let check = match check_template(text) {
            Ok(check) => check,
            Err(error) => {
                println!("not read: {name}: {error}");
                continue;
            }
        };
        parsed += 1;
        if !check.unsupported.is_empty() {
            check.unsupported.into_iter().for_each(|action| *unknown.entry(action).or_default() += 1);
            continue;
        }
        supported += 1;
        let mut request = request(&format!("t{at}"), json!({ "driver": "git", "scaffolder": true }));
        request.inputs = inputs(text);
        request.files = files(&texts, name);
        request.files.retain(|file| !file.path.ends_with("template.yaml") && !file.path.ends_with("template.yml"));
        skeletons(&place(name), text, &mut request.files);
        let own = format!("{}/template.yaml", place(name));
        request.files.push(crate::git::file(own.trim_start_matches('/'), text));
        request.inputs.extend(object(json!({ "repoUrl": "git.example?owner=booking&repo=quotes" })));
        match driver.apply(&request, &log).await {
            Ok(_) => rendered += 1,
            Err(failure) => {
                println!("not rendered: {name}: {failure}");
                *why.entry(failure.message.chars().take(60).collect()).or_default() += 1;
            }
        }
    }
    println!("templates {}, read {parsed}, only supported actions {supported}, rendered {rendered}", templates.len());
    println!("unsupported: {unknown:?}\nnot rendered because: {why:#?}");
    // Not in the corpus are most skeletons, and some templates use values that they do not hand on.
    // A few are parts of templates for templates, and no YAML before they are rendered.
    assert!(parsed + 2 >= templates.len());
    assert!(rendered * 3 >= supported * 2, "only {rendered} of {supported} templates render");
}
