//! Reading what runs from states and from objects of a cluster.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use loggia_app::estate::adopt::{Estate, EstateSource, Found, Kind, Place, Sort};
use loggia_app::instance::driver::Secret;
use loggia_drivers::adopt::{EstateReader, read_text};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// What must never be taken out of a source.
const CANARY: &str = "canary-5f1c9a";

pub(crate) fn read(kind: Kind, path: &Path) -> Estate {
    let place = Place { kind, location: path.display().to_string() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(EstateReader::default().read(&place)).unwrap()
}

pub(crate) fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(crate) fn find<'a>(estate: &'a Estate, address: &str) -> &'a Found {
    let found = estate.things.iter().find(|one| one.address == address);
    found.unwrap_or_else(|| panic!("no {address} in {:#?}", estate.things))
}

fn is_clean(estate: &Estate) {
    let text = format!("{estate:?}");
    assert!(!text.contains(CANARY), "a secret was taken: {text}");
}

/// A state as Terraform keeps it.
pub(crate) fn state(serial: u64, resources: &Value) -> String {
    json!({"version": 4, "terraform_version": "1.9.8", "serial": serial, "lineage": format!("l{resources}"),
        "outputs": {"password": {"value": CANARY, "type": "string", "sensitive": true}},
        "resources": resources, "check_results": null})
    .to_string()
}

pub(crate) fn database(module: &str, version: &str) -> Value {
    json!({"module": module, "mode": "managed", "type": "aws_db_instance", "name": "this",
        "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]", "instances": [{"schema_version": 2,
        "attributes": {"id": "db-1", "engine_version": version, "password": CANARY, "username": CANARY,
            "tags": {"Team": "booking", "note": CANARY, "env": "production"}},
        "sensitive_attributes": [[{"type": "get_attr", "value": "password"}]]}]})
}

#[test]
fn states_give_modules_with_versions_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let password = json!({"module": "module.orders", "mode": "managed", "type": "random_password", "name": "p",
        "instances": [{"attributes": {"result": CANARY, "version": "1"}}]});
    let keyed = json!({"module": "module.many[\"a.b\"].module.inner", "mode": "managed", "type": "aws_s3_bucket",
        "name": "b", "instances": [{"index_key": 0, "attributes": {"bucket": CANARY, "version": CANARY}}]});
    let data = json!({"mode": "data", "type": "aws_region", "name": "now", "instances": [{"attributes": {}}]});
    let loose = json!({"mode": "managed", "type": "aws_sns_topic", "name": "t",
        "instances": [{"index_key": "k", "attributes": {"arn": CANARY}}]});
    let all = json!([database("module.orders", "15.4"), password, keyed, data, loose]);
    write(folder.path(), "booking/production/terraform.tfstate", &state(3, &all));
    write(folder.path(), "booking/production/terraform.tfstate.backup", &state(2, &all));
    write(folder.path(), "booking/copy.tfstate", &state(2, &all));
    write(
        folder.path(),
        "booking/production/main.tf",
        "module \"orders\" {\n  source = \"git::https://u:canary-5f1c9a@git.example.org/db.git?ref=v2.1.0\"\n}\n",
    );
    let estate = read(Kind::Terraform, folder.path());
    is_clean(&estate);
    assert_eq!(estate.problems, []);
    assert_eq!(estate.things.len(), 3, "the newest copy only: {:#?}", estate.things);
    let orders = find(&estate, "booking/production/terraform.tfstate module.orders");
    assert_eq!((orders.what.as_str(), orders.version.as_str()), ("git.example.org/db.git", "v2.1.0"));
    assert_eq!(
        (orders.teams.join(","), orders.environments.join(",")),
        ("booking".to_owned(), "production".to_owned())
    );
    assert_eq!(orders.attributes["types"], "aws_db_instance");
    let many = find(&estate, "booking/production/terraform.tfstate module.many[\"a.b\"]");
    assert_eq!((many.what.as_str(), many.version.as_str()), ("types:aws_s3_bucket", ""));
    let topic = find(&estate, "booking/production/terraform.tfstate aws_sns_topic.t[\"k\"]");
    assert_eq!(
        (topic.sort, topic.places.as_slice()),
        (Sort::Resource, ["booking", "production", "terraform"].map(str::to_owned).as_slice())
    );
}

#[test]
fn without_files_beside_it_a_module_is_what_it_is_made_of() {
    let text = state(1, &json!([database("module.a", "13.4"), database("module.b[0]", "15.1")]));
    let estate = read_text(Kind::Terraform, None, text.into_bytes());
    let whats: Vec<_> = estate.things.iter().map(|one| (one.what.as_str(), one.version.as_str())).collect();
    assert_eq!(whats, [("types:aws_db_instance", "13.4"), ("types:aws_db_instance", "15.1")]);
}

#[test]
fn what_is_no_state_is_told_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "old.tfstate", r#"{"version": 3, "terraform_version": "0.11.14", "modules": []}"#);
    write(folder.path(), "sealed.tfstate", r#"{"meta": {}, "encrypted_data": "x", "encryption_version": "v0"}"#);
    write(folder.path(), "broken.tfstate", "{");
    write(folder.path(), "package.json", r#"{"name": "x", "version": 4}"#);
    let estate = read(Kind::Terraform, folder.path());
    let files: Vec<_> = estate.problems.iter().map(|problem| problem.file.clone().unwrap()).collect();
    assert_eq!(files, ["broken.tfstate", "old.tfstate", "sealed.tfstate"]);
    assert_eq!(estate.things, []);
}

/// The real thing, where there is one: modules with keys, a secret, and both forms of the state.
#[test]
fn states_of_the_real_terraform_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(args).current_dir(folder.path()).env("CHECKPOINT_DISABLE", "1").output()
    };
    if !run(&["version"]).is_ok_and(|done| done.status.success()) {
        println!("skipped: states_of_the_real_terraform_are_read: no terraform");
        return;
    }
    let module =
        "variable \"secret\" { sensitive = true }\nresource \"terraform_data\" \"it\" { input = var.secret }\n";
    write(folder.path(), "modules/bucket/main.tf", module);
    let call = |head: &str| format!("module {head}\n  source = \"./modules/bucket\"\n  secret = \"{CANARY}\"\n}}\n");
    let main = call("\"one\" {") + &call("\"many\" {\n  for_each = toset([\"a\", \"b.c\"])");
    write(folder.path(), "main.tf", &(main + "resource \"terraform_data\" \"loose\" { input = 1 }\n"));
    for args in [&["init", "-no-color"][..], &["apply", "-auto-approve", "-no-color"]] {
        let done = run(args).unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let kept = read(Kind::Terraform, folder.path());
    is_clean(&kept);
    let modules = |estate: &Estate| -> Vec<(String, String)> {
        let all = estate.things.iter().filter(|one| one.sort == Sort::Module);
        all.map(|one| (one.attributes["module"].clone(), one.what.clone())).collect()
    };
    let names = ["module.many[\"a\"]", "module.many[\"b.c\"]", "module.one"].map(str::to_owned);
    assert_eq!(modules(&kept), names.clone().map(|name| (name, "modules/bucket".to_owned())));
    let shown = read_text(Kind::Terraform, None, run(&["show", "-json"]).unwrap().stdout);
    is_clean(&shown);
    assert_eq!(modules(&shown), names.clone().map(|name| (name, "types:terraform_data".to_owned())));
    run(&["plan", "-out", "p.bin"]).unwrap();
    let plan = read_text(Kind::Terraform, None, run(&["show", "-json", "p.bin"]).unwrap().stdout);
    is_clean(&plan);
    assert_eq!(
        modules(&plan),
        names.map(|name| (name, "modules/bucket".to_owned())),
        "a plan says where they come from"
    );
    assert_eq!(kept.things.len(), 4);
}

#[tokio::test]
async fn a_state_is_read_from_an_http_backend() {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;
    let text = state(1, &json!([database("module.a", "13.4")]));
    let router = Router::new().route("/none", get(|| async { StatusCode::NO_CONTENT })).route(
        "/state",
        get(move |headers: HeaderMap| async move {
            // me:pw
            let known = headers.get("authorization").is_some_and(|value| value == "Basic bWU6cHc=");
            if known { (StatusCode::OK, text) } else { (StatusCode::UNAUTHORIZED, String::new()) }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let place = |path: &str| Place { kind: Kind::Terraform, location: format!("{at}{path}") };
    assert_eq!(EstateReader::default().read(&place("/none")).await.unwrap(), Estate::default());
    let refused = EstateReader::default().read(&place("/state")).await.unwrap_err();
    assert!(refused.message.contains("another name and password"), "{refused:?}");
    let own = ("me".to_owned(), Secret::new("pw"));
    let reader = EstateReader::new([(place("/state").location, own)].into());
    assert_eq!(reader.read(&place("/state")).await.unwrap().things.len(), 1);
}

/// A release as Helm keeps it.
pub(crate) fn helm(name: &str, revision: u64, version: &str, status: &str) -> Value {
    let release = json!({"name": name, "namespace": "booking-production", "version": revision, "info": {"status": status},
        "config": {"password": CANARY}, "manifest": CANARY,
        "chart": {"metadata": {"name": "redis", "version": version, "appVersion": "7.2"}, "values": {"password": CANARY}}});
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(release.to_string().as_bytes()).unwrap();
    let data = STANDARD.encode(STANDARD.encode(packed.finish().unwrap()));
    json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": data},
        "metadata": {"name": format!("sh.helm.release.v1.{name}.v{revision}"), "namespace": "booking-production"}})
}

#[test]
fn a_cluster_gives_releases_claims_requests_and_added_kinds() {
    let object = |api: &str, kind: &str, name: &str, more: Value| {
        let mut object =
            json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "booking-production"}});
        for (at, value) in more.as_object().unwrap() {
            object[at] = value.clone();
        }
        object
    };
    let with = |name: &str, more: Value| {
        let mut metadata = json!({"name": name, "namespace": "booking-production"});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"metadata": metadata, "spec": {"password": CANARY}})
    };
    let items = json!([
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "booking-production", "labels": {"team": "booking"}}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": CANARY}},
        helm("cache", 1, "18.0.0", "superseded"), helm("cache", 2, "18.1.0", "deployed"), helm("old", 4, "17.0.0", "uninstalled"),
        object("database.acme.org/v1alpha1", "PostgreSQLInstance", "orders", json!({"spec": {
            "compositionRef": {"name": "aws"}, "resourceRef": {"name": "orders-x"}, "parameters": {"password": CANARY}}})),
        object("database.acme.org/v1alpha1", "XPostgreSQLInstance", "orders-x", json!({"spec": {
            "claimRef": {"name": "orders"}, "compositionRef": {"name": "aws"}}})),
        object("marketplace.acme.org/v1", "redis", "sessions", with("sessions", json!({"finalizers": ["kratix.io/workflows-cleanup"]}))),
        object("postgresql.cnpg.io/v1", "Cluster", "main", with("main", json!({"labels": {"environment": "staging"}}))),
        object("postgresql.cnpg.io/v1", "Backup", "b", with("b", json!({"ownerReferences": [{"kind": "Cluster", "name": "main"}]}))),
        object("cert-manager.io/v1", "Certificate", "web", json!({})),
        object("apps/v1", "Deployment", "web", json!({"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "registry.acme.org/booking/web:2.3.4", "env": [{"name": "P", "value": CANARY}]}]}}}})),
        object("apps/v1", "StatefulSet", "cache-master", with("cache-master", json!({"annotations": {
            "meta.helm.sh/release-name": "cache", "meta.helm.sh/release-namespace": "booking-production"}}))),
    ]);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let estate = read_text(Kind::Kubernetes, None, list.to_string().into_bytes());
    is_clean(&estate);
    assert_eq!(estate.problems, []);
    let told: Vec<_> = estate.things.iter().map(|one| (one.sort, one.what.as_str(), one.version.as_str())).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.contains(&(Sort::Chart, "redis", "18.1.0")), "{told:?}");
    assert!(told.contains(&(Sort::Claim, "PostgreSQLInstance.database.acme.org", "")), "{told:?}");
    assert!(told.contains(&(Sort::Request, "redis.marketplace.acme.org", "")), "{told:?}");
    assert!(told.contains(&(Sort::Custom, "Cluster.postgresql.cnpg.io", "")), "{told:?}");
    assert!(told.contains(&(Sort::Workload, "web", "2.3.4")), "{told:?}");
    assert!(estate.things.iter().all(|one| one.teams == ["booking"]), "the namespace says whose it is");
    let cluster = find(&estate, "Cluster.postgresql.cnpg.io booking-production/main");
    assert_eq!(cluster.environments, ["staging"]);
    let mut turned: Vec<Value> = items.as_array().unwrap().clone();
    turned.reverse();
    assert_eq!(
        read_text(Kind::Kubernetes, None, json!(turned).to_string().into_bytes()),
        estate,
        "order does not matter"
    );
}

/// What kubectl itself writes, where there is one.
#[test]
fn objects_of_the_real_kubectl_are_read() {
    let made = |args: &[&str]| {
        let done = Command::new("kubectl").args(args).args(["--dry-run=client", "-o", "yaml"]).output();
        done.ok().filter(|done| done.status.success()).map(|done| String::from_utf8(done.stdout).unwrap())
    };
    let Some(web) =
        made(&["create", "deployment", "web", "--image=registry.acme.org/booking/web:1.2.3", "-n", "booking-dev"])
    else {
        println!("skipped: objects_of_the_real_kubectl_are_read: no kubectl");
        return;
    };
    let job =
        made(&["create", "cronjob", "night", "--image=acme/night:2", "--schedule=0 1 * * *", "-n", "booking-dev"]);
    let secret = made(&["create", "secret", "generic", "s", &format!("--from-literal=password={CANARY}")]);
    let text = [web, job.unwrap(), secret.unwrap()].join("---\n");
    let estate = read_text(Kind::Kubernetes, None, text.into_bytes());
    is_clean(&estate);
    let told: Vec<_> =
        estate.things.iter().map(|one| (one.what.as_str(), one.version.as_str(), one.places.join("/"))).collect();
    assert_eq!(told, [("night", "2", "booking-dev".to_owned()), ("web", "1.2.3", "booking-dev".to_owned())]);
}

#[test]
fn manifests_are_read_and_what_is_broken_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let claim =
        "apiVersion: acme.org/v1\nkind: Bucket\nmetadata: {name: a, namespace: red}\nspec: {compositionSelector: {}}\n";
    write(folder.path(), "a.yaml", &format!("{claim}---\n{}", claim.replace("name: a", "name: b")));
    write(folder.path(), "broken.yaml", "a: [1\n");
    write(folder.path(), "values.yaml", "image: x\n");
    let estate = read(Kind::Kubernetes, folder.path());
    assert_eq!(estate.things.len(), 2);
    assert_eq!(estate.problems.len(), 1);
    assert_eq!(estate.problems[0].file.as_deref(), Some("broken.yaml"));
    let bad =
        json!({"kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": "bm8="}, "metadata": {"name": "x"}});
    let estate = read_text(Kind::Kubernetes, None, bad.to_string().into_bytes());
    assert_eq!((estate.things.len(), estate.problems.len()), (0, 1));
}
