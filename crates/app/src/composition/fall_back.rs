//! A way to another version on which a part failed: the whole keeps what it has, and its parts go back.

use super::advance::written;
use super::change::put_back;
use crate::command::Ctx;
use crate::command::changes::{Changes, Draft};
use crate::error::{Error, Result};
use crate::release::dry_run::release_spec;
use crate::release::upgrade_end::told;
use crate::release::upgrade_strategy::Move;
use loggia_graph::Graph;
use loggia_model::Record;
use loggia_model::composition::Held;
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::Operation;
use serde::Deserialize;

/// How something that is held is on its way to another version.
pub(super) fn moving(held: &Held) -> Option<Move> {
    Move::deserialize(held.work.get("move")?).ok()
}

/// The text and status of before, and what becomes of the parts.
///
/// # Errors
/// When a part cannot go back now.
pub(super) fn keep(
    graph: &Graph,
    record: &Record,
    (mut spec, mut status): (InstanceSpec, InstanceStatus),
    (moving, operation): (&Move, &Operation),
    ctx: &Ctx<'_>,
) -> Result<(Draft, Changes)> {
    let wanted = spec.target.replace(moving.earlier.release.clone()).unwrap_or_default();
    let missing = || Error::NotFound(format!("The release {wanted} is not there any more."));
    let given_up = release_spec(graph, &wanted).ok_or_else(missing)?;
    let parts = put_back(graph, record, (&mut spec, &mut status), (&given_up, &moving.earlier.inputs), ctx)?;
    spec.inputs.clone_from(&moving.earlier.inputs);
    if !moving.back {
        status.earlier = None;
    }
    status.phase = Phase::Ready;
    told(&mut status, operation, (&wanted, &moving.earlier.release), "NotBegun");
    Ok((written(record, &spec, &status)?, parts))
}
