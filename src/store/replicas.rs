//! Processes that share a store: who is there, what belongs to those that are gone, and what one does for all.
//!
//! Each says every two seconds that it is there. What a process leased that was not heard of for
//! [`GONE_AFTER`] is free again; it may only have been stopped, so it makes no call itself once it was not heard of
//! for nearly as long. Nothing is freed unless somebody was heard of all that time: after an outage of the database
//! everybody is given the time to come back. A store that one process has to itself knows nothing of this.

use serde::Serialize;

use super::Store;
use super::error::Stored;
use super::tx::{Tx, values};
use super::{leases, letters};
use crate::clock::{SignedDuration, Timestamp, later};

/// How often a replica says that it is there.
pub const PRESENT_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// What a replica leased that was not heard of for so long is free.
const GONE_AFTER: SignedDuration = SignedDuration::from_secs(12);
/// It makes no call once it was not heard of for so long itself.
const CALLS_FOR: SignedDuration = SignedDuration::from_secs(8);
/// When nobody was heard of for so long, the database was away, or nobody was there.
const GAP: SignedDuration = SignedDuration::from_secs(6);

/// The row that says since when there was always somebody.
const SOMEBODY: &str = "somebody is there";

/// A process that shares the store, as it said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplicaSeen {
    /// Its id, new with each start.
    pub id: String,
    /// When it said so.
    pub seen_at: Timestamp,
    /// The program's version.
    pub version: String,
    /// The SHA-256 of the roster in force there.
    pub roster: String,
}

impl Store {
    /// Whether several processes may work on this store.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !self.replica.is_alone()
    }

    /// Whether a call may be made now: nobody else takes what this process has leased while it is heard of.
    #[must_use]
    pub fn is_present(&self, now: Timestamp) -> bool {
        self.replica.is_alone()
            || self.replica.heard_of().is_some_and(|last| now.duration_since(last) < CALLS_FOR)
    }

    /// Wakes the workers of the other replicas: something is due.
    pub fn wake_others(&self) {
        self.database.wake_others();
    }

    /// Waits until another replica has made something due.
    pub async fn woken(&self) {
        self.database.woken().await;
    }

    /// Says that this process is there, and frees what belongs to those that are gone; returns how many are.
    pub async fn say_present(&self, roster: String, now: Timestamp) -> Stored<usize> {
        let id = self.replica.id.clone();
        let gone = self.write("say_present", move |tx| say_present(tx, (&id, &roster), now)).await?;
        self.replica.was_heard_of(now);
        Ok(gone)
    }

    /// Takes this process from the list, and frees what it has leased.
    pub async fn leave(&self) -> Stored<()> {
        let id = self.replica.id.clone();
        self.write("leave", move |tx| free(tx, &id)).await
    }

    /// The processes that share the store and were heard of lately.
    pub async fn replicas(&self, now: Timestamp) -> Stored<Vec<ReplicaSeen>> {
        let since = later(now, -GONE_AFTER);
        self.read("replicas", move |tx| {
            let sql = "SELECT id, seen_at, version, roster FROM replicas WHERE seen_at >= ?1 ORDER BY id";
            tx.all(sql, values![since], |r| {
                Ok(ReplicaSeen { id: r.get(0)?, seen_at: r.get(1)?, version: r.get(2)?, roster: r.get(3)? })
            })
        })
        .await
    }

    /// Takes for so long what one of all does, or goes on with it; false while another one does it.
    pub async fn take_duty(&self, duty: &'static str, now: Timestamp, until: Timestamp) -> Stored<bool> {
        if self.replica.is_alone() {
            return Ok(true);
        }
        let id = self.replica.id.clone();
        self.write("take_duty", move |tx| {
            let taken = tx.execute(
                "INSERT INTO duties (name, holder, until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?3
                 WHERE duties.holder = ?2 OR duties.until <= ?4",
                values![duty, id, until, now],
            )?;
            Ok(taken > 0)
        })
        .await
    }
}

fn say_present(tx: &Tx<'_>, (id, roster): (&str, &str), now: Timestamp) -> Stored<usize> {
    let newest = tx.first("SELECT max(seen_at) FROM replicas", &[], |r| r.get(0))?.flatten();
    let is_gap = newest.is_none_or(|at: Timestamp| now.duration_since(at) > GAP);
    tx.run(
        "INSERT INTO replicas (id, seen_at, version, roster) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET seen_at = ?2, roster = ?4",
        values![id, now, env!("CARGO_PKG_VERSION"), roster],
    )?;
    let since = tx.first("SELECT until FROM duties WHERE name = ?1", values![SOMEBODY], |r| r.get(0))?;
    let since: Timestamp = match since {
        Some(since) if !is_gap => since,
        _ => {
            tx.run(
                "INSERT INTO duties (name, holder, until) VALUES (?1, '', ?2)
                 ON CONFLICT (name) DO UPDATE SET until = ?2",
                values![SOMEBODY, now],
            )?;
            now
        }
    };
    if now.duration_since(since) < GONE_AFTER {
        return Ok(0);
    }
    let before = later(now, -GONE_AFTER);
    let gone: Vec<String> =
        tx.all("SELECT id FROM replicas WHERE seen_at < ?1", values![before], |r| r.get(0))?;
    for id in &gone {
        free(tx, id)?;
    }
    Ok(gone.len())
}

/// Frees what a replica has leased, and forgets it.
fn free(tx: &Tx<'_>, id: &str) -> Stored<()> {
    let tokens = format!("{id}.%");
    leases::free(tx, &tokens)?;
    letters::free(tx, &tokens)?;
    tx.run("DELETE FROM duties WHERE holder = ?1", values![id])?;
    tx.run("DELETE FROM replicas WHERE id = ?1", values![id])
}
