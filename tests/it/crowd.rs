//! Many at once: the most urgent room comes first, a number that hangs holds up nobody else, and more incidents than
//! anybody could make groups for are one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use warroom::clock::{Clock, SignedDuration};
use warroom::incident::State;
use warroom::sandbox::{Engine, Fault, FaultKind, Operation};
use warroom::store::{IncidentQuery, Summary};

use crate::budget::{digits, roster};
use crate::gates::{Gate, Gates, Moment};
use crate::harness::{Options, TOKEN, World, firing};
use crate::place::Place;

/// As many groups as one may ask for, all at once.
const LAVISH: &str = ", rooms_burst: 60, rooms_gap: 0s";
/// The shipped defaults of a number.
const USUAL: &str = ", rooms_burst: 3, rooms_gap: 1m";
/// A source that makes an incident of each alert.
const EACH: &str = "  each:\n    kind: alertmanager\n    incident_per: alert\n    verify: { bearer: a-token-for-the-tests-only }";

/// Longer than anything here takes that does not hang.
const SOON: Duration = Duration::from_secs(3);

/// Alerts `Down00` and so on, each with a route and `people` persons of its own, and `Vital` with another one's.
fn routes(count: usize, people: usize, vital: bool) -> String {
    let of = |n: usize| (n * people..(n + 1) * people).collect::<Vec<_>>();
    let mut routes: Vec<(String, Vec<usize>, bool)> =
        (0..count).map(|n| (format!("Down{n:02}"), of(n), false)).collect();
    routes.push(("Vital".to_owned(), of(count), vital));
    roster((count + 1) * people, &routes)
}

/// A world with living rooms that all have something to read now, and nothing urgent.
async fn many_with_upkeep(count: usize) -> World {
    let options =
        Options { roster: routes(count, 1, false), rooms_per_hour: 60, budget: LAVISH, ..Options::default() };
    let world = World::with(options).await;
    for n in 0..count {
        world.fire(&format!("Down{n:02}")).await;
    }
    world.pass(120).await;
    world.clock.advance(SignedDuration::from_hours(1));
    world
}

#[tokio::test]
async fn the_newest_gets_its_group_before_the_upkeep_of_all_others() {
    let world = many_with_upkeep(40).await;
    let before = world.sandbox.calls().len();
    let newest = world.fire("Vital").await;
    world.work().await;
    let calls: Vec<_> = world.sandbox.calls()[before..].iter().filter_map(|call| call.operation).collect();
    let create = calls.iter().position(|call| *call == Operation::CreateGroup).unwrap();
    // The twelve rooms whose work can wait are read at once; to make a group waits for a commit.
    assert!(create < 24, "behind {create} of {} calls", calls.len());
    assert!(calls.len() > 40, "there was something to do for the others");
    assert!(world.room(&newest).await.is_briefed());
}

#[tokio::test]
async fn calls_of_upkeep_that_hang_leave_slots_for_what_is_urgent() {
    let world = many_with_upkeep(20).await;
    let hangs = FaultKind::Hang { wait: SignedDuration::from_secs(4) };
    let fault = Fault { times: None, ..Fault::on(Operation::ListParticipantsV2, hangs) };
    world.sandbox.add_fault(fault);
    let (stop, before) = (CancellationToken::new(), world.sandbox.calls().len());
    let story = async {
        until(|| world.sandbox.calls().len() >= before + 12).await;
        world.fire("Vital").await;
        let made = tokio::time::timeout(SOON, until(|| world.sandbox.creations().len() == 21)).await;
        stop.cancel();
        made.expect("its group is made while the others' calls hang");
    };
    tokio::join!(world.bridge.worker.run(&stop), story);
}

/// Waits for a condition.
async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// While the first group is made, to lease rooms that are due takes for ever; it is made only after that has begun.
#[derive(Debug, Default)]
struct StuckStore {
    calls: AtomicBool,
    is_calling: Notify,
    is_stuck: Notify,
}

#[async_trait]
impl Gate for StuckStore {
    async fn pass(&self, what: &'static str, moment: Moment) {
        match (what, moment) {
            ("lease_rooms", Moment::After) if self.calls.load(Ordering::SeqCst) => {
                self.is_stuck.notify_one();
                std::future::pending::<()>().await;
            }
            ("create_group", Moment::Before) => {
                self.calls.store(true, Ordering::SeqCst);
                self.is_calling.notify_one();
                self.is_stuck.notified().await;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn answers_are_read_while_the_store_is_asked_what_is_due() {
    let place = Place::on(Engine::Webjs).await;
    let stuck = Arc::new(StuckStore::default());
    let gate: Arc<dyn Gate> = stuck.clone();
    let process = place.start(&gate);
    let free: Arc<dyn Gate> = Gates::new(&[], &[]);
    let other = place.start(&free);
    let stop = CancellationToken::new();
    let story = async {
        process.post(&firing("One")).await;
        // Another, that somebody else has taken in, is leased while the first is in hand.
        stuck.is_calling.notified().await;
        other.post(&firing("Two")).await;
        process.bridge.worker.wake_worker.notify_one();
        let briefed = || place.sandbox.groups().iter().any(|group| !group.texts().is_empty());
        tokio::time::timeout(SOON, until(briefed)).await.expect("the first room is made and briefed");
    };
    // The look that is stuck is never waited for.
    tokio::select! { () = process.bridge.worker.run(&stop) => {} () = story => {} }
}

#[tokio::test]
async fn a_hook_that_changes_nothing_wakes_nobody() {
    use futures_util::FutureExt;
    let world = World::new().await;
    let wake_worker = &world.bridge.receiver.wake_worker;
    world.fire("Down").await;
    assert!(wake_worker.notified().now_or_never().is_some(), "a room is wanted");
    let (_, receipt) = world.post(&firing("Down")).await;
    assert_eq!(receipt["incidents"][0]["outcome"], "repeated");
    assert!(wake_worker.notified().now_or_never().is_none());
    world.resolve("Down").await;
    assert!(wake_worker.notified().now_or_never().is_some(), "the room has to hear of the end");
}

#[tokio::test]
async fn an_important_one_is_briefed_at_once_in_a_storm_of_others() {
    let options =
        Options { roster: routes(60, 2, true), budget: USUAL, messages_per_minute: 30, ..Options::default() };
    let world = World::with(options).await;
    for n in 0..60 {
        world.fire(&format!("Down{n:02}")).await;
    }
    world.pass(40).await;
    let vital = world.fire("Vital").await;
    // The number may make another group a minute after the burst.
    world.pass(22).await;
    assert!(world.room(&vital).await.is_briefed(), "{:?}", world.room(&vital).await.phase);
    let private: usize = (0..120).map(|person| world.sandbox.chat(&digits(person)).len()).sum();
    assert!((20..=40).contains(&private), "{private} messages to others in a minute and a bit");
}

/// Single alerts in one body.
fn singles(from: usize, count: usize, status: &str) -> Value {
    let mut body = firing("Single");
    let one = body["alerts"][0].clone();
    let alerts: Vec<Value> = (from..from + count)
        .map(|n| {
            let mut alert = one.clone();
            alert["status"] = json!(status);
            alert["labels"]["pod"] = json!(format!("node-{n}"));
            alert["annotations"]["summary"] = json!(format!("Node {n} does not answer"));
            alert["fingerprint"] = json!(format!("{n:016x}"));
            if status == "resolved" {
                alert["endsAt"] = json!("2026-03-02T10:20:00Z");
            }
            alert
        })
        .collect();
    body["status"] = json!(status);
    body["alerts"] = json!(alerts);
    body
}

async fn post_to_each(world: &World, body: &Value) -> Value {
    let address = format!("http://{}/hooks/each", world.public);
    let answer = world.http.post(address).bearer_auth(TOKEN).json(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.json().await.unwrap()
}

async fn all(world: &World) -> Vec<Summary> {
    world.store.incidents(IncidentQuery { state: None, limit: 10_000 }).await.unwrap()
}

#[tokio::test]
async fn more_incidents_at_once_than_groups_could_be_made_for_are_one() {
    let people = "people:\n  ada: { name: Ada, phone: \"+15550100001\", opted_in: true }\n  \
                  vera: { name: Vera, phone: \"+15550100009\", opted_in: true }\n\
                  routes:\n  - name: vital\n    match: [ 'alertname = Vital' ]\n    invite: { commander: [ vera ] }\n\
                  fallback:\n  invite: { commander: [ ada ] }\n";
    let options = Options {
        roster: people.to_owned(),
        sources: EACH.to_owned(),
        budget: USUAL,
        messages_per_minute: 30,
        ..Options::default()
    };
    let world = World::with(options).await;
    let receipt = post_to_each(&world, &singles(0, 500, "firing")).await;
    let last = receipt["incidents"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["id"], &last["outcome"]), (&json!("INCIDENT-1"), &json!("updated")), "{last}");
    assert_eq!(all(&world).await.len(), 12);
    let vital = world.fire("Vital").await;
    world.pass(20).await;
    let vera = world.sandbox.chat("15550100009");
    assert!(world.room(&vital).await.is_briefed() || !vera.is_empty(), "the next one is heard at once");

    // It is told with a list and a count, and nothing of it is lost.
    world.pass(40).await;
    let first = world.dossier("INCIDENT-1").await.incident;
    assert_eq!(first.firing_count(), 489);
    assert!(
        first.summary.starts_with("And 488 more at once from the same source and route"),
        "{}",
        first.summary
    );
    post_to_each(&world, &singles(500, 3, "firing")).await;
    let repeated = post_to_each(&world, &singles(400, 1, "firing")).await;
    assert_eq!(repeated["incidents"][0]["outcome"], "repeated");
    world.pass(600).await;
    let group = world.group("INCIDENT-1");
    let texts = group.texts().join("\n");
    assert!(texts.contains("489 alerts") && texts.contains("492 alerts"), "{texts}");
    assert!(texts.contains("Node 500 does not answer"), "{texts}");
    assert_eq!(all(&world).await.len(), 13);

    // Each end is an end there, and what begins after all that is an incident of its own.
    post_to_each(&world, &singles(12, 491, "resolved")).await;
    assert_eq!(world.dossier("INCIDENT-1").await.incident.firing_count(), 1);
    post_to_each(&world, &singles(0, 12, "resolved")).await;
    let open: Vec<_> = all(&world).await.into_iter().filter(|s| s.incident.state == State::Open).collect();
    assert_eq!(open.len(), 1, "only Vital");
    world.pass(2 * 3600).await;
    let receipt = post_to_each(&world, &singles(444, 1, "firing")).await;
    assert_eq!(
        (&receipt["incidents"][0]["id"], &receipt["incidents"][0]["outcome"]),
        (&json!("INCIDENT-14"), &json!("opened"))
    );
    world.assert_sound("INCIDENT-1").await;
    assert!(world.clock.now() > first.opened_at);
}

/// An Alertmanager's complete list of its group: these fire, those have ended.
fn list(firing_now: &[&str], ended: &[&str]) -> Value {
    let mut body = firing("Listed");
    let one = body["alerts"][0].clone();
    let alert = |name: &&str, status: &str| {
        let mut alert = one.clone();
        alert["status"] = json!(status);
        alert["labels"]["pod"] = json!(name);
        alert["fingerprint"] =
            json!(format!("{:016x}", name.bytes().fold(3u64, |h, b| h * 31 + u64::from(b))));
        if status == "resolved" {
            alert["endsAt"] = json!("2026-03-02T10:00:00Z");
        }
        alert
    };
    let alerts =
        firing_now.iter().map(|n| alert(n, "firing")).chain(ended.iter().map(|n| alert(n, "resolved")));
    body["alerts"] = json!(alerts.collect::<Vec<_>>());
    body
}

#[tokio::test]
async fn what_has_ended_is_not_read_again_for_a_complete_list() {
    let world = World::new().await;
    world.post(&list(&["one", "two"], &[])).await;
    world.clock.advance(SignedDuration::from_secs(120));
    world.post(&list(&["two"], &["one"])).await;
    let db = rusqlite::Connection::open(world.folder.path().join("store.db")).unwrap();
    // Whoever reads it can do nothing with it.
    let spoilt = db.execute("UPDATE alerts SET doc = 'spoilt' WHERE doc LIKE '%\"resolved\"%'", []).unwrap();
    assert_eq!(spoilt, 1);
    world.clock.advance(SignedDuration::from_secs(120));
    let (status, receipt) = world.post(&list(&["two", "three"], &[])).await;
    assert_eq!((status, &receipt["incidents"][0]["outcome"]), (200, &json!("updated")), "{receipt}");
    assert_eq!(world.dossier("INCIDENT-1").await.incident.firing_count(), 2);
}
