//! The end of a room: last words, the link made useless, the group locked; and long after that, leaving it.

use super::direct::{look_for, pending};
use super::inputs::View;
use super::message::Message;
use super::options::{Next, Options};
use super::phase::Event;
use super::task::Task;
use super::{search, second_number};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::jid::{ChatId, GroupId};

/// After this long the last tasks are left to a person, even if the number was down all the time.
const CLOSING: SignedDuration = SignedDuration::from_hours(24);
/// How long the last words wait for the link to be made useless and the group to be locked.
const LAST_WORDS: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn while_closing(view: View<'_>, group: &GroupId, since: Timestamp) -> Next {
    let View { room, context, now, .. } = view;
    if later(since, CLOSING) <= now {
        let why = "the group could not be closed in a day: its link may still work".to_owned();
        return Next::Note(Event::Spent { why });
    }
    if let Some(next) = second_number::without_its_number(view, group) {
        return next;
    }
    if let Some(said) = pending(view) {
        return look_for(said, view);
    }
    let mut options = Options::new(room, now);
    let owns_group = room.guest_of.is_none();
    let shut = [Task::RevokeLink { group: group.clone() }, Task::LockMessages { group: group.clone() }];
    let is_shut = !owns_group || shut.iter().all(|task| room.tasks.is_over(&task.key()));
    if owns_group {
        for task in shut {
            options.once(task);
        }
    }
    let last_words = Task::Say { message: Message::LastWords, chat: ChatId::Group(group.clone()) };
    if room.is_briefed() && !room.tasks.is_over(&last_words.key()) {
        // They say what was done, so they come after it.
        options.offer_at(if is_shut { now } else { later(since, LAST_WORDS) }, last_words);
    }
    if owns_group {
        options.once(Task::Rename { group: group.clone() });
    }
    search::sweep(&mut options, view, now);
    // A number that may have made a second group does not work and is not lost yet.
    let is_awaited = |name: &str| !context.numbers.works(name) && !context.numbers.is_lost(name, now);
    if let Some(at) = context.numbers.next_at(now)
        && room.was_unsure
        && room.unlooked().any(is_awaited)
    {
        options.wake(at);
    }
    let next = options.decide();
    if next == Next::Rest { Next::Note(Event::Finished) } else { next }
}

/// A group that is over is left alone, and left altogether if the policy says so.
pub(super) fn after_the_end(view: View<'_>, group: Option<&GroupId>, since: Timestamp) -> Next {
    let View { room, context, now, .. } = view;
    let mut options = Options::new(room, now);
    if let (Some(group), Some(leave_after)) = (group, context.policy.leave_after)
        && room.guest_of.is_none()
    {
        let leave_at = later(since, leave_after);
        // Also when the room's own has left: one of them may have failed the first time.
        second_number::leave(&mut options, view, group, leave_at);
        let leave = Task::Leave { group: group.clone() };
        if !room.tasks.is_over(&leave.key()) {
            options.offer_at(leave_at, leave);
        }
    }
    options.decide()
}
