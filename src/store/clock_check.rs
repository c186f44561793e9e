//! The one check for a clock that was put back.
//!
//! Everything that is waited for is a moment. If the clock that wrote those moments was ahead, whatever waits for one
//! would wait until it is caught up with. So the newest moment that was seen is kept, and if it lies ahead, nothing
//! stored is left after the present: what waits is due now. That costs an early look or an early try; it never makes a
//! group, because "there is none" has to be seen twice anew.

use super::error::Stored;
use super::tx::{Tx, values, write};
use super::{incidents, journal, numbers, rooms};
use crate::clock::{CLOCK_SKEW, SignedDuration, Timestamp, later};
use crate::incident::IncidentId;
use crate::room::Event;

/// How exactly the newest moment is kept: it is not written down with everything.
const KEPT: SignedDuration = SignedDuration::from_secs(15);

/// What else waits for a moment, outside of documents.
const MOMENTS: [&str; 9] = [
    "UPDATE rooms SET wake_at = ?1 WHERE wake_at > ?1",
    "UPDATE rooms SET lease_until = ?1 WHERE lease_until > ?1",
    "UPDATE rooms SET budget_at = ?1 WHERE budget_at > ?1",
    "UPDATE journal SET paced_at = ?1 WHERE paced_at > ?1",
    "UPDATE letters SET paced_at = ?1 WHERE paced_at > ?1",
    "UPDATE letters SET due_at = ?1 WHERE due_at > ?1",
    "UPDATE brief_pauses SET until = ?1 WHERE until > ?1",
    "UPDATE unnamed SET due_at = ?1 WHERE due_at > ?1",
    "UPDATE source_troubles SET called_at = ?1 WHERE called_at > ?1",
];

/// Puts everything back if the clock was.
pub(super) fn check(tx: &Tx<'_>, now: Timestamp) -> Stored<()> {
    let seen = tx.first("SELECT at FROM clock", &[], |r| r.get::<Timestamp>(0))?;
    if seen.is_some_and(|at| at > later(now, CLOCK_SKEW)) {
        put_back(tx, now)?;
    } else if seen.is_some_and(|at| later(at, KEPT) > now) {
        return Ok(());
    }
    tx.run("UPDATE clock SET at = ?1", values![now])
}

fn put_back(tx: &Tx<'_>, now: Timestamp) -> Stored<()> {
    tracing::warn!("the clock was put back; whatever waits for a moment is due now");
    let waiting = "SELECT incident FROM rooms WHERE wake_at IS NOT NULL
                   UNION SELECT incident FROM rooms WHERE phase NOT IN ('closed', 'skipped')";
    for id in tx.all(waiting, &[], |r| r.get::<IncidentId>(0))? {
        if let Some(mut room) = rooms::legible(tx, id)?
            && room.take(&Event::ClockSet, now).is_ok()
        {
            journal::moved(tx, id, &Event::ClockSet, now)?;
            let doc = write("room", &room)?;
            tx.run("UPDATE room_docs SET doc = ?2 WHERE incident = ?1", values![id, doc])?;
        }
    }
    let resolved = "SELECT number FROM incidents WHERE state = 'resolved'";
    for id in tx.all(resolved, &[], |r| r.get::<IncidentId>(0))? {
        if let Some(incident) = incidents::of(tx, id).ok().flatten()
            && let Some(sooner) = incident.clock_was_set(now)
        {
            incidents::change(tx, &incident, &sooner)?;
        }
    }
    numbers::put_back(tx, now)?;
    MOMENTS.iter().try_for_each(|sql| tx.run(sql, values![now]))
}
