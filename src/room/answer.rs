//! What came back from a call, and what that means beyond the room.

use serde::{Deserialize, Serialize};

use super::inputs::Context;
use super::phase::Event;
use super::task::Task;
use crate::clock::{SignedDuration, Timestamp};
use crate::gateway::{
    AddOutcome, Added, CreatedGroup, FoundGroups, GatewayError, InviteLink, Members, OwnMessage, Sent,
};
use crate::jid::{GroupId, Jid};

/// The first look after a lost create or a lost message.
pub(super) const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(1);
/// Between two looks for a lost group, while "nothing" is not believed yet.
pub(super) const LOOK_GAP: SignedDuration = SignedDuration::from_secs(10);
/// How far the gateway's clock may be behind ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// What came back from a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A group was made.
    Created(CreatedGroup),
    /// Groups that carry the token.
    Groups(FoundGroups),
    /// A message was handed over.
    Sent(Sent),
    /// Own messages of a chat.
    Messages(Vec<OwnMessage>),
    /// A member list.
    Members(Members),
    /// The invite link.
    Link(InviteLink),
    /// What was said about people who were added.
    Added(Vec<Added>),
    /// By which id a person is on the network, if at all.
    Reachable(Option<Jid>),
    /// Whether a person has written to this number.
    Written(bool),
    /// It worked, and there is nothing to say about it.
    Done,
    /// It did not.
    Failed(GatewayError),
}

impl Answer {
    /// The error in it. An answer to another question than the one asked tells nothing, so it counts as
    /// one; only call this where the fitting answer was already dealt with.
    pub(super) fn error(&self) -> GatewayError {
        if let Self::Failed(error) = self {
            error.clone()
        } else {
            GatewayError::Unknown { detail: "an answer to another question".to_owned() }
        }
    }
}

/// The end of a task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) task: &'a Task,
    pub(super) answer: &'a Answer,
    pub(super) context: Context<'a>,
    pub(super) now: Timestamp,
}

/// What a task's end means beyond the room itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// The move in the phase machine, if there was one. Already applied to the room.
    pub event: Option<Event>,
    /// Further groups that carry the room's id.
    pub duplicates: Vec<GroupId>,
    /// The call certainly did nothing, so it used no budget.
    pub unspent: bool,
    /// A group beside the room was left, or could not be.
    pub left: Option<LeftDuplicate>,
}

/// What came of closing a group beside the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftDuplicate {
    /// The group.
    pub group: GroupId,
    /// Why the number could not leave it, if it could not.
    pub stuck: Option<String>,
}

/// An outcome in words, for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Note {
    /// It worked.
    Ok {
        /// What came back, shortly, without secrets.
        what: String,
    },
    /// It did not.
    Failed {
        /// The class and the provider's words.
        error: GatewayError,
    },
    /// Whoever made the call went away without an answer; the next one looks what came of it.
    Abandoned,
}

impl Answer {
    /// The answer in words, for the journal.
    #[must_use]
    pub fn note(&self) -> Note {
        let what = match self {
            Self::Created(created) => created.group.to_string(),
            Self::Groups(FoundGroups { groups, doubt: None }) => format!("{} groups", groups.len()),
            Self::Groups(FoundGroups { groups, doubt: Some(doubt) }) => {
                format!("{} groups; cannot tell: {}", groups.len(), doubt.why)
            }
            Self::Sent(sent) => sent.message_id.clone().unwrap_or_else(|| "handed over".to_owned()),
            Self::Messages(messages) => format!("{} messages", messages.len()),
            Self::Members(members) => {
                format!("{} members, {} refused", members.rows.len(), members.refused.len())
            }
            Self::Link(_) => "link".to_owned(),
            Self::Added(said) => {
                let refused = said.iter().filter(|added| added.outcome != AddOutcome::Added).count();
                format!("asked, {refused} refused")
            }
            Self::Written(yes) => if *yes { "has written to us" } else { "has not written to us" }.to_owned(),
            Self::Reachable(found) => {
                if found.is_some() { "on the network" } else { "not on the network" }.to_owned()
            }
            Self::Done => "done".to_owned(),
            Self::Failed(error) => return Note::Failed { error: error.clone() },
        };
        Note::Ok { what }
    }
}
