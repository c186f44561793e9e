//! One mistake at a time, planted in a good roster: each is found, where it stands, with what to do.

use std::fmt::Write;

use warroom::config::{Findings, Level, Strictness};

use super::{Files, GOOD_CONFIG};

const GOOD: &str = "\
people:
  mei: { name: Mei Tanaka, phone: \"+15550100103\", email: mei@ops.example, opted_in: true }
  jo: { name: Jo Okafor, phone: \"+15550100109\", timezone: Africa/Lagos, opted_in: true }
  al: { name: Al Haddad, jid: \"15550100110@c.us\", stand_in: mei, opted_in: true }
labels:
  environment: [ production, staging ]
rotations:
  platform: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ] }
routes:
  - name: acme
    match: [ 'client = acme', 'environment = production' ]
    invite: { commander: rotation:platform, specialist: [ al ] }
    quorum: { roles: [ commander, specialist ] }
    runbook: https://runbooks.example/acme
  - name: storage
    match: [ 'service =~ \"disk|volume\"' ]
    invite: { commander: mei, specialist: al }
fallback:
  invite: { commander: rotation:platform }
";

use Level::{Error, Warning};

/// A mistake: what it is, how bad, what is written, and what instead of it.
type Mistake = (&'static str, Level, &'static str, &'static str);

const PEOPLE: &[Mistake] = &[
    ("nobody at all", Error, "people:\n", "people: {}\npersons:\n"),
    ("a person without a name", Error, "name: Jo Okafor, ", ""),
    ("a name without a value", Error, "name: Jo Okafor", "name:"),
    ("a person without a number", Error, "phone: \"+15550100109\", ", ""),
    ("a number that YAML takes for one", Error, "\"+15550100109\"", "15550100109"),
    ("a number without its country code", Error, "\"+15550100109\"", "\"0155 5010109\""),
    ("a number with two zeros before it", Error, "\"+15550100109\"", "\"0015550100109\""),
    ("a number that is too short", Error, "\"+15550100109\"", "\"+155\""),
    ("a number that is an id", Error, "\"+15550100109\"", "\"15550100109@c.us\""),
    ("an id that is a number", Error, "\"15550100110@c.us\"", "\"+15550100110\""),
    ("an id of a group", Error, "\"15550100110@c.us\"", "\"15550100110@g.us\""),
    ("both a number and an id", Error, "jid: \"", "phone: \"+15550100110\", jid: \""),
    ("one number for two people", Error, "15550100110@c.us", "15550100103@c.us"),
    ("a person twice", Error, "  jo: {", "  mei: {"),
    ("an address that is none", Error, "mei@ops.example", "mei.ops.example"),
    ("a time zone that is none", Error, "Africa/Lagos", "Africa/Lagoss"),
    ("a number with a zero to leave out", Error, "\"+15550100109\"", "\"+49 (0)170 1234567\""),
    ("a number of no country", Error, "\"+15550100109\"", "\"+999123456789\""),
    ("an id without a country code", Error, "\"15550100110@c.us\"", "\"0170123456@c.us\""),
    ("yes for true", Error, "opted_in: true }\nlabels", "opted_in: yes }\nlabels"),
    ("a misspelt key", Error, "opted_in: true }\nlabels", "optd_in: true }\nlabels"),
    ("a stand-in whom nobody knows", Error, "stand_in: mei", "stand_in: mai"),
    ("a stand-in for oneself", Error, "stand_in: mei", "stand_in: al"),
    (
        "back before away",
        Error,
        "stand_in: mei",
        "timezone: UTC, absences: [ { from: 2026-08-14, until: 2026-08-03 } ]",
    ),
    ("away without an end", Error, "stand_in: mei", "timezone: UTC, absences: [ { from: 2026-08-14 } ]"),
    (
        "away by nobody knows which clock",
        Error,
        "stand_in: mei",
        "absences: [ { from: 2026-08-03, until: 2026-08-14 } ]",
    ),
    (
        "away some day",
        Error,
        "stand_in: mei",
        "timezone: UTC, absences: [ { from: soon, until: 2026-08-03 } ]",
    ),
    (
        "a person of no use",
        Warning,
        "labels:",
        "  lea: { name: Lea, phone: \"+15550100111\", opted_in: true }\nlabels:",
    ),
    ("ja for true", Error, "opted_in: true }\nlabels", "opted_in: ja }\nlabels"),
    ("an empty name", Error, "name: Jo Okafor", "name: ''"),
    ("a name of two lines", Error, "name: Jo Okafor", "name: \"Jo\\nOkafor\""),
    (
        "a list for a person",
        Error,
        "  jo: { name: Jo Okafor, phone: \"+15550100109\", timezone: Africa/Lagos, opted_in: true }",
        "  jo: [ Jo Okafor ]",
    ),
    (
        "somebody named who is away",
        Warning,
        "Mei Tanaka,",
        "Mei Tanaka, timezone: UTC, absences: [ { from: 2026-03-10, until: 2026-03-12 } ],",
    ),
    ("a stranger in a Sev-1 route", Warning, "stand_in: mei, opted_in: true", "stand_in: mei"),
    ("a stranger on duty", Warning, "timezone: Africa/Lagos, opted_in: true", "timezone: Africa/Lagos"),
];

const ROTATIONS: &[Mistake] = &[
    ("turns without a zone", Error, "timezone: UTC, ", ""),
    ("turns in a zone that is none", Error, "timezone: UTC", "timezone: Europe/Berln"),
    ("turns without a beginning", Error, "start: 2026-01-05 09:00, ", ""),
    ("a beginning without a time", Error, "2026-01-05 09:00", "2026-01-05"),
    ("a beginning with an offset", Error, "2026-01-05 09:00", "2026-01-05 09:00+01:00"),
    ("a day that does not exist", Error, "2026-01-05 09:00", "2026-02-30 09:00"),
    ("turns without a length", Error, "shift_length: 1 week, ", ""),
    ("a length that is none", Error, "1 week", "weekly"),
    ("turns of nobody", Error, "[ mei, jo ]", "[]"),
    ("turns of somebody unknown", Error, "[ mei, jo ]", "[ mei, joo ]"),
    ("turns of a number", Error, "[ mei, jo ]", "[ mei, \"+15550100109\" ]"),
    ("turns of one person", Warning, "[ mei, jo ]", "[ mei ]"),
    ("an unknown stand-in for nobody", Error, "people: [ mei, jo ]", "people: [ mei, jo ], fallback: mai"),
    (
        "a part of the week that is none",
        Error,
        "shift_length: 1 week",
        "shift_length: 1 week, only: office hours",
    ),
    (
        "an override that ends before it begins",
        Error,
        "people: [ mei, jo ]",
        "people: [ mei, jo ], overrides: [ { from: 2026-12-27 09:00, until: 2026-12-24 09:00, person: al } ]",
    ),
    (
        "an override by nobody known",
        Error,
        "people: [ mei, jo ]",
        "people: [ mei, jo ], overrides: [ { from: 2026-12-24 09:00, until: 2026-12-27 09:00, person: all } ]",
    ),
    (
        "layers and turns",
        Error,
        "people: [ mei, jo ]",
        "people: [ mei, jo ], layers: [ { start: 2026-01-05 09:00, shift_length: 1 day, people: [ mei, jo ] } ]",
    ),
    ("no layer", Error, "start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ]", "layers: []"),
    (
        "nobody at night, and nobody else",
        Error,
        "shift_length: 1 week",
        "shift_length: 1 week, only: daily 08:00-20:00",
    ),
    ("turns that are too short", Error, "1 week", "10 minutes"),
    ("a fallback that never has a turn", Warning, "people: [ mei, jo ]", "people: [ mei, jo ], fallback: al"),
    (
        "everybody away at once",
        Warning,
        "opted_in: true }\n  jo: { name: Jo Okafor,",
        "opted_in: true, timezone: UTC, absences: [ { from: 2026-03-10, until: 2026-03-20 } ] }\n  jo: { name: Jo Okafor, absences: [ { from: 2026-03-18, until: 2026-04-02 } ],",
    ),
];

const ROUTES: &[Mistake] = &[
    ("a route without a name", Error, "- name: storage\n    match", "- match"),
    ("two routes of one name", Error, "name: storage", "name: acme"),
    ("a matcher without an operator", Error, "'client = acme'", "'client acme'"),
    ("a matcher with two signs", Error, "'client = acme'", "'client == acme'"),
    (
        "two matchers in one",
        Error,
        "'client = acme', 'environment = production'",
        "'client = acme, environment = production'",
    ),
    ("a route called like the fallback", Error, "name: storage", "name: fallback"),
    ("a size that is no number", Error, "    runbook:", "    size: many\n    runbook:"),
    ("a size that is none", Error, "    runbook:", "    size: 1\n    runbook:"),
    ("a deadline of seconds", Error, "specialist ] }\n", "specialist ], within: 5s }\n"),
    ("ja for important", Error, "    runbook:", "    important: ja\n    runbook:"),
    ("an empty text for the room", Error, "    runbook:", "    messages: { welcome: '' }\n    runbook:"),
    (
        "a text for the room that is too long",
        Error,
        "    runbook:",
        "    messages: { welcome: \"{% for a in 'x' * 3000 %}long {% endfor %}\" }\n    runbook:",
    ),
    (
        "a text without its link",
        Error,
        "    runbook:",
        "    messages: { invite: 'Please come.' }\n    runbook:",
    ),
    (
        "a dashboard with a long title",
        Error,
        "    runbook:",
        "    dashboards: [ { title: 'A title of more than sixty characters, which nobody would ever read', url: https://x.example/ } ]\n    runbook:",
    ),
    ("a pattern that is none", Error, "disk|volume", "disk|("),
    ("a pattern that matches nothing", Warning, "disk|volume", "$disk"),
    ("a pattern that excludes nothing", Warning, "=~ \"disk|volume\"", "!~ \"disk^\""),
    ("matchers that contradict each other", Error, "'environment = production'", "'client = other'"),
    ("a pattern against a value", Error, "'environment = production'", "'client =~ \"b.*\"'"),
    ("a value that no label has", Warning, "environment = production", "environment = prodution"),
    (
        "a pattern that no known value meets",
        Warning,
        "environment = production",
        "environment =~ \"live|test\"",
    ),
    ("an exclusion of nothing known", Warning, "environment = production", "environment !~ \"test\""),
    (
        "an exclusion of all that is known",
        Warning,
        "environment = production",
        "environment !~ \"prod.*|stag.*\"",
    ),
    ("a severity that is none", Warning, "client = acme", "severity = critical"),
    ("a source that is not in the config", Warning, "client = acme", "source = promtheus"),
    ("a severity that opens no room", Warning, "client = acme", "severity =~ \"sev[3-5]\""),
    (
        "a route that is never reached",
        Warning,
        "service =~ \"disk|volume\"' ]",
        "client = acme', 'environment = production', 'service = disk' ]",
    ),
    (
        "a route behind one for everything",
        Warning,
        "    match: [ 'client = acme', 'environment = production' ]\n",
        "",
    ),
    (
        "a route behind every severity",
        Warning,
        "'client = acme', 'environment = production'",
        "'severity =~ \"sev.*\"'",
    ),
    (
        "a route for a part of what is taken",
        Warning,
        "[ 'client = acme', 'environment = production' ]",
        "[ 'service =~ \"(disk|volume|tape)s?\"' ]",
    ),
    ("a route that calls nobody", Warning, "{ commander: mei, specialist: al }", "{}"),
    ("a route that says not whom to call", Error, "    invite: { commander: mei, specialist: al }\n", ""),
    ("a route without a commander", Warning, "commander: mei, ", ""),
    ("a role without anybody", Warning, "specialist: al }", "specialist: al, scribe: [] }"),
    ("a role that must be there without anybody", Error, "specialist: [ al ] }", "specialist: [] }"),
    (
        "a role that must be there and is not invited",
        Error,
        "roles: [ commander, specialist ]",
        "roles: [ comander ]",
    ),
    ("no role that must be there", Error, "roles: [ commander, specialist ]", "roles: []"),
    ("a role with a comma", Error, "specialist: al }", "\"specialist, scribe\": al }"),
    ("a rotation for a person", Error, "commander: mei", "commander: platform"),
    ("a rotation that is none", Error, "rotation:platform, ", "rotation:platfrom, "),
    ("a person for a rotation", Error, "commander: mei", "commander: rotation:mei"),
    ("a runbook that is no address", Error, "https://runbooks.example/acme", "wiki/acme"),
    (
        "more people than a room holds",
        Error,
        "specialist: [ al ] }",
        "specialist: [ al, mei, jo ] }\n    size: 2",
    ),
    ("a label without values", Error, "[ production, staging ]", "[]"),
    ("a label that is ours", Error, "  environment: [", "  severity: ["),
    ("no fallback", Error, "fallback:\n  invite: { commander: rotation:platform }\n", ""),
    ("two fallbacks", Error, "fallback:\n", "fallback: { invite: { commander: mei } }\nfallback:\n"),
    (
        "a fallback that calls nobody",
        Error,
        "fallback:\n  invite: { commander: rotation:platform }",
        "fallback:\n  invite: { commander: [] }",
    ),
    ("a misspelt part", Error, "rotations:\n", "rotation:\n"),
];

fn findings(files: &Files) -> Findings {
    files.load(Strictness::Serve).map_or_else(|findings| findings, |loaded| loaded.warnings)
}

/// Plants each mistake and draws what is said about it.
fn draw(mistakes: &[Mistake]) -> String {
    let mut drawn = String::new();
    let mut missed: Vec<String> = Vec::new();
    for (what, level, good, bad) in mistakes {
        assert_eq!(
            GOOD.matches(good).count(),
            1 + usize::from(*good == "rotation:platform"),
            "{what}: {good}"
        );
        let files = Files::new(GOOD_CONFIG, &GOOD.replacen(good, bad, 1));
        let found = findings(&files);
        let pointed = |f: &warroom::config::Finding| {
            f.severity == *level && f.line > 0 && f.column > 0 && !f.hint.is_empty() && f.excerpt.is_some()
        };
        let helps = found.iter().all(|f| !f.hint.is_empty());
        if !found.iter().any(pointed) || !helps || found.has_errors() != (*level == Error) {
            missed.push(format!("{what}: {found}"));
        }
        let (code, said) = files.check();
        assert_eq!(code, u8::from(found.has_errors()), "{what}: {said}");
        let told = files.tidy(&found.draw(warroom::config::Colours::No));
        assert!(said.contains(told.trim_end()), "{what}: `check` says the same");
        writeln!(drawn, "===== {what}\n\n{told}").unwrap();
    }
    assert!(missed.is_empty(), "{missed:#?}");
    drawn
}

#[test]
fn the_roster_without_a_mistake_has_no_findings() {
    let found = findings(&Files::new(GOOD_CONFIG, GOOD));
    assert!(found.is_empty(), "{found}");
}

#[test]
fn mistakes_about_people() {
    insta::assert_snapshot!(draw(PEOPLE));
}

#[test]
fn mistakes_about_rotations() {
    insta::assert_snapshot!(draw(ROTATIONS));
}

#[test]
fn mistakes_about_routes() {
    insta::assert_snapshot!(draw(ROUTES));
}

#[test]
fn files_that_are_no_roster() {
    let mut drawn = String::new();
    for (what, text) in [
        ("an empty file", ""),
        ("a list", "- mei\n"),
        ("a bracket that is not closed", "people: { mei: { name: Mei }\n"),
        ("a tab", "people:\n\tmei: { name: Mei }\n"),
        ("two documents", "people: {}\n---\npeople: {}\n"),
        ("an alias of nothing", "people: *everybody\n"),
    ] {
        let files = Files::new(GOOD_CONFIG, text);
        let found = findings(&files);
        let helps = found.iter().all(|f| f.line > 0 && !f.hint.is_empty());
        assert!(found.has_errors() && helps, "{what}: {found}");
        assert_eq!(files.check().0, 1);
        writeln!(drawn, "===== {what}\n\n{}", files.tidy(&found.draw(warroom::config::Colours::No))).unwrap();
    }
    insta::assert_snapshot!(drawn);
}

#[test]
fn there_are_more_than_forty_of_them() {
    assert!(PEOPLE.len() + ROTATIONS.len() + ROUTES.len() >= 80);
}
