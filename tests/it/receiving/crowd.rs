//! Strangers in numbers: what they cost the log, and what they cost those who have proven themselves.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::limits::{PATIENCE, Served, exchange};
use super::log_lines::Captured;
use crate::harness::{TOKEN, firing};

/// A request with a guessed secret, whose answer ends the connection.
fn guess(path: &str, header: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: w\r\n{header}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .into_bytes()
}

#[tokio::test]
async fn many_wrong_requests_are_one_line_with_their_address_and_all_are_counted() {
    let served = Served::with(", admin_token: a-token-of-the-operators").await;
    let (captured, listening) = Captured::listen();
    for n in 0..15 {
        let header = format!("Authorization: Bearer guess-{n}");
        let hook = exchange(served.address(), &guess("/hooks/prometheus", &header)).await;
        assert!(hook.starts_with("HTTP/1.1 401"), "{hook}");
        let console = exchange(served.running.operator, &guess("/-/reload", &header)).await;
        assert!(console.starts_with("HTTP/1.1 401"), "{console}");
    }
    drop(listening);
    let log = captured.text();
    for what in ["a hook was turned away unverified", "a request to the operator listener was refused"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(what)).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("peer.address=\"127.0.0.1\""), "{lines:?}");
        assert!(!lines[0].contains("guess-"), "{lines:?}");
    }
    let scrape = "GET /metrics HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer a-token-of-the-operators\r\nConnection: close\r\n\r\n";
    let metrics = exchange(served.running.operator, scrape.as_bytes()).await;
    for line in [
        "warroom_hooks_total{source=\"prometheus\",outcome=\"wrong\"} 15",
        "warroom_console_refused_total{reason=\"unauthorized\"} 15",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    served.end().await;
}

/// A source whose body has to be there before it can be judged.
const SIGNED: &str = "  signed: { kind: generic, verify: { hmac: a-key-of-the-crowds-tests } }";

/// Nothing ends because of its time.
const PATIENT: &str = ", header_timeout: 60s, body_timeout: 60s";

async fn counted(served: &Served, metric: &str) -> f64 {
    let scrape = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let metrics = exchange(served.running.operator, scrape).await;
    let line = metrics.lines().find(|line| line.starts_with(metric)).unwrap_or_else(|| panic!("{metrics}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// An alert with the right token, whose answer ends the connection.
fn proven(name: &str) -> Vec<u8> {
    let body = firing(name).to_string();
    let head = format!(
        "POST /hooks/prometheus HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

/// All of a body of 1 MiB but its last byte.
async fn stall(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /hooks/signed HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    // Whoever is told to come again is not listened to any more.
    let _ = socket.write_all(&[head.as_bytes(), &vec![b' '; (1 << 20) - 1]].concat()).await;
    socket
}

#[tokio::test]
async fn stalled_bodies_keep_out_nobody_who_is_proven_nor_whoever_sends_little() {
    let served = Served::with_sources(PATIENT, SIGNED).await;
    let stalled = join_all((0..80).map(|_| stall(served.address()))).await;
    let answer = exchange(served.address(), &proven("Down")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // It cannot be proven before it is there; that it is judged at all is what it is about.
    let small = exchange(served.address(), &guess("/hooks/signed", "X-Hub-Signature-256: sha256=00")).await;
    assert!(small.starts_with("HTTP/1.1 401"), "{small}");
    assert!(counted(&served, "warroom_hooks_total{source=\"signed\",outcome=\"crowded\"}").await > 40.0);
    drop(stalled);
    served.end().await;
}

#[tokio::test]
async fn idle_connections_make_way_and_those_that_were_proven_stay() {
    let served = Served::with(PATIENT).await;
    let mut known = TcpStream::connect(served.address()).await.unwrap();
    let kept = String::from_utf8(proven("Down")).unwrap().replace("Connection: close\r\n", "");
    known.write_all(kept.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut known, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // More than one address may have; one after another, or the system keeps some of them back.
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(served.address()).await.unwrap());
    }
    let answer = exchange(served.address(), &proven("Up")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // The system hands them over in its own time.
    let made_way = async { while counted(&served, "warroom_connections_crowded_total").await < 44.0 {} };
    if timeout(PATIENCE, made_way).await.is_err() {
        let closed = counted(&served, "warroom_connections_crowded_total").await;
        panic!("what is more than one address may have is closed, and not {closed}");
    }
    let last = String::from_utf8(proven("Again")).unwrap();
    known.write_all(last.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = tokio::io::AsyncReadExt::read_to_string(&mut known, &mut answer).await;
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
    served.end().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_line_names_whom_it_speaks_for() {
    for (server, named) in [
        (", trusted_proxies: 127.0.0.0/8, admin_token: a-token-of-the-operators", "203.0.113.9"),
        (
            ", trusted_proxies: [127.0.0.1], forwarded_header: X-Real-Ip, admin_token: a-token-of-the-operators",
            "203.0.113.7",
        ),
        ("", "127.0.0.1"),
    ] {
        let served = Served::with(server).await;
        let (captured, listening) = Captured::listen();
        let header = "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nX-Real-Ip: 203.0.113.7";
        exchange(served.address(), &guess("/hooks/prometheus", header)).await;
        drop(listening);
        let log = captured.text();
        let line = log.lines().find(|line| line.contains("turned away unverified")).unwrap();
        assert!(line.contains(&format!("peer.address=\"{named}\"")), "{line}");
        served.end().await;
    }
}
