//! Two rosters asked about the same incident: who would be called by the one and not by the other.

use serde::Serialize;

use super::{Stakeholder, Summons};

/// What differs between the people of two rosters for one incident; empty lists where nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Called by the new one only.
    pub added: Vec<Change>,
    /// Called by the old one only.
    pub removed: Vec<Change>,
    /// Called by both, but not in the same way.
    pub changed: Vec<Change>,
}

/// One person, and what is different about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Key in the roster.
    pub person: String,
    /// The rule that calls them, or what is different.
    pub why: String,
}

impl Difference {
    /// What is different in `new`.
    #[must_use]
    pub fn between(old: &Summons, new: &Summons) -> Self {
        let find = |summons: &Summons, person: &str| -> Option<Stakeholder> {
            summons.stakeholders.iter().find(|s| s.person == person).cloned()
        };
        let only = |these: &Summons, others: &Summons| -> Vec<Change> {
            let missing = these.stakeholders.iter().filter(|s| find(others, &s.person).is_none());
            missing.map(|s| Change { person: s.person.clone(), why: s.why.clone() }).collect()
        };
        let changed = new.stakeholders.iter().filter_map(|now| {
            let before = find(old, &now.person)?;
            let mut words = Vec::new();
            if before.role != now.role {
                words.push(format!("{} instead of {}", now.role, before.role));
            }
            if before.jid != now.jid {
                words.push(format!("number {} instead of {}", now.jid.masked(), before.jid.masked()));
            }
            if before.introduced != now.introduced {
                words.push(
                    if now.introduced { "introduced now" } else { "not introduced any more" }.to_owned(),
                );
            }
            (!words.is_empty()).then(|| Change { person: now.person.clone(), why: words.join(", ") })
        });
        Self { added: only(new, old), removed: only(old, new), changed: changed.collect() }
    }

    /// Whether both call the same people in the same way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}
