//! Whether everything that fits one schema (the inner one) is taken by another (the outer one).

use super::Side;
use super::objects::{filled, objects};
use super::schema::{ANYTHING, Node};
use super::values::{self, Group};
use serde_json::Value;
use std::collections::HashSet;

/// Why something that fits the inner schema may not be taken by the outer one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// The outer one does not know the field.
    Missing,
    /// The outer one demands the field.
    Required,
    /// The default is another one. Nothing is refused for it.
    Default,
    /// It is a secret in one of the two only.
    Secret,
    /// The default of the outer one does not fit it.
    Unfit,
    /// The outer one does not take fields without a name of their own.
    Closed,
    /// These values are not taken.
    Values(String),
    /// The keyword limits more than before.
    Limit(&'static str),
    /// The keyword cannot be compared.
    Opaque(String),
}

impl What {
    /// Its word.
    pub(super) fn word(&self) -> String {
        match self {
            What::Missing => "field".to_owned(),
            What::Required => "required".to_owned(),
            What::Default => "default".to_owned(),
            What::Secret => "writeOnly".to_owned(),
            What::Unfit => "default-unfit".to_owned(),
            What::Closed => "additionalProperties".to_owned(),
            What::Values(_) => "enum".to_owned(),
            What::Limit(keyword) => (*keyword).to_owned(),
            What::Opaque(keyword) => keyword.clone(),
        }
    }
}

/// One reason, at one field.
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) what: What,
    /// What the inner schema says, in words.
    pub(super) inner: String,
    /// What the outer schema says, in words.
    pub(super) outer: String,
}

/// The reasons why not everything that fits `inner` is taken by `outer`; none when it is.
pub(super) fn contained(inner: &Value, outer: &Value, side: Side) -> Vec<Finding> {
    let mut walk = Walk { side, seen: HashSet::new(), found: Vec::new() };
    walk.compare("", Node::root(inner), Node::root(outer));
    walk.found
}

/// A comparison under way.
pub(super) struct Walk {
    pub(super) side: Side,
    /// Pairs of schemas that are being compared or were: a schema may contain itself.
    seen: HashSet<(usize, usize)>,
    found: Vec<Finding>,
}

/// Keywords whose meaning hangs on others or on several schemas: the same, or not comparable.
const OPAQUE: &[&str] = &[
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "propertyNames",
];

impl Walk {
    /// Notes a reason.
    pub(super) fn tell(&mut self, path: &str, what: What, inner: impl Into<String>, outer: impl Into<String>) {
        self.found.push(Finding { path: path.to_owned(), what, inner: inner.into(), outer: outer.into() });
    }

    /// Compares two schemas of one place.
    pub(super) fn compare(&mut self, path: &str, inner: Node<'_>, outer: Node<'_>) {
        self.notes(path, inner, outer);
        filled(self, path, inner, outer);
        let (inner, outer) = (inner.resolved(), outer.resolved());
        let pair = (std::ptr::from_ref(inner.value) as usize, std::ptr::from_ref(outer.value) as usize);
        if inner.value == &Value::Bool(false) || !self.seen.insert(pair) || inner.same(outer) {
            return;
        }
        if outer.value == &Value::Bool(false) {
            self.tell(path, What::Limit("type"), values::types(inner).words(), "nothing");
            return;
        }
        if let Some(all) = values::finite(inner) {
            let (taken, refused): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|v| values::takes(outer, v));
            if !refused.is_empty() {
                self.tell(path, What::Values(values::list(&refused)), values::list(&taken), String::new());
            }
            return;
        }
        let (one, other) = (values::types(inner), values::types(outer));
        if !one.within(&other) {
            self.tell(path, What::Limit("type"), one.words(), other.words());
            return;
        }
        self.keywords(path, inner, outer);
    }

    /// What is not about values: defaults and secrets.
    fn notes(&mut self, path: &str, inner: Node<'_>, outer: Node<'_>) {
        let (Some(one), Some(other)) = (inner.fields(), outer.fields()) else { return };
        let said = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
        if one.get("default") != other.get("default") {
            self.tell(path, What::Default, said(one.get("default")), said(other.get("default")));
        }
        let secret = |fields: &serde_json::Map<String, Value>| fields.get("writeOnly") == Some(&Value::Bool(true));
        if secret(one) != secret(other) {
            self.tell(path, What::Secret, String::new(), String::new());
        }
    }

    fn keywords(&mut self, path: &str, inner: Node<'_>, outer: Node<'_>) {
        let types = values::types(inner);
        if let Some(list) = outer.get("enum").or_else(|| outer.get("const"))
            && inner.get("enum").or_else(|| inner.get("const")) != Some(list)
        {
            self.tell(path, What::Limit("enum"), types.words(), list.to_string());
        }
        for (keyword, one, other) in values::limits(inner, outer, &types) {
            self.tell(path, What::Limit(keyword), one, other);
        }
        if types.has(Group::Array) {
            self.elements(path, inner, outer);
        }
        if types.has(Group::Object) {
            objects(self, path, inner, outer);
        }
        self.opaque(path, inner, outer);
    }

    /// The elements of lists: the first ones by place, then the others.
    fn elements(&mut self, path: &str, inner: Node<'_>, outer: Node<'_>) {
        let first = |node: Node<'_>| node.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
        for at in 0..first(inner).max(first(outer)) {
            self.compare(&join(path, &at.to_string()), element(inner, at), element(outer, at));
        }
        self.compare(&join(path, "*"), element(inner, usize::MAX), element(outer, usize::MAX));
        let found = |node: Node<'_>| ["contains", "minContains", "maxContains"].map(|key| node.get(key).cloned());
        let same = ["contains", "minContains", "maxContains"].iter().all(|key| same(inner, outer, key));
        if found(outer)[0].is_some() && !same {
            self.tell(path, What::Opaque("contains".into()), String::new(), String::new());
        }
    }

    fn opaque(&mut self, path: &str, inner: Node<'_>, outer: Node<'_>) {
        for keyword in OPAQUE.iter().filter(|keyword| outer.get(keyword).is_some()) {
            if !same(inner, outer, keyword) {
                self.tell(path, What::Opaque((*keyword).to_owned()), String::new(), String::new());
            }
        }
        // These look at everything else that the schema says, and it says something else here.
        for keyword in ["unevaluatedProperties", "unevaluatedItems"] {
            if outer.get(keyword).is_some_and(|value| value != &ANYTHING) {
                self.tell(path, What::Opaque(keyword.to_owned()), String::new(), String::new());
            }
        }
    }
}

/// Whether a keyword says the same in both, with all that it refers to.
pub(super) fn same(inner: Node<'_>, outer: Node<'_>, keyword: &str) -> bool {
    match (inner.get(keyword), outer.get(keyword)) {
        (Some(one), Some(other)) => inner.at(one).same(outer.at(other)) && follows(inner, outer, keyword, one),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a reference, which is a text here and no schema, leads to the same.
fn follows(inner: Node<'_>, outer: Node<'_>, keyword: &str, text: &Value) -> bool {
    if !keyword.ends_with("Ref") && keyword != "$ref" {
        return true;
    }
    let alone = serde_json::json!({ keyword: text });
    Node { root: inner.root, value: &alone }.same(Node { root: outer.root, value: &alone })
}

/// The schema of the element of a list at a place.
fn element(node: Node<'_>, at: usize) -> Node<'_> {
    let first = node.get("prefixItems").and_then(Value::as_array);
    node.at(first.and_then(|list| list.get(at)).or_else(|| node.get("items")).unwrap_or(&ANYTHING))
}

/// The path of a field of a field.
pub(super) fn join(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
}
