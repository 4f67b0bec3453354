//! Whose something is, where it runs and what it is called: one rule for every way in.

use loggia_model::naming::{
    self, ENVIRONMENT, NAME, TEAM, earlier_namespace, environment, name, namespace, team, words,
};
use loggia_model::{Document, Ref, field, kind};
use proptest::prelude::*;
use serde_json::json;

fn problems(value: serde_json::Value) -> Vec<String> {
    kind::check(&Document(value)).into_iter().map(|problem| problem.rule).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Every group has a namespace for what it runs, and no two share one.
    #[test]
    fn every_team_has_a_namespace_of_its_own(
        space in prop_oneof![Just("default".to_owned()), "[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,5}"],
        one in "[a-z0-9]([-_.]{0,3}[a-z0-9]){0,20}",
        other in "[a-z0-9]([-_.]{0,3}[a-z0-9]){0,20}",
    ) {
        let (one, other) = (Ref::new("group", &space, &one), Ref::new("group", "default", &other));
        prop_assume!(field::is_name(one.name()) && field::is_name(other.name()) && field::is_namespace(one.namespace()));
        let all = [namespace(&one), namespace(&other)];
        prop_assert!(all.iter().all(|text| field::is_namespace(text)), "{one} {other} {all:?}");
        prop_assert_eq!(one == other, all[0] == all[1], "{} {}", one, other);
        prop_assert_eq!(team(&one.short("group")), Ok(one.clone()));
        if one.namespace() == "default" && field::is_namespace(one.name()) {
            prop_assert!(all[0] == one.name() && earlier_namespace(&one) == one.name());
        }
    }
}

#[test]
fn words_and_patterns_agree_and_say_what_kinds_take() {
    let parts =
        ["a", "Z9", "-", "_", ".", "/", ":", "group:", "environment:", "default/", "", " ", "é", &"x".repeat(40)];
    for first in parts {
        for second in parts {
            for third in parts {
                let text = format!("{first}{second}{third}");
                for (pattern, wrong) in [
                    (TEAM, team(&text).is_err()),
                    (ENVIRONMENT, environment(&text).is_err()),
                    (NAME, name(&text, "x").is_err()),
                ] {
                    let said = words(pattern, &text);
                    assert_eq!(said.is_some(), wrong);
                    let fits = regex::Regex::new(pattern).unwrap().is_match(&text);
                    assert_eq!(fits, !wrong, "{text:?} {pattern} {said:?}");
                    assert!(said.is_none_or(|said| !said.message.contains('^') && !said.mend.is_empty()));
                }
            }
        }
    }
}

/// What the kinds Group, Environment and Instance take, every way in takes, and nothing else.
#[test]
fn names_are_what_the_kinds_take() {
    let long = "e".repeat(40);
    let names = ["a", "data_platform", "acme.search", "a--b", "-a", "a-", "a b", &"x".repeat(63), &"x".repeat(64)];
    for text in names {
        let group = json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": text},
            "spec": {"type": "team", "children": []}});
        assert_eq!(team(text).is_ok(), problems(group).is_empty(), "{text}");
        let place = json!({"apiVersion": "loggia.dev/v1", "kind": "Environment", "metadata": {"name": text},
            "spec": {"product": "p", "type": "test", "owner": "t", "backends": {}}});
        assert_eq!(environment(text).is_ok(), problems(place).is_empty(), "{text}");
        for place in ["dev", long.as_str()] {
            for whose in ["booking", "data_platform", "acme.search", "eu/team-a"] {
                let space = namespace(&team(whose).unwrap());
                let instance = json!({"apiVersion": "loggia.dev/v1", "kind": "Instance",
                    "metadata": {"name": format!("{text}.{place}"), "namespace": space},
                    "spec": {"offering": "o", "team": whose, "environment": place}});
                // What is a name only together with what follows it is refused at every way in alike.
                let fits = field::is_name(text) && problems(instance).is_empty();
                assert_eq!(name(text, place).is_ok(), fits, "{text} {place} {whose}");
            }
        }
    }
    let said = name(&"n".repeat(30), &long).unwrap_err();
    assert!(
        said.message.contains("70 characters together, and may have 62") && said.mend.contains("at most 22"),
        "{said:?}"
    );
}

#[test]
fn what_is_shared_has_a_plain_name_however_it_is_written() {
    for text in [
        "postgres",
        "default/postgres",
        "offering:postgres",
        "offering/postgres",
        "Offering:Default/postgres",
        "offering/default/postgres",
    ] {
        assert_eq!(naming::shared("offering", text), "postgres", "{text}");
    }
    for text in ["release:postgres", "eu/postgres", "a/b/c"] {
        assert_eq!(naming::shared("offering", text), text);
    }
}
