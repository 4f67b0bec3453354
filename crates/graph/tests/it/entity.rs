//! Records as the Backstage catalog serves them, and names.

use crate::world::{describe, record, uid};
use loggia_graph::{Audience, Change, Graph, Resolved};
use loggia_model::{Record, Ref, Scope};
use serde_json::{Value, json};
use std::sync::Arc;

fn thing(identity: u32, kind: &str, name: &str, spec: &Value) -> Arc<Record> {
    let document =
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "title": "\"metadata\":{"}, "spec": spec});
    Arc::new(record(identity, document, None))
}

fn served(graph: &Graph, audience: &Audience, record: &Record, status: Option<&str>) -> Value {
    let mut text = String::new();
    graph.write_entity(audience, record, status, &mut text);
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn an_entity_is_its_text_with_what_the_server_knows() {
    let mut graph = Graph::describing(describe);
    let team = thing(1, "Group", "Team", &json!({"seenBy": ["all"]}));
    let open = thing(2, "Component", "Open", &json!({"owners": ["group:team", "group:gone"], "seenBy": ["all"]}));
    let shut = thing(3, "Component", "Shut", &json!({"owners": ["group:team"], "seenBy": ["a"]}));
    graph.apply(&[Change::Put(team.clone()), Change::Put(open.clone()), Change::Put(shut)]);

    let entity = served(&graph, &Audience::All, &open, Some("{\"items\":[]}"));
    assert_eq!(entity["metadata"]["uid"], json!(uid(2).to_string()));
    assert_eq!(entity["metadata"]["etag"], json!(&*open.etag));
    assert_eq!(entity["metadata"]["title"], json!("\"metadata\":{"));
    assert_eq!(entity["status"], json!({"items": []}));
    assert_eq!(
        entity["relations"],
        json!([
            {"type": "ownedBy", "targetRef": "group:default/gone"},
            {"type": "ownedBy", "targetRef": "group:default/team"},
        ])
    );
    let mut bare = entity;
    for (parent, keys) in [("", vec!["relations", "status"]), ("/metadata", vec!["uid", "etag"])] {
        let map = bare.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        keys.iter().for_each(|key| assert!(map.remove(*key).is_some()));
    }
    assert_eq!(bare, open.parse().0);

    let owned = |audience: &Audience| served(&graph, audience, &team, None)["relations"].clone();
    let one = |name: &str| json!({"type": "ownerOf", "targetRef": format!("component:default/{name}")});
    assert_eq!(owned(&Audience::All), json!([one("open"), one("shut")]));
    assert_eq!(owned(&Audience::of([Scope::Company])), json!([one("open")]));
}

#[test]
fn an_old_name_leads_to_the_new_one() {
    let mut graph = Graph::describing(describe);
    let all = Audience::All;
    graph.apply(&[Change::Put(thing(1, "Component", "old", &json!({"seenBy": ["a"]})))]);
    let old = Ref::new("component", "default", "old");
    let new = thing(1, "Component", "new", &json!({"seenBy": ["a"]}));
    graph.apply(&[Change::Put(new.clone()), Change::Alias(old.clone(), uid(1))]);
    assert_eq!(graph.resolve(&all, &old), Resolved::Moved(new.reference.clone()));
    assert_eq!(graph.resolve(&Audience::of([Scope::Company]), &old), Resolved::Unknown);
    assert_eq!(graph.resolve(&all, &new.reference), Resolved::Found(new.clone()));
    let again = thing(2, "Component", "old", &json!({}));
    graph.apply(&[Change::Put(again.clone())]);
    assert_eq!(graph.resolve(&all, &old), Resolved::Found(again));
    graph.apply(&[Change::Remove(uid(2)), Change::Remove(uid(1))]);
    assert_eq!(graph.resolve(&all, &old), Resolved::Unknown);
    assert!(graph.is_empty());
}

#[test]
fn a_record_that_is_no_more_is_judged_by_itself() {
    let graph = Graph::describing(describe);
    let gone = thing(1, "Component", "gone", &json!({"seenBy": ["a"]}));
    assert!(graph.visible(&Audience::of([Scope::Team("a".into())]), &gone));
    assert!(!graph.visible(&Audience::of([Scope::Company]), &gone));
}

#[test]
fn a_number_in_a_list_is_no_key() {
    let mut graph = Graph::describing(describe);
    let spec = json!({"type": [["deep", 1], "2"], "seenBy": ["all"]});
    graph.apply(&[Change::Put(thing(1, "Component", "one", &spec))]);
    let holds = |key: &str| graph.count(&Audience::All, &loggia_graph::Predicate::exists(key)) == 1;
    assert!(holds("spec.type.deep") && holds("spec.type.2"));
    assert!(!holds("spec.type.1"));
}
