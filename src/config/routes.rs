//! The roster's routes: which incidents concern whom, and what about that is probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{Severity, is_web_address};
use crate::config::item::Item;
use crate::config::known::Known;
use crate::config::matching::{self, Written};
use crate::config::people::Seen;
use crate::config::quorum::{check_size, quorum, size};
use crate::config::section::Section;
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::config::{Surroundings, ahead};
use crate::matcher::Matcher;
use crate::roster::{COMMANDER, FALLBACK, Invite, Invitee, Quorum, Roster, Route, USUAL_SIZE};

/// Reads routes and fallback into the roster, whose people and rotations are already there.
pub(super) fn fill<'a>(
    root: &Section<'a>,
    roster: &mut Roster,
    seen: &mut Seen<'a>,
    surroundings: &Surroundings<'_>,
) {
    let Surroundings { open_at, now, .. } = *surroundings;
    let known = Known::read(root, surroundings);
    let mut catch_all: Option<usize> = None;
    let mut written: Vec<Written<'a>> = Vec::new();
    let mut names: BTreeMap<String, Item<'a>> = BTreeMap::new();
    if let Some(item) = root.get("routes") {
        for (n, item) in item.list(false).iter().enumerate() {
            let errors = item.desk.errors();
            let (route, sized) = item.section(|s| route(s, n, seen));
            if let Some(first) = names.get(&route.name) {
                let place = item.desk.elsewhere(&first.key_span, &item.key_span);
                item.error_with(
                    format!("is a second route named `{}`, as in {place}", route.name),
                    "names tell routes apart in the room's history",
                );
            } else {
                names.insert(route.name.clone(), item.clone());
            }
            if let Some(earlier) = catch_all.and_then(|n| roster.routes.get(n)) {
                item.warning(
                    format!("is never reached: `{}` before it has no matchers", earlier.name),
                    "move the route without matchers to the end, or use `fallback`",
                );
            } else if route.matchers.is_empty() && !route.goes_on {
                catch_all = Some(n);
            }
            if item.desk.errors() == errors {
                check_size(item, &route, sized, roster);
                remarks(item, &route, roster, open_at);
            }
            written.push(Written::new(item, &route));
            roster.routes.push(route);
        }
    }
    matching::remarks(&written, roster, &known, open_at);
    let hint = "whom to call when no route matches: `fallback: { invite: { commander: [ … ] } }`";
    if let Some(item) = root.need("fallback", hint) {
        let errors = item.desk.errors();
        let (fallback, sized) = item.section(|s| called(s, FALLBACK.to_owned(), Vec::new(), seen));
        roster.fallback = fallback;
        if item.desk.errors() == errors {
            if roster.fallback.invite.iter().all(|i| i.whom.is_empty()) {
                item.error_with("names nobody, but somebody must always be called", hint);
            }
            if let Some(when) = ahead::fallback(&roster.fallback, roster, now) {
                item.error_with(
                    format!(
                        "names rotations only that have nobody at times, but somebody must always be called: nobody is {when}"
                    ),
                    "name a person too, or give one of the rotations a `fallback`",
                );
            }
            check_size(&item, &roster.fallback, sized, roster);
            remarks(&item, &roster.fallback, roster, open_at);
            if root.desk.errors() == 0 {
                ahead::route(&item, &roster.fallback, roster, now);
            }
        }
    }
    // Where somebody is missing because of a mistake, that says it better.
    if root.desk.errors() == 0 {
        let opening =
            || written.iter().zip(&roster.routes).filter(|(_, route)| opens(&route.matchers, open_at));
        for (Written { item, .. }, route) in opening() {
            ahead::route(item, route, roster, now);
        }
        let routes = opening().map(|(_, route)| route).chain(std::iter::once(&roster.fallback));
        ahead::absences(seen, roster, routes, now);
    }
}

fn route<'a>(s: &Section<'a>, n: usize, seen: &mut Seen<'a>) -> (Route, bool) {
    let name =
        s.need("name", "what the room's history calls this route").and_then(|i| i.line().map(str::to_owned));
    let matchers = s.get("match").map(|i| i.matchers()).unwrap_or_default();
    let goes_on = s.truth("continue", false);
    let (route, sized) = called(s, name.unwrap_or_else(|| format!("route {}", n + 1)), matchers, seen);
    (Route { goes_on, ..route }, sized)
}

/// What routes and the fallback share: whom they call. Also whether they say how many fit into a room.
fn called<'a>(s: &Section<'a>, name: String, matchers: Vec<Matcher>, seen: &mut Seen<'a>) -> (Route, bool) {
    let (invite, empty) = invites(s, seen);
    let runbook = runbook(s);
    let quorum = quorum(s, &invite, seen);
    empty_roles(&empty, &invite, quorum.as_ref());
    let (size, sized) = size(s);
    let important = s.truth("important", false);
    (Route { name, matchers, goes_on: false, invite, runbook, quorum, size, important }, sized)
}

/// A route that calls nobody, until the real one is read.
pub(super) fn empty_route(name: &str) -> Route {
    Route {
        name: name.to_owned(),
        matchers: Vec::new(),
        goes_on: false,
        invite: Vec::new(),
        runbook: None,
        quorum: None,
        size: USUAL_SIZE,
        important: false,
    }
}

fn runbook(s: &Section<'_>) -> Option<String> {
    let item = s.get("runbook")?;
    let text = item.text()?;
    if is_web_address(text) {
        return Some(text.to_owned());
    }
    item.error_with(format!("is not a web address: `{}`", shortened(text)), "it begins with `https://`");
    None
}

/// Says of roles that are written but call nobody. If that is true of all of them, it is said of the route.
fn empty_roles(empty: &[(String, Item<'_>)], invite: &[Invite], quorum: Option<&Quorum>) {
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

/// The roles with their people, and those in which nobody is written.
fn invites<'a>(s: &Section<'a>, seen: &mut Seen<'a>) -> (Vec<Invite>, Vec<(String, Item<'a>)>) {
    let Some(item) = s.need("invite", "whom to call: `invite: { commander: [ rotation:platform ] }`") else {
        return (Vec::new(), Vec::new());
    };
    let (mut invites, mut empty) = (Vec::new(), Vec::new());
    for (role, item) in item.named() {
        let role = role.trim();
        if role.is_empty() || role.chars().any(|c| c.is_control() || c == ',') || role.chars().count() > 40 {
            item.desk.error_with(
                item.key_span.clone(),
                "a role is a short text without commas",
                "such as `commander`, `specialist` or `account manager`",
            );
            continue;
        }
        let whom = item.list(true).iter().filter_map(|i| invitee(i, seen)).collect();
        if matches!(&item.node.value, Value::List(members) if members.is_empty()) {
            empty.push((role.to_owned(), item));
        }
        invites.push(Invite { role: role.to_owned(), whom });
    }
    (invites, empty)
}

pub(super) fn invitee<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> Option<Invitee> {
    let Some(name) = item.text()?.strip_prefix("rotation:") else {
        return seen.person(item).map(Invitee::Person);
    };
    let name = name.trim();
    if seen.rotations.contains(name) {
        return Some(Invitee::Rotation(name.to_owned()));
    }
    let message = format!("names the rotation `{}`, which does not exist", shortened(name));
    let names: Vec<&str> = seen.rotations.iter().map(String::as_str).collect();
    match item.desk.closest(name, &names) {
        Some(meant) => item.error_with(message, format!("did you mean `rotation:{meant}`?")),
        None => item.error_with(message, "add it under `rotations`"),
    }
    None
}

/// What is allowed but probably not meant.
fn remarks(item: &Item<'_>, route: &Route, roster: &Roster, open_at: Severity) {
    let named: BTreeSet<&str> = route
        .invite
        .iter()
        .flat_map(|i| &i.whom)
        .flat_map(|invitee| match invitee {
            Invitee::Person(key) => vec![key.as_str()],
            Invitee::Rotation(key) => {
                roster.rotations.get(key).map(|r| r.everybody().collect()).unwrap_or_default()
            }
        })
        .collect();
    let at = |message: String, hint: &str| {
        item.desk.warning(item.key_span.clone(), format!("`{}` {message}", route.name), hint);
    };
    let leads = |i: &Invite| i.role == COMMANDER && !i.whom.is_empty();
    if !named.is_empty() && !route.invite.iter().any(leads) {
        at("has no commander".to_owned(), "somebody should lead: add the role `commander`");
    }
    if named.is_empty() && route.name != FALLBACK {
        at("names nobody".to_owned(), "the fallback's people are called instead");
    }
    if !opens(&route.matchers, open_at) {
        return;
    }
    let strangers: Vec<&str> =
        named.into_iter().filter(|key| roster.people.get(*key).is_some_and(|p| !p.introduced)).collect();
    if !strangers.is_empty() {
        at(
            format!("would call people who never wrote to our number: {}", strangers.join(", ")),
            "let them write to it once and set `introduced: true`; until then `rooms.strangers` says what happens",
        );
    }
}

/// Whether an incident bad enough to open a room can take a route with these matchers, as far as they
/// speak of the severity.
fn opens(matchers: &[Matcher], open_at: Severity) -> bool {
    Severity::ALL.iter().filter(|severity| severity.is_at_least(open_at)).any(|severity| {
        let mut about_it = matchers.iter().filter(|m| m.name() == "severity");
        about_it.all(|m| m.holds(Some(severity.as_str())))
    })
}
