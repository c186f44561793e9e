//! Who is on duty when: people taking turns by the wall clock of one place.
//!
//! A weekly turn changes at 09:00 local time before and after the clocks are put forward or back, because
//! that is when people come to work. So every rule is about the wall clock, where a day always has 24 hours
//! ([`Rotation::named`]), and only then a moment is asked for ([`Rotation::on_duty`]).
//!
//! What happens at clock changes, in one rule: whatever begins or ends at a wall-clock time does so when the clock
//! shows it first; a time that is skipped happens as the clocks jump. So one person is on duty at a time.
//!
//! Actors: a [`Layer`] is one set of turns, perhaps at certain [`Hours`] only; the first layer that has
//! somebody counts. An [`Override`] wins over all layers, and the fallback person is there when none of them
//! has anybody.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::zone;
use crate::clock::{SignedDuration, Timestamp};

/// People who take turns.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Its key in the roster.
    pub name: String,
    /// The place whose wall clock rules the turns, as an IANA name.
    pub zone_name: String,
    /// The same, as rules.
    pub zone: TimeZone,
    /// The first that has somebody counts.
    pub layers: Vec<Layer>,
    /// Turns taken by somebody else; where several cover a moment, the last one listed counts.
    pub overrides: Vec<Override>,
    /// Key of whoever is called when no layer has anybody.
    pub fallback: Option<String>,
}

/// One set of turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What the rule path calls it; empty for the only one.
    pub name: String,
    /// Wall-clock beginning of the first person's first turn.
    pub start: DateTime,
    /// Length of a turn by the wall clock; at least one hour.
    pub shift_length: SignedDuration,
    /// Keys of the people in the order of their turns.
    pub people: Vec<String>,
    /// When the layer has anybody at all; always, if there are none.
    pub hours: Vec<Hours>,
}

/// A part of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The days on which it begins, Monday first.
    pub days: [bool; 7],
    /// Seconds from midnight to its beginning.
    pub from: i64,
    /// How long it lasts, in seconds; it may reach into the next day.
    pub length: i64,
}

/// A turn that somebody else takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Wall-clock beginning, included.
    pub from: DateTime,
    /// Wall-clock end, excluded.
    pub until: DateTime,
    /// Key of the person.
    pub person: String,
}

/// A person on duty at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty<'a> {
    /// Key of the person.
    pub person: &'a str,
    /// Wall-clock time in the rotation's zone at which this ends, if it ever does.
    pub until: Option<DateTime>,
    /// Which rule put the person there.
    pub by: By<'a>,
}

/// A rule that names somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// A turn in a layer, with the layer's name.
    Turn(&'a str),
    /// An override.
    Override,
    /// No layer had anybody.
    Fallback,
}

/// Transitions of a zone that are looked at for the one that repeats an hour.
const JUMPS: usize = 8;
/// Rounds in which nothing changes for anybody are passed over, up to this many.
const ROUNDS: usize = 4096;

impl Rotation {
    /// A rotation of these layers and nothing else; `None` if there is no such zone.
    #[must_use]
    pub fn of(name: &str, zone_name: &str, layers: Vec<Layer>) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            zone_name: zone_name.to_owned(),
            zone: zone(zone_name)?,
            layers,
            overrides: Vec::new(),
            fallback: None,
        })
    }

    /// Who is on duty at `at`, one person at most.
    ///
    /// Before the last layer starts it is its first person, because nobody at all is worse than somebody too early.
    #[must_use]
    pub fn on_duty(&self, at: Timestamp) -> Vec<Duty<'_>> {
        let civil = self.reading(at);
        let named = self.named(civil).into_iter();
        named.map(|(person, by)| Duty { person, until: self.until(civil, person), by }).collect()
    }

    /// The same person without the reasons, which take longer to find.
    #[must_use]
    pub fn people_at(&self, at: Timestamp) -> Vec<&str> {
        self.named(self.reading(at)).into_iter().map(|(person, _)| person).collect()
    }

    /// The wall-clock time whose rules hold at `at`: what the clock shows, or the end of an hour that it goes through
    /// for the second time, because all that happens in that hour has happened.
    fn reading(&self, at: Timestamp) -> DateTime {
        let here = self.zone.to_datetime(at);
        let AmbiguousOffset::Fold { before, after } = self.zone.to_ambiguous_timestamp(here).offset() else {
            return here;
        };
        if before.to_timestamp(here).is_ok_and(|first| first == at) {
            return here;
        }
        // The jump itself belongs to the second pass. Zones also have transitions that put no clock.
        let near = at.checked_add(1.nanosecond()).unwrap_or(at);
        let is_here =
            |jump: &Timestamp| (after.to_datetime(*jump) <= here) && (here < before.to_datetime(*jump));
        let jump = self.zone.preceding(near).map(|t| t.timestamp()).take(JUMPS).find(is_here);
        let end = jump.and_then(|jump| before.to_datetime(jump).checked_sub(1.nanosecond()).ok());
        end.unwrap_or(here)
    }

    /// Whom the rules name when the wall clock shows `civil`, and by which rule.
    #[must_use]
    pub fn named(&self, civil: DateTime) -> Option<(&str, By<'_>)> {
        if let Some(o) = self.overrides.iter().rev().find(|o| o.from <= civil && civil < o.until) {
            return Some((&o.person, By::Override));
        }
        let last = self.layers.len().saturating_sub(1);
        let mut layers = self.layers.iter().enumerate();
        layers
            .find_map(|(n, layer)| Some((layer.named(civil, n == last)?, By::Turn(&layer.name))))
            .or_else(|| Some((self.fallback.as_deref()?, By::Fallback)))
    }

    /// Others of the same rotation, in the order in which they would be asked to take `person`'s place:
    /// those who follow in the layers, then the fallback.
    pub fn others(&self, person: &str) -> impl Iterator<Item = &str> {
        let in_line = self.layers.iter().flat_map(move |layer| {
            let place = layer.people.iter().position(|p| p == person).map_or(0, |n| n + 1);
            let (before, after) = layer.people.split_at(place);
            after.iter().chain(before)
        });
        let mut seen: Vec<&str> = vec![];
        let person = person.to_owned();
        in_line
            .map(String::as_str)
            .chain(self.fallback.as_deref())
            .filter(move |p| {
                let is_new = *p != person && !seen.contains(p);
                if is_new {
                    seen.push(p);
                }
                is_new
            })
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Everybody who can ever be on duty.
    pub fn everybody(&self) -> impl Iterator<Item = &str> {
        let in_turns = self.layers.iter().flat_map(|layer| &layer.people);
        let by_override = self.overrides.iter().map(|o| &o.person);
        in_turns.chain(by_override).chain(&self.fallback).map(String::as_str)
    }

    /// The same where every layer has begun by then and nobody takes another one's shift.
    #[must_use]
    pub fn usual(&self, begun: DateTime) -> Self {
        let layers = self.layers.iter().map(|layer| Layer { start: layer.start.min(begun), ..layer.clone() });
        Self { overrides: Vec::new(), layers: layers.collect(), ..self.clone() }
    }

    /// The parts of a usual week, by the wall clock, in which nobody is on duty: no layer has its hours, and
    /// there is no fallback. Each is a beginning and an end.
    #[must_use]
    pub fn weekly_gaps(&self) -> Vec<(DateTime, DateTime)> {
        let monday = jiff::civil::date(2026, 1, 5).at(0, 0, 0, 0);
        let usual = self.coverage().usual(monday);
        let next_monday = jiff::civil::date(2026, 1, 12).at(0, 0, 0, 0);
        let mut gaps: Vec<(DateTime, DateTime)> = Vec::new();
        let mut civil = monday;
        while civil < next_monday {
            let next = usual.next_boundary(civil).map_or(next_monday, |b| b.min(next_monday));
            if usual.named(civil).is_none() {
                match gaps.last_mut() {
                    Some((_, end)) if *end == civil => *end = next,
                    _ => gaps.push((civil, next)),
                }
            }
            civil = next;
        }
        gaps
    }

    /// When the wall clock shows the end of what `person` does at `civil`; `None` if it never ends.
    fn until(&self, civil: DateTime, person: &str) -> Option<DateTime> {
        let mut civil = civil;
        for _ in 0..ROUNDS {
            civil = match self.named(civil) {
                // Turns come and go unseen beneath an override.
                Some((_, By::Override)) => self.next_override(civil)?,
                _ => self.next_boundary(civil)?,
            };
            if self.named(civil).is_none_or(|(next, _)| next != person) {
                return Some(civil);
            }
        }
        None
    }

    /// The first wall-clock time after `civil` at which any rule begins or ends.
    fn next_boundary(&self, civil: DateTime) -> Option<DateTime> {
        let layers = self.layers.iter().flat_map(|layer| layer.next_boundaries(civil));
        layers.filter(|boundary| *boundary > civil).chain(self.next_override(civil)).min()
    }

    /// The first wall-clock time after `civil` at which an override begins or ends.
    fn next_override(&self, civil: DateTime) -> Option<DateTime> {
        let boundaries = self.overrides.iter().flat_map(|o| [o.from, o.until]);
        boundaries.filter(|boundary| *boundary > civil).min()
    }

    /// The same hours with nobody to hand over to: when somebody is on duty, and not who, which takes a fraction
    /// of the moments to look at.
    #[must_use]
    pub fn coverage(&self) -> Self {
        let layers = self.layers.iter().map(|layer| Layer {
            people: layer.people.first().cloned().into_iter().collect(),
            ..layer.clone()
        });
        Self { layers: layers.collect(), ..self.clone() }
    }

    /// All moments within `from..until` at which who is on duty may change.
    #[must_use]
    pub fn changes(&self, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        // A wall clock is put back by at most a day.
        let margin = SignedDuration::from_hours(25);
        let civil = |at: Timestamp, by: SignedDuration| {
            let near = at.checked_add(by).unwrap_or(at);
            self.zone.to_datetime(near)
        };
        let (mut at, end) = (civil(from, -margin), civil(until, margin));
        let mut changes = Vec::new();
        while let Some(next) = self.next_boundary(at).filter(|b| *b <= end) {
            changes.extend(occurrences(&self.zone, next).first());
            at = next;
        }
        changes.retain(|at| from < *at && *at < until);
        changes.sort_unstable();
        changes.dedup();
        changes
    }
}

impl Layer {
    /// Who has the turn; `reaches_back` says whether the first person has it before the layer starts.
    fn named(&self, civil: DateTime, reaches_back: bool) -> Option<&str> {
        if civil < self.start && !reaches_back {
            return None;
        }
        if !self.hours.is_empty() && !self.hours.iter().any(|hours| hours.cover(civil)) {
            return None;
        }
        let count = i64::try_from(self.people.len()).ok().filter(|n| *n > 0)?;
        let place = usize::try_from(self.turn(civil).max(0).rem_euclid(count)).ok()?;
        self.people.get(place).map(String::as_str)
    }

    /// Which turn `civil` falls into; the first is 0, earlier ones are negative.
    fn turn(&self, civil: DateTime) -> i64 {
        civil.duration_since(self.start).as_secs().div_euclid(self.shift_length.as_secs().max(1))
    }

    /// The next change of turns after `civil`, and the next beginning and end of each of the hours.
    fn next_boundaries(&self, civil: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let begins = civil < self.start;
        let turn = if begins { 0 } else { self.turn(civil).saturating_add(1) };
        let relief = self
            .shift_length
            .as_secs()
            .checked_mul(turn)
            .and_then(|seconds| self.start.checked_add(SignedDuration::from_secs(seconds)).ok());
        let alone = self.people.len() < 2;
        relief
            .into_iter()
            .filter(move |_| begins || !alone)
            .chain(self.hours.iter().flat_map(move |hours| hours.next_boundaries(civil)))
    }
}

impl Hours {
    /// The week as a whole.
    pub const ALWAYS: Self = Self { days: [true; 7], from: 0, length: 86_400 };

    /// Whether there is a moment of it from `from` until `until`.
    #[must_use]
    pub fn meet(&self, from: DateTime, until: DateTime) -> bool {
        self.cover(from) || self.next_boundaries(from).any(|moment| moment < until && self.cover(moment))
    }

    fn begins_on(&self, day: Date) -> bool {
        usize::try_from(day.weekday().to_monday_zero_offset())
            .ok()
            .and_then(|n| self.days.get(n).copied())
            .unwrap_or(false)
    }

    /// Beginning and end of the stretch that begins on `day`, whether or not that is one of its days.
    fn stretch(&self, day: Date) -> Option<(DateTime, DateTime)> {
        let begins = day.at(0, 0, 0, 0).checked_add(SignedDuration::from_secs(self.from)).ok()?;
        Some((begins, begins.checked_add(SignedDuration::from_secs(self.length)).ok()?))
    }

    fn cover(&self, civil: DateTime) -> bool {
        [Some(civil.date()), civil.date().yesterday().ok()].into_iter().flatten().any(|day| {
            self.begins_on(day)
                && self.stretch(day).is_some_and(|(begins, ends)| begins <= civil && civil < ends)
        })
    }

    fn next_boundaries(&self, civil: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let first = civil.date().yesterday().unwrap_or(civil.date());
        // A week and the day before it hold the next one of each.
        (0..9_i64)
            .filter_map(move |n| first.checked_add(n.days()).ok())
            .filter(|day| self.begins_on(*day))
            .filter_map(|day| self.stretch(day))
            .flat_map(|(begins, ends)| [begins, ends])
            .filter(move |boundary| *boundary > civil)
    }
}

/// The moments at which the wall clock shows `civil`: once, twice, or as the clocks jump over it.
#[must_use]
pub fn occurrences(zone: &TimeZone, civil: DateTime) -> Vec<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => ambiguous.earlier().into_iter().collect(),
        AmbiguousOffset::Fold { .. } => {
            let ambiguous = [ambiguous.earlier(), ambiguous.later()];
            ambiguous.into_iter().flatten().collect()
        }
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok();
            before.and_then(|at| zone.following(at).next()).map(|jump| jump.timestamp()).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests;
