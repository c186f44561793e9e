//! Thousands of alerts in a minute: those that belong together are one room, those that do not keep the budget.
//!
//! As many as `WARROOM_STORM` says, or a thousand; `.ci/run` says ten thousand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warroom::clock::{SignedDuration, Timestamp, later};
use warroom::store::IncidentQuery;

use crate::harness::{ADA, BEN, CLEO, DAN, Options, TOKEN, World, firing};
use crate::sweep::times;

/// Alerts in one body.
const BODY: u64 = 100;

/// The shipped defaults of a number.
const USUAL: &str = ", rooms_burst: 3, rooms_gap: 1m";

/// A source that makes an incident of each alert.
const EACH: &str = "  each:\n    kind: alertmanager\n    incident_per: alert\n    verify: { bearer: a-token-for-the-tests-only }";

fn alerts() -> u64 {
    times("WARROOM_STORM", 1000)
}

/// A body of many alerts, the `n`-th. Each is a cut list, because a whole one would name what it told before once
/// more.
fn body(n: u64) -> Value {
    let mut body = firing("Storm");
    body["truncatedAlerts"] = json!(1);
    let one = body["alerts"][0].clone();
    let alerts: Vec<Value> = (n * BODY..(n + 1) * BODY)
        .map(|number| {
            let mut alert = one.clone();
            alert["labels"]["pod"] = json!(format!("pod-{number}"));
            alert["annotations"]["summary"] = json!(format!("Pod {number} is broken"));
            alert["fingerprint"] = json!(format!("{number:016x}"));
            alert
        })
        .collect();
    body["alerts"] = json!(alerts);
    body
}

/// What a storm was like.
struct Storm {
    world: World,
    slowest: Duration,
    began: Instant,
}

impl Storm {
    /// All bodies within a virtual minute, to `source`, while the worker does what is due.
    async fn rage(options: Options, source: &str) -> Self {
        let world = World::with(options).await;
        let (began, mut slowest) = (Instant::now(), Duration::ZERO);
        let bodies = alerts() / BODY;
        for n in 0..bodies {
            let body = body(n);
            let post = async {
                let sent = Instant::now();
                let address = format!("http://{}/hooks/{source}", world.public);
                let answer = world.http.post(address).bearer_auth(TOKEN).json(&body).send().await.unwrap();
                assert_eq!(answer.status().as_u16(), 200);
                sent.elapsed()
            };
            let (took, ()) = tokio::join!(post, world.work());
            slowest = slowest.max(took);
            let millis = i64::try_from(60_000 / bodies).unwrap();
            world.clock.advance(SignedDuration::from_millis(millis));
        }
        Self { world, slowest, began }
    }

    /// A sender gives up after a few seconds, and then the alert comes again and again.
    fn assert_quick(&self) {
        assert!(self.slowest < Duration::from_secs(3), "{:?}", self.slowest);
    }

    fn print(&self, what: &str) {
        println!(
            "{} alerts {what}: {} groups, slowest answer {:?}, {:?} in all, peak memory {} MiB",
            alerts(),
            self.world.sandbox.groups().len(),
            self.slowest,
            self.began.elapsed(),
            peak_memory()
        );
    }
}

/// Of this process with its simulator, in MiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[tokio::test]
async fn a_storm_of_alerts_that_belong_together_is_one_room_and_a_handful_of_messages() {
    let storm = Storm::rage(Options { budget: USUAL, ..Options::default() }, "prometheus").await;
    storm.world.pass(600).await;
    let group = storm.world.group("INCIDENT-1");
    assert_eq!(storm.world.sandbox.groups().len(), 1);
    let firing = storm.world.dossier("INCIDENT-1").await.incident.firing_count();
    assert_eq!(u64::from(firing), alerts());
    assert!(group.texts().len() <= 5, "{:#?}", group.texts());
    let last = group.texts().last().map(|text| (*text).to_owned()).unwrap();
    assert!(last.contains(&format!("at least {}", alerts())), "{last}");
    storm.assert_quick();
    storm.print("that belong together");
}

#[tokio::test]
async fn a_storm_of_alerts_that_do_not_belong_together_keeps_the_budget() {
    let options =
        Options { budget: USUAL, messages_per_minute: 30, sources: EACH.to_owned(), ..Options::default() };
    let storm = Storm::rage(options, "each").await;
    let world = &storm.world;
    let minutes = 10;
    world.pass(minutes * 60).await;
    let all = world.store.incidents(IncidentQuery { state: None, limit: 20_000 }).await.unwrap();
    let firing: u64 = all.iter().map(|s| u64::from(s.incident.firing_count())).sum();
    assert_eq!(firing, alerts(), "none is lost");
    assert!(all.len() <= 12, "{} incidents: more than that at once are one", all.len());
    let room_of = |n: usize| all[n].room.as_ref().unwrap();
    for room in (0..all.len()).map(room_of) {
        let housed = room.phase.group().is_some();
        assert!(
            housed || room.seats.iter().all(|s| room.is_told(&s.who.person)),
            "{}: {:?}",
            room.incident,
            room.seats
        );
    }
    let texts = |digits: &str| world.sandbox.chat(digits).len();
    for digits in [ADA, BEN, CLEO, DAN] {
        assert!(texts(digits) <= 12, "{} messages", texts(digits));
    }
    let said: usize = world.sandbox.groups().iter().map(|g| g.texts().len()).sum();
    assert!(said <= 200, "{said} messages in the groups");
    storm.assert_quick();
    storm.print("that do not belong together");
    assert!(peak_memory() < 1024, "{} MiB", peak_memory());
    world.pass(3600).await;
    let made: Vec<Timestamp> = world.sandbox.creations().iter().map(|c| c.at).collect();
    for first in &made {
        let hour = later(*first, SignedDuration::from_hours(1));
        assert!(made.iter().filter(|at| *at >= first && **at < hour).count() <= 6);
    }
    storm.print("that do not belong together, an hour later");
}
