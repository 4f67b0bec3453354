//! What is no longer as it was made: making it right again by itself, where the offering says so.

use crate::command::Ctx;
use crate::command::changes::Changes;
use crate::error::Result;
use crate::estate::observation;
use crate::instance::operation;
use crate::instance::order::start;
use crate::release::offering;
use loggia_graph::{Audience, Graph};
use loggia_model::Record;
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::Drift;
use loggia_model::operation::Verb;
use loggia_model::time::SECOND;
use loggia_store::WorkClass;
use std::sync::Arc;

/// What is repaired by itself is left alone for so long afterwards, in microseconds.
const REPAIRED: i64 = 3_600 * SECOND;

/// How many instances are no longer as they were made.
pub(crate) fn count_drifted(graph: &Graph) -> i64 {
    let told = |record: &Arc<Record>| record.status.as_deref().is_some_and(|text| text.contains("\"Drifted\""));
    let drifted = |record: &Arc<Record>| record.typed_status().is_ok_and(|status| observation::has_drifted(&status));
    let count = graph.of_kind(&Audience::All, "instance").filter(told).filter(drifted).count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Whether what was seen is made right again by itself. What is lost is not: nobody knows what went with it.
pub(crate) fn repairs(graph: &Graph, record: &Record, status: &InstanceStatus, ctx: &Ctx<'_>) -> Result<bool> {
    let spec: InstanceSpec = record.spec()?;
    let drift = offering::drift(graph, &spec.offering);
    let lately = status.repaired.is_some_and(|at| ctx.now.0 - at.0 < REPAIRED);
    let ours = spec.step == Step::Managed && status.driver.is_empty() && status.phase == Phase::Ready;
    Ok(drift == Drift::Repair && ours && !lately && observation::has_drifted(status))
}

/// Begins to make it right again, behind everything that people and campaigns want.
pub(crate) fn repair(
    changes: &mut Changes,
    graph: &Graph,
    record: &Record,
    status: &mut InstanceStatus,
    ctx: &Ctx<'_>,
) -> Result<()> {
    let spec: InstanceSpec = record.spec()?;
    let driver = operation::driver_of(graph, &spec, status)?;
    let id = ctx.uid();
    let place = (&*spec.environment, &*driver);
    let (operation, mut work) = start(id, record.uid, &record.reference, Verb::Apply, place, ctx);
    work.class = WorkClass::Drift;
    changes.operations.push(operation);
    changes.work.push(work);
    (status.operation, status.phase, status.repaired) = (Some(id), Phase::Progressing, Some(ctx.now));
    Ok(())
}
