//! Label matchers in Alertmanager's syntax: `name = value`, `!=`, `=~`, `!~`.
//!
//! Used by the roster's routes and by the severity rules of a source. Regular expressions are anchored at
//! both ends, as in Alertmanager; a label that is absent counts as empty, as there.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

pub mod implication;
mod language;

/// One condition on a label.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    test: Test,
    text: String,
    /// The values that it speaks of, if these are a few, once somebody has asked.
    values: OnceLock<Option<Vec<String>>>,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(String),
    NotEqual(String),
    Like(Regex),
    NotLike(Regex),
}

/// Why a text is no matcher, with the byte at which it went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotAMatcher {
    /// Byte offset into the text.
    pub at: usize,
    /// What is wrong, without a full stop.
    pub why: String,
    /// What would put it right.
    pub hint: &'static str,
}

const FORMS: &str =
    "write `label = value`, `label != value`, `label =~ \"pattern\"` or `label !~ \"pattern\"`";
const QUOTE: &str =
    "quote what holds blanks or signs, as in `label = \"a, b\"`; a list has one matcher in each of its items";

/// Patterns whose compiled form is larger than this are refused, so that a typo cannot eat the memory.
const LARGEST_PATTERN: usize = 256 * 1024;

impl Matcher {
    /// Reads one matcher. Name and value may be quoted with `"`, with `\"`, `\\` and `\n` inside. Without quotes a
    /// value may hold blanks, but nothing that is probably another operator or the next matcher.
    pub fn parse(text: &str) -> Result<Self, NotAMatcher> {
        let fail = |at: usize, why: &str| NotAMatcher { at, why: why.to_owned(), hint: FORMS };
        let signs = |at: usize, why: String| NotAMatcher { at, why, hint: QUOTE };
        let begins = end_of_quoted(text);
        let (at, operator) = ["!=", "!~", "=~", "="]
            .iter()
            .filter_map(|op| text.get(begins..)?.find(op).map(|at| (begins + at, *op)))
            .min_by_key(|(at, op)| (*at, usize::MAX - op.len()))
            .ok_or_else(|| fail(0, "no operator: write `label = value`, `!=`, `=~` or `!~`"))?;
        let name = text.get(..at).unwrap_or_default().trim();
        if !name.starts_with('"')
            && name.contains(|c: char| c.is_whitespace() || is_sign(c) || "<>".contains(c))
        {
            return Err(signs(0, format!("an unquoted label `{name}`")));
        }
        let name = unquote(name).map_err(|why| signs(0, why.to_owned()))?;
        if name.is_empty() {
            return Err(fail(0, "the label's name is missing before the operator"));
        }
        let value_at = at + operator.len();
        let value = text.get(value_at..).unwrap_or_default();
        let value_at = value_at + (value.len() - value.trim_start().len());
        let (value, beside) = (value.trim(), text.get(at + operator.len()..).unwrap_or_default());
        if beside.starts_with(['=', '~', '!', '<', '>']) {
            let wrong: String = beside.chars().take_while(|c| "=~!<>".contains(*c)).collect();
            let hint =
                "write one of `=`, `!=`, `=~` and `!~`; quote a value that begins with one of their signs";
            return Err(NotAMatcher { at, why: format!("`{operator}{wrong}` is no operator"), hint });
        }
        if let Some(sign) = value.chars().find(|c| is_sign(*c)).filter(|_| !value.starts_with('"')) {
            return Err(signs(value_at, format!("an unquoted value with `{sign}`")));
        }
        let value = unquote(value).map_err(|why| signs(value_at, why.to_owned()))?;
        let pattern = |value: &str| {
            regex::RegexBuilder::new(&format!("^(?:{value})$")).size_limit(LARGEST_PATTERN).build().map_err(
                |e| fail(value_at, &format!("not a regular expression: {}", last_line(&e.to_string()))),
            )
        };
        let condition = match operator {
            "=" => Test::Equal(value),
            "!=" => Test::NotEqual(value),
            "=~" => Test::Like(pattern(&value)?),
            _ => Test::NotLike(pattern(&value)?),
        };
        Ok(Self { name, test: condition, text: text.trim().to_owned(), values: OnceLock::new() })
    }

    /// The label it looks at.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is `!=` or `!~`.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        matches!(self.test, Test::NotEqual(_) | Test::NotLike(_))
    }

    /// The value after `=` or `!=`; patterns have none.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match &self.test {
            Test::Equal(value) | Test::NotEqual(value) => Some(value),
            Test::Like(_) | Test::NotLike(_) => None,
        }
    }

    /// All values that it wants or does not want, if these are a few: `a|b` or `sev[12]`, but not `a.*`.
    fn values(&self) -> Option<&[String]> {
        let find = || match &self.test {
            Test::Equal(value) | Test::NotEqual(value) => Some(vec![value.clone()]),
            Test::Like(pattern) | Test::NotLike(pattern) => language::language(pattern.as_str()),
        };
        self.values.get_or_init(find).as_deref()
    }

    /// Whether it is certain that its pattern matches no text at all, such as `$prod`.
    #[must_use]
    pub fn is_never(&self) -> bool {
        match &self.test {
            Test::Equal(_) | Test::NotEqual(_) => false,
            Test::Like(pattern) | Test::NotLike(pattern) => language::never(pattern.as_str()),
        }
    }

    /// Whether it holds for the label's value; `None` for an absent label.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        let value = value.unwrap_or_default();
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Like(pattern) => pattern.is_match(value),
            Test::NotLike(pattern) => !pattern.is_match(value),
        }
    }
}

/// As it was written.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What a set of matchers is asked about: labels, plus fixed names such as `source` and `severity` that
/// win over labels of the same name only when prefixed by the caller.
pub trait Labels {
    /// The value under `name`, if there is one.
    fn value(&self, name: &str) -> Option<&str>;
}

impl Labels for std::collections::BTreeMap<String, String> {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }
}

/// Whether all matchers hold.
#[must_use]
pub fn all_hold(matchers: &[Matcher], labels: &impl Labels) -> bool {
    matchers.iter().all(|m| m.holds(labels.value(m.name())))
}

/// What Alertmanager takes within quotes only, but for blanks and the backslash, which stand in values and patterns
/// that are taken since long.
fn is_sign(c: char) -> bool {
    matches!(c, '{' | '}' | '!' | '=' | '~' | ',' | '\'' | '`')
}

/// Where a quoted name at the beginning ends; 0 if there is none, or if it does not end.
fn end_of_quoted(text: &str) -> usize {
    let mut is_escaped = false;
    let begins = text.len() - text.trim_start().len();
    let Some(inner) = text.trim_start().strip_prefix('"') else { return 0 };
    for (at, c) in inner.char_indices() {
        match c {
            '"' if !is_escaped => return begins + 1 + at + 1,
            c => is_escaped = c == '\\' && !is_escaped,
        }
    }
    0
}

fn unquote(text: &str) -> Result<String, &'static str> {
    let Some(inner) = text.strip_prefix('"') else {
        return if text.contains('"') { Err("a quote inside an unquoted text") } else { Ok(text.to_owned()) };
    };
    let mut out = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' if rest.as_str().is_empty() => return Ok(out),
            '"' => return Err("text after the closing quote"),
            '\\' => match rest.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                // Alertmanager leaves other escapes alone, and patterns need them (`\d`, `\.`).
                Some(c) => out.extend(['\\', c]),
                None => return Err("a backslash at the end"),
            },
            c => out.push(c),
        }
    }
    Err("the closing quote is missing")
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(matcher: &str, value: Option<&str>) -> bool {
        Matcher::parse(matcher).unwrap().holds(value)
    }

    #[test]
    fn the_four_operators() {
        assert!(holds("client = acme", Some("acme")));
        assert!(holds("client=\"acme\"", Some("acme")));
        assert!(!holds("client = acme", Some("acme2")));
        assert!(holds("client != acme", None));
        assert!(holds("environment =~ \"prod.*\"", Some("production")));
        assert!(!holds("environment =~ prod", Some("production")), "patterns are anchored");
        assert!(holds("environment !~ \"dev|test\"", Some("prod")));
    }

    #[test]
    fn an_absent_label_counts_as_empty() {
        assert!(holds("x = \"\"", None));
        assert!(holds("x =~ \".*\"", None));
        assert!(!holds("x =~ \".+\"", None));
    }

    #[test]
    fn alternatives_are_anchored_as_a_whole() {
        assert!(!holds("x =~ \"a|b\"", Some("ab")));
    }

    #[test]
    fn mistakes_say_where() {
        assert_eq!(Matcher::parse("client").unwrap_err().at, 0);
        assert_eq!(Matcher::parse("a =~ \"(\"").unwrap_err().at, 5);
        assert_eq!(Matcher::parse("a = \"x").unwrap_err().why, "the closing quote is missing");
        assert!(Matcher::parse("= x").is_err());
        assert!(Matcher::parse("a =~ \"(a{1000}){1000}\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_matcher_or_says_why(text in ".{0,60}", value in proptest::option::of(".{0,20}")) {
            match Matcher::parse(&text) {
                Ok(matcher) => { let _ = matcher.holds(value.as_deref()); }
                Err(e) => prop_assert!(e.at <= text.len() && !e.why.is_empty()),
            }
        }

        #[test]
        fn equal_and_not_equal_are_opposites(name in "[a-z]{1,8}", wanted in "[a-z ]{0,8}", value in "[a-z ]{0,8}") {
            let equal = Matcher::parse(&format!("{name} = \"{wanted}\"")).unwrap();
            let differs = Matcher::parse(&format!("{name} != \"{wanted}\"")).unwrap();
            prop_assert!(equal.holds(Some(&value)) != differs.holds(Some(&value)));
        }
    }
}
