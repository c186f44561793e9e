//! The roster of a large company, made up.

use std::fmt::Write;

/// How many there are of each.
const PEOPLE: usize = 5_000;
const ROTATIONS: usize = 200;
const ROUTES: usize = 500;

/// How the turns of a roster are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turns {
    /// Of a week, a day or some hours, without a break.
    Usual,
    /// Of an hour, in office hours only: nothing has more moments at which something changes.
    Hourly,
}

/// A roster of 5,000 people, 200 rotations and 500 routes, with so many mistakes: stand-ins whom nobody knows.
pub(crate) fn roster(mistakes: usize, turns: Turns) -> String {
    let mut text = String::from("labels:\n  environment: [ production, staging, test ]\npeople:\n");
    for n in 0..PEOPLE {
        let stand_in = if n < mistakes { format!("colleague-{n}") } else { person(n + 1) };
        let away = if n % 5 == 0 {
            ", absences: [ { from: 2026-03-09, until: 2026-03-20 }, { from: 2026-08-03, until: 2026-08-14 } ]"
        } else {
            ""
        };
        writeln!(
            text,
            "  {}: {{ name: Person Number {n}, phone: \"+1555{n:07}\", email: p{n}@ops.example, \
             timezone: {}, opted_in: true, stand_in: {stand_in}{away} }}",
            person(n),
            ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"][n % 4],
        )
        .unwrap_or_default();
    }
    text.push_str("rotations:\n");
    for n in 0..ROTATIONS {
        let people: Vec<String> = (0..10).map(|p| person(n * 25 + p)).collect();
        let shift = match turns {
            Turns::Usual => ["1 week", "1 day", "12 hours", "8 hours"][n % 4],
            Turns::Hourly => "1 hour, only: weekdays 09:00-18:00",
        };
        writeln!(
            text,
            "  team-{n}: {{ timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: {shift}, people: [ {} ], \
             overrides: [ {{ from: 2026-12-24 09:00, until: 2026-12-27 09:00, person: {} }} ] }}",
            people.join(", "),
            person(n * 25 + 11),
        )
        .unwrap_or_default();
    }
    text.push_str("routes:\n");
    for n in 0..ROUTES {
        let team = n % ROTATIONS;
        let (people, client) = (person(team * 25 + 12), person(n * 10 + 5));
        writeln!(
            text,
            "  - name: route {n}\n    match: [ 'client = client-{n}', 'environment =~ \"prod.*|staging\"', 'service !~ \"batch-.*\"' ]\n    \
             invite: {{ commander: rotation:team-{team}, specialist: [ {people} ], client: {client} }}\n    \
             runbook: https://runbooks.example/{n}",
        )
        .unwrap_or_default();
    }
    text.push_str("fallback:\n  invite: { commander: [ rotation:team-0, person-12 ] }\n");
    text
}

fn person(n: usize) -> String {
    format!("person-{}", n % PEOPLE)
}
