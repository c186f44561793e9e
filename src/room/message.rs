//! What a room can say, without the words: those are chosen when it is about to be said.

use serde::{Deserialize, Serialize};

use super::numbers::By;
use crate::clock::Timestamp;
use crate::gateway::InviteLink;
use crate::incident::IncidentId;
use crate::jid::GroupId;

/// What is said, and to whom. People are their keys in the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Message {
    /// The first message of the room.
    Welcome,
    /// Who is here, once, and who left.
    Presence { leavers: Vec<String> },
    /// News up to and including this number, and who left.
    News { through: i64, leavers: Vec<String> },
    /// Who must be there and is not, or is after all.
    Quorum { matter: Matter },
    /// Who left, when nothing else is told that could say so.
    Departures { leavers: Vec<String> },
    /// The last message of the room.
    LastWords,
    /// Where the room is, into a group beside it.
    Pointer { group: GroupId },
    /// The link, to one person.
    Invite { person: String },
    /// That nobody came in a role that must be filled, to one person who holds an invitation.
    Reminder { person: String },
    /// "There is no room", to one person.
    Brief { person: String, why: Why },
    /// Why nothing is heard in the room, to one person.
    Quiet { person: String },
}

/// Something that the room hears about who must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "matter", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Matter {
    /// Somebody is asked to stand in.
    StandIn { person: String, role: String },
    /// Nobody can tell whether these roles are filled.
    Unsure { roles: Vec<String> },
    /// Nobody is there for these roles, and nobody is left to ask.
    Short { roles: Vec<String> },
    /// Everybody needed is there after all.
    Reached,
}

/// Why somebody is told 1:1, and not only in the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Why {
    /// The room is given up; the journal has the same reason.
    GivenUp { reason: String },
    /// The group waits for the budget of a number until about this moment.
    Delayed { until: Timestamp },
    /// Nobody knows whether they were told in the group by now. Where it can be joined by a link, they get that.
    Late { link: Option<InviteLink> },
    /// They are not in the group, and there is no link to it.
    Unlinked,
    /// Our number that is in the group does not work.
    Muted,
    /// The message about another incident, whose group waits too, says so.
    ToldWith { other: IncidentId },
}

impl Message {
    /// A bounded name: its kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Presence { .. } => "presence",
            Self::News { .. } => "news",
            Self::Quorum { .. } => "quorum",
            Self::Departures { .. } => "departures",
            Self::LastWords => "last_words",
            Self::Pointer { .. } => "pointer",
            Self::Invite { .. } => "invite",
            Self::Reminder { .. } => "reminder",
            Self::Brief { .. } => "brief",
            Self::Quiet { .. } => "quiet",
        }
    }

    /// What tells it from the other messages of its room.
    #[must_use]
    pub fn key(&self) -> String {
        let about = match self {
            Self::Welcome | Self::Presence { .. } | Self::LastWords => return self.name().replace('_', " "),
            Self::Quorum { matter } => return matter.key(),
            Self::News { through, .. } => through.to_string(),
            Self::Pointer { group } => group.to_string(),
            Self::Departures { leavers } => leavers.join(" "),
            Self::Invite { person }
            | Self::Reminder { person }
            | Self::Brief { person, .. }
            | Self::Quiet { person } => person.clone(),
        };
        format!("{} {about}", self.name())
    }

    /// The key of the task of saying it.
    #[must_use]
    pub fn task_key(&self) -> String {
        format!("say {}", self.key())
    }

    /// The key of the task of looking for it.
    pub(super) fn look_key(&self) -> String {
        format!("look_for_message {}", self.key())
    }

    /// Those of whom it says that they left.
    #[must_use]
    pub fn leavers(&self) -> &[String] {
        if let Self::Presence { leavers } | Self::News { leavers, .. } | Self::Departures { leavers } = self {
            leavers
        } else {
            &[]
        }
    }

    /// The one person to whom it goes: a repeat is a nuisance there, and silence is in the room.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        if let Self::Invite { person }
        | Self::Reminder { person }
        | Self::Brief { person, .. }
        | Self::Quiet { person } = self
        {
            Some(person)
        } else {
            None
        }
    }

    /// Whether it goes to one person.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.person().is_some()
    }

    /// Whose number says it.
    pub(super) fn by(&self) -> By<'_> {
        if let Self::Pointer { group } = self {
            return By::Beside(group);
        }
        // These tell people what the room's number cannot.
        if matches!(self, Self::Brief { .. } | Self::Quiet { .. }) { By::Any } else { By::Room }
    }
}

impl Matter {
    fn key(&self) -> String {
        match self {
            Self::StandIn { person, role } => format!("stand-in {person} as {role}"),
            Self::Unsure { roles } => format!("not certain of {}", roles.join(", ")),
            Self::Short { roles } => format!("nobody for {}", roles.join(", ")),
            Self::Reached => "everybody needed is here".to_owned(),
        }
    }
}

/// The key of telling `person` that there is no room.
#[must_use]
pub fn brief_key(person: &str) -> String {
    format!("say brief {person}")
}
