//! JSON as it is sent, not as it should be.
//!
//! [`read`] takes what others write with templates, old libraries and scissors, and reads it as what it
//! evidently is: cut emoji, raw line breaks, Windows paths, `NaN`, UTF-16, a NUL at the end, several documents
//! one after another. Nothing is guessed: where two readings are possible (a quote inside a string that nobody
//! escaped) it is not readable. Valid JSON is read as `serde_json` reads it, except that a number which would
//! lose digits there is kept as text.

mod lenient;
mod text;

use std::fmt;

use serde_json::Value;

/// What made a text no valid JSON, and could be read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// UTF-16 instead of UTF-8.
    Utf16,
    /// Windows-1252 instead of UTF-8.
    Windows1252,
    /// UTF-8 with broken characters in it.
    BrokenUtf8,
    /// Half a surrogate pair, left by a program that cut a text.
    LoneSurrogate,
    /// A line break, a tab or another control character that was not escaped in a string.
    RawControl,
    /// A backslash before what needs none, as in a Windows path.
    WrongEscape,
    /// `NaN`, `Infinity`, or a number that begins with a plus.
    NoNumber,
    /// A value that is missing, or a comma after the last one.
    Gap,
    /// Characters between values that are no blanks of JSON, such as a NUL at the end.
    Stray,
    /// More than one document.
    Several,
    /// Something after the document that is none.
    Rest,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf16 => "UTF-16",
            Self::Windows1252 => "Windows-1252",
            Self::BrokenUtf8 => "broken UTF-8",
            Self::LoneSurrogate => "half a surrogate pair",
            Self::RawControl => "a control character that is not escaped",
            Self::WrongEscape => "a wrong escape",
            Self::NoNumber => "a number that JSON does not have",
            Self::Gap => "a missing value or a comma too many",
            Self::Stray => "stray characters between values",
            Self::Several => "several documents",
            Self::Rest => "something after the end",
        })
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The documents, at least one.
    pub documents: Vec<Value>,
    /// What was not as it should be, each once; nothing for valid JSON.
    pub oddities: Vec<Oddity>,
}

/// Why a text is no JSON, even when it is read leniently. It says where, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} (line {line}, column {column})")]
pub struct NotJson {
    what: What,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum What {
    #[error("not readable as JSON")]
    Syntax,
    #[error("the JSON ends too early")]
    End,
    #[error("the JSON is nested too deeply")]
    Depth,
}

/// Reads what somebody meant to be JSON.
pub fn read(bytes: &[u8]) -> Result<Reading, NotJson> {
    if !loses_digits(bytes)
        && let Ok(document) = serde_json::from_slice(unmarked(bytes))
    {
        return Ok(Reading { documents: vec![document], oddities: Vec::new() });
    }
    let text = text::decode(bytes);
    let mut reading = lenient::documents(&text.text)?;
    reading.oddities.extend(text.oddity);
    reading.oddities.sort_unstable();
    reading.oddities.dedup();
    Ok(reading)
}

/// As [`read`], for whoever expects one document and does not mind how it was written.
pub fn value(bytes: &[u8]) -> Result<Value, NotJson> {
    read(bytes).map(|reading| reading.documents.into_iter().next().unwrap_or_default())
}

/// The text of bytes that are no UTF-16; what is not UTF-8 is Windows-1252.
pub(crate) use text::narrow;

/// Without the byte order mark that senders built on .NET and PowerShell begin with.
pub(crate) fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Whether a number outside of strings has so many digits that a double may not hold them.
pub(crate) fn loses_digits(bytes: &[u8]) -> bool {
    /// Any number of fifteen digits comes back from a double as it was.
    const SAFE: usize = 15;
    let (mut in_string, mut escaped, mut digits) = (false, false, 0);
    for byte in bytes {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = *byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => (in_string, digits) = (true, 0),
            b'0'..=b'9' => digits += 1,
            b'.' => {}
            _ => digits = 0,
        }
        if digits > SAFE {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
