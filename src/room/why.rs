//! Why somebody is told 1:1, and not only in the group.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gateway::InviteLink;
use crate::incident::IncidentId;

/// Why somebody is told 1:1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Why {
    /// The room is given up; the journal has the same reason.
    GivenUp { reason: String },
    /// The group waits for the budget of a number until about this moment.
    Delayed { until: Timestamp },
    /// Nobody knows whether they were told in the group by now. Where it can be joined by a link, they get that.
    Late { link: Option<InviteLink> },
    /// They are not in the group, and there is no link to it.
    Unlinked,
    /// Our number that is in the group does not work.
    Muted,
    /// The message about another incident, whose group waits too, says so.
    ToldWith { other: IncidentId },
}
