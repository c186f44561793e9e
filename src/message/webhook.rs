//! What the fallback webhook is told: JSON for a program, with one sentence for people.

use serde_json::json;

use super::Composer;
use super::catalog::{Catalog, Safe};
use super::moment::moment;
use super::phrase::Phrase;
use super::scene::operator;
use super::why::state;
use crate::clock::Timestamp;
use crate::incident::Incident;
use crate::room::{Phase, Reason, Room};

impl Composer {
    /// The body of the call.
    #[must_use]
    pub fn webhook_body(&self, reason: &Reason, incident: &Incident, room: &Room, now: Timestamp) -> String {
        let people: Vec<_> = room
            .seats
            .iter()
            .map(|seat| {
                json!({
                    "name": seat.who.name,
                    "role": seat.who.role,
                    "email": seat.who.email,
                    "phone": seat.who.jid.masked(),
                    "state": seat.words(),
                    "told": room.was_told_alone(&seat.who.person),
                })
            })
            .collect();
        let catalog = self.catalog(Some(room), None);
        let body = json!({
            "type": "warroom.unreached",
            "operator": operator(catalog, &self.settings).0,
            "reason": reason.as_str(),
            "why": why(catalog, reason, room),
            "at": now,
            "incident": {
                "id": incident.id.to_string(),
                "title": incident.title,
                "severity": incident.severity,
                "opened_at": incident.opened_at,
                "source": incident.source,
                "route": room.summons.route,
                "runbook": room.summons.runbook,
            },
            "room": { "phase": room.phase.name().as_str() },
            "people": people,
        });
        body.to_string()
    }
}

fn why(catalog: &Catalog, reason: &Reason, room: &Room) -> String {
    let number = |n: usize| Safe(n.to_string());
    let all = number(room.seats.len());
    let why = match reason {
        Reason::NumbersDown { since, numbers } => {
            let since = moment(catalog, *since, Some(*since), &[]);
            let numbers = catalog.foreign(&numbers.join(", "));
            let state = state(catalog, room);
            let values = [("since", &since), ("numbers", &numbers), ("state", &state)];
            catalog.say(Phrase::HookNumbersDown, &values)
        }
        Reason::Parked => {
            let parked = if let Phase::Parked { why, .. } = &room.phase { why } else { "" };
            let values =
                [("why", &catalog.foreign(parked)), ("untold", &number(room.untold())), ("all", &all)];
            catalog.say(Phrase::HookParked, &values)
        }
        Reason::Late { people, last } => {
            let last = last.as_ref().map_or_else(String::new, |last| format!(": {last}"));
            let (people, last) = (Safe(people.to_string()), catalog.foreign(&last));
            let state = state(catalog, room);
            let values = [("people", &people), ("all", &all), ("last", &last), ("state", &state)];
            catalog.say(Phrase::HookLate, &values)
        }
    };
    why.0
}
