//! Which instances a campaign means, in which wave each is, and what its check says of it.

use crate::checks::{Check, named};
use crate::error::{Error, Result};
use crate::estate::observation::is_away;
use loggia_graph::{Audience, Graph, Predicate};
use loggia_model::campaign::steps::{Gate, Look, Work};
use loggia_model::campaign::{Item, ItemState, Tolerance};
use loggia_model::check::{Outcome, Reading};
use loggia_model::instance::{InstanceStatus, Phase, Step};
use loggia_model::kinds::CampaignSpec;
use loggia_model::kinds::campaign::Wave;
use loggia_model::kinds::environment::{EnvironmentSpec, Purpose};
use loggia_model::kinds::instance::InstanceSpec;
use loggia_model::version::{Range, Version};
use loggia_model::{Micros, Record, Ref, Uid};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

/// The label that says in which ring an instance or a team is.
const RING: &str = "loggia.dev/ring";
/// The label that says how much risk a team takes.
const TOLERANCE: &str = "loggia.dev/risk-tolerance";
/// The statement that the last upgrade failed.
const FAILED: &str = "UpgradeFailed";

/// What probes of checks answered, by check.
pub(crate) type Readings = HashMap<Uid, BTreeMap<Uid, Reading>>;

/// The scope of a campaign, read once and asked about many instances.
pub(crate) struct Scope<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) spec: &'a CampaignSpec,
    pub(crate) range: Range,
    check: Option<Check<'a>>,
    gate: Option<Check<'a>>,
    waves: Vec<Wave>,
    /// In which wave each is that does not pass, where a wave takes a share only.
    dealt: OnceLock<HashMap<Uid, usize>>,
    purposes: HashMap<String, Purpose>,
    /// Ring and risk tolerance of the teams.
    teams: HashMap<String, (String, Tolerance)>,
}

/// One instance with its parts.
pub(crate) struct Member {
    pub(crate) record: Arc<Record>,
    pub(crate) spec: InstanceSpec,
    pub(crate) status: InstanceStatus,
}

impl Member {
    /// An instance that is there.
    pub(crate) fn of(graph: &Graph, uid: Uid) -> Option<Member> {
        let record = graph.by_uid(uid)?;
        Some(Member { record: record.clone(), spec: record.spec().ok()?, status: record.typed_status().ok()? })
    }
}

impl Member {
    /// The version of what really runs; empty when nobody knows.
    pub(crate) fn version(&self) -> &str {
        if !self.status.version.is_empty() {
            return &self.status.version;
        }
        let applied = self.status.applied.strip_prefix(&*self.spec.offering);
        applied.and_then(|rest| rest.strip_prefix('-')).unwrap_or_default()
    }

    /// The same to be compared; none for what is no version, such as `latest`.
    pub(crate) fn number(&self) -> Option<Version> {
        Version::parse(self.version())
    }
}

impl<'a> Scope<'a> {
    /// Reads the scope.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range that is none, [`Error::Refused`] for a check that is not there.
    pub(crate) fn read(
        graph: &'a Graph,
        now: Micros,
        spec: &'a CampaignSpec,
        readings: &Readings,
    ) -> Result<Scope<'a>> {
        let range = Range::parse(&spec.to).map_err(|error| {
            Error::invalid("campaign.to", "spec.to", error.to_string(), "Write a range such as `>=15` or `7`.")
        })?;
        let read = |name: &Option<String>| -> Result<Option<Check<'a>>> {
            let Some(name) = name else { return Ok(None) };
            let record = named(graph, name)?;
            let readings = readings.get(&record.uid).cloned().unwrap_or_default();
            Ok(Check::read(graph, now, &record, readings))
        };
        let purpose = |record: Arc<Record>| {
            let spec: EnvironmentSpec = record.spec().ok()?;
            Some((record.reference.name().to_owned(), spec.purpose))
        };
        let (check, gate) = (read(&spec.check)?, read(&spec.gate)?);
        let waves = spec.waves();
        let asks_teams = waves.iter().any(|wave| !(wave.rings.is_empty() && wave.tolerance.is_empty()));
        let teams = graph.of_kind(&Audience::All, "group").filter(|_| asks_teams).map(|record| {
            let (ring, tolerance) = (label(&record, RING), Tolerance::read(&label(&record, TOLERANCE)));
            (record.reference.to_string(), (ring, tolerance))
        });
        let teams = teams.collect();
        let purposes = graph.of_kind(&Audience::All, "environment").filter_map(purpose).collect();
        Ok(Scope { graph, spec, range, check, gate, waves, dealt: OnceLock::new(), purposes, teams })
    }

    /// The instances that it means, whatever their version.
    pub(crate) fn members(&self, audience: &Audience) -> Vec<Member> {
        let of = Predicate::equals("kind", "instance").and(Predicate::equals("spec.offering", &*self.spec.offering));
        let scope = of.and(Predicate::filters(self.spec.scope.iter().map(String::as_str)));
        let one = |record: Arc<Record>| {
            let (spec, status) = (record.spec().ok()?, record.typed_status().ok()?);
            Some(Member { record, spec, status }).filter(|member| member.status.phase != Phase::Gone)
        };
        self.graph.select(audience, &scope).into_iter().filter_map(one).collect()
    }

    /// What is seen of all of them.
    pub(crate) fn looks(&self) -> BTreeMap<Uid, Look> {
        self.members(&Audience::All).iter().map(|member| (member.record.uid, self.look(member))).collect()
    }

    /// What is seen of one.
    pub(crate) fn look(&self, member: &Member) -> Look {
        Look {
            instance: member.record.reference.to_string(),
            team: member.spec.team_ref().map_or_else(|| member.spec.team.clone(), |team| team.to_string()),
            wave: self.wave(member),
            managed: member.spec.step == Step::Managed,
            version: member.version().to_owned(),
            since: member.status.since,
            outcome: self.outcome(member),
            away: is_away(&member.status),
            work: work(member),
        }
    }

    /// What its check says: the version of what runs, and the check that it names beside it.
    pub(crate) fn outcome(&self, member: &Member) -> Outcome {
        // Nor is what was looked for and is not there.
        let unseen = member.status.phase == Phase::Unknown || is_away(&member.status);
        let version = match member.number().filter(|version| self.range.speaks_of(version)) {
            None => Outcome::Unknown,
            Some(version) if !self.range.contains(&version) => Outcome::Fails,
            // What was not seen for too long may be anything by now: that is no success.
            Some(_) if unseen => Outcome::Unknown,
            Some(_) => Outcome::Passes,
        };
        let check = self.check.as_ref().map(|check| check.verdict(&member.record).outcome);
        match (version, check) {
            (Outcome::Passes, Some(check)) => check,
            (Outcome::Unknown, Some(check)) if check != Outcome::Passes => check,
            (version, _) => version,
        }
    }

    /// The first wave that takes it; the rest comes last.
    pub(crate) fn wave(&self, member: &Member) -> usize {
        let dealt = self.waves.iter().any(|wave| wave.share.is_some());
        let dealt = dealt.then(|| self.dealt.get_or_init(|| self.deal()).get(&member.record.uid).copied()).flatten();
        let takes = |wave: &Wave| wave.share.is_none() && self.takes(wave, member);
        dealt.unwrap_or_else(|| self.waves.iter().position(takes).unwrap_or(self.waves.len()))
    }

    /// Deals out what does not pass: a wave of a share gets that part of what fits it and no earlier wave has, rounded
    /// up, so that it is never empty while something fits. Which ones is by chance, the same at every reading, and
    /// others in another campaign.
    fn deal(&self) -> HashMap<Uid, usize> {
        let mut left = self.members(&Audience::All);
        left.retain(|member| self.outcome(member) != Outcome::Passes);
        let salt = format!("{}\n{}\n", self.spec.offering, self.spec.to);
        left.sort_by_cached_key(|member| {
            (lot(&format!("{salt}{}", member.record.reference)), member.record.reference.clone())
        });
        let mut dealt = HashMap::new();
        for (at, wave) in self.waves.iter().enumerate() {
            let (fits, mut rest): (Vec<Member>, Vec<Member>) =
                left.into_iter().partition(|member| self.takes(wave, member));
            let most = wave.share.map_or(fits.len(), |share| (fits.len() * usize::from(share)).div_ceil(100));
            let mut fits = fits.into_iter();
            dealt.extend(fits.by_ref().take(most).map(|member| (member.record.uid, at)));
            rest.extend(fits);
            left = rest;
        }
        dealt.extend(left.iter().map(|member| (member.record.uid, self.waves.len())));
        dealt
    }

    fn takes(&self, wave: &Wave, member: &Member) -> bool {
        let spec = &member.spec;
        let team = spec.team_ref().unwrap_or_else(|| Ref::new("group", "default", &spec.team));
        let (team_ring, tolerance) = self.teams.get(team.as_str()).cloned().unwrap_or_default();
        let ring = || Some(label(&member.record, RING)).filter(|ring| !ring.is_empty()).unwrap_or(team_ring);
        let among =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(name));
        let purpose = self.purposes.get(&spec.environment);
        among(&wave.environments, &spec.environment)
            && (wave.types.is_empty() || purpose.is_some_and(|purpose| wave.types.contains(purpose)))
            && (among(&wave.teams, team.name()) || wave.teams.iter().any(|name| *name == team.as_str()))
            && (wave.rings.is_empty() || among(&wave.rings, &ring()))
            && (wave.tolerance.is_empty() || wave.tolerance.contains(&tolerance))
    }

    /// What the gate says about what was moved up to a wave.
    pub(crate) fn gate(&self, items: &BTreeMap<Uid, Item>, wave: usize) -> Gate {
        let Some(check) = &self.gate else { return Gate::Open };
        let mut waits = None;
        for (uid, _) in items.iter().filter(|(_, item)| item.wave <= wave && item.state == ItemState::Done) {
            let Some(record) = self.graph.by_uid(*uid) else { continue };
            let verdict = check.verdict(record);
            match verdict.outcome {
                Outcome::Fails => return Gate::Shut(*uid, verdict.why),
                Outcome::Unknown => waits = waits.or(Some(Gate::Waits(*uid, verdict.why))),
                _ => {}
            }
        }
        waits.unwrap_or(Gate::Open)
    }
}

/// What the newest operation of an instance came to.
fn work(member: &Member) -> Work {
    let Some(operation) = member.status.operation else { return Work::Over };
    if matches!(member.status.phase, Phase::Pending | Phase::Progressing | Phase::Deleting) {
        return Work::Running;
    }
    if member.status.change.is_some() {
        return Work::Waits;
    }
    let failed = member.status.conditions.iter().find(|condition| condition.kind == FAILED);
    failed.map_or(Work::Over, |condition| Work::Failed(operation, condition.message.clone()))
}

fn label(record: &Record, name: &str) -> String {
    // Most have none, and need not be read.
    if !record.document.contains(name) {
        return String::new();
    }
    let text = record.parse();
    let label = text.0.pointer("/metadata/labels").and_then(|labels| labels.get(name)?.as_str());
    label.unwrap_or_default().to_owned()
}

/// A number that is always the same for a text, and far from that of the next one (FNV-1a, stirred).
fn lot(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let hash = text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
