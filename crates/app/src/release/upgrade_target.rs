//! Where an upgrade leads: versions, inputs and the way between.

use crate::instance::driver::Secret;
use crate::instance::secret_input;
use crate::record::schema::secret_names;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{ReleaseSpec, Upgrade};
use serde_json::{Map, Value};

/// Where an instance goes, found and checked.
pub(crate) struct UpgradeTarget {
    pub(crate) spec: InstanceSpec,
    pub(crate) status: InstanceStatus,
    pub(crate) from: ReleaseSpec,
    pub(crate) to: ReleaseSpec,
    /// Inputs as they will be, without those that are secret there.
    pub(crate) inputs: Map<String, Value>,
    /// What is secret there and was not before.
    pub(crate) secrets: Vec<(String, Secret)>,
    /// Inputs of now that are secret there, under their names of now: nothing that is kept shall hold them in the clear.
    pub(crate) hidden: Vec<String>,
    pub(crate) way: Vec<ReleaseSpec>,
}

impl UpgradeTarget {
    /// With the inputs that are secret there taken out.
    pub(crate) fn new(
        mut spec: InstanceSpec,
        status: InstanceStatus,
        (from, to): (ReleaseSpec, ReleaseSpec),
        mut inputs: Map<String, Value>,
        way: Vec<ReleaseSpec>,
    ) -> UpgradeTarget {
        let contract = |release: &ReleaseSpec| Value::Object(release.contract.inputs.clone());
        let mut secrets = secret_input::take(&contract(&to), &mut inputs);
        // A secret that it has already stays what it is, whatever the default of the new contract says.
        let kept = secret_names(&contract(&from));
        secrets.retain(|(name, _)| !kept.contains(name));
        let hidden = secret_input::hide(&mut spec.inputs, &secret_names(&contract(&to)), &mut secrets);
        UpgradeTarget { spec, status, from, to, inputs, secrets, hidden, way }
    }

    /// How it is done; the way back is that of the version that it has.
    pub(crate) fn how(&self, back: bool) -> Upgrade {
        if back { &self.from } else { &self.to }.upgrade.clone().unwrap_or_default()
    }

    /// The name of the release.
    pub(crate) fn release(&self) -> String {
        format!("{}-{}", self.to.offering, self.to.version)
    }
}
