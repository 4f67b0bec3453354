//! Reading files of this server's own repositories by their addresses, for the catalog.

use crate::git::backend::{FileAddress, file, file_address};
use async_trait::async_trait;
use loggia_app::instance::driver::Failure;
use loggia_app::instance::git_http::GitAddress;
use loggia_app::source::fetch::Fetch;
use loggia_app::source::reach::missing;
use std::path::PathBuf;
use std::sync::Arc;

/// Reads addresses of the server's own repositories from the disk, and asks another for all others.
pub struct OwnRepositories {
    prefix: String,
    root: PathBuf,
    others: Arc<dyn Fetch>,
}

impl OwnRepositories {
    /// For the folder of repositories that people reach below `public_url`.
    pub fn new(public_url: &str, root: PathBuf, others: Arc<dyn Fetch>) -> OwnRepositories {
        OwnRepositories { prefix: format!("{public_url}/git"), root, others }
    }

    fn address(&self, url: &str) -> Option<FileAddress> {
        file_address(url.strip_prefix(&self.prefix)?)
    }
}

#[async_trait]
impl Fetch for OwnRepositories {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        let Some(address) = self.address(url) else { return self.others.fetch(url).await };
        match file(&self.root, &address).await {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(missing(url)),
            Err(error) => Err(Failure::backend(error.to_string(), "Check that git is installed and can be run.")),
        }
    }

    fn own(&self, url: &str) -> Option<GitAddress> {
        self.address(url).map(|file| GitAddress { team: file.team, name: file.name, write: false })
    }
}
