//! How long a room waits for what should come by itself, and what it does then.

use super::agenda::{Ground, Next};
use super::alone::reach_one_by_one;
use super::phase::Event;
use super::{Room, Wanted};
use crate::clock::{SignedDuration, Timestamp, later};

/// What one try after a wait may take.
const ONE_TRY: SignedDuration = SignedDuration::from_mins(1);
/// For a wait that the provider asked for a deadline is put off by this at most.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(16);

/// When a phase that should pass by itself has lasted too long. Time in which the number was down does not
/// count: nobody could have done anything.
pub(super) fn deadline(room: &Room, ground: Ground<'_>, since: Timestamp) -> Timestamp {
    let counted_from = room.down_at.map_or(since, |down| down.max(since)).max(ground.well_since);
    let usual = later(counted_from, ground.policy.phase_deadline);
    // Whom the provider makes wait until then gets one try after it; to be put off again and again is a reason.
    let after_hold = room.hold_until.map_or(usual, |until| later(until, ONE_TRY));
    usual.max(after_hold.min(later(usual, LONGEST_HOLD)))
}

/// What to do in a room whose welcome was not said in time: its people are told 1:1, and then, or when as
/// much time has passed again, a person decides.
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
    if later(deadline, ground.policy.phase_deadline) <= now {
        return Some(Next::Note(Event::Spent { why }));
    }
    Some(reach_one_by_one(room, wanted, ground, why, now))
}
