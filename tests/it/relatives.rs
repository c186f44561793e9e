//! Senders that speak a protocol of their own beside the body: Prometheus, which takes us for an Alertmanager,
//! and CloudEvents, whose profile asks before it sends.

use std::collections::BTreeSet;

use http::HeaderMap;
use reqwest::StatusCode;
use serde_json::{Value, json};
use warroom::alert::{Alert, AlertState};
use warroom::clock::{Clock, SignedDuration, Timestamp};
use warroom::signature::{RawHook, Scheme, Verifier, verify};
use warroom::source::{IncidentPer, Parsed, Source, SourceKind, parse};

use crate::harness::{Options, World, beginning};

const SOURCES: &str = "  prom:
    kind: prometheus
    group_by: [ alertname, cluster ]
    verify: { bearer: prom-secret }
  events:
    kind: cloudevents
    verify: { bearer: events-secret }
  by-path:
    kind: cloudevents
    verify: { bearer: events-secret }
    fields:
      key: subject
      state: { path: type, firing: [ org.acme.down ], resolved: [ org.acme.up ] }
      title: data.what
      labels: { client: data.who.client }
    severity: { unmapped: sev1 }
";

async fn world() -> World {
    World::with(Options { sources: SOURCES.to_owned(), rooms_per_hour: 10, ..Options::default() }).await
}

impl World {
    async fn post_json(&self, path: &str, secret: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("http://{}/hooks/{path}", self.public));
        let response = request.bearer_auth(secret).json(body).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn outcomes(&self, path: &str, secret: &str, body: &Value) -> Vec<String> {
        let (status, receipt) = self.post_json(path, secret, body).await;
        assert_eq!(status, StatusCode::OK, "{receipt}");
        if let Some(whole) = receipt["outcome"].as_str() {
            return vec![whole.to_owned()];
        }
        let incidents = receipt["incidents"].as_array().unwrap();
        incidents.iter().map(|incident| incident["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

/// As Prometheus sends it: four minutes to live from now, or over since now.
fn alert(name: &str, instance: &str, now: Timestamp, minutes_to_live: i64) -> Value {
    json!({
        "labels": { "alertname": name, "cluster": "eu", "instance": instance, "severity": "critical" },
        "annotations": { "summary": format!("{name} on {instance}") },
        "startsAt": beginning().to_string(),
        "endsAt": (now + SignedDuration::from_mins(minutes_to_live)).to_string(),
        "generatorURL": "http://prometheus.example/graph",
    })
}

const ALERTS: &str = "prom/api/v2/alerts";

#[tokio::test]
async fn prometheus_opens_repeats_and_ends_an_incident_as_if_we_were_its_alertmanager() {
    let world = world().await;
    let post = async |alerts: Value| world.outcomes(ALERTS, "prom-secret", &alerts).await;
    let now = || world.clock.now();
    assert_eq!(post(json!([alert("Down", "a", now(), 4), alert("Down", "b", now(), 4)])).await, ["opened"]);
    for _ in 0..3 {
        world.pass(60).await;
        // Each repeat pushes the end ahead, so no two bodies are the same.
        let again = json!([alert("Down", "a", now(), 4), alert("Down", "b", now(), 4)]);
        assert_eq!(post(again).await, ["repeated"]);
    }
    assert_eq!(world.sandbox.groups().len(), 1);
    assert_eq!(post(json!([alert("Down", "a", now(), 0)])).await, ["updated"], "b still fires");
    assert_eq!(post(json!([alert("Down", "b", now(), 0)])).await, ["resolved"]);
    // What is over is repeated for a quarter of an hour.
    assert_eq!(post(json!([alert("Down", "b", now(), -1)])).await, ["repeated"]);
    assert_eq!(post(json!([alert("Up", "a", now(), 4), alert("Down", "a", now(), 4)])).await.len(), 2);
}

#[tokio::test]
async fn a_prometheus_that_dies_ends_nothing() {
    let world = world().await;
    let (_, receipt) =
        world.post_json(ALERTS, "prom-secret", &json!([alert("Down", "a", beginning(), 4)])).await;
    let id = receipt["incidents"][0]["id"].as_str().unwrap().to_owned();
    world.pass(6 * 3600).await;
    let state = world.dossier(&id).await.incident.state;
    assert_eq!(state, warroom::incident::State::Open, "nobody has seen that it was repaired");
}

#[tokio::test]
async fn only_a_source_of_this_kind_is_an_alertmanager_and_it_too_must_prove_itself() {
    let world = world().await;
    let body = json!([alert("Down", "a", beginning(), 4)]);
    for (path, secret, status) in [
        ("prometheus/api/v2/alerts", crate::harness::TOKEN, 404),
        ("events/api/v2/alerts", "events-secret", 404),
        ("nobody/api/v2/alerts", "prom-secret", 404),
        ("prom/api/v2/status", "prom-secret", 404),
        ("prom/api/v1/alerts", "prom-secret", 404),
        (ALERTS, "other", 401),
        (ALERTS, "prom-secret", 200),
        ("prom", "prom-secret", 200),
    ] {
        assert_eq!(world.post_json(path, secret, &body).await.0.as_u16(), status, "{path}");
    }
    let get = world.http.get(format!("http://{}/hooks/{ALERTS}", world.public)).send().await.unwrap();
    assert_eq!(get.status().as_u16(), 405);
}

fn read(source: &Source, body: &Value, now: Timestamp) -> Vec<Alert> {
    let body = body.to_string().into_bytes().into();
    let hook = RawHook { source: source.name.clone(), headers: HeaderMap::new(), query: None, body };
    match parse(&verify(hook, &source.verifier, now).unwrap(), source, now).unwrap() {
        Parsed::Alerts(alerts) => alerts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn alerts_share_an_incident_by_the_labels_that_are_configured() {
    let now = beginning();
    let source = Source::new("prom", SourceKind::Prometheus, Verifier::new(Scheme::Insecure));
    let with = |labels: &[(&str, &str)]| {
        let mut alert = alert("Down", "a", now, 4);
        for (name, value) in labels {
            alert["labels"][*name] = json!(value);
        }
        alert
    };
    let body = json!([
        with(&[]),
        with(&[("instance", "b")]),
        with(&[("cluster", "us")]),
        with(&[("client", "acme")]),
        with(&[("client", "beta")]),
    ]);
    let keys =
        |source: &Source| read(source, &body, now).into_iter().map(|a| a.key).collect::<BTreeSet<_>>().len();
    assert_eq!(keys(&source), 4, "clients and clusters stay apart unless it is said otherwise");
    let by_name = Source { group_by: vec!["alertname".to_owned()], ..source.clone() };
    assert_eq!(keys(&by_name), 1);
    let each = Source { incident_per: IncidentPer::Alert, ..by_name };
    assert_eq!(keys(&each), 5);
    // A label that is absent is the same as an empty one.
    let absent = [with(&[]), with(&[("client", "")])].map(|a| read(&source, &json!([a]), now)[0].key.clone());
    assert_eq!(absent[0], absent[1]);
}

#[test]
fn an_alert_fires_until_its_end_has_passed() {
    let source = Source::new("prom", SourceKind::Prometheus, Verifier::new(Scheme::Insecure));
    let state = |ends_at: Value| {
        let mut alert = alert("Down", "a", beginning(), 4);
        alert["endsAt"] = ends_at;
        read(&source, &json!([alert]), beginning())[0].state
    };
    for firing in [
        json!((beginning() + SignedDuration::from_secs(1)).to_string()),
        json!("0001-01-01T00:00:00Z"),
        json!(null),
        json!(""),
        json!("soon"),
    ] {
        assert_eq!(state(firing.clone()), AlertState::Firing, "{firing}");
    }
    for over in [json!(beginning().to_string()), json!("2026-03-02T09:00:00+01:00")] {
        assert_eq!(state(over.clone()), AlertState::Resolved, "{over}");
    }
}

fn event(id: &str, kind: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/checks", "type": kind, "subject": "orders",
        "data": { "severity": 1, "title": "Orders fail", "what": "Orders fail", "who": { "client": "acme" } },
    })
}

#[tokio::test]
async fn the_same_event_again_is_the_same_event_however_late() {
    let world = world().await;
    let post = async |event: &Value| world.outcomes("events", "events-secret", event).await;
    let begins = event("1", "org.acme.triggered");
    assert_eq!(post(&begins).await, ["opened"]);
    assert_eq!(post(&event("2", "org.acme.resolved")).await, ["resolved"]);
    // The sender has not heard our answer to the first one, and repeats it after the end.
    assert_eq!(post(&begins).await, ["repeated"]);
    assert_eq!(post(&json!([begins])).await, ["repeated"], "in a batch too");
    assert_eq!(post(&event("3", "org.acme.triggered")).await, ["updated"], "another one is another one");
}

#[tokio::test]
async fn an_event_is_read_by_paths_in_whichever_mode_it_comes() {
    let world = world().await;
    assert_eq!(world.outcomes("by-path", "events-secret", &event("1", "org.acme.down")).await, ["opened"]);
    let binary = world
        .http
        .post(format!("http://{}/hooks/by-path", world.public))
        .bearer_auth("events-secret")
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", "2")
        .header("ce-source", "/checks")
        .header("ce-type", "org.acme.up")
        .header("ce-subject", "%6frders")
        .body(r#"{"what":"Orders work"}"#);
    let receipt: Value = binary.send().await.unwrap().json().await.unwrap();
    assert_eq!(receipt["incidents"][0]["outcome"], "resolved", "{receipt}");
}

#[tokio::test]
async fn a_sender_of_events_may_ask_whether_they_are_wanted() {
    let world = world().await;
    let ask = |source: &str, origin: Option<&str>| {
        let mut request =
            world.http.request(reqwest::Method::OPTIONS, format!("http://{}/hooks/{source}", world.public));
        if let Some(origin) = origin {
            request = request.header("WebHook-Request-Origin", origin);
        }
        request.send()
    };
    let yes = ask("events", Some("eventgrid.example")).await.unwrap();
    assert_eq!(yes.status(), StatusCode::OK);
    assert_eq!(yes.headers()["webhook-allowed-origin"], "eventgrid.example");
    assert_eq!(yes.headers()["webhook-allowed-rate"], "*");
    for (source, origin) in [("events", None), ("prom", Some("x")), ("prometheus", Some("x"))] {
        assert_eq!(ask(source, origin).await.unwrap().status().as_u16(), 405, "{source}");
    }
}
