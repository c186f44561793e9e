//! A message to our number, read for one thing only: whether its writer wants to be called.
//!
//! One word is a STOP, in any case and with any punctuation around it (`Stop.`, `*stop*`), also with a word of
//! politeness beside it (`please stop`); other sentences may come after it (`Stop, please. I am on leave.`). A sentence
//! with anything else beside such a word can be about the incident (`stop the rollback`, `stop deploys`), so its writer
//! is asked back. The lists are short and on purpose: words that a sentence about an incident begins
//! with (`no`, `end`, `go`) are in none of them. In doubt a word is no answer. A START has to be short besides: it
//! undoes a STOP, and `start the failover` is not meant so.

use serde::{Deserialize, Serialize};

/// All that is kept of what somebody wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Do not call me.
    Stop,
    /// Call me again.
    Start,
    /// I agree.
    Yes,
    /// More words than a STOP has, one of which could be meant so.
    Unclear,
    /// Anything else.
    Other,
}

/// English, the carriers' own words, German, Dutch, French, Spanish, Portuguese, Italian, Arabic, Turkish,
/// Russian, Hindi, Indonesian.
const STOP: &[&str] = &[
    "stop",
    "stopp",
    "stopall",
    "unsubscribe",
    "optout",
    "opt-out",
    "abmelden",
    "aufhören",
    "stoppen",
    "arrêt",
    "arret",
    "arrêter",
    "arrêtez",
    "désabonner",
    "parar",
    "baja",
    "basta",
    "توقف",
    "قف",
    "إيقاف",
    "ايقاف",
    "أوقف",
    "اوقف",
    "durdur",
    "стоп",
    "रोकें",
    "berhenti",
];
/// The same languages.
const START: &[&str] = &[
    "start",
    "unstop",
    "starten",
    "reprendre",
    "commencer",
    "empezar",
    "iniciar",
    "inizia",
    "ابدأ",
    "ابدا",
    "بدء",
    "başla",
    "старт",
];
/// The same languages.
const YES: &[&str] = &[
    "yes",
    "y",
    "yep",
    "yeah",
    "ok",
    "okay",
    "sure",
    "agree",
    "agreed",
    "ja",
    "jo",
    "einverstanden",
    "oui",
    "si",
    "sí",
    "sì",
    "sim",
    "vale",
    "نعم",
    "موافق",
    "تمام",
    "evet",
    "tamam",
    "да",
    "हाँ",
    "हां",
    "ya",
    "setuju",
    "👍",
    "✅",
];
/// What turns a STOP around, in the same languages as far as three words have room for it.
const NOT: &[&str] = &[
    "not", "don't", "don’t", "dont", "never", "no", "cannot", "can't", "can’t", "nicht", "kein", "niet",
    "pas", "não", "non", "لا", "не", "the", "a",
];
/// What may stand beside a STOP without its being about something else, in the same languages.
const BESIDE: &[&str] = &[
    "please",
    "pls",
    "thanks",
    "ok",
    "okay",
    "yes",
    "hi",
    "hello",
    "now",
    "me",
    "it",
    "this",
    "all",
    "calling",
    "messages",
    "messaging",
    "texting",
    "writing",
    "bitte",
    "danke",
    "ja",
    "jetzt",
    "mich",
    "alstublieft",
    "svp",
    "merci",
    "oui",
    "gracias",
    "sí",
    "obrigado",
    "obrigada",
    "grazie",
    "شكرا",
    "رجاء",
    "lütfen",
    "пожалуйста",
];
/// A STOP has no more words than this: what goes on after it is about something else.
const WORDS_OF_A_STOP: usize = 2;
/// A START has no more words than this (`start again please`), because it undoes a STOP.
const WORDS_OF_A_START: usize = 3;
/// A verdict stands at the beginning: nobody has to read a novel.
const READ: usize = 400;

impl Verdict {
    /// What `text` says.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let beginning: String = text.chars().take(READ).collect();
        let words = words_of(&beginning);
        let sentences = beginning.split(['.', '\n']).map(words_of);
        let sentence = sentences.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
        let is = |list: &[&str], word: &str| list.contains(&word);
        // "Opt out" and "opt in" are two words to most people.
        let is_opt = |way: &str, words: &[String]| words.windows(2).any(|two| two == ["opt", way]);
        let first = words.first().map(String::as_str).unwrap_or_default();
        let is_short = words.len() <= WORDS_OF_A_START;
        let is_stop = |words: &[String]| is_opt("out", words) || words.iter().any(|word| is(STOP, word));
        if is_stop(&sentence) && sentence.len() <= WORDS_OF_A_STOP {
            let is_about_us = |word: &String| is(STOP, word) || is(BESIDE, word);
            if sentence.iter().any(|word| is(NOT, word)) {
                Self::Other
            } else if is_opt("out", &sentence) || sentence.iter().all(is_about_us) {
                Self::Stop
            } else {
                Self::Unclear
            }
        } else if is_stop(&words) {
            Self::Unclear
        } else if is_short && (is(START, first) || is_opt("in", &words)) {
            Self::Start
        } else if is(YES, first) {
            Self::Yes
        } else {
            Self::Other
        }
    }
}

fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || is_invisible(c));
    words.map(bare).filter(|word| !word.is_empty()).collect()
}

/// The word without what stands around it, in small letters.
fn bare(word: &str) -> String {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '👍' | '✅'));
    // Whatever follows the first sign is another word: `stop!please`, `stop/ende`.
    let end = word.find(['.', ',', '!', '?', ';', ':', '/', '*', '_', '…']);
    let word = word.get(..end.unwrap_or(word.len())).unwrap_or_default();
    // A keyboard may write the letter and its accent as two characters, and a skin tone after a thumb.
    let composed: String = word.to_lowercase().chars().filter(|c| !is_tone(*c)).collect();
    compose(&composed)
}

/// Direction marks, joiners and the like, which Arabic keyboards and copied texts bring along.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn is_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe0f}')
}

/// The few composed letters that our words have.
fn compose(word: &str) -> String {
    const PAIRS: [(&str, &str); 7] = [
        ("e\u{301}", "é"),
        ("e\u{302}", "ê"),
        ("i\u{301}", "í"),
        ("i\u{300}", "ì"),
        ("o\u{308}", "ö"),
        ("s\u{327}", "ş"),
        ("i\u{307}", "i"),
    ];
    PAIRS.iter().fold(word.to_owned(), |word, (pair, one)| word.replace(pair, one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stop_is_a_stop_however_it_is_written() {
        for text in [
            "STOP",
            "stop",
            "Stop.",
            "stop!",
            "  STOPP ",
            "stop please",
            "Stop, please",
            "*STOP*",
            "\"stop\"",
            "unsubscribe",
            "UNSUBSCRIBE me",
            "opt out",
            "Opt-Out",
            "stop\nI am on leave",
            "Stop, please. I am back in May.",
            "…stop",
            "STOP/ENDE",
            "Abmelden bitte",
            "ARRÊT",
            "arre\u{302}t",
            "parar",
            "توقف",
            "\u{200f}توقف",
            "إيقاف",
            "стоп",
            "please stop",
            "Bitte stoppen!",
            "ok, stop",
        ] {
            assert_eq!(Verdict::of(text), Verdict::Stop, "{text}");
        }
    }

    #[test]
    fn start_and_yes_are_told_apart_because_only_one_lifts_a_stop() {
        for text in ["START", "start.", "Start please", "opt in", "unstop", "ابدأ"] {
            assert_eq!(Verdict::of(text), Verdict::Start, "{text}");
        }
        for text in [
            "yes",
            "OK",
            "ok!",
            "Ja",
            "ja, gerne",
            "oui",
            "Sí",
            "si\u{301}",
            "نعم",
            "👍",
            "👍🏽",
            "Okay, thanks",
        ] {
            assert_eq!(Verdict::of(text), Verdict::Yes, "{text}");
        }
    }

    #[test]
    fn a_sentence_about_something_else_is_no_answer() {
        for text in [
            "",
            "  ",
            "\u{200f}",
            "Hello",
            "who is this?",
            "don't stop",
            "weiter so",
            "no",
            "No idea",
            "stopping by later",
            "startup is slow",
            "start the failover now",
            "oklahoma",
            "end of shift",
            "…",
            "opt",
            "optional",
        ] {
            assert_eq!(Verdict::of(text), Verdict::Other, "{text}");
        }
    }

    #[test]
    fn a_sentence_with_the_word_in_it_is_asked_back() {
        for text in [
            "Stop the replication, Noor restores it",
            "Arrêt du site prévu à midi",
            "Baja el nivel de ruido",
            "we cannot stop it",
            "ok, then stop the deploy",
            "how do I opt out?",
            "the stop button",
            "توقف الخادم عن العمل",
            "stop deploys",
            "Stop rollback!",
            "Basta reiniciar",
            "Failover stoppen",
        ] {
            assert_eq!(Verdict::of(text), Verdict::Unclear, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_verdict_and_only_its_beginning_counts(text in ".{0,600}", tail in ".{0,80}") {
            let long = format!("{}{tail}", text.chars().chain(std::iter::repeat(' ')).take(READ).collect::<String>());
            prop_assert_eq!(Verdict::of(&long), Verdict::of(&long.chars().take(READ).collect::<String>()));
        }

        #[test]
        fn a_word_of_the_list_counts_in_any_case_with_anything_behind_it(
            word in proptest::sample::select(STOP),
            tail in proptest::option::of(proptest::sample::select(BESIDE)),
            sign in "[.!?,…]{0,3}",
            shout: bool,
        ) {
            let word = if shout { word.to_uppercase() } else { word.to_owned() };
            let tail = tail.unwrap_or_default();
            prop_assert_eq!(Verdict::of(&format!(" {word}{sign} {tail}")), Verdict::Stop);
        }
    }
}
