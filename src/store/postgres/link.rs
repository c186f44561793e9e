//! One connection to PostgreSQL, on the thread of a lane: made when it is needed, and made again when it is lost.
//!
//! Statements whose answer nobody reads are sent ahead and answered together with the next one, because the way there
//! and back takes longer than most of them. A statement that fails spoils its transaction, so one of which nobody
//! waited for the answer is found out at the latest before the commit.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{Client, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::values::Kept;
use crate::clock::{DatabaseClock, Timestamp};
use crate::store::database::Access;
use crate::store::error::{StoreError, Stored};
use crate::store::lane::{Connection, NotCommitted};
use crate::store::tx::{Row, Statements, Value};

/// What each session is told first. A process that is stopped in the middle of a transaction keeps the others waiting
/// for no longer than the second of these.
const LIMITS: &str = "SET statement_timeout = '4s'; SET idle_in_transaction_session_timeout = '2s'; \
                      SET lock_timeout = '3s'; SET synchronous_commit = on;";
/// How long anything may take before the connection counts as lost.
const LONGEST: Duration = Duration::from_secs(5);
/// Between the first two tries to connect; each further one waits twice as long.
const FIRST_GAP: Duration = Duration::from_millis(100);
/// The longest of these.
const LAST_GAP: Duration = Duration::from_secs(1);
/// Rows that are handed over at once.
const ROWS: usize = 256;
/// Parts the key of our lock from those of others that use the database.
const LOCK: &str = "pg_advisory_xact_lock(1467052402, hashtext(current_schema()))";

/// Begins a transaction that sees one moment.
const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// What its transactions are for.
#[derive(Debug)]
pub(super) enum Use {
    /// To look: at one moment, beside whatever is written.
    Read,
    /// To write, one at a time on all replicas, at the database's time.
    Write(Arc<DatabaseClock>),
}

/// A statement that was sent without waiting for its answer.
type Sent = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send>>;

/// A connection to a database that may be away.
pub(super) struct Link {
    address: Address,
    tls: MakeRustlsConnect,
    serves: Use,
    runtime: Runtime,
    session: RefCell<Option<Session>>,
    /// When it may be tried again, and how long was waited for that.
    retry: Cell<(Instant, Duration)>,
    away: RefCell<Option<StoreError>>,
    changes: Cell<u64>,
    /// Whether the last failure was the server's word.
    was_refused: Cell<bool>,
}

/// As long as it lasts.
struct Session {
    client: Arc<Client>,
    statements: HashMap<String, Statement>,
    sent: Vec<Sent>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    InTransaction,
    /// A statement failed: nothing of the transaction can be committed.
    Spoilt,
}

impl Link {
    pub(super) fn new(address: Address, serves: Use) -> Stored<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            tls: address.tls()?,
            address,
            serves,
            runtime: runtime.map_err(|e| StoreError::Unavailable(e.to_string()))?,
            session: RefCell::new(None),
            retry: Cell::new((now(), Duration::ZERO)),
            away: RefCell::new(None),
            changes: Cell::new(0),
            was_refused: Cell::new(false),
        })
    }

    /// Tries again for so long while the database is not available.
    pub(super) fn patiently<T>(&self, patience: Duration, attempt: impl Fn() -> Stored<T>) -> Stored<T> {
        let until = now() + patience;
        loop {
            match attempt() {
                Err(StoreError::Unavailable(_)) if now() < until => {
                    self.runtime.block_on(async { tokio::time::sleep(LAST_GAP).await });
                }
                ended => return ended,
            }
        }
    }

    /// Runs statements without values, in no transaction of the lane.
    pub(super) fn batch(&self, sql: &str) -> Stored<()> {
        self.connect()?;
        self.ask(|client| async move { client.batch_execute(sql).await })
    }

    /// The connection as it is, or a new one.
    #[expect(clippy::disallowed_methods, reason = "its own half runs while an answer is waited for")]
    fn connect(&self) -> Stored<()> {
        if !self.is_lost() {
            return Ok(());
        }
        *self.session.borrow_mut() = None;
        let (retry_at, gap) = self.retry.get();
        if now() < retry_at
            && let Some(error) = &*self.away.borrow()
        {
            return Err(error.clone());
        }
        let made = self.within(async {
            let (client, connection) = self.address.config().connect(self.tls.clone()).await?;
            tokio::spawn(connection);
            client.batch_execute(LIMITS).await?;
            Ok(client)
        });
        match made {
            Ok(client) => {
                self.retry.set((now(), Duration::ZERO));
                *self.away.borrow_mut() = None;
                *self.session.borrow_mut() = Some(Session {
                    client: Arc::new(client),
                    statements: HashMap::new(),
                    sent: Vec::new(),
                    state: State::Idle,
                });
                Ok(())
            }
            Err(error) => {
                let gap = (gap * 2).clamp(FIRST_GAP, LAST_GAP);
                self.retry.set((now() + gap, gap));
                *self.away.borrow_mut() = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Drives the connection until this is answered.
    fn within<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Stored<T> {
        let answer = self.runtime.block_on(async { tokio::time::timeout(LONGEST, asked).await });
        self.was_refused.set(false);
        match answer {
            Ok(answer) => answer.map_err(|error| {
                // One that ends the session may come after a commit.
                let severity = error.as_db_error().map(DbError::parsed_severity);
                self.was_refused.set(severity == Some(Some(Severity::Error)));
                unavailable(&error)
            }),
            Err(_elapsed) => {
                *self.session.borrow_mut() = None;
                Err(StoreError::Unavailable("the database does not answer".to_owned()))
            }
        }
    }

    /// Asks, and takes the answers to what was sent before on the way. An earlier failure comes first.
    fn ask<T, F>(&self, ask: impl FnOnce(Arc<Client>) -> F) -> Stored<T>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let (client, mut sent) = {
            let mut session = self.session.borrow_mut();
            let session = session.as_mut().ok_or_else(lost)?;
            (Arc::clone(&session.client), std::mem::take(&mut session.sent))
        };
        let asked = ask(client);
        let answer = self.within(async {
            let mut asked = std::pin::pin!(asked);
            // Sent right behind the others, before anybody waits.
            let first = futures_util::poll!(asked.as_mut());
            let mut changed = 0;
            for one in &mut sent {
                changed += one.await?;
            }
            self.changes.set(self.changes.get() + changed);
            match first {
                Poll::Ready(answer) => answer,
                Poll::Pending => asked.await,
            }
        });
        answer.inspect_err(|_| self.spoil())
    }

    fn spoil(&self) {
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.state = State::Spoilt;
        }
    }

    /// The statement as the server knows it.
    fn prepared(&self, sql: &str) -> Stored<(Arc<Client>, Statement)> {
        if let Some(session) = &*self.session.borrow()
            && let Some(statement) = session.statements.get(sql)
        {
            return Ok((Arc::clone(&session.client), statement.clone()));
        }
        let numbered = sql.replace('?', "$");
        let statement = self.ask(|client| async move { client.prepare(&numbered).await })?;
        let mut session = self.session.borrow_mut();
        let session = session.as_mut().ok_or_else(lost)?;
        session.statements.insert(sql.to_owned(), statement.clone());
        Ok((Arc::clone(&session.client), statement))
    }

    fn is_lost(&self) -> bool {
        self.session.borrow().as_ref().is_none_or(|session| session.client.is_closed())
    }

    fn try_to_begin(&self, access: Access) -> Stored<()> {
        self.connect()?;
        if self.state() != Some(State::Idle) {
            self.roll_back();
            self.connect()?;
        }
        let client = self.client()?;
        self.send(match &self.serves {
            Use::Write(clock) => Box::pin(begin_to_write(client, access, Arc::clone(clock))),
            Use::Read => Box::pin(async move { client.batch_execute(LOOK).await.map(|()| 0) }),
        })?;
        self.set(State::InTransaction);
        Ok(())
    }

    fn set(&self, state: State) {
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.state = state;
        }
    }

    fn state(&self) -> Option<State> {
        self.session.borrow().as_ref().map(|session| session.state)
    }

    /// Sends a statement, whose answer comes with that to the next one.
    fn send(&self, mut statement: Sent) -> Stored<()> {
        let answered = self.runtime.block_on(async { futures_util::poll!(statement.as_mut()) });
        if let Poll::Ready(answer) = answered {
            return answer.map(drop).map_err(|error| unavailable(&error)).inspect_err(|_| self.spoil());
        }
        self.session.borrow_mut().as_mut().ok_or_else(lost)?.sent.push(statement);
        Ok(())
    }

    fn client(&self) -> Stored<Arc<Client>> {
        self.session.borrow().as_ref().map(|session| Arc::clone(&session.client)).ok_or_else(lost)
    }
}

impl Connection for Link {
    fn begin(&self, access: Access) -> Stored<()> {
        // That a connection was lost while nobody used it is found out by using it.
        self.try_to_begin(access)
            .or_else(|error| if self.is_lost() { self.try_to_begin(access) } else { Err(error) })
    }

    fn settle(&self) -> Stored<()> {
        if self.session.borrow().as_ref().is_some_and(|session| session.sent.is_empty()) {
            return Ok(());
        }
        self.ask(|_| async { Ok(()) })
    }

    fn commit(&self) -> Result<(), NotCommitted> {
        if self.state() != Some(State::InTransaction) {
            let why = "a statement of the transaction failed".to_owned();
            return Err(NotCommitted::Spoilt(StoreError::Unavailable(why)));
        }
        self.ask(|client| async move { client.batch_execute("COMMIT").await }).map_err(|error| {
            // What the server itself says of it, or of a statement before it, leaves nothing of it.
            if self.was_refused.get() { NotCommitted::Spoilt(error) } else { NotCommitted::Unknown(error) }
        })?;
        self.set(State::Idle);
        Ok(())
    }

    fn roll_back(&self) {
        if let Some(session) = &mut *self.session.borrow_mut() {
            session.sent.clear();
        }
        match self.ask(|client| async move { client.batch_execute("ROLLBACK").await }) {
            Ok(()) => self.set(State::Idle),
            Err(_lost) => *self.session.borrow_mut() = None,
        }
    }

    fn changes(&self) -> u64 {
        self.changes.get()
    }
}

impl Statements for Link {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize> {
        let (_, statement) = self.prepared(sql)?;
        let changed =
            self.ask(|client| async move { client.execute_raw(&statement, values.iter()).await })?;
        self.changes.set(self.changes.get() + changed);
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    fn run(&self, sql: &str, values: &[Value<'_>]) -> Stored<()> {
        let (client, statement) = self.prepared(sql)?;
        let values: Vec<Kept> = values.iter().map(|value| Kept::from(*value)).collect();
        self.send(Box::pin(async move { client.execute_raw(&statement, values).await }))
    }

    fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Stored<bool>,
    ) -> Stored<()> {
        let (_, statement) = self.prepared(sql)?;
        let rows = self.ask(|client| async move {
            let mut rows = Box::pin(client.query_raw(&statement, values.iter()).await?.ready_chunks(ROWS));
            let first = rows.next().await;
            Ok((rows, first))
        });
        let (mut rows, mut some) = rows?;
        while let Some(chunk) = some {
            for row in chunk {
                let row = row.map_err(|error| unavailable(&error)).inspect_err(|_| self.spoil())?;
                if !each(&row)? {
                    return Ok(());
                }
            }
            some = self.within(async { Ok(rows.next().await) })?;
        }
        Ok(())
    }
}

/// Begins, waits for our turn among the replicas, and asks what time it is.
async fn begin_to_write(
    client: Arc<Client>,
    access: Access,
    clock: Arc<DatabaseClock>,
) -> Result<u64, tokio_postgres::Error> {
    let behind = if access == Access::WriteBehind { "SET LOCAL synchronous_commit = off; " } else { "" };
    let sql = format!(
        "BEGIN; {behind}SELECT {LOCK}; SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    );
    let answers = client.simple_query(&sql).await?;
    let millis = answers.iter().rev().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    if let Some(said) = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()) {
        clock.set(said);
    }
    Ok(0)
}

fn lost() -> StoreError {
    StoreError::Unavailable("the connection to the database was lost".to_owned())
}

/// A database error in our words. What it quotes of our values is left out.
pub(super) fn unavailable(error: &tokio_postgres::Error) -> StoreError {
    let why = match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => std::error::Error::source(error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    };
    StoreError::Unavailable(why)
}

fn now() -> Instant {
    Instant::now()
}
