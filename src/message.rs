//! What is said.

use crate::alert::Severity;
use crate::clock::Timestamp;
use crate::gateway::InviteLink;
use crate::incident::Incident;
use crate::room::{NewsItem, Room, Seat};

/// placeholder until the texts are merged
#[derive(Debug, Default)]
pub struct Composer {}

impl Composer {
    /// s
    #[must_use]
    pub fn subject(&self, incident: &Incident, longest: usize) -> String {
        format!("{} | {}", incident.id, incident.title).chars().take(longest).collect()
    }
    /// s
    #[must_use]
    pub fn welcome(&self, incident: &Incident, room: &Room, now: Timestamp) -> String {
        format!("{} {} {} {now}", incident.id, Severity::Sev1, room.summons.route)
    }
    /// s
    #[must_use]
    pub fn description(&self, incident: &Incident, _room: &Room, _now: Timestamp) -> String {
        format!("{}", incident.id)
    }
    /// s
    #[must_use]
    pub fn news(&self, incident: &Incident, _room: &Room, item: &NewsItem, _now: Timestamp) -> String {
        format!("{} news {} {:?}", incident.id, item.seq, item.news)
    }
    /// s
    #[must_use]
    pub fn invite(&self, incident: &Incident, _room: &Room, seat: &Seat, link: &InviteLink) -> String {
        format!("{} {} {}", incident.id, seat.who.name, link.0)
    }
    /// s
    #[must_use]
    pub fn brief(
        &self,
        incident: &Incident,
        _room: &Room,
        seat: &Seat,
        why: &str,
        _now: Timestamp,
    ) -> String {
        format!("{} {} {why}", incident.id, seat.who.name)
    }
    /// s
    #[must_use]
    pub fn last_words(&self, incident: &Incident, _room: &Room, _now: Timestamp) -> String {
        format!("{} over", incident.id)
    }
}
