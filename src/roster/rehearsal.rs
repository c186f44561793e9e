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
        let find = |people: &[Stakeholder], person: &str| -> Option<Stakeholder> {
            people.iter().find(|s| s.person == person).cloned()
        };
        let only = |these: &Summons, others: &Summons, too_many: &str| -> Vec<Change> {
            let missing = these.fitting().iter().filter(|s| find(others.fitting(), &s.person).is_none());
            let why = |s: &Stakeholder| match find(&others.stakeholders, &s.person) {
                Some(_) => format!("{}; {too_many} for a room of {}", s.why, others.size),
                None => s.why.clone(),
            };
            missing.map(|s| Change { person: s.person.clone(), why: why(s) }).collect()
        };
        let changed = new.fitting().iter().filter_map(|now| {
            let before = find(old.fitting(), &now.person)?;
            let mut words = Vec::new();
            if before.role != now.role {
                words.push(format!("{} instead of {}", now.role, before.role));
            }
            if before.jid != now.jid {
                words.push(format!("number {} instead of {}", now.jid.masked(), before.jid.masked()));
            }
            if before.opted_in != now.opted_in {
                words.push(if now.opted_in { "opted in now" } else { "not opted in any more" }.to_owned());
            }
            (!words.is_empty()).then(|| Change { person: now.person.clone(), why: words.join(", ") })
        });
        Self {
            added: only(new, old, "was too many"),
            removed: only(old, new, "too many"),
            changed: changed.collect(),
        }
    }

    /// Whether both call the same people in the same way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}
