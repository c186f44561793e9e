//! Who is called for a rotation at a moment, and a calendar of it: its rules, and who is away.
//!
//! An absence is a person's own matter, by the clock of the place where they live. Whoever is away is
//! replaced by their stand-in, else by those who follow in the rotation; if all of them are away the person
//! is called all the same, because nobody at all is worse.

use std::collections::BTreeSet;

use serde::Serialize;

use super::coverage::Gap;
use super::rotation::By;
use super::{Person, Roster, Rotation, wall_clock};
use crate::clock::Timestamp;

/// A time in which a person is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Its beginning, included.
    pub from: Timestamp,
    /// Its end, excluded.
    pub until: Timestamp,
    /// Its end as the person reads it, for the reason given to others.
    pub until_there: String,
}

/// A person called for a rotation.
#[derive(Debug, Clone)]
pub struct OnDuty<'a> {
    /// Who.
    pub person: &'a Person,
    /// The path of rules that led to them.
    pub why: String,
    /// Whether an override put them, or whom they replace, there.
    pub overridden: bool,
}

/// A stretch of time in which the same people are on duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its beginning, included.
    pub from: Timestamp,
    /// Its end, excluded.
    pub until: Timestamp,
    /// Keys of the people; nobody, if it is a gap.
    pub people: Vec<String>,
}

impl Person {
    /// The absence that covers `at`, if there is one.
    #[must_use]
    pub fn absence(&self, at: Timestamp) -> Option<&Absence> {
        self.absences.iter().find(|absence| absence.from <= at && at < absence.until)
    }
}

/// A stretch of time in which other people are on duty by one roster than by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reassignment {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Keys of those on duty by the old roster.
    pub before: Vec<String>,
    /// Keys of those on duty by the new one.
    pub now: Vec<String>,
}

/// Where two calendars of the same time differ.
#[must_use]
pub fn reassignments(old: &[Span], new: &[Span]) -> Vec<Reassignment> {
    let mut edges: Vec<Timestamp> = old.iter().chain(new).flat_map(|span| [span.from, span.until]).collect();
    edges.sort_unstable();
    edges.dedup();
    let at = |spans: &[Span], moment: Timestamp| {
        let next = spans.partition_point(|span| span.from <= moment);
        let span = next.checked_sub(1).and_then(|n| spans.get(n));
        span.map(|span| span.people.clone()).unwrap_or_default()
    };
    let mut found: Vec<Reassignment> = Vec::new();
    for (from, until) in edges.iter().zip(edges.iter().skip(1)) {
        let (before, now) = (at(old, *from), at(new, *from));
        if before == now {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.until == *from && last.before == before && last.now == now => {
                last.until = *until;
            }
            _ => found.push(Reassignment { from: *from, until: *until, before, now }),
        }
    }
    found
}

impl Roster {
    /// Who is called for `rotation` at `at`, the one who came on duty last first. Nobody, where its rules
    /// leave a gap.
    #[must_use]
    pub fn on_duty<'a>(&'a self, rotation: &'a Rotation, at: Timestamp) -> Vec<OnDuty<'a>> {
        self.on_duty_as(rotation, None, at)
    }

    /// The same, where only somebody who may have `role` takes the place of whoever is away.
    pub(super) fn on_duty_as<'a>(
        &'a self,
        rotation: &'a Rotation,
        role: Option<&str>,
        at: Timestamp,
    ) -> Vec<OnDuty<'a>> {
        let mut called: Vec<OnDuty<'a>> = Vec::new();
        for duty in rotation.on_duty(at) {
            let Some(person) = self.people.get(duty.person) else { continue };
            let until = duty.until.map(|until| format!("until {} {}", wall_clock(until), rotation.zone_name));
            let until = until.as_deref();
            let rule = match duty.by {
                By::Override => format!("override {}", until.unwrap_or("without an end")),
                By::Turn(layer) => {
                    let layer = if layer.is_empty() { String::new() } else { format!("layer {layer}, ") };
                    let turn = until.map_or_else(|| "always on duty".to_owned(), |u| format!("on duty {u}"));
                    format!("{layer}{turn}")
                }
                By::Fallback => {
                    format!(
                        "its fallback, as nobody else is on duty{}",
                        until.map_or_else(String::new, |u| format!(" {u}"))
                    )
                }
            };
            let week = rotation.zone.to_datetime(at).date().iso_week_date().week();
            let why = format!("rotation {}, week {week}, {rule}", rotation.name);
            let on_duty = self.present_for(person, rotation.others(&person.key), role, why, at);
            if called.iter().all(|known| known.person.key != on_duty.0.key) {
                let (person, why) = on_duty;
                called.push(OnDuty { person, why, overridden: duty.by == By::Override });
            }
        }
        called
    }

    /// `person`, or whoever takes their place if they are away: the stand-in, then the first of `others`,
    /// who may have `role` if it matters.
    pub(super) fn present_for<'a>(
        &'a self,
        person: &'a Person,
        others: impl Iterator<Item = &'a str>,
        role: Option<&str>,
        why: String,
        at: Timestamp,
    ) -> (&'a Person, String) {
        let Some(absence) = person.absence(at) else { return (person, why) };
        let away = format!("{} is away until {}", person.name, absence.until_there);
        match self.instead_of(person, others, role, at) {
            Some(other) => (other, format!("{why}; {away}, so {} instead", other.name)),
            None => (person, format!("{why}; {away}, but nobody else is there")),
        }
    }

    /// Whoever takes the place of `person`, who is away at `at`: in `role` only somebody who may have it.
    pub(super) fn instead_of<'a>(
        &'a self,
        person: &Person,
        others: impl Iterator<Item = &'a str>,
        role: Option<&str>,
        at: Timestamp,
    ) -> Option<&'a Person> {
        let stand_in = self.people.get(&person.key).and_then(|known| known.stand_in.as_deref());
        stand_in
            .into_iter()
            .chain(others)
            .filter_map(|key| self.people.get(key))
            .filter(|other| role.is_none_or(|role| other.fills(role)))
            .find(|other| other.key != person.key && other.absence(at).is_none())
    }

    /// The stretches that begin before `until` and end after `from` in which `person` is called although away,
    /// because no stand-in is there either.
    #[must_use]
    pub fn away_alone(&self, person: &Person, from: Timestamp, until: Timestamp) -> Vec<Gap> {
        let stand_in = person.stand_in.as_ref().and_then(|key| self.people.get(key));
        let absences = std::iter::once(person).chain(stand_in).flat_map(|person| &person.absences);
        let mut edges: Vec<Timestamp> = absences.flat_map(|absence| [absence.from, absence.until]).collect();
        edges.retain(|at| *at > from);
        edges.push(from);
        edges.sort_unstable();
        edges.dedup();
        let mut found: Vec<Gap> = Vec::new();
        for (at, ends) in edges.iter().zip(edges.iter().skip(1)).filter(|(at, _)| **at < until) {
            let is_away = person.absence(*at).is_some();
            if !is_away || self.instead_of(person, std::iter::empty(), None, *at).is_some() {
                continue;
            }
            match found.last_mut() {
                Some(last) if last.until == *at => last.until = *ends,
                _ => found.push(Gap { from: *at, until: *ends }),
            }
        }
        found
    }

    /// Everybody whose absences decide who is called for `rotation`: its people, and their stand-ins.
    pub(super) fn concerned(&self, rotation: &Rotation) -> Vec<&Person> {
        let people: BTreeSet<&str> = rotation.everybody().collect();
        let people = people.into_iter().filter_map(|key| self.people.get(key));
        let keys: BTreeSet<&str> =
            people.flat_map(|p| std::iter::once(p.key.as_str()).chain(p.stand_in.as_deref())).collect();
        keys.into_iter().filter_map(|key| self.people.get(key)).collect()
    }

    /// Who is on duty in `rotation` from `from` to `until`, without a break: each stretch ends where the next
    /// begins.
    #[must_use]
    pub fn calendar(&self, rotation: &Rotation, from: Timestamp, until: Timestamp) -> Vec<Span> {
        let absences = self.concerned(rotation).into_iter().flat_map(|person| &person.absences);
        let mut edges: Vec<Timestamp> = absences.flat_map(|absence| [absence.from, absence.until]).collect();
        edges.retain(|at| from < *at && *at < until);
        edges.extend(rotation.changes(from, until));
        edges.sort_unstable();
        edges.dedup();
        let mut spans: Vec<Span> = Vec::new();
        for at in std::iter::once(from).chain(edges) {
            let people: Vec<String> =
                self.on_duty(rotation, at).iter().map(|duty| duty.person.key.clone()).collect();
            match spans.last_mut() {
                Some(last) if last.people == people => {}
                Some(last) => {
                    last.until = at;
                    spans.push(Span { from: at, until, people });
                }
                None => spans.push(Span { from: at, until, people }),
            }
        }
        spans
    }
}
