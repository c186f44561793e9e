//! The documents of a body, whatever they are wrapped in: compressed, in a form, in another encoding, several
//! of them, or in JSON that is not quite JSON.
//!
//! Only what the proof covers is unwrapped, and never to more than [`MOST`] bytes. A parser then reads each
//! document as if it had come alone and in order.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};

use super::{NotUnderstood, multipart};
use crate::json::{self, NotJson, Oddity, Reading};
use crate::signature::{VerifiedBody, form};

/// What a body may unfold to, in bytes.
pub const MOST: usize = 16 << 20;

/// How a compressed body begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a body holds.
pub(super) struct Documents {
    /// Each as the body that it would be alone.
    pub(super) bodies: Vec<VerifiedBody>,
    /// What was not as it should be.
    pub(super) oddities: Vec<Oddity>,
}

/// Takes a body apart that could not be read as it stands, or not exactly.
pub(super) fn documents(body: &VerifiedBody) -> Result<Documents, NotUnderstood> {
    let plain = unpacked(body.body(), MOST).ok_or_else(|| {
        NotUnderstood::new(format!("the body is compressed and cannot be unpacked to at most {MOST} bytes"))
    })?;
    let is_form = body.header("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    let reading = json::read(&plain).or_else(|why| in_form(&plain, is_form).ok_or(why));
    let reading = reading.map_err(|why: NotJson| NotUnderstood::new(why.to_string()))?;
    let bodies = reading.documents.iter().map(|one| body.with_text(Bytes::from(one.to_string()))).collect();
    Ok(Documents { bodies, oddities: reading.oddities })
}

/// Whether bytes are compressed.
#[must_use]
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

/// The bytes, unpacked if they are compressed; `None` if they cannot be, or are too many.
#[must_use]
pub fn unpacked(bytes: &[u8], most: usize) -> Option<Cow<'_, [u8]>> {
    if !is_packed(bytes) {
        return Some(Cow::Borrowed(bytes));
    }
    let mut plain = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut plain).ok()?;
    (plain.len() <= most).then_some(Cow::Owned(plain))
}

/// The JSON in a form, or the form's own fields.
fn in_form(bytes: &[u8], is_form: bool) -> Option<Reading> {
    // Where a body begins like a document, it is one that broke.
    let bytes = json::unmarked(bytes).trim_ascii();
    if bytes.starts_with(b"{") || bytes.starts_with(b"[") || bytes.starts_with(b"<") {
        return None;
    }
    if let Some(fields) = multipart::fields(bytes) {
        return Some(of_fields(fields));
    }
    // `curl --data 'payload={…}'` encodes nothing.
    if let Some(Ok(reading)) = bytes.strip_prefix(b"payload=").map(json::read) {
        return Some(reading);
    }
    if !is_form && !looks_like_form(bytes) {
        return None;
    }
    // The whole document as one name, without a value.
    if let Ok(reading) = json::read(&form::decode(bytes)) {
        return Some(reading);
    }
    Some(of_fields(form::pairs(bytes).collect()))
}

/// Only what a form can consist of, each field with a name and a value.
fn looks_like_form(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>{}\\".contains(byte);
    let has_name = |pair: &[u8]| pair.iter().position(|byte| *byte == b'=').is_some_and(|at| at > 0);
    let starts_encoded = [b"%7B", b"%7b", b"%5B", b"%5b"].iter().any(|start| bytes.starts_with(*start));
    bytes.iter().all(is_plain) && (starts_encoded || bytes.split(|byte| *byte == b'&').all(has_name))
}

/// A field that holds a document is what was meant; otherwise the fields are an object of texts, in which of one
/// name twice the last one counts.
fn of_fields(fields: Vec<(String, String)>) -> Reading {
    for name in ["payload", "data"] {
        let held = fields.iter().find(|(field, _)| field == name);
        if let Some(Ok(reading)) = held.map(|(_, text)| json::read(text.as_bytes()))
            && reading.documents.iter().all(|one| one.is_object() || one.is_array())
        {
            return reading;
        }
    }
    let fields: Map<String, Value> = fields.into_iter().map(|(name, text)| (name, text.into())).collect();
    Reading { documents: vec![Value::Object(fields)], oddities: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn form(text: &str) -> Option<Value> {
        in_form(text.as_bytes(), false).map(|mut reading| reading.documents.remove(0))
    }

    #[test]
    fn what_is_packed_is_unpacked_within_the_limit() {
        assert_eq!(unpacked(b"plain", 3).as_deref(), Some(&b"plain"[..]));
        assert_eq!(unpacked(&packed(b"12345"), 5).as_deref(), Some(&b"12345"[..]));
        assert_eq!(unpacked(&packed(b"12345"), 4), None);
        assert_eq!(unpacked(&[packed(b"12"), packed(b"34")].concat(), 9).as_deref(), Some(&b"1234"[..]));
        let bomb = packed(&vec![0; 300 << 20]);
        assert!(bomb.len() < 4 << 20);
        assert_eq!(unpacked(&bomb, MOST), None);
        let whole = packed(b"a longer text that is cut");
        assert_eq!(unpacked(&whole[..whole.len() - 9], 100), None);
        assert_eq!(unpacked(&GZIP, 100), None);
    }

    #[test]
    fn forms_hold_documents_or_fields() {
        let document = json!({ "a": "b=c&d" });
        for text in [
            "payload=%7B%22a%22%3A%22b%3Dc%26d%22%7D",
            "token=1&data=%7B%22a%22%3A+%22b%3Dc%26d%22%7D",
            r#"payload={"a": "b=c&d"}"#,
            "%7B%22a%22%3A%22b%3Dc%26d%22%7D",
            "--x\r\ncontent-disposition: form-data; name=payload\r\n\r\n{\"a\": \"b=c&d\"}\r\n--x--\r\n",
        ] {
            assert_eq!(form(text), Some(document.clone()), "{text}");
        }
        assert_eq!(form("a=1&b=x+y%21&a=2"), Some(json!({ "a": "2", "b": "x y!" })));
        assert_eq!(form("payload=7&b=%C3%A9%20%E9"), Some(json!({ "payload": "7", "b": "é \u{fffd}" })));
        assert_eq!(form("b=%E9"), Some(json!({ "b": "é" })));
        for text in ["{\"a\": \"b=c", "disk is full", "a=b c=d", "x", "", "a=1&b", "<a b=c>", "a=\"1\""] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_form_or_not(bytes in prop::collection::vec(any::<u8>(), 0..100), is_form: bool) {
            let _ = in_form(&bytes, is_form);
            let _ = unpacked(&[&GZIP[..], &bytes].concat(), 1000);
        }

        #[test]
        fn what_was_packed_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..1000)) {
            let packed = packed(&bytes);
            let plain = unpacked(&packed, 1000);
            prop_assert_eq!(plain.as_deref(), Some(&bytes[..]));
        }
    }
}
