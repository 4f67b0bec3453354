//! Writing and removing records through the doors, and reading them.

pub mod check;
pub mod files;
pub mod history;
pub(crate) mod misspelt;
pub mod prepare;
pub(crate) mod recipes;
pub mod removal;
pub(crate) mod rings;
pub mod schema;
pub(crate) mod suggestion;
pub mod team;
pub(crate) mod unseen;
pub mod warnings;

use crate::App;
use crate::access::caller::Caller;
use crate::access::writing::{may_create, may_write};
use crate::command::changes::{Changes, Draft};
use crate::command::diff::differences;
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::estate::exported_status::ExportedStatus;
use crate::record::prepare::Prepared;
use crate::record::warnings::field_of;
use crate::release::offering::releases;
use crate::release::publication::{self, Publishing, only_said};
use crate::source::location::not_registered;
use loggia_graph::{Audience, Graph};
use loggia_model::{Kind, Micros, Problem, Record, Ref, ReleaseStatus, Source, Uid, canonical};
use serde_json::{Value, json};
use std::sync::Arc;

/// Writes records: new ones, or another text for those that the server owns.
pub struct Apply {
    /// What to write, in order.
    pub prepared: Vec<Prepared>,
    /// The tag that the only record must have now; another one is a conflict.
    pub if_match: Option<String>,
    /// Decide, but write nothing.
    pub dry_run: bool,
}

impl Command for Apply {
    fn name(&self) -> &'static str {
        "record.apply"
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        publication::needs(graph, &self.prepared)
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(self.prepared.len());
        // Later documents may refer to earlier ones of the same call.
        let mut seen = graph.clone();
        for prepared in &self.prepared {
            let before = seen.get(&prepared.reference).cloned();
            let what = self.decide_one(&mut changes, (&seen, facts), before.as_deref(), prepared, ctx)?;
            let old = before.as_deref().map_or(Value::Null, |before| before.parse().0);
            let diff = if what == "unchanged" { Vec::new() } else { differences(&old, &prepared.document().0) };
            let mut answer = json!({"ref": prepared.reference, "result": what, "etag": prepared.etag, "diff": diff});
            if let Some(warning) = only_said(before.as_deref(), prepared) {
                answer["warnings"] = json!([warning]);
            }
            answers.push(answer);
            if let Some(change) = changes.entries.last().and_then(|entry| entry.as_graph_change(ctx.now)) {
                seen.apply(&[change]);
            }
        }
        let problems = missing_references(&self.prepared, graph, |target| is_seen(&seen, &ctx.caller.audience, target));
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        changes.answer = Value::Array(answers);
        if self.dry_run {
            return Ok(Changes::answer(changes.answer));
        }
        Ok(changes)
    }
}

impl Apply {
    fn decide_one(
        &self,
        changes: &mut Changes,
        (graph, facts): (&Graph, &Facts),
        before: Option<&Record>,
        prepared: &Prepared,
        ctx: &Ctx<'_>,
    ) -> Result<&'static str> {
        // Rights come first, so that who may not write does not learn what is there.
        let shown = before.filter(|before| graph.visible(&ctx.caller.audience, before)).map(Record::parse);
        let after = prepared.document();
        may_write(graph, shown.as_ref(), Some(&after), |action, subject| ctx.require(action, subject))?;
        if shown.is_none() {
            may_create(ctx.caller, &after)?;
        }
        let (audience, now) = (&ctx.caller.audience, ctx.now);
        let publishing =
            Publishing { graph, beside: &self.prepared, facts, recipes: ctx.recipes, now, audience, accepts: false };
        let Some(before) = before else {
            if self.if_match.is_some() {
                return Err(Error::Conflict(format!("There is no {} to change any more.", prepared.reference)));
            }
            let status = publishing.begin(prepared)?;
            let draft = new_draft(ctx.uid(), prepared, Source::server(), status.as_ref())?;
            changes.put(&format!("{}.applied", prepared.reference.kind()), draft, Value::Null);
            return Ok("created");
        };
        if shown.is_none() {
            // The same words whatever it is and whose: what may not be seen is not told.
            return Err(Error::Conflict(format!("The name {} cannot be used. Choose another.", prepared.reference)));
        }
        if self.if_match.as_deref().is_some_and(|tag| tag != &*before.etag) {
            return Err(Error::Conflict(format!(
                "{} was changed meanwhile. Read it again, then make your change.",
                prepared.reference
            )));
        }
        if before.document == prepared.text {
            return Ok("unchanged");
        }
        owned_here(before)?;
        let status = publishing.change(before, prepared)?;
        ordered(before)?;
        not_registered(before)?;
        let draft = changed_draft(before, prepared, Source::server(), status.as_ref())?;
        changes.put(&format!("{}.applied", prepared.reference.kind()), draft, Value::Null);
        Ok("changed")
    }
}

/// A draft for a record that is new; `release` is the status with which a release begins.
pub(crate) fn new_draft(
    uid: Uid,
    prepared: &Prepared,
    source: Source,
    release: Option<&ReleaseStatus>,
) -> Result<Draft> {
    let mut status = match (release, ExportedStatus::of(prepared)) {
        (Some(release), _) => serde_json::to_value(release)?,
        (None, Some(exported)) => serde_json::to_value(exported.status())?,
        (None, None) => json!({}),
    };
    if !prepared.files.is_empty() {
        status["files"] = json!(prepared.files);
    }
    let filled = status.as_object().is_some_and(|map| !map.is_empty());
    let status = filled.then(|| canonical::to_string(&status));
    Ok(Draft {
        uid,
        reference: prepared.reference.clone(),
        document: Arc::clone(&prepared.text),
        status,
        etag: prepared.etag.clone(),
        source,
        returning: None,
    })
}

/// A draft with another text for a record that is there; `release` is the status that a release has then.
pub(crate) fn changed_draft(
    before: &Record,
    prepared: &Prepared,
    source: Source,
    release: Option<&ReleaseStatus>,
) -> Result<Draft> {
    let draft = Draft::of(before);
    let mut status = release.map_or_else(|| Ok(before.parse_status()), serde_json::to_value)?;
    if files::of(before) != prepared.files {
        if !status.is_object() {
            status = json!({});
        }
        status["files"] = json!(prepared.files);
    }
    let status = status.is_object().then(|| canonical::to_string(&status));
    Ok(Draft {
        status,
        reference: prepared.reference.clone(),
        document: Arc::clone(&prepared.text),
        etag: prepared.etag.clone(),
        source,
        ..draft
    })
}

/// Refuses to change here what is kept elsewhere.
pub(crate) fn owned_here(record: &Record) -> Result<()> {
    if record.source.is_server() {
        return Ok(());
    }
    if let Some(url) = record.source.origin.strip_prefix("catalog:") {
        return Err(Error::refused(
            "source.elsewhere",
            format!("{} comes from the catalog {url}.", record.reference),
            "Change it there; it is taken over within seconds.",
        ));
    }
    let place = record.source.file();
    let origin = record.source.origin.split_once(':').map_or(&*record.source.origin, |(_, rest)| rest);
    Err(Error::refused(
        "source.elsewhere",
        format!("{} is kept in {origin}, file {place}.", record.reference),
        "Change it there; it is taken over within seconds.",
    ))
}

/// The text of what is managed follows from its order, and changes with it only.
fn ordered(before: &Record) -> Result<()> {
    let managed = before.reference.kind() == "instance" && before.parse().spec_text("step") == "managed";
    if managed {
        return Err(Error::refused(
            "instance.managed",
            format!("{} is managed; its text follows from its order.", before.reference),
            "Destroy it and order another.",
        ));
    }
    Ok(())
}

/// References of our own kinds that lead nowhere. Those of the catalog may dangle, as in Backstage.
pub fn missing_references(prepared: &[Prepared], graph: &Graph, is_there: impl Fn(&Ref) -> bool) -> Vec<Problem> {
    let tell = |one: Missing<'_>| {
        let message = format!("{} names {}, which does not exist", one.by.reference, one.target);
        let mend = format!("Add {}, or correct the name.", one.target);
        let file = (!one.by.path.is_empty()).then(|| one.by.path.clone());
        Problem { file, ..Problem::new("reference.missing", one.field, message, mend) }
    };
    missing(prepared, graph, is_there).into_iter().map(tell).collect()
}

/// A reference of our own kinds that leads nowhere.
pub struct Missing<'a> {
    /// What names it.
    pub by: &'a Prepared,
    /// What is named.
    pub target: Ref,
    /// The field, as a dotted path.
    pub field: String,
}

/// The references of our own kinds that lead nowhere.
pub fn missing<'a>(prepared: &'a [Prepared], graph: &Graph, is_there: impl Fn(&Ref) -> bool) -> Vec<Missing<'a>> {
    let mut found = Vec::new();
    for one in prepared {
        let Some(kind) = Kind::find(one.kind).filter(|k| k.api_versions.iter().any(|v| v.starts_with("loggia.dev/")))
        else {
            continue;
        };
        // The plan by which something goes away stays when it is gone.
        if graph.get(&one.reference).is_some_and(|record| crate::ending::holds(record)) {
            continue;
        }
        let document = one.document();
        for relation in (kind.relations)(&document) {
            if !is_there(&relation.target) {
                let field = field_of(&document, &relation);
                found.push(Missing { by: one, target: relation.target, field });
            }
        }
    }
    found
}

/// Whether a reference leads somewhere for an audience. What it may not see counts as missing, so that nobody can find
/// it out by naming it.
pub(crate) fn is_seen(graph: &Graph, audience: &Audience, target: &Ref) -> bool {
    graph.get(target).is_some_and(|record| graph.visible(audience, record))
}

/// Removes a record that the server owns.
pub struct Delete {
    /// Which.
    pub reference: Ref,
    /// The tag that it must have now.
    pub if_match: Option<String>,
    /// Decide, but write nothing.
    pub dry_run: bool,
}

impl Command for Delete {
    fn name(&self) -> &'static str {
        "record.delete"
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.reference)?;
        may_write(graph, Some(&record.parse()), None, |action, subject| ctx.require(action, subject))?;
        if self.if_match.as_deref().is_some_and(|tag| tag != &*record.etag) {
            return Err(Error::Conflict(format!("{} was changed meanwhile.", self.reference)));
        }
        if record.reference.kind() == "instance" {
            return Err(Error::refused(
                "instance.delete",
                "What runs is not removed by forgetting it.",
                format!("Destroy it: loggia delete {}", record.reference),
            ));
        }
        owned_here(&record)?;
        not_registered(&record)?;
        if crate::ending::holds(&record) {
            let message = "People were told of it, so it stays in the history of what it is about.";
            return Err(Error::refused("ending.told", message, "Give it up instead, while it has not taken effect."));
        }
        let mut users = live_dependants(graph, &record.reference);
        if record.reference.kind() == "offering" {
            // Without it nobody could say what they are versions of.
            let versions = releases(graph, &Audience::All, record.reference.name());
            users.extend(versions.iter().map(|release| release.reference.clone()));
        }
        if !users.is_empty() {
            let named = users.iter().find(|user| visible(graph, &ctx.caller.audience, user).is_ok());
            let by = named.map(|user| format!(", by {user} for one")).unwrap_or_default();
            return Err(Error::refused(
                "record.in-use",
                format!("{} is still used{by}.", self.reference),
                "Take away what uses it first.",
            ));
        }
        let mut changes = Changes::answer(json!({"ref": self.reference, "result": "deleted"}));
        if !self.dry_run {
            changes.remove(&format!("{}.deleted", record.reference.kind()), record.uid, Value::Null);
        }
        Ok(changes)
    }
}

/// Instances that are not gone and stand on a record, directly or through a release or an offering; for a team, those
/// that it runs.
pub(crate) fn live_dependants(graph: &Graph, reference: &Ref) -> Vec<Ref> {
    let mut found = Vec::new();
    for name in ["hasInstance", "ranBy", "hosts", "hasRelease", "ownerOf"] {
        let Some(relation) = loggia_model::RelationType::find(name) else { continue };
        for record in graph.related(&Audience::All, reference, relation) {
            match record.reference.kind() {
                "instance" if is_live(&record) => found.push(record.reference.clone()),
                "release" if name == "hasRelease" => found.extend(live_dependants(graph, &record.reference)),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn is_live(record: &Record) -> bool {
    record.parse_status().get("phase").and_then(Value::as_str) != Some("gone")
}

/// A record that the audience may see.
///
/// # Errors
/// [`Error::NotFound`], the same whether it does not exist or may not be seen.
pub fn visible(graph: &Graph, audience: &Audience, reference: &Ref) -> Result<Arc<Record>> {
    let found = graph.get(reference).filter(|record| graph.visible(audience, record));
    found.cloned().ok_or_else(|| Error::NotFound(format!("There is no {reference}, or you may not see it.")))
}

impl App {
    /// A record that the caller may see, now.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same whether it does not exist or may not be seen.
    pub fn record(&self, caller: &Caller, reference: &Ref) -> Result<Arc<Record>> {
        visible(&self.graph(), &caller.audience, reference)
    }

    /// What is said of a name that leads nowhere, or nowhere for the caller; with those that may have been meant.
    pub fn missing(&self, caller: &Caller, reference: &Ref) -> Error {
        let near = suggestion::near(&self.graph(), &caller.audience, reference);
        Error::NotFound(format!("There is no {reference}, or you may not see it.{near}"))
    }

    /// A record as it was at a time, seen with today's rights.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there was none then, or the caller may not see it.
    pub async fn record_at(&self, caller: &Caller, reference: &Ref, time: Micros) -> Result<Record> {
        let missing = || Error::NotFound(format!("There was no {reference} at {time}, or you may not see it."));
        let uid = self.store.uid_of_ref_at(reference, time).await?.ok_or_else(missing)?;
        let row = self.store.revision_at(uid, time).await?;
        let record = row.and_then(loggia_store::RevisionRow::record).ok_or_else(missing)?;
        let graph = self.graph();
        if graph.visible(&caller.audience, &record) { Ok(record) } else { Err(missing()) }
    }
}
