//! What a template can speak of: an incident and its room, turned into plain words.
//!
//! Every name that a wording may use is always there, empty (`none`) where nothing is known, so that a
//! misspelt name is told apart from a missing fact.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use minijinja::Value;

use super::labels::Labels;
use super::length::fit;
use super::markup::{escape, escape_address, escape_lines};
use super::phrase::{alerts, beginning, length, one, some_of, span};
use super::why::because;
use super::{Settings, Trust};
use crate::alert::{LinkKind, Severity, is_web_address, paragraph};
use crate::clock::Timestamp;
use crate::gateway::{InviteLink, subject_has_token};
use crate::incident::{Incident, IncidentId, News, State};
use crate::room::{Also, Matter, NewsItem, Room, Seat, SeatState, Why};
use crate::roster::{COMMANDER, FALLBACK, zone};

mod links;
mod needed;

/// What one text is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) incident: &'a Incident,
    pub(super) room: Option<&'a Room>,
    pub(super) now: Option<Timestamp>,
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

/// Any other single value.
pub(super) const SHORT: usize = 120;
/// The title of an incident in a list of several.
const LISTED_TITLE: usize = 60;
/// Other incidents named in a piece of news.
const GUESTS_NAMED: usize = 3;
/// A sentence, such as why something failed.
const SENTENCE: usize = 300;

/// Labels that name the client and the service, the usual ones first.
const CLIENT_LABELS: [&str; 3] = ["client", "customer", "tenant"];
const SERVICE_LABELS: [&str; 5] = ["service", "app", "application", "component", "job"];

/// The values by name, as a template sees them.
pub(super) type Words = BTreeMap<&'static str, Value>;

impl<'a> Scene<'a> {
    /// A scene without a room.
    pub(super) fn of(incident: &'a Incident, topic: Topic<'a>) -> Self {
        Self { incident, room: None, now: None, guests: &[], leavers: &[], topic }
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
                words.insert("person", person(seat));
                words.insert("link", address(&link.0));
            }
            Topic::Reminder(seat) => {
                words.insert("person", person(seat));
                let link = self.room.and_then(|room| room.link.as_ref());
                words.insert("link", link.map_or(Value::from(()), |link| address(&link.0)));
            }
            Topic::Quorum(matter) => {
                words.insert("reference", Value::from_safe_string(self.reference()));
                if let Some(room) = self.room {
                    words.extend(needed::about(room, matter, measure));
                }
            }
            Topic::Brief(seat, why, also) => {
                words.insert("also", Value::from(listed(also, measure)));
                words.insert("also_more", Value::from(left_out(also, measure)));
                words.insert("person", person(seat));
                words.insert("why", self.because(why));
                let others: Vec<&Seat> =
                    self.seats().iter().filter(|s| s.who.person != seat.who.person).collect();
                words.insert("others", text_or_none(&roles(&others, measure.people)));
            }
            Topic::Presence | Topic::End | Topic::Pointer => {
                words.insert("reference", Value::from_safe_string(self.reference()));
            }
        }
        words
    }

    /// What the first line of the text must end with (news, last words) or contain (everything else).
    pub(super) fn reference(&self) -> String {
        let id = self.incident.id;
        match self.topic {
            Topic::News(item) => format!("{id} · update {}", item.seq),
            Topic::Presence => format!("{id} · who is here"),
            Topic::Quorum(_) => format!("{id} · who is needed"),
            Topic::End => format!("{id} · closed"),
            Topic::Pointer => format!("{id} · not the room"),
            Topic::Picture | Topic::Invite(..) | Topic::Reminder(_) | Topic::Brief(..) => id.to_string(),
        }
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
            | Topic::Pointer => None,
        }
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
            | Topic::Pointer => None,
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
            | Topic::Pointer => self.incident.severity,
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
            lines.push(format!("and {more} more"));
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
        let labels: BTreeMap<String, Value> =
            incident.labels.iter().map(|(name, value)| (name.clone(), plain(value, SENTENCE))).collect();
        Words::from([
            ("id", Value::from(incident.id.0)),
            ("token", Value::from_safe_string(incident.id.to_string())),
            ("severity", Value::from(Room::severity_word(self.severity()))),
            ("worst", Value::from(Room::severity_word(incident.worst))),
            ("title", plain(&incident.title, measure.title)),
            ("summary", lines(&incident.summary, measure.summary)),
            ("about", text_or_none(&about.join("/"))),
            ("client", Value::from(client)),
            ("service", Value::from(service)),
            ("impact", Value::from(label(&["impact"]))),
            ("labels", Value::from_object(Labels(labels))),
            ("source", plain(&incident.source, SHORT)),
            ("origin", Value::from(origin(&incident.source, settings))),
            ("state", Value::from(state)),
            ("started", Value::from(self.moment(incident.started_at))),
            ("resolved", Value::from(moment(quiet_since))),
            ("closes", Value::from(moment(closes_at))),
            ("closed", Value::from(moment(ended_at))),
            ("now", Value::from(moment(self.now))),
            ("lasting", Value::from(self.now.map(|now| span(incident.started_at, now)))),
            ("lasted", Value::from(ended_at.map(|at| span(incident.started_at, at)))),
            ("firing", Value::from(incident.firing_count())),
            ("alerts", Value::from(alerts(incident.firing_count(), incident.truncated))),
            ("acknowledged", Value::from(incident.acknowledged)),
            ("end_reason", Value::from(incident.end_reason.as_deref().map(|reason| plain(reason, SENTENCE)))),
            ("close_after", Value::from(length(settings.close_after.as_secs()))),
        ])
    }

    fn about_room(&self, room: &Room, measure: Measure) -> Words {
        let links = links::shown(self.incident, room, measure.links);
        let first =
            |kind: LinkKind| links.iter().find(|link| link.kind == kind).map(|link| address(link.url));
        let listed = |only: Option<LinkKind>| -> Vec<Value> {
            let these = links.iter().filter(|link| only.is_none_or(|kind| link.kind == kind));
            these.map(links::Shown::value).collect()
        };
        let text = room.summons.handout.text.as_deref().map(|text| fit(text, measure.text));
        let text = text.filter(|text| !text.is_empty() && measure.text > 0);
        let seats: Vec<&Seat> = room.seats.iter().collect();
        let names = |wanted: fn(&SeatState) -> bool| {
            let names: Vec<String> =
                room.seats.iter().filter(|s| wanted(&s.state)).map(|s| one(&s.who.name, SHORT)).collect();
            text_or_none(&some_of(&names, measure.people, ", "))
        };
        let on_the_way = |s: &SeatState| match s {
            SeatState::Wanted
            | SeatState::Asked
            | SeatState::Invited { .. }
            | SeatState::CannotTell { .. }
            | SeatState::Replaced { .. } => true,
            SeatState::In { .. } | SeatState::Left { .. } | SeatState::Refused { .. } => false,
        };
        let refused = |s: &SeatState| matches!(s, SeatState::Refused { .. });
        let here = |s: &SeatState| matches!(s, SeatState::In { .. });
        let unclear = |s: &SeatState| matches!(s, SeatState::CannotTell { .. });
        let missing: Vec<String> = room
            .seats
            .iter()
            .filter(|s| refused(&s.state))
            .map(|s| format!("{} ({})", one(&s.who.name, SHORT), s.words()))
            .collect();
        let invited = room.seats.iter().filter_map(|s| match &s.state {
            SeatState::Invited { .. } => Some(one(&s.who.name, SHORT)),
            SeatState::Replaced { by, .. } => Some(one(&format!("{} (replaced by {by})", s.who.name), SHORT)),
            SeatState::Wanted
            | SeatState::Asked
            | SeatState::In { .. }
            | SeatState::Left { .. }
            | SeatState::Refused { .. }
            | SeatState::CannotTell { .. } => None,
        });
        let invited: Vec<String> = invited.collect();
        let commander = seats.iter().find(|s| leads(s)).map(|s| plain(&s.who.name, SHORT));
        let people: Vec<Value> = seats.iter().take(measure.people).map(|s| person(s)).collect();
        Words::from([
            ("route", plain(&room.summons.route, SHORT)),
            ("rule", plain(&room.summons.rule, SENTENCE)),
            ("fallback", Value::from(room.summons.route == FALLBACK)),
            ("roles", text_or_none(&roles(&seats, measure.people))),
            ("people", Value::from(people)),
            ("commander", Value::from(commander)),
            ("host", Value::from(room.guest_of.map(|host| Value::from_safe_string(host.to_string())))),
            ("locked", Value::from(room.tasks.done_at("lock_messages").is_some())),
            ("link_dead", Value::from(room.tasks.done_at("revoke_link").is_some())),
            ("made", Value::from(room.phase.group().is_some())),
            ("room_name", Value::from(room.subject.as_deref().map(|name| one(name, SHORT)))),
            ("counted", Value::from(room.read_at.is_some())),
            ("arriving", names(on_the_way)),
            ("absent", names(refused)),
            ("here", names(here)),
            ("invited", text_or_none(&some_of(&invited, measure.people, ", "))),
            ("left", names(|s| matches!(s, SeatState::Left { .. }))),
            ("unclear", names(unclear)),
            ("missing", text_or_none(&some_of(&missing, measure.people, ", "))),
            ("links", Value::from(listed(None))),
            ("dashboards", Value::from(listed(Some(LinkKind::Dashboard)))),
            ("runbook", Value::from(first(LinkKind::Runbook))),
            ("call", Value::from(first(LinkKind::Call))),
            ("text", Value::from(text.map(Value::from_safe_string))),
        ])
    }

    fn about_news(&self, words: &mut Words, item: &NewsItem, measure: Measure) {
        words.insert("reference", Value::from_safe_string(self.reference()));
        words.insert("seq", Value::from(item.seq));
        let guests: Vec<String> = self.guests.iter().map(ToString::to_string).collect();
        let guests = Value::from_safe_string(some_of(&guests, GUESTS_NAMED, ", "));
        words.insert("guests", guests);
        words.insert("at", Value::from(self.moment(item.at)));
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
                words.insert("joined", text_or_none(&joined_titles(joined, *joined_count, measure)));
                words.insert("joined_count", Value::from(*joined_count));
                words.insert("ended", Value::from(*ended_count));
                words.insert(
                    "end_reason",
                    Value::from(reason.as_deref().map(|reason| plain(reason, SENTENCE))),
                );
                words.insert("acknowledged_now", Value::from(*acknowledged));
                words.insert("taken_by", Value::from(taken_by.as_deref().map(|name| one(name, SHORT))));
                let owners: Vec<String> = assigned.iter().map(|name| one(name, SHORT)).collect();
                words.insert("assigned", text_or_none(&some_of(&owners, measure.people, ", ")));
                words.insert("firing", Value::from(*firing));
                words.insert("alerts", Value::from(alerts(*firing, self.incident.truncated)));
            }
            News::Resolved { closes_at, reason } => {
                words.insert(
                    "end_reason",
                    Value::from(reason.as_deref().map(|reason| plain(reason, SENTENCE))),
                );
                words.insert("closes", Value::from(self.moment(*closes_at)));
                words.insert("lasted", Value::from(span(self.incident.started_at, item.at)));
            }
            News::Stale { heard_at } => {
                words.insert("heard", Value::from(self.moment(*heard_at)));
                words.insert("silent", Value::from(span(*heard_at, item.at)));
            }
            News::Reopened { title, .. } => {
                words.insert("title", plain(title, measure.title));
            }
        }
    }

    /// Why there is no group, with the link into it where there is one after all.
    fn because(&self, why: &Why) -> Value {
        let because = self.room.zip(self.now).map(|(room, now)| because(why, room, now)).unwrap_or_default();
        match why {
            Why::Late { link: Some(link) } => {
                Value::from_safe_string(format!("{}. Its link: {}", escape(&because), address(&link.0)))
            }
            _ => plain(&because, SENTENCE),
        }
    }

    fn seats(&self) -> &[Seat] {
        self.room.map_or(&[], |room| &room.seats)
    }

    /// A moment in UTC and, where that is known, by the clock of the reader: in a text for one person that
    /// person's, in the room the commander's.
    fn moment(&self, at: Timestamp) -> String {
        let utc = at.to_zoned(TimeZone::UTC);
        let shown = utc.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let own = self.reader().and_then(|seat| seat.who.timezone.as_deref());
        let name = own.or_else(|| self.room.and_then(|room| room.summons.timezone.as_deref()));
        let Some((name, zone)) = name.and_then(|name| Some((name, zone(name)?))) else {
            return shown;
        };
        let local = at.to_zoned(zone);
        if local.datetime() == utc.datetime() {
            shown
        } else if local.date() == utc.date() {
            format!("{shown} ({} {name})", local.strftime("%H:%M"))
        } else {
            format!("{shown} ({} {name})", local.strftime("%Y-%m-%d %H:%M"))
        }
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

/// Several lines, escaped here because the formatter puts every other value on one line.
fn lines(text: &str, longest: usize) -> Value {
    if longest == 0 {
        return Value::from("");
    }
    let kept = fit(&paragraph(beginning(text, longest), usize::MAX), longest);
    Value::from_safe_string(escape_lines(&kept))
}

/// A web address stays as it is and clickable; anything else is only text.
fn address(url: &str) -> Value {
    if is_web_address(url) {
        Value::from_safe_string(escape_address(url))
    } else {
        Value::from_safe_string(escape(&one(url, SENTENCE)))
    }
}

fn leads(seat: &Seat) -> bool {
    seat.who.role.split(", ").any(|role| role == COMMANDER)
}

fn person(seat: &Seat) -> Value {
    Value::from(BTreeMap::from([
        ("name", plain(&seat.who.name, SHORT)),
        ("role", plain(&seat.who.role, SHORT)),
        ("why", plain(&seat.who.why, SENTENCE)),
        ("leads", Value::from(leads(seat))),
        ("seat", Value::from(seat.words())),
    ]))
}

/// "commander Jonas Weber, specialist Sam Roe and 2 more".
fn roles(seats: &[&Seat], most: usize) -> String {
    let each: Vec<String> =
        seats.iter().map(|s| one(&format!("{} {}", s.who.role, s.who.name), SHORT)).collect();
    some_of(&each, most, "; ")
}

fn joined_titles(joined: &[String], count: u32, measure: Measure) -> String {
    let shown: Vec<String> =
        joined.iter().take(measure.joined).map(|title| one(title, measure.title)).collect();
    let left = count.saturating_sub(u32::try_from(shown.len()).unwrap_or(u32::MAX));
    match (shown.is_empty(), left) {
        (true, 0) => String::new(),
        (true, left) => alerts(left, false),
        (false, 0) => shown.join("; "),
        (false, left) => format!("{} and {left} more", shown.join("; ")),
    }
}

fn origin(source: &str, settings: &Settings) -> String {
    let source = one(source, SHORT);
    match settings.trust.get(&source) {
        Some(Trust::Signed) => format!("a signed alert from {source}"),
        Some(Trust::Token) => format!("an alert from {source} (known by its token)"),
        Some(Trust::Unverified) => format!("an unverified alert from {source}"),
        None => format!("an alert from {source}"),
    }
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
