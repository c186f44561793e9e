//! The load: HTTP/1.1 written by hand over kept connections, so that it takes little of the machine.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::requests::Requests;

/// No sender waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before somebody who got no answer connects again.
const GAP: Duration = Duration::from_millis(50);

/// What a load is aimed at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Requests,
    /// What stands in each answer, if it is known.
    pub(crate) expected: &'static str,
    /// The number of the next request.
    pub(crate) next: Arc<AtomicU64>,
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Time(Duration),
    /// So long at least, and until so many requests were sent in all.
    TimeAndCount(Duration, u64),
    /// After so many requests more.
    Count(u64),
}

#[derive(Debug)]
struct Answer {
    at: Duration,
    wait: Duration,
    /// What was not as it should be.
    odd: Option<String>,
}

/// What came of one load.
#[derive(Debug)]
pub(crate) struct Sample {
    answers: Vec<Answer>,
    pub(crate) lasted: Duration,
}

impl Sample {
    fn of(mut answers: Vec<Answer>, lasted: Duration) -> Self {
        answers.sort_unstable_by_key(|answer| answer.at);
        Self { answers, lasted }
    }

    pub(crate) fn count(&self) -> usize {
        self.answers.len()
    }

    pub(crate) fn rate(&self) -> f64 {
        self.answers.len() as f64 / self.lasted.as_secs_f64()
    }

    /// Answers a second in the first tenth of all and in the last.
    pub(crate) fn first_and_last_rate(&self) -> (f64, f64) {
        let tenth = (self.answers.len() / 10).max(1);
        let at = |nth: usize| self.answers[nth - 1].at.as_secs_f64();
        let all = self.answers.len();
        (tenth as f64 / at(tenth), tenth as f64 / (at(all) - at((all - tenth).max(1))))
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, hundredth: usize) -> f64 {
        let mut waits: Vec<Duration> = self.answers.iter().map(|answer| answer.wait).collect();
        waits.sort_unstable();
        waits[(waits.len() - 1) * hundredth / 100].as_secs_f64() * 1000.0
    }

    pub(crate) fn longer_than(&self, wait: Duration) -> usize {
        self.answers.iter().filter(|answer| answer.wait > wait).count()
    }

    pub(crate) fn odd(&self) -> BTreeMap<String, usize> {
        let mut odd = BTreeMap::new();
        for what in self.answers.iter().filter_map(|answer| answer.odd.clone()) {
            *odd.entry(what).or_default() += 1;
        }
        odd
    }
}

/// Sends the next request on each connection once the one before is answered.
pub(crate) async fn as_fast_as_answered(target: &Target, connections: usize, until: Until) -> Sample {
    let sent_before = target.next.load(Ordering::Relaxed);
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for _ in 0..connections {
        let mut target = target.clone();
        working.spawn(async move {
            let mut answers = vec![];
            let mut connection = None;
            loop {
                let n = target.next.load(Ordering::Relaxed);
                let is_over = match until {
                    Until::Time(lasts) => begun.elapsed() >= lasts,
                    Until::TimeAndCount(lasts, count) => begun.elapsed() >= lasts && n >= count,
                    Until::Count(count) => n >= sent_before + count,
                };
                if is_over {
                    return answers;
                }
                answers.push(target.send(&mut connection, Instant::now(), begun).await);
            }
        });
    }
    let answers = working.join_all().await.into_iter().flatten().collect();
    Sample::of(answers, begun.elapsed())
}

/// Sends so many a second whatever the answers do, and counts each wait from when the request was due.
pub(crate) async fn at_a_pace(target: &Target, per_second: u32, lasts: Duration) -> Sample {
    let begun = Instant::now();
    let idle = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = JoinSet::new();
    for n in 0.. {
        let due = begun + Duration::from_secs(1) * n / per_second;
        if due >= begun + lasts {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let (mut target, idle) = (target.clone(), Arc::clone(&idle));
        waiting.spawn(async move {
            let mut connection = idle.lock().unwrap().pop();
            let answer = target.send(&mut connection, due, begun).await;
            idle.lock().unwrap().extend(connection);
            answer
        });
    }
    Sample::of(waiting.join_all().await, begun.elapsed())
}

impl Target {
    /// One request with the next number.
    async fn send(&mut self, connection: &mut Option<Connection>, due: Instant, begun: Instant) -> Answer {
        let request = self.requests.make(self.next.fetch_add(1, Ordering::Relaxed));
        let answered =
            tokio::time::timeout(PATIENCE, exchange(self.address, connection, request, self.expected));
        let odd = answered.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let (wait, at) = (due.elapsed(), begun.elapsed());
        let odd = match odd {
            Ok(odd) => odd,
            Err(error) => {
                *connection = None;
                tokio::time::sleep(GAP).await;
                Some(error.kind().to_string())
            }
        };
        Answer { at, wait, odd }
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// Sends a request and reads its answer: what was not as it should be.
async fn exchange(
    address: SocketAddr,
    connection: &mut Option<Connection>,
    request: &[u8],
    expected: &str,
) -> io::Result<Option<String>> {
    if connection.is_none() {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        *connection = Some(Connection { stream, read: Vec::with_capacity(4096) });
    }
    let Some(Connection { stream, read }) = connection else { return Ok(None) };
    stream.write_all(request).await?;
    read.clear();
    let (head, all) = loop {
        if stream.read_buf(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(head) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break (head, head + 4 + length(&read[..head]));
        }
    };
    while read.len() < all {
        if stream.read_buf(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = read.get(9..12).unwrap_or_default();
    if status != b"200" {
        return Ok(Some(String::from_utf8_lossy(status).into_owned()));
    }
    let is_expected =
        expected.is_empty() || read[head..].windows(expected.len()).any(|part| part == expected.as_bytes());
    Ok((!is_expected).then(|| format!("not {expected}")))
}

/// How long the body is that this head announces.
fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.map_or(0, |(_, value)| value.trim().parse().unwrap())
}
