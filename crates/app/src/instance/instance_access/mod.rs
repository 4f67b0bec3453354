//! Access of consumers: granting, renewing and revoking it. The machine is [`loggia_model::instance_access`]; here it
//! meets who may, what the release offers, and the operations that carry it out.

pub mod contract;
pub(crate) mod settle;
pub mod show;

use crate::App;
use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::writing::subject_of;
use crate::command::changes::{Changes, Draft};
use crate::command::writer::Outcome;
use crate::command::{Command, Ctx, Facts};
use crate::error::{Error, Result};
use crate::instance::operation::driver_of;
use crate::record::visible;
use loggia_graph::{Audience, Graph};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::instance_access::{self as access, Access, Credential};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::kinds::release::{AccessOffer, ReleaseSpec};
use loggia_model::{Day, Micros, Record, Ref, Uid};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use settle::{Told, write};
use std::sync::Arc;

/// The longest name of a program.
const LONGEST: usize = 100;

/// To whom access is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantInput {
    /// The consumer: `component/NAME`, `team/NAME`, or a program as `service/NAME`.
    #[schemars(length(min = 1, max = 300))]
    pub to: String,
    /// What it may do, a role of the release; the usual one when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 40))]
    pub role: Option<String>,
    /// The last day on which it works; as long as it is wanted when absent.
    #[serde(default)]
    pub until: Option<Day>,
}

/// What is done about access.
#[derive(Clone, Debug)]
enum Wish {
    Grant(GrantInput),
    /// A new credential; for so many minutes the old one works on, or as long as the release says.
    Rotate(Uid, Option<u32>),
    Revoke(Uid),
}

struct ChangeAccess {
    instance: Ref,
    wish: Wish,
    /// Why its driver gives no access, where that is known.
    unable: Option<String>,
}

impl Command for ChangeAccess {
    fn name(&self) -> &'static str {
        match self.wish {
            Wish::Grant(_) => "access.grant",
            Wish::Rotate(..) => "access.rotate",
            Wish::Revoke(_) => "access.revoke",
        }
    }

    fn decide(&self, graph: &Graph, _: &Facts, ctx: &Ctx<'_>) -> Result<Changes> {
        let record = visible(graph, &ctx.caller.audience, &self.instance)?;
        ctx.require(Action::Operate, &subject_of(&record.parse()))?;
        let spec: InstanceSpec = record.spec()?;
        let mut status: InstanceStatus = record.typed_status()?;
        self.possible(&record, &spec, &status)?;
        let (acts, event, id) = match &self.wish {
            Wish::Grant(input) => {
                let new = grant(graph, &ctx.caller.audience, (input, &spec, &status), ctx)?;
                let id = new.id;
                (access::grant(&mut status.access, new).map_err(Error::Refused)?, "access.granted", id)
            }
            Wish::Rotate(id, minutes) => {
                let usual = offer(graph, &spec, &status).map_or(0, |offer| offer.overlap());
                let overlap = minutes.map_or(usual, |minutes| i64::from(minutes) * 60);
                let new = Credential::new(ctx.uid(), status.generation, overlap, ctx.now);
                (access::rotate(&mut status.access, *id, new).map_err(Error::Refused)?, "access.rotating", *id)
            }
            Wish::Revoke(id) => {
                let acts = access::revoke(&mut status.access, *id, ctx.now).map_err(Error::Refused)?;
                (acts, "access.revoking", *id)
            }
        };
        let message = status.access.iter().find(|access| access.id == id).map(words).unwrap_or_default();
        let mut changes = Changes::default();
        let told = Told { event, data: json!({"access": id, "message": message}) };
        let operation = write(&mut changes, graph, (&record, status), &acts, told, ctx)?;
        changes.answer = json!({"instance": record.reference, "uid": record.uid, "operation": operation, "access": id});
        Ok(changes)
    }
}

impl ChangeAccess {
    /// Whether anything can be done about access now.
    fn possible(&self, record: &Record, spec: &InstanceSpec, status: &InstanceStatus) -> Result<()> {
        let name = record.reference.name();
        if spec.step != Step::Managed {
            let mend = "Change who may use it where it was made.";
            return Err(Error::refused(
                "instance.not-managed",
                format!("No driver of this platform holds {name}."),
                mend,
            ));
        }
        let busy = matches!(status.phase, Phase::Pending | Phase::Progressing);
        let revoking = matches!(self.wish, Wish::Revoke(_));
        if status.phase == Phase::Deleting || (busy && !revoking) {
            let message = "Something is being done to it.";
            return Err(Error::refused("instance.busy", message, "Wait until that has ended, then try again."));
        }
        match self.unable.as_ref().filter(|_| !revoking) {
            Some(why) => {
                Err(Error::refused("access.driver", why, "Use its outputs, or ask the owner of the offering."))
            }
            None => Ok(()),
        }
    }
}

/// "read for component:default/quotes-api"
fn words(access: &Access) -> String {
    format!("{} for {}", access.role, access.to)
}

/// What access the release that runs offers.
pub fn offer(graph: &Graph, spec: &InstanceSpec, status: &InstanceStatus) -> Option<AccessOffer> {
    let name = if status.applied.is_empty() { spec.target.as_deref()? } else { &status.applied };
    graph.get(&Ref::new("release", "default", name))?.spec::<ReleaseSpec>().ok()?.contract.access
}

/// A new access, checked against what the release offers.
fn grant(
    graph: &Graph,
    audience: &Audience,
    (input, spec, status): (&GrantInput, &InstanceSpec, &InstanceStatus),
    ctx: &Ctx<'_>,
) -> Result<Access> {
    let offer = offer(graph, spec, status).ok_or_else(|| {
        let message = format!("This version of {} gives consumers no access of their own.", spec.offering);
        Error::refused("access.none", message, "Use its outputs, or ask the owner of the offering.")
    })?;
    let role = offer.role(input.role.as_deref()).ok_or_else(|| {
        let names: Vec<&str> = offer.roles.iter().map(|role| role.name.as_str()).collect();
        let message = format!("There is no role {}", input.role.as_deref().unwrap_or_default());
        Error::invalid("access.role", "role", message, format!("Choose one of: {}.", names.join(", ")))
    })?;
    let to = consumer(graph, audience, &input.to)?;
    let until = until(input.until, &offer, ctx.now)?;
    let credentials = vec![Credential::new(ctx.uid(), status.generation, 0, ctx.now)];
    let (id, by, since) = (ctx.uid(), ctx.caller.name(), ctx.now);
    Ok(Access { id, to, role: role.name.clone(), by, since, until, credentials })
}

/// Until when an access works.
fn until(last: Option<Day>, offer: &AccessOffer, now: Micros) -> Result<Option<Micros>> {
    let today = Day::of(now);
    let latest = offer.longest_days.map(|days| today.plus(days));
    let wrong = |message: String, mend: String| Err(Error::invalid("access.until", "until", message, mend));
    match (last, latest) {
        (Some(day), _) if day < today => wrong(format!("{} is over", day.words()), "Give a day to come.".to_owned()),
        (Some(day), Some(latest)) if day > latest => {
            wrong("That is longer than this offering allows".to_owned(), format!("Give a day up to {latest}."))
        }
        // The last moment of the last day, so that its day is the one that was said.
        (day, latest) => Ok(day.or(latest).map(|day| Micros(day.plus(1).start().0 - 1))),
    }
}

/// The full name of a consumer.
fn consumer(graph: &Graph, audience: &Audience, text: &str) -> Result<String> {
    let wrong = |message: String| {
        let mend = "Give component/NAME, team/NAME or service/NAME.";
        Error::invalid("access.to", "to", message, mend)
    };
    let (kind, name) = text.trim().split_once(['/', ':']).unwrap_or(("", text));
    if kind.eq_ignore_ascii_case("service") {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let fits = (1..=LONGEST).contains(&name.chars().count()) && name.chars().all(plain);
        return if fits {
            Ok(format!("service:{name}"))
        } else {
            Err(wrong(format!("{name:?} is no name of a program")))
        };
    }
    let kind = if kind.eq_ignore_ascii_case("team") { "group" } else { kind };
    let reference = Ref::parse(&format!("{kind}:{name}"), None, "default")
        .ok()
        .filter(|reference| matches!(reference.kind(), "component" | "group"))
        .ok_or_else(|| wrong(format!("{text:?} is no consumer")))?;
    visible(graph, audience, &reference)
        .map_err(|_| wrong(format!("There is no {reference}, or you may not see it")))?;
    Ok(reference.to_string())
}

impl App {
    /// Gives a consumer access to an instance, with a credential of its own; the operation makes it.
    ///
    /// # Errors
    /// [`Error::Refused`] where release or driver give none, [`Error::Invalid`] for a wrong consumer, role or day.
    pub async fn grant_access(&self, caller: &Caller, instance: Ref, input: GrantInput) -> Result<Outcome> {
        self.change_access(caller, instance, Wish::Grant(input)).await
    }

    /// Renews the credential of an access: the old one works on for so many minutes, or as long as the release says.
    ///
    /// # Errors
    /// [`Error::Refused`] while one is being made, and for an access that ends or is not there.
    pub async fn rotate_access(
        &self,
        caller: &Caller,
        instance: Ref,
        id: Uid,
        overlap_minutes: Option<u32>,
    ) -> Result<Outcome> {
        self.change_access(caller, instance, Wish::Rotate(id, overlap_minutes)).await
    }

    /// Takes access away; it is over when the absence of its credentials was seen.
    ///
    /// # Errors
    /// [`Error::Refused`] for an access that is not there.
    pub async fn revoke_access(&self, caller: &Caller, instance: Ref, id: Uid) -> Result<Outcome> {
        self.change_access(caller, instance, Wish::Revoke(id)).await
    }

    async fn change_access(&self, caller: &Caller, instance: Ref, wish: Wish) -> Result<Outcome> {
        let unable = self.unable(&instance);
        self.run(caller, ChangeAccess { instance, wish, unable }).await
    }

    /// Why the driver of an instance gives no access; none where it does, and where that is not known here.
    pub fn unable(&self, instance: &Ref) -> Option<String> {
        let graph = self.graph();
        let record: Arc<Record> = graph.get(instance)?.clone();
        let name = driver_of(&graph, &record.spec().ok()?, &record.typed_status().ok()?).ok()?;
        let driver = self.drivers.get()?.get(&name)?;
        driver.grants().is_none().then(|| format!("The driver {name} gives consumers no access of their own."))
    }
}

/// The same text with another status.
pub(crate) fn draft(record: &Record, status: &InstanceStatus) -> Result<Draft> {
    Ok(Draft::of(record).with_status(&serde_json::to_value(status)?))
}
