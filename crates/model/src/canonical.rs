//! Canonical JSON text: the one spelling of a document that is stored, hashed and compared.

use serde_json::Value;
use sha1::{Digest, Sha1};
use std::fmt::Write;

/// Writes a value with object keys in order of code points, no blanks, and numbers as they are.
pub fn to_string(value: &Value) -> String {
    let mut out = String::with_capacity(512);
    write(value, &mut out);
    out
}

/// Appends the canonical text of a value.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, out),
        other => {
            // Writing to a String does not fail.
            let _ = write!(out, "{other}");
        }
    }
}

/// Appends a JSON string literal.
pub fn write_text(text: &str, out: &mut String) {
    // In pieces of one size and without an early end, so that a piece is looked at in one step.
    let any = |piece: &[u8]| piece.iter().fold(false, |any, b| any | (*b < 0x20) | (*b == b'"') | (*b == b'\\'));
    let (pieces, rest) = text.as_bytes().as_chunks::<16>();
    let escapes = pieces.iter().fold(false, |found, piece| found | any(piece)) | any(rest);
    if !escapes {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        let _ = write!(out, "{}", Value::String(text.to_owned()));
    }
}

/// The etag of a document: the SHA-1 of its canonical text in hexadecimal, as Backstage's `metadata.etag`.
pub fn etag(text: &str) -> String {
    hex(&Sha1::digest(text.as_bytes()))
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]].map(char::from);
    let mut out = String::with_capacity(bytes.len() * 2);
    out.extend(bytes.iter().flat_map(digits));
    out
}
