//! Before anything is decided a room takes in what the gateway told of it, and who wants to be called at all.

use super::{End, ODD_GAP, Worker, refresh};
use crate::clock::later;
use crate::number::Sign;
use crate::store::{Lease, StoreError};

impl Worker {
    /// Applies what the gateway told and who wants to be called; false when the lease is lost.
    pub(super) async fn apply_events(&self, lease: &mut Lease) -> Result<bool, StoreError> {
        loop {
            let mut room = lease.room.clone();
            let now = self.clock.now();
            let has_news = !lease.wanted.notices.is_empty();
            let came_back: Vec<String> = lease
                .wanted
                .notices
                .iter()
                .filter(|item| room.came_back_from_a_stranger(&item.notice.what))
                .map(|item| item.instance.clone())
                .collect();
            room.apply_notices(&lease.wanted.notices, now);
            let consent_changed = room.apply_consent(&lease.wanted.stances, now);
            if !has_news && !consent_changed {
                return Ok(true);
            }
            let finished = self.store.put_room(lease, room.clone(), now).await?;
            if !refresh(lease, finished) {
                return Ok(false);
            }
            lease.room = room;
            for number in came_back.iter().filter_map(|name| self.named(name)) {
                self.note_of(lease, number, Sign::CameBack).await;
            }
        }
    }

    /// Somebody whom the room was about to reach has said STOP meanwhile: reads afresh who wants what. `Some`
    /// when the room is left after it.
    pub(super) async fn reconsider(&self, lease: &mut Lease) -> Result<Option<End>, StoreError> {
        let (before, now) = (lease.room.clone(), self.clock.now());
        let finished = self.store.put_room(lease, before.clone(), now).await?;
        if !refresh(lease, finished) || !self.apply_events(lease).await? {
            return Ok(Some(End::Lost));
        }
        // What the record does not show would be tried again at once, and for ever.
        Ok((lease.room == before).then(|| End::Asleep(Some(later(now, ODD_GAP)))))
    }
}
