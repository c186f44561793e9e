//! Form encoding, as in queries and in bodies of type `application/x-www-form-urlencoded`.

use crate::json::narrow;

/// The pairs of a form, decoded, in their order.
pub(crate) fn pairs(form: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    let text = |bytes: &[u8]| narrow(&decode(bytes)).into_owned();
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = halves(pair);
        (text(name), text(value))
    })
}

/// Name and value of one pair, still encoded.
pub(super) fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=').and_then(|at| pair.split_at_checked(at)) {
        Some((name, [_, value @ ..])) => (name, value),
        _ => (pair, b""),
    }
}

/// One pair, encoded.
pub(crate) fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encode(name), encode(value))
}

/// Undoes form encoding; what is no valid escape stays as it is.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high * 16 + low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(*byte),
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}
