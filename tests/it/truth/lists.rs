//! Alertmanagers: lists that leave something out, several of them, edited routes; and rules that tell no ends.

use serde_json::{Value, json};
use warroom::source::Sample;

use super::every_kind;
use crate::harness::{Options, World};

/// A host's alert: its name, since when, and when it ended if it did.
struct Host(&'static str, &'static str, Option<&'static str>);

fn list(url: &str, group: &str, hosts: &[Host]) -> Value {
    let member = |Host(name, since, ended): &Host| {
        json!({
            "status": if ended.is_some() { "resolved" } else { "firing" },
            "fingerprint": format!("f-{name}"),
            "labels": { "alertname": "QueueStuck", "severity": "critical", "host": name },
            "annotations": { "summary": format!("queue of {name} is stuck") },
            "startsAt": since,
            "endsAt": ended.unwrap_or("0001-01-01T00:00:00Z"),
        })
    };
    let fires = hosts.iter().any(|host| host.2.is_none());
    json!({
        "version": "4", "groupKey": group, "receiver": "rooms", "externalURL": url,
        "status": if fires { "firing" } else { "resolved" },
        "groupLabels": { "alertname": "QueueStuck" },
        "alerts": hosts.iter().map(member).collect::<Vec<_>>(),
    })
}

const URL: &str = "https://alerts.initech.example";
const GROUP: &str = "{}:{alertname=\"QueueStuck\"}";
const TEN: &str = "2026-03-02T10:00:00Z";

async fn world() -> World {
    World::with(Options { rooms: "  update_interval: 10s\n".to_owned(), ..every_kind() }).await
}

#[tokio::test]
async fn a_list_that_leaves_something_out_ends_nothing() {
    let world = world().await;
    let all = [Host("q1", TEN, None), Host("q2", TEN, None), Host("q3", TEN, None)];
    let (_, id) = world.tells("alertmanager", &list(URL, GROUP, &all)).await;
    world.pass(900).await;
    // It has read its configuration again, and has one of three so far.
    let one = [Host("q1", TEN, Some("2026-03-02T10:15:00Z"))];
    assert_eq!(world.tells("alertmanager", &list(URL, GROUP, &one)).await.0, "updated");
    world.pass(20).await;
    let rest = [Host("q2", TEN, None), Host("q3", TEN, None)];
    assert_eq!(world.tells("alertmanager", &list(URL, GROUP, &rest)).await.0, "repeated");
    world.pass(1200).await;
    let said = world.said(&id);
    assert!(!said.contains("alerts cleared") && !said.contains("it is back"), "{said}");
    assert!(said.contains("*Active:* 2 alerts"), "{said}");
}

#[tokio::test]
async fn what_two_lists_leave_out_is_over() {
    let world = world().await;
    let both = [Host("q4", TEN, None), Host("q5", TEN, None)];
    let (_, id) = world.tells("alertmanager", &list(URL, GROUP, &both)).await;
    for minutes in [5, 5] {
        world.minutes(minutes);
        world.tells("alertmanager", &list(URL, GROUP, &[Host("q4", TEN, None)])).await;
    }
    assert_eq!(world.dossier(&id).await.incident.firing_count(), 1);
}

#[tokio::test]
async fn what_one_list_leaves_out_is_over_when_no_other_comes() {
    let world = world().await;
    let both = [Host("q6", TEN, None), Host("q7", TEN, None)];
    let (_, id) = world.tells("alertmanager", &list(URL, GROUP, &both)).await;
    world.pass(600).await;
    // The other one was silenced, and ended so.
    let end = [Host("q6", TEN, Some("2026-03-02T10:09:00Z"))];
    assert_eq!(world.tells("alertmanager", &list(URL, GROUP, &end)).await.0, "updated");
    world.pass(300).await;
    assert_eq!(world.dossier(&id).await.incident.firing_count(), 1, "five minutes prove nothing");
    world.pass(300).await;
    assert_eq!(world.dossier(&id).await.incident.firing_count(), 0);
    let said = world.said(&id);
    assert!(said.contains("Nobody saw it recover") && said.contains("does not list it any more"), "{said}");
    assert!(!said.contains("alerts cleared"), "{said}");
}

#[tokio::test]
async fn another_host_a_week_later_is_another_incident() {
    let world = world().await;
    let (_, first) = world.tells("alertmanager", &list(URL, GROUP, &[Host("q8", TEN, None)])).await;
    world.minutes(6 * 24 * 60);
    let other = list(URL, GROUP, &[Host("q9", "2026-03-08T09:59:30Z", None)]);
    let (outcome, second) = world.tells("alertmanager", &other).await;
    assert_eq!(outcome, "opened");
    assert_ne!(first, second);
    assert!(world.dossier(&first).await.incident.is_closed());
    // But beside one that goes on it has the same room, however long that goes on.
    world.minutes(2 * 24 * 60);
    let more = [Host("q9", "2026-03-08T09:59:30Z", None), Host("q8", "2026-03-10T09:59:00Z", None)];
    assert_eq!(world.tells("alertmanager", &list(URL, GROUP, &more)).await, ("updated".to_owned(), second));
}

#[tokio::test]
async fn the_same_alert_in_the_group_of_an_edited_route_stays_in_its_incident() {
    let world = world().await;
    let (_, id) = world.tells("alertmanager", &list(URL, GROUP, &[Host("q1", TEN, None)])).await;
    world.minutes(12);
    let edited = "{}/{team=\"queues\"}:{alertname=\"QueueStuck\"}";
    let moved = world.tells("alertmanager", &list(URL, edited, &[Host("q1", TEN, None)])).await;
    assert_eq!(moved, ("repeated".to_owned(), id.clone()));
    world.minutes(5);
    let end = list(URL, edited, &[Host("q1", TEN, Some("2026-03-02T10:16:00Z"))]);
    assert_eq!(world.tells("alertmanager", &end).await, ("resolved".to_owned(), id));
}

#[tokio::test]
async fn two_alertmanagers_are_two_unless_they_tell_of_the_same_alerts() {
    let world = world().await;
    let (_, first) = world.tells("alertmanager", &list(URL, GROUP, &[Host("q1", TEN, None)])).await;
    world.minutes(2);
    // Another client's, whose group has the same name.
    let theirs = list("https://alerts.umbrella.example", GROUP, &[Host("m1", "2026-03-02T10:01:30Z", None)]);
    let (outcome, second) = world.tells("alertmanager", &theirs).await;
    assert_eq!(outcome, "opened");
    assert_ne!(first, second);
    // The other one of the first's cluster.
    let peer = list("http://alertmanager-1:9093", GROUP, &[Host("q1", TEN, None), Host("q2", TEN, None)]);
    assert_eq!(world.tells("alertmanager", &peer).await, ("updated".to_owned(), first.clone()));
    let end = [Host("q1", TEN, Some("2026-03-02T10:04:00Z")), Host("q2", TEN, Some("2026-03-02T10:04:00Z"))];
    world.minutes(3);
    assert_eq!(world.tells("alertmanager", &list(URL, GROUP, &end)).await, ("resolved".to_owned(), first));
    assert_eq!(world.dossier(&second).await.incident.firing_count(), 1);
}

#[tokio::test]
async fn the_beginning_that_another_replica_saw_is_no_return() {
    let world = world().await;
    let seen_at = |at: &str| json!([{ "labels": { "alertname": "Lag", "severity": "critical" }, "startsAt": at, "endsAt": "2099-01-01T00:00:00Z" }]);
    world.seconds(40);
    let (_, id) = world.tells("prometheus", &seen_at("2026-03-02T10:00:05Z")).await;
    world.seconds(15);
    let other = world.tells("prometheus", &seen_at("2026-03-02T10:00:31Z")).await;
    assert_eq!(other, ("repeated".to_owned(), id.clone()));
    world.seconds(15);
    let first = world.tells("prometheus", &seen_at("2026-03-02T10:00:05Z")).await;
    assert_eq!(first, ("repeated".to_owned(), id));
}

fn azure(alert: &str, host: &str, fired: &str, resolved: Option<&str>) -> Value {
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "alertId": format!("/subscriptions/33/providers/Microsoft.AlertsManagement/alerts/{alert}"),
                "alertRule": "ledger lag", "severity": "Sev0", "monitoringService": "Log Alerts V2",
                "monitorCondition": if resolved.is_some() { "Resolved" } else { "Fired" },
                "alertTargetIDs": ["/subscriptions/33/resourcegroups/Ledger"],
                "firedDateTime": fired, "resolvedDateTime": resolved,
            },
            "alertContext": { "condition": { "allOf": [{ "dimensions": [{ "name": "Computer", "value": host }] }] } },
        },
    })
}

#[tokio::test]
async fn a_rule_that_tells_no_end_makes_one_room_and_a_warning() {
    let world = world().await;
    let (outcome, id) = world.tells("azure", &azure("one", "vm-a", "2026-03-02T10:00:00Z", None)).await;
    assert_eq!(outcome, "opened");
    for (alert, fired) in
        [("two", "2026-03-02T10:06:00Z"), ("three", "2026-03-02T10:12:00Z"), ("four", "2026-03-02T10:18:00Z")]
    {
        world.minutes(6);
        let body = azure(alert, "vm-a", fired, None).to_string();
        let answer = world.outcome_of("azure", Sample { headers: Vec::new(), body }).await;
        assert_eq!((&answer["outcome"], &answer["id"]), (&json!("repeated"), &json!(id)));
        let warned =
            answer["reason"].as_str().is_some_and(|reason| reason.contains("three times without an end"));
        assert_eq!(warned, alert == "three", "{alert}: {answer}");
    }
}

#[tokio::test]
async fn the_parts_of_one_azure_rule_end_one_by_one() {
    let world = world().await;
    let (fired, over) = ("2026-03-02T09:59:00Z", Some("2026-03-02T10:03:00Z"));
    let (_, id) = world.tells("azure", &azure("one", "vm-a", fired, None)).await;
    assert_eq!(
        world.tells("azure", &azure("two", "vm-b", fired, None)).await,
        ("updated".to_owned(), id.clone())
    );
    world.minutes(4);
    assert_eq!(world.tells("azure", &azure("one", "VM-A", fired, over)).await.0, "updated");
    assert_eq!(world.tells("azure", &azure("two", "vm-b", fired, over)).await, ("resolved".to_owned(), id));
}

#[tokio::test]
async fn two_clients_whose_alertmanagers_have_one_address_are_two_incidents() {
    let world = world().await;
    let of = |client: &str, host: &'static str| {
        let mut list = list("http://alertmanager:9093", GROUP, &[Host(host, TEN, None)]);
        list["alerts"][0]["labels"]["client"] = json!(client);
        list
    };
    let (outcome, first) = world.tells("alertmanager", &of("acme", "q1")).await;
    assert_eq!(outcome, "opened");
    let (outcome, second) = world.tells("alertmanager", &of("globex", "q7")).await;
    assert_eq!(outcome, "opened");
    assert_ne!(first, second);
    world.pass(60).await;
    assert!(!world.said(&first).contains("q7"), "{}", world.said(&first));
}
