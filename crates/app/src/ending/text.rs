//! What the text of an ending may say, and how it may change: as a command that moves it.

use super::{Found, rule, stage};
use crate::error::{Error, Result};
use crate::record::prepare::Prepared;
use crate::release::offering::publication;
use loggia_graph::Graph;
use loggia_model::ending::steps::{By, Ending};
use loggia_model::kinds::EndingSpec;
use loggia_model::{EndingState, EndingStatus, Micros, Publication, Record};
use std::sync::Arc;

/// Checks the text of a new ending against what is there.
///
/// # Errors
/// [`Error::Invalid`] for an unknown rule, [`Error::Refused`] for a replacement that is less settled.
pub(crate) fn begin(graph: &Graph, prepared: &Prepared) -> Result<()> {
    if prepared.kind != "Ending" {
        return Ok(());
    }
    let spec = spec(prepared)?;
    rule(graph, &spec)?;
    replaces(graph, &spec)
}

/// Checks another text of an ending: what people were told moves later only.
///
/// # Errors
/// As [`begin`], and [`Error::Refused`] for what people were told.
pub(crate) fn change(graph: &Graph, before: &Record, prepared: &Prepared, now: Micros) -> Result<()> {
    if prepared.kind != "Ending" {
        return Ok(());
    }
    begin(graph, prepared)?;
    let (Some(old), new) = (Found::read(&Arc::new(before.clone())), spec(prepared)?) else { return Ok(()) };
    let state = old.state(now);
    if state == EndingState::Draft || old.spec == new {
        return Ok(());
    }
    let about = |spec: &EndingSpec| {
        (spec.subject_ref(), spec.plan.clone(), spec.feature.clone(), spec.rule.clone(), spec.preset.clone())
    };
    if about(&old.spec) != about(&new) {
        let mend = "Plan another ending for something else.";
        return Err(Error::refused("ending.told", "People were told what goes away, and by which rule.", mend));
    }
    if old.spec.dates != new.dates {
        let ending = plan(graph, &old)?;
        ending.shift(new.dates, By { who: "", at: now }, None).map_err(Error::Refused)?;
    }
    Ok(())
}

/// Why the record of an ending stays, whatever becomes of its text: people were told.
pub(crate) fn holds(record: &Record) -> bool {
    record.reference.kind() == "ending"
        && record.typed_status::<EndingStatus>().is_ok_and(|status| status.announced.is_some())
}

/// An ending as a decision finds it.
pub(crate) fn plan(graph: &Graph, found: &Found) -> Result<Ending> {
    let subject = found.spec.subject_ref();
    Ok(Ending {
        dates: found.spec.dates.clone(),
        status: found.status.clone(),
        rule: rule(graph, &found.spec)?,
        stage: subject.and_then(|subject| stage(graph, &subject)).unwrap_or_default(),
    })
}

fn spec(prepared: &Prepared) -> Result<EndingSpec> {
    Ok(serde_json::from_value(prepared.document().spec().cloned().unwrap_or_default())?)
}

/// Something at least as settled has to be there before the old one goes.
fn replaces(graph: &Graph, spec: &EndingSpec) -> Result<()> {
    let (Some(subject), Some(other)) = (spec.subject_ref(), spec.replacement_ref()) else { return Ok(()) };
    let refused = |message: String| {
        let mend = "Name something that is at least as settled, or `none` when nothing replaces it.";
        Err(Error::refused("ending.replacement", message, mend))
    };
    let draft = graph.get(&other).filter(|record| record.reference.kind() == "release");
    if draft.is_some_and(|record| publication(record) != Publication::Published) {
        return refused(format!("{} is not published.", other.name()));
    }
    match (stage(graph, &subject), stage(graph, &other)) {
        (Some(old), Some(new)) if new < old => {
            refused(format!("{} is less settled than {}.", other.name(), subject.name()))
        }
        _ => Ok(()),
    }
}
