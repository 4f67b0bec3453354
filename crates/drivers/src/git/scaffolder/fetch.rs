//! How a step `fetch:template` renders files.

use super::expression::{Expressions, Marks};
use crate::git::render::wrong;
use crate::pattern::Patterns;
use loggia_app::instance::driver::Failure;
use serde_json::{Value, json};

/// What the input of such a step says.
pub(super) struct FetchTemplate {
    /// Renders with the marks of the step.
    pub(super) expressions: Expressions,
    /// Whether the values stand under `cookiecutter`.
    pub(super) cookiecutter: bool,
    /// What is copied, under a name that is rendered.
    unrendered: Patterns,
    /// What is copied as it is.
    untouched: Patterns,
    /// With it only files of this ending are rendered, and lose it.
    extension: Option<String>,
}

impl FetchTemplate {
    /// Of the input of a step.
    pub(super) fn of(step: &str, input: &Value) -> Result<FetchTemplate, Failure> {
        let flag = |name: &str| input.get(name).and_then(Value::as_bool).unwrap_or_default();
        let cookiecutter = input.get("cookiecutterCompat").is_some_and(|value| value != &json!(false));
        let (trim_blocks, lstrip_blocks) = (flag("trimBlocks"), flag("lstripBlocks"));
        let patterns =
            |name: &str| Patterns::of(input.get(name)).map_err(|why| wrong(format!("step {step}: {name}: {why}")));
        let extension = match input.get("templateFileExtension") {
            Some(Value::Bool(true)) => Some(".njk".to_owned()),
            Some(Value::String(extension)) => Some(extension.clone()),
            _ => None,
        };
        Ok(FetchTemplate {
            expressions: Expressions::with(Marks { cookiecutter, trim_blocks, lstrip_blocks })?,
            cookiecutter,
            unrendered: patterns("copyWithoutTemplating")?,
            untouched: patterns("copyWithoutRender")?,
            extension,
        })
    }

    /// Whether a file keeps its name.
    pub(super) fn keeps_name(&self, path: &str) -> bool {
        self.untouched.matches(path)
    }

    /// Whether the content of a file is rendered; `target` is its name in the repository.
    pub(super) fn renders(&self, path: &str, target: &str) -> bool {
        let wanted = self.extension.is_none() || self.stem(target).is_some();
        wanted && !self.untouched.matches(path) && !self.unrendered.matches(path)
    }

    /// The name without the ending of templates; none where it has another one.
    pub(super) fn stem<'t>(&self, target: &'t str) -> Option<&'t str> {
        self.extension.as_deref().and_then(|extension| target.strip_suffix(extension))
    }
}
