//! The journal: every intent, outcome and move of a room, and what operators asked.

use serde::Serialize;

use super::Store;
use super::error::{StoreError, Stored};
use super::tx::{Tx, read, values, write};
use crate::clock::Timestamp;
use crate::gateway::GatewayError;
use crate::incident::IncidentId;
use crate::jid::{GroupId, Jid};
use crate::pacing::Pace;
use crate::room::{Effect, Event, Note, Room, Task};

/// A step about to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The room after [`Room::begin`].
    pub room: Room,
    /// The step.
    pub step: Task,
    /// The linked number it goes through.
    pub instance: String,
    /// The move that comes with it, if any.
    pub event: Option<Event>,
    /// The pace to keep.
    pub pace: Pace,
    /// For a message of which [`Gathering::due`](super::Gathering::due) said what else it tells of: its [`Due::through`](super::Due::through).
    pub covers: Option<i64>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// The journalled intent, if it [needed one](Task::needs_intent).
    pub intent: Option<i64>,
    /// The step.
    pub step: Task,
    /// The linked number it went through.
    pub instance: String,
    /// When it was called.
    pub begun_at: Timestamp,
    /// When it was answered.
    pub ended_at: Timestamp,
    /// In words.
    pub note: Note,
    /// What it means beyond the room.
    pub effect: Effect,
    /// The group that was made, if one was: never to be lost.
    pub made: Option<GroupId>,
    /// Ids by which the network was found to have people, beside those in the roster.
    pub aliases: Vec<Alias>,
    /// Whether a commit of it has failed; it may be stored all the same.
    pub is_tried: bool,
}

/// A person's other id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Key in the roster.
    pub person: String,
    /// The id made of the number in the roster.
    pub jid: Jid,
    /// The id by which the network has them.
    pub alias: Jid,
}

impl From<&GatewayError> for Note {
    fn from(error: &GatewayError) -> Self {
        Self::Failed { error: error.clone() }
    }
}

impl Store {
    /// The moves of a room as journalled, for replaying.
    pub async fn moves(&self, id: IncidentId) -> Stored<Vec<(Timestamp, Event)>> {
        let sql = "SELECT at, event FROM journal WHERE incident = ?1 AND event IS NOT NULL ORDER BY id";
        self.read("moves", move |tx| tx.all(sql, values![id], |r| Ok((r.get(0)?, read("event", r.doc(1))?))))
            .await
    }

    /// Records in the incident's timeline what an operator did that changes nothing in its room.
    pub async fn record_operator(&self, id: IncidentId, did: &str, now: Timestamp) -> Stored<()> {
        let did = did.to_owned();
        self.write("record_operator", move |tx| line(tx, id, "asked", None, &did, now)).await
    }
}

/// A line that is neither a call nor a move: `asked` by an operator, `refused`, `covered` by another room's message.
pub(super) fn line<T: Serialize + ?Sized>(
    tx: &Tx<'_>,
    id: IncidentId,
    kind: &str,
    key: Option<&str>,
    note: &T,
    now: Timestamp,
) -> Stored<()> {
    tx.run(
        "INSERT INTO journal (incident, at, kind, key, note, spent) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        values![id, now, kind, key, write("note", note)?],
    )
}

/// A move of the room.
pub(super) fn moved(tx: &Tx<'_>, id: IncidentId, event: &Event, now: Timestamp) -> Stored<()> {
    tx.run(
        "INSERT INTO journal (incident, at, kind, event, spent) VALUES (?1, ?2, 'event', ?3, 0)",
        values![id, now, write("event", event)?],
    )
}

/// Writes an intent; returns its id.
pub(super) fn begin(tx: &Tx<'_>, intent: &Intent, now: Timestamp) -> Stored<i64> {
    let event = intent.event.as_ref().map(|event| write("event", event)).transpose()?;
    let number = match intent.pace {
        Pace::Creation { creation, .. } => Some(creation.number.to_string()),
        Pace::Free | Pace::Message { .. } => None,
    };
    let id = tx.first(
        "INSERT INTO journal
         (incident, at, kind, step, key, instance, number, private, important, event, paced_at)
         VALUES (?1, ?2, 'intent', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?2) RETURNING id",
        values![
            intent.room.incident,
            now,
            intent.step.name(),
            intent.step.key(),
            intent.instance,
            number,
            intent.step.private().is_some(),
            intent.room.summons.important,
            event,
        ],
        |r| r.get(0),
    )?;
    id.ok_or_else(|| StoreError::Unavailable("an intent got no id".to_owned()))
}

/// Ends an intent.
pub(super) fn end(tx: &Tx<'_>, intent: i64, outcome: &StepOutcome) -> Stored<()> {
    tx.run(
        "UPDATE journal SET note = ?2, ended_at = ?3, spent = ?4 WHERE id = ?1",
        values![intent, write("note", &outcome.note)?, outcome.ended_at, !outcome.effect.unspent],
    )
}

/// Ends the open intents of the last holder, whose outcomes will hardly come.
pub(super) fn abandon(tx: &Tx<'_>, id: IncidentId, now: Timestamp) -> Stored<()> {
    tx.run(
        "UPDATE journal SET note = ?2, ended_at = ?3
         WHERE incident = ?1 AND kind = 'intent' AND ended_at IS NULL",
        values![id, write("note", &Note::Abandoned)?, now],
    )
}

/// Writes a call that had no intent.
pub(super) fn add_call(tx: &Tx<'_>, id: IncidentId, outcome: &StepOutcome) -> Stored<()> {
    tx.run(
        "INSERT INTO journal (incident, at, kind, step, key, instance, note, ended_at, spent)
         VALUES (?1, ?2, 'intent', ?3, ?4, ?5, ?6, ?7, 0)",
        values![
            id,
            outcome.begun_at,
            outcome.step.name(),
            outcome.step.key(),
            outcome.instance,
            write("note", &outcome.note)?,
            outcome.ended_at
        ],
    )
}

/// Whether an intent has no outcome yet. An outcome can be here already although its commit was answered with an
/// error; it is not written a second time.
pub(super) fn is_open(tx: &Tx<'_>, intent: i64) -> Stored<bool> {
    tx.any("SELECT 1 FROM journal WHERE id = ?1 AND ended_at IS NULL", values![intent])
}

/// Whether a call without an intent is written already.
pub(super) fn is_written(tx: &Tx<'_>, id: IncidentId, outcome: &StepOutcome) -> Stored<bool> {
    tx.any(
        "SELECT 1 FROM journal WHERE incident = ?1 AND at = ?2 AND ended_at = ?3 AND key = ?4 AND kind = 'intent'",
        values![id, outcome.begun_at, outcome.ended_at, outcome.step.key()],
    )
}
