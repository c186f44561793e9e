//! Slips that look like a good roster. These tests stand on Sunday, 1 March 2026, 10:00 UTC.

use super::roster_says;

/// Five people, these keys beside them, these routes, and a fallback of one person.
fn roster(more: &str, routes: &str) -> String {
    format!(
        "people:
  mei: {{ name: Mei Tanaka, phone: \"+15550100103\", introduced: true }}
  jo: {{ name: Jo Okafor, phone: \"+15550100109\", introduced: true }}
  al: {{ name: Al Haddad, phone: \"+15550100110\", introduced: true }}
  sam: {{ name: Sam Roe, phone: \"+15550100104\", introduced: true }}
  lea: {{ name: Lea Martin, phone: \"+15550100105\", introduced: true }}
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
        "phone: \"+1 (0555) 010-0110\"",
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

/// The roster with one rotation, whose people the first route calls.
fn turns(keys: &str) -> String {
    roster("", "  - { name: a, match: client = acme, invite: { commander: [ rotation:platform ] } }\n")
        .replace("teams:", &format!("rotations:\n  platform: {{ timezone: UTC, {keys} }}\nteams:"))
}

#[test]
fn a_rotation_of_one_person_is_one_whatever_else_is_written() {
    let one = "starts: 2026-01-05 09:00, shift: 1 week, people: [ jo ]";
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
        format!("{{ {keys}starts: 2026-01-05 09:00, shift: 1 week, people: [ {people} ] }}")
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
        &turns("starts: 2026-01-05 09:00, shift: 1 week, people: [ mei, jo ], fallback: lea"),
        &[
            "`rotations.platform.fallback` never has a turn: the turns before it always have somebody (add `only`, or remove this one; for somebody who is away name a `stand_in`",
        ],
    );
}
