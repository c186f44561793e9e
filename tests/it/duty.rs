//! Rotations against a second way of thinking about them: every turn as a stretch of time, drawn minute by
//! minute over ten years, two clock changes a year.

use std::collections::BTreeMap;

use crate::sweep::stride;
use jiff::civil::{DateTime, date};
use warroom::clock::{SignedDuration, Timestamp};
use warroom::jid::Jid;
use warroom::roster::rotation::occurrences;
use warroom::roster::{Absence, Handout, Layer, Person, Roster, Rotation, Route};

const MINUTE: i64 = 60;
const PEOPLE: [&str; 6] = ["ada", "ben", "cho", "dee", "eli", "fay"];

fn from() -> Timestamp {
    "2024-01-01T00:00:00Z".parse().unwrap()
}

/// Ten years, three leap days among them.
fn until() -> Timestamp {
    "2034-01-01T00:00:00Z".parse().unwrap()
}

/// The step between two looks: a minute with `WARROOM_MINUTES=all`, else a number of them that has no common
/// factor with an hour.
fn step() -> i64 {
    i64::try_from(stride("WARROOM_MINUTES", 37)).unwrap()
}

/// Who is on duty in each minute, as bits in the order of [`PEOPLE`].
struct Minutes(Vec<u8>);

impl Minutes {
    fn empty() -> Self {
        let count = until().duration_since(from()).as_secs() / MINUTE;
        Self(vec![0; usize::try_from(count).unwrap()])
    }

    fn draw(&mut self, person: &str, begins: Timestamp, ends: Timestamp) {
        let bit = 1 << PEOPLE.iter().position(|p| *p == person).unwrap();
        let minute = |at: Timestamp| {
            let seconds =
                at.duration_since(from()).as_secs().clamp(0, until().duration_since(from()).as_secs());
            usize::try_from((seconds + MINUTE - 1) / MINUTE).unwrap()
        };
        for drawn in &mut self.0[minute(begins)..minute(ends)] {
            *drawn |= bit;
        }
    }
}

fn rotation(zone: &str, layers: Vec<Layer>) -> Rotation {
    Rotation::of("platform", zone, layers).unwrap()
}

fn turns(start: DateTime, hours: i64, people: &[&str]) -> Layer {
    Layer {
        name: String::new(),
        start,
        shift_length: SignedDuration::from_hours(hours),
        people: people.iter().map(|p| (*p).to_owned()).collect(),
        hours: Vec::new(),
    }
}

fn person(key: &str) -> Person {
    let number = PEOPLE.iter().position(|p| *p == key).unwrap();
    Person {
        key: key.to_owned(),
        name: key.to_owned(),
        jid: Jid::from_phone(&format!("+1555010000{number}")).unwrap(),
        email: None,
        timezone: None,
        opted_in: true,
        stand_in: None,
        roles: Vec::new(),
        absences: Vec::new(),
        language: None,
    }
}

fn roster(absences: Vec<(&str, Absence)>) -> Roster {
    let mut people: BTreeMap<String, Person> = PEOPLE.iter().map(|p| ((*p).to_owned(), person(p))).collect();
    for (who, absence) in absences {
        people.get_mut(who).unwrap().absences.push(absence);
    }
    let fallback = Route {
        name: "fallback".to_owned(),
        matchers: Vec::new(),
        goes_on: false,
        invite: Vec::new(),
        runbook: None,
        quorum: None,
        size: 20,
        important: false,
        clients: true,
        deputies: Vec::new(),
        handout: Handout::default(),
    };
    Roster {
        people,
        rotations: BTreeMap::new(),
        teams: BTreeMap::new(),
        clients: BTreeMap::new(),
        routes: Vec::new(),
        fallback,
    }
}

/// The whole rule in other words: a turn is a stretch from the first occurrence of its beginning to the first
/// occurrence of its end.
fn drawn(rotation: &Rotation) -> Minutes {
    let layer = &rotation.layers[0];
    let mut minutes = Minutes::empty();
    let (mut begins, mut turn) = (layer.start, 0);
    loop {
        let ends = begins.checked_add(layer.shift_length).unwrap();
        let first = *occurrences(&rotation.zone, begins).first().unwrap();
        let last = *occurrences(&rotation.zone, ends).first().unwrap();
        if first >= until() {
            return minutes;
        }
        minutes.draw(&layer.people[turn % layer.people.len()], first, last);
        (begins, turn) = (ends, turn + 1);
    }
}

/// Compares `rotation` with what was drawn, at each look: `who` and the calendar.
fn compare(roster: &Roster, rotation: &Rotation, expected: &Minutes) -> usize {
    let mut by_calendar = Minutes::empty();
    let spans = roster.calendar(rotation, from(), until());
    assert_eq!(spans[0].from, from());
    assert_eq!(spans[spans.len() - 1].until, until());
    for pair in spans.windows(2) {
        assert_eq!(pair[0].until, pair[1].from, "a stretch ends where the next begins");
        assert_ne!(pair[0].people, pair[1].people, "a stretch ends where somebody comes or goes");
    }
    for span in &spans {
        for person in &span.people {
            by_calendar.draw(person, span.from, span.until);
        }
    }
    let mut looks = 0;
    for (n, expected) in expected.0.iter().enumerate() {
        let n = i64::try_from(n).unwrap();
        if n % step() != 0 {
            continue;
        }
        looks += 1;
        let at = from() + SignedDuration::from_secs(n * MINUTE);
        let mut bits = 0_u8;
        for duty in roster.on_duty(rotation, at) {
            bits |= 1 << PEOPLE.iter().position(|p| *p == duty.person.key).unwrap();
        }
        assert_eq!(bits, *expected, "{} at {at}", rotation.zone_name);
        assert_eq!(
            by_calendar.0[usize::try_from(n).unwrap()],
            *expected,
            "calendar of {} at {at}",
            rotation.zone_name
        );
    }
    looks
}

#[test]
fn at_every_minute_of_ten_years_the_people_are_those_of_the_rules_and_of_the_calendar() {
    let roster = roster(Vec::new());
    let mut looks = 0;
    // Turns that change within the repeated and the skipped hours of each zone.
    for (zone, starts, hours) in [
        ("Europe/Berlin", date(2023, 12, 25).at(2, 30, 0, 0), 24),
        ("America/New_York", date(2023, 12, 25).at(1, 30, 0, 0), 12),
        ("Australia/Lord_Howe", date(2023, 12, 25).at(1, 45, 0, 0), 24),
        ("Asia/Kolkata", date(2023, 12, 25).at(9, 0, 0, 0), 8),
    ] {
        let rotation = rotation(zone, vec![turns(starts, hours, &["ada", "ben", "cho"])]);
        let expected = drawn(&rotation);
        assert!(expected.0.iter().all(|bits| *bits != 0), "no gap");
        let twice = expected.0.iter().filter(|bits| bits.count_ones() > 1).count();
        assert_eq!(twice, 0, "{zone}: one person at a time");
        looks += compare(&roster, &rotation, &expected);
    }
    println!("{looks} looks at four rotations, every {} minutes of ten years, none differs", step());
}
