//! Rooms: the document of each, and that something came up for it.

use super::error::Stored;
use super::tx::{Tx, read, values};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::room::{Room, Urgency, Wish};

/// Whether an operator's wish was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishTaken {
    /// It will be done.
    Yes,
    /// There is no such room.
    NoSuchRoom,
    /// It cannot be done from where the room is.
    No(String),
}

pub(super) fn of(tx: &Tx<'_>, id: IncidentId) -> Stored<Option<Room>> {
    tx.first("SELECT doc FROM room_docs WHERE incident = ?1", values![id], |r| read("room", r.doc(0)))
}

/// The same, or nothing if it cannot be read.
pub(super) fn legible(tx: &Tx<'_>, id: IncidentId) -> Stored<Option<Room>> {
    let sql = "SELECT doc FROM room_docs WHERE incident = ?1";
    Ok(tx.first(sql, values![id], |r| Ok(tx.legible("room", id, r.doc(0))))?.flatten())
}

/// Whether the incident had a room that is over for good.
pub(super) fn is_over(tx: &Tx<'_>, id: IncidentId) -> Stored<bool> {
    tx.any("SELECT 1 FROM rooms WHERE incident = ?1 AND phase IN ('closed', 'skipped')", values![id])
}

/// What an operator asked of a room that is not done yet, and how often something came up for it.
pub(super) fn wish_and_changes(tx: &Tx<'_>, id: IncidentId) -> Stored<Option<(Option<Wish>, i64)>> {
    tx.first("SELECT wish, changes FROM rooms WHERE incident = ?1", values![id], |r| {
        Ok((r.doc_if_any(0).and_then(|doc| tx.legible("wish", id, doc)), r.get(1)?))
    })
}

/// Makes the room due now because something came up, and keeps its holder from putting it to sleep.
pub(super) fn changed(tx: &Tx<'_>, id: IncidentId, now: Timestamp) -> Stored<()> {
    tx.run(
        "UPDATE rooms SET changes = changes + 1,
                wake_at = CASE WHEN wake_at < ?2 THEN wake_at ELSE ?2 END,
                urgency = CASE WHEN urgency < ?3 THEN urgency ELSE ?3 END
         WHERE incident = ?1",
        values![id, now, Urgency::News as i64],
    )
}
