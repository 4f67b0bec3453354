//! Git over HTTP, as the web door needs it. A driver implements it; no door starts programs.

use crate::driver::Failure;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

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

    /// Serves one request; `None` when there is no such repository.
    ///
    /// # Errors
    /// When Git cannot be run, with what to do.
    async fn serve(&self, request: GitRequest) -> Result<Option<GitAnswer>, Failure>;
}
