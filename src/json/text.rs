//! Bytes as text, whatever encoding they turn out to be in.

use std::borrow::Cow;

use super::{Oddity, unmarked};

/// A text and what was odd about its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text<'b> {
    pub(crate) text: Cow<'b, str>,
    pub(crate) oddity: Option<Oddity>,
}

/// UTF-8, or UTF-16 by its mark or by the zeros of its first character, or else Windows-1252.
pub(crate) fn decode(bytes: &[u8]) -> Text<'_> {
    let wide = match bytes {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        [first, 0, _, ..] if *first != 0 => Some((bytes, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0, second, _, ..] if *second != 0 => Some((bytes, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    if let Some((rest, unit)) = wide {
        let units = rest.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        return Text { text: Cow::Owned(text), oddity: Some(Oddity::Utf16) };
    }
    by_bytes(unmarked(bytes))
}

/// As [`decode`], for a part of a text, which may begin with anything.
pub(crate) fn narrow(bytes: &[u8]) -> Cow<'_, str> {
    by_bytes(bytes).text
}

fn by_bytes(bytes: &[u8]) -> Text<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Text { text: Cow::Borrowed(text), oddity: None },
        // Any whole character of UTF-8 beyond ASCII says what the rest was meant to be.
        Err(_) if bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii()) => {
            Text { text: String::from_utf8_lossy(bytes), oddity: Some(Oddity::BrokenUtf8) }
        }
        Err(_) => {
            let text = bytes.iter().map(|byte| windows_1252(*byte)).collect();
            Text { text: Cow::Owned(text), oddity: Some(Oddity::Windows1252) }
        }
    }
}

/// Latin-1, except that most control characters beyond ASCII are signs.
fn windows_1252(byte: u8) -> char {
    const SIGNS: [char; 32] = [
        '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}',
        '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
    ];
    let sign = byte.checked_sub(0x80).and_then(|place| SIGNS.get(usize::from(place)));
    sign.copied().unwrap_or(char::from(byte))
}
