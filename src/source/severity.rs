//! From what a source says to [`Severity`]: the config's ordered rules first, then what the text of the
//! source's own field usually means, then the configured default.

use std::collections::BTreeMap;

use crate::alert::{Severity, SeverityOrigin};
use crate::matcher::{Labels, Matcher, all_hold};

/// One override of the config.
#[derive(Debug, Clone, PartialEq)]
pub struct SeverityRule {
    /// All of these must hold. They see the alert's labels and, winning over labels of the same name,
    /// `severity` (the text of the field that means it in this tool), `title` and `source`.
    pub matchers: Vec<Matcher>,
    /// Then it is this.
    pub is: Severity,
}

/// How one source's severities are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeverityRules {
    /// The first that holds decides.
    pub rules: Vec<SeverityRule>,
    /// What an alert is about which nothing else says anything.
    pub unmapped: Severity,
}

/// No overrides; the unknown is a [`Severity::Sev3`], which by default opens no room.
impl Default for SeverityRules {
    fn default() -> Self {
        Self { rules: Vec::new(), unmapped: Severity::Sev3 }
    }
}

impl SeverityRules {
    /// `meaning` is what the text of the field means in this tool, if that is clear.
    pub(super) fn decide(&self, seen: &Seen<'_>, meaning: Option<Severity>) -> (Severity, SeverityOrigin) {
        if let Some(rule) = self.rules.iter().find(|rule| all_hold(&rule.matchers, seen)) {
            return (rule.is, SeverityOrigin::Rule);
        }
        match meaning {
            Some(severity) => (severity, SeverityOrigin::Field),
            None => (self.unmapped, SeverityOrigin::Unmapped),
        }
    }
}

/// What rules are asked about.
pub(super) struct Seen<'a> {
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) title: &'a str,
    pub(super) source: &'a str,
    pub(super) severity: Option<&'a str>,
}

impl Labels for Seen<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        match name {
            "severity" if self.severity.is_some() => self.severity,
            "title" => Some(self.title),
            "source" => Some(self.source),
            _ => self.labels.value(name),
        }
    }
}

/// What a severity's text means by widespread custom, whatever its case; `None` if it is not clear. Level 0,
/// where somebody has one, is worse than 1 and so is the worst we have; a bare `0` is not clear (syslog's
/// worst, Zabbix's least).
#[must_use]
pub fn usual_meaning(text: &str) -> Option<Severity> {
    let text = text.trim().to_lowercase();
    // Some templates write whole numbers as `1.0`.
    let whole = text.strip_suffix(".0").filter(|number| number.len() == 1);
    match whole.unwrap_or(&text) {
        "critical" | "crit" | "page" | "emergency" | "emerg" | "disaster" | "fatal" | "blocker" | "1" => {
            Some(Severity::Sev1)
        }
        "high" | "error" | "err" | "major" | "2" => Some(Severity::Sev2),
        "warning" | "warn" | "medium" | "moderate" | "average" | "3" => Some(Severity::Sev3),
        "low" | "minor" | "4" => Some(Severity::Sev4),
        "info" | "information" | "informational" | "notice" | "none" | "debug" | "verbose" | "5" => {
            Some(Severity::Sev5)
        }
        _ => numbered(&text),
    }
}

/// `p1`, `sev1`, `SEV-1`, `severity 1`, also as the first word of more (`P1 - Critical`).
fn numbered(text: &str) -> Option<Severity> {
    let rest =
        ["severity", "sev", "priority", "prio", "p"].into_iter().find_map(|word| text.strip_prefix(word))?;
    let mut rest = rest.strip_prefix([' ', '-', '_']).unwrap_or(rest).chars();
    let level = rest.next()?;
    if rest.next().is_some_and(|c| c.is_alphanumeric() || c == '.') {
        return None;
    }
    match level {
        '0' | '1' => Some(Severity::Sev1),
        '2' => Some(Severity::Sev2),
        '3' => Some(Severity::Sev3),
        '4' => Some(Severity::Sev4),
        '5' => Some(Severity::Sev5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(matchers: &[&str], is: Severity) -> SeverityRule {
        SeverityRule { matchers: matchers.iter().map(|m| Matcher::parse(m).unwrap()).collect(), is }
    }

    fn decide(rules: &SeverityRules, severity: Option<&str>) -> (Severity, SeverityOrigin) {
        let labels = [("client", "acme"), ("severity", "from label"), ("title", "label")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let seen = Seen { labels: &labels, title: "Checkout down", source: "prom-eu", severity };
        rules.decide(&seen, severity.and_then(usual_meaning))
    }

    #[test]
    fn the_usual_words_and_numbers_are_known() {
        for (severity, texts) in [
            (
                Severity::Sev1,
                &[
                    "critical",
                    "CRITICAL",
                    " Page ",
                    "emergency",
                    "Disaster",
                    "fatal",
                    "sev1",
                    "SEV-1",
                    "sev 1",
                    "P1",
                    "1",
                    "P0",
                    "SEV0",
                    "Severity 1",
                    "P1 - Critical",
                    "SEV_1: everything",
                ][..],
            ),
            (Severity::Sev2, &["high", "error", "Major", "sev2", "P2", "2"]),
            (Severity::Sev3, &["warning", "Warn", "sev3", "p3", "medium"]),
            (Severity::Sev4, &["low", "minor", "sev-4", "P4"]),
            (Severity::Sev5, &["info", "Informational", "none", "debug", "sev5", "P5"]),
        ] {
            for text in texts {
                assert_eq!(usual_meaning(text), Some(severity), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_clear_is_not_guessed() {
        for text in [
            "", "0", "6", "-1", "p", "p6", "p10", "p1x", "p1.5", "sev", "sev--1", "ok", "urgent!", "page me",
            "11",
        ] {
            assert_eq!(usual_meaning(text), None, "{text}");
        }
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_nought_behind_it() {
        for (text, meaning) in [
            ("1.0", Some(Severity::Sev1)),
            ("2.0", Some(Severity::Sev2)),
            ("1.5", None),
            ("0.0", None),
            (".0", None),
        ] {
            assert_eq!(usual_meaning(text), meaning, "{text}");
        }
    }

    #[test]
    fn the_first_rule_that_holds_wins_over_the_field() {
        let rules = SeverityRules {
            rules: vec![
                rule(&["client = nobody"], Severity::Sev5),
                rule(&["client = acme", "severity = warning"], Severity::Sev2),
                rule(&["severity = warning"], Severity::Sev4),
            ],
            unmapped: Severity::Sev5,
        };
        assert_eq!(decide(&rules, Some("warning")), (Severity::Sev2, SeverityOrigin::Rule));
        assert_eq!(decide(&rules, Some("critical")), (Severity::Sev1, SeverityOrigin::Field));
        assert_eq!(decide(&rules, Some("odd")), (Severity::Sev5, SeverityOrigin::Unmapped));
        assert_eq!(decide(&rules, None), (Severity::Sev5, SeverityOrigin::Unmapped));
    }

    #[test]
    fn rules_see_title_source_and_the_label_behind_an_absent_field() {
        for (matcher, holds) in [
            ("title = \"Checkout down\"", true),
            ("title = label", false),
            ("source = prom-eu", true),
            ("severity = \"from label\"", true),
        ] {
            let rules =
                SeverityRules { rules: vec![rule(&[matcher], Severity::Sev2)], ..SeverityRules::default() };
            let wanted = if holds {
                (Severity::Sev2, SeverityOrigin::Rule)
            } else {
                (Severity::Sev3, SeverityOrigin::Unmapped)
            };
            assert_eq!(decide(&rules, None), wanted, "{matcher}");
        }
    }

    proptest! {
        #[test]
        fn any_text_means_something_or_nothing(text in ".{0,40}") {
            let meaning = usual_meaning(&text);
            prop_assert_eq!(meaning, usual_meaning(&text.to_uppercase().to_lowercase()));
        }
    }
}
