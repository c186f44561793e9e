//! The roster's teams: people and rotations under one name.

use std::collections::BTreeMap;

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Named, SCALAR, TEXT, Text, keys};
use crate::config::names::Names;
use crate::config::names::invitee;
use crate::config::yaml::Value;
use crate::roster::{Invitee, Team};

keys! {
    /// People and rotations under one name.
    TEAM = "team" {
        /// What people read; the key if absent.
        name: TEXT, such_as "Payments";
        /// Who is in it: people and `rotation:NAME`.
        people: Form::Some(&MEMBER, 1), needed, such_as "[ mei ]";
    }
}

const MEMBER: Form = Form::Text(&Text {
    name: "member",
    says: "A person's key, or `rotation:NAME`.",
    pattern: "[\\s\\S]*\\S[\\s\\S]*",
    types: SCALAR,
    example: "mei",
});

pub(super) static TEAMS: Named = Named { of: Form::Map(&TEAM), names: "{}", example: "payments", least: 0 };

/// The teams that could be read; each problem of the others is a finding.
pub(super) fn teams<'a>(item: &Item<'a>, names: &mut Names<'a>) -> BTreeMap<String, Team> {
    let named = item.named();
    // All of them first, so that a team within a team is found to be one.
    for (key, item) in &named {
        names.teams.insert((*key).to_owned(), item.clone());
    }
    let read = |(key, item): (&str, Item<'a>)| {
        let team = item.section(&TEAM, |s| team(s, key, names))?;
        Some((key.to_owned(), team))
    };
    named.into_iter().filter_map(read).collect()
}

fn team<'a>(s: &Section<'a>, key: &str, names: &mut Names<'a>) -> Option<Team> {
    let name = s.get("name").and_then(|item| item.line()).unwrap_or(key).to_owned();
    let item = s.need("people")?;
    let items = item.list(true);
    if items.is_empty() && matches!(item.node.value, Value::List(_)) {
        item.error_with("names nobody", "name people and rotations, or remove the team");
    }
    let people: Vec<Invitee> = items.iter().filter_map(|item| member(item, names)).collect();
    (!people.is_empty()).then(|| Team { key: key.to_owned(), name, people })
}

fn member<'a>(item: &Item<'a>, names: &mut Names<'a>) -> Option<Invitee> {
    if item.text()?.starts_with("team:") {
        item.error_with(
            "is a team within a team",
            "a team holds people and rotations; name them here, or invite both teams",
        );
        return None;
    }
    invitee(item, names)
}
