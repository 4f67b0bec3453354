//! Laws that hold for everything.

use crate::examples;
use loggia_model::version::{Version, compare};
use loggia_model::{Document, Ref, backstage, canonical, flatten, kind, yaml};
use proptest::prelude::*;
use serde_json::Value;

/// Any JSON value, not too large.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[a-z:/$.-]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z$./]{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn names_read_back(kind in "[a-zA-Z]{1,8}", namespace in "[a-zA-Z0-9-]{1,8}", name in "[a-zA-Z0-9_.-]{1,12}") {
        let made = Ref::new(&kind, &namespace, &name);
        prop_assert_eq!(&made.as_str().parse::<Ref>().expect("complete"), &made);
        let parts = (made.kind().to_owned(), made.namespace().to_owned(), made.name().to_owned());
        prop_assert_eq!(parts, (kind.to_lowercase(), namespace.to_lowercase(), name.to_lowercase()));
        prop_assert_eq!(Ref::parse(&made.short("group"), Some("group"), "default").expect("short"), made);
    }

    #[test]
    fn any_text_is_a_name_or_is_not(text in "\\PC{0,20}") {
        if let Ok(name) = Ref::parse(&text, Some("Component"), "default") {
            prop_assert!(!name.name().is_empty() && !name.kind().is_empty() && !name.namespace().is_empty());
        }
    }

    #[test]
    fn canonical_text_reads_back_and_ends(value in json()) {
        let text = canonical::to_string(&value);
        let back: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(canonical::to_string(&back), text);
    }

    #[test]
    fn any_document_gets_an_answer(value in json(), place in prop::sample::select(vec!["metadata", "spec", "kind", "metadata.tags", "metadata.annotations", "spec.owner", "spec.plans", "spec.steps"]), at in 0_usize..15) {
        let mut document = examples::all().remove(at);
        let pointer = format!("/{}", place.replace('.', "/"));
        if let Some(slot) = document.0.pointer_mut(&pointer) {
            *slot = value.clone();
        }
        for document in [document, Document(value)] {
            let problems = kind::check(&document);
            prop_assert!(problems.iter().all(|p| !p.message.is_empty() && !p.mend.is_empty()));
            let _ = backstage::validate(&document.0);
            if let Ok(known) = kind::recognise(&document) {
                let mut stored = document.clone();
                (known.normalise)(&mut stored);
                let once = stored.clone();
                (known.normalise)(&mut stored);
                prop_assert_eq!(once, stored);
                let _ = ((known.relations)(&document), (known.scopes)(&document));
            }
            flatten::flatten(&document.0, &mut |key, _| assert!(key.encode_utf16().count() <= flatten::MAX_LENGTH));
        }
    }

    #[test]
    fn json_is_yaml(value in json()) {
        // Infinities do not occur; control characters are escaped by JSON.
        let text = canonical::to_string(&value);
        let parsed = yaml::parse(&text);
        let back = parsed.first().map_or(&Value::Null, |p| p.document.as_ref().expect("readable"));
        let whole = |v: &Value| { let mut pairs = Vec::new(); flatten::flatten_under("v", v, &mut |k, l| pairs.push(format!("{k} {l:?}"))); pairs };
        prop_assert_eq!(whole(back), whole(&value));
    }

    #[test]
    fn any_text_is_yaml_or_is_not(text in "[-a-c:{}\\[\\]&*!|>'\"#%@, \n\t.?0-9~<é]{0,60}") {
        for parsed in yaml::parse(&text) {
            prop_assert!(parsed.line >= 1);
            if let Err(problem) = &parsed.document {
                prop_assert!(problem.line.is_some() && !problem.message.is_empty() && !problem.mend.is_empty());
            }
            let _ = yaml::locate(&text, parsed.index, "a.0.b");
        }
    }

    #[test]
    fn chunks_cover_the_text_in_order(text in "[-a:% \n.]{0,80}") {
        let chunks = yaml::split(&text);
        let mut from = 0;
        for (at, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(chunk.index, at);
            let found = text[from..].find(chunk.text).expect("in order") + from;
            from = found + chunk.text.len();
        }
    }

    #[test]
    fn versions_have_one_order(a in "v?[0-9]{1,2}(\\.[0-9x]{1,2}){0,2}(-?[a-c]{0,2}[0-9]?)?", b in "[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-(rc|b)[0-9]?)?", c in "[0-9a.]{0,5}") {
        let order = |x: &str, y: &str| compare(x, y);
        prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
        prop_assert_eq!(order(&a, &a), std::cmp::Ordering::Equal);
        if order(&a, &b).is_le() && order(&b, &c).is_le() {
            prop_assert!(order(&a, &c).is_le());
        }
        if let (Some(x), Some(y)) = (Version::parse(&a), Version::parse(&b)) {
            prop_assert_eq!(x == y, x.cmp(&y).is_eq());
        }
    }
}
