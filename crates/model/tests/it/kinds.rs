//! The contract of all kinds.

use crate::examples;
use loggia_model::kinds::{
    ALL, CATALOG, CampaignSpec, CheckSpec, EndingSpec, EnvironmentSpec, InstanceSpec, OfferingSpec, ProductSpec,
    ReleaseSpec,
};
use loggia_model::{Document, Kind, Ref, Scope, canonical, kind};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The paths of the problems of a document.
fn problems_at(document: &Document) -> Vec<String> {
    kind::check(document).into_iter().map(|problem| problem.path).collect()
}

/// The fields of `spec` that a schema asks for.
fn required(kind: &Kind) -> Vec<String> {
    let schema = (kind.schema)();
    schema["required"].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

#[test]
fn each_kind_has_an_example_that_is_right() {
    let documents = examples::all();
    let names: Vec<&str> = documents.iter().map(Document::kind).collect();
    assert_eq!(names, ALL.iter().map(|kind| kind.name).collect::<Vec<_>>());
    for document in &documents {
        assert_eq!(kind::check(document), [], "{}", document.kind());
        let recognised = kind::recognise(document).expect("known");
        assert!(recognised.api_versions.contains(&document.api_version()));
    }
}

#[test]
fn names_are_unique_in_any_case() {
    let mut seen = HashSet::new();
    for kind in ALL {
        for name in [kind.name, kind.plural] {
            assert!(seen.insert(name.to_lowercase()), "{name}");
            assert!(std::ptr::eq(Kind::find(&name.to_uppercase()).expect("found"), *kind));
        }
        assert!(!kind.summary.is_empty() && !kind.icon.is_empty());
    }
    assert!(CATALOG.iter().all(|known| Kind::find(known.name).is_some_and(|kind| kind.catalog)));
}

#[test]
fn each_schema_compiles_and_takes_the_example() {
    for document in examples::all() {
        let schema = (Kind::find(document.kind()).expect("known").schema)();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let spec = document.spec().expect("spec");
        let errors: Vec<String> = validator.iter_errors(spec).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", document.kind());
    }
}

#[test]
fn a_required_field_that_is_missing_is_named() {
    for document in examples::all() {
        for field in required(Kind::find(document.kind()).expect("known")) {
            let mut broken = document.clone();
            broken.0["spec"].as_object_mut().expect("spec").remove(&field);
            let paths = problems_at(&broken);
            assert!(paths.contains(&format!("spec.{field}")), "{} without {field}: {paths:?}", document.kind());
        }
        for (field, path) in
            [("spec", "spec"), ("kind", "kind"), ("apiVersion", "apiVersion"), ("metadata", "metadata")]
        {
            let mut broken = document.clone();
            broken.0.as_object_mut().expect("document").remove(field);
            assert!(problems_at(&broken).contains(&path.to_owned()), "{} without {field}", document.kind());
        }
    }
}

#[test]
fn unknown_fields_are_refused_in_ours_and_taken_in_theirs() {
    for mut document in examples::all() {
        document.0["spec"]["surprise"] = json!(1);
        let ours = document.api_version().starts_with("loggia.dev/");
        let expected: &[&str] = if ours { &["spec.surprise"] } else { &[] };
        assert_eq!(problems_at(&document), expected, "{}", document.kind());
    }
}

/// A newer server beside this one may have stored fields that this one does not know (decision 15).
#[test]
fn a_field_of_a_newer_server_is_read_over() {
    for document in examples::all().into_iter().filter(|document| document.api_version().starts_with("loggia.dev/")) {
        let mut spec = document.spec().expect("spec").clone();
        spec["fieldOfTomorrow"] = json!(true);
        let read = match document.kind() {
            "Check" => serde_json::from_value::<CheckSpec>(spec).err(),
            "Campaign" => serde_json::from_value::<CampaignSpec>(spec).err(),
            "Ending" => serde_json::from_value::<EndingSpec>(spec).err(),
            "Environment" => serde_json::from_value::<EnvironmentSpec>(spec).err(),
            "Instance" => serde_json::from_value::<InstanceSpec>(spec).err(),
            "Offering" => serde_json::from_value::<OfferingSpec>(spec).err(),
            "Product" => serde_json::from_value::<ProductSpec>(spec).err(),
            "Release" => serde_json::from_value::<ReleaseSpec>(spec).err(),
            kind => panic!("{kind} has no reader here"),
        };
        assert!(read.is_none(), "{}: {read:?}", document.kind());
    }
}

#[test]
fn a_field_of_a_wrong_type_is_named() {
    for document in examples::all() {
        for field in required(Kind::find(document.kind()).expect("known")) {
            let mut broken = document.clone();
            broken.0["spec"][&field] = json!(7);
            let paths = problems_at(&broken);
            assert!(paths.contains(&format!("spec.{field}")), "{}.{field}: {paths:?}", document.kind());
        }
    }
}

#[test]
fn the_stored_form_is_stable_and_right() {
    for document in examples::all() {
        let known = Kind::find(document.kind()).expect("known");
        let mut once = document.clone();
        (known.normalise)(&mut once);
        let mut twice = once.clone();
        (known.normalise)(&mut twice);
        assert_eq!(once, twice, "{}", document.kind());
        assert_eq!(kind::check(&once), []);
        assert_eq!((known.relations)(&once), (known.relations)(&document));
        assert!(once.meta("namespace").is_some());
        let text = once.canonical();
        let back: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back, once.0);
        assert_eq!(canonical::to_string(&back), text);
    }
}

#[test]
fn relations_are_complete_sorted_and_each_once() {
    for document in examples::all() {
        let found = (Kind::find(document.kind()).expect("known").relations)(&document);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{}", document.kind());
        for relation in &found {
            let target = &relation.target;
            assert_eq!(target, &Ref::parse(target.as_str(), None, "nowhere").expect("complete"));
            assert!(!target.as_str().contains("nowhere"));
        }
        assert_eq!(found.is_empty(), document.kind() == "Location");
    }
}

#[test]
fn names_without_a_namespace_are_looked_for_where_they_belong() {
    let mut component = examples::of("Component");
    component.0["metadata"]["namespace"] = json!("cargo");
    let relations = (Kind::find("Component").expect("known").relations)(&component);
    assert!(relations.iter().any(|r| r.target.as_str() == "group:cargo/terminal" && r.relation.name() == "ownedBy"));
    assert!(relations.iter().any(|r| r.target.as_str() == "component:default/clock"));
    let texts: Vec<String> = (Kind::find("Instance").expect("known").relations)(&examples::of("Instance"))
        .iter()
        .map(|r| format!("{} {}", r.relation.name(), r.target))
        .collect();
    let expected = [
        "dependencyOf component:default/berth-planner",
        "instanceOf offering:default/postgres",
        "ownedBy group:default/booking",
        "runsIn environment:default/staging",
        "runsRelease release:default/postgres-2.1.0",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn lists_of_names_are_stored_in_order_and_others_are_not() {
    let mut group = examples::of("Group");
    group.0["spec"]["children"] = json!(["b", "a", "B", "a"]);
    group.0["spec"]["words"] = json!(["b", "a"]);
    (Kind::find("Group").expect("known").normalise)(&mut group);
    assert_eq!(group.0["spec"]["children"], json!(["B", "a", "a", "b"]));
    assert_eq!(group.0["spec"]["words"], json!(["b", "a"]));
}

/// Changes an example and gives the rules that it breaks then.
fn rules(kind: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut document = examples::of(kind);
    change(&mut document.0);
    kind::check(&document).into_iter().map(|problem| problem.rule).collect()
}

#[test]
fn the_rules_of_our_kinds_hold() {
    let plans = json!([{"name": "a", "default": true}, {"name": "a", "default": true}]);
    assert_eq!(rules("Offering", |d| d["spec"]["plans"] = plans), ["offering.plan-name", "offering.plan-default"]);
    assert_eq!(rules("Offering", |d| d["spec"]["plans"] = json!([])), ["schema.minItems"]);
    assert_eq!(rules("Offering", |d| d["spec"]["mandatory"]["until"] = json!("2027-02-30")), ["offering.until"]);
    assert_eq!(rules("Offering", |d| d["spec"]["match"] = json!([{}])), ["offering.match"]);
    assert_eq!(rules("Offering", |d| d["metadata"]["namespace"] = json!("x")), ["namespace"]);
    assert_eq!(rules("Release", |d| d["metadata"]["name"] = json!("postgres-2.2.0")), ["release.name"]);
    assert_eq!(rules("Release", |d| d["spec"]["version"] = json!("two")), ["release.name", "release.version"]);
    let source = json!({"type": "object", "properties": {"a": {"x-default-from": "moon"}}});
    assert_eq!(rules("Release", |d| d["spec"]["contract"]["inputs"] = source), ["release.default-from"]);
    let hidden = json!({"type": "object", "properties": {"a": {"type": "object",
        "properties": {"b": {"type": "string", "writeOnly": true}}}}});
    assert_eq!(rules("Release", |d| d["spec"]["contract"]["inputs"] = hidden), ["release.secret"]);
    let stays = |property: Value| json!({"type": "object", "properties": {"a": property}});
    for (property, wanted) in [
        (json!({"x-immutable": true}), &[] as &[&str]),
        (json!({"x-immutable": false}), &[]),
        (json!({"x-immutable": "yes"}), &["release.immutable"]),
        (json!({"items": {"x-immutable": true}}), &["release.immutable"]),
        (json!({"anyOf": [{"type": "string"}, {"x-immutable": true}]}), &["release.immutable"]),
    ] {
        assert_eq!(
            rules("Release", |d| d["spec"]["contract"]["inputs"] = stays(property.clone())),
            wanted,
            "{property}"
        );
    }
    assert_eq!(rules("Release", |d| d["spec"]["contract"]["inputs"]["type"] = json!(5))[0], "release.contract");
    assert_eq!(rules("Ending", |d| d["spec"]["subject"] = json!("component:a")), ["ending.subject"]);
    assert_eq!(rules("Ending", |d| d["spec"]["subject"] = json!("postgres")), ["reference"]);
    assert_eq!(rules("Ending", |d| d["spec"]["replacement"] = json!("bucket")), ["ending.replacement"]);
    assert_eq!(rules("Ending", |d| d["spec"]["dates"]["off"] = json!("2027-10-01")), ["ending.dates"]);
    let late = json!([{"from": "2027-11-01T10:00:00Z", "to": "2027-11-01T12:00:00Z"}]);
    assert_eq!(rules("Ending", |d| d["spec"]["dates"]["brownouts"] = late), ["ending.dates"]);
    assert_eq!(rules("Check", |d| d["spec"]["of"] = json!("Ship")), ["check.of"]);
    assert_eq!(rules("Check", |d| d["spec"]["probe"] = json!({"http": "https://a"})), ["check.how"]);
    assert_eq!(rules("Check", |d| d["spec"]["query"] = json!({})), ["check.query"]);
    assert_eq!(rules("Check", |d| d["spec"]["query"]["version"] = json!("newest")), ["check.version"]);
    assert_eq!(rules("Check", |d| d["spec"]["query"]["not"] = json!({"version": "x!"})), ["check.version"]);
    assert_eq!(rules("Check", |d| d["spec"]["query"]["relation"]["type"] = json!("likes")), ["check.relation"]);
    let both = |d: &mut Value| {
        d["spec"].as_object_mut().expect("a spec").remove("query");
        d["spec"]["probe"] = json!({"http": "https://a", "program": "look"});
    };
    assert_eq!(rules("Check", both), ["check.probe"]);
    assert_eq!(rules("Campaign", |d| d["spec"]["to"] = json!("newest")), ["campaign.to"]);
    assert_eq!(rules("Campaign", |d| d["spec"]["deadline"] = json!("2027-01-10")), ["campaign.deadline"]);
    assert_eq!(rules("Campaign", |d| d["spec"]["waves"][1]["name"] = json!("early")), ["campaign.wave"]);
    assert_eq!(rules("Environment", |d| d["spec"]["promotesTo"] = json!("Staging")), ["environment.promotes-to"]);
    assert_eq!(rules("Instance", |d| d["metadata"]["name"] = json!("orders")), ["instance.name"]);
    assert_eq!(rules("Instance", |d| d["metadata"]["namespace"] = json!("other")), ["instance.namespace"]);
    assert_eq!(rules("Instance", |d| d["spec"]["constraint"] = json!("newest")), ["instance.constraint"]);
    assert_eq!(rules("Product", |d| d["spec"]["administrators"] = json!(["api:x"])), ["product.administrator"]);
    let brand = |url: &str| json!({"accent": "#0b6b66", "links": [{"title": "Help", "url": url}]});
    assert!(rules("Product", |d| d["spec"]["brand"] = brand("https://example.com/")).is_empty());
    assert_eq!(rules("Product", |d| d["spec"]["brand"] = brand("javascript:alert(1)")), ["product.link"]);
    assert_eq!(rules("Component", |d| d["spec"]["dependsOn"] = json!(["x"])), ["reference"]);
    assert_eq!(rules("Component", |d| d["kind"] = json!("component")), ["kind"]);
    assert_eq!(rules("Component", |d| d["apiVersion"] = json!("loggia.dev/v1")), ["apiVersion"]);
    assert_eq!(rules("Component", |d| d["spec"]["a"] = json!({"B": 1, "b": 2})), ["field-case"]);
    assert_eq!(rules("Component", |d| d["status"] = json!({})), ["unknown-field"]);
}

#[test]
fn visibility_closes_rather_than_opens() {
    let scopes = |kind: &str, annotations: Value| {
        let mut document = examples::of(kind);
        document.0["metadata"]["annotations"] = annotations;
        (Kind::find(kind).expect("known").scopes)(&document)
    };
    let team = Scope::Team("group:default/booking".into());
    assert_eq!(scopes("Instance", Value::Null), [Scope::Company]);
    assert_eq!(scopes("Instance", json!({"loggia.dev/visibility": "team"})), [team]);
    assert_eq!(scopes("Location", json!({"loggia.dev/visibility": "team"})), [Scope::Product]);
    assert_eq!(scopes("Instance", json!({"loggia.dev/visibility": "everybody"})), [Scope::Product]);
    let partner = [Scope::Company, Scope::Partner("keelworks".into())];
    assert_eq!(scopes("API", json!({"loggia.dev/partner": "Keelworks"})), partner);
}

#[test]
fn typed_specs_read_and_write_the_stored_form() {
    let mut document = examples::of("Offering");
    (Kind::find("Offering").expect("known").normalise)(&mut document);
    let offering: OfferingSpec = serde_json::from_value(document.0["spec"].clone()).expect("typed");
    assert_eq!(offering.plan(None).map(|plan| plan.name.as_str()), Some("small"));
    assert!(offering.plan(Some("huge")).is_none());
    let engine = json!({"engine": "postgres"});
    let attributes = engine.as_object().expect("object");
    assert!(offering.matches[0].fits("PostgreSQL", "15.4", attributes));
    assert!(!offering.matches[0].fits("PostgreSQL", "16.0", attributes));
    assert!(!offering.matches[0].fits("PostgreSQL", "15.4", &serde_json::Map::new()));
    let instance: InstanceSpec = serde_json::from_value(examples::of("Instance").0["spec"].clone()).expect("typed");
    assert_eq!(serde_json::to_value(&instance).expect("JSON"), examples::of("Instance").0["spec"]);
}

/// What stands below `settings` would never reach the driver: the recipe could not run.
#[test]
fn settings_of_a_recipe_stand_beside_its_driver() {
    let release = |recipe: Value| {
        Document(json!({"apiVersion": "loggia.dev/v1", "kind": "Release",
            "metadata": {"name": "cache-1.0.0"}, "spec": {"offering": "cache", "version": "1.0.0",
            "contract": {"inputs": {"type": "object"}}, "recipe": recipe}}))
    };
    let told = |recipe| -> Vec<String> {
        kind::check(&release(recipe)).into_iter().map(|problem| format!("{} {}", problem.rule, problem.path)).collect()
    };
    let beside = json!({"driver": "command", "program": "hello"});
    let below = json!({"driver": "command", "settings": {"program": "hello"}});
    assert_eq!(told(beside), Vec::<String>::new());
    assert_eq!(told(below), ["release.recipe spec.recipe.settings"]);
}
