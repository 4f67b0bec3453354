//! Events: the log.

use crate::{Micros, Uid, canonical::hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Who did something, and through which door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person or service, as `user:default/amara`, `service:<name>` or `system:<worker>`.
    pub principal: String,
    /// The person for whom a service or agent acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The namespace of the organisation; `default` is the company.
    pub organisation: String,
    /// The door: `page`, `api`, `cli`, `sync`, `backstage`, `worker`.
    pub door: String,
    /// Finds the log lines of the request.
    pub request_id: String,
}

/// One entry of the log. Entries are chained by their hashes and never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Place in the log, from 1, without gaps.
    pub position: i64,
    /// Identity, for deliveries that may happen twice.
    pub id: Uid,
    /// When; never earlier than the event before.
    pub time: Micros,
    /// `dev.loggia.<noun>.<past-verb>.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The record that it is about.
    pub subject: Option<Uid>,
    /// The name of that record at this time.
    pub subject_ref: Option<String>,
    /// Who did it.
    pub actor: Actor,
    /// Why, in the words of the actor.
    pub reason: Option<String>,
    /// Position of the event that caused this one.
    pub cause: Option<i64>,
    /// Revision of the subject that this event wrote.
    pub revision: Option<i64>,
    /// Details, by type of event. Never a secret.
    pub data: Value,
    /// Hash of the event before; empty for the first.
    pub previous: String,
    /// Hash over this event with the *digest* of its data, so that data can be erased without breaking the chain.
    pub hash: String,
}

impl Event {
    /// The digest of the data, SHA-256 in hexadecimal over its canonical text.
    pub fn data_digest(&self) -> String {
        hex(&Sha256::digest(crate::canonical::to_string(&self.data).as_bytes()))
    }

    /// The hash that this event must carry, given its other fields.
    pub fn expected_hash(&self) -> String {
        self.hash_with(&self.data_digest())
    }

    /// The hash of this event with a digest of its data that was kept: the data itself may be erased.
    pub fn hash_with(&self, data_digest: &str) -> String {
        let subject = self.subject.map(|uid| uid.to_string()).unwrap_or_default();
        let mut digest = Sha256::new();
        for part in [
            self.previous.as_str(),
            &self.position.to_string(),
            &self.id.to_string(),
            &self.time.0.to_string(),
            &self.kind,
            &subject,
            self.subject_ref.as_deref().unwrap_or_default(),
            &self.actor.principal,
            self.actor.on_behalf_of.as_deref().unwrap_or_default(),
            &self.actor.organisation,
            &self.actor.door,
            &self.actor.request_id,
            self.reason.as_deref().unwrap_or_default(),
            &self.cause.unwrap_or_default().to_string(),
            &self.revision.unwrap_or_default().to_string(),
            data_digest,
        ] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        hex(&digest.finalize())
    }
}
