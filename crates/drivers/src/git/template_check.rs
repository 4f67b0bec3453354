//! What is wrong with the files of a golden path, before anybody gets it: every text is compiled, and none is rendered.

use super::render::{self, unrendered, wrong};
use super::scaffolder;
use crate::pattern::Patterns;
use loggia_app::instance::driver::Failure;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Paths below the folder of a golden path, with bytes.
pub(crate) type Files<'a> = [(&'a str, &'a [u8])];

/// What is wrong with the golden path of a recipe, one sentence for each file.
pub(crate) fn check(settings: &Map<String, Value>, files: &Files<'_>) -> Vec<String> {
    if settings.get("scaffolder") == Some(&json!(true)) {
        return scaffolder::check_files(files);
    }
    plain(settings, files).unwrap_or_else(|failure| vec![failure.message])
}

/// The same for a recipe whose files are rendered as they lie there.
pub(crate) fn plain(settings: &Map<String, Value>, files: &Files<'_>) -> Result<Vec<String>, Failure> {
    let raw = Patterns::of(settings.get("raw")).map_err(wrong)?;
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    let syntax = syntax.map_err(|error| wrong(error.to_string()))?;
    let environment = render::environment(UndefinedBehavior::Strict, syntax);
    let mut found = Vec::new();
    for (path, bytes) in files {
        let content = std::str::from_utf8(bytes).ok().filter(|_| !raw.matches(path));
        let texts = std::iter::once(*path).chain(content);
        let failure = texts.map(|text| compiles(&environment, path, text, "{{")).find_map(Result::err);
        found.extend(failure.map(|failure| failure.message));
    }
    Ok(found)
}

/// Passes when a text can be compiled and names only filters that there are. `open` begins an expression.
pub(super) fn compiles(environment: &Environment<'_>, name: &str, source: &str, open: &str) -> Result<(), Failure> {
    environment.template_from_named_str(name, source).map_err(|error| unrendered(name, &error))?;
    match filters(source, open).into_iter().find(|filter| is_unknown(environment, filter)) {
        Some(filter) => Err(wrong(format!("{name} of the template uses the filter {filter}, which there is not"))),
        None => Ok(()),
    }
}

/// Whether there is no filter of that name.
pub(super) fn is_unknown(environment: &Environment<'_>, filter: &str) -> bool {
    let tried = environment.compile_expression(&format!("''|{filter}")).map(|tried| tried.eval(()).err());
    tried.is_ok_and(|error| error.is_some_and(|error| error.kind() == ErrorKind::UnknownFilter))
}

/// The filters that the expressions of a text name.
fn filters<'s>(source: &'s str, open: &str) -> BTreeSet<&'s str> {
    let (mut found, mut rest) = (BTreeSet::new(), source);
    loop {
        let marks = [(open, "}}"), ("{%", "%}"), ("{#", "#}")];
        let next = marks.into_iter().filter_map(|(start, end)| Some((rest.find(start)?, start, end))).min();
        let Some((at, start, end)) = next else { return found };
        let inside = &rest[at + start.len()..];
        let Some(length) = inside.find(end) else { return found };
        let content = &inside[..length];
        rest = &inside[length + end.len()..];
        if start == "{%" && content.trim_matches(['-', ' ', '+']) == "raw" {
            rest = rest.find("endraw").map_or("", |raw| &rest[raw..]);
        } else if start != "{#" {
            found.extend(of_expression(content));
        }
    }
}

/// The filters that one expression names; what stands in quotes names none.
pub(super) fn of_expression(expression: &str) -> Vec<&str> {
    let (mut found, mut quote, mut escaped) = (Vec::new(), None, false);
    let bytes = expression.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'|') if bytes.get(at + 1) != Some(&b'|') && (at == 0 || bytes[at - 1] != b'|') => {
                let rest = expression[at + 1..].trim_start();
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.extend(Some(&rest[..end]).filter(|name| !name.is_empty()));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(settings: &Value, files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        check(settings.as_object().unwrap(), &files)
    }

    #[test]
    fn what_cannot_be_rendered_is_told_by_its_file() {
        let good = "{# a | b #}{{ team | upper }} {{ 'a | b' }} {% raw %}{{ a | b }}{% endraw %} {{ a or b }}";
        assert_eq!(told(&json!({}), &[("a.txt", good), ("{{ name }}.md", "plain")]), Vec::<String>::new());
        for (path, text, part) in [
            ("x.txt", "{% for x in %}", "x.txt line 1"),
            ("x.txt", "\n{{ team | nope }}", "the filter nope"),
            ("x.txt", "{% if a | gone %}{% endif %}", "the filter gone"),
            ("x.txt", "{% if a %}", "x.txt"),
            ("{{ name", "text", "{{ name"),
        ] {
            let found = told(&json!({}), &[("good.txt", good), (path, text)]);
            assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
            let none = Vec::<String>::new();
            assert_eq!(told(&json!({"raw": ["*.txt"]}), &[("x.txt", text)]), none, "what is copied is not read");
        }
    }

    #[test]
    fn a_template_of_a_scaffolder_is_read_with_its_own_marks() {
        let template = |steps: &str| {
            format!(
                "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {{name: t}}\nspec:\n  steps:\n{steps}"
            )
        };
        let fetch = template(
            "  - {id: a, action: 'fetch:template', input: {url: ./skeleton, values: {n: '${{ parameters.n }}'}}}\n",
        );
        let is = json!({"scaffolder": true});
        let check = |template: &str, file: &str| told(&is, &[("template.yaml", template), ("skeleton/x.txt", file)]);
        assert_eq!(
            check(&fetch, "${{ values.n | upper }} {{ not | ours }} ${{ values.n | truncate(3) }}"),
            Vec::<String>::new()
        );
        for file in ["{% if %}", "${{ values.n | nope }}", "${{ a b }}", "{% for a in b %}"] {
            let found = check(&fetch, file);
            assert!(found.len() == 1 && found[0].contains("x.txt"), "{file}: {found:?}");
        }
        for steps in [
            "  - {id: a, action: 'fetch:template', input: {url: ./skeleton, values: {n: '${{ a b }}'}}}\n",
            "  - {id: a, if: '${{ parameters.n | nope }}', action: 'debug:log', input: {message: hello}}\n",
            "  - {id: a, action: 'acme:do', input: {}}\n",
            "  - {id: a}\n",
        ] {
            assert_eq!(check(&template(steps), "plain").len(), 1, "{steps}");
        }
        assert_eq!(told(&is, &[("skeleton/x.txt", "plain")]).len(), 1, "there is no template");
    }
}
