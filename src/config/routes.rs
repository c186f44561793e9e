//! The roster's routes: which incidents concern whom, and what about that is probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::Severity;
use crate::config::ahead::Looked;
use crate::config::deputies::deputies;
use crate::config::handout::{HANDOUT, handout};
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, TEXT, keys};
use crate::config::known::Known;
use crate::config::matching::{self, Written};
use crate::config::names::{INVITE, Names, empty_roles, invites};
use crate::config::quorum::{QUORUM, check_size, quorum, size};
use crate::config::unwilling::{at_need, unwilling};
use crate::config::values::{MATCHERS, WEB_ADDRESS, web_address};
use crate::config::{Surroundings, ahead, away, chains};
use crate::matcher::Matcher;
use crate::roster::{COMMANDER, FALLBACK, Giving, Handout, Invite, Invitee, Roster, Route, USUAL_SIZE};

keys! {
    /// Which incidents concern whom.
    ROUTE = "route" {
        /// What the room's history calls this route.
        name: TEXT, needed, such_as "acme production";
        /// Which incidents it is for; all if absent.
        match: MATCHERS;
        /// Whether the next route that matches adds its people too.
        continue: Form::Bool, usual "false";
        ..CALLED;
        ..HANDOUT;
    }
    /// Who is called when no route matches.
    pub(super) FALLBACK_ROUTE = "fallback" {
        ..CALLED;
        ..HANDOUT;
    }
    /// Who is called, and how.
    CALLED {
        /// Role: who. The commander leads. Somebody with two roles is called once.
        invite: Form::Named(&INVITE), needed, such_as "{ commander: [ mei ] }";
        /// Put into the first message.
        runbook: WEB_ADDRESS;
        /// Who must be there, and what happens if they are not.
        quorum: Form::Map(&QUORUM);
        /// By role: who is asked first in place of whoever does not come.
        deputies: Form::Named(&INVITE);
        /// The most people in one room, the commander first. WhatsApp takes 1023 beside our number.
        size: Form::Number(2, 1023), usual "20";
        /// Whether its rooms may use the groups that each number keeps back, and are made before others that wait.
        important: Form::Bool, usual "false";
        /// Whether the people of the client that the incident is about are added.
        clients: Form::Bool, usual "true";
    }
}

pub(super) const ROUTES: Form = Form::List(&Form::Map(&ROUTE), 0);

/// Reads routes and fallback into the roster, whose people, rotations, teams and clients are already there.
pub(super) fn fill<'a>(
    root: &Section<'a>,
    roster: &mut Roster,
    names: &mut Names<'a>,
    surroundings: &Surroundings<'_>,
) {
    let Surroundings { open_at, now, .. } = *surroundings;
    let known = Known::read(root, surroundings);
    let (written, sizes) = routes(root, roster, names);
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
    fallback(root, roster, names, &looked, surroundings);
    // Where somebody is missing because of a mistake, that says it better.
    if root.context.errors() == 0 {
        for ((Written { item, .. }, route), followed) in written.iter().zip(&roster.routes).zip(&followed) {
            if route.takes_from(open_at) {
                ahead::route(item, route, *followed, roster, &looked, now);
            }
        }
        let opening = || roster.routes.iter().filter(|route| route.takes_from(open_at));
        let routes = || opening().chain(std::iter::once(&roster.fallback));
        ahead::absences(names, roster, routes(), now);
        away::remarks(names, roster, routes(), now);
    }
}

/// Reads the routes. Of each where it is written, and, if there is no mistake in it, whether it says its size.
fn routes<'a>(
    root: &Section<'a>,
    roster: &mut Roster,
    names: &mut Names<'a>,
) -> (Vec<Written<'a>>, Vec<Option<bool>>) {
    let (mut written, mut sized): (Vec<Written<'a>>, Vec<Option<bool>>) = (Vec::new(), Vec::new());
    let Some(item) = root.get("routes") else { return (written, sized) };
    let mut catch_all: Option<usize> = None;
    let mut titles: BTreeMap<String, Item<'a>> = BTreeMap::new();
    for (n, item) in item.list(false).iter().enumerate() {
        let errors = item.context.errors();
        let (route, says_size) = item.section(&ROUTE, |s| route(s, n, names));
        if let Some(first) = titles.get(&route.name) {
            let place = item.context.elsewhere(&first.key_span, &item.key_span);
            item.error_with(
                format!("is a second route named `{}`, as in {place}", route.name),
                "names tell routes apart in the room's history",
            );
        } else {
            titles.insert(route.name.clone(), item.clone());
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
    names: &mut Names<'a>,
    looked: &Looked,
    surroundings: &Surroundings<'_>,
) {
    let Surroundings { open_at, now, .. } = *surroundings;
    let hint = "whom to call when no route matches: `fallback: { invite: { commander: [ … ] } }`";
    let Some(item) = root.need("fallback") else { return };
    let errors = item.context.errors();
    let (fallback, sized) =
        item.section(&FALLBACK_ROUTE, |s| called(s, FALLBACK.to_owned(), Vec::new(), names));
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
    let by_rule = if gives_none {
        Some("ever there".to_owned())
    } else {
        ahead::fallback_by_rule(&roster.fallback, roster, now)
    };
    // What is right today stays right: a gap that overrides leave is no reason not to start.
    let is_error = by_rule.is_some();
    if let Some(when) = by_rule.or_else(|| ahead::fallback(&roster.fallback, roster, looked, now)) {
        let teams = if whom().any(|(whom, _)| matches!(whom, Invitee::Team(_))) {
            "teams and rotations"
        } else {
            "rotations"
        };
        let message = format!(
            "names {teams} only that have nobody at times, but somebody must always be called: nobody is {when}"
        );
        let hint = "name a person too, or give one of the rotations a `fallback`";
        if is_error {
            item.error_with(message, hint);
        } else {
            item.warning(message, hint);
        }
    }
    check_size(&item, &roster.fallback, sized, roster);
    remarks(&item, &roster.fallback, false, roster, open_at);
    if root.context.errors() == 0 {
        ahead::route(&item, &roster.fallback, false, roster, looked, now);
    }
}

fn route<'a>(s: &Section<'a>, n: usize, names: &mut Names<'a>) -> (Route, bool) {
    let name = s.need("name").and_then(|item| name(&item));
    let matchers = s.get("match").map(|i| i.matchers()).unwrap_or_default();
    let goes_on = s.truth("continue");
    let (route, sized) = called(s, name.unwrap_or_else(|| format!("route {}", n + 1)), matchers, names);
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
fn called<'a>(s: &Section<'a>, name: String, matchers: Vec<Matcher>, names: &mut Names<'a>) -> (Route, bool) {
    let from = names.invited.len();
    let (invite, empty) = s.need("invite").map(|item| invites(&item, names)).unwrap_or_default();
    let runbook = s.get("runbook").and_then(|item| web_address(&item));
    let quorum = quorum(s, &invite, names);
    empty_roles(&empty, &invite, quorum.as_ref());
    for one in names.invited.iter_mut().skip(from) {
        one.needed = quorum.as_ref().is_some_and(|quorum| quorum.roles.contains(&one.role));
    }
    let (size, sized) = size(s);
    let important = s.truth("important");
    let clients = s.truth("clients");
    let deputies = deputies(s, &invite, quorum.as_ref(), names);
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
    if !route.takes_from(open_at) {
        return;
    }
    let at_need = at_need(route, roster);
    unwilling(item, &format!("`{}`", route.name), &named, &at_need, roster);
}
