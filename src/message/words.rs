//! The exact text of a call: asked for when the room has chosen the call, just before its intent is written.

use super::scene::{Scene, Topic};
use super::{Composer, Wording, scene};
use crate::clock::Timestamp;
use crate::gateway::Capabilities;
use crate::incident::{Incident, News};
use crate::room::{Also, NewsItem, Room, Step, Wanted, What};

impl Composer {
    /// What is said by `step`, if it says anything. A repeat has the words of the first try. `also` are further
    /// incidents that one person is told of.
    #[must_use]
    pub fn words(
        &self,
        step: &Step,
        room: &Room,
        wanted: &Wanted,
        also: &Also,
        limits: Capabilities,
        now: Timestamp,
    ) -> Option<String> {
        let incident = &wanted.incident;
        let longest = if room.short_subject { limits.safe_subject } else { limits.longest_subject };
        let named =
            |before: &str| Incident { title: format!("{before}: {}", incident.title), ..incident.clone() };
        match step {
            Step::Create { .. } => Some(self.subject(incident, longest)),
            // The same id, so that the group is still found by it.
            Step::Rename { .. } => Some(self.subject(&named("over"), longest)),
            Step::RenameOrphan { .. } => Some(self.subject(&named("not the room"), longest)),
            Step::Describe { .. } => Some(self.description(incident, room, now)),
            Step::Say { what, .. } => match room.saying.as_ref().filter(|s| s.what.is_like(what)) {
                Some(again) => Some(again.text.clone()),
                None => self.message(what, room, wanted, also, now),
            },
            _ => None,
        }
    }

    fn message(
        &self,
        what: &What,
        room: &Room,
        wanted: &Wanted,
        also: &Also,
        now: Timestamp,
    ) -> Option<String> {
        let incident = &wanted.incident;
        let seat = |person: &str| room.seats.iter().find(|s| s.who.person == person);
        let about = |topic| scene(incident, room, now, topic);
        Some(match what {
            What::Welcome => self.welcome(incident, room, now),
            What::Presence { leavers } => {
                self.compose(Wording::Presence, &Scene { leavers, ..about(Topic::Presence) })
            }
            What::News { through, leavers } => {
                let known = wanted.news.partition_point(|item| item.seq <= *through);
                let untold = wanted.news.get(..known)?;
                let news = untold.iter().map(|item| item.news.clone()).reduce(News::followed_by)?;
                let item = NewsItem { news, ..untold.last()?.clone() };
                let scene = Scene { guests: &wanted.guests, leavers, ..about(Topic::News(&item)) };
                self.compose(Wording::of(&item.news), &scene)
            }
            What::Departures { leavers } => self.departed(incident, room, leavers, now),
            What::Quorum { matter } => self.compose(Wording::Quorum, &about(Topic::Quorum(matter))),
            What::LastWords => self.compose(Wording::LastWords, &about(Topic::End)),
            What::Pointer { .. } => self.compose(Wording::Pointer, &about(Topic::Pointer)),
            What::Invite { person } => self.invite(incident, room, seat(person)?, room.link.as_ref()?),
            What::Reminder { person } => self.reminder(incident, room, seat(person)?),
            What::Brief { person, why } => self.brief(incident, room, seat(person)?, (why, also), now),
            What::Quiet { person } => self.quiet(incident, room, seat(person)?, now),
        })
    }
}
