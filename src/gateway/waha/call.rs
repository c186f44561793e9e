//! What is being context, as far as the meaning of an answer depends on it.
//!
//! Actors: [`Call`], one per route; [`CallContext`], a call with what its arguments add. Both are small values
//! that the classifier reads; they hold nothing that could be a secret.

use crate::gateway::{GatewayError, Refusal};

/// One route of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Session,
    Create,
    ListGroups,
    RefreshGroups,
    ReadGroup,
    Members,
    MembersV2,
    PhoneOfLid,
    LidOfPhone,
    Add,
    Join,
    Promote,
    InviteLink,
    RevokeLink,
    Describe,
    Rename,
    LockSettings,
    LockMessages,
    ReadSettings,
    SendText,
    ReadChat,
    CheckExists,
    Leave,
}

impl Call {
    #[cfg(test)]
    pub(super) const ALL: [Self; 23] = [
        Self::Session,
        Self::Create,
        Self::ListGroups,
        Self::RefreshGroups,
        Self::ReadGroup,
        Self::Members,
        Self::MembersV2,
        Self::PhoneOfLid,
        Self::LidOfPhone,
        Self::Add,
        Self::Join,
        Self::Promote,
        Self::InviteLink,
        Self::RevokeLink,
        Self::Describe,
        Self::Rename,
        Self::LockSettings,
        Self::LockMessages,
        Self::ReadSettings,
        Self::SendText,
        Self::ReadChat,
        Self::CheckExists,
        Self::Leave,
    ];

    /// The word for it in logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Create => "create_group",
            Self::ListGroups => "list_groups",
            Self::RefreshGroups => "refresh_groups",
            Self::ReadGroup => "read_group",
            Self::Members => "members",
            Self::MembersV2 => "members_v2",
            Self::PhoneOfLid => "phone_of_lid",
            Self::LidOfPhone => "lid_of_phone",
            Self::Add => "add_members",
            Self::Join => "join",
            Self::Promote => "promote",
            Self::InviteLink => "invite_link",
            Self::RevokeLink => "revoke_link",
            Self::Describe => "describe",
            Self::Rename => "rename",
            Self::LockSettings => "lock_settings",
            Self::LockMessages => "lock_messages",
            Self::ReadSettings => "read_settings",
            Self::SendText => "send_text",
            Self::ReadChat => "recent_own_messages",
            Self::CheckExists => "is_reachable",
            Self::Leave => "leave",
        }
    }

    /// Whether it changes nothing that anyone can see, so that a lost answer costs only another look.
    pub(super) fn is_read(self) -> bool {
        matches!(
            self,
            Self::Session
                | Self::ListGroups
                | Self::RefreshGroups
                | Self::ReadGroup
                | Self::ReadSettings
                | Self::Members
                | Self::MembersV2
                | Self::PhoneOfLid
                | Self::LidOfPhone
                | Self::InviteLink
                | Self::ReadChat
                | Self::CheckExists
        )
    }

    /// Whether its path names a group.
    fn names_a_group(self) -> bool {
        matches!(
            self,
            Self::ReadGroup
                | Self::ReadSettings
                | Self::Members
                | Self::MembersV2
                | Self::Add
                | Self::Promote
                | Self::InviteLink
                | Self::RevokeLink
                | Self::Describe
                | Self::Rename
                | Self::LockSettings
                | Self::LockMessages
                | Self::Leave
        )
    }

    /// Whether it carries a subject, the only thing that `WhatsApp` answers with 406 here.
    pub(super) fn has_subject(self) -> bool {
        matches!(self, Self::Create | Self::Rename)
    }
}

/// A call, with what its arguments mean for the reading of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallContext {
    pub(super) call: Call,
    /// It concerns one existing group, so "not found" is about that group.
    pub(super) on_group: bool,
    /// Its text is longer than Wawp documents to take.
    pub(super) long_text: bool,
}

impl CallContext {
    pub(super) fn new(call: Call) -> Self {
        Self { call, on_group: call.names_a_group(), long_text: false }
    }

    /// The error for an answer that says neither yes nor no.
    pub(super) fn ambiguous(self, detail: impl Into<String>) -> GatewayError {
        let detail = detail.into();
        if self.call.is_read() { GatewayError::NotSent { detail } } else { GatewayError::Unknown { detail } }
    }
}

/// Shorthand for the many refusals.
pub(super) fn refused(reason: Refusal, detail: impl Into<String>) -> GatewayError {
    GatewayError::Refused { reason, detail: detail.into() }
}
