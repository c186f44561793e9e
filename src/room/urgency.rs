//! How urgent the work on a room is.

use serde::{Deserialize, Serialize};

use super::phase::PhaseName;
use super::{Inputs, Room};

/// What comes first when many rooms have something to do. Ordered so that more urgent is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Urgency {
    /// Nobody is briefed yet, and its route is important.
    Important,
    /// Nobody is briefed yet.
    Unbriefed,
    /// Something is to be said in the room, or an operator asked for something.
    News,
    /// Some of its people are not accounted for.
    People,
    /// Reads and upkeep.
    Upkeep,
}

impl Urgency {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Important, Self::Unbriefed, Self::News, Self::People, Self::Upkeep];

    /// Whether it may wait for everything else.
    #[must_use]
    pub fn can_wait(self) -> bool {
        self >= Self::People
    }
}

impl Room {
    /// How urgent it is to work on this room, given what is wanted of it.
    #[must_use]
    pub fn urgency(&self, inputs: &Inputs) -> Urgency {
        let own = self.own_urgency();
        let is_asked = !inputs.news.is_empty() || inputs.wish.is_some();
        if is_asked { own.min(Urgency::News) } else { own }
    }

    /// The same by the room's record alone.
    #[must_use]
    pub fn own_urgency(&self) -> Urgency {
        match self.phase.name() {
            PhaseName::Wanted | PhaseName::Creating | PhaseName::Unsure => self.urgency_of_the_unbriefed(),
            PhaseName::Live if !self.is_briefed() => self.urgency_of_the_unbriefed(),
            PhaseName::Live if self.is_complete() => Urgency::Upkeep,
            PhaseName::Live | PhaseName::Closing => Urgency::People,
            PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked => Urgency::Upkeep,
        }
    }

    fn urgency_of_the_unbriefed(&self) -> Urgency {
        if self.summons.important { Urgency::Important } else { Urgency::Unbriefed }
    }
}
