//! Receipts: the durable proof that a hook was accepted, its answer, and its body for as long as that is kept.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Store;
use super::error::Stored;
use super::tx::{Tx, read, values, write};
use crate::alert::Severity;
use crate::clock::{Timestamp, first_number};
use crate::incident::Outcome;

/// A receipt's id; later ones are greater. Shown as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId(pub i64);

impl ReceiptId {
    /// One that is not smaller than any that was made before `at`.
    #[must_use]
    pub fn earliest_of(at: Timestamp) -> Self {
        Self(first_number(at))
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no receipt's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receipt's id is 16 digits and letters from a to f")]
pub struct NotAReceipt;

impl FromStr for ReceiptId {
    type Err = NotAReceipt;

    fn from_str(text: &str) -> Result<Self, NotAReceipt> {
        let is_plain = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = i64::from_str_radix(text, 16).ok().filter(|_| is_plain);
        number.map(Self).ok_or(NotAReceipt)
    }
}

impl Serialize for ReceiptId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReceiptId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The durable proof that a hook was accepted, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    #[serde(rename = "receipt")]
    pub id: ReceiptId,
    /// What it did, by incident.
    pub incidents: Vec<Answered>,
    /// `ignored` or `repeated`, when the body as a whole was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// Why, when nothing was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The receipt of the stored hook that was taken in once more, if an operator asked for that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replays: Option<ReceiptId>,
}

/// What a hook did to one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// `INCIDENT-<number>`, if there is one.
    pub id: Option<String>,
    /// What happened.
    pub outcome: Outcome,
    /// How bad it is now.
    pub severity: Severity,
    /// Why nothing was done, if nothing was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// An accepted hook as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHook {
    /// What it did.
    pub receipt: Receipt,
    /// Its source.
    pub source: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Its body, for as long as bodies are kept.
    pub body: Option<Bytes>,
    /// Headers that say how the body is to be read, kept with it.
    pub headers: Vec<(String, String)>,
}

/// By what a delivery is known that comes again: 64 bits of a hash. Among a thousand million deliveries the chance that
/// any two share them is under 3 %.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay {
    /// Once it has done something.
    spent: i64,
    /// While it has done nothing: it counts for the same reading only.
    unspent: i64,
}

impl Replay {
    pub(super) fn of(source: &str, key: &str, reading: &str) -> Self {
        let short = |parts: &[&str]| {
            let mut hash = Sha256::new();
            for part in parts {
                hash.update(part.as_bytes());
                hash.update([0]);
            }
            hash.finalize().first_chunk().copied().map_or(0, i64::from_be_bytes)
        };
        Self { spent: short(&[source, key]), unspent: short(&[source, key, reading]) }
    }
}

impl Store {
    /// The receipt of the same delivery, if it came before and did something, or was read in the same way. What
    /// did something is said to be repeated.
    pub async fn earlier_receipt(
        &self,
        source: &str,
        replay_key: &str,
        reading: &str,
    ) -> Stored<Option<Receipt>> {
        let replay = Replay::of(source, replay_key, reading);
        self.read("earlier_receipt", move |tx| earlier(tx, replay)).await
    }

    /// An accepted hook, with its body.
    pub async fn receipt(&self, id: ReceiptId) -> Stored<Option<StoredHook>> {
        self.read("receipt", move |tx| {
            tx.first(
                "SELECT r.source, r.received_at, r.answer, b.headers, b.body
                 FROM receipts r LEFT JOIN bodies b ON b.receipt = r.id WHERE r.id = ?1",
                values![id.0],
                |r| {
                    Ok(StoredHook {
                        source: r.get(0)?,
                        received_at: r.get(1)?,
                        receipt: read("receipt", r.doc(2))?,
                        headers: r.doc_if_any(3).map_or(Ok(Vec::new()), |doc| read("headers", doc))?,
                        body: r.get::<Option<Vec<u8>>>(4)?.map(Bytes::from),
                    })
                },
            )
        })
        .await
    }

    /// Empties the bodies of hooks that were accepted before a moment, the oldest first and `limit` at most;
    /// returns how many. What else is known of them stays.
    pub async fn forget_bodies(&self, before: Timestamp, limit: usize) -> Stored<usize> {
        let sql = "DELETE FROM bodies WHERE receipt IN
                   (SELECT receipt FROM bodies WHERE receipt < ?1 ORDER BY receipt LIMIT ?2)";
        let before = ReceiptId::earliest_of(before).0;
        self.write("forget_bodies", move |tx| tx.execute(sql, values![before, limit])).await
    }
}

/// Writes a receipt with what came.
pub(super) fn put(
    tx: &Tx<'_>,
    (receipt, replay): (&Receipt, Option<Replay>),
    source: &str,
    (headers, body): (&[(String, String)], &Bytes),
    now: Timestamp,
) -> Stored<()> {
    let did_something = receipt.incidents.iter().any(|incident| incident.outcome != Outcome::Ignored);
    let replay = replay.map(|replay| if did_something { replay.spent } else { replay.unspent });
    tx.run(
        "INSERT INTO receipts (id, source, received_at, replay, answer) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![receipt.id.0, source, now, replay, write("receipt", receipt)?],
    )?;
    tx.run(
        "INSERT INTO bodies (receipt, headers, body) VALUES (?1, ?2, ?3)",
        values![receipt.id.0, write("headers", headers)?, body[..]],
    )
}

/// See [`Store::earlier_receipt`].
pub(super) fn earlier(tx: &Tx<'_>, replay: Replay) -> Stored<Option<Receipt>> {
    let found = tx.all(
        "SELECT id, replay, answer FROM receipts WHERE replay IN (?1, ?2)",
        values![replay.spent, replay.unspent],
        |r| {
            let id = ReceiptId(r.get(0)?);
            let empty = || Receipt { id, incidents: Vec::new(), outcome: None, reason: None, replays: None };
            let receipt = tx.legible("receipt", id, r.doc(2)).unwrap_or_else(empty);
            Ok((r.get::<i64>(1)? == replay.spent, receipt))
        },
    )?;
    let Some((is_spent, mut receipt)) = found.into_iter().max_by_key(|(is_spent, _)| *is_spent) else {
        return Ok(None);
    };
    if is_spent {
        for incident in &mut receipt.incidents {
            incident.outcome = Outcome::Repeated;
        }
        receipt.outcome = Some(Outcome::Repeated);
        receipt.reason = Some("this very delivery was accepted before".to_owned());
    }
    Ok(Some(receipt))
}
