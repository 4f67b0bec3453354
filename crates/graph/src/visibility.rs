//! Who sees what.
//!
//! A record says itself who sees it, its scopes, and it may name others within which it is seen: an instance is seen only
//! where its team is. What follows from both is worked out when either changes, and is scopes again; so every question
//! is still the union of a few sets. What narrows others is taken at its own word: there is no chain to follow.

use crate::audience::holds;
use crate::posting::Posting;
use crate::{Audience, Graph};
use imbl::{HashMap, OrdMap, OrdSet};
use loggia_model::{Record, Ref, Scope, Uid};
use roaring::RoaringBitmap;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Others that must be seen, so that a record is. A name that nobody has narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// Their names.
    pub names: Vec<Ref>,
    /// Scopes that need not see them.
    pub or: Vec<Scope>,
}

/// What a record that others narrow says itself.
pub(crate) struct Narrowed {
    own: Vec<Scope>,
    within: Within,
}

/// Which records are in which scopes, and which narrow which.
#[derive(Clone, Default)]
pub(crate) struct Sight {
    /// By the scope that the fewest are in: it alone or together with others, and the records.
    scopes: HashMap<Scope, OrdMap<Scope, Posting>>,
    /// Lists of scopes in use, each held once.
    lists: OrdMap<Vec<Scope>, Arc<[Scope]>>,
    /// By the name of what narrows: the names of what it narrows.
    inside: HashMap<Ref, OrdSet<Ref>>,
    /// How often it changed who sees something that was there.
    changes: u64,
}

impl Sight {
    /// Gives the records other numbers.
    pub fn renumber(&mut self, new: &impl Fn(u32) -> u32) {
        let renumbered = |scopes: &OrdMap<Scope, Posting>| -> OrdMap<Scope, Posting> {
            let used = scopes.iter().filter(|(_, posting)| !posting.is_empty());
            used.map(|(scope, posting)| (scope.clone(), posting.renumbered(new))).collect()
        };
        self.scopes = self.scopes.iter().map(|(key, scopes)| (key.clone(), renumbered(scopes))).collect();
    }

    fn list(&mut self, scopes: Vec<Scope>) -> Arc<[Scope]> {
        self.lists.entry(scopes.clone()).or_insert_with(|| scopes.into()).clone()
    }

    fn remove(&mut self, scope: &Scope, number: u32) {
        if let Some(posting) = self.scopes.get_mut(rarest(scope)).and_then(|scopes| scopes.get_mut(scope)) {
            posting.remove(number);
        }
    }

    fn insert(&mut self, scope: &Scope, number: u32) {
        let scopes = self.scopes.entry(rarest(scope).clone()).or_default();
        scopes.entry(scope.clone()).or_default().insert(number);
    }

    /// The records of all scopes that somebody is in.
    fn of(&self, mine: &BTreeSet<Scope>) -> Cow<'_, RoaringBitmap> {
        let scopes = mine.iter().filter_map(|scope| self.scopes.get(scope)).flatten();
        let mut postings = scopes.filter(|(scope, _)| holds(mine, scope)).map(|(_, posting)| posting);
        let Some(first) = postings.next() else { return Cow::Owned(RoaringBitmap::new()) };
        let mut seen = first.bitmap();
        for posting in postings {
            posting.add_to(seen.to_mut());
        }
        seen
    }
}

/// The scope by which one is found: of several the last, which the fewest are in.
fn rarest(scope: &Scope) -> &Scope {
    match scope {
        Scope::Together(all) => all.last().unwrap_or(scope),
        one => one,
    }
}

impl Graph {
    /// Sets what a record says about who sees it; empty for one that is taken out.
    pub(crate) fn show(&mut self, number: u32, own: Vec<Scope>, within: Within) {
        let Some(node) = self.nodes.get_mut(number) else { return };
        let name = node.reference.clone();
        let names = within.names.clone();
        let narrowed = (!names.is_empty()).then(|| Arc::new(Narrowed { own: own.clone(), within }));
        let before = std::mem::replace(&mut node.narrowed, narrowed);
        for gone in before.iter().flat_map(|before| &before.within.names).filter(|gone| !names.contains(gone)) {
            if let Some(inside) = self.sight.inside.get_mut(gone) {
                inside.remove(&name);
            }
        }
        for outer in names {
            self.sight.inside.entry(outer).or_default().insert(name.clone());
        }
        self.rescope(number, own, before.is_some());
    }

    /// Works out again who sees what lies within a name.
    pub(crate) fn narrow_within(&mut self, outer: &Ref) {
        let inside = self.sight.inside.get(outer).cloned().unwrap_or_default();
        for number in inside.iter().filter_map(|name| self.nodes.number(name.as_str())).collect::<Vec<_>>() {
            if let Some(own) = self.nodes.get(number).and_then(|node| node.narrowed.as_ref()).map(|n| n.own.clone()) {
                self.rescope(number, own, true);
            }
        }
    }

    /// Works out again who sees what lies within a record, by its name of now and by earlier ones.
    pub(crate) fn narrow_others(&mut self, outer: &Record) {
        if self.sight.inside.is_empty() {
            return;
        }
        self.narrow_within(&outer.reference);
        let former = |(name, uid): (&Ref, &Uid)| (*uid == outer.uid).then(|| name.clone());
        let known = |name: &Ref| self.sight.inside.contains_key(name);
        for name in self.aliases.iter().filter_map(former).filter(known).collect::<Vec<_>>() {
            self.narrow_within(&name);
        }
    }

    /// Works out who sees what lies within anything, once everything is there.
    pub(crate) fn narrow_all(&mut self) {
        for outer in self.sight.inside.keys().cloned().collect::<Vec<_>>() {
            self.narrow_within(&outer);
        }
    }

    fn rescope(&mut self, number: u32, own: Vec<Scope>, was: bool) {
        let narrowed = self.nodes.get(number).and_then(|node| node.narrowed.clone());
        let scopes = narrowed.map_or(own, |narrowed| self.narrow(&narrowed));
        let new = self.sight.list(scopes);
        let Some(node) = self.nodes.get_mut(number) else { return };
        let old = std::mem::replace(&mut node.scopes, Arc::clone(&new));
        // What was not there before changes nothing for anybody.
        self.sight.changes += u64::from((was || !old.is_empty()) && old != new);
        old.iter().filter(|scope| !new.contains(scope)).for_each(|scope| self.sight.remove(scope, number));
        new.iter().filter(|scope| !old.contains(scope)).for_each(|scope| self.sight.insert(scope, number));
    }

    /// What follows from the scopes of a record and of all that narrows it.
    fn narrow(&self, narrowed: &Narrowed) -> Vec<Scope> {
        let outer = narrowed.within.names.iter().filter_map(|name| self.own_scopes(name));
        let all = outer.map(|scopes| scopes.iter().chain(&narrowed.within.or).cloned().collect::<Vec<_>>());
        together(&narrowed.own, all)
    }

    /// What the record of a name, or of an earlier one, says itself about who sees it.
    fn own_scopes(&self, name: &Ref) -> Option<&[Scope]> {
        let now = self.nodes.number(name.as_str()).filter(|number| self.nodes.record(*number).is_some());
        let number = now.or_else(|| self.nodes.of_uid(*self.aliases.get(name)?))?;
        let node = self.nodes.get(number)?;
        Some(node.narrowed.as_ref().map_or(&*node.scopes, |narrowed| narrowed.own.as_slice()))
    }

    /// Whether the audience may see the record *now*: for a former revision, whether it may see the newest one, and all
    /// that this one was within. A record that is no more is judged by what it says itself.
    pub fn visible(&self, audience: &Audience, record: &Record) -> bool {
        match (audience, self.nodes.of_uid(record.uid)) {
            (Audience::All, _) => true,
            (_, Some(number)) => {
                let now = self.nodes.record(number).is_some_and(|now| now.revision == record.revision);
                self.sees(audience, number) && (now || self.saw(audience, record, false))
            }
            (_, None) => self.saw(audience, record, true),
        }
    }

    /// Whether the audience may see a text of earlier. What it was within and is no more is told to the product team.
    fn saw(&self, audience: &Audience, record: &Record, gone: bool) -> bool {
        let facts = (self.describe)(record, &record.parse());
        let within = &facts.within;
        let outer = |name: &Ref| audience.admits(self.own_scopes(name).unwrap_or(&[Scope::Product]));
        (!gone || audience.admits(&facts.scopes)) && (audience.admits(&within.or) || within.names.iter().all(outer))
    }

    /// Who sees a record as it stands, one list for all records that the same people see; none for what is not there.
    pub fn scopes_of(&self, uid: Uid) -> Option<&Arc<[Scope]>> {
        let node = self.nodes.of_uid(uid).and_then(|number| self.nodes.get(number))?;
        node.record.as_ref().map(|_| &node.scopes)
    }

    /// Another number whenever it changed who sees something that was there already: until then, what was worked out
    /// from [`Graph::scopes_of`] holds.
    pub fn sight_changes(&self) -> u64 {
        self.sight.changes
    }

    /// Whether the audience may see the record of a number.
    pub(crate) fn sees(&self, audience: &Audience, number: u32) -> bool {
        let node = self.nodes.get(number).filter(|node| node.record.is_some());
        node.is_some_and(|node| audience.admits(&node.scopes))
    }

    /// The numbers of all records that the audience may see.
    pub(crate) fn seen(&self, audience: &Audience) -> Cow<'_, RoaringBitmap> {
        match audience {
            Audience::All => Cow::Borrowed(self.nodes.all()),
            Audience::Scopes(scopes) => self.sight.of(scopes),
        }
    }
}

/// The scopes of those who are in one of each list.
fn together(own: &[Scope], lists: impl Iterator<Item = Vec<Scope>>) -> Vec<Scope> {
    let mut found: Vec<BTreeSet<Scope>> = own.iter().map(|scope| BTreeSet::from([scope.clone()])).collect();
    for list in lists {
        let with = |all: &BTreeSet<Scope>, one: &Scope| all.iter().chain([one]).cloned().collect();
        let mut wider: Vec<BTreeSet<Scope>> =
            found.iter().flat_map(|all| list.iter().map(move |one| with(all, one))).collect();
        // Who is in a part of them counts already.
        wider.sort_by_key(BTreeSet::len);
        found = Vec::new();
        for all in wider {
            if !found.iter().any(|fewer| fewer.is_subset(&all)) {
                found.push(all);
            }
        }
    }
    let mut scopes: Vec<Scope> = found.into_iter().map(scope_of).collect();
    scopes.sort_unstable();
    scopes
}

fn scope_of(all: BTreeSet<Scope>) -> Scope {
    let mut list: Vec<Scope> = all.into_iter().collect();
    match list.len() {
        1 => list.remove(0),
        _ => Scope::Together(list.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> Scope {
        Scope::Team(name.into())
    }

    #[test]
    fn what_is_in_a_part_counts_already() {
        let open = vec![Scope::Company, team("a")];
        assert_eq!(together(&[Scope::Company], [open.clone()].into_iter()), [Scope::Company]);
        let hidden = vec![Scope::Product, team("a")];
        let both = together(&[Scope::Company], [hidden, open].into_iter());
        let with = |scope: Scope| Scope::Together([Scope::Company, scope].into());
        assert_eq!(both, [with(Scope::Product), with(team("a"))]);
        assert_eq!(together(&[Scope::Company], [vec![]].into_iter()), Vec::<Scope>::new());
    }
}
