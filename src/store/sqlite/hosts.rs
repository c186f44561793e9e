//! Rooms in which other incidents are guests.

use rusqlite::{Connection, params};

use super::queue;
use super::rows::{self, Stored, all, execute, first, millis};
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
pub(super) fn host_of(db: &Connection, room: &Room) -> Stored<Option<Host>> {
    if let Some(host) = room.guest_of {
        return Ok(rows::legible_room(db, host)?.and_then(|host| host.as_host()));
    }
    if room.phase.name() != PhaseName::Wanted {
        return Ok(None);
    }
    // The column `route` holds what those who share a group have in common.
    // `hosting > 0` is what makes the index fit; without it every room is read.
    let ready = first(
        db,
        "SELECT r.incident FROM rooms r JOIN incidents i ON i.number = r.incident
         WHERE r.route = ?1 AND r.hosting > 0 AND r.hosting = 2 AND r.incident <> ?2 AND r.wish IS NULL AND i.state = 'open'
           AND (SELECT count(*) FROM rooms g WHERE g.guest_of = r.incident) < ?3
         ORDER BY r.incident LIMIT 1",
        params![room.summons.company(), room.incident.0, most()],
        |r| Ok(IncidentId(r.get(0)?)),
    )?;
    if let Some(host) = ready {
        return Ok(rows::legible_room(db, host)?.and_then(|room| room.as_host()));
    }
    let soon = first(
        db,
        "SELECT incident FROM rooms WHERE route = ?1 AND hosting > 0 AND hosting = 1 AND incident <> ?2 ORDER BY incident LIMIT 1",
        params![room.summons.company(), room.incident.0],
        |r| Ok(IncidentId(r.get(0)?)),
    )?;
    let soon = soon.map_or(Ok(None), |host| rows::legible_room(db, host))?;
    Ok(soon.and_then(|room| room.as_host()))
}

fn most() -> i64 {
    i64::try_from(GUESTS).unwrap_or(i64::MAX)
}

/// The incidents that are guests in this one's room.
pub(super) fn guests_of(db: &Connection, id: IncidentId) -> Stored<Vec<IncidentId>> {
    all(db, "SELECT incident FROM rooms WHERE guest_of = ?1 ORDER BY incident", [id.0], |r| {
        Ok(IncidentId(r.get(0)?))
    })
}

/// Whether a guest can still come in where `event` says, when it comes to writing it.
pub(super) fn has_place(db: &Connection, event: &Event) -> Stored<bool> {
    let Event::Folded { into, group, .. } = event else { return Ok(true) };
    let stands = rows::legible_room(db, *into)?
        .and_then(|host| host.as_host())
        .is_some_and(|host| host.group.as_ref() == Some(group));
    Ok(stands && guests_of(db, *into)?.len() < GUESTS)
}

/// What the columns said of a room before it is written anew.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    hosting: i64,
    guest_of: Option<i64>,
}

pub(super) fn before(db: &Connection, id: IncidentId) -> Stored<Before> {
    let before = first(db, "SELECT hosting, guest_of FROM rooms WHERE incident = ?1", [id.0], |r| {
        Ok(Before { hosting: r.get(0)?, guest_of: r.get(1)? })
    })?;
    Ok(before.unwrap_or_default())
}

/// The incident whose guest this room counts as: not any more once it is over.
pub(super) fn counted_guest(room: &Room) -> Option<i64> {
    let is_over = matches!(room.phase.name(), PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked);
    room.guest_of.filter(|_| !is_over).map(|host| host.0)
}

/// Wakes those for whom the change of this room means something: incidents that wait and could come in, guests
/// that have to go, the host of a guest that went.
pub(super) fn tell(db: &Connection, room: &Room, before: Before, now: Timestamp) -> Stored<()> {
    let (hosting, ready) = (code(room.hosting()), code(Hosting::Ready));
    if hosting == ready && before.hosting != ready {
        execute(
            db,
            "UPDATE rooms SET wake_at = min(coalesce(wake_at, ?2), ?2), stirred = stirred + 1
             WHERE incident IN (SELECT incident FROM rooms WHERE turn_at IS NOT NULL AND route = ?1
                                ORDER BY rank, incident LIMIT ?3)",
            params![room.summons.company(), millis(now), most()],
        )?;
    }
    if hosting != ready && before.hosting == ready {
        for guest in guests_of(db, room.incident)? {
            rows::stir(db, guest, now)?;
        }
    }
    if let Some(host) = before.guest_of.filter(|_| counted_guest(room).is_none()) {
        rows::stir(db, IncidentId(host), now)?;
    }
    if room.phase.name() != PhaseName::Wanted {
        queue::leave(db, room.incident, now)?;
    }
    Ok(())
}

/// The group of a guest is its host's, so nothing that is said of the guest makes it one of its own.
pub(super) fn own_group(room: &Room) -> Option<&GroupId> {
    room.phase.group().filter(|_| room.guest_of.is_none())
}
