//! How a roster names people: each by their key, whoever is on duty in a rotation, or the members of a team.
//!
//! An [`Invitee`] is what is written, a `Named` is a person it leads to at a moment, with the path of rules
//! that was taken. A team calls only those of its members who may have the role they are called in.

use std::collections::BTreeSet;

use super::{FALLBACK, Invite, Invitee, Person, Roster, Rotation};
use crate::clock::Timestamp;

/// Where somebody is named.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In the route of this name.
    Route(&'a str),
    /// Among the contacts of the client with this key.
    Client(&'a str),
}

/// A person whom an invitee leads to.
#[derive(Debug, Clone)]
pub(super) struct Named<'a> {
    pub(super) person: &'a Person,
    /// The path of rules.
    pub(super) why: String,
    /// The rotation that they were found in.
    pub(super) rotation: Option<&'a Rotation>,
}

/// How surely an invitee gives somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Giving {
    /// Nobody, at no time.
    Nobody,
    /// Somebody, but not always.
    AtTimes,
    /// Somebody at all times.
    Always,
}

impl Person {
    /// Whether this person may have `role`: any, unless their entry says which.
    #[must_use]
    pub fn fills(&self, role: &str) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|r| r == role)
    }
}

impl Place<'_> {
    fn words(self) -> String {
        match self {
            Self::Route(FALLBACK) => "named in the fallback".to_owned(),
            Self::Route(name) => format!("named in route {name}"),
            Self::Client(key) => format!("contact of client {key}"),
        }
    }

    /// What stands before a rule that says enough by itself where a route names it.
    fn before(self, rule: &str) -> String {
        match self {
            Self::Route(_) => rule.to_owned(),
            Self::Client(_) => format!("{}; {rule}", self.words()),
        }
    }
}

impl Roster {
    /// The people whom `invitee` stands for at `at`. `role` is the one they are called in, if it is one that
    /// people's `roles` are about.
    pub(super) fn resolve<'a>(
        &'a self,
        invitee: &'a Invitee,
        role: Option<&str>,
        place: Place<'_>,
        at: Timestamp,
    ) -> Vec<Named<'a>> {
        match invitee {
            Invitee::Person(key) => {
                let Some(person) = self.people.get(key) else { return Vec::new() };
                let (person, why) = self.present_for(person, std::iter::empty(), None, place.words(), at);
                vec![Named { person, why, rotation: None }]
            }
            Invitee::Rotation(key) => {
                let Some(rotation) = self.rotations.get(key) else { return Vec::new() };
                let duties = self.on_duty(rotation, at).into_iter();
                duties
                    .map(|duty| Named {
                        person: duty.person,
                        why: place.before(&duty.why),
                        rotation: Some(rotation),
                    })
                    .collect()
            }
            Invitee::Team(key) => {
                let members = self.teams.get(key).map(|team| team.people.iter());
                let members = members.into_iter().flatten();
                members.flat_map(|member| self.resolve_member(key, member, role, place, at)).collect()
            }
        }
    }

    /// The people whom a member of the team called `team` stands for: those who may have `role`, also where
    /// somebody is away and another one takes their place.
    fn resolve_member<'a>(
        &'a self,
        team: &str,
        member: &'a Invitee,
        role: Option<&str>,
        place: Place<'_>,
        at: Timestamp,
    ) -> Vec<Named<'a>> {
        let mut named = match member {
            Invitee::Person(key) => {
                let Some(person) = self.people.get(key) else { return Vec::new() };
                if role.is_some_and(|role| !person.fills(role)) {
                    return Vec::new();
                }
                let why = format!("team {team}, {}", place.words());
                let (person, why) = self.present_for(person, std::iter::empty(), role, why, at);
                vec![Named { person, why, rotation: None }]
            }
            Invitee::Rotation(key) => {
                let Some(rotation) = self.rotations.get(key) else { return Vec::new() };
                let duties = self.on_duty_as(rotation, role, at).into_iter();
                duties
                    .map(|duty| Named {
                        person: duty.person,
                        why: place.before(&format!("team {team}; {}", duty.why)),
                        rotation: Some(rotation),
                    })
                    .collect()
            }
            // Teams hold people and rotations only.
            Invitee::Team(_) => Vec::new(),
        };
        named.retain(|n| role.is_none_or(|role| n.person.fills(role)));
        named
    }

    /// What `invitee` stands for in `role`: itself, or those members of a team who may ever be called in it.
    #[must_use]
    pub fn members<'a>(&'a self, invitee: &'a Invitee, role: &str) -> Vec<&'a Invitee> {
        let Invitee::Team(key) = invitee else { return vec![invitee] };
        let members = self.teams.get(key).map(|team| team.people.iter());
        members.into_iter().flatten().filter(|member| self.fill(member, role).next().is_some()).collect()
    }

    /// Keys of everybody whom `invitee` may ever call in `role`.
    #[must_use]
    pub fn everybody<'a>(&'a self, invitee: &'a Invitee, role: &str) -> BTreeSet<&'a str> {
        match invitee {
            Invitee::Team(_) => {
                let members = self.members(invitee, role).into_iter();
                members.flat_map(|member| self.fill(member, role)).collect()
            }
            single => self.singly(single).collect(),
        }
    }

    /// How surely `invitee` gives somebody in `role`, by its rules and without anybody being away. What does not
    /// exist is taken for sure: that it does not is a mistake of another kind.
    #[must_use]
    pub fn gives(&self, invitee: &Invitee, role: &str) -> Giving {
        match invitee {
            Invitee::Person(_) => Giving::Always,
            Invitee::Rotation(key) => match self.rotations.get(key) {
                Some(rotation) if !rotation.weekly_gaps().is_empty() => Giving::AtTimes,
                _ => Giving::Always,
            },
            Invitee::Team(key) if !self.teams.contains_key(key) => Giving::Always,
            Invitee::Team(_) => {
                let members = self.members(invitee, role).into_iter();
                let giving = members.map(|member| {
                    if self.fill(member, role).count() < self.singly(member).count() {
                        Giving::AtTimes
                    } else {
                        self.gives(member, role)
                    }
                });
                giving.max().unwrap_or(Giving::Nobody)
            }
        }
    }

    /// Those of a person or a rotation who may have `role`.
    fn fill<'a>(&'a self, member: &'a Invitee, role: &str) -> impl Iterator<Item = &'a str> {
        self.singly(member).filter(move |key| self.people.get(*key).is_some_and(|p| p.fills(role)))
    }

    /// Keys of the person, or of everybody in the rotation.
    fn singly<'a>(&'a self, invitee: &'a Invitee) -> impl Iterator<Item = &'a str> {
        let (person, rotation) = match invitee {
            Invitee::Person(key) => (Some(key.as_str()), None),
            Invitee::Rotation(key) => (None, self.rotations.get(key)),
            Invitee::Team(_) => (None, None),
        };
        person.into_iter().chain(rotation.into_iter().flat_map(Rotation::everybody))
    }

    /// How many people are called at once by `invites`: certainly, as they are named, and at most, with one
    /// more for each rotation.
    #[must_use]
    pub fn most_called<'a>(&'a self, invites: impl IntoIterator<Item = &'a Invite>) -> (usize, usize) {
        let (mut people, mut rotations) = (BTreeSet::new(), BTreeSet::new());
        for invite in invites {
            for member in invite.whom.iter().flat_map(|invitee| self.members(invitee, &invite.role)) {
                match member {
                    Invitee::Person(key) => people.insert(key.as_str()),
                    Invitee::Rotation(key) => rotations.insert(key.as_str()),
                    Invitee::Team(_) => false,
                };
            }
        }
        (people.len(), people.len() + rotations.len())
    }
}

#[cfg(test)]
mod tests;
