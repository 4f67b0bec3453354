//! What may be decided about a campaign, and what follows by itself: pure functions over the campaign and what is seen
//! of its instances. They tell what is to be done ([`Act`]); how it went comes back with the next look.

use super::{CampaignState, CampaignStatus, Counts, EndedAs, Item, ItemState, Snooze};
use crate::check::Outcome;
use crate::ending::Exemption;
use crate::ending::steps::By;
use crate::kinds::CampaignSpec;
use crate::{Day, Micros, Refusal, Uid};
use std::collections::BTreeMap;

/// For how many days an owner may put it off when there is no deadline.
const SNOOZE: u32 = 30;

/// What is seen of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its full name.
    pub instance: String,
    /// Its team.
    pub team: String,
    /// The wave to which it belongs.
    pub wave: usize,
    /// Whether Loggia changes it itself.
    pub managed: bool,
    /// The version that it has.
    pub version: String,
    /// Since when, where that is known.
    pub since: Option<Micros>,
    /// What the check of the campaign says.
    pub outcome: Outcome,
    /// Whether it was looked for and is not there. Nobody knows then what it has.
    pub away: bool,
    /// What its newest operation came to.
    pub work: Work,
}

/// What the newest operation of an instance came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// There is none, or it is over.
    Over,
    /// It has not ended.
    Running,
    /// A change waits for its team to merge.
    Waits,
    /// It was an upgrade and failed; what it said.
    Failed(Uid, String),
}

/// What the gate between two waves says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// What was moved is well.
    Open,
    /// Nobody can tell yet; of which, and why.
    Waits(Uid, String),
    /// What was moved is not well; which, and why.
    Shut(Uid, String),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Bring an instance on.
    Upgrade(Uid),
    /// Take an instance back.
    Back(Uid),
    /// Tell a team, of so many of its instances.
    Tell(String, usize),
}

/// Something that happened by itself, for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It began.
    Began,
    /// A wave was opened.
    Wave(usize),
    /// It stopped itself.
    Halted,
    /// It is over.
    Ended,
    /// Its scope changed.
    Scope,
    /// What passed does not any more: so many.
    Regressed(usize),
}

/// A campaign as a decision finds it, and what a decision makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its plan.
    pub spec: CampaignSpec,
    /// What was decided, and how far it is.
    pub status: CampaignStatus,
    /// Its items.
    pub items: BTreeMap<Uid, Item>,
    /// What is to be done.
    pub acts: Vec<Act>,
    /// What happened by itself.
    pub notes: Vec<Note>,
}

/// What a decision comes to.
pub type Step = Result<Campaign, Refusal>;

fn refused<T>(rule: &str, message: impl Into<String>, mend: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(rule, message, mend))
}

impl Campaign {
    /// As it is kept.
    pub fn new(spec: CampaignSpec, status: CampaignStatus, items: BTreeMap<Uid, Item>) -> Campaign {
        Campaign { spec, status, items, acts: Vec::new(), notes: Vec::new() }
    }

    fn deny(&self, what: &str) -> Step {
        let state = self.status.state.word();
        refused(
            "campaign.state",
            format!("It is {state}, so it cannot be {what}."),
            "Look at its page for what can be done.",
        )
    }

    /// Starts it: at once, or on the day that its plan says.
    ///
    /// # Errors
    /// A refusal when it was started already, and when it begins now and there is nothing to move.
    pub fn start(mut self, by: By<'_>, looks: &BTreeMap<Uid, Look>) -> Step {
        if self.status.state != CampaignState::Draft {
            return self.deny("started");
        }
        self.status.started = Some(by.deed(""));
        self.status.state = CampaignState::Scheduled;
        if self.spec.start.is_none_or(|day| day.start() <= by.at) {
            self.begin(looks, by.at);
            if self.items.is_empty() {
                let message = "There is nothing to move: everything that it means has the wanted version.";
                return refused(
                    "campaign.nothing",
                    message,
                    "Look at its plan; widen `scope`, or ask for another `to`.",
                );
            }
        }
        Ok(self)
    }

    /// Stops it for a while. What is being changed is changed to its end.
    ///
    /// # Errors
    /// A refusal when it does not run.
    pub fn pause(mut self, by: By<'_>, reason: &str) -> Step {
        if self.status.state != CampaignState::Running {
            return self.deny("paused");
        }
        self.status.state = CampaignState::Paused;
        self.status.decided = Some(by.deed(reason));
        Ok(self)
    }

    /// Lets it go on; what failed is tried again.
    ///
    /// # Errors
    /// A refusal when it does not stand still.
    pub fn resume(mut self, by: By<'_>, reason: &str) -> Step {
        if !matches!(self.status.state, CampaignState::Paused | CampaignState::Halted) {
            return self.deny("resumed");
        }
        self.status.state = CampaignState::Running;
        self.status.halt = None;
        self.status.failures = 0;
        self.status.decided = Some(by.deed(reason));
        for item in self.items.values_mut().filter(|item| item.state == ItemState::Failed) {
            item.go(ItemState::Pending, by.at);
            item.attempts = 0;
        }
        self.count(by.at);
        Ok(self)
    }

    /// Takes a wave back: what the campaign itself moved in it. It stands still from then on.
    ///
    /// # Errors
    /// A refusal when nothing of it was moved.
    pub fn roll_back(mut self, by: By<'_>, wave: usize, reason: &str) -> Step {
        if !self.status.state.is_live() {
            return self.deny("rolled back");
        }
        let moved = |item: &Item| {
            let there = matches!(item.state, ItemState::Done | ItemState::Regressed);
            item.wave == wave && item.managed && item.attempts > 0 && there
        };
        let uids: Vec<Uid> = self.items.iter().filter(|(_, item)| moved(item)).map(|(uid, _)| *uid).collect();
        if uids.is_empty() {
            let message = format!("The campaign moved nothing in {}.", self.spec.wave_name(wave));
            return refused("campaign.rollback", message, "Choose another wave.");
        }
        if self.status.state == CampaignState::Running {
            self.status.state = CampaignState::Paused;
        }
        self.status.wave = self.status.wave.min(wave);
        self.status.decided = Some(by.deed(reason));
        for uid in uids {
            if let Some(item) = self.items.get_mut(&uid) {
                item.back = item.go(ItemState::Changing, by.at);
            }
            self.acts.push(Act::Back(uid));
        }
        self.count(by.at);
        Ok(self)
    }

    /// Leaves an instance alone until a day, as its owner wishes.
    ///
    /// # Errors
    /// A refusal without a reason, past the deadline, and for what is over or being changed.
    pub fn snooze(mut self, by: By<'_>, uid: Uid, until: Day, reason: &str) -> Step {
        if !self.status.state.is_live() {
            return self.deny("put off");
        }
        if reason.trim().is_empty() {
            return refused("campaign.reason", "It is not said why.", "Say it in one sentence.");
        }
        let last = self.spec.deadline.unwrap_or_else(|| Day::of(by.at).plus(SNOOZE));
        if until > last || until <= Day::of(by.at) {
            let message = format!("It can be put off until {last} at most, and to a day to come.");
            return refused("campaign.snooze", message, "Choose another day, or ask for an exemption.");
        }
        match self.items.get_mut(&uid) {
            Some(item) if !matches!(item.state, ItemState::Done | ItemState::Changing | ItemState::NotApplicable) => {
                item.snooze = Some(Snooze { until, reason: reason.trim().into(), by: by.who.into(), at: by.at });
                Ok(self)
            }
            Some(item) => {
                let message = format!("It is {}.", item.state.word());
                refused("campaign.snooze", message, "There is nothing to put off now.")
            }
            None => refused("campaign.item", "It is not on the list.", "Look at the list for what is."),
        }
    }

    /// Lets a team differ until a day, with one of its instances or all of them.
    ///
    /// # Errors
    /// A refusal without a reason, for a day that has come, and once it is over.
    pub fn exempt(mut self, exemption: Exemption) -> Step {
        if self.status.state == CampaignState::Ended {
            return self.deny("differed from");
        }
        if exemption.reason.trim().is_empty() {
            return refused("campaign.reason", "It is not said why.", "Say it in one sentence.");
        }
        if exemption.until <= Day::of(exemption.at) {
            return refused("campaign.exemption", "That day has come already.", "Choose a day to come.");
        }
        let same = |one: &Exemption| (&one.team, &one.instance) == (&exemption.team, &exemption.instance);
        self.status.exemptions.retain(|one| !same(one));
        self.status.exemptions.push(exemption);
        Ok(self)
    }

    /// Ends it by hand.
    ///
    /// # Errors
    /// A refusal when it is over, and without a reason while something is open.
    pub fn end(mut self, by: By<'_>, reason: &str) -> Step {
        if self.status.state == CampaignState::Ended {
            return self.deny("ended");
        }
        let counts = Counts::of(self.items.values());
        let done = self.status.state.is_live() && counts.done == counts.total;
        if !done && reason.trim().is_empty() {
            // Who decides need not see all of it: how many are left is told by the page.
            let message = "Not all of it is done, and it is not said why it ends.";
            return refused("campaign.reason", message, "Say it in one sentence; whoever is concerned reads it.");
        }
        self.status.ended_as = Some(match (done, counts.done) {
            (true, _) => EndedAs::Completed,
            (false, 0) => EndedAs::Cancelled,
            (false, _) => EndedAs::Partial,
        });
        self.status.state = CampaignState::Ended;
        self.status.halt = None;
        self.status.decided = Some(by.deed(reason));
        self.count(by.at);
        Ok(self)
    }
}
