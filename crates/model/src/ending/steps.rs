//! What may be decided about an ending: pure functions from a plan to a plan, or a refusal.
//!
//! Dates that people were told hold: they move later, and what has passed does not move. Earlier is for emergencies,
//! which take two people.

use super::dates::words;
use super::{Agreed, Dates, Deed, Emergency, EndingRule, EndingState, EndingStatus, Exemption, Pending, Reopened};
use crate::kinds::offering::Stage;
use crate::{Day, Micros, Refusal};

/// For how many days ahead a brownout has to be told.
pub const BROWNOUT_NOTICE: u32 = 7;

/// An ending as a decision finds it: its plan, what was decided, and the rule that it follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Its dates.
    pub dates: Dates,
    /// What was decided.
    pub status: EndingStatus,
    /// The rule.
    pub rule: EndingRule,
    /// How settled the thing is.
    pub stage: Stage,
}

/// Who decides, and when.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// Who.
    pub who: &'a str,
    /// When.
    pub at: Micros,
}

impl By<'_> {
    pub(crate) fn deed(self, reason: &str) -> Deed {
        Deed { at: self.at, by: self.who.to_owned(), reason: reason.trim().to_owned() }
    }
}

/// What a decision comes to.
pub type Step = Result<Ending, Refusal>;

fn refused<T>(rule: &str, message: impl Into<String>, mend: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(rule, message, mend))
}

impl Ending {
    /// Where it stands.
    pub fn state(&self, now: Micros) -> EndingState {
        self.status.state(&self.dates, now)
    }

    fn deny(&self, now: Micros, what: &str) -> Step {
        let state = self.state(now).word();
        refused("ending.state", format!("It is {state}, so it cannot be {what}."), "Look at its dates.")
    }

    /// Tells people. When there is too little notice, and it is said why that is an emergency, it waits for a second
    /// person.
    ///
    /// # Errors
    /// A refusal when it was told already, when its dates have passed, or when there is too little notice.
    pub fn announce(mut self, by: By<'_>, emergency: Option<&str>) -> Step {
        if self.state(by.at) != EndingState::Draft {
            return self.deny(by.at, "announced");
        }
        if self.dates.effective < Day::of(by.at) {
            let message = format!("It takes effect on {}, and that day has passed.", self.dates.effective.words());
            return refused("ending.past", message, "Move it to later days.");
        }
        match (self.rule.too_short(&self.dates, Day::of(by.at), self.stage), emergency) {
            (None, _) => {
                self.status.announced = Some(by.deed(""));
                self.status.pending = None;
            }
            (Some(_), Some(reason)) => {
                let dates = self.dates.clone();
                return self.ask(by, dates, reason);
            }
            (Some(why), None) => {
                let mend = "Move it later; or, in an emergency, say why, and let a second person agree.";
                return refused("ending.short", format!("This is too short: {why}."), mend);
            }
        }
        Ok(self)
    }

    fn ask(mut self, by: By<'_>, dates: Dates, reason: &str) -> Step {
        let reason = reason.trim();
        if reason.is_empty() {
            return refused("ending.emergency", "It is not said why this is an emergency.", "Say it in one sentence.");
        }
        self.status.pending = Some(Pending { dates, reason: reason.to_owned(), by: by.who.to_owned(), at: by.at });
        Ok(self)
    }

    /// Agrees, as the second person, to what is an emergency. Where its text is kept elsewhere, other dates hold once
    /// that text says them.
    ///
    /// # Errors
    /// A refusal when nothing waits, for who asked, and when time has overtaken it.
    pub fn approve(mut self, by: By<'_>, text_is_here: bool) -> Step {
        let Some(pending) = self.status.pending.take() else {
            return refused("ending.pending", "Nothing waits for a second person.", "There is nothing to do.");
        };
        if pending.by == by.who {
            return refused("ending.second", "You asked for it yourself.", "Let another person agree.");
        }
        let state = self.state(by.at);
        if state != EndingState::Draft && !(state.is_told() && state < EndingState::Off) {
            return self.deny(by.at, "changed");
        }
        passed_days(&self.dates, &pending.dates, by.at, state == EndingState::Draft)?;
        if state == EndingState::Draft {
            self.status.announced = Some(by.deed(""));
        }
        if text_is_here || pending.dates == self.dates {
            self.dates = pending.dates;
        } else {
            self.status.agreed = Some(Agreed { before: self.dates.clone(), after: pending.dates });
        }
        self.status.emergency =
            Some(Emergency { reason: pending.reason, by: pending.by, approved_by: by.who.to_owned(), at: by.at });
        Ok(self.settled())
    }

    /// What follows from its dates: no exemption outlives what it differs from for longer than the rule allows, and what
    /// was agreed on is over once the dates are others.
    #[must_use]
    pub fn settled(mut self) -> Ending {
        let last = self.dates.off.plus(self.rule.exemption);
        self.status.exemptions.iter_mut().for_each(|one| one.until = one.until.min(last));
        self.status.agreed = self.status.agreed.filter(|agreed| agreed.before == self.dates);
        self
    }

    /// Gives it other dates. A draft moves freely; what was told moves later. Earlier waits for a second person, when it
    /// is said why that is an emergency.
    ///
    /// # Errors
    /// A refusal for earlier dates without an emergency, for days that have passed, and after its last day.
    pub fn shift(mut self, dates: Dates, by: By<'_>, emergency: Option<&str>) -> Step {
        let state = self.state(by.at);
        if state == EndingState::Draft {
            self.dates = dates;
            self.status.pending = None;
            return Ok(self);
        }
        if !state.is_told() || state >= EndingState::Off {
            return self.deny(by.at, "moved");
        }
        passed_days(&self.dates, &dates, by.at, false)?;
        let agreed = self.status.agreed.as_ref().is_some_and(|one| one.before == self.dates && one.after == dates);
        if agreed {
            self.dates = dates;
            return Ok(self.settled());
        }
        match (earlier(&self.dates, &dates, by.at), emergency) {
            (None, _) => {
                self.dates = dates;
                self.status.pending = None;
            }
            (Some(_), Some(reason)) => return self.ask(by, dates, reason),
            (Some(why), None) => {
                let mend = "Move it later; or, in an emergency, say why, and let a second person agree.";
                return refused("ending.earlier", why, mend);
            }
        }
        Ok(self)
    }

    /// Gives it up.
    ///
    /// # Errors
    /// A refusal once it took effect, and without a reason.
    pub fn cancel(mut self, by: By<'_>, reason: &str) -> Step {
        if !matches!(self.state(by.at), EndingState::Draft | EndingState::Announced) {
            return self.deny(by.at, "cancelled");
        }
        if reason.trim().is_empty() {
            return refused(
                "ending.reason",
                "It is not said why.",
                "Say it in one sentence; whoever was told reads it.",
            );
        }
        self.status.cancelled = Some(by.deed(reason));
        self.status.pending = None;
        Ok(self)
    }

    /// Lets a team differ until a day; a day that has come ends an exemption.
    ///
    /// # Errors
    /// A refusal without a reason, and for longer than the rule allows.
    pub fn exempt(mut self, exemption: Exemption) -> Step {
        let state = self.state(exemption.at);
        if !state.is_told() || state >= EndingState::Removed {
            return self.deny(exemption.at, "differed from");
        }
        if exemption.reason.trim().is_empty() {
            return refused("ending.reason", "It is not said why.", "Say it in one sentence.");
        }
        let last = self.dates.off.plus(self.rule.exemption);
        if exemption.until > last {
            let message = format!("An exemption of this lasts until {} at most.", last.words());
            return refused("ending.exemption", message, "Choose an earlier day.");
        }
        let same = |one: &Exemption| (&one.team, &one.instance) == (&exemption.team, &exemption.instance);
        self.status.exemptions.retain(|one| !same(one));
        self.status.exemptions.push(exemption);
        Ok(self)
    }

    /// Says that it was taken away. `in_use` names who still uses it and may not.
    ///
    /// # Errors
    /// A refusal before its last day is over, and while somebody uses it who may not.
    pub fn remove(mut self, by: By<'_>, in_use: &[String]) -> Step {
        if self.state(by.at) != EndingState::Off {
            return self.deny(by.at, "removed");
        }
        if let Some(first) = in_use.first() {
            let message = format!("It is still used, by {first} for one ({} in all).", in_use.len());
            return refused("ending.in-use", message, "Help them off it first, or grant an exemption.");
        }
        self.status.removed = Some(by.deed(""));
        Ok(self)
    }

    /// Takes in what was found by looking for what is left; none when nothing is.
    #[must_use]
    pub fn found(mut self, left: Option<&str>, now: Micros) -> Ending {
        match (self.state(now), left) {
            (EndingState::Removed, None) => self.status.proved = Some(now),
            (EndingState::Proved, Some(found)) => {
                self.status.proved = None;
                self.status.reopened.push(Reopened { at: now, found: found.to_owned() });
            }
            _ => {}
        }
        self
    }
}

/// What has come stays as it was told.
fn passed_days(before: &Dates, after: &Dates, now: Micros, draft: bool) -> Result<(), Refusal> {
    let days = [
        ("effective", Some(before.effective), Some(after.effective)),
        ("closedToNew", before.closed_to_new, after.closed_to_new),
        ("closedToUpdates", before.closed_to_updates, after.closed_to_updates),
        ("off", Some(before.off), Some(after.off)),
    ];
    let today = Day::of(now);
    for (name, old, new) in days {
        let name = words(name);
        if let Some(day) = old.filter(|day| !draft && old != new && day.start() <= now) {
            let message = format!("It is {name} since {}, and that stays.", day.words());
            return refused("ending.past", message, "Leave what has come as it is, and choose days ahead.");
        }
        let late = |day: &Day| (old != new && *day <= today) || (draft && *day < today);
        if let Some(day) = new.filter(late) {
            let message = format!("It would be {name} on {}, and that is not ahead.", day.words());
            return refused("ending.past", message, "Choose days ahead.");
        }
    }
    Ok(())
}

/// The first date that would come earlier than people were told.
fn earlier(before: &Dates, after: &Dates, now: Micros) -> Option<String> {
    let days = [
        ("off", before.off, after.off),
        ("effective", before.effective, after.effective),
        ("closedToNew", before.closes_to_new(), after.closes_to_new()),
        ("closedToUpdates", before.closes_to_updates(), after.closes_to_updates()),
    ];
    let day = days.into_iter().find(|(_, old, new)| new < old);
    let soon = Micros(now.0 + Day(i64::from(BROWNOUT_NOTICE)).start().0);
    let sudden = || after.brownouts.iter().find(|one| one.from < soon && !before.brownouts.contains(one));
    day.map(|(name, old, new)| {
        format!("People were told that it is {} on {}; {} is earlier.", words(name), old.words(), new.words())
    })
    .or_else(|| sudden().map(|one| format!("A brownout is told {BROWNOUT_NOTICE} days ahead; one is {}.", one.words())))
}
