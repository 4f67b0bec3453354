//! Rules in plain words.

use super::quota::{Held, money};
use super::{Answer, Placed, Wanted};
use loggia_model::Micros;
use loggia_model::rule::{Act, Agreement, Aspect, Automatic, Freeze, Quota, Rule, Waiting, Which, Window};

/// A time as people read it, to the minute.
pub(crate) fn time(at: Micros) -> String {
    at.datetime().format("%A %-d %B %Y %H:%M UTC").to_string()
}

/// What holds for one thing, and why: `found` are the rules that state it, the one that counts first.
pub(super) fn answer(aspect: Aspect, wanted: &Wanted, found: &[&Placed], held: Option<&Held>, now: Micros) -> Answer {
    let Some(placed) = found.first() else {
        let because = "No rule says anything about it.".to_owned();
        return Answer { aspect, says: usual(aspect), rule: None, place: None, because, instead_of: Vec::new() };
    };
    let others: Vec<String> = found[1..].iter().map(|placed| placed.words()).collect();
    Answer {
        aspect,
        says: says(aspect, &placed.rule, wanted, held, now),
        rule: Some(placed.rule.name.clone()),
        place: Some(placed.place.clone()),
        because: because(placed, found.get(1).copied()),
        instead_of: others,
    }
}

/// Why a rule counts and the next one does not.
fn because(placed: &Placed, next: Option<&Placed>) -> String {
    let whom = match placed.place.kind() {
        "environment" if placed.rule.whom.is_all() => format!("everything in {}", placed.place.name()),
        "environment" => format!("{} in {}", placed.rule.whom.words(), placed.place.name()),
        _ => placed.rule.whom.words(),
    };
    let over = match next {
        None => String::new(),
        Some(next) if next.weight() == placed.weight() => {
            format!(" It stands before {}, which says as much.", next.words())
        }
        Some(next) => format!(" It says more exactly for whom it is than {}.", next.words()),
    };
    format!("It is for {whom}.{over}{}", placed.because())
}

/// What holds when no rule says anything.
fn usual(aspect: Aspect) -> String {
    match aspect {
        Aspect::May => "It may be got here.",
        Aspect::Quota => "There is no limit.",
        Aspect::Freezes => "Nothing is held up.",
        Aspect::UpgradeWindows => "Upgrades are made at any time.",
        Aspect::Approval => "Nobody has to agree.",
        Aspect::Automatic => "No upgrade comes by itself.",
        Aspect::Waiting => return waiting(Waiting::default()),
    }
    .to_owned()
}

fn says(aspect: Aspect, rule: &Rule, wanted: &Wanted, held: Option<&Held>, now: Micros) -> String {
    match aspect {
        Aspect::May if rule.may == Some(false) => format!("It may not be got in {}.", wanted.environment),
        Aspect::May => usual(Aspect::May),
        Aspect::Quota => rule.quota.as_ref().map_or_else(|| usual(aspect), |quota| limit(quota, held)),
        Aspect::Freezes => freezes(rule.freezes.as_deref().unwrap_or_default(), now),
        Aspect::UpgradeWindows => windows(rule.upgrade_windows.as_deref().unwrap_or_default()),
        Aspect::Approval => rule.approval.as_ref().map_or_else(|| usual(aspect), agreement),
        Aspect::Automatic => rule.automatic.as_ref().map_or_else(|| usual(aspect), automatic),
        Aspect::Waiting => waiting(rule.waiting.unwrap_or_default()),
    }
}

fn waiting(waiting: Waiting) -> String {
    format!("A version that nobody merges, or brings by hand, is given up after {} days.", waiting.days)
}

fn limit(quota: &Quota, held: Option<&Held>) -> String {
    let mut parts = Vec::new();
    if let Some(count) = quota.count {
        parts.push(match held {
            Some(held) => format!("{count} at most, and has {}", held.count),
            None => format!("{count} at most"),
        });
    }
    if let Some(monthly) = &quota.monthly {
        let has = held.map(|held| format!(", and pays {}", money(held.monthly))).unwrap_or_default();
        parts.push(format!("{} {} a month at most{has}", monthly.amount, monthly.currency));
    }
    if parts.is_empty() { usual(Aspect::Quota) } else { format!("A team may have {}.", parts.join("; ")) }
}

fn acts(acts: &[Act]) -> String {
    let word = |act: &Act| match act {
        Act::Order => "orders",
        Act::Upgrade => "upgrades",
        Act::Change => "changes",
    };
    if acts.is_empty() { "everything".to_owned() } else { acts.iter().map(word).collect::<Vec<_>>().join(" and ") }
}

fn freezes(freezes: &[Freeze], now: Micros) -> String {
    let mut ahead: Vec<&Freeze> = freezes.iter().filter(|freeze| freeze.until > now).collect();
    ahead.sort_by_key(|freeze| freeze.from);
    let one =
        |freeze: &&Freeze| format!("{} from {} until {}", acts(&freeze.of), time(freeze.from), time(freeze.until));
    match ahead.is_empty() {
        true => usual(Aspect::Freezes),
        false => format!("Held up: {}.", ahead.iter().map(one).collect::<Vec<_>>().join("; ")),
    }
}

fn windows(windows: &[Window]) -> String {
    let one = |window: &Window| {
        let days: Vec<String> = window.days.iter().map(|day| format!("{day:?}")).collect();
        let days = if days.is_empty() { "every day".to_owned() } else { days.join(", ") };
        format!("{days} from {} to {} UTC", window.from, window.until)
    };
    match windows.is_empty() {
        true => usual(Aspect::UpgradeWindows),
        false => format!("Upgrades are made {}.", windows.iter().map(one).collect::<Vec<_>>().join("; ")),
    }
}

fn agreement(agreement: &Agreement) -> String {
    if agreement.to.is_empty() {
        return usual(Aspect::Approval);
    }
    let by = agreement.by.rsplit('/').next().unwrap_or_default().trim_start_matches("group:");
    format!("Somebody of {by} agrees to {} within {} days.", acts(&agreement.to), agreement.days())
}

fn automatic(automatic: &Automatic) -> String {
    let which = match automatic.upgrades {
        Which::None => return usual(Aspect::Automatic),
        Which::Compatible => "Upgrades that break nothing",
        Which::All => "All upgrades",
    };
    match automatic.after_days {
        0 => format!("{which} come by themselves."),
        days => {
            format!("{which} come by themselves {days} days after they are published; until then its team chooses.")
        }
    }
}
