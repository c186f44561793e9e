//! One file being read, or several as one: the text, what reading it may need, and the findings so far.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::Path;

use crate::config::Strictness;
use crate::config::finding::{Finding, Level};
use crate::config::source_text::{Cover, Part, SourceText, without_numbers};
use crate::config::suggestions::Suggestions;
use crate::config::yaml::{self, Node, Value};
use crate::consent::Stances;

/// The text of one file or of several, with everything that reading it may need.
pub(super) struct LoadContext<'a> {
    pub(super) source: &'a SourceText,
    /// What relative paths in the file are relative to.
    pub(super) folder: &'a Path,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) strictness: Strictness<'a>,
    /// What is known of people's wishes, where the store was asked.
    pub(super) stances: Stances,
    findings: RefCell<Vec<Finding>>,
    errors: Cell<usize>,
    suggestions: Suggestions,
}

impl<'a> LoadContext<'a> {
    pub(super) fn new(
        source: &'a SourceText,
        folder: &'a Path,
        env: &'a dyn Fn(&str) -> Option<String>,
        strictness: Strictness<'a>,
    ) -> Self {
        Self {
            source,
            folder,
            env,
            strictness,
            stances: Stances::default(),
            findings: RefCell::new(Vec::new()),
            errors: Cell::new(0),
            suggestions: Suggestions::default(),
        }
    }

    /// Parses every file; each that is not well-formed is one finding.
    pub(super) fn parse(&self) -> Option<Vec<Node>> {
        let parsed: Vec<Option<Node>> = self.source.parts().map(|part| self.parse_part(part)).collect();
        parsed.into_iter().collect()
    }

    fn parse_part(&self, Part { name, text, begins }: Part<'_>) -> Option<Node> {
        match yaml::parse(text, begins) {
            Ok(node) => {
                know(self.source, &node);
                Some(node)
            }
            Err(e) => {
                let message = format!("this is not well-formed YAML: {}", e.why);
                match e.at {
                    Some(at) => self.error_with(
                        at..at,
                        message,
                        "look at brackets, quotes, colons and the indentation, here and just above; indent by blanks",
                    ),
                    None => self.whole_file(
                        Level::Error,
                        name.to_owned(),
                        message,
                        "a file holds one document, far smaller and nested far less deeply".to_owned(),
                    ),
                }
                None
            }
        }
    }

    pub(super) fn error_with(&self, span: Range<usize>, message: impl AsRef<str>, hint: impl Into<String>) {
        self.note(Level::Error, span, message.as_ref(), hint.into());
    }

    pub(super) fn warning(&self, span: Range<usize>, message: impl AsRef<str>, hint: impl Into<String>) {
        self.note(Level::Warning, span, message.as_ref(), hint.into());
    }

    fn note(&self, severity: Level, span: Range<usize>, message: &str, hint: String) {
        let (file, line, column) = self.source.place(span.start);
        if severity == Level::Error {
            self.errors.set(self.errors.get() + 1);
        }
        self.findings.borrow_mut().push(Finding {
            severity,
            file: file.to_owned(),
            line,
            column,
            span,
            message: without_numbers(message),
            hint: without_their_numbers(hint),
            excerpt: None,
        });
    }

    /// A problem of a file, or of a folder, as a whole.
    pub(super) fn whole_file(&self, severity: Level, file: String, message: String, hint: String) {
        if severity == Level::Error {
            self.errors.set(self.errors.get() + 1);
        }
        self.findings.borrow_mut().push(Finding {
            severity,
            file,
            line: 0,
            column: 0,
            span: 0..0,
            message,
            hint,
            excerpt: None,
        });
    }

    /// The word that was probably meant, as long as looking for such words has not taken too long.
    pub(super) fn closest<'w>(&self, text: &str, words: &[&'w str]) -> Option<&'w str> {
        self.suggestions.closest(text, words)
    }

    /// The same among so many words, which are listed only if they are looked at.
    pub(super) fn closest_of<'w>(
        &self,
        text: &str,
        count: usize,
        words: impl FnOnce() -> Vec<&'w str>,
    ) -> Option<&'w str> {
        self.suggestions.closest_of(text, count, words)
    }

    /// The same for names of time zones.
    pub(super) fn closest_zone(&self, text: &str) -> Option<String> {
        self.suggestions.closest_zone(text)
    }

    /// Where `span` stands, for a finding about `other`: in a line, or in a line of another file.
    pub(super) fn elsewhere(&self, span: &Range<usize>, other: &Range<usize>) -> String {
        let (file, line, _) = self.source.place(span.start);
        if file == self.source.place(other.start).0 {
            format!("line {line}")
        } else {
            format!("{file}:{line}")
        }
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        self.errors.get()
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }
}

/// Everything that is a key or a value may be shown, for the time being.
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

/// Whether this looks like a phone number or a person's id, wherever it stands and however it is spaced.
fn is_number(text: &str) -> bool {
    let (number, _) = text.split_once('@').unwrap_or((text, ""));
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let is_spaced = number.chars().all(|c| c.is_ascii_digit() || " \u{a0}-.()/+".contains(c));
    let is_other = number.parse::<jiff::civil::Date>().is_ok() || number.parse::<std::net::IpAddr>().is_ok();
    digits >= 7 && (number.starts_with('+') || is_spaced && !is_other)
}

/// The hint with everybody's numbers covered but the one that our own hints show.
fn without_their_numbers(hint: String) -> String {
    if hint.contains(EXAMPLE) { hint } else { without_numbers(&hint) }
}

/// The number in examples.
const EXAMPLE: &str = "15550100123";

/// Covers all scalars of a tree, and its keys below the top.
pub(super) fn cover(source: &SourceText, node: &Node, how: Cover) {
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
