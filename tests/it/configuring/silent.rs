//! What used to be taken without a word and meant something else.

use warroom::config::Strictness;

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, config_says, roster_says, with};

/// Two people who take turns from this moment on; one is away, and one is relieved once.
fn turns(starts: &str, away_until: &str, relieved_from: &str) -> String {
    format!(
        "people:
  mei: {{ name: Mei Tanaka, phone: \"+15550100103\", opted_in: true, timezone: UTC, absences: [ {{ from: 2026-04-03, until: {away_until} }} ] }}
  jo: {{ name: Jo Okafor, phone: \"+15550100109\", opted_in: true }}
rotations:
  usual:
    timezone: Europe/Berlin
    start: {starts}
    shift_length: 1 week
    people: [ mei, jo ]
    overrides: [ {{ from: {relieved_from}, until: 2026-05-04 09:00, person: jo }} ]
fallback: {{ invite: {{ commander: [ rotation:usual ] }} }}
"
    )
}

#[test]
fn a_time_with_more_or_less_than_the_wall_clock_shows_is_refused() {
    let good = ("2026-01-05 09:00", "2026-04-14", "2026-05-01T09:00:30");
    assert_eq!(roster_says(&turns(good.0, good.1, good.2)), Vec::<String>::new());
    for odd in [
        "2026-03-02 09:00-05:00",
        "2026-03-02T09:00-0500",
        "2026-03-02 09:00-05",
        "2026-03-02T1200",
        "2026-03-02 12",
        "2026-03-02T12",
        "\"2026-03-02[America/New_York]\"",
        "2026-03-02 9:00",
        "20260302T09:00",
        "2026-03-02 09:00:00.5",
        "2026-W10-1",
    ] {
        for (roster, what) in [
            (turns(odd, good.1, good.2), "`rotations.usual.start` is not a date with a time"),
            (turns(good.0, odd, good.2), "absences[0].until` is neither a day nor a date with a time"),
            (turns(good.0, good.1, odd), "`rotations.usual.overrides[0].from` is not a date with a time"),
        ] {
            let found = roster_says(&roster);
            assert!(found.iter().any(|finding| finding.contains(what)), "{odd}: {found:#?}");
        }
    }
}

#[test]
fn an_address_that_begins_like_one_that_is_missing_is_no_address() {
    let fallback_webhook = |url: &str, secret: &str| {
        let lines = format!("gateway:\n  fallback_webhook: {{ url: {url}, secret: {secret} }}\n");
        GOOD_CONFIG.replacen("gateway:\n", &lines, 1)
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for text in ["unset-for-now", "\"\\u0001unset-for-now\""] {
        let found = config_says(&fallback_webhook(text, secret));
        assert!(found[0].contains("gateway.fallback_webhook.url"), "{found:#?}");
    }
    let found = config_says(&fallback_webhook("https://pager.example/hooks", "unset-until-tomorrow"));
    assert!(
        found.iter().any(|finding| finding.contains("`gateway.fallback_webhook.secret` cannot sign")),
        "{found:#?}"
    );
    let (code, said) = Files::new(&with("instance-1", "unset-1"), GOOD_ROSTER).check();
    assert!(code == 0 && !said.contains("(not set here)"), "{said}");
    // What is missing may be missing while checking, and in no other way.
    let files = Files::new(&fallback_webhook("{ env: NOT_SET_URL }", "{ env: NOT_SET_SECRET }"), GOOD_ROSTER);
    assert!(files.load(Strictness::Check).is_ok());
    assert!(files.load(Strictness::Serve).is_err());
}

#[test]
fn a_zero_that_nobody_dials_from_abroad_is_refused() {
    let person = |number: &str| GOOD_ROSTER.replace("phone: \"+15550100103\"", number);
    for number in ["phone: \"+49 0176 5550123\"", "phone: \"+4407700900123\"", "jid: \"4901765550123@c.us\""]
    {
        let found = roster_says(&person(number));
        assert!(found.len() == 1 && found[0].contains("leave the zero out"), "{number}: {found:#?}");
        assert!(!found[0].contains("5550123") && !found[0].contains("900123"), "{found:#?}");
    }
    // Italy, Côte d'Ivoire and Congo keep theirs.
    for number in ["+39 06 5550 1234", "+225 07 55 50 12 34", "+242 06 555 0123", "+1 555 010 0103"] {
        assert_eq!(roster_says(&person(&format!("phone: \"{number}\""))), Vec::<String>::new(), "{number}");
    }
}

#[test]
fn no_finding_shows_a_whole_number_however_it_is_spaced() {
    let drawn = |roster: &str| match Files::new(GOOD_CONFIG, roster).load(Strictness::Serve) {
        Ok(loaded) => loaded.warnings.draw(warroom::config::Colours::No),
        Err(findings) => findings.draw(warroom::config::Colours::No),
    };
    for number in ["0176 555 0199", "0176-555-0199", "(0176) 5550199", "+49 176 5550199", "0176/555.0199"] {
        for roster in [
            format!(
                "people: [ {{ name: Mei, phone: \"{number}\" }} ]\nfallback: {{ invite: {{ commander: mei }} }}\n"
            ),
            format!(
                "{GOOD_ROSTER}routes: [ {{ name: \"{number}\", match: \"{number}\", invite: {{ commander: \"{number}\" }} }} ]\n"
            ),
            format!("{GOOD_ROSTER}{number}: 1\n"),
        ] {
            let said = drawn(&roster);
            let digits: String = said.chars().filter(char::is_ascii_digit).collect();
            assert!(!digits.contains("1765550199") && !said.contains("0199"), "{number}: {said}");
        }
    }
    let near = format!(
        "{GOOD_ROSTER}routes: [ {{ name: a, match: b = c, invite: {{ commander: \"+491765550198\" }} }} ]\n"
    )
    .replace("  mei:", "  \"+491765550199\": { name: Jo, phone: \"+15550100109\", opted_in: true }\n  mei:");
    let said = drawn(&near);
    assert!(!said.contains("5550199") && !said.contains("5550198"), "{said}");
}

#[test]
fn turns_that_fall_into_closed_hours_are_warned_of() {
    let roster = |shift: &str, only: &str| {
        turns("2026-01-05 09:00", "2026-04-14", "2026-05-01 09:00").replace(
            "shift_length: 1 week",
            &format!("shift_length: {shift}\n    only: [ {only} ]\n    fallback: jo"),
        )
    };
    let warnings = |shift: &str, only: &str| {
        let found = roster_says(&roster(shift, only));
        found.into_iter().filter(|finding| finding.contains("closed hours")).collect::<Vec<_>>()
    };
    let found = warnings("1 day", "weekdays 09:00-18:00");
    assert!(
        found.len() == 1 && found[0].contains("from Sat 2026-01-10 09:00 to Sun 2026-01-11 09:00"),
        "{found:#?}"
    );
    assert_eq!(warnings("12 hours", "daily 09:00-21:00").len(), 1, "the second one is never there");
    for (shift, only) in [
        ("1 week", "weekdays 09:00-18:00"),
        ("1 day", "daily 09:00-18:00"),
        ("3 days", "weekdays 09:00-18:00"),
    ] {
        assert_eq!(warnings(shift, only), Vec::<String>::new(), "{shift} {only}");
    }
}

#[test]
fn each_wrong_member_of_a_list_is_told_and_no_key_beside_it_is_unknown() {
    let rotation = |keys: &str| {
        format!(
            "people:
  mei: {{ name: Mei Tanaka, phone: \"+15550100103\", opted_in: true }}
  jo: {{ name: Jo Okafor, phone: \"+15550100109\", opted_in: true }}
rotations:
  usual: {{ timezone: UTC, {keys} }}
fallback: {{ invite: {{ commander: [ rotation:usual, mei ] }} }}
"
        )
    };
    let found = roster_says(&rotation(
        "start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ], only: [ foo, bar ]",
    ));
    assert_eq!(found.len(), 2, "{found:#?}");
    let found = roster_says(&rotation(
        "layers: [ { name: \"\", start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ] }, { strat: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ] } ]",
    ));
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("layers[0].name` is empty"), "{found:#?}");
    assert!(found.iter().skip(1).all(|finding| finding.contains("layers[1]")), "{found:#?}");
    let topics = "{ sns: { topics: [ one, two ] } }";
    let found = config_says(&with("{ bearer: bearer-token-0123456789 }", topics));
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_team_that_cannot_fill_a_role_is_told_beside_any_other_mistake() {
    let roster = "people:
  mei: { name: Mei Tanaka, phone: \"+15550100103\", opted_in: true, roles: [ scribe ] }
  jo: { name: Jo Okafor, phone: \"+15550100109\", opted_in: yes }
teams:
  ops: { people: [ mei ] }
routes:
  - { name: a, match: x = y, invite: { commander: [ team:ops ] }, quorum: { roles: [ commander ] } }
fallback: { invite: { commander: [ jo ] } }
";
    let found = roster_says(roster);
    assert!(found.iter().any(|finding| finding.contains("but the quorum needs one")), "{found:#?}");
    assert!(found.iter().any(|finding| finding.contains("must be true or false")), "{found:#?}");
}

#[test]
fn one_secret_where_hmac_wants_several_is_a_misspelt_key() {
    let hmac = |hmac: &str| {
        config_says(&with("{ bearer: bearer-token-0123456789 }", &format!("{{ hmac: {hmac} }}")))
    };
    let found = hmac("{ header: X-Sig, secret: { env: SET_TOKEN } }");
    assert!(found.iter().any(|finding| finding.contains("did you mean `secrets`?")), "{found:#?}");
    let secret = "a-secret-that-is-long-enough";
    let found = hmac(&format!("{{ secrets: [ {secret} ], header: X-Sig, tolerance: 1m }}"));
    assert!(found.len() == 1 && found[0].contains("this signature covers no time"), "{found:#?}");
    let found = hmac(&format!(
        "{{ secrets: [ {secret} ], header: X-Sig, timestamp_header: X-Time, timestamp_before: secret, separator: \".\" }}"
    ));
    assert!(found.len() == 1 && found[0].contains("has no effect beside"), "{found:#?}");
}

#[test]
fn whether_the_fallback_has_a_gap_does_not_hang_on_the_day() {
    let roster = |only: &str| {
        format!(
            "people:
  mei: {{ name: Mei Tanaka, phone: \"+15550100103\", opted_in: true, timezone: UTC, absences: [] }}
  jo: {{ name: Jo Okafor, phone: \"+15550100109\", opted_in: true }}
rotations:
  usual:
    timezone: UTC
    start: 2026-01-05 09:00
    shift_length: 1 week
    people: [ mei, jo ]
    {only}
fallback: {{ invite: {{ commander: [ rotation:usual ] }} }}
"
        )
    };
    let each_week = roster("only: weekdays 00:00-24:00");
    let found = roster_says(&each_week);
    assert!(found.iter().any(|f| f.contains("nobody is from") && !f.contains("warning")), "{found:#?}");
    // Filled by overrides it is still a gap of each week, today as in the month in which they end.
    let filled = each_week.replace(
        "fallback:",
        "    overrides: [ { from: 2026-01-01 00:00, until: 2029-01-01 00:00, person: jo } ]\nfallback:",
    );
    let found = roster_says(&filled);
    assert!(found.iter().any(|f| f.contains("nobody is from") && !f.contains("warning")), "{found:#?}");
    // A layer that has not begun leaves no gap of each week.
    let later = "layers: [ { start: 2026-06-01 09:00, shift_length: 1 week, people: [ mei, jo ] }, { start: 2026-01-05 09:00, shift_length: 1 week, people: [ jo, mei ], only: weekdays 00:00-24:00 } ]";
    let begins = roster("").replace(
        "start: 2026-01-05 09:00\n    shift_length: 1 week\n    people: [ mei, jo ]\n",
        &format!("{later}\n"),
    );
    let found = roster_says(&begins);
    assert!(found.iter().any(|f| f.contains("warning") && f.contains("nobody is from")), "{found:#?}");
    assert!(found.iter().all(|f| f.contains("warning")), "{found:#?}");
}

#[test]
fn an_address_at_the_root_of_the_file_system_is_asked_about() {
    let found = config_says(&format!("store: sqlite://warroom.db\n{GOOD_CONFIG}"));
    assert!(found.len() == 1 && found[0].contains("`sqlite:warroom.db` is beside this file"), "{found:#?}");
    assert!(config_says(&format!("store: sqlite:/var/lib/warroom.db\n{GOOD_CONFIG}")).is_empty());
}

#[test]
fn a_key_left_empty_in_one_file_of_a_folder_is_not_given_twice() {
    let files = Files::new(&format!("roster: people\n{GOOD_CONFIG}"), "");
    std::fs::create_dir(files.0.path().join("people")).unwrap();
    files.write("people/1.yaml", &format!("routes:\n{GOOD_ROSTER}"));
    files.write("people/2.yaml", "routes: [ { name: a, match: x = y, invite: { commander: mei } } ]\n");
    assert_eq!(files.findings(), Vec::<String>::new());
}

#[test]
fn an_old_name_of_a_key_is_told_its_new_one() {
    let found = roster_says(&GOOD_ROSTER.replace("opted_in: true", "introduced: true"));
    assert!(found.iter().any(|finding| finding.contains("it is called `opted_in`")), "{found:#?}");
    let found = roster_says(
        &turns("2026-01-05 09:00", "2026-04-14", "2026-05-01 09:00").replace("shift_length:", "shift:"),
    );
    assert!(found.iter().any(|finding| finding.contains("it is called `shift_length`")), "{found:#?}");
}

#[test]
fn a_value_of_the_environment_that_is_no_text_is_refused() {
    let files = Files::new(&with("token-of-instance-one", "{ env: ODD }"), GOOD_ROSTER);
    let odd = |name: &str| (name == "ODD").then(|| "abc\u{fffd}def-0123456789".to_owned());
    let found = warroom::config::load(&files.config(), &odd, Strictness::Serve, super::now()).unwrap_err();
    assert!(found.to_string().contains("ODD is no UTF-8"), "{found}");
}
