//! The kinds of text and the wording each comes with, which a config may replace.

use crate::incident::News;

/// A kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wording {
    /// The room's name.
    Subject,
    /// The first message of the room.
    Welcome,
    /// The first message about an incident in the room of another one.
    Guest,
    /// The room's description.
    Description,
    /// Who is in the room, once that is known.
    Presence,
    /// Who must be there and is not, or is after all.
    Quorum,
    /// The picture changed while it goes on.
    Update,
    /// Nothing fires any more.
    Resolved,
    /// Its source has said nothing of it for too long.
    Stale,
    /// It fires again inside the quiet time.
    Reopened,
    /// The link, to one person.
    Invite,
    /// That nobody came in a role that must be filled, to one person who was invited.
    Reminder,
    /// There is no room, to one person.
    Brief,
    /// Why nothing is heard in the room, to one person.
    Quiet,
    /// The last message of the room.
    LastWords,
    /// Where the room is, into a second group.
    Pointer,
    /// Who we are and how to refuse, to one person, long before any incident.
    OptInRequest,
    /// That a STOP was taken, to one person.
    StopTaken,
    /// That a START was taken, to one person.
    StartTaken,
    /// Whether a sentence was meant as a STOP, to one person.
    StopQuestion,
}

impl Wording {
    /// All that are about an incident, in the order in which people meet them.
    pub const ALL: [Self; 16] = [
        Self::Subject,
        Self::Welcome,
        Self::Guest,
        Self::Description,
        Self::Presence,
        Self::Quorum,
        Self::Update,
        Self::Resolved,
        Self::Stale,
        Self::Reopened,
        Self::Invite,
        Self::Reminder,
        Self::Brief,
        Self::Quiet,
        Self::LastWords,
        Self::Pointer,
    ];

    /// Those about an incident that are for one person, and so are said in that person's language.
    pub const ONE_TO_ONE: [Self; 4] = [Self::Invite, Self::Reminder, Self::Brief, Self::Quiet];

    /// Those that belong to no incident; each is for one person too.
    pub const LETTERS: [Self; 4] =
        [Self::OptInRequest, Self::StopTaken, Self::StartTaken, Self::StopQuestion];

    /// Those that may be said in the language of a person or of a room: all but the room's name.
    pub fn translatable() -> impl Iterator<Item = Self> {
        Self::every().filter(|wording| *wording != Self::Subject)
    }

    /// Every one that there is.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::LETTERS)
    }

    /// The kind for a piece of news.
    #[must_use]
    pub fn of(news: &News) -> Self {
        match news {
            News::Changed { .. } => Self::Update,
            News::Resolved { .. } => Self::Resolved,
            News::Stale { .. } => Self::Stale,
            News::Reopened { .. } => Self::Reopened,
        }
    }

    /// The kind that the config calls `name`; the room's name is no key of its own there.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::every().find(|w| *w != Self::Subject && w.as_str() == name)
    }

    /// The name used in the config; the subject is written there as the room's `name`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "name",
            Self::Welcome => "welcome",
            Self::Guest => "guest",
            Self::Description => "description",
            Self::Presence => "presence",
            Self::Quorum => "quorum",
            Self::Update => "update",
            Self::Resolved => "resolved",
            Self::Stale => "stale",
            Self::Reopened => "reopened",
            Self::Invite => "invite",
            Self::Reminder => "reminder",
            Self::Brief => "brief",
            Self::Quiet => "quiet",
            Self::LastWords => "last_words",
            Self::Pointer => "pointer",
            Self::OptInRequest => "opt_in_request",
            Self::StopTaken => "stop_taken",
            Self::StartTaken => "start_taken",
            Self::StopQuestion => "stop_question",
        }
    }
}

/// What a room is called unless the config says otherwise.
pub const ROOM_NAME: &str = "INCIDENT-{{ id }} | {{ title }}";
