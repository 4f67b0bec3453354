//! One instance of a campaign.

use crate::{Day, Micros, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an instance stands in a campaign. Only its check makes it done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemState {
    /// It waits for its wave, or for its turn.
    Pending,
    /// Its owners were told what to do.
    Notified,
    /// It is being changed.
    Changing,
    /// Changing it failed; the earlier version serves.
    Failed,
    /// Its check passes.
    Done,
    /// It passed, and does not any more.
    Regressed,
    /// It may differ for a while.
    Exempt,
    /// It does not belong to the campaign any more.
    NotApplicable,
}

impl ItemState {
    /// All of them.
    pub const ALL: [ItemState; 8] = [
        ItemState::Pending,
        ItemState::Notified,
        ItemState::Changing,
        ItemState::Failed,
        ItemState::Done,
        ItemState::Regressed,
        ItemState::Exempt,
        ItemState::NotApplicable,
    ];

    /// Its word, as in the API.
    pub fn word(self) -> &'static str {
        match self {
            ItemState::Pending => "pending",
            ItemState::Notified => "notified",
            ItemState::Changing => "changing",
            ItemState::Failed => "failed",
            ItemState::Done => "done",
            ItemState::Regressed => "regressed",
            ItemState::Exempt => "exempt",
            ItemState::NotApplicable => "not-applicable",
        }
    }

    /// Whether there is a way from here to another state.
    pub fn leads_to(self, to: ItemState) -> bool {
        use ItemState as S;
        match (self, to) {
            (from, to) if from == to => false,
            // Whatever it was, it can leave the scope; what comes back begins anew.
            (_, S::NotApplicable) => true,
            (S::NotApplicable, to) => to == S::Pending,
            // Only a check says done, and it may say so at any time.
            (_, S::Done) => true,
            (S::Done, to) => matches!(to, S::Regressed | S::Changing),
            (_, S::Regressed) => false,
            (S::Changing, to) => matches!(to, S::Failed | S::Pending | S::Notified),
            (_, S::Failed) => false,
            (S::Exempt, to) => to == S::Pending,
            (_, S::Exempt) => true,
            (S::Failed, to) => to == S::Pending,
            (S::Pending | S::Regressed | S::Notified, S::Notified | S::Changing) => true,
            (S::Pending | S::Regressed | S::Notified, _) => false,
        }
    }
}

/// That an item came to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    /// The state.
    pub to: ItemState,
    /// When.
    pub at: Micros,
}

/// That an owner wants to be left alone until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Snooze {
    /// The day on which it ends.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Micros,
}

/// When its team was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// When last.
    pub last: Micros,
    /// How often.
    pub times: u32,
}

/// One instance of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The instance, by its full name.
    pub instance: String,
    /// Its team, by its full name.
    pub team: String,
    /// Its wave.
    pub wave: usize,
    /// Whether Loggia changes it itself.
    #[serde(default)]
    pub managed: bool,
    /// The version that it had when it came on the list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// When it came on the list.
    pub listed: Micros,
    /// Whether it came after the list was frozen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delta: bool,
    /// Where it stands.
    pub state: ItemState,
    /// Since when.
    pub since: Micros,
    /// Where it stood since it came on the list, and when it came there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// The newest operation of the campaign on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uid>,
    /// How often the campaign began to change it.
    #[serde(default)]
    pub attempts: u32,
    /// Whether it is being taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
    /// When it is tried again, after it could not be begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Micros>,
    /// What was said last: why it failed, or cannot be begun.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When its team was told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// Until when its owner wants to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snooze: Option<Snooze>,
}

impl Item {
    /// One that comes on the list.
    pub fn new(instance: &str, team: &str, wave: usize, at: Micros) -> Item {
        Item {
            instance: instance.to_owned(),
            team: team.to_owned(),
            wave,
            managed: false,
            before: String::new(),
            listed: at,
            delta: false,
            state: ItemState::Pending,
            since: at,
            moves: Vec::new(),
            operation: None,
            attempts: 0,
            back: false,
            again: None,
            message: String::new(),
            told: None,
            snooze: None,
        }
    }

    /// Comes to a state at a time, when there is a way there; whether it did.
    pub fn go(&mut self, to: ItemState, at: Micros) -> bool {
        if !self.state.leads_to(to) {
            return false;
        }
        // Time never goes back within an item.
        let at = at.max(self.since);
        (self.state, self.since) = (to, at);
        self.moves.push(Move { to, at });
        true
    }

    /// Whether its owner wants to be left alone at a time.
    pub fn is_snoozed(&self, now: Micros) -> bool {
        self.snooze.as_ref().is_some_and(|snooze| now < snooze.until.start())
    }

    /// Whether nothing more is to be waited for before the next wave: it is over, or its owners have it in hand.
    pub fn is_settled(&self, now: Micros) -> bool {
        match self.state {
            ItemState::Pending | ItemState::Regressed => self.is_snoozed(now),
            ItemState::Changing => false,
            _ => true,
        }
    }
}
