//! Waking the rooms of one linked number.

use rusqlite::{Connection, params};

use super::rows::{Stored, execute, first, millis};
use crate::clock::Timestamp;

/// Wakes what waits for `instance`, or for any number at all; returns how many rooms have a group with it.
pub(super) fn wake_rooms(db: &Connection, instance: &str, now: Timestamp) -> Stored<usize> {
    execute(
        db,
        "UPDATE rooms SET stirred = stirred + 1, wake_at = min(coalesce(wake_at, ?2), ?2)
         WHERE phase IN ('wanted', 'creating', 'unsure', 'live', 'closing')
           AND coalesce(json_extract(doc, '$.instance'), ?1) = ?1",
        params![instance, millis(now)],
    )?;
    let rooms = first(
        db,
        "SELECT count(*) FROM rooms
         WHERE phase IN ('live', 'closing') AND json_extract(doc, '$.instance') = ?1",
        [instance],
        |r| r.get::<_, i64>(0),
    )?;
    Ok(rooms.and_then(|n| usize::try_from(n).ok()).unwrap_or_default())
}
