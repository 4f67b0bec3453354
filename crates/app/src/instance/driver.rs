//! The contract of drivers: the code that makes an instance real, or looks at it.
//!
//! Requests and answers are plain data, so that a driver may run in this process, as a program, or far away. A driver
//! knows no records; it is told all that it needs. Every effect carries [`Request::key`], and a driver looks before it
//! makes: calling it again after a crash at any point finds what is there and goes on.

mod call;

pub use call::Call;

use crate::instance::change_request::Merges;
use crate::instance::instance_access::contract::Grants;
use crate::instance::program::Program;
use async_trait::async_trait;
use loggia_model::{instance::Condition, usage::UsageReading};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// A text that must not be seen: `Debug` hides it, and it is not serialised by accident.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself; say in a comment why it is needed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The place where an environment lets a driver work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Backend {
    /// The name within the environment.
    pub name: String,
    /// Settings of the driver, from the environment's record.
    pub config: Map<String, Value>,
    /// Name of the secret that the environment gives it; empty when it needs none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_ref: String,
    /// What `secretRef` names, when it was set.
    #[serde(skip)]
    pub secret: Option<Secret>,
    /// Why it does not get that secret, although it was set.
    #[serde(skip)]
    pub withheld: Option<Failure>,
}

impl Backend {
    /// Whether a driver may be asked to work here: not while the secret that it needs was never set, or may not be
    /// used here.
    ///
    /// # Errors
    /// What to set, or whom to ask.
    pub fn complete(&self) -> Result<(), Failure> {
        if let Some(failure) = &self.withheld {
            return Err(failure.clone());
        }
        if self.secret_ref.is_empty() || self.secret.is_some() {
            return Ok(());
        }
        let name = &self.secret_ref;
        let message = format!("The secret {name}, which the backend {} needs, is not set.", self.name);
        Err(Failure::ours(message, format!("Set it: loggia secret set {name}")))
    }
}

/// What a driver is asked about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    /// Stable key of the outcome: the uid of the instance. One key, one resource.
    pub key: String,
    /// The instance's name, `instance:<namespace>/<name>.<environment>`.
    pub instance: String,
    /// Name within team and environment.
    pub name: String,
    /// The team: the name of its group, with its namespace where that is another than `default`, as `booking` or
    /// `eu/booking`. It is an owner as Backstage writes it.
    pub team: String,
    /// The namespace of what the team has: a DNS label, for the team alone.
    #[serde(default)]
    pub namespace: String,
    /// Name of the environment.
    pub environment: String,
    /// Name of the offering.
    pub offering: String,
    /// Version of the release.
    pub version: String,
    /// Name of the plan.
    pub plan: String,
    /// Limits of the plan, frozen at the order.
    pub limits: Map<String, Value>,
    /// The recipe of the release, for this driver.
    pub recipe: Map<String, Value>,
    /// Files that belong to the release, by path: templates of golden paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RecipeFile>,
    /// What the customer asked for, checked against the contract.
    pub inputs: Map<String, Value>,
    /// Secret inputs, by name.
    #[serde(skip)]
    pub secret_inputs: Vec<(String, Secret)>,
    /// What the last `apply` or `observe` said.
    pub outputs: Map<String, Value>,
    /// Secret outputs of the last `apply`, by name.
    #[serde(skip)]
    pub secret_outputs: Vec<(String, Secret)>,
    /// Where to work.
    pub backend: Backend,
    /// Where the state of what is made may be kept, on this server.
    #[serde(skip)]
    pub state: Option<StateAccess>,
    /// The address under which people reach this server, without a slash at the end.
    pub public_url: String,
    /// Who asked, as `user:default/amara`.
    pub requested_by: String,
    /// Whether the customer confirmed that data may be lost (destroy only).
    pub confirmed: bool,
}

/// How the state of one instance is reached, in the HTTP protocol of Terraform and OpenTofu.
#[derive(Clone, Debug)]
pub struct StateAccess {
    /// The address, for every method.
    pub url: String,
    /// The password; the user name does not matter.
    pub password: Secret,
}

/// One file of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeFile {
    /// Path within the recipe, with `/`, never leaving it.
    pub path: String,
    /// The bytes, base64 in JSON.
    #[serde(with = "base64_bytes")]
    pub bytes: Vec<u8>,
    /// Whether the file is a program.
    #[serde(default)]
    pub executable: bool,
}

mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What `apply` would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// One line for each thing that would change; empty when nothing would.
    pub changes: Vec<String>,
}

/// Whether the resource is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It was seen.
    Present,
    /// It was looked for and is not there.
    Absent,
    /// It could not be looked for.
    Unknown,
}

/// What `apply` and `observe` found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Observation {
    /// Whether it is there.
    pub presence: Presence,
    /// Version of what runs, when it can be told.
    #[serde(default)]
    pub version: String,
    /// Statements about it.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// What its users need to reach it; never a secret.
    #[serde(default)]
    pub outputs: Map<String, Value>,
    /// Secret outputs, by name. Only `apply` gives them. Where a plain output of the same name says `PASSWORD`, what is
    /// shown is the plain one of the last look with the secret `password` in that place.
    #[serde(skip)]
    pub secret_outputs: Vec<(String, Secret)>,
    /// Readings of use since the last look.
    #[serde(default)]
    pub readings: Vec<UsageReading>,
}

impl Observation {
    /// It was looked for, and nothing is there.
    pub fn absent() -> Observation {
        Observation {
            presence: Presence::Absent,
            version: String::new(),
            conditions: Vec::new(),
            outputs: Map::new(),
            secret_outputs: Vec::new(),
            readings: Vec::new(),
        }
    }
}

/// Why a driver did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whether trying again later may help.
    pub retry: bool,
    /// Whose problem it is.
    pub whose: Whose,
    /// What happened, in one sentence, without secrets.
    pub message: String,
    /// What to do now, in one sentence.
    pub mend: String,
}

/// Who can fix a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// The customer: an input is wrong.
    Yours,
    /// The platform: a recipe or an environment is wrong.
    Ours,
    /// The backend: it does not answer, or refuses.
    Backend,
}

impl Failure {
    /// Something outside does not answer now; worth trying again.
    pub fn backend(message: impl Into<String>, mend: impl Into<String>) -> Failure {
        Failure { retry: true, whose: Whose::Backend, message: message.into(), mend: mend.into() }
    }

    /// The recipe or the environment is wrong; trying again does not help.
    pub fn ours(message: impl Into<String>, mend: impl Into<String>) -> Failure {
        Failure { retry: false, whose: Whose::Ours, message: message.into(), mend: mend.into() }
    }

    /// The customer's input is wrong; trying again does not help.
    pub fn yours(message: impl Into<String>, mend: impl Into<String>) -> Failure {
        Failure { retry: false, whose: Whose::Yours, message: message.into(), mend: mend.into() }
    }
}

/// Takes the lines that a driver writes while it works. Secrets of the request are blanked before they are kept.
pub trait RunLog: Send + Sync {
    /// Writes one line.
    fn line(&self, text: &str);
}

/// A log that nobody reads.
pub struct Silent;

impl RunLog for Silent {
    fn line(&self, _: &str) {}
}

/// The code that makes an instance real, or looks at it.
///
/// Calls may be repeated, and may be cut off at any point; the next call goes on from what it finds. A driver never
/// retries inside: the worker does, with backoff.
#[async_trait]
pub trait Driver: Send + Sync {
    /// The name in recipes and environments.
    fn name(&self) -> &str;

    /// The settings of a recipe that this driver never takes for a place to send something to. Whoever offers something
    /// fills them freely; in any other setting, next to a secret of the platform, a recipe names only places that an
    /// administrator allowed.
    fn plain_settings(&self) -> &[&'static str] {
        &[]
    }

    /// How long a call may take. One that takes longer is cut off and tried again later. A recipe, or the backend of an
    /// environment, may say another time for all calls but `probe`: `timeout`, in seconds.
    fn patience(&self, call: Call) -> Duration {
        call.usual_patience()
    }

    /// Whether it can work here: `Err` says why not, before anybody orders.
    async fn probe(&self, backend: &Backend) -> Result<(), Failure>;

    /// The program that serves at a backend, where what is made there runs in one that was there before.
    async fn program(&self, _backend: &Backend) -> Result<Option<Program>, Failure> {
        Ok(None)
    }

    /// What differs between the program at a backend and the one that a recipe asks for; `Err` where it would be refused.
    /// Asks nobody.
    fn differs(
        &self,
        _recipe: &Map<String, Value>,
        _config: &Map<String, Value>,
        _program: &Program,
    ) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    /// What `apply` would change. Changes nothing.
    async fn plan(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure>;

    /// Makes the resource, or brings it to the wanted state; done when it can be used.
    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure>;

    /// Looks at the resource. Changes nothing.
    async fn observe(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure>;

    /// Takes over a resource that is already there: `Ok` with an empty plan only.
    async fn import(&self, request: &Request, log: &dyn RunLog) -> Result<Plan, Failure> {
        self.plan(request, log).await
    }

    /// Whether `destroy` loses data for good, so that the customer has to confirm it beforehand. Asks nobody.
    fn loses_data(&self, _recipe: &Map<String, Value>, _config: &Map<String, Value>) -> bool {
        false
    }

    /// How it brings a newer version to what a team changes itself; none where no team does.
    fn merges(&self) -> Option<&dyn Merges> {
        None
    }

    /// How it gives consumers credentials of their own; none where it does not.
    fn grants(&self) -> Option<&dyn Grants> {
        None
    }

    /// Takes the resource away. Done without an error when it is already gone. A failure of [`Whose::Yours`] says that
    /// nothing was touched.
    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure>;

    /// The keys of everything at a backend that carries a mark of this driver, also of what no instance knows; none when
    /// it cannot tell.
    async fn marked(&self, _backend: &Backend) -> Result<Option<Vec<String>>, Failure> {
        Ok(None)
    }

    /// The server ends in order: what must not go on without it is ended here.
    async fn end(&self) {}
}
