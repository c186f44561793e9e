//! Which events are believed, and what the others learn: nothing.

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use serde_json::json;
use warroom::clock::{Clock, SignedDuration};
use warroom::signature::{Digest, Scheme, Verifier, sign};
use warroom::telemetry::InstanceLabels;

use super::{BOTH, KEY, SECRET};
use crate::harness::{ADA, Options, TOKEN, World};

const EVENT: &str = r#"{"id":"evt_1","event":"session.status","payload":{"status":"FAILED"}}"#;

/// Posts `body` and gives back the status and everything that the answer shows.
async fn ask(world: &World, path: &str, headers: HeaderMap, body: &str) -> (u16, String) {
    let url = format!("http://{}{path}", world.public);
    let answer = world.http.post(url).headers(headers).body(body.to_owned()).send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").cloned();
    (status, format!("{kind:?} {}", answer.text().await.unwrap()))
}

fn signed(world: &World, key: &str, algorithm: Digest, body: &str) -> HeaderMap {
    let verifier = Verifier::new(Scheme::Waha { secrets: vec![key.into()], algorithm });
    sign(&verifier, body.as_bytes(), "", world.clock.now()).unwrap().headers
}

fn with_secret(secret: &str) -> String {
    format!("/hooks/gateway/main?secret={secret}")
}

async fn is_untouched(world: &World) -> bool {
    world.outage("main").await.is_none()
}

#[tokio::test]
async fn everything_that_is_asked_for_must_be_right_and_every_refusal_looks_the_same() {
    let world = World::with(Options { events: BOTH, ..Options::default() }).await;
    let right = || signed(&world, KEY, Digest::Sha512, EVENT);
    let mut twice = right();
    twice.append("x-webhook-hmac", right()["x-webhook-hmac"].clone());
    let mut answers = BTreeSet::new();
    for (what, path, headers, body) in [
        ("nothing", "/hooks/gateway/main".to_owned(), HeaderMap::new(), EVENT),
        ("no signature", with_secret(SECRET), HeaderMap::new(), EVENT),
        ("no secret", "/hooks/gateway/main".to_owned(), right(), EVENT),
        ("a wrong secret", with_secret("guessed"), right(), EVENT),
        ("half a secret", with_secret(&SECRET[..8]), right(), EVENT),
        ("two secrets", format!("{}&secret={SECRET}", with_secret(SECRET)), right(), EVENT),
        ("a wrong key", with_secret(SECRET), signed(&world, "guessed", Digest::Sha512, EVENT), EVENT),
        ("another algorithm", with_secret(SECRET), signed(&world, KEY, Digest::Sha256, EVENT), EVENT),
        ("another body", with_secret(SECRET), right(), "{}"),
        ("two signatures", with_secret(SECRET), twice, EVENT),
    ] {
        let (status, answer) = ask(&world, &path, headers, body).await;
        assert_eq!(status, 401, "{what}: {answer}");
        answers.insert(answer);
    }
    // The same words as a monitoring tool's hook gets.
    let (status, answer) = ask(&world, "/hooks/prometheus", HeaderMap::new(), "{}").await;
    assert_eq!(status, 401);
    answers.insert(answer);
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(is_untouched(&world).await);
    let (status, answer) = ask(&world, &with_secret(SECRET), right(), EVENT).await;
    assert_eq!(status, 200, "{answer}");
    assert!(!is_untouched(&world).await);
}

#[tokio::test]
async fn either_way_alone_is_enough_where_only_one_is_asked_for() {
    let world = World::with(Options {
        events: "{ secret: [ first-secret-of-events, second-secret-of-events ] }",
        ..Options::default()
    })
    .await;
    for (secret, status) in
        [("first-secret-of-events", 200), ("second-secret-of-events", 200), ("third-secret-of-events", 401)]
    {
        assert_eq!(ask(&world, &with_secret(secret), HeaderMap::new(), EVENT).await.0, status, "{secret}");
    }
    let options = Options {
        events: "{ hmac: [ old-key-of-events-000, new-key-of-events-000 ], algorithm: sha256 }",
        ..Options::default()
    };
    let world = World::with(options).await;
    for (key, algorithm, status) in [
        ("old-key-of-events-000", Digest::Sha256, 200),
        ("new-key-of-events-000", Digest::Sha256, 200),
        ("new-key-of-events-000", Digest::Sha512, 401),
        ("odd-key-of-events-000", Digest::Sha256, 401),
    ] {
        let headers = signed(&world, key, algorithm, EVENT);
        assert_eq!(ask(&world, "/hooks/gateway/main", headers, EVENT).await.0, status, "{key} {algorithm:?}");
    }
}

#[tokio::test]
async fn where_no_events_are_configured_there_is_nothing() {
    let world = World::new().await;
    let elsewhere = ask(&world, "/hooks/nobody", HeaderMap::new(), EVENT).await;
    for path in ["/hooks/gateway/main?secret=", "/hooks/gateway/other", "/hooks/gateway/", "/hooks/gateway"] {
        let answer = ask(&world, path, HeaderMap::new(), EVENT).await;
        assert_eq!(answer.0, 404, "{path}");
        assert_eq!(answer, elsewhere, "{path}");
    }
}

#[tokio::test]
async fn what_is_proven_is_answered_200_whatever_it_says_and_at_most_so_long() {
    let world =
        World::with(Options { events: BOTH, server: ", max_body: 256KiB", ..Options::default() }).await;
    let long = format!("[{}1]", "1,".repeat(140_000));
    let unknown = json!({"id": "evt_2", "event": "event.of.tomorrow", "payload": {"x": [1, 2]}}).to_string();
    let others = json!({"id": "evt_3", "event": "message", "payload": {
        "id": format!("false_{ADA}@c.us_AA"), "from": format!("{ADA}@c.us"), "fromMe": false, "body": "hello"}})
    .to_string();
    for (body, status) in
        [("", 200), ("no json", 200), ("[]", 200), (&unknown, 200), (&others, 200), (&long, 413)]
    {
        let headers = signed(&world, KEY, Digest::Sha512, body);
        assert_eq!(
            ask(&world, &with_secret(SECRET), headers, body).await.0,
            status,
            "{}",
            &body[..body.len().min(80)]
        );
    }
    let metrics = world.bridge.receiver.metrics.render();
    assert!(metrics.contains(r#"warroom_hooks_total{source="gateway",outcome="ignored"} 4"#), "{metrics}");
    // That somebody has written says that they have talked with the number; their words are not kept.
    assert!(metrics.contains(r#"warroom_hooks_total{source="gateway",outcome="accepted"} 1"#), "{metrics}");
    assert!(!metrics.contains(SECRET) && !metrics.contains(TOKEN));
}

#[tokio::test]
async fn what_was_told_of_a_number_long_ago_or_ahead_of_its_time_moves_no_alarm() {
    let world =
        World::with(Options { events: "{ secret: the-events-secret-of-the-tests }", ..Options::default() })
            .await;
    let url = format!("http://{}/hooks/gateway/main?secret={SECRET}", world.public);
    let tell = async |id: &str, status: &str, seconds: i64| {
        let at = (world.clock.now() + SignedDuration::from_secs(seconds)).as_millisecond();
        let event =
            json!({ "id": id, "event": "session.status", "timestamp": at, "payload": { "status": status } });
        assert_eq!(world.http.post(&url).body(event.to_string()).send().await.unwrap().status(), 200);
    };
    let labels = InstanceLabels { instance: "main".to_owned() };
    let alarms = || world.bridge.worker.metrics.alarms.get_or_create(&labels).get();
    for (id, seconds) in [("month", -30 * 86_400), ("old", -601), ("soon", 61), ("year", 365 * 86_400)] {
        tell(id, "FAILED", seconds).await;
        assert_eq!(alarms(), 0, "{id}");
    }
    // What is of now counts, although a clock that is wrong has spoken of next year.
    tell("now", "FAILED", -5).await;
    assert_eq!(alarms(), 1);
    tell("ahead", "WORKING", 30).await;
    tell("again", "FAILED", 31).await;
    world.clock.advance(SignedDuration::from_secs(1));
    tell("after", "FAILED", 0).await;
    assert_eq!(alarms(), 2, "a clock that is a little ahead silences nothing");
}
