//! What is remembered, in whole transactions that are written once for any database.
//!
//! Actors: [`Store`], which the receiver writes accepted hooks into and the worker leases rooms from; the
//! [`Database`] behind it, which runs its transactions. The tables: *receipts* (each accepted body, with its answer),
//! *incidents* and the *alerts* inside them, *news* (what a room should hear), *rooms* (one document each, written only
//! by the holder of the lease), the *journal* (every intent, outcome and move), *duplicates* (groups that carry an
//! incident's id but are not its room), *notices* (what the gateway told of a room), *numbers* (what is known
//! of ours), *consents* (who wants to be called) and *letters* (1:1 messages that belong to no room). `now` is always an argument: no clock of a database is
//! asked.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock::Timestamp;
use replica::Replica;
use tx::{Asides, Tx, values};

pub use accept::{Acceptance, Accepted, HandOver, OpenRoom};
pub use answers::{Asked, AskedPerson, Asking, Heard, TakenAnswers, Unnamed};
pub use database::{Access, Asker, Body, Database, Found, Transaction};
pub use dossiers::{Dossier, IncidentQuery, IncidentState, Summary};
pub use duplicates::{Duplicate, DuplicateState};
pub use error::{StoreError, Stored};
pub use gathering::{Due, Gathered, Gathering};
pub use journal::{Alias, Intent, StepOutcome};
pub use leases::{Lease, Slots};
pub use notices::Hearing;
pub use outcomes::Finished;
pub use posting::{LetterAsk, LetterTurn, LetterWay, Posted, Worded};
pub use receipts::{Answered, NotAReceipt, Receipt, ReceiptId, StoredHook};
pub use replicas::{PRESENT_EVERY, ReplicaSeen};
pub use rooms::WishTaken;
pub use steps::Began;
pub use timeline::{Entry, Happening};
pub use tx::{Aside, Row, Statements, Value};

mod accept;
mod alerts;
mod answers;
mod briefs;
mod certificates;
mod clock_check;
mod consents;
mod database;
mod dossiers;
mod duplicates;
mod error;
mod gathering;
mod incidents;
mod inputs;
mod journal;
mod lane;
mod leases;
mod letters;
pub mod migration;
mod news;
mod notices;
mod numbers;
mod outbreaks;
mod outcomes;
mod pace;
pub mod postgres;
mod posting;
mod queue;
mod quiet;
mod receipts;
mod replica;
mod replicas;
mod rooms;
mod schema;
mod shared_rooms;
pub mod source_troubles;
pub mod sqlite;
mod steps;
mod timeline;
mod tx;

/// The durable memory. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<dyn Database>,
    asides: Arc<Asides>,
    replica: Arc<Replica>,
    /// Whether the last group that was asked for had to wait: then the next one most likely has to as well.
    is_spent: Arc<AtomicBool>,
}

impl Store {
    /// The store in a database that this process has to itself.
    #[must_use]
    pub fn over(database: Arc<dyn Database>) -> Self {
        let (asides, is_spent) = (Arc::default(), Arc::default());
        Self { database, asides, replica: Arc::new(Replica::alone()), is_spent }
    }

    /// The store in a database that several processes share.
    #[must_use]
    pub fn shared(database: Arc<dyn Database>) -> Self {
        Self { replica: Arc::new(Replica::new()), ..Self::over(database) }
    }

    /// What was found to be unreadable, or to break the work on it, since the start; everything else goes on without.
    #[must_use]
    pub fn aside(&self) -> Vec<Aside> {
        self.asides.list()
    }

    /// Whether the store answers and takes writes.
    pub async fn ready(&self, now: Timestamp) -> Stored<()> {
        // As large as a usual hook: a full disk may still take a few bytes. What is the same would not be written.
        let ballast = now.as_millisecond().to_be_bytes().repeat(2048);
        let sql = "UPDATE pulse SET at = ?1, ballast = ?2";
        self.write("ready", move |tx| tx.execute(sql, values![now, ballast]).map(drop)).await
    }

    fn read<T, F>(&self, name: &'static str, body: F) -> impl Future<Output = Stored<T>>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Stored<T> + Send + 'static,
    {
        self.run(name, Access::Read, Asker::Ourselves, body, |_: &mut T| {})
    }

    fn write<T, F>(&self, name: &'static str, body: F) -> impl Future<Output = Stored<T>>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Stored<T> + Send + 'static,
    {
        self.run(name, Access::Write, Asker::Ourselves, body, |_: &mut T| {})
    }

    /// A write that is simply done again if it is lost.
    fn write_behind<T, F>(&self, name: &'static str, body: F) -> impl Future<Output = Stored<T>>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Stored<T> + Send + 'static,
    {
        self.run(name, Access::WriteBehind, Asker::Ourselves, body, |_: &mut T| {})
    }

    /// The body is boxed before anything waits, so that futures stay small.
    fn run<T, F, C>(
        &self,
        name: &'static str,
        access: Access,
        asker: Asker,
        mut body: F,
        committed: C,
    ) -> impl Future<Output = Stored<T>>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Stored<T> + Send + 'static,
        C: FnOnce(&mut T) + Send + 'static,
    {
        let (asides, replica) = (Arc::clone(&self.asides), Arc::clone(&self.replica));
        let transaction = Transaction {
            name,
            access,
            asker,
            body: Box::new(move |statements| {
                body(&Tx::new(statements, &asides, &replica)).map(|found| Box::new(found) as Found)
            }),
            committed: Box::new(|found| {
                if let Some(found) = found.downcast_mut() {
                    committed(found);
                }
            }),
        };
        async move {
            let found = self.database.run(transaction).await?;
            let other = |_| StoreError::Unavailable(format!("{name} was answered with something else"));
            found.downcast().map(|found| *found).map_err(other)
        }
    }
}
