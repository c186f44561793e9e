//! Ten thousand alerts in a minute.

use serde_json::{Value, json};
use warroom::clock::SignedDuration;

use crate::harness::{World, firing};

/// Bodies in the minute, and alerts in each.
const BODIES: usize = 100;
const ALERTS: usize = 100;

/// The n-th body of a group, with alerts of its own.
fn body(n: usize) -> Value {
    let mut body = firing("Storm");
    let alert = body["alerts"][0].clone();
    let alerts = (0..ALERTS).map(|i| {
        let mut alert = alert.clone();
        alert["fingerprint"] = json!(format!("{:016x}", n * ALERTS + i));
        alert["annotations"]["summary"] = json!(format!("Shop {n}-{i} is broken"));
        alert
    });
    body["alerts"] = alerts.collect();
    body
}

#[tokio::test]
async fn ten_thousand_alerts_that_belong_together_are_one_room_and_a_handful_of_messages() {
    let world = World::new().await;
    for n in 0..BODIES {
        let (status, receipt) = world.post(&body(n)).await;
        assert_eq!((status, &receipt["incidents"][0]["id"]), (200, &json!("INCIDENT-1")), "{receipt}");
        world.work().await;
        world.clock.advance(SignedDuration::from_millis(600));
    }
    world.pass(900).await;
    let incident = world.dossier("INCIDENT-1").await.incident;
    assert_eq!(usize::try_from(incident.firing_count()).unwrap(), BODIES * ALERTS, "none is lost");
    let group = world.group("INCIDENT-1");
    assert!(group.texts().len() <= 4, "{} messages", group.texts().len());
    let update = *group.texts().last().unwrap();
    assert!(update.contains("10000 alerts"), "{update}");
    assert!(world.room("INCIDENT-1").await.is_complete());
    world.assert_sound("INCIDENT-1").await;
}
