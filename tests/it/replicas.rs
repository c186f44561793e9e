//! Processes that share a store: nothing is done twice, nothing is lost with one of them, and whoever was only stopped
//! keeps its hands off.

use std::sync::Arc;
use std::time::Duration;

use warroom::clock::{Clock, SignedDuration, TestClock, Timestamp, later};
use warroom::store::{Slots, Store};

use crate::database::is_postgres;
use crate::harness::{Options, World, firing};

const ROSTER: &str = "the hash of a roster";

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Another process on the same store.
fn another(world: &World) -> Store {
    Store::shared(world.kept.open().database())
}

/// Says that these are there, again and again for so long.
async fn stay(clock: &TestClock, length: i64, stores: &[&Store]) -> usize {
    let mut gone = 0;
    for _ in 0..length / 2 {
        clock.advance(seconds(2));
        for store in stores {
            gone += store.say_present(ROSTER.to_owned(), clock.now()).await.unwrap();
        }
    }
    gone
}

async fn rooms_due(store: &Store, now: Timestamp) -> usize {
    store.lease_rooms(now, Slots::any(10), seconds(120)).await.unwrap().len()
}

#[tokio::test]
async fn what_a_replica_had_in_hand_is_free_once_it_was_not_heard_of_for_a_while() {
    let world = World::new().await;
    let (a, b) = (another(&world), another(&world));
    stay(&world.clock, 20, &[&a, &b]).await;
    world.post(&firing("Down")).await;
    assert_eq!(rooms_due(&a, world.clock.now()).await, 1);
    assert_eq!(stay(&world.clock, 12, &[&b]).await, 0);
    assert_eq!(rooms_due(&b, world.clock.now()).await, 0);
    // One that has only begun frees it as well.
    let c = another(&world);
    assert_eq!(stay(&world.clock, 2, &[&c, &b]).await, 1);
    assert_eq!(rooms_due(&b, world.clock.now()).await, 1);
    // It was only stopped, and is one of them again.
    stay(&world.clock, 2, &[&a, &b]).await;
    assert_eq!(b.replicas(world.clock.now()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn after_an_outage_of_the_store_everybody_is_given_the_time_to_come_back() {
    let world = World::new().await;
    let (a, b) = (another(&world), another(&world));
    stay(&world.clock, 20, &[&a, &b]).await;
    world.post(&firing("Down")).await;
    assert_eq!(rooms_due(&a, world.clock.now()).await, 1);
    world.clock.advance(seconds(60));
    assert_eq!(stay(&world.clock, 10, &[&b]).await, 0);
    assert_eq!(stay(&world.clock, 4, &[&a, &b]).await, 0, "it is back");
    assert_eq!(rooms_due(&b, world.clock.now()).await, 0);
}

#[tokio::test]
async fn whoever_was_not_heard_of_makes_no_call() {
    let mut world = World::new().await;
    let store = another(&world);
    Arc::get_mut(&mut world.bridge.worker).unwrap().store = store.clone();
    stay(&world.clock, 2, &[&store]).await;
    let id = world.fire("Down").await;
    world.clock.advance(seconds(8));
    world.work().await;
    assert!(world.groups(&id).is_empty());
    stay(&world.clock, 2, &[&store]).await;
    world.work().await;
    assert_eq!(world.groups(&id).len(), 1);
}

#[tokio::test]
async fn one_does_what_is_done_once_and_another_goes_on_when_it_is_gone() {
    let world = World::new().await;
    let (a, b) = (another(&world), another(&world));
    let now = world.clock.now();
    let take =
        async |store: &Store, now| store.take_duty("letters", now, later(now, seconds(15))).await.unwrap();
    assert!(take(&a, now).await && take(&a, now).await);
    assert!(!take(&b, now).await);
    assert!(!take(&b, later(now, seconds(14))).await && take(&a, later(now, seconds(14))).await);
    assert!(take(&b, later(now, seconds(29))).await && !take(&a, later(now, seconds(29))).await);
    b.leave().await.unwrap();
    assert!(take(&a, later(now, seconds(29))).await);
    assert!(
        world.store.take_duty("letters", now, now).await.unwrap(),
        "whoever has a store to itself does it all"
    );
}

/// With two connections that would be in each other's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hooks_at_two_replicas_at_once_are_as_hooks_at_one() {
    const EACH: usize = 20;
    let world = World::new().await;
    let other = world.another().await;
    let mut posts = Vec::new();
    for n in 0..EACH {
        for (to, name) in [(&world, format!("A{n}")), (&other, format!("B{n}"))] {
            posts.push((to, firing(&name)));
        }
        // One alert at both.
        posts.extend([(&world, firing("Both")), (&other, firing("Both"))]);
    }
    // On a busy machine some have to come again.
    let until_taken = async |to: &World, body| loop {
        match to.post(body).await {
            (200, receipt) => return receipt,
            (status, problem) => assert_eq!(status, 503, "{problem}"),
        }
    };
    let answers = posts.iter().map(|(to, body)| until_taken(to, body));
    let answers = futures_util::future::join_all(answers).await;
    let mut opened: Vec<String> = Vec::new();
    for receipt in &answers {
        let incident = &receipt["incidents"][0];
        if incident["outcome"] == "opened" {
            opened.push(incident["id"].as_str().unwrap().to_owned());
        }
    }
    opened.sort();
    let all = opened.len();
    opened.dedup();
    assert_eq!(opened.len(), all, "no two incidents have one number");
    let incidents = "SELECT count(*) FROM incidents";
    let distinct = "SELECT count(DISTINCT key) FROM incidents";
    assert_eq!(world.kept.number(incidents), world.kept.number(distinct), "and none is there twice");
    assert!(world.kept.number("SELECT count(*) FROM receipts") >= i64::try_from(answers.len()).unwrap());
    assert_eq!(world.kept.number("SELECT max(number) FROM incidents"), world.kept.number(incidents));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_workers_at_once_make_one_group_each_and_keep_the_budget() {
    let world = World::with(Options { rooms_per_hour: 3, ..Options::default() }).await;
    let other = world.another().await;
    let mut ids = Vec::new();
    for n in 0..8 {
        ids.push(world.fire(&format!("Down{n}")).await);
    }
    let (one, two) = tokio::join!(world.bridge.worker.run_until_idle(), other.bridge.worker.run_until_idle());
    one.unwrap();
    two.unwrap();
    assert_eq!(world.sandbox.groups().len(), 3);
    assert!(ids.iter().all(|id| world.groups(id).len() <= 1));
}

#[tokio::test]
async fn a_worker_is_woken_by_what_another_replica_has_made_due() {
    if !is_postgres() {
        return;
    }
    let world = World::new().await;
    let (a, b) = (another(&world), another(&world));
    let woken = async || tokio::time::timeout(Duration::from_secs(30), b.woken()).await.unwrap();
    // Once when it begins to listen: something may have been due before.
    woken().await;
    a.wake_others();
    woken().await;
}
