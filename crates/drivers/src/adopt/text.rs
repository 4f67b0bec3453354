//! Bytes of files as text and documents, in whichever form a program or an editor wrote them.

use serde_json::Value;

/// The text of some bytes: UTF-8 with or without a mark at its beginning, or UTF-16 with one.
///
/// # Errors
/// Why it is no text.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    let wide = |read: fn([u8; 2]) -> u16, rest: &[u8]| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
        if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        plain => std::str::from_utf8(plain).ok().map(str::to_owned),
    };
    text.ok_or_else(|| "it is no text".to_owned())
}

/// The documents of JSON, one after another, and why reading stopped before the end.
pub(super) fn json(text: &str) -> (Vec<Value>, Option<String>) {
    let mut documents = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter() {
        match document {
            Ok(document) => documents.push(document),
            Err(error) if error.is_eof() => return (documents, Some(format!("it ends in the middle: {error}"))),
            Err(error) => return (documents, Some(format!("it is no JSON: {error}"))),
        }
    }
    (documents, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_same_in_every_form() {
        let text = "{\"a\": \"ä\"}";
        let wide = |write: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(write).collect::<Vec<u8>>();
        let forms = [
            text.as_bytes().to_vec(),
            [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
            [&[0xff, 0xfe][..], &wide(u16::to_le_bytes)].concat(),
            [&[0xfe, 0xff][..], &wide(u16::to_be_bytes)].concat(),
        ];
        for form in forms {
            assert_eq!(decode(&form).unwrap(), text);
            assert_eq!(json(&decode(&form).unwrap()).0.len(), 1);
        }
        for broken in [&[0xff, 0xfe, 0x00][..], &[0xc3], &[0xff, 0xfe, 0x00, 0xd8]] {
            assert!(decode(broken).is_err());
        }
    }

    #[test]
    fn documents_one_after_another_are_read_up_to_what_is_cut_off() {
        let whole = "{\"a\": 1}\n{\"b\": 2}";
        assert_eq!(json(whole).0.len(), 2);
        assert_eq!(json(whole).1, None);
        for end in 1..whole.len() {
            let (read, wrong) = json(&whole[..end]);
            assert_eq!(wrong.is_none(), end == 8 || end == 9, "{end}");
            assert_eq!(read.len(), usize::from(end >= 8), "{end}");
        }
    }
}
