//! What the fallback webhook is told: JSON for a program, with one sentence for people.

use serde_json::json;

use super::why::state;
use crate::clock::Timestamp;
use crate::incident::Incident;
use crate::room::{Phase, Reason, Room};

/// The body of the call.
#[must_use]
pub fn webhook_body(reason: &Reason, incident: &Incident, room: &Room, now: Timestamp) -> String {
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
    let body = json!({
        "type": "warroom.unreached",
        "reason": reason.as_str(),
        "why": why(reason, room),
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

fn why(reason: &Reason, room: &Room) -> String {
    let all = room.seats.len();
    match reason {
        Reason::NumbersDown { since, numbers } => {
            let state = match (&room.phase, room.is_briefed()) {
                (Phase::Live { .. }, true) => "the group is there, but nothing can be said in it",
                (Phase::Live { .. }, false) => "the group is there, but the people in it are not briefed",
                (Phase::Unsure { .. }, _) => "nobody can tell whether the group was made",
                _ => "there is no group yet",
            };
            let do_not = if numbers.len() == 1 { "the linked number does" } else { "all linked numbers do" };
            let (since, numbers) = (since.strftime("%H:%M UTC"), numbers.join(", "));
            format!("{do_not} not work since {since} ({numbers}); {state}")
        }
        Reason::Parked => {
            let parked = if let Phase::Parked { why, .. } = &room.phase { why } else { "" };
            let untold = room.untold();
            format!(
                "a person must decide about the room: {parked}; {untold} of {all} people could not be told directly"
            )
        }
        Reason::Late { people, last } => {
            let last = last.as_ref().map(|last| format!(": {last}")).unwrap_or_default();
            format!("{people} of {all} people could not be told directly in time{last}; {}", state(room))
        }
    }
}
