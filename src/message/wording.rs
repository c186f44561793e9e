//! The kinds of text and the wording each comes with, which a config may replace.

use crate::incident::News;

/// A kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wording {
    /// The room's name.
    Subject,
    /// The first message of the room.
    Welcome,
    /// The room's description.
    Description,
    /// Who is in the room, once that is known.
    Presence,
    /// The picture changed while it goes on.
    Update,
    /// Nothing fires any more.
    Resolved,
    /// It fires again inside the quiet time.
    Reopened,
    /// The link, to one person.
    Invite,
    /// There is no room, to one person.
    Brief,
    /// The last message of the room.
    LastWords,
    /// Where the room is, into a second group.
    Pointer,
}

impl Wording {
    /// All of them, in the order in which people meet them.
    pub const ALL: [Self; 11] = [
        Self::Subject,
        Self::Welcome,
        Self::Description,
        Self::Presence,
        Self::Update,
        Self::Resolved,
        Self::Reopened,
        Self::Invite,
        Self::Brief,
        Self::LastWords,
        Self::Pointer,
    ];

    /// The kind for a piece of news.
    #[must_use]
    pub fn of(news: &News) -> Self {
        match news {
            News::Changed { .. } => Self::Update,
            News::Resolved { .. } => Self::Resolved,
            News::Reopened { .. } => Self::Reopened,
        }
    }

    /// The kind that the config calls `name`; the room's name is no key of its own there.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| *w != Self::Subject && w.as_str() == name)
    }

    /// The name used in the config; the subject is written there as the room's `name`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "name",
            Self::Welcome => "welcome",
            Self::Description => "description",
            Self::Presence => "presence",
            Self::Update => "update",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Invite => "invite",
            Self::Brief => "brief",
            Self::LastWords => "last_words",
            Self::Pointer => "pointer",
        }
    }

    /// The template it has unless the config has another.
    #[must_use]
    pub fn built_in(self) -> &'static str {
        match self {
            Self::Subject => ROOM_NAME,
            Self::Welcome => include_str!("welcome.txt"),
            Self::Description => include_str!("description.txt"),
            Self::Presence => include_str!("presence.txt"),
            Self::Update => include_str!("update.txt"),
            Self::Resolved => include_str!("resolved.txt"),
            Self::Reopened => include_str!("reopened.txt"),
            Self::Invite => include_str!("invite.txt"),
            Self::Brief => include_str!("brief.txt"),
            Self::LastWords => include_str!("last_words.txt"),
            Self::Pointer => include_str!("pointer.txt"),
        }
    }
}

/// What a room is called unless the config says otherwise.
pub const ROOM_NAME: &str = "INCIDENT-{{ id }} | {{ title }}";
