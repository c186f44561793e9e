//! Killed without warning, over and over: what was answered 200 is done, once.

use warroom::room::PhaseName;
use warroom::store::Store;
use warroom::store::sqlite::Sqlite;

use super::{Place, until};

/// Kills right after a 200.
const AT_ONCE: usize = 20;
/// Kills after the first, second, … gateway call.
const IN_THE_WORK: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_200_gets_its_one_group_however_often_the_bridge_is_killed() {
    let place = Place::new(1).await;
    let mut ids = Vec::new();
    for n in 0..AT_ONCE + IN_THE_WORK {
        let (bridge, address) = place.serve().await;
        let calls = place.sandbox.calls().len();
        ids.push(place.fire(address, &format!("kill-{n}")).await);
        if let Some(more) = (n + 1).checked_sub(AT_ONCE) {
            until("the bridge calls", || (place.sandbox.calls().len() >= calls + more).then_some(())).await;
        }
        bridge.kill();
    }
    let wanted: Vec<String> = (1..=ids.len()).map(|n| format!("INCIDENT-{n}")).collect();
    assert_eq!(ids, wanted, "no alert was forgotten and none was taken for another");

    let (bridge, _) = place.serve().await;
    let store = Sqlite::open(&place.path("warroom.db")).unwrap();
    for id in &ids {
        place.briefed(id).await;
        // A welcome whose answer was lost is in the group before the bridge has found it there again.
        place.recorded_as_briefed(&store, id).await;
    }
    bridge.terminate();
    let ended = bridge.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for id in &ids {
        place.assert_one_briefed_group(id);
    }
    assert_eq!(place.sandbox.groups().len(), ids.len());
    for id in &ids {
        let dossier = store.dossier(id.parse().unwrap()).await.unwrap().unwrap();
        let room = dossier.room.unwrap();
        assert_eq!(room.phase.name(), PhaseName::Live, "{id}");
        assert_eq!(room.phase.group().unwrap().to_string(), place.groups(id)[0].id, "{id}");
        assert!(room.is_briefed() && dossier.orphans.is_empty(), "{id}");
    }
}
