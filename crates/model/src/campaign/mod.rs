//! A planned move of many instances: where it stands, and where each of its instances does.
//!
//! What may be decided is said by [`steps`], and by the side of it what follows by itself: pure functions.

mod curve;
mod item;
pub mod steps;
mod tally;
mod tick;

pub use curve::{Forecast, Point, forecast, points};
pub use item::{Item, ItemState, Move, Snooze, Told};
pub use tally::Tally;

use crate::ending::{Deed, Exemption};
use crate::kinds::CampaignSpec;
use crate::{Micros, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much risk a team takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tolerance {
    /// It goes first.
    High,
    /// As most.
    #[default]
    Medium,
    /// It goes last.
    Low,
}

impl Tolerance {
    /// Reads the word of a label; medium for anything else.
    pub fn read(word: &str) -> Tolerance {
        match word.to_ascii_lowercase().as_str() {
            "high" => Tolerance::High,
            "low" => Tolerance::Low,
            _ => Tolerance::Medium,
        }
    }
}

/// Where a campaign stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CampaignState {
    /// Being planned; nobody was told, nothing is changed.
    #[default]
    Draft,
    /// Started, for a day to come.
    Scheduled,
    /// Under way.
    Running,
    /// Somebody stopped it for a while.
    Paused,
    /// It stopped itself: too much failed.
    Halted,
    /// Over.
    Ended,
}

impl CampaignState {
    /// All of them.
    pub const ALL: [CampaignState; 6] = [
        CampaignState::Draft,
        CampaignState::Scheduled,
        CampaignState::Running,
        CampaignState::Paused,
        CampaignState::Halted,
        CampaignState::Ended,
    ];

    /// Its word, as in the API.
    pub fn word(self) -> &'static str {
        match self {
            CampaignState::Draft => "draft",
            CampaignState::Scheduled => "scheduled",
            CampaignState::Running => "running",
            CampaignState::Paused => "paused",
            CampaignState::Halted => "halted",
            CampaignState::Ended => "ended",
        }
    }

    /// Whether its list is frozen and it is not over.
    pub fn is_live(self) -> bool {
        matches!(self, CampaignState::Running | CampaignState::Paused | CampaignState::Halted)
    }
}

/// How a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndedAs {
    /// Everything passes its check.
    Completed,
    /// Something does not.
    Partial,
    /// It was given up.
    Cancelled,
}

/// Why a campaign stopped itself. The item says what was said: not everybody who sees the campaign sees each instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Halt {
    /// When.
    pub at: Micros,
    /// The wave.
    pub wave: usize,
    /// The instance that was one too many, or that is not well.
    pub item: Uid,
    /// Its operation; the lines of its run say more. None when the gate shut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uid>,
}

/// That something came into a campaign, or left it, after its list was frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScopeChange {
    /// When.
    pub at: Micros,
    /// How many came.
    pub added: usize,
    /// How many left.
    pub gone: usize,
}

/// How many items stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// How many are meant; what does not apply any more is not counted.
    pub total: usize,
    /// How many pass the check.
    pub done: usize,
    /// How many may differ for a while.
    pub exempt: usize,
    /// How many failed.
    pub failed: usize,
    /// How many are being changed.
    pub changing: usize,
    /// How many wait for their owners, who were told.
    pub notified: usize,
    /// How many passed once and do not any more.
    pub regressed: usize,
}

impl Counts {
    /// How many are not over: neither done nor exempt.
    pub fn open(&self) -> usize {
        self.total.saturating_sub(self.done + self.exempt)
    }

    /// Counts items.
    pub fn of<'a>(items: impl Iterator<Item = &'a Item>) -> Counts {
        let mut counts = Counts::default();
        items.for_each(|item| counts.add(item));
        counts
    }

    /// Counts one more.
    pub fn add(&mut self, item: &Item) {
        self.total += usize::from(item.state != ItemState::NotApplicable);
        match item.state {
            ItemState::Done => self.done += 1,
            ItemState::Exempt => self.exempt += 1,
            ItemState::Failed => self.failed += 1,
            ItemState::Changing => self.changing += 1,
            ItemState::Notified => self.notified += 1,
            ItemState::Regressed => self.regressed += 1,
            ItemState::Pending | ItemState::NotApplicable => {}
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.total += other.total;
        self.done += other.done;
        self.exempt += other.exempt;
        self.failed += other.failed;
        self.changing += other.changing;
        self.notified += other.notified;
        self.regressed += other.regressed;
    }
}

/// The status of a campaign: what was decided about it, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CampaignStatus {
    /// Where it stands.
    pub state: CampaignState,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_as: Option<EndedAs>,
    /// That it was started: from then on its list is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Deed>,
    /// What was decided last: paused, resumed, ended, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<Deed>,
    /// Why it stopped itself, while it stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
    /// The wave that is open; those before it are, too.
    pub wave: usize,
    /// How many failed since the wave was opened, or the campaign resumed.
    pub failures: u32,
    /// What the next wave waits for; empty when it waits for nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub waits: String,
    /// How many stood on the list when it was frozen.
    pub frozen: usize,
    /// How many stand where now.
    pub counts: Counts,
    /// The burn-down, a point for each day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Point>,
    /// What came and left after the list was frozen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<ScopeChange>,
    /// Who may differ, until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<Exemption>,
    /// Statements of the server about the text.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

impl CampaignStatus {
    /// Whether its deadline is over and it is not.
    pub fn is_overdue(&self, spec: &CampaignSpec, now: Micros) -> bool {
        self.state.is_live() && spec.deadline.is_some_and(|day| day.start() <= now)
    }
}
