//! Rooms that wait for a number's budget, in the order in which they get it.
//!
//! Each of them sleeps until about its own turn instead of trying again whenever anybody's comes: thousands
//! can wait, and a group is made every few minutes. Whoever leaves the queue wakes the first one, which asks
//! anew, so a turn that somebody did not take is not lost.

use rusqlite::{Connection, params};

use super::briefs;
use super::rows::{Stored, all, execute, first, millis, moment};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::IncidentId;
use crate::pacing::{Creation, Made};
use crate::room::Room;

/// Rooms counted before one's own: whoever is further back learns its turn later.
const COUNTED: i64 = 150;
/// How long the place of an important room is kept for it.
const KEPT: SignedDuration = SignedDuration::from_mins(5);
/// Who has to give way to an important room asks again no sooner.
const SOONEST: SignedDuration = SignedDuration::from_secs(1);

/// The groups a number was asked for within the window.
pub(super) fn creations(db: &Connection, creation: &Creation, now: Timestamp) -> Stored<Vec<Made>> {
    all(
        db,
        // What was asked for by a clock that was ahead was asked for by now at the latest.
        "SELECT min(paced_at, ?3), important FROM journal
         WHERE number = ?1 AND paced_at > ?2 AND spent = 1",
        params![creation.number.to_string(), millis(later(now, -creation.window)), millis(now)],
        |r| Ok(Made { at: moment(r.get(0)?), important: r.get(1)? }),
    )
}

/// The places of important rooms whose turn it is: nobody else takes those. One that does not come for its
/// place keeps it for a few minutes only.
pub(super) fn important_first(db: &Connection, now: Timestamp) -> Stored<Vec<Made>> {
    all(
        db,
        "SELECT turn_at FROM rooms
         WHERE turn_at IS NOT NULL AND rank = 0 AND turn_at <= ?1 AND turn_at > ?2",
        [millis(now), millis(later(now, -KEPT))],
        |_| Ok(Made { at: now, important: true }),
    )
}

/// Puts the room into the queue; returns about when its turn comes.
pub(super) fn enter(
    db: &Connection,
    room: &Room,
    (creation, important, numbers): (&Creation, bool, u32),
    made: &[Made],
    now: Timestamp,
) -> Stored<Timestamp> {
    let ahead = first(
        db,
        "SELECT count(*) FROM (SELECT 1 FROM rooms
         WHERE turn_at IS NOT NULL AND (rank, incident) < (?1, ?2) LIMIT ?3)",
        params![rank(room), room.incident.0, COUNTED],
        |r| r.get::<_, u32>(0),
    )?;
    let turn = creation.turn(made, important, ahead.unwrap_or(0) / numbers.max(1), now);
    let turn = turn.max(later(now, SOONEST));
    execute(
        db,
        "UPDATE rooms SET turn_at = CASE WHEN turn_at > ?3 THEN min(turn_at, ?2) ELSE ?2 END
         WHERE incident = ?1",
        params![room.incident.0, millis(turn), millis(now)],
    )?;
    Ok(turn)
}

/// The place of a room in the order of the queue.
pub(super) fn rank(room: &Room) -> i64 {
    i64::from(!room.summons.important)
}

/// Takes an incident out of the queue, if it was in it, and wakes the first of those that are left.
pub(super) fn leave(db: &Connection, id: IncidentId, now: Timestamp) -> Stored<()> {
    let left =
        execute(db, "UPDATE rooms SET turn_at = NULL WHERE incident = ?1 AND turn_at IS NOT NULL", [id.0])?;
    if left == 0 {
        return Ok(());
    }
    briefs::drop_due(db, id)?;
    execute(
        db,
        "UPDATE rooms SET wake_at = min(coalesce(wake_at, ?1), ?1), stirred = stirred + 1
         WHERE incident = (SELECT incident FROM rooms WHERE turn_at IS NOT NULL ORDER BY rank, incident LIMIT 1)",
        [millis(now)],
    )?;
    Ok(())
}

/// About when an incident that is in the queue has its turn.
pub(super) fn turn_of(db: &Connection, id: IncidentId) -> Stored<Option<Timestamp>> {
    let turn =
        first(db, "SELECT turn_at FROM rooms WHERE incident = ?1", [id.0], |r| r.get::<_, Option<i64>>(0))?;
    Ok(turn.flatten().map(moment))
}
