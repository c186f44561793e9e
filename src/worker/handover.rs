//! Rooms that are worked on as soon as they are wanted: the transaction that opens one leases it for the worker of the
//! same process, if that has a hand free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::clock::SignedDuration;
use crate::store::Lease;

/// Leases on their way from the store to the worker.
#[derive(Debug)]
pub struct Handover {
    lease_for: SignedDuration,
    leases: Mutex<Vec<Lease>>,
    free: AtomicUsize,
    wake: Arc<Notify>,
}

impl Handover {
    /// For a worker that `wake` wakes and that leases rooms for so long.
    #[must_use]
    pub fn new(wake: Arc<Notify>, lease_for: SignedDuration) -> Self {
        Self { lease_for, leases: Mutex::default(), free: AtomicUsize::new(0), wake }
    }

    /// For how long a room that opens now may be leased, if the worker can take it at once.
    #[must_use]
    pub fn lease_for(&self) -> Option<SignedDuration> {
        let waiting = self.leases.lock().unwrap_or_else(PoisonError::into_inner).len();
        (self.free.load(Ordering::Relaxed) > waiting).then_some(self.lease_for)
    }

    /// Gives rooms to the worker whose leases are committed.
    pub fn give(&self, leases: Vec<Lease>) {
        if !leases.is_empty() {
            self.leases.lock().unwrap_or_else(PoisonError::into_inner).extend(leases);
            self.wake.notify_one();
        }
    }

    /// Takes what was given.
    pub(super) fn take(&self) -> Vec<Lease> {
        std::mem::take(&mut *self.leases.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many more rooms the worker can take.
    pub(super) fn set_free(&self, rooms: usize) {
        self.free.store(rooms, Ordering::Relaxed);
    }
}
