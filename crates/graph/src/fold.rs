//! How keys and values are compared.

use loggia_model::flatten::MAX_LENGTH;

/// Brings a key or value into the form in which it is compared.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// Whether a key is short enough to be asked for.
pub(crate) fn fits(text: &str) -> bool {
    text.len() <= MAX_LENGTH || text.encode_utf16().count() <= MAX_LENGTH
}
