//! What waits for a person, and what that person can do.
//!
//! Pure. The advice names what is certain and what is not, because that is what decides between "make a new
//! one" and "look first".

use serde::Serialize;

use super::view::standing;
use crate::clock::Timestamp;
use crate::incident::Incident;
use crate::room::{Phase, PhaseName, Room, SeatState, farewell};
use crate::store::{Orphan, OrphanState};

/// One thing that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Attention {
    /// `parked`, `orphan` or `nobody_in`.
    pub kind: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub todo: String,
    /// The group in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What can be asked with that group as the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<&'static str>,
}

/// What waits for a person in this incident, the worst first.
pub(super) fn attention(incident: &Incident, room: Option<&Room>, orphans: &[Orphan]) -> Vec<Attention> {
    let Some(room) = room else { return Vec::new() };
    let mut found: Vec<Attention> = Vec::new();
    found.extend(parked(incident, room));
    found.extend(orphans.iter().filter_map(|orphan| beside(room, orphan)));
    found.extend(deserted(room));
    found
}

/// A group beside the room that is not closed, until it is.
fn beside(room: &Room, orphan: &Orphan) -> Option<Attention> {
    let Orphan { group, how, .. } = orphan;
    let phase = room.phase.name();
    let can_close = farewell::is_possible(&room.phase);
    let mut actions = Vec::new();
    if orphan.state == OrphanState::Open {
        if matches!(phase, PhaseName::Parked | PhaseName::Live) {
            actions.push("adopt");
        }
        if can_close {
            actions.push("close");
        }
    }
    let todo = match (orphan.state, phase) {
        (OrphanState::Closed, _) => return None,
        (OrphanState::Closing, _) => "It is being closed: nothing to do.",
        (OrphanState::Open, PhaseName::Parked) => {
            "If people are in it, adopt it as the room. Otherwise put the room right first; then it can be closed."
        }
        (OrphanState::Open, _) if can_close => {
            "Close it: its people are told where the room is, and our number leaves it. While the room is live \
             this group can also take its place: adopt it."
        }
        (OrphanState::Open, _) => "Wait until the room is there; then close this one.",
    };
    let trouble =
        orphan.trouble.as_ref().map(|why| format!(" It could not be left: {why}.")).unwrap_or_default();
    Some(Attention {
        kind: "orphan",
        since: orphan.found_at,
        what: format!("The group {group} {how}, but is not the room.{trouble}"),
        todo: todo.to_owned(),
        group: Some(group.to_string()),
        actions,
    })
}

fn parked(incident: &Incident, room: &Room) -> Option<Attention> {
    let Phase::Parked { from, why, since } = &room.phase else { return None };
    let id = incident.id;
    let mut todo = match from.name() {
        PhaseName::Unsure | PhaseName::Creating => format!(
            "A group may exist. Look on the linked phone for one named {id}. If it is there, adopt it; if \
             not, resume, and it is looked for once more before a new one is made. Cancel if no room is needed."
        ),
        PhaseName::Live => {
            "Resume to go on with the same group, adopt another one by its id, or close it.".to_owned()
        }
        PhaseName::Closing => {
            "The last steps did not work. Resume to try them again, or close it as it is.".to_owned()
        }
        PhaseName::Wanted | PhaseName::Closed | PhaseName::Skipped | PhaseName::Parked => {
            "No group was made. Put right what is said above, then resume; or make a group by hand and \
             adopt it by its id; or cancel."
                .to_owned()
        }
    };
    let alone = room.seats.iter().filter(|s| s.briefed).count();
    if alone > 0 {
        todo = format!("{alone} of {} people were told 1:1 that there is no group. {todo}", room.seats.len());
    }
    let group = from.group().map(ToString::to_string);
    Some(Attention { kind: "parked", since: *since, what: sentence(why), todo, group, actions: Vec::new() })
}

/// A room that was read back and holds nobody who was wanted.
fn deserted(room: &Room) -> Option<Attention> {
    let somebody =
        room.seats.iter().any(|s| matches!(s.state, SeatState::In { .. } | SeatState::CannotTell { .. }));
    let is_deserted =
        room.phase.name() == PhaseName::Live && room.read_at.is_some() && !somebody && !room.seats.is_empty();
    is_deserted.then(|| Attention {
        kind: "nobody_in",
        since: standing(&room.phase).0,
        what: "The room is live, but none of the wanted people is in it.".to_owned(),
        todo: "Call them; those invited hold a link to it.".to_owned(),
        group: None,
        actions: Vec::new(),
    })
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_become_sentences() {
        assert_eq!(sentence("three creates are used up"), "Three creates are used up.");
        assert_eq!(sentence("Why?"), "Why?");
        assert_eq!(sentence(""), ".");
    }
}
