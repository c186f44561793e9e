//! Senders that send too much or too slowly, at the real listener with a raw socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use warroom::app::Running;
use warroom::clock::{Clock, TestClock};
use warroom::sandbox::{Sandbox, Setup};
use warroom::store::IncidentQuery;

use crate::harness::{Options, TOKEN, beginning, firing, listen, load};

/// `server.max_body` here, the least that the config takes.
const MOST: usize = 256 << 10;
/// Much longer than any limit under test: reached only where a limit is missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The program as `serve` runs it, with all limits at their least.
pub(super) struct Served {
    pub(super) running: Running,
    stop: CancellationToken,
    _folder: TempDir,
    sandbox: JoinHandle<()>,
}

impl Served {
    async fn start() -> Self {
        Self::with(", max_body: 256KiB, stop_grace: 5s").await
    }

    /// With these settings of `server`, each with a comma before it.
    pub(super) async fn with(server: &'static str) -> Self {
        Self::with_sources(server, "").await
    }

    /// With further lines below `sources` too.
    pub(super) async fn with_sources(server: &'static str, sources: &str) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at(beginning()));
        let (gateway, sandbox) = listen(Sandbox::new(Setup::default(), Arc::clone(&clock)).router()).await;
        let folder = TempDir::new().unwrap();
        let sources = format!("  signer: {{ kind: generic, verify: {{ hmac: a-key }} }}\n{sources}");
        let options = Options { sources, server, ..Options::default() };
        let loaded = load(&folder, &options, gateway);
        let stop = CancellationToken::new();
        let running = Running::start(&loaded, clock, &stop).await.unwrap();
        Self { running, stop, _folder: folder, sandbox }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.running.public
    }

    /// Nothing came of it, and the listener still works. Then it stops.
    async fn assert_untouched(self) {
        let incidents = self.running.store.incidents(IncidentQuery::default()).await.unwrap();
        assert!(incidents.is_empty(), "{incidents:?}");
        let health =
            exchange(self.address(), b"GET /healthz HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        self.end().await;
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.running.ended()).await.expect("it stops when told to");
        assert_eq!(ended, Ok(()));
        self.sandbox.abort();
    }
}

/// Writes `bytes` and nothing more, and reads until the other side ends the connection.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset after its answer has ended too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the other side ends it");
    String::from_utf8(answer).unwrap()
}

fn head(framing: &str) -> String {
    format!(
        "POST /hooks/prometheus HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer {TOKEN}\r\n{framing}\r\n\r\n"
    )
}

pub(super) fn with_length(length: usize, body: &[u8]) -> Vec<u8> {
    [head(&format!("Content-Length: {length}")).as_bytes(), body].concat()
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = head("Transfer-Encoding: chunked").into_bytes();
    for chunk in body.chunks(60_000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// A firing alert, made as long as wanted with blanks.
pub(super) fn body_of(length: usize) -> Vec<u8> {
    let mut body = firing("Down").to_string().into_bytes();
    body.resize(length, b' ');
    body
}

fn assert_problem(answer: &str, status: &str, code: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let head = head.to_lowercase();
    assert!(head.starts_with(&format!("http/1.1 {status}")), "{answer}");
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    assert!(head.contains("connection: close"), "what is left of the body is not read: {answer}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], code, "{answer}");
}

#[tokio::test]
async fn one_byte_too_many_is_refused_however_it_is_framed() {
    let served = Served::start().await;
    for bytes in [with_length(MOST + 1, &body_of(MOST + 1)), in_chunks(&body_of(MOST + 1))] {
        // Of one that signs nobody knows who it is before the body is there.
        let bytes = String::from_utf8(bytes).unwrap().replacen("/hooks/prometheus", "/hooks/signer", 1);
        assert_problem(&exchange(served.address(), bytes.as_bytes()).await, "413", "body_too_large");
    }
    // One that its head has proven may send more.
    let most = 16 << 20;
    for bytes in [with_length(most + 1, &body_of(most + 1)), in_chunks(&body_of(most + 1))] {
        assert_problem(&exchange(served.address(), &bytes).await, "413", "body_too_large");
    }
    served.assert_untouched().await;
}

#[tokio::test]
async fn a_body_as_long_as_allowed_is_taken_however_it_is_framed() {
    let served = Served::start().await;
    let close = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.replacen("Host: w\r\n", "Host: w\r\nConnection: close\r\n", 1).into_bytes()
    };
    for (bytes, outcome) in
        [(with_length(MOST, &body_of(MOST)), "opened"), (in_chunks(&body_of(MOST)), "repeated")]
    {
        let answer = exchange(served.address(), &close(bytes)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("\"outcome\":\"{outcome}\"")), "{answer}");
    }
    served.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let served = Served::start().await;
    let unfinished = [
        with_length(1000, b"{\"version\":"),
        with_length(1000, b""),
        [head("Transfer-Encoding: chunked").as_bytes(), b"5\r\n{\"ver\r\n"].concat(),
    ];
    for answer in join_all(unfinished.iter().map(|bytes| exchange(served.address(), bytes))).await {
        assert_problem(&answer, "408", "body_too_slow");
    }
    served.assert_untouched().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_opens_nothing() {
    let served = Served::start().await;
    let body = firing("Down").to_string();
    for bytes in [
        with_length(body.len() + 1, body.as_bytes()),
        [head("Transfer-Encoding: chunked").as_bytes(), format!("{:x}\r\n{body}\r\n", body.len()).as_bytes()]
            .concat(),
        [head("Transfer-Encoding: chunked").as_bytes(), b"zz\r\n{}\r\n0\r\n\r\n"].concat(),
    ] {
        let mut socket = TcpStream::connect(served.address()).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("it is ended");
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    served.assert_untouched().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_cut_off() {
    let served = Served::start().await;
    let unfinished =
        [&b""[..], b"POST /hooks/prome", b"POST /hooks/prometheus HTTP/1.1\r\nHost: w\r\nX-Slow: "];
    for answer in join_all(unfinished.map(|bytes| exchange(served.address(), bytes))).await {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    served.assert_untouched().await;
}

#[tokio::test]
async fn whoever_does_not_read_the_answers_does_not_keep_the_connection() {
    let served = Served::start().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(served.address()).await.unwrap();
    // Asks for as long as the other side takes questions, and reads nothing.
    let asking = async {
        let question = b"GET /nothing HTTP/1.1\r\nHost: w\r\n\r\n".repeat(1000);
        while socket.write_all(&question).await.is_ok() {}
    };
    timeout(PATIENCE, asking).await.expect("the other side gives up");
    served.assert_untouched().await;
}

#[tokio::test]
async fn a_request_without_the_secret_is_refused_before_its_body() {
    let served = Served::start().await;
    let head = "POST /hooks/prometheus HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer guessed\r\n\
                Content-Length: 200000\r\n\r\n";
    let mut socket = TcpStream::connect(served.address()).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, socket.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    served.assert_untouched().await;
}

#[tokio::test]
async fn a_name_that_is_no_text_is_nobodys() {
    let served = Served::start().await;
    for path in ["/hooks/%ff", "/hooks/gateway/%ff", "/hooks/%ff/api/v2/alerts"] {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}");
        assert_problem(&exchange(served.address(), request.as_bytes()).await, "404", "not_found");
    }
    served.assert_untouched().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused() {
    let served = Served::start().await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: w\r\nX-Long: {}", "x".repeat(64 * 1024 + 1));
    let answer = exchange(served.address(), long.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    served.assert_untouched().await;
}

#[tokio::test]
async fn what_two_readers_could_frame_differently_is_not_taken() {
    let served = Served::start().await;
    let body = firing("Down").to_string();
    let hidden = format!(
        "POST /hooks/prometheus HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for framing in [
        format!("Content-Length: 5\r\nContent-Length: {}", 5 + hidden.len()),
        "Content-Length: +5".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
    ] {
        let bytes = [head(&framing).as_bytes(), b"hello", hidden.as_bytes()].concat();
        let answer = exchange(served.address(), &bytes).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{framing}: one answer and an end: {answer}");
    }
    served.assert_untouched().await;
}
