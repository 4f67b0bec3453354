//! Names that may have been meant.

use loggia_graph::{Audience, Graph};
use loggia_model::Ref;

/// How many names are told at most.
const MOST: usize = 5;

/// The longest text that is compared with names.
const LONGEST: usize = 64;

/// A sentence with the names that may have been meant: those that are near, else some of those that there are.
pub(crate) fn hint(wanted: &str, mut names: Vec<String>) -> String {
    names.sort();
    names.dedup();
    let mut near: Vec<(usize, &String)> =
        names.iter().map(|name| (far(wanted, name), name)).filter(|(far, _)| *far < 3).collect();
    near.sort();
    let listed = |names: &mut dyn Iterator<Item = &String>| names.take(MOST).cloned().collect::<Vec<_>>().join(", ");
    match (names.len(), near.is_empty()) {
        (0, _) => "There is none yet.".to_owned(),
        (_, false) => format!("Did you mean {}?", listed(&mut near.into_iter().map(|(_, name)| name))),
        (all, true) if all > MOST => format!("There are {all}, such as {}.", listed(&mut names.iter())),
        (_, true) => format!("There are: {}.", listed(&mut names.iter())),
    }
}

/// The same for the names of a kind, as far as somebody may see them.
pub(crate) fn of_kind(graph: &Graph, audience: &Audience, kind: &str, wanted: &str) -> String {
    let names = graph.of_kind(audience, kind).map(|record| record.reference.name().to_owned());
    // People may write the whole name.
    let short = wanted.rsplit(['/', ':']).next().unwrap_or(wanted);
    hint(short, names.collect())
}

/// How many names of a kind are looked through at most: who asks for what is not there waits for no more.
const LOOKED_THROUGH: usize = 5_000;

/// The things of a kind that may have been meant, as far as somebody may see them; empty when none is near.
pub(crate) fn near(graph: &Graph, audience: &Audience, wanted: &Ref) -> String {
    let all = graph.of_kind(audience, wanted.kind()).take(LOOKED_THROUGH).map(|record| record.reference.clone());
    let mut near: Vec<(usize, Ref)> =
        all.map(|one| (far(wanted.name(), one.name()), one)).filter(|(far, _)| *far < 3).collect();
    near.sort();
    let names: Vec<String> = near.into_iter().take(MOST).map(|(_, one)| one.to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" Did you mean {}?", names.join(", ")) }
}

/// Whether one name may have been meant for the other.
pub(crate) fn is_near(wanted: &str, name: &str) -> bool {
    far(wanted, name) < 3
}

/// How far a name is from another one: 1 when one holds the other, else the number of letters to change; 3 and more is
/// not near, and neither is a change of half the letters.
fn far(wanted: &str, name: &str) -> usize {
    // A longer text is no name, and would only cost.
    if wanted.chars().nth(LONGEST).is_some() {
        return usize::MAX;
    }
    let (wanted, name) = (wanted.to_lowercase(), name.to_lowercase());
    if wanted.len() > 1 && (name.contains(&wanted) || wanted.contains(&name)) {
        return 1;
    }
    let letters: Vec<char> = name.chars().collect();
    let mut row: Vec<usize> = (0..=letters.len()).collect();
    for (at, one) in wanted.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (to, other) in letters.iter().enumerate() {
            let changed = corner + usize::from(one != *other);
            corner = row[to + 1];
            row[to + 1] = changed.min(corner + 1).min(row[to] + 1);
        }
    }
    let changes = row[letters.len()];
    if changes * 2 > letters.len() { usize::MAX } else { changes }
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn near_names_come_first() {
        let names = || ["production", "test", "dev", "staging"].map(str::to_owned).to_vec();
        assert_eq!(hint("prod", names()), "Did you mean production?");
        assert_eq!(hint("prodction", names()), "Did you mean production?");
        assert_eq!(hint("tset", names()), "Did you mean test?");
        assert_eq!(hint("moon", names()), "There are: dev, production, staging, test.");
        assert_eq!(hint(&"dev".repeat(22), names()), "There are: dev, production, staging, test.");
        assert_eq!(hint("moon", Vec::new()), "There is none yet.");
        let many = (0..9).map(|at| format!("team-{at}")).collect();
        assert_eq!(hint("moon", many), "There are 9, such as team-0, team-1, team-2, team-3, team-4.");
    }
}
