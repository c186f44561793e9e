//! That somebody left: one short line, by itself or at the end of something that is said anyway.

use super::length::fit;
use super::markup::escape;
use super::phrase::{one, some_of};
use super::{Composer, SHORT};
use crate::clock::Timestamp;
use crate::incident::Incident;
use crate::room::Room;

/// People named at most.
const NAMED: usize = 12;

/// "Left: Ben Cho (specialist)", for those with these keys in the roster.
pub(super) fn departures(room: &Room, leavers: &[String]) -> Option<String> {
    let seats = room.seats.iter().filter(|s| leavers.contains(&s.who.person));
    let names: Vec<String> =
        seats.map(|s| escape(&one(&format!("{} ({})", s.who.name, s.who.role), SHORT))).collect();
    (!names.is_empty()).then(|| format!("*Left:* {}", some_of(&names, NAMED, ", ")))
}

impl Composer {
    /// Those who left, in a message of its own.
    pub(super) fn departed(
        &self,
        incident: &Incident,
        room: &Room,
        leavers: &[String],
        now: Timestamp,
    ) -> String {
        let severity = Room::severity_word(incident.severity);
        let head = format!("*{severity} · {} · who left*", incident.id);
        let at = now.strftime("%Y-%m-%d %H:%M UTC");
        let line = departures(room, leavers).unwrap_or_default();
        // The moment keeps it apart from an earlier message about the same people.
        fit(&format!("{head}\n{line}\nas of {at}"), self.settings.limits.longest_text)
    }
}
