//! The database under a test: a file of `SQLite`, or with `WARROOM_TEST_STORE=postgres://…` a schema of its own there.
//!
//! A story is the same on both. What a test does to the store beside the bridge, it does through [`Kept`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use warroom::config::environment;
use warroom::store::Database;
use warroom::store::postgres::{Address, Postgres};
use warroom::store::sqlite::Sqlite;

/// Where a test keeps what it stores.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    File(PathBuf),
    Schema(String),
}

/// An open store, which counts its commits.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// The PostgreSQL that the environment names.
pub(crate) fn server() -> Option<String> {
    environment("WARROOM_TEST_STORE").filter(|url| url.starts_with("postgres"))
}

/// Whether the tests run on PostgreSQL. A few are about files.
pub(crate) fn is_postgres() -> bool {
    server().is_some()
}

impl Kept {
    /// What is kept in a folder, or in a schema that is named like it.
    pub(crate) fn of(folder: &Path) -> Self {
        match server() {
            None => Self::File(folder.join("store.db")),
            Some(server) => Self::Schema(schema_of(&server, folder)),
        }
    }

    pub(crate) fn open(&self) -> Opened {
        match self {
            Self::File(path) => Opened::Sqlite(Arc::new(Sqlite::open(path).unwrap())),
            Self::Schema(url) => {
                let address = Address::parse(url, None).unwrap();
                Opened::Postgres(Arc::new(Postgres::open(&address).unwrap().0))
            }
        }
    }

    /// The same, after the death of all that had it open.
    pub(crate) fn open_after_death(&self) -> Opened {
        let opened = match self {
            Self::File(path) => return Opened::Sqlite(Arc::new(Sqlite::open_alone(path).unwrap())),
            Self::Schema(_) => self.open(),
        };
        for sql in [
            "UPDATE rooms SET lease_token = NULL, lease_until = NULL WHERE lease_until IS NOT NULL",
            "UPDATE rooms SET wake_at = 0 WHERE urgency <= 1 AND wake_at IS NOT NULL",
            "UPDATE letters SET due_at = 0, token = NULL WHERE token IS NOT NULL AND due_at IS NOT NULL",
        ] {
            self.execute(sql);
        }
        opened
    }

    /// Runs a statement beside the bridge; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str) -> u64 {
        match self {
            Self::File(path) => {
                let changed = rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap();
                u64::try_from(changed).unwrap()
            }
            Self::Schema(url) => {
                let sql = sql.to_owned();
                ask(url, async move |client| client.execute(&sql, &[]).await.unwrap())
            }
        }
    }

    /// The number that a statement finds.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        match self {
            Self::File(path) => {
                rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Schema(url) => {
                let sql = sql.to_owned();
                ask(url, async move |client| client.query_one(&sql, &[]).await.unwrap().get(0))
            }
        }
    }

    /// Whether the word is anywhere in what is stored.
    pub(crate) fn holds(&self, word: &str) -> bool {
        match self {
            Self::File(path) => ["", "-wal"].iter().any(|end| {
                let stored = std::fs::read(format!("{}{end}", path.display())).unwrap_or_default();
                stored.windows(word.len()).any(|part| part == word.as_bytes())
            }),
            Self::Schema(_) => {
                let all = "SELECT table_name::text::bytea FROM information_schema.tables WHERE table_schema = current_schema()";
                let hex = hex::encode(word);
                self.bytes(all).into_iter().any(|table| {
                    let table = String::from_utf8(table).unwrap();
                    let sql = format!("SELECT count(*) FROM {table} t WHERE t::text LIKE '%{word}%' OR t::text LIKE '%{hex}%'");
                    self.number(&sql) > 0
                })
            }
        }
    }

    /// The bytes that a statement finds, by row.
    pub(crate) fn bytes(&self, sql: &str) -> Vec<Vec<u8>> {
        match self {
            Self::File(path) => {
                let db = rusqlite::Connection::open(path).unwrap();
                let mut query = db.prepare(sql).unwrap();
                query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Self::Schema(url) => {
                let sql = sql.to_owned();
                let rows = ask(url, async move |client| client.query(&sql, &[]).await.unwrap());
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

impl Opened {
    pub(crate) fn database(&self) -> Arc<dyn Database> {
        match self {
            Self::Sqlite(sqlite) => sqlite.clone(),
            Self::Postgres(postgres) => postgres.clone(),
        }
    }

    /// How many transactions have changed something since it was opened.
    pub(crate) fn commits(&self) -> u64 {
        match self {
            Self::Sqlite(sqlite) => sqlite.commits(),
            Self::Postgres(postgres) => postgres.commits(),
        }
    }
}

/// The address of a schema that is made if there is none.
pub(crate) fn schema_of(server: &str, folder: &Path) -> String {
    let name = folder.file_name().unwrap().to_str().unwrap();
    // Folders differ in the case of letters too.
    let name: String = hex::encode(name);
    let sql = format!("CREATE SCHEMA IF NOT EXISTS t{name}");
    ask(server, async move |client| client.batch_execute(&sql).await.unwrap());
    let joint = if server.contains('?') { '&' } else { '?' };
    format!("{server}{joint}options=-c%20search_path%3Dt{name}")
}

/// Asks on a connection of its own, on a thread of its own: a test has a runtime already.
pub(crate) fn ask<T: Send + 'static>(
    url: &str,
    ask: impl AsyncFnOnce(tokio_postgres::Client) -> T + Send + 'static,
) -> T {
    let url = url.to_owned();
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::select! {
                answer = ask(client) => answer,
                _ = connection => panic!("the connection of a test was lost"),
            }
        })
    });
    asking.join().unwrap()
}
