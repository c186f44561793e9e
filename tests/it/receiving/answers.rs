//! What a verified body is answered, and what is answered where there is nothing to verify.

use serde_json::{Value, json};
use warroom::clock::Clock;
use warroom::room::PhaseName;
use warroom::source::SourceKind;

use super::{Answer, Delivery, SENDERS, Sender, world};
use crate::harness::{Options, TOKEN, World, alertmanager, firing};

fn sender(name: &str) -> &'static Sender {
    SENDERS.iter().find(|s| s.name == name).unwrap()
}

fn from_prometheus(body: impl Into<Vec<u8>>) -> Delivery {
    let headers = vec![("authorization", format!("Bearer {TOKEN}"))];
    Delivery { to: "prometheus".to_owned(), headers, query: None, body: body.into() }
}

/// It was taken in, nothing was done, and the body is kept as it came.
async fn assert_ignored_and_kept(world: &World, answer: &Answer, body: &[u8]) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let receipt = answer.json();
    assert_eq!((&receipt["outcome"], &receipt["incidents"]), (&json!("ignored"), &json!([])), "{receipt}");
    assert!(receipt["reason"].as_str().is_some_and(|r| r.len() > 5), "{receipt}");
    let kept = world
        .store
        .receipt(receipt["receipt"].as_str().unwrap().parse().unwrap())
        .await
        .unwrap()
        .expect("it is kept");
    assert_eq!(kept.body.unwrap(), body, "to the last byte");
    assert_eq!(serde_json::to_value(&kept.receipt).unwrap(), receipt, "with what was answered");
}

#[tokio::test]
async fn an_address_that_is_none_is_not_found_whoever_asks() {
    let world = world().await;
    let right = sender("bearer").fire(world.clock.now(), "lost");
    for to in ["nobody", "Bearer", "bearer/more", "", "%2e%2e", "gateway"] {
        let answer = world.take(&Delivery { to: to.to_owned(), ..right.clone() }).await;
        answer.assert_problem(404, "not_found");
    }
    let root = world.answer(world.http.get(format!("http://{}/", world.public))).await;
    root.assert_problem(404, "not_found");
    assert_eq!((world.incidents().await, world.receipts()), (0, 0));
    // A stranger's words must not become label values.
    assert!(world.metric(r#"warroom_hooks_total{source="unknown",outcome="unknown_source"}"#) > 0);
    assert!(!world.bridge.receiver.metrics.render().contains("nobody"));
}

#[tokio::test]
async fn a_hook_is_posted_and_nothing_else() {
    let world = world().await;
    let hook = format!("http://{}/hooks/bearer", world.public);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request =
            world.http.request(method.parse().unwrap(), &hook).bearer_auth(sender("bearer").new_secret());
        let answer = world.answer(request).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"), "HTTP wants to be told what is allowed");
    }
    assert_eq!(world.receipts(), 0);
}

#[tokio::test]
async fn operators_pages_are_on_one_listener_and_hooks_on_the_other() {
    let mut world = world().await;
    for path in ["/metrics", "/api/incidents", "/api/rooms/1/cancel", "/api/openapi.json"] {
        let answer = world.answer(world.http.get(format!("http://{}{path}", world.public))).await;
        answer.assert_problem(404, "not_found");
    }
    world.public = world.operator;
    for sender in &SENDERS {
        let answer = world.take(&sender.fire(world.clock.now(), sender.name)).await;
        assert_ne!(answer.status, 200, "{}: {answer:?}", sender.name);
    }
    assert_eq!((world.incidents().await, world.receipts()), (0, 0));
}

#[tokio::test]
async fn a_verified_body_that_is_not_understood_is_kept_and_answered_ignored() {
    let world = world().await;
    let now = world.clock.now();
    for sender in &SENDERS {
        for body in ["", "not JSON", "{\"a\":", "[]", "7", "null", "{}", "\u{1f525}"] {
            // The same body again would be a replay for those who sign it, so each is sent once.
            let answer = world.take(&sender.send(body, &sender.new_secret(), now)).await;
            assert_ignored_and_kept(&world, &answer, body.as_bytes()).await;
        }
        let answer = world.take(&sender.send([0xff, 0xfe, 0x00], &sender.new_secret(), now)).await;
        assert_ignored_and_kept(&world, &answer, &[0xff, 0xfe, 0x00]).await;
        let counted = |outcome: &str| {
            world.metric(&format!("warroom_hooks_total{{source=\"{}\",outcome=\"{outcome}\"}}", sender.name))
        };
        // An empty list says nothing in some tools, and is of another shape in the others.
        assert!(counted("not_understood") >= 8, "{}", sender.name);
        assert_eq!(counted("not_understood") + counted("ignored"), 9, "{}", sender.name);
    }
    assert_eq!(world.incidents().await, 0);
    assert!(world.sandbox.calls().is_empty());
}

#[tokio::test]
async fn events_of_an_unknown_type_and_pings_are_answered_ignored() {
    let world = world().await;
    let (pagerduty, now) = (sender("pagerduty"), world.clock.now());
    for kind in ["pagey.ping", "incident.annotated", "incident.something_new", "service.updated"] {
        let body = json!({ "event": { "id": kind, "event_type": kind, "occurred_at": now.to_string(), "data": {} } });
        let body = body.to_string();
        let answer = world.take(&pagerduty.send(body.clone(), &pagerduty.new_secret(), now)).await;
        assert_ignored_and_kept(&world, &answer, body.as_bytes()).await;
    }
    assert_eq!(world.incidents().await, 0);
}

#[tokio::test]
async fn alerts_of_one_group_share_an_incident_and_of_several_conditions_have_their_own() {
    let sources = format!(
        "  each:\n    kind: {}\n    incident_per: alert\n    verify: {{ bearer: \"{TOKEN}\" }}\n",
        SourceKind::Alertmanager
    );
    let world = World::with(Options { sources, ..Options::default() }).await;
    let mut body = firing("Down");
    let third = alertmanager("Slow", "firing", "warning")["alerts"][0].clone();
    let second = firing("Leak")["alerts"][0].clone();
    body["alerts"].as_array_mut().unwrap().extend([second, third]);

    let together = world.take(&from_prometheus(body.to_string())).await;
    assert_eq!(together.json()["incidents"].as_array().unwrap().len(), 1, "{together:?}");
    assert_eq!(together.outcome(), "opened");

    let each = Delivery { to: "each".to_owned(), ..from_prometheus(body.to_string()) };
    let receipt = world.take(&each).await.json();
    let told: Vec<(&Value, &Value)> =
        receipt["incidents"].as_array().unwrap().iter().map(|i| (&i["outcome"], &i["severity"])).collect();
    let expected = [("opened", "sev1"), ("opened", "sev1"), ("ignored", "sev3")];
    assert_eq!(
        told,
        expected.map(|(o, s)| (json!(o), json!(s))).each_ref().map(|(o, s)| (o, s)),
        "{receipt}"
    );
    world.pass(20).await;
    assert_eq!(world.sandbox.groups().len(), 3, "one for the group, one for each that is bad enough");
    let again = world.take(&each).await.json();
    let outcomes: Vec<&Value> =
        again["incidents"].as_array().unwrap().iter().map(|i| &i["outcome"]).collect();
    assert_eq!(outcomes, ["repeated", "repeated", "ignored"], "{again}");
}

#[tokio::test]
async fn several_incidents_in_one_generic_body_are_answered_one_by_one() {
    let world = world().await;
    let (generic, now) = (sender("standard-webhooks"), world.clock.now());
    let one = |key: &str, event: &str, severity: u8| json!({ "event": event, "dedup_key": key, "severity": severity });
    let body = json!([
        one("a", "triggered", 1),
        one("b", "triggered", 4),
        one("c", "resolved", 1),
        one("a", "triggered", 1)
    ]);
    let receipt = world.take(&generic.send(body.to_string(), &generic.new_secret(), now)).await.json();
    let told: Vec<String> = receipt["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| format!("{} {} {}", i["id"], i["outcome"], i["severity"]).replace('"', ""))
        .collect();
    assert_eq!(told, ["INCIDENT-1 opened sev1", "INCIDENT-2 ignored sev4", "null ignored sev1"], "{receipt}");
    assert!(
        receipt["incidents"][2]["reason"].is_string(),
        "the end of something unknown says why: {receipt}"
    );
}

#[tokio::test]
async fn what_one_item_lacks_does_not_lose_the_others() {
    let world = world().await;
    let (generic, now) = (sender("bearer"), world.clock.now());
    let body = json!([{ "event": "triggered" }, { "event": "triggered", "dedup_key": "a", "severity": 1 }]);
    let answer = world.take(&generic.send(body.to_string(), &generic.new_secret(), now)).await;
    assert_eq!(answer.outcome(), "opened");
}

#[tokio::test]
async fn an_alert_without_a_known_severity_is_counted_and_opens_nothing() {
    let world = World::new().await;
    let mut body = firing("Odd");
    for labels in ["/commonLabels", "/alerts/0/labels"] {
        body.pointer_mut(labels).unwrap().as_object_mut().unwrap().remove("severity");
    }
    let answer = world.take(&from_prometheus(body.to_string())).await;
    assert_eq!(answer.outcome(), "ignored");
    assert_eq!(answer.json()["incidents"][0]["severity"], "sev3");
    let strange = alertmanager("Strange", "firing", "apocalyptic");
    assert_eq!(world.take(&from_prometheus(strange.to_string())).await.outcome(), "ignored");
    world.take(&from_prometheus(firing("Usual").to_string())).await;
    assert_eq!(world.metric(r#"warroom_alerts_unmapped_total{source="prometheus"}"#), 2);
    world.pass(20).await;
    assert_eq!(world.sandbox.groups().len(), 1, "only the usual one");
}

#[tokio::test]
async fn below_the_opening_severity_nothing_opens_until_it_gets_worse() {
    let world = World::new().await;
    let mild = world.take(&from_prometheus(alertmanager("Slow", "firing", "warning").to_string())).await;
    assert_eq!(mild.outcome(), "ignored");
    assert!(mild.json()["incidents"][0]["reason"].as_str().unwrap().contains("severity"), "{mild:?}");
    world.pass(60).await;
    assert!(world.sandbox.calls().is_empty());

    let worse = world.take(&from_prometheus(firing("Slow").to_string())).await;
    assert_eq!(
        (worse.outcome(), worse.incident()),
        ("opened".to_owned(), mild.incident()),
        "the same incident"
    );
    world.pass(20).await;
    assert_eq!(world.room(&worse.incident()).await.phase.name(), PhaseName::Live);
    assert_eq!(world.updates(&worse.incident()), 0, "the welcome tells it all");

    let calmer = world.take(&from_prometheus(alertmanager("Slow", "firing", "warning").to_string())).await;
    assert_eq!(calmer.outcome(), "updated");
    let over = world.take(&from_prometheus(alertmanager("Slow", "resolved", "warning").to_string())).await;
    assert_eq!(over.outcome(), "resolved");
}

#[tokio::test]
async fn the_body_decides_how_it_is_read_and_not_its_media_type() {
    let world = World::new().await;
    for (n, media_type) in
        ["text/plain", "application/x-www-form-urlencoded", "nonsense"].into_iter().enumerate()
    {
        let mut delivery = from_prometheus(firing(&format!("Down{n}")).to_string());
        delivery.headers.push(("content-type", media_type.to_owned()));
        assert_eq!(world.take(&delivery).await.outcome(), "opened", "{media_type}");
    }
}

#[tokio::test]
async fn a_healthy_bridge_says_so() {
    let world = World::new().await;
    let health = world.answer(world.http.get(format!("http://{}/healthz", world.public))).await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
    assert_eq!((ready.status, ready.json()), (200, json!({ "config": "ok", "store": "ok", "worker": "ok" })));
}

/// `increase()` sees no first time of a counter that was not there before it.
#[tokio::test]
async fn every_outcome_of_every_source_is_counted_from_zero() {
    let world = world().await;
    let series = || -> Vec<String> {
        let text = world.bridge.receiver.metrics.render();
        let of_hooks = text.lines().filter(|line| line.starts_with("warroom_hooks_total{"));
        of_hooks.map(|line| line.split_once("} ").unwrap().0.to_owned()).collect()
    };
    let mut before = series();
    for sender in &SENDERS {
        let wrong = format!(r#"warroom_hooks_total{{source="{}",outcome="wrong""#, sender.name);
        assert!(before.contains(&wrong), "{wrong}: {before:?}");
        let now = world.clock.now();
        let delivery = sender.fire(now, "from zero");
        let body = sender.kind.sample(now, "from zero");
        let forged = sender.send(body, &sender.secret("guessed"), now);
        for delivery in [&delivery, &delivery, &forged] {
            world.take(delivery).await;
        }
        world.take(&Delivery { headers: Vec::new(), query: None, ..delivery }).await;
    }
    world.take(&Delivery { to: "nobody".to_owned(), ..from_prometheus("") }).await;
    let mut after = series();
    before.sort();
    after.sort();
    assert_eq!(before, after);
}
