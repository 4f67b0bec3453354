//! The actions of templates, over a workspace in memory.

use super::fetch::FetchTemplate;
use crate::git::clone_url;
use crate::git::render::{Tree, jinja, wrong};
use crate::git::repository::BRANCH;
use crate::pattern::Patterns;
use loggia_app::instance::driver::{Failure, RecipeFile, Request};
use loggia_model::yaml;
use serde_json::{Value, json};

/// The files that steps work on, and what was published of them.
pub(super) struct Workspace<'a> {
    files: &'a [RecipeFile],
    folder: String,
    tree: Tree,
    published: Option<Tree>,
}

impl<'a> Workspace<'a> {
    /// An empty workspace of a template that stands in `folder`.
    pub(super) fn new(request: &'a Request, folder: String) -> Workspace<'a> {
        Workspace { files: &request.files, folder, tree: Tree::default(), published: None }
    }

    /// What was published; everything when the template has no step for that.
    pub(super) fn into_tree(self) -> Tree {
        self.published.unwrap_or(self.tree)
    }

    /// The files at a relative address, with their paths below it.
    fn below(&self, url: &str) -> Result<Vec<(String, &'a RecipeFile)>, Failure> {
        if url.contains("://") {
            return Err(Failure::ours(
                format!("the template fetches {url}, and templates fetch nothing from elsewhere here"),
                "put the files beside the template and name them with a relative address such as ./skeleton",
            ));
        }
        let place = joined(&self.folder, url)
            .ok_or_else(|| wrong(format!("the address {url} leaves the files of the recipe")))?;
        let prefix = if place.is_empty() { String::new() } else { format!("{place}/") };
        let files = self.files.iter().filter_map(|file| {
            let single = (file.path == place).then(|| place.rsplit('/').next().unwrap_or_default());
            let path = single.or_else(|| file.path.strip_prefix(&prefix))?;
            Some((path.to_owned(), file))
        });
        let files: Vec<(String, &RecipeFile)> = files.collect();
        if files.is_empty() { Err(wrong(format!("the recipe has no files at {url}"))) } else { Ok(files) }
    }
}

/// Joins two relative paths; `None` when the result would leave the top.
pub(super) fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// One action with its input.
pub(super) struct Action<'a> {
    pub name: &'a str,
    pub step: &'a str,
    pub input: &'a Value,
    pub request: &'a Request,
}

impl Action<'_> {
    /// Does it, and gives its output.
    pub(super) fn run(&self, workspace: &mut Workspace<'_>, lines: &mut Vec<String>) -> Result<Value, Failure> {
        match self.name {
            "fetch:template" => self.fetch_template(workspace)?,
            "fetch:plain" | "fetch:plain:file" => self.fetch_plain(workspace)?,
            "fs:rename" => self.rename(workspace)?,
            "fs:delete" => self.delete(workspace)?,
            "catalog:write" => return self.write_entity(workspace),
            "roadiehq:utils:fs:write" => self.write(workspace, false)?,
            "roadiehq:utils:fs:append" => self.write(workspace, true)?,
            "catalog:register" => return self.register(workspace),
            "debug:log" => lines.push(self.text("message").unwrap_or_default().to_owned()),
            // Waiting is for what is far away, and nothing here is.
            "debug:wait" => {}
            _ => return self.publish(workspace),
        }
        Ok(json!({}))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        self.input.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn required(&self, name: &str) -> Result<&str, Failure> {
        let missing = || wrong(format!("step {} of the template has no `{name}`", self.step));
        self.text(name).ok_or_else(missing)
    }

    /// A path of the workspace from the input.
    fn path(&self, path: &str) -> Result<String, Failure> {
        joined("", path).ok_or_else(|| wrong(format!("step {}: {path} leaves the workspace", self.step)))
    }

    fn patterns(&self, name: &str) -> Result<Patterns, Failure> {
        Patterns::of(self.input.get(name)).map_err(|why| wrong(format!("step {}: {name}: {why}", self.step)))
    }

    fn fetch_template(&self, workspace: &mut Workspace<'_>) -> Result<(), Failure> {
        let fetch = FetchTemplate::of(self.step, self.input)?;
        let values = self.input.get("values").cloned().unwrap_or_else(|| json!({}));
        let context = if fetch.cookiecutter { json!({ "cookiecutter": values }) } else { json!({ "values": values }) };
        let context = jinja(&context);
        let top = self.path(self.text("targetPath").unwrap_or_default())?;
        for (path, file) in workspace.below(self.required("url")?)? {
            let mut target = match fetch.keeps_name(&path) {
                true => path.clone(),
                false => fetch.expressions.text(&path, &path, &context)?,
            };
            let rendered = fetch.renders(&path, &target);
            if let Some(stem) = fetch.stem(&target) {
                target = stem.to_owned();
            }
            if target.split('/').any(str::is_empty) {
                continue;
            }
            let bytes = match std::str::from_utf8(&file.bytes) {
                Ok(source) if rendered => fetch.expressions.text(&path, source, &context)?.into_bytes(),
                _ => file.bytes.clone(),
            };
            self.put(workspace, &top, &target, bytes, file.executable)?;
        }
        Ok(())
    }

    fn put(
        &self,
        workspace: &mut Workspace<'_>,
        top: &str,
        path: &str,
        bytes: Vec<u8>,
        executable: bool,
    ) -> Result<(), Failure> {
        let target = if top.is_empty() { path.to_owned() } else { format!("{top}/{path}") };
        // What is there stays, unless the step says otherwise.
        if workspace.tree.has(&target) && !self.flag("replace") && self.name == "fetch:template" {
            return Ok(());
        }
        workspace.tree.add(&target, bytes, executable)
    }

    fn fetch_plain(&self, workspace: &mut Workspace<'_>) -> Result<(), Failure> {
        let top = self.path(self.text("targetPath").unwrap_or_default())?;
        let files = workspace.below(self.required("url")?)?;
        for (path, file) in files {
            match self.name == "fetch:plain:file" && !top.is_empty() {
                true => workspace.tree.add(&top, file.bytes.clone(), file.executable)?,
                false => self.put(workspace, &top, &path, file.bytes.clone(), file.executable)?,
            }
        }
        Ok(())
    }

    fn rename(&self, workspace: &mut Workspace<'_>) -> Result<(), Failure> {
        for pair in self.input.get("files").and_then(Value::as_array).into_iter().flatten() {
            let end = |name: &str| pair.get(name).and_then(Value::as_str).unwrap_or_default();
            let (from, to) = (self.path(end("from"))?, self.path(end("to"))?);
            let moved = workspace.tree.remove(&from);
            if moved.is_empty() {
                return Err(wrong(format!("step {}: there is no file {from} to rename", self.step)));
            }
            for file in moved {
                let rest = file.path.strip_prefix(&from).unwrap_or_default();
                workspace.tree.add(&format!("{to}{rest}"), file.bytes.unwrap_or_default(), file.executable)?;
            }
        }
        Ok(())
    }

    fn delete(&self, workspace: &mut Workspace<'_>) -> Result<(), Failure> {
        let patterns = self.patterns("files")?;
        let gone: Vec<String> =
            workspace.tree.paths().filter(|path| patterns.matches(path)).map(str::to_owned).collect();
        for path in gone {
            workspace.tree.remove(&path);
        }
        Ok(())
    }

    fn write(&self, workspace: &mut Workspace<'_>, append: bool) -> Result<(), Failure> {
        let path = self.path(self.required("path")?)?;
        let old = if append { workspace.tree.get(&path).unwrap_or_default().to_vec() } else { Vec::new() };
        let content = match self.input.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => format!("{other:#}"),
        };
        workspace.tree.add(&path, [old, content.into_bytes()].concat(), false)
    }

    fn write_entity(&self, workspace: &mut Workspace<'_>) -> Result<Value, Failure> {
        let path = self.path(self.text("filePath").unwrap_or("catalog-info.yaml"))?;
        let entity = self.input.get("entity").ok_or_else(|| wrong(format!("step {} has no `entity`", self.step)))?;
        // JSON is YAML, too.
        workspace.tree.add(&path, format!("{entity:#}\n").into_bytes(), false)?;
        Ok(json!({}))
    }

    fn publish(&self, workspace: &mut Workspace<'_>) -> Result<Value, Failure> {
        if workspace.published.is_some() {
            return Err(wrong("the template publishes two repositories; what people get here is one"));
        }
        let mut tree = workspace.tree.clone();
        let source = self.path(self.text("sourcePath").unwrap_or_default())?;
        if !source.is_empty() {
            let mut part = Tree::default();
            for file in tree.remove(&source) {
                let path = file.path.strip_prefix(&source).unwrap_or_default().trim_start_matches('/').to_owned();
                part.add(&path, file.bytes.unwrap_or_default(), file.executable)?;
            }
            tree = part;
        }
        workspace.published = Some(tree);
        let remote = clone_url(self.request);
        let contents = format!("{}/blob/{BRANCH}", remote.trim_end_matches(".git"));
        Ok(json!({ "remoteUrl": remote, "repoContentsUrl": contents }))
    }

    fn register(&self, workspace: &Workspace<'_>) -> Result<Value, Failure> {
        let path = self.path(self.text("catalogInfoPath").unwrap_or("/catalog-info.yaml"))?;
        let default = format!("{}/blob/{BRANCH}", clone_url(self.request).trim_end_matches(".git"));
        let contents = self.text("repoContentsUrl").filter(|url| !url.is_empty()).unwrap_or(&default);
        let url = self.text("catalogInfoUrl").map_or_else(|| format!("{contents}/{path}"), str::to_owned);
        let tree = workspace.published.as_ref().unwrap_or(&workspace.tree);
        match tree.get(&path).and_then(entity) {
            Some(entity) => Ok(json!({ "catalogInfoUrl": url, "entityRef": entity })),
            None if self.flag("optional") => Ok(json!({ "catalogInfoUrl": url })),
            None => Err(wrong(format!("step {} registers {path}, which holds no entity", self.step))),
        }
    }
}

/// The name of the first entity of a file, as `component:default/name`.
fn entity(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let document = yaml::parse(text).into_iter().next()?.document.ok()?;
    let kind = document.get("kind")?.as_str()?.to_lowercase();
    let namespace = document.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
    let name = document.pointer("/metadata/name")?.as_str()?;
    Some(format!("{kind}:{namespace}/{name}"))
}
