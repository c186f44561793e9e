//! Whom of those who would be called our number may not write to: who said STOP, and who never wrote to it.

use std::collections::BTreeSet;

use crate::config::item::Item;
use crate::config::words::some_of;
use crate::roster::{Invitee, Person, Roster, Route};

/// Keys of those whom a route calls at need only: the stand-ins of its people, deputies, and who is told last.
pub(super) fn at_need<'r>(route: &'r Route, roster: &'r Roster) -> BTreeSet<&'r str> {
    let mut keys: BTreeSet<&str> = BTreeSet::new();
    let is_required = |role: &str| route.quorum.as_ref().is_some_and(|q| q.roles.iter().any(|r| r == role));
    for invite in &route.invite {
        let people = invite.whom.iter().flat_map(|invitee| roster.everybody(invitee, &invite.role));
        // One who is away is replaced by the stand-in; where somebody must come, that one's is asked too.
        let most = if is_required(&invite.role) { roster.people.len() } else { 1 };
        for person in people {
            keys.extend(stand_ins(person, roster).take(most));
        }
    }
    for deputies in route.deputies.iter().filter(|deputies| is_required(&deputies.role)) {
        keys.extend(deputies.whom.iter().flat_map(|whom| roster.everybody(whom, &deputies.role)));
    }
    for invitee in route.quorum.iter().flat_map(|quorum| &quorum.otherwise) {
        let members: &[Invitee] = match invitee {
            Invitee::Team(key) => roster.teams.get(key).map_or(&[], |team| team.people.as_slice()),
            Invitee::Person(_) | Invitee::Rotation(_) => std::slice::from_ref(invitee),
        };
        for person in members.iter().flat_map(|member| roster.everybody(member, "")) {
            keys.insert(person);
            keys.extend(stand_ins(person, roster).take(1));
        }
    }
    keys
}

/// Who is named as the stand-in of the person under `key`, that one's, and so on.
pub(super) fn stand_ins<'r>(key: &'r str, roster: &'r Roster) -> impl Iterator<Item = &'r str> {
    let next = |key: &str| roster.people.get(key)?.stand_in.as_deref();
    let mut seen = BTreeSet::from([key]);
    std::iter::successors(next(key), move |key| next(key)).take_while(move |key| seen.insert(key))
}

/// Says whom of those that `who` calls, always or at need, our number may not write to.
pub(super) fn unwilling(
    item: &Item<'_>,
    who: &str,
    called: &BTreeSet<&str>,
    at_need: &BTreeSet<&str>,
    roster: &Roster,
) {
    say(item, &format!("{who} would call"), called.iter().copied(), roster);
    say(item, &format!("{who} would at need call"), at_need.difference(called).copied(), roster);
}

fn say<'r>(item: &Item<'_>, who: &str, keys: impl Iterator<Item = &'r str>, roster: &'r Roster) {
    let at = |message: String, hint: &str| {
        item.context.warning(item.key_span.clone(), format!("{who} people who {message}"), hint);
    };
    let known = &item.context.stances;
    let (mut stopped, mut strangers): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
    for Person { key, jid, opted_in, .. } in keys.filter_map(|key| roster.people.get(key)) {
        if let Some(on) = known.stopped.get(jid) {
            stopped.push(format!("{key} (on {})", on.strftime("%F")));
        } else if !opted_in && !known.acquainted.contains(jid) {
            strangers.push(key);
        }
    }
    if !stopped.is_empty() {
        at(
            format!("said STOP: {}", some_of(&stopped)),
            "they are not called until they answer START to our number: name somebody else, or talk to them",
        );
    }
    if !strangers.is_empty() {
        at(
            format!("never wrote to our number: {}", some_of(&strangers)),
            "ask them by `warroom consent ask`, or let them write to it once and set `opted_in: true`; until then \
             `rooms.not_opted_in` says what happens",
        );
    }
}
