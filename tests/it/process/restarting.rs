//! Started beside another one, after one that was killed, or over a file that is not its own.

use std::time::{Duration, Instant};

use warroom::clock::SignedDuration;
use warroom::sandbox::{Fault, FaultKind, Operation};

use super::{Place, Process, until};

/// Calls about rooms; the question how a number is does not bring them forward.
fn calls_for_rooms(place: &Place) -> usize {
    let is_for_room = |operation: Option<Operation>| {
        operation.is_some_and(|operation| !matches!(operation.name(), "get_session" | "session_info"))
    };
    place.sandbox.calls().iter().filter(|call| is_for_room(call.operation)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_bridge_had_in_hand_goes_on_within_two_seconds_of_the_next_one() {
    // A lease of a minute.
    let place = Place::new(30).await;
    let wait = SignedDuration::from_secs(30);
    place.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Hang { wait }).after_effect());
    let (bridge, address) = place.serve().await;
    let id = place.fire(address, "killed").await;
    until("the create is called", || (place.sandbox.faults()[0].struck == 1).then_some(())).await;
    bridge.kill();

    let calls = calls_for_rooms(&place);
    let (bridge, _) = place.serve().await;
    let begun = Instant::now();
    until("the room goes on", || (calls_for_rooms(&place) > calls).then_some(())).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {}", begun.elapsed(), bridge.log());
    place.briefed(&id).await;
    bridge.kill();
    place.assert_one_briefed_group(&id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_bridge_over_the_same_store_is_refused_and_commands_that_read_it_are_not() {
    let place = Place::new(5).await;
    let (bridge, address) = place.serve().await;
    let second = Process::start(&["serve", "--config", &place.config()], &[]).ended().await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("another process is using this store"), "{second:?}");
    let check = Process::start(&["check", "--config", &place.config()], &[]).ended().await;
    assert_eq!(check.code, Some(0), "{check:?}");
    // The first one has felt nothing.
    let id = place.fire(address, "two").await;
    place.briefed(&id).await;
    bridge.terminate();
    assert_eq!(bridge.ended().await.code, Some(0));
    let (third, _) = place.serve().await;
    third.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_its_store_is_refused_with_a_sentence_and_left_as_it_is() {
    let table = "CREATE TABLE rooms (incident INTEGER PRIMARY KEY)";
    let older = format!("{table}; PRAGMA user_version = 3");
    let newer = format!("{table}; PRAGMA user_version = 2000000001");
    for (what, sql, says) in [
        ("older", older.as_str(), "made by another version of the program"),
        ("newer", newer.as_str(), "made by another version of the program"),
        ("foreign", table, "this is not a store of warroom"),
        ("no database", "", "file is not a database"),
    ] {
        let place = Place::new(5).await;
        let path = place.path("warroom.db");
        if sql.is_empty() {
            place.write("warroom.db", &"not a database at all ".repeat(100));
        } else {
            rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        }
        let before = std::fs::read(&path).unwrap();
        let refused = Process::start(&["serve", "--config", &place.config()], &[]).ended().await;
        assert_eq!(refused.code, Some(1), "{what}: {refused:?}");
        let line = refused.stderr.lines().find(|line| line.contains(says));
        assert!(line.is_some_and(|line| line.contains("warroom.db")), "{what}: {refused:?}");
        assert!(std::fs::read(&path).unwrap() == before, "{what}: the file is another one now");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new(5).await;
    place.write("warroom.db", "");
    let set = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(place.path("warroom.db"), permissions).unwrap();
    };
    for (mode, warns) in [(0o644, true), (0o600, false)] {
        set(mode);
        let (bridge, _) = place.serve().await;
        assert_eq!(bridge.log().contains("may read the store"), warns, "{mode:o}: {}", bridge.log());
        bridge.kill();
    }
}
