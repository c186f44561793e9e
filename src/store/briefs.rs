//! 1:1 messages to people whose incidents wait for a group: one message tells a person of all of them.
//!
//! A row says that a person has to hear of an incident. The first room that may write to the person takes all
//! rows of theirs and names them in its message; the other rooms learn what came of it when they wake. A pause
//! follows each message, and the next message tells what came up meanwhile.

use super::error::Stored;
use super::journal::Intent;
use super::rooms;
use super::tx::{Tx, values};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::IncidentId;
use crate::pacing::BRIEF_GAP;
use crate::room::{Message, PhaseName, Room, State, Task, brief_key};

/// When a room looks again whether another room's message has told its person.
pub(super) const LEARN: SignedDuration = SignedDuration::from_secs(30);
/// How long a room that waits for the number's pace keeps the right to write next.
const CLAIM: SignedDuration = SignedDuration::from_secs(2);

/// Until when nobody but this incident's room may write to the person.
pub(super) fn paused(tx: &Tx<'_>, person: &str, id: IncidentId, now: Timestamp) -> Stored<Option<Timestamp>> {
    tx.first(
        "SELECT until FROM brief_pauses
         WHERE person = ?1 AND until > ?2 AND except_for IS DISTINCT FROM ?3",
        values![person, now, id],
        |r| r.get(0),
    )
}

fn pause(tx: &Tx<'_>, person: &str, until: Timestamp, except_for: Option<IncidentId>) -> Stored<()> {
    tx.run(
        "INSERT INTO brief_pauses (person, until, except_for) VALUES (?1, ?2, ?3)
         ON CONFLICT (person) DO UPDATE SET until = ?2, except_for = ?3",
        values![person, until, except_for],
    )
}

/// The person whom this step tells 1:1 that there is no group.
pub(super) fn addressee(step: &Task) -> Option<&str> {
    if let Some(Message::Brief { person, .. }) = step.private() { Some(person) } else { None }
}

/// Whether the person may be written to now; if not, from when on.
pub(super) fn may_write(
    tx: &Tx<'_>,
    intent: &Intent,
    person: &str,
    now: Timestamp,
) -> Stored<Result<(), Timestamp>> {
    let id = intent.room.incident;
    let told_by = tx.first(
        "SELECT told_by FROM briefs WHERE person = ?1 AND incident = ?2 AND told_at IS NULL",
        values![person, id],
        |r| r.get::<Option<IncidentId>>(0),
    )?;
    Ok(match told_by.flatten() {
        // The same message may be sent again after it was looked for.
        Some(told_by) if told_by == id => Ok(()),
        Some(_) => Err(later(now, LEARN)),
        None => paused(tx, person, id, now)?.map_or(Ok(()), Err),
    })
}

/// Keeps the right to write next for a room that has to wait for the number's pace.
pub(super) fn claim(tx: &Tx<'_>, intent: &Intent, person: &str, until: Timestamp) -> Stored<()> {
    pause(tx, person, later(until, CLAIM), Some(intent.room.incident))
}

/// Marks all rows that the message is about to tell of: those up to the last one that its words were made of.
pub(super) fn begin(tx: &Tx<'_>, intent: &Intent, person: &str, now: Timestamp) -> Stored<()> {
    let id = intent.room.incident;
    let learn_at = later(now, LEARN);
    if let Some(through) = intent.covers {
        // The other rooms sleep until the outcome can be known, unless something came up for them.
        tx.run(
            "UPDATE rooms SET wake_at = CASE WHEN budget_at < ?4 OR budget_at < wake_at THEN budget_at
                                             WHEN wake_at > ?4 THEN wake_at ELSE ?4 END
             WHERE budget_at IS NOT NULL AND lease_token IS NULL AND wish IS NULL AND changes = changes_seen
               AND incident IN
                   (SELECT incident FROM briefs
                    WHERE person = ?1 AND told_by IS NULL AND id <= ?2 AND incident <> ?3)",
            values![person, through, id, learn_at],
        )?;
        tx.run(
            "UPDATE briefs SET told_by = ?3 WHERE person = ?1 AND told_by IS NULL AND id <= ?2",
            values![person, through, id],
        )?;
    }
    tx.run(
        "INSERT INTO briefs (person, incident, severity, told_by) VALUES (?1, ?2, 0, ?2)
         ON CONFLICT (person, incident) DO UPDATE SET told_by = ?2, told_at = NULL, well = NULL",
        values![person, id],
    )?;
    pause(tx, person, later(now, BRIEF_GAP), None)
}

/// Records what came of the messages that this room has begun.
pub(super) fn settle(tx: &Tx<'_>, room: &Room, now: Timestamp) -> Stored<()> {
    let id = room.incident;
    // A room that is over does not look for its messages any more.
    let is_over = matches!(room.phase.name(), PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked);
    let begun = tx.all(
        "SELECT DISTINCT person FROM briefs WHERE told_by = ?1 AND told_at IS NULL",
        values![id],
        |r| r.get::<String>(0),
    )?;
    for person in begun {
        let state = room.tasks.get(&brief_key(&person)).map(|progress| &progress.state);
        if !is_over && state == Some(&State::Unknown) {
            continue;
        }
        if let Some(State::Done { .. } | State::GivenUp { .. }) = state {
            let well = matches!(state, Some(State::Done { .. }));
            tx.run(
                "UPDATE briefs SET told_at = ?3, well = ?4
                 WHERE told_by = ?1 AND person = ?2 AND told_at IS NULL",
                values![id, person, now, well],
            )?;
            continue;
        }
        // The message certainly did not go out, so each room has to tell its person again.
        for other in others_told_by(tx, id, &person)? {
            rooms::changed(tx, other, now)?;
        }
        tx.run(
            "UPDATE briefs SET told_by = NULL WHERE told_by = ?1 AND person = ?2 AND told_at IS NULL",
            values![id, person],
        )?;
        pause(tx, &person, now, None)?;
    }
    Ok(())
}

fn others_told_by(tx: &Tx<'_>, id: IncidentId, person: &str) -> Stored<Vec<IncidentId>> {
    tx.all(
        "SELECT incident FROM briefs
         WHERE told_by = ?1 AND person = ?2 AND told_at IS NULL AND incident <> ?1",
        values![id, person],
        |r| r.get(0),
    )
}

/// Drops the rows of an incident that does not wait for a group any more.
pub(super) fn drop_due(tx: &Tx<'_>, id: IncidentId) -> Stored<()> {
    tx.run("DELETE FROM briefs WHERE incident = ?1 AND told_by IS NULL", values![id])
}
