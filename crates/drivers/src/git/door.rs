//! The repositories of this server, as the web door asks for them.

use super::backend::{self, BackendError};
use async_trait::async_trait;
use loggia_app::instance::driver::Failure;
use loggia_app::instance::git_http::{GitAddress, GitAnswer, GitBackend, GitRequest};
use std::path::PathBuf;

/// Serves the bare repositories of a folder.
pub struct GitDoor {
    root: PathBuf,
}

impl GitDoor {
    /// For the folder of repositories, by team.
    pub fn new(root: impl Into<PathBuf>) -> GitDoor {
        GitDoor { root: root.into() }
    }
}

#[async_trait]
impl GitBackend for GitDoor {
    fn address(&self, method: &str, path: &str, query: &str) -> Option<GitAddress> {
        let found = backend::address(method, path, query)?;
        Some(GitAddress { team: found.team, name: found.name, write: found.write })
    }

    fn file_address(&self, path: &str) -> Option<GitAddress> {
        let found = backend::file_address(path)?;
        Some(GitAddress { team: found.team, name: found.name, write: false })
    }

    async fn file(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(address) = backend::file_address(path) else { return Ok(None) };
        let found = backend::file(&self.root, &address).await;
        found.map_err(|error| Failure::backend(error.to_string(), "Check that git is installed and can be run."))
    }

    async fn serve(&self, request: GitRequest) -> Result<Option<GitAnswer>, Failure> {
        let request = backend::GitRequest {
            root: self.root.clone(),
            method: request.method,
            path_info: request.path,
            query: request.query,
            content_type: request.content_type,
            content_encoding: request.content_encoding,
            content_length: request.content_length,
            protocol: request.protocol,
            remote_user: Some(request.user),
            body: request.body,
        };
        match backend::serve(request).await {
            Ok(answer) => Ok(Some(GitAnswer { status: answer.status, headers: answer.headers, body: answer.body })),
            Err(BackendError::NotFound) => Ok(None),
            Err(error) => Err(Failure::backend(error.to_string(), "Check that git is installed and can be run.")),
        }
    }
}
