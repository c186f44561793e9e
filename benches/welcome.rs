//! How long it takes from a Sev-1 alert until the welcome is in the group: the real program with the simulated phones
//! on loopback, beside what a commit takes on the same disk in the same run.
//!
//! ```sh
//! cargo bench --bench welcome
//! ```
//!
//! Quiet, with 300 repeats a second of another incident beside it, and both again on a disk whose every sync takes 30 ms
//! longer. For the slow disk `strace` is needed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures: whatever is not as expected ends it"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use warroom::clock::{Clock, SystemClock, Timestamp};

#[path = "shared/bridge.rs"]
mod bridge;
#[path = "shared/process.rs"]
mod process;
#[path = "shared/store.rs"]
mod store;

use bridge::{Bridge, folder};
use process::{Under, command};

const TOKEN: &str = "a-token-for-this-benchmark-only";
/// Each is a fresh process.
const ROUNDS: usize = 3;
/// A number makes ten groups right after each other; the first one is the repeated incident's.
const INCIDENTS: usize = 9;
/// Between two incidents, so that each is alone.
const APART: Duration = Duration::from_millis(1500);
const REPEATS_A_SECOND: u32 = 300;
/// Each sync of a file takes 30 ms longer. The program is our child, and ends when it is killed.
const SLOW_DISK: Under = &[
    "strace",
    "-D",
    "--quiet=all",
    "--seccomp-bpf",
    "-f",
    "-o",
    "/dev/null",
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    "inject=fsync,fdatasync:delay_exit=30000",
];
/// A welcome that is not said after so long never will be.
const PATIENCE: Duration = Duration::from_secs(30);
/// By this flag the program measures commits in a folder instead.
const COMMITS_FLAG: &str = "--commits";
const COMMITS: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, folder] = arguments.as_slice()
        && flag == COMMITS_FLAG
    {
        return println!("{}", commits(Path::new(folder)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    println!(
        "from an alert to its welcome, median of {}; goal: 4 commits and two calls, twice that with repeats\n",
        ROUNDS * INCIDENTS
    );
    println!(
        "{:<22} {:>10} {:>8} {:>10} {:>8} {:>10} {:>8}",
        "", "commit ms", "call ms", "goal ms", "p50 ms", "longest", "repeats"
    );
    for (disk, under) in [("disk as it is", &[] as Under), ("slow disk", SLOW_DISK)] {
        for with_repeats in [false, true] {
            let (mut commits, mut calls, mut waits, mut repeats) = (vec![], vec![], vec![], 0);
            for _ in 0..ROUNDS {
                commits.push(commit_time(under));
                let run = run(under, with_repeats).await;
                calls.push(run.call);
                waits.extend(run.waits);
                repeats += run.repeats;
            }
            let (commit, call) = (median(&mut commits), median(&mut calls));
            let goal = (4.0 * commit + 2.0 * call) * if with_repeats { 2.0 } else { 1.0 };
            let what = format!("{disk}{}", if with_repeats { ", repeats" } else { "" });
            let (middle, longest) = (median(&mut waits), waits.last().copied().unwrap());
            println!(
                "{what:<22} {commit:>10.2} {call:>8.2} {goal:>10.1} {middle:>8.1} {longest:>10.1} {repeats:>8}"
            );
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What one program did with its incidents, in milliseconds.
struct Run {
    /// One call of the provider's, as a client sees it.
    call: f64,
    waits: Vec<f64>,
    repeats: usize,
}

async fn run(under: Under, with_repeats: bool) -> Run {
    let sources = format!("  shop: {{ kind: alertmanager, verify: {{ bearer: {TOKEN} }} }}\n");
    let number = "      rooms_per_hour: 60\n      rooms_burst: 10\n";
    let mut bridge = Bridge::start(&sources, number, "", under);
    bridge.process.wait_until_it_listens(bridge.address);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let hook = format!("http://{}/hooks/shop", bridge.address);
    let config = std::fs::read_to_string(bridge.log.with_file_name("warroom.yaml")).unwrap();
    let phones = config.lines().find_map(|line| line.trim().strip_prefix("base_url: ")).unwrap().to_owned();

    let known = post(&client, &hook, "known", 0).await;
    welcomes(&client, &phones, &[known]).await;
    let repeats = Arc::new(AtomicUsize::new(0));
    let mut repeating = JoinSet::new();
    if with_repeats {
        repeating.spawn(repeat(client.clone(), hook.clone(), Arc::clone(&repeats)));
    }
    let mut fired = Vec::new();
    for n in 0..INCIDENTS {
        tokio::time::sleep(APART).await;
        let at = SystemClock.now();
        fired.push((post(&client, &hook, &format!("new-{n}"), 0).await, at));
    }
    let ids: Vec<String> = fired.iter().map(|(id, _)| id.clone()).collect();
    let said = welcomes(&client, &phones, &ids).await;
    let waits = fired.iter().map(|(id, at)| said[id].duration_since(*at).as_secs_f64() * 1000.0).collect();
    repeating.abort_all();

    let mut calls = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        client.get(format!("{phones}/sandbox/page.css")).send().await.unwrap().bytes().await.unwrap();
        calls.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Run { call: median(&mut calls), waits, repeats: repeats.load(Ordering::Relaxed) }
}

/// Posts an alert and says the incident that it belongs to.
async fn post(client: &reqwest::Client, hook: &str, name: &str, value: u32) -> String {
    let labels = json!({ "alertname": "CheckoutDown", "instance": name, "severity": "critical" });
    let body = json!({
        "version": "4", "groupKey": format!("{{}}:{{instance=\"{name}\"}}"), "truncatedAlerts": 0,
        "status": "firing", "receiver": "warroom", "groupLabels": { "instance": name },
        "commonLabels": labels, "commonAnnotations": {}, "externalURL": "https://alertmanager.example",
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": { "summary": format!("{name} does not answer"), "value": value.to_string() },
            "startsAt": "2026-03-02T09:59:30Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": format!("{:016x}", name.bytes().fold(7_u64, |h, b| h.wrapping_mul(31) + u64::from(b))),
        }],
    });
    let answer = client.post(hook).bearer_auth(TOKEN).json(&body).send().await.unwrap();
    let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
    answer["incidents"][0]["id"].as_str().unwrap().to_owned()
}

/// The known incident's alert again and again, with another value.
async fn repeat(client: reqwest::Client, hook: String, answered: Arc<AtomicUsize>) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / REPEATS_A_SECOND);
    let mut waiting = JoinSet::new();
    for n in 1.. {
        pace.tick().await;
        while waiting.try_join_next().is_some() {}
        let (client, hook, answered) = (client.clone(), hook.clone(), Arc::clone(&answered));
        waiting.spawn(async move {
            post(&client, &hook, "known", n).await;
            answered.fetch_add(1, Ordering::Relaxed);
        });
    }
}

/// When the first message of each incident's group was there, once all are.
async fn welcomes(client: &reqwest::Client, phones: &str, ids: &[String]) -> BTreeMap<String, Timestamp> {
    let begun = Instant::now();
    loop {
        let state: Value =
            client.get(format!("{phones}/sandbox/state")).send().await.unwrap().json().await.unwrap();
        let mut said = BTreeMap::new();
        for group in state["groups"].as_array().unwrap() {
            let id = group["subject"].as_str().unwrap().split(' ').next().unwrap().to_owned();
            let welcome =
                group["messages"].as_array().unwrap().iter().find(|message| message["kind"] == "text");
            if let Some(at) = welcome.and_then(|message| message["at"].as_str()) {
                said.insert(id, at.parse().unwrap());
            }
        }
        if ids.iter().all(|id| said.contains_key(id)) {
            return said;
        }
        assert!(begun.elapsed() < PATIENCE, "{ids:?} have no welcome: {said:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The median of commits by a process that is started like the bridge, in milliseconds.
fn commit_time(under: Under) -> f64 {
    let folder = folder();
    let mut program = command(std::env::current_exe().unwrap(), under);
    let done = program.arg(COMMITS_FLAG).arg(folder.path()).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
}

/// The median of commits of one small row each, as the store makes them.
fn commits(folder: &Path) -> f64 {
    let store = Connection::open(folder.join("rows.db")).unwrap();
    store
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
        )
        .unwrap();
    let mut times: Vec<f64> = (0..COMMITS)
        .map(|_| {
            let begun = Instant::now();
            store.execute("INSERT INTO bodies (body) VALUES (zeroblob(1000))", []).unwrap();
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    median(&mut times)
}
