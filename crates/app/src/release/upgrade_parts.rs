//! An upgrade of what is made of parts: new parts are made first, and what is no part any more goes last.

use crate::command::Ctx;
use crate::command::changes::{Changes, Draft};
use crate::composition::advance::{hold, needed_words};
use crate::composition::change::{Change, How, Wished};
use crate::composition::resolve::{in_range, number};
use crate::composition::{by_name, deadline, parts, read, whole_of};
use crate::error::{Error, Result};
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use crate::instance::secret_input;
use crate::release::upgrade::Upgrade;
use crate::release::upgrade_end::accepts;
use crate::release::upgrade_target::UpgradeTarget;
use loggia_graph::Graph;
use loggia_model::composition::Composition;
use loggia_model::instance::{Earlier, Phase};
use loggia_model::kinds::release::Strategy;
use loggia_model::operation::Verb;
use loggia_model::{Record, Ref, Uid};
use loggia_store::Due;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The parts of a composition that are there with some inputs.
fn names<'a>(composition: Option<&'a Composition>, inputs: &Map<String, Value>) -> Vec<&'a String> {
    let all = composition.into_iter().flat_map(|composition| &composition.parts);
    all.filter(|(_, part)| part.when.as_ref().is_none_or(|when| when.holds(inputs))).map(|(name, _)| name).collect()
}

impl UpgradeTarget {
    /// Whether its parts are chosen anew on the way.
    pub(super) fn recomposes(&self, back: bool) -> bool {
        let composed = self.from.composition.is_some() || self.to.composition.is_some();
        composed && self.how(back).strategy == Strategy::InPlace
    }

    /// What becomes of its parts, each in a sentence.
    pub(super) fn parts(&self, graph: &Graph, instance: &Ref) -> Vec<String> {
        let there = by_name(graph, instance, &self.spec.environment);
        let wanted = names(self.to.composition.as_ref(), &self.inputs);
        let shared = |name: &String| {
            let parts = self.to.composition.as_ref().map(|composition| &composition.parts);
            parts.and_then(|parts| parts.get(name)).is_some_and(|part| part.shared.is_some())
        };
        let mut all: Vec<String> = Vec::new();
        for name in &wanted {
            all.push(match (there.get(*name), shared(name)) {
                (Some(part), _) => format!("{name} stays: {}.", part.name()),
                (None, true) => format!("{name} is shared: it is made only if it is not there."),
                (None, false) => format!("{name} is made new, before anything else."),
            });
        }
        all.extend(self.leaving(&there).map(|(name, part)| {
            format!("{name} is taken away with all that is in it, once the rest is ready: {}.", part.name())
        }));
        all
    }

    /// The parts that are there and are none any more then.
    fn leaving<'a>(&self, there: &'a BTreeMap<String, Ref>) -> impl Iterator<Item = (&'a String, &'a Ref)> {
        let stays: Vec<String> = names(self.to.composition.as_ref(), &self.inputs).into_iter().cloned().collect();
        there.iter().filter(move |(name, _)| !stays.contains(name))
    }
}

impl Upgrade {
    /// Passes when the parts that a version names can be had from what is there.
    pub(super) fn parts_fit(&self, graph: &Graph, going: &UpgradeTarget) -> Result<()> {
        if !going.recomposes(self.back) {
            if going.from.composition == going.to.composition {
                return Ok(());
            }
            let message = format!("{} is made of other parts than {}.", going.to.version, going.from.version);
            let mend = "Make a new one beside it, move over, and destroy this one; or ask its owner for a release that \
                        is brought in place.";
            return Err(Error::refused("upgrade.parts", message, mend));
        }
        let there = by_name(graph, &self.instance, &going.spec.environment);
        for (name, part) in going.to.composition.iter().flat_map(|composition| &composition.parts) {
            let Some(record) = there.get(name).and_then(|there| graph.get(there)) else { continue };
            let (has, range) = (number(&read(record)?.0), part.version.as_deref().unwrap_or_default());
            if !range.is_empty() && !in_range(range, &has) {
                let message = format!("{} needs {name} with {range}, and it has {has}.", going.to.version);
                let (namespace, name) = (record.reference.namespace(), record.reference.name());
                let mend = format!("Bring that first: loggia upgrade instance/{namespace}/{name}.");
                return Err(Error::refused("composition.range", message, mend));
            }
        }
        let gone: Vec<&str> = going.leaving(&there).map(|(_, part)| part.name()).collect();
        if gone.is_empty() || self.confirmed {
            return Ok(());
        }
        let message =
            format!("The way to {} takes away {}, with all that is in it.", going.to.version, gone.join(", "));
        let mend = "Confirm that it may be lost, and send it again (in the API: \"confirmed\": true).";
        Err(Error::refused("instance.unconfirmed", message, mend))
    }

    /// Chooses the parts anew: what is new is made, what stays gets its inputs, and the whole begins when all are ready.
    pub(super) fn recompose(
        &self,
        graph: &Graph,
        record: &Record,
        going: UpgradeTarget,
        (id, by): (Uid, &str),
        ctx: &Ctx<'_>,
    ) -> Result<Changes> {
        let (name, moving) = (going.release(), self.moves(&going));
        let wished = self.wished(graph, record, &going, ctx)?;
        let UpgradeTarget { spec: before, mut status, from, to, hidden, .. } = going;
        let (mut next, mut changes) = (wished.spec, Changes::default());
        let driver = driver_of(graph, &next, &status)?;
        let place = (&*next.environment, &*driver);
        let (mut operation, mut work) = start(id, record.uid, &self.instance, Verb::Apply, place, ctx);
        by.clone_into(&mut operation.requested_by);
        work.payload = json!({"before": status.phase, "confirmed": self.confirmed, "move": moving});
        next.constraint = next.constraint.filter(|range| accepts(range, &to.version));
        next.target = Some(name.clone());
        if !self.back {
            status.earlier = Some(Earlier { release: status.applied.clone(), inputs: before.inputs });
        }
        (status.operation, status.phase, status.made_of) = (Some(id), Phase::Progressing, wished.made_of);
        if next.wiring.is_some() {
            hold(&mut status, &mut operation, &needed_words(&next), ctx);
            status.held.iter_mut().for_each(|held| held.work = work.payload.clone());
            changes.due.push(deadline(record.uid, ctx.now));
            changes.due.extend(whole_of(graph, record).map(|whole| deadline(whole.uid, ctx.now)));
        } else {
            changes.work.push(work);
        }
        changes.answer = json!({"instance": self.instance, "uid": record.uid, "operation": id});
        let mut text = record.parse();
        text.0["spec"] = serde_json::to_value(&next)?;
        let draft = Draft::new(record.uid, &text, record.source.clone()).with_status(&serde_json::to_value(&status)?);
        let event = if self.back { "instance.going-back" } else { "instance.upgrading" };
        changes.put(event, draft, json!({"operation": id, "from": from.version, "to": to.version, "release": name}));
        secret_input::seal(&mut changes, record.uid, &wished.secrets, ctx)?;
        secret_input::forget(&mut changes, record, &Map::new(), &hidden)?;
        changes.operations.push(operation);
        let own = |due: &Due| changes.due.iter().any(|known| known.key == due.key);
        let due: Vec<Due> = wished.parts.due.iter().filter(|due| !own(due)).cloned().collect();
        changes.absorb(Changes { due, ..wished.parts });
        Ok(changes)
    }

    /// What it is to be, with its parts.
    fn wished(&self, graph: &Graph, record: &Record, going: &UpgradeTarget, ctx: &Ctx<'_>) -> Result<Wished> {
        let (mut inputs, from) = (going.inputs.clone(), going.from.composition.as_ref());
        // Taken out again where it is decided, and sealed there.
        inputs.extend(going.secrets.iter().map(|(name, secret)| (name.clone(), secret.reveal().into())));
        let change = Change {
            record,
            to: Some(going.to.clone()),
            plan: None,
            inputs,
            wiring: Some(parts::outer(&going.spec, from)?),
            made_of: None,
            how: How { back: self.back, same: true },
            deployed: None,
        };
        change.wish(graph, (&going.spec, &going.status), ctx)
    }
}
