//! Which people, rotations and teams a roster has, and who is named where.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::item::Item;
use crate::config::keys::{Form, Named, SCALAR, Text};
use crate::config::source_text::Cover;
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::roster::{Invite, Invitee, Quorum};

/// Whom a role names.
pub(super) const TARGET: Form = Form::Text(&Text {
    name: "target",
    says: "A person's key, `rotation:NAME` for whoever is on duty, or `team:NAME`.",
    pattern: "[\\s\\S]*\\S[\\s\\S]*",
    types: SCALAR,
    example: "mei",
});
/// Whom each role names.
pub(super) static INVITE: Named = Named {
    of: Form::Some(&TARGET, 0),
    names: r#"{ "pattern": "^\\s*[^,\\s]([^,]{0,38}[^,\\s])?\\s*$" }"#,
    example: "commander",
    least: 0,
};

/// Which people, rotations and teams there are, and which of them anybody asked for.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) people: BTreeMap<String, Item<'a>>,
    pub(super) rotations: BTreeSet<String>,
    pub(super) teams: BTreeMap<String, Item<'a>>,
    /// Where the rotations stand.
    pub(super) turns: BTreeMap<String, Item<'a>>,
    used: BTreeSet<String>,
    used_teams: BTreeSet<String>,
    /// The roles that people may have, in the order of the file.
    pub(super) roles: Vec<(String, Item<'a>)>,
    /// Who is named in which role so far.
    pub(super) invited: Vec<Invited<'a>>,
}

impl<'a> Names<'a> {
    pub(super) fn unused(&self) -> impl Iterator<Item = &Item<'a>> {
        self.people.iter().filter(|(key, _)| !self.used.contains(*key)).map(|(_, item)| item)
    }

    /// Where the person under `key` stands.
    pub(super) fn entry(&self, key: &str) -> Option<&Item<'a>> {
        self.people.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.people.keys().map(String::as_str).collect()
    }

    pub(super) fn unused_teams(&self) -> impl Iterator<Item = &Item<'a>> {
        self.teams.iter().filter(|(key, _)| !self.used_teams.contains(*key)).map(|(_, item)| item)
    }

    /// Notes that `item` asks for the team called `name`, which must exist.
    pub(super) fn team(&mut self, item: &Item<'a>, name: &str) -> Option<String> {
        if self.teams.contains_key(name) {
            self.used_teams.insert(name.to_owned());
            return Some(name.to_owned());
        }
        let message = format!("names the team `{}`, which does not exist", shortened(name));
        let names = || self.teams.keys().map(String::as_str).collect();
        match item.context.closest_of(name, self.teams.len(), names) {
            Some(meant) => item.error_with(message, format!("did you mean `team:{meant}`?")),
            None => item.error_with(message, "add it under `teams`"),
        }
        None
    }

    /// Notes that `item` asks for a person, who must exist.
    pub(super) fn person(&mut self, item: &Item<'a>) -> Option<String> {
        let key = item.text()?;
        self.used.insert(key.to_owned());
        if self.people.contains_key(key) {
            return Some(key.to_owned());
        }
        if key.chars().filter(char::is_ascii_digit).count() >= 7 {
            item.cover(Cover::Number);
            item.error_with(
                "names nobody among `people`",
                "this looks like a phone number; name people by their key",
            );
            return None;
        }
        let message = format!("names `{}`, who is not among `people`", shortened(key));
        if self.rotations.contains(key) {
            item.error_with(message, format!("write `rotation:{key}` for the rotation"));
        } else if self.teams.contains_key(key) {
            item.error_with(message, format!("write `team:{key}` for the team"));
        } else if let Some(meant) = item.context.closest_of(key, self.people.len(), || self.keys()) {
            item.error_with(message, format!("did you mean `{meant}`?"));
        } else {
            item.error_with(message, "add the person under `people`");
        }
        None
    }
}

/// Somebody who is named in a role.
pub(super) struct Invited<'a> {
    pub(super) role: String,
    pub(super) invitee: Invitee,
    /// Where it is written.
    pub(super) item: Item<'a>,
    /// Whether the quorum of the route needs the role.
    pub(super) needed: bool,
}

pub(super) fn invitee<'a>(item: &Item<'a>, names: &mut Names<'a>) -> Option<Invitee> {
    let text = item.text()?;
    if let Some(name) = text.strip_prefix("team:") {
        return names.team(item, name.trim()).map(Invitee::Team);
    }
    let Some(name) = text.strip_prefix("rotation:") else {
        return names.person(item).map(Invitee::Person);
    };
    let name = name.trim();
    if names.rotations.contains(name) {
        return Some(Invitee::Rotation(name.to_owned()));
    }
    let message = format!("names the rotation `{}`, which does not exist", shortened(name));
    let names: Vec<&str> = names.rotations.iter().map(String::as_str).collect();
    match item.context.closest(name, &names) {
        Some(meant) => item.error_with(message, format!("did you mean `rotation:{meant}`?")),
        None => item.error_with(message, "add it under `rotations`"),
    }
    None
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

/// The roles with their people, and those in which nobody is written.
pub(super) fn invites<'a>(item: &Item<'a>, names: &mut Names<'a>) -> (Vec<Invite>, Vec<(String, Item<'a>)>) {
    let (mut invites, mut empty) = (Vec::new(), Vec::new());
    for (role, item) in item.named() {
        let Some(role) = role_name(role, &item) else { continue };
        let mut whom = Vec::new();
        for item in item.list(true) {
            let Some(invitee) = invitee(&item, names) else { continue };
            whom.push(invitee.clone());
            names.invited.push(Invited { role: role.to_owned(), invitee, item, needed: false });
        }
        if matches!(&item.node.value, Value::List(members) if members.is_empty()) {
            empty.push((role.to_owned(), item));
        }
        invites.push(Invite { role: role.to_owned(), whom });
    }
    (invites, empty)
}

/// Says of roles that are written but call nobody. If that is true of all of them, it is said of the route.
pub(super) fn empty_roles(empty: &[(String, Item<'_>)], invite: &[Invite], quorum: Option<&Quorum>) {
    for (role, item) in empty {
        if quorum.is_some_and(|quorum| quorum.roles.contains(role)) {
            item.error_with(
                "calls nobody, but `quorum` wants somebody of this role",
                "name somebody, or take the role out of `quorum`",
            );
        } else if invite.iter().any(|invite| !invite.whom.is_empty()) {
            item.warning("calls nobody", "name somebody, or remove the role");
        }
    }
}
