//! The roster's routes: which incidents concern whom, and what about that is probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::Severity;
use crate::config::ahead::Looked;
use crate::config::deputies::deputies;
use crate::config::handout::{handout, web_address};
use crate::config::item::Item;
use crate::config::known::Known;
use crate::config::matching::{self, Written};
use crate::config::people::Seen;
use crate::config::quorum::{check_size, quorum, size};
use crate::config::roles::{Invited, role_name};
use crate::config::section::Section;
use crate::config::unwilling::{at_need, unwilling};
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::config::{Surroundings, ahead, away, chains};
use crate::matcher::Matcher;
use crate::roster::{
    COMMANDER, FALLBACK, Giving, Handout, Invite, Invitee, Quorum, Roster, Route, USUAL_SIZE,
};

/// Reads routes and fallback into the roster, whose people, rotations, teams and clients are already there.
pub(super) fn fill<'a>(
    root: &Section<'a>,
    roster: &mut Roster,
    seen: &mut Seen<'a>,
    surroundings: &Surroundings<'_>,
) {
    let Surroundings { open_at, now, .. } = *surroundings;
    let known = Known::read(root, surroundings);
    let (written, sizes) = routes(root, roster, seen);
    let mut followed: Vec<bool> = Vec::new();
    for (n, (Written { item, .. }, route)) in written.iter().zip(&roster.routes).enumerate() {
        let followers = chains::followers(&roster.routes, n, &known);
        followed.push(!followers.is_empty());
        let Some(sized) = sizes.get(n).copied().flatten() else { continue };
        check_size(item, route, sized, roster);
        // A route of which a matcher could not be read seems to match more than it does.
        if sizes.iter().all(Option::is_some) {
            chains::check_size(item, route, &followers, roster);
        }
        remarks(item, route, !followers.is_empty(), roster, open_at);
    }
    matching::remarks(&written, roster, &known, open_at);
    let looked = Looked::default();
    fallback(root, roster, seen, &looked, surroundings);
    // Where somebody is missing because of a mistake, that says it better.
    if root.context.errors() == 0 {
        for ((Written { item, .. }, route), followed) in written.iter().zip(&roster.routes).zip(&followed) {
            if opens(&route.matchers, open_at) {
                ahead::route(item, route, *followed, roster, &looked, now);
            }
        }
        let opening = || roster.routes.iter().filter(|route| opens(&route.matchers, open_at));
        let routes = || opening().chain(std::iter::once(&roster.fallback));
        ahead::absences(seen, roster, routes(), now);
        away::remarks(seen, roster, routes(), now);
    }
}

/// Reads the routes. Of each where it is written, and, if there is no mistake in it, whether it says its size.
fn routes<'a>(
    root: &Section<'a>,
    roster: &mut Roster,
    seen: &mut Seen<'a>,
) -> (Vec<Written<'a>>, Vec<Option<bool>>) {
    let (mut written, mut sized): (Vec<Written<'a>>, Vec<Option<bool>>) = (Vec::new(), Vec::new());
    let Some(item) = root.get("routes") else { return (written, sized) };
    let mut catch_all: Option<usize> = None;
    let mut names: BTreeMap<String, Item<'a>> = BTreeMap::new();
    for (n, item) in item.list(false).iter().enumerate() {
        let errors = item.context.errors();
        let (route, says_size) = item.section(|s| route(s, n, seen));
        if let Some(first) = names.get(&route.name) {
            let place = item.context.elsewhere(&first.key_span, &item.key_span);
            item.error_with(
                format!("is a second route named `{}`, as in {place}", route.name),
                "names tell routes apart in the room's history",
            );
        } else {
            names.insert(route.name.clone(), item.clone());
        }
        let is_sound = item.context.errors() == errors;
        if let Some(earlier) = catch_all.and_then(|n| roster.routes.get(n)) {
            item.warning(
                format!("is never reached: `{}` before it has no matchers", earlier.name),
                "move the route without matchers to the end, or use `fallback`",
            );
        } else if is_sound && route.matchers.is_empty() && !route.goes_on {
            catch_all = Some(n);
        }
        sized.push(is_sound.then_some(says_size));
        written.push(Written::new(item, &route));
        roster.routes.push(route);
    }
    (written, sized)
}

/// Reads the fallback, which must reach somebody at all times.
fn fallback<'a>(
    root: &Section<'a>,
    roster: &mut Roster,
    seen: &mut Seen<'a>,
    looked: &Looked,
    surroundings: &Surroundings<'_>,
) {
    let Surroundings { open_at, now, .. } = *surroundings;
    let hint = "whom to call when no route matches: `fallback: { invite: { commander: [ … ] } }`";
    let Some(item) = root.need("fallback", hint) else { return };
    let errors = item.context.errors();
    let (fallback, sized) = item.section(|s| called(s, FALLBACK.to_owned(), Vec::new(), seen));
    roster.fallback = fallback;
    if item.context.errors() != errors {
        return;
    }
    if roster.fallback.invite.iter().all(|i| i.whom.is_empty()) {
        item.error_with("names nobody, but somebody must always be called", hint);
    }
    let whom =
        || roster.fallback.invite.iter().flat_map(|i| i.whom.iter().map(|whom| (whom, i.role.as_str())));
    let gives_none =
        whom().next().is_some() && whom().all(|(whom, role)| roster.gives(whom, role) == Giving::Nobody);
    let when = if gives_none {
        Some("ever there".to_owned())
    } else {
        ahead::fallback(&roster.fallback, roster, looked, now)
    };
    if let Some(when) = when {
        let teams = if whom().any(|(whom, _)| matches!(whom, Invitee::Team(_))) {
            "teams and rotations"
        } else {
            "rotations"
        };
        item.error_with(
            format!(
                "names {teams} only that have nobody at times, but somebody must always be called: nobody is {when}"
            ),
            "name a person too, or give one of the rotations a `fallback`",
        );
    }
    check_size(&item, &roster.fallback, sized, roster);
    remarks(&item, &roster.fallback, false, roster, open_at);
    if root.context.errors() == 0 {
        ahead::route(&item, &roster.fallback, false, roster, looked, now);
    }
}

fn route<'a>(s: &Section<'a>, n: usize, seen: &mut Seen<'a>) -> (Route, bool) {
    let name = s.need("name", "what the room's history calls this route").and_then(|item| name(&item));
    let matchers = s.get("match").map(|i| i.matchers()).unwrap_or_default();
    let goes_on = s.truth("continue", false);
    let (route, sized) = called(s, name.unwrap_or_else(|| format!("route {}", n + 1)), matchers, seen);
    (Route { goes_on, ..route }, sized)
}

fn name(item: &Item<'_>) -> Option<String> {
    let name = item.line()?;
    if name == FALLBACK {
        item.error_with(
            format!("is `{FALLBACK}`, the name of the fallback itself"),
            "give the route another name; what is taken when no route matches stands under `fallback`",
        );
        return None;
    }
    Some(name.to_owned())
}

/// What routes and the fallback share: whom they call. Also whether they say how many fit into a room.
fn called<'a>(s: &Section<'a>, name: String, matchers: Vec<Matcher>, seen: &mut Seen<'a>) -> (Route, bool) {
    let from = seen.invited.len();
    let (invite, empty) = s
        .need("invite", "whom to call: `invite: { commander: [ rotation:platform ] }`")
        .map(|item| invites(&item, seen))
        .unwrap_or_default();
    let runbook = runbook(s);
    let quorum = quorum(s, &invite, seen);
    empty_roles(&empty, &invite, quorum.as_ref());
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

/// The roles with their people, and those in which nobody is written.
pub(super) fn invites<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> (Vec<Invite>, Vec<(String, Item<'a>)>) {
    let (mut invites, mut empty) = (Vec::new(), Vec::new());
    for (role, item) in item.named() {
        let Some(role) = role_name(role, &item) else { continue };
        let mut whom = Vec::new();
        for item in item.list(true) {
            let Some(invitee) = invitee(&item, seen) else { continue };
            whom.push(invitee.clone());
            seen.invited.push(Invited { role: role.to_owned(), invitee, item, needed: false });
        }
        if matches!(&item.node.value, Value::List(members) if members.is_empty()) {
            empty.push((role.to_owned(), item));
        }
        invites.push(Invite { role: role.to_owned(), whom });
    }
    (invites, empty)
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
    match item.context.closest(name, &names) {
        Some(meant) => item.error_with(message, format!("did you mean `rotation:{meant}`?")),
        None => item.error_with(message, "add it under `rotations`"),
    }
    None
}

/// What is allowed but probably not meant. A route that is `followed` may leave it to others to lead and to come.
fn remarks(item: &Item<'_>, route: &Route, followed: bool, roster: &Roster, open_at: Severity) {
    let named: BTreeSet<&str> = route
        .invite
        .iter()
        .flat_map(|i| i.whom.iter().flat_map(|invitee| roster.everybody(invitee, &i.role)))
        .collect();
    let at = |message: String, hint: &str| {
        item.context.warning(item.key_span.clone(), format!("`{}` {message}", route.name), hint);
    };
    let gives = |i: &Invite| i.whom.iter().any(|whom| roster.gives(whom, &i.role) != Giving::Nobody);
    let leads = |i: &Invite| i.role == COMMANDER && gives(i);
    if !named.is_empty() && !followed && !route.invite.iter().any(leads) {
        at("has no commander".to_owned(), "somebody should lead: add the role `commander`");
    }
    if named.is_empty() && !followed && !route.is_fallback() {
        at("names nobody".to_owned(), "the fallback's people are called instead");
    }
    if !opens(&route.matchers, open_at) {
        return;
    }
    let at_need = at_need(route, roster);
    unwilling(item, &format!("`{}`", route.name), &named, &at_need, roster);
}

/// Whether an incident bad enough to open a room can take a route with these matchers, as far as they
/// speak of the severity.
pub(super) fn opens(matchers: &[Matcher], open_at: Severity) -> bool {
    Severity::ALL.iter().filter(|severity| severity.is_at_least(open_at)).any(|severity| {
        let mut about_it = matchers.iter().filter(|m| m.name() == "severity");
        about_it.all(|m| m.holds(Some(severity.as_str())))
    })
}
