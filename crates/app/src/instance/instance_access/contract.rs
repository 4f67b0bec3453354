//! The part of the contract of drivers that gives consumers access: a driver may have it.

use crate::instance::driver::{Failure, Request, RunLog, Secret};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One credential of one consumer, as a driver is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Stable key: one key, one credential. It is marked with it at the backend.
    pub id: String,
    /// Who gets it, such as `component:default/quotes-api`.
    pub consumer: String,
    /// What it may do: a role of the contract.
    pub role: String,
}

/// What a consumer gets.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// What is no secret, such as the user name.
    pub outputs: Map<String, Value>,
    /// The secrets, by name. They are shown once.
    pub secrets: Vec<(String, Secret)>,
}

/// Access of consumers, each with a credential of its own at the backend.
///
/// As for [`crate::instance::driver::Driver`], calls may be repeated and cut off at any point. Destroying the resource
/// takes all of its credentials away.
#[async_trait]
pub trait Grants: Send + Sync {
    /// The roles that it knows; none when that is the recipe's.
    fn roles(&self) -> Option<&'static [&'static str]>;

    /// Makes a credential, or brings it to what is asked for. One that is there gets a new secret: that of a call which
    /// was cut off was told to nobody.
    async fn grant(&self, request: &Request, login: &Login, log: &dyn RunLog) -> Result<Granted, Failure>;

    /// Takes a credential away, with whoever is signed in by it. Done without an error when it is gone already.
    async fn revoke(&self, request: &Request, login: &Login, log: &dyn RunLog) -> Result<(), Failure>;

    /// The keys of all credentials of the resource that are at the backend.
    async fn granted(&self, request: &Request) -> Result<Vec<String>, Failure>;
}
