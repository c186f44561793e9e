//! What a template can speak of: an incident and its room, turned into plain words.
//!
//! Every name that a wording may use is always there, empty (`none`) where nothing is known, so that a
//! misspelt name is told apart from a missing fact.

use std::collections::BTreeMap;

use minijinja::Value;

use super::catalog::{Catalog, LANGUAGE, Safe};
use super::labels::Labels;
use super::length::fit;
use super::markup::{escape, escape_address, escape_lines};
use super::moment::moment;
use super::phrase::{Phrase, SHORT, beginning, one};
use super::{Settings, Trust};
use crate::alert::{LinkKind, Severity, is_web_address, paragraph};
use crate::clock::Timestamp;
use crate::gateway::{InviteLink, subject_has_token};
use crate::incident::{Incident, IncidentId, News, State};
use crate::room::{Also, Matter, NewsItem, Room, Seat, Why};
use crate::roster::{COMMANDER, FALLBACK, Language};

mod links;
mod needed;
mod presence;

/// What one text is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) incident: &'a Incident,
    pub(super) room: Option<&'a Room>,
    pub(super) now: Option<Timestamp>,
    /// The language of its values.
    pub(super) catalog: &'static Catalog,
    /// Other incidents in the same room.
    pub(super) guests: &'a [IncidentId],
    /// Those of whom it says at its end that they left (keys in the roster).
    pub(super) leavers: &'a [String],
    pub(super) topic: Topic<'a>,
}

/// What only one kind of text is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic<'a> {
    /// The incident as it is.
    Picture,
    /// Who is in the room.
    Presence,
    /// Who must be there.
    Quorum(&'a Matter),
    /// Something that happened to it.
    News(&'a NewsItem),
    /// An invitation for one person.
    Invite(&'a Seat, &'a InviteLink),
    /// That nobody came in a role that must be filled, for one person who was invited.
    Reminder(&'a Seat),
    /// That there is no group, for one person, and why; and what else waits for one.
    Brief(&'a Seat, &'a Why, &'a Also),
    /// The end.
    End,
    /// Where the room is, for those in another group.
    Pointer,
    /// Who left.
    Departures,
}

/// How much of each long part is shown, in UTF-16 units or pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    pub(super) title: usize,
    summary: usize,
    people: usize,
    links: usize,
    joined: usize,
    also: usize,
    /// Of the route's own text.
    text: usize,
}

impl Measure {
    /// From everything to the essentials; the first that fits is taken. What the alert says at length goes
    /// first, then the route's text; people and links are the last to go, with the end of the title.
    pub(super) const STEPS: [Self; 7] = [
        Self::of(200, 1500, 40, 12, 5).also(40).text(2400),
        Self::of(200, 500, 40, 12, 5).also(40).text(2400),
        Self::of(200, 200, 20, 10, 5).also(40).text(1200),
        Self::of(200, 0, 20, 8, 3).also(30).text(600),
        Self::of(200, 0, 12, 4, 3).also(30).text(200),
        Self::of(160, 0, 6, 2, 2).also(20),
        Self::of(100, 0, 3, 0, 1).also(3),
    ];

    const fn of(title: usize, summary: usize, people: usize, links: usize, joined: usize) -> Self {
        Self { title, summary, people, links, joined, also: 0, text: 0 }
    }

    const fn text(self, text: usize) -> Self {
        Self { text, ..self }
    }

    const fn also(self, also: usize) -> Self {
        Self { also, ..self }
    }
}

/// The title of an incident in a list of several.
const LISTED_TITLE: usize = 60;
/// Other incidents named in a piece of news.
const GUESTS_NAMED: usize = 3;
/// A sentence, such as why something failed.
const SENTENCE: usize = 300;
/// Client and service in one word.
const ABOUT: usize = 60;
/// What broke, as far as one line of a phone or two hold it.
const SYMPTOM: usize = 160;

/// Labels that name the client and the service, the usual ones first.
const CLIENT_LABELS: [&str; 3] = ["client", "customer", "tenant"];
const SERVICE_LABELS: [&str; 5] = ["service", "app", "application", "component", "job"];

/// The values by name, as a template sees them.
pub(super) type Words = BTreeMap<&'static str, Value>;

impl<'a> Scene<'a> {
    /// A scene without a room.
    pub(super) fn of(incident: &'a Incident, topic: Topic<'a>) -> Self {
        let catalog = Catalog::english();
        Self { incident, room: None, now: None, catalog, guests: &[], leavers: &[], topic }
    }
}

impl Scene<'_> {
    /// The words for this scene.
    pub(super) fn words(&self, settings: &Settings, measure: Measure) -> Words {
        let mut words = self.about_incident(settings, measure);
        if let Some(room) = self.room {
            words.extend(self.about_room(room, measure));
        }
        match self.topic {
            Topic::Picture => {}
            Topic::News(item) => self.about_news(&mut words, item, measure),
            Topic::Invite(seat, link) => {
                words.insert("person", self.person(seat));
                words.insert("link", address(&link.0));
            }
            Topic::Reminder(seat) => {
                words.insert("person", self.person(seat));
                let link = self.room.and_then(|room| room.link.as_ref());
                words.insert("link", link.map_or(Value::from(()), |link| address(&link.0)));
            }
            Topic::Quorum(matter) => {
                words.insert("reference", Value::from_safe_string(self.reference()));
                if let Some(room) = self.room {
                    words.extend(needed::about(self.catalog, room, matter, measure));
                }
            }
            Topic::Brief(seat, why, also) => {
                words.insert("also", Value::from(listed(also, measure)));
                words.insert("also_more", Value::from(left_out(also, measure)));
                words.insert("person", self.person(seat));
                words.insert("why", Value::from(self.because(why)));
                let others = self.seats().iter().filter(|s| s.who.person != seat.who.person);
                words.insert("others", self.roles(others, measure));
            }
            Topic::Presence | Topic::End | Topic::Pointer | Topic::Departures => {
                words.insert("reference", Value::from_safe_string(self.reference()));
            }
        }
        words
    }

    /// What the first line of the text must hold.
    pub(super) fn reference(&self) -> String {
        let id = self.incident.id;
        let what = match self.topic {
            Topic::News(item) => {
                self.catalog.count(Phrase::Update, u64::try_from(item.seq).unwrap_or_default(), &[])
            }
            Topic::Presence => self.catalog.words(Phrase::WhoIsHere),
            Topic::Quorum(_) => self.catalog.words(Phrase::WhoIsNeeded),
            Topic::Departures => self.catalog.words(Phrase::WhoLeft),
            Topic::End => self.catalog.words(Phrase::Closed),
            Topic::Pointer => self.catalog.words(Phrase::WrongGroup),
            Topic::Picture | Topic::Invite(..) | Topic::Reminder(_) | Topic::Brief(..) => {
                return id.to_string();
            }
        };
        format!("{id} · {}", what.0)
    }

    /// The one person who reads it, if it is for one.
    pub(super) fn reader(&self) -> Option<&Seat> {
        match self.topic {
            Topic::Invite(seat, _) | Topic::Reminder(seat) | Topic::Brief(seat, ..) => Some(seat),
            Topic::Picture
            | Topic::Presence
            | Topic::Quorum(_)
            | Topic::News(_)
            | Topic::End
            | Topic::Pointer
            | Topic::Departures => None,
        }
    }

    /// The language of the one person who reads it.
    pub(super) fn reader_language(&self) -> Option<&Language> {
        self.reader()?.who.language.as_ref()
    }

    /// What the text is worth nothing without.
    pub(super) fn must_hold(&self) -> Option<String> {
        match self.topic {
            Topic::Invite(_, link) | Topic::Brief(_, Why::Late { link: Some(link) }, _) => {
                Some(address(&link.0).to_string())
            }
            Topic::Picture
            | Topic::Presence
            | Topic::Quorum(_)
            | Topic::News(_)
            | Topic::Reminder(_)
            | Topic::Brief(..)
            | Topic::End
            | Topic::Pointer
            | Topic::Departures => None,
        }
    }

    /// The severity to show: the one of the news, or the present one.
    pub(super) fn severity(&self) -> Severity {
        match self.topic {
            Topic::News(item) => match item.news {
                News::Changed { severity, .. } | News::Reopened { severity, .. } => severity,
                News::Resolved { .. } | News::Stale { .. } => self.incident.severity,
            },
            Topic::Picture
            | Topic::Presence
            | Topic::Quorum(_)
            | Topic::Invite(..)
            | Topic::Reminder(_)
            | Topic::Brief(..)
            | Topic::End
            | Topic::Pointer
            | Topic::Departures => self.incident.severity,
        }
    }

    /// `text` with the other incidents that it has to tell of, where a wording of the config left them out.
    pub(super) fn with_others(&self, text: String, measure: Measure) -> String {
        let Topic::Brief(_, _, also) = self.topic else { return text };
        let shown: Vec<&Incident> = also.listed.iter().take(measure.also).collect();
        if shown.iter().all(|one| subject_has_token(&text, &one.id.to_string())) {
            return text;
        }
        let mut lines = vec![text];
        lines.extend(shown.iter().map(|one| {
            let severity = Room::severity_word(one.severity);
            format!("{} · {severity} · {}", one.id, escape(&super::phrase::one(&one.title, LISTED_TITLE)))
        }));
        let more = left_out(also, measure);
        if more > 0 {
            lines.push(format!("+{more}"));
        }
        lines.join("\n")
    }

    fn about_incident(&self, settings: &Settings, measure: Measure) -> Words {
        let incident = self.incident;
        let label = |names: &[&str]| {
            names
                .iter()
                .find_map(|n| incident.labels.get(*n))
                .map(|v| one(v, SHORT))
                .filter(|v| !v.is_empty())
        };
        let client = label(&CLIENT_LABELS);
        let service = label(&SERVICE_LABELS);
        let about: Vec<&str> = [&client, &service].into_iter().flatten().map(String::as_str).collect();
        let (state, quiet_since, closes_at, ended_at) = match incident.state {
            State::Open => ("open", None, None, None),
            State::Resolved { resolved_at, closes_at } => {
                ("resolved", Some(resolved_at), Some(closes_at), None)
            }
            State::Closed { closed_at } => ("closed", None, None, Some(closed_at)),
        };
        let ended_at = ended_at.or(self.now);
        let moment = |at: Option<Timestamp>| at.map(|at| self.moment(at));
        let (catalog, said) = (self.catalog, |safe: Safe| Value::from(safe));
        let labels: BTreeMap<String, Value> =
            incident.labels.iter().map(|(name, value)| (name.clone(), plain(value, SENTENCE))).collect();
        Words::from([
            ("id", Value::from(incident.id.0)),
            ("token", Value::from_safe_string(incident.id.to_string())),
            ("severity", Value::from_safe_string(Room::severity_word(self.severity()))),
            ("worst", Value::from(Room::severity_word(incident.worst))),
            ("title", plain(&incident.title, measure.title)),
            ("summary", lines(&incident.summary, measure.summary)),
            ("symptom", plain(&incident.summary, measure.summary.min(SYMPTOM))),
            ("operator", said(operator(catalog, settings))),
            ("reads_replies", Value::from(settings.reads_replies)),
            (LANGUAGE, Value::from(catalog.tag)),
            ("about", text_or_none(&one(&about.join("/"), ABOUT))),
            ("client", Value::from(client)),
            ("service", Value::from(service)),
            ("impact", Value::from(label(&["impact"]))),
            ("labels", Value::from_object(Labels(labels))),
            ("source", plain(&incident.source, SHORT)),
            ("origin", said(self.origin(settings))),
            ("state", Value::from(state)),
            ("started", self.moment(incident.started_at)),
            ("resolved", Value::from(moment(quiet_since))),
            ("closes", Value::from(moment(closes_at))),
            ("closed", Value::from(moment(ended_at))),
            ("now", Value::from(moment(self.now))),
            ("lasting", Value::from(self.now.map(|now| said(catalog.span(incident.started_at, now))))),
            ("lasted", Value::from(ended_at.map(|at| said(catalog.span(incident.started_at, at))))),
            ("firing", Value::from(incident.firing_count())),
            ("alerts", said(catalog.alerts(incident.firing_count(), incident.truncated))),
            ("acknowledged", Value::from(incident.acknowledged)),
            ("end_reason", Value::from(incident.end_reason.as_deref().map(|reason| plain(reason, SENTENCE)))),
            ("close_after", said(catalog.length(settings.close_after.as_secs()))),
        ])
    }

    fn about_room(&self, room: &Room, measure: Measure) -> Words {
        let links = links::shown(self.incident, room, measure.links);
        let first =
            |kind: LinkKind| links.iter().find(|link| link.kind == kind).map(|link| address(link.url));
        let listed = |wanted: &dyn Fn(&links::Shown<'_>) -> bool| -> Vec<Value> {
            links.iter().filter(|link| wanted(link)).map(|link| link.value(self.catalog)).collect()
        };
        let runbook = links.iter().find(|link| link.kind == LinkKind::Runbook).map(|link| link.url);
        let text = room.summons.handout.text.as_deref().map(|text| fit(text, measure.text));
        let text = text.filter(|text| !text.is_empty() && measure.text > 0);
        let commander = room.seats.iter().find(|s| leads(s)).map(|s| plain(&s.who.name, SHORT));
        let people: Vec<Value> = room.seats.iter().take(measure.people).map(|s| self.person(s)).collect();
        let mut words = Words::from([
            ("route", plain(&room.summons.route, SHORT)),
            ("rule", plain(&room.summons.rule, SENTENCE)),
            ("fallback", Value::from(room.summons.route == FALLBACK)),
            ("roles", self.roles(room.seats.iter(), measure)),
            ("people", Value::from(people)),
            ("commander", Value::from(commander)),
            ("host", Value::from(room.guest_of.map(|host| Value::from_safe_string(host.to_string())))),
            ("locked", Value::from(room.tasks.done_at("lock_messages").is_some())),
            ("link_dead", Value::from(room.tasks.done_at("revoke_link").is_some())),
            ("made", Value::from(room.phase.group().is_some())),
            ("room_name", Value::from(room.subject.as_deref().map(|name| one(name, SHORT)))),
            ("counted", Value::from(room.read_at.is_some())),
            ("links", Value::from(listed(&|_| true))),
            ("other_links", Value::from(listed(&|link| Some(link.url) != runbook))),
            ("dashboards", Value::from(listed(&|link| link.kind == LinkKind::Dashboard))),
            ("runbook", Value::from(first(LinkKind::Runbook))),
            ("call", Value::from(first(LinkKind::Call))),
            ("text", Value::from(text.map(Value::from_safe_string))),
        ]);
        words.extend(presence::about(self.catalog, room, measure));
        words
    }

    fn about_news(&self, words: &mut Words, item: &NewsItem, measure: Measure) {
        words.insert("reference", Value::from_safe_string(self.reference()));
        words.insert("seq", Value::from(item.seq));
        let guest = |guest: &IncidentId| Safe(self.catalog.isolated(guest.to_string()));
        let guests: Vec<Safe> = self.guests.iter().map(guest).collect();
        words.insert("guests", Value::from(self.catalog.list(&guests, GUESTS_NAMED)));
        words.insert("at", self.moment(item.at));
        match &item.news {
            News::Changed {
                was,
                severity,
                joined,
                joined_count,
                ended_count,
                reason,
                acknowledged,
                taken_by,
                assigned,
                firing,
            } => {
                words.insert("was", Value::from(was.map(Room::severity_word)));
                words.insert("worse", Value::from(was.is_some_and(|was| *severity < was)));
                words.insert("joined", self.joined_titles(joined, *joined_count, measure));
                words.insert("joined_count", Value::from(*joined_count));
                words.insert("ended", Value::from(*ended_count));
                words.insert("ended_alerts", Value::from(self.catalog.alerts(*ended_count, false)));
                words.insert(
                    "end_reason",
                    Value::from(reason.as_deref().map(|reason| plain(reason, SENTENCE))),
                );
                words.insert("acknowledged_now", Value::from(*acknowledged));
                words.insert("taken_by", Value::from(taken_by.as_deref().map(|name| one(name, SHORT))));
                let owners: Vec<Safe> =
                    assigned.iter().map(|name| self.catalog.foreign(&one(name, SHORT))).collect();
                words.insert("assigned", list_or_none(self.catalog, &owners, measure.people));
                words.insert("firing", Value::from(*firing));
                words.insert("alerts", Value::from(self.catalog.alerts(*firing, self.incident.truncated)));
            }
            News::Resolved { closes_at, reason } => {
                words.insert(
                    "end_reason",
                    Value::from(reason.as_deref().map(|reason| plain(reason, SENTENCE))),
                );
                words.insert("closes", self.moment(*closes_at));
                words.insert("lasted", Value::from(self.catalog.span(self.incident.started_at, item.at)));
            }
            News::Stale { heard_at } => {
                words.insert("heard", self.moment(*heard_at));
                words.insert("silent", Value::from(self.catalog.span(*heard_at, item.at)));
            }
            News::Reopened { title, .. } => {
                words.insert("title", plain(title, measure.title));
            }
        }
    }

    fn seats(&self) -> &[Seat] {
        self.room.map_or(&[], |room| &room.seats)
    }

    /// A moment by the clock of the reader and that of the room, which is the commander's; at least one of them is
    /// beside UTC, where that is all that is known.
    pub(super) fn moment_in_words(&self, at: Timestamp) -> Safe {
        let own = self.reader().and_then(|seat| seat.who.timezone.as_deref());
        let rooms = self.room.and_then(|room| room.summons.timezone.as_deref());
        let clocks: Vec<&str> = own.into_iter().chain(rooms).collect();
        moment(self.catalog, at, self.now, &clocks)
    }

    fn moment(&self, at: Timestamp) -> Value {
        Value::from(self.moment_in_words(at))
    }

    fn person(&self, seat: &Seat) -> Value {
        Value::from(BTreeMap::from([
            ("name", plain(&seat.who.name, SHORT)),
            ("role", Value::from(self.catalog.role(&one(&seat.who.role, SHORT)))),
            ("why", plain(&seat.who.why, SENTENCE)),
            ("leads", Value::from(leads(seat))),
            ("seat", Value::from(presence::seat(self.catalog, &seat.state))),
        ]))
    }

    /// "Jonas Weber (lead), Sam Roe (specialist) and 2 more".
    fn roles<'s>(&self, seats: impl Iterator<Item = &'s Seat>, measure: Measure) -> Value {
        let each: Vec<Safe> = seats.map(|s| self.catalog.with_role(&s.who.name, &s.who.role)).collect();
        list_or_none(self.catalog, &each, measure.people)
    }

    fn joined_titles(&self, joined: &[String], count: u32, measure: Measure) -> Value {
        let title = |title: &String| self.catalog.foreign(&one(title, measure.title));
        let shown: Vec<Safe> = joined.iter().take(measure.joined).map(title).collect();
        let left = count.saturating_sub(u32::try_from(shown.len()).unwrap_or(u32::MAX));
        match (shown.is_empty(), left) {
            (true, 0) => Value::from(()),
            (true, left) => Value::from(self.catalog.alerts(left, false)),
            (false, left) => Value::from(self.catalog.list_and(&shown, left.into())),
        }
    }

    fn origin(&self, settings: &Settings) -> Safe {
        let source = one(&self.incident.source, SHORT);
        let phrase = match settings.trust.get(&source) {
            Some(Trust::Signed) => Phrase::SignedOrigin,
            Some(Trust::Unverified) => Phrase::UnverifiedOrigin,
            Some(Trust::Token) | None => Phrase::Origin,
        };
        self.catalog.say(phrase, &[("source", &self.catalog.foreign(&source))])
    }
}

/// Who speaks.
pub(super) fn operator(catalog: &Catalog, settings: &Settings) -> Safe {
    match &settings.operator {
        Some(name) => catalog.foreign(&one(name, SHORT)),
        None => catalog.words(Phrase::Operator),
    }
}

/// Other incidents, each with what it is known by.
fn listed(also: &Also, measure: Measure) -> Vec<Value> {
    let each = also.listed.iter().take(measure.also);
    each.map(|one| {
        Value::from(BTreeMap::from([
            ("token", Value::from_safe_string(one.id.to_string())),
            ("severity", Value::from(Room::severity_word(one.severity))),
            ("title", plain(&one.title, LISTED_TITLE)),
        ]))
    })
    .collect()
}

/// How many other incidents are only counted.
fn left_out(also: &Also, measure: Measure) -> usize {
    also.more + also.listed.len().saturating_sub(measure.also)
}

/// A value on one line; the formatter escapes it.
fn plain(text: &str, longest: usize) -> Value {
    Value::from(one(text, longest))
}

fn text_or_none(text: &str) -> Value {
    if text.is_empty() { Value::from(()) } else { Value::from(text) }
}

fn list_or_none(catalog: &Catalog, each: &[Safe], most: usize) -> Value {
    if each.is_empty() { Value::from(()) } else { Value::from(catalog.list(each, most)) }
}

/// Several lines, escaped here because the formatter puts every other value on one line.
fn lines(text: &str, longest: usize) -> Value {
    if longest == 0 {
        return Value::from("");
    }
    let kept = fit(&paragraph(beginning(text, longest), usize::MAX), longest);
    Value::from_safe_string(escape_lines(&kept))
}

/// A web address stays as it is and clickable; anything else is only text.
pub(super) fn address(url: &str) -> Value {
    if is_web_address(url) {
        Value::from_safe_string(escape_address(url))
    } else {
        Value::from_safe_string(escape(&one(url, SENTENCE)))
    }
}

fn leads(seat: &Seat) -> bool {
    seat.who.role.split(", ").any(|role| role == COMMANDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_web_address_is_only_text() {
        assert_eq!(address("https://x.example/_a_").to_string(), "https://x.example/_a_");
        assert_eq!(address("see *binder* 7\n> x").to_string(), "see ∗binder∗ 7 > x");
    }
}
