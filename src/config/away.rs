//! People whom a route names by their key, and who are called although they are away.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::clock::{Timestamp, later};
use crate::config::ahead::{AHEAD, more_times};
use crate::config::names::Names;
use crate::roster::coverage::Gap;
use crate::roster::{Invitee, Person, Roster, Route, zone};

/// Says which people whom these routes name are away in the next 90 days while no stand-in is there.
pub(super) fn remarks<'r>(
    names: &Names<'_>,
    roster: &'r Roster,
    routes: impl Iterator<Item = &'r Route>,
    now: Timestamp,
) {
    let mut named: BTreeMap<&str, &Route> = BTreeMap::new();
    for route in routes {
        for invitee in route.invite.iter().flat_map(|invite| &invite.whom) {
            if let Invitee::Person(key) = invitee {
                named.entry(key).or_insert(route);
            }
        }
    }
    for (key, route) in named {
        let (Some(person), Some(item)) = (roster.people.get(key), names.entry(key)) else { continue };
        let found = roster.away_alone(person, now, later(now, AHEAD));
        let Some(first) = found.first() else { continue };
        let more = more_times(found.len());
        item.context.warning(
            item.key_span.clone(),
            format!(
                "`{key}` is called although away {}, because `{}` names them and no `stand_in` is there{more}",
                stretch(*first, person, now),
                route.name
            ),
            "give the person a `stand_in` who is there, or name a rotation instead",
        );
    }
}

/// By the person's own clock, as absences are written.
fn stretch(gap: Gap, person: &Person, now: Timestamp) -> String {
    let (name, zone) = person
        .timezone
        .as_deref()
        .and_then(|name| Some((name, zone(name)?)))
        .unwrap_or(("UTC", TimeZone::UTC));
    let local = |at: Timestamp| zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M").to_string();
    let from = if gap.from > now { format!("from {} to", local(gap.from)) } else { "until".to_owned() };
    format!("{from} {} {name}", local(gap.until))
}
