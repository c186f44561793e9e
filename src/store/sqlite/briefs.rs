//! People who hear 1:1 of incidents that wait for a group: one message for all that wait at once.
//!
//! A row says that a person has to hear of an incident. The first room that may write to the person takes all
//! rows of theirs (it is their *carrier*) and names them in its message; the other rooms learn what came of it
//! when they wake. After each message there is a hush: what comes up during it is told in the next one.

use rusqlite::{Connection, params};

use super::rows::{self, Doc, Stored, all, execute, first, legible, millis, moment, write};
use super::steps::{put_room, write_done};
use crate::alert::Severity;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{Incident, IncidentId};
use crate::pacing::BRIEF_GAP;
use crate::room::clock_set::CLOCK_SKEW;
use crate::room::{Also, Message, PhaseName, Room, State, Task, brief_key};
use crate::store::{Due, Gathered, Gathering, Intent, Lease};

/// Incidents read for one message; more are only counted.
const LISTED: usize = 60;
/// When a room whose person hears of it in another one's message looks what came of that.
const LEARN: SignedDuration = SignedDuration::from_secs(30);
/// How long a room that may write next, but not yet, keeps others off.
const CLAIM: SignedDuration = SignedDuration::from_secs(2);

/// Notes that `people` have to hear of the room's incident, takes in what they heard already in messages of
/// others, and says who can be written to now.
pub(super) fn gather(db: &Connection, lease: &Lease, people: &[String], now: Timestamp) -> Stored<Gathered> {
    if !write_done(db, lease, now)? {
        return Ok(Gathered::LeaseLost);
    }
    let mut room = lease.room.clone();
    let severity = severity(lease);
    let (id, mut due, mut again_at) = (room.incident, None, None::<Timestamp>);
    let mut wait = |until: Timestamp| again_at = Some(again_at.map_or(until, |at| at.min(until)));
    for person in people {
        let row = first(
            db,
            "SELECT carrier, told_at, well FROM briefs WHERE person = ?1 AND incident = ?2",
            params![person, id.0],
            |r| Ok((r.get::<_, Option<i64>>(0)?, r.get::<_, Option<i64>>(1)?, r.get::<_, Option<bool>>(2)?)),
        )?;
        match row {
            Some((Some(carrier), Some(_), well)) if carrier != id.0 => {
                let (carrier, well) = (IncidentId(carrier), well.unwrap_or(false));
                room.was_told_by(person, carrier, well, now);
                let words = if well { "told" } else { "could not be told" };
                let note = format!("{words} in the message of {carrier}");
                execute(
                    db,
                    "INSERT INTO journal (incident, at, kind, key, note, spent) VALUES (?1, ?2, 'covered', ?3, ?4, 0)",
                    params![id.0, millis(now), brief_key(person), write("note", &note)?],
                )?;
                continue;
            }
            Some((Some(carrier), None, _)) if carrier != id.0 => {
                wait(later(now, LEARN));
                continue;
            }
            Some(_) => {}
            None => {
                execute(
                    db,
                    "INSERT INTO briefs (person, incident, severity) VALUES (?1, ?2, ?3)",
                    params![person, id.0, severity],
                )?;
            }
        }
        match hushed(db, person, id, now)? {
            Some(until) => wait(until),
            None if due.is_none() => due = Some(due_for(db, person, id)?),
            None => {}
        }
    }
    if room != lease.room {
        put_room(db, &room, now)?;
    }
    Ok(Gathered::Yes(Box::new(Gathering { room, due, again_at })))
}

/// The worst first.
fn severity(lease: &Lease) -> i64 {
    let severity = lease.wanted.incident.severity;
    Severity::ALL.iter().position(|s| *s == severity).and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX)
}

/// Until when nobody else than `but` this incident's room may write to the person.
fn hushed(db: &Connection, person: &str, id: IncidentId, now: Timestamp) -> Stored<Option<Timestamp>> {
    first(
        db,
        // What was made by a clock that was ahead holds nobody back.
        "SELECT until FROM hushes WHERE person = ?1 AND until > ?2 AND but IS NOT ?3 AND made_at <= ?4",
        params![person, millis(now), id.0, millis(later(now, CLOCK_SKEW))],
        |r| r.get::<_, i64>(0),
    )
    .map(|until| until.map(moment))
}

fn hush(
    db: &Connection,
    person: &str,
    until: Timestamp,
    but: Option<IncidentId>,
    now: Timestamp,
) -> Stored<()> {
    execute(
        db,
        "INSERT INTO hushes (person, until, but, made_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (person) DO UPDATE SET until = ?2, but = ?3, made_at = ?4",
        params![person, millis(until), but.map(|b| b.0), millis(now)],
    )?;
    Ok(())
}

/// What else the person has to hear of.
fn due_for(db: &Connection, person: &str, id: IncidentId) -> Stored<Due> {
    let (count, through) = first(
        db,
        "SELECT count(*), coalesce(max(id), 0) FROM briefs WHERE person = ?1 AND carrier IS NULL",
        [person],
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?)),
    )?
    .unwrap_or_default();
    let listed: Vec<Incident> = all(
        db,
        "SELECT i.number, i.doc FROM briefs b JOIN incidents i ON i.number = b.incident
         WHERE b.person = ?1 AND b.carrier IS NULL AND b.incident <> ?2
         ORDER BY b.severity, b.incident LIMIT ?3",
        params![person, id.0, i64::try_from(LISTED).unwrap_or(i64::MAX)],
        |r| Ok((IncidentId(r.get(0)?), r.get::<_, Doc>(1)?)),
    )?
    .into_iter()
    .filter_map(|(id, doc)| legible(db, "incident", id, doc).transpose())
    .collect::<Stored<_>>()?;
    let others = usize::try_from(count).unwrap_or(0).saturating_sub(1);
    let more = others.saturating_sub(listed.len());
    Ok(Due { person: person.to_owned(), also: Also { listed, more }, through })
}

/// The person whom this step tells 1:1 that there is no group.
pub(super) fn addressee(step: &Task) -> Option<&str> {
    if let Some(Message::Brief { person, .. }) = step.private() { Some(person) } else { None }
}

/// Whether the person may be written to now; if not, from when on.
pub(super) fn may_write(
    db: &Connection,
    intent: &Intent,
    person: &str,
    now: Timestamp,
) -> Stored<Result<(), Timestamp>> {
    let id = intent.room.incident;
    let carrier = first(
        db,
        "SELECT carrier FROM briefs WHERE person = ?1 AND incident = ?2 AND told_at IS NULL",
        params![person, id.0],
        |r| r.get::<_, Option<i64>>(0),
    )?
    .flatten();
    Ok(match carrier {
        // The same message once more, after it was looked for.
        Some(carrier) if carrier == id.0 => Ok(()),
        Some(_) => Err(later(now, LEARN)),
        None => hushed(db, person, id, now)?.map_or(Ok(()), Err),
    })
}

/// The step has to wait for the number's pace: its room writes first when that allows it.
pub(super) fn claim(
    db: &Connection,
    intent: &Intent,
    person: &str,
    until: Timestamp,
    now: Timestamp,
) -> Stored<()> {
    hush(db, person, later(until, CLAIM), Some(intent.room.incident), now)
}

/// The message is about to be sent: it tells of all rows up to those that its words were made of.
pub(super) fn carry(db: &Connection, intent: &Intent, person: &str, now: Timestamp) -> Stored<()> {
    let id = intent.room.incident;
    let learn_at = millis(later(now, LEARN));
    if let Some(through) = intent.covers {
        // They learn of it in a while, and need not try before, unless something else came up for them.
        execute(
            db,
            "UPDATE rooms SET wake_at = min(turn_at, max(coalesce(wake_at, 0), ?4))
             WHERE turn_at IS NOT NULL AND lease_token IS NULL AND wish IS NULL AND stirred = seen AND incident IN
                   (SELECT incident FROM briefs
                    WHERE person = ?1 AND carrier IS NULL AND id <= ?2 AND incident <> ?3)",
            params![person, through, id.0, learn_at],
        )?;
        execute(
            db,
            "UPDATE briefs SET carrier = ?3 WHERE person = ?1 AND carrier IS NULL AND id <= ?2",
            params![person, through, id.0],
        )?;
    }
    execute(
        db,
        "INSERT INTO briefs (person, incident, severity, carrier) VALUES (?1, ?2, 0, ?2)
         ON CONFLICT (person, incident) DO UPDATE SET carrier = ?2, told_at = NULL, well = NULL",
        params![person, id.0],
    )?;
    hush(db, person, later(now, BRIEF_GAP), None, now)
}

/// What came of the messages that this room carries, as far as its record knows by now.
pub(super) fn settle(db: &Connection, room: &Room, now: Timestamp) -> Stored<()> {
    let id = room.incident;
    // Whoever is over looks for nothing any more.
    let is_over = matches!(room.phase.name(), PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked);
    let carried =
        all(db, "SELECT DISTINCT person FROM briefs WHERE carrier = ?1 AND told_at IS NULL", [id.0], |r| {
            r.get::<_, String>(0)
        })?;
    for person in carried {
        let state = room.tasks.get(&brief_key(&person)).map(|progress| &progress.state);
        if !is_over && state == Some(&State::Unknown) {
            continue;
        }
        if let Some(State::Done { .. } | State::GivenUp { .. }) = state {
            let well = matches!(state, Some(State::Done { .. }));
            execute(
                db,
                "UPDATE briefs SET told_at = ?3, well = ?4 WHERE carrier = ?1 AND person = ?2 AND told_at IS NULL",
                params![id.0, person, millis(now), well],
            )?;
            continue;
        }
        // It certainly did not go out: each room says it itself, or in the next message that does.
        for other in others_carried(db, id, &person)? {
            rows::stir(db, other, now)?;
        }
        execute(
            db,
            "UPDATE briefs SET carrier = NULL WHERE carrier = ?1 AND person = ?2 AND told_at IS NULL",
            params![id.0, person],
        )?;
        hush(db, &person, now, None, now)?;
    }
    Ok(())
}

fn others_carried(db: &Connection, id: IncidentId, person: &str) -> Stored<Vec<IncidentId>> {
    all(
        db,
        "SELECT incident FROM briefs WHERE carrier = ?1 AND person = ?2 AND told_at IS NULL AND incident <> ?1",
        params![id.0, person],
        |r| Ok(IncidentId(r.get(0)?)),
    )
}

/// Nobody has to hear any more that this incident waits for a group.
pub(super) fn drop_due(db: &Connection, id: IncidentId) -> Stored<()> {
    execute(db, "DELETE FROM briefs WHERE incident = ?1 AND carrier IS NULL", [id.0])?;
    Ok(())
}
