//! A room after the machine's clock was put back.
//!
//! Everything that a room waits for is a moment. If the clock that wrote those moments was ahead, the room
//! would sleep until it is caught up with. The rule: a room that was written in the future takes the present
//! for that moment. Nothing it knows lies after now, and what it waits for is due now. That costs an early
//! look or an early try; it never makes a group, because "there is none" has to be seen twice anew.

use super::phase::Event;
use super::{Room, SeatState};
use crate::clock::{SignedDuration, Timestamp, later};

/// How far the clocks of two workers may differ without anybody speaking of a clock put back.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

impl Room {
    /// The move to make first, if the room was written by a clock that was ahead of `now`.
    #[must_use]
    pub(super) fn clock_was_set(&self, now: Timestamp) -> Option<Event> {
        self.touched_at.is_some_and(|at| at > later(now, CLOCK_SKEW)).then_some(Event::ClockSet)
    }

    /// Moves everything after `now` to `now`.
    pub(super) fn put_back(&mut self, now: Timestamp) {
        let sooner = |at: &mut Timestamp| *at = (*at).min(now);
        sooner(&mut self.wanted_at);
        for at in [
            &mut self.read_at,
            &mut self.read_again_at,
            &mut self.ousted_at,
            &mut self.hold_until,
            &mut self.down_at,
            &mut self.escalation.added_at,
        ] {
            at.iter_mut().for_each(sooner);
        }
        self.asked.iter_mut().for_each(|ask| sooner(&mut ask.at));
        self.promotions.iter_mut().for_each(sooner);
        self.escalation.roles.values_mut().for_each(|asked_so_far| sooner(&mut asked_so_far.next_at));
        self.tasks.put_back(now);
        for seat in &mut self.seats {
            match &mut seat.state {
                SeatState::In { since }
                | SeatState::Left { since }
                | SeatState::Replaced { since, .. }
                | SeatState::Invited { since, .. } => sooner(since),
                SeatState::CannotTell { look_at } => sooner(look_at),
                SeatState::Wanted | SeatState::Asked | SeatState::Refused { .. } => {}
            }
        }
    }
}
