//! The way of inputs from the version that runs to another one: through all migrations in between, then against the
//! contract there.

use crate::error::{Error, Result};
use crate::record::schema::{Checker, fill_defaults, secret_names};
use crate::release::offering_versions::OfferingVersions;
use loggia_model::Problem;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::Version;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The way to one version.
pub(crate) struct InputMigration<'a> {
    versions: &'a OfferingVersions<'a>,
    to: &'a ReleaseSpec,
    version: Version,
    contract: Value,
    /// Without the demand for secrets, which are kept elsewhere.
    checker: Checker,
}

impl<'a> InputMigration<'a> {
    /// The way to a version, among those that stand beside it.
    ///
    /// # Errors
    /// When its contract cannot be used.
    pub(crate) fn new(versions: &'a OfferingVersions<'a>, to: &'a ReleaseSpec) -> Result<InputMigration<'a>> {
        let contract = Value::Object(to.contract.inputs.clone());
        let checker = Checker::lenient(&without_secrets(&contract)).map_err(|error| {
            let message = format!("The contract is not a valid JSON Schema: {error}");
            Error::invalid("contract.schema", "spec.contract.inputs", message, "Correct the contract of the release.")
        })?;
        let version = Version::parse(&to.version).ok_or_else(|| {
            Error::invalid(
                "release.version",
                "spec.version",
                format!("{:?} is not a version", to.version),
                "Correct it.",
            )
        })?;
        Ok(InputMigration { versions, to, version, contract, checker })
    }

    /// The inputs that something at a version would have here.
    ///
    /// # Errors
    /// What does not fit, and why.
    pub(crate) fn convert(
        &self,
        from: &ReleaseSpec,
        inputs: &Map<String, Value>,
    ) -> std::result::Result<Map<String, Value>, Vec<Problem>> {
        let mut inputs = self.migrated(from, inputs)?;
        fill_defaults(&self.contract, &mut inputs);
        let mut problems = self.checker.check(&Value::Object(inputs.clone()), "inputs");
        problems.extend(self.missing_secrets(from, &inputs));
        if problems.is_empty() { Ok(inputs) } else { Err(problems) }
    }

    fn migrated(
        &self,
        from: &ReleaseSpec,
        inputs: &Map<String, Value>,
    ) -> std::result::Result<Map<String, Value>, Vec<Problem>> {
        let Some(start) = Version::parse(&from.version) else { return Ok(inputs.clone()) };
        let mut between = self.versions.between(&start, Some(&self.version));
        if self.version > start && between.last().is_none_or(|(version, _)| **version != self.version) {
            between.push((&self.version, self.to.clone()));
        }
        // The versions whose inputs these may be: that which a migration led to, and those after it.
        let mut reached: Vec<&Version> = vec![&start];
        let mut inputs = inputs.clone();
        for (version, release) in &between {
            if let Some(migration) = &release.migration
                && reached.iter().any(|version| migration.understands(version))
            {
                inputs = migration.apply(&inputs)?;
                reached.clear();
            }
            reached.push(version);
        }
        Ok(inputs)
    }

    /// Secrets that are wanted here and were not asked for there: nobody can make them up.
    fn missing_secrets(&self, from: &ReleaseSpec, inputs: &Map<String, Value>) -> Vec<Problem> {
        let had: HashSet<String> = secret_names(&Value::Object(from.contract.inputs.clone())).into_iter().collect();
        let required = self.contract.get("required").and_then(Value::as_array).into_iter().flatten();
        let required: HashSet<&str> = required.filter_map(Value::as_str).collect();
        let new = secret_names(&self.contract).into_iter().filter(|name| required.contains(name.as_str()));
        let missing = new.filter(|name| !had.contains(name) && !inputs.contains_key(name));
        let problem = |name: String| {
            let mend = "Make the secret optional, or make a new one beside this one.";
            Problem::new(
                "contract.required",
                format!("inputs.{name}"),
                format!("the secret {name} was never given"),
                mend,
            )
        };
        missing.map(problem).collect()
    }
}

/// A contract that does not demand secrets.
fn without_secrets(contract: &Value) -> Value {
    let secrets: HashSet<String> = secret_names(contract).into_iter().collect();
    let mut contract = contract.clone();
    if let Some(required) = contract.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !secrets.contains(name)));
    }
    contract
}
