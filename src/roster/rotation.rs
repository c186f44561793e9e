//! Who is on duty when: people taking turns by the wall clock of one place.
//!
//! A weekly turn changes at 09:00 local time before and after the clocks are put forward or back, because
//! that is when people come to work. All arithmetic is therefore done on local date and time, where a day
//! always has 24 hours, and only the result is turned into a moment.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

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
    /// Wall-clock beginning of the first person's first turn.
    pub starts: DateTime,
    /// Length of a turn by the wall clock; at least one hour.
    pub shift: SignedDuration,
    /// Keys of the people in the order of their turns.
    pub people: Vec<String>,
    /// Turns taken by somebody else; where several cover a moment, the last one listed counts.
    pub overrides: Vec<Override>,
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

/// The person on duty at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty<'a> {
    /// Key of the person.
    pub person: &'a str,
    /// Wall-clock time in the rotation's zone at which this ends, if it ever does.
    pub until: Option<DateTime>,
    /// Whether an override put the person there.
    pub overridden: bool,
}

impl Rotation {
    /// Who is on duty at `at`. Before the rotation starts it is the first person, because nobody at all is
    /// worse than somebody too early. `None` only for a rotation without people.
    ///
    /// Where the clocks are put back and a local time comes twice, a turn begins at its first occurrence
    /// and an override ends at its last; where a local time is skipped, both happen as the clocks jump.
    #[must_use]
    pub fn on_duty(&self, at: Timestamp) -> Option<Duty<'_>> {
        let turn = self.turn_at(at);
        let ends = self.begins(turn.saturating_add(1));
        let covering = self.overrides.iter().rev().find(|o| self.covers(o, at));
        if let Some(o) = covering {
            return Some(Duty { person: &o.person, until: Some(o.until), overridden: true });
        }
        let count = i64::try_from(self.people.len()).ok().filter(|n| *n > 0)?;
        let place = usize::try_from(turn.max(0).rem_euclid(count)).ok()?;
        Some(Duty {
            person: self.people.get(place)?,
            until: (self.people.len() > 1).then_some(ends).flatten(),
            overridden: false,
        })
    }

    /// When somebody else comes on duty after `at`, and who; `None` if that never happens.
    #[must_use]
    pub fn next_duty(&self, at: Timestamp) -> Option<(DateTime, Duty<'_>)> {
        let now = self.on_duty(at)?;
        let mut from = at;
        // Every round passes one boundary; the same person may hold several turns in a row.
        for _ in 0..64 {
            let (civil, moment) = self.boundaries_after(from).min_by_key(|(_, moment)| *moment)?;
            let next = self.on_duty(moment)?;
            if next.person != now.person {
                return Some((civil, next));
            }
            from = moment;
        }
        None
    }

    /// The others in the order in which they come on duty after `at`, overrides left aside; the person on
    /// duty is not among them.
    #[must_use]
    pub fn after(&self, at: Timestamp) -> Vec<&str> {
        let Some(duty) = self.on_duty(at) else { return Vec::new() };
        let count = self.people.len();
        let turn = usize::try_from(self.turn_at(at).max(0)).unwrap_or_default();
        // Whoever gave the turn away is the first who could take it back.
        let first = turn + usize::from(!duty.overridden);
        let mut others: Vec<&str> = Vec::new();
        for place in 0..count {
            let Some(person) = self.people.get((first + place) % count) else { continue };
            if person != duty.person && !others.contains(&person.as_str()) {
                others.push(person);
            }
        }
        others
    }

    /// Beginnings and ends of turns and overrides after `at`.
    fn boundaries_after(&self, at: Timestamp) -> impl Iterator<Item = (DateTime, Timestamp)> + '_ {
        let turn = (1..=2).filter_map(move |n| {
            let civil = self.begins(self.turn_at(at).max(-1).saturating_add(n))?;
            Some((civil, self.first_occurrence(civil)?))
        });
        let overrides = self.overrides.iter().flat_map(move |o| {
            let from = self.first_occurrence(o.from).map(|t| (o.from, t));
            let until = self.last_occurrence(o.until).map(|t| (o.until, t));
            [from, until].into_iter().flatten()
        });
        turn.chain(overrides).filter(move |(_, moment)| *moment > at)
    }

    /// Which turn `at` falls into; the first is 0, earlier ones are negative.
    fn turn_at(&self, at: Timestamp) -> i64 {
        let shift = self.shift.as_secs().max(1);
        let civil = self.zone.to_datetime(at);
        let mut turn = civil.duration_since(self.starts).as_secs().div_euclid(shift);
        // In the second pass of a repeated hour the wall clock reads as if the next turn had not begun.
        while self
            .begins(turn.saturating_add(1))
            .and_then(|civil| self.first_occurrence(civil))
            .is_some_and(|begins| begins <= at)
        {
            turn += 1;
        }
        turn
    }

    /// Wall-clock beginning of a turn, unless it is beyond the calendar.
    fn begins(&self, turn: i64) -> Option<DateTime> {
        let seconds = self.shift.as_secs().checked_mul(turn)?;
        self.starts.checked_add(SignedDuration::from_secs(seconds)).ok()
    }

    fn covers(&self, o: &Override, at: Timestamp) -> bool {
        let from = self.first_occurrence(o.from);
        let until = self.last_occurrence(o.until);
        from.is_some_and(|from| from <= at) && until.is_none_or(|until| at < until)
    }

    fn first_occurrence(&self, civil: DateTime) -> Option<Timestamp> {
        self.occurrence(civil, true)
    }

    fn last_occurrence(&self, civil: DateTime) -> Option<Timestamp> {
        self.occurrence(civil, false)
    }

    /// The moment at which the wall clock shows `civil`; a skipped time happens at the jump.
    fn occurrence(&self, civil: DateTime, first: bool) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
            let before = ambiguous.earlier().ok()?;
            return self.zone.following(before).next().map(|jump| jump.timestamp());
        }
        if first { ambiguous.earlier().ok() } else { ambiguous.later().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rotation(zone: &str, starts: &str, hours: i64, people: &[&str]) -> Rotation {
        Rotation {
            name: "platform".to_owned(),
            zone_name: zone.to_owned(),
            zone: TimeZone::get(zone).unwrap(),
            starts: starts.parse().unwrap(),
            shift: SignedDuration::from_hours(hours),
            people: people.iter().map(|p| (*p).to_owned()).collect(),
            overrides: Vec::new(),
        }
    }

    fn who(rotation: &Rotation, at: &str) -> String {
        rotation.on_duty(at.parse().unwrap()).unwrap().person.to_owned()
    }

    const WEEK: i64 = 7 * 24;

    #[test]
    fn a_week_changes_at_the_same_local_time_before_and_after_the_clocks_go_forward() {
        let r = rotation("Europe/Berlin", "2026-03-16T09:00", WEEK, &["jonas", "mei"]);
        // Winter time: 09:00 is 08:00 UTC. Summer time since 29 March: 09:00 is 07:00 UTC.
        assert_eq!(who(&r, "2026-03-23T07:59:59Z"), "jonas");
        assert_eq!(who(&r, "2026-03-23T08:00:00Z"), "mei");
        assert_eq!(who(&r, "2026-03-30T06:59:59Z"), "mei");
        assert_eq!(who(&r, "2026-03-30T07:00:00Z"), "jonas");
    }

    #[test]
    fn a_week_changes_at_the_same_local_time_before_and_after_the_clocks_go_back() {
        let r = rotation("Europe/Berlin", "2026-10-12T09:00", WEEK, &["jonas", "mei"]);
        assert_eq!(who(&r, "2026-10-19T06:59:59Z"), "jonas");
        assert_eq!(who(&r, "2026-10-19T07:00:00Z"), "mei");
        assert_eq!(who(&r, "2026-10-26T07:59:59Z"), "mei");
        assert_eq!(who(&r, "2026-10-26T08:00:00Z"), "jonas");
    }

    #[test]
    fn a_turn_that_begins_in_the_repeated_hour_begins_once_and_stays() {
        let r = rotation("Europe/Berlin", "2026-10-24T02:30", 24, &["jonas", "mei"]);
        // 25 October 2026: 02:30 comes at 00:30 UTC and again at 01:30 UTC.
        assert_eq!(who(&r, "2026-10-25T00:29:59Z"), "jonas");
        assert_eq!(who(&r, "2026-10-25T00:30:00Z"), "mei");
        assert_eq!(who(&r, "2026-10-25T01:00:00Z"), "mei", "02:00 again");
        assert_eq!(who(&r, "2026-10-25T01:45:00Z"), "mei");
        assert_eq!(who(&r, "2026-10-26T01:30:00Z"), "jonas");
    }

    #[test]
    fn a_turn_that_begins_in_the_skipped_hour_begins_as_the_clocks_jump() {
        let r = rotation("Europe/Berlin", "2026-03-28T02:30", 24, &["jonas", "mei"]);
        assert_eq!(who(&r, "2026-03-29T00:59:59Z"), "jonas");
        assert_eq!(who(&r, "2026-03-29T01:00:00Z"), "mei");
    }

    #[test]
    fn a_leap_day_is_a_day_like_any_other() {
        let r = rotation("UTC", "2028-02-28T00:00", 24, &["a", "b", "c"]);
        assert_eq!(who(&r, "2028-02-28T12:00:00Z"), "a");
        assert_eq!(who(&r, "2028-02-29T12:00:00Z"), "b");
        assert_eq!(who(&r, "2028-03-01T12:00:00Z"), "c");
    }

    #[test]
    fn half_hour_zones_change_at_their_own_nine_o_clock() {
        let india = rotation("Asia/Kolkata", "2026-01-05T09:00", 12, &["a", "b"]);
        assert_eq!(who(&india, "2026-01-05T03:30:00Z"), "a");
        assert_eq!(who(&india, "2026-01-05T15:29:59Z"), "a");
        assert_eq!(who(&india, "2026-01-05T15:30:00Z"), "b");
        // Lord Howe Island puts its clocks by half an hour: 5 April 2026, 02:00 becomes 01:30.
        let howe = rotation("Australia/Lord_Howe", "2026-04-04T01:45", 24, &["a", "b"]);
        assert_eq!(who(&howe, "2026-04-04T14:44:59Z"), "a");
        assert_eq!(who(&howe, "2026-04-04T14:45:00Z"), "b");
        assert_eq!(who(&howe, "2026-04-04T15:05:00Z"), "b", "01:35 for the second time");
    }

    #[test]
    fn before_it_starts_the_first_person_is_on_duty() {
        let r = rotation("Europe/Berlin", "2026-01-05T09:00", WEEK, &["jonas", "mei"]);
        assert_eq!(who(&r, "2025-12-30T00:00:00Z"), "jonas");
        assert_eq!(who(&r, "1970-01-01T00:00:00Z"), "jonas");
    }

    #[test]
    fn an_override_wins_and_the_last_one_listed_wins_over_others() {
        let mut r = rotation("Europe/Berlin", "2026-01-05T09:00", WEEK, &["jonas", "mei"]);
        let take = |from: &str, until: &str, person: &str| Override {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
            person: person.to_owned(),
        };
        r.overrides = vec![
            take("2026-12-24T09:00", "2026-12-27T09:00", "sam"),
            take("2026-12-25T09:00", "2026-12-26T09:00", "lea"),
        ];
        assert_eq!(who(&r, "2026-12-24T07:59:59Z"), "jonas");
        assert_eq!(who(&r, "2026-12-24T08:00:00Z"), "sam");
        assert_eq!(who(&r, "2026-12-25T12:00:00Z"), "lea");
        assert_eq!(who(&r, "2026-12-26T12:00:00Z"), "sam");
        assert_eq!(who(&r, "2026-12-27T08:00:00Z"), "jonas");
        let duty = r.on_duty("2026-12-24T12:00:00Z".parse().unwrap()).unwrap();
        assert!(duty.overridden);
        assert_eq!(duty.until.unwrap().to_string(), "2026-12-27T09:00:00");
    }

    #[test]
    fn the_next_on_duty_is_the_next_other_person() {
        let r = rotation("Europe/Berlin", "2026-01-05T09:00", WEEK, &["jonas", "jonas", "mei"]);
        let (from, duty) = r.next_duty("2026-01-06T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!((from.to_string().as_str(), duty.person), ("2026-01-19T09:00:00", "mei"));
        let alone = rotation("UTC", "2026-01-05T09:00", WEEK, &["jonas"]);
        assert_eq!(alone.next_duty("2026-01-06T00:00:00Z".parse().unwrap()), None);
        let early = "2025-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(r.on_duty(early).unwrap().person, "jonas");
    }

    #[test]
    fn the_others_come_in_the_order_of_their_turns() {
        let mut r = rotation("Europe/Berlin", "2026-01-05T09:00", WEEK, &["a", "b", "a", "c"]);
        let second_week = "2026-01-13T00:00:00Z".parse().unwrap();
        assert_eq!(r.after(second_week), ["a", "c"]);
        r.overrides = vec![Override {
            from: "2026-01-12T09:00".parse().unwrap(),
            until: "2026-01-14T09:00".parse().unwrap(),
            person: "c".to_owned(),
        }];
        assert_eq!(r.after(second_week), ["b", "a"], "whoever gave the turn away comes first");
        assert_eq!(rotation("UTC", "2026-01-05T09:00", WEEK, &["a"]).after(second_week), [] as [&str; 0]);
        assert_eq!(rotation("UTC", "2026-01-05T09:00", WEEK, &[]).after(second_week), [] as [&str; 0]);
    }

    #[test]
    fn nobody_is_on_duty_only_where_nobody_is_listed() {
        let empty = rotation("UTC", "2026-01-05T09:00", WEEK, &[]);
        assert_eq!(empty.on_duty("2026-01-06T00:00:00Z".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn somebody_is_always_on_duty_and_turns_never_go_back(
            zone in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago", "Africa/Casablanca", "Pacific/Apia", "UTC"]),
            hours in 1_i64..200,
            at in 0_i64..4_000_000_000,
            step in 1_i64..100_000,
        ) {
            let r = rotation(zone, "2011-12-20T02:30", hours, &["a", "b", "c"]);
            let here = Timestamp::from_second(at).unwrap();
            let there = Timestamp::from_second(at + step).unwrap();
            prop_assert!(r.on_duty(here).is_some());
            prop_assert!(r.turn_at(here) <= r.turn_at(there));
        }

        #[test]
        fn extreme_moments_do_not_break_it(at in prop::sample::select(vec![Timestamp::MIN, Timestamp::MAX])) {
            let r = rotation("Europe/Berlin", "2026-01-05T09:00", 1, &["a", "b"]);
            prop_assert!(r.on_duty(at).is_some());
            let _ = r.next_duty(at);
        }
    }
}
