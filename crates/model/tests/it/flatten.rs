//! Flattened fields.

use loggia_model::flatten::{Leaf, clash, flatten, flatten_under};
use serde_json::{Value, json};

/// The pairs of a document as `key=original/folded`, without a value where it only exists.
fn pairs(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    flatten(document, &mut |key, leaf| found.push(shown(key, leaf)));
    found
}

/// One pair as a text.
fn shown(key: &str, leaf: Leaf<'_>) -> String {
    match leaf {
        Leaf::Exists => key.to_owned(),
        Leaf::Text { original, folded } if original == folded => format!("{key}={original}"),
        Leaf::Text { original, folded } => format!("{key}={original}/{folded}"),
    }
}

#[test]
fn leaves_lists_and_special_fields() {
    let document = json!({
        "kind": "Component",
        "metadata": {"name": "Web", "uid": "u", "etag": "e", "tags": ["Java", "java", "go"], "labels": {}},
        "spec": {"owner": null, "Ports": [{"name": "a"}, {"name": "b"}], "n": [1, [2.5, 1e21]], "none": [], "on": true},
        "relations": [{"type": "x"}], "status": {"a": 1}, "attachments": {"a": 1}
    });
    let expected = [
        "kind=Component/component",
        "metadata.name=Web/web",
        "metadata.tags=Java/java",
        "metadata.tags.java=true",
        "metadata.tags=java",
        "metadata.tags=go",
        "metadata.tags.go=true",
        "spec.ports.name=a",
        "spec.ports.name=b",
        "spec.n=1",
        "spec.n=2.5",
        "spec.n=1e+21",
        "spec.on=true",
        "spec.owner",
        "metadata.namespace=default",
    ];
    let mut found = pairs(&document);
    found.sort();
    let mut expected: Vec<String> = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let mut status = Vec::new();
    flatten_under("status", &json!({"Phase": "Ready"}), &mut |key, leaf| status.push(shown(key, leaf)));
    assert_eq!(status, ["status.phase=Ready/ready"]);
}

#[test]
fn long_keys_go_and_long_values_only_exist() {
    let key = "k".repeat(195);
    let document =
        json!({"metadata": {"namespace": "x"}, "spec": {key: 1, "v": "x".repeat(201), "w": "é".repeat(200)}});
    let e = "é".repeat(200);
    assert_eq!(
        pairs(&document),
        [
            "metadata.namespace=x".to_owned(),
            format!("spec.{}=1", "k".repeat(195)),
            "spec.v".into(),
            format!("spec.w={e}")
        ]
    );
    let longer = json!({"metadata": {"namespace": "x"}, "spec": {"k".repeat(196): 1, "l": ["y".repeat(195)]}});
    assert_eq!(pairs(&longer), ["metadata.namespace=x".to_owned(), format!("spec.l={}", "y".repeat(195))]);
}

#[test]
fn numbers_and_letters_are_those_of_javascript() {
    let document =
        json!({"metadata": {"namespace": "x"}, "a": [1.0, -0.0, 0.1, 1e-7, 123456789012345680000.0], "b": "ΟΔΟΣ"});
    let expected = ["a=1", "a=0", "a=0.1", "a=1e-7", "a=123456789012345680000", "b=ΟΔΟΣ/οδος", "metadata.namespace=x"];
    assert_eq!(pairs(&document), expected);
}

#[test]
fn keys_that_differ_by_case_only_clash() {
    assert_eq!(clash(&json!({"spec": {"a": {"B": 1, "b": 2}}})), Some("spec.a.b".into()));
    assert_eq!(clash(&json!({"spec": {"a": [{"B": 1}, {"c": 2}], "dependsOn": []}})), None);
}
