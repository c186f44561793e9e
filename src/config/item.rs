//! One value with its path: read as what it should be, or a finding that says what was expected. A map is a
//! [`Section`] while it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use crate::clock::SignedDuration;
use crate::config::keys::{Form, Key, Map, RENAMED};
use crate::config::load_context::{self, LoadContext, cover};
use crate::config::quantity;
use crate::config::source_text::Cover;
use crate::config::words::{join, one_of, shortened};
use crate::config::yaml::{Entry, Node, Value};
use crate::matcher::Matcher;

/// One value and what it is called.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) context: &'a LoadContext<'a>,
    /// As in `gateway.instances[0].id`.
    pub(super) path: String,
    /// Of its key, or of itself in a list.
    pub(super) key_span: Range<usize>,
    pub(super) node: &'a Node,
}

impl<'a> Item<'a> {
    /// The value of an entry of the map at `parent`.
    pub(super) fn of(context: &'a LoadContext<'a>, parent: &str, entry: &'a Entry) -> Self {
        Self { context, path: join(parent, &entry.key), key_span: entry.key_span.clone(), node: &entry.value }
    }

    /// Where to point: at a scalar itself, at the key of anything larger.
    pub(super) fn span(&self) -> Range<usize> {
        match &self.node.value {
            Value::List(_) | Value::Map(_) | Value::Null => self.key_span.clone(),
            _ if self.node.span.is_empty() => self.key_span.clone(),
            _ => self.node.span.clone(),
        }
    }

    fn called(&self) -> String {
        if self.path.is_empty() { "this file".to_owned() } else { format!("`{}`", self.path) }
    }

    pub(super) fn error_with(&self, message: impl Display, hint: impl Into<String>) {
        self.context.error_with(self.span(), format!("{} {message}", self.called()), hint);
    }

    pub(super) fn warning(&self, message: impl Display, hint: impl Into<String>) {
        self.context.warning(self.span(), format!("`{}` {message}", self.path), hint);
    }

    fn wrong_kind(&self, expected: &str) {
        let found = match &self.node.value {
            Value::Null => {
                self.error_with("has no value", format!("expected {expected}"));
                return;
            }
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let hint = match (expected, &self.node.value) {
            ("a map", _) => "write `key: value`, each on a line of its own below, indented",
            ("a list", _) => "write `[ one, two ]`, or each on a line of its own after `- `",
            (_, Value::List(_)) => "write one value, without brackets and without `- `",
            (_, Value::Map(_)) => "write one value; a text with a colon or brackets in it stands in quotes",
            _ => "see the example files in `config`",
        };
        self.error_with(format!("must be {expected}, not {found}"), hint);
    }

    /// The spelling of a scalar; a list, a map or nothing is a finding.
    pub(super) fn scalar(&self, expected: &str) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong_kind(expected);
                None
            }
        }
    }

    /// A text that is not empty, without white space around it.
    pub(super) fn text(&self) -> Option<&'a str> {
        let text = self.scalar("a text")?.trim();
        if text.is_empty() {
            self.error_with("is empty", "write a text, or remove it");
            return None;
        }
        Some(text)
    }

    /// A text on one line that people will read.
    pub(super) fn line(&self) -> Option<&'a str> {
        let text = self.text()?;
        if text.chars().any(char::is_control) {
            self.error_with(
                "must be one line without control characters",
                "write it on one line, without tabs",
            );
            return None;
        }
        Some(text)
    }

    /// Something that reads itself from text.
    pub(super) fn parsed<T: FromStr>(&self, expected: &str, hint: &str) -> Option<T> {
        let text = self.scalar(expected)?.trim();
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.error_with(format!("must be {expected}, not `{}`", shortened(text)), hint);
        }
        parsed
    }

    pub(super) fn truth(&self) -> Option<bool> {
        if let Value::Bool(value) = &self.node.value {
            return Some(*value);
        }
        let text = self.scalar("true or false")?;
        let hint = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => "write true",
            "no" | "off" | "n" => "write false",
            _ => "write true or false, without quotes",
        };
        self.error_with(format!("must be true or false, not `{}`", shortened(text)), hint);
        None
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, least: u32, most: u32) -> Option<u32> {
        let expected = format!("a whole number from {least} to {most}");
        let number: u32 = self.parsed(&expected, "write digits alone, without a sign and without a unit")?;
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let hint = if number < least {
            format!("the smallest is {least}")
        } else {
            format!("the largest is {most}")
        };
        self.error_with(format!("must be {expected}, not {number}"), hint);
        None
    }

    /// A length of time within bounds.
    pub(super) fn duration(&self, least: &str, most: &str) -> Option<SignedDuration> {
        let text = self.scalar("a length of time such as `30s`, `5m` or `1h30m`")?;
        let length = match quantity::duration(text) {
            Ok(length) => length,
            Err(hint) => {
                self.error_with(format!("is not a length of time: `{}`", shortened(text)), hint);
                return None;
            }
        };
        let (shortest, longest) = (declared(least), declared(most));
        let (least, most) = (quantity::show(shortest), quantity::show(longest));
        let hint = if length < shortest {
            format!("the shortest is {least}")
        } else if length > longest {
            format!("the longest is {most}")
        } else {
            return Some(length);
        };
        self.error_with(format!("must be from {least} to {most}, not `{text}`"), hint);
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let text = self.scalar(&one_of(&words))?.trim();
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("must be {}, not `{}`", one_of(&words), shortened(text));
        match self.context.closest(text, &words) {
            Some(word) => self.error_with(message, format!("did you mean `{word}`?")),
            None => self.error_with(message, "write one of these words"),
        }
        None
    }

    /// The members of a list; a single value counts as a list of one where `lone` allows it.
    pub(super) fn list(&self, lone: bool) -> Vec<Item<'a>> {
        match &self.node.value {
            Value::List(items) => items
                .iter()
                .zip(self.numbers(items))
                .map(|(node, n)| Item {
                    context: self.context,
                    path: format!("{}[{n}]", self.path),
                    key_span: match &node.value {
                        _ if !node.span.is_empty() => node.span.clone(),
                        // A block map has no mark of its own; its first key is where it begins.
                        Value::Map(entries) => {
                            entries.first().map_or_else(|| self.key_span.clone(), |e| e.key_span.clone())
                        }
                        _ => self.key_span.clone(),
                    },
                    node,
                })
                .collect(),
            Value::Null => {
                self.wrong_kind("a list");
                Vec::new()
            }
            _ if lone => vec![self.clone()],
            _ => {
                self.wrong_kind("a list");
                Vec::new()
            }
        }
    }

    /// What the members of a list are called; those of several files are counted in each of them.
    fn numbers(&self, items: &[Node]) -> Vec<usize> {
        let mut first = (0, None);
        let number = |(n, node): (usize, &Node)| {
            let file = Some(self.context.source.file(node.span.start));
            if file != first.1 {
                first = (n, file);
            }
            n - first.0
        };
        items.iter().enumerate().map(number).collect()
    }

    /// Label matchers in Alertmanager's syntax; one alone needs no list.
    pub(super) fn matchers(&self) -> Vec<Matcher> {
        self.list(true)
            .iter()
            .filter_map(|item| {
                let text = item.text()?;
                Matcher::parse(text)
                    .map_err(|e| {
                        item.error_with(format!("is not a matcher: {}", e.why), e.hint);
                    })
                    .ok()
            })
            .collect()
    }

    /// The value as a map with these keys, read by `read`.
    pub(super) fn section<T>(&self, map: &'static Map, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let (entries, sound): (&'a [Entry], bool) = match &self.node.value {
            Value::Map(entries) => (entries, true),
            Value::Null => (&[], true),
            _ => {
                self.wrong_kind("a map");
                (&[], false)
            }
        };
        let section = Section {
            context: self.context,
            path: self.path.clone(),
            span: self.key_span.clone(),
            map,
            entries,
            sound,
        };
        section.refuse_unknown();
        read(&section)
    }

    /// All entries of a map whose keys are names of the user's own choice.
    pub(super) fn named(&self) -> Vec<(&'a str, Item<'a>)> {
        let Value::Map(entries) = &self.node.value else {
            self.wrong_kind("a map");
            return Vec::new();
        };
        refuse_repeats(self.context, &self.path, entries);
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut named = Vec::new();
        for entry in entries {
            if seen.insert(&entry.key) {
                named.push((entry.key.as_str(), Item::of(self.context, &self.path, entry)));
            }
        }
        named
    }

    /// What stands under `key`, for looking at once more what a section has read.
    pub(super) fn entry(&self, key: &str) -> Option<Item<'a>> {
        let Value::Map(entries) = &self.node.value else { return None };
        entries.iter().find(|e| e.key == key).map(|entry| Self::of(self.context, &self.path, entry))
    }

    /// The members of a list or a single value, as [`Item::list`], but nothing is found fault with.
    pub(super) fn members(&self) -> Vec<Item<'a>> {
        if matches!(self.node.value, Value::Null) { Vec::new() } else { self.list(true) }
    }

    /// Says so if this is no map.
    pub(super) fn expect_map(&self) {
        if !self.is_map() {
            self.wrong_kind("a map");
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// Covers everything written here, because it is or may be a secret.
    pub(super) fn cover(&self, how: Cover) {
        load_context::cover(self.context.source, self.node, how);
    }
}

/// A map while it is read.
pub(super) struct Section<'a> {
    pub(super) context: &'a LoadContext<'a>,
    pub(super) path: String,
    /// Of its key.
    pub(super) span: Range<usize>,
    map: &'static Map,
    entries: &'a [Entry],
    sound: bool,
}

impl<'a> Section<'a> {
    /// The value under `name`. Of a repeated key it is the first.
    pub(super) fn get(&self, name: &str) -> Option<Item<'a>> {
        debug_assert!(self.map.key(name).is_some(), "`{name}` is no key of `{}`", self.map.title);
        let entry = self.entries.iter().find(|e| e.key == name)?;
        Some(Item::of(self.context, &self.path, entry))
    }

    /// The same, but its absence is a finding.
    pub(super) fn need(&self, name: &str) -> Option<Item<'a>> {
        let found = self.get(name);
        if found.is_none() && self.sound {
            let message = if self.path.is_empty() {
                format!("`{name}` is missing")
            } else {
                format!("`{}` needs `{name}`", self.path)
            };
            let example = self.map.key(name).and_then(Key::example).unwrap_or_default();
            self.context.error_with(self.span.clone(), message, format!("add `{name}: {example}`"));
        }
        found
    }

    /// The map under `name`, read by `read`, or one without any key.
    pub(super) fn section<T>(
        &self,
        name: &str,
        map: &'static Map,
        read: impl FnOnce(&Section<'a>) -> T,
    ) -> T {
        if let Some(item) = self.get(name) {
            return item.section(map, read);
        }
        let (path, span) = (join(&self.path, name), self.span.clone());
        read(&Section { context: self.context, path, span, map, entries: &[], sound: true })
    }

    /// Whether this was a map at all; if not, that is already a finding.
    pub(super) fn is_sound(&self) -> bool {
        self.sound
    }

    /// The text under `name`.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.text()
    }

    /// `true` or `false`.
    pub(super) fn truth(&self, name: &str) -> bool {
        self.get(name).and_then(|i| i.truth()).unwrap_or(self.usual(name) == "true")
    }

    /// The number, if one is written.
    pub(super) fn written_number(&self, name: &str) -> Option<u32> {
        let Form::Number(least, most) = self.map.key(name)?.form else { return None };
        self.get(name)?.number(least, most)
    }

    pub(super) fn number(&self, name: &str) -> u32 {
        self.written_number(name).unwrap_or_else(|| self.usual(name).parse().unwrap_or_default())
    }

    /// The length of time, if one is written.
    pub(super) fn written_duration(&self, name: &str) -> Option<SignedDuration> {
        let Form::Duration(least, most) = self.map.key(name)?.form else { return None };
        self.get(name)?.duration(least, most)
    }

    pub(super) fn duration(&self, name: &str) -> SignedDuration {
        self.written_duration(name).unwrap_or_else(|| declared(self.usual(name)))
    }

    /// What the word under `name` means; `values` are in the order of the words.
    pub(super) fn choice<T: Copy>(&self, name: &str, values: &[T]) -> Option<T> {
        let key = self.map.key(name)?;
        let Form::Word(words) = key.form else { return None };
        let choices: Vec<(&str, T)> = words().into_iter().zip(values.iter().copied()).collect();
        let usual = || choices.iter().find(|(word, _)| Some(*word) == key.usual).map(|(_, value)| *value);
        self.get(name).and_then(|item| item.choice(&choices)).or_else(usual)
    }

    /// What is declared to count if the key is absent.
    pub(super) fn usual(&self, name: &str) -> &'static str {
        self.map.key(name).and_then(|key| key.usual).unwrap_or_default()
    }

    /// Notes repeated and unknown keys.
    fn refuse_unknown(&self) {
        refuse_repeats(self.context, &self.path, self.entries);
        let known: Vec<&str> = self.map.keys().map(|key| key.name).collect();
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
            let hint = match (meant, renamed) {
                (Some(key), Some(_)) => format!("it is called `{key}`"),
                (Some(key), None) => format!("did you mean `{key}`?"),
                (None, _) => format!("expected {}", one_of(&known)),
            };
            self.context.error_with(entry.key_span.clone(), message, hint);
        }
    }
}

/// A length of time that is declared, not written by a user.
fn declared(text: &str) -> SignedDuration {
    quantity::duration(text).unwrap_or_default()
}

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
