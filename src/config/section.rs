//! A map while it is read: its known keys are those that were asked for, and what is left over when it is
//! done is unknown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use crate::clock::SignedDuration;
use crate::config::item::Item;
use crate::config::load_context::{LoadContext, cover};
use crate::config::source_text::Cover;
use crate::config::words::{join, one_of};
use crate::config::yaml::{Entry, Value};

/// A map while it is read.
pub(super) struct Section<'a> {
    pub(super) context: &'a LoadContext<'a>,
    pub(super) path: String,
    /// Of its key.
    pub(super) span: Range<usize>,
    entries: &'a [Entry],
    sound: bool,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The map that `item` is, with these entries; `sound` unless it is no map at all.
    pub(super) fn new(item: &Item<'a>, entries: &'a [Entry], sound: bool) -> Self {
        Self {
            context: item.context,
            path: item.path.clone(),
            span: item.key_span.clone(),
            entries,
            sound,
            asked: RefCell::new(Vec::new()),
        }
    }

    /// The value under `key`, which is thereby a known key. Of a repeated key it is the first.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        self.asked.borrow_mut().push(key);
        let entry = self.entries.iter().find(|e| e.key == key)?;
        Some(Item::of(self.context, &self.path, entry))
    }

    /// The same, but its absence is a finding.
    pub(super) fn need(&self, key: &'static str, hint: &str) -> Option<Item<'a>> {
        let found = self.get(key);
        if found.is_none() && self.sound {
            let message = if self.path.is_empty() {
                format!("`{key}` is missing")
            } else {
                format!("`{}` needs `{key}`", self.path)
            };
            self.context.error_with(self.span.clone(), message, hint);
        }
        found
    }

    /// Whether this was a map at all; if not, that is already a finding.
    pub(super) fn is_sound(&self) -> bool {
        self.sound
    }

    /// The text under `key`.
    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// `true` or `false` under `key`, or the default.
    pub(super) fn truth(&self, key: &'static str, default: bool) -> bool {
        self.get(key).and_then(|i| i.truth()).unwrap_or(default)
    }

    /// The number under `key`, or the default.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        self.get(key).and_then(|i| i.number(range)).unwrap_or(default)
    }

    /// The length of time under `key`, or the default.
    pub(super) fn duration(
        &self,
        key: &'static str,
        range: RangeInclusive<SignedDuration>,
        default: SignedDuration,
    ) -> SignedDuration {
        self.get(key).and_then(|i| i.duration(range)).unwrap_or(default)
    }

    /// Notes repeated and unknown keys. Called once, after everything known was asked for.
    pub(super) fn finish(&self) {
        refuse_repeats(self.context, &self.path, self.entries);
        let known = self.asked.borrow();
        for entry in self.entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            // A misspelt `access_token` still has the token behind it.
            cover(self.context.source, &entry.value, Cover::Secret);
            let renamed = RENAMED.iter().find(|(old, new)| *old == entry.key && known.contains(new));
            let meant = renamed.map(|(_, new)| *new).or_else(|| self.context.closest(&entry.key, &known));
            let mut key = " ".to_owned();
            if meant.is_some() || is_word(entry) {
                key = format!(" `{}` ", entry.key);
            } else {
                // `{ abc }` has the key `abc`, which may have been meant as a value, even as a secret.
                self.context.source.cover(entry.key_span.clone(), Cover::Secret);
            }
            let message = if self.path.is_empty() {
                format!("unknown key{key}").trim_end().to_owned()
            } else {
                format!("unknown key{key}in `{}`", self.path)
            };
            let hint = match meant {
                Some(key) => format!("did you mean `{key}`?"),
                None if known.is_empty() => "no keys are expected here".to_owned(),
                None => format!("expected {}", one_of(&known)),
            };
            self.context.error_with(entry.key_span.clone(), message, hint);
        }
    }
}

/// What keys were called before, with the names of today, which resemble them too little to be guessed.
const RENAMED: [(&str, &str); 6] = [
    ("second_way", "fallback_webhook"),
    ("strangers", "not_opted_in"),
    ("fold", "share_when_over_budget"),
    ("introduced", "opted_in"),
    ("introduce_gap", "ask_gap"),
    ("introduction", "opt_in_request"),
];

/// Whether this is a key by the looks of it: a plain word with a value.
fn is_word(entry: &Entry) -> bool {
    let plain = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '-';
    entry.key.len() <= 24 && entry.key.chars().all(plain) && !matches!(entry.value.value, Value::Null)
}

/// Notes keys that are given twice; the first one counts.
pub(super) fn refuse_repeats(context: &LoadContext<'_>, path: &str, entries: &[Entry]) {
    let mut seen: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        if let Some(first) = seen.get(entry.key.as_str()) {
            let place = context.elsewhere(&first.key_span, &entry.key_span);
            // The value of the second one is nowhere read, so nobody knows whether it is a secret.
            cover(context.source, &entry.value, Cover::Secret);
            context.error_with(
                entry.key_span.clone(),
                format!("`{}` is given twice", join(path, &entry.key)),
                format!("it already stands in {place}; remove one of them"),
            );
        } else {
            seen.insert(&entry.key, entry);
        }
    }
}
