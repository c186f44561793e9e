//! How long a room waits for what should come by itself, and what it does then.

use super::agenda::{Ground, Next};
use super::alone::reach_one_by_one;
use super::phase::Event;
use super::{Room, Wanted};
use crate::clock::{Timestamp, later};

/// When a phase that should pass by itself has lasted too long. Time in which the number was down does not
/// count: nobody could have done anything.
pub(super) fn deadline(room: &Room, ground: Ground<'_>, since: Timestamp) -> Timestamp {
    let counted_from = room.down_at.map_or(since, |down| down.max(since)).max(ground.well_since);
    later(counted_from, ground.policy.phase_deadline)
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
