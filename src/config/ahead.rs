//! Routes and rotations looked ahead: when somebody who should be called would be missing.

use std::collections::BTreeSet;

use crate::clock::{SignedDuration, Timestamp, later};
use crate::config::item::Item;
use crate::config::people::Seen;
use crate::roster::coverage::{Gap, gaps};
use crate::roster::{COMMANDER, Invite, Invitee, Roster, Rotation, Route, wall_clock};

/// How far is looked ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far for the fallback, which must never be nobody: both clock changes of a year are in it.
const FALLBACK_AHEAD: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Gaps of a rotation that begin within the next 90 days, in words; nothing if there are none.
pub(super) fn next_gap(rotation: &Rotation, now: Timestamp) -> Option<String> {
    let found = gaps(&[rotation], now, later(now, AHEAD));
    let first = found.first()?;
    Some(format!("the next time from {}", wall_clock(rotation.zone.to_datetime(first.from))))
}

/// Says when a route for incidents that open rooms would reach nobody of its own, or nobody in a role that
/// must be filled.
pub(super) fn route(item: &Item<'_>, route: &Route, roster: &Roster, now: Timestamp) {
    let until = later(now, AHEAD);
    let at = |message: String, hint: &str| {
        item.desk.warning(item.key_span.clone(), format!("`{}` {message}", route.name), hint);
    };
    let everybody = || route.invite.iter().flat_map(|invite| &invite.whom);
    if !route.is_fallback()
        && let Some(when) = missing(everybody(), roster, now, until)
    {
        at(
            format!("calls nobody of its own {when}"),
            "the fallback's people are called then; name a person too, or give a rotation a `fallback`",
        );
        return;
    }
    let required = route.quorum.iter().flat_map(|quorum| &quorum.roles).map(String::as_str);
    let roles: BTreeSet<&str> = std::iter::once(COMMANDER).chain(required).collect();
    for role in roles {
        let of_role = |invite: &&Invite| invite.role == role;
        let whom = route.invite.iter().filter(of_role).flat_map(|invite| &invite.whom);
        if let Some(when) = missing(whom, roster, now, until) {
            at(
                format!("has nobody as {role} {when}"),
                "name a person too, or give the rotation a `fallback`",
            );
        }
    }
}

/// When the fallback would reach nobody.
pub(super) fn fallback(route: &Route, roster: &Roster, now: Timestamp) -> Option<String> {
    let whom = route.invite.iter().flat_map(|invite| &invite.whom);
    missing(whom, roster, now, later(now, FALLBACK_AHEAD))
}

/// When none of these is there, if they are rotations only: the first time, and how many more.
fn missing<'a>(
    whom: impl Iterator<Item = &'a Invitee>,
    roster: &Roster,
    from: Timestamp,
    until: Timestamp,
) -> Option<String> {
    let rotations: Option<Vec<&Rotation>> = whom
        .map(|invitee| match invitee {
            Invitee::Person(_) => None,
            // One with a mistake in it is missing, which is said already.
            Invitee::Rotation(key) => roster.rotations.get(key),
        })
        .collect();
    let rotations = rotations.filter(|rotations| !rotations.is_empty())?;
    let found = gaps(&rotations, from, until);
    in_words(&found, rotations.first()?, until.duration_since(from))
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

fn stretch(gap: Gap, rotation: &Rotation) -> String {
    let local = |at: Timestamp| rotation.zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M").to_string();
    format!("from {} to {} {}", local(gap.from), local(gap.until), rotation.zone_name)
}

/// Says where the rotations of these routes call somebody who is away, because everybody else is too.
pub(super) fn absences<'r>(
    seen: &Seen<'_>,
    roster: &Roster,
    routes: impl Iterator<Item = &'r Route>,
    now: Timestamp,
) {
    let invitees = routes.flat_map(|route| &route.invite).flat_map(|invite| &invite.whom);
    let called: BTreeSet<&str> = invitees
        .filter_map(|invitee| match invitee {
            Invitee::Person(_) => None,
            Invitee::Rotation(key) => Some(key.as_str()),
        })
        .collect();
    for key in called {
        let (Some(rotation), Some(item)) = (roster.rotations.get(key), seen.turns.get(key)) else { continue };
        let found = roster.called_while_away(rotation, now, later(now, AHEAD));
        let Some(first) = found.first() else { continue };
        let name = roster.people.get(&first.person).map_or(first.person.as_str(), |p| p.name.as_str());
        let more =
            if found.len() > 1 { format!(", and {} more times", found.len() - 1) } else { String::new() };
        item.desk.warning(
            item.key_span.clone(),
            format!(
                "`{key}` calls {name} although away {}, as everybody else is away too{more}",
                stretch(first.when, rotation)
            ),
            "add an override with somebody who is there, or name a `stand_in`",
        );
    }
}
