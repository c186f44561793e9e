//! A body as it came, read as far as it can be.
//!
//! The engines behind Wawp answer JSON, bare words, quoted words, `true`, nothing at all, and the proxies
//! before it answer HTML; content types do not tell them apart. Actors: [`Reply`]; the small functions
//! that look for a value in one of several places.

use serde_json::Value;

use crate::jid::Jid;
use crate::json;

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// Nothing, or JSON's `null`.
    Empty,
    /// An object, an array, a boolean or a number.
    Json(Value),
    /// Bare or quoted words.
    Text(String),
    /// HTML or XML: something before the API answered.
    Html,
    /// The beginning of JSON.
    InvalidJson,
}

/// Members under which one service or another wraps what it passes on.
const WRAPPERS: [&str; 4] = ["data", "result", "response", "group"];

impl Reply {
    pub(super) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        Self::of_text(text.trim_start_matches('\u{feff}').trim(), 0)
    }

    fn of_text(text: &str, quoted: u8) -> Self {
        if text.is_empty() {
            return Self::Empty;
        }
        // Only what looks like JSON is read as what it was meant to be: bare words are an answer of their own.
        let is_json = text.starts_with(['{', '[', '"']);
        let leniently = |_| json::value(text.as_bytes()).ok().filter(|_| is_json).ok_or(());
        match serde_json::from_str::<Value>(text).or_else(leniently) {
            Ok(Value::Null) => Self::Empty,
            // Some services wrap a whole answer into a string once more.
            Ok(Value::String(inner)) if quoted < 2 => Self::of_text(inner.trim(), quoted + 1),
            Ok(Value::String(inner)) => Self::Text(inner),
            Ok(value) => Self::Json(value),
            Err(()) if text.starts_with('<') => Self::Html,
            Err(()) if is_json => Self::InvalidJson,
            Err(()) => Self::Text(text.to_owned()),
        }
    }

    /// The JSON value, if it is one.
    pub(super) fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            _ => None,
        }
    }

    /// The object and what it wraps, outermost first; empty if it is no object.
    pub(super) fn layers(&self) -> Vec<&Value> {
        let Some(value) = self.json() else {
            return Vec::new();
        };
        let mut layers = vec![value];
        layers.extend(WRAPPERS.iter().filter_map(|name| value.get(name)));
        layers
    }

    /// The rows of a list, with the key of each where the list is an object: by id, by number, or under
    /// one of `names`.
    pub(super) fn rows(&self, names: &[&str]) -> Option<Vec<(Option<&str>, &Value)>> {
        rows_of(self.json()?, names, 0)
    }
}

fn rows_of<'a>(value: &'a Value, names: &[&str], depth: u8) -> Option<Vec<(Option<&'a str>, &'a Value)>> {
    match value {
        Value::Array(rows) => Some(rows.iter().map(|row| (None, row)).collect()),
        Value::Object(members) => {
            if members.keys().all(|key| is_row_key(key)) {
                return Some(members.iter().map(|(key, row)| (Some(key.as_str()), row)).collect());
            }
            let inside = |name: &&str| members.get(*name).filter(|v| v.is_array() || v.is_object());
            let inner = names.iter().chain(WRAPPERS.iter()).find_map(inside)?;
            (depth < 2).then(|| rows_of(inner, names, depth + 1)).flatten()
        }
        _ => None,
    }
}

/// Ids and numbers are keys of rows; words are names of members.
fn is_row_key(key: &str) -> bool {
    key.contains('@') || (!key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()))
}

/// The text at the first of `paths` (members separated by `.`) that holds a non-empty one.
pub(super) fn text_at<'a>(value: &'a Value, paths: &[&str]) -> Option<&'a str> {
    paths.iter().filter_map(|path| at(value, path)?.as_str()).map(str::trim).find(|text| !text.is_empty())
}

/// The value at a path of members separated by `.`.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

/// A number, also when written as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A status code, also when written as text.
pub(super) fn status_code(value: &Value) -> Option<u16> {
    let number = number(value)?;
    let fits = number.fract() == 0.0 && (0.0..=999.0).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 0 and 999"
    )]
    fits.then_some(number as u16)
}

/// A flag at the first of `paths` that holds one.
pub(super) fn flag_at(value: &Value, paths: &[&str]) -> Option<bool> {
    paths.iter().find_map(|path| at(value, path)?.as_bool())
}

/// An id: a text, or whatsapp-web.js's object with `_serialized` or with `user` and `server`.
pub(super) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Object(_) => text_at(value, &["_serialized"]).map(str::to_owned).or_else(|| {
            let user = text_at(value, &["user"])?;
            let server = text_at(value, &["server"])?;
            Some(format!("{user}@{server}"))
        }),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

/// The first of `paths` that holds a person's id of the wanted kind.
pub(super) fn person_at(value: &Value, paths: &[&str], hidden: bool) -> Option<Jid> {
    paths
        .iter()
        .filter_map(|path| id_text(at(value, path)?)?.parse::<Jid>().ok())
        .find(|jid| jid.is_hidden() == hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn bodies_are_told_apart_without_a_content_type() {
        let read = |text: &str| Reply::read(text.as_bytes());
        assert_eq!(read(" \r\n"), Reply::Empty);
        assert_eq!(read("null"), Reply::Empty);
        assert_eq!(read("true"), Reply::Json(json!(true)));
        assert_eq!(read("\"false\""), Reply::Json(json!(false)));
        assert_eq!(read("\u{feff}{\"a\":1}"), Reply::Json(json!({"a": 1})));
        assert_eq!(read("\"{\\\"a\\\":1}\""), Reply::Json(json!({"a": 1})));
        assert_eq!(read("AbCd"), Reply::Text("AbCd".to_owned()));
        assert_eq!(read("\"AbCd\""), Reply::Text("AbCd".to_owned()));
        assert_eq!(read("<!doctype html>"), Reply::Html);
        assert_eq!(read("{\"a\":"), Reply::InvalidJson);
        let half = read(r#"[{"name":"kids \ud83c"}, {"n":1}]"#);
        assert_eq!(half, Reply::Json(json!([{"name": "kids \u{fffd}"}, {"n": 1}])), "half an emoji");
        assert_eq!(Reply::read(&[0xff, 0xfe, 0x00]), Reply::Text("\u{fffd}\u{fffd}\u{0}".to_owned()));
    }

    #[test]
    fn lists_come_as_arrays_and_as_maps() {
        for list in [
            json!([{"n": 1}, {"n": 2}]),
            json!({"0": {"n": 1}, "1": {"n": 2}}),
            json!({"1@g.us": {"n": 1}, "2@g.us": {"n": 2}}),
            json!({"participants": [{"n": 1}, {"n": 2}]}),
            json!({"success": true, "data": {"participants": [{"n": 1}, {"n": 2}]}}),
        ] {
            let reply = Reply::Json(list);
            let rows = reply.rows(&["participants"]).unwrap();
            let numbers: Vec<_> = rows.iter().map(|(_, row)| row["n"].as_i64()).collect();
            assert_eq!(numbers, [Some(1), Some(2)]);
        }
        assert_eq!(Reply::Json(json!({})).rows(&[]), Some(vec![]));
        assert_eq!(Reply::Json(json!({"code": "x", "message": "y"})).rows(&["groups"]), None);
        assert_eq!(Reply::Json(json!(7)).rows(&[]), None);
    }

    proptest! {
        #[test]
        fn any_body_is_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let reply = Reply::read(&body);
            let _ = reply.rows(&["participants"]);
            let _ = reply.layers();
        }
    }
}
