//! Nobody is left without a word: one deadline per room, whatever phase it is in and whatever stands in its way.
//!
//! It counts from the moment at which the room was wanted, which is stored. Who has neither been seen in a group
//! that was told what it is for, nor got the link, nor heard of it 1:1 by then is told 1:1; and if no number can
//! do that, the fallback webhook is called. Until then no call may take so long that it is missed.

use super::direct::{brief, look_for, pending, to_person, untold};
use super::inputs::{Inputs, View};
use super::message::{Message, Why, brief_key};
use super::options::{Next, Options};
use super::phase::Phase;
use super::policy::{NotOptedIn, Policy};
use super::seat::{Refused, Seat, SeatState};
use super::task::{Reason, Task};
use super::{Room, webhook};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::State;
use crate::jid::ChatId;

/// From then on people are told 1:1.
const TELL_AFTER: SignedDuration = SignedDuration::from_secs(12);
/// From then on the fallback webhook is called for those who could not be told.
const WEBHOOK_AFTER: SignedDuration = SignedDuration::from_secs(17);
/// So long after a group is there its lists have shown who was added.
const LISTED_AFTER: SignedDuration = SignedDuration::from_secs(6);
/// What one call may take while somebody waits for a word.
const SHORT_CALL: SignedDuration = SignedDuration::from_secs(3);
/// What it may take beyond the moment at which the webhook is due.
const LAST_CALL: SignedDuration = SignedDuration::from_secs(1);

/// Whether the person has not heard of the incident, as far as anybody knows, and should.
fn lacks_word(room: &Room, seat: &Seat) -> bool {
    let has_heard = room.was_told_alone(&seat.who.person);
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
fn lacking<'a>(room: &'a Room, inputs: &Inputs, policy: &Policy) -> Vec<&'a Seat> {
    let is_under_way = match room.phase {
        Phase::Wanted { .. } | Phase::Creating { .. } | Phase::Unsure { .. } | Phase::Live { .. } => true,
        Phase::Closing { .. } | Phase::Closed { .. } | Phase::Skipped { .. } | Phase::Parked { .. } => false,
    };
    if inputs.incident.state != State::Open || !is_under_way {
        return Vec::new();
    }
    let may_hear = |s: &&Seat| s.is_known() || policy.not_opted_in != NotOptedIn::LeaveOut;
    room.seats.iter().filter(may_hear).filter(|s| lacks_word(room, s)).collect()
}

/// Since when those who lack a word are wanted; whoever is asked in later has as much time.
fn wanted_at(room: &Room) -> Timestamp {
    room.escalation.added_at.map_or(room.wanted_at, |added_at| added_at.max(room.wanted_at))
}

fn tell_at(room: &Room) -> Timestamp {
    let tell = later(wanted_at(room), TELL_AFTER);
    if let Phase::Live { since, .. } = &room.phase
        && room.is_briefed()
    {
        return tell.max(later(*since, LISTED_AFTER)).min(webhook_at(room));
    }
    tell
}

fn webhook_at(room: &Room) -> Timestamp {
    later(wanted_at(room), WEBHOOK_AFTER)
}

/// Whether a room that has to wait until `turn` can wait for it without a word.
pub(super) fn can_wait(room: &Room, turn: Timestamp) -> bool {
    turn <= webhook_at(room)
}

/// Whether somebody still lacks a word when the webhook is due.
fn is_overdue(room: &Room, inputs: &Inputs, policy: &Policy, now: Timestamp) -> bool {
    webhook_at(room) <= now && !lacking(room, inputs, policy).is_empty()
}

/// The next moment at which something has to be done for those who lack a word.
#[must_use]
pub fn next_at(room: &Room, inputs: &Inputs, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let lacking = lacking(room, inputs, policy);
    let tries = lacking.iter().filter_map(|seat| room.tasks.retry_at(&brief_key(&seat.who.person)));
    let moments = [tell_at(room), webhook_at(room)].into_iter().filter(|_| !lacking.is_empty());
    moments.chain(tries).filter(|at| *at > now).min()
}

/// Until when a call that begins now is waited for, if its own time limit could be too long.
#[must_use]
pub fn limit(room: &Room, inputs: &Inputs, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    if lacking(room, inputs, policy).is_empty() {
        return None;
    }
    let (tell_at, webhook_at, short) = (tell_at(room), webhook_at(room), later(now, SHORT_CALL));
    if now < tell_at {
        Some(tell_at.max(short))
    } else if now < webhook_at {
        Some(short.min(later(webhook_at, LAST_CALL)))
    } else {
        None
    }
}

/// What is to be done now for those who lack a word.
pub(super) fn due(view: View<'_>) -> Option<Next> {
    let View { room, inputs, context, now } = view;
    let lacking = lacking(room, inputs, context.policy);
    if lacking.is_empty() || tell_at(room) > now {
        return None;
    }
    if let Some(call) = call_webhook(view, &lacking) {
        return Some(call);
    }
    if let Some(said) = pending(view).filter(|said| said.message.is_private()) {
        return Some(look_for(said, view));
    }
    if context.no_private_before.is_some_and(|at| at > now) {
        return None;
    }
    let mut options = Options::new(room, now);
    let group = room.phase.group().filter(|_| room.is_briefed());
    if let (Some(group), None) = (group, &room.link) {
        let get_link = Task::GetLink { group: group.clone() };
        if room.tasks.trouble(&get_link.key()).is_none() {
            options.offer(get_link);
        }
    }
    let link = room.link.clone().filter(|_| group.is_some());
    // To whom nothing can be delivered nothing more is written; who waits for a link has a little longer.
    let is_given_up =
        |s: &Seat| room.link.is_some() && s.state == SeatState::Refused { why: Refused::Undeliverable };
    let is_patient = |s: &Seat| group.is_some() && s.needs_link() && now < webhook_at(room);
    let is_due = |s: &&Seat| lacks_word(room, s) && !is_given_up(s) && !is_patient(s);
    for seat in untold(room, context.policy).filter(is_due) {
        options.offer(if room.link.is_some() && seat.needs_link() {
            to_person(Message::Invite { person: seat.who.person.clone() }, seat)
        } else {
            brief(view, seat, Why::Late { link: link.clone() })
        });
    }
    options.decide().call()
}

/// A call for those who lack a word in a room that is there: one that can be told now what it is for is told first.
pub(super) fn due_beside(view: View<'_>) -> Option<Next> {
    let View { room, context, now, .. } = view;
    let waits = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
    let welcome_waits = waits(room.tasks.retry_at(&Message::Welcome.task_key()));
    let own_works = room.instance.as_deref().is_none_or(|own| context.numbers.works(own));
    let is_held = !own_works || waits(room.throttled_until());
    let is_stuck = room.is_briefed() || pending(view).is_some() || welcome_waits || is_held;
    if is_stuck { due(view)?.call() } else { None }
}

/// The call that all numbers are down, once they have been for long enough.
pub(super) fn numbers_down(view: View<'_>) -> Option<Next> {
    let View { room, inputs, context, now } = view;
    let lost_at = context.numbers.all_lost_at()?;
    if lost_at > now && !is_overdue(room, inputs, context.policy, now) {
        return None;
    }
    let since = context.numbers.0.iter().filter_map(|n| Some(n.loss?.since)).max().unwrap_or(now);
    let numbers = context.numbers.0.iter().map(|n| n.name.clone()).collect();
    webhook::due(view, Reason::NumbersDown { since, numbers })?.call()
}

/// The call for those who could not be told in time, where more than the pace stands in the way.
fn call_webhook(view: View<'_>, lacking: &[&Seat]) -> Option<Next> {
    let View { room, now, .. } = view;
    if webhook_at(room) > now {
        return None;
    }
    let is_waited_for = |seat: &Seat| {
        let chat = ChatId::Person(seat.address().clone());
        room.tasks.unknown().any(|said| said.chat == chat)
    };
    let is_stuck = |seat: &&&Seat| {
        room.is_unreached(&seat.who.person)
            || seat.state == SeatState::Refused { why: Refused::Undeliverable }
            || room.tasks.trouble(&brief_key(&seat.who.person)).is_some()
            || is_waited_for(seat)
    };
    let is_held = room.private_hold().is_some_and(|until| until > now);
    let first = lacking.iter().find(is_stuck);
    if first.is_none() && !is_held {
        return None;
    }
    let last = first.and_then(|seat| room.tasks.last_failure(&brief_key(&seat.who.person)));
    let last = last.map(str::to_owned);
    webhook::due(view, Reason::Late { people: lacking.len(), last })?.call()
}
