//! A store that fails: nothing is lost by answering too early, and the sender is told to come again.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use warroom::clock::{Clock, Numbers, SignedDuration};
use warroom::receiver::{self, Readiness, Receiver};
use warroom::store::{Database, Found, Happening, Store, StoreError, Stored, Transaction};

use super::{SENDERS, options, world};
use crate::events;
use crate::harness::{BEN, Options, World, listen};

/// How a store takes a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// Refuses at once.
    Down,
    /// Never answers, and has not done it.
    Silent,
    /// Has done it, and never says so.
    DoneAndSilent,
}

/// A database with moods before a real one.
#[derive(Debug)]
struct Moody {
    inner: Arc<dyn Database>,
    mood: Mutex<Mood>,
    refused: AtomicU8,
}

impl Moody {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    /// What a disk says may hold a path; it must not get out.
    fn down(&self) -> StoreError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        StoreError::Unavailable("disk full at /very/private/place".to_owned())
    }
}

#[async_trait]
impl Database for Moody {
    async fn run(&self, transaction: Transaction) -> Stored<Found> {
        let takes_something = ["accept", "take_notices"].contains(&transaction.name);
        if !takes_something && transaction.name != "ready" {
            return self.inner.run(transaction).await;
        }
        match self.mood() {
            Mood::Well => self.inner.run(transaction).await,
            Mood::Down => Err(self.down()),
            Mood::DoneAndSilent if takes_something => {
                self.inner.run(transaction).await?;
                pending().await
            }
            Mood::Silent | Mood::DoneAndSilent => pending().await,
        }
    }
}

/// A store with moods, and two receivers over it that are otherwise the world's own.
struct Outage {
    database: Arc<Moody>,
    /// Waits for the store as long as anybody could.
    patient: SocketAddr,
    /// Hardly waits at all: for stores that never answer.
    impatient: SocketAddr,
    servers: [JoinHandle<()>; 2],
}

impl Drop for Outage {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

impl Outage {
    async fn before(world: &World) -> Self {
        let inner = world.opened.database();
        let database = Arc::new(Moody { inner, mood: Mutex::new(Mood::Well), refused: AtomicU8::new(0) });
        let store = Store::over(database.clone());
        let own = &world.bridge.receiver;
        let receiver = |commit_timeout| Receiver {
            sources: own.sources.clone(),
            event_channels: own.event_channels.clone(),
            alarm: Arc::clone(&own.alarm),
            store: store.clone(),
            roster: own.roster.clone(),
            rules: own.rules,
            most_rooms: own.most_rooms,
            clock: Arc::clone(&own.clock),
            metrics: Arc::clone(&own.metrics),
            wake_worker: Arc::clone(&own.wake_worker),
            certificates: Arc::clone(&own.certificates),
            body_budget: own.body_budget.clone(),
            commit_timeout,
            readiness: Readiness::default(),
            numbers: Numbers::default(),
            handover: Arc::clone(&own.handover),
            troubles: warroom::receiver::Troubles::default(),
            readings: receiver::Readings::default(),
        };
        let patient = receiver(Duration::from_secs(30));
        let impatient = receiver(Duration::from_millis(50));
        let (patient, first) = listen(receiver::router(Arc::new(patient))).await;
        let (impatient, second) = listen(receiver::router(Arc::new(impatient))).await;
        Self { database, patient, impatient, servers: [first, second] }
    }

    /// Changes the mood and says which receiver to ask.
    fn becomes(&self, mood: Mood) -> SocketAddr {
        *self.database.mood.lock().unwrap() = mood;
        match mood {
            Mood::Well | Mood::Down => self.patient,
            Mood::Silent | Mood::DoneAndSilent => self.impatient,
        }
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_asked_for_again_and_is_not_lost() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    for (n, mood) in [Mood::Down, Mood::Silent].into_iter().enumerate() {
        for sender in &SENDERS {
            world.public = outage.becomes(mood);
            let delivery = sender.fire(world.clock.now(), &format!("{}-{n}", sender.name));
            let answer = world.take(&delivery).await;
            answer.assert_problem(503, "unavailable");
            assert_eq!(answer.header("retry-after"), Some("5"), "some senders repeat only if told when");
            assert!(!answer.body.contains("private"), "{answer:?}");
        }
        assert_eq!((world.incidents().await, world.receipts()), (0, 0), "{mood:?}");
    }
    assert_eq!(world.metric("warroom_store_failures_total"), 2 * SENDERS.len() as u64);
    // The sender comes again, with the very same bytes.
    world.public = outage.becomes(Mood::Well);
    for sender in &SENDERS {
        let answer = world.take(&sender.fire(world.clock.now(), &format!("{}-0", sender.name))).await;
        assert_eq!(answer.outcome(), "opened", "{}", sender.name);
    }
}

#[tokio::test]
async fn what_was_stored_without_an_answer_in_time_opens_no_second_room_when_it_comes_again() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    for sender in &SENDERS {
        world.public = outage.becomes(Mood::DoneAndSilent);
        let delivery = sender.fire(world.clock.now(), sender.name);
        world.take(&delivery).await.assert_problem(503, "unavailable");
        world.public = outage.becomes(Mood::Well);
        assert_eq!(world.take(&delivery).await.outcome(), "repeated", "{}", sender.name);
        world.pass(20).await;
    }
    assert_eq!(world.sandbox.groups().len(), SENDERS.len());
}

#[tokio::test]
async fn an_unverified_body_is_turned_away_even_while_the_store_is_down() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    world.public = outage.becomes(Mood::Down);
    for sender in &SENDERS {
        let body = sender.kind.sample(world.clock.now(), "forged");
        let forged = sender.send(body, &sender.secret("guessed"), world.clock.now());
        world.take(&forged).await.assert_problem(401, "unauthorized");
    }
    assert_eq!(outage.database.refused.load(Ordering::Relaxed), 0, "the store was not even asked");
}

#[tokio::test]
async fn a_bridge_whose_store_fails_is_alive_but_not_ready() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    for mood in [Mood::Down, Mood::Silent] {
        world.public = outage.becomes(mood);
        let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
        assert_eq!(ready.status, 503, "{mood:?}: {ready:?}");
        let parts = ready.json();
        assert_eq!(parts["config"], "ok", "it says which part is not ready: {parts}");
        assert_ne!(parts["store"], "ok", "{parts}");
        assert!(!ready.body.contains("private"), "and not why, because anybody may ask: {parts}");
        let health = world.answer(world.http.get(format!("http://{}/healthz", world.public))).await;
        assert_eq!(health.status, 200, "restarting would not help");
    }
    world.public = outage.becomes(Mood::Well);
    world.clock.advance(SignedDuration::from_secs(2));
    let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
    assert_eq!(ready.status, 200, "it comes back by itself");
}

#[tokio::test]
async fn whoever_could_not_store_the_last_hook_is_ready_again_as_soon_as_the_store_takes_a_write() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    let store = async |world: &World| {
        let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
        (ready.status, ready.json()["store"].as_str().unwrap().to_owned())
    };
    let well = (200, "ok".to_owned());
    assert_eq!(store(&world).await, well);
    for mood in [Mood::Down, Mood::Silent] {
        let delivery = SENDERS[0].fire(world.clock.now(), "full disk");
        world.public = outage.becomes(mood);
        world.take(&delivery).await.assert_problem(503, "unavailable");
        // What the store said a moment ago counts no more.
        assert_eq!(store(&world).await.0, 503, "{mood:?}");
        // Whoever sends nothing to somebody who is not ready would never show that it works again.
        outage.becomes(Mood::Well);
        world.clock.advance(SignedDuration::from_secs(2));
        assert_eq!(store(&world).await, well, "{mood:?}");
    }
}

#[tokio::test]
async fn one_slow_commit_takes_nobody_out_of_service() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    let delivery = SENDERS[0].fire(world.clock.now(), "slow disk");
    world.public = outage.becomes(Mood::DoneAndSilent);
    world.take(&delivery).await.assert_problem(503, "unavailable");
    outage.becomes(Mood::Well);
    let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
    assert_eq!(ready.status, 200, "{ready:?}");
}

#[tokio::test]
async fn however_often_anybody_asks_whether_it_is_ready_the_store_is_asked_every_two_seconds() {
    let mut world = world().await;
    let outage = Outage::before(&world).await;
    world.public = outage.becomes(Mood::Down);
    for second in 0..6 {
        for _ in 0..10 {
            let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
            assert_eq!(ready.status, 503);
        }
        assert_eq!(outage.database.refused.load(Ordering::Relaxed), 1 + second / 2);
        world.clock.advance(SignedDuration::from_secs(1));
    }
}

#[tokio::test]
async fn a_bridge_whose_worker_stands_still_is_not_ready() {
    let world = world().await;
    let ready = async || {
        let ready = world.answer(world.http.get(format!("http://{}/readyz", world.public))).await;
        (ready.status, ready.json()["worker"].as_str().unwrap().to_owned())
    };
    let round = &world.bridge.worker.metrics.worker_round;
    round.set(world.clock.now().as_second());
    world.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(ready().await, (200, "ok".to_owned()));
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(ready().await, (503, "stands still".to_owned()));
    round.set(world.clock.now().as_second());
    assert_eq!(ready().await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn an_event_of_the_gateway_that_could_not_be_stored_comes_again_and_counts_once() {
    for mood in [Mood::Down, Mood::Silent, Mood::DoneAndSilent] {
        let mut world = World::with(Options { events: events::BOTH, ..options() }).await;
        let id = world.fire("Down").await;
        world.pass(20).await;
        let outage = Outage::before(&world).await;
        world.public = outage.becomes(mood);
        events::tell_to(&world);
        world.sandbox.leave(BEN, &world.group(&id).id);
        assert_eq!(events::deliver(&world).await, [503]);
        outage.becomes(Mood::Well);
        world.clock.advance(SignedDuration::from_secs(2));
        assert!(events::deliver(&world).await.iter().all(|status| *status == 200));
        assert_eq!(world.seats(&id).await["ben"], "left");
        let notices = world.dossier(&id).await.timeline;
        let notices = notices.iter().filter(|e| matches!(e.what, Happening::Notice { .. })).count();
        assert_eq!(notices, 1, "told once more, heard once");
        world.assert_sound(&id).await;
    }
}
