//! Incidents: one document each, with columns to find them by.

use super::error::Stored;
use super::outbreaks;
use super::tx::{Tx, read, values, write};
use crate::alert::DedupKey;
use crate::clock::Timestamp;
use crate::incident::{Incident, IncidentId, State};

/// The incident of a key that is not closed, and whether it had a room that is over for good.
pub(super) fn open(tx: &Tx<'_>, key: &DedupKey) -> Stored<Option<(Incident, bool)>> {
    let found = tx.first(
        "SELECT i.number, i.doc, CASE WHEN r.phase IN ('closed', 'skipped') THEN 1 ELSE 0 END
         FROM incidents i LEFT JOIN rooms r ON r.incident = i.number
         WHERE i.key = ?1 AND i.state IN ('open', 'resolved')",
        values![key.as_str()],
        |r| {
            let id = r.get(0)?;
            Ok((id, tx.legible("incident", id, r.doc(1)), r.get(2)?))
        },
    )?;
    let Some((id, incident, room_is_over)) = found else { return Ok(None) };
    Ok(or_unreadable(tx, id, incident)?.map(|incident| (incident, room_is_over)))
}

/// The incident of a key that was closed last.
pub(super) fn last_closed(tx: &Tx<'_>, key: &DedupKey) -> Stored<Option<IncidentId>> {
    let sql = "SELECT number FROM incidents WHERE key = ?1 AND state = 'closed' ORDER BY number DESC LIMIT 1";
    tx.first(sql, values![key.as_str()], |r| r.get(0))
}

/// Marks an incident that cannot be read, so that the next alert of its key opens a new one.
pub(super) fn or_unreadable(
    tx: &Tx<'_>,
    id: IncidentId,
    incident: Option<Incident>,
) -> Stored<Option<Incident>> {
    if incident.is_none() {
        let sql = "UPDATE incidents SET state = 'unreadable', look_at = NULL WHERE number = ?1";
        tx.run(sql, values![id])?;
    }
    Ok(incident)
}

pub(super) fn of(tx: &Tx<'_>, id: IncidentId) -> Stored<Option<Incident>> {
    tx.first("SELECT doc FROM incidents WHERE number = ?1", values![id], |r| read("incident", r.doc(0)))
}

/// The columns to find an incident by.
fn columns(incident: &Incident) -> (&str, &'static str, Option<Timestamp>) {
    let state = match incident.state {
        State::Open => "open",
        State::Resolved { .. } => "resolved",
        State::Closed { .. } => "closed",
    };
    (incident.key.as_str(), state, incident.closes_at().or(incident.look_at))
}

pub(super) fn add(tx: &Tx<'_>, incident: &Incident) -> Stored<()> {
    let (key, state, look_at) = columns(incident);
    tx.run(
        "INSERT INTO incidents (number, key, state, look_at, doc) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![incident.id, key, state, look_at, write("incident", incident)?],
    )
}

/// Writes an incident anew that was `before`.
pub(super) fn change(tx: &Tx<'_>, before: &Incident, incident: &Incident) -> Stored<()> {
    let (id, doc) = (incident.id, write("incident", incident)?);
    let (key, state, look_at) = columns(incident);
    if columns(before) == columns(incident) {
        // SQLite writes the indexes of every column that is set, changed or not.
        tx.run("UPDATE incidents SET doc = ?2 WHERE number = ?1", values![id, doc])?;
        return Ok(());
    }
    tx.run(
        "UPDATE incidents SET doc = ?2, key = ?3, state = ?4, look_at = ?5 WHERE number = ?1",
        values![id, doc, key, state, look_at],
    )?;
    if incident.is_closed() {
        outbreaks::end(tx, id)?;
    }
    Ok(())
}
