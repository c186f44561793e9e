//! Where to look in anybody's JSON: paths written in the config.
//!
//! `check.url` and the JSON pointer `/check/url` (RFC 6901) mean the same. A key that itself contains dots
//! (`host.name`) is tried as it stands first, a number is also a place in a list, and a text that holds JSON is
//! entered like the JSON it holds, because several tools send it so.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::alert::AlertState;
use crate::json;

/// More steps than this are a mistake; it bounds the ways in which dots can be read.
const MOST_STEPS: usize = 12;

/// One place in a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<String>,
    is_dotted: bool,
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPath {
    /// There is nothing.
    #[error("a path is empty: write `check.url` or `/check/url`")]
    Empty,
    /// Two dots in a row, or one at an end.
    #[error("a path has an empty step")]
    EmptyStep,
    /// Too deep.
    #[error("a path has more than {MOST_STEPS} steps")]
    TooLong,
}

impl FromStr for Path {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let text = text.trim();
        let (is_dotted, steps): (bool, Vec<String>) = match text.strip_prefix('/') {
            Some(pointer) => {
                let unescape = |step: &str| step.replace("~1", "/").replace("~0", "~");
                (false, pointer.split('/').map(unescape).collect())
            }
            None => (true, text.split('.').map(ToOwned::to_owned).collect()),
        };
        if text.is_empty() {
            Err(NotAPath::Empty)
        } else if steps.iter().any(String::is_empty) {
            Err(NotAPath::EmptyStep)
        } else if steps.len() > MOST_STEPS {
            Err(NotAPath::TooLong)
        } else {
            Ok(Self { text: text.to_owned(), steps, is_dotted })
        }
    }
}

/// As it was written.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// What is there. Null is nothing.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Option<Cow<'v, Value>> {
        self.descend(document, &self.steps).filter(|found| !found.is_null())
    }

    fn descend<'v>(&self, value: &'v Value, steps: &[String]) -> Option<Cow<'v, Value>> {
        let Some(step) = steps.first() else {
            return Some(Cow::Borrowed(value));
        };
        match value {
            Value::Object(entries) => {
                let most = if self.is_dotted { steps.len() } else { 1 };
                (1..=most).rev().find_map(|taken| {
                    let (key, rest) = steps.split_at_checked(taken)?;
                    self.descend(entries.get(&key.join("."))?, rest)
                })
            }
            Value::Array(items) => self.descend(items.get(step.parse::<usize>().ok()?)?, steps.get(1..)?),
            Value::String(text) => {
                let inner = json_within(text)?;
                let found = self.descend(&inner, steps)?;
                Some(Cow::Owned(found.into_owned()))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

/// The object or list that a text holds.
pub(super) fn json_within(text: &str) -> Option<Value> {
    let text = text.trim_start();
    if text.starts_with(['{', '[']) { json::value(text.as_bytes()).ok() } else { None }
}

/// Where a tool says whether it is broken, and in which words. Compared without regard to case; a number or
/// `true` counts as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateField {
    /// Where it is.
    pub path: Path,
    /// Broken.
    pub firing: Vec<String>,
    /// Broken, and somebody is on it.
    pub acknowledged: Vec<String>,
    /// Over.
    pub resolved: Vec<String>,
    /// What anything else, or nothing at all, means. Without it such an item is not understood: a state is
    /// never guessed.
    pub otherwise: Option<AlertState>,
}

/// How to read a body that is not our own JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPaths {
    /// The list of items. Without it the body is one item, or a list of them. All other paths start at the
    /// item.
    pub each: Option<Path>,
    /// What stays the same from beginning to end of one incident.
    pub key: Path,
    /// Which condition it is, if several share a key.
    pub condition: Option<Path>,
    /// Firing, acknowledged or resolved.
    pub state: StateField,
    /// The text that means a severity.
    pub severity: Option<Path>,
    /// One line: what broke. The key stands in if there is none.
    pub title: Option<Path>,
    /// A few lines more.
    pub description: Option<Path>,
    /// Where to look.
    pub url: Option<Path>,
    /// Since when.
    pub started_at: Option<Path>,
    /// Labels for the roster's matchers, by name.
    pub labels: BTreeMap<String, Path>,
    /// Where the tool says that its test button was pressed (`true`, `1` or `yes`).
    pub test: Option<Path>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn find(path: &str, document: &Value) -> Option<Value> {
        path.parse::<Path>().unwrap().find(document).map(Cow::into_owned)
    }

    #[test]
    fn dotted_paths_and_pointers_find_the_same() {
        let document = json!({ "check": { "url": "u", "tags": ["a", { "b": 7 }] } });
        for (dotted, pointer, found) in [
            ("check.url", "/check/url", json!("u")),
            ("check.tags.0", "/check/tags/0", json!("a")),
            ("check.tags.1.b", "/check/tags/1/b", json!(7)),
        ] {
            assert_eq!(find(dotted, &document), Some(found.clone()));
            assert_eq!(find(pointer, &document), Some(found));
        }
        for absent in ["check.nothing", "check.tags.2", "check.tags.-1", "check.url.x", "/check.url"] {
            assert_eq!(find(absent, &document), None, "{absent}");
        }
    }

    #[test]
    fn a_key_with_dots_is_tried_as_it_stands_first() {
        let document = json!({ "host.name": "flat", "host": { "name": "deep", "os.type": "linux" } });
        assert_eq!(find("host.name", &document), Some(json!("flat")));
        assert_eq!(find("/host/name", &document), Some(json!("deep")));
        assert_eq!(find("host.os.type", &document), Some(json!("linux")));
    }

    #[test]
    fn a_reading_of_the_dots_that_leads_nowhere_is_given_up() {
        let document = json!({ "a.b": { "x": 1 }, "a": { "b": { "c": 2 } } });
        assert_eq!(find("a.b.c", &document), Some(json!(2)));
    }

    #[test]
    fn json_inside_a_text_is_entered() {
        let document = json!({ "Message": "{\"alarm\": \"[{\\\"name\\\": \\\"cpu\\\"}]\"}" });
        assert_eq!(find("Message.alarm.0.name", &document), Some(json!("cpu")));
        assert_eq!(find("Message.alarm.x", &json!({ "Message": "{broken" })), None);
    }

    #[test]
    fn pointers_may_escape_slashes_and_tildes() {
        assert_eq!(find("/a~1b/c~0d", &json!({ "a/b": { "c~d": 1 } })), Some(json!(1)));
    }

    #[test]
    fn null_is_nothing() {
        assert_eq!(find("a", &json!({ "a": null })), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("", NotAPath::Empty),
            ("  ", NotAPath::Empty),
            ("a..b", NotAPath::EmptyStep),
            ("a.", NotAPath::EmptyStep),
            ("/", NotAPath::EmptyStep),
            ("a.b.c.d.e.f.g.h.i.j.k.l.m", NotAPath::TooLong),
        ] {
            assert_eq!(text.parse::<Path>(), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_path_into_any_document_is_judged(path in "[a-c./~0-1]{0,20}", text in "[\\[\\]{}a-c\",:0-1]{0,40}") {
            let document = serde_json::from_str(&text).unwrap_or(Value::String(text));
            if let Ok(path) = path.parse::<Path>() {
                let _ = path.find(&document);
            }
        }
    }
}
