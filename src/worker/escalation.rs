//! What the log says about those who must be in a room.

use tracing::{info, warn};

use crate::room::{EscalationStep, Room};

/// One line for each decision; only the last resort is a warning.
pub(super) fn about_escalation(room: &Room, step: &EscalationStep) {
    let id = room.incident;
    match step {
        EscalationStep::Remind { role, people } => {
            info!(incident.id = %id, role, people = people.join(","), "nobody came in a role: reminded");
        }
        EscalationStep::StandIn { role, person } => {
            info!(incident.id = %id, role, person, "nobody came in a role: a stand-in is asked");
        }
        EscalationStep::Unsure { roles } => {
            info!(incident.id = %id, roles = roles.join(","), "nobody can tell whether a role is filled");
        }
        EscalationStep::Short { roles, tell } => warn!(
            incident.id = %id, roles = roles.join(","), told = tell.join(","),
            "nobody is left to ask for a role that must be filled"
        ),
        EscalationStep::Reached => info!(incident.id = %id, "everybody needed is there after all"),
    }
}
