//! What holds where somebody wants to get or change something: for each thing the most specific rule that states it, and
//! why that one.

pub mod approval;
pub(crate) mod automatic_upgrades;
mod quota;
pub(crate) mod words;

pub use quota::{Held, held};

use crate::App;
use crate::access::caller::Caller;
use crate::error::{Error, Result};
use crate::record::visible;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::environment::{EnvironmentSpec, Purpose};
use loggia_model::kinds::instance::{FrozenPlan, InstanceSpec};
use loggia_model::kinds::offering::OfferingSpec;
use loggia_model::kinds::product::ProductSpec;
use loggia_model::rule::{Act, Agreement, Asked, Aspect, Automatic, Rule, Waiting, Which};
use loggia_model::{Micros, Ref};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The rule.
    pub rule: Rule,
    /// The environment or the product that has it.
    pub place: Ref,
}

impl Placed {
    fn weight(&self) -> u8 {
        self.rule.weight(self.place.kind() == "environment")
    }

    /// Where it stands and what it is called, as people read it: "freeze of dev".
    pub fn words(&self) -> String {
        format!("{} of {}", self.rule.name, self.place.name())
    }

    /// What it says why, as a sentence to put after another one.
    fn because(&self) -> String {
        let why = self.rule.why.as_deref().unwrap_or_default().trim().trim_end_matches('.');
        if why.is_empty() { String::new() } else { format!(" {why}.") }
    }
}

/// What somebody wants, where.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The team.
    pub team: Ref,
    /// Name of the offering.
    pub offering: String,
    /// The plan, with its price.
    pub plan: Option<FrozenPlan>,
    /// Name of the environment.
    pub environment: String,
    /// What that is for.
    pub purpose: Purpose,
}

impl Wanted {
    /// Of what runs, or is to run.
    pub fn of(graph: &Graph, spec: &InstanceSpec) -> Option<Wanted> {
        let environment: EnvironmentSpec =
            graph.get(&Ref::new("environment", "default", &spec.environment))?.spec().ok()?;
        Some(Wanted {
            team: spec.team_ref()?,
            offering: spec.offering.clone(),
            plan: spec.plan.clone(),
            environment: spec.environment.clone(),
            purpose: environment.purpose,
        })
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            team: self.team.as_str(),
            offering: &self.offering,
            plan: self.plan.as_ref().map(|plan| plan.name.as_str()),
            environment: &self.environment,
            purpose: self.purpose,
        }
    }
}

/// What becomes of something that a team has already.
pub struct Changed<'a> {
    /// What runs.
    pub instance: &'a Ref,
    /// As it would be.
    pub wanted: &'a Wanted,
    /// The plan that it has.
    pub before: Option<&'a FrozenPlan>,
}

impl Changed<'_> {
    fn is_another_plan(&self) -> bool {
        self.wanted.plan.as_ref() != self.before
    }
}

/// The rules of one environment and of its product, those of the environment first.
pub struct Rules(Vec<Placed>);

impl Rules {
    /// Those that may hold in an environment.
    pub fn of(graph: &Graph, environment: &str) -> Rules {
        let place = Ref::new("environment", "default", environment);
        let Some(spec) = graph.get(&place).and_then(|record| record.spec::<EnvironmentSpec>().ok()) else {
            return Rules(Vec::new());
        };
        let product = Ref::new("product", "default", &spec.product);
        let shared = graph.get(&product).and_then(|record| record.spec::<ProductSpec>().ok());
        let own = spec.rules.into_iter().map(|rule| Placed { rule, place: place.clone() });
        let shared = shared.map(|spec| spec.rules).unwrap_or_default();
        Rules(own.chain(shared.into_iter().map(|rule| Placed { rule, place: product.clone() })).collect())
    }

    /// Those that state something for what is wanted, the one that counts first: the most specific one, and of two that
    /// are as specific the one that stands first.
    pub fn about(&self, wanted: &Wanted, aspect: Aspect) -> Vec<&Placed> {
        let asked = wanted.asked();
        let fits = |placed: &&Placed| placed.rule.states(aspect) && placed.rule.whom.fits(&asked);
        let mut found: Vec<&Placed> = self.0.iter().filter(fits).collect();
        found.sort_by_key(|placed| std::cmp::Reverse(placed.weight()));
        found
    }

    fn first(&self, wanted: &Wanted, aspect: Aspect) -> Option<&Placed> {
        self.about(wanted, aspect).into_iter().next()
    }

    /// Passes when something may be got now. Gives who has to agree first.
    ///
    /// # Errors
    /// [`Error::Refused`] by the rule that says no, with when or how it would pass.
    pub fn may_get(&self, graph: &Graph, wanted: &Wanted, now: Micros) -> Result<Option<Needed>> {
        if let Some(placed) = self.first(wanted, Aspect::May).filter(|placed| placed.rule.may == Some(false)) {
            let message = format!("{} is not given out in {} to this team.", wanted.offering, wanted.environment);
            return Err(says_no("rule.may", &message, placed, "Choose another environment."));
        }
        self.not_frozen(wanted, Act::Order, now)?;
        if let Some(placed) = self.first(wanted, Aspect::Quota) {
            quota::passes(graph, wanted, placed)?;
        }
        Ok(self.needs(wanted, Act::Order))
    }

    /// Passes when something may be brought to another version. Gives who has to agree first. In which hours is another
    /// question: [`Rules::opening`].
    ///
    /// # Errors
    /// As [`Rules::may_get`].
    pub fn may_upgrade(&self, wanted: &Wanted, now: Micros) -> Result<Option<Needed>> {
        self.not_frozen(wanted, Act::Upgrade, now)?;
        Ok(self.needs(wanted, Act::Upgrade))
    }

    /// Passes when what runs may get another plan, or other inputs. Gives who has to agree first. What is said of orders
    /// holds for it too: else one would get by it what one may not order.
    ///
    /// # Errors
    /// As [`Rules::may_get`].
    pub fn may_change(&self, graph: &Graph, change: &Changed<'_>, now: Micros) -> Result<Option<Needed>> {
        let wanted = change.wanted;
        if change.is_another_plan()
            && let Some(placed) = self.first(wanted, Aspect::May).filter(|placed| placed.rule.may == Some(false))
        {
            let message = format!("This plan is not given out in {} to this team.", wanted.environment);
            return Err(says_no("rule.may", &message, placed, "Choose another plan."));
        }
        self.not_frozen(wanted, Act::Change, now)?;
        self.not_frozen(wanted, Act::Order, now)?;
        if let Some(placed) = self.first(wanted, Aspect::Quota).filter(|_| change.is_another_plan()) {
            quota::fits(graph, change, placed)?;
        }
        Ok(self.needs(wanted, Act::Change).or_else(|| self.needs(wanted, Act::Order)))
    }

    /// When the hours begin in which upgrades are made, after a freeze that holds; none when they are made now.
    pub fn opening(&self, wanted: &Wanted, now: Micros) -> Option<Opening> {
        let frozen = self.thaw(wanted, now);
        let from = frozen.as_ref().map_or(now, |frozen| frozen.at);
        let placed = self.first(wanted, Aspect::UpgradeWindows);
        let windows = placed.and_then(|placed| placed.rule.upgrade_windows.as_deref()).unwrap_or_default();
        if windows.is_empty() || windows.iter().any(|window| window.is_open(from)) {
            return frozen;
        }
        let at = windows.iter().filter_map(|window| window.opens(from)).min()?;
        Some(Opening { at, rule: placed?.words() })
    }

    /// When a freeze that holds up changes of what runs is over; none when none holds.
    pub fn thaw(&self, wanted: &Wanted, now: Micros) -> Option<Opening> {
        let placed = self.first(wanted, Aspect::Freezes)?;
        let freezes = placed.rule.freezes.iter().flatten().filter(|freeze| freeze.holds(Act::Upgrade, now));
        Some(Opening { at: freezes.map(|freeze| freeze.until).max()?, rule: placed.words() })
    }

    /// How long a version waits for its team.
    pub fn waiting(&self, wanted: &Wanted) -> Waiting {
        self.first(wanted, Aspect::Waiting).and_then(|placed| placed.rule.waiting).unwrap_or_default()
    }

    pub(crate) fn not_frozen(&self, wanted: &Wanted, act: Act, now: Micros) -> Result<()> {
        let Some(placed) = self.first(wanted, Aspect::Freezes) else { return Ok(()) };
        let mut freezes = placed.rule.freezes.iter().flatten();
        let Some(freeze) = freezes.find(|freeze| freeze.holds(act, now)) else { return Ok(()) };
        let message = format!("Nothing changes in {} until {}.", wanted.environment, words::time(freeze.until));
        Err(says_no("rule.frozen", &message, placed, "Try again after that."))
    }

    fn needs(&self, wanted: &Wanted, act: Act) -> Option<Needed> {
        let placed = self.first(wanted, Aspect::Approval)?;
        let agreement = placed.rule.approval.clone().filter(|agreement| agreement.to.contains(&act))?;
        Some(Needed { agreement, rule: placed.words(), why: placed.because().trim().to_owned() })
    }

    /// Which upgrades come by themselves, by which rule.
    pub fn automatic(&self, wanted: &Wanted) -> Option<(Automatic, &Placed)> {
        let placed = self.first(wanted, Aspect::Automatic)?;
        let automatic = placed.rule.automatic.clone().filter(|automatic| automatic.upgrades != Which::None)?;
        Some((automatic, placed))
    }

    /// Whether any rule has upgrades come by themselves.
    pub fn has_automatic(&self) -> bool {
        self.0.iter().any(|placed| placed.rule.states(Aspect::Automatic))
    }
}

/// When the hours begin in which upgrades are made, by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// When.
    pub at: Micros,
    /// The rule, in words.
    pub rule: String,
}

impl Opening {
    /// What it waits for, in a sentence.
    pub fn words(&self) -> String {
        format!("It waits for {}, as the rule {} says.", words::time(self.at), self.rule)
    }
}

/// Who has to agree, by which rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed {
    /// Who, and in which time.
    pub agreement: Agreement,
    /// The rule, in words.
    pub rule: String,
    /// Why there is it.
    pub why: String,
}

impl Needed {
    /// Who has to agree, in a sentence.
    pub fn words(&self) -> String {
        let by = self.agreement.by.rsplit(['/', ':']).next().unwrap_or_default();
        format!("Somebody of {by} has to agree first, as the rule {} says. {}", self.rule, self.why).trim().to_owned()
    }
}

fn says_no(rule: &str, message: &str, placed: &Placed, mend: &str) -> Error {
    let message = format!("{message} So says the rule {}.{}", placed.words(), placed.because());
    Error::refused(rule, message, mend)
}

/// What holds for one thing, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The thing.
    pub aspect: Aspect,
    /// What holds, in a sentence.
    pub says: String,
    /// The rule that counts; none when no rule says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The environment or the product that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Ref>,
    /// Why that one counts, and why there is it.
    pub because: String,
    /// Other rules that say something about it and count less, the next one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instead_of: Vec<String>,
}

/// What is asked: what holds for whom.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Name of the environment.
    pub environment: String,
    /// The team.
    pub team: Option<Ref>,
    /// Name of the offering.
    pub offering: Option<String>,
    /// Name of the plan; the default plan when absent.
    pub plan: Option<String>,
}

impl App {
    /// What holds in an environment for a team and an offering, and which rule says so.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the caller does not see.
    pub fn why(&self, caller: &Caller, question: &Question) -> Result<Vec<Answer>> {
        let graph = self.graph();
        let wanted = self.wanted(&graph, &caller.audience, question)?;
        let rules = Rules::of(&graph, &question.environment);
        let now = self.now();
        let own = caller.is_member(&wanted.team) || caller.administrator || caller.product_team;
        let answer = |aspect: Aspect| {
            let found = rules.about(&wanted, aspect);
            let held = own.then(|| found.first().map(|placed| held(&graph, &wanted, placed))).flatten();
            words::answer(aspect, &wanted, &found, held.as_ref(), now)
        };
        Ok(Aspect::ALL.into_iter().map(answer).collect())
    }

    fn wanted(&self, graph: &Graph, audience: &Audience, question: &Question) -> Result<Wanted> {
        let place = Ref::new("environment", "default", &question.environment);
        let environment: EnvironmentSpec = visible(graph, audience, &place)?.spec()?;
        let nobody = || Ref::new("group", "default", "nobody");
        let team = match &question.team {
            Some(team) => visible(graph, audience, team)?.reference.clone(),
            None => nobody(),
        };
        let offering = question.offering.clone().unwrap_or_default();
        let plan = match question.offering.as_deref() {
            Some(name) => {
                let spec: OfferingSpec = visible(graph, audience, &Ref::new("offering", "default", name))?.spec()?;
                crate::release::offering::frozen_plan(&spec, question.plan.as_deref())?
            }
            None => None,
        };
        Ok(Wanted { team, offering, plan, environment: question.environment.clone(), purpose: environment.purpose })
    }
}
