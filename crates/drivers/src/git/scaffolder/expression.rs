//! Expressions and texts of templates: `${{ … }}`, in the dialect that Backstage's templates are written in.

use super::filters;
use crate::git::render::{environment, jinja, text, wrong};
use crate::git::template_check::{compiles, is_unknown, of_expression};
use loggia_app::instance::driver::Failure;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, UndefinedBehavior, Value as Jinja};
use serde_json::{Map, Value};

/// How the places in a text are marked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// `{{ … }}` as in cookiecutter, instead of `${{ … }}`.
    pub cookiecutter: bool,
    /// The line break after a block goes.
    pub trim_blocks: bool,
    /// White space before a block goes.
    pub lstrip_blocks: bool,
}

/// Renders texts with one kind of marks.
pub(super) struct Expressions {
    environment: Environment<'static>,
    open: &'static str,
}

impl Expressions {
    /// Texts with the marks of template files.
    pub(super) fn new() -> Result<Expressions, Failure> {
        Expressions::with(Marks::default())
    }

    /// Texts with other marks.
    pub(super) fn with(marks: Marks) -> Result<Expressions, Failure> {
        let open = if marks.cookiecutter { "{{" } else { "${{" };
        let syntax = SyntaxConfig::builder()
            .variable_delimiters(open, "}}")
            .keep_trailing_newline(true)
            .trim_blocks(marks.trim_blocks)
            .lstrip_blocks(marks.lstrip_blocks)
            .build();
        let syntax = syntax.map_err(|error| wrong(format!("the marks of the template: {error}")))?;
        let mut environment = environment(UndefinedBehavior::Chainable, syntax);
        environment.set_formatter(|out, _, value| write(out, value));
        environment.set_unknown_method_callback(|_, value, method, args| filters::method(value, method, args));
        filters::add(&mut environment);
        Ok(Expressions { environment, open })
    }

    /// Renders all texts within a value. A text that is one expression keeps the type of its result.
    pub(super) fn value(&self, name: &str, value: &Value, context: &Value) -> Result<Value, Failure> {
        let jinja = jinja(context);
        self.inner(name, value, &jinja)
    }

    fn inner(&self, name: &str, value: &Value, context: &Jinja) -> Result<Value, Failure> {
        Ok(match value {
            Value::String(source) => self.typed(name, source, context)?,
            Value::Array(items) => {
                let items: Result<_, Failure> = items.iter().map(|item| self.inner(name, item, context)).collect();
                Value::Array(items?)
            }
            Value::Object(fields) => {
                let mut rendered = Map::new();
                for (key, field) in fields {
                    rendered.insert(self.text(name, key, context)?, self.inner(name, field, context)?);
                }
                Value::Object(rendered)
            }
            plain => plain.clone(),
        })
    }

    fn typed(&self, name: &str, source: &str, context: &Jinja) -> Result<Value, Failure> {
        let compiled =
            self.single(source).and_then(|source| self.environment.compile_expression_owned(normal(source)).ok());
        let Some(compiled) = compiled else {
            return self.text(name, source, context).map(Value::String);
        };
        let result = compiled.eval(context.clone());
        let result = result.map_err(|error| wrong(format!("step {name} of the template: {source}: {error}")))?;
        Ok(serde_json::to_value(&result).unwrap_or_default())
    }

    /// Passes when a text can be rendered, as far as it tells without values.
    pub(super) fn check(&self, name: &str, source: &str) -> Result<(), Failure> {
        let inside = self.single(source);
        let compiled = inside.and_then(|inside| self.environment.compile_expression_owned(normal(inside)).ok());
        if compiled.is_none() {
            return match self.is_template(source) {
                true => compiles(&self.environment, name, &normal_text(source, self.open), self.open),
                false => Ok(()),
            };
        }
        let inside = normal(inside.unwrap_or_default());
        match of_expression(&inside).into_iter().find(|filter| is_unknown(&self.environment, filter)) {
            Some(filter) => Err(wrong(format!("{name} of the template uses the filter {filter}, which there is not"))),
            None => Ok(()),
        }
    }

    /// What is inside the marks of a text that is one expression.
    fn single<'s>(&self, source: &'s str) -> Option<&'s str> {
        let inside = source.trim().strip_prefix(self.open).and_then(|rest| rest.strip_suffix("}}"));
        inside.filter(|inside| !inside.contains(self.open) && !inside.contains("}}"))
    }

    fn is_template(&self, source: &str) -> bool {
        source.contains(self.open) || source.contains("{%") || source.contains("{#")
    }

    /// Renders one text.
    pub(super) fn text(&self, name: &str, source: &str, context: &Jinja) -> Result<String, Failure> {
        match self.is_template(source) {
            true => text(&self.environment, name, &normal_text(source, self.open), context),
            false => Ok(source.to_owned()),
        }
    }
}

/// Writes a value as the original engine does: nothing for nothing, lists with commas.
fn write(out: &mut minijinja::Output<'_>, value: &Jinja) -> Result<(), minijinja::Error> {
    let text = match value.kind() {
        ValueKind::Undefined | ValueKind::None => return Ok(()),
        ValueKind::Seq => {
            let items: Vec<String> = value.try_iter()?.map(|item| item.to_string()).collect();
            items.join(",")
        }
        _ => value.to_string(),
    };
    out.write_str(&text).map_err(minijinja::Error::from)
}

/// Brings what is inside the marks of a text into our dialect; `raw` blocks stay as they are.
fn normal_text(source: &str, open: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(source.len()), source);
    loop {
        let next =
            [(open, "}}"), ("{%", "%}")].into_iter().filter_map(|(start, end)| Some((rest.find(start)?, start, end)));
        let Some((at, start, end)) = next.min() else {
            return out + rest;
        };
        let inside = at + start.len();
        let Some(length) = rest[inside..].find(end) else {
            return out + rest;
        };
        out.push_str(&rest[..inside]);
        let content = &rest[inside..inside + length];
        out.push_str(&normal(content));
        rest = &rest[inside + length..];
        if start == "{%" && content.trim_matches(['-', ' ', '+']) == "raw" {
            let raw = rest.find("endraw").unwrap_or(rest.len());
            out.push_str(&rest[..raw]);
            rest = &rest[raw..];
        }
    }
}

/// Brings the words of JavaScript, which the original engine lets through, into those of ours.
fn normal(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        if first == '\'' || first == '"' {
            let length = quoted(rest, first);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let found = WORDS.iter().find(|(word, _)| rest.starts_with(word));
        let whole = |word: &str| !rest[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(');
        let (length, text) = match found {
            Some((word, with)) if *word != ".length" || whole(word) => (word.len(), *with),
            _ if first == '!' => (1, " not "),
            _ => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        out.push_str(text);
        rest = &rest[length..];
    }
    out
}

/// Longer ones first.
const WORDS: [(&str, &str); 6] =
    [("===", "=="), ("!==", "!="), ("!=", "!="), ("&&", " and "), ("||", " or "), (".length", "|length")];

/// Length of a quoted text, with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Expressions, normal};
    use minijinja::Value as Jinja;
    use serde_json::{Value, json};

    #[test]
    fn javascript_is_understood() {
        assert_eq!(normal("a === 'b === c' && !d"), "a == 'b === c'  and   not d");
        assert_eq!(normal("a !== b || c.length > 0"), "a != b  or  c|length > 0");
    }

    #[test]
    fn expressions_keep_their_type() {
        let context =
            json!({ "parameters": { "n": 3, "list": ["a", "b"], "on": true, "repoUrl": "h?owner=o&repo=r" } });
        for (source, wanted) in [
            ("${{ parameters.n }}", json!(3)),
            ("${{ parameters.list }}", json!(["a", "b"])),
            ("is ${{ parameters.list }}", json!("is a,b")),
            ("${{ parameters.on === true }}", json!(true)),
            ("${{ parameters.list.length > 1 }}", json!(true)),
            ("${{ parameters.missing.deep }}", Value::Null),
            ("x${{ parameters.missing.deep }}y", json!("xy")),
            ("${{ (parameters.repoUrl | parseRepoUrl).owner }}", json!("o")),
            ("${{ parameters.repoUrl | parseRepoUrl | pick('repo') }}", json!("r")),
            ("${{ parameters.repoUrl | projectSlug }}", json!("o/r")),
            ("${{ 'group:a/b' | parseEntityRef | pick('namespace') }}", json!("a")),
            ("${{ parameters.list | dump }}", json!("[\"a\",\"b\"]")),
            ("${{ 'Kubernetes'.startsWith('Kube') }}", json!(true)),
            ("{{ parameters.n }}", json!("{{ parameters.n }}")),
            ("{% raw %}${{ a === b }}{% endraw %}", json!("${{ a === b }}")),
            ("a\n", json!("a\n")),
            ("${{ parameters.n }} a\n", json!("3 a\n")),
        ] {
            let got = Expressions::new().unwrap().value("test", &json!(source), &context).unwrap();
            assert_eq!(got, wanted, "{source}");
        }
    }

    #[test]
    fn loops_end() {
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        let failure = Expressions::new().unwrap().text("t", endless, &Jinja::UNDEFINED).unwrap_err();
        assert!(failure.message.contains("cannot be rendered"), "{failure}");
    }
}
