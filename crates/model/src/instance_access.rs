//! Access: the credentials by which one consumer uses one instance, from being granted to being proved gone.
//!
//! This is the whole machine, and pure: what people and the clock decide, and what an operation found out, go in; what
//! is to be made and taken away comes out as [`Act`]s, one operation each. Whoever holds an access has one credential,
//! or two for a while when it is renewed. A credential leaves the list only when its absence was observed.

use crate::instance::InstanceStatus;
use crate::problem::Refusal;
use crate::time::{DAY, SECOND};
use crate::{Micros, Record, Ref, Relation, RelationType, Uid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// When taking a credential away is begun again should nothing have come of it, in microseconds.
const AGAIN: i64 = 3_600 * SECOND;
/// How long making one may last before it is taken away instead, in microseconds.
const LONGEST: i64 = DAY;
/// How many consumers one instance may have.
pub const MOST: usize = 200;

/// Who uses an instance with credentials of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Identity.
    pub id: Uid,
    /// The consumer: a component, a group, or a program as `service:NAME`.
    pub to: String,
    /// What it may do, one of the roles that the release offers.
    pub role: String,
    /// Who granted it.
    pub by: String,
    /// When.
    pub since: Micros,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Micros>,
    /// Its credentials, the oldest first; never none.
    pub credentials: Vec<Credential>,
}

/// One login of a consumer at an instance. What is secret of it is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Identity, under which the backend marks it.
    pub id: Uid,
    /// Where it is.
    pub state: CredentialState,
    /// Which of the things that were made for the instance it opens.
    #[serde(default, skip_serializing_if = "is_first")]
    pub generation: u32,
    /// Since when it is in this state.
    pub since: Micros,
    /// When it is taken away; while it is made or taken away, when that is given up or begun again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Micros>,
    /// How long the one before it works on once this one does, in seconds.
    #[serde(default, skip_serializing_if = "is_none_long")]
    pub overlap: i64,
    /// What one needs beside the secret, such as the user name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// Names of its secrets that nobody has seen yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// Why it could not be taken away yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Where a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialState {
    /// It is being made.
    Making,
    /// It opens the instance.
    Works,
    /// It is being taken away.
    Revoking,
}

fn is_first(generation: &u32) -> bool {
    *generation == 0
}

fn is_none_long(seconds: &i64) -> bool {
    *seconds == 0
}

/// What is to be done at the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make a credential.
    Make(Uid),
    /// Take a credential away, and look that it is gone.
    Take(Uid),
}

impl Access {
    /// Whether it is to go on: not all of it is being taken away.
    pub fn lives(&self) -> bool {
        self.credentials.iter().any(|credential| credential.state != CredentialState::Revoking)
    }

    /// The credential to use now: the newest one that works.
    pub fn current(&self) -> Option<&Credential> {
        self.credentials.iter().rev().find(|credential| credential.state == CredentialState::Works)
    }

    fn has_begun(&self) -> bool {
        self.credentials.iter().any(|credential| credential.state == CredentialState::Making)
    }
}

impl Credential {
    /// A new one, to be made.
    pub fn new(id: Uid, generation: u32, overlap: i64, now: Micros) -> Credential {
        Credential {
            id,
            state: CredentialState::Making,
            generation,
            since: now,
            ends: Some(Micros(now.0 + LONGEST)),
            overlap,
            outputs: Map::new(),
            unseen: Vec::new(),
            message: String::new(),
        }
    }

    /// Begins to take it away; nothing when that is under way.
    fn revoke(&mut self, now: Micros) -> Option<Act> {
        if self.state == CredentialState::Revoking {
            return None;
        }
        self.state = CredentialState::Revoking;
        self.since = now;
        self.ends = Some(Micros(now.0 + AGAIN));
        self.unseen.clear();
        Some(Act::Take(self.id))
    }

    /// Lets it end at a time, or earlier where that was said before.
    fn end(&mut self, ends: Micros, now: Micros) -> Option<Act> {
        if self.state != CredentialState::Works {
            return None;
        }
        self.ends = Some(self.ends.map_or(ends, |before| before.min(ends)));
        if self.is_over(now) { self.revoke(now) } else { None }
    }

    fn is_over(&self, now: Micros) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// Grants an access whose only credential is yet to be made.
///
/// # Errors
/// When the consumer has that role already, or there are too many.
pub fn grant(list: &mut Vec<Access>, access: Access) -> Result<Vec<Act>, Refusal> {
    let same = |known: &&Access| known.to == access.to && known.role == access.role && known.lives();
    if let Some(known) = list.iter().find(same) {
        let message = format!("{} has the role {} already.", known.to, known.role);
        let mend = format!("Renew its credential: loggia access rotate INSTANCE {}", known.id);
        return Err(Refusal::new("access.granted", message, mend));
    }
    if list.len() >= MOST {
        let message = format!("{MOST} consumers have access already.");
        return Err(Refusal::new("access.many", message, "Revoke what is not used any more."));
    }
    let acts = access.credentials.iter().map(|credential| Act::Make(credential.id)).collect();
    list.push(access);
    Ok(acts)
}

/// Renews the credential of an access: a new one is made, and the one before works on for a while.
///
/// # Errors
/// While another one is being made, and when the access ends.
pub fn rotate(list: &mut [Access], id: Uid, new: Credential) -> Result<Vec<Act>, Refusal> {
    let access = find(list, id)?;
    if !access.lives() {
        return Err(Refusal::new("access.revoked", "This access is being revoked.", "Grant it anew."));
    }
    if access.has_begun() {
        let mend = "Wait until that has ended.";
        return Err(Refusal::new("access.busy", "A credential is being made for it.", mend));
    }
    let act = Act::Make(new.id);
    access.credentials.push(new);
    Ok(vec![act])
}

/// Ends an access: all its credentials are taken away.
///
/// # Errors
/// When there is no such access.
pub fn revoke(list: &mut [Access], id: Uid, now: Micros) -> Result<Vec<Act>, Refusal> {
    let access = find(list, id)?;
    Ok(access.credentials.iter_mut().filter_map(|credential| credential.revoke(now)).collect())
}

fn find(list: &mut [Access], id: Uid) -> Result<&mut Access, Refusal> {
    let found = list.iter_mut().find(|access| access.id == id);
    found.ok_or_else(|| Refusal::new("access.missing", "There is no such access.", "See: loggia access list INSTANCE"))
}

fn with(list: &mut [Access], credential: Uid) -> Option<&mut Access> {
    list.iter_mut().find(|access| access.credentials.iter().any(|known| known.id == credential))
}

/// The access and the credential of an identity.
pub fn of(list: &[Access], credential: Uid) -> Option<(&Access, &Credential)> {
    list.iter().find_map(|access| Some((access, access.credentials.iter().find(|known| known.id == credential)?)))
}

/// A credential was made and seen at the backend. Tells whether it is still wanted; those before it end now, or when
/// their overlap is over.
pub fn made(
    list: &mut [Access],
    credential: Uid,
    (outputs, unseen): (Map<String, Value>, Vec<String>),
    now: Micros,
) -> (bool, Vec<Act>) {
    let Some(access) = with(list, credential) else { return (false, Vec::new()) };
    let place = access.credentials.iter().position(|known| known.id == credential).unwrap_or_default();
    let (before, from_here) = access.credentials.split_at_mut(place);
    let Some((known, after)) = from_here.split_first_mut() else { return (false, Vec::new()) };
    if known.state != CredentialState::Making {
        return (false, Vec::new());
    }
    (known.state, known.since, known.ends) = (CredentialState::Works, now, None);
    (known.outputs, known.unseen) = (outputs, unseen);
    let ends = now.plus_seconds(known.overlap);
    let mut acts: Vec<Act> = before.iter_mut().filter_map(|older| older.end(ends, now)).collect();
    // A newer one may have been made first.
    let newer = after.iter().find(|newer| newer.state == CredentialState::Works);
    let newer = newer.map(|newer| newer.since.plus_seconds(newer.overlap));
    acts.extend(newer.and_then(|ends| known.end(ends, now)));
    (true, acts)
}

/// A credential could not be made for good. What may be half made is taken away.
pub fn not_made(list: &mut Vec<Access>, credential: Uid, touched: bool, now: Micros) -> Vec<Act> {
    if !touched {
        remove(list, |known| known.id == credential && known.state == CredentialState::Making);
        return Vec::new();
    }
    let all = list.iter_mut().flat_map(|access| &mut access.credentials);
    all.filter(|known| known.id == credential).filter_map(|known| known.revoke(now)).collect()
}

/// The absence of a credential was observed.
pub fn taken(list: &mut Vec<Access>, credential: Uid) {
    remove(list, |known| known.id == credential && known.state == CredentialState::Revoking);
}

/// A credential could not be taken away; that is begun again later.
pub fn not_taken(list: &mut [Access], credential: Uid, why: &str, now: Micros) {
    for known in list.iter_mut().flat_map(|access| &mut access.credentials).filter(|known| known.id == credential) {
        if known.state == CredentialState::Revoking {
            why.clone_into(&mut known.message);
            known.ends = Some(Micros(now.0 + AGAIN));
        }
    }
}

/// What the clock asks for: accesses that are over, and credentials whose time has come.
pub fn due(list: &mut [Access], now: Micros) -> Vec<Act> {
    let mut acts = Vec::new();
    for access in list {
        let over = access.until.is_some_and(|until| until <= now);
        for known in &mut access.credentials {
            if known.state == CredentialState::Revoking && known.is_over(now) {
                known.ends = Some(Micros(now.0 + AGAIN));
                acts.push(Act::Take(known.id));
            } else if over || known.is_over(now) {
                acts.extend(known.revoke(now));
            }
        }
    }
    acts
}

/// When the clock is to look again.
pub fn next(list: &[Access]) -> Option<Micros> {
    let ends = |access: &Access| {
        let until = access.until.filter(|_| access.lives());
        access.credentials.iter().filter_map(|known| known.ends).chain(until).min()
    };
    list.iter().filter_map(ends).min()
}

/// The instance was made beside what there was, or anew: each consumer gets a credential there. Where nothing is left of
/// what there was, neither are its credentials: gives which those were.
pub fn moved(
    list: &mut Vec<Access>,
    fresh: &mut dyn FnMut() -> Credential,
    kept: bool,
    now: Micros,
) -> (Vec<Act>, Vec<Uid>) {
    let (mut acts, mut gone) = (Vec::new(), Vec::new());
    for access in list.iter_mut() {
        let lives = access.lives();
        if !kept {
            gone.extend(access.credentials.drain(..).map(|known| known.id));
        }
        // One that is being made would open what was there before.
        let begun = access.credentials.iter_mut().filter(|known| known.state == CredentialState::Making);
        acts.extend(begun.filter_map(|known| known.revoke(now)));
        if lives {
            let new = fresh();
            acts.push(Act::Make(new.id));
            access.credentials.push(new);
        }
    }
    list.retain(|access| !access.credentials.is_empty());
    (acts, gone)
}

/// Nothing is left of one of the things that were made for the instance, nor are its credentials; gives which those were.
pub fn gone(list: &mut Vec<Access>, generation: u32) -> Vec<Uid> {
    remove(list, |known| known.generation == generation)
}

fn remove(list: &mut Vec<Access>, which: impl Fn(&Credential) -> bool) -> Vec<Uid> {
    let mut removed = Vec::new();
    for access in list.iter_mut() {
        removed.extend(access.credentials.extract_if(.., |known| which(known)).map(|known| known.id));
    }
    list.retain(|access| !access.credentials.is_empty());
    removed
}

/// The names of those who use it.
pub fn consumers(list: &[Access]) -> Vec<&str> {
    let mut names: Vec<&str> = list.iter().filter(|access| access.lives()).map(|access| access.to.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What the accesses of an instance say about it: those who have them use it.
pub fn relations(record: &Record) -> Vec<Relation> {
    // Most have none: the text tells it without reading it.
    let said =
        record.reference.kind() == "instance" && record.status.as_deref().is_some_and(|s| s.contains("\"access\""));
    let Some(status) = said.then(|| record.typed_status::<InstanceStatus>().ok()).flatten() else { return Vec::new() };
    let consumers = consumers(&status.access).into_iter().filter(|name| !name.starts_with("service:"));
    let targets = consumers.filter_map(|name| name.parse::<Ref>().ok());
    targets.map(|target| Relation { relation: RelationType::USED_BY, target }).collect()
}
