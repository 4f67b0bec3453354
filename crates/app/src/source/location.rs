//! Locations: the entity that stands for a source in the catalog, and the places that people register to be read.
//!
//! A registered place is a record of its own, kept on this server. What is read there belongs to the origin
//! `location:<uid>`; the reading itself is in [`crate::source::places`].

use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::access::writing::may_write;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::record::prepare::prepare_at;
use crate::record::removal::{let_go, owned};
use crate::record::{live_dependants, visible};
use crate::source::source_location::standing;
use crate::source::sync::SyncSource;
use loggia_graph::{Audience, Graph};
use loggia_model::backstage::{LOCATION, ORIGIN_LOCATION};
use loggia_model::canonical::hex;
use loggia_model::{Document, Record, Ref, Source, Uid};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::sync::Arc;

/// The annotation of a registered place that was never read: the catalog does not show it yet.
pub const UNREAD: &str = "loggia.dev/unread";
/// The path within the server's own records that marks a registered place. No document can set it, so whoever may
/// write the text of a place does not get at the mark.
const REGISTERED: &str = "registered";
/// The same for a place that an administrator registered.
const TRUSTED: &str = "registered-by-administrator";

/// The name that Backstage gives the Location of a registered place: a digest of `type:target`.
pub fn generated_name(kind: &str, target: &str) -> String {
    format!("generated-{}", hex(&Sha1::digest(format!("{kind}:{target}"))))
}

pub(crate) fn entity(name: &str, kind: &str, target: &str) -> Value {
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": kind, "target": target},
    })
}

/// A registered place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Identity.
    pub id: Uid,
    /// `url`.
    pub kind: String,
    /// The address.
    pub target: String,
    /// The Location that stands for it in the catalog.
    pub reference: Ref,
    /// Whether an administrator registered it at this address: then it may bring what gives rights.
    pub trusted: bool,
}

impl Registered {
    fn of(record: &Record) -> Option<Registered> {
        let trusted = &*record.source.path == TRUSTED;
        let here = record.source.is_server() && (trusted || &*record.source.path == REGISTERED);
        let document = here.then(|| record.parse())?;
        Some(Registered {
            id: record.uid,
            kind: document.spec_text("type").to_owned(),
            target: document.spec_text("target").to_owned(),
            reference: record.reference.clone(),
            trusted,
        })
    }

    /// The place at which a record is read: itself when it is a registered one, else where its text comes from.
    pub fn reading(record: &Record) -> Option<Uid> {
        let from = || record.source.origin.strip_prefix("location:")?.parse().ok();
        Registered::of(record).map(|place| place.id).or_else(from)
    }

    /// The origin of what is read there.
    pub fn origin(&self) -> String {
        format!("location:{}", self.id)
    }
}

/// The registered places that the audience may see, in order of identity.
pub fn registered(graph: &Graph, audience: &Audience) -> Vec<Registered> {
    let mut list: Vec<_> = graph.of_kind(audience, "location").filter_map(|record| Registered::of(&record)).collect();
    list.sort_unstable_by_key(|one| one.id);
    list
}

/// A registered place by its identity.
///
/// # Errors
/// [`Error::NotFound`] in the words of Backstage.
pub fn find(graph: &Graph, audience: &Audience, id: &str) -> Result<Registered> {
    let record = id.parse::<Uid>().ok().and_then(|uid| graph.by_uid(uid)).filter(|one| graph.visible(audience, one));
    let found = record.and_then(|record| Registered::of(record));
    found.ok_or_else(|| Error::NotFound(format!("Found no location with ID {id}")))
}

/// The Locations that an entity came by, itself first.
pub fn ancestors(graph: &Graph, audience: &Audience, record: &Arc<Record>) -> Vec<Arc<Record>> {
    let mut chain = vec![Arc::clone(record)];
    while let Some(parent) = chain.last().and_then(|last| parent(graph, audience, last)) {
        if chain.iter().any(|known| known.uid == parent.uid) {
            break;
        }
        chain.push(parent);
    }
    chain
}

/// The Location that names the file of a record, else the one that was registered.
fn parent(graph: &Graph, audience: &Audience, record: &Record) -> Option<Arc<Record>> {
    let document = record.parse();
    let (place, origin) = (document.annotation(LOCATION), document.annotation(ORIGIN_LOCATION));
    let (kind, target) = origin.split_once(':')?;
    if place != origin {
        let siblings = graph.of_kind(audience, "location").filter(|one| one.source.origin == record.source.origin);
        let mut naming = siblings.filter(|one| names(&one.parse(), place));
        if let Some(found) = naming.next() {
            return Some(found);
        }
    }
    // Who reads it is known for good; its address may be another by now.
    let read_by = || graph.by_uid(record.source.origin.strip_prefix("location:")?.parse().ok()?).cloned();
    let named = || graph.get(&Ref::new("location", "default", &generated_name(kind, target))).cloned();
    let root = standing(graph, &record.source.origin).or_else(read_by).or_else(named);
    root.filter(|one| one.uid != record.uid && graph.visible(audience, one))
}

/// Whether a Location has a file among its targets.
fn names(location: &Document, place: &str) -> bool {
    let base = location.annotation(LOCATION).split_once(':').map_or("", |(_, target)| target);
    let wanted = place.split_once(':').map_or("", |(_, target)| target);
    targets(location).any(|target| crate::source::fetch::beside(base, target).as_deref() == Some(wanted))
}

/// The targets of a Location.
pub fn targets(location: &Document) -> impl Iterator<Item = &str> {
    let one = location.spec_text("target");
    [one].into_iter().filter(|target| !target.is_empty()).chain(location.spec_list("targets"))
}

/// Registers a place, or gives it another address.
pub struct Register {
    /// The place to change; a new one when absent.
    pub id: Option<String>,
    /// `url`.
    pub kind: String,
    /// The address.
    pub target: String,
    /// A place that is registered already is fine.
    pub known_is_fine: bool,
}

impl Command for Register {
    fn name(&self) -> &'static str {
        "location.register"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Register, &Subject::default())?;
        let trusted = trusts(ctx);
        let before = self.id.as_deref().map(|id| find(graph, &Audience::All, id)).transpose()?;
        let same = |one: &Registered| one.kind == self.kind && one.target == self.target;
        if let Some(known) = registered(graph, &Audience::All).into_iter().find(same) {
            let itself = before.is_some_and(|before| before.id == known.id);
            if !itself && !self.known_is_fine {
                return Err(Error::Conflict(format!("Location {}:{} already exists", self.kind, self.target)));
            }
            let mut changes = Changes::answer(json!(known.id));
            if trusted && !known.trusted {
                trust(&mut changes, graph, &known);
            }
            return Ok(changes);
        }
        guarded(before.as_ref(), ctx)?;
        let (uid, name, verb) = match &before {
            Some(before) => (before.id, before.reference.name().to_owned(), "location.changed"),
            None => (ctx.uid(), self.free_name(graph), "location.registered"),
        };
        let unread = before.is_none() || graph.by_uid(uid).is_some_and(|record| record.document.contains(UNREAD));
        let mut changes = Changes::answer(json!(uid));
        changes.put(verb, self.draft(uid, &name, unread, trusted)?, json!({"trusted": trusted}));
        Ok(changes)
    }
}

/// Refuses to move or take out what an administrator registered, for whoever may not do that: what it brought gives
/// rights, and goes with it.
fn guarded(place: Option<&Registered>, ctx: &Ctx<'_>) -> Result<()> {
    match place.is_some_and(|place| place.trusted) {
        true => ctx.require(Action::Administer, &Subject::default()),
        false => Ok(()),
    }
}

/// Whether a place that is registered now may bring what gives rights.
fn trusts(ctx: &Ctx<'_>) -> bool {
    ctx.require(Action::Administer, &Subject::default()).is_ok()
}

/// Marks a known place as one that an administrator registered.
fn trust(changes: &mut Changes, graph: &Graph, known: &Registered) {
    if let Some(record) = graph.by_uid(known.id) {
        let draft = Draft { source: Source::at("server", TRUSTED), ..Draft::of(record) };
        changes.put("location.trusted", draft, Value::Null);
    }
}

impl Register {
    /// Adds it as a new place, for a command that has been allowed already. Nobody vouches for what it brings.
    pub(crate) fn add(&self, changes: &mut Changes, graph: &Graph, ctx: &Ctx<'_>) -> Result<()> {
        changes.put("location.registered", self.draft(ctx.uid(), &self.free_name(graph), true, false)?, Value::Null);
        Ok(())
    }

    /// The generated name; another one when a place had this address before and still has the name.
    fn free_name(&self, graph: &Graph) -> String {
        let name = |number: usize| match number {
            0 => generated_name(&self.kind, &self.target),
            _ => generated_name(&self.kind, &format!("{}#{number}", self.target)),
        };
        let free = |name: &String| graph.get(&Ref::new("location", "default", name)).is_none();
        (0..).map(name).find(free).unwrap_or_default()
    }

    /// The record of a place at this address.
    pub(crate) fn draft(&self, uid: Uid, name: &str, unread: bool, trusted: bool) -> Result<Draft> {
        let mut document = entity(name, &self.kind, &self.target);
        if unread {
            document["metadata"]["annotations"] = json!({UNREAD: "true"});
        }
        let place = format!("{}:{}", self.kind, self.target);
        let prepared = prepare_at(document, "", Some(&place)).map_err(Error::Invalid)?;
        let mark = if trusted { TRUSTED } else { REGISTERED };
        Ok(Draft::new(uid, &prepared.document(), Source::at("server", mark)))
    }
}

/// Takes a registered place out, with everything that was read there and that nothing runs on.
pub struct Unregister {
    /// Which.
    pub id: String,
}

impl Command for Unregister {
    fn name(&self) -> &'static str {
        "location.unregister"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Register, &Subject::default())?;
        let place = find(graph, &Audience::All, &self.id)?;
        guarded(Some(&place), ctx)?;
        let mut changes = Changes::answer(Value::Null);
        take_out(&mut changes, graph, &place);
        Ok(changes)
    }
}

/// Refuses to write or delete the record of a registered place: it stands for what was read there.
pub(crate) fn not_registered(record: &Record) -> Result<()> {
    match Registered::of(record) {
        None => Ok(()),
        Some(place) => Err(Error::refused(
            "location.registered",
            format!("{} stands for the registered place {}.", place.reference, place.target),
            "Register another address, or take the place out where it was registered.",
        )),
    }
}

/// Removes a place with everything that was read there and that nothing runs on.
pub(crate) fn take_out(changes: &mut Changes, graph: &Graph, place: &Registered) {
    let_go(graph, &owned(graph, &place.origin()), changes);
    changes.remove("location.unregistered", place.id, Value::Null);
}

/// Takes over what was read at a registered place, unless it was taken out or given another address meanwhile.
pub struct TakeOver {
    /// The place as it was when it was read.
    pub place: Registered,
    /// What was read.
    pub sync: SyncSource,
}

impl Command for TakeOver {
    fn name(&self) -> &'static str {
        "location.sync"
    }

    fn needs(&self, graph: &Graph, caller: &Caller) -> Vec<Need> {
        self.sync.needs(graph, caller)
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let now = graph.by_uid(self.place.id).and_then(|record| Registered::of(record));
        match now.is_some_and(|now| now == self.place) {
            true => self.sync.decide(graph, facts, ctx),
            false => Ok(Changes::default()),
        }
    }
}

/// Notes how reading a registered place went.
pub struct NoteReading {
    /// Which.
    pub id: Uid,
    /// Whether the place itself could be read.
    pub read: bool,
    /// Why it, or a part of it, could not be read; none when all could.
    pub failure: Option<String>,
}

/// The condition of a Location that cannot be read.
pub const UNREADABLE: &str = "Unreadable";

/// The reason of that condition where the place itself was read, and not all in it was taken.
pub const IN_PART: &str = "NotAllTaken";

impl Command for NoteReading {
    fn name(&self) -> &'static str {
        "location.note"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let mut changes = Changes::default();
        let Some(before) = graph.by_uid(self.id) else { return Ok(changes) };
        let mut document = before.parse();
        if self.read
            && let Some(annotations) = document.0.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
        {
            annotations.remove(UNREAD);
        }
        let draft = Draft::new(before.uid, &document, before.source.clone());
        let draft = match &self.failure {
            None => draft,
            Some(message) => draft.with_status(&json!({"conditions": [
                {"type": UNREADABLE, "status": "True", "reason": if self.read { IN_PART } else { "NotRead" }, "message": message}
            ]})),
        };
        if *draft.document != *before.document || draft.status.as_deref() != before.status.as_deref() {
            let verb = if self.failure.is_none() { "location.read" } else { "location.unreadable" };
            changes.put(verb, draft, Value::Null);
        }
        Ok(changes)
    }
}

/// Removes one entity of the catalog, whoever keeps its text: what a source still describes comes back with its next
/// reading, as itself.
pub struct Forget {
    /// Which.
    pub uid: Uid,
}

impl Command for Forget {
    fn name(&self) -> &'static str {
        "entity.forget"
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let Some(record) = graph.by_uid(self.uid).filter(|record| graph.visible(&ctx.caller.audience, record)) else {
            return Ok(Changes::default());
        };
        may_write(graph, Some(&record.parse()), None, |action, subject| ctx.require(action, subject))?;
        if let Some(place) = Registered::of(record) {
            return Unregister { id: place.id.to_string() }.decide(graph, facts, ctx);
        }
        if record.reference.kind() == "instance" {
            let mend = format!("Destroy it: loggia delete {}", record.reference);
            return Err(Error::refused("instance.delete", "What runs is not removed by forgetting it.", mend));
        }
        let users = live_dependants(graph, &record.reference);
        if !users.is_empty() {
            let named = users.iter().find(|user| visible(graph, &ctx.caller.audience, user).is_ok());
            let by = named.map(|user| format!(", by {user} for one")).unwrap_or_default();
            let message = format!("{} is still used{by}.", record.reference);
            return Err(Error::refused("record.in-use", message, "Take away what uses it first."));
        }
        let mut changes = Changes::default();
        let verb = if record.source.is_server() { "deleted" } else { "forgotten" };
        changes.remove(&format!("{}.{verb}", record.reference.kind()), record.uid, Value::Null);
        Ok(changes)
    }
}
