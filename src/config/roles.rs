//! Roles: which are written, and whether those who are called in one may have it.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::item::Item;
use crate::config::keys::{Form, SCALAR, Text};
use crate::config::names::{Invited, Names, role_name};
use crate::config::words::{shortened, some_of};
use crate::roster::{Giving, Invitee, Roster};

pub(super) const ROLE: Form = Form::Text(&Text {
    name: "role",
    says: "A short text without commas.",
    pattern: "[^,\\s]([^,]{0,38}[^,\\s])?",
    types: SCALAR,
    example: "commander",
});

/// The roles that a person may have.
pub(super) fn roles_of<'a>(item: &Item<'a>) -> Vec<(String, Item<'a>)> {
    let items = item.list(true);
    if items.is_empty() {
        item.error_with("holds no role", "leave it out for somebody who may have any role");
    }
    let mut roles: Vec<(String, Item<'a>)> = Vec::new();
    for item in items {
        let Some(role) = item.text().and_then(|text| role_name(text, &item)) else { continue };
        if roles.iter().all(|(known, _)| known != role) {
            roles.push((role.to_owned(), item));
        }
    }
    roles
}

/// Refuses a team that gives nobody for a role that must be there, unless a mistake in the team says it better.
pub(super) fn refuse_empty_teams(names: &Names<'_>, roster: &Roster) {
    for one in names.invited.iter().filter(|one| one.needed) {
        let Invitee::Team(key) = &one.invitee else { continue };
        if is_sound(key, names, roster) && roster.gives(&one.invitee, &one.role) == Giving::Nobody {
            one.item.error_with(
                format!("{}, but the quorum needs one", gives_nobody(key, &one.role)),
                "add the role to somebody's `roles`, or name somebody else",
            );
        }
    }
}

/// Whether all that the team names could be read.
fn is_sound(team: &str, names: &Names<'_>, roster: &Roster) -> bool {
    let written =
        names.teams.get(team).and_then(|item| item.entry("people")).map(|item| item.members().len());
    let is_read = |key: &str| roster.people.contains_key(key);
    roster.teams.get(team).is_some_and(|team| {
        written == Some(team.people.len())
            && team.people.iter().all(|member| match member {
                Invitee::Person(key) => is_read(key),
                Invitee::Rotation(key) => {
                    roster.rotations.get(key).is_some_and(|rotation| rotation.everybody().all(is_read))
                }
                Invitee::Team(_) => false,
            })
    })
}

fn gives_nobody(team: &str, role: &str) -> String {
    format!("calls nobody: no one in the team `{}` may be `{role}`", shortened(team))
}

/// What the roles of people say about those who are called.
pub(super) fn check(invited: &[Invited<'_>], own: &[(String, Item<'_>)], roster: &Roster) {
    for one in invited {
        match &one.invitee {
            Invitee::Team(key) => check_team(one, key, roster),
            Invitee::Person(_) | Invitee::Rotation(_) => check_single(one, roster),
        }
    }
    let called: BTreeSet<&str> = invited.iter().map(|one| one.role.as_str()).collect();
    let called: Vec<&str> = called.into_iter().collect();
    // Many people have the same few roles.
    let mut meant: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (role, item) in own {
        let meant = meant.entry(role).or_insert_with(|| {
            item.context.closest(role, &called).filter(|_| !called.contains(&role.as_str()))
        });
        if let Some(meant) = meant {
            item.warning(
                format!("names the role `{}`, which nobody is called in", shortened(role)),
                format!("did you mean `{meant}`?"),
            );
        }
    }
}

fn check_single(one: &Invited<'_>, roster: &Roster) {
    let may = |key: &&str| roster.people.get(*key).is_some_and(|person| person.fills(&one.role));
    let everybody = roster.everybody(&one.invitee, &one.role);
    let others: Vec<&str> = everybody.into_iter().filter(|key| !may(key)).collect();
    if !others.is_empty() {
        one.item.warning(
            format!("calls people as `{}` whose `roles` do not hold it: {}", one.role, some_of(&others)),
            "they are called all the same; add the role to their `roles`, or name somebody else",
        );
    }
}

fn check_team(one: &Invited<'_>, key: &str, roster: &Roster) {
    let role = &one.role;
    match roster.gives(&one.invitee, role) {
        Giving::Nobody if one.needed => {}
        Giving::Nobody => {
            one.item.warning(
                gives_nobody(key, role),
                "add the role to somebody's `roles`, or name somebody else",
            );
        }
        Giving::AtTimes => one.item.warning(
            format!("calls nobody at times: who is on duty for the team `{}` may not be `{role}`, or there is nobody on duty", shortened(key)),
            "name a person with this role in the team too, or somebody else beside the team",
        ),
        Giving::Always => {}
    }
}
