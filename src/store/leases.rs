//! Leases: the time-limited right to work on a room.

use super::Store;
use super::error::{StoreError, Stored};
use super::journal::{self, StepOutcome};
use super::tx::{Tx, values};
use super::{clock_check, inputs, rooms};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{Incident, IncidentId};
use crate::room::{Inputs, Room, Urgency};

/// When a room that cannot be read is tried again: another version of the program may be able to.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// How many rooms may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// In all.
    pub rooms: usize,
    /// Of those whose work [can wait](crate::room::Urgency::can_wait).
    pub that_can_wait: usize,
}

impl Slots {
    /// Any `rooms` rooms.
    #[must_use]
    pub fn any(rooms: usize) -> Self {
        Self { rooms, that_can_wait: rooms }
    }

    /// Those that are left when some are taken.
    #[must_use]
    pub fn less(self, rooms: usize, that_can_wait: usize) -> Self {
        Self {
            rooms: self.rooms.saturating_sub(rooms),
            that_can_wait: self.that_can_wait.saturating_sub(that_can_wait),
        }
    }
}

/// The time-limited right to work on a room, with the room as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The room.
    pub room: Room,
    /// What is wanted of it.
    pub wanted: Inputs,
    /// Proof of the lease.
    pub token: String,
    /// Until when it holds.
    pub until: Timestamp,
    /// How often something came up for the room, as seen with `wanted`.
    pub changes: i64,
    /// What came of the last calls and is not written yet. Whatever is written next of the room takes it along.
    pub done: Vec<StepOutcome>,
}

impl Store {
    /// Takes rooms that are due and free, for `lease_for`, the most urgent first.
    pub async fn lease_rooms(
        &self,
        now: Timestamp,
        slots: Slots,
        lease_for: SignedDuration,
    ) -> Stored<Vec<Lease>> {
        self.write_behind("lease_rooms", move |tx| take_due(tx, now, slots, lease_for)).await
    }

    /// Whether something came up for the room, or is known of a number, that was not when the lease was read.
    pub async fn has_news(&self, lease: &Lease) -> Stored<bool> {
        let (id, changes, numbers) = (lease.room.incident, lease.changes, lease.wanted.numbers_changes);
        let sql = "SELECT 1 FROM rooms WHERE incident = ?1 AND changes = ?2
                   AND (SELECT CAST(coalesce(sum(changes), 0) AS BIGINT) FROM numbers) = ?3";
        self.read("has_news", move |tx| Ok(!tx.any(sql, values![id, changes, numbers])?)).await
    }

    /// The next moment at which anything is due.
    pub async fn next_wake(&self) -> Stored<Option<Timestamp>> {
        self.write_behind("next_wake", next_wake).await
    }
}

/// Frees what was leased by tokens of this pattern.
pub(super) fn free(tx: &Tx<'_>, tokens: &str) -> Stored<()> {
    tx.run(
        "UPDATE rooms SET lease_token = NULL, lease_until = NULL
         WHERE lease_until IS NOT NULL AND lease_token LIKE ?1",
        values![tokens],
    )
}

/// Frees what was leased by a process that is gone, and had the store to itself.
pub(super) fn free_all(tx: &Tx<'_>) -> Stored<()> {
    free(tx, "%")?;
    // Urgent rooms are due at once: their people have waited for the restart.
    tx.run(
        "UPDATE rooms SET wake_at = 0 WHERE urgency <= ?1 AND wake_at IS NOT NULL",
        values![Urgency::Unbriefed as i64],
    )
}

fn take_due(tx: &Tx<'_>, now: Timestamp, slots: Slots, lease_for: SignedDuration) -> Stored<Vec<Lease>> {
    clock_check::check(tx, now)?;
    let (mut due, mut can_wait): (Vec<IncidentId>, usize) = (Vec::new(), slots.that_can_wait);
    for urgency in Urgency::ALL {
        let left = slots.rooms.saturating_sub(due.len());
        let limit = if urgency.can_wait() { left.min(can_wait) } else { left };
        let found = due_rooms(tx, urgency, limit, now)?;
        can_wait -= if urgency.can_wait() { found.len() } else { 0 };
        due.extend(found);
    }
    let mut leases = Vec::new();
    for id in due {
        match readable(tx, id) {
            Ok(found) => {
                leases.push(take(tx, found, later(now, lease_for))?);
                journal::abandon(tx, id, now)?;
            }
            // One room that cannot be read must not keep all others waiting.
            Err(error @ StoreError::Corrupt { .. }) => {
                tx.set_aside("room", &id.to_string(), &error.to_string());
                let sql = "UPDATE rooms SET wake_at = ?2 WHERE incident = ?1";
                tx.run(sql, values![id, later(now, AGAIN)])?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(leases)
}

/// The lease of a room that this transaction has opened, by its token and end. Of a new incident, which is given,
/// nothing needs to be read back.
pub(super) fn of_new(
    tx: &Tx<'_>,
    room: Room,
    incident: Option<Incident>,
    (token, until): (String, Timestamp),
) -> Stored<Lease> {
    let (wanted, changes) = match incident {
        Some(incident) => (inputs::of_new(tx, &room, incident)?, 0),
        None => inputs::of(tx, &room)?,
    };
    Ok(Lease { room, wanted, token, until, changes, done: Vec::new() })
}

/// Gives the room to whoever asks now.
fn take(tx: &Tx<'_>, (room, wanted, changes): (Room, Inputs, i64), until: Timestamp) -> Stored<Lease> {
    let token = tx.token();
    tx.run(
        "UPDATE rooms SET lease_token = ?2, lease_until = ?3 WHERE incident = ?1",
        values![room.incident, token, until],
    )?;
    Ok(Lease { room, wanted, token, until, changes, done: Vec::new() })
}

/// Rooms of this urgency that are due and free, those first that have waited longest.
fn due_rooms(tx: &Tx<'_>, urgency: Urgency, limit: usize, now: Timestamp) -> Stored<Vec<IncidentId>> {
    tx.all(
        "SELECT incident FROM rooms
         WHERE urgency = ?1 AND wake_at <= ?2 AND (lease_until IS NULL OR lease_until <= ?2)
         ORDER BY wake_at, incident LIMIT ?3",
        values![urgency as i64, now, limit],
        |r| r.get(0),
    )
}

fn readable(tx: &Tx<'_>, id: IncidentId) -> Stored<(Room, Inputs, i64)> {
    let missing = || StoreError::Corrupt { what: "room", why: "it is not there".to_owned() };
    let mut room = rooms::of(tx, id)?.ok_or_else(missing)?;
    let (wanted, changes) = inputs::of(tx, &room)?;
    // The host's group may have moved to another number.
    if let (Some(_), Some(host)) = (room.guest_of, &wanted.host) {
        room.instance = Some(host.instance.clone());
    }
    Ok((room, wanted, changes))
}

/// Whether nobody has taken the room over.
pub(super) fn holds(tx: &Tx<'_>, lease: &Lease) -> Stored<bool> {
    let sql = "SELECT 1 FROM rooms WHERE incident = ?1 AND lease_token = ?2";
    tx.any(sql, values![lease.room.incident, lease.token])
}

fn next_wake(tx: &Tx<'_>) -> Stored<Option<Timestamp>> {
    let soonest = |sql| Ok(tx.first(sql, &[], |r| r.get(0))?.flatten());
    // One query per urgency uses its index: thousands of rooms can wait, and this runs after every step.
    let free = Urgency::ALL.into_iter().map(|urgency| {
        let sql =
            "SELECT wake_at FROM rooms WHERE urgency = ?1 AND wake_at IS NOT NULL AND lease_until IS NULL
             ORDER BY wake_at LIMIT 1";
        tx.first(sql, values![urgency as i64], |r| r.get(0))
    });
    let free: Option<Timestamp> = free.collect::<Stored<Vec<_>>>()?.into_iter().flatten().min();
    let leased = soonest(
        "SELECT min(CASE WHEN wake_at > lease_until THEN wake_at ELSE lease_until END) FROM rooms
         WHERE lease_until IS NOT NULL AND wake_at IS NOT NULL",
    )?;
    let quiet = soonest("SELECT min(look_at) FROM incidents WHERE look_at IS NOT NULL")?;
    Ok([free, leased, quiet].into_iter().flatten().min())
}
