//! What the gateway told of a room by itself, and what the room makes of it.
//!
//! Notices spare waiting and nothing else: they may come twice, late, in any order or not at all. So a
//! person's coming and going is believed by the provider's own clock, whatever contradicts something newer
//! makes the room read its members soon, and what would park a room is only believed together with a read.

use serde::{Deserialize, Serialize};

use super::Room;
use super::delivery::same_words;
use super::inputs::NoticeItem;
use super::message::Message;
use super::seat::{Freshness, Seat, SeatState};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{NoticeKind, Whom};
use crate::jid::{ChatId, GroupId};

/// What a group is called, as far as was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub subject: String,
    /// Since when, by the clock of whoever told.
    pub at: Timestamp,
}

/// How long after a notice that leaves something open the members are read: several come together.
const SOON: SignedDuration = SignedDuration::from_secs(3);
/// Least time after a read until notices cause another one; on one engine each costs the provider a lot.
const GENTLY: SignedDuration = SignedDuration::from_secs(10);

impl Room {
    /// Takes in what the gateway told, oldest first. What was heard before is passed over.
    pub fn apply_notices(&mut self, items: &[NoticeItem], now: Timestamp) {
        for item in items {
            if item.seq > self.last_notice {
                self.apply_notice(item, now);
                self.last_notice = item.seq;
            }
        }
    }

    /// Whether a message of our own with these words, in this chat, would answer what the room waits for.
    #[must_use]
    pub fn awaits(&self, chat: &ChatId, text: &str) -> bool {
        self.awaited(chat, text).is_some()
    }

    fn awaited(&self, chat: &ChatId, text: &str) -> Option<&Message> {
        let found = self.tasks.unknown().find(|said| said.chat == *chat && same_words(&said.text, text));
        found.map(|said| &said.message)
    }

    fn apply_notice(&mut self, item: &NoticeItem, now: Timestamp) {
        let at = item.notice.at.unwrap_or(item.at);
        match &item.notice.what {
            NoticeKind::Joined { group, who } if self.is_in(group) => {
                self.apply_presence(who, now, |seat| seat.came(at, now));
            }
            NoticeKind::Left { group, who } if self.is_in(group) => {
                self.apply_presence(who, now, |seat| seat.went(at, now));
            }
            NoticeKind::WeLeft { group } if self.is_in(group) && self.is_by(&item.instance) => {
                self.ousted_at = Some(now);
                self.read_again_at = Some(now);
            }
            NoticeKind::WeJoined { group, .. } if self.is_in(group) && self.is_by(&item.instance) => {
                self.ousted_at = None;
            }
            NoticeKind::Renamed { group, subject } if self.is_in(group) => {
                if self.named.as_ref().is_none_or(|named| named.at <= at) {
                    self.named = Some(Named { subject: subject.clone(), at });
                }
            }
            NoticeKind::Changed { group } if self.is_in(group) => self.read_soon(now),
            NoticeKind::Message { chat, from_me: true, text: Some(text), message_id, .. } => {
                if let Some(said) = self.awaited(chat, text).cloned() {
                    self.was_said(&said, message_id.clone(), now);
                }
            }
            NoticeKind::Undelivered { message_id, .. } => self.was_not_delivered(message_id, now),
            NoticeKind::Joined { .. }
            | NoticeKind::Left { .. }
            | NoticeKind::WeJoined { .. }
            | NoticeKind::WeLeft { .. }
            | NoticeKind::Renamed { .. }
            | NoticeKind::Changed { .. }
            | NoticeKind::Session { .. }
            | NoticeKind::Message { .. } => {}
        }
    }

    fn is_in(&self, group: &GroupId) -> bool {
        self.phase.group() == Some(group)
    }

    fn is_by(&self, instance: &str) -> bool {
        self.instance.as_deref().is_none_or(|own| own == instance)
    }

    fn apply_presence(
        &mut self,
        who: &[Whom],
        now: Timestamp,
        mut freshness: impl FnMut(&mut Seat) -> Freshness,
    ) {
        for whom in who {
            let seat = self.seats.iter_mut().find(|seat| seat.is(whom));
            let doubtful = match seat.map(|seat| (freshness(seat), seat.who.person.clone())) {
                Some((Freshness::Old, _)) => false,
                Some((Freshness::Believed { surely }, person)) => {
                    self.forget_invitation(&person);
                    self.seek_admin();
                    !surely
                }
                Some((Freshness::Doubtful, _)) => true,
                // A phone number that is nobody's here belongs to an outsider; a hidden id may be anybody's
                // whose own is not known.
                None => whom.phone.is_none() && self.seats.iter().any(|s| s.hidden.is_none()),
            };
            if doubtful {
                self.read_soon(now);
            }
        }
    }

    /// Whether an invitation arrived does not matter any more to somebody who came, or came and went.
    fn forget_invitation(&mut self, whose: &str) {
        let key = Message::Invite { person: whose.to_owned() }.task_key();
        if self.tasks.is_unknown(&key) {
            self.tasks.forget(&key);
        }
    }

    /// Reads the members a few seconds from now, together with whatever else comes until then.
    pub(super) fn read_soon(&mut self, now: Timestamp) {
        let gently = self.read_at.map_or(now, |at| later(at, GENTLY));
        let at = later(now, SOON).max(gently);
        self.read_again_at = Some(self.read_again_at.map_or(at, |known| known.min(at)));
    }

    /// Whoever left may have been the second admin: making somebody one again who is one already is harmless.
    pub(super) fn seek_admin(&mut self) {
        let Some(at) = self.tasks.done_at("promote") else { return };
        let left_since = |s: &Seat| matches!(s.state, SeatState::Left { since } if since > at);
        if self.leavers().any(left_since) {
            self.tasks.forget("promote");
            self.promotions.clear();
        }
    }
}

#[cfg(test)]
mod tests;
