//! How keys and values are compared.

use loggia_model::flatten::MAX_LENGTH;
use std::borrow::Cow;

/// Brings a key or value into the form in which it is compared.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// Whether a key is short enough to be asked for.
pub(crate) fn fits(text: &str) -> bool {
    text.len() <= MAX_LENGTH || text.encode_utf16().count() <= MAX_LENGTH
}
