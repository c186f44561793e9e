//! Incidents of which nothing is heard any more.

use serde_json::Value;
use warroom::room::PhaseName;

use super::every_kind;
use crate::harness::{Options, World, firing};

#[tokio::test]
async fn an_incident_that_nobody_tells_of_is_marked_told_once_and_offered_for_closing() {
    let world = World::with(Options { rooms: "  stale_after: 5h\n".to_owned(), ..every_kind() }).await;
    let id = world.fire("NightlyExport").await;
    world.pass(4 * 3600).await;
    assert!(!world.said(&id).contains("no news"), "a repeat within five hours is enough");
    world.post(&firing("NightlyExport")).await;
    world.pass(5 * 3600 - 60).await;
    assert!(!world.said(&id).contains("no news"));
    world.pass(120).await;
    let said = world.said(&id);
    assert!(said.contains("no news for 5 h"), "{said}");
    let since = world.dossier(&id).await.incident.stale_since.expect("it is marked");
    world.pass(20 * 3600).await;
    assert_eq!(world.said(&id).matches("no news").count(), 1, "told once");

    let page = |path: String| async { world.http.get(path).send().await.unwrap().text().await.unwrap() };
    let json: Value =
        serde_json::from_str(&page(format!("http://{}/api/incidents/{id}", world.operator)).await).unwrap();
    assert_eq!(json["stale_since"].as_str(), Some(since.to_string().as_str()));
    assert_eq!(json["attention"][0]["kind"], "stale", "{}", json["attention"]);
    let html = page(format!("http://{}/", world.operator)).await;
    assert!(html.contains("data-action=\"close\""), "{html}");

    // A word of it takes the mark away.
    world.post(&firing("NightlyExport")).await;
    assert_eq!(world.dossier(&id).await.incident.stale_since, None);
    let close = format!("http://{}/api/rooms/{id}/close", world.operator);
    assert!(world.http.post(close).send().await.unwrap().status().is_success());
    world.pass(60).await;
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
}

#[tokio::test]
async fn what_begins_in_a_stale_incident_is_another_one_though_others_may_go_on() {
    let world = World::with(every_kind()).await;
    let event = |scope: &str, at: i64| {
        serde_json::json!({
            "monitor_id": "771", "transition": "Triggered", "title": "Queue lags", "priority": "P1",
            "scope": scope, "date": at,
        })
    };
    let (_, first) = world.tells("datadog", &event("host:q1", 1_772_445_600_000)).await;
    world.minutes(5 * 60);
    let joined = world.tells("datadog", &event("host:q2", 1_772_463_600_000)).await;
    assert_eq!(joined, ("updated".to_owned(), first.clone()));
    world.minutes(20 * 60);
    let (outcome, second) = world.tells("datadog", &event("host:q3", 1_772_535_600_000)).await;
    assert_eq!(outcome, "opened");
    assert_ne!(first, second);
}
