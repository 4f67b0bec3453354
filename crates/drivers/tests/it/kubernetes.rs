//! The driver `kubernetes` against a cluster of this test: it applies as the real one does (fields of a manager that are
//! applied no more go, others stay, defaults are filled in), lists by label, and deletes after a while.

use crate::git::file;
use crate::{Lines, object, request};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use loggia_app::instance::driver::{Driver, Presence, Request, Secret, Whose};
use loggia_drivers::http::GuardOptions;
use loggia_drivers::kubernetes::KubernetesDriver;
use loggia_model::instance::Verdict;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "token-of-the-cluster";

const MANIFEST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: \"{{ name }}\", labels: {app: \"{{ name }}\"}}
spec:
  replicas: {{ inputs.replicas }}
  template: {spec: {containers: [{name: main, image: \"quotes:{{ version }}\"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: \"{{ name }}\"}
spec: {ports: [{port: 80}]}
{% if inputs.extra %}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: \"{{ name }}-extra\"}
data: {more: \"yes\"}
{% endif %}
";

#[derive(Default)]
struct Kept {
    objects: BTreeMap<String, Value>,
    /// What each manager applied last, by path.
    applied: HashMap<String, Value>,
    /// How often one that goes was listed.
    going: HashMap<String, usize>,
    serial: u64,
    /// How many replicas a controller brings up.
    stuck: bool,
}

type All = Arc<Mutex<Kept>>;

/// The cluster.
#[derive(Clone)]
pub struct Cluster {
    pub address: String,
    all: All,
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({"kind": "Status", "status": "Failure", "message": message, "code": code});
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn ok(value: &Value) -> Response {
    axum::Json(value.clone()).into_response()
}

/// Takes over what is applied, and takes out what this manager applied before and no more. Lists are one value.
fn merge(live: &mut Value, before: &Value, applied: &Value) {
    let (Some(fields), Some(wanted)) = (live.as_object_mut(), applied.as_object()) else {
        *live = applied.clone();
        return;
    };
    for name in before.as_object().into_iter().flat_map(Map::keys).filter(|name| !wanted.contains_key(*name)) {
        fields.remove(name);
    }
    for (name, value) in wanted {
        match fields.get_mut(name) {
            Some(there) if there.is_object() && value.is_object() => merge(there, &before[name], value),
            _ => drop(fields.insert(name.clone(), value.clone())),
        }
    }
}

impl Kept {
    fn apply(&mut self, path: &str, object: &Value, trial: bool) -> Value {
        let before = self.objects.get(path).cloned();
        let mut live = before.clone().unwrap_or_else(|| json!({"metadata": {}}));
        merge(&mut live, self.applied.get(path).unwrap_or(&Value::Null), object);
        if live["kind"] == "Deployment" {
            live["spec"]["progressDeadlineSeconds"] = json!(600);
        }
        let changed = before.as_ref().map(|before| &before["spec"]) != Some(&live["spec"]);
        let generation = before.as_ref().map_or(0, |before| before["metadata"]["generation"].as_i64().unwrap());
        live["metadata"]["generation"] = json!(generation + i64::from(changed));
        live["metadata"]["managedFields"] = json!([{"manager": "loggia", "at": self.serial}]);
        if !trial {
            self.serial += 1;
            live["metadata"]["resourceVersion"] = json!(self.serial.to_string());
            self.applied.insert(path.to_owned(), object.clone());
            self.objects.insert(path.to_owned(), live.clone());
        }
        live
    }

    /// What the controllers of the cluster do between two questions.
    fn turn(&mut self) {
        for object in self.objects.values_mut().filter(|object| object["kind"] == "Deployment") {
            let wanted = object["spec"]["replicas"].as_i64().unwrap();
            let there = object["status"]["availableReplicas"].as_i64().unwrap_or_default();
            let next = if self.stuck { there } else { (there + 1).min(wanted) };
            object["status"] = json!({"observedGeneration": object["metadata"]["generation"],
                "updatedReplicas": next, "availableReplicas": next});
        }
    }

    fn list(&mut self, path: &str, selector: &str) -> Value {
        self.turn();
        let (label, value) = selector.split_once('=').unwrap_or_default();
        let front = format!("{path}/");
        let gone: Vec<String> =
            self.going.iter().filter(|(_, times)| **times >= 1).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.objects.remove(&path);
            self.applied.remove(&path);
            self.going.remove(&path);
        }
        self.going.values_mut().for_each(|times| *times += 1);
        let fits = |object: &Value| object["metadata"]["labels"][label] == value;
        let items = self.objects.iter().filter(|(at, object)| at.starts_with(&front) && fits(object));
        // Lists leave the kind of what is in them out.
        let without = |object: &Value| {
            let mut object = object.clone();
            object.as_object_mut().unwrap().remove("kind");
            object
        };
        json!({"kind": "List", "metadata": {}, "items": items.map(|(_, object)| without(object)).collect::<Vec<_>>()})
    }
}

fn resources(path: &str) -> Option<Value> {
    let one = |name: &str, kind: &str| json!({"name": name, "kind": kind, "namespaced": true});
    let all = match path {
        "/api/v1" => vec![one("configmaps", "ConfigMap"), one("services", "Service"), one("secrets", "Secret")],
        "/apis/apps/v1" => vec![one("deployments/scale", "Scale"), one("deployments", "Deployment")],
        _ => return None,
    };
    Some(json!({"kind": "APIResourceList", "resources": all}))
}

async fn serve(
    State(all): State<All>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
        return status(401, "Unauthorized");
    }
    let (path, mut kept) = (uri.path().to_owned(), all.lock().unwrap());
    if let Some(found) = resources(&path) {
        return ok(&found);
    }
    match method.as_str() {
        "GET" if query.contains_key("labelSelector") => ok(&kept.list(&path, &query["labelSelector"])),
        "GET" => kept.objects.get(&path).map_or_else(|| status(404, "not found"), ok),
        "PATCH" => {
            if headers["content-type"] != "application/apply-patch+yaml" || !query.contains_key("fieldManager") {
                return status(415, "only server-side apply is spoken here");
            }
            let object: Value = serde_json::from_slice(&body).unwrap();
            if object["spec"]["replicas"].as_i64().is_some_and(|count| count > 50) {
                return status(422, "spec.replicas: Invalid value: too many");
            }
            ok(&kept.apply(&path, &object, query.contains_key("dryRun")))
        }
        "DELETE" => match kept.objects.get_mut(&path) {
            None => status(404, "not found"),
            Some(object) => {
                object["metadata"]["deletionTimestamp"] = json!("now");
                let body = object.clone();
                kept.going.entry(path).or_default();
                ok(&body)
            }
        },
        _ => status(405, "method not allowed"),
    }
}

impl Cluster {
    pub async fn start() -> Cluster {
        let all = All::default();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&all));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Cluster { address, all }
    }

    pub fn driver(&self) -> KubernetesDriver {
        KubernetesDriver::new(GuardOptions { allow: vec!["127.0.0.1".to_owned()], ..GuardOptions::default() })
    }

    pub fn sample(&self) -> Request {
        let recipe = json!({"driver": "kubernetes", "template": "files",
            "outputs": {"address": "{{ name }}.{{ team }}.svc:{{ objects['Service/quotes'].spec.ports[0].port }}"}});
        let mut request = request("quotes", recipe);
        request.inputs = object(json!({"replicas": 2, "extra": true}));
        request.files = vec![file("files/all.yaml", MANIFEST)];
        request.backend.config = object(json!({"server": format!("http://{}", self.address), "wait": 20}));
        request.backend.secret = Some(Secret::new(TOKEN));
        request
    }

    /// The objects that carry a key, without the note.
    pub fn objects(&self, key: &str) -> Vec<String> {
        let all = self.all.lock().unwrap();
        let mine = all.objects.iter().filter(|(_, object)| object["metadata"]["labels"]["loggia.dev/key"] == key);
        mine.map(|(path, _)| path.clone()).filter(|path| !path.contains("/loggia-")).collect()
    }

    pub fn lose(&self, key: &str) {
        for path in self.objects(key) {
            self.all.lock().unwrap().objects.remove(&path);
            self.all.lock().unwrap().applied.remove(&path);
        }
    }

    fn with<T>(&self, path: &str, change: impl Fn(&mut Value) -> T) -> T {
        change(self.all.lock().unwrap().objects.get_mut(path).unwrap())
    }
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/booking/deployments/quotes";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_is_what_the_cluster_says() {
    let cluster = Cluster::start().await;
    let (driver, log) = (cluster.driver(), Lines::default());
    let mut wish = cluster.sample();
    wish.secret_inputs = vec![("token".to_owned(), Secret::new("very-secret"))];
    let seen = driver.apply(&wish, &log).await.unwrap();
    assert_eq!((seen.conditions[0].status, &seen.outputs["address"]), (Verdict::True, &json!("quotes.booking.svc:80")));
    assert!(log.text().contains("Deployment quotes: 1 of 2 run"), "it waited: {}", log.text());
    assert!(!log.text().contains("very-secret"));
    assert_eq!(cluster.objects(&wish.key).len(), 4, "three objects and a Secret with the inputs");
    cluster.all.lock().unwrap().stuck = true;
    let mut more = wish.clone();
    more.inputs.insert("replicas".to_owned(), json!(5));
    more.backend.config.insert("wait".to_owned(), json!(1));
    let failure = driver.apply(&more, &log).await.unwrap_err();
    assert!(failure.retry && failure.message.contains("2 of 5 run"), "{failure}");
    more.inputs.insert("replicas".to_owned(), json!(500));
    let failure = driver.apply(&more, &log).await.unwrap_err();
    assert!(!failure.retry && failure.message.contains("too many"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wanted_no_more_is_removed_and_what_others_set_stays() {
    let cluster = Cluster::start().await;
    let (driver, log) = (cluster.driver(), Lines::default());
    let wish = cluster.sample();
    driver.apply(&wish, &log).await.unwrap();
    // Another controller writes a field that is not ours: no drift, and it stays.
    cluster.with(DEPLOYMENT, |object| object["metadata"]["annotations"] = json!({"seen-by": "another"}));
    assert!(driver.plan(&wish, &log).await.unwrap().changes.is_empty());
    // Somebody changes one that is ours.
    cluster.with(DEPLOYMENT, |object| object["spec"]["replicas"] = json!(7));
    let seen = driver.observe(&wish, &log).await.unwrap();
    let drifted = seen.conditions.iter().find(|c| c.kind == "Drifted").unwrap();
    assert!(drifted.status == Verdict::True && drifted.message.contains("change Deployment quotes"), "{drifted:?}");
    let mut next = wish.clone();
    (next.version, next.inputs) = ("2.0.0".to_owned(), object(json!({"replicas": 1, "extra": false})));
    let plan = driver.plan(&next, &log).await.unwrap();
    assert_eq!(plan.changes, ["change Deployment quotes", "remove ConfigMap quotes-extra"]);
    let seen = driver.apply(&next, &log).await.unwrap();
    assert_eq!((seen.version.as_str(), cluster.objects(&wish.key).len()), ("2.0.0", 2));
    cluster.with(DEPLOYMENT, |object| {
        assert_eq!(object["metadata"]["annotations"]["seen-by"], "another");
        assert_eq!(object["spec"]["replicas"], 1);
    });
    // A kind that the newest version has no more is found by the note.
    driver.apply(&Request { version: "3.0.0".to_owned(), ..wish.clone() }, &log).await.unwrap();
    driver.destroy(&Request { confirmed: true, ..next.clone() }, &log).await.unwrap();
    assert_eq!(cluster.objects(&wish.key), Vec::<String>::new());
    assert_eq!(driver.observe(&next, &log).await.unwrap().presence, Presence::Absent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_made_is_left_alone() {
    let cluster = Cluster::start().await;
    let (driver, log) = (cluster.driver(), Lines::default());
    driver.apply(&cluster.sample(), &log).await.unwrap();
    let other = Request { key: "another".to_owned(), ..cluster.sample() };
    let failure = driver.apply(&other, &log).await.unwrap_err();
    assert!(failure.whose == Whose::Yours && failure.message.contains("somebody else's"), "{failure}");
    assert_eq!(cluster.objects("another"), Vec::<String>::new());
    driver.destroy(&other, &log).await.unwrap();
    assert_eq!(cluster.objects(&cluster.sample().key).len(), 3);
    let mut elsewhere = cluster.sample();
    elsewhere.files =
        vec![file("files/all.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: kube-system}\n")];
    let failure = driver.plan(&elsewhere, &log).await.unwrap_err();
    assert!(failure.message.contains("kube-system"), "{failure}");
}
