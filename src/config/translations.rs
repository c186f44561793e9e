//! `messages.translations`: texts of one language, for its people and rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::config::item::Item;
use crate::config::load_context::LoadContext;
use crate::config::rooms::{Texts, message_text};
use crate::config::section::Section;
use crate::config::words::shortened;
use crate::message::{Wording, built_in_languages, is_built_in};
use crate::roster::{Language, Roster};

/// Texts by language and, below it, by the template's name.
pub type Translations = BTreeMap<Language, Texts>;

/// The translations, and where they stand if there are any.
#[derive(Default)]
pub(super) struct Translated {
    pub(super) texts: Translations,
    span: Option<Range<usize>>,
}

/// The translations below `messages`.
pub(super) fn translations(messages: &Section<'_>) -> Translated {
    let Some(item) = messages.get("translations") else { return Translated::default() };
    let mut texts = Translations::new();
    for (tag, item) in item.named() {
        let read = item.section(|s| {
            let keys = Wording::translatable().map(Wording::as_str);
            let texts = keys.filter_map(|key| Some((key.to_owned(), message_text(&s.get(key)?, key)?)));
            texts.collect::<Texts>()
        });
        let Ok(language) = tag.trim().parse::<Language>() else {
            item.context.error_with(
                item.key_span.clone(),
                format!("`{}` is not the tag of a language", shortened(tag)),
                hint(tag),
            );
            continue;
        };
        if texts.contains_key(&language) {
            let message = format!("`{}` is the language `{language}`, which stands here already", item.path);
            item.context.error_with(item.key_span.clone(), message, "put its texts under one of them");
            continue;
        }
        texts.insert(language, read);
    }
    Translated { texts, span: Some(item.key_span) }
}

/// A person's language.
pub(super) fn language(item: &Item<'_>) -> Option<Language> {
    let text = item.text()?;
    let language = text.parse().ok();
    if language.is_none() {
        item.error_with(format!("is not the tag of a language: `{}`", shortened(text)), hint(text));
    }
    language
}

fn hint(text: &str) -> String {
    let dashed = text.trim().replace('_', "-");
    match dashed.parse::<Language>() {
        Ok(language) => format!("write `{language}`"),
        Err(_) => "a tag such as `de`, `pt-BR` or `zh-Hant`: language, then script or region".to_owned(),
    }
}

impl Translated {
    /// Says which languages of the roster's people and rooms there are no texts in.
    pub(super) fn check(&self, roster: &Roster, context: &LoadContext<'_>) {
        let mut missing: BTreeMap<&Language, BTreeSet<&str>> = BTreeMap::new();
        for person in roster.people.values() {
            let Some(language) = &person.language else { continue };
            let is_there = |wider: &str| self.texts.keys().any(|translated| translated.as_str() == wider);
            if !is_built_in(language) && !language.and_wider().any(is_there) {
                missing.entry(language).or_default().insert(&person.key);
            }
        }
        for (language, people) in missing {
            let people: Vec<&str> = people.into_iter().take(NAMED).collect();
            context.warning(
                self.span.clone().unwrap_or_default(),
                format!("there are no texts in `{language}`, the language of {}", people.join(", ")),
                format!(
                    "these people get the usual texts; built in are {}, others go under `messages.translations`",
                    built_in_languages().join(", ")
                ),
            );
        }
    }
}

/// People named in one finding at most.
const NAMED: usize = 5;
