//! Reads a YAML tree by hand, noting every problem and going on.
//!
//! A [`Desk`] is one file being read. A [`Section`] is a map whose known keys are those that were asked
//! for; what is left over when it is done is unknown. An [`Item`] is one value with its path.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::str::FromStr;

use crate::clock::SignedDuration;
use crate::config::Strictness;
use crate::config::finding::{Finding, Level};
use crate::config::quantity;
use crate::config::source_text::{Cover, SourceText, without_numbers};
use crate::config::yaml::{self, Entry, Node, Value};
use crate::matcher::Matcher;

/// One file on the desk, with everything that reading it may need.
pub(super) struct Desk<'a> {
    pub(super) source: &'a SourceText,
    /// What relative paths in the file are relative to.
    pub(super) folder: &'a Path,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) strictness: Strictness,
    findings: RefCell<Vec<Finding>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        source: &'a SourceText,
        folder: &'a Path,
        env: &'a dyn Fn(&str) -> Option<String>,
        strictness: Strictness,
    ) -> Self {
        Self {
            source,
            folder,
            env,
            strictness,
            findings: RefCell::new(Vec::new()),
        }
    }

    /// Parses the file; a file that is not well-formed is one finding.
    pub(super) fn parse(&self) -> Option<Node> {
        match yaml::parse(self.source.text()) {
            Ok(node) => {
                know(self.source, &node);
                Some(node)
            }
            Err(e) => {
                let message = format!("this is not well-formed YAML: {}", e.why);
                match e.at {
                    Some(at) => self.error(at..at, message),
                    None => self.whole_file(Level::Error, message, None),
                }
                None
            }
        }
    }

    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) {
        self.note(Level::Error, span, message.into(), None);
    }

    pub(super) fn error_with(&self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Level::Error, span, message.into(), Some(hint.into()));
    }

    pub(super) fn warning(&self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Level::Warning, span, message.into(), Some(hint.into()));
    }

    pub(super) fn note(&self, severity: Level, span: Range<usize>, message: String, hint: Option<String>) {
        let (line, column) = self.source.position(span.start);
        self.findings.borrow_mut().push(Finding {
            severity,
            file: self.source.name().to_owned(),
            line,
            column,
            span,
            message: without_numbers(&message),
            hint,
            excerpt: None,
        });
    }

    /// A problem of the file as a whole.
    pub(super) fn whole_file(&self, severity: Level, message: String, hint: Option<String>) {
        self.findings.borrow_mut().push(Finding {
            severity,
            file: self.source.name().to_owned(),
            line: 0,
            column: 0,
            span: 0..0,
            message,
            hint,
            excerpt: None,
        });
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        let findings = self.findings.borrow();
        findings.iter().filter(|f| f.severity == Level::Error).count()
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }
}

/// One value and what it is called.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) desk: &'a Desk<'a>,
    /// As in `gateway.instances[0].id`.
    pub(super) path: String,
    /// Of its key, or of itself in a list.
    pub(super) key_span: Range<usize>,
    pub(super) node: &'a Node,
}

impl<'a> Item<'a> {
    /// Where to point: at a scalar itself, at the key of anything larger.
    pub(super) fn span(&self) -> Range<usize> {
        match &self.node.value {
            Value::List(_) | Value::Map(_) | Value::Null => self.key_span.clone(),
            _ if self.node.span.is_empty() => self.key_span.clone(),
            _ => self.node.span.clone(),
        }
    }

    fn called(&self) -> String {
        if self.path.is_empty() {
            "this file".to_owned()
        } else {
            format!("`{}`", self.path)
        }
    }

    pub(super) fn error(&self, message: impl Display) {
        self.desk
            .error(self.span(), format!("{} {message}", self.called()));
    }

    pub(super) fn error_with(&self, message: impl Display, hint: impl Into<String>) {
        self.desk
            .error_with(self.span(), format!("{} {message}", self.called()), hint);
    }

    pub(super) fn warning(&self, message: impl Display, hint: impl Into<String>) {
        self.desk
            .warning(self.span(), format!("`{}` {message}", self.path), hint);
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
        self.error(format!("must be {expected}, not {found}"));
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
            self.error("is empty");
            return None;
        }
        Some(text)
    }

    /// A text on one line that people will read.
    pub(super) fn line(&self) -> Option<&'a str> {
        let text = self.text()?;
        if text.chars().any(char::is_control) {
            self.error("must be one line without control characters");
            return None;
        }
        Some(text)
    }

    /// Something that reads itself from text.
    pub(super) fn parsed<T: FromStr>(&self, expected: &str) -> Option<T> {
        let text = self.scalar(expected)?.trim();
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.error(format!("must be {expected}, not `{}`", shortened(text)));
        }
        parsed
    }

    pub(super) fn truth(&self) -> Option<bool> {
        if let Value::Bool(value) = &self.node.value {
            return Some(*value);
        }
        let text = self.scalar("true or false")?;
        let hint = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Some("write true"),
            "no" | "off" | "n" => Some("write false"),
            _ => None,
        };
        let message = format!("must be true or false, not `{}`", shortened(text));
        match hint {
            Some(hint) => self.error_with(message, hint),
            None => self.error(message),
        }
        None
    }

    /// A whole number within a range.
    pub(super) fn number(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let number: u32 = self.parsed(&expected)?;
        if range.contains(&number) {
            return Some(number);
        }
        self.error(format!("must be {expected}, not {number}"));
        None
    }

    /// A length of time within a range.
    pub(super) fn duration(&self, range: RangeInclusive<SignedDuration>) -> Option<SignedDuration> {
        let text = self.scalar("a length of time such as `30s`, `5m` or `1h30m`")?;
        match quantity::duration(text) {
            Ok(length) if range.contains(&length) => Some(length),
            Ok(_) => {
                self.error(format!(
                    "must be from {} to {}, not `{text}`",
                    quantity::show(*range.start()),
                    quantity::show(*range.end()),
                ));
                None
            }
            Err(hint) => {
                self.error_with(format!("is not a length of time: `{}`", shortened(text)), hint);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let text = self.scalar(&one_of(&words))?.trim();
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("must be {}, not `{}`", one_of(&words), shortened(text));
        match closest(text, &words) {
            Some(word) => self.error_with(message, format!("did you mean `{word}`?")),
            None => self.error(message),
        }
        None
    }

    /// The members of a list; a single value counts as a list of one where `lone` allows it.
    pub(super) fn list(&self, lone: bool) -> Vec<Item<'a>> {
        match &self.node.value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(n, node)| Item {
                    desk: self.desk,
                    path: format!("{}[{n}]", self.path),
                    key_span: match &node.value {
                        _ if !node.span.is_empty() => node.span.clone(),
                        // A block map has no mark of its own; its first key is where it begins.
                        Value::Map(entries) => entries
                            .first()
                            .map_or_else(|| self.key_span.clone(), |e| e.key_span.clone()),
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

    /// Label matchers in Alertmanager's syntax; one alone needs no list.
    pub(super) fn matchers(&self) -> Vec<Matcher> {
        self.list(true)
            .iter()
            .filter_map(|item| {
                let text = item.text()?;
                Matcher::parse(text)
                    .map_err(|e| {
                        item.error_with(
                            format!("is not a matcher: {}", e.why),
                            "write `label = value`, `label != value`, `label =~ \"pattern\"` or `label !~ \"pattern\"`",
                        );
                    })
                    .ok()
            })
            .collect()
    }

    /// The value as a map, read by `read`; keys that `read` did not ask for are unknown.
    pub(super) fn section<T>(&self, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let (entries, sound): (&'a [Entry], bool) = match &self.node.value {
            Value::Map(entries) => (entries, true),
            Value::Null => (&[], true),
            _ => {
                self.wrong_kind("a map");
                (&[], false)
            }
        };
        let section = Section {
            desk: self.desk,
            path: self.path.clone(),
            span: self.key_span.clone(),
            entries,
            sound,
            asked: RefCell::new(Vec::new()),
        };
        let value = read(&section);
        section.finish();
        value
    }

    /// All entries of a map whose keys are names of the user's own choice.
    pub(super) fn named(&self) -> Vec<(&'a str, Item<'a>)> {
        let Value::Map(entries) = &self.node.value else {
            self.wrong_kind("a map");
            return Vec::new();
        };
        refuse_repeats(self.desk, &self.path, entries);
        let mut seen: Vec<&str> = Vec::new();
        let mut named = Vec::new();
        for entry in entries {
            if !seen.contains(&entry.key.as_str()) {
                seen.push(&entry.key);
                named.push((entry.key.as_str(), item(self.desk, &self.path, entry)));
            }
        }
        named
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// Covers everything written here, because it is or may be a secret.
    pub(super) fn cover(&self, how: Cover) {
        cover(self.desk.source, self.node, how);
    }
}

fn know(source: &SourceText, node: &Node) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| know(source, item)),
        Value::Map(entries) => {
            for entry in entries {
                source.know(entry.key_span.clone());
                know(source, &entry.value);
            }
        }
        Value::Text(text) | Value::Number(text) => {
            source.know(node.span.clone());
            if is_number(text) {
                source.cover(node.span.clone(), Cover::Number);
            }
        }
        Value::Null | Value::Bool(_) => source.know(node.span.clone()),
    }
}

/// Whether this looks like a phone number or a person's id, wherever it stands.
fn is_number(text: &str) -> bool {
    let (number, _) = text.split_once('@').unwrap_or((text, ""));
    let digits = number.chars().filter(char::is_ascii_digit).count();
    digits >= 7 && (number.starts_with('+') || digits == number.len())
}

fn cover(source: &SourceText, node: &Node, how: Cover) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| cover(source, item, how)),
        Value::Map(entries) => {
            for entry in entries {
                source.cover(entry.key_span.clone(), how);
                cover(source, &entry.value, how);
            }
        }
        _ => {
            source.cover(node.span.clone(), how);
            source.cover(node.defined.clone(), how);
        }
    }
}

fn item<'a>(desk: &'a Desk<'a>, parent: &str, entry: &'a Entry) -> Item<'a> {
    Item {
        desk,
        path: join(parent, &entry.key),
        key_span: entry.key_span.clone(),
        node: &entry.value,
    }
}

/// A map while it is read.
pub(super) struct Section<'a> {
    pub(super) desk: &'a Desk<'a>,
    pub(super) path: String,
    /// Of its key.
    pub(super) span: Range<usize>,
    entries: &'a [Entry],
    sound: bool,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The value under `key`, which is thereby a known key. Of a repeated key it is the first.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        self.asked.borrow_mut().push(key);
        let entry = self.entries.iter().find(|e| e.key == key)?;
        Some(item(self.desk, &self.path, entry))
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
            self.desk.error_with(self.span.clone(), message, hint);
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

    fn finish(&self) {
        refuse_repeats(self.desk, &self.path, self.entries);
        let known = self.asked.borrow();
        for entry in self.entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            // A misspelt `access_token` still has the token behind it.
            cover(self.desk.source, &entry.value, Cover::Secret);
            let meant = closest(&entry.key, &known);
            let mut key = " ".to_owned();
            if meant.is_some() || is_word(entry) {
                key = format!(" `{}` ", entry.key);
            } else {
                // `{ abc }` has the key `abc`, which may have been meant as a value, even as a secret.
                self.desk.source.cover(entry.key_span.clone(), Cover::Secret);
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
            self.desk.error_with(entry.key_span.clone(), message, hint);
        }
    }
}

/// Whether this is a key by the looks of it: a plain word with a value.
fn is_word(entry: &Entry) -> bool {
    let plain = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '-';
    entry.key.len() <= 24 && entry.key.chars().all(plain) && !matches!(entry.value.value, Value::Null)
}

fn refuse_repeats(desk: &Desk<'_>, path: &str, entries: &[Entry]) {
    for (n, entry) in entries.iter().enumerate() {
        let first = entries.iter().take(n).find(|e| e.key == entry.key);
        if let Some(first) = first {
            let (line, _) = desk.source.position(first.key_span.start);
            // The value of the second one is nowhere read, so nobody knows whether it is a secret.
            cover(desk.source, &entry.value, Cover::Secret);
            desk.error_with(
                entry.key_span.clone(),
                format!("`{}` is given twice", join(path, &entry.key)),
                format!("it already stands in line {line}; remove one of them"),
            );
        }
    }
}

fn join(parent: &str, key: &str) -> String {
    let key = shortened(key);
    if parent.is_empty() {
        key
    } else {
        format!("{parent}.{key}")
    }
}

/// A word of the user's as it is repeated in a message.
pub(super) fn shortened(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(61)
        .collect();
    if plain.chars().count() > 60 {
        format!("{}…", plain.chars().take(60).collect::<String>())
    } else {
        plain
    }
}

/// "`a`, `b` or `c`".
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// The word that was probably meant: the one that is a few slips of the finger away, if it is only one.
pub(super) fn closest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let text: String = plain(text).chars().take(100).collect();
    let limit = (text.chars().count() / 3).max(1);
    let slips = |word: &str| strsim::osa_distance(&text, &plain(word));
    let best = words.iter().map(|w| slips(w)).min().filter(|n| *n <= limit)?;
    let mut nearest = words.iter().filter(|w| slips(w) == best);
    match (nearest.next(), nearest.next()) {
        (Some(word), None) => Some(word),
        _ => None,
    }
}

/// Why a file cannot be read, in words.
pub(super) fn reason(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_meant_is_near_and_the_only_one() {
        let zones = ["Asia/Dubai", "Asia/Dhaka", "Europe/Berlin"];
        assert_eq!(closest("Asia/Duabi", &zones), Some("Asia/Dubai"));
        assert_eq!(closest("europe/berlin", &zones), Some("Europe/Berlin"));
        assert_eq!(closest("rooster", &["roster", "rooms"]), Some("roster"));
        assert_eq!(closest("max-body", &["max_body"]), Some("max_body"));
        assert_eq!(closest("sev0", &["sev1", "sev2"]), None, "either may be meant");
        assert_eq!(closest("critical", &["sev1", "sev2"]), None);
    }

    #[test]
    fn long_and_odd_words_are_not_repeated_in_full() {
        assert_eq!(shortened("a\u{1b}b"), "a\u{fffd}b");
        assert_eq!(shortened(&"x".repeat(90)).chars().count(), 61);
    }
}
