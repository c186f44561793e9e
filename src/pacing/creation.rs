//! New groups of one number: how many in an hour, how many right after each other, and what is kept back.
//!
//! Three rules, of which the strictest counts. The *hour* is what the provider calls safe. The *burst* is how
//! many may follow each other at once; it comes back by one per *gap*, so that a storm does not look like a
//! machine at work. The *reserve* is a part of the hour that only routes marked important may use.

use crate::clock::{SignedDuration, Timestamp, later};

use super::NumberId;

/// What one number may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Creation {
    /// Whose budget it is.
    pub number: NumberId,
    /// Groups in the window.
    pub most: u32,
    /// The window: an hour, and a little more because a call takes effect until its time limit.
    pub window: SignedDuration,
    /// How many may be made right after each other.
    pub burst: u32,
    /// How long it takes until the burst has grown by one again.
    pub gap: SignedDuration,
    /// How many of the window's are for important routes only.
    pub reserved: u32,
}

/// A group that was asked for earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// When.
    pub at: Timestamp,
    /// Whether its route was important.
    pub important: bool,
}

/// What was made, in order.
#[derive(Debug)]
struct Course {
    all: Vec<Timestamp>,
    /// Without those of important routes.
    shared: Vec<Timestamp>,
    /// When the burst has grown back.
    full_at: Timestamp,
}

impl Creation {
    /// Whether one more is allowed now after `earlier` ones (in any order), or from when on.
    pub fn one_more(&self, earlier: &[Made], important: bool, now: Timestamp) -> Result<(), Timestamp> {
        let from = self.next_at(&self.course(earlier), important);
        if from <= now { Ok(()) } else { Err(from) }
    }

    fn course(&self, earlier: &[Made]) -> Course {
        let mut earlier = earlier.to_vec();
        earlier.sort_unstable_by_key(|made| made.at);
        let mut course = Course { all: Vec::new(), shared: Vec::new(), full_at: Timestamp::MIN };
        for made in earlier {
            self.make(&mut course, made);
        }
        course
    }

    /// One more is made. The burst is a bucket of tokens that gains one per `gap`, told by the moment at which it is full
    /// again.
    fn make(&self, course: &mut Course, made: Made) {
        course.all.push(made.at);
        if !made.important {
            course.shared.push(made.at);
        }
        course.full_at = later(course.full_at.max(made.at), self.gap);
    }

    /// From when on the next may be made.
    fn next_at(&self, course: &Course, important: bool) -> Timestamp {
        // The one that has to leave the window before there is a place again.
        let after = |made: &[Timestamp], most: u32| match made
            .len()
            .checked_sub(usize::try_from(most).unwrap_or(usize::MAX))
        {
            Some(leaves) => made.get(leaves).map_or(Timestamp::MAX, |at| later(*at, self.window)),
            None => Timestamp::MIN,
        };
        let hour = after(&course.all, self.most);
        let shared =
            if important { hour } else { after(&course.shared, self.most.saturating_sub(self.reserved)) };
        let free = self.gap.saturating_mul(i32::try_from(self.burst.saturating_sub(1)).unwrap_or(i32::MAX));
        let spaced = if course.all.is_empty() { Timestamp::MIN } else { later(course.full_at, -free) };
        hour.max(shared).max(spaced)
    }

    /// About when a group may be made that has `ahead` others of its kind before it.
    #[must_use]
    pub fn turn(&self, earlier: &[Made], important: bool, ahead: u32, now: Timestamp) -> Timestamp {
        // Once a window is full each further one waits for the one that is a windowful before it.
        let windowful = self.most.saturating_sub(if important { 0 } else { self.reserved }).max(1);
        let windows = self.window.saturating_mul(i32::try_from(ahead / windowful).unwrap_or(i32::MAX));
        let (mut course, mut at) = (self.course(earlier), now);
        for _ in 0..ahead % windowful {
            at = at.max(self.next_at(&course, important));
            self.make(&mut course, Made { at, important });
        }
        later(at.max(self.next_at(&course, important)), windows)
    }

    /// How many more may be made within the window as it stands, apart from their spacing.
    #[must_use]
    pub fn left(&self, earlier: &[Made], important: bool, now: Timestamp) -> u32 {
        let inside = |m: &&Made| later(m.at, self.window) > now;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let all = count(earlier.iter().filter(inside).count());
        let others = count(earlier.iter().filter(inside).filter(|m| !m.important).count());
        let hour = self.most.saturating_sub(all);
        if important {
            hour
        } else {
            hour.min(self.most.saturating_sub(self.reserved).saturating_sub(others))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn usual() -> Creation {
        Creation {
            number: NumberId::default(),
            most: 6,
            window: SignedDuration::from_secs(3600),
            burst: 3,
            gap: SignedDuration::from_secs(60),
            reserved: 1,
        }
    }

    fn made(seconds: &[i64]) -> Vec<Made> {
        seconds.iter().map(|s| Made { at: at(*s), important: false }).collect()
    }

    #[test]
    fn after_a_burst_the_next_ones_come_one_gap_apart() {
        assert_eq!(usual().one_more(&made(&[0, 0]), false, at(0)), Ok(()));
        assert_eq!(usual().one_more(&made(&[0, 0, 0]), false, at(0)), Err(at(60)));
        assert_eq!(usual().one_more(&made(&[0, 0, 0, 60]), false, at(60)), Err(at(120)));
        assert_eq!(usual().one_more(&made(&[0, 0, 0]), false, at(180)), Ok(()));
        assert_eq!(usual().one_more(&made(&[0, 0, 0, 180, 180]), true, at(180)), Ok(()), "it has recovered");
    }

    #[test]
    fn the_last_of_the_hour_is_kept_for_an_important_one() {
        let earlier = made(&[0, 0, 0, 600, 600]);
        assert_eq!(usual().one_more(&earlier, false, at(1200)), Err(at(3600)));
        assert_eq!(usual().one_more(&earlier, true, at(1200)), Ok(()));
        assert_eq!((usual().left(&earlier, false, at(1200)), usual().left(&earlier, true, at(1200))), (0, 1));
    }

    #[test]
    fn an_important_one_that_took_the_reserve_leaves_the_rest_to_all() {
        let mut earlier = made(&[0, 0, 600, 600]);
        earlier.push(Made { at: at(900), important: true });
        assert_eq!(usual().one_more(&earlier, false, at(1200)), Ok(()));
        earlier.push(Made { at: at(1200), important: false });
        assert_eq!(usual().one_more(&earlier, true, at(1800)), Err(at(3600)));
    }

    #[test]
    fn everybody_in_a_queue_has_a_turn_of_their_own() {
        let turns: Vec<Timestamp> = (0..7).map(|ahead| usual().turn(&[], false, ahead, at(0))).collect();
        assert_eq!(turns, [0, 0, 0, 60, 120, 3600, 3600].map(at));
    }

    /// When each of `asks` is made, if all try as soon as they are told to.
    fn story(creation: Creation, asks: Vec<(i64, bool)>) -> Result<Vec<Made>, TestCaseError> {
        let (mut taken, mut now) = (Vec::new(), 0);
        for (gap, important) in asks {
            now += gap;
            match creation.one_more(&taken, important, at(now)) {
                Ok(()) => taken.push(Made { at: at(now), important }),
                Err(from) => {
                    prop_assert!(from > at(now));
                    prop_assert!(creation.one_more(&taken, important, from).is_ok());
                }
            }
        }
        Ok(taken)
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_budget_nor_a_burst_more_than_it_may(
            asks in proptest::collection::vec((0i64..400, any::<bool>()), 1..80),
            most in 2u32..8, burst in 1u32..5, gap in 1i64..300, reserved in 0u32..2,
        ) {
            let window = SignedDuration::from_secs(3600);
            let creation = Creation { number: NumberId::default(), most, window, burst, gap: SignedDuration::from_secs(gap), reserved };
            let taken = story(creation, asks)?;
            let within = |start: &Made, length: SignedDuration, only: fn(&Made) -> bool| {
                let end = later(start.at, length);
                let count = taken.iter().filter(|m| only(m) && m.at >= start.at && m.at < end).count();
                u32::try_from(count).unwrap()
            };
            for start in &taken {
                prop_assert!(within(start, window, |_| true) <= most);
                prop_assert!(within(start, window, |m| !m.important) <= most - reserved);
                for gaps in 1..6u32 {
                    let length = SignedDuration::from_secs(gap * i64::from(gaps));
                    prop_assert!(within(start, length, |_| true) < burst + gaps);
                }
            }
        }

        #[test]
        fn an_important_one_finds_the_reserve_unless_important_ones_used_it(
            asks in proptest::collection::vec((0i64..200, any::<bool>()), 1..60),
            most in 2u32..8, reserved in 1u32..2,
        ) {
            let window = SignedDuration::from_secs(3600);
            let creation = Creation { number: NumberId::default(), most, window, burst: 60, gap: SignedDuration::from_secs(1), reserved };
            let now = at(asks.iter().map(|(gap, _)| gap).sum::<i64>() + 1);
            let taken = story(creation, asks)?;
            let used = taken.iter().filter(|m| m.important && later(m.at, window) > now).count();
            if used < usize::try_from(reserved).unwrap() {
                prop_assert_eq!(creation.one_more(&taken, true, now), Ok(()));
                prop_assert!(creation.left(&taken, true, now) > 0);
            }
        }

        #[test]
        fn a_turn_is_when_it_is_allowed_and_later_ones_come_later(
            asks in proptest::collection::vec((0i64..400, any::<bool>()), 0..20), ahead in 0u32..12,
        ) {
            let now = at(asks.iter().map(|(gap, _)| gap).sum::<i64>());
            let taken = story(usual(), asks)?;
            let turn = usual().turn(&taken, false, ahead, now);
            prop_assert!(turn >= now);
            prop_assert!(usual().one_more(&taken, false, turn).is_ok());
            prop_assert!(usual().turn(&taken, false, ahead + 1, now) >= turn);
        }

        #[test]
        fn who_keeps_to_their_turns_keeps_the_budget(
            asks in proptest::collection::vec((0i64..400, any::<bool>()), 0..20),
        ) {
            let now = at(asks.iter().map(|(gap, _)| gap).sum::<i64>());
            let mut taken = story(usual(), asks)?;
            let turns: Vec<Timestamp> = (0..20).map(|ahead| usual().turn(&taken, false, ahead, now)).collect();
            for turn in turns {
                prop_assert_eq!(usual().one_more(&taken, false, turn), Ok(()));
                taken.push(Made { at: turn, important: false });
            }
        }
    }
}
