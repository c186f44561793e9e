//! Gaps in the next 90 days. These tests stand on Sunday, 1 March 2026, 10:00 UTC.

use super::{Files, GOOD_CONFIG, roster_says};

/// Two rotations, a route and a fallback.
fn roster(days: &str, nights: &str, route: &str, fallback: &str) -> String {
    format!(
        "people:
  mei: {{ name: Mei Tanaka, phone: \"+15550100103\", opted_in: true }}
  jo: {{ name: Jo Okafor, phone: \"+15550100109\", opted_in: true }}
  al: {{ name: Al Haddad, phone: \"+15550100110\", opted_in: true }}
rotations:
  days: {{ timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ]{days} }}
  nights: {{ timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: 1 week, people: [ jo, al ]{nights} }}
routes:
  - {{ name: acme, match: client = acme, invite: {{ {route} }} }}
fallback: {{ invite: {{ {fallback} }} }}
"
    )
}

const DAYS: &str = ", only: 'daily 08:00-20:00'";
const NIGHTS: &str = ", only: 'daily 20:00-08:00'";

#[track_caller]
fn says(roster: &str, about: &str, parts: &[&str]) {
    let found = roster_says(roster);
    let about: Vec<&String> = found.iter().filter(|f| f.contains(about)).collect();
    assert_eq!(about.len(), parts.len(), "{found:#?}");
    for (said, part) in about.iter().zip(parts) {
        assert!(said.contains(part), "{part}: {found:#?}");
    }
}

#[test]
fn a_weekly_gap_says_when_it_comes_next() {
    let roster = roster(
        ", only: 'weekdays 09:00-18:00'",
        "",
        "commander: mei",
        "commander: [ mei, rotation:days, rotation:nights ]",
    );
    says(&roster, "`days` has nobody", &["and 5 more; the next time from 2026-03-01 11:00"]);
}

#[test]
fn a_route_of_rotations_that_are_all_off_calls_nobody_of_its_own() {
    let hours = ", only: 'weekdays 09:00-18:00'";
    let said = |override_: &str| {
        roster(hours, "", "commander: rotation:days", "commander: rotation:nights")
            .replace(hours, &format!("{hours}{override_}"))
    };
    says(
        &said(""),
        "`acme` calls nobody",
        &[
            "from Sun 2026-03-01 11:00 to Mon 2026-03-02 09:00 Europe/Berlin, and 65 more times in the next 90 days",
        ],
    );
    // Whoever takes over fills the gap.
    let over = ", overrides: [ { from: 2026-02-27 18:00, until: 2026-03-02 18:00, person: al } ]";
    says(&said(over), "`acme` calls nobody", &["from Mon 2026-03-02 18:00 to Tue 2026-03-03 09:00"]);
    let over = ", overrides: [ { from: 2026-02-27 18:00, until: 2026-08-02 18:00, person: al } ]";
    says(&said(over), "`acme`", &[]);
    // Incidents that open no room need nobody.
    says(&said("").replace("client = acme", "severity = sev4"), "calls nobody", &[]);
}

#[test]
fn two_rotations_may_fill_each_others_gaps() {
    let both = "commander: [ rotation:days, rotation:nights ]";
    let whole = roster(DAYS, NIGHTS, both, both);
    says(&whole, "`acme`", &[]);
    says(&whole, "`fallback` names", &[]);
    // In Lagos the clocks are not put forward, so in Berlin's summer an hour is missing.
    let apart = |fallback: &str| {
        roster(DAYS, NIGHTS, both, fallback).replacen(
            "nights: { timezone: Europe/Berlin",
            "nights: { timezone: Africa/Lagos",
            1,
        )
    };
    let gap = "from Sun 2026-03-29 20:00 to Sun 2026-03-29 21:00 Europe/Berlin";
    says(&apart("commander: mei"), "`acme` calls nobody", &[gap]);
    let found = roster_says(&apart(both));
    let fatal: Vec<&String> = found.iter().filter(|f| !f.contains("warning:")).collect();
    assert!(
        fatal.len() == 1
            && fatal[0].contains("somebody must always be called: nobody is from Sun 2026-03-29 20:00"),
        "{found:#?}"
    );
}

#[test]
fn a_role_that_must_be_filled_has_gaps_of_its_own() {
    let hours = ", only: 'weekdays 09:00-18:00'";
    let roster = roster(hours, "", "commander: rotation:nights, specialist: rotation:days", "commander: mei");
    says(&roster, "`acme`", &[]);
    let led = roster.replace(
        "commander: rotation:nights, specialist: rotation:days",
        "commander: rotation:days, specialist: al",
    );
    says(&led, "`acme` has nobody as commander", &["from Sun 2026-03-01 11:00"]);
    let required = roster
        .replace("specialist: rotation:days }", "specialist: rotation:days }, quorum: { roles: specialist }");
    says(&required, "`acme` has nobody as specialist", &["from Sun 2026-03-01 11:00"]);
}

#[test]
fn somebody_called_although_away_because_all_others_are_too() {
    let away = |mei: &str, jo: &str| {
        roster("", "", "commander: rotation:days", "commander: al")
            .replace("0103\",", &format!("0103\", timezone: UTC, absences: [ {{ {mei} }} ],"))
            .replace("0109\",", &format!("0109\", timezone: UTC, absences: [ {{ {jo} }} ],"))
            .replace(", rotation:nights", "")
    };
    let both = away("from: 2026-03-10, until: 2026-03-20", "from: 2026-03-18, until: 2026-04-02");
    // Mei is on duty in even weeks, which begin on 2 and 16 March.
    says(
        &both,
        "`days` calls",
        &[
            "Mei Tanaka although away from Wed 2026-03-18 01:00 to Sat 2026-03-21 01:00 Europe/Berlin, as everybody else is away too",
        ],
    );
    says(
        &away("from: 2026-03-10, until: 2026-03-17", "from: 2026-03-18, until: 2026-04-02"),
        "although",
        &[],
    );
    says(
        &away("from: 2026-08-10, until: 2026-08-20", "from: 2026-08-01, until: 2026-09-02"),
        "although",
        &[],
    );
    let stand_in = both.replace("name: Mei Tanaka,", "name: Mei Tanaka, stand_in: al,");
    says(&stand_in, "although", &[]);
    let unused = both.replace("commander: rotation:days", "commander: mei");
    says(&unused, "although", &["`mei` is called although away from Tue 2026-03-10 00:00"]);
    let nobody = both.replace("commander: rotation:days", "commander: al");
    says(&nobody, "although", &[]);
}

#[test]
fn what_is_over_or_touches_nothing_is_no_finding() {
    let over = ", overrides: [ { from: 2025-12-24 09:00, until: 2025-12-27 09:00, person: al } ]";
    let roster = roster(over, "", "commander: rotation:days", "commander: rotation:nights")
        .replace("0103\",", "0103\", timezone: UTC, absences: [ { from: 2025-08-03, until: 2025-08-14 } ],");
    assert_eq!(roster_says(&roster), Vec::<String>::new());
    let twice = roster.replace("[ mei, jo ]", "[ mei, jo, mei ]");
    assert_eq!(Files::new(GOOD_CONFIG, &twice).findings(), Vec::<String>::new());
}
