//! What `roster.yaml` may say.

use std::fmt::Write;

use warroom::alert::Severity;
use warroom::config::{self, Strictness, Surroundings};
use warroom::consent::Stances;
use warroom::roster::{Roster, reassignments};

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, now, roster_says};

#[test]
fn people_and_their_numbers() {
    let person = |text: &str| {
        roster_says(
            &GOOD_ROSTER
                .replace("fallback:", &format!("  sam: {{ {text} }}\nfallback:"))
                .replace("commander: mei", "commander: mei, specialist: sam"),
        )
    };
    let says = |text: &str, part: &str| {
        let found = person(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    let known = "opted_in: true";
    says(
        &format!("name: Sam, phone: 15550100104, {known}"),
        "write it in quotes with `+` and the country code",
    );
    says(&format!("name: Sam, phone: \"0171 5550104\", {known}"), "replace the leading zero");
    says(&format!("name: Sam, phone: \"0015550100104\", {known}"), "write `+` instead of `00`");
    says(&format!("name: Sam, phone: \"15550100104@c.us\", {known}"), "belongs under `jid`");
    says(&format!("name: Sam, jid: \"+15550100104\", {known}"), "belongs under `phone`");
    says(&format!("name: Sam, {known}"), "`people.sam` has no number");
    says(&format!("phone: \"+15550100104\", {known}"), "`people.sam` needs `name`");
    says(
        &format!("name: Sam, phone: \"+15550100104\", jid: \"15550100104@c.us\", {known}"),
        "stands beside `phone`",
    );
    says(&format!("name: Sam, jid: \"15550100103@c.us\", {known}"), "is the number of `mei` too");
    says(&format!("name: Sam, phone: \"+15550100104\", email: sam, {known}"), "is not an e-mail address");
    says(
        &format!("name: Sam, phone: \"+15550100104\", timezone: Europe/Berln, {known}"),
        "did you mean `Europe/Berlin`?",
    );
    says(
        "name: Sam, phone: \"+15550100104\"",
        "warning: `fallback` would call people who never wrote to our number: sam",
    );
    // As it stands, unquoted, with its plus sign.
    assert!(person(&format!("name: Sam, phone: +15550100104, {known}")).is_empty());
}

#[test]
fn rotations_and_routes() {
    let rotation =
        "{ timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: 1 week, people: [mei, jo] }";
    let with_rotation = |rotation: &str| {
        let jo = "  jo: { name: Jo, phone: \"+15550100109\", opted_in: true }\n";
        GOOD_ROSTER
            .replace("fallback:", &format!("{jo}rotations:\n  platform: {rotation}\nfallback:"))
            .replace("commander: mei", "commander: rotation:platform")
    };
    assert_eq!(roster_says(&with_rotation(rotation)), Vec::<String>::new());
    let says = |roster: String, part: &str| {
        let found = roster_says(&roster);
        assert!(found.len() == 1 && found[0].contains(part), "{found:#?}");
    };
    says(with_rotation(&rotation.replace("1 week", "10 minutes")), "must be from 1h to 366 days");
    says(with_rotation(&rotation.replace("[mei, jo]", "[]")), "nobody would ever be on duty");
    says(with_rotation(&rotation.replace("09:00", "25:00")), "is not a date with a time");
    says(with_rotation(&rotation.replace("09:00", "09:00+01:00")), "is not a date with a time");
    says(with_rotation(&rotation.replace(", shift_length: 1 week", "")), "needs `shift_length`");
    let route = |text: &str| GOOD_ROSTER.replace("fallback:", &format!("routes:\n{text}fallback:"));
    says(route("  - { name: a, match: [ 'x' ], invite: { commander: mei } }\n"), "is not a matcher");
    says(
        route("  - { name: a, match: 'x = y', invite: { specialist: mei } }\n"),
        "warning: `a` has no commander",
    );
    says(route("  - { name: a, match: 'x = y', invite: {} }\n"), "warning: `a` names nobody");
    says(route("  - { name: a, match: 'x = y' }\n"), "needs `invite`");
    says(route("  - { name: a, invite: { commander: mei }, runbook: x }\n"), "is not a web address");
    says(
        route(
            "  - { name: a, invite: { commander: mei } }\n  - { name: b, match: 'x = y', invite: { commander: mei } }\n",
        ),
        "is never reached: `a` before it has no matchers",
    );
    says(
        route(
            "  - { name: a, match: 'x = y', invite: { commander: mei } }\n  - { name: a, match: 'x = z', invite: { commander: mei } }\n",
        ),
        "is a second route named `a`",
    );
    says(GOOD_ROSTER.replace("fallback:\n  invite: { commander: mei }\n", ""), "`fallback` is missing");
    says(
        GOOD_ROSTER.replace("commander: mei", "commander: []"),
        "names nobody, but somebody must always be called",
    );
    says(
        GOOD_ROSTER.replace("fallback:", "  sam: { name: Sam, phone: \"+15550100104\" }\nfallback:"),
        "warning: `people.sam` is in no rotation",
    );
    let mut crowd = String::new();
    for n in 0..10 {
        writeln!(crowd, "  p{n}: {{ name: P, phone: \"+155501002{n:02}\", opted_in: true }}").unwrap();
    }
    let all: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    says(
        GOOD_ROSTER
            .replace("fallback:", &format!("{crowd}fallback:"))
            .replace("commander: mei", &format!("commander: mei, specialist: [{}]", all.join(", "))),
        "calls up to 11 people",
    );
}

/// A fallback with so many people of its own, and these further keys.
fn crowd(people: usize, keys: &str) -> String {
    let mut more = String::new();
    for n in 0..people {
        writeln!(more, "  p{n}: {{ name: P, phone: \"+155501002{n:02}\", opted_in: true }}").unwrap();
    }
    let all: Vec<String> = (0..people).map(|n| format!("p{n}")).collect();
    GOOD_ROSTER.replace("fallback:", &format!("{more}fallback:")).replace(
        "{ commander: mei }",
        &format!("{{ commander: mei, specialist: [{}] }}\n{keys}", all.join(", ")),
    )
}

#[test]
fn how_many_people_a_room_holds() {
    let says = |roster: String, part: &str| {
        let found = roster_says(&roster);
        assert!(found.len() == 1 && found[0].contains(part), "{found:#?}");
    };
    assert_eq!(roster_says(&crowd(9, "")), Vec::<String>::new());
    says(crowd(10, ""), "warning: `fallback` calls up to 11 people");
    assert_eq!(roster_says(&crowd(10, "  size: 12\n")), Vec::<String>::new(), "that was decided");
    says(crowd(19, ""), "warning: `fallback` calls up to 20 people");
    says(
        crowd(20, ""),
        "`fallback` calls 21 people, but a room holds 20 (name those who act, or write `size: 21`",
    );
    assert_eq!(roster_says(&crowd(20, "  size: 30\n")), Vec::<String>::new());
    says(crowd(4, "  size: 3\n"), "`fallback` calls 5 people, but a room holds 3");
    says(crowd(1, "  size: 1024\n"), "must be a whole number from 2 to 1023");
    // Who is on duty may be somebody who is called anyway.
    let rotations = "rotations:\n  platform: { timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: 1 week, people: [mei, p0] }\nfallback:";
    let duty = crowd(2, "  size: 3\n").replace("commander: mei", "commander: rotation:platform, deputy: mei");
    says(duty.replace("fallback:", rotations), "warning: `fallback` can call 4 people, but a room holds 3");
}

#[test]
fn who_must_be_there() {
    let quorum = |text: &str| roster_says(&crowd(2, &format!("  quorum: {text}\n")));
    let says = |text: &str, part: &str| {
        let found = quorum(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    };
    assert_eq!(
        quorum("{ roles: [ commander, specialist ], within: 5m, step: 1m, otherwise: [ p0 ] }"),
        [""; 0]
    );
    assert_eq!(quorum("{ roles: commander }"), [""; 0]);
    says(
        "{ roles: [ comander ] }",
        "names the role `comander`, which this route does not invite (did you mean `commander`?)",
    );
    says("{ roles: [ scribe ] }", "add it under `invite`, or name `commander` or `specialist`");
    says("{ roles: [] }", "names no role");
    says("{ within: 5m }", "`fallback.quorum` needs `roles`");
    says("{ roles: commander, within: 5s }", "must be from 1m to 1 day");
    says("{ roles: commander, otherwise: [ nobody ] }", "names `nobody`, who is not among `people`");
    says("{ roles: commander, otherwise: [ rotation:none ] }", "names the rotation `none`");

    let stand_in =
        |key: &str| crowd(2, "").replacen("opted_in: true", &format!("opted_in: true, stand_in: {key}"), 1);
    assert_eq!(roster_says(&stand_in("p1")), Vec::<String>::new());
    let found = roster_says(&stand_in("nobody"));
    assert!(
        found.len() == 1 && found[0].contains("stand_in` names `nobody`, who is not among"),
        "{found:#?}"
    );
    // Somebody who only stands in is somebody.
    let alone = stand_in("sam")
        .replace("fallback:", "  sam: { name: Sam, phone: \"+15550100104\", opted_in: true }\nfallback:");
    assert_eq!(roster_says(&alone), Vec::<String>::new());
}

#[test]
fn strangers_are_fine_in_a_route_that_opens_no_room() {
    let stranger = GOOD_ROSTER
        .replace("fallback:", "  sam: { name: Sam, phone: \"+15550100104\" }\nroutes:\n  - { name: minor, match: 'severity =~ \"sev[2-5]\"', invite: { commander: sam } }\nfallback:");
    let found = roster_says(&stranger);
    assert!(
        found.len() == 1
            && found[0].contains("`minor` never opens a room: it takes sev2, sev3, sev4, sev5 only"),
        "{found:#?}"
    );
    let opens = format!("{GOOD_CONFIG}rooms: {{ open_at: sev2 }}\n");
    assert!(Files::new(&opens, &stranger).findings()[0].contains("never wrote to our number: sam"));
}

#[test]
fn a_changed_roster_is_taken_over_alone() {
    let files = Files::new(GOOD_CONFIG, GOOD_ROSTER);
    let path = files.0.path().join("roster.yaml");
    let surroundings = Surroundings { open_at: Severity::Sev1, ours: &[], sources: None, now: now() };
    let (roster, warnings, hash) = config::load_roster(&path, &surroundings, Stances::default()).unwrap();
    assert!(warnings.is_empty() && roster.people.contains_key("mei"));
    assert_eq!(hash, files.load(Strictness::Serve).unwrap().roster_hash);
    files.write("roster.yaml", "people: {}\n");
    assert!(config::load_roster(&path, &surroundings, Stances::default()).unwrap_err().has_errors());
}

#[test]
fn a_company_of_three_thousand_is_read() {
    let mut people = String::from("people:\n");
    for n in 0..3000 {
        writeln!(people, "  p{n}: {{ name: P, phone: \"+1555{n:07}\", opted_in: true }}").unwrap();
    }
    let roster = format!("{people}fallback:\n  invite: {{ commander: p0 }}\n");
    let found = roster_says(&roster);
    assert_eq!(found.len(), 2999, "one remark for each who is in no route");
}

/// A roster with one rotation, and two people more than the usual one.
fn rostered(rotation: &str) -> Vec<String> {
    let more = "  jo: { name: Jo, phone: \"+15550100109\", opted_in: true }\n  al: { name: Al, phone: \"+15550100110\", opted_in: true }\n";
    let with = format!("{more}rotations:\n  platform:\n{rotation}fallback:");
    roster_says(
        &GOOD_ROSTER
            .replace("fallback:", &with)
            .replace("commander: mei", "commander: [ mei, jo, al, rotation:platform ]"),
    )
}

#[test]
fn layers_hours_and_fallbacks() {
    let good = "    timezone: Europe/Berlin
    layers:
      - { name: days, only: [ 'weekdays 09:00-18:00', 'sat 10:00-14:00' ], start: 2026-01-05 09:00, shift_length: 1 week, people: [ jo, mei ] }
      - { name: nights, only: daily 18:00-09:00, start: 2026-01-05 09:00, shift_length: 12 hours, people: [ al, mei ] }
    fallback: jo
";
    assert_eq!(rostered(good), Vec::<String>::new());
    let says = |rotation: &str, part: &str| {
        let found = rostered(rotation);
        assert!(found.len() == 1 && found[0].contains(part), "{part}: {found:#?}");
    };
    says(&good.replace("fallback: jo", "fallback: jjo"), "did you mean `jo`?");
    says(
        &good.replace("    fallback: jo\n", ""),
        "has nobody on duty each week from Sat 09:00 to Sat 10:00, and 2 more",
    );
    says(
        &good.replace("sat 10:00", "someday 10:00"),
        "`rotations.platform.layers[0].only[1]` is not a part of the week",
    );
    says(
        &good.replace("    fallback: jo\n", "    shift_length: 1 week\n    fallback: jo\n"),
        "stands beside `layers`",
    );
    says("    timezone: Europe/Berlin\n    layers: []\n", "holds no layer");
    says(
        "    { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [mei] }\n",
        "warning: `platform` is one person",
    );
}

#[test]
fn a_fallback_that_is_nobody_at_times_is_no_fallback() {
    let roster = GOOD_ROSTER
        .replace(
            "fallback:",
            "  jo: { name: Jo, phone: \"+15550100109\", opted_in: true }
rotations:
  platform: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ], only: weekdays 09:00-18:00 }
fallback:",
        )
        .replace("commander: mei", "commander: rotation:platform");
    let found = roster_says(&roster);
    assert!(found.iter().any(|f| f.contains("names rotations only that have nobody at times")), "{found:#?}");
}

#[test]
fn times_away() {
    let away = |text: &str| {
        roster_says(
            &GOOD_ROSTER
                .replace("opted_in: true", &format!("opted_in: true, timezone: UTC, absences: [ {text} ]")),
        )
    };
    assert!(away("{ from: 2026-08-03, until: 2026-08-14 }").is_empty());
    assert!(away("{ from: 2026-08-03 12:00, until: 2026-08-03 }").is_empty());
    for (text, part) in [
        ("{ from: 2026-08-14, until: 2026-08-03 }", "is before `from`"),
        ("{ from: 2026-08-03 }", "needs `until`"),
        ("{ from: soon, until: 2026-08-03 }", "is neither a day nor a date with a time"),
    ] {
        let found = away(text);
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:#?}");
    }
}

#[test]
fn who_is_on_duty_by_another_roster_is_told_before_it_is_in_force() {
    let roster = |people: &str| {
        let all = "  jo: { name: Jo, phone: \"+15550100109\", opted_in: true }\n  sam: { name: Sam, phone: \"+15550100104\", opted_in: true }\n";
        let rotation = format!(
            "rotations:\n  platform: {{ timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ {people} ] }}\n"
        );
        let text = GOOD_ROSTER
            .replace("fallback:", &format!("{all}{rotation}fallback:"))
            .replace("commander: mei", "commander: [ mei, jo, sam ], specialist: rotation:platform");
        Files::new(GOOD_CONFIG, &text).load(Strictness::Serve).unwrap().roster
    };
    let (old, new) = (roster("mei, jo"), roster("mei, jo, sam"));
    let until = "2026-03-16T09:00:00Z".parse().unwrap();
    let calendar = |roster: &Roster| roster.calendar(&roster.rotations["platform"], now(), until);
    // In the eighth week it was Jo's turn, with three people it is Jo's too; then the turns differ.
    let changes = reassignments(&calendar(&old), &calendar(&new));
    let told: Vec<String> = changes
        .iter()
        .map(|c| format!("{} {} instead of {}", c.from, c.now.join("+"), c.before.join("+")))
        .collect();
    assert_eq!(told, ["2026-03-02T09:00:00Z sam instead of mei", "2026-03-09T09:00:00Z mei instead of jo"]);
    assert!(reassignments(&calendar(&old), &calendar(&old)).is_empty());
}
