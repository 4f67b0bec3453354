//! Reading addresses: what a registered place, a placeholder or another catalog points to.
//!
//! The guarded client is outside ([`Fetch`]); it decides which hosts may be asked at all.

use crate::instance::driver::Failure;
use crate::instance::git_http::GitAddress;
use async_trait::async_trait;
use std::sync::Arc;
use url::Url;

/// Reads what an address leads to.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The bytes.
    ///
    /// # Errors
    /// When the address is none, may not be asked, or does not answer with success.
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure>;

    /// The repository that a team got from this server and that an address leads into. Whoever is of the team writes
    /// there, so not every kind of thing is taken from it; and not everybody may read it.
    fn own(&self, _url: &str) -> Option<GitAddress> {
        None
    }

    /// Whether an address leads into a repository that a team got from this server.
    fn is_own(&self, url: &str) -> bool {
        self.own(url).is_some()
    }
}

/// Asks nobody: for a server that reads its own repositories only.
pub struct Nowhere;

#[async_trait]
impl Fetch for Nowhere {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        Err(Failure::ours(not_allowed(url), "Keep the file in a repository that this server reads."))
    }
}

/// The sentence of Backstage for an address that may not be asked.
pub fn not_allowed(url: &str) -> String {
    format!(
        "Reading from '{url}' is not allowed. You may need to configure an integration for the target host, or add it \
         to the configured list of allowed hosts at 'backend.reading.allow'"
    )
}

/// Where the bytes of a page are that shows a file: people register the address that their browser shows.
pub fn raw(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    let path = url.path().to_owned();
    if url.host_str() == Some("github.com") {
        let parts: Vec<&str> = path.splitn(5, '/').collect();
        if let [_, owner, repository, "blob" | "tree" | "raw", rest] = parts.as_slice() {
            return format!("https://raw.githubusercontent.com/{owner}/{repository}/{rest}");
        }
    }
    if path.contains("/-/blob/") {
        url.set_path(&path.replacen("/-/blob/", "/-/raw/", 1));
    }
    url.into()
}

/// An address as it is written in a file: complete, or relative to the file.
pub fn beside(base: &str, target: &str) -> Option<String> {
    if let Ok(url) = Url::parse(target) {
        return Some(url.into());
    }
    Url::parse(base).ok()?.join(target).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_files_lead_to_the_files() {
        for (shown, bytes) in [
            (
                "https://github.com/a/b/blob/main/x/catalog-info.yaml",
                "https://raw.githubusercontent.com/a/b/main/x/catalog-info.yaml",
            ),
            ("https://gitlab.com/a/b/-/blob/main/c.yaml", "https://gitlab.com/a/b/-/raw/main/c.yaml"),
            ("https://example.com/c.yaml", "https://example.com/c.yaml"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(raw(shown), bytes);
        }
        assert_eq!(beside("https://example.com/a/c.yaml", "./d.yaml").as_deref(), Some("https://example.com/a/d.yaml"));
        assert_eq!(beside("not a url", "./d.yaml"), None);
    }
}
