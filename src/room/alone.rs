//! People told 1:1, because there is no group: for now, or at all.

use super::agenda::{Ground, LOOKS, Next, Step, What};
use super::offers::Agenda;
use super::phase::Event;
use super::policy::{Policy, Strangers};
use super::seat::{Refused, SeatState};
use super::{Room, Saying, Seat, Wanted, Why, brief_key};
use crate::clock::Timestamp;
use crate::incident::State;
use crate::jid::ChatId;

/// The seats of those who do not know yet and may be written to.
pub(super) fn untold<'a>(room: &'a Room, policy: &Policy) -> impl Iterator<Item = &'a Seat> {
    let strangers = policy.strangers;
    let is_called = |s: &&Seat| s.state != SeatState::Refused { why: Refused::OverSize };
    let may_hear = move |s: &&Seat| !s.briefed && (s.who.introduced || strangers != Strangers::LeaveOut);
    // Whom a number that is lost may have told is not told again by another one.
    let pending = |s: &Seat| room.saying.as_ref().is_some_and(|t| t.what.key() == brief_key(&s.who.person));
    let wants_none = |s: &Seat| room.has_stopped(&s.who.jid);
    room.seats.iter().filter(is_called).filter(move |s| !pending(s) && !wants_none(s)).filter(may_hear)
}

/// Before a room without a group is left to a person, everybody is told 1:1.
pub(super) fn reach_one_by_one(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    why: String,
    now: Timestamp,
) -> Next {
    match wanted.incident.state {
        // An incident that is over wakes nobody, unless it comes back.
        State::Resolved { closes_at, .. } => return Next::Sleep(closes_at),
        State::Closed { .. } => return Next::Note(Event::Spent { why }),
        State::Open => {}
    }
    if let Some(saying) = pending(room, wanted, ground, now) {
        return look_for(saying, room, ground, now);
    }
    let mut agenda = Agenda::new(room, now);
    for seat in untold(room, ground.policy) {
        agenda.offer(brief(room, seat, Why::GivenUp { reason: why.clone() }, now));
    }
    match agenda.decide() {
        Next::Rest => Next::Note(Event::Spent { why }),
        next @ (Next::Call(_) | Next::Note(_) | Next::Refuse(_) | Next::Sleep(_)) => next,
    }
}

/// The step that tells `seat` that there is no room; where the number may be registered in another form it is asked
/// for first, if that can be done.
pub(super) fn brief(room: &Room, seat: &Seat, why: Why, now: Timestamp) -> Step {
    let person = seat.who.person.clone();
    let check = Step::CheckReachable { person: person.clone(), jid: seat.who.jid.clone() };
    let is_held = room.hold_until.is_some_and(|until| until > now);
    if seat.is_to_be_checked() && !is_held && !room.troubles.contains_key(&check.key()) {
        return check;
    }
    to_person(What::Brief { person, why }, seat)
}

/// A message to this person.
pub(super) fn to_person(what: What, seat: &Seat) -> Step {
    Step::Say { what, chat: ChatId::Person(seat.address().clone()) }
}

/// The message without an answer that has to be dealt with first. No other number sees a 1:1 chat, so while the
/// one that wrote there is lost and others work, the message counts as not delivered, and is not repeated; nor is
/// one that would tell of an incident that is over.
pub(super) fn pending<'a>(
    room: &'a Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    now: Timestamp,
) -> Option<&'a Saying> {
    let numbers = ground.numbers;
    let is_lost =
        |sender: &str| numbers.is_lost(sender, now) && numbers.others(Some(sender)).next().is_some();
    let is_void = |saying: &Saying| {
        let is_over = wanted.incident.state != State::Open && saying.looks >= LOOKS;
        saying.what.is_private() && (is_over || saying.instance.as_deref().is_some_and(is_lost))
    };
    room.saying.as_ref().filter(|saying| !is_void(saying))
}

/// A message without an answer: look for it, and say it again only when it is not there.
pub(super) fn look_for(saying: &Saying, room: &Room, ground: Ground<'_>, now: Timestamp) -> Next {
    let mut agenda = Agenda::new(room, now);
    let (what, chat) = (saying.what.clone(), saying.chat.clone());
    if saying.looks >= LOOKS {
        agenda.offer(Step::Say { what, chat });
    } else {
        agenda.offer_at(saying.look.due_at(ground.began_at, now), Step::LookForMessage { what, chat });
    }
    agenda.decide()
}
