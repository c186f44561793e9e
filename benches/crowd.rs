//! What a sender who has proven himself waits while a crowd is at the door: the real program on loopback, each
//! crowd from the very address that the sender has too, and the lines that it makes in the log.
//!
//! ```sh
//! cargo bench --bench crowd
//! cargo bench --bench crowd -- stalled idle
//! ```
//!
//! Two senders each send ten small alerts a second, each on a connection of its own: one proves himself by the head
//! (a bearer token), one by the body (an HMAC). A wait counts from when the request was due until its answer, which
//! is a 200 or a 503 with `Retry-After`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program that measures: whatever is not as expected ends it"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use warroom::clock::{Clock, SystemClock};
use warroom::signature::{Signed, Verifier, sign};
use warroom::source::SourceKind;

#[path = "shared/bridge.rs"]
mod bridge;
#[path = "shared/process.rs"]
mod process;
#[path = "shared/store.rs"]
mod store;

use bridge::Bridge;

const TOKEN: &str = "a-token-for-this-benchmark-only";
const NOISY: &str = "another-token-for-this-benchmark";
const KEY: &str = "a-key-for-this-benchmark-only-too";
/// How long each crowd stays.
const LASTS: Duration = Duration::from_secs(20);
/// Of each of the two senders.
const PER_SECOND: u32 = 10;
/// Somebody who gets no answer for so long counts as never answered.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the goals are: the longest wait and the 99th percentile.
const GOALS: &str = "goals: longest under 5,000 ms, p99 under 250 ms, under 100 lines a minute";

type Crowd = (&'static str, fn(&Arc<Target>) -> JoinSet<()>);

const CROWDS: [Crowd; 7] = [
    ("quiet", |_| JoinSet::new()),
    ("stalled", stalled),
    ("idle", idle),
    ("wrong", wrong),
    ("anew", anew),
    ("noisy", noisy),
    ("flood", flood),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{} s each; {GOALS}", LASTS.as_secs());
    println!(
        "{:<9} {:<6} {:>8} {:>8} {:>8}  {:<28} {:>9}  of the crowd",
        "", "proof", "p50 ms", "p99 ms", "longest", "answers", "lines/min"
    );
    for (name, crowd) in CROWDS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            runtime.block_on(measure(name, crowd));
        }
    }
}

/// The program under test, and what is counted.
struct Target {
    address: SocketAddr,
    client: reqwest::Client,
    asked: AtomicU64,
    refused: AtomicU64,
}

async fn measure(name: &str, crowd: fn(&Arc<Target>) -> JoinSet<()>) {
    let sources = format!(
        "  shop: {{ kind: alertmanager, verify: {{ bearer: {TOKEN} }} }}\n  \
         noisy: {{ kind: alertmanager, verify: {{ bearer: {NOISY} }} }}\n  \
         signed: {{ kind: sentry, verify: {{ hmac: {KEY} }}, severity: {{ unmapped: sev3 }} }}\n"
    );
    let mut bridge = Bridge::start(&sources, "", "", &[]);
    bridge.process.wait_until_it_listens(bridge.address);
    let lines = || std::fs::read_to_string(&bridge.log).unwrap().lines().count();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).pool_max_idle_per_host(0);
    let target = Arc::new(Target {
        address: bridge.address,
        client: client.build().unwrap(),
        asked: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    if name == "flood" {
        known(&target).await;
    }
    let crowd = crowd(&target);
    // The crowd is there before the first is measured.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = lines();
    let begun = Instant::now();
    let (by_head, by_body) = tokio::join!(send(&target, false), send(&target, true));
    let a_minute = (lines() - before) as f64 * 60.0 / begun.elapsed().as_secs_f64();
    let (asked, refused) = (&target.asked, &target.refused);
    let crowded =
        format!("asked {}, refused {}", asked.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    told(name, "head", &by_head, &format!("{a_minute:.0}"), &crowded);
    told("", "body", &by_body, "", "");
    drop(crowd);
}

/// A line of the table.
fn told(name: &str, proof: &str, answers: &[(Duration, u16)], lines: &str, crowd: &str) {
    let mut waits: Vec<Duration> = answers.iter().map(|(wait, _)| *wait).collect();
    waits.sort_unstable();
    let at = |hundredth: usize| waits[(waits.len() - 1) * hundredth / 100].as_secs_f64() * 1000.0;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (_, status) in answers {
        *statuses.entry(*status).or_default() += 1;
    }
    let statuses = format!("{statuses:?}");
    println!(
        "{name:<9} {proof:<6} {:>8.1} {:>8.1} {:>8.1}  {statuses:<28} {lines:>9}  {crowd}",
        at(50),
        at(99),
        at(100)
    );
}

/// One of the two senders; 0 stands for no answer, 599 for a 503 that does not say when to come again.
async fn send(target: &Arc<Target>, by_body: bool) -> Vec<(Duration, u16)> {
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for n in 0..PER_SECOND * u32::try_from(LASTS.as_secs()).unwrap() {
        let due = begun + Duration::from_secs(1) * n / PER_SECOND;
        tokio::time::sleep_until(due.into()).await;
        let request = if by_body {
            signed(target)
        } else {
            alerts(target, "shop", TOKEN, "info", [format!("shop-{n}")])
        };
        waiting.spawn(async move {
            let status = request.send().await.map_or(0, |answer| {
                let says_when = answer.headers().contains_key("retry-after");
                if answer.status() == 503 && !says_when { 599 } else { answer.status().as_u16() }
            });
            (due.elapsed(), status)
        });
    }
    waiting.join_all().await
}

/// An Alertmanager's body with these alerts, all of one group.
fn alerts(
    target: &Target,
    source: &str,
    token: &str,
    severity: &str,
    names: impl IntoIterator<Item = String>,
) -> reqwest::RequestBuilder {
    let alert = |name: String| {
        json!({
            "status": "firing",
            "labels": { "alertname": source, "instance": name, "severity": severity },
            "annotations": { "summary": format!("{name} does not answer") },
            "startsAt": "2026-03-02T09:59:30Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
            "fingerprint": format!("{:016x}", name.bytes().fold(7u64, |h, b| h.wrapping_mul(31) + u64::from(b))),
        })
    };
    let alerts: Vec<Value> = names.into_iter().map(alert).collect();
    let body = json!({
        "version": "4", "groupKey": format!("{{}}:{{alertname=\"{source}\"}}"), "truncatedAlerts": 0,
        "status": "firing", "receiver": "warroom", "groupLabels": { "alertname": source }, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "https://alertmanager.example", "alerts": alerts,
    });
    target.client.post(format!("http://{}/hooks/{source}", target.address)).bearer_auth(token).json(&body)
}

fn signed(target: &Target) -> reqwest::RequestBuilder {
    let now = SystemClock.now();
    let verifier = Verifier::new(SourceKind::Sentry.default_hmac(vec![KEY.into()]).unwrap());
    // One incident for all: the lines that are counted are not of what is measured.
    let key = "signed";
    let sample = SourceKind::Sentry.sample(now, key);
    let Signed { headers, .. } = sign(&verifier, sample.body.as_bytes(), key, now).unwrap();
    let mut request = target.client.post(format!("http://{}/hooks/signed", target.address)).headers(headers);
    for (name, value) in &sample.headers {
        request = request.header(*name, value);
    }
    request.header("content-type", "application/json").body(sample.body)
}

/// Eighty senders that stop one byte before the end of 1 MiB, and begin again when they are told off.
fn stalled(target: &Arc<Target>) -> JoinSet<()> {
    let head = format!("POST /hooks/signed HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    let bytes: Arc<Vec<u8>> = Arc::new([head.as_bytes(), &vec![b' '; (1 << 20) - 1]].concat());
    forever(80, target, move |target| {
        let bytes = Arc::clone(&bytes);
        async move {
            let Ok(mut socket) = TcpStream::connect(target.address).await else { return };
            target.asked.fetch_add(1, Ordering::Relaxed);
            let _ = socket.write_all(&bytes).await;
            ended(socket, &target).await;
        }
    })
}

/// Eleven hundred connections on which nothing is said, opened anew when they are closed.
fn idle(target: &Arc<Target>) -> JoinSet<()> {
    forever(1100, target, |target| async move {
        let Ok(socket) = TcpStream::connect(target.address).await else { return };
        target.asked.fetch_add(1, Ordering::Relaxed);
        ended(socket, &target).await;
    })
}

const WRONG: &[u8] =
    b"POST /hooks/shop HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer guessed\r\nContent-Length: 0\r\n\r\n";

/// Thirty thousand requests a second with a wrong secret, sent whether those before are answered or not.
fn wrong(target: &Arc<Target>) -> JoinSet<()> {
    const CONNECTIONS: u64 = 240;
    const AT_ONCE: usize = 15;
    const EVERY: Duration = Duration::from_millis(100);
    forever(CONNECTIONS, target, |target| async move {
        let Ok(socket) = TcpStream::connect(target.address).await else { return };
        let (mut answers, mut requests) = socket.into_split();
        let ask = async {
            let mut pace = tokio::time::interval(EVERY);
            loop {
                pace.tick().await;
                if requests.write_all(&WRONG.repeat(AT_ONCE)).await.is_err() {
                    return;
                }
                target.asked.fetch_add(AT_ONCE as u64, Ordering::Relaxed);
            }
        };
        let count = async {
            let mut read = [0; 4096];
            while let Ok(length @ 1..) = answers.read(&mut read).await {
                let refused = read[..length].windows(12).filter(|part| *part == b"HTTP/1.1 401").count();
                target.refused.fetch_add(refused as u64, Ordering::Relaxed);
            }
        };
        tokio::select! {
            () = ask => {}
            () = count => {}
        }
    })
}

/// Requests with a wrong secret on a connection for each, which is given up as soon as it is answered.
fn anew(target: &Arc<Target>) -> JoinSet<()> {
    forever(512, target, move |target| async move {
        while let Ok(mut socket) = TcpStream::connect(target.address).await {
            // Else this machine runs out of ports.
            let _ = socket.set_zero_linger();
            target.asked.fetch_add(1, Ordering::Relaxed);
            let is_sent = socket.write_all(WRONG).await.is_ok();
            if !is_sent || !socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                return;
            }
            target.refused.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// A source with the right token that sends twenty times as much as the others, each time another alert.
fn noisy(target: &Arc<Target>) -> JoinSet<()> {
    let mut crowd = JoinSet::new();
    crowd.spawn(at_a_pace(Arc::clone(target), PER_SECOND * 20, |target, n| {
        alerts(target, "noisy", NOISY, "warning", [format!("noisy-{n}")])
    }));
    crowd
}

/// What the flood's incident has seen before.
async fn known(target: &Arc<Target>) {
    for n in 0..100_u32 {
        let names = (0..50).map(|i| format!("known-{n}-{i}"));
        let answer = alerts(target, "noisy", NOISY, "critical", names).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// Sixty bodies a second of fifty new alerts each, all of one incident.
fn flood(target: &Arc<Target>) -> JoinSet<()> {
    let mut crowd = JoinSet::new();
    crowd.spawn(at_a_pace(Arc::clone(target), 60, |target, n| {
        alerts(target, "noisy", NOISY, "critical", (0..50).map(|i| format!("flood-{n}-{i}")))
    }));
    crowd
}

async fn at_a_pace(
    target: Arc<Target>,
    per_second: u32,
    request: fn(&Target, u32) -> reqwest::RequestBuilder,
) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut waiting = JoinSet::new();
    for n in 0.. {
        pace.tick().await;
        while waiting.try_join_next().is_some() {}
        let (request, target) = (request(&target, n), Arc::clone(&target));
        waiting.spawn(async move {
            target.asked.fetch_add(1, Ordering::Relaxed);
            if request.send().await.is_ok_and(|answer| answer.status() != 200) {
                target.refused.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// So many at once, each again and again.
fn forever<F>(
    many: u64,
    target: &Arc<Target>,
    one: impl Fn(Arc<Target>) -> F + Clone + Send + 'static,
) -> JoinSet<()>
where
    F: Future<Output = ()> + Send,
{
    let mut crowd = JoinSet::new();
    for _ in 0..many {
        let (one, target) = (one.clone(), Arc::clone(target));
        crowd.spawn(async move {
            loop {
                one(Arc::clone(&target)).await;
                // Nobody who is refused spins: the machine is for the one who is measured.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }
    crowd
}

/// Waits until the other side ends the connection.
async fn ended(mut socket: TcpStream, target: &Target) {
    let mut answer = [0; 1024];
    while let Ok(read) = socket.read(&mut answer).await {
        if read == 0 {
            break;
        }
    }
    target.refused.fetch_add(1, Ordering::Relaxed);
}
