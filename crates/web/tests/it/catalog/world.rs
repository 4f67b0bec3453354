//! An application over one repository file, with a small Internet of its own.

pub use crate::world::Said;
use crate::world::{application, said};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, header};
use loggia_app::instance::driver::Failure;
use loggia_app::settings::Settings;
use loggia_app::source::fetch::{Fetch, not_allowed};
use loggia_app::source::read::SourceFile;
use loggia_app::source::{Edit, Landed, Reader, Sources, Tree, Written};
use loggia_store::Target;
use loggia_web::{Doors, WebState};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// The token with full rights.
pub const TOKEN: &str = "the-bootstrap-token";

/// Pages by address.
#[derive(Default)]
pub struct Web(pub Mutex<HashMap<String, String>>);

#[async_trait]
impl Fetch for Web {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        let found = self.0.lock().unwrap().get(url).map(|text| text.as_bytes().into());
        found.ok_or_else(|| Failure::yours(not_allowed(url), "Allow it."))
    }
}

/// One repository of one file.
struct OneFile(&'static str);

#[async_trait]
impl Reader for OneFile {
    async fn read(&self, _: &str, known: Option<&str>) -> Result<Option<Tree>, Failure> {
        if known == Some("1") {
            return Ok(None);
        }
        let bytes: Arc<[u8]> = self.0.as_bytes().into();
        let file = SourceFile { path: "catalog.yaml".into(), size: bytes.len(), bytes, executable: false };
        Ok(Some(Tree {
            commit: "1".into(),
            files: vec![file],
            place: "file:/repo/".into(),
            single: false,
            written: Written::default(),
        }))
    }

    async fn commit(&self, _: &str, _: &Edit) -> Result<Landed, Failure> {
        Err(Failure::ours("This source takes no edits.", "Edit it where it is."))
    }
}

pub struct World {
    pub state: WebState,
    pub web: Arc<Web>,
    doors: Doors,
    stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

impl World {
    pub async fn new(text: &'static str) -> World {
        World::open(text, false).await
    }

    pub async fn open(text: &'static str, read_only: bool) -> World {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(dir.path().join("test.sqlite"));
        let settings = Settings {
            public_url: "https://loggia.example.com".into(),
            data: dir.path().to_owned(),
            demo: loggia_app::settings::Demo::No,
            read_only,
            repositories: Vec::new(),
            retention: loggia_app::settings::Retention::default(),
        };
        let app = application(&target, settings).await;
        let web = Arc::new(Web::default());
        let sources = Sources::new(Arc::clone(&app), Arc::new(OneFile(text)), vec!["/repo".into()]);
        let sources = Arc::new(sources.reading_with(web.clone()));
        let state = WebState::new(app, Some(TOKEN), Arc::clone(&sources));
        let (stop, stopping) = watch::channel(false);
        let ready = Arc::clone(&state.ready);
        tokio::spawn(sources.follow(move || ready.store(true, Ordering::Release), stopping));
        let world = World { doors: Doors::new(state.clone()), state, web, stop, _dir: dir };
        world.until("the repository is read", async |world| world.state.ready.load(Ordering::Acquire)).await;
        world
    }

    pub async fn until(&self, what: &str, test: impl AsyncFn(&World) -> bool) {
        for _ in 0..500 {
            if test(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}");
    }

    /// Sends a request as it is, to any path.
    pub async fn raw(&self, request: Request<Body>) -> Said {
        said(&self.doors, request).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Said {
        let request = Request::builder().method(method).uri(format!("/api/catalog{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string().into()),
            None => request.body(Body::empty()),
        };
        self.raw(request.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Said {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Said {
        self.send(Method::POST, path, Some(body)).await
    }

    /// The names of the entities that a list or a page holds.
    pub async fn names(&self, path: &str) -> Vec<String> {
        let said = self.get(path).await.json();
        let list = said.get("items").unwrap_or(&said).as_array().cloned().unwrap_or_default();
        list.iter().map(|entity| entity["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// A small catalog: components in two lifecycles, a team, a product, an offering and an environment.
pub const CATALOG: &str = r#"
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: booking}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: Alpha, title: First, tags: [rust, web]}
spec: {type: service, lifecycle: production, owner: booking}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: beta, title: Second, tags: [rust]}
spec: {type: website, lifecycle: Production, owner: booking}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: gamma}
spec: {type: library, lifecycle: experimental, owner: booking}
---
apiVersion: loggia.dev/v1
kind: Product
metadata: {name: fairway}
spec: {tagline: Everything that a team needs., team: booking}
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: postgres, title: PostgreSQL}
spec:
  product: fairway
  owner: booking
  category: data
  promise: A database that is backed up.
  for: Teams with state.
  problem: Nobody wants to run a database.
  plans: [{name: small}]
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: prod}
spec: {product: fairway, type: production, owner: booking}
---
apiVersion: loggia.dev/v1
kind: Instance
metadata: {name: orders.prod, namespace: booking}
spec: {offering: postgres, team: booking, environment: prod, component: default/alpha}
"#;
