//! The statements that a room's life runs: none reads a table that grows from end to end, and each is SQL that
//! PostgreSQL understands too.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::Connection;
use warroom::clock::{Clock, SignedDuration};
use warroom::consent::Verdict;
use warroom::gateway::{GatewayError, Whom};
use warroom::incident::IncidentId;
use warroom::jid::Jid;
use warroom::number::{Asked, Sign};
use warroom::room::Wish;
use warroom::store::sqlite::Sqlite;
use warroom::store::{
    Database, Found, Heard, IncidentQuery, IncidentState, Row, Statements, Store, Stored, Transaction, Value,
};

use crate::gates::{Gate, Gates};
use crate::place::Place;

/// Tables without a bound. Of the others, what is over is taken out again.
const GROWING: [&str; 12] = [
    "receipts",
    "bodies",
    "incidents",
    "alerts",
    "news",
    "hooks",
    "rooms",
    "room_docs",
    "notices",
    "briefs",
    "journal",
    "letters",
];

/// Beginnings of statements that read such a table in its order, and stop early.
const STOP_EARLY: [&str; 2] = [
    // The newest incidents, as many as are shown.
    "SELECT i.number, i.doc, d.doc, r.budget_at FROM incidents i",
    // The oldest bodies, as many as are forgotten at once.
    "DELETE FROM bodies",
];

/// What only `SQLite` understands, or only one of the two understands in this way.
const NOT_COMMON: [&str; 12] = [
    "rowid",
    "INSERT OR",
    "json_",
    "instr(",
    "INDEXED BY",
    "GLOB",
    "IS ?",
    "IS NOT ?",
    " min(?",
    " max(?",
    "ifnull",
    "sqlite_",
];

/// A database that remembers what it was told to do.
#[derive(Debug)]
struct Recorder {
    inner: Sqlite,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

#[async_trait]
impl Database for Recorder {
    async fn run(&self, mut transaction: Transaction) -> Stored<Found> {
        let seen = Arc::clone(&self.seen);
        let mut body = transaction.body;
        transaction.body = Box::new(move |inner| body(&Recording { inner, seen: &seen }));
        self.inner.run(transaction).await
    }
}

struct Recording<'a> {
    inner: &'a dyn Statements,
    seen: &'a Mutex<BTreeSet<String>>,
}

impl Recording<'_> {
    fn saw(&self, sql: &str) {
        self.seen.lock().unwrap().insert(sql.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

impl Statements for Recording<'_> {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize> {
        self.saw(sql);
        self.inner.execute(sql, values)
    }

    fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Stored<bool>,
    ) -> Stored<()> {
        self.saw(sql);
        self.inner.query(sql, values, each)
    }
}

/// A room's whole life, and what operators and people do beside it.
async fn all_of_a_life(place: &Place, seen: &Arc<Mutex<BTreeSet<String>>>) {
    let database = Recorder { inner: Sqlite::open(&place.file()).unwrap(), seen: Arc::clone(seen) };
    let gates: Arc<dyn Gate> = Gates::new(&[], &[]);
    let process = place.start_over(Arc::new(database), &gates);
    place.tell(&process).await;
    let (store, now): (&Store, _) = (&process.store, place.clock.now());
    for state in [None, Some(IncidentState::Open), Some(IncidentState::Resolved), Some(IncidentState::Closed)]
    {
        store.incidents(IncidentQuery { state, limit: 10 }).await.unwrap();
    }
    store.dossier(IncidentId(1)).await.unwrap();
    store.wish(IncidentId(1), Wish::Cancel, now).await.unwrap();
    let from = Whom { phone: Jid::from_phone("+4915112345678").ok(), hidden: None };
    let stop = Heard { id: Some("1".to_owned()), from, person: None, verdict: Verdict::Stop, at: now };
    store.take_answers("main", vec![stop], now).await.unwrap();
    let down = GatewayError::SessionDown { detail: "FAILED".to_owned() };
    let down = Sign::Failed(Asked::Effect, down);
    store.note_number("main", down, SignedDuration::from_mins(1), now).await.unwrap();
    store.groups_of("main").await.unwrap();
    store.open_duplicates().await.unwrap();
    store.count_consents().await.unwrap();
    store.source_troubles(now).await.unwrap();
    store.forget_bodies(now, 10).await.unwrap();
    store.earlier_receipt("prometheus", "key", "reading").await.unwrap();
    store.ready(now).await.unwrap();
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_and_all_are_common_sql() {
    let (place, seen) = (Place::new().await, Arc::default());
    all_of_a_life(&place, &seen).await;
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 90, "{}", seen.len());
    let db = Connection::open(place.file()).unwrap();
    let mut bad = Vec::new();
    for sql in &*seen {
        let uncommon = NOT_COMMON.iter().filter(|word| sql.contains(*word));
        bad.extend(uncommon.map(|word| format!("`{word}` in {sql}")));
        if STOP_EARLY.iter().any(|start| sql.starts_with(start)) {
            continue;
        }
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // With no values given: a plan does not depend on them.
        let (mut rows, mut lines) = (plan.raw_query(), Vec::<String>::new());
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get(3).unwrap());
        }
        for line in lines.iter().filter(|line| line.starts_with("SCAN ") && !line.contains("USING")) {
            let name = line.split(' ').nth(1).unwrap();
            let table =
                sql.split(' ').collect::<Vec<_>>().windows(2).find(|pair| pair[1] == name).map(|p| p[0]);
            if [Some(name), table].iter().flatten().any(|table| GROWING.contains(table)) {
                bad.push(format!("{line}: {sql}"));
            }
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}
