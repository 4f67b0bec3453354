//! Search by words.
//!
//! Words are indexed like leaves, one key for each part of a record, so a hit belongs to the same snapshot and
//! audience as everything else. All words must occur; the last one may be the start of a word, as people type. When
//! nothing is found, words that nobody may see anywhere are replaced by those that differ in one letter.

use crate::field::Field;
use crate::fold::fold;
use crate::index::Term;
use crate::{Audience, Graph, Hit, Matched};
use loggia_model::Document;
use roaring::RoaringBitmap;
use serde_json::Value;
use std::collections::BTreeSet;

/// The parts of a record, best first, with their key in the index and the worth of a whole word found there.
const PARTS: [(Matched, &str, u32); 5] = [
    (Matched::Name, "name", 100),
    (Matched::Title, "title", 60),
    (Matched::Tag, "tag", 40),
    (Matched::Type, "type", 30),
    (Matched::Text, "text", 10),
];

/// Most words that are taken from one part of a record.
const MOST_WORDS: usize = 256;
/// Most characters of a word.
const LONGEST_WORD: usize = 64;
/// Most records that are ranked one by one.
const MOST_RANKED: usize = 4096;
/// Fewest letters of a word that may differ in one.
const FUZZY_FROM: usize = 4;

/// The folded words of a text.
fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(|part| fold(part).chars().take(LONGEST_WORD).collect())
}

/// The words of a document, each in the best of the parts in which it occurs; sorted.
pub(crate) fn words_of(document: &Document) -> Vec<Term> {
    let mut known = BTreeSet::new();
    let mut terms = Vec::new();
    for (part, key, _) in PARTS {
        for word in texts(document, part).into_iter().flat_map(words).take(MOST_WORDS) {
            if known.insert(word.clone()) {
                terms.push(Term { key: key.to_owned(), value: Some(word), item: false });
            }
        }
    }
    terms.sort_unstable();
    terms
}

/// The texts of one part of a document.
fn texts(document: &Document, part: Matched) -> Vec<&str> {
    match part {
        Matched::Name => vec![document.name()],
        Matched::Title => {
            let profile = document.spec().and_then(|spec| spec.get("profile")?.get("displayName")?.as_str());
            vec![document.meta_text("title"), profile.unwrap_or_default()]
        }
        Matched::Tag => {
            let tags = document.meta("tags").and_then(Value::as_array).into_iter().flatten();
            tags.filter_map(Value::as_str).chain(document.spec_list("formerly")).collect()
        }
        Matched::Type => ["type", "category", "offering"].map(|key| document.spec_text(key)).to_vec(),
        Matched::Text => {
            let mut texts = vec![document.meta_text("description")];
            texts.extend(["promise", "for", "problem", "tagline"].map(|key| document.spec_text(key)));
            texts
        }
    }
}

/// Where one searched word occurs: for each part the records with the whole word and those with its start.
struct Occurrences {
    parts: Vec<(RoaringBitmap, RoaringBitmap)>,
}

impl Occurrences {
    fn any(&self) -> RoaringBitmap {
        self.parts.iter().fold(RoaringBitmap::new(), |all, (whole, start)| all | whole | start)
    }

    /// The best part of a record with the worth of the match there.
    fn best(&self, number: u32) -> Option<(u32, Matched)> {
        let worths = PARTS.iter().zip(&self.parts).filter_map(|((part, _, worth), (whole, start))| {
            let worth = if whole.contains(number) {
                *worth
            } else if start.contains(number) {
                worth * 3 / 4
            } else {
                return None;
            };
            Some((worth, *part))
        });
        worths.max_by_key(|(worth, _)| *worth)
    }
}

/// What an offering is worth beyond its words: less than a name that starts so.
const OFFERED: u32 = 500;

impl Graph {
    /// Records in which all words occur, best first: the name itself, then names that start so, what is offered before
    /// what is said of it, then by the part in which each word was found, then in order of names.
    pub fn search(&self, audience: &Audience, text: &str, limit: usize) -> Vec<Hit> {
        let list: Vec<String> = words(text).take(MOST_WORDS / 16).collect();
        let seen = self.seen(audience);
        if list.is_empty() || limit == 0 {
            return Vec::new();
        }
        let last = list.len() - 1;
        let find = |(at, word): (usize, &String)| self.occurrences(word, at == last, &seen);
        let mut found: Vec<Occurrences> = list.iter().enumerate().map(find).collect();
        let mut hits = common(&found, &seen);
        if hits.is_empty() {
            for (word, occurrences) in list.iter().zip(&mut found).filter(|(_, found)| found.any().is_empty()) {
                *occurrences = self.similar(word, &seen);
            }
            hits = common(&found, &seen);
        }
        self.ranked(&hits, &found, &fold(text.trim()), limit)
    }

    /// Where a word occurs.
    fn occurrences(&self, word: &str, open: bool, seen: &RoaringBitmap) -> Occurrences {
        let part = |key: &str| {
            let Some(field) = self.words.get(key) else { return Default::default() };
            let whole = &*field.equal_set(word) & seen;
            let mut start = RoaringBitmap::new();
            if open {
                field.prefixed(word).for_each(|value| value.posting.add_to(&mut start));
                start &= seen;
            }
            (whole, start)
        };
        Occurrences { parts: PARTS.iter().map(|(_, key, _)| part(key)).collect() }
    }

    /// Where words occur that differ from this one in one letter.
    fn similar(&self, word: &str, seen: &RoaringBitmap) -> Occurrences {
        let word: Vec<char> = word.chars().collect();
        let part = |field: &Field| {
            let mut found = RoaringBitmap::new();
            if word.len() >= FUZZY_FROM {
                let near = field.values().filter(|value| differs_once(&word, value.folded));
                near.for_each(|value| value.posting.add_to(&mut found));
            }
            (RoaringBitmap::new(), found & seen)
        };
        let parts = PARTS.iter().map(|(_, key, _)| self.words.get(key).map(part).unwrap_or_default());
        Occurrences { parts: parts.collect() }
    }

    /// The best of the hits in order.
    fn ranked(&self, hits: &RoaringBitmap, found: &[Occurrences], text: &str, limit: usize) -> Vec<Hit> {
        let named = |number: u32| match self.nodes.record(number).map(|record| record.reference.name()) {
            Some(name) if name == text => 10_000,
            Some(name) if name.starts_with(text) => 1_000,
            _ => 0,
        };
        let offered =
            |number: u32| self.nodes.record(number).is_some_and(|record| record.reference.kind() == "offering");
        let mut list: Vec<(u32, Matched, u32)> = Vec::new();
        for number in self.worth_ranking(hits, found, text, limit) {
            let parts = found.iter().filter_map(|word| word.best(number));
            let (score, field) = parts.fold(
                (named(number) + if offered(number) { OFFERED } else { 0 }, Matched::Text),
                |(score, field), (worth, part)| (score + worth, field.min(part)),
            );
            list.push((score, field, number));
        }
        list.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| self.nodes.compare(a.2, b.2)));
        let best = list.into_iter().take(limit);
        best.filter_map(|(score, field, number)| Some(Hit { record: self.nodes.record(number)?.clone(), field, score }))
            .collect()
    }

    /// Those among many hits that can be among the best: whose name starts so, and the first in order of names from
    /// the best part that has enough.
    fn worth_ranking(&self, hits: &RoaringBitmap, found: &[Occurrences], text: &str, limit: usize) -> RoaringBitmap {
        if hits.len() <= MOST_RANKED as u64 {
            return hits.clone();
        }
        let mut best = RoaringBitmap::new();
        for part in 0..PARTS.len() {
            for (whole, start) in found.iter().filter_map(|word| word.parts.get(part)) {
                best |= (whole | start) & hits;
            }
            if best.len() >= limit as u64 {
                break;
            }
        }
        let mut chosen: RoaringBitmap = self.nodes.in_order(&best, None, false).take(MOST_RANKED).collect();
        if let Some(names) = self.leaves.get("metadata.name") {
            for value in names.prefixed(text).take(MOST_RANKED) {
                chosen |= &*value.posting.bitmap() & hits;
            }
        }
        chosen
    }
}

/// The records in which all words occur.
fn common(found: &[Occurrences], seen: &RoaringBitmap) -> RoaringBitmap {
    found.iter().fold(seen.clone(), |all, word| all & word.any())
}

/// Whether two different words become equal by adding, dropping or changing one letter or swapping two neighbours.
fn differs_once(one: &[char], other: &str) -> bool {
    if other.len() + 4 < one.len() || other.len() > 4 * (one.len() + 1) {
        return false;
    }
    let other: Vec<char> = other.chars().collect();
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[same..], &other[same..]);
    let same = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&one[..one.len() - same], &other[..other.len() - same]) {
        ([_], [] | [_]) | ([], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::differs_once;

    #[test]
    fn one_letter_makes_the_difference() {
        let word: Vec<char> = "postgres".chars().collect();
        for near in ["postgre", "postgress", "postgras", "psotgres", "postgrse", "xpostgres"] {
            assert!(differs_once(&word, near), "{near}");
        }
        for far in ["postgres", "postg", "mysql", "psotgrse", "postgresql"] {
            assert!(!differs_once(&word, far), "{far}");
        }
    }
}
