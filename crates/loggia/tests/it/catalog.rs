//! A catalog that is followed: read, kept in step, away and back.

use crate::platform::{commit, repository};
use crate::support::{Database, Plan, Server, folder, until, write};
use serde_json::json;

fn component(name: &str, owner: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec: {{type: service, lifecycle: production, owner: {owner}}}\n"
    )
}

fn owner(server: &Server, name: &str) -> String {
    let (status, body) = server.http("GET", &format!("/api/v1/components/default/{name}"), None);
    if status == 200 {
        body["document"]["spec"]["owner"].as_str().unwrap_or_default().to_owned()
    } else {
        format!("{status}")
    }
}

#[test]
fn a_catalog_is_followed_and_may_go_away() {
    let folder = folder();
    let root = repository(folder.path());
    for at in 0..50 {
        write(&root, &format!("many/{at}.yaml"), &component(&format!("many-{at}"), "red"));
    }
    commit(&root, "Many");
    let source = Plan::new(folder.path(), "source", &Database::Sqlite, &[&root]).ready();
    let catalog = format!("{}/api/catalog", source.url());
    let follower = Plan::new(folder.path(), "follower", &Database::Sqlite, &[]).with("--catalog", &catalog).ready();
    until("all is there", || owner(&follower, "many-49").contains("red"));
    let record = follower.json(&["get", "component/many-1"]);
    assert_eq!(record["source"]["origin"], format!("catalog:{catalog}"));
    changes_are_seen(&source, &follower, &root);
    what_is_left_out_is_told(&source, &follower, &root);
    is_read_only(&follower);
    comes_back(&follower);
    let plan = source.stop();
    until("its absence is told", || follower.run(&["sources"]).status.code() == Some(1));
    assert!(owner(&follower, "many-1").contains("red"), "what it gave stays");
    let follower = follower.stop().ready();
    assert!(owner(&follower, "many-1").contains("red"), "also over a restart");
    write(&root, "many/1.yaml", &component("many-1", "yard-team"));
    commit(&root, "While nobody was there");
    let source = plan.ready();
    until("it is followed again", || owner(&follower, "many-1").contains("yard-team"));
    until("and this is told", || follower.run(&["sources"]).status.success());
    source.stop();
    follower.stop();
}

fn changes_are_seen(source: &Server, follower: &Server, root: &std::path::Path) {
    let revision = |name: &str| follower.json(&["get", &format!("component/{name}")])["revision"].clone();
    write(root, "many/2.yaml", &component("many-2", "yard-team"));
    std::fs::remove_file(root.join("many/3.yaml")).unwrap();
    write(root, "many/new.yaml", &component("many-new", "red"));
    commit(root, "A change, a removal and a new one");
    until("the source has it", || owner(source, "many-2").contains("yard-team"));
    let time = until("the follower has it", || owner(follower, "many-2").contains("yard-team"));
    println!("one change seen after {time:?}");
    until("the new one too", || owner(follower, "many-new").contains("red"));
    until("and the removal", || owner(follower, "many-3") == "404");
    assert_eq!((revision("many-2"), revision("many-4")), (json!(2), json!(1)), "what is the same is not written");
}

/// What the other platform offers and runs is not taken over; how much of what kind, and why, is told everywhere.
fn what_is_left_out_is_told(source: &Server, follower: &Server, root: &std::path::Path) {
    let own = ["Environment", "Instance", "Offering", "Product", "Release"];
    let count = |kind: &str| {
        let (_, all) = source.http("GET", &format!("/api/catalog/entities/by-query?filter=kind={kind}&limit=0"), None);
        all["totalItems"].as_u64().unwrap()
    };
    let told = || -> Vec<String> {
        let (_, all) = follower.http("GET", "/api/v1/sources", None);
        let catalog = all["items"].as_array().unwrap().iter().find(|one| one["kind"] == "catalog").unwrap().clone();
        let warnings = catalog["report"]["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect()
    };
    let wanted = || -> Vec<String> {
        let there = own.iter().map(|kind| (kind, count(kind))).filter(|(_, count)| *count > 0);
        there.map(|(kind, count)| format!("{count} of the kind {kind} ")).collect()
    };
    let is_told = || {
        let (told, wanted) = (told(), wanted());
        told.len() == wanted.len() && told.iter().zip(&wanted).all(|(one, front)| one.starts_with(front.as_str()))
    };
    assert!(count("Offering") > 0, "the source offers something");
    until("it is told", is_told);
    let offering = "apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {name: one-more}\nspec: {product: yard, owner: red, \
                    category: data, promise: p, for: f, problem: x, plans: [{name: small, default: true}]}\n";
    let before = wanted();
    write(root, "offerings/one-more.yaml", offering);
    commit(root, "One more offering");
    until("the source has one more", || wanted() != before);
    until("that is told too", is_told);
    let (code, said) = follower.fails(&["get", "offering/one-more"]);
    assert!(code == 1 && !said.is_empty(), "{said}");
    let done = follower.run(&["sources"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("not taken over"), "{said}");
    // What has gone there is told where it is looked for here.
    let gone = follower.json(&["history", "component/many-3"]);
    let last = &gone["items"][0];
    let why = last["reason"].as_str().unwrap_or_default();
    assert!(last["removed"] == json!(true) && why.ends_with("/api/catalog does not have it any more"), "{last}");
}

/// As in a Backstage: what is forgotten and still there comes back, as itself.
fn comes_back(follower: &Server) {
    let uid = || follower.http("GET", "/api/v1/components/default/many-5", None).1["uid"].clone();
    let before = uid();
    let path = format!("/api/catalog/entities/by-uid/{}", before.as_str().unwrap());
    let (status, said) = follower.http("DELETE", &path, None);
    assert_eq!(status, 204, "{said}");
    until("what was forgotten comes back as itself", || uid() == before);
    assert!(follower.run(&["sources"]).status.success());
}

fn is_read_only(follower: &Server) {
    let (code, said) = follower.fails(&["delete", "component/many-1", "--yes"]);
    assert!(code == 1 && said.contains("comes from the catalog"), "{said}");
}
