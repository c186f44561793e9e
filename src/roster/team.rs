//! A team: people and rotations under one name, called by the roles that each of them may have.

use super::Invitee;

/// People who are called together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its key in the roster.
    pub key: String,
    /// As shown to people.
    pub name: String,
    /// People and rotations, in the order of the file; no teams.
    pub people: Vec<Invitee>,
}
