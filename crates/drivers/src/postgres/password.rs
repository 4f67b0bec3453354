//! Passwords, and the form in which the server learns them: only as a SCRAM verifier, so that no password is in the
//! server's own log.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Rounds of the key derivation; the server's own default.
const ROUNDS: u32 = 4096;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A new password of 32 letters and digits, which needs no escape anywhere.
pub(super) fn new() -> String {
    let mut text = String::with_capacity(32);
    while text.len() < 32 {
        let byte = usize::from(rand::random::<u8>());
        // Bytes above a multiple of 62 would make the first letters likelier.
        if byte < 248 {
            text.push(char::from(ALPHABET[byte % 62]));
        }
    }
    text
}

/// The verifier of a password, as `pg_authid.rolpassword` keeps it.
pub(super) fn verifier(password: &str) -> String {
    verifier_with(password, &rand::random::<[u8; 16]>())
}

fn verifier_with(password: &str, salt: &[u8]) -> String {
    let salted = derive(password.as_bytes(), salt);
    let stored = Sha256::digest(hmac(&salted, &[b"Client Key"]));
    let server = hmac(&salted, &[b"Server Key"]);
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    format!("SCRAM-SHA-256${ROUNDS}:{}${}:{}", encode(salt), encode(&stored), encode(&server))
}

/// PBKDF2 with one block.
fn derive(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1u32.to_be_bytes()]);
    let mut sum = last;
    for _ in 1..ROUNDS {
        last = hmac(password, &[&last]);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0u8; 64];
    match key.len() > block.len() {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let mut inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
    parts.iter().for_each(|part| inner.update(part));
    let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{hmac, new, verifier_with};

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let hex: String =
            hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn verifier_has_the_form_of_the_server() {
        let text = verifier_with("pencil", &[7; 16]);
        assert!(text.starts_with("SCRAM-SHA-256$4096:BwcHBwcHBwcHBwcHBwcHBw==$"), "{text}");
        assert_ne!(new(), new());
        assert_eq!(new().len(), 32);
    }
}
