//! A store that fails: nothing is lost by answering too early, and the sender is told to come again.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use warroom::clock::{Clock, Numbers, SignedDuration, Timestamp};
use warroom::consent::letter::Tried;
use warroom::consent::{Acquaintance, Letter, Standing};
use warroom::gateway::Notice;
use warroom::incident::{IncidentId, Rules};
use warroom::jid::{GroupId, Jid};
use warroom::pacing::{Creation, Made};
use warroom::receiver::{self, Readiness, Receiver};
use warroom::room::{Event, Room, Wish};
use warroom::store::source_trouble::{Sighting, SourceTrouble};
use warroom::store::{
    Acceptance, Accepted, Aside, Asking, Began, Dossier, Finished, Gathered, Happening, Heard, Hearing,
    IncidentQuery, Intent, Introduced, Introducing, Lease, LetterAsk, LetterTurn, Posted, Receipt, ReceiptId,
    Slots, Store, StoreError, StoredHook, Summary, Unnamed, WishTaken,
};

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

/// A store with moods before a real one.
#[derive(Debug)]
struct Moody {
    inner: Arc<dyn Store>,
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
impl Store for Moody {
    async fn accept(&self, hook: Acceptance) -> Result<Accepted, StoreError> {
        match self.mood() {
            Mood::Well => self.inner.accept(hook).await,
            Mood::Down => Err(self.down()),
            Mood::Silent => pending().await,
            Mood::DoneAndSilent => {
                self.inner.accept(hook).await?;
                pending().await
            }
        }
    }

    async fn note_source_trouble(&self, seen: Sighting, now: Timestamp) -> Result<(), StoreError> {
        self.inner.note_source_trouble(seen, now).await
    }

    async fn source_troubles(&self, now: Timestamp) -> Result<Vec<SourceTrouble>, StoreError> {
        self.inner.source_troubles(now).await
    }

    async fn take_trouble_call(&self, now: Timestamp) -> Result<Option<SourceTrouble>, StoreError> {
        self.inner.take_trouble_call(now).await
    }

    async fn trouble_told(&self, told: &SourceTrouble, now: Timestamp) -> Result<(), StoreError> {
        self.inner.trouble_told(told, now).await
    }

    async fn earlier_receipt(
        &self,
        source: &str,
        replay_key: &str,
        reading: &str,
    ) -> Result<Option<Receipt>, StoreError> {
        self.inner.earlier_receipt(source, replay_key, reading).await
    }

    async fn certificates(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner.certificates().await
    }

    async fn keep_certificate(&self, at: &str, pem: Vec<u8>, now: Timestamp) -> Result<(), StoreError> {
        self.inner.keep_certificate(at, pem, now).await
    }

    async fn forget_bodies(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.forget_bodies(before, limit).await
    }

    async fn ready(&self, now: Timestamp) -> Result<(), StoreError> {
        match self.mood() {
            Mood::Well => self.inner.ready(now).await,
            Mood::Down => Err(self.down()),
            Mood::Silent | Mood::DoneAndSilent => pending().await,
        }
    }

    async fn groups_of(&self, instance: &str) -> Result<Vec<GroupId>, StoreError> {
        self.inner.groups_of(instance).await
    }

    async fn lease_rooms(
        &self,
        now: Timestamp,
        n: Slots,
        by: SignedDuration,
    ) -> Result<Vec<Lease>, StoreError> {
        self.inner.lease_rooms(now, n, by).await
    }

    async fn begin_step(&self, lease: &Lease, intent: Intent, now: Timestamp) -> Result<Began, StoreError> {
        self.inner.begin_step(lease, intent, now).await
    }

    async fn finish_steps(&self, lease: &Lease, now: Timestamp) -> Result<Finished, StoreError> {
        self.inner.finish_steps(lease, now).await
    }

    async fn stirred(&self, id: IncidentId) -> Result<i64, StoreError> {
        self.inner.stirred(id).await
    }

    async fn note(
        &self,
        lease: &Lease,
        room: Room,
        event: Event,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.inner.note(lease, room, event, now).await
    }

    async fn refuse_wish(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<Finished, StoreError> {
        self.inner.refuse_wish(lease, why, now).await
    }

    async fn hear(
        &self,
        instance: &str,
        notices: Vec<Notice>,
        now: Timestamp,
    ) -> Result<Hearing, StoreError> {
        match self.mood() {
            Mood::Well => self.inner.hear(instance, notices, now).await,
            Mood::Down => Err(self.down()),
            Mood::Silent => pending().await,
            Mood::DoneAndSilent => {
                self.inner.hear(instance, notices, now).await?;
                pending().await
            }
        }
    }

    async fn hear_answers(
        &self,
        instance: &str,
        answers: Vec<Heard>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError> {
        match self.mood() {
            Mood::Well => self.inner.hear_answers(instance, answers, now).await,
            Mood::Down => Err(self.down()),
            Mood::Silent => pending().await,
            Mood::DoneAndSilent => {
                self.inner.hear_answers(instance, answers, now).await?;
                pending().await
            }
        }
    }

    async fn to_name(&self, now: Timestamp) -> Result<Vec<Unnamed>, StoreError> {
        self.inner.to_name(now).await
    }

    async fn name(
        &self,
        hidden: Jid,
        jid: Jid,
        person: Option<String>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError> {
        self.inner.name(hidden, jid, person, now).await
    }

    async fn introduce(&self, asking: Asking, now: Timestamp) -> Result<Vec<Introducing>, StoreError> {
        self.inner.introduce(asking, now).await
    }

    async fn acquaintances(&self) -> Result<Vec<Acquaintance>, StoreError> {
        self.inner.acquaintances().await
    }

    async fn count_consents(&self) -> Result<(Vec<(Standing, i64)>, i64), StoreError> {
        self.inner.count_consents().await
    }

    async fn begin_letter(&self, ask: LetterAsk, now: Timestamp) -> Result<LetterTurn, StoreError> {
        self.inner.begin_letter(ask, now).await
    }

    async fn finish_letter(
        &self,
        posted: Posted,
        tried: Tried,
        now: Timestamp,
    ) -> Result<Option<Letter>, StoreError> {
        self.inner.finish_letter(posted, tried, now).await
    }

    async fn heed(&self, lease: &Lease, room: Room, now: Timestamp) -> Result<Finished, StoreError> {
        self.inner.heed(lease, room, now).await
    }

    async fn release(
        &self,
        lease: &Lease,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner.release(lease, at, now).await
    }

    async fn gather(&self, lease: &Lease, who: Vec<String>, now: Timestamp) -> Result<Gathered, StoreError> {
        self.inner.gather(lease, who, now).await
    }

    async fn creations(&self, most: Creation, now: Timestamp) -> Result<Vec<Made>, StoreError> {
        self.inner.creations(most, now).await
    }

    async fn wake_rooms(&self, instance: &str, now: Timestamp) -> Result<usize, StoreError> {
        self.inner.wake_rooms(instance, now).await
    }

    async fn put_outage(&self, instance: &str, since: Option<Timestamp>) -> Result<(), StoreError> {
        self.inner.put_outage(instance, since).await
    }

    async fn outages(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.inner.outages().await
    }

    async fn close_quiet(&self, rules: Rules, now: Timestamp) -> Result<usize, StoreError> {
        self.inner.close_quiet(rules, now).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_wake().await
    }

    async fn record_operator(&self, id: IncidentId, did: &str, now: Timestamp) -> Result<(), StoreError> {
        self.inner.record_operator(id, did, now).await
    }

    async fn wish(&self, id: IncidentId, wish: Wish, now: Timestamp) -> Result<WishTaken, StoreError> {
        self.inner.wish(id, wish, now).await
    }

    async fn close_orphan(
        &self,
        id: IncidentId,
        group: GroupId,
        now: Timestamp,
    ) -> Result<WishTaken, StoreError> {
        self.inner.close_orphan(id, group, now).await
    }

    async fn open_orphans(&self) -> Result<i64, StoreError> {
        self.inner.open_orphans().await
    }

    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<Summary>, StoreError> {
        self.inner.incidents(query).await
    }

    async fn dossier(&self, id: IncidentId) -> Result<Option<Dossier>, StoreError> {
        self.inner.dossier(id).await
    }

    async fn set_aside(&self, lease: &Lease, at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.set_aside(lease, at, now).await
    }

    async fn aside(&self) -> Result<Vec<Aside>, StoreError> {
        self.inner.aside().await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<StoredHook>, StoreError> {
        self.inner.receipt(id).await
    }
}

/// A store with moods, and two receivers over it that are otherwise the world's own.
struct Outage {
    store: Arc<Moody>,
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
        let inner = Arc::clone(&world.store);
        let store = Arc::new(Moody { inner, mood: Mutex::new(Mood::Well), refused: AtomicU8::new(0) });
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
        };
        let patient = receiver(Duration::from_secs(30));
        let impatient = receiver(Duration::from_millis(50));
        let (patient, first) = listen(receiver::router(Arc::new(patient))).await;
        let (impatient, second) = listen(receiver::router(Arc::new(impatient))).await;
        Self { store, patient, impatient, servers: [first, second] }
    }

    /// Changes the mood and says which receiver to ask.
    fn becomes(&self, mood: Mood) -> SocketAddr {
        *self.store.mood.lock().unwrap() = mood;
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
    assert_eq!(outage.store.refused.load(Ordering::Relaxed), 0, "the store was not even asked");
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
        assert_eq!(outage.store.refused.load(Ordering::Relaxed), 1 + second / 2);
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
