//! What is said of an incident is true: late events, ends that were never told, ends that nobody saw, lists that
//! leave something out, and silence.

use reqwest::StatusCode;
use serde_json::{Value, json};
use warroom::clock::{Clock, SignedDuration, Timestamp};
use warroom::source::{Sample, SourceKind};

use crate::harness::{Options, World};

mod lists;
mod reasons;
mod silence;

const SECRET: &str = "a-secret-for-the-truth";

/// A source of every kind.
fn every_kind() -> Options {
    let sources = SourceKind::ALL.map(|kind| {
        format!("  {}:\n    kind: {kind}\n    verify: {{ bearer: {SECRET} }}\n    severity: {{ unmapped: sev1 }}\n", name_of(kind.as_str()))
    });
    Options { sources: sources.concat(), ..Options::default() }
}

/// The source of a kind.
fn name_of(kind: &str) -> String {
    format!("my-{}", kind.replace('_', "-"))
}

/// What became of it, and the incident's name.
type Told = (String, String);

impl World {
    /// What became of the only incident of a hook, or of the hook as a whole.
    async fn outcome_of(&self, source: &str, sample: Sample) -> Value {
        let address = format!("http://{}/hooks/{}", self.public, name_of(source));
        let mut request = self.http.post(address).bearer_auth(SECRET);
        if sample.headers.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in sample.headers {
            request = request.header(name, value);
        }
        let response = request.body(sample.body).send().await.unwrap();
        let (status, receipt) = (response.status(), response.json::<Value>().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{source}: {receipt}");
        if receipt["outcome"].is_string() { receipt } else { receipt["incidents"][0].clone() }
    }

    async fn hook(&self, source: &str, sample: Sample) -> Told {
        let answer = self.outcome_of(source, sample).await;
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (text("outcome"), text("id"))
    }

    async fn tells(&self, source: &str, body: &Value) -> Told {
        self.hook(source, Sample { headers: Vec::new(), body: body.to_string() }).await
    }

    fn minutes(&self, minutes: i64) -> Timestamp {
        self.clock.advance(SignedDuration::from_mins(minutes));
        self.clock.now()
    }

    fn seconds(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// What was said in the room of an incident, all in one.
    fn said(&self, id: &str) -> String {
        self.group(id).texts().join("\n---\n")
    }
}

/// Of these nothing in the body, be it a time or an id that is used once, tells the second beginning from the first.
const TIMELESS: [SourceKind; 1] = [SourceKind::StatusCake];

/// These tell what fires and not what happens: they have no time of their own, and what they tell again some minutes
/// after an end has come back.
const LISTS: [SourceKind; 5] = [
    SourceKind::Alertmanager,
    SourceKind::Grafana,
    SourceKind::Prometheus,
    SourceKind::Generic,
    SourceKind::Dynatrace,
];

#[tokio::test]
async fn a_beginning_that_comes_after_its_end_changes_nothing() {
    let world = World::with(every_kind()).await;
    for kind in SourceKind::ALL {
        let began = world.clock.now();
        let beginning = || kind.sample(began, "late-1");
        let (outcome, id) = world.hook(kind.as_str(), beginning()).await;
        assert_eq!(outcome, "opened", "{kind}");
        let ended = world.minutes(17);
        assert_eq!(
            world.hook(kind.as_str(), kind.sample_resolved(ended, "late-1")).await.0,
            "resolved",
            "{kind}"
        );
        for wait in [20, 25] {
            world.seconds(wait);
            let (outcome, _) = world.hook(kind.as_str(), beginning()).await;
            let expected = TIMELESS.contains(&kind) && wait == 20;
            assert_eq!(outcome == "updated", expected, "{kind} {wait} s after the end: {outcome}");
        }
        assert_eq!(world.dossier(&id).await.incident.firing_count() > 0, TIMELESS.contains(&kind), "{kind}");
        if TIMELESS.contains(&kind) || LISTS.contains(&kind) {
            continue;
        }
        // Nor after the incident was closed.
        world.minutes(90);
        world.store.close_quiet(world.loaded.config.rooms.rules(), world.clock.now()).await.unwrap();
        assert!(world.dossier(&id).await.incident.is_closed(), "{kind}");
        let (outcome, _) = world.hook(kind.as_str(), beginning()).await;
        assert!(["ignored", "repeated"].contains(&outcome.as_str()), "{kind} after its incident: {outcome}");
    }
}

#[tokio::test]
async fn an_end_that_comes_before_its_beginning_is_remembered() {
    let world = World::with(every_kind()).await;
    for kind in SourceKind::ALL {
        let began = world.clock.now();
        let ended = world.minutes(10);
        let (outcome, _) = world.hook(kind.as_str(), kind.sample_resolved(ended, "early-2")).await;
        assert_eq!(outcome, "ignored", "{kind}: nothing is known of it");
        world.seconds(45);
        let (outcome, id) = world.hook(kind.as_str(), kind.sample(began, "early-2")).await;
        if TIMELESS.contains(&kind) {
            assert_eq!(outcome, "opened", "{kind}");
        } else {
            assert_eq!((outcome.as_str(), id.as_str()), ("ignored", ""), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_list_that_names_the_same_outbreak_minutes_after_its_end_is_believed() {
    let world = World::with(every_kind()).await;
    // A body of Prometheus says itself until when it counts.
    for kind in LISTS.into_iter().filter(|kind| *kind != SourceKind::Prometheus) {
        let began = world.clock.now();
        let (_, id) = world.hook(kind.as_str(), kind.sample(began, "back-3")).await;
        let ended = world.minutes(7);
        world.hook(kind.as_str(), kind.sample_resolved(ended, "back-3")).await;
        world.minutes(3);
        let again = world.hook(kind.as_str(), kind.sample(began, "back-3")).await;
        assert_eq!(again, ("updated".to_owned(), id), "{kind}: Prometheus was not heard for some minutes");
    }
}

/// Kinds whose bodies say that all was well before, or since when it is not.
const SAYS_WHEN: [SourceKind; 18] = [
    SourceKind::Alertmanager,
    SourceKind::Grafana,
    SourceKind::Pagerduty,
    SourceKind::Generic,
    SourceKind::Azure,
    SourceKind::Datadog,
    SourceKind::Gcp,
    SourceKind::Sentry,
    SourceKind::UptimeKuma,
    SourceKind::Zabbix,
    SourceKind::Checkly,
    SourceKind::Dynatrace,
    SourceKind::Nagios,
    SourceKind::Pingdom,
    SourceKind::Site24x7,
    SourceKind::Sns,
    SourceKind::Prometheus,
    SourceKind::CloudEvents,
];

#[tokio::test]
async fn an_outbreak_long_after_the_last_word_is_another_incident() {
    let world = World::with(every_kind()).await;
    for kind in SourceKind::ALL {
        let name = kind.as_str();
        let (outcome, first) = world.hook(name, kind.sample(world.clock.now(), "anew-4")).await;
        assert_eq!(outcome, "opened", "{kind}");
        // Within the quiet time it is the same one.
        let soon = world.minutes(11);
        let (outcome, id) = world.hook(name, kind.sample(soon, "anew-4")).await;
        assert_eq!(id, first, "{kind}: {outcome}");
        let later = world.minutes(2 * 24 * 60 + 300);
        let (outcome, id) = world.hook(name, kind.sample(later, "anew-4")).await;
        if SAYS_WHEN.contains(&kind) {
            assert_eq!(outcome, "opened", "{kind}");
            assert_ne!(id, first, "{kind}");
            assert!(world.dossier(&first).await.incident.is_closed(), "{kind}");
        } else {
            // Their ids are of one outbreak only, or they say nothing of when.
            assert_eq!((outcome.as_str(), &id), ("repeated", &first), "{kind}");
        }
    }
}

#[tokio::test]
async fn what_goes_on_for_days_is_one_incident() {
    let world = World::with(every_kind()).await;
    let body = |important: bool, time: &str| {
        json!({
            "heartbeat": { "monitorID": 41, "status": 0, "time": time, "msg": "no route", "important": important },
            "monitor": { "id": 41, "name": "Ticket desk", "tags": [{ "name": "sev1", "value": "" }] },
            "msg": "down",
        })
    };
    let (_, first) = world.tells("uptime_kuma", &body(true, "2026-03-02 10:00:00.000")).await;
    world.minutes(3 * 24 * 60);
    let again = world.tells("uptime_kuma", &body(false, "2026-03-05 10:00:00.000")).await;
    assert_eq!(again, ("repeated".to_owned(), first));
}

#[tokio::test]
async fn a_late_acknowledgement_does_not_reopen_the_room() {
    let world = World::with(every_kind()).await;
    let event = |kind: &str, status: &str, at: &str| {
        json!({ "event": {
            "id": format!("EV-{at}"), "event_type": format!("incident.{kind}"), "occurred_at": at,
            "data": { "id": "QORDERS9", "type": "incident", "status": status, "title": "Orders stuck",
                      "created_at": "2026-03-02T09:58:00Z", "priority": { "summary": "P1" } },
        } })
    };
    let (_, id) = world.tells("pagerduty", &event("triggered", "triggered", "2026-03-02T09:58:00Z")).await;
    world.pass(600).await;
    assert_eq!(
        world.tells("pagerduty", &event("resolved", "resolved", "2026-03-02T10:08:00Z")).await.0,
        "resolved"
    );
    let late = event("acknowledged", "acknowledged", "2026-03-02T10:01:00Z");
    assert_eq!(world.tells("pagerduty", &late).await.0, "ignored");
    world.pass(600).await;
    assert!(!world.said(&id).contains("it is back"), "{}", world.said(&id));
    // Somebody at PagerDuty opens it again.
    let again = event("reopened", "triggered", "2026-03-02T10:19:00Z");
    assert_eq!(world.tells("pagerduty", &again).await, ("updated".to_owned(), id.clone()));
    world.pass(600).await;
    assert!(world.said(&id).contains("it is back"), "{}", world.said(&id));
}

#[tokio::test]
async fn a_sender_whose_clock_was_ahead_is_heard_once_it_is_right() {
    let world = World::with(every_kind()).await;
    let alarm = |state: &str, old: &str, at: &str| {
        json!({ "AlarmName": "sev1 ledger", "NewStateValue": state, "OldStateValue": old, "StateChangeTime": at,
                "AlarmArn": "arn:aws:cloudwatch:eu-west-3:111122223333:alarm:ledger" })
    };
    world.tells("sns", &alarm("ALARM", "OK", "2027-03-02T10:00:00Z")).await;
    world.minutes(4);
    let end = alarm("OK", "ALARM", "2027-03-02T10:04:00Z");
    assert_eq!(world.tells("sns", &end).await.0, "resolved");
    world.minutes(4);
    let next = alarm("ALARM", "OK", "2026-03-02T10:08:00Z");
    assert_eq!(world.tells("sns", &next).await.0, "updated", "it is back, by the right clock");
}

#[tokio::test]
async fn the_type_of_what_azure_watches_is_in_small_letters_however_it_is_told() {
    let world = World::with(every_kind()).await;
    let path = "/subscriptions/7A/resourceGroups/Till/providers/Microsoft.Sql/servers/s1/databases/d1";
    let told = "Microsoft.Cache/Redis";
    for (id, target, kind) in [
        ("t1", json!({ "alertTargetIDs": [path] }), "microsoft.sql/servers/databases"),
        ("t2", json!({ "alertTargetIDs": [path], "targetResourceType": told }), "microsoft.cache/redis"),
    ] {
        let mut essentials = json!({
            "alertId": format!("/subscriptions/7A/providers/Microsoft.AlertsManagement/alerts/{id}"),
            "alertRule": id, "severity": "Sev0", "monitorCondition": "Fired",
            "firedDateTime": "2026-03-02T10:00:00Z",
        });
        essentials.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        let body = json!({
            "schemaId": "azureMonitorCommonAlertSchema", "data": { "essentials": essentials }
        });
        let (outcome, id) = world.tells("azure", &body).await;
        assert_eq!(outcome, "opened");
        assert_eq!(world.dossier(&id).await.incident.labels["resource_type"], kind);
    }
}
