//! What happened to a record, in words, and what differs between two of its texts.

use super::visit::Visit;
use super::words::{self, When};
use loggia_app::record::history::Past;
use loggia_model::{Event, Ref};
use serde_json::Value;
use std::collections::BTreeMap;

/// One entry of the past.
pub struct Happened {
    /// When.
    pub when: When,
    /// Who, by name.
    pub who: String,
    /// What, in words.
    pub what: String,
    /// Why, in the words of who did it.
    pub why: String,
    /// The revision that it made; none when nothing was changed.
    pub revision: Option<i64>,
    /// What it consisted of: field, before, after.
    pub details: String,
}

/// The past of a record, the newest first.
pub fn happened(visit: &Visit, past: &Past) -> Vec<Happened> {
    past.events.iter().map(|event| one(visit, event)).collect()
}

fn one(visit: &Visit, event: &Event) -> Happened {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
    let details = match (text("from"), text("to"), text("message")) {
        ("", "", "") if !text("commit").is_empty() => {
            format!("commit {}", text("commit").get(..12).unwrap_or_else(|| text("commit")))
        }
        ("", "", message) => message.to_owned(),
        (from, to, _) => format!("{from} → {to}"),
    };
    Happened {
        when: When::ago(visit.app().now(), Some(event.time)),
        who: match (text("by"), text("author")) {
            ("", "") => who(visit, event.actor.on_behalf_of.as_deref().unwrap_or(&event.actor.principal)),
            ("", author) => format!("{author}, in the repository"),
            (person, _) => format!("{}, in the repository", who(visit, person)),
        },
        what: what(&event.kind),
        why: event.reason.clone().unwrap_or_default(),
        revision: event.revision,
        details,
    }
}

/// A principal as a name that people know.
pub fn who(visit: &Visit, principal: &str) -> String {
    match principal.split_once(':') {
        Some(("user", _)) => {
            let user = principal.parse::<Ref>().ok();
            let record = user.as_ref().and_then(|user| visit.graph.get(user));
            let short = user.as_ref().map_or(principal, |user| user.name()).to_owned();
            record.map_or(short, |record| super::entity::title(record))
        }
        Some(("system", "sync")) => "the repository".to_owned(),
        Some(("system", _)) => "the platform".to_owned(),
        Some(("service", name)) => format!("the service {name}"),
        _ => principal.to_owned(),
    }
}

/// The type of an event in words.
pub(super) fn what(kind: &str) -> String {
    let inner = kind.strip_prefix("dev.loggia.").unwrap_or(kind);
    let inner = inner.rsplit_once(".v").map_or(inner, |(inner, _)| inner);
    let words = match inner {
        "instance.ordered" => "Ordered",
        "instance.ready" => "Made, and seen to be there",
        "instance.failed" => "Failed",
        "instance.kept" => "Not destroyed: nothing was touched",
        "instance.observed" => "Seen",
        "instance.missing" => "Looked for, and not there",
        "instance.found" => "There again",
        "instance.destroying" => "Destroying was asked for",
        "instance.retried" => "Tried again",
        "instance.upgrading" => "An upgrade was asked for",
        "instance.upgraded" => "Upgraded, and seen to be there",
        "instance.fell-back" => "The upgrade failed: it keeps the version that it had",
        "instance.changing" => "Another plan or other inputs were asked for",
        "instance.changed" => "Changed, and seen to be there",
        "instance.change-failed" => "The change failed: it keeps what it had",
        "instance.change-asked" => "A change to merge was asked for",
        "instance.change-proposed" => "The change waits on a branch",
        "instance.change-closed" => "The change was given up",
        "instance.change-reminded" => "The change that waits was brought to mind",
        "instance.change-lapsed" => "The change waited too long, and was given up",
        "instance.upgrade-queued" => "An upgrade waits for its hours",
        "instance.upgrade-given-up" => "The upgrade that waited was given up",
        "instance.upgrade-lapsed" => "The upgrade that waited could not begin",
        "instance.handed-over" => "An upgrade by hand was begun",
        "instance.kept-gone" => "What was kept of the version before is gone",
        "instance.let-go" => "What is kept of the version before is taken away",
        "instance.kept-over" => "The time of what was kept is over",
        "instance.approval-asked" => "Somebody was asked to agree",
        "instance.approved" => "Somebody agreed",
        "instance.declined" => "Somebody said no",
        "instance.lapsed" => "Nobody agreed in time",
        "instance.going-back" => "Going back was asked for",
        "instance.rolled-back" => "Back at the version before, and seen to be there",
        "instance.deployed" => "Deployed",
        "instance.reshaped" => "Something else was asked of it",
        "instance.begun" => "What it needs is ready: it begins",
        "instance.emptying" => "Gone itself; its parts follow",
        "instance.parts-left" => "What is no part any more is taken away",
        "instance.gone" => "Gone: it was looked for, and is not there any more",
        "instance.enrolled" => "Confirmed by its team",
        "instance.take-over-asked" => "Asked to be managed",
        "instance.taken-over" => "Managed from now on; nothing was changed",
        "instance.orphaned" => "Not managed any more; it runs on",
        "instance.withdrawn" => "Only observed again",
        "instance.unseen" => "Not seen for too long: nobody knows whether it still runs",
        "access.granted" => "Access was granted",
        "access.rotating" => "A new credential was asked for",
        "access.revoking" => "Access was revoked",
        "access.made" => "A credential works",
        "access.failed" => "A credential could not be made",
        "access.gone" => "A credential is gone: it was looked for, and is not there any more",
        "access.stuck" => "A credential could not be taken away yet; it is tried again",
        "access.expired" => "Access is over, and is taken away",
        "access.overlap-over" => "An earlier credential is taken away",
        "access.shown" => "A credential was shown",
        "access.shown-to-administrator" => "An administrator looked at a credential of this team",
        "release.published" => "Published",
        "release.proposed" => "Made a candidate",
        "release.republished" => "Published again",
        "release.yanked" => "Withdrawn",
        "secret.revealed" => "A secret was shown",
        "secret.revealed-to-administrator" => "An administrator looked at a secret of this team",
        other => match other.rsplit_once('.') {
            Some((_, "applied")) => "Written",
            Some((_, "edit-committed")) => "A change was saved in the repository",
            Some((_, "edit-proposed")) => "A change was proposed to the repository",
            Some((_, "edit-taken")) => "A change was taken into the repository",
            Some((_, "edit-closed")) => "A proposed change was closed in the repository",
            Some((_, "edit-put-aside")) => "A proposed change was put aside",
            Some((_, verb)) => return words::capital(&words::spaced(verb)),
            None => return words::capital(&words::spaced(other)),
        },
    };
    words.to_owned()
}

/// One field that differs.
pub struct Difference {
    /// The field, dotted.
    pub field: String,
    /// Its text before; empty when it was not there.
    pub before: String,
    /// Its text after; empty when it is not there any more.
    pub after: String,
}

/// What differs between two documents, in order of fields.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves(before, String::new(), &mut old);
    leaves(after, String::new(), &mut new);
    let mut fields: Vec<&String> = old.keys().chain(new.keys()).collect();
    fields.sort();
    fields.dedup();
    let text = |map: &BTreeMap<String, String>, field: &String| map.get(field).cloned().unwrap_or_default();
    let all = fields.into_iter().map(|f| Difference { field: f.clone(), before: text(&old, f), after: text(&new, f) });
    all.filter(|difference| difference.before != difference.after).collect()
}

fn leaves(value: &Value, at: String, out: &mut BTreeMap<String, String>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| leaves(value, below(name), out)),
        Value::Array(list) if list.iter().any(|v| v.is_object() || v.is_array()) => {
            list.iter().enumerate().for_each(|(n, value)| leaves(value, below(&(n + 1).to_string()), out));
        }
        Value::Null => {}
        other => {
            out.insert(at, words::plain(other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_what_differs() {
        let before = json!({"spec": {"promise": "slow", "plans": [{"name": "a"}], "tags": ["x", "y"]}});
        let after = json!({"spec": {"promise": "fast", "plans": [{"name": "a"}, {"name": "b"}], "tags": ["x"]}});
        let all = differences(&before, &after);
        let lines: Vec<String> = all.iter().map(|d| format!("{}: {} → {}", d.field, d.before, d.after)).collect();
        assert_eq!(lines, ["spec.plans.2.name:  → b", "spec.promise: slow → fast", "spec.tags: x, y → x"]);
    }

    #[test]
    fn events_are_words() {
        assert_eq!(what("dev.loggia.instance.ordered.v1"), "Ordered");
        assert_eq!(what("dev.loggia.offering.applied.v1"), "Written");
        assert_eq!(what("dev.loggia.component.created.v1"), "Created");
    }
}
