//! Told to stop: the step in hand is finished, nothing is begun, nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use warroom::clock::SignedDuration;
use warroom::room::{PhaseName, Room};
use warroom::sandbox::{Fault, FaultKind, Operation};
use warroom::store::Store;
use warroom::store::sqlite::Sqlite;

use super::{Place, Process, until};

async fn room(place: &Place, id: &str) -> Room {
    let store = Store::over(Arc::new(Sqlite::open(&place.path("warroom.db")).unwrap()));
    store.dossier(id.parse().unwrap()).await.unwrap().unwrap().room.unwrap()
}

/// A bridge in the middle of making a group whose answer is `kind`; the group is made all the same.
async fn caught_in_create(place: &Place, kind: FaultKind) -> (Process, String) {
    place.sandbox.add_fault(Fault::on(Operation::CreateGroup, kind).after_effect());
    let (bridge, address) = place.serve().await;
    let id = place.fire(address, "stop").await;
    until("the create is called", || (place.sandbox.faults()[0].struck == 1).then_some(())).await;
    (bridge, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_call_in_hand_is_finished_before_the_end() {
    let wait = SignedDuration::from_millis(1500);
    for (kind, phase) in [
        // The true answer comes late, and is stored.
        (FaultKind::SlowDrip { wait }, PhaseName::Live),
        // No true answer comes: that nobody knows is stored.
        (FaultKind::Hang { wait }, PhaseName::Unsure),
    ] {
        let place = Place::new(5).await;
        let (bridge, id) = caught_in_create(&place, kind).await;
        bridge.terminate();
        let ended = bridge.ended().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("stopped;"), "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "data only: {}", ended.stdout);

        assert_eq!(room(&place, &id).await.phase.name(), phase);
        let texts = place.groups(&id)[0].texts().len();
        assert_eq!(texts, 0, "nothing was begun any more");
        let (bridge, _) = place.serve().await;
        place.briefed(&id).await;
        bridge.kill();
        place.assert_one_briefed_group(&id);
        assert_eq!(place.sandbox.creations().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once_and_still_nothing_is_lost_or_doubled() {
    let place = Place::new(3).await;
    let wait = SignedDuration::from_secs(30);
    let (bridge, id) = caught_in_create(&place, FaultKind::Hang { wait }).await;
    bridge.terminate();
    until("it says that it stops", || bridge.log().contains("a second signal").then_some(())).await;
    bridge.terminate();
    let ended = bridge.ended().await;
    assert_eq!(ended.code, Some(130), "not the end that waits: {}", ended.stderr);

    assert_eq!(room(&place, &id).await.phase.name(), PhaseName::Creating);
    let (bridge, _) = place.serve().await;
    place.briefed(&id).await;
    bridge.kill();
    place.assert_one_briefed_group(&id);
    assert_eq!(place.sandbox.creations().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_at_rest_stops_soon_even_with_idle_connections() {
    let place = Place::new(2).await;
    let (bridge, address) = place.serve().await;
    // One kept alive after an answer, one that never says anything.
    let health = place.http.get(format!("http://{address}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let begun = std::time::Instant::now();
    bridge.terminate();
    let ended = bridge.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}: {}", begun.elapsed(), ended.stderr);
    drop((health, silent));
}
