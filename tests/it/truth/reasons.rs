//! Ends that are no recoveries: merged, paused, deleted, put aside.

use serde_json::{Value, json};

use super::every_kind;
use crate::harness::World;

/// Tells of a beginning and an end; returns what the room heard, and what the incident is called.
async fn hears(source: &str, begin: &Value, end: &Value) -> (String, String) {
    let world = World::with(every_kind()).await;
    let (outcome, id) = world.tells(source, begin).await;
    assert_eq!(outcome, "opened", "{source}");
    world.pass(600).await;
    let (outcome, _) = world.tells(source, end).await;
    assert_eq!(outcome, "resolved", "{source}");
    world.pass(600).await;
    let incident = world.dossier(&id).await.incident;
    (world.said(&id), incident.title)
}

fn nobody_saw(said: &str, reason: &str) {
    assert!(said.contains("Nobody saw it recover") && said.contains(reason), "{reason}: {said}");
    assert!(!said.contains("alerts cleared"), "{said}");
}

#[tokio::test]
async fn merged_at_pagerduty() {
    let event = |kind: &str, status: &str, at: &str, reason: Value| {
        json!({ "event": {
            "id": format!("M-{at}"), "event_type": format!("incident.{kind}"), "occurred_at": at,
            "data": { "id": "QMAIL", "type": "incident", "status": status, "title": "Mail stuck",
                      "priority": { "summary": "P1" }, "resolve_reason": reason },
        } })
    };
    let begin = event("triggered", "triggered", "2026-03-02T10:00:00Z", Value::Null);
    let into = json!({ "type": "merge_resolve_reason", "incident": { "id": "Q0", "summary": "[#31] Queues stuck" } });
    let end = event("resolved", "resolved", "2026-03-02T10:09:00Z", into);
    nobody_saw(&hears("pagerduty", &begin, &end).await.0, "merged into [#31] Queues stuck");
    // References may come without their summary.
    for (incident, words) in
        [(json!({ "id": "Q0" }), "merged into Q0"), (Value::Null, "merged into another incident")]
    {
        let reason = json!({ "type": "merge_resolve_reason", "incident": incident });
        let end = event("resolved", "resolved", "2026-03-02T10:09:00Z", reason);
        nobody_saw(&hears("pagerduty", &begin, &end).await.0, words);
    }
    let end = event("resolved", "resolved", "2026-03-02T10:09:00Z", Value::Null);
    let (said, _) = hears("pagerduty", &begin, &end).await;
    assert!(said.contains("alerts cleared") && !said.contains("Nobody saw"), "{said}");
}

#[tokio::test]
async fn merged_at_dynatrace() {
    let problem = |state: &str| json!({ "State": state, "PID": "88", "ProblemTitle": "Orders fail", "ProblemSeverity": "AVAILABILITY" });
    nobody_saw(
        &hears("dynatrace", &problem("OPEN"), &problem("MERGED")).await.0,
        "merged into another problem",
    );
}

#[tokio::test]
async fn merged_or_declined_at_incident_io() {
    let change = |category: &str, at: &str| {
        json!({
            "event_type": "public_incident.incident_updated_v2",
            "public_incident.incident_updated_v2": {
                "id": "01ORDERS", "name": "Orders fail", "updated_at": at, "severity": { "name": "Critical" },
                "incident_status": { "category": category },
            },
        })
    };
    let begin = change("live", "2026-03-02T10:00:00Z");
    for (category, reason) in
        [("merged", "merged into another incident"), ("declined", "declined at incident.io")]
    {
        nobody_saw(&hears("incident_io", &begin, &change(category, "2026-03-02T10:08:00Z")).await.0, reason);
    }
}

#[tokio::test]
async fn paused_changed_and_deleted_in_grafana() {
    let list = |reason: Option<&str>| {
        let mut annotations = json!({ "summary": "till of shop 9 is silent" });
        if let Some(reason) = reason {
            annotations["grafana_state_reason"] = json!(reason);
        }
        let over = reason.is_some();
        json!({
            "version": "1", "orgId": 4, "groupKey": "{}:{alertname=\"Till\"}", "externalURL": "https://graphs.example",
            "status": if over { "resolved" } else { "firing" },
            "alerts": [{
                "status": if over { "resolved" } else { "firing" }, "fingerprint": "t9", "annotations": annotations,
                "labels": { "alertname": "Till", "severity": "critical" }, "startsAt": "2026-03-02T09:59:00Z",
                "endsAt": if over { "2026-03-02T10:09:00Z" } else { "0001-01-01T00:00:00Z" },
            }],
        })
    };
    for (reason, words) in [
        ("Paused", "its rule was paused in Grafana"),
        ("Updated", "its rule was changed in Grafana"),
        ("RuleDeleted", "its rule was deleted in Grafana"),
        ("MissingSeries", "finds no data for it any more"),
        ("Unheard of", "Grafana says: Unheard of"),
    ] {
        nobody_saw(&hears("grafana", &list(None), &list(Some(reason))).await.0, words);
    }
}

#[tokio::test]
async fn closed_by_google_because_its_policy_was_edited() {
    let incident = |state: &str, subject: &str, observed: &str, ended: Value| {
        json!({ "version": "1.2", "incident": {
            "incident_id": "0.ledger", "state": state, "severity": "Critical", "policy_name": "ledger",
            "documentation": { "subject": subject }, "started_at": 1_772_445_500, "ended_at": ended,
            "observed_value": observed,
        } })
    };
    let begin = incident("open", "[ALERT - Critical] Ledger lags", "17.5", Value::Null);
    let sentence = "Incident cancelled because its condition was edited by somebody.";
    let end = incident("closed", "[RESOLVED - Critical] Ledger lags", sentence, json!(1_772_446_000));
    let (said, title) = hears("gcp", &begin, &end).await;
    nobody_saw(&said, sentence);
    assert_eq!(title, "Ledger lags", "without Google's own mark");
    let end = incident("closed", "[RESOLVED - Critical] Ledger lags", "0.2 s", json!(1_772_446_000));
    assert!(hears("gcp", &begin, &end).await.0.contains("alerts cleared"));
}

#[tokio::test]
async fn deleted_or_put_aside_by_a_person() {
    let opsgenie = |action: &str, at: i64| {
        json!({ "action": action, "alert": { "alertId": "og-5", "message": "Ledger lags", "priority": "P1",
                "createdAt": 1_772_445_600_000_i64, "updatedAt": at } })
    };
    let (begin, end) = (opsgenie("Create", 1_772_445_600_000), opsgenie("Delete", 1_772_446_100_000));
    nobody_saw(&hears("opsgenie", &begin, &end).await.0, "somebody deleted the alert");
    let sentry = |action: &str, status: &str, seen: &str| {
        json!({ "action": action, "data": { "issue": { "id": "63", "title": "Ledger lags", "level": "fatal",
                "status": status, "firstSeen": "2026-03-02T09:00:00Z", "lastSeen": seen } } })
    };
    let begin = sentry("created", "unresolved", "2026-03-02T09:00:00Z");
    let end = sentry("archived", "ignored", "2026-03-02T10:05:00Z");
    nobody_saw(&hears("sentry", &begin, &end).await.0, "put the issue aside");
}

/// Grafana's list of two hosts: the first as given, the second firing or over.
fn two(first: (&str, Option<&str>), second: Option<&str>, reason: Option<&str>) -> Value {
    let member = |name: &str, since: &str, ended: Option<&str>| {
        json!({
            "status": if ended.is_some() { "resolved" } else { "firing" }, "fingerprint": name,
            "labels": { "alertname": "Till", "severity": "critical" }, "annotations": { "summary": format!("till {name} is silent") },
            "startsAt": since, "endsAt": ended.unwrap_or("0001-01-01T00:00:00Z"),
        })
    };
    let mut paused = member("t1", first.0, first.1);
    if let Some(reason) = reason {
        paused["annotations"]["grafana_state_reason"] = json!(reason);
    }
    json!({
        "version": "1", "orgId": 4, "groupKey": "{}:{alertname=\"Till\"}", "externalURL": "https://graphs.example",
        "status": "firing", "alerts": [paused, member("t2", "2026-03-02T10:00:00Z", second)],
    })
}

#[tokio::test]
async fn a_part_that_nobody_saw_recover_is_told_so_and_forgotten_once_it_came_back() {
    let world = World::with(every_kind()).await;
    let ten = "2026-03-02T10:00:00Z";
    let (_, id) = world.tells("grafana", &two((ten, None), None, None)).await;
    world.pass(600).await;
    let paused = two((ten, Some("2026-03-02T10:09:00Z")), None, Some("Paused"));
    assert_eq!(world.tells("grafana", &paused).await.0, "updated");
    world.pass(400).await;
    let said = world.said(&id);
    assert!(
        said.contains("*Cleared:* 1 alert\nNobody saw the recovery: its rule was paused in Grafana"),
        "{said}"
    );
    // It is back, and then both recover for everybody to see.
    let again = "2026-03-02T10:16:00Z";
    assert_eq!(world.tells("grafana", &two((again, None), None, None)).await.0, "updated");
    world.pass(600).await;
    let (first, second) = ((again, Some("2026-03-02T10:26:00Z")), Some("2026-03-02T10:26:00Z"));
    assert_eq!(world.tells("grafana", &two(first, second, None)).await.0, "resolved");
    world.pass(400).await;
    let group = world.group(&id);
    let last = group.texts().pop().unwrap();
    assert!(last.contains("alerts cleared") && !last.contains("Nobody saw"), "{last}");
}
