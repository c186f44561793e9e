//! Routes that say `continue`: which later ones may add their people, and whether one room holds them all.

use crate::config::item::Item;
use crate::config::known::Known;
use crate::matcher::Matcher;
use crate::matcher::implication::Reach;
use crate::roster::{Roster, Route};

/// Routes looked at together; with more of them a room is too small, or they never meet.
const LONGEST: usize = 32;
/// Routes named in a finding.
const NAMED: usize = 4;

/// A later route that can match beside an earlier one.
pub(super) struct Follower<'r> {
    route: &'r Route,
    /// Whether it adds its people whenever the earlier one is taken.
    is_certain: bool,
}

/// The routes of `routes` that may add their people where the one at `place` is taken.
pub(super) fn followers<'r>(routes: &'r [Route], place: usize, known: &Known) -> Vec<Follower<'r>> {
    let Some((route, later)) = routes.get(place..).and_then(<[Route]>::split_first) else {
        return Vec::new();
    };
    let mut followers = Vec::new();
    if !route.goes_on {
        return followers;
    }
    let reach = Reach::of(&route.matchers, &known.always);
    let mut is_certain = true;
    for later in later.iter().filter(|later| !excludes(route, later)) {
        let both = route.matchers.iter().chain(&later.matchers);
        if Reach::of(both, &known.always).contradiction().is_some() {
            continue;
        }
        let matches_too = later.matchers.iter().all(|m| reach.implies(m));
        followers.push(Follower { route: later, is_certain: is_certain && matches_too });
        if !later.goes_on {
            if matches_too {
                break;
            }
            // Where this one matches, those after it do not come.
            is_certain = false;
        }
    }
    followers
}

/// Whether both ask one label for two values. Most routes do, and this is found out fast.
fn excludes(one: &Route, other: &Route) -> bool {
    one.matchers.iter().any(|m| {
        let Some(value) = wanted(m) else { return false };
        let mut others = other.matchers.iter().filter(|other| other.name() == m.name()).filter_map(wanted);
        others.any(|other| other != value)
    })
}

/// The value that a matcher with `=` asks for.
fn wanted(matcher: &Matcher) -> Option<&str> {
    matcher.value().filter(|_| !matcher.is_negative())
}

/// Says when a route and those that follow it call more people than one room holds, though each of them alone
/// does not.
pub(super) fn check_size(item: &Item<'_>, route: &Route, followers: &[Follower<'_>], roster: &Roster) {
    let fits = |routes: &[&Route]| count(routes, roster).is_ok();
    let followers: Vec<&Follower<'_>> = followers.iter().filter(|f| fits(&[f.route])).collect();
    if followers.is_empty() || !fits(&[route]) {
        return;
    }
    let mut taken: Vec<bool> = followers.iter().map(|follower| follower.is_certain).collect();
    let mut chain = together(route, &followers, &taken);
    let mut counted = count(&chain, roster);
    for (n, follower) in followers.iter().enumerate().filter(|(_, follower)| !follower.is_certain) {
        if counted.is_err() {
            break;
        }
        if chain.len() >= LONGEST || chain.iter().any(|before| excludes(before, follower.route)) {
            continue;
        }
        let with = taken.iter().enumerate().map(|(place, taken)| *taken || place == n).collect::<Vec<_>>();
        chain = together(route, &followers, &with);
        counted = count(&chain, roster);
        if follower.route.goes_on {
            taken = with;
        } else if counted.is_ok() {
            chain = together(route, &followers, &taken);
        }
    }
    let Err(Crowd { certainly, at_most, size }) = counted else { return };
    let names = names(&chain);
    if certainly > size && chain.len() == 1 + followers.iter().filter(|f| f.is_certain).count() {
        item.context.error_with(
            item.key_span.clone(),
            format!("{names} after it call {at_most} people, but a room holds {size}"),
            format!("name those who act, or write `size: {at_most}` in one of them if all are needed"),
        );
    } else {
        item.context.warning(
            item.key_span.clone(),
            format!("{names} after it can call {at_most} people, but a room holds {size}"),
            "where all of them match, the last people are left out; write a larger `size` in one of them",
        );
    }
}

/// More people than fit.
struct Crowd {
    certainly: usize,
    at_most: usize,
    size: usize,
}

/// Whether a room holds those whom these routes call together.
fn count(routes: &[&Route], roster: &Roster) -> Result<(), Crowd> {
    let size = routes.iter().map(|route| route.size).max().unwrap_or_default();
    let (certainly, at_most) = roster.most_called(routes.iter().flat_map(|route| &route.invite));
    if at_most > size { Err(Crowd { certainly, at_most, size }) } else { Ok(()) }
}

fn together<'r>(route: &'r Route, followers: &[&Follower<'r>], taken: &[bool]) -> Vec<&'r Route> {
    let taken = followers.iter().zip(taken).filter(|(_, taken)| **taken);
    std::iter::once(route).chain(taken.map(|(follower, _)| follower.route)).collect()
}

/// "`a`, `b` and `c`".
fn names(routes: &[&Route]) -> String {
    let mut names: Vec<String> = routes.iter().take(NAMED).map(|route| format!("`{}`", route.name)).collect();
    if routes.len() > NAMED {
        names.push(format!("{} more", routes.len() - NAMED));
    }
    let last = names.pop().unwrap_or_default();
    format!("{} and {last}", names.join(", "))
}
