//! A row that cannot be read is set aside, shown and counted, and stops nothing else.

use serde_json::json;
use warroom::clock::{Clock, SignedDuration};
use warroom::gateway::GatewayError;
use warroom::number::{Asked, Sign};
use warroom::room::PhaseName;

use crate::events;
use crate::harness::{ADA, Options, World, firing};
use crate::odd_gateway::OddGateway;

/// What stands in a row that a disk or a hand has spoiled: no JSON, JSON of something else, no text at all.
const SPOILT: [&str; 3] = ["'{\"half'", "'{}'", "x'ff00fe'"];

impl World {
    fn spoil(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap();
        assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
    }

    /// The operators' page, and what it counts as set aside.
    async fn set_aside(&self) -> (String, String) {
        let get = async |path: &str| {
            let answer = self.http.get(format!("http://{}{path}", self.operator)).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.text().await.unwrap()
        };
        for path in ["/api/incidents", "/people", "/api/people"] {
            get(path).await;
        }
        let page = get("/").await;
        let metrics = get("/metrics").await;
        let count = metrics.lines().find_map(|line| line.strip_prefix("warroom_rows_aside ")).unwrap();
        (page, count.to_owned())
    }

    /// Other incidents get their rooms, and a number that comes back wakes rooms.
    async fn goes_on(&self, name: &str) {
        let id = self.fire(name).await;
        self.work().await;
        assert!(self.room(&id).await.is_briefed(), "{name}");
        let down = GatewayError::SessionDown { detail: "FAILED".to_owned() };
        for sign in [Sign::Failed(Asked::Effect, down), Sign::Worked(Asked::Effect)] {
            let (now, minute) = (self.clock.now(), SignedDuration::from_mins(1));
            self.store.note_number("main", sign, minute, now).await.unwrap();
        }
        self.bridge.worker.write_letters().await.unwrap();
    }
}

#[tokio::test]
async fn a_room_that_cannot_be_read_is_set_aside() {
    for (n, spoilt) in SPOILT.iter().enumerate() {
        let world = World::new().await;
        let broken = world.fire("Broken").await;
        world.spoil(&format!("UPDATE room_docs SET doc = {spoilt}"));
        world.goes_on("Sound").await;
        let (page, count) = world.set_aside().await;
        assert!(page.contains("Set aside") && page.contains(&format!("room, {broken}")), "{n}: {page}");
        assert_eq!(count, "1", "{n}");
        assert_eq!(world.groups(&broken).len(), 0);
        // What is told of it still finds it, and the console shows what can be read.
        world.resolve("Broken").await;
        assert_eq!(world.dossier(&broken).await.room, None);
    }
}

#[tokio::test]
async fn an_incident_that_cannot_be_read_is_followed_by_a_fresh_one_of_its_key() {
    for spoilt in SPOILT {
        let world = World::new().await;
        let broken = world.fire("Down").await;
        world.work().await;
        world.spoil(&format!("UPDATE incidents SET doc = {spoilt}"));
        let fresh = world.fire("Down").await;
        assert_ne!(fresh, broken, "{spoilt}");
        world.work().await;
        assert_eq!(world.room(&fresh).await.phase.name(), PhaseName::Live);
        // From then on it is that one's.
        world.resolve("Down").await;
        world.goes_on("Sound").await;
        let (page, _) = world.set_aside().await;
        assert!(page.contains(&format!("incident, {broken}")), "{page}");
        assert!(page.contains(&fresh));
    }
}

#[tokio::test]
async fn an_incident_that_cannot_be_read_when_it_is_to_be_closed_keeps_no_other_open() {
    let world = World::new().await;
    world.fire("Broken").await;
    let sound = world.fire("Sound").await;
    world.pass(60).await;
    world.resolve("Broken").await;
    world.resolve("Sound").await;
    world.pass(60).await;
    world.spoil("UPDATE incidents SET doc = 'nothing' WHERE number = 1");
    world.pass(3600).await;
    assert_eq!(world.room(&sound).await.phase.name(), PhaseName::Closed);
}

#[tokio::test]
async fn an_alert_that_cannot_be_read_is_read_anew() {
    for spoilt in SPOILT {
        let world = World::new().await;
        let id = world.fire("Down").await;
        world.pass(10).await;
        world.spoil(&format!("UPDATE alerts SET doc = {spoilt}"));
        world.resolve("Down").await;
        world.pass(10).await;
        assert!(world.group(&id).texts().len() > 1, "its end is told: {:?}", world.group(&id).texts());
    }
}

#[tokio::test]
async fn what_a_room_should_hear_and_was_told_by_the_gateway_may_be_unreadable() {
    for table in ["news", "notices", "journal", "hooks", "receipts"] {
        let world = World::with(Options { events: events::BOTH, ..Options::default() }).await;
        let id = world.fire("Down").await;
        world.pass(20).await;
        events::tell_to(&world);
        world.sandbox.leave(ADA, &world.group(&id).id);
        events::deliver(&world).await;
        world.resolve("Down").await;
        let column = match table {
            "journal" => "note",
            "hooks" => "outcome",
            "receipts" => "answer",
            _ => "doc",
        };
        world.spoil(&format!("UPDATE {table} SET {column} = 'nothing'"));
        world.pass(600).await;
        let mut again = firing("Down");
        again["alerts"][0]["startsAt"] = json!("2026-03-02T10:09:00Z");
        let (status, receipt) = world.post(&again).await;
        assert_eq!((status, &receipt["incidents"][0]["id"]), (200, &json!(id)), "{table}: {receipt}");
        world.pass(20).await;
        assert!(world.updates(&id) > 0, "{table}: what came later is told");
        world.goes_on("Sound").await;
        let page = world.http.get(format!("http://{}/incidents/{id}", world.operator)).send().await.unwrap();
        assert_eq!(page.status(), 200, "{table}");
    }
}

#[tokio::test]
async fn a_room_on_which_work_breaks_off_is_set_aside_until_it_goes_well() {
    let mut world = World::new().await;
    OddGateway::before(&mut world, |call, nth| {
        assert!(!(call == "create_group" && nth == 0), "a mistake in the program");
        None
    });
    let id = world.fire("Broken").await;
    world.work().await;
    let (page, count) = world.set_aside().await;
    assert!(page.contains(&format!("work on a room, {id}")), "{page}");
    assert_eq!(count, "1");
    world.pass(180).await;
    assert!(world.room(&id).await.is_briefed());
    assert_eq!(world.set_aside().await.1, "0");
}

#[tokio::test]
async fn of_somebody_whose_record_cannot_be_read_the_stop_still_counts() {
    let world = World::with(Options { events: events::BOTH, ..Options::default() }).await;
    events::tell_to(&world);
    world.sandbox.say(ADA, &format!("{}@c.us", warroom::sandbox::Setup::BOT_DIGITS), "STOP");
    events::deliver(&world).await;
    world.spoil("UPDATE consents SET doc = 'nothing'");
    let id = world.fire("Down").await;
    world.pass(20).await;
    assert!(!world.group(&id).has(ADA), "{:?}", world.seats(&id).await);
    assert_eq!(world.links_of(ADA), 0);
    world.clock.advance(SignedDuration::from_secs(1));
    world.set_aside().await;
}
