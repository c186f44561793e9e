//! Outcomes of calls: written with the room that they led to, or filed as strays if the lease was lost.

use super::error::Stored;
use super::journal::{self, Alias, StepOutcome};
use super::leases::{Lease, holds};
use super::tx::{Tx, values, write};
use super::{briefs, consents, duplicates, inputs, rooms, shared_rooms};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::room::{Inputs, Room};

/// Whether an outcome went into the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// Yes; what is wanted now, and how often something came up.
    Yes {
        /// Read afresh.
        wanted: Box<Inputs>,
        /// See [`Lease::changes`].
        changes: i64,
    },
    /// The move is not possible any more; the room is as it was.
    NotNow {
        /// Read afresh.
        wanted: Box<Inputs>,
        /// See [`Lease::changes`].
        changes: i64,
    },
    /// The lease was lost: it was filed as a stray.
    Stray,
}

/// Writes what was done and is not written yet. False if somebody else holds the room.
pub(super) fn write_done(tx: &Tx<'_>, lease: &Lease, now: Timestamp) -> Stored<bool> {
    let holds = holds(tx, lease)?;
    for outcome in &lease.done {
        match outcome.intent {
            Some(intent) if holds && !journal::is_open(tx, intent)? => continue,
            None if outcome.is_tried && journal::is_written(tx, lease.room.incident, outcome)? => continue,
            Some(intent) => journal::end(tx, intent, outcome)?,
            None => journal::add_call(tx, lease.room.incident, outcome)?,
        }
        if holds {
            take_effect(tx, lease, outcome, now)?;
        } else {
            stray(tx, lease.room.incident, outcome, now)?;
        }
    }
    if holds && !lease.done.is_empty() {
        write_room(tx, &lease.room, now)?;
    }
    Ok(holds)
}

/// Writes the room, and wakes others for which its change means something.
pub(super) fn put_room(tx: &Tx<'_>, room: &Room, now: Timestamp) -> Stored<()> {
    let before = shared_rooms::before(tx, room.incident)?;
    tx.run(
        "UPDATE rooms SET phase = ?2, hosting = ?3, guest_of = ?4, group_id = ?5, instance = ?6, news_told = ?7
         WHERE incident = ?1",
        values![
            room.incident,
            room.phase.name().as_str(),
            shared_rooms::code(room.hosting()),
            shared_rooms::counted_guest(room),
            room.phase.group().map(GroupId::as_str),
            room.instance,
            room.news_told()
        ],
    )?;
    let doc = write("room", room)?;
    tx.run("UPDATE room_docs SET doc = ?2 WHERE incident = ?1", values![room.incident, doc])?;
    shared_rooms::tell(tx, room, before, now)
}

fn take_effect(tx: &Tx<'_>, lease: &Lease, outcome: &StepOutcome, now: Timestamp) -> Stored<()> {
    let id = lease.room.incident;
    if let Some(event) = &outcome.effect.event {
        journal::moved(tx, id, event, outcome.ended_at)?;
    }
    for Alias { person, jid, alias } in &outcome.aliases {
        consents::put_alias(tx, jid, person, alias, now)?;
    }
    for group in &outcome.effect.duplicates {
        duplicates::add(tx, id, group, Some(&outcome.instance), "carries the id of this incident", now)?;
    }
    if let Some(end) = &outcome.effect.left {
        duplicates::end(tx, end, now)?;
    }
    Ok(())
}

/// Files an outcome that came after the lease was lost; it is never dropped.
fn stray(tx: &Tx<'_>, id: IncidentId, outcome: &StepOutcome, now: Timestamp) -> Stored<()> {
    journal::line(tx, id, "stray", Some(&outcome.step.key()), &outcome.note, now)?;
    if let Some(group) = &outcome.made {
        let room = rooms::legible(tx, id)?;
        if room.as_ref().and_then(|r| r.phase.group()) != Some(group) {
            let how = "was made after another worker had taken over";
            duplicates::add(tx, id, group, Some(&outcome.instance), how, now)?;
        }
        rooms::changed(tx, id, now)?;
    }
    Ok(())
}

/// Writes the room. A group once recorded as a duplicate can turn out to be the room.
fn write_room(tx: &Tx<'_>, room: &Room, now: Timestamp) -> Stored<()> {
    put_room(tx, room, now)?;
    briefs::settle(tx, room, now)?;
    duplicates::settle(tx, None, room, None, now)
}

/// Writes the room and reads what is wanted of it now.
pub(super) fn finish(tx: &Tx<'_>, room: &Room, now: Timestamp) -> Stored<Finished> {
    write_room(tx, room, now)?;
    let (wanted, changes) = inputs::of(tx, room)?;
    Ok(Finished::Yes { wanted: Box::new(wanted), changes })
}
