//! Asks things themselves, for probes of checks: by HTTP through the guarded client, or by a program of the operator.

use crate::command::CommandDriver;
use crate::http::{Get, GuardedClient};
use async_trait::async_trait;
use loggia_app::checks::probe::{Answer, Ask};
use serde_json::Value;
use std::sync::Arc;

/// Asks by HTTP and by programs.
pub struct Asker {
    client: Arc<GuardedClient>,
    programs: CommandDriver,
}

impl Asker {
    /// Over a client, and the operator's programs.
    pub fn new(client: Arc<GuardedClient>, programs: CommandDriver) -> Asker {
        Asker { client, programs }
    }
}

#[async_trait]
impl Ask for Asker {
    async fn http(&self, url: &str) -> Answer {
        let get = Get { url: url.to_owned(), ..Get::default() };
        match self.client.get(&get).await {
            Ok(answer) if (200..300).contains(&answer.status) => Answer { passed: Some(true), said: String::new() },
            Ok(answer) => Answer { passed: Some(false), said: format!("It answered with {}.", answer.status) },
            Err(error) => Answer::none(format!("It did not answer: {error}")),
        }
    }

    async fn program(&self, name: &str, thing: &Value) -> Answer {
        match self.programs.judge(name, thing).await {
            Ok((passed, said)) => Answer { passed: Some(passed), said },
            Err(failure) => Answer::none(failure.message),
        }
    }
}
