//! What the store's work costs with very many finished incidents in it, beside an empty one.
//!
//! ```sh
//! cargo bench --bench full_store
//! WARROOM_INCIDENTS=100000 cargo bench --bench full_store
//! ```
//!
//! A million incidents of some weeks ago take about 6 GB, beside the build. Each operation runs on both stores in turn;
//! a median is of all its runs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures: whatever is not as expected ends it"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rusqlite::{Connection, params};
use warroom::alert::{Alert, AlertState, DedupKey, Draft, Severity, SeverityOrigin};
use warroom::clock::{Clock, Numbers, SignedDuration, SystemClock, Timestamp, later};
use warroom::config::{Strictness, load};
use warroom::consent::Verdict;
use warroom::gateway::{GatewayError, Whom};
use warroom::incident::{Incident, IncidentId};
use warroom::jid::Jid;
use warroom::number::{Asked, Sign};
use warroom::pacing::Budget;
use warroom::room::{Policy, Room};
use warroom::roster::{Roster, Subject};
use warroom::store::sqlite::Sqlite;
use warroom::store::{Acceptance, Heard, IncidentQuery, IncidentState, ReceiptId, Slots, Store};

/// How often each operation is measured on each store.
const RUNS: usize = 200;
/// Lines in the journal of a finished incident.
const LINES: usize = 25;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    #[expect(clippy::disallowed_methods, reason = "this setting is of this program alone")]
    let incidents = std::env::var("WARROOM_INCIDENTS").map_or(1_000_000, |n| n.parse().unwrap());
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (empty, full) = (folder.path().join("empty.db"), folder.path().join("full.db"));
    let begun = Instant::now();
    one_finished(&full).await;
    fill(&full, incidents);
    let size = std::fs::metadata(&full).unwrap().len() >> 20;
    println!("{incidents} finished incidents, {size} MiB, written in {:.0?}\n", begun.elapsed());
    let stores = [&empty, &full].map(|path| Use::of(Store::over(Arc::new(Sqlite::open(path).unwrap()))));
    println!(
        "{:<28} {:>9} {:>9} {:>7}  {:>9} {:>9}",
        "median ms", "empty", "full", "ratio", "longest", "longest"
    );
    for operation in Operation::ALL {
        let mut times = [vec![], vec![]];
        for run in 0..RUNS {
            // Whoever is first in a pair meets a colder machine.
            let order = if run % 2 == 0 { [0, 1] } else { [1, 0] };
            for which in order {
                times[which].push(stores[which].time(operation, run).await);
            }
        }
        let [(empty, empty_longest), (full, full_longest)] = times.map(|mut times| {
            times.sort_unstable_by(f64::total_cmp);
            (times[RUNS / 2], times[RUNS - 1])
        });
        println!(
            "{:<28} {empty:>9.3} {full:>9.3} {:>7.2}  {empty_longest:>9.1} {full_longest:>9.1}",
            operation.name(),
            full / empty
        );
    }
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    New,
    Repeat,
    Lease,
    List,
    Stop,
    Outage,
    Metrics,
}

impl Operation {
    const ALL: [Self; 7] =
        [Self::New, Self::Repeat, Self::Lease, Self::List, Self::Stop, Self::Outage, Self::Metrics];

    fn name(self) -> &'static str {
        match self {
            Self::New => "a new incident",
            Self::Repeat => "a repeat",
            Self::Lease => "leasing and giving back",
            Self::List => "the console's list",
            Self::Stop => "a STOP",
            Self::Outage => "a number is lost",
            Self::Metrics => "/metrics",
        }
    }
}

/// A store and what is used of it.
struct Use {
    store: Store,
    roster: Arc<Roster>,
    numbers: Numbers,
}

impl Use {
    fn of(store: Store) -> Self {
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config/warroom.yaml");
        let secret = |_: &str| Some("whsec_YS1zZWNyZXQtZm9yLXRoaXMtYmVuY2htYXJrLW9ubHk=".to_owned());
        let loaded = load(Path::new(config), &secret, Strictness::Serve, SystemClock.now()).unwrap();
        Self { store, roster: Arc::new(loaded.roster), numbers: Numbers::default() }
    }

    /// How long it takes, in milliseconds.
    async fn time(&self, operation: Operation, run: usize) -> f64 {
        let now = SystemClock.now();
        let begun = Instant::now();
        match operation {
            Operation::New => self.hook(&format!("new-{run}"), AlertState::Firing, now).await,
            Operation::Repeat => self.hook("new-0", AlertState::Firing, now).await,
            Operation::Lease => {
                let leases =
                    self.store.lease_rooms(now, Slots::any(1), SignedDuration::from_mins(2)).await.unwrap();
                self.store.release(&leases[0], Some(now), now).await.unwrap();
            }
            Operation::List => {
                let open = IncidentQuery { state: Some(IncidentState::Open), limit: 20 };
                self.store.incidents(open).await.unwrap();
                self.store.incidents(IncidentQuery { state: None, limit: 20 }).await.unwrap();
            }
            Operation::Stop => {
                let jid: Jid = format!("1555019{run:04}@c.us").parse().unwrap();
                let from = Whom { phone: Some(jid), hidden: None };
                let heard =
                    Heard { id: Some(run.to_string()), from, person: None, verdict: Verdict::Stop, at: now };
                self.store.take_answers("main", vec![heard], now).await.unwrap();
            }
            Operation::Outage => {
                let down = GatewayError::SessionDown { detail: "FAILED".to_owned() };
                for sign in [Sign::Failed(Asked::Effect, down), Sign::Worked(Asked::Effect)] {
                    self.store.note_number("main", sign, SignedDuration::from_mins(1), now).await.unwrap();
                }
            }
            Operation::Metrics => {
                self.store.count_consents().await.unwrap();
                self.store.open_duplicates().await.unwrap();
                let creation = Budget::default().creation(SignedDuration::from_secs(30));
                self.store.creations(creation, now).await.unwrap();
            }
        }
        begun.elapsed().as_secs_f64() * 1000.0
    }

    async fn hook(&self, name: &str, state: AlertState, now: Timestamp) {
        let draft = Draft {
            id: name.to_owned(),
            title: format!("{name} does not answer"),
            summary: "Checkout answers 502 for most buyers since the rollout of 14:02.".to_owned(),
            labels: [
                ("client", "acme"),
                ("environment", "production"),
                ("service", "checkout"),
                ("host", name),
            ]
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .into(),
            ..Draft::default()
        };
        let roster = Arc::clone(&self.roster);
        let open_room = move |incident: &Incident, now: Timestamp| {
            let subject = Subject {
                labels: &incident.labels,
                source: &incident.source,
                severity: incident.severity,
                title: &incident.title,
                assignees: &incident.assignees,
            };
            Room::wanted(incident, roster.summon(&subject, now), now)
        };
        let key = DedupKey::new("bench", 1, name);
        let acceptance = Acceptance {
            receipt: ReceiptId(self.numbers.next(now)),
            source: "bench".to_owned(),
            received_at: now,
            replay_key: None,
            reading: String::new(),
            body: Bytes::from(vec![b' '; 1400]),
            alerts: vec![draft.finish(key, state, (Severity::Sev1, SeverityOrigin::Field))],
            headers: vec![],
            replays: None,
            ignored: None,
            trouble: None,
            rules: Policy::default().rules(),
            most_rooms: usize::MAX >> 1,
            resolve_severity: Arc::new(|alert: &Alert| (alert.severity, alert.severity_origin)),
            open_room: Arc::new(open_room),
            hand_over: None,
        };
        self.store.accept(acceptance).await.unwrap();
    }
}

/// An incident from its first alert to the end of its quiet time, some weeks ago.
async fn one_finished(path: &Path) {
    let used = Use::of(Store::over(Arc::new(Sqlite::open(path).unwrap())));
    let then = later(SystemClock.now(), SignedDuration::from_hours(-24 * 30));
    used.hook("old", AlertState::Firing, then).await;
    for n in 0..LINES {
        used.store.record_operator(IncidentId(1), &format!("line {n} of what was done"), then).await.unwrap();
    }
    used.hook("old", AlertState::Resolved, later(then, SignedDuration::from_mins(20))).await;
    let closed = later(then, SignedDuration::from_hours(2));
    assert_eq!(used.store.close_quiet(Policy::default().rules(), closed).await.unwrap(), 1);
}

/// Copies the one incident so often, as if it had come again and again.
fn fill(path: &Path, incidents: i64) {
    let mut store = Connection::open(path).unwrap();
    store
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA foreign_keys = OFF")
        .unwrap();
    let copy = store.transaction().unwrap();
    let done = "UPDATE rooms SET phase = 'closed', wake_at = NULL, news_read = 9, news_told = 9, hosting = 0";
    copy.execute(done, []).unwrap();
    let tables = [
        ("incidents", "key = ?1 || key, doc = json_set(doc,'$.id',?1), number = ?1"),
        ("alerts", "incident = ?1, id = ?1 || id"),
        ("news", "incident = ?1"),
        ("rooms", "incident = ?1, group_id = ?1 || '@g.us'"),
        ("room_docs", "incident = ?1, doc = json_set(doc,'$.incident',?1)"),
        ("journal", "incident = ?1, id = NULL"),
        ("hooks", "incident = ?1, receipt = receipt + ?1 * 4096"),
        ("receipts", "id = id - ?1 * 4096"),
    ];
    for (table, changes) in tables {
        copy.execute_batch(&format!("CREATE TEMP TABLE one_{table} AS SELECT * FROM {table}")).unwrap();
        let key =
            copy.query_row(&format!("SELECT count(*) FROM one_{table}"), [], |r| r.get::<_, i64>(0)).unwrap();
        assert!(key > 0, "{table} has nothing");
        let mut columns = copy.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let columns: Vec<String> = columns.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        let value = |column: &String| {
            let change = changes.split(", ").find_map(|change| change.strip_prefix(&format!("{column} = ")));
            change.map_or_else(|| column.clone(), str::to_owned)
        };
        let values: Vec<String> = columns.iter().map(value).collect();
        let sql = format!("INSERT INTO {table} SELECT {} FROM one_{table}", values.join(", "));
        let mut insert = copy.prepare(&sql).unwrap();
        for number in 2..=incidents {
            insert.execute(params![number]).unwrap();
        }
    }
    copy.commit().unwrap();
    store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}
