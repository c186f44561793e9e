//! How fast a hook is answered while a night is bad: the real program against the simulated phones, each request
//! signed as Sentry signs, because Sentry waits the shortest (one second).
//!
//! ```sh
//! cargo bench --bench hooks
//! ```
//!
//! Two loads come at their own pace, whatever the answers do, and a late answer counts from the moment when its
//! request was due: a bad night (every alert another Sev-1 incident) and a storm (one incident, over and over).
//! A third goes as fast as the answers come, beside a program that verifies as much and stores one row
//! ([`stores_a_row`]); both run in each round, so that their ratio holds on a machine that does other work too.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program that measures: whatever is not as expected ends it, and time is what it is about"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use warroom::clock::{Clock, SystemClock};
use warroom::signature::{RawHook, Signed, Verifier, sign, verify};
use warroom::source::SourceKind;

const SECRET: &str = "a-secret-for-this-benchmark-only";
const ROUNDS: usize = 5;
const LASTS: Duration = Duration::from_secs(4);
/// Requests a second that come whatever the answers do.
const NIGHT: u64 = 100;
const STORM: u64 = 500;
/// Requests under way at once where each waits for an answer.
const CONNECTIONS: usize = 32;
/// What Sentry waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Some(place) = arguments.iter().position(|a| a == "--stores-a-row") {
        runtime.block_on(stores_a_row(Path::new(&arguments[place + 1])));
        return;
    }
    runtime.block_on(measure());
}

async fn measure() {
    println!("{ROUNDS} rounds of {} s for each load; the middle one of the rounds\n", LASTS.as_secs());
    let (mut night, mut storm, mut bridge, mut row) = (vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let started = Started::bridge();
        night.push(at_a_pace(&started.hook, NIGHT, |n| format!("night-{round}-{n}")).await);
        storm.push(at_a_pace(&started.hook, STORM, |_| "storm".to_owned()).await);
        bridge.push(as_fast_as_answered(&started.hook).await);
        drop(started);
        let started = Started::row();
        row.push(as_fast_as_answered(&started.hook).await);
    }
    println!("{:<44} {:>7} {:>8} {:>8} {:>8}  not 200", "", "p50 ms", "p99 ms", "worst", "over 1 s");
    told(&format!("a bad night: {NIGHT} other incidents a second"), &mut night);
    told(&format!("a storm: {STORM} repeats a second"), &mut storm);
    told(&format!("the bridge, {CONNECTIONS} at once"), &mut bridge);
    told(&format!("a row, {CONNECTIONS} at once"), &mut row);
    let mut ratios: Vec<f64> = bridge.iter().zip(&row).map(|(a, b)| a.rate() / b.rate()).collect();
    ratios.sort_by(f64::total_cmp);
    let rate = |runs: &[Run]| middle(&mut runs.iter().map(Run::rate).collect::<Vec<_>>());
    println!("\nanswers a second: the bridge {:.0}, a row {:.0}", rate(&bridge), rate(&row));
    println!(
        "the bridge over a row in the same round: {:.2} (from {:.2} to {:.2})",
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1]
    );
}

/// What came of one load.
struct Run {
    waits: Vec<Duration>,
    /// What else than 200 was answered, and how often; 0 where there was no answer.
    odd: BTreeMap<u16, usize>,
    lasted: Duration,
}

impl Run {
    fn of(answers: Vec<(Duration, u16)>, lasted: Duration) -> Self {
        let mut odd = BTreeMap::new();
        for (_, status) in answers.iter().filter(|(_, status)| *status != 200) {
            *odd.entry(*status).or_default() += 1;
        }
        Self { waits: answers.into_iter().map(|(wait, _)| wait).collect(), odd, lasted }
    }

    fn percentile(&self, share: f64) -> f64 {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let last = waits.len() - 1;
        let nth = (0..=last).find(|n| *n as f64 >= share * last as f64).unwrap_or(last);
        waits[nth].as_secs_f64() * 1000.0
    }

    fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.lasted.as_secs_f64()
    }
}

fn middle(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A line of the table. The worst, late and refused ones are of all rounds: nothing is averaged away.
fn told(what: &str, runs: &mut [Run]) {
    let of_rounds =
        |share: f64| middle(&mut runs.iter().map(|run| run.percentile(share)).collect::<Vec<_>>());
    let worst = runs.iter().map(|run| run.percentile(1.0)).fold(0.0, f64::max);
    let late: usize = runs.iter().map(|run| run.waits.iter().filter(|wait| **wait > PATIENCE).count()).sum();
    let mut odd: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, times) in runs.iter().flat_map(|run| &run.odd) {
        *odd.entry(*status).or_default() += times;
    }
    let (half, most) = (of_rounds(0.5), of_rounds(0.99));
    println!("{what:<44} {half:>7.1} {most:>8.1} {worst:>8.1} {late:>8}  {odd:?}");
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

fn verifier() -> Verifier {
    Verifier::new(SourceKind::Sentry.default_hmac(vec![SECRET.into()]).unwrap())
}

fn signed(hook: &str, client: &reqwest::Client, key: &str) -> reqwest::RequestBuilder {
    let now = SystemClock.now();
    let sample = SourceKind::Sentry.sample(now, key);
    let Signed { headers, .. } = sign(&verifier(), sample.body.as_bytes(), key, now).unwrap();
    let mut request = client.post(hook).header("content-type", "application/json").headers(headers);
    for (name, value) in &sample.headers {
        request = request.header(*name, value);
    }
    request.body(sample.body)
}

/// Sends at this pace, and counts each wait from when the request was due.
async fn at_a_pace(hook: &str, per_second: u64, key: impl Fn(u64) -> String) -> Run {
    let client = client();
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for n in 0..per_second * LASTS.as_secs() {
        let due =
            begun + Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(per_second).unwrap();
        tokio::time::sleep_until(due.into()).await;
        let request = signed(hook, &client, &key(n));
        waiting.spawn(async move {
            let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
            (due.elapsed(), status)
        });
    }
    Run::of(waiting.join_all().await, begun.elapsed())
}

async fn as_fast_as_answered(hook: &str) -> Run {
    let client = client();
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for worker in 0..CONNECTIONS {
        let (client, hook) = (client.clone(), hook.to_owned());
        working.spawn(async move {
            let mut answers = vec![];
            while begun.elapsed() < LASTS {
                let request = signed(&hook, &client, &format!("worker-{worker}"));
                let sent = Instant::now();
                let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
                answers.push((sent.elapsed(), status));
            }
            answers
        });
    }
    let answers = working.join_all().await.concat();
    Run::of(answers, begun.elapsed())
}

/// Processes that end with it.
struct Started {
    hook: String,
    processes: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Drop for Started {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Started {
    /// The program as people run it, with one linked number at the simulated phones.
    fn bridge() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_warroom");
        let mut sandbox = Command::new(program);
        sandbox.args(["sandbox", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut sandbox = sandbox.spawn().unwrap();
        let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut setting = |key: &str| {
            let line = lines.find(|line| line.trim_start().starts_with(key)).unwrap();
            line.rsplit_once(' ').unwrap().1.to_owned()
        };
        let config = format!(
            "server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0 }}\nstore: sqlite:warroom.db\n\
             gateway:\n  kind: wawp\n  base_url: {}\n  instances: [ {{ id: {}, access_token: {} }} ]\n\
             sources:\n  sentry: {{ kind: sentry, verify: {{ hmac: {SECRET} }} }}\nlog: {{ format: json }}\n",
            setting("base_url"),
            setting("id"),
            setting("access_token"),
        );
        std::fs::write(folder.path().join("warroom.yaml"), config).unwrap();
        let roster = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/roster.yaml");
        std::fs::copy(roster, folder.path().join("roster.yaml")).unwrap();
        let mut bridge = Command::new(program);
        bridge.arg("serve").arg("--config").arg(folder.path().join("warroom.yaml")).stderr(Stdio::piped());
        let mut bridge = bridge.spawn().unwrap();
        let log = BufReader::new(bridge.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = address_in(log, "server.listen");
        Self {
            hook: format!("http://{address}/hooks/sentry"),
            processes: vec![sandbox, bridge],
            _folder: folder,
        }
    }

    /// This program as the other one.
    fn row() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.arg("--stores-a-row").arg(folder.path().join("rows.db")).stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = address_in(said, "listens");
        Self { hook: format!("http://{address}/"), processes: vec![process], _folder: folder }
    }
}

/// The address behind `key`; what follows is read on and dropped, so that whoever writes it never waits.
fn address_in(mut lines: impl Iterator<Item = String> + Send + 'static, key: &str) -> SocketAddr {
    let line = lines.find(|line| line.contains(key)).unwrap();
    let rest = line.split_once(key).unwrap().1;
    let from = rest.find(|c: char| c.is_ascii_digit()).unwrap();
    let address = rest[from..].split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next().unwrap();
    let address = address.trim_end_matches(':').parse().unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    address
}

type Row = (Bytes, oneshot::Sender<()>);

/// What a durable receiver cannot do without: verify, write one row, wait until it is on disk. One thread writes,
/// and commits together what has come meanwhile, as the bridge does.
async fn stores_a_row(path: &Path) {
    let (rows, mut inbox) = mpsc::channel::<Row>(1024);
    let store = rusqlite::Connection::open(path).unwrap();
    store
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE hook (body BLOB)")
        .unwrap();
    std::thread::spawn(move || {
        while let Some(first) = inbox.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < 256
                && let Ok(more) = inbox.try_recv()
            {
                batch.push(more);
            }
            store.execute_batch("BEGIN IMMEDIATE").unwrap();
            for (body, _) in &batch {
                store.prepare_cached("INSERT INTO hook VALUES (?1)").unwrap().execute([&body[..]]).unwrap();
            }
            store.execute_batch("COMMIT").unwrap();
            for (_, done) in batch {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    });
    let router = Router::new().route("/", post(take)).with_state(Arc::new((verifier(), rows)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listens {}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn take(
    State(state): State<Arc<(Verifier, mpsc::Sender<Row>)>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let (verifier, rows) = &*state;
    let hook = RawHook { source: "row".to_owned(), headers, query: None, body: body.clone() };
    if verify(hook, verifier, SystemClock.now()).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let (done, committed) = oneshot::channel();
    if rows.send((body, done)).await.is_err() || committed.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}
