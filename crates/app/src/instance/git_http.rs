//! Git over HTTP, as the web door needs it. A driver implements it; no door starts programs.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::error::{Error, Result};
use crate::instance::driver::Failure;
use crate::instance::request::base_name;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use loggia_graph::{Predicate, Query};
use loggia_model::Record;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::usage::UsageReading;
use std::sync::Arc;

/// A stream of bytes from or to a client.
pub type Body = BoxStream<'static, std::io::Result<Bytes>>;

/// What a request is about; enough to decide whether it may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitAddress {
    /// Name of the team that owns the repository.
    pub team: String,
    /// Name of the repository, without `.git`.
    pub name: String,
    /// Whether the request prepares or does a push.
    pub write: bool,
}

/// One request of a Git client, authorised already.
pub struct GitRequest {
    /// HTTP method.
    pub method: String,
    /// The path below `/git`, such as `/booking/quotes.git/info/refs`.
    pub path: String,
    /// The query without the question mark.
    pub query: String,
    /// Header `Content-Type`.
    pub content_type: Option<String>,
    /// Header `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// Header `Content-Length`.
    pub content_length: Option<u64>,
    /// Header `Git-Protocol`.
    pub protocol: Option<String>,
    /// Who asks, as `user:default/amara`.
    pub user: String,
    /// The body.
    pub body: Body,
}

/// What Git answered.
pub struct GitAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers, by name and value.
    pub headers: Vec<(String, String)>,
    /// The body; dropping it ends the work for this request.
    pub body: Body,
}

/// Serves the bare repositories of this server.
#[async_trait]
pub trait GitBackend: Send + Sync {
    /// What a request is about; `None` for everything that Git's smart protocol does not ask.
    fn address(&self, method: &str, path: &str, query: &str) -> Option<GitAddress>;

    /// The repository of a file's page: `/team/name/blob/branch/path`; `None` for other paths.
    fn file_address(&self, path: &str) -> Option<GitAddress>;

    /// The file of such a page; `None` when there is none.
    ///
    /// # Errors
    /// When Git cannot be run, with what to do.
    async fn file(&self, path: &str) -> Result<Option<Vec<u8>>, Failure>;

    /// Serves one request; `None` when there is no such repository.
    ///
    /// # Errors
    /// When Git cannot be run, with what to do.
    async fn serve(&self, request: GitRequest) -> Result<Option<GitAnswer>, Failure>;
}

impl App {
    /// Passes when the caller may read or write a repository; gives the instance that it is. Who may not see the
    /// instance does not learn that there is a repository.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub fn git_access(&self, caller: &Caller, address: &GitAddress) -> Result<Arc<Record>> {
        let action = if address.write { Action::GitWrite } else { Action::GitRead };
        crate::access::policy::admit(caller, action)?;
        let missing = || Error::NotFound(format!("There is no repository {}/{}.", address.team, address.name));
        let graph = self.graph();
        let predicate = Predicate::equals("kind", "instance")
            .and(Predicate::equals("metadata.namespace", &*address.team))
            .and(Predicate::prefix("metadata.name", format!("{}.", address.name)));
        let found = graph.query(&caller.audience, &Query { predicate, ..Query::default() }).records;
        let is_it = |record: &Arc<Record>| {
            let spec: Option<InstanceSpec> = record.spec().ok();
            spec.is_some_and(|spec| base_name(&record.reference, &spec.environment) == address.name)
        };
        let record = found.into_iter().find(is_it).ok_or_else(missing)?;
        let spec: InstanceSpec = record.spec()?;
        self.require(caller, action, &Subject { team: spec.team_ref(), owner: None })?;
        Ok(record)
    }

    /// Notes that a repository was fetched. Pushes are counted where they happen, by the driver.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn note_fetch(&self, caller: &Caller, instance: &Record) -> Result<()> {
        let spec: InstanceSpec = instance.spec()?;
        let now = self.now();
        let mut reading = UsageReading {
            source: "loggia".into(),
            id: format!("fetch-{}", self.ids.uid(now)),
            time: now,
            team: None,
            principal: Some(caller.name()),
            offering: spec.offering,
            release: None,
            feature: None,
            instance: Some(instance.reference.to_string()),
            channel: "fetch".into(),
            count: 1,
            outcome: "ok".into(),
            mandated: false,
        };
        // The repository is its team's, whoever fetched it.
        crate::estate::usage::normalise(&self.graph(), &mut reading, now);
        self.store.ingest_usage(&[reading]).await?;
        Ok(())
    }
}
