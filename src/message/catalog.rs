//! The built-in words of each language: one file with all its templates and phrases.
//!
//! A phrase holds `{name}` where something is inserted, and `one: … | other: …` where its form depends on a number.
//! What is inserted is escaped before, and in a language that runs from right to left it is isolated, so that an id or
//! a name does not turn the words around it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::Value;

use super::markup::escape;
use super::phrase::{Phrase, SHORT, one};
use super::wording::{ROOM_NAME, Wording};
use crate::clock::Timestamp;
use crate::roster::Language;

/// The variable that holds the tag of the language in which a text's values are said.
pub(super) const LANGUAGE: &str = "language";

/// Begins and ends a part that has its own direction (first strong isolate).
const ISOLATE: [char; 2] = ['\u{2068}', '\u{2069}'];

/// Text that may be inserted as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Safe(pub(super) String);

impl From<Safe> for Value {
    fn from(safe: Safe) -> Self {
        Self::from_safe_string(safe.0)
    }
}

/// What one language is written with.
#[derive(Debug)]
pub(super) struct Catalog {
    /// The language's tag.
    pub(super) tag: &'static str,
    right_to_left: bool,
    form: fn(u64) -> &'static str,
    templates: BTreeMap<&'static str, String>,
    phrases: BTreeMap<&'static str, &'static str>,
}

static CATALOGS: LazyLock<Vec<Catalog>> = LazyLock::new(|| {
    let read = |tag, form, text| Catalog { right_to_left: tag == "ar", ..Catalog::read(tag, form, text) };
    vec![
        read("en", one_or_other, include_str!("texts/en.txt")),
        read("de", one_or_other, include_str!("texts/de.txt")),
        read("es", one_or_other, include_str!("texts/es.txt")),
        read("pt", one_or_other, include_str!("texts/pt.txt")),
        read("fr", none_is_one, include_str!("texts/fr.txt")),
        read("ar", arabic, include_str!("texts/ar.txt")),
        read("hi", none_is_one, include_str!("texts/hi.txt")),
        read("id", |_| "other", include_str!("texts/id.txt")),
    ]
});

/// What stands in for a language of which nothing could be read.
static EMPTY: LazyLock<Catalog> = LazyLock::new(|| Catalog::read("en", one_or_other, ""));

/// The plural forms of Unicode's CLDR.
fn one_or_other(n: u64) -> &'static str {
    if n == 1 { "one" } else { "other" }
}

fn none_is_one(n: u64) -> &'static str {
    if n <= 1 { "one" } else { "other" }
}

fn arabic(n: u64) -> &'static str {
    match (n, n % 100) {
        (0, _) => "zero",
        (1, _) => "one",
        (2, _) => "two",
        (_, 3..=10) => "few",
        (_, 11..) => "many",
        _ => "other",
    }
}

impl Catalog {
    /// Every language, English first.
    pub(super) fn all() -> &'static [Self] {
        &CATALOGS
    }

    /// The language that everything is said in unless another is asked for.
    pub(super) fn english() -> &'static Self {
        CATALOGS.first().unwrap_or(&EMPTY)
    }

    /// The nearest language to `language` that there is.
    pub(super) fn of(language: &Language) -> Option<&'static Self> {
        language.and_wider().find_map(Self::tagged)
    }

    pub(super) fn tagged(tag: &str) -> Option<&'static Self> {
        CATALOGS.iter().find(|catalog| catalog.tag == tag)
    }

    fn read(tag: &'static str, form: fn(u64) -> &'static str, text: &'static str) -> Self {
        let mut templates: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut phrases = BTreeMap::new();
        let mut section = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
            } else if section == "phrases" {
                if let Some((key, phrase)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                    phrases.insert(key.trim(), phrase.trim());
                }
            } else if !section.is_empty() {
                let template = templates.entry(section).or_default();
                template.push_str(line);
                template.push('\n');
            }
        }
        Self { tag, right_to_left: false, form, templates, phrases }
    }

    /// The template of `wording`. A room's name has no words of its own.
    pub(super) fn template(&self, wording: Wording) -> &str {
        if wording == Wording::Subject {
            return ROOM_NAME;
        }
        self.templates.get(wording.as_str()).map_or("", String::as_str)
    }

    /// The words of `phrase` as they stand in the file.
    pub(super) fn raw(&self, phrase: Phrase) -> &'static str {
        self.phrases.get(phrase.key()).copied().unwrap_or_default()
    }

    /// `phrase` without anything inserted.
    pub(super) fn words(&self, phrase: Phrase) -> Safe {
        Safe(self.raw(phrase).to_owned())
    }

    /// `phrase` with each of `values` in the place that bears its name.
    pub(super) fn say(&self, phrase: Phrase, values: &[(&str, &Safe)]) -> Safe {
        insert(self.raw(phrase), values)
    }

    /// `phrase` in the form for `n`, which stands at `{n}`.
    pub(super) fn count(&self, phrase: Phrase, n: u64, values: &[(&str, &Safe)]) -> Safe {
        let number = Safe(n.to_string());
        let form = form(self.raw(phrase), (self.form)(n));
        insert(form, &[&[("n", &number)], values].concat())
    }

    /// Foreign text, made harmless.
    pub(super) fn foreign(&self, text: &str) -> Safe {
        Safe(self.isolated(escape(text)))
    }

    /// `text` with a direction of its own, where that can matter.
    pub(super) fn isolated(&self, text: String) -> String {
        let [begin, end] = ISOLATE;
        if self.right_to_left && text.contains(char::is_alphabetic) {
            format!("{begin}{text}{end}")
        } else {
            text
        }
    }

    /// "a, b and 2 more".
    pub(super) fn list(&self, each: &[Safe], most: usize) -> Safe {
        let shown = each.get(..most).unwrap_or(each);
        self.list_and(shown, u64::try_from(each.len() - shown.len()).unwrap_or_default())
    }

    /// `each`, and how many more there are.
    pub(super) fn list_and(&self, each: &[Safe], more: u64) -> Safe {
        let each: Vec<&str> = each.iter().map(|one| one.0.as_str()).collect();
        let list = Safe(each.join(&format!("{} ", self.raw(Phrase::Comma))));
        if more == 0 { list } else { self.count(Phrase::AndMore, more, &[("list", &list)]) }
    }

    /// How many alerts are active. `truncated`: the source may have left some out.
    pub(super) fn alerts(&self, firing: u32, truncated: bool) -> Safe {
        let alerts = self.count(Phrase::Alerts, firing.into(), &[]);
        match (firing, truncated) {
            (0, true) => self.words(Phrase::SomeAlerts),
            (_, true) => self.say(Phrase::AtLeast, &[("alerts", &alerts)]),
            (_, false) => alerts,
        }
    }

    /// The length of time between two moments.
    pub(super) fn span(&self, from: Timestamp, until: Timestamp) -> Safe {
        self.length(until.as_second().saturating_sub(from.as_second()))
    }

    /// A length of time as people say it, in its two largest units.
    pub(super) fn length(&self, seconds: i64) -> Safe {
        let minutes = seconds.max(0).unsigned_abs() / 60;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        let say = |phrase, n| self.count(phrase, n, &[]);
        let (larger, smaller) = match (days, hours, minutes) {
            (0, 0, 0) => return self.words(Phrase::UnderAMinute),
            (0, 0, m) => return say(Phrase::Minutes, m),
            (0, h, 0) => return say(Phrase::Hours, h),
            (d, 0, _) => return say(Phrase::Days, d),
            (0, h, m) => (say(Phrase::Hours, h), say(Phrase::Minutes, m)),
            (d, h, _) => (say(Phrase::Days, d), say(Phrase::Hours, h)),
        };
        self.say(Phrase::TwoUnits, &[("larger", &larger), ("smaller", &smaller)])
    }

    /// What somebody is called in for; a role that the roster made up is said as it stands there.
    pub(super) fn role(&self, role: &str) -> Safe {
        let each = role.split(", ").map(|role| match role {
            "commander" => self.words(Phrase::Commander),
            "deputy" => self.words(Phrase::Deputy),
            "specialist" => self.words(Phrase::Specialist),
            "client" => self.words(Phrase::Client),
            "account manager" => self.words(Phrase::AccountManager),
            "communications" => self.words(Phrase::Communications),
            other => self.foreign(&one(other, SHORT)),
        });
        self.list(&each.collect::<Vec<_>>(), usize::MAX)
    }

    /// "Jonas Weber (lead)".
    pub(super) fn with_role(&self, name: &str, role: &str) -> Safe {
        let name = self.foreign(&one(name, SHORT));
        self.say(Phrase::WithRole, &[("name", &name), ("role", &self.role(role))])
    }
}

/// The part of `phrase` for this form; the last one serves those that have none of their own.
fn form<'p>(phrase: &'p str, form: &str) -> &'p str {
    let mut parts = phrase.split(" | ");
    let own = parts.find_map(|part| part.strip_prefix(form)?.strip_prefix(": "));
    own.or_else(|| phrase.rsplit_once("other: ").map(|(_, other)| other)).unwrap_or(phrase)
}

fn insert(phrase: &str, values: &[(&str, &Safe)]) -> Safe {
    let mut said = String::with_capacity(phrase.len());
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        said.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            said.push_str(&value.0);
        }
        rest = after;
    }
    said.push_str(rest);
    Safe(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_said_in_two_units() {
        let english = Catalog::english();
        let said: Vec<String> =
            [-5, 59, 60, 3600, 5400, 86_400, 93_600].into_iter().map(|s| english.length(s).0).collect();
        assert_eq!(
            said,
            ["less than a minute", "less than a minute", "1 min", "1 h", "1 h 30 min", "1 d", "1 d 2 h"]
        );
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        let each = ["a", "b", "c"].map(|one| Safe(one.to_owned()));
        assert_eq!(Catalog::english().list(&each, 3).0, "a, b, c");
        assert_eq!(Catalog::english().list(&each, 1).0, "a and 2 more");
    }

    #[test]
    fn a_number_decides_the_form_of_a_word() {
        let alerts = |tag: &str, n| Catalog::tagged(tag).unwrap().alerts(n, false).0;
        assert_eq!([alerts("en", 0), alerts("en", 1), alerts("en", 2)], ["0 alerts", "1 alert", "2 alerts"]);
        assert_eq!(
            [alerts("fr", 0), alerts("fr", 1), alerts("fr", 2)],
            ["0 alerte", "1 alerte", "2 alertes"]
        );
        let arabic = [1, 2, 3, 11, 100, 103].map(|n| alerts("ar", n));
        assert_eq!(arabic, ["تنبيه واحد", "تنبيهان", "3 تنبيهات", "11 تنبيهًا", "100 تنبيه", "103 تنبيهات"]);
    }
}
