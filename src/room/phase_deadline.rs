//! How long a room may stay in a phase that should pass by itself.
//!
//! A deadline counts from a moment that is stored, so that a process that starts again does not begin it anew.

use super::Room;
use super::direct::reach_one_by_one;
use super::inputs::{Context, View};
use super::message::Message;
use super::options::Next;
use super::phase::Event;
use crate::clock::{SignedDuration, Timestamp, later};

/// What one try after a wait may take.
const ONE_TRY: SignedDuration = SignedDuration::from_mins(1);
/// For a wait that the provider asked for a deadline is put off by this at most.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(16);

/// When a phase that should pass by itself has lasted too long. Time in which the number was down, or nobody
/// worked on the room, does not count: nobody could have done anything.
pub(super) fn deadline(room: &Room, context: Context<'_>, since: Timestamp) -> Timestamp {
    let down_at = room.instance.as_deref().and_then(|own| context.numbers.last_down_at(own));
    let counted_from = since.max(down_at.max(room.resumed_at).unwrap_or(since));
    let usual = later(counted_from, context.policy.phase_deadline);
    // Whom the provider makes wait until then gets one try after it; to be put off again and again is a reason.
    let after_hold = room.throttled_until().map_or(usual, |until| later(until, ONE_TRY));
    usual.max(after_hold.min(later(usual, LONGEST_HOLD)))
}

/// What to do in a room that could not get further until `deadline`: its people are told 1:1, and then, or when
/// as much time has passed again, a person decides.
fn after(deadline: Timestamp, view: View<'_>, why: String) -> Next {
    if later(deadline, view.context.policy.phase_deadline) <= view.now {
        return Next::Note(Event::Spent { why });
    }
    reach_one_by_one(view, why)
}

/// What to do in a room whose welcome was not said in time.
pub(super) fn never_briefed(view: View<'_>, since: Timestamp) -> Option<Next> {
    let room = view.room;
    let deadline = deadline(room, view.context, since);
    if room.is_briefed() || deadline > view.now {
        return None;
    }
    let last = room.tasks.last_failure(&Message::Welcome.task_key());
    let last = last.map(|last| format!(": {last}")).unwrap_or_default();
    Some(after(deadline, view, format!("the group is there, but nothing could be said in it{last}")))
}

/// What to do in a room whose group could not even be asked for all the time: nothing was sent, however often it
/// was tried. Waiting for the budget, or for a number that is down, is something else.
pub(super) fn never_sent(view: View<'_>) -> Option<Next> {
    let trouble = view.room.tasks.trouble("create")?;
    let deadline = deadline(view.room, view.context, trouble.since);
    let why = || format!("the group could not be asked for: {}", trouble.last);
    (deadline <= view.now).then(|| after(deadline, view, why()))
}
