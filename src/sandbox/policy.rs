//! The limits that the API and WhatsApp put on one number, and the memory that is needed to hold them.
//! Actors: [`Policy`] says the limits, [`Pace`] remembers what one number did.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::reply::Refused;
use crate::clock::{SignedDuration, Timestamp, later};

/// How a refusal for doing too much looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooMuch {
    /// WhatsApp's own refusal: a 500 whose exception says `rate-overlimit` with `data: 429`.
    #[default]
    RateOverlimit,
    /// The API's own 429; the number of seconds goes into `Retry-After`.
    TooManyRequests(Option<u64>),
}

impl TooMuch {
    pub(super) fn refusal(self) -> Refused {
        match self {
            Self::RateOverlimit => Refused::upstream(429),
            Self::TooManyRequests(retry_after) => Refused::TooMany { retry_after },
        }
    }
}

/// Limits per number. `None` means that the limit is not enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Groups made within any hour; Wawp calls 5 to 10 safe.
    pub creations_per_hour: Option<u32>,
    /// How long creation is refused once the limit was hit; users of similar gateways report about 24 h.
    pub creation_lock: SignedDuration,
    /// How a refused creation looks.
    pub creation_refusal: TooMuch,
    /// Messages sent within any minute.
    pub sends_per_minute: Option<u32>,
    /// Least time between two `check-exists`; Wawp says one a second.
    pub check_gap: Option<SignedDuration>,
    /// Characters in one text; Wawp's proxy stops at 4096.
    pub text_limit: usize,
    /// Characters in a subject; WhatsApp takes 100 today, older servers took 25.
    pub subject_limit: usize,
    /// Characters in a description.
    pub description_limit: usize,
    /// Members of one group, the creator included.
    pub group_size: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            creations_per_hour: None,
            creation_lock: SignedDuration::ZERO,
            creation_refusal: TooMuch::default(),
            sends_per_minute: None,
            check_gap: None,
            text_limit: 4096,
            subject_limit: 100,
            description_limit: 2048,
            group_size: 1024,
        }
    }
}

/// What one number did lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    creations: VecDeque<Timestamp>,
    locked_until: Option<Timestamp>,
    sends: VecDeque<Timestamp>,
    checked_at: Option<Timestamp>,
}

impl Pace {
    /// Whether one more group may be made now. A refusal starts the lock.
    pub(super) fn may_create(&mut self, policy: &Policy, now: Timestamp) -> Result<(), Refused> {
        if self.locked_until.is_some_and(|until| now < until) {
            return Err(policy.creation_refusal.refusal());
        }
        let made = within(&mut self.creations, SignedDuration::from_hours(1), now);
        if policy.creations_per_hour.is_some_and(|most| made >= most as usize) {
            self.locked_until = Some(later(now, policy.creation_lock));
            return Err(policy.creation_refusal.refusal());
        }
        Ok(())
    }

    pub(super) fn created(&mut self, now: Timestamp) {
        self.creations.push_back(now);
    }

    /// Counts one message, or refuses it with the API's own 429.
    pub(super) fn send(&mut self, policy: &Policy, now: Timestamp) -> Result<(), Refused> {
        let sent = within(&mut self.sends, SignedDuration::from_mins(1), now);
        if policy.sends_per_minute.is_some_and(|most| sent >= most as usize) {
            return Err(Refused::TooMany { retry_after: Some(60) });
        }
        self.sends.push_back(now);
        Ok(())
    }

    /// Counts one number check, or refuses it.
    pub(super) fn check(&mut self, policy: &Policy, now: Timestamp) -> Result<(), Refused> {
        let too_early = match (policy.check_gap, self.checked_at) {
            (Some(gap), Some(before)) => now < later(before, gap),
            _ => false,
        };
        if too_early {
            return Err(Refused::TooMany { retry_after: None });
        }
        self.checked_at = Some(now);
        Ok(())
    }
}

fn within(moments: &mut VecDeque<Timestamp>, window: SignedDuration, now: Timestamp) -> usize {
    while moments.front().is_some_and(|&first| later(first, window) <= now) {
        moments.pop_front();
    }
    moments.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn one_creation_too_many_locks_the_number_for_a_day() {
        let policy = Policy {
            creations_per_hour: Some(1),
            creation_lock: SignedDuration::from_hours(24),
            ..Policy::default()
        };
        let mut pace = Pace::default();
        assert!(pace.may_create(&policy, at(0)).is_ok());
        pace.created(at(0));
        assert!(pace.may_create(&policy, at(10)).is_err());
        assert!(pace.may_create(&policy, at(86_409)).is_err());
        assert!(pace.may_create(&policy, at(86_410)).is_ok());
    }

    #[test]
    fn sends_are_counted_within_a_sliding_minute() {
        let policy = Policy { sends_per_minute: Some(2), ..Policy::default() };
        let mut pace = Pace::default();
        assert!(pace.send(&policy, at(0)).is_ok());
        assert!(pace.send(&policy, at(30)).is_ok());
        assert!(pace.send(&policy, at(59)).is_err());
        assert!(pace.send(&policy, at(60)).is_ok());
        assert!(pace.send(&policy, at(61)).is_err());
    }

    #[test]
    fn checks_closer_than_the_gap_are_refused() {
        let policy = Policy { check_gap: Some(SignedDuration::from_secs(1)), ..Policy::default() };
        let mut pace = Pace::default();
        assert!(pace.check(&policy, at(0)).is_ok());
        assert!(pace.check(&policy, at(0)).is_err());
        assert!(pace.check(&policy, at(1)).is_ok());
    }
}
