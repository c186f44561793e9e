//! Roles: which are written, and whether those who are called in one may have it.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::item::Item;
use crate::config::words::{shortened, some_of};
use crate::roster::{Giving, Invitee, Roster};

/// Somebody who is named in a role.
pub(super) struct Invited<'a> {
    pub(super) role: String,
    pub(super) invitee: Invitee,
    /// Where it is written.
    pub(super) item: Item<'a>,
    /// Whether the quorum of the route needs the role.
    pub(super) needed: bool,
}

/// A role's name, or `None` with a finding.
pub(super) fn role_name<'t>(text: &'t str, item: &Item<'_>) -> Option<&'t str> {
    let role = text.trim();
    if role.is_empty() || role.chars().any(|c| c.is_control() || c == ',') || role.chars().count() > 40 {
        item.context.error_with(
            item.key_span.clone(),
            "a role is a short text without commas",
            "such as `commander`, `specialist` or `account manager`",
        );
        return None;
    }
    Some(role)
}

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

/// What the roles of people say about those who are called. A team that gives nobody for a role that must be
/// there is an error.
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
        Giving::Nobody => {
            let message = format!("calls nobody: no one in the team `{}` may be `{role}`", shortened(key));
            let hint = "add the role to somebody's `roles`, or name somebody else";
            if one.needed {
                one.item.error_with(format!("{message}, but the quorum needs one"), hint);
            } else {
                one.item.warning(message, hint);
            }
        }
        Giving::AtTimes => one.item.warning(
            format!("calls nobody at times: who is on duty for the team `{}` may not be `{role}`, or there is nobody on duty", shortened(key)),
            "name a person with this role in the team too, or somebody else beside the team",
        ),
        Giving::Always => {}
    }
}
