//! Texts that belong to no incident: the opt-in request, and the receipts for STOP and START.

use std::collections::BTreeMap;

use minijinja::Value;

use super::catalog::{Catalog, LANGUAGE};
use super::length::{fit, size, tidy};
use super::scene::{Words, operator};
use super::template::Author;
use super::wording::Wording;
use super::{Composer, Preview, SHORTEN, Settings, TemplateProblem};
use crate::alert::one_line;
use crate::roster::Language;

/// The longest name that is shown.
const NAME: usize = 120;
/// Whom samples are for.
const SOMEBODY: &str = "Amira Haddad";

impl Composer {
    /// Who we are and how to refuse, for somebody called `name` who reads `language`.
    #[must_use]
    pub fn opt_in_request(&self, name: &str, language: Option<&Language>) -> String {
        self.letter(Wording::OptInRequest, name, language)
    }

    /// That a STOP was taken, for somebody who reads `language`.
    #[must_use]
    pub fn receipt_for_stop(&self, language: Option<&Language>) -> String {
        self.letter(Wording::StopTaken, "", language)
    }

    /// That a START was taken, for somebody who reads `language`.
    #[must_use]
    pub fn receipt_for_start(&self, language: Option<&Language>) -> String {
        self.letter(Wording::StartTaken, "", language)
    }

    /// Whether a sentence was meant as a STOP, for somebody who reads `language`.
    #[must_use]
    pub fn question_of_stop(&self, language: Option<&Language>) -> String {
        self.letter(Wording::StopQuestion, "", language)
    }

    fn letter(&self, wording: Wording, name: &str, language: Option<&Language>) -> String {
        self.authors(wording, None, language, &[])
            .into_iter()
            .find_map(|(author, catalog)| self.letter_by(author, catalog, wording, name).ok())
            .unwrap_or_else(|| tidy(Catalog::english().template(wording)))
    }

    fn letter_by(
        &self,
        author: Author<'_>,
        catalog: &'static Catalog,
        wording: Wording,
        name: &str,
    ) -> Result<String, TemplateProblem> {
        let words = words(catalog, &self.settings, wording, name);
        let text = tidy(&self.templates.template(author, wording)?.render(words)?);
        let longest = self.settings.limits.longest_text;
        if size(&text) > longest {
            let why = format!("it is longer than the {longest} characters that are taken");
            return Err(TemplateProblem::of(wording, why, SHORTEN));
        }
        match way_out(wording) {
            Some(word) if !holds(&text, word) => {
                let why = format!("it does not say `{word}`, which is what a person has to answer");
                Err(TemplateProblem::of(wording, why, "say how to refuse or to come back, with that word"))
            }
            _ => Ok(text),
        }
    }

    /// What goes wrong with the config's own letters.
    pub(super) fn problems_with_letters(&self) -> Vec<TemplateProblem> {
        let own = Wording::LETTERS.into_iter().filter(|wording| self.templates.has_own(*wording));
        let catalog = self.catalog(None, None);
        own.filter_map(|wording| self.letter_by(Author::Config, catalog, wording, SOMEBODY).err()).collect()
    }

    pub(super) fn letter_previews(&self) -> impl Iterator<Item = Preview> {
        Wording::LETTERS
            .into_iter()
            .map(|wording| Preview { wording, text: self.letter(wording, SOMEBODY, None) })
    }
}

/// The words that a letter may use.
pub(super) fn words(catalog: &Catalog, settings: &Settings, wording: Wording, name: &str) -> Words {
    let mut words = Words::from([
        ("operator", Value::from(operator(catalog, settings))),
        (LANGUAGE, Value::from(catalog.tag)),
    ]);
    if wording == Wording::OptInRequest {
        let name = Value::from(catalog.foreign(&fit(&one_line(name, NAME), NAME)));
        words.insert("person", Value::from(BTreeMap::from([("name", name)])));
    }
    words
}

/// The word without which a text hides how to refuse, or how to come back.
fn way_out(wording: Wording) -> Option<&'static str> {
    match wording {
        Wording::OptInRequest | Wording::StartTaken | Wording::StopQuestion => Some("STOP"),
        Wording::StopTaken => Some("START"),
        _ => None,
    }
}

fn holds(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::Verdict;
    use crate::message::{ROOM_NAME, Settings};

    fn composer(name: &str, text: &str) -> Result<Composer, Vec<TemplateProblem>> {
        let own = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        Composer::new(ROOM_NAME, &own, Settings::default())
    }

    #[test]
    fn an_opt_in_request_says_whom_it_means_and_how_to_refuse() {
        let text = Composer::default().opt_in_request("Ada *Obi*\n+15550100001", None);
        assert!(text.starts_with("Hello Ada"), "{text}");
        assert!(holds(&text, "STOP") && holds(&text, "YES"), "{text}");
        assert!(!text.contains("*Obi*"), "a name formats nothing: {text}");
    }

    #[test]
    fn a_wording_without_the_way_out_is_a_problem_and_is_not_used() {
        let composer = composer("opt_in_request", "Hello {{ person.name }}, we will call you.").unwrap();
        let problems = composer.check();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].why.contains("`STOP`"), "{problems:?}");
        assert!(holds(&composer.opt_in_request("Ada", None), "STOP"));
    }

    #[test]
    fn a_wording_of_the_config_is_used_and_knows_only_its_own_words() {
        let own = composer("stop_taken", "Done. Write START to come back.").unwrap();
        assert!(own.check().is_empty());
        assert_eq!(own.receipt_for_stop(None), "Done. Write START to come back.");
        assert!(composer("opt_in_request", "{{ title }} STOP").is_err());
    }

    #[test]
    fn our_own_receipts_are_no_answers_to_an_automatic_reply() {
        let composer = Composer::default();
        let receipts = [
            composer.receipt_for_stop(None),
            composer.receipt_for_start(None),
            composer.question_of_stop(None),
        ];
        for text in receipts.into_iter().chain([composer.opt_in_request("Ada", None)]) {
            let verdict = Verdict::of(&text);
            assert!(matches!(verdict, Verdict::Other | Verdict::Unclear), "{verdict:?}: {text}");
        }
    }
}
