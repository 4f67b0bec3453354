//! What is no longer as it was made: making it right again by itself, where the offering says so.

use crate::command::Ctx;
use crate::command::changes::Changes;
use crate::error::Result;
use crate::estate::observation;
use crate::instance::operation;
use crate::instance::order::start;
use crate::release::offering;
use crate::rules::{Rules, Wanted};
use loggia_graph::{Audience, Graph};
use loggia_model::Record;
use loggia_model::instance::{Condition, InstanceStatus, Phase, Step, Verdict};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::offering::Drift;
use loggia_model::operation::Verb;
use loggia_model::time::SECOND;
use loggia_store::WorkClass;
use std::sync::Arc;

/// What is repaired by itself is left alone for so long afterwards, in microseconds.
const REPAIRED: i64 = 3_600 * SECOND;
/// The statement that a repair waits for the end of a freeze.
const WAITS: &str = "RepairWaits";

/// How many instances are no longer as they were made.
pub(crate) fn count_drifted(graph: &Graph) -> i64 {
    let told = |record: &Arc<Record>| record.status.as_deref().is_some_and(|text| text.contains("\"Drifted\""));
    let drifted = |record: &Arc<Record>| record.typed_status().is_ok_and(|status| observation::has_drifted(&status));
    let count = graph.of_kind(&Audience::All, "instance").filter(told).filter(drifted).count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Whether what was seen is made right again by itself. What is lost is not: nobody knows what went with it.
fn repairs(graph: &Graph, record: &Record, status: &InstanceStatus, ctx: &Ctx<'_>) -> Result<bool> {
    let spec: InstanceSpec = record.spec()?;
    let drift = offering::drift(graph, &spec.offering);
    let lately = status.repaired.is_some_and(|at| ctx.now.0 - at.0 < REPAIRED);
    let ours = spec.step == Step::Managed && status.driver.is_empty() && status.phase == Phase::Ready;
    Ok(drift == Drift::Repair && ours && !lately && observation::has_drifted(status))
}

/// Makes it right again, or says until which freeze that waits; the name of what happened.
pub(crate) fn mend(
    changes: &mut Changes,
    graph: &Graph,
    record: &Record,
    status: &mut InstanceStatus,
    ctx: &Ctx<'_>,
) -> Result<Option<&'static str>> {
    let waited = status.conditions.len();
    status.conditions.retain(|condition| condition.kind != WAITS);
    let waited = waited != status.conditions.len();
    if !repairs(graph, record, status, ctx)? {
        return Ok(None);
    }
    let spec: InstanceSpec = record.spec()?;
    let wanted = Wanted::of(graph, &spec);
    let Some(opening) = wanted.and_then(|wanted| Rules::of(graph, &spec.environment).thaw(&wanted, ctx.now)) else {
        repair(changes, graph, record, status, ctx)?;
        return Ok(Some("instance.repairing"));
    };
    let message = format!("It is not as it was made, and is made right again later. {}", opening.words());
    let (kind, reason) = (WAITS.to_owned(), "Frozen".to_owned());
    status.conditions.push(Condition { kind, status: Verdict::True, reason, message });
    Ok((!waited).then_some("instance.repair-put-off"))
}

/// Begins to make it right again, behind everything that people and campaigns want.
fn repair(
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
