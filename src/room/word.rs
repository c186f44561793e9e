//! Nobody is left without a word: one deadline per room, whatever phase it is in and whatever stands in its way.
//!
//! It counts from the moment at which the room was wanted, which is stored. Who has neither been seen in a group
//! that was told what it is for, nor got the link, nor heard of it 1:1 by then is told 1:1; and if no number can
//! do that, the second way is taken. Until then no call may take so long that it is missed.

use super::agenda::{Ground, Next, Step, What, brief_trouble};
use super::alone::{brief, look_for, pending, to_person, untold};
use super::appeal::{self, Reason};
use super::offers::Agenda;
use super::phase::Phase;
use super::policy::{Policy, Strangers};
use super::seat::{Refused, Seat, SeatState};
use super::{Room, Wanted, Why};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::State;
use crate::jid::ChatId;

/// From then on people are told 1:1.
const TELL_AFTER: SignedDuration = SignedDuration::from_secs(12);
/// From then on the second way is taken for those who could not be told.
const APPEAL_AFTER: SignedDuration = SignedDuration::from_secs(17);
/// So long after a group is there its lists have shown who was added.
const LISTED_AFTER: SignedDuration = SignedDuration::from_secs(6);
/// What one call may take while somebody waits for a word.
const SHORT_CALL: SignedDuration = SignedDuration::from_secs(3);
/// What it may take beyond the moment at which the second way is due.
const LAST_CALL: SignedDuration = SignedDuration::from_secs(1);

/// Whether the person has not heard of the incident, as far as anybody knows, and should.
fn lacks_word(room: &Room, seat: &Seat) -> bool {
    let has_heard = seat.briefed && !seat.unreached;
    // Those who are called because others did not come, or came back, are asked in their turn.
    if has_heard || seat.late || seat.to_add || room.has_stopped(&seat.who.jid) {
        return false;
    }
    match seat.state {
        SeatState::Wanted | SeatState::Asked | SeatState::CannotTell { .. } => true,
        SeatState::In { .. } => !room.is_briefed(),
        SeatState::Invited { .. } | SeatState::Left { .. } | SeatState::Replaced { .. } => false,
        SeatState::Refused { why } => match why {
            Refused::Undeliverable | Refused::Full => true,
            Refused::NotOnNetwork
            | Refused::Blocked
            | Refused::LeftRecently
            | Refused::Stranger
            | Refused::OverSize
            | Refused::NotNeeded
            | Refused::Stopped { .. } => false,
        },
    }
}

/// Those who lack a word. An incident that is over wakes nobody, and a room that waits for a person or is at its
/// end has told its people.
fn lacking<'a>(room: &'a Room, wanted: &Wanted, policy: &Policy) -> Vec<&'a Seat> {
    let is_under_way = match room.phase {
        Phase::Wanted { .. } | Phase::Creating { .. } | Phase::Unsure { .. } | Phase::Live { .. } => true,
        Phase::Closing { .. } | Phase::Closed { .. } | Phase::Skipped { .. } | Phase::Parked { .. } => false,
    };
    if wanted.incident.state != State::Open || !is_under_way {
        return Vec::new();
    }
    let may_hear = |s: &&Seat| s.is_known() || policy.strangers != Strangers::LeaveOut;
    room.seats.iter().filter(may_hear).filter(|s| lacks_word(room, s)).collect()
}

/// Since when those who lack a word are wanted; whoever is asked in later has as much time.
fn wanted_at(room: &Room) -> Timestamp {
    room.pursuit.added_at.map_or(room.wanted_at, |added_at| added_at.max(room.wanted_at))
}

fn tell_at(room: &Room) -> Timestamp {
    let tell = later(wanted_at(room), TELL_AFTER);
    if let Phase::Live { since, .. } = &room.phase
        && room.is_briefed()
    {
        return tell.max(later(*since, LISTED_AFTER)).min(appeal_at(room));
    }
    tell
}

fn appeal_at(room: &Room) -> Timestamp {
    later(wanted_at(room), APPEAL_AFTER)
}

/// Whether a room that has to wait until `turn` can wait for it without a word.
pub(super) fn can_wait(room: &Room, turn: Timestamp) -> bool {
    turn <= appeal_at(room)
}

/// Whether somebody still lacks a word when the second way is due.
pub(super) fn is_overdue(room: &Room, wanted: &Wanted, policy: &Policy, now: Timestamp) -> bool {
    appeal_at(room) <= now && !lacking(room, wanted, policy).is_empty()
}

/// The next moment at which something has to be done for those who lack a word.
#[must_use]
pub fn next_at(room: &Room, wanted: &Wanted, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let lacking = lacking(room, wanted, policy);
    let tries =
        lacking.iter().filter_map(|seat| Some(room.troubles.get(&brief_trouble(&seat.who.person))?.retry_at));
    let moments = [tell_at(room), appeal_at(room)].into_iter().filter(|_| !lacking.is_empty());
    moments.chain(tries).filter(|at| *at > now).min()
}

/// Until when a call that begins now is waited for, if its own time limit could be too long.
#[must_use]
pub fn limit(room: &Room, wanted: &Wanted, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    if lacking(room, wanted, policy).is_empty() {
        return None;
    }
    let (tell_at, appeal_at, short) = (tell_at(room), appeal_at(room), later(now, SHORT_CALL));
    if now < tell_at {
        Some(tell_at.max(short))
    } else if now < appeal_at {
        Some(short.min(later(appeal_at, LAST_CALL)))
    } else {
        None
    }
}

/// What is to be done now for those who lack a word.
pub(super) fn due(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Option<Next> {
    let lacking = lacking(room, wanted, ground.policy);
    if lacking.is_empty() || tell_at(room) > now {
        return None;
    }
    if let Some(step) = appeal(room, wanted, ground, &lacking, now)
        && let call @ Next::Call(_) = appeal::offered(room, step, now).decide()
    {
        return Some(call);
    }
    if let Some(saying) = pending(room, wanted, ground, now).filter(|saying| saying.what.is_private()) {
        return Some(look_for(saying, room, ground, now));
    }
    if ground.no_private_before.is_some_and(|at| at > now) {
        return None;
    }
    let mut agenda = Agenda::new(room, now);
    let group = room.phase.group().filter(|_| room.is_briefed());
    if let (Some(group), None) = (group, &room.link)
        && !room.troubles.contains_key(&Step::GetLink { group: group.clone() }.key())
    {
        agenda.offer(Step::GetLink { group: group.clone() });
    }
    let link = room.link.clone().filter(|_| group.is_some());
    // To whom nothing can be delivered nothing more is written; who waits for a link has a little longer.
    let is_given_up =
        |s: &Seat| room.link.is_some() && s.state == SeatState::Refused { why: Refused::Undeliverable };
    let is_patient = |s: &Seat| group.is_some() && s.needs_link() && now < appeal_at(room);
    let is_due = |s: &&Seat| lacks_word(room, s) && !is_given_up(s) && !is_patient(s);
    for seat in untold(room, ground.policy).filter(is_due) {
        match &room.link {
            Some(_) if seat.needs_link() => {
                agenda.offer(to_person(What::Invite { person: seat.who.person.clone() }, seat));
            }
            _ => agenda.offer(brief(room, seat, Why::Late { link: link.clone() }, now)),
        }
    }
    match agenda.decide() {
        call @ Next::Call(_) => Some(call),
        Next::Note(_) | Next::Refuse(_) | Next::Sleep(_) | Next::Rest => None,
    }
}

/// The same in a room that is there: one that can be told now what it is for is told first.
pub(super) fn due_beside(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Option<Next> {
    let welcome_at = room.troubles.get(&What::Welcome.trouble()).map_or(now, |t| t.retry_at);
    let is_held = room.hold_until.is_some_and(|until| until > now);
    let is_waiting = pending(room, wanted, ground, now).is_some() || welcome_at > now || is_held;
    let is_stuck = room.is_briefed() || is_waiting;
    if is_stuck { due(room, wanted, ground, now) } else { None }
}

/// The appeal for those who could not be told in time, where more than the pace stands in the way.
fn appeal(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    lacking: &[&Seat],
    now: Timestamp,
) -> Option<Step> {
    if appeal_at(room) > now {
        return None;
    }
    let is_waited_for =
        |seat: &Seat| room.saying.as_ref().is_some_and(|s| s.chat == ChatId::Person(seat.address().clone()));
    let is_stuck = |seat: &&&Seat| {
        seat.unreached
            || seat.state == SeatState::Refused { why: Refused::Undeliverable }
            || room.troubles.contains_key(&brief_trouble(&seat.who.person))
            || is_waited_for(seat)
    };
    let is_held = room.private_hold().is_some_and(|until| until > now);
    let first = lacking.iter().find(is_stuck);
    if first.is_none() && !is_held {
        return None;
    }
    let last = first.and_then(|seat| room.troubles.get(&brief_trouble(&seat.who.person)));
    let last = last.map(|t| t.last.clone());
    appeal::due(room, wanted, ground, Reason::Late { people: lacking.len(), last })
}
