//! The way out: what a chat provider can be asked, and what its answers mean for the next step.
//!
//! Actors: the [`Gateway`] trait, one value of it per linked number; [`GatewayError`], classed by what
//! happens next and by nothing else. A provider's wire types stay in its own file below `gateway/`.
//! Nothing here knows what an incident is.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::jid::{ChatId, GroupId, Jid};

mod client;
pub mod fallback_webhook;
pub mod fetch;
pub mod notice;
pub mod posting;
pub mod waha;

pub use notice::{Notice, NoticeKind, Unread, Whom};

/// One linked number at a chat provider.
///
/// Every call ends within the call time limit given to the implementation. An error says what may have
/// happened at the other side; none of them ever contains a credential or a full phone number.
#[async_trait]
pub trait Gateway: Debug + Send + Sync {
    /// What this provider can and cannot do.
    fn capabilities(&self) -> Capabilities;

    /// Whether the linked number is working right now.
    async fn session(&self) -> Result<Session, GatewayError>;

    /// Makes a group. Success says nothing about who is in it.
    async fn create_group(&self, subject: &str, people: &[Jid]) -> Result<CreatedGroup, GatewayError>;

    /// All groups of this number whose subject holds the token as a whole word, and whether the list proves that
    /// there is no other one. (`INCIDENT-1` is not in `INCIDENT-12 | …`.)
    async fn find_groups(&self, search: &GroupSearch) -> Result<FoundGroups, GatewayError>;

    /// Who is in the group, with hidden ids resolved as far as the provider can for `wanted`.
    async fn members(&self, group: &GroupId, wanted: &[Jid]) -> Result<Members, GatewayError>;

    /// Adds people; repeating it is harmless.
    async fn add_members(&self, group: &GroupId, people: &[Jid]) -> Result<Vec<Added>, GatewayError>;

    /// Joins a group by its invite link, as this number; repeating it is harmless. Answers with the group.
    async fn join(&self, link: &InviteLink) -> Result<GroupId, GatewayError>;

    /// Makes a member an admin; repeating it is harmless.
    async fn promote(&self, group: &GroupId, person: &Jid) -> Result<(), GatewayError>;

    /// The group's invite link, `https://chat.whatsapp.com/<code>`.
    async fn invite_link(&self, group: &GroupId) -> Result<InviteLink, GatewayError>;

    /// Makes the present invite link useless.
    async fn revoke_link(&self, group: &GroupId) -> Result<(), GatewayError>;

    /// Sets the description; repeating it is harmless.
    async fn describe(&self, group: &GroupId, text: &str) -> Result<(), GatewayError>;

    /// Sets the subject; repeating it is harmless.
    async fn rename(&self, group: &GroupId, subject: &str) -> Result<(), GatewayError>;

    /// Only admins may change subject and description from now on; repeating it is harmless.
    async fn lock_settings(&self, group: &GroupId) -> Result<(), GatewayError>;

    /// Only admins may write from now on; repeating it is harmless.
    async fn lock_messages(&self, group: &GroupId) -> Result<(), GatewayError>;

    /// Sends a text. Not repeatable without a look: see [`Gateway::recent_own_messages`].
    async fn send_text(&self, chat: &ChatId, text: &str) -> Result<Sent, GatewayError>;

    /// The last texts that this number, or another one of `ours`, wrote into a chat, newest first.
    async fn recent_own_messages(&self, chat: &ChatId, ours: &[Jid])
    -> Result<Vec<OwnMessage>, GatewayError>;

    /// Whether the person has written to this number 1:1 since `since`.
    async fn has_written(&self, person: &Jid, since: Timestamp) -> Result<bool, GatewayError>;

    /// Whether the number is on the network at all, and by which id: some countries' numbers are registered in
    /// another form than they are dialled in.
    async fn is_reachable(&self, person: &Jid) -> Result<Option<Jid>, GatewayError>;

    /// Whose hidden id this is, as far as the provider can tell; `among` are the people whom it may belong to.
    async fn whose(&self, hidden: &Jid, among: &[Jid]) -> Result<Option<Jid>, GatewayError>;

    /// Leaves the group.
    async fn leave(&self, group: &GroupId) -> Result<(), GatewayError>;
}

/// A provider's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Longest subject, in UTF-16 units.
    pub longest_subject: usize,
    /// Longest subject that every known version takes, for a second try, in UTF-16 units.
    pub safe_subject: usize,
    /// Longest description, in UTF-16 units.
    pub longest_description: usize,
    /// Longest message, in UTF-16 units.
    pub longest_text: usize,
}

/// Whether a linked number works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// Sends and groups work.
    Working {
        /// The linked number, where the provider names it.
        own: Option<Own>,
    },
    /// They do not; the provider's word for why.
    Down(String),
}

/// The ids of a linked number of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// The phone-number id.
    pub phone: Jid,
    /// The hidden id, by which groups may show it.
    pub hidden: Option<Jid>,
}

impl Own {
    /// Whether this id is the number's.
    #[must_use]
    pub fn is(&self, person: &Jid) -> bool {
        *person == self.phone || self.hidden.as_ref() == Some(person)
    }
}

/// What came back from making a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedGroup {
    /// The new group.
    pub group: GroupId,
    /// What the provider said about single people, where it said anything. Never the member list.
    pub said: Vec<Added>,
}

/// What the provider said about one person it was asked to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The person, as asked for where that can be told.
    pub person: Jid,
    /// The outcome as far as it was told.
    pub outcome: AddOutcome,
}

/// The per-person outcome of an add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddOutcome {
    /// The provider says that the person is in; only the member list proves it.
    Added,
    /// The person's privacy settings want an invitation (codes 403 and 417). `by_gateway`: the provider
    /// already sent a private invitation by itself.
    NeedsInvite {
        /// Whether the provider invited the person by itself.
        by_gateway: bool,
    },
    /// Not on the network (404).
    NotOnNetwork,
    /// Has blocked this number (401): must not be written to.
    Blocked,
    /// Left a short while ago and cannot be added again now (408).
    LeftRecently,
    /// The group is full (419).
    Full,
    /// Some other code, which says nothing certain.
    Unclear(u16),
}

/// What is looked for in the list of this number's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSearch {
    /// The word in the subject.
    pub token: String,
    /// When this number was first asked to make such a group.
    pub asked_at: Timestamp,
    /// Groups in which this number is known to be: a list without any of them is not the whole list.
    pub member_of: Vec<GroupId>,
    /// Whether it matters that there is none, or no further one: that takes a list that was read afresh.
    pub thoroughly: bool,
    /// Whether further groups matter when one is found.
    pub all: bool,
}

/// What a look through the list of groups showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundGroups {
    /// The groups that bear the token.
    pub groups: Vec<FoundGroup>,
    /// Why the list does not prove that there is no other one, if it does not.
    pub doubt: Option<Doubt>,
}

/// Why a list of groups does not prove that a group is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// In words.
    pub why: String,
    /// Before this much time another look is of no use.
    pub wait: Duration,
}

/// A group found by its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    /// The group.
    pub group: GroupId,
    /// Its subject.
    pub subject: String,
    /// When it was made, if the provider says.
    pub created_at: Option<Timestamp>,
}

/// A member list as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Everybody who is in, this number left out.
    pub rows: Vec<Member>,
    /// People listed as refused, which are not members.
    pub refused: Vec<Added>,
    /// Hidden ids of wanted people, as far as the provider can map them.
    pub hidden_ids: BTreeMap<Jid, Jid>,
    /// This number could not be told apart: one of the rows is most likely its own.
    pub self_not_listed: bool,
    /// Whether this number itself is an admin, where its own row could be told apart.
    pub own_admin: Option<bool>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The phone-number id, if the list or the mapping gives it.
    pub phone: Option<Jid>,
    /// The hidden id, if the list gives it.
    pub hidden: Option<Jid>,
    /// Whether the member is an admin.
    pub admin: bool,
}

/// A group's invite link. Whoever holds it can join.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteLink(pub String);

/// Hidden: the link is a secret of the incident.
impl Debug for InviteLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InviteLink(…)")
    }
}

/// A text that was handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The provider's id of the message, if it gave one.
    pub message_id: Option<String>,
}

/// A text that one of our numbers wrote earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMessage {
    /// The text as stored by the provider.
    pub text: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// The provider's id of it.
    pub message_id: Option<String>,
}

/// Why a call did not succeed, by what happens next.
///
/// `detail` is a short sentence for the journal and the operator, already cleaned of credentials, bodies
/// and phone numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum GatewayError {
    /// Certainly nothing happened: try again later.
    #[error("not sent: {detail}")]
    NotSent {
        /// What went wrong.
        detail: String,
    },
    /// The provider asks for patience; nothing happened.
    #[error("throttled: {detail}")]
    Throttled {
        /// How long it asks to wait, if it says.
        retry_after: Option<Duration>,
        /// What it said.
        detail: String,
    },
    /// It may have happened: look before acting.
    #[error("outcome unknown: {detail}")]
    Unknown {
        /// What went wrong.
        detail: String,
    },
    /// It will not happen, however often it is tried.
    #[error("refused ({reason:?}): {detail}")]
    Refused {
        /// Which kind of refusal.
        reason: Refusal,
        /// What the provider said.
        detail: String,
    },
    /// The linked number does not work at present: nothing will happen for anyone.
    #[error("session down: {detail}")]
    SessionDown {
        /// The state the provider reports.
        detail: String,
    },
    /// The group does not exist for us any more.
    #[error("gone: {detail}")]
    Gone {
        /// What the provider said.
        detail: String,
    },
}

/// Kinds of refusal that lead to different next moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Token or instance are not accepted.
    Credentials,
    /// Payment, plan or quota.
    Plan,
    /// The subject is longer than the provider takes.
    SubjectTooLong,
    /// The text is longer than the provider takes.
    TextTooLong,
    /// This number lacks the rights.
    Forbidden,
    /// The request itself is wrong.
    Invalid,
    /// `WhatsApp` does not let this number write to people it does not know, for hours: each further try makes it
    /// longer.
    Strangers,
    /// The person cannot be reached by this id: it is no account.
    NoAccount,
    /// The provider cannot do this at all.
    Unsupported,
}

impl GatewayError {
    /// A short fixed word for metrics and logs.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::NotSent { .. } => "not_sent",
            Self::Throttled { .. } => "throttled",
            Self::Unknown { .. } => "unknown",
            Self::Refused { .. } => "refused",
            Self::SessionDown { .. } => "session_down",
            Self::Gone { .. } => "gone",
        }
    }
}

/// Whether `subject` holds `token` as a whole word: at its start or after a space, and not followed by a
/// letter, digit, hyphen or underscore.
#[must_use]
pub fn subject_has_token(subject: &str, token: &str) -> bool {
    !token.is_empty()
        && subject.match_indices(token).any(|(at, _)| {
            let before = subject.get(..at).and_then(|s| s.chars().next_back());
            let after = subject.get(at + token.len()..).and_then(|s| s.chars().next());
            let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
            !before.is_some_and(joins) && !after.is_some_and(joins)
        })
}

#[cfg(test)]
mod tests {
    use super::subject_has_token;

    #[test]
    fn a_token_is_found_only_as_a_whole_word() {
        for yes in ["INCIDENT-1", "INCIDENT-1 | api down", "✅ INCIDENT-1: over", "x INCIDENT-12 INCIDENT-1"]
        {
            assert!(subject_has_token(yes, "INCIDENT-1"), "{yes}");
        }
        for no in ["INCIDENT-12", "INCIDENT-1-2", "XINCIDENT-1", "MY-INCIDENT-1", "incident-1", ""] {
            assert!(!subject_has_token(no, "INCIDENT-1"), "{no}");
        }
        assert!(!subject_has_token("anything", ""));
    }
}
