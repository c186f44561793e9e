//! Collects what could be done in a room, in order, and picks the first that may be done now.

use super::Room;
use super::phase::Event;
use super::task::Task;
use crate::clock::Timestamp;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make one gateway call.
    Call(Task),
    /// Nothing to call: just note what happened.
    Note(Event),
    /// What the operator asked for cannot be granted.
    Refuse(String),
    /// Nothing before this moment.
    Sleep(Timestamp),
    /// Nothing until somebody wakes the room.
    Rest,
}

impl Next {
    /// The call, if it is one.
    pub(super) fn call(self) -> Option<Self> {
        if let Self::Call(_) = self { Some(self) } else { None }
    }
}

/// What could be done, in order.
pub(super) struct Options<'a> {
    room: &'a Room,
    now: Timestamp,
    pick: Option<Task>,
    wake_at: Option<Timestamp>,
}

impl<'a> Options<'a> {
    pub(super) fn new(room: &'a Room, now: Timestamp) -> Self {
        Self { room, now, pick: None, wake_at: None }
    }

    /// `task`, as soon as it may be tried.
    pub(super) fn offer(&mut self, task: Task) {
        self.offer_at(self.now, task);
    }

    /// `task`, not before `at` nor before it may be tried again.
    pub(super) fn offer_at(&mut self, at: Timestamp, task: Task) {
        let retry_at = self.room.tasks.retry_at(&task.key()).map_or(at, |retry_at| retry_at.max(at));
        if retry_at > self.now {
            self.wake(retry_at);
        } else if self.pick.is_none() {
            self.pick = Some(task);
        }
    }

    /// `task`, unless it is done or given up.
    pub(super) fn once(&mut self, task: Task) {
        if !self.room.tasks.is_over(&task.key()) {
            self.offer(task);
        }
    }

    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |w| w.min(at)));
    }

    pub(super) fn is_free(&self) -> bool {
        self.pick.is_none()
    }

    pub(super) fn decide(self) -> Next {
        match (self.pick, self.wake_at) {
            (Some(task), _) => Next::Call(task),
            (None, Some(at)) => Next::Sleep(at),
            (None, None) => Next::Rest,
        }
    }
}
