//! Rooms that wait for a number's budget, in the order in which they get it.
//!
//! Each room sleeps until about its own place in the budget: thousands can wait, and a group is made every few
//! minutes. A room that leaves the queue wakes the first one, so a place that was not taken is not lost.

use super::Store;
use super::briefs;
use super::error::Stored;
use super::tx::{Tx, values};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::IncidentId;
use crate::pacing::{Creation, Made};
use crate::room::Room;

/// How many rooms ahead are counted: a room further back learns its place later.
const COUNTED: i64 = 150;
/// How long the place of an important room is kept for it.
const KEPT: SignedDuration = SignedDuration::from_mins(5);
/// How soon a room that has to give way to an important one asks again.
const SOONEST: SignedDuration = SignedDuration::from_secs(1);

impl Store {
    /// The groups that a number was asked for within its window.
    pub async fn creations(&self, creation: Creation, now: Timestamp) -> Stored<Vec<Made>> {
        self.read("creations", move |tx| creations(tx, &creation, now)).await
    }
}

/// The groups a number was asked for within the window.
pub(super) fn creations(tx: &Tx<'_>, creation: &Creation, now: Timestamp) -> Stored<Vec<Made>> {
    tx.all(
        "SELECT paced_at, important FROM journal WHERE number = ?1 AND paced_at > ?2 AND spent = 1",
        values![creation.number.to_string(), later(now, -creation.window)],
        |r| Ok(Made { at: r.get(0)?, important: r.get(1)? }),
    )
}

/// The places that are kept for important rooms, for a few minutes each.
pub(super) fn important_first(tx: &Tx<'_>, now: Timestamp) -> Stored<Vec<Made>> {
    tx.all(
        "SELECT budget_at FROM rooms
         WHERE budget_at IS NOT NULL AND rank = 0 AND budget_at <= ?1 AND budget_at > ?2",
        values![now, later(now, -KEPT)],
        |_| Ok(Made { at: now, important: true }),
    )
}

/// Puts the room into the queue; returns about when the budget allows it a group.
pub(super) fn enter(
    tx: &Tx<'_>,
    room: &Room,
    (creation, important, numbers): (&Creation, bool, u32),
    made: &[Made],
    now: Timestamp,
) -> Stored<Timestamp> {
    let ahead = tx.count(
        "SELECT count(*) FROM (SELECT 1 FROM rooms
         WHERE budget_at IS NOT NULL AND (rank, incident) < (?1, ?2) LIMIT ?3) AS counted",
        values![rank(room), room.incident, COUNTED],
    )?;
    let turn = creation.turn(made, important, u32::try_from(ahead).unwrap_or(u32::MAX) / numbers.max(1), now);
    let turn = turn.max(later(now, SOONEST));
    tx.run(
        "UPDATE rooms SET budget_at = CASE WHEN budget_at > ?3 AND budget_at < ?2 THEN budget_at ELSE ?2 END
         WHERE incident = ?1",
        values![room.incident, turn, now],
    )?;
    Ok(turn)
}

/// The place of a room in the order of the queue.
pub(super) fn rank(room: &Room) -> i64 {
    i64::from(!room.summons.important)
}

/// Takes an incident out of the queue, if it was in it, and wakes the first of those that are left.
pub(super) fn leave(tx: &Tx<'_>, id: IncidentId, now: Timestamp) -> Stored<()> {
    let left = tx.execute(
        "UPDATE rooms SET budget_at = NULL WHERE incident = ?1 AND budget_at IS NOT NULL",
        values![id],
    )?;
    if left == 0 {
        return Ok(());
    }
    briefs::drop_due(tx, id)?;
    tx.run(
        "UPDATE rooms SET changes = changes + 1, wake_at = CASE WHEN wake_at < ?1 THEN wake_at ELSE ?1 END
         WHERE incident = (SELECT incident FROM rooms WHERE budget_at IS NOT NULL ORDER BY rank, incident LIMIT 1)",
        values![now],
    )
}

/// About when the budget allows a group to an incident that is in the queue.
pub(super) fn budget_at(tx: &Tx<'_>, id: IncidentId) -> Stored<Option<Timestamp>> {
    Ok(tx.first("SELECT budget_at FROM rooms WHERE incident = ?1", values![id], |r| r.get(0))?.flatten())
}
