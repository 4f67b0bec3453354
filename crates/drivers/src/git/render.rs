//! Renders the files of a golden path.

use super::import::{NewFile, path_is_safe};
use crate::pattern::Patterns;
use loggia_app::instance::driver::{Failure, RecipeFile, Request};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value as Jinja};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;

/// Steps that one file may take while it is rendered; enough for long files, not for loops without end.
const FUEL: u64 = 500_000;
/// Largest rendered file, in bytes.
const FILE: usize = 5 << 20;
/// Largest sum of all rendered files, in bytes.
const ALL: usize = 50 << 20;
/// Most files of one repository.
const FILES: usize = 10_000;

/// The files of a repository by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, NewFile>,
    size: usize,
}

impl Tree {
    /// Adds a file; a later one of the same path replaces it.
    pub(super) fn add(&mut self, path: &str, bytes: Vec<u8>, executable: bool) -> Result<(), Failure> {
        if !path_is_safe(path) {
            return Err(wrong(format!(
                "the template makes a file at \"{path}\", which is not a path within a repository"
            )));
        }
        if bytes.len() > FILE {
            return Err(wrong(format!("{path} of the template becomes larger than {FILE} bytes")));
        }
        self.size += bytes.len();
        let file = NewFile { path: path.to_owned(), bytes: Some(bytes), executable };
        self.files.insert(path.to_owned(), file);
        match self.size > ALL || self.files.len() > FILES {
            true => Err(wrong(format!("the template makes more than {FILES} files or {ALL} bytes"))),
            false => Ok(()),
        }
    }

    /// The content of one file.
    pub(super) fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).and_then(|file| file.bytes.as_deref())
    }

    /// Whether a path is taken.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Takes all files at or below a path away, and gives how many there were.
    pub(super) fn remove(&mut self, path: &str) -> Vec<NewFile> {
        let below = format!("{path}/");
        let gone: Vec<String> =
            self.files.keys().filter(|name| *name == path || name.starts_with(&below)).cloned().collect();
        gone.iter().filter_map(|name| self.files.remove(name)).collect()
    }

    /// Paths in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The files in order of path, with a README.
    pub(super) fn into_files(mut self, request: &Request) -> Vec<NewFile> {
        if !self.files.keys().any(|path| path.to_ascii_lowercase().starts_with("readme")) {
            let text = format!(
                "# {}\n\nA repository of team {}, made from {} {}.\n",
                request.name, request.team, request.offering, request.version
            );
            let path = "README.md".to_owned();
            let file = NewFile { path: path.clone(), bytes: Some(text.into_bytes()), executable: false };
            self.files.insert(path, file);
        }
        self.files.into_values().collect()
    }
}

/// A value for the engine.
pub(super) fn jinja(value: &impl serde::Serialize) -> Jinja {
    Jinja::from(minijinja::value::Serde(value))
}

/// A failure of the template, with what to do.
pub(crate) fn wrong(message: impl Into<String>) -> Failure {
    Failure::ours(message, "correct the template and publish a new version")
}

/// An environment in which nothing is escaped and nothing runs for ever.
pub(super) fn environment(undefined: UndefinedBehavior, syntax: SyntaxConfig) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    environment
}

/// Renders one text, with its name in errors and a limit on what comes out.
pub(super) fn text(
    environment: &Environment<'_>,
    name: &str,
    source: &str,
    context: &Jinja,
) -> Result<String, Failure> {
    let template = environment.template_from_named_str(name, source).map_err(|error| unrendered(name, &error))?;
    let mut out = Limited(Vec::new());
    template.render_captured_to(context.clone(), &mut out).map_err(|error| unrendered(name, &error))?;
    String::from_utf8(out.0).map_err(|_| wrong(format!("{name} of the template is not text")))
}

pub(super) fn unrendered(name: &str, error: &minijinja::Error) -> Failure {
    let line = error.line().map(|line| format!(" line {line}")).unwrap_or_default();
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(format!("; {cause}"));
        next = cause.source();
    }
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let causes = causes.concat();
    wrong(format!("{name}{line} of the template cannot be rendered: {}{detail}{causes}", error.kind()))
}

/// Takes bytes up to the limit of one file.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > FILE {
            return Err(std::io::Error::other(format!("becomes larger than {FILE} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The values that templates of golden paths may use.
fn values(request: &Request) -> Value {
    json!({
        "inputs": request.inputs,
        "team": request.team,
        "namespace": request.namespace,
        "name": request.name,
        "environment": request.environment,
        "instance": request.instance,
        "offering": request.offering,
        "version": request.version,
        "plan": request.plan,
        "limits": request.limits,
        "public_url": request.public_url,
        "clone_url": super::clone_url(request),
        "requested_by": request.requested_by,
    })
}

/// Renders one text of a recipe.
///
/// # Errors
/// When it is no template, or names what there is not.
pub(crate) fn line(request: &Request, name: &str, source: &str) -> Result<String, Failure> {
    line_with(request, name, source, &Map::new())
}

/// Renders one text of a recipe that may use more than the request.
///
/// # Errors
/// As [`line`].
pub(crate) fn line_with(
    request: &Request,
    name: &str,
    source: &str,
    more: &Map<String, Value>,
) -> Result<String, Failure> {
    let mut values = values(request);
    if let Some(all) = values.as_object_mut() {
        all.extend(more.clone());
    }
    let environment = environment(UndefinedBehavior::Strict, SyntaxConfig::default());
    text(&environment, name, source, &jinja(&values))
}

/// Renders the golden path of a request, with a README.
pub(super) fn golden_path(request: &Request) -> Result<Vec<NewFile>, Failure> {
    Ok(template(request)?.into_files(request))
}

/// The files of the release as they are, below the folder that `template` of the recipe names.
pub(crate) fn plain_files(request: &Request) -> impl Iterator<Item = (&str, &RecipeFile)> {
    let folder = request.recipe.get("template").and_then(Value::as_str).unwrap_or_default();
    let prefix = format!("{}/", folder.trim_matches('/')).trim_start_matches('/').to_owned();
    let inner = move |file: &'_ RecipeFile| file.path.strip_prefix(&prefix).map(|_| prefix.len());
    request.files.iter().filter_map(move |file| Some((&file.path[inner(file)?..], file)))
}

/// Renders the files of the release as they are named below `template`, without adding any.
///
/// # Errors
/// When a template is wrong, or has no files.
pub(crate) fn files(request: &Request) -> Result<Vec<NewFile>, Failure> {
    Ok(template(request)?.files.into_values().collect())
}

/// Renders the template of a request: `template` of the recipe names the folder, `raw` the files that are copied.
fn template(request: &Request) -> Result<Tree, Failure> {
    let mut tree = Tree::default();
    let Some(folder) = request.recipe.get("template").and_then(Value::as_str) else { return Ok(tree) };
    let raw = Patterns::of(request.recipe.get("raw")).map_err(wrong)?;
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    let syntax = syntax.map_err(|error| wrong(error.to_string()))?;
    let environment = environment(UndefinedBehavior::Strict, syntax);
    let context = jinja(&values(request));
    for (inner, RecipeFile { bytes, executable, .. }) in plain_files(request) {
        let target = text(&environment, inner, inner, &context)?;
        // A name that becomes empty leaves the file out: that is how a template makes a file optional.
        if target.split('/').any(str::is_empty) {
            continue;
        }
        let content = match std::str::from_utf8(bytes) {
            Ok(source) if !raw.matches(inner) => text(&environment, inner, source, &context)?.into_bytes(),
            _ => bytes.clone(),
        };
        tree.add(&target, content, *executable)?;
    }
    match tree.files.is_empty() {
        true => Err(wrong(format!("the recipe has no files in its template folder \"{folder}\""))),
        false => Ok(tree),
    }
}
