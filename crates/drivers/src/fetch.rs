//! Reading addresses for the application, through the guarded client.

use crate::http::{FetchError, Get, GuardedClient};
use async_trait::async_trait;
use loggia_app::instance::driver::Failure;
use loggia_app::source::fetch::{Fetch, not_allowed};
use std::sync::Arc;

#[async_trait]
impl Fetch for GuardedClient {
    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, Failure> {
        let get = Get { url: url.to_owned(), ..Get::default() };
        let answer = self.get(&get).await.map_err(|error| failure(url, &error))?;
        match answer.status {
            200..300 => Ok(answer.bytes.into()),
            404 => Err(Failure::yours(format!("no resource found at {url}"), "Correct the address.")),
            status => {
                let message = format!("could not read {url}, it answered with {status}");
                Err(Failure::backend(message, "Check that this server may read it."))
            }
        }
    }
}

fn failure(url: &str, error: &FetchError) -> Failure {
    match error {
        FetchError::Refused(_) => {
            let mend = "Ask the operator of this server to allow the host with --allow-host.";
            Failure::yours(not_allowed(url), mend)
        }
        FetchError::TooLarge(..) | FetchError::Redirects(_) => {
            Failure::yours(error.to_string(), "Register another address.")
        }
        FetchError::Unreachable(..) => Failure::backend(error.to_string(), "Try again later."),
    }
}
