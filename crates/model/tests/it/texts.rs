//! Markdown with a head, placeholders, patterns of places.

use loggia_model::backstage;
use loggia_model::frontmatter;
use loggia_model::placeholder::{placeholders, replace};
use serde_json::json;

#[test]
fn markdown_is_taken_apart() {
    let text = "---\ntitle: Hello\nkind: Post\n---\n# Body\n---\nmore\n";
    let parsed = frontmatter::parse(text).expect("readable").expect("a head");
    assert_eq!(parsed.head, json!({"title": "Hello", "kind": "Post"}));
    assert_eq!((parsed.body, parsed.body_line), ("# Body\n---\nmore\n", 5));
    assert_eq!(frontmatter::parse("# Only text\n---\n"), Ok(None));
    assert_eq!(frontmatter::parse(""), Ok(None));
    let windows = frontmatter::parse("---\r\na: 1\r\n---\r\nx").expect("readable").expect("a head");
    assert_eq!((windows.head, windows.body), (json!({"a": 1}), "x"));
}

#[test]
fn a_broken_head_has_a_place() {
    let places = [("---\na: 1\n", 1), ("---\na: 1\nb: [\n---\n", 4), ("---\n- a\n---\n", 2), ("---\n---\n", 2)];
    for (text, line) in places {
        let problem = frontmatter::parse(text).expect_err("broken");
        assert!(problem.line.is_some_and(|at| at <= line), "{text:?}: {problem}");
    }
}

#[test]
fn placeholders_are_found_and_replaced() {
    let mut document = json!({
        "spec": {"definition": {"$text": "./a.yaml"}, "list": [{"$json": "b"}, {"$text": 5}, {"$text": "x", "y": 1}, {"$other": "z"}]},
        "metadata": {"annotations": {"a/b": {"$yaml": "c"}}}
    });
    let found = placeholders(&document);
    let texts: Vec<_> = found.iter().map(|p| format!("{} {} {}", p.path, p.key, p.target)).collect();
    assert_eq!(
        texts,
        [
            "metadata.annotations.a/b yaml c",
            "spec.definition text ./a.yaml",
            "spec.list.0 json b",
            // What names nothing cannot be filled, and is told.
            "spec.list.1 text ",
        ]
    );
    for placeholder in &found {
        replace(&mut document, placeholder, json!("done"));
    }
    assert_eq!(document["spec"]["definition"], "done");
    assert_eq!(document["metadata"]["annotations"]["a/b"], "done");
    assert!(placeholders(&document).is_empty());
}

#[test]
fn places_of_documents_are_read_as_backstage_does() {
    assert_eq!(backstage::location("url:https://example.com/a"), Ok("https://example.com/a"));
    for bad in ["", "url:", ":x", "x", "file:/etc/x", "URL:https://example.com", "https://example.com"] {
        assert!(backstage::location(bad).is_err(), "{bad}");
    }
}
