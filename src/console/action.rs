//! What an operator may ask of a room, and from where.

use crate::clock::Timestamp;
use crate::jid::GroupId;
use crate::room::{Event, Room, Wish};

/// The last part of `POST /api/rooms/{id}/{action}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// No room, or the end of it.
    Cancel,
    /// The same wish as [`Action::Cancel`] under the name that fits a room which people sit in.
    Close,
    /// Go on from where it was parked.
    Resume,
    /// Take a named group as the room.
    Adopt,
    /// Make another group.
    NewGroup,
}

/// What will happen to a second group that is closed.
pub(super) const CLOSING_ORPHAN: &str =
    "Taken: the people in that group are told where the room is, and our number leaves it.";

impl Action {
    const ALL: [Self; 5] = [Self::Cancel, Self::Close, Self::Resume, Self::Adopt, Self::NewGroup];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Close => "close",
            Self::Resume => "resume",
            Self::Adopt => "adopt",
            Self::NewGroup => "new-group",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// What to store; only [`Action::Adopt`] takes a group here.
    pub(super) fn wish(self, group: Option<GroupId>) -> Wish {
        match self {
            Self::Cancel | Self::Close => Wish::Cancel,
            Self::Resume => Wish::Resume { group: None },
            Self::Adopt => Wish::Resume { group },
            Self::NewGroup => Wish::NewGroup,
        }
    }

    /// What will happen, for the one who asked.
    pub(super) fn promise(self) -> &'static str {
        match self {
            Self::Cancel | Self::Close => "Taken: the room will be ended in a moment.",
            Self::Resume => "Taken: the room goes on in a moment.",
            Self::Adopt => {
                "Taken: the group is read, and if our number is in it, it is the room in a moment."
            }
            Self::NewGroup => "Taken: another group will be made in a moment.",
        }
    }
}

/// What the room takes from where it is, by the one function that knows every legal move. Of the two names
/// for the end, the one that fits is offered; the other works as well.
pub(super) fn offered(room: &Room, now: Timestamp) -> Vec<Action> {
    let takes = |event: &Event| room.phase.clone().after(event, now).is_ok();
    let mut actions = Vec::new();
    if takes(&Event::Resume { group: None }) {
        actions.extend([Action::Resume, Action::Adopt]);
    }
    if takes(&Event::NewGroup) {
        actions.push(Action::NewGroup);
    }
    if takes(&Event::Cancel) {
        actions.push(if room.phase.group().is_some() { Action::Close } else { Action::Cancel });
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("delete"), None);
    }
}
