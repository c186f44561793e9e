//! Waking rooms when a linked number is given up or works again.

use rusqlite::{Connection, params};

use super::rows::{Stored, execute, first, millis};
use crate::clock::Timestamp;

/// Wakes every room that is not over: one of its own, one that may take it, one that it may take over. Returns how
/// many have a group with `instance`.
pub(super) fn wake_rooms(db: &Connection, instance: &str, now: Timestamp) -> Stored<usize> {
    execute(
        db,
        "UPDATE rooms INDEXED BY rooms_by_phase
         SET stirred = stirred + 1, wake_at = min(coalesce(wake_at, ?1), ?1)
         WHERE phase NOT IN ('closed', 'skipped') AND phase IN ('wanted', 'creating', 'unsure', 'live', 'closing')",
        params![millis(now)],
    )?;
    let rooms = first(
        db,
        "SELECT count(*) FROM rooms INDEXED BY rooms_by_phase
         WHERE phase NOT IN ('closed', 'skipped') AND phase IN ('live', 'closing') AND instance = ?1",
        [instance],
        |r| r.get::<_, i64>(0),
    )?;
    Ok(rooms.and_then(|n| usize::try_from(n).ok()).unwrap_or_default())
}
