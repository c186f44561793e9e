//! What a monitoring tool reports, in our words: one condition that fires, is acknowledged or is over.
//!
//! Every source turns its own payload into [`Alert`]s through [`Draft::finish`], which is where all limits
//! are applied: nothing longer than [`limits`] gets past it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_segmentation::UnicodeSegmentation;

use crate::clock::Timestamp;

/// How bad it is; `Sev1` is the worst. Ordered so that worse is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worst: people are called together at once.
    Sev1,
    /// Serious.
    Sev2,
    /// To be looked at.
    Sev3,
    /// Minor.
    Sev4,
    /// For information.
    Sev5,
}

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Self; 5] = [Self::Sev1, Self::Sev2, Self::Sev3, Self::Sev4, Self::Sev5];

    /// The name used in config, answers and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sev1 => "sev1",
            Self::Sev2 => "sev2",
            Self::Sev3 => "sev3",
            Self::Sev4 => "sev4",
            Self::Sev5 => "sev5",
        }
    }

    /// Whether this is as bad as `other` or worse.
    #[must_use]
    pub fn is_at_least(self, other: Self) -> bool {
        self <= other
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or(UnknownSeverity)
    }
}

/// A text that names no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a severity is one of sev1, sev2, sev3, sev4, sev5")]
pub struct UnknownSeverity;

/// Where an alert's severity came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeverityOrigin {
    /// An override rule of the config.
    Rule,
    /// The field that means it in this source.
    Field,
    /// Nothing said it, or said something unknown: the configured default was taken.
    #[default]
    Unmapped,
}

/// What the field that means the severity in its tool says of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stated {
    /// Its text, if it was there.
    pub text: Option<String>,
    /// What that means in this tool, if that is clear.
    pub meaning: Option<Severity>,
}

/// Decides how bad an alert is: by the rules of its source, else by what is [stated](Alert::stated), else by
/// the configured default.
pub type SeverityResolver = dyn Fn(&Alert) -> (Severity, SeverityOrigin) + Send + Sync;

/// What a body leaves as it is where its condition is known already.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Omitted {
    /// The state: the body tells a change that is none of the state.
    pub state: bool,
    /// The severity, if the body's own is milder: it speaks of the condition and not of how bad it is.
    pub severity: bool,
    /// The title: the body has none, and something else stands in for it.
    pub title: bool,
}

impl Omitted {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Alerts with equal keys share an incident: `kind:version:payload`, so that a recipe can change without
/// meeting keys made by the old one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DedupKey(String);

impl DedupKey {
    /// The key of `payload` under the recipe `kind:version`. A payload that is long or not plain is
    /// replaced by its SHA-256, because senders' group keys have no bound.
    #[must_use]
    pub fn new(kind: &str, version: u32, payload: &str) -> Self {
        let plain = payload.len() <= 80
            && !payload.is_empty()
            && payload.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        if plain {
            Self(format!("{kind}:{version}:{payload}"))
        } else {
            Self(format!("{kind}:{version}:{}", hex::encode(Sha256::digest(payload.as_bytes()))))
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the source says about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is broken.
    Firing,
    /// It is broken and somebody at the source has taken it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The alert at its source.
    Source,
    /// What to do.
    Runbook,
    /// Graphs.
    Dashboard,
    /// Where to silence it.
    Silence,
    /// A call to join.
    Call,
}

/// A web link that came with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it leads to.
    pub kind: LinkKind,
    /// An `http` or `https` address without spaces.
    pub url: String,
}

/// One condition as reported once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Alert {
    /// Which incident it belongs to.
    pub key: DedupKey,
    /// Which condition it is inside that incident.
    pub id: String,
    /// What is said about it.
    pub state: AlertState,
    /// How bad it is.
    pub severity: Severity,
    /// Why that severity.
    pub severity_origin: SeverityOrigin,
    /// What was said of the severity, to decide it anew once more is known of the alert.
    #[serde(skip)]
    pub stated: Stated,
    /// What this body leaves as it is known.
    #[serde(default, skip_serializing_if = "Omitted::is_nothing")]
    pub omitted: Omitted,
    /// One line: what broke.
    pub title: String,
    /// A few lines more, possibly empty.
    pub summary: String,
    /// For the roster's matchers.
    pub labels: BTreeMap<String, String>,
    /// Where to look.
    pub links: Vec<Link>,
    /// Whom the source has assigned, as e-mail addresses or names.
    pub assignees: Vec<String>,
    /// Who acknowledged it just now, if the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<String>,
    /// Since when, if the source says.
    pub started_at: Option<Timestamp>,
    /// Until when, if the source says and it is over.
    pub ended_at: Option<Timestamp>,
    /// When what the body tells happened, by the source's clock: what is older than the last of it came late.
    #[serde(skip)]
    pub happened_at: Option<Timestamp>,
    /// When this outbreak of it began, from a source that keeps that moment until the end or says that all was well
    /// before: a later one is another outbreak, whether or not the end of this one was told.
    #[serde(skip)]
    pub outbreak_at: Option<Timestamp>,
    /// Over, and what has this id never begins again.
    #[serde(skip)]
    pub ended_for_good: bool,
    /// Why it is over, where nobody saw it recover: it was merged, paused, deleted.
    #[serde(skip)]
    pub end_reason: Option<String>,
    /// The id is a fingerprint: the same condition has it in every group in which its source tells of it.
    #[serde(skip)]
    pub has_fingerprint: bool,
    /// The body is a complete list of the alerts of its key: what such a list named firing before, and does not
    /// name now, is over, silenced or inhibited.
    #[serde(skip)]
    pub is_listed: bool,
    /// The source cut its list: a "resolved" of this body must not end the incident.
    pub truncated: bool,
    /// A test button was pressed.
    pub test: bool,
}

/// The longest that leaves a parser.
pub mod limits {
    /// Title, in characters.
    pub const TITLE: usize = 200;
    /// Summary, in characters.
    pub const SUMMARY: usize = 1500;
    /// Labels of one alert.
    pub const LABELS: usize = 256;
    /// A label's name, in characters.
    pub const LABEL_NAME: usize = 128;
    /// A label's value, in characters.
    pub const LABEL_VALUE: usize = 512;
    /// A link, in bytes; longer ones are dropped, because half a link is none.
    pub const URL: usize = 1024;
    /// Links of one alert.
    pub const LINKS: usize = 8;
    /// Assignees of one alert.
    pub const ASSIGNEES: usize = 20;
    /// An alert's id inside its incident, in bytes; longer ones are replaced by their hash.
    pub const ID: usize = 128;
}

/// An alert as a source found it, before limits and severity rules.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Draft {
    /// See [`Alert::id`]; an empty one becomes `-`.
    pub id: String,
    /// See [`Alert::title`].
    pub title: String,
    /// See [`Alert::summary`].
    pub summary: String,
    /// See [`Alert::labels`].
    pub labels: BTreeMap<String, String>,
    /// Links in order of usefulness; what is no web address is dropped.
    pub links: Vec<(LinkKind, String)>,
    /// See [`Alert::assignees`].
    pub assignees: Vec<String>,
    /// See [`Alert::taken_by`].
    pub taken_by: Option<String>,
    /// See [`Alert::started_at`].
    pub started_at: Option<Timestamp>,
    /// See [`Alert::ended_at`].
    pub ended_at: Option<Timestamp>,
    /// See [`Alert::happened_at`].
    pub happened_at: Option<Timestamp>,
    /// See [`Alert::outbreak_at`].
    pub outbreak_at: Option<Timestamp>,
    /// See [`Alert::ended_for_good`].
    pub ended_for_good: bool,
    /// See [`Alert::end_reason`].
    pub end_reason: Option<String>,
    /// See [`Alert::has_fingerprint`].
    pub has_fingerprint: bool,
    /// See [`Alert::truncated`].
    pub truncated: bool,
    /// See [`Alert::test`].
    pub test: bool,
    /// See [`Alert::omitted`].
    pub omitted: Omitted,
}

impl Draft {
    /// Applies all limits and makes the alert.
    #[must_use]
    pub fn finish(self, key: DedupKey, state: AlertState, severity: (Severity, SeverityOrigin)) -> Alert {
        let title = into_line(self.title, limits::TITLE);
        let id = match self.id.len() {
            0 => "-".to_owned(),
            n if n <= limits::ID => self.id,
            _ => hex::encode(Sha256::digest(self.id.as_bytes())),
        };
        let labels = self
            .labels
            .into_iter()
            .take(limits::LABELS)
            .map(|(name, value)| (into_line(name, limits::LABEL_NAME), into_line(value, limits::LABEL_VALUE)))
            .collect();
        let mut links: Vec<Link> = Vec::new();
        for (kind, url) in self.links {
            if links.len() < limits::LINKS && is_web_address(&url) && links.iter().all(|l| l.url != url) {
                links.push(Link { kind, url });
            }
        }
        Alert {
            key,
            id,
            state,
            severity: severity.0,
            severity_origin: severity.1,
            stated: Stated::default(),
            omitted: Omitted { title: self.omitted.title || title.is_empty(), ..self.omitted },
            title: if title.is_empty() { "untitled alert".to_owned() } else { title },
            summary: paragraph(&self.summary, limits::SUMMARY),
            labels,
            links,
            assignees: self
                .assignees
                .iter()
                .take(limits::ASSIGNEES)
                .map(|a| one_line(a, limits::LABEL_VALUE))
                .collect(),
            taken_by: self
                .taken_by
                .map(|name| one_line(&name, limits::LABEL_VALUE))
                .filter(|name| !name.is_empty()),
            started_at: self.started_at,
            ended_at: self.ended_at,
            happened_at: self.happened_at,
            outbreak_at: self.outbreak_at,
            ended_for_good: self.ended_for_good && state == AlertState::Resolved,
            end_reason: self
                .end_reason
                .map(|reason| one_line(&reason, limits::TITLE))
                .filter(|reason| !reason.is_empty() && state == AlertState::Resolved),
            has_fingerprint: self.has_fingerprint,
            is_listed: false,
            truncated: self.truncated,
            test: self.test,
        }
    }
}

/// Whether `url` is an `http(s)` address short and plain enough to be put before people.
#[must_use]
pub fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    url.len() <= limits::URL
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.chars().all(|c| !c.is_whitespace() && !is_unprintable(c) && !matches!(c, '<' | '>' | '"'))
}

/// Control characters and the marks that turn the direction of text, which could forge what people read.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a text is in the form that [`one_line`] gives, as nearly all are.
fn is_line(text: &str, longest: usize) -> bool {
    let is_plain = |bytes: &[u8]| matches!(bytes, [b'!'..=b'~', ..] | [b' ', b'!'..=b'~', ..]);
    let bytes = text.as_bytes();
    bytes.len() <= longest
        && bytes.first() != Some(&b' ')
        && (0..bytes.len()).all(|at| is_plain(&bytes[at..]))
}

/// As [`one_line`], of a text that nobody else needs.
fn into_line(text: String, longest: usize) -> String {
    if is_line(&text, longest) { text } else { one_line(&text, longest) }
}

/// `text` on one line, without unprintable characters, at most `longest` characters.
#[must_use]
pub fn one_line(text: &str, longest: usize) -> String {
    if is_line(text, longest) {
        return text.to_owned();
    }
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let word: String = word.chars().filter(|c| !is_unprintable(*c)).collect();
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    cut(&line, longest)
}

/// `text` with its line breaks kept (never more than one empty line) and everything else as in
/// [`one_line`].
#[must_use]
pub fn paragraph(text: &str, longest: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = one_line(line, longest);
        if !(line.is_empty() && lines.last().is_none_or(String::is_empty)) {
            lines.push(line);
        }
    }
    cut(lines.join("\n").trim_end(), longest)
}

/// The first `longest` characters, the last of them an ellipsis if something was cut.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut room = longest.saturating_sub(1);
    for grapheme in text.graphemes(true) {
        let size = grapheme.chars().count();
        if size > room {
            break;
        }
        room -= size;
        kept.push_str(grapheme);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worse_is_smaller() {
        assert!(Severity::Sev1.is_at_least(Severity::Sev2));
        assert!(Severity::Sev2.is_at_least(Severity::Sev2));
        assert!(!Severity::Sev3.is_at_least(Severity::Sev2));
    }

    #[test]
    fn long_or_odd_payloads_become_a_hash() {
        assert_eq!(DedupKey::new("pagerduty", 1, "PABC1").as_str(), "pagerduty:1:PABC1");
        let odd = DedupKey::new("alertmanager", 1, r#"{}:{alertname="X"}"#);
        assert_eq!(odd.as_str().len(), "alertmanager:1:".len() + 64);
        assert_ne!(odd, DedupKey::new("alertmanager", 2, r#"{}:{alertname="X"}"#));
    }

    #[test]
    fn marks_that_turn_text_round_do_not_get_through() {
        assert_eq!(one_line("a\u{202e}b\n\tc\u{0}d", 10), "ab c d");
    }

    #[test]
    fn a_paragraph_keeps_single_empty_lines() {
        assert_eq!(paragraph("\n\na\n\n\n b \r\n\n", 100), "a\n\nb");
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert!(is_web_address("https://runbooks.example/acme_x"));
        for bad in
            ["javascript:alert(1)", "https://", "https:///x", "http://a b", "ftp://x", "https://x/\u{202e}"]
        {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_line_stays_as_it_is(text in "[ -~\u{7f}-\u{a1}]{0,12}", longest in 0..14_usize) {
            let line = one_line(&text, longest);
            prop_assert_eq!(one_line(&line, longest), line.clone());
            let read_letter_by_letter = one_line(&format!("{text}\u{200b}"), longest);
            prop_assert!(!is_line(&text, longest) || read_letter_by_letter == text);
        }

        #[test]
        fn nothing_longer_than_the_limits_leaves(
            title in ".{0,400}", summary in "(.|\n){0,2000}", id in ".{0,200}", url in ".{0,1200}",
        ) {
            let alert = Draft { id, title, summary, links: vec![(LinkKind::Source, url)], ..Draft::default() }
                .finish(DedupKey::new("t", 1, "x"), AlertState::Firing, (Severity::Sev1, SeverityOrigin::Field));
            prop_assert!(alert.title.chars().count() <= limits::TITLE && !alert.title.is_empty());
            prop_assert!(alert.summary.chars().count() <= limits::SUMMARY);
            prop_assert!(alert.id.len() <= limits::ID && !alert.id.is_empty());
            prop_assert!(!alert.title.contains('\n'));
        }
    }
}
