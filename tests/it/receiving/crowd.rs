//! Strangers in numbers: what they cost the log, and what they cost those who have proven themselves.

use super::limits::{Served, exchange};
use super::log_lines::Captured;

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
