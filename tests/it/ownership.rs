//! Who took an incident and who owns it, as its source tells: said in the room, and only when it changes.

use serde_json::{Value, json};

use crate::harness::{Options, World};

const BEARER: &str = "a-token-for-the-desk-only";

async fn world() -> World {
    let sources = format!("  desk:\n    kind: generic\n    verify: {{ bearer: {BEARER} }}");
    World::with(Options { sources, ..Options::default() }).await
}

async fn tell(world: &World, event: &str, more: Value) -> Value {
    let mut body = json!({
        "event": event, "dedup_key": "checkout", "severity": 1, "title": "Checkout is down",
        "labels": { "alertname": "Checkout" },
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let url = format!("http://{}/hooks/desk", world.public);
    let answer = world.http.post(url).bearer_auth(BEARER).json(&body).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["incidents"][0].clone()
}

#[tokio::test]
async fn the_room_hears_who_took_it_and_who_owns_it() {
    let world = world().await;
    let opened = tell(&world, "triggered", json!({ "assignees": ["Mei Tanaka"] })).await;
    let id = opened["id"].as_str().unwrap();
    world.pass(60).await;
    let taken = json!({ "assignees": ["Mei Tanaka"], "acknowledged_by": "Sam *Lee*" });
    assert_eq!(tell(&world, "acknowledged", taken.clone()).await["outcome"], "updated");
    world.pass(30).await;
    let group = world.group(id);
    let update = *group.texts().last().unwrap();
    assert!(update.contains("*Acknowledged* by Sam ∗Lee∗ in desk"), "{update}");
    assert!(!update.contains("Assigned"), "the same as before: {update}");

    // The same again is no news; another owner is, once, with what else comes within the interval.
    assert_eq!(tell(&world, "acknowledged", taken).await["outcome"], "repeated");
    for owner in ["Jo Park", "Ana Ruiz"] {
        tell(&world, "acknowledged", json!({ "assignees": [owner] })).await;
        world.pass(30).await;
    }
    assert_eq!(world.updates(id), 1, "not within the interval");
    world.pass(600).await;
    assert_eq!(world.updates(id), 2);
    let group = world.group(id);
    let update = *group.texts().last().unwrap();
    assert!(update.contains("*Assigned to* Ana Ruiz") && !update.contains("Jo Park"), "{update}");
    assert!(!update.contains("Taken"), "{update}");
}
