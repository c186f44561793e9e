//! A room after the machine's clock was put back: nothing it knows lies after now, and what it waits for is due now.

use super::{Room, SeatState};
use crate::clock::Timestamp;

impl Room {
    /// Moves everything after `now` to `now`.
    pub(super) fn put_back(&mut self, now: Timestamp) {
        let sooner = |at: &mut Timestamp| *at = (*at).min(now);
        sooner(&mut self.wanted_at);
        for at in [
            &mut self.read_at,
            &mut self.read_again_at,
            &mut self.ousted_at,
            &mut self.resumed_at,
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
