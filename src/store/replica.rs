//! This process, and the tokens by which what it leases is known to be its own.

use std::sync::{Mutex, PoisonError};

use crate::clock::{Timestamp, new_token};

/// This process among those that share the store.
#[derive(Debug)]
pub(super) struct Replica {
    /// The beginning of the tokens of what it leases; empty if the store is its own.
    pub(super) id: String,
    heard_of: Mutex<Option<Timestamp>>,
}

impl Replica {
    /// One that has the store to itself.
    pub(super) fn alone() -> Self {
        Self { id: String::new(), heard_of: Mutex::default() }
    }

    /// One of several.
    pub(super) fn new() -> Self {
        Self { id: new_token(), heard_of: Mutex::default() }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.id.is_empty()
    }

    /// Proof of a lease, by which its owner is known.
    pub(super) fn token(&self) -> String {
        format!("{}.{}", self.id, new_token())
    }

    /// When the others heard of it last.
    pub(super) fn heard_of(&self) -> Option<Timestamp> {
        *self.heard_of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn was_heard_of(&self, at: Timestamp) {
        *self.heard_of.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}
