//! The roster's routes: which incidents concern whom, and what about that is probably not meant.

use std::collections::BTreeSet;

use crate::alert::Severity;
use crate::config::deputies::deputies;
use crate::config::handout::{handout, web_address};
use crate::config::item::Item;
use crate::config::people::Seen;
use crate::config::quorum::{check_size, quorum, size};
use crate::config::roles::{Invited, role_name};
use crate::config::section::Section;
use crate::config::words::{closest, shortened};
use crate::matcher::Matcher;
use crate::roster::{COMMANDER, FALLBACK, Giving, Handout, Invite, Invitee, Roster, Route, USUAL_SIZE};

/// Reads routes and fallback into the roster, whose people, rotations, teams and clients are already there.
pub(super) fn fill<'a>(root: &Section<'a>, roster: &mut Roster, seen: &mut Seen<'a>, open_at: Severity) {
    let mut catch_all: Option<usize> = None;
    if let Some(item) = root.get("routes") {
        for (n, item) in item.list(false).iter().enumerate() {
            let errors = item.desk.errors();
            let (route, sized) = item.section(|s| route(s, n, seen));
            if roster.routes.iter().any(|r| r.name == route.name) {
                item.error_with(
                    format!("is a second route named `{}`", route.name),
                    "names tell routes apart in the room's history",
                );
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
            roster.routes.push(route);
        }
    }
    let hint = "whom to call when no route matches: `fallback: { invite: { commander: [ … ] } }`";
    if let Some(item) = root.need("fallback", hint) {
        let errors = item.desk.errors();
        let (fallback, sized) = item.section(|s| called(s, FALLBACK.to_owned(), Vec::new(), seen));
        roster.fallback = fallback;
        if item.desk.errors() == errors {
            if roster.fallback.invite.iter().all(|i| i.whom.is_empty()) {
                item.error_with("names nobody, but somebody must always be called", hint);
            }
            let whom = || {
                roster.fallback.invite.iter().flat_map(|i| i.whom.iter().map(|whom| (whom, i.role.as_str())))
            };
            if whom().next().is_some()
                && !whom().any(|(whom, role)| roster.gives(whom, role) == Giving::Always)
            {
                let teams = if whom().any(|(whom, _)| matches!(whom, Invitee::Team(_))) {
                    "teams and rotations"
                } else {
                    "rotations"
                };
                item.error_with(
                    format!(
                        "names {teams} only that have nobody at times, but somebody must always be called"
                    ),
                    "name a person too, or give one of the rotations a `fallback`",
                );
            }
            check_size(&item, &roster.fallback, sized, roster);
            remarks(&item, &roster.fallback, roster, open_at);
        }
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
    let from = seen.invited.len();
    let invite = s
        .need("invite", "whom to call: `invite: { commander: [ rotation:platform ] }`")
        .map(|item| invites(&item, seen))
        .unwrap_or_default();
    let runbook = runbook(s);
    let quorum = quorum(s, &invite, seen);
    for one in seen.invited.iter_mut().skip(from) {
        one.needed = quorum.as_ref().is_some_and(|quorum| quorum.roles.contains(&one.role));
    }
    let (size, sized) = size(s);
    let important = s.truth("important", false);
    let clients = s.truth("clients", true);
    let deputies = deputies(s, &invite, quorum.as_ref(), seen);
    let handout = handout(s);
    let route = Route {
        name,
        matchers,
        goes_on: false,
        invite,
        runbook,
        quorum,
        size,
        important,
        clients,
        deputies,
        handout,
    };
    (route, sized)
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
        clients: true,
        deputies: Vec::new(),
        handout: Handout::default(),
    }
}

pub(super) fn runbook(s: &Section<'_>) -> Option<String> {
    web_address(&s.get("runbook")?)
}

pub(super) fn invites<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> Vec<Invite> {
    let mut invites = Vec::new();
    for (role, item) in item.named() {
        let Some(role) = role_name(role, &item) else { continue };
        let mut whom = Vec::new();
        for item in item.list(true) {
            let Some(invitee) = invitee(&item, seen) else { continue };
            whom.push(invitee.clone());
            seen.invited.push(Invited { role: role.to_owned(), invitee, item, needed: false });
        }
        invites.push(Invite { role: role.to_owned(), whom });
    }
    invites
}

pub(super) fn invitee<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> Option<Invitee> {
    let text = item.text()?;
    if let Some(name) = text.strip_prefix("team:") {
        return seen.team(item, name.trim()).map(Invitee::Team);
    }
    let Some(name) = text.strip_prefix("rotation:") else {
        return seen.person(item).map(Invitee::Person);
    };
    let name = name.trim();
    if seen.rotations.contains(name) {
        return Some(Invitee::Rotation(name.to_owned()));
    }
    let message = format!("names the rotation `{}`, which does not exist", shortened(name));
    let names: Vec<&str> = seen.rotations.iter().map(String::as_str).collect();
    match closest(name, &names) {
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
        .flat_map(|i| i.whom.iter().flat_map(|invitee| roster.everybody(invitee, &i.role)))
        .collect();
    let at = |message: String, hint: &str| {
        item.desk.warning(item.key_span.clone(), format!("`{}` {message}", route.name), hint);
    };
    let gives = |i: &Invite| i.whom.iter().any(|whom| roster.gives(whom, &i.role) != Giving::Nobody);
    let leads = |i: &Invite| i.role == COMMANDER && gives(i);
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
pub(super) fn opens(matchers: &[Matcher], open_at: Severity) -> bool {
    Severity::ALL.iter().filter(|severity| severity.is_at_least(open_at)).any(|severity| {
        let mut about_it = matchers.iter().filter(|m| m.name() == "severity");
        about_it.all(|m| m.holds(Some(severity.as_str())))
    })
}
