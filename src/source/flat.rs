//! Bodies without a fixed nesting: read as a flat list of leaves under lower-case dotted names.
//!
//! `{"STATE.TEAMS_PAGED.0": "a"}` and `{"state": {"teams_paged": ["a"]}}` are the same; a form is one level of
//! it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::NotUnderstood;
use super::wire::{read, text};
use crate::signature::form;

/// A name longer than this is none of ours. It bounds the work on bodies that are all names.
const LONGEST_NAME: usize = 200;

/// The leaves of a body by name.
#[derive(Debug, Default)]
pub(super) struct Flat(pub(super) BTreeMap<String, String>);

impl Flat {
    /// From a JSON object.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, NotUnderstood> {
        let value: Value = read(body)?;
        if !value.is_object() {
            return Err(NotUnderstood::new("the body is no JSON object"));
        }
        let mut flat = Self::default();
        flat.add(String::new(), &value);
        Ok(flat)
    }

    /// From a JSON object, or a form if it does not look like one.
    pub(super) fn from_json_or_form(body: &[u8]) -> Result<Self, NotUnderstood> {
        let unmarked = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if unmarked.trim_ascii_start().starts_with(b"{") {
            return Self::from_json(body);
        }
        let pairs = form::pairs(unmarked.trim_ascii())
            .filter(|(name, value)| name.len() <= LONGEST_NAME && !value.trim().is_empty())
            .map(|(name, value)| (name.to_lowercase(), value));
        Ok(Self(pairs.collect()))
    }

    /// How deep this goes is bounded by the JSON reader.
    fn add(&mut self, name: String, value: &Value) {
        let below = |key: &str| {
            let key = key.to_lowercase();
            if name.is_empty() { key } else { format!("{name}.{key}") }
        };
        match value {
            _ if name.len() > LONGEST_NAME => {}
            Value::Object(entries) => entries.iter().for_each(|(key, value)| self.add(below(key), value)),
            Value::Array(items) => {
                for (place, value) in items.iter().enumerate() {
                    self.add(below(&place.to_string()), value);
                }
            }
            leaf => {
                if let Some(text) = text(leaf) {
                    self.0.insert(name, text);
                }
            }
        }
    }

    /// The leaf of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The first of several names that is there.
    pub(super) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The leaves of the list of that name.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let place = |key: &str| -> Option<u32> { key.strip_prefix(name)?.strip_prefix('.')?.parse().ok() };
        let mut found: Vec<(u32, &str)> =
            self.0.iter().filter_map(|(key, value)| Some((place(key)?, value.as_str()))).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_and_nested_bodies_are_the_same() {
        let flat = br#"{"STATE.PAGED.0": "a", "STATE.PAGED.1": "b", "STATE.PAGED.10": "c", "Alert.x": null}"#;
        let nested = br#"{"state": {"paged": ["a", "b"], "PAGED.10": "c"}, "alert": {"x": {}}}"#;
        for body in [&flat[..], nested] {
            let flat = Flat::from_json(body).unwrap();
            assert_eq!(flat.list("state.paged"), ["a", "b", "c"]);
            assert_eq!(flat.any(&["alert.x", "state.paged.1"]), Some("b"));
        }
        let form = Flat::from_json_or_form(b"Host=db%2001&x=+&y=%22%27&Host=db01").unwrap();
        assert_eq!((form.get("host"), form.get("x"), form.get("y")), (Some("db01"), None, Some("\"'")));
    }

    #[test]
    fn long_names_do_not_multiply() {
        let name = "n".repeat(100_000);
        let body = format!(r#"{{"{name}": [{}1]}}"#, "1,".repeat(100_000));
        assert!(Flat::from_json(body.as_bytes()).unwrap().0.is_empty());
    }
}
