//! Runs templates of Backstage's scaffolder, version `scaffolder.backstage.io/v1beta3`, as far as one repository is what
//! they make. Nothing is fetched from elsewhere: a template works on the files that belong to the release.

mod actions;
mod expression;
mod fetch;
mod filters;
mod reading;

use super::import::NewFile;
use super::render::wrong;
use actions::Workspace;
use expression::Expressions;
use loggia_app::instance::driver::{Failure, RecipeFile, Request};
use loggia_model::yaml;
pub(in crate::git) use reading::check_files;
use serde_json::{Map, Value, json};

/// The actions that are known. `publish:*` stands for those that make a repository, such as `publish:github`.
pub const SUPPORTED: [&str; 12] = [
    "fetch:template",
    "fetch:plain",
    "fetch:plain:file",
    "fs:rename",
    "fs:delete",
    "publish:*",
    "catalog:register",
    "catalog:write",
    "debug:log",
    "debug:wait",
    "roadiehq:utils:fs:write",
    "roadiehq:utils:fs:append",
];
/// Publishing to a repository that is there already is another thing.
const PROPOSALS: [&str; 3] = ["pull-request", "merge-request", "pull-requests"];
/// Most rounds of a step with `each`.
const ROUNDS: usize = 1000;
/// The versions of templates that are known.
const VERSION: &str = "scaffolder.backstage.io/v1beta3";

/// What a template needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateCheck {
    /// Its name.
    pub name: String,
    /// All actions, in order of steps.
    pub actions: Vec<String>,
    /// Those that are not supported.
    pub unsupported: Vec<String>,
}

/// One step of a template.
#[derive(Clone, Debug)]
struct Step {
    id: String,
    name: String,
    action: String,
    input: Value,
    condition: Option<Value>,
    each: Option<Value>,
}

/// A template that was read.
struct Template {
    name: String,
    steps: Vec<Step>,
    defaults: Map<String, Value>,
}

/// Whether an action is one that runs here.
fn supported(action: &str) -> bool {
    match action.strip_prefix("publish:") {
        Some(rest) => !PROPOSALS.iter().any(|proposal| rest.ends_with(proposal)),
        None => SUPPORTED.contains(&action),
    }
}

/// Reads a template, and says which of its actions would not run here.
///
/// # Errors
/// When the text is not a template of the known version.
pub fn check_template(text: &str) -> Result<TemplateCheck, String> {
    let template = template(text)?;
    let actions: Vec<String> = template.steps.iter().map(|step| step.action.clone()).collect();
    let unsupported = actions.iter().filter(|action| !supported(action)).cloned().collect();
    Ok(TemplateCheck { name: template.name, actions, unsupported })
}

fn template(text: &str) -> Result<Template, String> {
    for document in yaml::parse(text) {
        let document = document.document.map_err(|problem| problem.message)?;
        if document.get("kind") == Some(&json!("Template")) {
            return read(&document);
        }
    }
    Err("there is no document of kind Template".to_owned())
}

fn read(document: &Value) -> Result<Template, String> {
    if document.get("apiVersion").and_then(Value::as_str) != Some(VERSION) {
        return Err(format!("the template is not of version {VERSION}"));
    }
    let steps = document.pointer("/spec/steps").and_then(Value::as_array).ok_or("the template has no steps")?;
    let steps: Result<Vec<Step>, String> = steps.iter().enumerate().map(|(at, value)| step(at, value)).collect();
    let mut defaults = Map::new();
    match document.pointer("/spec/parameters") {
        Some(Value::Array(pages)) => pages.iter().for_each(|page| collect_defaults(page, &mut defaults)),
        Some(page) => collect_defaults(page, &mut defaults),
        None => {}
    }
    let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Template { name, steps: steps?, defaults })
}

fn step(at: usize, value: &Value) -> Result<Step, String> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("id").unwrap_or_else(|| format!("step-{}", at + 1));
    let action = text("action").ok_or_else(|| format!("step {id} has no action"))?;
    let input = value.get("input").cloned().unwrap_or_else(|| json!({}));
    let (condition, each) = (value.get("if").cloned(), value.get("each").cloned());
    Ok(Step { name: text("name").unwrap_or_else(|| id.clone()), id, action, input, condition, each })
}

fn collect_defaults(page: &Value, defaults: &mut Map<String, Value>) {
    for (name, schema) in page.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(default) = schema.get("default") {
            defaults.insert(name.clone(), default.clone());
        }
    }
}

/// Runs the template of a request, and gives the files of the repository and lines for the run log.
pub(super) fn run(request: &Request) -> Result<(Vec<NewFile>, Vec<String>), Failure> {
    let (folder, template) = find(request)?;
    let mut run = Run::new(request, folder, &template)?;
    for step in &template.steps {
        run.step(step)?;
    }
    let Run { workspace, lines, .. } = run;
    Ok((workspace.into_tree().into_files(request), lines))
}

/// Finds the template among the files: the one nearest to the top.
fn find(request: &Request) -> Result<(String, Template), Failure> {
    let is_template =
        |file: &&RecipeFile| matches!(file.path.rsplit('/').next(), Some("template.yaml" | "template.yml"));
    let file = request.files.iter().filter(is_template).min_by_key(|file| (file.path.split('/').count(), &file.path));
    let file = file.ok_or_else(|| wrong("the recipe has no file named template.yaml"))?;
    let text = String::from_utf8_lossy(&file.bytes);
    let template = template(&text).map_err(|why| wrong(format!("{}: {why}", file.path)))?;
    let unknown: Vec<&str> =
        template.steps.iter().map(|step| step.action.as_str()).filter(|action| !supported(action)).collect();
    if !unknown.is_empty() {
        let (unknown, known) = (unknown.join(", "), SUPPORTED.join(", "));
        return Err(Failure::ours(
            format!("the template uses actions that do not run here: {unknown}"),
            format!("use only {known}"),
        ));
    }
    let folder = file.path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
    Ok((folder, template))
}

/// A template under way.
struct Run<'a> {
    request: &'a Request,
    expressions: Expressions,
    context: Value,
    workspace: Workspace<'a>,
    lines: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(request: &'a Request, folder: String, template: &Template) -> Result<Run<'a>, Failure> {
        let mut parameters = template.defaults.clone();
        parameters.extend(request.inputs.clone());
        let host = url::Url::parse(&request.public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let place =
            format!("{}?owner={}&repo={}", host.as_deref().unwrap_or("localhost"), request.namespace, request.name);
        parameters.entry("repoUrl").or_insert_with(|| place.into());
        let user = filters::entity_ref(&request.requested_by, "user", "default");
        let entity = json!({ "kind": "User", "metadata": { "name": user["name"], "namespace": user["namespace"] } });
        let context = json!({
            "parameters": parameters,
            "steps": {},
            "user": { "ref": request.requested_by, "entity": entity },
        });
        let (expressions, workspace) = (Expressions::new()?, Workspace::new(request, folder));
        Ok(Run { request, expressions, context, workspace, lines: Vec::new() })
    }

    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        if step.each.is_none() && !self.wanted(step)? {
            self.lines.push(format!("{}: left out", step.name));
            return Ok(());
        }
        let output = match &step.each {
            None => self.act(step)?,
            Some(each) => self.rounds(step, each)?,
        };
        self.context["steps"][&step.id] = json!({ "output": output });
        Ok(())
    }

    fn rounds(&mut self, step: &Step, each: &Value) -> Result<Value, Failure> {
        let items: Vec<(Value, Value)> = match self.expressions.value(&step.id, each, &self.context)? {
            Value::Array(items) => items.into_iter().enumerate().map(|(at, item)| (json!(at), item)).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, item)| (json!(name), item)).collect(),
            Value::Null => Vec::new(),
            _ => return Err(wrong(format!("`each` of step {} is not a list", step.id))),
        };
        if items.len() > ROUNDS {
            return Err(wrong(format!("`each` of step {} has more than {ROUNDS} rounds", step.id)));
        }
        let mut outputs = Vec::new();
        for (key, value) in items {
            self.context["each"] = json!({ "key": key, "value": value });
            if self.wanted(step)? {
                outputs.push(self.act(step)?);
            }
        }
        Ok(Value::Array(outputs))
    }

    fn wanted(&self, step: &Step) -> Result<bool, Failure> {
        let Some(condition) = &step.condition else { return Ok(true) };
        Ok(match self.expressions.value(&step.id, condition, &self.context)? {
            Value::Null => false,
            Value::Bool(wanted) => wanted,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !matches!(text.as_str(), "" | "false"),
            Value::Array(_) | Value::Object(_) => true,
        })
    }

    fn act(&mut self, step: &Step) -> Result<Value, Failure> {
        let input = self.expressions.value(&step.id, &step.input, &self.context)?;
        self.lines.push(format!("{}: {}", step.name, step.action));
        let act = actions::Action { name: &step.action, step: &step.id, input: &input, request: self.request };
        act.run(&mut self.workspace, &mut self.lines)
    }
}
