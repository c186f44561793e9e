//! Outages of linked numbers: since when, and waking rooms when a number is given up or works again.

use std::collections::BTreeMap;

use super::Store;
use super::error::Stored;
use super::tx::values;
use crate::clock::Timestamp;

impl Store {
    /// Wakes every room that is not over, because the linked number `instance` is given up or works again: one of its
    /// own, one that may take it, one that it may take over. Returns how many of them have a group with it.
    pub async fn wake_rooms(&self, instance: &str, now: Timestamp) -> Stored<i64> {
        let instance = instance.to_owned();
        self.write("wake_rooms", move |tx| {
            tx.run(
                "UPDATE rooms SET changes = changes + 1,
                        wake_at = CASE WHEN wake_at < ?1 THEN wake_at ELSE ?1 END
                 WHERE phase NOT IN ('closed', 'skipped')
                   AND phase IN ('wanted', 'creating', 'unsure', 'live', 'closing')",
                values![now],
            )?;
            tx.count(
                "SELECT count(*) FROM rooms
                 WHERE phase NOT IN ('closed', 'skipped') AND phase IN ('live', 'closing') AND instance = ?1",
                values![instance],
            )
        })
        .await
    }

    /// Keeps since when a linked number does not work, or that it works: a process that starts again goes on counting
    /// from there.
    pub async fn put_outage(&self, instance: &str, since: Option<Timestamp>) -> Stored<()> {
        let instance = instance.to_owned();
        self.write("put_outage", move |tx| {
            match since {
                Some(since) => tx.execute(
                    "INSERT INTO outages (instance, since) VALUES (?1, ?2)
                     ON CONFLICT (instance) DO UPDATE SET since = ?2",
                    values![instance, since],
                )?,
                None => tx.execute("DELETE FROM outages WHERE instance = ?1", values![instance])?,
            };
            Ok(())
        })
        .await
    }

    /// The linked numbers that did not work when they were last heard of, and since when.
    pub async fn outages(&self) -> Stored<BTreeMap<String, Timestamp>> {
        self.write("outages", |tx| {
            let outages =
                tx.all("SELECT instance, since FROM outages", &[], |r| Ok((r.get(0)?, r.get(1)?)))?;
            Ok(outages.into_iter().collect())
        })
        .await
    }
}
