//! Linked numbers that do not work: since when, and waking rooms when one is given up or works again.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::rows::{Stored, all, execute, first, millis, moment};
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

/// Keeps since when a number does not work: a process that starts again goes on counting from there.
pub(super) fn put_outage(db: &Connection, instance: &str, since: Option<Timestamp>) -> Stored<()> {
    match since {
        Some(since) => execute(
            db,
            "INSERT INTO outages (instance, since) VALUES (?1, ?2) ON CONFLICT (instance) DO UPDATE SET since = ?2",
            params![instance, millis(since)],
        )?,
        None => execute(db, "DELETE FROM outages WHERE instance = ?1", [instance])?,
    };
    Ok(())
}

pub(super) fn outages(db: &Connection) -> Stored<BTreeMap<String, Timestamp>> {
    let rows =
        all(db, "SELECT instance, since FROM outages", [], |r| Ok((r.get::<_, String>(0)?, r.get(1)?)))?;
    Ok(rows.into_iter().map(|(instance, since)| (instance, moment(since))).collect())
}
