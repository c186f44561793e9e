//! Everything that can be done for a room: one kind of task a row of [`Task::kind`].
//!
//! A new kind needs its variant and row here, its place in the plan, and its call (with words, if it speaks).

use std::borrow::Cow;
use std::slice::from_ref;

use super::message::Message;
use super::numbers::By;
use crate::clock::Timestamp;
use crate::gateway::InviteLink;
use crate::jid::{ChatId, GroupId, Jid};

/// One call. What it says is worded when it is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of the call")]
pub enum Task {
    /// Make the group.
    Create { people: Vec<Jid> },
    /// Look whether a lost create of this number made one.
    Look { token: String, instance: String, asked_at: Timestamp, thoroughly: bool },
    /// Look for a second group, once the list has settled.
    Sweep { token: String, instance: String, asked_at: Timestamp },
    /// Read a group that an operator named, before it is taken.
    ReadGroup { group: GroupId, instance: String },
    /// Say something.
    Say { message: Message, chat: ChatId },
    /// Look whether something lost was said.
    LookForMessage { message: Message, chat: ChatId },
    /// Set the description.
    Describe { group: GroupId },
    /// Read who is in.
    ReadMembers { group: GroupId, wanted: Vec<Jid> },
    /// Add people to the group that is there already.
    AddMembers { group: GroupId, people: Vec<Jid> },
    /// Ask whether a person has written to this number since a moment.
    CheckHistory { person: String, jid: Jid, since: Timestamp },
    /// Get the invite link.
    GetLink { group: GroupId },
    /// Ask whether a person is on the network, before writing to them.
    CheckReachable { person: String, jid: Jid },
    /// Let only admins change subject and description.
    LockSettings { group: GroupId },
    /// Make a person admin.
    Promote { group: GroupId, person: String, jid: Jid },
    /// Make the invite link useless.
    RevokeLink { group: GroupId },
    /// Let only admins write.
    LockMessages { group: GroupId },
    /// Change the subject.
    Rename { group: GroupId },
    /// Leave the group.
    Leave { group: GroupId },
    /// The room's number adds another one of ours.
    AddNumber { group: GroupId, instance: String, jid: Jid },
    /// That one joins by the link.
    JoinNumber { group: GroupId, instance: String, link: InviteLink },
    /// The room's number makes it an admin.
    PromoteNumber { group: GroupId, instance: String, jid: Jid },
    /// It reads the member list itself.
    CheckNumber { group: GroupId, instance: String },
    /// It leaves, long after the end.
    LeaveNumber { group: GroupId, instance: String },
    /// Tell the fallback webhook.
    CallWebhook(WebhookCall),
    /// Show in its name that a group beside the room is not the room.
    RenameDuplicate { group: GroupId },
    /// Leave a group beside the room.
    LeaveDuplicate { group: GroupId },
}

/// What the fallback webhook is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookCall {
    /// Why it is called.
    pub reason: Reason,
    /// The same for every repeat; another one for another incident, reason or outage.
    pub id: String,
}

/// Why the fallback webhook is called.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Reason {
    /// No linked number works: since when, and all of them.
    NumbersDown { since: Timestamp, numbers: Vec<String> },
    /// A person must decide about the room, and not everybody could be told 1:1.
    Parked,
    /// So many people could not be told 1:1 in time; with the last failure to tell one of them.
    Late { people: usize, last: Option<String> },
}

impl Reason {
    /// A short fixed word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NumbersDown { .. } => "numbers-down",
            Self::Parked | Self::Late { .. } => "unreached",
        }
    }
}

/// What a call does, which decides what its silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It only asks: without an answer nothing has happened.
    Read,
    /// Twice does the same as once: it is simply repeated.
    SetLike,
    /// It is looked for in the chat before it is said again.
    Message,
    /// Without an answer nobody knows: what came of it shows elsewhere.
    Once,
}

/// What holds for every task of a kind.
#[derive(Debug, Clone)]
pub struct Kind<'a> {
    /// A bounded name for metrics, the journal and spans.
    pub name: &'static str,
    /// What tells it from the room's other tasks of this kind.
    about: Cow<'a, str>,
    /// Whose number makes it.
    pub by: By<'a>,
    /// What it does.
    pub class: Class,
    /// Failures in a row after which it is given up, or done without.
    pub tries: u32,
    /// The people whom it would reach or asks about, our own numbers left out.
    pub people: &'a [Jid],
}

/// What people must hear, and what has a deadline of its phase, is tried until it is refused.
const UNTIL_REFUSED: u32 = u32::MAX;
/// About a day of minutes.
const A_DAY: u32 = 1440;

impl Task {
    /// The table of all kinds.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        use By::{Any, Beside, Number, Room, Webhook};
        use Class::{Once, Read, SetLike};
        match self {
            Self::Create { people } => kind("create", Any, Once, UNTIL_REFUSED).reaches(people),
            Self::Look { instance, .. } => {
                kind("look", Number(instance), Read, UNTIL_REFUSED).about(instance)
            }
            Self::Sweep { instance, .. } => kind("sweep", Number(instance), Read, 20).about(instance),
            Self::ReadGroup { group, instance } => {
                kind("read_group", Number(instance), Read, 3).about(format!("{group} {instance}"))
            }
            Self::Say { message, chat } => {
                let said = kind("say", message.by(), Class::Message, UNTIL_REFUSED).about(message.key());
                if let ChatId::Person(jid) = chat { said.reaches(from_ref(jid)) } else { said }
            }
            Self::LookForMessage { message, .. } => {
                kind("look_for_message", message.by(), Read, 3).about(message.key())
            }
            Self::Describe { .. } => kind("describe", Room, SetLike, 8),
            // Read again minutes later in any case.
            Self::ReadMembers { .. } => kind("read_members", Room, Read, 5),
            Self::AddMembers { people, .. } => kind("add_members", Room, SetLike, 3).reaches(people),
            Self::CheckHistory { person, jid, .. } => {
                kind("check_history", Any, Read, 3).about(person).reaches(from_ref(jid))
            }
            Self::GetLink { .. } => kind("get_link", Room, Read, 20),
            Self::CheckReachable { person, jid } => {
                kind("check_reachable", Any, Read, 3).about(person).reaches(from_ref(jid))
            }
            Self::LockSettings { .. } => kind("lock_settings", Room, SetLike, 8),
            Self::Promote { jid, .. } => kind("promote", Room, SetLike, 8).reaches(from_ref(jid)),
            Self::RevokeLink { .. } => kind("revoke_link", Room, SetLike, 20),
            Self::LockMessages { .. } => kind("lock_messages", Room, SetLike, 20),
            Self::Rename { .. } => kind("rename", Room, SetLike, 8),
            Self::Leave { .. } => kind("leave", Room, Once, 20),
            Self::AddNumber { instance, .. } => kind("add_number", Room, Once, 8).about(instance),
            Self::JoinNumber { instance, .. } => {
                kind("join_number", Number(instance), Once, 8).about(instance)
            }
            Self::PromoteNumber { instance, .. } => kind("promote_number", Room, Once, 8).about(instance),
            Self::CheckNumber { instance, .. } => {
                kind("check_number", Number(instance), Read, 8).about(instance)
            }
            Self::LeaveNumber { instance, .. } => {
                kind("leave_number", Number(instance), Once, 8).about(instance)
            }
            Self::CallWebhook(call) => {
                kind("fallback_webhook", Webhook, Once, A_DAY).about(call.reason.as_str())
            }
            Self::RenameDuplicate { group } => {
                kind("rename_duplicate", Beside(group), SetLike, 8).about(group.as_str())
            }
            Self::LeaveDuplicate { group } => {
                kind("leave_duplicate", Beside(group), Once, 20).about(group.as_str())
            }
        }
    }

    /// A bounded name for metrics, the journal and spans.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name
    }

    /// What its state is kept under.
    #[must_use]
    pub fn key(&self) -> String {
        let Kind { name, about, .. } = self.kind();
        if about.is_empty() { name.to_owned() } else { format!("{name} {about}") }
    }

    /// Whether it is written down before it is called. What only asks, or may be called any number of times, is
    /// written with its outcome, unless it concerns somebody who may have said STOP.
    #[must_use]
    pub fn needs_intent(&self) -> bool {
        let Kind { class, people, .. } = self.kind();
        !matches!(class, Class::Read | Class::SetLike) || !people.is_empty()
    }

    /// Whether it only asks.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.kind().class == Class::Read
    }

    /// What it says, if it says something to one person.
    #[must_use]
    pub fn private(&self) -> Option<&Message> {
        if let Self::Say { message, .. } = self { Some(message).filter(|m| m.is_private()) } else { None }
    }

    /// Whether a "gone" from it means that the room's group is gone. A chat without a message can be unknown where
    /// its group is well, and nothing is given up for a second number.
    pub(super) fn tells_of_the_group(&self) -> bool {
        let is_beside =
            matches!(self, Self::LookForMessage { .. } | Self::AddNumber { .. } | Self::PromoteNumber { .. });
        self.kind().by == By::Room && self.private().is_none() && !is_beside
    }
}

fn kind<'a>(name: &'static str, by: By<'a>, class: Class, tries: u32) -> Kind<'a> {
    Kind { name, about: Cow::Borrowed(""), by, class, tries, people: &[] }
}

impl<'a> Kind<'a> {
    fn about(self, about: impl Into<Cow<'a, str>>) -> Self {
        Self { about: about.into(), ..self }
    }

    fn reaches(self, people: &'a [Jid]) -> Self {
        Self { people, ..self }
    }
}
