//! People told 1:1, because there is no group (for now, or at all) or no way into it; and what is done about a
//! message that nobody answered.

use super::delivery::LOOKS;
use super::inputs::View;
use super::message::{Message, Why, brief_key};
use super::options::{Next, Options};
use super::phase::Event;
use super::policy::{NotOptedIn, Policy};
use super::progress::Said;
use super::seat::{Refused, SeatState};
use super::task::Task;
use super::{Room, Seat};
use crate::incident::State;
use crate::jid::ChatId;

/// The seats of those who do not know yet and may be written to. Whom a number that is lost may have told is not
/// told again by another one.
pub(super) fn untold<'a>(room: &'a Room, policy: &Policy) -> impl Iterator<Item = &'a Seat> {
    let not_opted_in = policy.not_opted_in;
    room.seats.iter().filter(move |s| {
        let key = brief_key(&s.who.person);
        s.state != SeatState::Refused { why: Refused::OverSize }
            && !room.tasks.is_over(&key)
            && !room.tasks.is_unknown(&key)
            && !room.has_stopped(&s.who.jid)
            && (s.who.opted_in || not_opted_in != NotOptedIn::LeaveOut)
    })
}

/// Before a room without a group is left to a person, everybody is told 1:1.
pub(super) fn reach_one_by_one(view: View<'_>, why: String) -> Next {
    let View { room, inputs, context, now } = view;
    match inputs.incident.state {
        // An incident that is over wakes nobody, unless it comes back.
        State::Resolved { closes_at, .. } => return Next::Sleep(closes_at),
        State::Closed { .. } => return Next::Note(Event::Spent { why }),
        State::Open => {}
    }
    if let Some(said) = pending(view) {
        return look_for(said, view);
    }
    let mut options = Options::new(room, now);
    for seat in untold(room, context.policy) {
        options.offer(brief(view, seat, Why::GivenUp { reason: why.clone() }));
    }
    let next = options.decide();
    if next == Next::Rest { Next::Note(Event::Spent { why }) } else { next }
}

/// The task that tells `seat` that there is no room; where the number may be registered in another form it is asked
/// for first, if that can be done.
pub(super) fn brief(View { room, now, .. }: View<'_>, seat: &Seat, why: Why) -> Task {
    let person = seat.who.person.clone();
    let check = Task::CheckReachable { person: person.clone(), jid: seat.who.jid.clone() };
    let is_held = room.throttled_until().is_some_and(|until| until > now);
    if seat.is_to_be_checked() && !is_held && room.tasks.trouble(&check.key()).is_none() {
        return check;
    }
    to_person(Message::Brief { person, why }, seat)
}

/// Offers a message to each of those who need the invite link where there is none. Where a link was had and the
/// invitation was lost, they cannot be written to, so nothing is offered.
pub(super) fn tell_the_unlinked(options: &mut Options<'_>, View { room, inputs, context, .. }: View<'_>) {
    if room.link.is_some() || inputs.incident.state != State::Open {
        return;
    }
    let is_without = |seat: &&Seat| {
        seat.state == SeatState::Refused { why: Refused::Undeliverable }
            && !room.is_told(&seat.who.person)
            && (seat.who.opted_in || context.policy.not_opted_in != NotOptedIn::LeaveOut)
    };
    for seat in room.seats.iter().filter(is_without) {
        let person = seat.who.person.clone();
        options.offer(to_person(Message::Brief { person, why: Why::Unlinked }, seat));
    }
}

/// A message to this person.
pub(super) fn to_person(message: Message, seat: &Seat) -> Task {
    Task::Say { message, chat: ChatId::Person(seat.address().clone()) }
}

/// The message without an answer that has to be dealt with first. No other number sees a 1:1 chat, so while the
/// one that wrote there is lost and others work, the message counts as not delivered, and is not repeated; nor is
/// one that would tell of an incident that is over.
pub(super) fn pending(View { room, inputs, context, now }: View<'_>) -> Option<&Said> {
    let numbers = context.numbers;
    let is_lost =
        |sender: &str| numbers.is_lost(sender, now) && numbers.others(Some(sender)).next().is_some();
    let is_void = |said: &Said| {
        let is_over = inputs.incident.state != State::Open && said.looks >= LOOKS;
        said.message.is_private() && (is_over || said.instance.as_deref().is_some_and(is_lost))
    };
    room.tasks.unknown().find(|said| !is_void(said))
}

/// A message without an answer: look for it, and say it again only when it is not there.
pub(super) fn look_for(said: &Said, View { room, context, now, .. }: View<'_>) -> Next {
    let mut options = Options::new(room, now);
    let (message, chat) = (said.message.clone(), said.chat.clone());
    if said.looks >= LOOKS {
        options.offer(Task::Say { message, chat });
    } else {
        options.offer_at(said.look.due_at(context.began_at, now), Task::LookForMessage { message, chat });
    }
    options.decide()
}
