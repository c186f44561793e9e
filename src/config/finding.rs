//! What is wrong with a file, where, and what would put it right.
//!
//! A [`Finding`] stands for itself on one line (for logs) and is drawn with the line it is about (for the
//! operator's terminal). Only that one line is ever shown, and secrets and phone numbers on it are covered
//! when the finding is made, so nothing that holds a finding can leak one.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

pub use crate::config::source_text::Excerpt;
use crate::config::source_text::SourceText;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing starts with it.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Level,
    /// The file as it was named to us.
    pub file: String,
    /// From 1; 0 for a problem of the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 for a problem of the file as a whole.
    pub column: usize,
    /// Bytes that it is about, of all the text that was read together.
    pub span: Range<usize>,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What would put it right.
    pub hint: String,
    /// The line, with secrets covered.
    pub excerpt: Option<Excerpt>,
}

/// All problems of a load, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

/// Whether a drawing may use terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Escape sequences are welcome.
    Yes,
    /// Plain text.
    No,
}

impl Findings {
    /// The findings of one or several files, errors of a line before its warnings.
    pub(super) fn sorted(mut all: Vec<Finding>, files: &[&SourceText]) -> Self {
        // A folder as a whole comes before the files in it.
        let names = files.iter().flat_map(|s| s.names().map(move |name| (name, *s)));
        let places: BTreeMap<&str, (usize, &SourceText)> =
            names.enumerate().map(|(n, (name, source))| (name, (n, source))).collect();
        let place = |f: &Finding| places.get(f.file.as_str()).map(|(n, _)| *n);
        all.sort_by(|a, b| {
            (place(a), a.line, a.column, a.severity, &a.message).cmp(&(
                place(b),
                b.line,
                b.column,
                b.severity,
                &b.message,
            ))
        });
        all.dedup();
        for finding in &mut all {
            let file = places.get(finding.file.as_str()).filter(|_| finding.line > 0);
            finding.excerpt = file.and_then(|(_, source)| source.excerpt(&finding.span));
        }
        Self(all)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(|f| f.severity == Level::Error)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// How many errors and how many warnings there are, in words.
    #[must_use]
    pub fn summary(&self) -> String {
        let errors = self.iter().filter(|f| f.severity == Level::Error).count();
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        match (errors, self.len() - errors) {
            (0, warnings) => count(warnings, "warning"),
            (errors, 0) => count(errors, "error"),
            (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        }
    }

    /// All of them drawn with their lines, for a terminal.
    #[must_use]
    pub fn draw(&self, colours: Colours) -> String {
        let drawn: Vec<String> = self.iter().map(|f| f.draw(colours)).collect();
        drawn.join("\n")
    }
}

/// One line each, for logs.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, finding) in self.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// One line, without the text of the file.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.position())?;
        if self.severity == Level::Warning {
            f.write_str("warning: ")?;
        }
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl Finding {
    /// `file:line:column`, or the file alone.
    #[must_use]
    pub fn position(&self) -> String {
        if self.line == 0 {
            self.file.clone()
        } else {
            format!("{}:{}:{}", self.file, self.line, self.column)
        }
    }

    /// Drawn with its line and a mark below it, ending with a line break.
    #[must_use]
    pub fn draw(&self, colours: Colours) -> String {
        let paint = |code: &str, text: &str| match colours {
            Colours::Yes => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colours::No => text.to_owned(),
        };
        let (code, word) = match self.severity {
            Level::Error => ("1;31", "error"),
            Level::Warning => ("1;33", "warning"),
        };
        let gutter = self.line.to_string().len().max(2);
        let bar = paint("1;34", "|");
        let arrow = paint("1;34", "-->");
        let message = paint("1", &format!(": {}", self.message));
        let mut lines = vec![
            format!("{}{message}", paint(code, word)),
            format!("{:gutter$}{arrow} {}", "", self.position()),
        ];
        if let Some(excerpt) = &self.excerpt {
            let number = paint("1;34", &format!("{:gutter$}", self.line));
            let mark = paint(code, &"^".repeat(excerpt.length));
            let indent = " ".repeat(excerpt.indent);
            lines.push(format!("{:gutter$} {bar}", ""));
            lines.push(format!("{number} {bar} {}", excerpt.text));
            lines.push(format!("{:gutter$} {bar} {indent}{mark}", ""));
        }
        lines.push(format!("{:gutter$} {} {}", "", paint("1;34", "= hint:"), self.hint));
        lines.push(String::new());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding {
            severity: Level::Error,
            file: "warroom.yaml".to_owned(),
            line: 3,
            column: 3,
            span: 20..25,
            message: "`listn` is not a key of `server`".to_owned(),
            hint: "did you mean `listen`?".to_owned(),
            excerpt: Some(Excerpt { text: "  listn: 0.0.0.0:8080".to_owned(), indent: 2, length: 5 }),
        }
    }

    #[test]
    fn a_finding_is_drawn_with_its_line_and_a_mark() {
        assert_eq!(
            finding().draw(Colours::No),
            "error: `listn` is not a key of `server`\n  --> warroom.yaml:3:3\n   |\n 3 |   listn: 0.0.0.0:8080\n   |   ^^^^^\n   = hint: did you mean `listen`?\n"
        );
    }

    #[test]
    fn a_log_gets_one_line_without_the_text_of_the_file() {
        assert_eq!(
            finding().to_string(),
            "warroom.yaml:3:3: `listn` is not a key of `server` (did you mean `listen`?)"
        );
    }

    #[test]
    fn colours_only_where_they_are_welcome() {
        assert!(finding().draw(Colours::Yes).contains('\u{1b}'));
        assert!(!finding().draw(Colours::No).contains('\u{1b}'));
    }

    #[test]
    fn a_summary_counts_both_kinds() {
        let warning = Finding { severity: Level::Warning, ..finding() };
        let all = Findings(vec![finding(), warning.clone(), warning]);
        assert_eq!(all.summary(), "1 error, 2 warnings");
        assert!(all.has_errors());
    }
}
