//! What a driver can be asked, and how long the answer may take.

use std::time::Duration;

/// A call of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`super::Driver::probe`]
    Probe,
    /// [`super::Driver::plan`]
    Plan,
    /// [`super::Driver::apply`]
    Apply,
    /// [`super::Driver::observe`]
    Observe,
    /// [`super::Driver::import`]
    Import,
    /// [`crate::instance::change_request::Merges::propose`]
    Propose,
    /// [`super::Driver::destroy`]
    Destroy,
    /// [`crate::instance::instance_access::contract::Grants::grant`]
    Grant,
    /// [`crate::instance::instance_access::contract::Grants::revoke`]
    Revoke,
}

impl Call {
    /// The name of its step.
    pub fn name(self) -> &'static str {
        match self {
            Call::Probe => "probe",
            Call::Plan => "plan",
            Call::Apply => "apply",
            Call::Observe => "observe",
            Call::Import => "import",
            Call::Propose => "propose",
            Call::Destroy => "destroy",
            Call::Grant => "grant",
            Call::Revoke => "revoke",
        }
    }

    /// How long it may take, where neither driver nor recipe say otherwise.
    pub fn usual_patience(self) -> Duration {
        match self {
            Call::Probe => Duration::from_secs(30),
            Call::Plan | Call::Observe | Call::Import | Call::Grant | Call::Revoke => Duration::from_secs(300),
            Call::Apply | Call::Destroy | Call::Propose => Duration::from_secs(1_800),
        }
    }
}
