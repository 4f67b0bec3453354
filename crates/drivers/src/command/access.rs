//! Access of consumers, by programs that know it.

use super::protocol::{Answer, Verb};
use super::{CommandDriver, Silent, unexpected};
use async_trait::async_trait;
use loggia_app::instance::driver::{Failure, Request, RunLog};
use loggia_app::instance::instance_access::contract::{Granted, Grants, Login};

#[async_trait]
impl Grants for CommandDriver {
    /// What it knows is said by the release, for whoever wrote it.
    fn roles(&self) -> Option<&'static [&'static str]> {
        None
    }

    async fn grant(&self, request: &Request, login: &Login, log: &dyn RunLog) -> Result<Granted, Failure> {
        match self.ask_about(Verb::Grant, (request, Some(login)), log).await? {
            Answer::Granted(granted) => Ok(granted),
            other => Err(unexpected(Verb::Grant, "granted", &other)),
        }
    }

    async fn revoke(&self, request: &Request, login: &Login, log: &dyn RunLog) -> Result<(), Failure> {
        match self.ask_about(Verb::Revoke, (request, Some(login)), log).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(Verb::Revoke, "done", &other)),
        }
    }

    async fn granted(&self, request: &Request) -> Result<Vec<String>, Failure> {
        match self.ask_about(Verb::Granted, (request, None), &Silent).await? {
            Answer::Credentials(keys) => Ok(keys),
            other => Err(unexpected(Verb::Granted, "credentials", &other)),
        }
    }
}
