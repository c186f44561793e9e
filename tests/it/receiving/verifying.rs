//! Who is believed, and what the others learn: nothing.

use std::collections::BTreeSet;

use warroom::clock::{Clock, SignedDuration};

use super::{Delivery, SENDERS, Sender, world};

/// Everything that a stranger, or somebody who has seen one delivery, could try.
fn forgeries(sender: &Sender, now: warroom::clock::Timestamp) -> Vec<(String, Delivery)> {
    let right = sender.fire(now, "forged");
    let mut all =
        vec![("a wrong secret".to_owned(), sender.send(right.body.clone(), &sender.secret("guessed"), now))];
    let mut bare = right.clone();
    (bare.headers, bare.query) = (Vec::new(), None);
    all.push(("nothing to prove it by".to_owned(), bare));
    for (name, _) in &right.headers {
        all.push((format!("no {name}"), right.without(name)));
        all.push((format!("an empty {name}"), right.with(name, |_| String::new())));
        all.push((format!("half of {name}"), right.with(name, |v| v[..v.len() / 2].to_owned())));
        let mut twice = right.clone();
        twice.headers.extend(right.headers.iter().filter(|(n, _)| n == name).cloned());
        all.push((format!("{name} twice"), twice));
    }
    if let Some(query) = &right.query {
        for forged in ["token=", "token", "other=1", &query[..query.len() - 1], &format!("{query}&{query}")] {
            all.push((
                format!("the query {forged}"),
                Delivery { query: Some(forged.to_owned()), ..right.clone() },
            ));
        }
        let in_header = vec![("authorization", format!("Bearer {}", sender.new_secret()))];
        all.push((
            "the secret in a header".to_owned(),
            Delivery { query: None, headers: in_header, ..right.clone() },
        ));
    }
    if sender.signs {
        let mut longer = right.clone();
        longer.body.push(b' ');
        all.push(("one blank more".to_owned(), longer));
        let mut empty = right.clone();
        empty.body.clear();
        all.push(("no body".to_owned(), empty));
        let mut turned = right.clone();
        *turned.body.last_mut().unwrap() ^= 1;
        all.push(("one bit turned".to_owned(), turned));
        let other = sender.fire(now, "another");
        all.push(("another body's proof".to_owned(), Delivery { headers: other.headers, ..right.clone() }));
    }
    if sender.times {
        for (what, by) in [("too old", -301), ("from the future", 301), ("ancient", -1_000_000_000)] {
            let at = now + SignedDuration::from_secs(by);
            all.push((what.to_owned(), sender.send(right.body.clone(), &sender.new_secret(), at)));
        }
        let old =
            sender.send(right.body.clone(), &sender.new_secret(), now + SignedDuration::from_secs(-600));
        let fresh = now.as_second().to_string();
        let time = match sender.name {
            "grafana-timed" => "x-grafana-alerting-time",
            "rootly" => "x-rootly-signature",
            _ => "webhook-timestamp",
        };
        // The time alone, or the first of several items: `t=<time>,v1=…`.
        let another = |header: &str, time: &dyn Fn(&str) -> String| match header.split_once(',') {
            Some((item, rest)) => format!("t={},{rest}", time(item.strip_prefix("t=").unwrap())),
            None => time(header),
        };
        let freshened = old.with(time, |header| another(header, &|_| fresh.clone()));
        all.push(("a captured one with a fresh time".to_owned(), freshened));
        let signed = right.with(time, |header| another(header, &|t| format!("+{t}")));
        all.push(("a time that is none".to_owned(), signed));
        all.push(("another id".to_owned(), right.with("webhook-id", |id| format!("{id}x"))));
    }
    // What changes nothing is no forgery: only one scheme has an id.
    all.retain(|(_, d)| d.headers != right.headers || d.query != right.query || d.body != right.body);
    all
}

#[tokio::test]
async fn whoever_proves_it_gets_a_room_in_every_scheme() {
    let world = world().await;
    for sender in &SENDERS {
        let answer = world.take(&sender.fire(world.clock.now(), sender.name)).await;
        assert_eq!(answer.outcome(), "opened", "{}", sender.name);
        assert_eq!(answer.json()["incidents"][0]["severity"], "sev1", "{}", sender.name);
        world.pass(20).await;
        let group = world.group(&answer.incident());
        assert!(group.texts()[0].contains(&answer.incident()), "{}", sender.name);
        world.assert_sound(&answer.incident()).await;
    }
    assert_eq!(world.sandbox.groups().len(), SENDERS.len());
}

#[tokio::test]
async fn a_forgery_gets_one_and_the_same_answer_and_leaves_nothing_behind() {
    let world = world().await;
    let now = world.clock.now();
    let mut tried = 0;
    for sender in &SENDERS {
        let mut answers = BTreeSet::new();
        for (what, forged) in forgeries(sender, now) {
            let answer = world.take(&forged).await;
            assert_eq!(answer.status, 401, "{}: {what}: {answer:?}", sender.name);
            answer.assert_problem(401, "unauthorized");
            answers.insert(format!("{answer:?}"));
            let challenge = match sender.name {
                "bearer" => "Bearer",
                "basic" => r#"Basic realm="warroom", charset="UTF-8""#,
                "header" | "query" => "Secret",
                _ => "Signature",
            };
            assert_eq!(answer.header("www-authenticate"), Some(challenge), "{}", sender.name);
            tried += 1;
        }
        assert_eq!(answers.len(), 1, "no two of them differ: {answers:#?}");
    }
    assert!(tried > 60, "{tried}");
    world.pass(60).await;
    assert_eq!((world.incidents().await, world.receipts()), (0, 0));
    assert!(world.sandbox.calls().is_empty(), "{:?}", world.sandbox.calls());
    for (sender, reason) in [
        ("bearer", "missing"),
        ("hmac-hex", "wrong"),
        ("grafana-timed", "stale"),
        ("standard-webhooks", "malformed"),
    ] {
        let line = format!("warroom_hooks_total{{source=\"{sender}\",outcome=\"{reason}\"}}");
        assert!(world.metric(&line) > 0, "the operator can tell: {line}");
    }
}

#[tokio::test]
async fn a_proof_for_one_source_is_none_for_another() {
    let world = world().await;
    assert_eq!(world.loaded.config.sources.len(), SENDERS.len() + 1, "every way has a source");
    let now = world.clock.now();
    for from in &SENDERS {
        for to in SENDERS.iter().filter(|to| to.name != from.name) {
            let forged = Delivery { to: to.name.to_owned(), ..from.fire(now, "elsewhere") };
            assert_eq!(world.take(&forged).await.status, 401, "{} at {}", from.name, to.name);
        }
    }
    assert_eq!((world.incidents().await, world.receipts()), (0, 0));
}

#[tokio::test]
async fn a_signed_time_holds_for_five_minutes_either_way() {
    let world = world().await;
    let now = world.clock.now();
    for sender in SENDERS.iter().filter(|s| s.times) {
        for (by, status) in [(-300, 200), (300, 200), (-301, 401), (301, 401)] {
            let at = now + SignedDuration::from_secs(by);
            let body = sender.kind.sample(now, &format!("{}{by}", sender.name));
            let answer = world.take(&sender.send(body, &sender.new_secret(), at)).await;
            assert_eq!(answer.status, status, "{} {by}s", sender.name);
        }
    }
    // The same bytes become stale by waiting alone.
    world.clock.advance(SignedDuration::from_secs(301));
    for sender in SENDERS.iter().filter(|s| s.times) {
        world.take(&sender.fire(now, "kept for later")).await.assert_problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn while_a_secret_is_exchanged_the_old_and_the_new_one_count_and_no_third() {
    let world = world().await;
    let now = world.clock.now();
    for sender in &SENDERS {
        for (secret, status) in
            [(sender.new_secret(), 200), (sender.old_secret(), 200), (sender.secret("tomorrows"), 401)]
        {
            let body = sender.kind.sample(now, &secret);
            let answer = world.take(&sender.send(body, &secret, now)).await;
            assert_eq!(answer.status, status, "{} by {secret}", sender.name);
        }
    }
}
