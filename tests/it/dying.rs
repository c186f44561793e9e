//! What goes wrong beneath a room stops it for a second or two, not until its lease is over; and a part of the
//! bridge that breaks off takes the whole with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use warroom::app::{BrokeOff, Running};
use warroom::clock::{SignedDuration, later};
use warroom::sandbox::Engine;

use crate::gates::{Gate, Gates, Moment};
use crate::harness::{ADA, Options, World, beginning};
use crate::place::Place;

/// Fails the store at one sort of transaction, some times.
#[derive(Debug)]
struct Failing {
    what: &'static str,
    moment: Moment,
    left: AtomicUsize,
}

#[async_trait]
impl Gate for Failing {
    async fn pass(&self, _what: &'static str, _moment: Moment) {}

    fn store_fails(&self, what: &'static str) -> Option<Moment> {
        let take = |left: usize| left.checked_sub(1);
        let strikes =
            what == self.what && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        strikes.then_some(self.moment)
    }
}

#[tokio::test]
async fn a_transaction_that_failed_keeps_its_room_waiting_for_a_second_or_two() {
    for what in ["begin_step", "note", "finish_steps", "put_room", "release"] {
        for moment in [Moment::Before, Moment::After] {
            let place = Place::on(Engine::Webjs).await;
            let gate: Arc<dyn Gate> = Arc::new(Failing { what, moment, left: AtomicUsize::new(1) });
            let process = place.start(&gate);
            place.post_what_is_due(&process).await;
            place.pass_until(later(beginning(), SignedDuration::from_secs(3)), &process).await;
            let (groups, calls) = (place.sandbox.groups(), place.sandbox.calls());
            if (what, moment) == ("begin_step", Moment::After) {
                // Written down that it is made: from then on it is looked for first.
                assert!(calls.iter().any(|call| call.method == "GET"), "{calls:?}");
                continue;
            }
            assert_eq!(groups.len(), 1, "{what} {moment:?}");
            let texts = groups[0].texts();
            assert_eq!(texts.len(), 1, "{what} {moment:?}: {texts:?}");
        }
    }
}

/// A mistake in the program, in the part that looks for work.
#[derive(Debug)]
struct Mistake;

#[async_trait]
impl Gate for Mistake {
    async fn pass(&self, _what: &'static str, _moment: Moment) {}

    fn store_fails(&self, what: &'static str) -> Option<Moment> {
        assert!(what != "lease_rooms", "a mistake in the program");
        None
    }
}

#[tokio::test]
async fn a_bridge_whose_worker_breaks_off_ends_with_an_error() {
    let place = Place::new().await;
    let gate: Arc<dyn Gate> = Arc::new(Mistake);
    let bridge = place.start(&gate).bridge;
    let stop = CancellationToken::new();
    let running = Running::with(bridge, &place.loaded.config.server, &stop).await.unwrap();
    let ended = timeout(Duration::from_secs(20), running.ended()).await.expect("everything else ends too");
    assert_eq!(ended, Err(BrokeOff("worker")));

    // Told to stop, the same parts end well.
    let gate: Arc<dyn Gate> = Gates::new(&[], &[]);
    let stop = CancellationToken::new();
    let running = Running::with(place.start(&gate).bridge, &place.loaded.config.server, &stop).await.unwrap();
    stop.cancel();
    assert_eq!(timeout(Duration::from_secs(20), running.ended()).await.unwrap(), Ok(()));
}

const TWO_ROUTES: &str = r#"
people:
  ada: { name: Ada Obi, phone: "+15550100001", opted_in: true }
routes:
  - { name: before, match: [ 'alertname = Before' ], invite: { commander: [ ada ] } }
  - { name: the rest, match: [ 'alertname != Before' ], invite: { commander: [ ada ] } }
fallback: { invite: { commander: [ ada ] } }
"#;

#[tokio::test]
async fn a_clock_put_back_by_hours_keeps_nobody_from_being_told_one_by_one() {
    let options = Options { roster: TWO_ROUTES.to_owned(), rooms_per_hour: 1, ..Options::default() };
    let (world, theirs) = World::with_a_clock_of_its_own_and(options).await;
    let pass = async |seconds: i64| {
        theirs.advance(SignedDuration::from_secs(seconds));
        world.pass(seconds).await;
    };
    // The budget of groups is used up by another route, so that people are told 1:1.
    world.fire("Before").await;
    pass(30).await;
    let told = || world.sandbox.chat(ADA).len();
    let before = told();
    world.fire("Waits").await;
    pass(30).await;
    let first = told();
    assert!(first > before, "people hear of what has to wait");
    world.clock.put_back(SignedDuration::from_hours(3));
    world.fire("WaitsToo").await;
    for _ in 0..15 {
        pass(10).await;
    }
    assert!(told() > first, "the next one too: {:?}", world.sandbox.chat(ADA));
}
