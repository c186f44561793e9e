//! What is said: texts that replace the built-in ones, and those of one language.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Key, Named, TEXT, keys};
use crate::config::load_context::LoadContext;
use crate::config::values::language_hint;
use crate::config::words::shortened;
use crate::message::{self, Composer, built_in_languages, is_built_in};
use crate::roster::{Language, Roster};

/// Texts that replace the built-in ones, by the template's name.
pub type Texts = BTreeMap<String, String>;

keys! {
    /// Texts for everybody in a room.
    ROOM_TEMPLATES {
        /// The first message of a room.
        welcome: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// An incident in the room of another one.
        guest: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// The group's description.
        description: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// Who is here, once that is known.
        presence: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// Who must be there and is not, who stands in, and that everybody needed is there after all.
        quorum: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// What changed.
        update: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// Nothing fires any more.
        resolved: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// The source has said nothing for too long.
        stale: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// It fires again.
        reopened: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// Said when the room is closed.
        last_words: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// Into a second group, when it is closed.
        pointer: Form::Template, such_as "\"{{ token }} {{ title }}\"";
    }
    /// Texts for one person about an incident.
    PERSONAL_TEMPLATES {
        /// To one person: the link to the group.
        invite: Form::Template, such_as "\"{{ token }} {{ title }} {{ link }}\"";
        /// To one person who must be there.
        reminder: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// To one person, while there is no group or nobody can be brought into it.
        brief: Form::Template, such_as "\"{{ token }} {{ title }}\"";
        /// To one person, whose room cannot be spoken in because its number does not work.
        quiet: Form::Template, such_as "\"{{ token }} {{ title }}\"";
    }
    /// Texts for one person that belong to no room.
    LETTERS {
        /// To one person, whether they may be called; it must tell them to answer STOP if not.
        opt_in_request: Form::Template, such_as "\"{{ person.name }}: answer STOP\"";
        /// To one person who said STOP; it must name START.
        stop_taken: Form::Template, such_as "\"Taken. START undoes it.\"";
        /// To one person who said START; it must name STOP.
        start_taken: Form::Template, such_as "\"Taken. STOP undoes it.\"";
        /// To one person who wrote a sentence that may be meant as a STOP; it must name STOP.
        stop_question: Form::Template, such_as "\"No more of these? Answer STOP.\"";
    }
    /// Wording of your own. What is absent is built in.
    pub(super) MESSAGES = "messages" {
        /// Texts of one language, by its tag (`de`, `pt-BR`).
        translations: Form::Named(&TRANSLATIONS);
        ..ROOM_TEMPLATES;
        ..PERSONAL_TEMPLATES;
        ..LETTERS;
    }
    /// Wording of a route, before that of warroom.yaml.
    pub(super) ROUTE_MESSAGES = "route messages" {
        ..ROOM_TEMPLATES;
        ..PERSONAL_TEMPLATES;
    }
    /// Texts of one language.
    TRANSLATION = "translation" {
        ..ROOM_TEMPLATES;
        ..PERSONAL_TEMPLATES;
        ..LETTERS;
    }
    /// A text that stands in a file of its own.
    pub(super) FILE = "text file" {
        /// A path relative to the file in which it is written.
        file: TEXT, needed, such_as "welcome.txt";
    }
}

static TRANSLATIONS: Named = Named {
    of: Form::Map(&TRANSLATION),
    names: r#"{ "pattern": "^\\s*[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\\s*$" }"#,
    example: "de",
    least: 0,
};

/// Every template that may be replaced.
pub fn templates() -> impl Iterator<Item = &'static str> {
    [ROOM_TEMPLATES, PERSONAL_TEMPLATES, LETTERS].into_iter().flatten().map(|key| key.name)
}

/// What a room is called unless the config says otherwise.
pub const USUAL_NAME: &str = message::ROOM_NAME;

/// What the composer calls the template of a room's name.
pub(super) const NAME: &str = "name";

/// A text that renders: it is tried on made-up incidents, full ones and bare ones.
pub(super) fn template(item: &Item<'_>, key: &str, text: &str) -> Option<String> {
    let (room_name, texts) = if key == NAME {
        (text, Texts::new())
    } else {
        (USUAL_NAME, Texts::from([(key.to_owned(), text.to_owned())]))
    };
    let problems = match Composer::new(room_name, &texts, message::Settings::default()) {
        Ok(composer) => {
            for tight in composer.tight() {
                item.warning(
                    format!("is long: {}", tight.why),
                    "shorten it, so that the long parts of an alert find room beside it",
                );
            }
            composer.check()
        }
        Err(problems) => problems,
    };
    for problem in &problems {
        let place = problem.line.map(|line| format!("line {line} of the text: ")).unwrap_or_default();
        item.error_with(format!("does not render: {place}{}", problem.why), problem.hint);
    }
    problems.is_empty().then(|| text.to_owned())
}

pub(super) fn messages(root: &Section<'_>) -> (Texts, Translated) {
    root.section("messages", &MESSAGES, |s| {
        (texts(s, &[ROOM_TEMPLATES, PERSONAL_TEMPLATES, LETTERS]), translations(s))
    })
}

/// A route's own texts.
pub(super) fn route_texts(route: &Section<'_>) -> Texts {
    route.section("messages", &ROUTE_MESSAGES, |s| texts(s, &[ROOM_TEMPLATES, PERSONAL_TEMPLATES]))
}

/// Those of the templates in `groups` that a section replaces.
fn texts(s: &Section<'_>, groups: &[&[Key]]) -> Texts {
    let keys = groups.iter().copied().flatten().map(|key| key.name);
    keys.filter_map(|key| Some((key.to_owned(), message_text(&s.get(key)?, key)?))).collect()
}

fn message_text(item: &Item<'_>, key: &str) -> Option<String> {
    if !item.is_map() {
        let text = item.text()?;
        return template(item, key, text);
    }
    let file = item.section(&FILE, |s| s.need("file"))?;
    let text = file.file_text(file.text()?)?;
    template(&file, key, &text)
}

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
    let mut found = Translations::new();
    for (tag, item) in item.named() {
        let read = item.section(&TRANSLATION, |s| texts(s, &[ROOM_TEMPLATES, PERSONAL_TEMPLATES, LETTERS]));
        let Ok(language) = tag.trim().parse::<Language>() else {
            item.context.error_with(
                item.key_span.clone(),
                format!("`{}` is not the tag of a language", shortened(tag)),
                language_hint(tag),
            );
            continue;
        };
        if found.contains_key(&language) {
            let message = format!("`{}` is the language `{language}`, which stands here already", item.path);
            item.context.error_with(item.key_span.clone(), message, "put its texts under one of them");
            continue;
        }
        found.insert(language, read);
    }
    Translated { texts: found, span: Some(item.key_span) }
}

impl Translated {
    /// Says which languages of the roster's people there are no texts in.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Wording;

    #[test]
    fn the_keys_are_the_kinds_of_text_that_there_are() {
        let names =
            |wordings: Vec<Wording>| wordings.into_iter().map(Wording::as_str).collect::<BTreeSet<_>>();
        let keys =
            |groups: &[&[Key]]| groups.iter().copied().flatten().map(|key| key.name).collect::<BTreeSet<_>>();
        assert_eq!(templates().collect::<BTreeSet<_>>(), names(Wording::translatable().collect()));
        assert_eq!(
            keys(&[PERSONAL_TEMPLATES, LETTERS]),
            names(Wording::ONE_TO_ONE.into_iter().chain(Wording::LETTERS).collect())
        );
    }
}
