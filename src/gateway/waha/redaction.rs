//! What may be kept of a provider's words.
//!
//! Actor: [`Redaction`], which knows this account's token and instance id and lets neither through, nor
//! phone numbers, invite links or anything else that looks like a key. Its output goes into journals and
//! logs.

use secrecy::{ExposeSecret, SecretString};

/// Longest detail, in characters.
const LONGEST: usize = 160;
/// A stretch of the token this long is already too much of it.
const WINDOW: usize = 8;
/// Letters and digits without a break, this many and not only letters: a key, not a word.
const KEY_LIKE: usize = 20;
/// As many digits as the shortest phone number has.
const PHONE_LIKE: usize = 7;

/// Cleans words that came from outside.
pub(super) struct Redaction {
    token: SecretString,
    instance_id: String,
}

impl Redaction {
    pub(super) fn new(token: SecretString, instance_id: String) -> Self {
        Self { token, instance_id }
    }

    /// One short line without credentials and phone numbers.
    pub(super) fn clean(&self, text: &str) -> String {
        // Bounded before the work, generously, so that a huge message costs nothing.
        let text: String = text.chars().take(LONGEST * 8).collect();
        if self.shows_token(&text) {
            return "(words withheld: they held the credential)".to_owned();
        }
        let text = without(&text, &self.instance_id, "[instance]");
        let text = hide_keys(&hide_links(&text));
        let text = hide_phones(&text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        match text.char_indices().nth(LONGEST) {
            Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
            None => text,
        }
    }

    /// Whether the text holds the token or a telling part of it, plainly, percent-encoded (also twice) or
    /// broken up by white space and control characters.
    fn shows_token(&self, text: &str) -> bool {
        let token = self.token.expose_secret().to_lowercase();
        if token.is_empty() {
            return false;
        }
        let token: Vec<char> = token.chars().collect();
        let parts: Vec<String> =
            token.windows(WINDOW.min(token.len())).map(|part| part.iter().collect()).collect();
        let mut form = text.to_lowercase();
        for _ in 0..3 {
            let solid: String =
                form.chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '\\').collect();
            if parts.iter().any(|part| form.contains(part) || solid.contains(part)) {
                return true;
            }
            let next = percent_decoded(&form).to_lowercase();
            if next == form {
                return false;
            }
            form = next;
        }
        // Encoded more often than anyone needs to: not worth the risk.
        true
    }
}

/// The text with `%41` and the like read, and left alone where they are no text.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = (first == b'%')
            .then(|| after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok()))
            .flatten()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let Some(byte) = pair {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text without `word`, whatever the case of its letters.
fn without(text: &str, word: &str, instead: &str) -> String {
    if word.is_empty() {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..word.len()) {
            Some(head) if head.eq_ignore_ascii_case(word) => {
                kept.push_str(instead);
                rest = rest.get(word.len()..).unwrap_or_default();
            }
            _ => {
                kept.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    kept
}

/// Web addresses without what follows the host: a path or query can be a key.
fn hide_links(text: &str) -> String {
    let word = |word: &str| {
        let Some((host, _)) = word
            .find("://")
            .map(|at| at + 3)
            .or_else(|| word.find("chat.whatsapp.com"))
            .and_then(|from| word.get(from..).map(|rest| (from, rest)))
            .and_then(|(from, rest)| rest.find(['/', '?', '#']).map(|at| word.split_at(from + at)))
        else {
            return word.to_owned();
        };
        format!("{host}/…")
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn hide_keys(text: &str) -> String {
    hide_runs(
        text,
        char::is_alphanumeric,
        |_| false,
        |run| {
            let digits = run.iter().filter(|c| c.is_numeric()).count();
            let key = run.len() >= KEY_LIKE && digits > 0 && digits < run.len();
            key.then(|| "[…]".to_owned())
        },
    )
}

/// Digits, also when written in groups, keep their last two.
fn hide_phones(text: &str) -> String {
    let joins = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}');
    hide_runs(text, char::is_numeric, joins, |run| {
        let digits: Vec<char> = run.iter().copied().filter(|c| c.is_numeric()).collect();
        let tail = digits.len().saturating_sub(2);
        (digits.len() >= PHONE_LIKE).then(|| format!("…{}", digits.iter().skip(tail).collect::<String>()))
    })
}

/// Hands every run of `wanted` characters, single `joins` between them included, to `change`.
fn hide_runs(
    text: &str,
    wanted: impl Fn(char) -> bool,
    joins: impl Fn(char) -> bool,
    change: impl Fn(&[char]) -> Option<String>,
) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut run: Vec<char> = Vec::new();
    let flush = |run: &mut Vec<char>, kept: &mut String| {
        let trailing = run.iter().rev().take_while(|c| !wanted(**c)).count();
        let tail = run.split_off(run.len() - trailing);
        match change(run) {
            Some(instead) => kept.push_str(&instead),
            None => kept.extend(run.iter()),
        }
        kept.extend(tail);
        run.clear();
    };
    for c in text.chars() {
        let goes_on = wanted(c) || (!run.is_empty() && joins(c));
        if goes_on {
            run.push(c);
        } else {
            flush(&mut run, &mut kept);
            kept.push(c);
        }
    }
    flush(&mut run, &mut kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "tok+En/5ecret=Value9";

    fn redaction() -> Redaction {
        Redaction::new(TOKEN.into(), "INST0000ABCD".to_owned())
    }

    #[test]
    fn ordinary_words_pass() {
        let words = "Session status is not as expected: SCAN_QR_CODE, partial-server-error 530";
        assert_eq!(redaction().clean(words), words);
    }

    #[test]
    fn phone_numbers_keep_two_digits() {
        for (said, kept) in [
            ("no 15550100123@c.us here", "no …23@c.us here"),
            ("call +1 (555) 010-0123 now", "call +…23 now"),
            ("code 429 after 123456 ms", "code 429 after 123456 ms"),
            ("group 120363111111111111@g.us", "group …11@g.us"),
        ] {
            assert_eq!(redaction().clean(said), kept);
        }
    }

    #[test]
    fn links_and_keys_are_hidden() {
        assert_eq!(
            redaction().clean("see https://chat.whatsapp.com/AbCdEf and http://h.example?x=1"),
            "see https://chat.whatsapp.com/… and http://h.example/…"
        );
        assert_eq!(redaction().clean("key a1b2c3d4e5f6a7b8c9d0e1 end"), "key […] end");
    }

    #[test]
    fn the_instance_id_is_named_not_shown() {
        assert_eq!(redaction().clean("Session \"inst0000abcd\" lost"), "Session \"[instance]\" lost");
    }

    #[test]
    fn the_token_is_found_in_every_dress() {
        let encoded = "tok%2BEn%2F5ecret%3DValue9";
        let twice = "tok%252BEn%252F5ecret%253DValue9";
        for dress in [
            TOKEN.to_owned(),
            TOKEN.to_uppercase(),
            format!("bad request: ?access_token={encoded}&x=1"),
            format!("x{}", encoded.to_lowercase()),
            twice.to_owned(),
            "tok+En/5ec ret=Val ue9".to_owned(),
            "tok+En\\/5ecret=Value9".to_owned(),
            TOKEN[..12].to_owned(),
        ] {
            let shown = redaction().clean(&dress);
            assert_eq!(shown, "(words withheld: they held the credential)", "{dress}");
        }
    }

    #[test]
    fn long_words_are_cut_and_made_one_line() {
        let shown = redaction().clean(&format!("a\nb\u{7}\tc {}", "word ".repeat(200)));
        assert!(shown.starts_with("a b c word"), "{shown}");
        assert_eq!(shown.chars().count(), LONGEST + 1);
    }

    proptest! {
        #[test]
        fn whatever_surrounds_the_token_it_does_not_pass(before in ".{0,40}", after in ".{0,40}") {
            let shown = redaction().clean(&format!("{before}{TOKEN}{after}"));
            prop_assert!(!shown.contains(TOKEN));
        }

        #[test]
        fn no_seven_digits_in_a_row_pass(text in "[0-9 a-z+().-]{0,300}") {
            let shown = redaction().clean(&text);
            let mut run = 0;
            for c in shown.chars() {
                run = if c.is_ascii_digit() { run + 1 } else { 0 };
                prop_assert!(run < PHONE_LIKE, "{}", shown);
            }
        }

        #[test]
        fn the_result_is_short_and_one_line(text in any::<String>()) {
            let shown = redaction().clean(&text);
            prop_assert!(shown.chars().count() <= LONGEST + 1);
            let controls = shown.chars().filter(|c| c.is_control()).count();
            prop_assert_eq!(controls, 0);
        }
    }
}
