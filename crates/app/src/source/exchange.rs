//! Asking a server that the operator named, such as the sign-in provider of a company. The guarded client is outside.

use crate::instance::driver::Failure;
use async_trait::async_trait;

/// Sends requests as they are.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// The answer, whatever its status; no redirect is followed, because it could lead anywhere.
    ///
    /// # Errors
    /// When the address may not be asked, or the answer does not come or is too large.
    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, Failure>;
}
