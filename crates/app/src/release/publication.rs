//! Publishing releases, and withdrawing them (decision 9).
//!
//! A release begins as its text says, and goes forward by command, or when its text stops saying that it is a draft.
//! What was published once is remembered for good, by its last revision: taking it away and writing it anew with other
//! content is no way around that.

use crate::access::caller::Caller;
use crate::access::writing::may_write;
use crate::checks;
use crate::command::changes::{Changes, Draft};
use crate::command::{Command, Ctx, Facts, Need};
use crate::composition::check::{Known, problems as composition};
use crate::composition::resolve::in_range;
use crate::error::{Error, Result};
use crate::record::check::Recipes;
use crate::record::files;
use crate::record::prepare::Prepared;
use crate::record::recipes;
use crate::record::visible;
use crate::release::dry_run::fits_all;
use crate::release::offering::{publication, release_status, releases};
use crate::release::offering_versions::OfferingVersions;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::version::Version;
use loggia_model::{
    Document, Micros, PUBLICATION, PUBLICATION_REASON, Problem, Publication, Record, Ref, ReleaseStatus, version,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a decision about releases stands on.
pub(crate) struct Publishing<'a> {
    pub(crate) graph: &'a Graph,
    /// What is written in the same command; an offering may come with its releases.
    pub(crate) beside: &'a [Prepared],
    pub(crate) facts: &'a Facts,
    /// What the drivers take.
    pub(crate) recipes: &'a Recipes,
    pub(crate) now: Micros,
    /// Who asks; they are told the names of what they see only.
    pub(crate) audience: &'a Audience,
    /// Whether it is accepted that something which runs would not fit.
    pub(crate) accepts: bool,
}

/// The facts that a decision about new releases needs: what was called so before.
pub(crate) fn needs(graph: &Graph, prepared: &[Prepared]) -> Vec<Need> {
    let releases = || prepared.iter().filter(|one| one.kind == "Release");
    let new = releases().filter(|one| graph.get(&one.reference).is_none());
    let past = new.map(|one| Need::Past(one.reference.clone()));
    let names: BTreeSet<Ref> = releases().map(|one| offering_of(&one.document())).collect();
    let offerings: Vec<OfferingSpec> = names.iter().filter_map(|name| offering(graph, prepared, name)).collect();
    past.chain(checks::needs(graph, offerings.iter().map(|offering| &offering.checks))).collect()
}

fn offering_of(release: &Document) -> Ref {
    Ref::new("offering", "default", release.spec_text("offering"))
}

/// An offering: as it is written in the same command, else as it is kept.
fn offering(graph: &Graph, beside: &[Prepared], name: &Ref) -> Option<OfferingSpec> {
    match beside.iter().find(|one| one.kind == "Offering" && one.reference == *name) {
        Some(one) => serde_json::from_value(one.document().spec()?.clone()).ok(),
        None => graph.get(name)?.spec().ok(),
    }
}

impl Publishing<'_> {
    /// Publishes a text, or says why it may not be. Every way to a published release leads through here.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a version that is not one of its offering, or whose number hides what it changes, and for a
    /// recipe that its driver does not take; [`Error::Refused`] for a breaking one that something which runs would not fit.
    pub(crate) fn publish(&self, document: &Document, status: ReleaseStatus) -> Result<ReleaseStatus> {
        self.fits(document)?;
        recipes::fits(self.graph, self.beside, self.recipes, document)?;
        fits_all(self, document)?;
        self.checked(document)?;
        let since = Some(self.now);
        Ok(ReleaseStatus { publication: Publication::Published, since, reason: String::new(), ..status })
    }

    /// Passes when every check that its offering names passes: those of releases, and its launch list.
    fn checked(&self, document: &Document) -> Result<()> {
        let name = offering_of(document);
        match offering(self.graph, self.beside, &name).filter(|offering| !offering.checks.is_empty()) {
            Some(offering) => {
                let texts = (document, self.beside);
                checks::may_publish(self.graph, self.facts, self.now, (&name, &offering), texts)
            }
            None => Ok(()),
        }
    }

    /// Passes when the version is one of its offering, and its number hides nothing.
    fn fits(&self, document: &Document) -> Result<()> {
        if let Some(offering) = offering(self.graph, self.beside, &offering_of(document)) {
            version::check(offering.versioning, document.spec_text("version")).map_err(|message| {
                let mend = "Give it a number of that form, or change `versioning` of the offering.";
                Error::invalid("release.versioning", "spec.version", message, mend)
            })?;
            if let Some(problem) = OfferingVersions::of(self, document).lie(offering.versioning, document) {
                return Err(Error::Invalid(vec![problem]));
            }
        }
        let composed = document.spec().filter(|spec| spec.get("composition").is_some());
        match composed.and_then(|spec| ReleaseSpec::deserialize(spec).ok()) {
            Some(release) => {
                let problems = composition(&release, self);
                if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
            }
            None => Ok(()),
        }
    }

    /// The status with which a document begins; none for what is no release.
    ///
    /// # Errors
    /// [`Error::Refused`] for other content under a name that was published before; as [`Publishing::publish`].
    pub(crate) fn begin(&self, prepared: &Prepared) -> Result<Option<ReleaseStatus>> {
        crate::ending::begin(self.graph, prepared)?;
        if prepared.kind != "Release" {
            return Ok(None);
        }
        if let Some(past) = self.remembered(prepared)? {
            return Ok(Some(ReleaseStatus { more: serde_json::Map::new(), ..past }));
        }
        let document = prepared.document();
        let begin = |publication, reason: &str| ReleaseStatus {
            publication,
            since: Some(self.now),
            reason: reason.to_owned(),
            ..ReleaseStatus::default()
        };
        match Publication::wanted(&document) {
            Publication::Published => self.publish(&document, ReleaseStatus::default()).map(Some),
            Publication::Yanked => {
                let said = Some(document.annotation(PUBLICATION_REASON).trim()).filter(|reason| !reason.is_empty());
                let reason = said.unwrap_or("It was withdrawn already when it came here.");
                Ok(Some(begin(Publication::Yanked, reason)))
            }
            open => Ok(Some(begin(open, ""))),
        }
    }

    /// The status of a record that gets a new name with its text; none for what is no release. A name that was
    /// published before stands for what it stood for.
    ///
    /// # Errors
    /// [`Error::Refused`] for other content under such a name; as [`Publishing::change`].
    pub(crate) fn rename(&self, before: &Record, prepared: &Prepared) -> Result<Option<ReleaseStatus>> {
        let status = self.change(before, prepared)?;
        let Some(past) = self.remembered(prepared)? else { return Ok(status) };
        Ok(Some(ReleaseStatus { more: release_status(before).more, ..past }))
    }

    /// The status of what was published under the name before; none when nothing was.
    fn remembered(&self, prepared: &Prepared) -> Result<Option<ReleaseStatus>> {
        let past = self.facts.past.get(&prepared.reference).filter(|past| publication(past).is_settled());
        let Some(past) = past.filter(|_| prepared.kind == "Release") else { return Ok(None) };
        unchanged(past, prepared)?;
        let status = release_status(past);
        if status.publication == Publication::Published {
            self.fits(&prepared.document())?;
        }
        Ok(Some(status))
    }

    /// The status of a record that gets another text; none for what is no release. A text that stops saying that it is
    /// a draft publishes it; nothing that a text says takes a publication back.
    ///
    /// # Errors
    /// [`Error::Refused`] for another content of a published release; as [`Publishing::publish`].
    pub(crate) fn change(&self, before: &Record, prepared: &Prepared) -> Result<Option<ReleaseStatus>> {
        crate::ending::change(self.graph, before, prepared, self.now)?;
        crate::campaign::change(before, prepared)?;
        if prepared.kind != "Release" {
            return Ok(None);
        }
        unchanged(before, prepared)?;
        let (status, document) = (release_status(before), prepared.document());
        let (said, says) = (Publication::wanted(&before.parse()), Publication::wanted(&document));
        if said == says || status.publication >= says {
            return Ok(Some(status));
        }
        match says {
            Publication::Published => self.publish(&document, status).map(Some),
            Publication::Candidate => Ok(Some(ReleaseStatus { publication: says, since: Some(self.now), ..status })),
            Publication::Draft | Publication::Yanked => Ok(Some(status)),
        }
    }
}

impl Known for Publishing<'_> {
    fn offering(&self, name: &str) -> bool {
        offering(self.graph, self.beside, &Ref::new("offering", "default", name)).is_some()
    }

    fn release(&self, offering: &str, range: Option<&str>) -> Option<ReleaseSpec> {
        let own = |document: &Document| document.spec_text("offering") == offering;
        let beside = self.beside.iter().filter(|one| one.kind == "Release").map(Prepared::document).filter(own);
        let there = releases(self.graph, &Audience::All, offering).into_iter().map(|record| record.parse());
        let fits = |document: &Document| range.is_none_or(|range| in_range(range, document.spec_text("version")));
        let newest = beside.chain(there).filter(fits).max_by_key(|one| Version::parse(one.spec_text("version")))?;
        ReleaseSpec::deserialize(newest.spec()?).ok()
    }
}

/// What was published never changes: neither its `spec` nor its files.
///
/// # Errors
/// [`Error::Refused`] when it would.
pub(crate) fn unchanged(before: &Record, prepared: &Prepared) -> Result<()> {
    if prepared.kind != "Release" || !publication(before).is_settled() {
        return Ok(());
    }
    if before.parse().spec() == prepared.document().spec() && files::of(before) == prepared.files {
        return Ok(());
    }
    Err(Error::refused(
        "release.immutable",
        format!("{} was published and cannot change.", before.reference.name()),
        "Publish a new version with the change.",
    ))
}

/// What is told when a text says that a published release is withdrawn: the text alone withdraws nothing.
pub(crate) fn only_said(before: Option<&Record>, prepared: &Prepared) -> Option<Problem> {
    // Few texts say anything about it, and parsing the others again would be felt.
    if prepared.kind != "Release" || !prepared.text.contains(PUBLICATION) {
        return None;
    }
    let published = before.is_some_and(|before| publication(before) == Publication::Published);
    let said = published && Publication::wanted(&prepared.document()) == Publication::Yanked;
    let name = prepared.reference.name();
    said.then(|| {
        let message = format!("The text says that {name} is withdrawn, and it is published still");
        let path = format!("metadata.annotations.{PUBLICATION}");
        Problem::new("release.yank", path, message, format!("Withdraw it: loggia yank {name} --reason TEXT"))
    })
}

/// Publishes a release, proposes it as a candidate, or withdraws it.
pub struct Publish {
    /// The release.
    pub release: Ref,
    /// How far it is to be.
    pub to: Publication,
    /// Why; needed to withdraw it, and to publish it although something would not fit.
    pub reason: String,
    /// Publish it although something which runs would not fit it.
    pub accept_failing: bool,
}

impl Command for Publish {
    fn name(&self) -> &'static str {
        match self.to {
            Publication::Draft => "release.draft",
            Publication::Candidate => "release.candidate",
            Publication::Published => "release.publish",
            Publication::Yanked => "release.yank",
        }
    }

    fn needs(&self, graph: &Graph, _: &Caller) -> Vec<Need> {
        let text = graph.get(&self.release).map(|record| record.parse());
        let spec = text.and_then(|text| offering(graph, &[], &offering_of(&text)));
        checks::needs(graph, spec.iter().map(|spec| &spec.checks))
    }

    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.release)?;
        let text = record.parse();
        may_write(graph, Some(&text), Some(&text), |action, subject| ctx.require(action, subject))?;
        let mut changes = Changes::answer(json!({"release": self.release, "publication": self.to}));
        let before = release_status(&record);
        if before.publication == self.to {
            return Ok(changes);
        }
        if self.accept_failing && self.reason.trim().is_empty() {
            let mend = "Say it in one sentence; whoever runs it reads it.";
            return Err(Error::invalid("release.reason", "reason", "It is not said why", mend));
        }
        let audience = &ctx.caller.audience;
        let (now, accepts) = (ctx.now, self.accept_failing);
        let publishing = Publishing { graph, beside: &[], facts, recipes: ctx.recipes, now, audience, accepts };
        let (event, status) = self.step(&publishing, &text, before)?;
        let draft = Draft::of(&record).with_status(&serde_json::to_value(&status)?);
        changes.put(event, draft, Value::Null);
        if let Some(entry) = changes.entries.last_mut() {
            entry.reason = Some(self.reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        }
        Ok(changes)
    }
}

impl Publish {
    fn step(
        &self,
        publishing: &Publishing<'_>,
        text: &Document,
        before: ReleaseStatus,
    ) -> Result<(&'static str, ReleaseStatus)> {
        let reason = self.reason.trim();
        let to = |publication, reason: &str| ReleaseStatus {
            publication,
            since: Some(publishing.now),
            reason: reason.to_owned(),
            ..before.clone()
        };
        match (before.publication, self.to) {
            (Publication::Draft, Publication::Candidate) => Ok(("release.proposed", to(self.to, ""))),
            (Publication::Yanked, Publication::Published) => {
                Ok(("release.republished", publishing.publish(text, before)?))
            }
            (Publication::Draft | Publication::Candidate, Publication::Published) => {
                Ok(("release.published", publishing.publish(text, before)?))
            }
            (Publication::Published, Publication::Yanked) if reason.is_empty() => {
                let mend = "Say it in one sentence; whoever runs it reads it.";
                Err(Error::invalid("release.reason", "reason", "It is not said why", mend))
            }
            (Publication::Published, Publication::Yanked) => Ok(("release.yanked", to(self.to, reason))),
            (_, Publication::Yanked) => Err(Error::refused(
                "release.unpublished",
                format!("{} was never published, so nobody has it.", self.release.name()),
                "Take it away instead.",
            )),
            _ => Err(Error::refused(
                "release.published",
                format!("{} was published, and does not become a draft again.", self.release.name()),
                "Publish a new version, or withdraw this one.",
            )),
        }
    }
}
