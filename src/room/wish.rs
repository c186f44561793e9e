//! What an operator asks of a room, and how it is granted.
//!
//! A wish is stored beside the room and granted by whoever holds the lease, by moves that the phase table
//! knows. It stays until exactly the move it asked for was made or refused: any other move on the way, and
//! a process that dies in between, leave it standing.

use serde::{Deserialize, Serialize};

use super::phase::{Event, Illegal, Phase};
use crate::clock::Timestamp;
use crate::jid::GroupId;

/// What an operator asks of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum Wish {
    /// No room, or the end of it.
    Cancel,
    /// Go on from where it was parked; with a group, take that as the room.
    Resume {
        /// The group.
        group: Option<GroupId>,
    },
    /// Make another group, whatever became of the one before.
    NewGroup,
}

impl Wish {
    /// What it does to the room.
    #[must_use]
    pub fn event(&self) -> Event {
        match self {
            Self::Cancel => Event::Cancel,
            Self::Resume { group } => Event::Resume { group: group.clone() },
            Self::NewGroup => Event::NewGroup,
        }
    }

    /// In words for people, after "an operator asked: ".
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Cancel => "end the room".to_owned(),
            Self::Resume { group: None } => "go on".to_owned(),
            Self::Resume { group: Some(group) } => format!("take {group} as the room"),
            Self::NewGroup => "make a new group".to_owned(),
        }
    }

    /// The next move towards it from `phase`. A living room is parked before another group is taken, so that
    /// the table needs no move from one group to another.
    #[must_use]
    pub fn next_move(&self, phase: &Phase) -> Event {
        match (self, phase) {
            (Self::Resume { group: Some(wanted) }, Phase::Live { group, .. }) if group != wanted => {
                Event::Spent { why: "an operator takes another group as the room".to_owned() }
            }
            (Self::Cancel | Self::Resume { .. } | Self::NewGroup, _) => self.event(),
        }
    }

    /// Whether it can be granted from `phase`, at the latest when a call that is under way has ended: each
    /// phase that can follow a create takes a cancel.
    pub fn fits(&self, phase: &Phase, at: Timestamp) -> Result<(), Illegal> {
        if *self == Self::Cancel && matches!(phase, Phase::Creating { .. }) {
            return Ok(());
        }
        phase.clone().after(&self.next_move(phase), at).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_second(1_772_000_000).unwrap()
    }

    fn group(n: u32) -> GroupId {
        format!("12036300000000000{n}@g.us").parse().unwrap()
    }

    #[test]
    fn another_group_is_taken_through_a_parked_room() {
        let wish = Wish::Resume { group: Some(group(2)) };
        let live = Phase::Live { group: group(1), since: at() };
        assert!(wish.fits(&live, at()).is_ok());
        let parked =
            live.after(&wish.next_move(&Phase::Live { group: group(1), since: at() }), at()).unwrap();
        let taken = parked.clone().after(&wish.next_move(&parked), at()).unwrap();
        assert_eq!(taken.group(), Some(&group(2)));
    }

    #[test]
    fn the_room_s_own_group_cannot_be_taken_again() {
        let wish = Wish::Resume { group: Some(group(1)) };
        assert!(wish.fits(&Phase::Live { group: group(1), since: at() }, at()).is_err());
    }

    #[test]
    fn a_cancel_may_come_while_a_group_is_being_made() {
        let creating = Phase::Creating { asked_at: at() };
        assert!(Wish::Cancel.fits(&creating, at()).is_ok());
        assert!(Wish::Resume { group: None }.fits(&creating, at()).is_err());
    }
}
