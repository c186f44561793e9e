//! A person's language, as tags name it: `de`, `pt-BR`, `zh-Hant-TW`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The tag of a language (BCP 47: language, script, region and variants), in its usual spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

/// Not the tag of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the tag of a language")]
pub struct NoLanguage;

impl Language {
    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag itself and then what is left of it without its last part, and so on: `pt-BR`, `pt`.
    pub fn and_wider(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.0.as_str()), |tag| tag.rsplit_once('-').map(|(wider, _)| wider))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Language {
    type Err = NoLanguage;

    /// Reads a tag in whatever case it is written.
    fn from_str(text: &str) -> Result<Self, NoLanguage> {
        let mut parts = text.split('-').peekable();
        let letters = |part: &str, from: usize, to: usize| {
            (from..=to).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic())
        };
        let first = parts.next().filter(|part| letters(part, 2, 3)).ok_or(NoLanguage)?;
        let mut tag = first.to_ascii_lowercase();
        if let Some(script) = parts.next_if(|part| letters(part, 4, 4)) {
            let (head, tail) = script.split_at(1);
            tag = format!("{tag}-{}{}", head.to_ascii_uppercase(), tail.to_ascii_lowercase());
        }
        let is_region = |part: &&str| {
            letters(part, 2, 2) || (part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit()))
        };
        if let Some(region) = parts.next_if(is_region) {
            tag = format!("{tag}-{}", region.to_ascii_uppercase());
        }
        for variant in parts {
            let begins_with_digit = variant.bytes().next().is_some_and(|b| b.is_ascii_digit());
            let fits = (5..=8).contains(&variant.len()) || (variant.len() == 4 && begins_with_digit);
            if !fits || !variant.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(NoLanguage);
            }
            tag = format!("{tag}-{}", variant.to_ascii_lowercase());
        }
        Ok(Self(tag))
    }
}

impl TryFrom<String> for Language {
    type Error = NoLanguage;

    fn try_from(text: String) -> Result<Self, NoLanguage> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_are_read_in_any_case_and_kept_in_the_usual_one() {
        for (written, kept) in [
            ("de", "de"),
            ("PT-br", "pt-BR"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("de-1996", "de-1996"),
            ("sl-ROZAJ", "sl-rozaj"),
            ("gsw", "gsw"),
        ] {
            assert_eq!(written.parse::<Language>().unwrap().as_str(), kept, "{written}");
        }
        for wrong in
            ["", "d", "German", "deutsch", "de_DE", "de-", "-de", "de--DE", "de-D", "de DE", "pt-BR-x-a", "ü"]
        {
            assert!(wrong.parse::<Language>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tag_gives_way_to_wider_ones() {
        let tag: Language = "zh-Hant-TW".parse().unwrap();
        assert_eq!(tag.and_wider().collect::<Vec<_>>(), ["zh-Hant-TW", "zh-Hant", "zh"]);
    }

    proptest! {
        #[test]
        fn what_is_read_reads_as_itself(text in "[a-zA-Z0-9_-]{0,12}|\\PC{0,12}") {
            if let Ok(tag) = text.parse::<Language>() {
                prop_assert!(tag.as_str().eq_ignore_ascii_case(&text));
                prop_assert_eq!(tag.as_str().parse::<Language>().unwrap(), tag.clone());
                prop_assert_eq!(tag.and_wider().last().map(str::len).is_some_and(|n| n <= 3), true);
            }
        }
    }
}
