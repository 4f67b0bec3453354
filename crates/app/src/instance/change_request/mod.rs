//! A newer version that a team merges itself: what its driver proposes, how it is looked at, merged and given up.
//!
//! A change waits beside the thing, which stays what it was. The version changes when a look sees that the change was
//! merged, whoever did it and however; a branch that is gone without that leaves the version that there was.

mod settle;

pub(crate) use settle::{failed, proposed, settle};

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::Ctx;
use crate::command::changes::{Changes, Draft};
use crate::error::{Error, Result};
use crate::estate::look::{look, question};
use crate::instance::driver::{Driver, Failure, Request, RunLog};
use crate::instance::operation::driver_of;
use crate::instance::order::start;
use crate::instance::request;
use crate::instance::take_over::Wish;
use crate::record::visible;
use crate::release::upgrade_wait::GiveUp;
use crate::source::edit::author;
use async_trait::async_trait;
use loggia_graph::Graph;
use loggia_model::instance::{ChangeRequest, InstanceStatus};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::operation::Verb;
use loggia_model::{Record, Ref, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The statement of a look about a change that waits: true while it does, false with a reason when it does no more.
pub const WAITS: &str = "ChangeWaits";
/// Its reason when the branch is gone, and nothing of it was merged.
pub const CLOSED: &str = "Closed";

/// What it takes to look at a change.
const READ: &[Action] = &[Action::GitRead];

/// The branch on which a version waits.
pub fn branch(offering: &str, version: &str) -> String {
    format!("loggia/{offering}-{version}")
}

/// A change as its driver made it, or would make it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The branch on which it waits, or would.
    pub branch: String,
    /// The newest commit of that branch; empty as long as nothing was made.
    pub commit: String,
    /// The branch that it is merged into.
    pub into: String,
    /// The newest commit of that one.
    pub base: String,
    /// The files that it changes, by path.
    pub files: Vec<ChangedFile>,
    /// What differs, as `git diff` writes it; empty when it is too long to be shown.
    pub diff: String,
}

impl Proposal {
    /// The files that the team and the new version both changed in the same place, and nobody brought together yet.
    pub fn conflicts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|file| file.conflict).map(|file| file.path.as_str())
    }
}

/// One file of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFile {
    /// Its path.
    pub path: String,
    /// Whether both sides changed the same place: the file holds both, between markers.
    pub conflict: bool,
    /// Whether both sides went different ways that no text holds side by side: what the team changed stays, and what it
    /// took away comes back changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// What somebody saw before they merged: with anything else nothing is merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The newest commit of the branch.
    pub commit: String,
    /// The newest commit of the branch that it is merged into.
    pub base: String,
}

/// How a driver brings a newer version to what a team changes itself.
#[async_trait]
pub trait Merges: Send + Sync {
    /// What [`Merges::propose`] would make. Changes nothing.
    async fn preview(&self, before: &Request, after: &Request) -> Result<Proposal, Failure>;

    /// Brings the difference between two versions to what the team has now, on a branch of its own. Where nothing
    /// differs it is the new version already.
    async fn propose(&self, before: &Request, after: &Request, log: &dyn RunLog) -> Result<(), Failure>;

    /// The change that waits; none when there is none any more.
    async fn waiting(&self, request: &Request) -> Result<Option<Proposal>, Failure>;

    /// Merges what somebody saw, in their name. Only that: when a branch moved meanwhile nothing is done.
    async fn merge(&self, request: &Request, seen: &Seen, author: &(String, String)) -> Result<(), Failure>;

    /// Gives the change up: its branch is taken away.
    async fn close(&self, request: &Request) -> Result<(), Failure>;

    /// The change as a patch for `git am`.
    async fn patch(&self, request: &Request) -> Result<Vec<u8>, Failure>;

    /// What differs between two versions, as such a patch, for a repository that is kept elsewhere.
    async fn between(&self, before: &Request, after: &Request) -> Result<Vec<u8>, Failure>;
}

/// What asking for a change writes: the change that waits, the operation that makes it, and nothing else.
pub(crate) fn ask(
    graph: &Graph,
    record: &Record,
    (spec, mut status): (&InstanceSpec, InstanceStatus),
    change: ChangeRequest,
    id: Uid,
    ctx: &Ctx<'_>,
) -> Result<Changes> {
    let driver = driver_of(graph, spec, &status)?;
    let (operation, mut work) =
        start(id, record.uid, &record.reference, Verb::Propose, (&spec.environment, &driver), ctx);
    let wish = Wish { release: change.release.clone(), plan: spec.plan.clone(), inputs: change.inputs.clone() };
    work.payload = json!({"before": status.phase, "wish": wish});
    let data = json!({"operation": id, "from": status.applied, "to": change.release, "branch": change.branch});
    let answer = json!({"instance": record.reference, "uid": record.uid, "operation": id, "branch": change.branch});
    status.operation = Some(id);
    status.change = Some(change);
    let mut changes = Changes::answer(answer);
    let draft = Draft::of(record).with_status(&serde_json::to_value(&status)?);
    changes.put("instance.change-asked", draft, data);
    changes.operations.push(operation);
    changes.work.push(work);
    Ok(changes)
}

/// Passes while no change waits.
pub(crate) fn none_waits(status: &InstanceStatus) -> Result<()> {
    let Some(change) = &status.change else { return Ok(()) };
    Err(Error::refused(
        "change.waits",
        format!("The change to {} waits on the branch {} already.", change.version, change.branch),
        "Merge it, or give it up first.",
    ))
}

/// What is needed to ask the driver of an instance about its change.
struct About {
    record: Arc<Record>,
    driver: Arc<dyn Driver>,
    name: String,
    request: Request,
}

impl About {
    fn merges(&self) -> Result<&dyn Merges> {
        let name = &self.name;
        let none =
            || Error::refused("change.driver", format!("{name} makes no changes to merge."), "Upgrade it by hand.");
        self.driver.merges().ok_or_else(none)
    }
}

fn refusal(failure: Failure) -> Error {
    Error::refused("change.driver", failure.message, failure.mend)
}

impl App {
    /// For whoever may do all of this to it.
    async fn about(&self, caller: &Caller, instance: &Ref, wish: Option<Wish>, may: &[Action]) -> Result<About> {
        let graph = self.graph();
        let record = visible(&graph, &caller.audience, instance)?;
        let subject = subject_of(&record.parse());
        may.iter().try_for_each(|action| self.require(caller, *action, &subject))?;
        let name = driver_of(&graph, &record.spec()?, &record.typed_status()?)?;
        let missing = || Error::Unavailable(format!("This server has no driver {name}."));
        let driver = self.drivers.get().and_then(|all| all.get(&name)).cloned().ok_or_else(missing)?;
        let mut asked = question(self, record.uid, &name);
        asked.requested_by = caller.name();
        let request = request::build(self, &asked, false, wish, Some(&*driver)).await?.request;
        Ok(About { record, driver, name, request })
    }

    /// What a change to another release would be; changes nothing.
    pub(crate) async fn proposal(&self, caller: &Caller, instance: &Ref, wish: Wish) -> Result<Proposal> {
        let before = self.about(caller, instance, None, READ).await?;
        let after = self.about(caller, instance, Some(wish), READ).await?;
        before.merges()?.preview(&before.request, &after.request).await.map_err(refusal)
    }

    /// The change that waits for an instance.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none does, [`Error::Refused`] when it cannot be looked at.
    pub async fn change_request(&self, caller: &Caller, instance: &Ref) -> Result<(ChangeRequest, Proposal)> {
        let about = self.about(caller, instance, None, READ).await?;
        let status: InstanceStatus = about.record.typed_status()?;
        let change = status.change.ok_or_else(none)?;
        let proposal = about.merges()?.waiting(&about.request).await.map_err(refusal)?;
        Ok((change, proposal.ok_or_else(none)?))
    }

    /// Merges the change that somebody saw, in their name; the instance has the new version then.
    ///
    /// # Errors
    /// [`Error::Refused`] when a branch moved since, or files are not brought together yet.
    pub async fn merge_change(&self, caller: &Caller, instance: &Ref, seen: &Seen) -> Result<InstanceStatus> {
        let about = self.mine(caller, instance).await?;
        about.merges()?.merge(&about.request, seen, &author(self, caller)).await.map_err(refusal)?;
        self.see(&about).await
    }

    /// Gives up the change that waits; the version that there is stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none waits.
    pub async fn close_change(&self, caller: &Caller, instance: &Ref) -> Result<InstanceStatus> {
        if self.is_ours(caller, instance)? {
            let given = self.run(caller, GiveUp { instance: instance.clone() }).await?;
            return Ok(serde_json::from_value(given.answer)?);
        }
        let about = self.mine(caller, instance).await?;
        about.merges()?.close(&about.request).await.map_err(refusal)?;
        self.see(&about).await
    }

    /// The change that waits, as a patch for `git am`.
    ///
    /// # Errors
    /// As [`App::change_request`].
    pub async fn change_patch(&self, caller: &Caller, instance: &Ref) -> Result<Vec<u8>> {
        let about = self.about(caller, instance, None, READ).await?;
        about.merges()?.patch(&about.request).await.map_err(refusal)
    }

    /// What differs between what an instance has and another release, as a patch: for a repository that is kept elsewhere.
    pub(crate) async fn patch_between(
        &self,
        caller: &Caller,
        instance: &Ref,
        (before, after): (Wish, Wish),
    ) -> Result<Vec<u8>> {
        let before = self.about(caller, instance, Some(before), READ).await?;
        let after = self.about(caller, instance, Some(after), READ).await?;
        before.merges()?.between(&before.request, &after.request).await.map_err(refusal)
    }

    /// Whether nothing of what waits is outside: an upgrade waits for its hours, or for people to bring it by hand.
    fn is_ours(&self, caller: &Caller, instance: &Ref) -> Result<bool> {
        let status: InstanceStatus = visible(&self.graph(), &caller.audience, instance)?.typed_status()?;
        Ok(status.queued.is_some() || status.change.is_some_and(|change| change.branch.is_empty()))
    }

    /// The same for whoever may write to what the change is about.
    async fn mine(&self, caller: &Caller, instance: &Ref) -> Result<About> {
        self.writable(caller)?;
        let about = self.about(caller, instance, None, &[Action::Operate, Action::GitWrite]).await?;
        about.record.typed_status::<InstanceStatus>()?.change.ok_or_else(none)?;
        Ok(about)
    }

    /// Takes in what became of a change, at once.
    async fn see(&self, about: &About) -> Result<InstanceStatus> {
        look(self, &*about.driver, about.record.uid, &about.name, &|_| true).await?;
        let graph = self.graph();
        let missing = || Error::NotFound("It is not there any more.".into());
        Ok(graph.by_uid(about.record.uid).ok_or_else(missing)?.typed_status()?)
    }

    /// Looks soon whether somebody merged the change that waits, because they have sent commits.
    pub fn pushed_to(self: &Arc<Self>, instance: &Record) {
        let waits = instance.typed_status::<InstanceStatus>().is_ok_and(|status| status.change.is_some());
        let (app, uid) = (Arc::clone(self), instance.uid);
        if !waits {
            return;
        }
        tokio::spawn(async move {
            let graph = app.graph();
            let Some(record) = graph.by_uid(uid) else { return };
            let Ok(about) = app.about(&app.system("look"), &record.reference, None, &[]).await else { return };
            if let Err(error) = app.see(&about).await {
                tracing::debug!(%uid, %error, "what was pushed could not be looked at");
            }
        });
    }
}

fn none() -> Error {
    Error::NotFound("No change waits for it.".into())
}
