//! The roster's teams: people and rotations under one name.

use std::collections::BTreeMap;

use crate::config::item::Item;
use crate::config::people::Seen;
use crate::config::routes::invitee;
use crate::config::section::Section;
use crate::config::yaml::Value;
use crate::roster::{Invitee, Team};

/// The teams that could be read; each problem of the others is a finding.
pub(super) fn teams<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> BTreeMap<String, Team> {
    let named = item.named();
    // All of them first, so that a team within a team is found to be one.
    for (key, item) in &named {
        seen.teams.insert((*key).to_owned(), item.clone());
    }
    let read = |(key, item): (&str, Item<'a>)| {
        let team = item.section(|s| team(s, key, seen))?;
        Some((key.to_owned(), team))
    };
    named.into_iter().filter_map(read).collect()
}

fn team<'a>(s: &Section<'a>, key: &str, seen: &mut Seen<'a>) -> Option<Team> {
    let name = s.get("name").and_then(|item| item.line()).unwrap_or(key).to_owned();
    let item = s.need("people", "who is in it: `people: [ mei, rotation:platform ]`")?;
    let items = item.list(true);
    if items.is_empty() && matches!(item.node.value, Value::List(_)) {
        item.error_with("names nobody", "name people and rotations, or remove the team");
    }
    let people: Vec<Invitee> = items.iter().filter_map(|item| member(item, seen)).collect();
    (!people.is_empty()).then(|| Team { key: key.to_owned(), name, people })
}

fn member<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> Option<Invitee> {
    if item.text()?.starts_with("team:") {
        item.error_with(
            "is a team within a team",
            "a team holds people and rotations; name them here, or invite both teams",
        );
        return None;
    }
    invitee(item, seen)
}
