//! Keeping in step with a source: a repository, a folder, a location, or another catalog.
//!
//! Data flow: a reader gives all documents of the source at one commit; they are prepared on all cores; one command
//! decides the difference against what the source owned before, and writes it in one transaction. A document that is
//! wrong never takes the others along, and what it described before stays as it was.

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::{Action, Subject};
use crate::command::changes::{Changes, Draft, RecordChange, Returning};
use crate::command::{Command, Ctx, Facts, Need};
use crate::error::{Error, Result};
use crate::estate::exported_status::ExportedStatus;
use crate::record::files;
use crate::record::prepare::Prepared;
use crate::record::removal::{SOURCE_GONE, has_condition, let_go, owned, without_condition};
use crate::record::warnings::Warning;
use crate::record::{changed_draft, missing_references, new_draft};
use crate::release::publication::{self, Publishing, only_said};
use crate::source::duplicate::chosen;
use crate::source::reader::Written;
use crate::source::untaken::{self, Broken, NOT_TAKEN};
use loggia_graph::Graph;
use loggia_model::{Problem, Record, Ref, ReleaseStatus, Source, file_of};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The annotation that says what something was called before.
const FORMERLY: &str = "loggia.dev/formerly";

/// Takes over the documents of a source.
pub struct SyncSource {
    /// The origin: `repository:<id>`, `location:<id>` or `catalog:<url>`.
    pub origin: Arc<str>,
    /// The documents that are right, in order of files.
    pub prepared: Vec<Prepared>,
    /// Paths of files with a problem, and why: what they described before stays, and says so.
    pub broken: Broken,
    /// A part of the source could not be read, and nobody knows what it holds: nothing is removed.
    pub partial: bool,
    /// Kinds, in lower case, that the source may not bring, whatever it brought before: they leave at once, also when a
    /// part could not be read, and whatever stands on them.
    pub unwelcome: &'static [&'static str],
    /// Names of what the source still has and is known not to have changed; it need not be described again.
    pub same: HashSet<Ref>,
    /// The commit or tag that was read, for history.
    pub commit: String,
    /// Who wrote what was read, where that is kept.
    pub written: Written,
    /// A person confirmed the removals that were held.
    pub confirmed: bool,
    /// What was taken away by hand, and comes back as itself when it is still described.
    pub returning: HashMap<Ref, Returning>,
}

impl SyncSource {
    /// With what was taken away by hand before.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database does not answer.
    pub async fn remembering(mut self, app: &App) -> Result<SyncSource> {
        let graph = app.graph();
        let names = self.prepared.iter().map(|prepared| &prepared.reference);
        let missing: Vec<Ref> = names.filter(|name| graph.get(name).is_none()).cloned().collect();
        for last in app.store.forgotten(&self.origin, &missing).await? {
            let returning = Returning { uid: last.uid, revision: last.revision + 1, created_at: last.created_at };
            self.returning.insert(last.reference, returning);
        }
        Ok(self)
    }
}

/// What a synchronisation did and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncReport {
    /// Records that are new.
    pub created: usize,
    /// Records with another text.
    pub changed: usize,
    /// Records whose name changed.
    pub renamed: usize,
    /// Records whose file moved, and nothing else.
    pub moved: usize,
    /// Records that were removed.
    pub removed: usize,
    /// Records that stay although their text is gone, because something stands on them.
    pub kept: Vec<Ref>,
    /// Removals that wait for a person, because they are more than a fifth of the source.
    pub held: Vec<Ref>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is allowed and may be a mistake; a hundred at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Kinds by which others are judged: what a source brings of them counts for the rest of the same commit.
const FIRST: [&str; 4] = ["Product", "Environment", "Offering", "Check"];

/// The state of one decision.
struct Deciding<'a> {
    graph: &'a Graph,
    /// The same with what was decided of [`FIRST`].
    whole: Graph,
    facts: &'a Facts,
    ctx: &'a Ctx<'a>,
    origin: &'a Arc<str>,
    described: &'a [Prepared],
    returning: &'a HashMap<Ref, Returning>,
    /// Which of several documents with the same name counts.
    chosen: HashMap<&'a Ref, &'a str>,
    changes: Changes,
    report: SyncReport,
    /// What the source owned and has not been met yet.
    left: HashMap<Ref, Arc<Record>>,
    met: HashSet<Ref>,
}

impl Command for SyncSource {
    fn name(&self) -> &'static str {
        "source.sync"
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        publication::needs(graph, &self.prepared)
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        ctx.require(Action::Sync, &Subject::default())?;
        let owned = owned(graph, &self.origin);
        let before = owned.len();
        let left = owned.iter().map(|record| (record.reference.clone(), Arc::clone(record))).collect();
        let report = SyncReport::default();
        let met = HashSet::with_capacity(self.prepared.len());
        let (origin, described, changes) = (&self.origin, &*self.prepared, Changes::default());
        let chosen = chosen(graph, origin, described);
        let mut state = Deciding {
            graph,
            whole: graph.clone(),
            facts,
            ctx,
            origin,
            described,
            returning: &self.returning,
            chosen,
            changes,
            report,
            left,
            met,
        };
        state.refuse(self.unwelcome);
        state.all(&self.prepared)?;
        untaken::tell(&mut state.changes, &owned, &state.left, &self.broken);
        state.remove(self, before);
        state.references(&self.prepared);
        state.only_said(&self.prepared);
        let Deciding { mut changes, report, .. } = state;
        self.written.sign(graph, &mut changes);
        if !changes.entries.is_empty() {
            let data = json!({"origin": &*self.origin, "commit": self.commit, "created": report.created,
                "changed": report.changed, "removed": report.removed, "problems": report.problems.len()});
            changes.note("source.synced", None, data);
        }
        changes.answer = serde_json::to_value(&report)?;
        Ok(changes)
    }
}

impl Deciding<'_> {
    /// Takes away what the source may not bring any more.
    fn refuse(&mut self, unwelcome: &[&str]) {
        let (report, changes) = (&mut self.report, &mut self.changes);
        self.left.retain(|reference, record| {
            let stays = !unwelcome.contains(&reference.kind());
            if !stays {
                report.removed += 1;
                changes.remove(&format!("{}.removed", reference.kind()), record.uid, Value::Null);
            }
            stays
        });
    }

    /// Decides about everything that the source describes.
    fn all(&mut self, described: &[Prepared]) -> Result<()> {
        let (first, rest): (Vec<_>, Vec<_>) = described.iter().partition(|one| FIRST.contains(&one.kind));
        for prepared in first {
            self.one(prepared)?;
        }
        let now = self.ctx.now;
        let news: Vec<_> = self.changes.entries.iter().filter_map(|entry| entry.as_graph_change(now)).collect();
        self.whole.apply(&news);
        rest.into_iter().try_for_each(|prepared| self.one(prepared))
    }

    fn one(&mut self, prepared: &Prepared) -> Result<()> {
        if let Some(path) = self.chosen.get(&prepared.reference).filter(|path| **path != prepared.path) {
            let message = match file_of(path) {
                file if file == file_of(&prepared.path) => {
                    format!("{} is described twice in {file}", prepared.reference)
                }
                file => format!("{} is described already, in {file}", prepared.reference),
            };
            self.problem("name.duplicate", "metadata.name", prepared, message, "Rename or remove one of them.");
            return Ok(());
        }
        if !self.met.insert(prepared.reference.clone()) {
            let message = format!("{} is described twice in this source", prepared.reference);
            self.problem("name.duplicate", "metadata.name", prepared, message, "Rename or remove one of them.");
            return Ok(());
        }
        let source = Source { origin: Arc::clone(self.origin), path: prepared.path.as_str().into() };
        match self.graph.get(&prepared.reference).cloned() {
            Some(before) if before.source.origin == *self.origin => {
                self.left.remove(&prepared.reference);
                self.update(&before, prepared, source)
            }
            Some(before) => {
                self.taken(&before, prepared);
                Ok(())
            }
            None => self.create(prepared, source),
        }
    }

    fn publishing(&self) -> Publishing<'_> {
        let audience = &self.ctx.caller.audience;
        let (graph, beside, facts, now) = (&self.whole, self.described, self.facts, self.ctx.now);
        Publishing { graph, beside, facts, recipes: self.ctx.recipes, now, audience, accepts: false }
    }

    /// A status that was decided; none when the release may not be so, which is told.
    fn decided(&mut self, prepared: &Prepared, status: Result<Option<ReleaseStatus>>) -> Option<Option<ReleaseStatus>> {
        let problems = match status {
            Ok(status) => return Some(status),
            Err(Error::Invalid(problems)) => problems,
            Err(Error::Refused(no)) => vec![Problem::new(&no.rule, "spec", no.message, no.mend)],
            Err(other) => vec![Problem::new("release", "spec", other.to_string(), "Try again in a moment.")],
        };
        for problem in problems {
            self.problem(&problem.rule, &problem.path, prepared, problem.message, &problem.mend);
        }
        None
    }

    fn update(&mut self, before: &Record, prepared: &Prepared, source: Source) -> Result<()> {
        let same_text = before.document == prepared.text && files::of(before) == prepared.files;
        let gone = has_condition(before, SOURCE_GONE) || has_condition(before, NOT_TAKEN);
        if same_text && before.source == source && !gone {
            return Ok(());
        }
        let status = self.publishing().change(before, prepared);
        let Some(status) = self.decided(prepared, status) else { return Ok(()) };
        let mut draft = changed_draft(before, prepared, source, status.as_ref())?;
        if gone {
            let status = without_condition(draft.status.as_deref(), SOURCE_GONE);
            draft.status = without_condition(status.as_deref(), NOT_TAKEN);
        }
        let verb = if same_text { "moved" } else { "changed" };
        if same_text {
            self.report.moved += 1;
        } else {
            self.report.changed += 1;
        }
        self.changes.put(&format!("{}.{verb}", prepared.reference.kind()), draft, Value::Null);
        Ok(())
    }

    fn create(&mut self, prepared: &Prepared, source: Source) -> Result<()> {
        if let Some(before) = self.formerly(prepared) {
            return self.rename(&before, prepared, source);
        }
        let status = self.publishing().begin(prepared);
        let Some(status) = self.decided(prepared, status) else { return Ok(()) };
        self.report.created += 1;
        let past =
            self.returning.get(&prepared.reference).filter(|past| self.graph.by_uid(past.uid).is_none()).copied();
        let uid = past.map_or_else(|| self.ctx.uid(), |past| past.uid);
        let draft = Draft { returning: past, ..new_draft(uid, prepared, source, status.as_ref())? };
        if let Some(exported) = ExportedStatus::of(prepared)
            && let Some(last) = exported.last_seen
        {
            self.changes.saw(uid, last.min(self.ctx.now), &exported.known_by);
        }
        let verb = if past.is_some() { "returned" } else { "created" };
        self.changes.put(&format!("{}.{verb}", prepared.reference.kind()), draft, Value::Null);
        Ok(())
    }

    fn rename(&mut self, before: &Record, prepared: &Prepared, source: Source) -> Result<()> {
        // A published release that may not be renamed stays what it is.
        self.left.remove(&before.reference);
        let status = self.publishing().rename(before, prepared);
        let Some(status) = self.decided(prepared, status) else { return Ok(()) };
        self.report.renamed += 1;
        let draft = changed_draft(before, prepared, source, status.as_ref())?;
        self.changes.aliases.push((before.reference.clone(), before.uid));
        let data = json!({"formerly": before.reference});
        self.changes.put(&format!("{}.renamed", prepared.reference.kind()), draft, data);
        Ok(())
    }

    /// The record of this source that the document says it was called before.
    fn formerly(&mut self, prepared: &Prepared) -> Option<Arc<Record>> {
        // Most documents do not say it, and parsing each of them again would be felt.
        if !prepared.text.contains(FORMERLY) {
            return None;
        }
        let document = prepared.document();
        let old = Ref::parse(document.annotation(FORMERLY), Some(prepared.kind), document.namespace()).ok()?;
        if old != prepared.reference && self.described.iter().any(|other| other.reference == old) {
            let message = format!("{} says that it was {old} before, but {old} is still described", prepared.reference);
            self.problem(
                "name.formerly",
                "metadata.annotations",
                prepared,
                message,
                "Remove the one or the annotation.",
            );
            return None;
        }
        self.left.get(&old).cloned()
    }

    fn taken(&mut self, before: &Record, prepared: &Prepared) {
        let place = match before.source.is_server() {
            true => "is kept on this server already".to_owned(),
            false => format!("comes from {} already", before.source.origin),
        };
        let message = format!("{} {place}; this one is not taken over", prepared.reference);
        self.problem("name.taken", "metadata.name", prepared, message, "Rename it, or remove the other one first.");
    }

    fn remove(&mut self, sync: &SyncSource, before: usize) {
        if sync.partial {
            return;
        }
        let mut leaving: Vec<Arc<Record>> = std::mem::take(&mut self.left)
            .into_values()
            .filter(|record| !sync.same.contains(&record.reference))
            .filter(|record| !sync.broken.contains_key(record.source.file()))
            .collect();
        leaving.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
        let too_many = leaving.len() * 5 > before && leaving.len() > 1;
        if too_many && !sync.confirmed {
            self.report.held = leaving.into_iter().map(|record| record.reference.clone()).collect();
            return;
        }
        let before = self.changes.entries.len();
        let (removed, kept) = let_go(self.graph, &leaving, &mut self.changes);
        self.tell_gone(before);
        self.report.removed += removed;
        self.report.kept.extend(kept);
    }

    /// Says of what was removed where it was until then. A repository says more: the commit.
    fn tell_gone(&mut self, first: usize) {
        let Some((_, place)) = self.origin.split_once(':').filter(|(kind, _)| *kind != "repository") else { return };
        for entry in self.changes.entries.iter_mut().skip(first) {
            if matches!(entry.change, Some(RecordChange::Remove(_))) {
                entry.reason = Some(format!("{place} does not have it any more"));
            }
        }
    }

    /// References of our own kinds that lead nowhere: told, not refused, because the other end may come later.
    fn references(&mut self, prepared: &[Prepared]) {
        let mut added = HashSet::new();
        let mut removed = HashSet::new();
        for change in self.changes.entries.iter().filter_map(|entry| entry.change.as_ref()) {
            match change {
                RecordChange::Put(draft) => drop(added.insert(&draft.reference)),
                RecordChange::Remove(uid) => drop(removed.insert(*uid)),
            }
        }
        let is_there = |target: &Ref| {
            added.contains(target) || self.graph.get(target).is_some_and(|record| !removed.contains(&record.uid))
        };
        let problems = missing_references(prepared, self.graph, is_there);
        self.report.problems.extend(problems);
    }

    /// What texts say and do not do.
    fn only_said(&mut self, prepared: &[Prepared]) {
        for one in prepared {
            if let Some(found) = only_said(self.graph.get(&one.reference).map(AsRef::as_ref), one) {
                self.problem(&found.rule, &found.path, one, found.message, &found.mend);
            }
        }
    }

    fn problem(&mut self, rule: &str, path: &str, at: &Prepared, message: String, mend: &str) {
        let mut problem = Problem::new(rule, path, message, mend);
        problem.file = Some(at.path.clone());
        self.report.problems.push(problem);
    }
}
