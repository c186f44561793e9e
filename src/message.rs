//! What is said: every text that people read in a chat, from templates with good defaults.
//!
//! Pure, and the same text for the same facts. Actors: the [`Composer`]; a [`Wording`] for each kind of
//! text, which the config may replace; a scene of facts turned into plain words. Nothing here can fail
//! while people wait: a replaced wording that does not render, or says nothing, gives way to the built-in
//! one, and that to the bare facts. A text for one person is said in that person's language, a text for a room in the
//! language of its route. The wording is looked for in this order: the config's translation into that language, what
//! the room's route has of its own, the config's, the built-in one in that language.
//!
//! Every text about an incident names it in its first line, so that it survives any shortening and a person (or a
//! look into the chat) recognises a repeat. No text holds a phone number unless the alert itself did.

use std::collections::BTreeMap;

use crate::alert::one_line;
use crate::clock::{SignedDuration, Timestamp};
use crate::gateway::{Capabilities, InviteLink, subject_has_token};
use crate::incident::Incident;
use crate::room::{Also, Room, Seat, Why};
use crate::roster::Language;

mod catalog;
mod departure;
mod labels;
mod length;
mod letters;
mod markup;
mod moment;
mod phrase;
mod sample;
mod scene;
mod template;
mod webhook;
mod why;
mod wording;
mod words;

pub use wording::{ROOM_NAME, Wording};

use catalog::Catalog;
use departure::departures;
use length::{fit, size, tidy};
use sample::Sample;
use scene::{Measure, Scene, Topic};
use template::{Author, Templates};

/// What the texts depend on besides the incident and its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long texts may be.
    pub limits: Capabilities,
    /// Quiet time after the last resolve before the room is closed.
    pub close_after: SignedDuration,
    /// How each source of the config proves who it is. Nothing is claimed about a source that is not here.
    pub trust: BTreeMap<String, Trust>,
    /// Who speaks. Without it a neutral name stands in.
    pub operator: Option<String>,
    /// The language of rooms whose route has none, and of people without one.
    pub language: Option<Language>,
    /// Whether somebody's STOP would be read.
    pub reads_replies: bool,
}

/// Whether there are built-in texts in `language`.
#[must_use]
pub fn is_built_in(language: &Language) -> bool {
    Catalog::of(language).is_some()
}

/// The languages of the built-in texts, by their tags.
#[must_use]
pub fn built_in_languages() -> Vec<&'static str> {
    Catalog::all().iter().map(|catalog| catalog.tag).collect()
}

/// How a source proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Each request is signed.
    Signed,
    /// By a secret that comes along with each request.
    Token,
    /// Not at all.
    Unverified,
}

impl Default for Settings {
    /// `WhatsApp`'s present limits for names and descriptions, and the shortest message limit known of a
    /// gateway.
    fn default() -> Self {
        Self {
            limits: Capabilities {
                longest_subject: 100,
                safe_subject: 25,
                longest_description: 2048,
                longest_text: 4096,
            },
            close_after: SignedDuration::from_mins(30),
            trust: BTreeMap::new(),
            operator: None,
            language: None,
            reads_replies: false,
        }
    }
}

/// Something wrong with a template of the config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("template `{template}`: {why}")]
pub struct TemplateProblem {
    /// Its name in the config, see [`Wording::as_str`].
    pub template: String,
    /// Line in the template, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
    /// What would put it right.
    pub hint: &'static str,
}

impl TemplateProblem {
    fn of(wording: Wording, why: String, hint: &'static str) -> Self {
        Self { template: wording.as_str().to_owned(), line: None, why, hint }
    }
}

/// A text as it would be sent for a made-up incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Which kind of text.
    pub wording: Wording,
    /// The text.
    pub text: String,
}

/// Writes every text.
#[derive(Debug)]
pub struct Composer {
    templates: Templates,
    settings: Settings,
    /// The config's texts by language and, below it, by [`Wording::as_str`].
    translations: BTreeMap<Language, BTreeMap<String, String>>,
}

impl Default for Composer {
    fn default() -> Self {
        Self::built_in(Settings::default())
    }
}

/// A text that was tried.
struct Attempt {
    text: String,
    /// Long parts were left out for the sake of the rest.
    was_shortened: bool,
    /// That was not enough.
    was_cut: bool,
}

impl Composer {
    /// A composer that says everything in the built-in words.
    #[must_use]
    pub fn built_in(settings: Settings) -> Self {
        Self { templates: Templates::built_in(), settings, translations: BTreeMap::new() }
    }

    /// The same, with the config's own templates of each language, by [`Wording::as_str`]. One that cannot be filled
    /// gives way to the next text.
    #[must_use]
    pub fn with_translations(self, translations: BTreeMap<Language, BTreeMap<String, String>>) -> Self {
        Self { translations, ..self }
    }

    /// A composer with the config's own templates: `room_name` for the subject, and `overrides` by
    /// [`Wording::as_str`]. Reports templates that cannot be read, names that no text knows, and words that
    /// a text does not know; what only shows when they are filled is found by [`Composer::check`].
    ///
    /// Templates are Jinja. A value that is not known is printed as `unknown` and counts as false. Every
    /// value is escaped, literals in expressions too; only what stands outside the braces can format. There
    /// are the filters `upper`, `lower`, `trim`, `join`, `items`, `length`, `first`, `last`, `default`,
    /// `short(units)` and `quoted`.
    pub fn new(
        room_name: &str,
        overrides: &BTreeMap<String, String>,
        settings: Settings,
    ) -> Result<Self, Vec<TemplateProblem>> {
        let mut composer = Self::built_in(settings);
        let mut problems = Vec::new();
        let mut own = vec![(Wording::Subject, room_name)];
        for (name, source) in overrides {
            match Wording::named(name) {
                Some(wording) => own.push((wording, source)),
                None => problems.push(no_such_text(name)),
            }
        }
        let sample = Sample::full();
        for (wording, scene) in sample.scenes() {
            let known = scene.words(&composer.settings, Measure::STEPS[0]);
            for (_, source) in own.iter().filter(|(w, _)| *w == wording) {
                problems.extend(composer.templates.replace(wording, source, &known));
            }
        }
        for (wording, source) in own.iter().filter(|(wording, _)| Wording::LETTERS.contains(wording)) {
            let known = letters::words(Catalog::english(), &composer.settings, *wording, "");
            problems.extend(composer.templates.replace(*wording, source, &known));
        }
        if problems.is_empty() {
            Ok(composer)
        } else {
            problems.sort();
            Err(problems)
        }
    }

    /// What goes wrong when the config's templates are filled, tried on incidents of which much and of
    /// which little is known. The built-in text is used wherever one of these problems meets a real one.
    #[must_use]
    pub fn check(&self) -> Vec<TemplateProblem> {
        let mut problems = Vec::new();
        for sample in [Sample::full(), Sample::sparse(), Sample::full().over()] {
            for (wording, scene) in sample.scenes() {
                if self.templates.has_own(wording) {
                    problems.extend(self.problem_with(wording, &scene));
                }
            }
        }
        problems.extend(self.problems_with_letters());
        problems.sort();
        problems.dedup();
        problems
    }

    /// The config's templates that are so long that even an incident with short words leaves them no room for
    /// everything.
    #[must_use]
    pub fn tight(&self) -> Vec<TemplateProblem> {
        let sample = Sample::full();
        let mut tight = Vec::new();
        for (wording, scene) in sample.scenes() {
            if wording == Wording::Subject || !self.templates.has_own(wording) {
                continue;
            }
            if let Ok(Attempt { was_shortened: true, was_cut: false, .. }) =
                self.text_by(Author::Config, wording, &scene)
            {
                let longest = self.longest(wording);
                let why = format!("people and links are left out to keep within {longest} characters");
                tight.push(TemplateProblem::of(wording, why, SHORTEN));
            }
        }
        tight.dedup();
        tight
    }

    /// The tag of the language in which `wording` is said in `room`, or to somebody in it who reads `language`.
    #[must_use]
    pub fn language_of(&self, wording: Wording, room: &Room, language: Option<&Language>) -> String {
        match self.translation(wording, Some(room), language) {
            Some((tag, _)) => tag.to_string(),
            None => self.catalog(Some(room), language).tag.to_owned(),
        }
    }

    /// Every text for a made-up incident, as it would be sent.
    #[must_use]
    pub fn preview(&self) -> Vec<Preview> {
        Sample::full()
            .scenes()
            .into_iter()
            .map(|(wording, scene)| Preview { wording, text: self.said(wording, &scene) })
            .chain(self.letter_previews())
            .collect()
    }

    /// The group's name, at most `longest` UTF-16 units. It always begins with the whole word
    /// `INCIDENT-<number>`, by which the group is found again, and names no other incident; only where that
    /// word alone is longer than `longest` is the name longer, because half of it would name another one.
    #[must_use]
    pub fn subject(&self, incident: &Incident, room: Option<&Room>, longest: usize) -> String {
        let catalog = self.catalog(room, None);
        let scene = Scene { catalog, ..Scene::of(incident, Topic::Picture) };
        [Author::Config, Author::BuiltIn(catalog.tag)]
            .into_iter()
            .find_map(|author| self.subject_by(author, &scene, longest).ok())
            .unwrap_or_else(|| incident.id.to_string())
    }

    /// The first message of the room, or about an incident in the room of another one.
    #[must_use]
    pub fn welcome(&self, incident: &Incident, room: &Room, now: Timestamp) -> String {
        let wording = if room.guest_of.is_some() { Wording::Guest } else { Wording::Welcome };
        self.compose(wording, &scene(incident, room, now, Topic::Picture))
    }

    /// The room's description.
    #[must_use]
    pub fn description(&self, incident: &Incident, room: &Room, now: Timestamp) -> String {
        self.compose(Wording::Description, &scene(incident, room, now, Topic::Picture))
    }

    /// The invite link, to one person.
    #[must_use]
    pub fn invite(
        &self,
        incident: &Incident,
        room: &Room,
        seat: &Seat,
        link: &InviteLink,
        now: Timestamp,
    ) -> String {
        self.compose(Wording::Invite, &scene(incident, room, now, Topic::Invite(seat, link)))
    }

    /// That nobody came in a role that must be filled, to one person who was invited.
    #[must_use]
    pub fn reminder(&self, incident: &Incident, room: &Room, seat: &Seat, now: Timestamp) -> String {
        self.compose(Wording::Reminder, &scene(incident, room, now, Topic::Reminder(seat)))
    }

    /// That there is no group and why, to one person, with the other incidents that wait for a group and for this
    /// person.
    #[must_use]
    pub fn brief(
        &self,
        incident: &Incident,
        room: &Room,
        seat: &Seat,
        (why, also): (&Why, &Also),
        now: Timestamp,
    ) -> String {
        self.compose(Wording::Brief, &scene(incident, room, now, Topic::Brief(seat, why, also)))
    }

    /// Why nothing is heard in the room, to one person.
    #[must_use]
    pub fn quiet(&self, incident: &Incident, room: &Room, seat: &Seat, now: Timestamp) -> String {
        let topic = Topic::Brief(seat, &Why::Muted, &Also::default());
        self.compose(Wording::Quiet, &scene(incident, room, now, topic))
    }

    fn said(&self, wording: Wording, scene: &Scene<'_>) -> String {
        match wording {
            Wording::Subject => {
                self.subject(scene.incident, scene.room, self.settings.limits.longest_subject)
            }
            _ => self.compose(wording, scene),
        }
    }

    fn compose(&self, wording: Wording, scene: &Scene<'_>) -> String {
        let route = scene.room.and_then(|room| room.summons.handout.messages.get(wording.as_str()));
        let own: Vec<&str> = route.into_iter().map(String::as_str).collect();
        self.authors(wording, scene.room, scene.reader_language(), &own)
            .into_iter()
            .find_map(|(author, catalog)| self.text_by(author, wording, &Scene { catalog, ..*scene }).ok())
            .map_or_else(|| self.bare(wording, scene), |attempt| attempt.text)
    }

    /// Whose template of `wording` to try, in this order, and in which language to say its values. `own` are those of
    /// the room.
    fn authors<'t>(
        &'t self,
        wording: Wording,
        room: Option<&Room>,
        reader: Option<&Language>,
        own: &[&'t str],
    ) -> Vec<(Author<'t>, &'static Catalog)> {
        // Who writes a text for everybody does so in the usual language.
        let usual = self.catalog(room, None);
        let built_in = self.catalog(room, reader);
        let translated = self.translation(wording, room, reader);
        let translated = translated.map(|(tag, text)| (Author::Own(text), Catalog::of(tag).unwrap_or(usual)));
        let own = own.iter().map(|text| (Author::Own(text), usual));
        let ours = [(Author::Config, usual), (Author::BuiltIn(built_in.tag), built_in)];
        translated.into_iter().chain(own).chain(ours).collect()
    }

    /// The languages to say something in, the best first: the reader's, the room's, the config's.
    fn languages<'l>(
        &'l self,
        room: Option<&'l Room>,
        reader: Option<&'l Language>,
    ) -> impl Iterator<Item = &'l Language> {
        let route = room.and_then(|room| room.summons.handout.language.as_ref());
        reader.into_iter().chain(route).chain(&self.settings.language)
    }

    /// The words of the best of these languages that there is.
    fn catalog(&self, room: Option<&Room>, reader: Option<&Language>) -> &'static Catalog {
        self.languages(room, reader).find_map(Catalog::of).unwrap_or_else(Catalog::english)
    }

    /// The config's template in the language of the reader, or else of the room, where neither is built in before it.
    fn translation(
        &self,
        wording: Wording,
        room: Option<&Room>,
        reader: Option<&Language>,
    ) -> Option<(&Language, &str)> {
        for language in self.languages(room, reader) {
            let of = |wider: &str| self.translations.iter().find(|(known, _)| known.as_str() == wider);
            let mut known = language.and_wider().filter_map(of);
            let own = known.find_map(|(tag, texts)| Some((tag, texts.get(wording.as_str())?.as_str())));
            if own.is_some() || Catalog::of(language).is_some() {
                return own;
            }
        }
        None
    }

    /// One text from one author's template: as much as fits, the long parts shortened first.
    fn text_by(
        &self,
        author: Author<'_>,
        wording: Wording,
        scene: &Scene<'_>,
    ) -> Result<Attempt, TemplateProblem> {
        let (longest, end) = self.longest_before(wording, scene);
        let template = self.templates.template(author, wording)?;
        let mut text = String::new();
        let mut was_shortened = false;
        for (step, measure) in Measure::STEPS.into_iter().enumerate() {
            let words = scene.words(&self.settings, measure);
            let told = scene.with_others(template.render(words)?, measure);
            text = with_head(tidy(&told), scene);
            was_shortened = step > 0;
            if size(&text) <= longest {
                break;
            }
        }
        let was_cut = size(&text) > longest;
        // A first line so long that its end was cut needs a short one before it.
        let text = fit(&with_head(fit(&text, longest), scene), longest);
        match scene.must_hold() {
            Some(part) if !text.contains(&part) => {
                let why = "the invite link `{{ link }}` is missing".to_owned();
                Err(TemplateProblem::of(wording, why, "write `{{ link }}` where people should find the link"))
            }
            _ => Ok(Attempt { text: text + &end, was_shortened, was_cut }),
        }
    }

    fn subject_by(
        &self,
        author: Author<'_>,
        scene: &Scene<'_>,
        longest: usize,
    ) -> Result<String, TemplateProblem> {
        let wording = Wording::Subject;
        let template = self.templates.template(author, wording)?;
        let token = scene.incident.id.to_string();
        let mut measure = Measure::STEPS[0];
        let mut subject = String::new();
        // Once for its natural length, once for the cut, and once more where the cut itself was uneven.
        for _ in 0..3 {
            let words = scene.words(&self.settings, measure);
            subject = one_line(&template.render(words)?, usize::MAX);
            let over = size(&subject).saturating_sub(longest);
            if over == 0 {
                break;
            }
            let title = size(&scene.incident.title).min(measure.title);
            measure.title = title.saturating_sub(over).max(SHORTEST_TITLE);
        }
        let subject = fit(&subject, longest);
        let is_ours = subject.starts_with(&token)
            && subject_has_token(&subject, &token)
            && subject.matches("INCIDENT-").count() == 1;
        if is_ours {
            Ok(subject)
        } else {
            let why = "a name must begin with INCIDENT-{{ id }} as a word of its own, and hold that once";
            Err(TemplateProblem::of(wording, why.to_owned(), "write `INCIDENT-{{ id }} | {{ title }}`"))
        }
    }

    fn problem_with(&self, wording: Wording, scene: &Scene<'_>) -> Option<TemplateProblem> {
        let longest = self.longest(wording);
        let scene = &Scene { catalog: self.catalog(scene.room, None), ..*scene };
        if wording == Wording::Subject {
            return self.subject_by(Author::Config, scene, longest).err();
        }
        match self.text_by(Author::Config, wording, scene) {
            Err(problem) => Some(problem),
            Ok(Attempt { was_cut: true, .. }) => Some(TemplateProblem::of(
                wording,
                format!("it is longer than the {longest} characters that are taken, so its end is cut off"),
                SHORTEN,
            )),
            Ok(_) => None,
        }
    }

    /// What is left when not even the built-in template can be filled.
    fn bare(&self, wording: Wording, scene: &Scene<'_>) -> String {
        let mut lines = vec![head(scene)];
        lines.extend(scene.must_hold());
        lines.push(markup::escape(&fit(&scene.incident.title, 100)));
        let (longest, end) = self.longest_before(wording, scene);
        fit(&lines.join("\n"), longest) + &end
    }

    /// How long a text may be before the line of those who left, and that line.
    fn longest_before(&self, wording: Wording, scene: &Scene<'_>) -> (usize, String) {
        let longest = self.longest(wording);
        let line = departures(scene);
        let end = line.map(|line| format!("\n{}", fit(&line, longest / 2))).unwrap_or_default();
        (longest.saturating_sub(size(&end)), end)
    }

    fn longest(&self, wording: Wording) -> usize {
        match wording {
            Wording::Subject => self.settings.limits.longest_subject,
            Wording::Description => self.settings.limits.longest_description,
            _ => self.settings.limits.longest_text,
        }
    }
}

/// What to do with a text that is too long.
const SHORTEN: &str = "shorten it, so that the long parts of an alert find room beside it; what is long can stand in the runbook";

/// A title is not shortened below this for the sake of other parts of a room's name.
const SHORTEST_TITLE: usize = 6;

fn scene<'a>(incident: &'a Incident, room: &'a Room, now: Timestamp, topic: Topic<'a>) -> Scene<'a> {
    Scene { room: Some(room), now: Some(now), ..Scene::of(incident, topic) }
}

/// Severity and id, and in news the number, in a line of their own.
fn head(scene: &Scene<'_>) -> String {
    let severity = Room::severity_word(scene.severity());
    format!("*{severity} · {}*", scene.reference())
}

/// `text` with the incident's id in its first line, and in news the number of the news too, so that two texts whose
/// first lines are equal are the same news.
fn with_head(text: String, scene: &Scene<'_>) -> String {
    let first = text.lines().next().unwrap_or_default();
    if subject_has_token(first, &scene.reference()) { text } else { format!("{}\n{text}", head(scene)) }
}

fn no_such_text(name: &str) -> TemplateProblem {
    let names: Vec<&str> = Wording::every().skip(1).map(Wording::as_str).collect();
    let hint = if name == Wording::Subject.as_str() {
        "; the room's name is set beside it".to_owned()
    } else {
        format!("; there is {}", names.join(", "))
    };
    TemplateProblem {
        template: name.to_owned(),
        line: None,
        why: format!("there is no text of this name{hint}"),
        hint: "take one of these names, or remove the text",
    }
}

#[cfg(test)]
mod tests;
