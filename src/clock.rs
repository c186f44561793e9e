//! Time and chance, as arguments.
//!
//! Nothing else in the crate asks the machine what time it is or makes a random number, so a test can
//! stand at any moment and a run can be repeated. Actors: [`SystemClock`] in production, [`TestClock`]
//! wherever time must only move when told.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use jiff::civil::{Date, DateTime};
pub use jiff::{SignedDuration, Timestamp};

/// How far two clocks may differ without anybody speaking of one that was put back.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Says what time it is.
pub trait Clock: Debug + Send + Sync {
    /// The present moment, cut to whole milliseconds because that is what the store keeps.
    fn now(&self) -> Timestamp;

    /// Waits until it is `at` by this clock.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        whole_millis(Timestamp::now())
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait = Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO);
        tokio::time::sleep(wait).boxed()
    }
}

/// A clock that moves only when told.
#[derive(Debug)]
pub struct TestClock(watch::Sender<Timestamp>);

impl TestClock {
    /// A clock standing at `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(watch::Sender::new(whole_millis(at)))
    }

    /// Moves the clock forward by `by`.
    pub fn advance(&self, by: SignedDuration) {
        self.0.send_modify(|now| *now = later(*now, by));
    }

    /// Puts the clock back by `by`, as somebody does whose clock was ahead.
    pub fn put_back(&self, by: SignedDuration) {
        self.0.send_modify(|now| *now = now.checked_sub(by).unwrap_or(*now));
    }

    /// Moves the clock to `to`, unless it is already past it.
    pub fn advance_to(&self, to: Timestamp) {
        self.0.send_modify(|now| *now = (*now).max(whole_millis(to)));
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut moments = self.0.subscribe();
        // A clock that is gone never gets there.
        async move {
            if moments.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    }
}

fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// `at + by`, standing still at the end of time instead of overflowing.
#[must_use]
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A new sortable id, unique across processes; `now` gives its leading part.
#[must_use]
pub fn new_id(now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
    uuid::Uuid::new_v7(at).simple().to_string()
}

/// Bits of a number that tell numbers of one millisecond apart.
const COUNTER_BITS: u32 = 20;

/// The smallest number that [`Numbers`] makes at `at`.
#[must_use]
pub fn first_number(at: Timestamp) -> i64 {
    at.as_millisecond().max(0) << COUNTER_BITS
}

/// Makes numbers that grow: the moment in milliseconds, and a counter that begins anywhere so that two processes
/// hardly meet.
#[derive(Debug, Default)]
pub struct Numbers(AtomicI64);

impl Numbers {
    /// The next one.
    pub fn next(&self, now: Timestamp) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes random numbers")]
        let random = || i64::try_from(uuid::Uuid::new_v4().as_u128() >> (128 - COUNTER_BITS)).unwrap_or(0);
        let last = self.0.load(Ordering::Relaxed);
        // Half of the counter is left to count on.
        let fresh = if first_number(now) > last { first_number(now) + random() / 2 } else { 0 };
        self.0.fetch_max(fresh, Ordering::Relaxed);
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A random token that nobody can guess, for leases.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that makes random numbers")]
pub fn new_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A moment by a wall clock as people write it: `2026-01-05 09:00`, with seconds or a `T` if they like.
#[must_use]
pub fn wall_moment(text: &str) -> Option<DateTime> {
    let fits = ["0000-00-00 00:00", "0000-00-00 00:00:00"].iter().any(|form| has_form(text, form));
    text.parse().ok().filter(|_| fits)
}

/// A day as people write it: `2026-01-05`.
#[must_use]
pub fn wall_day(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| has_form(text, "0000-00-00"))
}

/// Whether a text has this form to the letter, `0` being any digit, and a blank a `T` too. A parser of times
/// takes more, and drops of it what a wall clock has no use for: zones, offsets, hours without a colon.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(c, wanted): (char, char)| match wanted {
        '0' => c.is_ascii_digit(),
        ' ' => matches!(c, ' ' | 'T'),
        other => c == other,
    };
    text.len() == form.len() && text.chars().zip(form.chars()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_moves_only_when_told_and_back_only_when_put_back() {
        let start = "2026-03-01T10:00:00.123456Z".parse::<Timestamp>().unwrap();
        let clock = TestClock::at(start);
        assert_eq!(clock.now().to_string(), "2026-03-01T10:00:00.123Z");
        clock.advance(SignedDuration::from_secs(5));
        clock.advance_to(start);
        assert_eq!(clock.now().to_string(), "2026-03-01T10:00:05.123Z");
        clock.put_back(SignedDuration::from_secs(10));
        assert_eq!(clock.now().to_string(), "2026-03-01T09:59:55.123Z");
    }

    #[test]
    fn ids_sort_by_their_moment() {
        let early = new_id("2026-01-01T00:00:00Z".parse().unwrap());
        let late = new_id("2026-01-01T00:00:01Z".parse().unwrap());
        assert!(early < late, "{early} {late}");
    }

    #[test]
    fn time_stands_still_at_its_end() {
        assert_eq!(later(Timestamp::MAX, SignedDuration::from_secs(1)), Timestamp::MAX);
    }
}
