//! Whom a room without a group can write to 1:1 now, and what else that message can tell them.

use super::briefs;
use super::error::Stored;
use super::leases::Lease;
use super::outcomes::put_room;
use super::tx::{Tx, values};
use super::{Store, journal};
use crate::alert::Severity;
use crate::clock::{Timestamp, later};
use crate::incident::{Incident, IncidentId};
use crate::room::{Also, Room, brief_key};

/// Incidents read for one message; more are only counted.
const LISTED: usize = 60;

/// Who can be told 1:1 now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathered {
    /// This.
    Yes(Box<Gathering>),
    /// Somebody else has the room now.
    LeaseLost,
}

/// Who can be told 1:1 now, and what was heard of those who were told already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathering {
    /// The room, with the seats of those who heard of it in the message of another incident.
    pub room: Room,
    /// Whom to write to.
    pub due: Option<Due>,
    /// When there may be more to do for the others.
    pub again_at: Option<Timestamp>,
}

/// A person to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Key in the roster.
    pub person: String,
    /// What else waits for a group and for this person.
    pub also: Also,
    /// Up to which place in the store's list that is.
    pub through: i64,
}

impl Store {
    /// Notes that these people (keys in the roster) have to hear 1:1 that the room's group has to wait, and says
    /// who of them can be written to now, and of what else that message can tell.
    pub async fn gather(&self, lease: &Lease, people: Vec<String>, now: Timestamp) -> Stored<Gathered> {
        let gather = move |tx: &Tx<'_>, lease: &Lease| gather(tx, lease, &people, now);
        self.with_lease_behind("gather", lease, now, Gathered::LeaseLost, gather).await
    }
}

/// Notes that `people` have to hear of the room's incident, takes in what they heard already in messages of
/// others, and says who can be written to now.
fn gather(tx: &Tx<'_>, lease: &Lease, people: &[String], now: Timestamp) -> Stored<Gathered> {
    let mut room = lease.room.clone();
    let severity = severity(lease);
    let (id, mut due, mut again_at) = (room.incident, None, None::<Timestamp>);
    let mut wait = |until: Timestamp| again_at = Some(again_at.map_or(until, |at| at.min(until)));
    for person in people {
        let row = tx.first(
            "SELECT told_by, told_at, well FROM briefs WHERE person = ?1 AND incident = ?2",
            values![person, id],
            |r| {
                Ok((
                    r.get::<Option<IncidentId>>(0)?,
                    r.get::<Option<Timestamp>>(1)?,
                    r.get::<Option<bool>>(2)?.unwrap_or(false),
                ))
            },
        )?;
        match row {
            Some((Some(other), Some(_), well)) if other != id => {
                room.was_told_by(person, other, well, now);
                let words = if well { "told" } else { "could not be told" };
                let note = format!("{words} in the message of {other}");
                journal::line(tx, id, "covered", Some(&brief_key(person)), &note, now)?;
                continue;
            }
            Some((Some(other), None, _)) if other != id => {
                wait(later(now, briefs::LEARN));
                continue;
            }
            Some(_) => {}
            None => {
                tx.run(
                    "INSERT INTO briefs (person, incident, severity) VALUES (?1, ?2, ?3)",
                    values![person, id, severity],
                )?;
            }
        }
        match briefs::paused(tx, person, id, now)? {
            Some(until) => wait(until),
            None if due.is_none() => due = Some(due_for(tx, person, id)?),
            None => {}
        }
    }
    if room != lease.room {
        put_room(tx, &room, now)?;
    }
    Ok(Gathered::Yes(Box::new(Gathering { room, due, again_at })))
}

/// The worst first.
fn severity(lease: &Lease) -> i64 {
    let severity = lease.wanted.incident.severity;
    Severity::ALL.iter().position(|s| *s == severity).and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX)
}

/// What else the person has to hear of.
fn due_for(tx: &Tx<'_>, person: &str, id: IncidentId) -> Stored<Due> {
    let (count, through) = tx
        .first(
            "SELECT count(*), coalesce(max(id), 0) FROM briefs WHERE person = ?1 AND told_by IS NULL",
            values![person],
            |r| Ok((r.get::<i64>(0)?, r.get(1)?)),
        )?
        .unwrap_or_default();
    let listed: Vec<Incident> = tx.some(
        "SELECT i.number, i.doc FROM briefs b JOIN incidents i ON i.number = b.incident
         WHERE b.person = ?1 AND b.told_by IS NULL AND b.incident <> ?2
         ORDER BY b.severity, b.incident LIMIT ?3",
        values![person, id, LISTED],
        |r| Ok(tx.legible("incident", r.get::<IncidentId>(0)?, r.doc(1))),
    )?;
    let others = usize::try_from(count).unwrap_or(0).saturating_sub(1);
    let more = others.saturating_sub(listed.len());
    Ok(Due { person: person.to_owned(), also: Also { listed, more }, through })
}
