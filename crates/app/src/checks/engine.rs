//! The one engine of checks: a verdict about one thing, from a snapshot, the time, and what probes answered.

use crate::estate::observation::is_away;
use crate::release::offering::version_of;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::check::{CheckStatus, Outcome, Reading, Verdict, exempt_until};
use loggia_model::instance::{InstanceStatus, Phase};
use loggia_model::kinds::CheckSpec;
use loggia_model::kinds::check::Question;
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::version::{Range, Version};
use loggia_model::{Day, Micros, Record, Ref, RelationType, Uid, time};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// After how many of its rounds without an answer a probe is unknown.
const STALE: i64 = 3;

/// A check, read once and asked about many things.
pub struct Check<'a> {
    graph: &'a Graph,
    now: Micros,
    /// The record.
    pub record: Arc<Record>,
    /// Its text.
    pub spec: CheckSpec,
    status: CheckStatus,
    asked: Option<Asked>,
    /// What its probe answered, by thing.
    readings: BTreeMap<Uid, Reading>,
}

/// A question, with what it needs for many things worked out once.
struct Asked {
    range: Option<Range>,
    phases: Vec<Phase>,
    stated: Option<loggia_model::kinds::check::Stated>,
    relation: Option<(RelationType, Option<Ref>)>,
    fits: Option<HashSet<Uid>>,
    not: Option<Box<Asked>>,
    text: Question,
}

/// What a check says about one thing now.
///
/// # Errors
/// None for a text that does not fit the type.
pub fn verdict(graph: &Graph, now: Micros, check: &Arc<Record>, subject: &Record) -> Option<Verdict> {
    Some(Check::read(graph, now, check, BTreeMap::new())?.verdict(subject))
}

impl<'a> Check<'a> {
    /// Reads a check; none for a text that does not fit the type.
    pub fn read(
        graph: &'a Graph,
        now: Micros,
        record: &Arc<Record>,
        readings: BTreeMap<Uid, Reading>,
    ) -> Option<Check<'a>> {
        let spec: CheckSpec = record.spec().ok()?;
        let asked = spec.query.as_ref().map(|question| Asked::read(graph, question));
        let status = record.typed_status().ok()?;
        Some(Check { graph, now, record: Arc::clone(record), spec, status, asked, readings })
    }

    /// The things that it is about, as far as an audience may see them.
    pub fn subjects(&self, audience: &Audience) -> Vec<Arc<Record>> {
        self.graph.select(audience, &about(&self.spec))
    }

    /// What it says about one thing.
    pub fn verdict(&self, subject: &Record) -> Verdict {
        let found = match (&self.asked, &self.spec.probe) {
            (Some(asked), _) => asked.answer(self.graph, subject),
            (None, Some(probe)) => self.answered(subject.uid, i64::from(probe.every_minutes)),
            (None, None) => Verdict::unknown("It asks nothing."),
        };
        let found = if found.outcome == Outcome::Passes && self.is_about_what_is_there() && is_missing(subject) {
            Verdict::unknown("It was looked for and is not there.")
        } else {
            found
        };
        let days = self.spec.grace_days;
        let grace = (days > 0).then(|| Day::of(self.record.created_at.max(subject.created_at)).plus(days));
        let team = team_of(subject).map(|team| team.to_string()).unwrap_or_default();
        let exempt = exempt_until(&self.status.exemptions, &team, subject.reference.as_str(), self.now);
        found.excused(Outcome::Exempt, exempt, self.now).excused(Outcome::Grace, grace, self.now)
    }

    /// Whether it asks of a thing what it can only be while it is there: all but that itself.
    fn is_about_what_is_there(&self) -> bool {
        let stated = self.asked.as_ref().and_then(|asked| asked.stated.as_ref());
        stated.is_none_or(|stated| !stated.kind.eq_ignore_ascii_case("Present"))
    }

    /// What a probe answered. No answer, and an answer of long ago, is never a success.
    fn answered(&self, subject: Uid, minutes: i64) -> Verdict {
        let Some(reading) = self.readings.get(&subject) else { return Verdict::unknown("It was not asked yet.") };
        if self.now.0 - reading.at.0 > STALE * minutes * 60 * time::SECOND {
            return Verdict::unknown(format!("It was asked last on {}.", Day::of(reading.at)));
        }
        match reading.passed {
            Some(true) => Verdict::passes(),
            Some(false) => Verdict::fails(reading.said.clone()),
            None => Verdict::unknown(reading.said.clone()),
        }
    }

    /// What to do about a thing, in the words of the check.
    pub fn mend(&self, subject: &Record) -> String {
        let text = subject.parse();
        let team = team_of(subject).map(|team| team.name().to_owned()).unwrap_or_default();
        let name = subject.reference.name();
        let environment = text.spec_text("environment");
        let plain = name.strip_suffix(&format!(".{environment}")).unwrap_or(name);
        let version = running_version(subject).unwrap_or_default();
        let words = [
            ("{name}", plain),
            ("{team}", team.as_str()),
            ("{environment}", environment),
            ("{version}", version.as_str()),
            ("{kind}", subject.reference.kind()),
        ];
        words.iter().fold(self.spec.mend.clone(), |mend, (word, value)| mend.replace(word, value))
    }
}

/// What the server knows of an instance; none of anything else.
fn status_of(subject: &Record) -> Option<InstanceStatus> {
    if subject.reference.kind() == "instance" { subject.typed_status().ok() } else { None }
}

/// Whether an instance was looked for and is not there.
fn is_missing(subject: &Record) -> bool {
    status_of(subject).is_some_and(|status| is_away(&status))
}

/// Whether an instance was not seen for so long that it may be anything by now.
fn is_unseen(subject: &Record) -> bool {
    status_of(subject).is_some_and(|status| status.phase == Phase::Unknown)
}

/// The things that a check is about.
pub fn about(spec: &CheckSpec) -> Predicate {
    let kind = Predicate::equals("kind", spec.of.to_ascii_lowercase());
    kind.and(Predicate::filters(spec.filter.iter().map(String::as_str)))
}

/// The team whose thing something is: that of an instance, else who owns it.
pub fn team_of(subject: &Record) -> Option<Ref> {
    let found = crate::access::writing::subject_of(&subject.parse());
    found.team.or(found.owner)
}

/// The version of what really runs, of an instance; of a release its own.
pub fn running_version(subject: &Record) -> Option<String> {
    if subject.reference.kind() != "instance" {
        return version_of(subject).map(|_| subject.parse().spec_text("version").to_owned());
    }
    let status: InstanceStatus = subject.typed_status().ok()?;
    if !status.version.is_empty() {
        return Some(status.version);
    }
    let spec: InstanceSpec = subject.spec().ok()?;
    status.applied.strip_prefix(&format!("{}-", spec.offering)).map(str::to_owned)
}

impl Asked {
    fn read(graph: &Graph, text: &Question) -> Asked {
        let fits = (!text.fits.is_empty()).then(|| {
            let filter = Predicate::filters(text.fits.iter().map(String::as_str));
            graph.select(&Audience::All, &filter).iter().map(|record| record.uid).collect()
        });
        let relation = text.relation.as_ref().and_then(|related| {
            let to = related.to.as_deref().and_then(|to| Ref::parse(to, None, "default").ok());
            Some((RelationType::find(&related.kind)?, to))
        });
        Asked {
            range: text.version.as_deref().and_then(|range| Range::parse(range).ok()),
            phases: text.phase.clone(),
            stated: text.condition.clone(),
            relation,
            fits,
            not: text.not.as_ref().map(|not| Box::new(Asked::read(graph, not))),
            text: text.clone(),
        }
    }

    /// What it says of one thing: the first part that does not hold; unknown only when nothing is known to fail.
    fn answer(&self, graph: &Graph, subject: &Record) -> Verdict {
        let parts = [
            self.version(subject),
            self.state(subject),
            self.relation(graph, subject),
            self.fitting(subject),
            self.negated(graph, subject),
        ];
        let mut unknown = None;
        for verdict in parts.into_iter().flatten() {
            match verdict.outcome {
                Outcome::Fails => return verdict,
                Outcome::Unknown => unknown = unknown.or(Some(verdict)),
                _ => {}
            }
        }
        unknown.unwrap_or_else(Verdict::passes)
    }

    fn version(&self, subject: &Record) -> Option<Verdict> {
        let range = self.text.version.as_ref()?;
        let text = running_version(subject).unwrap_or_default();
        Some(match (&self.range, Version::parse(&text)) {
            (Some(wanted), Some(version)) if !wanted.speaks_of(&version) => {
                Verdict::unknown(format!("{text} cannot be compared with {range}."))
            }
            (Some(wanted), Some(version)) if wanted.contains(&version) => match is_unseen(subject) {
                true => Verdict::unknown("It was not seen for too long."),
                false => Verdict::passes(),
            },
            (Some(_), Some(_)) => Verdict::fails(format!("It has {text}; wanted is {range}.")),
            _ if text.is_empty() => Verdict::unknown("Nobody knows its version."),
            _ => Verdict::unknown(format!("{text} cannot be compared with {range}.")),
        })
    }

    /// What its status says: phase and condition.
    fn state(&self, subject: &Record) -> Option<Verdict> {
        if self.phases.is_empty() && self.stated.is_none() {
            return None;
        }
        let Ok(status) = subject.typed_status::<InstanceStatus>() else {
            return Some(Verdict::unknown("It says nothing of its state."));
        };
        if !self.phases.is_empty() && !self.phases.contains(&status.phase) {
            let word = format!("{:?}", status.phase).to_lowercase();
            return Some(match status.phase {
                Phase::Unknown => Verdict::unknown("It was not seen for too long."),
                _ => Verdict::fails(format!("It is {word}.")),
            });
        }
        let stated = self.stated.as_ref()?;
        let found = status.conditions.iter().find(|one| one.kind.eq_ignore_ascii_case(&stated.kind));
        Some(match found {
            None => Verdict::unknown(format!("It says nothing about {}.", stated.kind)),
            Some(one) if one.status == stated.status => Verdict::passes(),
            Some(one) if one.status == loggia_model::instance::Verdict::Unknown => {
                Verdict::unknown(one.message.clone())
            }
            Some(one) => Verdict::fails(format!("{}: {}", stated.kind, one.message)),
        })
    }

    fn relation(&self, graph: &Graph, subject: &Record) -> Option<Verdict> {
        let wanted = self.text.relation.as_ref()?;
        let (relation, to) = self.relation.as_ref()?;
        let ends = graph.related(&Audience::All, &subject.reference, *relation);
        let there = ends.iter().any(|end| to.as_ref().is_none_or(|to| end.reference == *to));
        Some(match (there, to) {
            (true, _) => Verdict::passes(),
            (false, Some(to)) => Verdict::fails(format!("It has no {} {to}.", wanted.kind)),
            (false, None) => Verdict::fails(format!("It has no {}.", wanted.kind)),
        })
    }

    fn fitting(&self, subject: &Record) -> Option<Verdict> {
        let fits = self.fits.as_ref()?;
        Some(match fits.contains(&subject.uid) {
            true => Verdict::passes(),
            false => Verdict::fails(format!("It does not fit {}.", self.text.fits.join(" or "))),
        })
    }

    fn negated(&self, graph: &Graph, subject: &Record) -> Option<Verdict> {
        let inner = self.not.as_ref()?.answer(graph, subject);
        Some(match inner.outcome {
            Outcome::Passes => Verdict::fails("What must not be so is so."),
            Outcome::Unknown => inner,
            _ => Verdict::passes(),
        })
    }
}
