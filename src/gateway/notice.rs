//! What a chat provider tells by itself: who came and went, how a number is, what was written.
//!
//! A notice is a hint that spares waiting, never the only way to learn something: it may come twice, late,
//! out of order or not at all. Actors: a provider's file below `gateway/` makes [`Notice`]s of its events;
//! the receiver takes them in, the room hears those that concern it.

use serde::{Deserialize, Serialize};

use super::Session;
use crate::clock::Timestamp;
use crate::consent::Verdict;
use crate::jid::{ChatId, GroupId, Jid};

/// One thing that a provider told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The provider's id of it, which stays the same when it is told again.
    pub id: Option<String>,
    /// When it happened, by the provider's clock.
    pub at: Option<Timestamp>,
    /// What happened.
    pub what: NoticeKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum NoticeKind {
    /// People came into a group, added or by link.
    Joined {
        /// The group.
        group: GroupId,
        /// Who.
        who: Vec<Whom>,
    },
    /// People are out of a group, by themselves or removed.
    Left {
        /// The group.
        group: GroupId,
        /// Who.
        who: Vec<Whom>,
    },
    /// The linked number itself came into a group, its own new ones included.
    WeJoined {
        /// The group.
        group: GroupId,
        /// What it is called, if that was told.
        subject: Option<String>,
    },
    /// The linked number itself is out of a group.
    WeLeft {
        /// The group.
        group: GroupId,
    },
    /// A group is called otherwise.
    Renamed {
        /// The group.
        group: GroupId,
        /// What it is called now.
        subject: String,
    },
    /// Something about the people of a group changed, and it was not told what.
    Changed {
        /// The group.
        group: GroupId,
    },
    /// The linked number's session is in this state.
    Session {
        /// Which.
        session: Session,
    },
    /// An own message could not be sent after all.
    Undelivered {
        /// Where.
        chat: ChatId,
        /// The provider's bare id of it.
        message_id: String,
    },
    /// Something was written.
    Message {
        /// Where.
        chat: ChatId,
        /// By whom, if that was told.
        from: Option<Whom>,
        /// Whether the linked number wrote it.
        from_me: bool,
        /// The provider's bare id of it.
        message_id: Option<String>,
        /// The words, of own messages only: what other people write is nobody's business here.
        text: Option<String>,
        /// What somebody else's words in a 1:1 chat say about being called; nothing else of them is kept.
        #[serde(default)]
        verdict: Option<Verdict>,
    },
}

impl NoticeKind {
    /// A bounded name for metrics and pages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::WeJoined { .. } => "we_joined",
            Self::WeLeft { .. } => "we_left",
            Self::Renamed { .. } => "renamed",
            Self::Changed { .. } => "changed",
            Self::Session { .. } => "session",
            Self::Undelivered { .. } => "undelivered",
            Self::Message { .. } => "message",
        }
    }

    /// The group that it is about, if it is about one.
    #[must_use]
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Joined { group, .. }
            | Self::Left { group, .. }
            | Self::WeJoined { group, .. }
            | Self::WeLeft { group }
            | Self::Renamed { group, .. }
            | Self::Changed { group }
            | Self::Undelivered { chat: ChatId::Group(group), .. }
            | Self::Message { chat: ChatId::Group(group), .. } => Some(group),
            Self::Undelivered { chat: ChatId::Person(_), .. }
            | Self::Message { chat: ChatId::Person(_), .. }
            | Self::Session { .. } => None,
        }
    }
}

/// A person as far as a provider names them: by phone number, by hidden id, or by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whom {
    /// The phone-number id.
    pub phone: Option<Jid>,
    /// The hidden id.
    pub hidden: Option<Jid>,
}

/// A body of events that cannot be read. The words never repeat what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unread(pub String);
