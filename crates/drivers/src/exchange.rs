//! Asking the sign-in provider for the application, through the guarded client.

use crate::http::{FetchError, GuardOptions, GuardedClient};
use async_trait::async_trait;
use loggia_app::instance::driver::Failure;
use loggia_app::source::exchange::Exchange;
use reqwest::Url;
use std::time::Duration;

/// A client for a provider: its own host may have a private address, because the operator named it. Other hosts that it
/// leads to may not, unless the operator named them too.
///
/// # Errors
/// When the address of the provider is none.
pub fn for_provider(issuer: &str, allow: &[String]) -> Result<GuardedClient, FetchError> {
    let url = Url::parse(issuer).ok().filter(Url::has_host);
    let url = url.ok_or_else(|| FetchError::Refused(issuer.to_owned()))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let own = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
    let allow = allow.iter().cloned().chain([own]).collect();
    GuardedClient::new(GuardOptions { allow, timeout: Duration::from_secs(10), limit: 1 << 20, redirects: 0 })
}

#[async_trait]
impl Exchange for GuardedClient {
    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, Failure> {
        let mend = "Try again later; if that does not help, correct the address, or allow the host with --allow-host.";
        self.send_as_is(request).await.map_err(|error| Failure::backend(format!("{error}."), mend))
    }
}
