//! What is told by the second way, when no linked number can tell it: which incident, why, and who is
//! wanted.
//!
//! Actors: an [`Appeal`], ready to be sent; its [`Reason`]. The id of an appeal is made of the incident, the
//! reason and the beginning of the outage alone, so that the receiver can tell a repeat from news.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::agenda::{Ground, Step};
use super::offers::Agenda;
use super::phase::{CANCELLED, Phase};
use super::progress::Answer;
use super::{Chore, Room, Wanted, word};
use crate::clock::Timestamp;
use crate::incident::State;

/// Why the second way is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No linked number works.
    NumbersDown,
    /// A person must decide about the room, and not everybody could be told 1:1.
    Unreached,
}

impl Reason {
    /// A short fixed word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NumbersDown => "numbers-down",
            Self::Unreached => "unreached",
        }
    }

    pub(super) fn chore(self) -> Chore {
        match self {
            Self::NumbersDown => Chore::TellNumbersDown,
            Self::Unreached => Chore::TellUnreached,
        }
    }
}

/// What is told by the second way. The id is the same for every repeat, and another one for another incident,
/// reason or outage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    /// Why.
    pub reason: Reason,
    /// The same for every repeat; another one for another incident or reason.
    pub id: String,
    /// JSON.
    pub body: String,
}

/// Refusals after which an appeal is given up.
const REFUSALS: u32 = 3;
/// Failures of any kind after which it is given up: about a day of minutes.
const PATIENCE: u32 = 1440;

/// The appeal that all numbers are down, once they have been for long enough.
pub(super) fn numbers_down(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Option<Step> {
    let lost_at = ground.numbers.all_lost_at()?;
    if lost_at > now && !word::is_overdue(room, wanted, ground.policy, now) {
        return None;
    }
    let since = ground.numbers.0.iter().filter_map(|n| Some(n.loss?.since)).max().unwrap_or(now);
    let names: Vec<&str> = ground.numbers.0.iter().map(|n| n.name.as_str()).collect();
    let state = match (&room.phase, room.is_briefed()) {
        (Phase::Live { .. }, true) => "the group is there, but nothing can be said in it",
        (Phase::Live { .. }, false) => "the group is there, but the people in it are not briefed",
        (Phase::Unsure { .. }, _) => "nobody can tell whether the group was made",
        _ => "there is no group yet",
    };
    let numbers = if names.len() == 1 { "the linked number does" } else { "all linked numbers do" };
    let why =
        format!("{numbers} not work since {} ({}); {state}", since.strftime("%H:%M UTC"), names.join(", "));
    due(room, wanted, ground, (Reason::NumbersDown, Some(since)), &why, now)
}

/// The appeal that people could not be told 1:1 about a room that waits for a person.
pub(super) fn unreached(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    parked_because: &str,
    now: Timestamp,
) -> Option<Step> {
    let untold = room.seats.iter().filter(|s| !s.briefed || s.unreached).count();
    if untold == 0 || parked_because == CANCELLED {
        return None;
    }
    let why = format!(
        "a person must decide about the room: {parked_because}; {untold} of {} people could not be told directly",
        room.seats.len()
    );
    due(room, wanted, ground, (Reason::Unreached, None), &why, now)
}

pub(super) fn due(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (reason, since): (Reason, Option<Timestamp>),
    why: &str,
    now: Timestamp,
) -> Option<Step> {
    let is_open = matches!(wanted.incident.state, State::Open);
    // What was told of an outage before this one says nothing about this one.
    let told = room.chores.get(&reason.chore());
    let is_told = told.is_some_and(|done| since.is_none_or(|since| done.at() >= since));
    (ground.policy.second_way && is_open && !is_told)
        .then(|| Step::Appeal(compose(room, wanted, (reason, since), why, now)))
}

/// Offers an appeal that is due.
pub(super) fn offered(room: &Room, step: Step, now: Timestamp) -> Agenda<'_> {
    let mut agenda = Agenda::new(room, now);
    agenda.offer(step);
    agenda
}

fn compose(
    room: &Room,
    wanted: &Wanted,
    (reason, since): (Reason, Option<Timestamp>),
    why: &str,
    now: Timestamp,
) -> Appeal {
    let incident = &wanted.incident;
    let people: Vec<_> = room
        .seats
        .iter()
        .map(|seat| {
            json!({
                "name": seat.who.name,
                "role": seat.who.role,
                "email": seat.who.email,
                "phone": seat.who.jid.masked(),
                "state": seat.words(),
                "told": seat.briefed && !seat.unreached,
            })
        })
        .collect();
    let body = json!({
        "type": "warroom.unreached",
        "reason": reason.as_str(),
        "why": why,
        "at": now,
        "incident": {
            "id": incident.id.to_string(),
            "title": incident.title,
            "severity": incident.severity,
            "opened_at": incident.opened_at,
            "source": incident.source,
            "route": room.summons.route,
            "runbook": room.summons.runbook,
        },
        "room": { "phase": room.phase.name().as_str() },
        "people": people,
    });
    // The number of an incident begins anew with a new store, the moment of its opening does not.
    let outage = since.map(|at| format!("{}-", at.as_millisecond())).unwrap_or_default();
    let id = format!("{}-{}-{outage}{}", incident.id, incident.opened_at.as_millisecond(), reason.as_str());
    Appeal { reason, id, body: body.to_string() }
}

impl Room {
    pub(super) fn finish_appeal(&mut self, appeal: &Appeal, answer: &Answer, now: Timestamp) {
        let key = Step::Appeal(appeal.clone()).key();
        if *answer == Answer::Done {
            self.troubles.remove(&key);
            self.done(appeal.reason.chore(), now);
            return;
        }
        let error = answer.error();
        let trouble = self.note_trouble(&key, &error, now);
        if trouble.refusals >= REFUSALS || trouble.failures >= PATIENCE {
            self.troubles.remove(&key);
            self.give_up(appeal.reason.chore(), error.to_string(), now);
        }
    }
}
