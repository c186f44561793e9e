//! The store in PostgreSQL, for any number of replicas.
//!
//! Actors: the *writer* lane and the *reader* lane, as in `SQLite`; the `Link` of each, a connection that comes back
//! after it was lost. A transaction that writes holds one lock of the database, so each means here exactly what it
//! means before the one writer of a file, and no two replicas ever have to run one again because of each other. Time
//! is the database's: it is asked for with the lock, and [`DatabaseClock`] moves on in between.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::address::Address;
use self::link::{Link, Use};
use self::notifications::Notifications;
use super::consents;
use super::database::{Access, Database, Found, Transaction};
use super::error::{StoreError, Stored};
use super::lane::{self, Connection, Lane};
use super::replica::Replica;
use super::tx::{Asides, Statements, Tx};
use crate::clock::DatabaseClock;
use crate::consent::Acquaintance;

mod address;
mod link;
mod notifications;
mod tables;
mod values;

/// How long a database may be away, or its lock held, while a replica starts.
const PATIENCE: Duration = Duration::from_secs(15);

/// A store in a database.
#[derive(Debug)]
pub struct Postgres {
    writer: Lane,
    reader: Lane,
    notifications: Notifications,
}

#[async_trait]
impl Database for Postgres {
    async fn run(&self, transaction: Transaction) -> Stored<Found> {
        match transaction.access {
            Access::Write | Access::WriteBehind => self.writer.run(transaction).await,
            Access::Read => self.reader.run(transaction).await,
        }
    }

    fn wake_others(&self) {
        self.notifications.send();
    }

    async fn woken(&self) {
        self.notifications.heard().await;
    }
}

/// What the store at `address` knows of people. Makes nothing; `None` if there is no store.
pub fn look_at_consents(address: &Address) -> Stored<Option<Vec<Acquaintance>>> {
    let link = Link::new(address.clone(), Use::Read)?;
    apart(move || {
        link.begin(Access::Read)?;
        let (asides, replica) = (Asides::default(), Replica::alone());
        let is_there = tables::is_there(&link, "consents")?;
        if is_there { consents::everybody(&Tx::new(&link, &asides, &replica)).map(Some) } else { Ok(None) }
    })
}

/// Lets `fill` write into the database at `address` in one transaction, which nothing but its own length ends.
pub(super) fn fill<T>(address: &Address, fill: impl FnOnce(&dyn Statements) -> Stored<T>) -> Stored<T> {
    let link = Link::new(address.clone(), Use::Write(Arc::default()))?;
    tables::ensure(&link)?;
    link.begin(Access::Write)?;
    let unlimited = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    let filled = link.batch(unlimited).and_then(|()| fill(&link)).and_then(|filled| {
        tables::count_on(&link)?;
        tables::commit(&link)?;
        Ok(filled)
    });
    if filled.is_err() {
        link.roll_back();
    }
    filled
}

/// Runs it on a thread of its own: a connection has a runtime, which nobody may wait for on a thread of another one.
fn apart<T: Send>(run: impl FnOnce() -> Stored<T> + Send) -> Stored<T> {
    let broken = |_| StoreError::Unavailable("the work on it broke off".to_owned());
    std::thread::scope(|scope| scope.spawn(run).join().map_err(broken)?)
}

impl Postgres {
    /// Connects, and makes the tables where there are none. Returns the database's clock too.
    pub fn open(address: &Address) -> Stored<(Self, Arc<DatabaseClock>)> {
        // A connection that is given up is dropped there too, which a thread of another runtime may not do.
        apart(|| Self::open_apart(address))
    }

    fn open_apart(address: &Address) -> Stored<(Self, Arc<DatabaseClock>)> {
        let clock = Arc::new(DatabaseClock::default());
        let writer = Link::new(address.clone(), Use::Write(Arc::clone(&clock)))?;
        let reader = Link::new(address.clone(), Use::Read)?;
        writer.patiently(PATIENCE, || tables::ensure(&writer))?;
        let no_thread = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let store = Self {
            writer: Lane::start("store-writer", writer, lane::BATCH).map_err(no_thread)?,
            reader: Lane::start("store-reader", reader, 1).map_err(no_thread)?,
            notifications: Notifications::start(address.clone())?,
        };
        Ok((store, clock))
    }

    /// How many transactions have changed something and waited for the disk since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}
