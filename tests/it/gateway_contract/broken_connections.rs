//! What the network does: refusals, resets, silence, drips and floods.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;

use super::*;

/// A server that reads each request to its end and then does `act` with the connection.
fn rude(act: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            read_request(&mut stream);
            act(&mut stream);
        }
    });
    address
}

fn read_request(stream: &mut TcpStream) {
    let mut got = Vec::new();
    let mut some = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&got).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).and_then(|l| l.lines().next());
            if body.len() >= length.map_or(0, |l| l.trim().parse().unwrap()) {
                return;
            }
        }
        match stream.read(&mut some) {
            Ok(0) | Err(_) => return,
            Ok(n) => got.extend_from_slice(&some[..n]),
        }
    }
}

fn impatient(base_url: &str) -> Client {
    Client::new(Settings { call_timeout: Duration::from_millis(600), ..settings(base_url) }).unwrap()
}

/// Reads end as *not sent*, effects as *unknown*.
async fn assert_lost(gateway: &Client, what: &str) {
    for call in ["create_group", "send_text", "describe", "add_members", "leave", "revoke_link"] {
        let outcome = make(gateway, call).await;
        assert_eq!(verdict(&outcome), "unknown", "{what}: {call}");
        assert_clean(&outcome.unwrap_err(), what);
    }
    for call in ["session", "find_groups", "members", "invite_link", "recent_own_messages", "is_reachable"] {
        let outcome = make(gateway, call).await;
        assert_eq!(verdict(&outcome), "not_sent", "{what}: {call}");
        assert_clean(&outcome.unwrap_err(), what);
    }
}

#[tokio::test]
async fn a_connection_that_was_never_made_sent_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_tls = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let bases = [
        format!("http://{closed}"),
        format!("https://{}", no_tls.local_addr().unwrap()),
        format!("https://{}", mute.local_addr().unwrap()),
    ];
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = no_tls.accept() {
            drop(stream.write_all(b"HTTP/1.1 400 no TLS here\r\n\r\n"));
        }
    });
    for base in bases {
        let gateway = impatient(&base);
        for call in ["create_group", "send_text", "members"] {
            let outcome = make(&gateway, call).await;
            assert_eq!(verdict(&outcome), "not_sent", "{base}: {call} {outcome:?}");
            assert_clean(&outcome.unwrap_err(), &base);
        }
    }
    drop(mute);
}

#[tokio::test]
async fn a_connection_closed_after_the_request_is_lost() {
    let server = rude(|stream| drop(stream.shutdown(Shutdown::Both)));
    assert_lost(&wawp(&server), "closed").await;
    assert_lost(&waha(&server), "closed").await;
}

#[tokio::test]
async fn a_head_that_breaks_off_is_lost() {
    let server = rude(|stream| drop(stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-le")));
    assert_lost(&wawp(&server), "half a head").await;
}

#[tokio::test]
async fn something_that_is_no_http_is_lost() {
    let server = rude(|stream| drop(stream.write_all(b"\x16\x03\x01 hello\r\n\r\n")));
    assert_lost(&wawp(&server), "no http").await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_lost_even_if_it_begins_well() {
    let server = rude(|stream| {
        let body = format!("HTTP/1.1 201 Created\r\ncontent-length: 5000\r\n\r\n{{\"id\":\"{GROUP}\"}}");
        drop(stream.write_all(body.as_bytes()));
    });
    assert_lost(&wawp(&server), "half a body").await;
}

#[tokio::test]
async fn an_empty_body_that_breaks_off_is_no_success_of_a_setter() {
    let server = rude(|stream| drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")));
    let outcome = make(&wawp(&server), "describe").await;
    assert_eq!(verdict(&outcome), "unknown");
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_stays_a_refusal() {
    let server = rude(|stream| {
        drop(stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 500\r\n\r\n{\"mess"));
    });
    let outcome = make(&wawp(&server), "create_group").await;
    assert_eq!(verdict(&outcome), "refused: Credentials");
}

#[tokio::test]
async fn silence_and_drips_end_at_the_time_limit_however_many_requests_a_call_takes() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_address = format!("http://{}", silent.local_addr().unwrap());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let dripping = rude(move |stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n["));
        while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
            if stream.write_all(b" ").is_err() {
                return;
            }
        }
    });
    for (base, what) in [(&silent_address, "silent"), (&dripping, "dripping")] {
        let gateway = impatient(base);
        for (call, class) in
            [("create_group", "unknown"), ("members", "not_sent"), ("find_groups", "not_sent")]
        {
            let began = Instant::now();
            let outcome = make(&gateway, call).await;
            assert_eq!(verdict(&outcome), class, "{what}: {call}");
            assert!(began.elapsed() < Duration::from_secs(3), "{what}: {call} {:?}", began.elapsed());
            assert_clean(&outcome.unwrap_err(), what);
        }
    }
    drop(stop);
}

#[tokio::test]
async fn a_flood_is_not_read_to_its_end() {
    let server = rude(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n["));
        let much = vec![b' '; 64 * 1024];
        // 64 MiB, if anybody takes them.
        for _ in 0..1024 {
            if stream.write_all(&much).is_err() {
                return;
            }
        }
    });
    for (call, class) in [("members", "not_sent"), ("describe", "unknown")] {
        assert_eq!(verdict(&make(&wawp(&server), call).await), class, "{call}");
    }
}

#[tokio::test]
async fn creating_and_sending_never_share_a_connection() {
    let (accepted, connections) = std::sync::mpsc::channel();
    let server = rude(move |stream| {
        accepted.send(()).unwrap();
        let body = format!("{{\"id\":\"{GROUP}\"}}");
        let answer = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        drop(stream.write_all(answer.as_bytes()));
        // The connection stays open on this side until the client gives it up.
        read_request(stream);
    });
    let gateway = wawp(&server);
    for _ in 0..3 {
        make(&gateway, "send_text").await.unwrap();
    }
    assert_eq!(connections.try_iter().count(), 3);
}
