//! What a call leaves in the log: one line, and nothing that is nobody's business.

use std::io::Write;
use std::sync::Mutex;

use super::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_is_one_line_without_credentials_addresses_and_texts() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let listening = tracing::subscriber::set_default(subscriber);
    // Tracing decides once whether anybody listens to a line, and may ask a thread that does not: so the
    // line is reached once, and then it has to decide again, here.
    make(&wawp("http://127.0.0.1:1"), "leave").await.unwrap_err();
    tracing::callsite::rebuild_interest_cache();
    captured.0.lock().unwrap().clear();

    let fine = answering(200, r#"{"id":"true_1@g.us_3EB0"}"#).await;
    let wrong = answering(401, &format!(r#"{{"message":"bad token {TOKEN}"}}"#)).await;
    make(&wawp(&fine.uri()), "send_text").await.unwrap();
    make(&wawp(&wrong.uri()), "invite_link").await.unwrap_err();
    make(&wawp("http://127.0.0.1:1"), "leave").await.unwrap_err();
    drop(listening);

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for secret in [TOKEN, TOKEN_ENCODED, "5ecret", INSTANCE, "access_token=", "hello", "bad token"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("gateway.call")).collect();
    let shown: Vec<&str> = lines.iter().map(|line| line.split_once("gateway.call=").unwrap().1).collect();
    let ends = [
        ("\"send_text\"", "http.status=200", "error.class=\"ok\""),
        ("\"invite_link\"", "http.status=401", "error.class=\"refused\""),
        ("\"leave\"", "http.status=0", "error.class=\"not_sent\""),
    ];
    assert_eq!(shown.len(), ends.len(), "{log}");
    for (line, (call, status, class)) in shown.iter().zip(ends) {
        assert!(line.starts_with(call), "{line}");
        assert!(line.contains("gateway.instance=\"first\""), "{line}");
        assert!(line.contains(status) && line.contains(class) && line.contains("elapsed_ms="), "{line}");
    }
}
