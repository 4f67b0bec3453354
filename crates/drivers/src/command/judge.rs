//! Programs that judge a thing, for probes of checks.

use super::protocol::Verb;
use super::{Call, CommandDriver};
use crate::process::Ended;
use crate::redact::{CleanLog, Redactor};
use loggia_app::instance::driver::{Failure, Silent};
use serde_json::{Map, Value};

impl CommandDriver {
    /// Runs a program of the operator with `check` as its first argument and a thing as its input: whether it ended well,
    /// and the first line that it wrote.
    ///
    /// # Errors
    /// When there is no such program, or it did not end by itself: then nobody knows.
    pub async fn judge(&self, program: &str, thing: &Value) -> Result<(bool, String), Failure> {
        let mut recipe = Map::new();
        recipe.insert("program".to_owned(), program.into());
        recipe.insert("network".to_owned(), self.options.network.into());
        let (config, key) = (Map::new(), format!("check-{program}"));
        let stdin = thing.to_string().into_bytes();
        let call = Call { verb: Verb::Check, key: &key, stdin, recipe: &recipe, config: &config };
        let redactor = Redactor::default();
        let log = CleanLog::new(&Silent, &redactor);
        let (finished, timeout) = self.run(call, &log).await?;
        let said = String::from_utf8_lossy(&finished.stdout).lines().next().unwrap_or_default().trim().to_owned();
        match finished.ended {
            Ended::Exited(0) => Ok((true, said)),
            // A sandbox tells a signal as 128 and its number.
            Ended::Exited(128..) | Ended::Signalled(_) | Ended::TooMuchOutput => {
                Err(Failure::ours(format!("{program} was ended from outside."), "look at what it does"))
            }
            Ended::Exited(code) if said.is_empty() => Ok((false, format!("{program} ended with {code}."))),
            Ended::Exited(_) => Ok((false, said)),
            Ended::TimedOut => {
                let message = format!("{program} did not end in {} seconds.", timeout.as_secs());
                Err(Failure::ours(message, "make it faster"))
            }
        }
    }
}
