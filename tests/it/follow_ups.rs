//! Tools that say everything once and hardly anything afterwards: what the first body said stays true.

use reqwest::StatusCode;
use serde_json::{Value, json};
use warroom::alert::Severity;
use warroom::incident::Incident;

use crate::harness::{ADA, BEN, Options, World};

const SECRET: &str = "a-secret-for-follow-ups";

const SOURCES: &str = "  goalert:
    kind: goalert
    verify: { bearer: a-secret-for-follow-ups }
  opsgenie:
    kind: opsgenie
    verify: { bearer: a-secret-for-follow-ups }
    severity: { rules: [ { match: [ 'client = initech' ], is: sev1 } ] }
  sentry:
    kind: sentry
    verify: { bearer: a-secret-for-follow-ups }
";

const ROSTER: &str = r#"
people:
  ada: { name: Ada Obi, phone: "+15550100001", opted_in: true }
  ben: { name: Ben Cho, phone: "+15550100002", opted_in: true }
routes:
  - name: acme
    match: [ 'client = acme' ]
    invite: { commander: [ ben ] }
fallback:
  invite: { commander: [ ada ] }
"#;

async fn world() -> World {
    let options = Options { sources: SOURCES.to_owned(), roster: ROSTER.to_owned(), ..Options::default() };
    World::with(options).await
}

impl World {
    /// What became of the only incident of a body, and its name.
    async fn tell(&self, source: &str, body: &Value) -> (String, String) {
        let request = self.http.post(format!("http://{}/hooks/{source}", self.public)).bearer_auth(SECRET);
        let response = request.json(body).send().await.unwrap();
        let (status, receipt) = (response.status(), response.json::<Value>().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{receipt}");
        let only = &receipt["incidents"][0];
        (only["outcome"].as_str().unwrap().to_owned(), only["id"].as_str().unwrap_or_default().to_owned())
    }

    async fn incident(&self, id: &str) -> Incident {
        self.dossier(id).await.incident
    }
}

fn sentry_issue(action: &str, level: &str, status: &str) -> Value {
    json!({
        "action": action,
        "data": { "issue": {
            "id": "77", "title": "Payment failed", "level": level, "status": status, "priority": "medium",
            "project": { "slug": "checkout" },
        } },
    })
}

fn sentry_alert(level: &str) -> Value {
    json!({
        "action": "triggered",
        "data": {
            "event": {
                "issue_id": "77", "title": "Payment failed", "level": level,
                "tags": [["client", "acme"], ["region", "eu"]],
            },
            "triggered_rule": "Call the war room",
        },
    })
}

#[tokio::test]
async fn goalert_tells_of_an_alert_once_and_then_only_its_number() {
    let world = world().await;
    let begin = json!({
        "AppName": "GoAlert", "Type": "Alert", "AlertID": 1, "Summary": "Checkout is down", "Details": "502s",
        "ServiceID": "s", "ServiceName": "checkout", "Meta": { "severity": "critical", "client": "acme" },
    });
    let (outcome, id) = world.tell("goalert", &begin).await;
    assert_eq!(outcome, "opened");
    let status =
        |entry: &str| json!({ "AppName": "GoAlert", "Type": "AlertStatus", "AlertID": 1, "LogEntry": entry });
    assert_eq!(world.tell("goalert", &status("Acknowledged by Jonas (Web)")).await.0, "updated");
    let incident = world.incident(&id).await;
    assert_eq!((incident.severity, incident.title.as_str()), (Severity::Sev1, "Checkout is down"));
    assert_eq!((incident.summary.as_str(), incident.labels["client"].as_str()), ("502s", "acme"));
    assert!(incident.acknowledged);
    assert_eq!(world.tell("goalert", &status("Closed by Jonas (Web)")).await, ("resolved".to_owned(), id));
    let unmapped = world.bridge.receiver.metrics.render();
    assert!(!unmapped.contains("warroom_alerts_unmapped_total{source=\"goalert\"}"), "no page was missed");
}

fn opsgenie(action: &str, priority: &str, details: &Value) -> Value {
    let mut alert = json!({ "alertId": "a-1", "message": "Ledger down", "priority": priority });
    if !details.is_null() {
        alert["details"] = details.clone();
    }
    json!({ "action": action, "alert": alert })
}

#[tokio::test]
async fn a_priority_that_rises_later_calls_the_people_of_the_first_labels() {
    let world = world().await;
    let details = json!({ "client": "acme", "environment": "production" });
    assert_eq!(world.tell("opsgenie", &opsgenie("Create", "P3", &details)).await.0, "ignored");
    let (outcome, id) = world.tell("opsgenie", &opsgenie("UpdatePriority", "P1", &Value::Null)).await;
    assert_eq!(outcome, "opened");
    world.pass(120).await;
    let group = world.group(&id);
    assert!(group.has(BEN), "whom the route names: {:?}", group.members);
    assert!(!group.has(ADA), "and not the fallback: {:?}", group.members);
    world.tell("opsgenie", &opsgenie("Acknowledge", "P1", &Value::Null)).await;
    assert_eq!(world.incident(&id).await.labels["environment"], "production");
}

#[tokio::test]
async fn a_new_priority_neither_takes_back_nor_reopens() {
    let world = world().await;
    let tell =
        async |action, priority| world.tell("opsgenie", &opsgenie(action, priority, &Value::Null)).await;
    let (_, id) = tell("Create", "P1").await;
    tell("Acknowledge", "P1").await;
    assert_eq!(tell("UpdatePriority", "P2").await.0, "updated");
    let incident = world.incident(&id).await;
    assert_eq!((incident.acknowledged, incident.severity), (true, Severity::Sev2));
    assert_eq!(tell("Close", "P2").await.0, "resolved");
    assert_eq!(tell("UpdatePriority", "P1").await.0, "repeated");
    assert_eq!(world.incident(&id).await.firing_count(), 0);
}

#[tokio::test]
async fn a_rule_about_a_label_holds_for_the_bodies_without_it() {
    let world = world().await;
    let (outcome, id) =
        world.tell("opsgenie", &opsgenie("Create", "P3", &json!({ "client": "initech" }))).await;
    assert_eq!(outcome, "opened");
    world.tell("opsgenie", &opsgenie("Acknowledge", "P3", &Value::Null)).await;
    assert_eq!(world.incident(&id).await.severity, Severity::Sev1);
}

#[tokio::test]
async fn what_people_do_to_a_sentry_issue_does_not_make_its_alert_milder() {
    let world = world().await;
    let (outcome, id) = world.tell("sentry", &sentry_alert("fatal")).await;
    assert_eq!(outcome, "opened");
    assert_eq!(world.tell("sentry", &sentry_issue("assigned", "error", "unresolved")).await.0, "updated");
    let incident = world.incident(&id).await;
    assert_eq!((incident.severity, incident.acknowledged), (Severity::Sev1, true));
    for (label, value) in
        [("alert_rule", "Call the war room"), ("client", "acme"), ("region", "eu"), ("project", "checkout")]
    {
        assert_eq!(incident.labels[label], value, "{label}");
    }
}

#[tokio::test]
async fn an_issue_that_is_over_opens_nothing_whatever_is_done_to_it() {
    let world = world().await;
    let assigned = |status| sentry_issue("assigned", "fatal", status);
    for status in ["resolved", "ignored"] {
        assert_eq!(world.tell("sentry", &assigned(status)).await.0, "ignored", "{status}");
    }
    let (outcome, id) = world.tell("sentry", &sentry_alert("fatal")).await;
    assert_eq!(outcome, "opened");
    assert_eq!(world.tell("sentry", &assigned("resolved")).await.0, "resolved");
    // Sentry tells of the reopening by the action.
    assert_eq!(world.tell("sentry", &sentry_issue("unresolved", "fatal", "resolved")).await.0, "updated");
    assert_eq!(world.incident(&id).await.firing_count(), 1);
}
