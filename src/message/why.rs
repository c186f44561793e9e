//! Why somebody is told 1:1 and not only in the group.

use super::catalog::{Catalog, Safe};
use super::phrase::Phrase;
use super::scene::{Scene, address};
use crate::clock::{SignedDuration, later};
use crate::room::{Phase, Room, Why};

impl Scene<'_> {
    /// The reason, without its full stop, with the link into the group where there is one after all. What failed inside
    /// is for the console: it helps nobody who reads this in a chat.
    pub(super) fn because(&self, why: &Why) -> Safe {
        let Some((room, now)) = self.room.zip(self.now) else { return Safe(String::new()) };
        let catalog = self.catalog;
        match why {
            Why::GivenUp { .. } => catalog.words(Phrase::NoGroup),
            Why::Delayed { until } if *until > later(now, SignedDuration::from_hours(24)) => {
                catalog.words(Phrase::NoGroupToday)
            }
            Why::Delayed { until } => {
                catalog.say(Phrase::NoGroupBefore, &[("at", &self.moment_in_words(*until))])
            }
            Why::Late { link: Some(link) } => {
                let why = match room.phase {
                    Phase::Live { .. } => catalog.words(Phrase::UnseenInGroup),
                    _ => state(catalog, room),
                };
                let link = Safe(address(&link.0).to_string());
                catalog.say(Phrase::LinkFollows, &[("why", &why), ("link", &link)])
            }
            Why::Late { link: None } => match room.phase {
                Phase::Live { .. } if room.is_briefed() => catalog.words(Phrase::UnseenWithoutLink),
                _ => state(catalog, room),
            },
            Why::Unlinked => catalog.words(Phrase::Unlinked),
            Why::Muted => catalog.words(Phrase::Muted),
            Why::ToldWith { other } => {
                catalog.say(Phrase::NoGroupEither, &[("other", &Safe(other.to_string()))])
            }
        }
    }
}

/// What keeps people from being told in the group.
pub(super) fn state(catalog: &Catalog, room: &Room) -> Safe {
    catalog.words(match room.phase {
        Phase::Live { .. } if room.is_briefed() => Phrase::UnseenInGroup,
        Phase::Live { .. } => Phrase::NothingSaid,
        Phase::Unsure { .. } => Phrase::UnsureOfGroup,
        _ => Phrase::NoGroupSoFar,
    })
}
