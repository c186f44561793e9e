//! One group: who is in it and since when, its settings, its invite codes and what was said.
//! Actors: `membership` and `talk` change a [`Group`]; engines and views read it as of a moment.
//!
//! Presences and log lines may lie in the future (a person who appears late), so every reading takes `now`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::clock::Timestamp;

/// Rights within a group; the creator is the superadmin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// A plain member.
    Member,
    /// An admin made by another admin.
    Admin,
    /// The creator.
    SuperAdmin,
}

/// One person's time in a group.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pub(super) digits: String,
    pub(super) rank: Rank,
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
}

impl Presence {
    pub(super) fn covers(&self, at: Timestamp) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A private invitation code and when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrivateInvite {
    pub(super) code: String,
    pub(super) expires_at: Timestamp,
}

/// Someone who was asked for and not let in.
#[derive(Debug, Clone)]
pub(super) struct TurnedAway {
    pub(super) result_code: u16,
    pub(super) invite: Option<PrivateInvite>,
}

/// What happened to a group, as its members read it between the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GroupEvent {
    Created,
    Added(String),
    JoinedByLink,
    Left,
    Removed(String),
    Promoted(String),
    Demoted(String),
    Subject(String),
    Description,
    Announce(bool),
    Locked(bool),
    LinkReset,
}

/// The content of one entry of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Text(String),
    /// WhatsApp's private (V4) invitation card.
    Invitation {
        group_id: String,
        subject: String,
        invite: PrivateInvite,
    },
    Event(GroupEvent),
}

/// One entry of a chat.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The bare id, without chat and direction.
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// Digits of who wrote or did it.
    pub(super) author: String,
    pub(super) entry: Entry,
    /// False where the receiver has blocked the sender.
    pub(super) delivered: bool,
    /// It could not be sent after all.
    pub(super) failed: bool,
    pub(super) edited_at: Option<Timestamp>,
    pub(super) deleted_at: Option<Timestamp>,
}

/// Entries up to `now` in the order of their moments.
pub(super) fn read_log(log: &[Message], now: Timestamp) -> Vec<&Message> {
    let mut seen: Vec<&Message> = log.iter().filter(|message| message.at <= now).collect();
    seen.sort_by_key(|message| message.at);
    seen
}

/// One group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) description: String,
    pub(super) created_at: Timestamp,
    pub(super) creator: String,
    pub(super) instance_id: String,
    pub(super) code: String,
    pub(super) dead_codes: Vec<String>,
    /// Only admins may write.
    pub(super) announce: bool,
    /// Only admins may change subject and description.
    pub(super) locked: bool,
    pub(super) presences: Vec<Presence>,
    pub(super) turned_away: BTreeMap<String, TurnedAway>,
    /// Those who left by themselves; they cannot be added again, only a link brings them back.
    pub(super) left: BTreeSet<String>,
    pub(super) log: Vec<Message>,
}

impl Group {
    pub(super) fn members(&self, now: Timestamp) -> impl Iterator<Item = &Presence> {
        self.presences.iter().filter(move |presence| presence.covers(now))
    }

    pub(super) fn member(&self, digits: &str, now: Timestamp) -> Option<&Presence> {
        self.members(now).find(|presence| presence.digits == digits)
    }

    pub(super) fn has(&self, digits: &str, now: Timestamp) -> bool {
        self.member(digits, now).is_some()
    }

    pub(super) fn is_admin(&self, digits: &str, now: Timestamp) -> bool {
        self.member(digits, now).is_some_and(|presence| presence.rank > Rank::Member)
    }

    /// Starts a presence at `since`; one that was due later is brought forward.
    pub(super) fn bring_in(&mut self, digits: &str, rank: Rank, since: Timestamp) {
        self.turned_away.remove(digits);
        self.left.remove(digits);
        self.forget_announced(digits, since);
        self.presences.push(Presence { digits: digits.to_owned(), rank, since, until: None });
    }

    /// Ends a presence; one that was still due never happens.
    pub(super) fn send_out(&mut self, digits: &str, now: Timestamp) {
        self.forget_announced(digits, now);
        for presence in &mut self.presences {
            if presence.digits == digits && presence.covers(now) {
                presence.until = Some(now);
            }
        }
    }

    fn forget_announced(&mut self, digits: &str, now: Timestamp) {
        self.presences.retain(|presence| presence.digits != digits || presence.since <= now);
        self.log.retain(|message| {
            message.at <= now || message.entry != Entry::Event(GroupEvent::Added(digits.to_owned()))
        });
    }

    pub(super) fn set_rank(&mut self, digits: &str, rank: Rank, now: Timestamp) {
        for presence in &mut self.presences {
            if presence.digits == digits && presence.covers(now) {
                presence.rank = rank;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn group() -> Group {
        Group {
            id: "120363000000000001@g.us".to_owned(),
            subject: "S".to_owned(),
            description: String::new(),
            created_at: at(0),
            creator: "1".to_owned(),
            instance_id: "I".to_owned(),
            code: "c".to_owned(),
            dead_codes: vec![],
            announce: false,
            locked: false,
            presences: vec![],
            turned_away: BTreeMap::new(),
            left: BTreeSet::new(),
            log: vec![],
        }
    }

    #[test]
    fn a_late_presence_counts_only_from_its_moment() {
        let mut group = group();
        group.bring_in("2", Rank::Member, at(10));
        assert!(!group.has("2", at(9)));
        assert!(group.has("2", at(10)));
    }

    #[test]
    fn joining_early_replaces_the_announced_arrival() {
        let mut group = group();
        group.bring_in("2", Rank::Member, at(10));
        group.log.push(Message {
            id: "M".to_owned(),
            at: at(10),
            author: "1".to_owned(),
            entry: Entry::Event(GroupEvent::Added("2".to_owned())),
            delivered: true,
            failed: false,
            edited_at: None,
            deleted_at: None,
        });
        group.bring_in("2", Rank::Member, at(5));
        assert_eq!(group.members(at(20)).count(), 1);
        assert!(group.log.is_empty());
    }

    #[test]
    fn whoever_is_sent_out_is_no_member_from_then_on() {
        let mut group = group();
        group.bring_in("2", Rank::Member, at(0));
        group.send_out("2", at(5));
        assert!(group.has("2", at(4)));
        assert!(!group.has("2", at(5)));
    }
}
