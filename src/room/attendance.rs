//! How people come into a room that is there: read back, added, invited by link.
//!
//! Pure. The first to be called are added as the group is made; this is about everybody else, and about
//! finding out who really is in.

use super::Room;
use super::answer::{Answer, Answered, Effect};
use super::direct::to_person;
use super::inputs::View;
use super::message::Message;
use super::options::Options;
use super::policy::{NotOptedIn, Policy};
use super::seat::{Refused, Seat, SeatState, note_said};
use super::task::Task;
use crate::clock::{SignedDuration, later};
use crate::gateway::AddOutcome;
use crate::incident::State;
use crate::jid::{GroupId, Jid};

/// Before a group is made, the chats of so many people are looked into at most: the room must not wait.
const MOST_CHATS: usize = 5;
/// What somebody wrote longer ago than this is no acquaintance any more.
const RECENTLY: SignedDuration = SignedDuration::from_hours(24 * 180);

/// Whether the planned member lists were read and everybody missing has been dealt with. Once nothing fires,
/// nobody is asked any more.
pub(super) fn everybody_looked_for(View { room, inputs, context, .. }: View<'_>) -> bool {
    usize::try_from(room.reads).unwrap_or(usize::MAX) >= context.policy.member_reads.len()
        && (inputs.incident.state != State::Open || room.seats.iter().all(Seat::is_settled))
}

/// Whether a person who became wanted later is to be added, and not only invited.
fn is_to_be_added(seat: &Seat, policy: &Policy) -> bool {
    seat.to_add && !seat.is_settled() && (seat.is_known() || policy.not_opted_in == NotOptedIn::Add)
}

/// Adds those who became wanted later, invites those who are missing, and reminds whoever must be there.
pub(super) fn bring_in(options: &mut Options<'_>, view: View<'_>, group: &GroupId) {
    let View { room, inputs, context, .. } = view;
    if inputs.incident.state != State::Open {
        return;
    }
    let policy = context.policy;
    let to_add: Vec<Jid> =
        room.seats.iter().filter(|s| is_to_be_added(s, policy)).map(|s| s.address().clone()).collect();
    if !to_add.is_empty() {
        options.offer(Task::AddMembers { group: group.clone(), people: to_add });
    }
    let needs_link = |s: &&Seat| s.needs_link() && !is_to_be_added(s, policy);
    // Whom the provider refused to add is out, whatever a list says or does not say.
    let is_out = |s: &&Seat| room.read_at.is_some() || s.was_refused();
    let missing: Vec<&Seat> = room.seats.iter().filter(needs_link).filter(is_out).collect();
    if !missing.is_empty() {
        invite(options, room, group, &missing);
    }
    for seat in room.seats.iter().filter(|s| room.is_to_be_reminded(s)) {
        options.offer(to_person(Message::Reminder { person: seat.who.person.clone() }, seat));
    }
}

fn invite(options: &mut Options<'_>, room: &Room, group: &GroupId, missing: &[&Seat]) {
    if room.link.is_none() {
        options.offer(Task::GetLink { group: group.clone() });
        return;
    }
    for seat in missing {
        let person = seat.who.person.clone();
        if seat.reachable.is_none() {
            options.offer(Task::CheckReachable { person, jid: seat.who.jid.clone() });
        } else {
            options.offer(to_person(Message::Invite { person }, seat));
        }
    }
}

/// The next chat to look into before the group is made: somebody who wrote to our number lately is no
/// stranger to it.
pub(super) fn chat_to_check(View { room, context, now, .. }: View<'_>) -> Option<Task> {
    let policy = context.policy;
    if !policy.chat_history_counts || policy.not_opted_in != NotOptedIn::Invite {
        return None;
    }
    let called = |s: &&Seat| !s.who.opted_in && !matches!(s.state, SeatState::Refused { .. });
    let mut strangers = room.seats.iter().filter(called).take(MOST_CHATS);
    let seat = strangers.find(|s| s.has_written.is_none())?;
    let (person, jid) = (seat.who.person.clone(), seat.who.jid.clone());
    Some(Task::CheckHistory { person, jid, since: later(now, -RECENTLY) })
}

impl Room {
    pub(super) fn finish_history(&mut self, person: &str, answer: &Answer) {
        if let Answer::Written(yes) = answer {
            if let Some(seat) = self.seat_of_mut(person) {
                seat.has_written = Some(*yes);
            }
            return;
        }
        // The room does not wait for an answer that may never come: nobody else is asked about either.
        for seat in self.seats.iter_mut().filter(|s| s.has_written.is_none()) {
            seat.has_written = Some(false);
        }
    }

    pub(super) fn finish_add(&mut self, ended: Answered<'_>, people: &[Jid], effect: &mut Effect) {
        let Answered { task, answer, now, .. } = ended;
        if let Answer::Added(said) = answer {
            note_said(&mut self.seats, said);
        } else if self.fail(ended, effect) {
            // The next member lists tell who is in, and the others get the link.
            self.tasks.forget_trouble(&task.key());
        } else {
            return;
        }
        self.escalation.added_at = Some(now);
        for seat in self.seats.iter_mut().filter(|s| people.contains(s.address())) {
            seat.to_add = false;
        }
    }

    pub(super) fn finish_reachable(&mut self, ended: Answered<'_>, person: &str, effect: &mut Effect) {
        let Answered { answer, now, .. } = ended;
        let found = if let Answer::Reachable(found) = answer {
            found.clone()
        } else if self.fail(ended, effect) {
            // Asking is a courtesy: when nobody can answer, the link is sent all the same.
            self.seats.iter().find(|s| s.who.person == person).map(|s| s.who.jid.clone())
        } else {
            return;
        };
        let has_group = self.phase.group().is_some();
        let Some(seat) = self.seat_of_mut(person) else { return };
        seat.reachable = Some(found.is_some());
        match found {
            None => seat.state = SeatState::Refused { why: Refused::NotOnNetwork },
            Some(id) if id.is_hidden() => seat.hidden = Some(id),
            Some(id) if id != seat.who.jid => {
                seat.alias = Some(id);
                // The lists so far were looked through for another id, and under that nobody could be added.
                seat.absences = 0;
                if seat.said.take_if(|said| *said == AddOutcome::NotOnNetwork).is_some() {
                    seat.state = SeatState::Wanted;
                }
                if has_group {
                    self.read_again_at = Some(now);
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn finish_link(&mut self, ended: Answered<'_>, effect: &mut Effect) {
        let Answered { task, answer, now, .. } = ended;
        if let Answer::Link(link) = answer {
            self.link = Some(link.clone());
        } else if self.fail(ended, effect) {
            // Without a link nobody can be invited.
            let why = answer.error().to_string();
            self.tasks.forget_trouble(&task.key());
            self.give_up_links_of_standbys(&why, now);
            for seat in self.seats.iter_mut().filter(|s| s.needs_link()) {
                seat.state = SeatState::Refused { why: Refused::Undeliverable };
            }
        }
    }
}
