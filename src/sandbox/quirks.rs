//! Oddities of providers that last, beside the faults that strike single calls.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Written as half an emoji (a lone surrogate), which is no text that JSON can hold and which people's names and
/// messages hold all the same when they were cut in the middle.
pub const HALF_EMOJI: char = '\u{f8ff}';

/// What is odd about the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The names of groups of other people's in which every number is.
    pub elsewhere: Vec<String>,
    /// The list of groups is kept for 24 h and a new group is missing from it until a refresh.
    pub list_cache: bool,
    /// What a number wrote is listed as somebody else's, under the number's hidden id, and the session does not
    /// tell that id.
    pub disowns: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self { elsewhere: vec!["Family".to_owned()], list_cache: false, disowns: false }
    }
}

/// A body as it goes over the wire.
pub(super) fn wire(body: &Value) -> String {
    body.to_string().replace(HALF_EMOJI, "\\ud83c")
}

/// A list of groups, or a single one, without what tells the groups apart, in whichever shape.
pub(super) fn nameless(mut body: Value) -> Value {
    match &mut body {
        Value::Array(rows) => rows.iter_mut().for_each(forget_name),
        Value::Object(rows) if rows.keys().all(|key| key.contains('@')) => {
            rows.values_mut().for_each(forget_name);
        }
        single => forget_name(single),
    }
    body
}

fn forget_name(row: &mut Value) {
    let Some(fields) = row.as_object_mut() else { return };
    for (name, value) in fields.iter_mut() {
        match name.as_str() {
            "subject" | "name" | "Name" => *value = json!(""),
            "creation" | "timestamp" => *value = Value::Null,
            "GroupCreated" | "NameSetAt" => *value = json!("0001-01-01T00:00:00Z"),
            "groupMetadata" => forget_name(value),
            _ => {}
        }
    }
}
