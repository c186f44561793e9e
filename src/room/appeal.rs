//! What is told by the second way, when no linked number can tell it: which incident, why, and who is
//! wanted.
//!
//! Actors: an [`Appeal`], its [`Reason`]. The id of an appeal is made of the incident, the reason and the beginning of
//! the outage alone, so that the receiver can tell a repeat from news.

use super::agenda::{Ground, Step};
use super::offers::Agenda;
use super::phase::CANCELLED;
use super::progress::Answer;
use super::{Chore, Room, Wanted, word};
use crate::clock::Timestamp;
use crate::incident::State;

/// Why the second way is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No linked number works.
    NumbersDown {
        /// Since when.
        since: Timestamp,
        /// All of them.
        numbers: Vec<String>,
    },
    /// A person must decide about the room, and not everybody could be told 1:1.
    Parked,
    /// People could not be told 1:1 in time.
    Late {
        /// How many.
        people: usize,
        /// The last failure to tell one of them, if there was one.
        last: Option<String>,
    },
}

impl Reason {
    /// A short fixed word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NumbersDown { .. } => "numbers-down",
            Self::Parked | Self::Late { .. } => "unreached",
        }
    }

    fn chore(&self) -> Chore {
        match self {
            Self::NumbersDown { .. } => Chore::TellNumbersDown,
            Self::Parked | Self::Late { .. } => Chore::TellUnreached,
        }
    }
}

/// What is told by the second way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// Why.
    pub reason: Reason,
    /// The same for every repeat; another one for another incident, reason or outage.
    pub id: String,
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
    let numbers = ground.numbers.0.iter().map(|n| n.name.clone()).collect();
    due(room, wanted, ground, Reason::NumbersDown { since, numbers })
}

/// The appeal that people could not be told 1:1 about a room that waits for a person.
pub(super) fn unreached(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    parked_because: &str,
) -> Option<Step> {
    if room.untold() == 0 || parked_because == CANCELLED {
        return None;
    }
    due(room, wanted, ground, Reason::Parked)
}

pub(super) fn due(room: &Room, wanted: &Wanted, ground: Ground<'_>, reason: Reason) -> Option<Step> {
    let incident = &wanted.incident;
    let since = if let Reason::NumbersDown { since, .. } = reason { Some(since) } else { None };
    // What was told of an outage before this one says nothing about this one.
    let told = room.chores.get(&reason.chore());
    let is_told = told.is_some_and(|done| since.is_none_or(|since| done.at() >= since));
    if !ground.policy.second_way || incident.state != State::Open || is_told {
        return None;
    }
    // The number of an incident begins anew with a new store, the moment of its opening does not.
    let outage = since.map(|at| format!("{}-", at.as_millisecond())).unwrap_or_default();
    let id = format!("{}-{}-{outage}{}", incident.id, incident.opened_at.as_millisecond(), reason.as_str());
    Some(Step::Appeal(Appeal { reason, id }))
}

/// Offers an appeal that is due.
pub(super) fn offered(room: &Room, step: Step, now: Timestamp) -> Agenda<'_> {
    let mut agenda = Agenda::new(room, now);
    agenda.offer(step);
    agenda
}

impl Room {
    /// How many of its people were not told 1:1, as far as anybody knows.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.seats.iter().filter(|s| !s.briefed || s.unreached).count()
    }

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
