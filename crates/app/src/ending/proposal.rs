//! Days that are proposed: for an ending that is planned, and for one that cannot be announced as it is.

use super::text::plan;
use super::{Found, rule_named};
use crate::App;
use crate::access::caller::Caller;
use crate::error::Result;
use crate::record::{owned_here, visible};
use loggia_graph::Graph;
use loggia_model::ending::steps::Ending;
use loggia_model::ending::{Dates, Origin, Proposal, Wish};
use loggia_model::kinds::EndingSpec;
use loggia_model::kinds::ending::offering_of;
use loggia_model::{Day, EndingState, Micros, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For what days are proposed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposalWish {
    /// What goes away: `offering:tern` or `release:tern-6.0.0`; `product:fairway` for one of its rules.
    #[schemars(length(min = 1, max = 200))]
    pub subject: String,
    /// The rule that says how much notice is given.
    #[schemars(length(min = 1, max = 100))]
    pub preset: String,
    /// The days that are decided already.
    #[serde(default)]
    pub dates: Wish,
}

/// Days with which an ending may be announced, and how to give it these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    /// The days.
    pub dates: Dates,
    /// Where each comes from.
    pub origins: Vec<Origin>,
    /// What to do, ready to be copied: a command, or what to write into its file.
    pub mend: String,
}

impl App {
    /// The days that the rule of an ending allows at the earliest, from today; days that are given stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for what the caller may not see, a problem at `preset` for a rule that
    /// is none.
    pub fn propose_ending(&self, caller: &Caller, wish: &ProposalWish) -> Result<Proposal> {
        let graph = self.graph();
        let subject = Ref::parse(&wish.subject, None, "default").map_err(|_| {
            let mend = "Write the kind before the name, such as `release:tern-6.0.0`.";
            crate::Error::invalid("reference", "subject", format!("{:?} is no name", wish.subject), mend)
        })?;
        visible(&graph, &caller.audience, &subject)?;
        let rule = rule_named(&graph, offering_of(&subject), &wish.preset, "preset")?;
        let stage = super::stage(&graph, &subject).unwrap_or_default();
        Ok(rule.propose(&wish.preset, &wish.dates, Day::of(self.now()), stage))
    }

    /// The names of the rules that an ending may follow, those of the product first.
    pub fn ending_rules(&self) -> Vec<String> {
        let own = super::own_rules(&self.graph(), None);
        let presets = loggia_model::ending::rule::PRESETS.iter().map(|name| (*name).to_owned());
        own.into_keys().chain(presets).collect()
    }
}

/// What may be announced in place of a plan that may not; none for one that may, or was.
pub(super) fn offer(graph: &Graph, found: &Found, now: Micros) -> Result<Option<Offer>> {
    let ending = plan(graph, found)?;
    if ending.state(now) != EndingState::Draft || why_not(&ending, now).is_empty() {
        return Ok(None);
    }
    let Proposal { dates, origins } =
        ending.rule.first_valid(&found.spec.preset, &ending.dates, Day::of(now), ending.stage);
    let mend = mend(found, &dates);
    Ok(Some(Offer { dates, origins, mend }))
}

/// Why a draft cannot be announced now as it is; empty when it can.
pub(super) fn why_not(ending: &Ending, now: Micros) -> String {
    let today = Day::of(now);
    if ending.dates.effective < today {
        return format!("It takes effect on {}, and that day has passed", ending.dates.effective.words());
    }
    let told = ending.dates.announced.map_or(today, |day| day.max(today));
    ending.rule.too_short(&ending.dates, told, ending.stage).unwrap_or_default()
}

fn mend(found: &Found, dates: &Dates) -> String {
    if owned_here(&found.record).is_err() {
        return in_file(&found.spec, dates);
    }
    let mut command = format!("loggia ending move {}", found.record.reference.name());
    for (field, day) in changed(&found.spec, dates) {
        command.push_str(&format!(" --{} {day}", option(field)));
    }
    if dates.brownouts != found.spec.dates.brownouts {
        for one in &dates.brownouts {
            command.push_str(&format!(" --brownout {}/{}", one.from, one.to));
        }
        if dates.brownouts.is_empty() {
            command.push_str(" --no-brownouts");
        }
    }
    command
}

/// What to write into the file of an ending for other days.
pub(super) fn in_file(spec: &EndingSpec, dates: &Dates) -> String {
    let days: Vec<String> = changed(spec, dates).map(|(field, day)| format!("{field}: {day}")).collect();
    let trials: Vec<String> =
        dates.brownouts.iter().map(|one| format!("{{from: '{}', to: '{}'}}", one.from, one.to)).collect();
    let trials = (dates.brownouts != spec.dates.brownouts).then(|| format!("brownouts: [{}]", trials.join(", ")));
    format!("Write into its file, under dates: {}", days.into_iter().chain(trials).collect::<Vec<_>>().join(", "))
}

/// The days that differ from those of the text.
fn changed<'a>(spec: &'a EndingSpec, dates: &'a Dates) -> impl Iterator<Item = (&'static str, Day)> + 'a {
    let old: Vec<(&str, Day)> = spec.dates.days().collect();
    dates.days().filter(move |day| !old.contains(day))
}

fn option(field: &str) -> &'static str {
    match field {
        "announced" => "announced",
        "effective" => "effective",
        "closedToNew" => "closed-to-new",
        "closedToUpdates" => "closed-to-updates",
        _ => "off",
    }
}
