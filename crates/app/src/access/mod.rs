//! Who asks, what they may do, and what they prove it with.

pub mod audit;
pub mod caller;
pub(crate) mod caller_cache;
pub(crate) mod credential;
pub mod differ;
pub mod login;
pub mod platform_secret;
pub mod policy;
pub mod provider;
pub mod reveal;
pub mod secret;
pub mod secret_use;
pub mod token;
pub mod visibility;
pub mod writing;
