//! Reading other people's JSON: forgiving about leaves, silent about contents.
//!
//! A field that is a number where text was expected, or null, or of some odd type, must not cost a page; so the
//! leaves of all tools' bodies are read with [`Text`], [`Texts`] and [`Moment`], which take what they can get.
//! Errors say where in the body, never what stood there.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::NotUnderstood;
use crate::clock::Timestamp;
use crate::json::unmarked;

/// Reads a whole body, in which of one key twice the last one counts.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, NotUnderstood> {
    let body = unmarked(body);
    // A key that stands twice is an error to most types, but to a map of values it is none.
    if let Ok(read) = serde_json::from_slice(body) {
        return Ok(read);
    }
    let value = serde_json::from_slice::<Value>(body)
        .map_err(|e| NotUnderstood::new(format!("no JSON (line {}, column {})", e.line(), e.column())))?;
    part(value, "the body")
}

/// One part of a body that was read as a whole before.
pub(super) fn part<T: DeserializeOwned>(value: Value, name: &str) -> Result<T, NotUnderstood> {
    serde_json::from_value(value)
        .map_err(|_text_of_the_body| NotUnderstood::new(format!("{name} has another shape than this tool's")))
}

/// A leaf as text; numbers and booleans are written out, anything else and blank text is nothing. A whole number is
/// the same with a fraction of zero and without.
pub(super) fn text(value: &Value) -> Option<String> {
    if value.is_array() || value.is_object() { None } else { into_text(value.clone()) }
}

/// The same of a leaf that nobody else needs.
fn into_text(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(text)
        }
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// A point in time: RFC 3339 (also with a space, or an offset without colon), or seconds, milliseconds,
/// microseconds or nanoseconds since 1970 as number or text. Nothing for "not yet" as tools write it (year 1,
/// zero, negative) and for a time without zone, which would be a guess.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let text = text(value)?;
    let text = text.trim();
    let at = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| from_epoch(text))
        .or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// The unit follows from the size: up to the year 5138 in seconds, then milli-, micro-, nanoseconds.
fn from_epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match number {
        ..=0 => None,
        1..100_000_000_000 => {
            let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
            Timestamp::from_millisecond(number.checked_mul(1000)?.checked_add(millis)?).ok()
        }
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(number).ok(),
        _ => Timestamp::from_nanosecond(i128::from(number)).ok(),
    }
}

/// A hash of a set of labels that does not depend on their order.
pub(super) fn hash_of(labels: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in labels {
        for part in [name, value] {
            hash.update(format!("{}:{part}", part.len()));
        }
    }
    hex::encode(hash.finalize())
}

/// Lines of text, those that are there.
pub(super) fn lines_of<'v>(lines: impl IntoIterator<Item = Option<&'v str>>) -> String {
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The names of several things in one text, `None` for no things.
pub(super) fn listed<'v>(names: impl IntoIterator<Item = &'v str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Each of these once, in their order. Only the first of very many are looked at, because nobody has so many
/// people and comparing all with all takes long.
pub(super) fn once<'v>(names: impl IntoIterator<Item = &'v str>) -> Vec<String> {
    const LOOKED_AT: usize = 100;
    let mut all: Vec<String> = Vec::new();
    for name in names.into_iter().take(LOOKED_AT) {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
}

/// A field that must be there.
pub(super) fn needed<'v>(found: Option<&'v str>, name: &str) -> Result<&'v str, NotUnderstood> {
    found.ok_or_else(|| NotUnderstood::new(format!("`{name}` is missing")))
}

/// A part of a body that is worth nothing if it has another shape, and must not cost the rest.
#[derive(Debug, Clone, Default)]
pub(super) struct Part<T>(pub(super) T);

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Self(T::deserialize(value).unwrap_or_default()))
    }
}

/// A list, without the items that have another shape; what is no list is empty.
#[derive(Debug, Clone)]
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Array(items) = Value::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        Ok(Self(items.into_iter().filter_map(|item| T::deserialize(item).ok()).collect()))
    }
}

/// A leaf of any type, as [`text`].
#[derive(Debug, Clone, Default)]
pub(super) struct Text(pub(super) Option<String>);

impl Text {
    pub(super) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(into_text(value)))
    }
}

/// An object of leaves, as [`text`]; what is no object is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts(pub(super) BTreeMap<String, String>);

impl Texts {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Takes what is not there yet.
    pub(super) fn add(&mut self, more: &BTreeMap<String, String>) {
        for (name, value) in more {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(entries) = Value::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        Ok(Self(entries.into_iter().filter_map(|(name, value)| Some((name, into_text(value)?))).collect()))
    }
}

/// A leaf, or a list of leaves; anything else is nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaves(pub(super) Vec<String>);

impl Leaves {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// All of them with commas between.
    pub(super) fn joined(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(", "))
    }

    /// The parts of a text that was written as a list with commas, as templates make it.
    pub(super) fn separated(&self) -> impl Iterator<Item = &str> {
        self.iter().flat_map(|text| text.split(','))
    }
}

impl From<&Value> for Leaves {
    fn from(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self(items.iter().filter_map(text).collect()),
            leaf => Self(text(leaf).into_iter().collect()),
        }
    }
}

impl<'de> Deserialize<'de> for Leaves {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::from(&value))
    }
}

/// A leaf as [`moment`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment(pub(super) Option<Timestamp>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(moment(&value)))
    }
}
