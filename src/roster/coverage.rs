//! Looking ahead: when nobody would be on duty, and when somebody would be called who is away.

use std::collections::BTreeSet;

use super::{Layer, Person, Roster, Rotation};
use crate::clock::Timestamp;

/// A stretch of time in which nobody is on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Its beginning, included.
    pub from: Timestamp,
    /// Its end, excluded.
    pub until: Timestamp,
}

/// A stretch of time in which somebody is called although they are away, because everybody else is too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Key of the person.
    pub person: String,
    /// When.
    pub when: Gap,
}

/// A rotation as somebody names it.
#[derive(Debug, Clone)]
pub struct Turns<'r> {
    /// Which.
    pub rotation: &'r Rotation,
    /// Keys of those who are called when on duty; everybody, if there are none.
    pub only: Option<BTreeSet<&'r str>>,
}

impl<'r> Turns<'r> {
    /// Everybody's.
    #[must_use]
    pub fn of(rotation: &'r Rotation) -> Self {
        Self { rotation, only: None }
    }

    fn has_somebody(&self, at: Timestamp) -> bool {
        let on_duty = self.rotation.people_at(at);
        on_duty.into_iter().any(|key| self.only.as_ref().is_none_or(|only| only.contains(key)))
    }
}

/// The stretches within `from..until` in which none of `turns` has anybody on duty. Absences make no gaps:
/// somebody is called all the same.
#[must_use]
pub fn gaps(turns: &[Turns<'_>], from: Timestamp, until: Timestamp) -> Vec<Gap> {
    if turns.iter().any(|turns| turns.only.is_none() && turns.rotation.is_covered_from(from)) {
        return Vec::new();
    }
    // Where everybody is called, it does not matter who hands over to whom.
    let plain: Vec<Option<Rotation>> =
        turns.iter().map(|t| t.only.is_none().then(|| t.rotation.coverage())).collect();
    let turns: Vec<Turns<'_>> = turns
        .iter()
        .zip(&plain)
        .map(|(turns, plain)| plain.as_ref().map_or_else(|| turns.clone(), Turns::of))
        .collect();
    let mut edges: Vec<Timestamp> = turns.iter().flat_map(|t| t.rotation.changes(from, until)).collect();
    edges.push(from);
    edges.sort_unstable();
    edges.dedup();
    let mut gaps: Vec<Gap> = Vec::new();
    for (n, at) in edges.iter().enumerate() {
        if turns.iter().any(|turns| turns.has_somebody(*at)) {
            continue;
        }
        let ends = edges.get(n + 1).copied().unwrap_or(until);
        match gaps.last_mut() {
            Some(last) if last.until == *at => last.until = ends,
            _ => gaps.push(Gap { from: *at, until: ends }),
        }
    }
    gaps
}

impl Rotation {
    /// Whether somebody is on duty at any time from `from` on, by its rules alone.
    #[must_use]
    pub fn is_covered_from(&self, from: Timestamp) -> bool {
        let begun = |layer: &Layer| layer.start <= self.zone.to_datetime(from);
        let is_all_week = |layer: &Layer| layer.hours.is_empty() && !layer.people.is_empty();
        self.fallback.is_some()
            || self.layers.last().is_some_and(is_all_week)
            || self.layers.iter().any(|layer| is_all_week(layer) && begun(layer))
            || self.layers.iter().all(begun) && self.weekly_gaps().is_empty()
    }
}

impl Roster {
    /// The stretches within `from..until` in which `rotation` calls somebody who is away.
    #[must_use]
    pub fn called_while_away(&self, rotation: &Rotation, from: Timestamp, until: Timestamp) -> Vec<Away> {
        let is_away_then = |person: &Person| person.absences.iter().any(|a| a.from < until && from < a.until);
        // One regular who is there all the time can take everybody's place.
        let regulars = rotation.layers.iter().flat_map(|layer| &layer.people).chain(&rotation.fallback);
        if regulars.filter_map(|key| self.people.get(key)).any(|person| !is_away_then(person)) {
            return Vec::new();
        }
        let absences = self.concerned(rotation).into_iter().flat_map(|person| &person.absences);
        let mut edges: Vec<Timestamp> = absences.flat_map(|a| [a.from, a.until]).collect();
        edges.extend(rotation.changes(from, until));
        edges.retain(|at| from < *at && *at < until);
        edges.push(from);
        edges.sort_unstable();
        edges.dedup();
        let mut found: Vec<Away> = Vec::new();
        for (n, at) in edges.iter().enumerate() {
            let ends = edges.get(n + 1).copied().unwrap_or(until);
            for key in rotation.people_at(*at) {
                let Some(person) = self.people.get(key).filter(|p| p.absence(*at).is_some()) else {
                    continue;
                };
                if self.instead_of(person, rotation.others(key), None, *at).is_some() {
                    continue;
                }
                let known = found.iter_mut().rev().find(|away| away.person == key && away.when.until == *at);
                match known {
                    Some(away) => away.when.until = ends,
                    None => {
                        found.push(Away { person: key.to_owned(), when: Gap { from: *at, until: ends } });
                    }
                }
            }
        }
        found
    }
}
