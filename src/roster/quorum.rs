//! Who must be there by when, and who is asked instead of whoever is not.
//!
//! Actors: a [`Quorum`] as a route has it; a [`Required`], the same for one incident, with every stand-in
//! found out beforehand, so that nobody has to look into a roster that may have changed since. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::naming::{Named, Place};
use super::{FALLBACK, Invite, Invitee, Person, Roster, Route, Stakeholder};
use crate::clock::{SignedDuration, Timestamp};

/// What a route says about who must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// One person of each of these roles must be in.
    pub roles: Vec<String>,
    /// How long after the welcome.
    pub within: SignedDuration,
    /// How long each further step (the reminder, each stand-in) has before the next one is taken.
    pub step: SignedDuration,
    /// Who is told when all stand-ins are used up.
    pub otherwise: Vec<Invitee>,
}

/// Who must be there in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// How long after the welcome.
    pub within: SignedDuration,
    /// How long each further step has.
    pub step: SignedDuration,
    /// In the order of the file.
    pub roles: Vec<RequiredRole>,
    /// Who is told when all stand-ins of a role are used up.
    pub otherwise: Vec<Stakeholder>,
}

/// A role that somebody must fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredRole {
    /// Its name.
    pub role: String,
    /// Who is asked when nobody comes, one after another.
    pub stand_ins: Vec<StandIn>,
}

/// Somebody who is asked instead of somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Who, in the role of the other.
    pub who: Stakeholder,
    /// The name of the one they stand in for; empty if nobody was called in the role.
    pub instead_of: String,
}

impl Roster {
    /// The quorum of `route` for an incident at `at` to which `called` are summoned already.
    pub(super) fn required(&self, route: &Route, called: &[Stakeholder], at: Timestamp) -> Option<Required> {
        let quorum = route.quorum.as_ref()?;
        let called: BTreeSet<&str> = called.iter().map(|s| s.person.as_str()).collect();
        let roles = quorum.roles.iter().map(|role| RequiredRole {
            role: role.clone(),
            stand_ins: self.stand_ins(route, role, &called, at),
        });
        let mut otherwise: Vec<Stakeholder> = Vec::new();
        for invitee in &quorum.otherwise {
            // Being told is no role that people's `roles` are about.
            for named in self.resolve(invitee, None, Place::Route(&route.name), at) {
                if otherwise.iter().all(|s| s.person != named.person.key) {
                    let why = format!("told when nobody else comes; {}", named.why);
                    otherwise.push(named.person.stakeholder(LAST, why));
                }
            }
        }
        Some(Required { within: quorum.within, step: quorum.step, roles: roles.collect(), otherwise })
    }

    /// Who is asked instead of the people that `route` calls as `role`: its deputies, then for somebody on duty
    /// the others of the rotation in the order of their turns, then whoever is named as a stand-in, and that
    /// one's stand-in. Nobody who is away, and for a team nobody who may not have the role.
    fn stand_ins(&self, route: &Route, role: &str, called: &BTreeSet<&str>, at: Timestamp) -> Vec<StandIn> {
        let mut chain: Vec<StandIn> = Vec::new();
        let mut add = |key: &str, instead_of: Option<&Person>, of_a_team: bool, why: String| {
            let is_new = !called.contains(key) && chain.iter().all(|s| s.who.person != key);
            let may = |person: &&Person| !of_a_team || person.fills(role);
            let present =
                self.people.get(key).filter(|person| is_new && person.absence(at).is_none()).filter(may);
            let Some(person) = present else { return };
            let instead_of = instead_of.map(|person| person.name.clone()).unwrap_or_default();
            chain.push(StandIn { who: person.stakeholder(role, why), instead_of });
        };
        let stands_in = |for_whom: &Person, how: String| format!("stands in for {}; {how}", for_whom.name);
        let of_role = |invite: &&Invite| invite.role == role;
        let invitees = route.invite.iter().filter(of_role).flat_map(|invite| &invite.whom);
        let resolved = invitees.flat_map(|invitee| {
            let of_a_team = matches!(invitee, Invitee::Team(_));
            let named = self.resolve(invitee, Some(role), Place::Route(&route.name), at);
            named.into_iter().map(move |named| (of_a_team, named))
        });
        let resolved: Vec<(bool, Named<'_>)> = resolved.collect();
        let first = resolved.first().map(|(_, named)| named.person);
        for deputy in route.deputies.iter().filter(of_role).flat_map(|deputies| &deputies.whom) {
            for (key, why) in self.deputy(deputy, role, route, at) {
                add(key, first, false, why);
            }
        }
        for (of_a_team, named) in resolved {
            let person = named.person;
            if let Some(rotation) = named.rotation {
                for next in rotation.others(&person.key) {
                    let how = format!("next in rotation {}", rotation.name);
                    add(next, Some(person), of_a_team, stands_in(person, how));
                }
            }
            let mut seen = BTreeSet::from([person.key.as_str()]);
            let mut last = person;
            while let Some(next) = last.stand_in.as_ref().and_then(|key| self.people.get(key)) {
                if !seen.insert(next.key.as_str()) {
                    break;
                }
                let how = format!("named as the stand-in of {}", last.name);
                add(&next.key, Some(person), of_a_team, stands_in(person, how));
                last = next;
            }
        }
        chain
    }

    /// The people that `deputy` names for `role` of `route`, and why them. A person who is away is not replaced
    /// here: whoever comes next is asked.
    fn deputy<'a>(
        &'a self,
        deputy: &'a Invitee,
        role: &str,
        route: &Route,
        at: Timestamp,
    ) -> Vec<(&'a str, String)> {
        let place =
            if route.is_fallback() { "the fallback".to_owned() } else { format!("route {}", route.name) };
        let why = format!("deputy for {role} in {place}");
        if let Invitee::Person(key) = deputy {
            return vec![(key.as_str(), why)];
        }
        let found = self.resolve(deputy, Some(role), Place::Route(&route.name), at).into_iter();
        found.map(|named| (named.person.key.as_str(), format!("{why}; {}", named.why))).collect()
    }
}

/// The capacity of those who are told last.
const LAST: &str = "told last";

impl Route {
    /// Whether this is the fallback.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.name == FALLBACK
    }
}
