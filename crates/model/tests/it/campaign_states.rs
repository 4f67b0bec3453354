//! Which decisions are for which states of a campaign, and which ways an item goes: the whole tables.

use crate::campaigns::{START, by, fresh, look};
use loggia_model::Day;
use loggia_model::campaign::{CampaignState, ItemState};
use loggia_model::ending::Exemption;
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn each_decision_is_for_some_states_only() {
    let (id, one) = look(1, 0, true);
    let looks = BTreeMap::from([(id, one)]);
    let day = Day::of(START).plus(3);
    let exemption = |at| Exemption {
        team: "group:default/t1".into(),
        instance: None,
        until: day,
        reason: "x".into(),
        by: "s".into(),
        at,
    };
    let mut table = Vec::new();
    for state in CampaignState::ALL {
        let mut campaign = fresh(&json!({})).start(by(START), &looks).expect("there");
        campaign.status.state = state;
        let tried = [
            ("start", campaign.clone().start(by(START), &looks)),
            ("pause", campaign.clone().pause(by(START), "")),
            ("resume", campaign.clone().resume(by(START), "")),
            ("roll back", campaign.clone().roll_back(by(START), 0, "")),
            ("snooze", campaign.clone().snooze(by(START), id, day, "x")),
            ("exempt", campaign.clone().exempt(exemption(START))),
            ("end", campaign.clone().end(by(START), "x")),
        ];
        let may: Vec<&str> = tried
            .iter()
            // A rollback is refused for another reason here: nothing was moved.
            .filter(|(_, step)| step.as_ref().err().is_none_or(|refusal| refusal.rule != "campaign.state"))
            .map(|(word, _)| *word)
            .collect();
        table.push(format!("{}: {}", state.word(), may.join(", ")));
    }
    assert_eq!(
        table,
        [
            "draft: start, exempt, end",
            "scheduled: exempt, end",
            "running: pause, roll back, snooze, exempt, end",
            "paused: resume, roll back, snooze, exempt, end",
            "halted: resume, roll back, snooze, exempt, end",
            "ended: ",
        ]
    );
}

#[test]
fn an_item_goes_allowed_ways_only() {
    let rows: Vec<String> = ItemState::ALL
        .iter()
        .map(|from| {
            let to: Vec<&str> = ItemState::ALL.iter().filter(|to| from.leads_to(**to)).map(|to| to.word()).collect();
            format!("{} -> {}", from.word(), to.join(" "))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "pending -> notified changing done exempt not-applicable",
            "notified -> changing done exempt not-applicable",
            "changing -> pending notified failed done not-applicable",
            "failed -> pending done exempt not-applicable",
            "done -> changing regressed not-applicable",
            "regressed -> notified changing done exempt not-applicable",
            "exempt -> pending done not-applicable",
            "not-applicable -> pending",
        ]
    );
}
