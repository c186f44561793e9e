//! What the API answers with and the pages show, made from what the store knows.
//!
//! These structs are the API's own, so a change of a stored document does not change what dashboards read.
//! No full phone number and no invite link gets in here; [`Redaction`](super::redaction::Redaction) goes over
//! the words once more on the way out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::action::offered;
use super::attention::{Attention, attention, phase_since};
use super::numbers::Numbers;
use super::timeline::{Row, rows};
use crate::alert::{Link, LinkKind, Severity};
use crate::clock::Timestamp;
use crate::incident::{Incident, State};
use crate::room::{PhaseName, Progress, Room, Said, Seat, SeatState, Stage, Standby, Trouble, Wish};
use crate::store::{Dossier, Duplicate, Summary};

/// What is broken, in a few fields.
#[derive(Debug, Serialize)]
pub(super) struct Headline {
    pub id: String,
    pub state: &'static str,
    pub severity: Severity,
    pub worst: Severity,
    pub title: String,
    pub source: String,
    pub started_at: Timestamp,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub closes_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Since when its source says nothing of it, once that is longer than `rooms.stale_after`.
    pub stale_since: Option<Timestamp>,
    pub firing: u32,
    pub acknowledged: bool,
    /// More may fire than we know of.
    pub truncated: bool,
}

/// One incident in a list.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    pub headline: Headline,
    pub room: Option<Glance>,
    /// Groups beside the room that are not closed.
    pub second_groups: usize,
}

/// A room in brief.
#[derive(Debug, Serialize)]
pub(super) struct Glance {
    pub phase: &'static str,
    pub since: Timestamp,
    /// Why a person must decide, while parked.
    pub why: Option<String>,
    pub group: Option<String>,
    /// The linked number it was made with.
    pub instance: Option<String>,
    /// The incident in whose group it is, because one of its own had to wait.
    pub guest_of: Option<String>,
    /// When the welcome was known to be there.
    pub briefed_at: Option<Timestamp>,
    /// When the members were last read back.
    pub read_at: Option<Timestamp>,
    /// Nothing is called before this moment.
    pub held_until: Option<Timestamp>,
    /// Whether an invite link was handed out; the link itself is never shown.
    pub has_link: bool,
    pub seats: Vec<Place>,
    /// What `POST /api/rooms/{id}/{action}` takes now.
    pub actions: Vec<&'static str>,
}

/// One person's seat.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    pub person: String,
    pub name: String,
    /// The last two digits.
    pub phone: String,
    pub role: String,
    /// How they came to be wanted.
    pub why: String,
    pub opted_in: bool,
    /// Not opted in by the roster, but found to have written to our number lately.
    pub has_written: bool,
    pub state: &'static str,
    /// The state in words, with the reason of a refusal.
    pub words: String,
    pub since: Option<Timestamp>,
    pub look_at: Option<Timestamp>,
    /// Whether they were told 1:1 that there is no room.
    pub told_alone: bool,
}

/// One incident in full.
#[derive(Debug, Serialize)]
pub(super) struct Detailed {
    #[serde(flatten)]
    pub headline: Headline,
    pub summary: String,
    pub labels: BTreeMap<String, String>,
    pub links: Vec<Link>,
    pub assignees: Vec<String>,
    /// Groups beside the room that are not closed.
    pub second_groups: usize,
    /// What an operator asked for that is not done yet.
    pub wish: Option<String>,
    pub room: Option<Detail>,
    pub orphans: Vec<Duplicate>,
    pub attention: Vec<Attention>,
    pub timeline: Vec<Row>,
}

/// A room in full.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    #[serde(flatten)]
    pub glance: Glance,
    pub subject: Option<String>,
    pub route: String,
    /// Why this route.
    pub rule: String,
    pub runbook: Option<String>,
    pub messages: Vec<Message>,
    /// Handed over, but not known to have arrived.
    pub unconfirmed: Option<Message>,
    pub chores: Vec<EndedTask>,
    /// Other numbers of ours in the room, or on their way.
    pub standby: Vec<Substitute>,
    pub troubles: Vec<Setback>,
}

/// Something said.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    /// `welcome`, `presence`, `news`, `departures`, `quorum`, `invite`, `reminder`, `brief`, `quiet`, `last_words` or
    /// `pointer`.
    pub what: &'static str,
    /// `room`, `second group`, or a person's name.
    pub to: String,
    pub at: Timestamp,
    pub text: String,
}

/// A small thing done once.
#[derive(Debug, Serialize)]
pub(super) struct EndedTask {
    /// As in the journal.
    pub chore: String,
    pub at: Timestamp,
    /// Why it was given up, if it was.
    pub given_up: Option<String>,
}

/// Another of our numbers, ready to go on in the room or on its way there.
#[derive(Debug, Serialize)]
pub(super) struct Substitute {
    pub instance: String,
    /// `to_add`, `to_join`, `to_promote`, `to_check`, `ready` or `given_up`.
    pub stage: &'static str,
    /// Why it was given up, if it was.
    pub given_up: Option<String>,
}

/// A step that failed and is tried again.
#[derive(Debug, Serialize)]
pub(super) struct Setback {
    pub step: String,
    pub failures: u32,
    pub retry_at: Timestamp,
    pub last: String,
}

impl Headline {
    fn of(incident: &Incident) -> Self {
        let (state, resolved_at, closes_at, closed_at) = match incident.state {
            State::Open => ("open", None, None, None),
            State::Resolved { resolved_at, closes_at } => {
                ("resolved", Some(resolved_at), Some(closes_at), None)
            }
            State::Closed { closed_at } => ("closed", None, None, Some(closed_at)),
        };
        Self {
            id: incident.id.to_string(),
            state,
            severity: incident.severity,
            worst: incident.worst,
            title: incident.title.clone(),
            source: incident.source.clone(),
            started_at: incident.started_at,
            opened_at: incident.opened_at,
            changed_at: incident.changed_at,
            resolved_at,
            closes_at,
            closed_at,
            stale_since: incident.stale_since,
            firing: incident.firing_count(),
            acknowledged: incident.acknowledged,
            truncated: incident.truncated,
        }
    }
}

impl Listed {
    pub(super) fn of(summary: &Summary, now: Timestamp) -> Self {
        let Summary { incident, room, duplicates, .. } = summary;
        Self {
            headline: Headline::of(incident),
            room: room.as_ref().map(|room| Glance::of(room, now)),
            second_groups: not_closed(duplicates),
        }
    }
}

fn not_closed(duplicates: &[Duplicate]) -> usize {
    duplicates.iter().filter(|duplicate| !duplicate.is_closed()).count()
}

impl Detailed {
    pub(super) fn of(dossier: &Dossier, numbers: &Numbers, now: Timestamp) -> Self {
        let Dossier { incident, room, budget_at, wish, duplicates, timeline } = dossier;
        Self {
            headline: Headline::of(incident),
            summary: incident.summary.clone(),
            labels: incident.labels.clone(),
            links: incident.links.clone(),
            assignees: incident.assignees.clone(),
            room: room.as_ref().map(|room| Detail::of(room, now)),
            second_groups: not_closed(duplicates),
            wish: wish.as_ref().map(Wish::words),
            orphans: duplicates.clone(),
            attention: attention(incident, room.as_ref(), *budget_at, duplicates, numbers, now),
            timeline: rows(timeline, room.as_ref().map_or(&[], |room| &room.seats)),
        }
    }
}

impl Glance {
    fn of(room: &Room, now: Timestamp) -> Self {
        let (since, why) = phase_since(&room.phase);
        Self {
            phase: room.phase.name().as_str(),
            since,
            why: why.map(str::to_owned),
            group: room.phase.group().map(ToString::to_string),
            instance: room.instance.clone(),
            guest_of: room.guest_of.map(|host| host.to_string()),
            briefed_at: room.briefed_at(),
            read_at: room.read_at,
            held_until: room.throttled_until().filter(|until| *until > now),
            has_link: room.link.is_some(),
            seats: room.seats.iter().map(|seat| Place::of(seat, room)).collect(),
            actions: offered(room, now).into_iter().map(super::action::Action::as_str).collect(),
        }
    }

    /// How many seats are in this state.
    pub(super) fn count(&self, state: &str) -> usize {
        self.seats.iter().filter(|s| s.state == state).count()
    }

    pub(super) fn offers(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }

    /// The phase in words for people.
    pub(super) fn phase_words(&self) -> &'static str {
        [
            (PhaseName::Wanted, "about to be made"),
            (PhaseName::Creating, "being made"),
            (PhaseName::Unsure, "not known if made"),
            (PhaseName::Live, "live"),
            (PhaseName::Closing, "closing"),
            (PhaseName::Closed, "closed"),
            (PhaseName::Skipped, "not needed"),
            (PhaseName::Parked, "parked"),
        ]
        .into_iter()
        .find_map(|(name, words)| (name.as_str() == self.phase).then_some(words))
        .unwrap_or(self.phase)
    }
}

impl Place {
    fn of(seat: &Seat, room: &Room) -> Self {
        let is_made = room.phase.group().is_some();
        let (state, words, since, look_at) = match &seat.state {
            SeatState::Wanted => ("wanted", "not asked yet".to_owned(), None, None),
            // Asked together with a group that is not known to exist.
            SeatState::Asked if !is_made => ("asked", "no group yet".to_owned(), None, None),
            SeatState::Asked => ("asked", "asked, not seen yet".to_owned(), None, None),
            SeatState::In { since } => ("in", "in".to_owned(), Some(*since), None),
            SeatState::Invited { since, by_gateway } => {
                let by = if *by_gateway { "invited by WhatsApp" } else { "invited by link" };
                ("invited", by.to_owned(), Some(*since), None)
            }
            SeatState::Left { since } => ("left", "left the group".to_owned(), Some(*since), None),
            SeatState::Refused { why } => ("refused", why.words(), None, None),
            SeatState::CannotTell { look_at } => {
                ("cannot_tell", "cannot tell".to_owned(), None, Some(*look_at))
            }
            SeatState::Replaced { since, .. } => ("replaced", seat.words(), Some(*since), None),
        };
        Self {
            person: seat.who.person.clone(),
            name: seat.who.name.clone(),
            phone: seat.who.jid.masked(),
            role: seat.who.role.clone(),
            why: seat.who.why.clone(),
            opted_in: seat.who.opted_in,
            has_written: seat.has_written == Some(true),
            state,
            words,
            since,
            look_at,
            told_alone: room.is_told(&seat.who.person),
        }
    }
}

impl Detail {
    fn of(room: &Room, now: Timestamp) -> Self {
        Self {
            glance: Glance::of(room, now),
            subject: room.named.as_ref().map(|n| n.subject.clone()).or_else(|| room.subject.clone()),
            route: room.summons.route.clone(),
            rule: room.summons.rule.clone(),
            runbook: room.summons.runbook.clone(),
            messages: room
                .tasks
                .all_said()
                .into_iter()
                .map(|(at, said)| Message::of(room, said, at))
                .collect(),
            unconfirmed: room.tasks.unknown().next().map(|said| Message::of(room, said, said.begun_at)),
            chores: room.tasks.iter().filter_map(|(key, progress)| EndedTask::of(key, progress)).collect(),
            standby: room.standby.iter().map(Substitute::of).collect(),
            troubles: troubles(room).map(|(step, trouble)| Setback::of(step, trouble)).collect(),
        }
    }
}

/// What failed and is tried again.
fn troubles(room: &Room) -> impl Iterator<Item = (&str, &Trouble)> {
    room.tasks.iter().filter_map(|(key, progress)| Some((key, progress.trouble.as_ref()?)))
}

impl Message {
    fn of(room: &Room, said: &Said, at: Timestamp) -> Self {
        let to = match (said.message.person(), &said.message) {
            (Some(person), _) => {
                let seat = room.seats.iter().find(|s| s.who.person == *person);
                seat.map_or_else(|| person.to_owned(), |s| s.who.name.clone())
            }
            (None, crate::room::Message::Pointer { .. }) => "second group".to_owned(),
            (None, _) => "room".to_owned(),
        };
        Self { what: said.message.name(), to, at, text: said.text.clone() }
    }
}

impl EndedTask {
    /// What was done, besides what was said, and what was given up.
    fn of(key: &str, progress: &Progress) -> Option<Self> {
        let is_listed = progress.said.is_none() || progress.given_up().is_some();
        let at = progress.state.ended_at().filter(|_| is_listed)?;
        Some(Self { chore: key.to_owned(), at, given_up: progress.given_up().map(str::to_owned) })
    }

    pub(super) fn words(&self) -> String {
        self.chore.replace('_', " ")
    }
}

impl Message {
    pub(super) fn words(&self) -> String {
        self.what.replace('_', " ")
    }
}

impl Substitute {
    fn of(standby: &Standby) -> Self {
        let given_up = match &standby.stage {
            Stage::GivenUp { why, .. } => Some(why.clone()),
            Stage::ToAdd | Stage::ToJoin | Stage::ToPromote | Stage::ToCheck | Stage::Ready { .. } => None,
        };
        Self { instance: standby.instance.clone(), stage: standby.stage.as_str(), given_up }
    }

    pub(super) fn words(&self) -> &'static str {
        match self.stage {
            "ready" => "is in the group and can go on there",
            "given_up" => "could not be brought in",
            _ => "is being brought in",
        }
    }
}

impl Setback {
    fn of(step: &str, trouble: &Trouble) -> Self {
        Self {
            step: step.to_owned(),
            failures: trouble.failures,
            retry_at: trouble.retry_at,
            last: trouble.last.clone(),
        }
    }
}

/// What a link leads to, in words.
pub(super) fn link_words(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Source => "Alert at its source",
        LinkKind::Runbook => "Runbook",
        LinkKind::Dashboard => "Dashboard",
        LinkKind::Silence => "Silence",
        LinkKind::Call => "Call",
    }
}
