//! Rooms in which other incidents are guests.

use super::error::Stored;
use super::tx::{Tx, values};
use super::{queue, rooms};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::room::{Event, GUESTS, Host, Hosting, PhaseName, Room};

/// How the store writes what a room is as a host.
pub(super) fn code(hosting: Hosting) -> i64 {
    match hosting {
        Hosting::No => 0,
        Hosting::Soon => 1,
        Hosting::Ready => 2,
    }
}

/// The host of a guest, as long as it stands; for a room without a group, one that it could be a guest of.
pub(super) fn host_of(tx: &Tx<'_>, room: &Room) -> Stored<Option<Host>> {
    if let Some(host) = room.guest_of {
        return Ok(rooms::legible(tx, host)?.and_then(|host| host.as_host()));
    }
    if room.phase.name() != PhaseName::Wanted {
        return Ok(None);
    }
    // The column `route` holds what those who share a group have in common.
    // `hosting > 0` is what makes the index fit; without it every room is read.
    let ready = tx.first(
        "SELECT r.incident FROM rooms r JOIN incidents i ON i.number = r.incident
         WHERE r.route = ?1 AND r.hosting > 0 AND r.hosting = 2 AND r.incident <> ?2 AND r.wish IS NULL
           AND i.state = 'open'
           AND (SELECT count(*) FROM rooms g WHERE g.guest_of = r.incident) < ?3
         ORDER BY r.incident LIMIT 1",
        values![room.summons.company(), room.incident, GUESTS],
        |r| r.get(0),
    )?;
    if let Some(host) = ready {
        return Ok(rooms::legible(tx, host)?.and_then(|room| room.as_host()));
    }
    let soon = tx.first(
        "SELECT incident FROM rooms WHERE route = ?1 AND hosting > 0 AND hosting = 1 AND incident <> ?2
         ORDER BY incident LIMIT 1",
        values![room.summons.company(), room.incident],
        |r| r.get(0),
    )?;
    let soon = soon.map_or(Ok(None), |host| rooms::legible(tx, host))?;
    Ok(soon.and_then(|room| room.as_host()))
}

/// The incidents that are guests in this one's room.
pub(super) fn guests_of(tx: &Tx<'_>, id: IncidentId) -> Stored<Vec<IncidentId>> {
    tx.all("SELECT incident FROM rooms WHERE guest_of = ?1 ORDER BY incident", values![id], |r| r.get(0))
}

/// Whether a guest can still come in where `event` says, when it comes to writing it.
pub(super) fn has_place(tx: &Tx<'_>, event: &Event) -> Stored<bool> {
    let Event::Folded { into, group, .. } = event else { return Ok(true) };
    let stands = rooms::legible(tx, *into)?
        .and_then(|host| host.as_host())
        .is_some_and(|host| host.group.as_ref() == Some(group));
    Ok(stands && guests_of(tx, *into)?.len() < GUESTS)
}

/// What the columns said of a room before it is written anew.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    hosting: i64,
    guest_of: Option<IncidentId>,
}

pub(super) fn before(tx: &Tx<'_>, id: IncidentId) -> Stored<Before> {
    let before = tx.first("SELECT hosting, guest_of FROM rooms WHERE incident = ?1", values![id], |r| {
        Ok(Before { hosting: r.get(0)?, guest_of: r.get(1)? })
    })?;
    Ok(before.unwrap_or_default())
}

/// The incident whose guest this room counts as: not any more once it is over.
pub(super) fn counted_guest(room: &Room) -> Option<IncidentId> {
    let is_over = matches!(room.phase.name(), PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked);
    room.guest_of.filter(|_| !is_over)
}

/// Wakes those for whom the change of this room means something: incidents that wait and could come in, guests
/// that have to go, the host of a guest that went.
pub(super) fn tell(tx: &Tx<'_>, room: &Room, before: Before, now: Timestamp) -> Stored<()> {
    let (hosting, ready) = (code(room.hosting()), code(Hosting::Ready));
    if hosting == ready && before.hosting != ready {
        tx.run("UPDATE rooms SET changes = changes + 1, wake_at = CASE WHEN wake_at < ?2 THEN wake_at ELSE ?2 END
             WHERE incident IN (SELECT incident FROM rooms WHERE budget_at IS NOT NULL AND route = ?1
                                ORDER BY rank, incident LIMIT ?3)",
            values![room.summons.company(), now, GUESTS],
        )?;
    }
    if hosting != ready && before.hosting == ready {
        for guest in guests_of(tx, room.incident)? {
            rooms::changed(tx, guest, now)?;
        }
    }
    if let Some(host) = before.guest_of.filter(|_| counted_guest(room).is_none()) {
        rooms::changed(tx, host, now)?;
    }
    if room.phase.name() != PhaseName::Wanted {
        queue::leave(tx, room.incident, now)?;
    }
    Ok(())
}

/// The group of a guest is its host's, so nothing that is said of the guest makes it one of its own.
pub(super) fn own_group(room: &Room) -> Option<&GroupId> {
    room.phase.group().filter(|_| room.guest_of.is_none())
}
