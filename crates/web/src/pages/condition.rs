//! What is said of an instance: its conditions in words.

use super::visit::Visit;
use super::words;
use loggia_app::estate::observation;
use loggia_app::release::offering;
use loggia_model::instance::{Condition, InstanceStatus, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::Drift;

/// A statement about it.
pub struct ConditionLine {
    pub state: &'static str,
    pub word: String,
    pub text: String,
}

/// Whether its team is asked to have it made right again.
pub fn asks(visit: &Visit, spec: &InstanceSpec, status: &InstanceStatus) -> bool {
    observation::has_drifted(status) && offering::drift(&visit.graph, &spec.offering) == Drift::Ask
}

/// One statement in words.
pub fn condition(condition: &Condition) -> ConditionLine {
    // Most statements say that something is as it should be; these say the opposite.
    let warning = matches!(
        condition.kind.as_str(),
        "SourceGone" | "UpgradeFailed" | "ChangeFailed" | "Drifted" | "Unused" | "Deprecated"
    );
    let state = match (condition.status, warning) {
        (Verdict::Unknown, _) => "unknown",
        (Verdict::True, false) | (Verdict::False, true) => "ok",
        (Verdict::True, true) => "warn",
        (Verdict::False, false) => "bad",
    };
    let name = words::spaced(&condition.kind);
    let word = if condition.status == Verdict::False { format!("not {name}") } else { name };
    ConditionLine { state, word, text: condition.message.clone() }
}
