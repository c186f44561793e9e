//! Before anything is decided a room hears what the gateway told of it.

use super::{Worker, refresh};
use crate::store::{Lease, StoreError};

impl Worker {
    /// Lets the room hear everything that is there; false when the lease is lost.
    pub(super) async fn heed(&self, lease: &mut Lease) -> Result<bool, StoreError> {
        while !lease.wanted.notices.is_empty() {
            let mut room = lease.room.clone();
            let now = self.clock.now();
            room.hear(&lease.wanted.notices, now);
            let finished = self.store.heed(lease, room.clone(), now).await?;
            if !refresh(lease, finished) {
                return Ok(false);
            }
            lease.room = room;
        }
        Ok(true)
    }
}
