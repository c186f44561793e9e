//! Routes and rotations looked ahead: when somebody who should be called would be missing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::clock::{SignedDuration, Timestamp, later};
use crate::config::item::Item;
use crate::config::names::Names;
use crate::roster::coverage::{Gap, Turns, gaps};
use crate::roster::{COMMANDER, Invite, Invitee, Roster, Rotation, Route, wall_clock};

/// How far is looked ahead.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far for the fallback, which must never be nobody: both clock changes of a year are in it.
const FALLBACK_AHEAD: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What was found for rotations together, with how far was looked: many routes name the same ones.
#[derive(Debug, Default)]
pub(super) struct Looked(RefCell<BTreeMap<Together, Option<String>>>);

/// The rotations' names, and until when.
type Together = (Vec<String>, Timestamp);

/// Gaps of a rotation that begin within the next 90 days, in words; nothing if there are none.
pub(super) fn next_gap(rotation: &Rotation, now: Timestamp) -> Option<String> {
    let found = gaps(&[Turns::of(rotation)], now, later(now, AHEAD));
    let first = found.first()?;
    Some(format!("the next time from {}", wall_clock(rotation.zone.to_datetime(first.from))))
}

/// Says when a route for incidents that open rooms would reach nobody of its own, or nobody in a role that
/// must be filled. One that is `followed` may leave it to others to lead and to come.
pub(super) fn route(
    item: &Item<'_>,
    route: &Route,
    followed: bool,
    roster: &Roster,
    looked: &Looked,
    now: Timestamp,
) {
    let until = later(now, AHEAD);
    let at = |message: String, hint: &str| {
        item.context.warning(item.key_span.clone(), format!("`{}` {message}", route.name), hint);
    };
    if !route.is_fallback()
        && !followed
        && let Some(when) = missing(route.invite.iter(), roster, looked, now, until)
    {
        at(
            format!("calls nobody of its own {when}"),
            "the fallback's people are called then; name a person too, or give a rotation a `fallback`",
        );
        return;
    }
    let required = route.quorum.iter().flat_map(|quorum| &quorum.roles).map(String::as_str);
    let lead = std::iter::once(COMMANDER).filter(|_| !followed);
    let roles: BTreeSet<&str> = lead.chain(required).collect();
    for role in roles {
        let of_role = |invite: &&Invite| invite.role == role;
        if let Some(when) = missing(route.invite.iter().filter(of_role), roster, looked, now, until) {
            at(
                format!("has nobody as {role} {when}"),
                "name a person too, or give the rotation a `fallback`",
            );
        }
    }
}

/// When the fallback would reach nobody if nobody took another one's shift and every layer had begun: what is so
/// today is so tomorrow.
pub(super) fn fallback_by_rule(route: &Route, roster: &Roster, now: Timestamp) -> Option<String> {
    let today = TimeZone::UTC.to_datetime(later(now, SignedDuration::from_hours(-48)));
    let rotations = roster.rotations.iter().map(|(key, rotation)| (key.clone(), rotation.usual(today)));
    let usual = Roster { rotations: rotations.collect(), ..roster.clone() };
    missing(route.invite.iter(), &usual, &Looked::default(), now, later(now, FALLBACK_AHEAD))
}

/// When the fallback would reach nobody.
pub(super) fn fallback(route: &Route, roster: &Roster, looked: &Looked, now: Timestamp) -> Option<String> {
    missing(route.invite.iter(), roster, looked, now, later(now, FALLBACK_AHEAD))
}

/// When none of those called is there, if no person is named directly: the first time, and how many more.
fn missing<'a>(
    invites: impl Iterator<Item = &'a Invite>,
    roster: &'a Roster,
    looked: &Looked,
    from: Timestamp,
    until: Timestamp,
) -> Option<String> {
    let mut all: Vec<Turns<'_>> = Vec::new();
    for invite in invites {
        for invitee in &invite.whom {
            for member in roster.members(invitee, &invite.role) {
                // A person is always called; one with a mistake in it is missing, which is said already.
                let Invitee::Rotation(key) = member else { return None };
                let rotation = roster.rotations.get(key)?;
                let may = |key: &&str| roster.people.get(*key).is_some_and(|p| p.fills(&invite.role));
                let mut turns = Turns::of(rotation);
                if matches!(invitee, Invitee::Team(_)) && !rotation.everybody().all(|key| may(&key)) {
                    turns.only = Some(rotation.everybody().filter(may).collect());
                }
                all.push(turns);
            }
        }
    }
    let first = all.first()?.rotation;
    let look = || in_words(&gaps(&all, from, until), first, until.duration_since(from));
    if all.iter().any(|turns| turns.only.is_some()) {
        return look();
    }
    let names = all.iter().map(|turns| turns.rotation.name.clone()).collect();
    looked.0.borrow_mut().entry((names, until)).or_insert_with(look).clone()
}

fn in_words(gaps: &[Gap], rotation: &Rotation, ahead: SignedDuration) -> Option<String> {
    let first = gaps.first()?;
    let more = if gaps.len() > 1 {
        format!(", and {} more times in the next {} days", gaps.len() - 1, ahead.as_hours() / 24)
    } else {
        String::new()
    };
    Some(format!("{}{more}", stretch(*first, rotation)))
}

/// How many there are beside the one that is told.
pub(super) fn more_times(found: usize) -> String {
    if found > 1 { format!(", and {} more times", found - 1) } else { String::new() }
}

fn stretch(gap: Gap, rotation: &Rotation) -> String {
    let local = |at: Timestamp| rotation.zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M").to_string();
    format!("from {} to {} {}", local(gap.from), local(gap.until), rotation.zone_name)
}

/// Says where the rotations of these routes call somebody who is away, because everybody else is too.
pub(super) fn absences<'r>(
    names: &Names<'_>,
    roster: &Roster,
    routes: impl Iterator<Item = &'r Route>,
    now: Timestamp,
) {
    let members = routes
        .flat_map(|route| &route.invite)
        .flat_map(|invite| invite.whom.iter().flat_map(|invitee| roster.members(invitee, &invite.role)));
    let called: BTreeSet<&str> = members
        .filter_map(|member| match member {
            Invitee::Person(_) | Invitee::Team(_) => None,
            Invitee::Rotation(key) => Some(key.as_str()),
        })
        .collect();
    for key in called {
        let (Some(rotation), Some(item)) = (roster.rotations.get(key), names.turns.get(key)) else {
            continue;
        };
        let found = roster.called_while_away(rotation, now, later(now, AHEAD));
        let Some(first) = found.first() else { continue };
        let name = roster.people.get(&first.person).map_or(first.person.as_str(), |p| p.name.as_str());
        let more = more_times(found.len());
        item.context.warning(
            item.key_span.clone(),
            format!(
                "`{key}` calls {name} although away {}, as everybody else is away too{more}",
                stretch(first.when, rotation)
            ),
            "add an override with somebody who is there, or name a `stand_in`",
        );
    }
}
