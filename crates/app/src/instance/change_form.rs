//! The form with which one changes what runs: what it has, and what may become another.

use crate::App;
use crate::access::caller::Caller;
use crate::error::Result;
use crate::instance::change_target::release_of;
use crate::instance::operation::is_free;
use crate::record::schema::secret_names;
use crate::record::visible;
use loggia_model::Ref;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::{OfferingSpec, Plan};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What something has that runs, and what of it may become another.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeForm {
    /// The instance.
    pub instance: Ref,
    /// Name of the offering.
    pub offering: String,
    /// The version that it has, and keeps.
    pub version: String,
    /// The plan that it has, as it was frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<FrozenPlan>,
    /// The plans that are offered now.
    pub plans: Vec<Plan>,
    /// JSON Schema of the inputs.
    pub schema: Value,
    /// What it has.
    pub inputs: Map<String, Value>,
    /// Names of inputs that are kept as secrets.
    pub secrets: Vec<String>,
    /// Names of inputs that stay as they were ordered.
    pub immutable: Vec<String>,
    /// Whether its inputs made what is its team's own since, so that only the plan may become another.
    pub only_plan: bool,
    /// Why nothing can be changed now; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
}

impl App {
    /// The form with which something is changed.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for what the caller does not see; [`crate::Error::Refused`] for what no driver of this
    /// platform made, or has no version yet.
    pub fn change_form(&self, caller: &Caller, instance: &Ref) -> Result<ChangeForm> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, instance)?;
        let (spec, status): (InstanceSpec, InstanceStatus) = (record.spec()?, record.typed_status()?);
        let release = release_of(&graph, &spec, &status)?;
        let offering = visible(&graph, &caller.audience, &Ref::new("offering", "default", &spec.offering)).ok();
        let offered = offering.and_then(|record| record.spec::<OfferingSpec>().ok());
        let blocked = is_free(&spec, &status, "change").err().map(|error| error.to_string());
        let schema = Value::Object(release.contract.inputs.clone());
        Ok(ChangeForm {
            instance: record.reference.clone(),
            offering: spec.offering,
            plan: spec.plan,
            plans: offered.map(|offered| offered.plans).unwrap_or_default(),
            inputs: spec.inputs,
            secrets: secret_names(&schema),
            immutable: release.contract.immutable().into_iter().map(str::to_owned).collect(),
            only_plan: self.is_of_its_team(instance),
            version: release.version,
            schema,
            blocked,
        })
    }
}
