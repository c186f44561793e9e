//! Slips that look like a good roster. These tests stand on Sunday, 1 March 2026, 10:00 UTC.

use warroom::clock::Timestamp;
use warroom::config::{self, Strictness};
use warroom::consent::Stances;

use super::{Files, GOOD_CONFIG, roster_says, set};

/// Five people, these keys beside them, these routes, and a fallback of one person.
fn roster(more: &str, routes: &str) -> String {
    format!(
        "people:
  mei: {{ name: Mei Tanaka, phone: \"+15550100103\", opted_in: true }}
  jo: {{ name: Jo Okafor, phone: \"+15550100109\", opted_in: true }}
  al: {{ name: Al Haddad, phone: \"+15550100110\", opted_in: true }}
  sam: {{ name: Sam Roe, phone: \"+15550100104\", opted_in: true }}
  lea: {{ name: Lea Martin, phone: \"+15550100105\", opted_in: true }}
{more}teams:
  everybody: {{ people: [ mei, jo, al, sam, lea ] }}
routes:
{routes}  - {{ name: the rest, match: client = rest, size: 9, invite: {{ commander: [ mei ], x: [ team:everybody ] }} }}
fallback: {{ invite: {{ commander: [ mei ] }} }}
"
    )
}

/// What is said of it is this, and nothing else.
#[track_caller]
fn says(roster: &str, parts: &[&str]) {
    let found = roster_says(roster);
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    for (said, part) in found.iter().zip(parts) {
        assert!(said.contains(part), "{part}: {found:#?}");
    }
}

#[test]
fn a_roster_without_a_slip() {
    says(&roster("", ""), &[]);
}

/// A route that goes on and one that follows.
fn chain(first: &str, second: &str) -> String {
    roster("", &format!("  - {{ name: a, {first}, continue: true }}\n  - {{ name: b, {second} }}\n"))
}

#[test]
fn routes_that_add_up_to_more_than_a_room_holds() {
    let a = "match: client = acme, size: 2, invite: { commander: [ sam ], specialist: [ lea ] }";
    let b = "size: 2, invite: { commander: [ mei ], x: [ al ] }";
    // Whoever comes by the first comes by the second as well.
    says(
        &chain(a, &format!("match: client = acme, {b}")),
        &["`a` and `b` after it call 4 people, but a room holds 2 (name those who act, or write `size: 4`"],
    );
    says(&chain(a, b), &["`a` and `b` after it call 4 people, but a room holds 2", "is never reached"]);
    // Perhaps they meet, perhaps not.
    says(
        &chain(a, &format!("match: environment = production, {b}")),
        &["warning: `a` and `b` after it can call 4 people, but a room holds 2"],
    );
    // They never meet, or the larger room holds them all.
    says(&chain(a, &format!("match: client = globex, {b}")), &[]);
    let room = b.replace("size: 2", "size: 4");
    says(&chain(a, &format!("match: client = acme, {room}")), &[]);
    // Who is called by both is one person.
    let same = b.replace("[ mei ]", "[ sam ]").replace("[ al ]", "[ lea ]");
    says(&chain(a, &format!("match: client = acme, {same}")), &[]);
}

#[test]
fn what_is_counted_ends_with_the_first_route_that_does_not_go_on() {
    let route = |name: &str, keys: &str| {
        format!(
            "  - {{ name: {name}, match: [ client = acme, {keys}, invite: {{ commander: [ sam ], specialist: [ lea ] }} }}\n"
        )
    };
    let first = route("a", "'tier = 1' ], size: 2, continue: true");
    let ends = "  - { name: b, match: client = acme, size: 2, invite: { commander: [ sam ] } }\n";
    let never = "  - { name: c, match: tier = 1, size: 2, invite: { commander: [ mei ], x: [ al ] } }\n";
    says(&roster("", &format!("{first}{ends}{never}")), &[]);
    // Another one that may end it before makes no difference.
    let perhaps =
        "  - { name: d, match: environment = production, size: 4, invite: { commander: [ jo ] } }\n";
    says(&roster("", &format!("{first}{perhaps}{ends}{never}")), &[]);
    let goes_on = ends.replace("size: 2,", "size: 2, continue: true,");
    says(
        &roster("", &format!("{first}{goes_on}{never}")),
        &["`a`, `b` and `c` after it call 4 people", "warning: `b` and `c` after it can call 3 people"],
    );
}

#[test]
fn a_route_that_goes_on_needs_no_commander_and_nobody_as_long_as_another_follows() {
    let who = "match: client = acme, invite: { commander: [ mei ] }";
    says(&chain("match: client = acme, invite: { specialist: [ sam ] }", who), &[]);
    says(&chain("match: client = acme, runbook: 'https://x.example/', invite: {}", who), &[]);
    let rotation = "rotations:\n  days: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ], only: daily 08:00-20:00 }\n";
    let days = "match: client = acme, invite: { commander: [ rotation:days ] }";
    let with_days = |second: &str| chain(days, second).replace("teams:", &format!("{rotation}teams:"));
    says(&with_days(who), &["warning: `days` has nobody on duty each week"]);
    // Nothing follows: as for any other route.
    let never = "match: client = globex, invite: { commander: [ mei ] }";
    says(
        &chain("match: client = acme, invite: { specialist: [ sam ] }", never),
        &["warning: `a` has no commander"],
    );
    says(&chain("match: client = acme, invite: {}", never), &["warning: `a` names nobody"]);
    says(&with_days(never), &["`days` has nobody on duty each week", "`a` calls nobody of its own"]);
}

#[test]
fn no_route_is_called_like_the_fallback() {
    let route = "  - { name: fallback, match: client = acme, invite: { commander: [ mei ] } }\n";
    says(&roster("", route), &["`routes[0].name` is `fallback`, the name of the fallback itself"]);
}

#[test]
fn matchers_that_would_never_match_are_refused() {
    let with = |matcher: &str| {
        roster("", &format!("  - {{ name: a, match: [ {matcher} ], invite: {{ commander: [ mei ] }} }}\n"))
    };
    for (slip, why) in [
        ("'client == acme'", "`==` is no operator"),
        ("'x => y'", "`=>` is no operator"),
        ("'client =! acme'", "`=!` is no operator"),
        ("'client ~= acme'", "an unquoted label `client ~`"),
        ("'client ! = acme'", "an unquoted label `client !`"),
        ("'my client = acme'", "an unquoted label `my client`"),
        ("\"client = 'acme'\"", "an unquoted value with `'`"),
        ("'x = y, z = w'", "an unquoted value with `,`"),
        ("'client = acme or client = b'", "an unquoted value with `=`"),
        ("'{client = acme}'", "an unquoted label `{client`"),
        ("'client = `acme`'", "an unquoted value with ```"),
    ] {
        let found = roster_says(&with(slip));
        assert_eq!(found.len(), 1, "{slip}: {found:#?}");
        assert!(
            found[0].contains("is not a matcher: ") && found[0].contains(why) && found[0].contains("quote"),
            "{slip}: {found:#?}"
        );
    }
    for good in [
        "'title = Disk full'",
        "'url = \"https://x.example/?a=b,c\"'",
        "'url = https://x.example/a'",
        "'client = \"a == b\"'",
        "'\"my client\" = acme'",
        "'\"a=b\" = c'",
        "'service =~ a|b.*'",
        "'version =~ v\\d+'",
        "'client = \"\"'",
        "'client ='",
        "'team:eu/west-1.x != a_b'",
    ] {
        says(&with(good), &[]);
    }
    let listed = with("environment == production")
        .replace("routes:", "labels: { environment: [ production ] }\nroutes:");
    says(&listed, &["`==` is no operator"]);
}

#[test]
fn numbers_that_nobody_can_have_are_refused() {
    let with = |number: &str| roster("", "").replace("phone: \"+15550100110\"", number);
    for (number, part) in [
        ("phone: \"+49 (0)170 1234567\"", "leave the zero out"),
        ("phone: \"+49(0) 170 1234567\"", "leave the zero out"),
        ("phone: \"+999123456789\"", "no country has the code"),
        ("phone: \"+2101234567\"", "no country has the code"),
        ("jid: \"0170123456@c.us\"", "country code"),
        ("jid: \"12345@c.us\"", "7 to 15 digits"),
        ("jid: \"491701234567890123@c.us\"", "7 to 15 digits"),
        ("jid: \"999123456789@s.whatsapp.net\"", "no country has the code"),
    ] {
        let found = roster_says(&with(number));
        assert_eq!(found.len(), 1, "{number}: {found:#?}");
        assert!(found[0].contains(part), "{number}: {found:#?}");
    }
    for number in [
        "phone: \"+49 170 1234567\"",
        "phone: \"+49 (170) 123-4567\"",
        "phone: \"+39 (0555) 010-0110\"",
        "phone: \"+7 701 123 4567\"",
        "phone: \"+971 50 123 4567\"",
        "phone: \"+883 510 012 3456\"",
        "jid: \"15550100110@c.us\"",
        // A hidden id is no number.
        "jid: \"90123456789012345@lid\"",
    ] {
        says(&with(number), &[]);
    }
}

/// What is said where the people with these numbers have said STOP.
fn says_knowing(roster: &str, stopped: &[&str], parts: &[&str]) {
    let files = Files::new(GOOD_CONFIG, roster);
    let at: Timestamp = "2026-02-01T10:00:00Z".parse().unwrap();
    let stopped = stopped.iter().map(|digits| (format!("{digits}@c.us").parse().unwrap(), at)).collect();
    let stances = Stances { stopped, ..Stances::default() };
    let loaded =
        config::load_knowing(&files.config(), &set, Strictness::Serve, super::now(), &|_| stances.clone());
    let found: Vec<String> = match loaded {
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
        Err(findings) => findings.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    for (said, part) in found.iter().zip(parts) {
        assert!(said.contains(part), "{part}: {found:#?}");
    }
}

#[test]
fn people_who_are_only_called_at_need_are_no_strangers_either() {
    let with = |keys: &str, sam: &str| {
        roster(
            "  kim: { name: Kim, phone: \"+15550100111\" }\n",
            &format!("  - {{ name: a, match: client = acme, invite: {{ commander: [ sam ] }}{keys} }}\n"),
        )
        .replace("name: Sam Roe,", &format!("name: Sam Roe, {sam}"))
    };
    let at_need = "warning: `a` would at need call people who never wrote to our number: kim";
    says(&with(", quorum: { roles: [ commander ], otherwise: [ kim ] }", ""), &[at_need]);
    says(&with(", quorum: { roles: [ commander ] }, deputies: { commander: [ kim ] }", ""), &[at_need]);
    let stands_in = with("", "stand_in: kim,");
    let by_team = "warning: `the rest` would at need call people who never wrote to our number: kim";
    says(&stands_in, &[at_need, by_team]);
    // Who is called anyway is said once.
    let both = with(", quorum: { roles: [ commander ], otherwise: [ kim ] }", "")
        .replace("commander: [ sam ] }", "commander: [ sam ], x: [ kim ] }");
    says(&both, &["`a` would call people who never wrote to our number: kim"]);
    let known = stands_in.replace("\"+15550100111\"", "\"+15550100111\", opted_in: true");
    says(&known, &[]);
    let stopped = "would at need call people who said STOP: kim (on 2026-02-01)";
    says_knowing(&known, &["15550100111"], &[stopped, stopped]);
}

#[test]
fn somebody_named_who_is_away_and_has_no_stand_in() {
    let with = |away: &str, keys: &str| {
        roster("", &format!("  - {{ name: a, match: client = acme, {keys} }}\n")).replace(
            "name: Sam Roe,",
            &format!("name: Sam Roe, timezone: Europe/Berlin, absences: [ {{ {away} }} ],"),
        )
    };
    let names = "invite: { commander: [ sam ] }";
    let long = "from: 2026-01-10, until: 2027-01-05";
    says(
        &with("from: 2026-03-10, until: 2026-03-12", names),
        &[
            "warning: `sam` is called although away from Tue 2026-03-10 00:00 to Fri 2026-03-13 00:00 Europe/Berlin, because `a` names them and no `stand_in` is there",
        ],
    );
    says(&with(long, names), &["`sam` is called although away until Wed 2027-01-06 00:00 Europe/Berlin"]);
    let covered = with(long, names).replace("name: Sam Roe,", "name: Sam Roe, stand_in: jo,");
    says(&covered, &[]);
    let jo_too = covered.replace(
        "name: Jo Okafor,",
        "name: Jo Okafor, timezone: UTC, absences: [ { from: 2026-04-01, until: 2026-04-02 } ],",
    );
    says(&jo_too, &["`sam` is called although away from Wed 2026-04-01 02:00 to Fri 2026-04-03 02:00"]);
    // Later than 90 days from now, over, or for incidents that open no room.
    says(&with("from: 2026-08-10, until: 2026-08-12", names), &[]);
    says(&with("from: 2026-01-10, until: 2026-01-12", names), &[]);
    let minor = with(long, names).replace("match: client = acme,", "match: severity = sev4,");
    says(&minor, &["`a` never opens a room"]);
    // Of a team others come.
    says(&with(long, "size: 9, invite: { commander: [ mei ], x: [ team:everybody ] }"), &[]);
}

/// The roster with one rotation, whose people the first route calls.
fn turns(keys: &str) -> String {
    roster("", "  - { name: a, match: client = acme, invite: { commander: [ rotation:platform ] } }\n")
        .replace("teams:", &format!("rotations:\n  platform: {{ timezone: UTC, {keys} }}\nteams:"))
}

#[test]
fn a_rotation_of_one_person_is_one_whatever_else_is_written() {
    let one = "start: 2026-01-05 09:00, shift_length: 1 week, people: [ jo ]";
    let single = "warning: `platform` is one person, who always has the turn";
    says(&turns(one), &[single]);
    let over = "overrides: [ { from: 2026-12-24 09:00, until: 2026-12-27 09:00, person: sam } ]";
    says(&turns(&format!("{one}, {over}")), &[single]);
    says(
        &turns(&format!("{one}, fallback: sam")),
        &[single, "`rotations.platform.fallback` never has a turn"],
    );
    // With hours of its own, the fallback has the others.
    says(&turns(&format!("{one}, only: daily 08:00-20:00, fallback: sam")), &[]);
    // A misspelt name is one mistake, not two.
    says(&turns(&one.replace("[ jo ]", "[ jo, mie ]")), &["did you mean `mei`?"]);
}

#[test]
fn a_layer_behind_one_that_always_has_somebody_never_has_a_turn() {
    let layer = |keys: &str, people: &str| {
        format!("{{ {keys}start: 2026-01-05 09:00, shift_length: 1 week, people: [ {people} ] }}")
    };
    let (all, days) = (layer("", "mei, jo"), layer("only: daily 08:00-20:00, ", "al, sam"));
    says(&turns(&format!("layers: [ {days}, {all} ]")), &[]);
    says(
        &turns(&format!("layers: [ {all}, {days} ]")),
        &[
            "warning: `rotations.platform.layers[1]` never has a turn: layer `1` before it always has somebody (give that layer `only`, or remove this one",
        ],
    );
    let named = layer("name: whole week, ", "mei, jo");
    says(&turns(&format!("layers: [ {named}, {days} ]")), &["layer `whole week` before it always"]);
    says(
        &turns(&format!("layers: [ {days}, {all} ], fallback: lea")),
        &["`rotations.platform.fallback` never has a turn: layer `2` before it"],
    );
    says(
        &turns("start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ], fallback: lea"),
        &[
            "`rotations.platform.fallback` never has a turn: the turns before it always have somebody (add `only`, or remove this one; for somebody who is away name a `stand_in`",
        ],
    );
}
