//! How often we may call: a number's budget of new groups, and the gaps between its messages.
//!
//! Pure: the store hands in the moments of earlier intents, inside the transaction that writes the next
//! one, so the answer holds across restarts and replicas.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::clock::{SignedDuration, Timestamp, later};

pub mod creation;

pub use creation::{Creation, Made};

/// Which linked number it is, whatever the config calls it: its budget stays its own when it is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NumberId([u8; 16]);

impl NumberId {
    /// That of the number with this id at its provider.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let mut own = [0; 16];
        own.iter_mut().zip(Sha256::digest(id)).for_each(|(own, byte)| *own = byte);
        Self(own)
    }
}

/// In hexadecimal digits.
impl fmt::Display for NumberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What one linked number may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Whose it is.
    pub number: NumberId,
    /// New groups in any hour.
    pub rooms_per_hour: u32,
    /// New groups right after each other.
    pub rooms_burst: u32,
    /// How long it takes until the burst has grown by one again.
    pub rooms_gap: SignedDuration,
    /// How many of the hour's are kept back for routes marked important.
    pub rooms_reserved: u32,
    /// Messages in any minute, 1:1 ones included.
    pub messages_per_minute: u32,
    /// Least time between two 1:1 messages, so that a number does not look like a spammer.
    pub one_to_one_gap: SignedDuration,
    /// Least time between two opt-in requests.
    pub ask_gap: SignedDuration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            number: NumberId::default(),
            rooms_per_hour: 6,
            rooms_burst: 3,
            rooms_gap: SignedDuration::from_mins(1),
            rooms_reserved: 1,
            messages_per_minute: 30,
            one_to_one_gap: SignedDuration::from_secs(1),
            ask_gap: SignedDuration::from_mins(2),
        }
    }
}

/// The pace that one step has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Reads and settings: none of our own.
    Free,
    /// A new group.
    Creation {
        /// What the number may make.
        creation: Creation,
        /// Whether its route is important.
        important: bool,
        /// How many numbers share the work, so that a queue is told how fast it moves.
        numbers: u32,
    },
    /// A message.
    Message {
        /// How many in a minute.
        most_per_minute: u32,
        /// What a 1:1 message has to keep besides.
        private: Option<Private>,
    },
}

/// The pace of 1:1 messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Private {
    /// How many in a minute.
    pub most_per_minute: u32,
    /// Least time since the last one.
    pub gap: SignedDuration,
}

/// Least time between two messages that tell one person that there is no group: what comes in between is
/// told in one message.
pub const BRIEF_GAP: SignedDuration = SignedDuration::from_secs(20);

/// A minute.
pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Budget {
    /// What may be made. A call that was begun can take effect until its time limit is over, so two
    /// intents an hour apart can be two groups less than an hour apart: the window is longer by that.
    #[must_use]
    pub fn creation(&self, call_timeout: SignedDuration) -> Creation {
        Creation {
            number: self.number,
            most: self.rooms_per_hour,
            window: SignedDuration::from_hours(1).saturating_add(call_timeout),
            burst: self.rooms_burst,
            gap: self.rooms_gap,
            reserved: self.rooms_reserved,
        }
    }

    /// The pace of a message. A third of all is kept for rooms, so that the people of a storm who are told 1:1
    /// hold up no welcome; those of an important route may use it too.
    #[must_use]
    pub fn message(&self, private: bool, important: bool) -> Pace {
        let most = if important { self.messages_per_minute } else { self.private_per_minute() };
        let private = private.then_some(Private { most_per_minute: most, gap: self.one_to_one_gap });
        Pace::Message { most_per_minute: self.messages_per_minute, private }
    }

    /// How many 1:1 messages may go out in any minute.
    #[must_use]
    pub fn private_per_minute(&self) -> u32 {
        self.messages_per_minute - self.messages_per_minute / 3
    }
}

/// Whether one more is allowed now, given the moments of earlier ones (any order, none later than `now`
/// counts less for it), or from when on.
pub fn one_more(
    earlier: &[Timestamp],
    most: u32,
    window: SignedDuration,
    now: Timestamp,
) -> Result<(), Timestamp> {
    let mut inside: Vec<Timestamp> = earlier.iter().copied().filter(|at| later(*at, window) > now).collect();
    inside.sort_unstable();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if inside.len() < most {
        return Ok(());
    }
    // The one that has to leave the window before there is a place again.
    let leaves = inside.len() - most;
    Err(inside.get(leaves).map_or(Timestamp::MAX, |at| later(*at, window)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    #[test]
    fn the_next_place_is_free_when_the_oldest_leaves_the_window() {
        let hour = SignedDuration::from_hours(1);
        assert_eq!(one_more(&[at(0), at(10)], 3, hour, at(20)), Ok(()));
        assert_eq!(one_more(&[at(0), at(10)], 2, hour, at(20)), Err(at(3600)));
        assert_eq!(one_more(&[at(0), at(10)], 2, hour, at(3600)), Ok(()));
        assert_eq!(one_more(&[], 0, hour, at(0)), Err(Timestamp::MAX));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more(asks in proptest::collection::vec(0i64..900, 1..80), most in 1u32..5) {
            let window = SignedDuration::from_secs(1000);
            let (mut taken, mut now) = (Vec::new(), 0);
            for gap in asks {
                now += gap;
                match one_more(&taken, most, window, at(now)) {
                    Ok(()) => taken.push(at(now)),
                    Err(from) => {
                        prop_assert!(from > at(now));
                        prop_assert!(one_more(&taken, most, window, from).is_ok());
                    }
                }
            }
            for start in &taken {
                let inside = taken.iter().filter(|t| *t >= start && **t < later(*start, window)).count();
                prop_assert!(inside <= usize::try_from(most).unwrap());
            }
        }
    }
}
