//! The text of one file or of several: lines and columns, and what of it may be shown.

use std::cell::RefCell;
use std::ops::Range;

/// One file or several, one after the other, and which parts may be shown.
///
/// Only what is known to be a key or a value is ever shown: a secret that slipped into a comment, a tag or an
/// anchor, or stands in a file that is no YAML, leaves its shape at most.
#[derive(Debug)]
pub(super) struct SourceText {
    /// Of the file, or of the folder.
    name: String,
    text: String,
    /// Where each file begins, and its name.
    files: Vec<(usize, String)>,
    /// Where each line begins.
    lines: Vec<usize>,
    known: RefCell<Ranges<()>>,
    covers: RefCell<Ranges<Cover>>,
}

/// One file of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// Its place in the whole.
    pub(super) begins: usize,
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

/// The line that a finding is about, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line with secrets covered.
    pub text: String,
    /// Characters of `text` before the mark.
    pub indent: usize,
    /// Characters to mark, at least one.
    pub length: usize,
}

impl SourceText {
    pub(super) fn new(name: String, text: String) -> Self {
        Self::joined(name.clone(), vec![(name, text)])
    }

    /// The files of a folder, as one text.
    pub(super) fn joined(name: String, texts: Vec<(String, String)>) -> Self {
        let (mut text, mut files) = (String::new(), Vec::new());
        for (file, part) in texts {
            // No line reaches from one file into the next, and no two files begin at the same place.
            if !files.is_empty() {
                text.push('\n');
            }
            files.push((text.len(), file));
            text.push_str(&part);
        }
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { name, text, files, lines, known: RefCell::default(), covers: RefCell::default() }
    }

    /// The file, or the folder and its files, as they were named to us.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.files.iter().map(|(_, name)| name.as_str()))
    }

    /// Each file.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.files.iter().enumerate().map(|(n, (begins, name))| {
            let ends = self.files.get(n + 1).map_or(self.text.len(), |(next, _)| next - 1);
            Part { name, text: self.text.get(*begins..ends).unwrap_or_default(), begins: *begins }
        })
    }

    /// `span` is a key or a value, which may be shown unless it is covered.
    pub(super) fn know(&self, span: Range<usize>) {
        self.known.borrow_mut().push(span, ());
    }

    /// From now on `span` is not shown in any excerpt.
    pub(super) fn cover(&self, span: Range<usize>, how: Cover) {
        self.covers.borrow_mut().push(span, how);
    }

    /// File, line and column of a byte, the last two from 1, the column in characters.
    pub(super) fn place(&self, at: usize) -> (&str, usize, usize) {
        let file = self.files.get(self.file(at));
        let (begins, name) = file.map_or((0, &self.name), |(begins, name)| (*begins, name));
        let line = self.line(at);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let column = self.text.get(start..at).unwrap_or_default().chars().count() + 1;
        (name, line - self.line(begins) + 1, column)
    }

    /// Which of the files a byte belongs to, from 0.
    pub(super) fn file(&self, at: usize) -> usize {
        self.files.partition_point(|(begins, _)| *begins <= at).saturating_sub(1)
    }

    /// The line of a byte among all lines, from 0.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The line on which `span` begins, fit to be shown.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Option<Excerpt> {
        self.text.get(..span.start)?;
        let from = self.lines.get(self.line(span.start)).copied()?;
        let line = self.text.get(from..)?.lines().next().unwrap_or_default();
        let (mut covers, mut known) = (self.covers.borrow_mut(), self.known.borrow_mut());
        let covers: Vec<_> = covers.meeting(from, from + line.len()).collect();
        let known: Vec<_> = known.meeting(from, from + line.len()).map(|(range, ())| range).collect();
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

/// Parts of the text, found by where they stand.
#[derive(Debug)]
struct Ranges<T> {
    all: Vec<(Range<usize>, T)>,
    /// The furthest end of any part up to each one, once they are in order.
    reach: Vec<usize>,
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self { all: Vec::new(), reach: Vec::new() }
    }
}

impl<T> Ranges<T> {
    fn push(&mut self, range: Range<usize>, what: T) {
        self.reach.clear();
        self.all.push((range, what));
    }

    /// Those that reach into the line from `from` to `to`.
    fn meeting(&mut self, from: usize, to: usize) -> impl Iterator<Item = &(Range<usize>, T)> {
        if self.reach.len() != self.all.len() {
            self.all.sort_by_key(|(range, _)| range.start);
            let ends = self.all.iter().scan(0, |reach, (range, _)| {
                *reach = range.end.max(*reach);
                Some(*reach)
            });
            self.reach = ends.collect();
        }
        let first = self.reach.partition_point(|reach| *reach < from);
        let last = self.all.partition_point(|(range, _)| range.start <= to);
        let near = self.all.get(first..last.max(first)).unwrap_or_default();
        near.iter().filter(move |(range, _)| range.end >= from)
    }
}

const DOTS: &str = "••••••••";

/// Characters of a line that are shown.
const WIDEST: usize = 160;

/// The text with long runs of digits covered as [`Cover::Number`] does, in case a number stands where
/// none is expected. A blank between digits does not end a run, unless it stands behind a date.
pub(super) fn without_numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let belongs = |at: usize| {
        let is_digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
        is_digit(Some(at))
            || chars.get(at) == Some(&' ') && is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))
    };
    let mut out = String::with_capacity(text.len());
    let places: Vec<usize> = (0..chars.len()).collect();
    for run in places.chunk_by(|a, b| belongs(*a) == belongs(*b)) {
        let run: Vec<char> = run.iter().filter_map(|at| chars.get(*at).copied()).collect();
        let digits = run.iter().filter(|c| c.is_ascii_digit()).count();
        let mut seen = 0;
        for c in &run {
            seen += usize::from(c.is_ascii_digit());
            let hidden = digits >= LONG_RUN && c.is_ascii_digit() && seen > 1 && seen + 2 <= digits;
            out.push(if hidden { '•' } else { *c });
        }
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
        let at = s.text.find('x').unwrap();
        assert_eq!(s.place(at), ("x.yaml", 2, 6));
        let excerpt = s.excerpt(&(at..at + 1)).unwrap();
        assert_eq!((excerpt.text.as_str(), excerpt.indent, excerpt.length), ("ä: ö x", 5, 1));
    }

    #[test]
    fn each_file_of_several_has_its_own_lines() {
        let texts = [("a.yaml", "a: 1\nb: 2"), ("b.yaml", ""), ("c.yaml", "c: 3\nd: 4\n")];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let s = SourceText::joined("folder".to_owned(), texts.to_vec());
        let parts: Vec<(&str, &str)> = s.parts().map(|part| (part.name, part.text)).collect();
        assert_eq!(parts, [("a.yaml", "a: 1\nb: 2"), ("b.yaml", ""), ("c.yaml", "c: 3\nd: 4\n")]);
        s.know(0..s.text.len());
        for (c, place) in [('b', ("a.yaml", 2, 1)), ('c', ("c.yaml", 1, 1)), ('4', ("c.yaml", 2, 4))] {
            let at = s.text.find(c).unwrap();
            assert_eq!(s.place(at), place);
            assert!(s.excerpt(&(at..at + 1)).unwrap().text.contains(c));
        }
        let second = s.parts().nth(1).unwrap().begins;
        assert_eq!(s.place(second), ("b.yaml", 1, 1));
        assert_eq!(s.names().collect::<Vec<_>>(), ["folder", "a.yaml", "b.yaml", "c.yaml"]);
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
            let _ = s.place(at);
        }
    }
}
