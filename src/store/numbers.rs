//! Our linked numbers: a row each says what is known of it, and whoever learns something writes it there.

use std::collections::BTreeMap;

use super::Store;
use super::error::Stored;
use super::tx::{Tx, values, write};
use crate::clock::{SignedDuration, Timestamp};
use crate::number::{Health, Sign};

impl Store {
    /// What is known of the numbers, by their names in the config.
    pub async fn numbers(&self) -> Stored<BTreeMap<String, Health>> {
        self.read("numbers", |tx| Ok(all(tx)?.0)).await
    }

    /// Notes a sign of how a number is; returns what was known before it and what is known now. Rooms that this
    /// concerns are woken: now if it works again, or when it has failed for `patience`.
    pub async fn note_number(
        &self,
        instance: &str,
        sign: Sign,
        patience: SignedDuration,
        now: Timestamp,
    ) -> Stored<(Health, Health)> {
        let instance = instance.to_owned();
        self.write("note_number", move |tx| note(tx, &instance, &sign, patience, now)).await
    }
}

fn note(
    tx: &Tx<'_>,
    instance: &str,
    sign: &Sign,
    patience: SignedDuration,
    now: Timestamp,
) -> Stored<(Health, Health)> {
    let before = tx.first("SELECT doc FROM numbers WHERE instance = ?1", values![instance], |r| {
        Ok(tx.legible("number", instance, r.doc(0)))
    })?;
    let before: Health = before.flatten().unwrap_or_default();
    let mut after = before.clone();
    after.note(sign, now);
    if after == before {
        return Ok((before, after));
    }
    put(tx, instance, &after)?;
    let (was, is) = (before.loss(patience), after.loss(patience));
    let wake_at = match is {
        None if was.is_some() || before.own != after.own => Some(now),
        Some(loss) if was.is_none_or(|was| was.believed_at != loss.believed_at) => {
            Some(loss.believed_at.max(now))
        }
        Some(_) | None => None,
    };
    if let Some(at) = wake_at {
        tx.run(
            "UPDATE rooms SET changes = changes + 1, wake_at = CASE WHEN wake_at < ?1 THEN wake_at ELSE ?1 END
             WHERE phase NOT IN ('closed', 'skipped')
               AND phase IN ('wanted', 'creating', 'unsure', 'live', 'closing')",
            values![at],
        )?;
    }
    Ok((before, after))
}

fn put(tx: &Tx<'_>, instance: &str, health: &Health) -> Stored<()> {
    tx.run(
        "INSERT INTO numbers (instance, changes, doc) VALUES (?1, 1, ?2)
         ON CONFLICT (instance) DO UPDATE SET changes = numbers.changes + 1, doc = ?2",
        values![instance, write("number", health)?],
    )
}

/// What is known of all numbers, and how often that has changed.
pub(super) fn all(tx: &Tx<'_>) -> Stored<(BTreeMap<String, Health>, i64)> {
    let rows = tx.all("SELECT instance, changes, doc FROM numbers", &[], |r| {
        let instance: String = r.get(0)?;
        let health = tx.legible("number", &instance, r.doc(2)).unwrap_or_default();
        Ok((instance, r.get::<i64>(1)?, health))
    })?;
    let changes = rows.iter().map(|(_, changes, _)| changes).sum();
    Ok((rows.into_iter().map(|(instance, _, health)| (instance, health)).collect(), changes))
}

/// Nothing that is known lies after `now`.
pub(super) fn put_back(tx: &Tx<'_>, now: Timestamp) -> Stored<()> {
    for (instance, health) in all(tx)?.0 {
        put(tx, &instance, &health.put_back(now))?;
    }
    Ok(())
}
