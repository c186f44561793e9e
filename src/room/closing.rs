//! The end of a room: last words, the link made useless, the group locked; and long after that, leaving it.

use super::agenda::{Ground, Next, Step, What};
use super::alone::{look_for, pending};
use super::offers::Agenda;
use super::phase::Event;
use super::{Chore, Room, Wanted, standby, unsure};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::jid::{ChatId, GroupId};

/// After this long the last steps are left to a person, even if the number was down all the time.
const CLOSING: SignedDuration = SignedDuration::from_hours(24);
/// How long the last words wait for the link to be made useless and the group to be locked.
const LAST_WORDS: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn while_closing(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (group, since): (&GroupId, Timestamp),
    now: Timestamp,
) -> Next {
    let deadline = later(since, CLOSING);
    if deadline <= now {
        let why = "the group could not be closed in a day: its link may still work".to_owned();
        return Next::Note(Event::Spent { why });
    }
    if let Some(next) = standby::without_its_number(room, wanted, ground, group, now) {
        return next;
    }
    if let Some(saying) = pending(room, wanted, ground, now) {
        return look_for(saying, room, ground, now);
    }
    let mut agenda = Agenda::new(room, now);
    let owns_group = room.guest_of.is_none();
    if owns_group {
        agenda.chore(Chore::RevokeLink, Step::RevokeLink { group: group.clone() });
        agenda.chore(Chore::LockMessages, Step::LockMessages { group: group.clone() });
    }
    if room.is_briefed() && !room.chores.contains_key(&Chore::LastWords) {
        // They say what was done, so they come after it.
        let is_ended = |chore| room.chores.contains_key(&chore);
        let is_shut = !owns_group || (is_ended(Chore::RevokeLink) && is_ended(Chore::LockMessages));
        let at = if is_shut { now } else { later(since, LAST_WORDS) };
        let chat = ChatId::Group(group.clone());
        agenda.offer_at(at, Step::Say { what: What::LastWords, chat });
    }
    if owns_group {
        agenda.chore(Chore::Rename, Step::Rename { group: group.clone() });
    }
    unsure::sweep(&mut agenda, room, ground, now);
    if let Some(at) = ground.numbers.next_at(now).filter(|_| waits_for_a_number(room, ground, now)) {
        agenda.wake(at);
    }
    match agenda.decide() {
        Next::Rest => Next::Note(Event::Finished),
        next @ (Next::Call(_) | Next::Note(_) | Next::Refuse(_) | Next::Sleep(_)) => next,
    }
}

/// Whether a number that may have made a second group does not work and is not lost yet.
fn waits_for_a_number(room: &Room, ground: Ground<'_>, now: Timestamp) -> bool {
    let numbers = ground.numbers;
    room.was_unsure
        && room.unlooked().any(|instance| !numbers.works(instance) && !numbers.is_lost(instance, now))
}

/// A group that is over is left alone, and left altogether if the policy says so.
pub(super) fn after_the_end(
    room: &Room,
    ground: Ground<'_>,
    group: Option<&GroupId>,
    since: Timestamp,
    now: Timestamp,
) -> Next {
    let mut agenda = Agenda::new(room, now);
    if let (Some(group), Some(leave_after)) = (group, ground.policy.leave_after)
        && room.guest_of.is_none()
    {
        let leave_at = later(since, leave_after);
        // Also when the room's own has left: one of them may have failed the first time.
        standby::leave(&mut agenda, room, ground, group, leave_at);
        if !room.chores.contains_key(&Chore::Leave) {
            agenda.offer_at(leave_at, Step::Leave { group: group.clone() });
        }
    }
    agenda.decide()
}
