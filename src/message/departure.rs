//! That somebody left: one short line, by itself or at the end of something that is said anyway.

use super::length::size;
use super::markup::escape;
use super::phrase::{one, some_of};
use super::{Composer, SHORT};
use crate::clock::Timestamp;
use crate::incident::Incident;
use crate::room::Room;

/// People named at most.
const NAMED: usize = 12;

/// "Left: Ben Cho (specialist)", for those of whom the room was not told yet.
#[must_use]
pub fn departures(room: &Room) -> Option<String> {
    let names: Vec<String> =
        room.leavers().map(|s| escape(&one(&format!("{} ({})", s.who.name, s.who.role), SHORT))).collect();
    (!names.is_empty()).then(|| format!("*Left:* {}", some_of(&names, NAMED, ", ")))
}

impl Composer {
    /// `text`, with those who left in a line at its end, if there are any and it fits.
    #[must_use]
    pub fn with_departures(&self, text: String, room: &Room) -> String {
        match departures(room) {
            Some(line) if size(&text) + size(&line) < self.settings.limits.longest_text => {
                format!("{text}\n{line}")
            }
            Some(_) | None => text,
        }
    }

    /// Those who left, in a message of its own.
    #[must_use]
    pub fn departed(&self, incident: &Incident, room: &Room, now: Timestamp) -> String {
        let severity = Room::severity_word(incident.severity);
        let head = format!("*{severity} · {} · who left*", incident.id);
        let at = now.strftime("%Y-%m-%d %H:%M UTC");
        // The moment keeps it apart from an earlier message about the same people.
        format!("{head}\n{}\nas of {at}", departures(room).unwrap_or_default())
    }
}
