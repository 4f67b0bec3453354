//! What changed about the access that consumers can get.

use super::{Change, Side, Weight};
use crate::kinds::release::AccessOffer;

/// A role that is gone takes the access of those who have it; a new one takes nothing.
pub(super) fn changes(before: Option<&AccessOffer>, after: Option<&AccessOffer>) -> Vec<Change> {
    let names = |offer: Option<&AccessOffer>| -> Vec<String> {
        offer.into_iter().flat_map(|offer| &offer.roles).map(|role| role.name.clone()).collect()
    };
    let (before, after) = (names(before), names(after));
    let only = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|name| !other.contains(name)).cloned().collect()
    };
    let change = |name: String, what: &str, weight, text: &str| Change {
        side: Side::Output,
        path: format!("access.{name}"),
        what: what.to_owned(),
        weight,
        text: format!("role {name} of access {text}"),
    };
    let lost =
        only(&before, &after).into_iter().map(|n| change(n, "removed", Weight::Breaking, "is not there any more"));
    let new = only(&after, &before).into_iter().map(|n| change(n, "added", Weight::Addition, "is new"));
    lost.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::release::AccessRole;

    #[test]
    fn a_role_that_goes_breaks_and_one_that_comes_does_not() {
        let offer = |names: &[&str]| AccessOffer {
            roles: names.iter().map(|name| AccessRole { name: (*name).into(), summary: String::new() }).collect(),
            ..AccessOffer::default()
        };
        let weights = |before: &[&str], after: &[&str]| -> Vec<(String, Weight)> {
            let (before, after) = (offer(before), offer(after));
            let changes = changes(Some(&before).filter(|o| !o.roles.is_empty()), Some(&after));
            changes.into_iter().map(|change| (change.path, change.weight)).collect()
        };
        assert_eq!(weights(&["read", "write"], &["read"]), [("access.write".to_owned(), Weight::Breaking)]);
        assert_eq!(weights(&[], &["read"]), [("access.read".to_owned(), Weight::Addition)]);
        assert!(weights(&["read"], &["read"]).is_empty());
    }
}
