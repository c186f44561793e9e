//! The timeline of an incident: hooks, what the gateway told, and the journal, in one order.

use serde::{Deserialize, Serialize};

use super::error::Stored;
use super::receipts::ReceiptId;
use super::tx::{Row, Tx, read, values};
use crate::clock::Timestamp;
use crate::gateway::{Notice, NoticeKind};
use crate::incident::{IncidentId, Outcome};
use crate::room::{Event, Note};

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Which part of the story.
    #[serde(flatten)]
    pub what: Happening,
}

/// What a timeline is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// A hook came.
    Hook {
        /// Its receipt.
        receipt: ReceiptId,
        /// Its source.
        source: String,
        /// What it did.
        outcome: Outcome,
    },
    /// A gateway call.
    Call {
        /// The step's key.
        step: String,
        /// Through which number.
        instance: String,
        /// What came of it; absent while nobody knows.
        outcome: Option<Note>,
        /// When it came.
        ended_at: Option<Timestamp>,
    },
    /// A move of the room.
    Moved {
        /// Which.
        #[serde(flatten)]
        event: Event,
    },
    /// The gateway told something by itself.
    Notice {
        /// To which linked number.
        instance: String,
        /// What.
        #[serde(flatten)]
        notice: NoticeKind,
    },
    /// An outcome that came after the lease was lost.
    Stray {
        /// Of which step.
        step: String,
        /// What it was.
        outcome: Note,
    },
    /// A person heard of the incident in the message of another one.
    Covered {
        /// The step that was not needed.
        step: String,
        /// What was told, and where.
        how: String,
    },
    /// What an operator asked for.
    Asked {
        /// In words.
        what: String,
    },
    /// An operator's wish that could not be granted.
    Refused {
        /// Why.
        why: String,
    },
}

/// Everything that happened, oldest first.
pub(super) fn of(tx: &Tx<'_>, id: IncidentId) -> Stored<Vec<Entry>> {
    let mut entries = tx.some(
        "SELECT at, receipt, source, outcome FROM hooks WHERE incident = ?1 ORDER BY receipt",
        values![id],
        |r| {
            let (at, receipt, source) = (r.get(0)?, ReceiptId(r.get(1)?), r.get(2)?);
            let outcome = tx.legible("outcome of a hook", id, r.doc(3));
            Ok(outcome.map(|outcome| Entry { at, what: Happening::Hook { receipt, source, outcome } }))
        },
    )?;
    entries.extend(tx.some(
        "SELECT at, instance, doc FROM notices WHERE incident = ?1 ORDER BY id",
        values![id],
        |r| {
            let (at, instance) = (r.get(0)?, r.get(1)?);
            let told = tx.legible::<Notice>("notice", id, r.doc(2));
            Ok(told.map(|told| Entry { at, what: Happening::Notice { instance, notice: told.what } }))
        },
    )?);
    entries.extend(tx.some(
        "SELECT at, kind, key, instance, event, note, ended_at FROM journal WHERE incident = ?1 ORDER BY id",
        values![id],
        |r| match happening(r) {
            Ok(what) => Ok(Some(Entry { at: r.get(0)?, what })),
            Err(error) => {
                tx.set_aside("line of a timeline", &id.to_string(), &error.to_string());
                Ok(None)
            }
        },
    )?);
    // Stable: what was written first stays first within one moment.
    entries.sort_by_key(|e| e.at);
    Ok(entries)
}

/// What a row of the journal tells.
fn happening(r: &dyn Row) -> Stored<Happening> {
    let text = |column| Ok(r.get::<Option<String>>(column)?.unwrap_or_default());
    let (step, note) = (text(2)?, r.doc(5));
    Ok(match r.get::<String>(1)?.as_str() {
        "intent" => Happening::Call {
            step,
            instance: text(3)?,
            outcome: r.doc_if_any(5).map(|note| read("note", note)).transpose()?,
            ended_at: r.get(6)?,
        },
        "event" => Happening::Moved { event: read("event", r.doc(4))? },
        "stray" => Happening::Stray { step, outcome: read("note", note)? },
        "covered" => Happening::Covered { step, how: read("note", note)? },
        "asked" => Happening::Asked { what: read("wish", note)? },
        _ => Happening::Refused { why: read("reason", note)? },
    })
}
