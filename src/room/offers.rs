//! Collects what could be done in a room, in order, and picks the first that may be done now.

use super::agenda::{Next, Step};
use super::{Chore, Room};
use crate::clock::Timestamp;

/// What could be done, in order.
pub(super) struct Agenda<'a> {
    room: &'a Room,
    now: Timestamp,
    pick: Option<Step>,
    wake_at: Option<Timestamp>,
}

impl<'a> Agenda<'a> {
    pub(super) fn new(room: &'a Room, now: Timestamp) -> Self {
        Self { room, now, pick: None, wake_at: None }
    }

    /// `step`, as soon as it may be tried.
    pub(super) fn offer(&mut self, step: Step) {
        let not_before = self.room.troubles.get(&step.key()).map_or(self.now, |t| t.retry_at);
        self.offer_at(not_before, step);
    }

    /// `step`, not before `at` nor before it may be tried again.
    pub(super) fn offer_at(&mut self, at: Timestamp, step: Step) {
        let retry_at = self.room.troubles.get(&step.key()).map_or(at, |t| t.retry_at.max(at));
        if retry_at > self.now {
            self.wake(retry_at);
        } else if self.pick.is_none() {
            self.pick = Some(step);
        }
    }

    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |w| w.min(at)));
    }

    pub(super) fn chore(&mut self, chore: Chore, step: Step) {
        if !self.room.chores.contains_key(&chore) {
            self.offer(step);
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.pick.is_none()
    }

    pub(super) fn decide(self) -> Next {
        match (self.pick, self.wake_at) {
            (Some(step), _) => Next::Call(step),
            (None, Some(at)) => Next::Sleep(at),
            (None, None) => Next::Rest,
        }
    }
}
