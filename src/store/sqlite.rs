//! The store in one `SQLite` file: write-ahead log, one writer, which waits for the disk at each commit that somebody
//! outside is told of.
//!
//! Actors: the *writer* lane, which groups commits; the *reader* lane, which serves pages and the API without waiting
//! for it; the *checkpoints*, which copy the log into the file beside both; the *lock*, which keeps a second bridge
//! off. Several connections may use one file: leases and immediate transactions keep them apart.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};
use tracing::warn;

use self::checkpoint::Checkpoints;
use super::consents;
use super::database::{Access, Database, Found, Transaction};
use super::error::{StoreError, Stored};
use super::lane::{self, Lane, NotCommitted};
use super::replica::Replica;
use super::schema::{SCHEMA, schema_version};
use super::tx::{Asides, Row, Statements, Tx, Value};
use super::{leases, letters};
use crate::consent::Acquaintance;

mod checkpoint;
mod lock;

/// The first version without a bug that can corrupt the write-ahead log (3.7.0 to 3.51.2 have it).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Statements kept compiled, which is more than there are: compiling one takes longer than running it.
const STATEMENTS: usize = 256;

/// A store in one file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Lane,
    reader: Lane,
    _checkpoints: Checkpoints,
    /// Given back last.
    _lock: Option<fs::File>,
}

#[async_trait]
impl Database for Sqlite {
    async fn run(&self, transaction: Transaction) -> Stored<Found> {
        match transaction.access {
            Access::Write | Access::WriteBehind => self.writer.run(transaction).await,
            Access::Read => self.reader.run(transaction).await,
        }
    }
}

impl Sqlite {
    /// Opens `path` for this process alone, making the file where there is none. Refused while another process
    /// has it open so; what a process that died had leased is free at once.
    pub fn open_alone(path: &Path) -> Stored<Self> {
        make_private(path).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let lock = lock::take(path)?;
        let connections = connect(path)?;
        free_all(&connections.writer)?;
        Self::start(connections, Some(lock))
    }

    /// Opens `path` beside others that may have it open, making the file where there is none.
    pub fn open(path: &Path) -> Stored<Self> {
        make_private(path).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Self::start(connect(path)?, None)
    }

    fn start(connections: Connections, lock: Option<fs::File>) -> Stored<Self> {
        let Connections { writer, reader, checkpoints } = connections;
        let no_thread = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let start = |name, connection: Connection, begin, batch| {
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            Lane::start(name, File::new(connection, begin), batch).map_err(no_thread)
        };
        Ok(Self {
            writer: start("store-writer", writer, "BEGIN IMMEDIATE", lane::BATCH)?,
            // What is committed before somebody asks is seen by them: no transaction goes on that was begun before.
            reader: start("store-reader", reader, "BEGIN", 1)?,
            _checkpoints: Checkpoints::start(checkpoints).map_err(no_thread)?,
            _lock: lock,
        })
    }

    /// How many transactions have changed something and waited for the disk since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Row for rusqlite::Row<'_> {
    fn value(&self, column: usize) -> Value<'_> {
        match self.get_ref(column) {
            Ok(ValueRef::Integer(number)) => Value::Integer(number),
            Ok(ValueRef::Text(text)) => str::from_utf8(text).map_or(Value::Bytes(text), Value::Text),
            Ok(ValueRef::Blob(bytes)) => Value::Bytes(bytes),
            // The store has no fractions.
            Ok(ValueRef::Null | ValueRef::Real(_)) | Err(_) => Value::Null,
        }
    }
}

/// A connection, as its thread has it.
struct File {
    connection: Connection,
    /// How a transaction is begun: `BEGIN IMMEDIATE` for a writer.
    begin: &'static str,
    /// Whether its commits wait for the disk now.
    is_synced: Cell<bool>,
}

impl File {
    fn new(connection: Connection, begin: &'static str) -> Self {
        Self { connection, begin, is_synced: Cell::new(true) }
    }

    /// Lets commits wait for the disk or not. It cannot be changed within a transaction.
    fn sync(&self, is_synced: bool) -> Stored<()> {
        if self.is_synced.get() != is_synced {
            let how = if is_synced { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.connection.execute_batch(how).map_err(unavailable)?;
            self.is_synced.set(is_synced);
        }
        Ok(())
    }
}

impl lane::Connection for File {
    fn begin(&self, access: Access) -> Stored<()> {
        if !self.connection.is_autocommit() {
            // A rollback that failed before must not make every later transaction fail.
            self.roll_back();
        }
        self.sync(access != Access::WriteBehind)?;
        self.connection.execute_batch(self.begin).map_err(unavailable)
    }

    fn commit(&self) -> Result<(), NotCommitted> {
        let committed = self.connection.execute_batch("COMMIT");
        committed.map_err(|error| NotCommitted::Unknown(unavailable(error)))
    }

    fn roll_back(&self) {
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    fn changes(&self) -> u64 {
        self.connection.total_changes()
    }
}

impl Statements for File {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize> {
        Statements::execute(&self.connection, sql, values)
    }

    fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Stored<bool>,
    ) -> Stored<()> {
        Statements::query(&self.connection, sql, values, each)
    }
}

impl Statements for Connection {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize> {
        let changed = self.prepare_cached(sql).and_then(|mut s| s.execute(params_from_iter(values)));
        changed.map_err(unavailable)
    }

    fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Stored<bool>,
    ) -> Stored<()> {
        let mut statement = self.prepare_cached(sql).map_err(unavailable)?;
        let mut rows = statement.query(params_from_iter(values)).map_err(unavailable)?;
        while let Some(row) = rows.next().map_err(unavailable)? {
            if !each(row)? {
                break;
            }
        }
        Ok(())
    }
}

/// A database error in our words.
#[expect(clippy::needless_pass_by_value, reason = "it is used as a function in `map_err`")]
fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// What each thread has.
struct Connections {
    writer: Connection,
    reader: Connection,
    checkpoints: Connection,
}

fn connect(path: &Path) -> Result<Connections, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let why = format!("SQLite {} can corrupt its log; 3.51.3 is needed", rusqlite::version());
        return Err(StoreError::Unavailable(why));
    }
    let mut writer = Connection::open(path).map_err(unavailable)?;
    settle_in(&writer)?;
    is_new(&writer)?;
    prepare(&writer)?;
    lay_out(&mut writer)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    settle_in(&reader)?;
    let checkpoints = Connection::open(path).map_err(unavailable)?;
    settle_in(&checkpoints)?;
    Ok(Connections { writer, reader, checkpoints })
}

/// What the store at `path` knows of people, read beside a bridge that may be using it. Changes and makes
/// nothing; `None` if there is no such store, or it is from before consents were kept.
pub fn look_at_consents(path: &Path) -> Stored<Option<Vec<Acquaintance>>> {
    if !path.is_file() {
        return Ok(None);
    }
    // Without a log beside it nobody has the file open, and reading it as a whole makes none.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let at_rest = fs::metadata(&log).map_or(true, |log| log.len() == 0);
    let escaped: String =
        path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let address = format!("file:{escaped}?mode=ro{}", if at_rest { "&immutable=1" } else { "" });
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(address, flags).map_err(unavailable)?;
    settle_in(&db)?;
    let (asides, replica) = (Asides::default(), Replica::alone());
    let tx = Tx::new(&db, &asides, &replica);
    let has_table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'consents'";
    if tx.any(has_table, &[])? { consents::everybody(&tx).map(Some) } else { Ok(None) }
}

/// Shows what is stored in the file at `path`, which no bridge may have open. What a bridge that is gone had leased is
/// free.
pub(super) fn look_alone<T>(path: &Path, look: impl FnOnce(&dyn Statements) -> Stored<T>) -> Stored<T> {
    if !path.is_file() {
        return Err(StoreError::Unavailable("there is no such file".to_owned()));
    }
    let _lock = lock::take(path)?;
    let Connections { writer, reader, .. } = connect(path)?;
    free_all(&writer)?;
    look(&reader)
}

fn free_all(db: &Connection) -> Stored<()> {
    let (asides, replica) = (Asides::default(), Replica::alone());
    let tx = Tx::new(db, &asides, &replica);
    leases::free_all(&tx)?;
    letters::free(&tx, "%")
}

/// A new file is for its owner only: it holds people's names, numbers and what monitoring tools said.
/// `SQLite` gives its log the permissions of the file.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        Ok(_) => {}
        Err(_is_there) => {
            let mode = fs::metadata(path)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                warn!(path = %path.display(), mode = format!("{mode:o}"), "others on this machine may read the store: chmod 600");
            }
        }
    }
    Ok(())
}

/// How long another process may hold the file before we give up.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// What every connection needs: no temporary files, for which a read-only root has no place.
fn settle_in(db: &Connection) -> Stored<()> {
    db.busy_timeout(BUSY).map_err(unavailable)?;
    // Else a statement is compiled anew for each value that an index might be chosen by.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(unavailable)?;
    db.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32000;").map_err(unavailable)
}

fn prepare(db: &Connection) -> Stored<()> {
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;",
    )
    .map_err(unavailable)
}

/// Whether a file is new. Refuses one that is not ours as it is now, before anything of it is changed.
fn is_new(db: &Connection) -> Stored<bool> {
    let known = schema_version();
    let number = |sql| db.query_row(sql, [], |r| r.get::<_, i64>(0)).map_err(unavailable);
    match (number("PRAGMA user_version")?, number("SELECT count(*) FROM sqlite_schema")?) {
        (0, 0) => Ok(true),
        (0, _) => Err(StoreError::Foreign),
        (found, _) if found == known => Ok(false),
        (found, _) => Err(StoreError::Version { found, known }),
    }
}

/// Gives a new file its tables.
fn lay_out(db: &mut Connection) -> Stored<()> {
    let transaction =
        db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(unavailable)?;
    if is_new(&transaction)? {
        transaction.execute_batch(SCHEMA).map_err(unavailable)?;
        transaction.pragma_update(None, "user_version", schema_version()).map_err(unavailable)?;
    }
    transaction.commit().map_err(unavailable)
}

/// A database of a test, with these tables.
#[cfg(test)]
pub(super) fn in_memory(tables: &str) -> impl lane::Connection + Send + 'static {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(tables).unwrap();
    File::new(connection, "BEGIN IMMEDIATE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::Store;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_new_file_and_its_log_are_for_their_owner_only() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::over(Arc::new(Sqlite::open(&folder.path().join("store.db")).unwrap()));
        store.ready(Timestamp::UNIX_EPOCH).await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        }
    }
}
