//! A route's `quorum` and `size`: who must be there by when, and how many people fit.

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, TEXT, keys};
use crate::config::names::invitee;
use crate::config::names::{Names, TARGET};
use crate::config::words::{one_of, shortened};
use crate::config::yaml::Value;
use crate::roster::{Client, Invite, Invitee, Quorum, Roster, Route, USUAL_SIZE};

/// More people than this in one route are an audience, not a team.
const CROWD: usize = 10;

keys! {
    /// Who must be there, and what happens if they are not.
    pub(super) QUORUM = "quorum" {
        /// One person of each of these roles must be there.
        roles: Form::Some(&TEXT, 1), needed, such_as "[ commander ]";
        /// How long after the first message.
        within: Form::Duration("1m", "1d"), usual "5m";
        /// How long each further step has.
        step: Form::Duration("30s", "1d"), usual "2m";
        /// Who is told at last.
        otherwise: Form::Some(&TARGET, 0);
    }
}

pub(super) fn quorum<'a>(s: &Section<'a>, invite: &[Invite], names: &mut Names<'a>) -> Option<Quorum> {
    let item = s.get("quorum")?;
    item.section(&QUORUM, |s| {
        let roles = s.need("roles").map(|item| roles(&item, invite)).unwrap_or_default();
        let within = s.duration("within");
        let step = s.duration("step");
        let otherwise = s
            .get("otherwise")
            .map(|item| item.list(true).iter().filter_map(|i| invitee(i, names)).collect())
            .unwrap_or_default();
        (!roles.is_empty()).then_some(Quorum { roles, within, step, otherwise })
    })
}

fn roles(item: &Item<'_>, invite: &[Invite]) -> Vec<String> {
    let known: Vec<&str> = invite.iter().map(|i| i.role.as_str()).collect();
    let mut roles: Vec<String> = Vec::new();
    let items = item.list(true);
    if items.is_empty() && matches!(item.node.value, Value::List(_)) {
        item.error_with("names no role", "leave `quorum` out if nobody has to be there");
    }
    for item in items {
        let Some(role) = item.text() else { continue };
        if known.contains(&role) {
            if !roles.iter().any(|r| r == role) {
                roles.push(role.to_owned());
            }
            continue;
        }
        let message = format!("names the role `{}`, which this route does not invite", shortened(role));
        match item.context.closest(role, &known) {
            Some(meant) => item.error_with(message, format!("did you mean `{meant}`?")),
            None if known.is_empty() => item.error_with(message, "add it under `invite`"),
            None => item.error_with(message, format!("add it under `invite`, or name {}", one_of(&known))),
        }
    }
    roles
}

/// The most people in one room of this route, and whether the route says so itself.
pub(super) fn size(s: &Section<'_>) -> (usize, bool) {
    let said = s.written_number("size");
    let size = said.and_then(|n| usize::try_from(n).ok()).unwrap_or(USUAL_SIZE);
    (size, said.is_some())
}

/// Says when a route calls more people than help, and refuses it when they do not fit.
pub(super) fn check_size(item: &Item<'_>, route: &Route, said: bool, roster: &Roster) {
    let (certainly, at_most) = roster.most_called(&route.invite);
    let (name, size) = (&route.name, route.size);
    if certainly > size {
        item.context.error_with(
            item.key_span.clone(),
            format!("`{name}` calls {at_most} people, but a room holds {size}"),
            format!("name those who act, or write `size: {at_most}` if all of them are needed"),
        );
    } else if at_most > size {
        item.context.warning(
            item.key_span.clone(),
            format!("`{name}` can call {at_most} people, but a room holds {size}"),
            "the commander comes first, then the order of the file; the last ones are left out",
        );
    } else if at_most > CROWD && !said {
        item.context.warning(
            item.key_span.clone(),
            format!("`{name}` calls up to {at_most} people"),
            "more than ten in one room rarely helps; name those who act, or say `size`",
        );
    } else if let Some((client, with_client)) = largest_client(route, at_most, said, roster) {
        check_with_client(item, route, said, client, with_client);
    }
}

/// The client whose people make the room of `route` the largest, and how large, if that can be worth a remark.
fn largest_client<'r>(
    route: &Route,
    without: usize,
    said: bool,
    roster: &'r Roster,
) -> Option<(&'r Client, usize)> {
    let enough = if said { route.size } else { route.size.min(CROWD) };
    // Counting rightly takes time, with hundreds of routes and clients; most of them are far too small.
    let roughly = |client: &Client| -> usize {
        let whom = client.invite.iter().flat_map(|invite| &invite.whom);
        whom.map(|whom| match whom {
            Invitee::Person(_) | Invitee::Rotation(_) => 1,
            Invitee::Team(key) => roster.teams.get(key).map_or(0, |team| team.people.len()),
        })
        .sum()
    };
    let clients = roster.clients.values().filter(|client| {
        route.clients && without + roughly(client) > enough && client.can_take(&route.matchers)
    });
    let sizes = clients.map(|client| {
        let (_, at_most) = roster.most_called(route.invite.iter().chain(&client.invite));
        (client, at_most)
    });
    // Of several the first in the order of their keys.
    sizes.rev().max_by_key(|(_, at_most)| *at_most)
}

/// The same for the client whose people make the most of it: only a remark, because the route itself fits.
fn check_with_client(item: &Item<'_>, route: &Route, said: bool, client: &Client, at_most: usize) {
    let (name, size, key) = (&route.name, route.size, &client.key);
    if at_most > size {
        item.context.warning(
            item.key_span.clone(),
            format!(
                "`{name}` can call {at_most} people with those of client `{key}`, but a room holds {size}"
            ),
            "the client's people come after the route's; the last ones are left out",
        );
    } else if at_most > CROWD && !said {
        item.context.warning(
            item.key_span.clone(),
            format!("`{name}` calls up to {at_most} people with those of client `{key}`"),
            "more than ten in one room rarely helps; name those who act, or say `size`",
        );
    }
}
