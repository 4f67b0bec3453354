//! Secrets at rest: sealed with a key that is not in the database.

use crate::clock::Ids;
use crate::error::{Error, Result};
use crate::instance::driver::Secret;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use loggia_model::canonical::hex;
use loggia_model::{Micros, Uid};
use loggia_store::{SecretRow, Store};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Name of the database entry that tells which key its secrets were sealed with.
const FINGERPRINT: &str = "secret-key-fingerprint";

/// Seals and opens secrets with XChaCha20-Poly1305. The identity of the owner and the name of the field are bound in
/// as associated data, so that a sealed text cannot be moved to another place.
#[derive(Clone)]
pub struct SecretBox {
    cipher: XChaCha20Poly1305,
    key_id: String,
    /// A key of its own for addresses that nobody can guess.
    addresses: [u8; 32],
    ids: Arc<dyn Ids>,
}

impl SecretBox {
    /// With a key of 32 bytes.
    pub fn new(key: &[u8; 32], ids: Arc<dyn Ids>) -> SecretBox {
        let key_id = hex(&Sha256::digest([b"loggia key ", key.as_slice()].concat())[..8]);
        let addresses = Sha256::digest([b"loggia addresses ", key.as_slice()].concat()).into();
        SecretBox { cipher: XChaCha20Poly1305::new(&(*key).into()), key_id, addresses, ids }
    }

    /// The part of an address that nobody can guess: the same for the same thing, as long as the key is the same.
    pub fn address_key(&self, what: &str) -> String {
        let inner = Sha256::digest([&self.addresses, what.as_bytes()].concat());
        hex(&Sha256::digest([&self.addresses, inner.as_slice()].concat())[..16])
    }

    /// Whether secrets of a database were sealed with some key before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn is_needed(store: &Store) -> Result<bool> {
        Ok(store.meta(FINGERPRINT).await?.is_some())
    }

    /// Refuses to go on when the database was sealed with another key.
    ///
    /// # Errors
    /// [`Error::Refused`] for another key, [`Error::Unavailable`] when the database does not answer.
    pub async fn bind(&self, store: &Store) -> Result<()> {
        let known = store.put_meta_if_absent(FINGERPRINT, &self.key_id).await?;
        if known == self.key_id {
            return Ok(());
        }
        Err(Error::refused(
            "secret.key",
            "The secret key does not fit this database: its secrets were sealed with another one.",
            "Give the key that was used before (the file secret.key in the data folder, or LOGGIA_SECRET_KEY).",
        ))
    }

    /// Seals a secret of a record.
    ///
    /// # Errors
    /// [`Error::Internal`] when the cipher fails, which it does not for texts of sensible length.
    pub fn seal(&self, now: Micros, uid: Uid, field: &str, secret: &Secret) -> Result<SecretRow> {
        let random = self.ids.random();
        let mut nonce = [0u8; 24];
        nonce.copy_from_slice(&random[..24]);
        let place = format!("{uid}\n{field}");
        // Sealing needs the text itself.
        let payload = Payload { msg: secret.reveal().as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let ciphertext = sealed.map_err(|_| Error::Internal(format!("cannot seal {field}")))?;
        let id = self.ids.uid(now);
        Ok(SecretRow { id, uid, field: field.into(), key_id: self.key_id.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Opens a secret.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was sealed with another key, moved, or damaged.
    pub fn open(&self, row: &SecretRow) -> Result<Secret> {
        let damaged = || Error::Internal(format!("cannot open the secret {} of {}", row.field, row.uid));
        let nonce: [u8; 24] = row.nonce.as_slice().try_into().map_err(|_| damaged())?;
        let place = format!("{}\n{}", row.uid, row.field);
        let payload = Payload { msg: &row.ciphertext, aad: place.as_bytes() };
        let opened = self.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| damaged())?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, FixedClock};

    #[test]
    fn opens_what_it_sealed_and_nothing_that_was_moved() {
        let clock = Arc::new(FixedClock::at(Micros(1_800_000_000_000_000)));
        let ids: Arc<dyn Ids> = clock.clone();
        let seal = SecretBox::new(&[7; 32], Arc::clone(&ids));
        let (uid, other) = (ids.uid(clock.now()), ids.uid(clock.now()));
        let row = seal.seal(clock.now(), uid, "password", &Secret::new("hunter2")).unwrap();
        assert_eq!(seal.open(&row).unwrap().reveal(), "hunter2");
        assert!(!format!("{row:?}").contains("hunter2"));
        assert!(seal.open(&SecretRow { uid: other, ..row.clone() }).is_err());
        assert!(seal.open(&SecretRow { field: "user".into(), ..row.clone() }).is_err());
        assert!(SecretBox::new(&[8; 32], ids).open(&row).is_err());
    }
}
