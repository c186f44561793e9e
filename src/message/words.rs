//! The exact text of a call: asked for when the room has chosen the call, just before its intent is written.

use super::phrase::Phrase;
use super::scene::{Scene, Topic};
use super::{Composer, Wording, scene};
use crate::clock::Timestamp;
use crate::gateway::Capabilities;
use crate::incident::{Incident, News};
use crate::room::{Also, Inputs, Message, NewsItem, Room, Task};

impl Composer {
    /// What is said by `task`, if it says anything. A repeat has the words of the first try. `also` are further
    /// incidents that one person is told of.
    #[must_use]
    pub fn words(
        &self,
        task: &Task,
        room: &Room,
        inputs: &Inputs,
        also: &Also,
        limits: Capabilities,
        now: Timestamp,
    ) -> Option<String> {
        let incident = &inputs.incident;
        let longest = if room.short_subject { limits.safe_subject } else { limits.longest_subject };
        let catalog = self.catalog(Some(room), None);
        // The same id, so that the group is still found by it.
        let named = |before: Phrase| {
            let title = format!("{}: {}", catalog.raw(before), incident.title);
            Some(self.subject(&Incident { title, ..incident.clone() }, Some(room), longest))
        };
        match task {
            Task::Create { .. } => Some(self.subject(incident, Some(room), longest)),
            Task::Rename { .. } => named(Phrase::ClosedName),
            Task::RenameDuplicate { .. } => named(Phrase::WrongGroupName),
            Task::Describe { .. } => Some(self.description(incident, room, now)),
            Task::Say { message, .. } => match room.tasks.unknown_message(message) {
                Some(again) => Some(again.text.clone()),
                None => self.message(message, room, inputs, also, now),
            },
            _ => None,
        }
    }

    fn message(
        &self,
        message: &Message,
        room: &Room,
        inputs: &Inputs,
        also: &Also,
        now: Timestamp,
    ) -> Option<String> {
        let incident = &inputs.incident;
        let seat = |person: &str| room.seats.iter().find(|s| s.who.person == person);
        let about = |topic| scene(incident, room, now, topic);
        Some(match message {
            Message::Welcome => self.welcome(incident, room, now),
            Message::Presence { leavers } => {
                self.compose(Wording::Presence, &Scene { leavers, ..about(Topic::Presence) })
            }
            Message::News { through, leavers } => {
                let known = inputs.news.partition_point(|item| item.seq <= *through);
                let untold = inputs.news.get(..known)?;
                let news = untold.iter().map(|item| item.news.clone()).reduce(News::followed_by)?;
                let item = NewsItem { news, ..untold.last()?.clone() };
                let scene = Scene { guests: &inputs.guests, leavers, ..about(Topic::News(&item)) };
                self.compose(Wording::of(&item.news), &scene)
            }
            Message::Departures { leavers } => {
                let catalog = self.catalog(Some(room), None);
                self.departed(&Scene { catalog, leavers, ..about(Topic::Departures) })
            }
            Message::Quorum { matter } => self.compose(Wording::Quorum, &about(Topic::Quorum(matter))),
            Message::LastWords => self.compose(Wording::LastWords, &about(Topic::End)),
            Message::Pointer { .. } => self.compose(Wording::Pointer, &about(Topic::Pointer)),
            Message::Invite { person } => {
                self.invite(incident, room, seat(person)?, room.link.as_ref()?, now)
            }
            Message::Reminder { person } => self.reminder(incident, room, seat(person)?, now),
            Message::Brief { person, why } => self.brief(incident, room, seat(person)?, (why, also), now),
            Message::Quiet { person } => self.quiet(incident, room, seat(person)?, now),
        })
    }
}
