//! Reading the facts that commands ask for, under the lock of the writer.

use crate::command::{Facts, Need};
use loggia_model::{Day, Micros, Record, Ref, Uid};
use loggia_store::{Batch, Gone, SecretRow, StoreError, UsageFilter, WriteTx};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Reads facts as they are with what the commands before this one in the batch will write.
pub(crate) async fn read_facts(tx: &mut WriteTx, needs: &[Need], batch: &Batch) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    let seen = |need: &Need| if let Need::LastSeen(uid) = need { Some(*uid) } else { None };
    let seen: HashSet<Uid> = needs.iter().filter_map(seen).collect();
    if !seen.is_empty() {
        let uids: Vec<Uid> = seen.iter().copied().collect();
        let written = tx.sightings_of(&uids).await?;
        for sighting in written.iter().chain(batch.sightings.iter().filter(|sighting| seen.contains(&sighting.uid))) {
            let last = facts.seen.entry(sighting.uid).or_insert(sighting.last_seen);
            *last = sighting.last_seen.max(*last);
        }
    }
    facts.past = past(tx, needs, batch).await?;
    facts.gone = gone(tx, needs, batch).await?;
    facts.secrets = secrets(tx, needs, batch).await?;
    for need in needs {
        match need {
            Need::Held { work, subject, fence } => {
                let rows = tx.work_of(*subject).await?;
                if rows.iter().any(|row| row.id == *work && row.fence == *fence && row.lease_owner.is_some()) {
                    facts.held.push(need.clone());
                }
            }
            Need::Unmatched(most) => {
                let written = tx.unmatched(*most).await?.into_iter().map(|row| row.key);
                facts.unmatched.extend(written.chain(batch.unmatched.iter().map(|row| row.key.clone())));
                facts.unmatched.retain(|key| !batch.matched.contains(key));
            }
            Need::Ties { issuer, subject, person } => {
                facts.ties.extend(tx.tie(issuer, subject).await?);
                if let Some(uid) = person {
                    facts.ties.extend(tx.tie_of(issuer, *uid).await?);
                }
            }
            Need::Due(key) => {
                let written = batch.due.iter().rev().find(|due| due.key == *key).cloned();
                let due = match written {
                    Some(due) => Some(due),
                    None if batch.due_removals.contains(key) => None,
                    None => tx.due(key).await?,
                };
                facts.due.extend(due.map(|due| (key.clone(), due)));
            }
            Need::Uses { offering, from_day } => {
                let filter = UsageFilter {
                    offering: Some(offering.clone()),
                    from_day: Some(*from_day),
                    ..UsageFilter::default()
                };
                let found = tx.uses(&filter).await?;
                let known = facts.uses.entry(offering.clone()).or_default();
                if found.len() > known.len() {
                    *known = found;
                }
            }
            Need::Items(record) => {
                let written = batch.items.iter().filter(|item| item.record == *record).cloned();
                let all = tx.items_of(*record).await?.into_iter().chain(written);
                facts.items.insert(*record, all.map(|item| (item.about, item)).collect());
            }
            Need::Edits(source) => {
                let mut open = tx.open_edits(source).await?;
                // What the batch will write is newer, whether it opens a change or settles one.
                for edit in batch.edits.iter().filter(|edit| edit.source == *source) {
                    open.retain(|known| known.id != edit.id);
                    open.extend(edit.settled.is_none().then(|| edit.clone()));
                }
                facts.edits.insert(source.clone(), open);
            }
            Need::Features { offering, from_day } => {
                let found = tx.feature_uses(offering, Day(*from_day).start()).await?;
                let known = facts.features.entry(offering.clone()).or_default();
                if found.len() > known.len() {
                    *known = found;
                }
            }
            Need::LastSeen(_) | Need::Past(_) | Need::Gone(_) | Need::Secret { .. } => {}
        }
    }
    Ok(facts)
}

/// The last texts under the names that are asked for.
async fn past(tx: &mut WriteTx, needs: &[Need], batch: &Batch) -> Result<HashMap<Ref, Record>, StoreError> {
    let name = |need: &Need| if let Need::Past(name) = need { Some(name.clone()) } else { None };
    let names: HashSet<Ref> = needs.iter().filter_map(name).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let list: Vec<Ref> = names.iter().cloned().collect();
    let kept = tx.last_texts(&list).await?.into_iter();
    // What the batch will write is newer, and its last text comes last.
    let written = batch.puts.iter().filter(|put| names.contains(&put.reference)).cloned();
    Ok(kept.chain(written).map(|record| (record.reference.clone(), record)).collect())
}

/// The sealed secrets that are asked for.
async fn secrets(
    tx: &mut WriteTx,
    needs: &[Need],
    batch: &Batch,
) -> Result<HashMap<(Uid, String), SecretRow>, StoreError> {
    let mut found = HashMap::new();
    for need in needs {
        let Need::Secret { uid, field } = need else { continue };
        let written = batch.secrets.iter().rev().find(|row| row.uid == *uid && row.field == *field).cloned();
        let row = match written {
            Some(row) => Some(row),
            None => tx.secret(*uid, field).await?,
        };
        found.extend(row.map(|row| ((*uid, field.clone()), row)));
    }
    Ok(found)
}

/// Until when what had one of the names was there. A removal that was reported says when that was.
async fn gone(tx: &mut WriteTx, needs: &[Need], batch: &Batch) -> Result<HashMap<Ref, Micros>, StoreError> {
    let name = |need: &Need| if let Need::Gone(name) = need { Some(name.clone()) } else { None };
    let names: HashSet<Ref> = needs.iter().filter_map(name).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let list: Vec<Ref> = names.iter().cloned().collect();
    let kept = tx.removals(&list).await?.into_iter();
    let written = batch.removals.iter().filter(|gone| names.contains(&gone.reference)).map(|gone| {
        let event = batch.events.iter().find(|event| event.position == gone.position);
        let data = event.map_or(Value::Null, |event| event.data.clone());
        Gone { reference: gone.reference.clone(), time: gone.time, data }
    });
    let until = |gone: &Gone| {
        let said = gone.data.get("at").and_then(|at| serde_json::from_value(at.clone()).ok());
        said.unwrap_or(gone.time)
    };
    Ok(kept.chain(written).map(|gone| (gone.reference.clone(), until(&gone))).collect())
}
