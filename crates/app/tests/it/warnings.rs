//! What is allowed and may be a mistake: each field of the catalog that names something.

use crate::harness::file;
use loggia_app::record::check::{Recipes, check};
use loggia_model::Severity;

/// Kind, field and whether it is a list; what each needs beside it.
const FIELDS: [(&str, &str, bool); 22] = [
    ("Component", "owner", false),
    ("Component", "system", false),
    ("Component", "subcomponentOf", false),
    ("Component", "providesApis", true),
    ("Component", "consumesApis", true),
    ("Component", "dependsOn", true),
    ("Component", "dependencyOf", true),
    ("API", "owner", false),
    ("API", "system", false),
    ("Resource", "owner", false),
    ("Resource", "system", false),
    ("Resource", "dependsOn", true),
    ("Resource", "dependencyOf", true),
    ("System", "owner", false),
    ("System", "domain", false),
    ("Domain", "owner", false),
    ("Domain", "subdomainOf", false),
    ("Group", "parent", false),
    ("Group", "children", true),
    ("Group", "members", true),
    ("User", "memberOf", true),
    ("Template", "owner", false),
];

/// A document of a kind with one field that names something.
fn naming(kind: &str, field: &str, list: bool, name: &str) -> String {
    let version = if kind == "Template" { "scaffolder.backstage.io/v1beta3" } else { "backstage.io/v1alpha1" };
    let value = if list { format!("[{name}]") } else { name.to_owned() };
    let mut spec = match kind {
        "Component" => "{type: s, lifecycle: l, owner: own",
        "API" => "{type: s, lifecycle: l, definition: d, owner: own",
        "Resource" | "Template" => "{type: s, steps: [], owner: own",
        "Group" => "{type: team, children: []",
        "User" => "{memberOf: []",
        _ => "{owner: own",
    }
    .to_owned();
    for empty in [", owner: own", "owner: own", ", children: []", "memberOf: []"] {
        let named = empty.trim_start_matches(", ").split(':').next() == Some(field);
        if named {
            spec = spec.replacen(empty, "", 1);
        }
    }
    let comma = if spec.ends_with('{') { "" } else { ", " };
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: one}}\nspec:\n  {spec}{comma}{field}: {value}}}\n")
}

const OWNER: &str =
    "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: own}\nspec: {type: t, children: []}\n";

#[test]
fn every_field_that_names_something_is_looked_after() {
    for (kind, field, list) in FIELDS {
        let name = if matches!(field, "dependsOn" | "dependencyOf") { "component:moon" } else { "moon" };
        let files = [file("own.yaml", OWNER), file("one.yaml", &naming(kind, field, list, name))];
        let report = check(&files, &Recipes::new());
        assert!(report.problems.is_empty(), "{kind} {field}: {:?}", report.problems);
        let [warning] = report.warnings.as_slice() else { panic!("{kind} {field}: {:?}", report.warnings) };
        let path = if list { format!("spec.{field}.0") } else { format!("spec.{field}") };
        assert_eq!((warning.path.as_str(), warning.severity), (path.as_str(), Severity::Warning), "{kind}");
        assert_eq!((warning.file.as_deref(), warning.line), (Some("one.yaml"), Some(5)), "{kind} {field}");
        assert!(warning.message.contains("moon") && !warning.mend.is_empty() && warning.column > Some(1));
        // What it names is there: nothing to say.
        let target = warning.message.split(" names ").nth(1).unwrap().split(',').next().unwrap().to_owned();
        let (there, name) = target.split_once(":default/").unwrap();
        let there =
            ["Component", "API", "System", "Domain", "Group", "User"].into_iter().find(|k| k.to_lowercase() == there);
        let own = naming(there.unwrap(), "nothing", false, "x").replace("name: one", &format!("name: {name}"));
        let more = [files[0].clone(), files[1].clone(), file("two.yaml", &own)];
        assert_eq!(check(&more, &Recipes::new()).warnings, [], "{kind} {field}");
    }
}

#[test]
fn what_is_hidden_among_what_everybody_sees_is_warned_of() {
    let hidden = OWNER.replace("{name: own}", "{name: own, annotations: {loggia.dev/visibility: product}}");
    let report = check(&[file("own.yaml", &hidden)], &Recipes::new());
    let rules: Vec<_> = report.warnings.iter().map(|one| (one.rule.as_str(), one.line)).collect();
    assert_eq!((rules, report.problems.len()), (vec![("namespace.shared", Some(3))], 0), "{:?}", report.warnings);
    let elsewhere = hidden.replace("{name: own,", "{name: own, namespace: harbour,");
    assert_eq!(check(&[file("own.yaml", &elsewhere)], &Recipes::new()).warnings, []);
}
