//! YAML in files of many documents.

use loggia_model::yaml::{Limits, Parsed, locate, parse, parse_within, split};
use serde_json::{Value, json};
use std::fmt::Write;

/// The one document of a text.
fn one(text: &str) -> Value {
    let mut all = parse(text);
    assert_eq!(all.len(), 1, "{text:?}");
    all.remove(0).document.expect("readable")
}

/// The rule that the one document of a text breaks, with its place.
fn broken(text: &str) -> (String, u32, u32) {
    let all = parse(text);
    let problem = all.iter().find_map(|parsed| parsed.document.as_ref().err()).expect("broken");
    (problem.rule.clone(), problem.line.expect("line"), problem.column.expect("column"))
}

#[test]
fn scalars_mean_what_they_mean_to_backstage() {
    let text = "[~, null, true, False, yes, no, on, 0o17, 0x1F, 012, +5, -0, 1.0, 1.10, .5, 1e3, .inf, 2026-01-31, 1_000, 1:30, '5', \"6\", !!str 7, !other 8, 12345678901234567890123, '', 0b1, 1é]";
    let expected = json!([
        null,
        null,
        true,
        false,
        "yes",
        "no",
        "on",
        15,
        31,
        12,
        5,
        0,
        1,
        1.1,
        0.5,
        1000,
        null,
        "2026-01-31",
        "1_000",
        "1:30",
        "5",
        "6",
        "7",
        "8",
        1.234_567_890_123_456_8e22,
        "",
        "0b1",
        "1é"
    ]);
    assert_eq!(one(text), expected);
    assert_eq!(one("{1: a, true: b, null: c, 0x10: d}"), json!({"1": "a", "true": "b", "": "c", "16": "d"}));
}

#[test]
fn documents_are_cut_where_yaml_cuts_them() {
    let text = "# head\n---\na: 1\n---\n# nothing\n---\nb: |\n  ---\n  x\n...\n%YAML 1.2\n---\nc: 3\n---\n---\n~\n--- {d: 4}\n";
    let all = parse(text);
    let seen: Vec<_> = all.iter().map(|p: &Parsed| (p.index, p.line, p.document.clone().expect("readable"))).collect();
    let expected = vec![
        (0, 1, json!({"a": 1})),
        (1, 6, json!({"b": "---\nx\n"})),
        (2, 11, json!({"c": 3})),
        (4, 17, json!({"d": 4})),
    ];
    assert_eq!(seen, expected);
    assert_eq!(split("").len() + split("---\n").len() + split("# a\n---\n\n...\n").len(), 0);
    assert_eq!(one("\u{feff}a: 1"), json!({"a": 1}));
}

#[test]
fn a_broken_document_costs_itself_only() {
    let all = parse("a: 1\n---\nb: [1\n---\nc: 3\n");
    assert_eq!(all.len(), 3);
    assert!(all[0].document.is_ok() && all[1].document.is_err() && all[2].document.is_ok());
    assert_eq!(all[2].line, 4);
    assert_eq!(broken("a: 1\nb: 2\na: 3\n"), ("yaml.duplicate-key".into(), 3, 1));
    assert_eq!(broken("x: 1\n---\n? [a]\n: 1\n").0, "yaml.key");
    assert_eq!(broken("a: *nobody\n").0, "yaml.syntax");
    assert_eq!(broken("a: &x [*x]\n").0, "yaml.alias");
    assert_eq!(broken("a: 'open\n").0, "yaml.syntax");
}

#[test]
fn merge_keys_give_way_to_what_is_written() {
    let text = "base: &b {x: 1, y: 2}\nother: &o {y: 5, z: 6}\none: {<<: *b, x: 9}\nmany: {<<: [*b, *o]}\nplain: {'<<': *b}\nodd: {<<: 3}\n";
    let document = one(text);
    assert_eq!(document["one"], json!({"x": 9, "y": 2}));
    assert_eq!(document["many"], json!({"x": 1, "y": 2, "z": 6}));
    assert_eq!(document["plain"], json!({"<<": {"x": 1, "y": 2}}));
    assert_eq!(document["odd"], json!({"<<": 3}));
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(&nested(64))[0].document.is_ok());
    assert_eq!(broken(&nested(65)).0, "yaml.depth");
    // The parser has a limit of its own, far above ours, for brackets that it reads ahead.
    assert!(broken(&nested(100_000)).0.starts_with("yaml."));
    let mut laughs = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for (from, to) in ('a'..'i').zip('b'..='i') {
        let list = vec![format!("*{from}"); 10].join(", ");
        writeln!(laughs, "{to}: &{to} [{list}]").expect("writes");
    }
    assert_eq!(broken(&laughs).0, "yaml.aliases");
    let many = format!("a: &a 1\nb: [{}]\n", vec!["*a"; 1001].join(", "));
    assert_eq!(broken(&many).0, "yaml.aliases");
    let small = Limits { bytes: 3, ..Limits::default() };
    let refused = parse_within("a: 1", &small);
    assert_eq!(refused[0].document.as_ref().expect_err("too large").rule, "yaml.too-large");
}

#[test]
fn paths_have_places() {
    let text = "a: 1\n---\nmetadata:\n  annotations:\n    x.y/z: 1\n    x: {y/z: 2}\nspec:\n  plans:\n    - name: a\n    - name: b\n  \"odd key\": {f: [1, 2]}\n";
    let at = |path| locate(text, 1, path);
    assert_eq!(at("metadata.annotations.x.y/z"), Some((5, 5)));
    assert_eq!(at("spec.plans.1.name"), Some((10, 7)));
    assert_eq!(at("spec.plans.1"), Some((10, 7)));
    assert_eq!(at("spec.odd key.f.1"), Some((11, 22)));
    assert_eq!(at("spec.owner"), Some((7, 1)));
    assert_eq!(at("spec.plans.5.name"), Some((8, 3)));
    assert_eq!(at(""), Some((3, 1)));
    assert_eq!(locate(text, 2, "spec"), None);
}
