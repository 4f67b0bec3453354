//! What whoever operates a server is told about work: spans of traces, and a line in the log for each end.

use loggia_model::Micros;
use loggia_model::operation::Operation;
use tracing::Span;

/// The target of spans that are sent as traces and are no lines of the log.
pub const TRACES: &str = "loggia_trace";

/// The span of one attempt at an operation.
pub(crate) fn span(operation: &Operation, attempt: i64) -> Span {
    let Operation { id, instance_ref: instance, verb, driver, .. } = operation;
    let name = format!("operation {verb}");
    tracing::info_span!(target: TRACES, "operation", otel.name = name, operation = %id, instance, driver, attempt)
}

/// Writes the line about the end of an operation.
pub(crate) fn ended(operation: &Operation, failed: bool, now: Micros) {
    let Operation { id, instance_ref: instance, driver, attempt, requested_by, message, .. } = operation;
    let (verb, seconds) = (operation.verb, (now.0 - operation.created_at.0) / 1_000_000);
    if failed {
        tracing::warn!(operation = %id, instance, %verb, driver, attempt, seconds, requested_by, why = message, "operation failed");
    } else {
        tracing::info!(operation = %id, instance, %verb, driver, attempt, seconds, requested_by, "operation ended");
    }
}
