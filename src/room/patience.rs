//! How long a room waits for what should come by itself, and what it does then.
//!
//! Every deadline counts from a moment that is stored, so that a process that starts again does not begin it anew.

use super::agenda::{Ground, Next};
use super::alone::reach_one_by_one;
use super::phase::Event;
use super::{Room, Wanted};
use crate::clock::{SignedDuration, Timestamp, later};

/// What one try after a wait may take.
const ONE_TRY: SignedDuration = SignedDuration::from_mins(1);
/// For a wait that the provider asked for a deadline is put off by this at most.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(16);

/// When a phase that should pass by itself has lasted too long. Time in which the number was down, or nobody
/// worked on the room, does not count: nobody could have done anything.
pub(super) fn deadline(room: &Room, ground: Ground<'_>, since: Timestamp) -> Timestamp {
    let counted_from = room.down_at.map_or(since, |down| down.max(since));
    let usual = later(counted_from, ground.policy.phase_deadline);
    // Whom the provider makes wait until then gets one try after it; to be put off again and again is a reason.
    let after_hold = room.hold_until.map_or(usual, |until| later(until, ONE_TRY));
    usual.max(after_hold.min(later(usual, LONGEST_HOLD)))
}

/// What to do in a room that could not get further until `deadline`: its people are told 1:1, and then, or when
/// as much time has passed again, a person decides.
pub(super) fn after(
    deadline: Timestamp,
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    why: String,
    now: Timestamp,
) -> Next {
    if later(deadline, ground.policy.phase_deadline) <= now {
        return Next::Note(Event::Spent { why });
    }
    reach_one_by_one(room, wanted, ground, why, now)
}

/// What to do in a room whose welcome was not said in time.
pub(super) fn never_briefed(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    since: Timestamp,
    now: Timestamp,
) -> Option<Next> {
    let deadline = deadline(room, ground, since);
    if room.is_briefed() || deadline > now {
        return None;
    }
    let last = room.troubles.get("say welcome").map(|t| format!(": {}", t.last)).unwrap_or_default();
    let why = format!("the group is there, but nothing could be said in it{last}");
    Some(after(deadline, room, wanted, ground, why, now))
}

/// What to do in a room whose group could not even be asked for all the time: nothing was sent, however often it
/// was tried. Waiting for the budget, or for a number that is down, is something else.
pub(super) fn never_sent(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Option<Next> {
    let trouble = room.troubles.get("create")?;
    let deadline = deadline(room, ground, trouble.since);
    let why = format!("the group could not be asked for: {}", trouble.last);
    (deadline <= now).then(|| after(deadline, room, wanted, ground, why, now))
}
