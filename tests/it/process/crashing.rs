//! Killed without warning at random moments, over and over, as the image runs it: what was answered 200 is done,
//! once, and what was in hand goes on at once.
//!
//! `WARROOM_KILLS=200 cargo test --locked --test it -- process::crashing --nocapture` kills more often and shows how
//! long rooms waited.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use warroom::clock::{Clock, SignedDuration, SystemClock, Timestamp};
use warroom::room::PhaseName;
use warroom::sandbox::{Fault, FaultKind, Operation};
use warroom::store::sqlite::Sqlite;
use warroom::store::{IncidentQuery, Store};

use super::{Place, until};
use crate::sweep::times;

/// Kills, unless the environment says how many.
const KILLS: u64 = 20;
/// A group with its welcome and its members takes about so long here, in milliseconds.
const CREATION: u64 = 900;
/// What was in hand goes on within this time after the next one is ready.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);

/// A room without its welcome when its bridge was killed.
struct Unfinished {
    incident: i64,
    phase: &'static str,
}

fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

/// Those without a welcome, though something is to be done for them.
async fn unfinished(place: &Place, rows: &Connection) -> Vec<Unfinished> {
    let store = Store::over(Arc::new(Sqlite::open(&place.path("warroom.db")).unwrap()));
    let all = store.incidents(IncidentQuery { state: None, limit: 1000 }).await.unwrap();
    let mut found = Vec::new();
    for (incident, room) in all.into_iter().filter_map(|summary| Some((summary.incident, summary.room?))) {
        let sql = "SELECT wake_at FROM rooms WHERE incident = ?1";
        let wake_at: Option<i64> = rows.query_row(sql, [incident.id.0], |r| r.get(0)).unwrap();
        if wake_at.is_some() && !room.is_briefed() {
            found.push(Unfinished { incident: incident.id.0, phase: room.phase.name().as_str() });
        }
    }
    found
}

/// When the first call for an incident after `since` was written down.
fn called_at(store: &Connection, incident: i64, since: Timestamp) -> Option<Timestamp> {
    let sql = "SELECT min(at) FROM journal WHERE incident = ?1 AND kind = 'intent' AND at >= ?2";
    let at: Option<i64> = store.query_row(sql, [incident, since.as_millisecond()], |r| r.get(0)).unwrap();
    at.map(moment)
}

/// Numbers from the machine's clock, good enough to hit another moment each time.
fn some_millis(below: u64) -> Duration {
    let now = u64::try_from(SystemClock.now().as_millisecond()).unwrap();
    Duration::from_millis((now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % below)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_200_gets_its_one_group_however_often_the_bridge_is_killed() {
    let kills = usize::try_from(times("WARROOM_KILLS", KILLS)).unwrap();
    let place = Place::for_rooms(kills).await;
    for operation in [Operation::CreateGroup, Operation::SendText, Operation::ListParticipantsV2] {
        let wait = SignedDuration::from_millis(150);
        place.sandbox.add_fault(Fault::on(operation, FaultKind::SlowDrip { wait }).after_effect().always());
    }
    let (mut ids, mut waits, mut phases) = (Vec::new(), Vec::new(), BTreeMap::new());
    let (mut bridge, mut address) = place.serve_as_the_image().await;
    for n in 0..kills {
        ids.push(place.fire(address, &format!("kill-{n}")).await);
        tokio::time::sleep(some_millis(CREATION)).await;
        bridge.kill();
        let killed_at = SystemClock.now();
        let store = Connection::open(place.path("warroom.db")).unwrap();
        let open = unfinished(&place, &store).await;
        (bridge, address) = place.serve_as_the_image().await;
        let url = format!("http://{address}/readyz");
        let ready = place.http.get(&url).send().await.unwrap().status();
        assert_eq!(ready, 200, "{}", bridge.log());
        let ready_at = SystemClock.now();
        for room in open {
            let name = format!("INCIDENT-{} ({}) goes on", room.incident, room.phase);
            let at = until(&name, || called_at(&store, room.incident, killed_at)).await;
            waits.push(at.duration_since(ready_at).max(SignedDuration::ZERO));
            *phases.entry(room.phase).or_insert(0) += 1;
        }
    }
    waits.sort();
    let share = |hundredths: usize| waits.get(waits.len().saturating_sub(1) * hundredths / 100).copied();
    println!(
        "{kills} kills, {} unfinished rooms {phases:?}; first call after ready: median {:?}, 90 % {:?}, \
         99 % {:?}, longest {:?}",
        waits.len(),
        share(50),
        share(90),
        share(99),
        share(100)
    );
    let late: Vec<_> = waits.iter().filter(|wait| **wait >= AT_ONCE).collect();
    assert!(late.is_empty(), "{late:?}");
    let wanted: Vec<String> = (1..=ids.len()).map(|n| format!("INCIDENT-{n}")).collect();
    assert_eq!(ids, wanted, "no alert was forgotten and none was taken for another");

    let store = Store::over(Arc::new(Sqlite::open(&place.path("warroom.db")).unwrap()));
    for id in &ids {
        place.briefed(id).await;
        // A welcome whose answer was lost is in the group before the bridge has found it there again.
        place.recorded_as_briefed(&store, id).await;
    }
    bridge.terminate();
    let ended = bridge.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(place.sandbox.groups().len(), ids.len(), "one incident, one group");
    let mut seats = BTreeMap::new();
    for id in &ids {
        let groups = place.groups(id);
        assert_eq!(groups.len(), 1, "{id}");
        let welcomes = groups[0].texts().iter().filter(|text| text.contains("needs you here")).count();
        assert_eq!(welcomes, 1, "{id}: {:?}", groups[0].texts());
        let dossier = store.dossier(id.parse().unwrap()).await.unwrap().unwrap();
        let room = dossier.room.unwrap();
        assert_eq!(room.phase.name(), PhaseName::Live, "{id}");
        assert_eq!(room.phase.group().unwrap().to_string(), groups[0].id, "{id}");
        assert!(room.is_briefed() && dossier.duplicates.is_empty(), "{id}");
        for seat in &room.seats {
            *seats.entry(seat.words()).or_insert(0) += 1;
        }
    }
    println!("people: {seats:?}");
}
