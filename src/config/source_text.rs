//! The text of one file: lines and columns, and what of it may be shown.

use std::cell::RefCell;
use std::ops::Range;

use crate::config::finding::Excerpt;

/// One file, and which parts of it may be shown.
///
/// Only what is known to be a key or a value is ever shown: a secret that slipped into a comment, a tag or an
/// anchor, or stands in a file that is no YAML, leaves its shape at most.
#[derive(Debug)]
pub(super) struct SourceText {
    name: String,
    text: String,
    known: RefCell<Vec<Range<usize>>>,
    covers: RefCell<Vec<(Range<usize>, Cover)>>,
}

/// How a part of the text is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// A secret: eight dots, so that not even its length shows.
    Secret,
    /// A phone number: digits become dots, but for the first and the last two; the shape still shows what
    /// is wrong with it.
    Number,
}

impl SourceText {
    pub(super) fn new(name: String, text: String) -> Self {
        Self { name, text, known: RefCell::new(Vec::new()), covers: RefCell::new(Vec::new()) }
    }

    /// The file as it was named to us.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// `span` is a key or a value, which may be shown unless it is covered.
    pub(super) fn know(&self, span: Range<usize>) {
        self.known.borrow_mut().push(span);
    }

    /// From now on `span` is not shown in any excerpt.
    pub(super) fn cover(&self, span: Range<usize>, how: Cover) {
        self.covers.borrow_mut().push((span, how));
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The line on which `span` begins, fit to be shown.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Option<Excerpt> {
        let before = self.text.get(..span.start)?;
        let from = before.rfind('\n').map_or(0, |n| n + 1);
        let line = self.text.get(from..)?.lines().next().unwrap_or_default();
        let (covers, known) = (self.covers.borrow(), self.known.borrow());
        let covers: Vec<_> = covers.iter().filter(|(range, _)| meets(range, from, line)).collect();
        let known: Vec<&Range<usize>> = known.iter().filter(|range| meets(range, from, line)).collect();
        let cover_at = |at: usize| {
            covers
                .iter()
                .filter(|(range, _)| range.contains(&at))
                .max_by_key(|(_, how)| *how == Cover::Secret)
        };
        let (mut shown, mut indent, mut length) = (String::new(), 0, 0);
        let mut hidden: Option<Range<usize>> = None;
        for (offset, c) in line.char_indices() {
            let at = from + offset;
            let out: String = match cover_at(at) {
                Some((range, Cover::Secret)) if hidden.as_ref() == Some(range) => String::new(),
                Some((range, Cover::Secret)) => {
                    hidden = Some(range.clone());
                    DOTS.to_owned()
                }
                Some((range, Cover::Number)) => digit(&self.text, range, at, c).to_string(),
                None if known.iter().any(|range| range.contains(&at)) => printable(c).to_string(),
                // A comment explains nothing here that the finding does not say better.
                None if c == '#' => break,
                None => outline(c).to_string(),
            };
            let width = out.chars().count();
            if at < span.start {
                indent += width;
            } else if at < span.end {
                length += width;
            }
            shown.push_str(&out);
        }
        // A span may begin inside something covered, whose dots were then counted before it.
        let length = length.max(1);
        let text: String = without_numbers(shown.trim_end()).chars().take(WIDEST).collect();
        let indent = indent.min(WIDEST);
        Some(Excerpt { text, indent, length: length.min(WIDEST.saturating_sub(indent).max(1)) })
    }
}

/// Whether a part of the text reaches into the line that begins at `from`.
fn meets(range: &Range<usize>, from: usize, line: &str) -> bool {
    range.start <= from + line.len() && range.end >= from
}

const DOTS: &str = "••••••••";

/// Characters of a line that are shown.
const WIDEST: usize = 160;

/// The text with long runs of digits covered as [`Cover::Number`] does, in case a number stands where
/// none is expected.
pub(super) fn without_numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for run in chars.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        let hidden = if run.len() >= LONG_RUN && run.iter().all(char::is_ascii_digit) {
            1..run.len() - 2
        } else {
            0..0
        };
        out.extend(run.iter().enumerate().map(|(n, c)| if hidden.contains(&n) { '•' } else { *c }));
    }
    out
}

/// Shorter runs of digits are sizes and years rather than numbers to call.
const LONG_RUN: usize = 8;

/// A digit of a phone number, or a dot for it.
fn digit(text: &str, range: &Range<usize>, at: usize, c: char) -> char {
    let digits =
        |part: Range<usize>| text.get(part).unwrap_or_default().chars().filter(char::is_ascii_digit).count();
    let before = digits(range.start..at);
    let after = digits(at..range.end);
    if c.is_ascii_digit() && before > 0 && after > 2 { '•' } else { printable(c) }
}

/// The character if it only gives the line its shape, or a dot for it.
fn outline(c: char) -> char {
    if matches!(c, ' ' | '\t' | ':' | '-' | '"' | '\'' | '[' | ']' | '{' | '}' | ',' | '|' | '&' | '*') {
        printable(c)
    } else {
        '•'
    }
}

/// A tab as a blank, so that the mark below stands right; nothing that could steer a terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(text: &str) -> SourceText {
        let source = SourceText::new("x.yaml".to_owned(), text.to_owned());
        source.know(0..text.len());
        source
    }

    #[test]
    fn what_is_neither_key_nor_value_leaves_its_shape_only() {
        let text = "a: !tag [&anchor x, \"y\"] # a secret\n";
        let s = SourceText::new("x.yaml".to_owned(), text.to_owned());
        for part in ["a", "x", "\"y\""] {
            let at = text.find(&format!("{part}{}", if part == "a" { ":" } else { "" })).unwrap();
            s.know(at..at + part.len());
        }
        assert_eq!(s.excerpt(&(0..1)).unwrap().text, "a: •••• [&•••••• x, \"y\"]");
    }

    #[test]
    fn columns_count_characters() {
        let s = source("a: 1\nä: ö x\n");
        let at = s.text().find('x').unwrap();
        assert_eq!(s.position(at), (2, 6));
        let excerpt = s.excerpt(&(at..at + 1)).unwrap();
        assert_eq!((excerpt.text.as_str(), excerpt.indent, excerpt.length), ("ä: ö x", 5, 1));
    }

    #[test]
    fn a_secret_shows_neither_itself_nor_its_length() {
        let text = "{ bearer: s3cret-value, foo: 1 }\n";
        let s = source(text);
        let at = text.find("s3cret").unwrap();
        s.cover(at..at + 12, Cover::Secret);
        let foo = text.find("foo").unwrap();
        let excerpt = s.excerpt(&(foo..foo + 3)).unwrap();
        assert_eq!(excerpt.text, "{ bearer: ••••••••, foo: 1 }");
        assert_eq!((excerpt.indent, excerpt.length), (20, 3));
    }

    #[test]
    fn a_phone_number_keeps_its_shape_only() {
        let text = "phone: 0171 555 0123\n";
        let s = source(text);
        s.cover(7..20, Cover::Number);
        assert_eq!(s.excerpt(&(7..20)).unwrap().text, "phone: 0••• ••• ••23");
    }

    #[test]
    fn a_number_where_none_is_expected_is_covered_too() {
        assert_eq!(without_numbers("Mei \"+15550100103\" 2026"), "Mei \"+1••••••••03\" 2026");
        assert_eq!(without_numbers("1048576"), "1048576");
    }

    #[test]
    fn what_could_steer_a_terminal_is_not_shown() {
        let s = source("a: \u{1b}[31m\tb\n");
        assert_eq!(s.excerpt(&(0..1)).unwrap().text, "a: \u{fffd}[31m b");
    }

    proptest! {
        #[test]
        fn no_position_breaks_it_and_no_covered_text_is_shown(text in "[a-c :\né]{0,40}", at in 0_usize..50, len in 0_usize..20, secret in 0_usize..40) {
            let text = format!("{text}{}", "Z9");
            let s = source(&text);
            if let Some(z) = text.find('Z') {
                s.cover(z.saturating_sub(secret)..z + 2, Cover::Secret);
            }
            if let Some(excerpt) = s.excerpt(&(at..at + len)) {
                prop_assert!(!excerpt.text.contains('Z') && !excerpt.text.contains('9'));
            }
            let _ = s.position(at);
        }
    }
}
