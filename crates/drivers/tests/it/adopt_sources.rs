//! Where what runs is described: which description counts, what tells two of them apart, and what cannot be read.

use crate::adopt::{database, find, helm, read, state, write};
use loggia_app::estate::adopt::{Estate, Kind};
use loggia_drivers::adopt::read_text;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn keys(estate: &Estate) -> Vec<&str> {
    let mut keys: Vec<&str> = estate.things.iter().map(|one| one.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn shown(module: &str, version: &str, id: &str) -> String {
    json!({"format_version": "1.0", "terraform_version": "1.9.8", "values": {"root_module": {"child_modules": [
        {"address": module, "resources": [{"address": format!("{module}.aws_db_instance.this"), "mode": "managed",
            "type": "aws_db_instance", "name": "this", "values": {"engine_version": version, "id": id}}]}]}}})
    .to_string()
}

fn claim(name: &str) -> Value {
    json!({"apiVersion": "acme.org/v1", "kind": "Bucket", "metadata": {"name": name, "namespace": "red"}, "spec": {}})
}

/// A release that runs, and then an upgrade that did not come to its end.
#[test]
fn an_upgrade_that_failed_is_no_version() {
    for (status, version) in
        [("failed", "6.2.0"), ("pending-upgrade", "6.2.0"), ("pending-rollback", "6.2.0"), ("deployed", "7.0.0")]
    {
        let items = [helm("cache", 4, "6.2.0", "deployed"), helm("cache", 5, "7.0.0", status)];
        let estate = read_text(Kind::Kubernetes, Some("c"), list(&items).into_bytes());
        let cache = find(&estate, "c helm booking-production/cache");
        assert_eq!((cache.version.as_str(), cache.attributes["status"].as_str()), (version, status));
        assert_eq!(cache.attributes.contains_key("tried"), status != "deployed");
    }
    for status in ["failed", "pending-install"] {
        let items = [helm("cache", 1, "7.0.0", status)];
        let estate = read_text(Kind::Kubernetes, Some("c"), list(&items).into_bytes());
        let cache = find(&estate, "c helm booking-production/cache");
        assert_eq!((cache.version.as_str(), cache.attributes["tried"].as_str()), ("", "7.0.0"));
        assert!(cache.attributes["versionUnknown"].contains(status), "{:?}", cache.attributes);
    }
}

#[test]
fn two_clusters_stay_two() {
    let folder = tempfile::tempdir().unwrap();
    let namespace = |team: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "booking-production", "labels": {"team": team}}});
    for (file, version, team) in [("production.json", "6.2.0", "red"), ("test.json", "7.0.0", "blue")] {
        let items = [helm("cache", 1, version, "deployed"), claim("a"), namespace(team)];
        write(folder.path(), &format!("two/{file}"), &list(&items));
    }
    let estate = read(Kind::Kubernetes, folder.path());
    assert_eq!(estate.things.len(), 4, "{:#?}", estate.things);
    for (file, version, team) in [("production.json", "6.2.0", "red"), ("test.json", "7.0.0", "blue")] {
        let cache = find(&estate, &format!("two/{file} helm booking-production/cache"));
        assert_eq!((cache.version.as_str(), cache.source.as_str()), (version, format!("two/{file}").as_str()));
        assert_eq!(
            (cache.teams.as_slice(), cache.places.as_slice()),
            ([team.to_owned()].as_slice(), ["booking-production".to_owned()].as_slice())
        );
    }
    assert_eq!(keys(&estate).len(), 4);
}

/// A cluster says by itself which one it is; the same object in two files is one.
#[test]
fn a_cluster_is_known_again_wherever_its_export_lies() {
    let folder = tempfile::tempdir().unwrap();
    let system = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "u-1"}});
    let text = list(&[system, helm("cache", 1, "1.0.0", "deployed"), claim("a")]);
    write(folder.path(), "a/one.json", &text);
    let here = read(Kind::Kubernetes, &folder.path().join("a"));
    let file = read(Kind::Kubernetes, &folder.path().join("a/one.json"));
    let piped = read_text(Kind::Kubernetes, None, text.into_bytes());
    let wanted = ["cluster:u-1 Bucket.acme.org red/a", "cluster:u-1 helm booking-production/cache"];
    for estate in [here, file, piped] {
        assert_eq!(keys(&estate), wanted);
    }
    let mut twice = claim("a");
    twice["metadata"]["uid"] = "u-2".into();
    write(folder.path(), "b/all.json", &list(&[twice.clone()]));
    write(folder.path(), "b/buckets.json", &list(&[twice]));
    assert_eq!(read(Kind::Kubernetes, &folder.path().join("b")).things.len(), 1);
}

/// By file, by folder and piped in under the same name, a thing has one key; without a name, none.
#[test]
fn the_same_source_gives_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, text) in [
        (Kind::Terraform, shown("module.db", "15.4", "db-1")),
        (Kind::Terraform, state(1, &json!([database("module.db", "15.4")]))),
        (Kind::Kubernetes, list(&[claim("a")])),
        (Kind::Kubernetes, claim("a").to_string()),
    ] {
        write(folder.path(), "repo/show.json", &text);
        let by_folder = read(kind, &folder.path().join("repo"));
        let by_file = read(kind, &folder.path().join("repo/show.json"));
        assert_eq!(keys(&by_folder), keys(&by_file), "{text}");
        assert!(!keys(&by_file)[0].is_empty());
        let piped = |name: Option<&str>| read_text(kind, name, text.clone().into_bytes());
        let lineage = text.contains("lineage");
        assert_eq!(keys(&piped(None))[0].is_empty(), !lineage, "{text}");
        assert_eq!(keys(&piped(Some("one"))) == keys(&piped(Some("two"))), lineage, "{text}");
        assert_eq!(keys(&piped(Some("one"))), keys(&piped(Some("one"))));
    }
}

#[test]
fn what_loggia_made_is_left_out_and_counted() {
    let with = |name: &str, labels: Value| {
        let mut object = claim(name);
        object["metadata"]["labels"] = labels;
        object
    };
    let items = [
        claim("theirs"),
        with("a", json!({"loggia.dev/key": "4f1c"})),
        with("b", json!({"app.kubernetes.io/managed-by": "loggia"})),
        with("c", json!({"app.kubernetes.io/managed-by": "Helm"})),
    ];
    let estate = read_text(Kind::Kubernetes, Some("c"), list(&items).into_bytes());
    let names: Vec<&str> = estate.things.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["c", "theirs"]);
    assert!(estate.notes.len() == 1 && estate.notes[0].starts_with("2 objects"), "{:?}", estate.notes);
}

#[test]
fn what_was_written_long_ago_was_seen_long_ago() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "s/old.tfstate", &state(1, &json!([database("module.db", "15.4")])));
    write(folder.path(), "k/old.json", &list(&[claim("a"), helm("cache", 1, "1.0.0", "deployed")]));
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    for (kind, path) in [(Kind::Terraform, "s/old.tfstate"), (Kind::Kubernetes, "k/old.json")] {
        let file = std::fs::File::options().write(true).open(folder.path().join(path)).unwrap();
        file.set_modified(then).unwrap();
        let estate = read(kind, folder.path());
        let things: Vec<_> = estate.things.iter().filter(|one| path.contains(&one.source)).collect();
        assert!(!things.is_empty());
        assert!(things.iter().all(|one| one.time.unwrap().0 == 1_735_689_600_000_000), "{things:?}");
    }
}

#[test]
fn a_state_and_what_was_shown_of_it_count_once() {
    let resources = json!([database("module.db", "15.4")]);
    for (other, once) in [
        (shown("module.db", "15.4", "db-1"), true),
        (shown("module.db", "15.4", ""), true),
        (shown("module.db", "15.4", "db-2"), false),
        (shown("module.more", "15.4", "db-1"), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a/terraform.tfstate", &state(1, &resources));
        write(folder.path(), "a/show.json", &other);
        write(folder.path(), "b/show.json", &other);
        let estate = read(Kind::Terraform, folder.path());
        assert_eq!(estate.things.len(), if once { 2 } else { 3 }, "{other}");
        find(&estate, "a/terraform.tfstate module.db");
        assert_eq!(estate.notes.len(), usize::from(once), "{:?}", estate.notes);
    }
}

/// A module from elsewhere has versions of its own; what has none is known by what it makes. Both are told.
#[test]
fn one_name_has_one_scale_of_versions() {
    for (call, version, module) in [
        ("source = \"acme/db/aws\"\n  version = \"5.0.1\"", "5.0.1", Some("5.0.1")),
        ("source = \"acme/db/aws\"\n  version = \"~> 5\"", "", None),
        ("source = \"./mods/db\"", "15.4", None),
        ("source = \"../../mods/db\"", "15.4", None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "main.tf", &format!("module \"db\" {{\n  {call}\n}}\n"));
        write(folder.path(), "terraform.tfstate", &state(1, &json!([database("module.db", "15.4")])));
        let estate = read(Kind::Terraform, folder.path());
        let db = find(&estate, "terraform.tfstate module.db");
        assert_eq!(db.version, version, "{call}");
        assert_eq!(
            (db.attributes.get("moduleVersion").map(String::as_str), db.attributes["engineVersion"].as_str()),
            (module, "15.4")
        );
    }
}

#[test]
fn calls_within_calls_are_told_with_what_they_are_part_of() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        ".terraform/modules/modules.json",
        r#"{"Modules": [
        {"Key": "wrapped", "Source": "./mods/wrap", "Dir": "mods/wrap"},
        {"Key": "wrapped.db", "Source": "../db", "Dir": "mods/db"}]}"#,
    );
    let all =
        json!([database("module.wrapped[0].module.db", "13.1"), database("module.wrapped[0].module.other", "12")]);
    write(folder.path(), "terraform.tfstate", &state(1, &all));
    let estate = read(Kind::Terraform, folder.path());
    assert_eq!(estate.things.len(), 2, "what has no source is part of the rest: {:#?}", estate.things);
    let whole = find(&estate, "terraform.tfstate module.wrapped[0]");
    let inner = find(&estate, "terraform.tfstate module.wrapped[0].module.db");
    assert_eq!((whole.what.as_str(), whole.within.as_deref()), ("mods/wrap", None));
    assert_eq!((inner.what.as_str(), inner.version.as_str()), ("mods/db", "13.1"));
    assert_eq!(inner.within.as_deref(), Some("terraform.tfstate module.wrapped[0]"));
    assert_eq!(inner.name, "wrapped[0].db");
}

/// Every form of text, each cut off at every tenth place.
#[test]
fn every_form_is_read_and_what_is_cut_off_is_told() {
    let one = list(&[claim("a")]);
    let stream = format!("{}\n{}\n", list(&[claim("a")]), list(&[claim("b")]));
    let typed = json!({"apiVersion": "acme.org/v1", "kind": "BucketList", "items": [
        {"metadata": {"name": "a", "namespace": "red"}, "spec": {}}]});
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(one.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let marked = [&[0xef, 0xbb, 0xbf], one.as_bytes()].concat();
    for (bytes, count) in [
        (one.clone().into_bytes(), 1),
        (stream.into_bytes(), 2),
        (typed.to_string().into_bytes(), 1),
        (wide, 1),
        (marked, 1),
    ] {
        let estate = read_text(Kind::Kubernetes, Some("c"), bytes);
        assert_eq!((estate.things.len(), estate.problems.len()), (count, 0), "{estate:?}");
        assert_eq!(estate.things[0].what, "Bucket.acme.org");
    }
    for (kind, text) in [(Kind::Kubernetes, one), (Kind::Terraform, shown("module.db", "15.4", ""))] {
        for end in (1..text.len()).step_by(10) {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "cut.json", &text[..end]);
            assert_eq!(read_text(kind, None, text.as_bytes()[..end].to_vec()).problems.len(), 1, "{}", &text[..end]);
            let told = read(kind, folder.path()).problems.len();
            assert!(told == 1 || (kind == Kind::Terraform && end < 60), "{}", &text[..end]);
        }
    }
}
