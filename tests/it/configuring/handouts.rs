//! What a route may hand out, its deputies, and people's languages.

use std::collections::BTreeMap;

use warroom::alert::Severity;
use warroom::cli::who;
use warroom::config::{Colours, Strictness};
use warroom::roster::{Subject, Summons};

use super::{Files, GOOD_CONFIG, GOOD_ROSTER, roster_says};

/// A roster with a route that has these further keys.
fn route(keys: &str) -> String {
    let people = "  sam: { name: Sam, phone: \"+15550100104\", opted_in: true }\n  \
                  lea: { name: Lea, phone: \"+15550100105\", opted_in: true }\n  \
                  noor: { name: Noor, phone: \"+15550100106\", opted_in: true }\n\
                  rotations:\n  platform: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 52 weeks, people: [ lea, noor ] }\n";
    GOOD_ROSTER.replace(
        "fallback:",
        &format!(
            "{people}routes:\n  - name: acme\n    match: client = acme\n    invite: {{ commander: mei, specialist: [ sam, rotation:platform ] }}\n{keys}fallback:"
        ),
    )
}

fn says(keys: &str, part: &str) {
    let found = roster_says(&route(keys));
    assert!(found.len() == 1 && found[0].contains(part), "{keys}: {found:#?}");
}

fn summon(roster: &str, config: &str) -> Summons {
    let files = Files::new(config, roster);
    let loaded = files.load(Strictness::Serve).unwrap_or_else(|f| panic!("{}", f.draw(Colours::No)));
    let labels = BTreeMap::from([("client".to_owned(), "acme".to_owned())]);
    let subject =
        Subject { labels: &labels, source: "x", severity: Severity::Sev1, title: "down", assignees: &[] };
    loaded.roster.summon(&subject, super::now())
}

#[test]
fn a_route_hands_out_dashboards_a_call_and_a_text() {
    let keys = "    dashboards: [ https://g.example/a, { title: Checkout, url: https://g.example/b } ]
    call: https://meet.example/acme
    text: |
      *Ask first.*

      Then restart.
";
    assert_eq!(roster_says(&route(keys)), Vec::<String>::new());
    let handout = summon(&route(keys), GOOD_CONFIG).handout;
    let dashboards: Vec<(Option<&str>, &str)> =
        handout.dashboards.iter().map(|d| (d.title.as_deref(), d.url.as_str())).collect();
    assert_eq!(dashboards, [(None, "https://g.example/a"), (Some("Checkout"), "https://g.example/b")]);
    assert_eq!(handout.call.as_deref(), Some("https://meet.example/acme"));
    assert_eq!(handout.text.as_deref(), Some("*Ask first.*\n\nThen restart."));
    // One alone needs no list.
    for alone in ["https://g.example/a", "{ url: https://g.example/a }"] {
        let handout = summon(&route(&format!("    dashboards: {alone}\n")), GOOD_CONFIG).handout;
        assert_eq!(handout.dashboards.len(), 1, "{alone}");
    }
}

#[test]
fn the_fallback_hands_out_the_same_things() {
    let roster = format!("{GOOD_ROSTER}  text: Nobody knows this one.\n  call: https://meet.example/any\n");
    assert_eq!(roster_says(&roster), Vec::<String>::new());
    let handout = summon(&roster, GOOD_CONFIG).handout;
    assert_eq!(handout.text.as_deref(), Some("Nobody knows this one."));
    assert_eq!(handout.call.as_deref(), Some("https://meet.example/any"));
}

#[test]
fn what_routes_that_continue_hand_out_is_joined() {
    let next = "  - name: everybody
    invite: { commander: mei }
    dashboards: [ https://g.example/a, https://g.example/b ]
    call: https://meet.example/everybody
    text: Second.
    messages: { welcome: 'second {{ token }}' }
";
    let keys = format!(
        "    continue: true\n    dashboards: https://g.example/a\n    text: First.\n    messages: {{ invite: '{{{{ token }}}} {{{{ link }}}}' }}\n{next}"
    );
    let handout = summon(&route(&keys), GOOD_CONFIG).handout;
    let urls: Vec<&str> = handout.dashboards.iter().map(|d| d.url.as_str()).collect();
    assert_eq!(urls, ["https://g.example/a", "https://g.example/b"]);
    assert_eq!(handout.call.as_deref(), Some("https://meet.example/everybody"));
    assert_eq!(handout.text.as_deref(), Some("First.\n\nSecond."));
    assert_eq!(handout.messages.keys().collect::<Vec<_>>(), ["invite"], "the lead's wording only");
}

#[test]
fn mistakes_in_what_a_route_hands_out_are_found_at_their_place() {
    says("    dashboards: grafana\n", "`routes[0].dashboards` is not a web address: `grafana`");
    says("    dashboards: [ { title: Checkout } ]\n", "`routes[0].dashboards[0]` needs `url`");
    says("    dashboards: [ { titel: Checkout, url: https://g.example } ]\n", "did you mean `title`?");
    says(
        &format!("    dashboards: [ {{ title: {}, url: https://g.example }} ]\n", "x".repeat(61)),
        "is 61 characters long, but a title has 60 at most",
    );
    let many: Vec<String> = (0..9).map(|n| format!("https://g.example/{n}")).collect();
    says(
        &format!("    dashboards: [ {} ]\n", many.join(", ")),
        "names 9 dashboards, but a route has 8 at most",
    );
    says(
        "    dashboards: [ https://g.example/a, https://g.example/a ]\n",
        "warning: `routes[0].dashboards[1]` is named twice in this route",
    );
    says("    call: meet.example/acme\n", "`routes[0].call` is not a web address");
    says("    call: \"tel:+15550100199\"\n", "is a phone number, but must be the web address of a call");
    says("    call: +15550100199\n", "is a phone number, but must be the web address of a call");
    says(&format!("    text: {}\n", "ä".repeat(601)), "is 601 characters long, but a route's text has 600");
    assert_eq!(roster_says(&route(&format!("    text: {}\n", "ä".repeat(600)))), Vec::<String>::new());
    says("    text: \"a\\tb\"\n", "`routes[0].text` holds control characters");
    says("    text: ''\n", "`routes[0].text` is empty");
}

#[test]
fn a_routes_wording_is_checked_like_the_configs() {
    says("    messages: { welcome: '{{ titel }}' }\n", "did you mean `title`?");
    says("    messages: { welcome: '{% if %}' }\n", "`routes[0].messages.welcome` does not render: line 1");
    says("    messages: { invite: 'come' }\n", "the invite link `{{ link }}` is missing");
    says("    messages: { welcom: x }\n", "did you mean `welcome`?");
    says("    messages: { welcome: { file: none.txt } }\n", "cannot be read: there is no such file");
    says(&format!("    messages: {{ welcome: {} }}\n", "w".repeat(4200)), "its end is cut off");
    says(
        &format!("    messages: {{ welcome: '{} {{{{ text }}}}' }}\n", "w".repeat(4050)),
        "warning: `routes[0].messages.welcome` is long: people and links are left out",
    );
    let files = Files::new(GOOD_CONFIG, &route("    messages: { welcome: { file: acme.txt } }\n"));
    files.write("acme.txt", "*{{ token }}* for Acme\n{{ titel }}\n");
    let found = files.findings();
    assert!(found.len() == 1 && found[0].contains("line 2 of the text"), "{found:#?}");
    files.write("acme.txt", "*{{ token }}* for Acme\n");
    assert_eq!(files.findings(), Vec::<String>::new());
}

/// Taking the marks away from what the shipped files show gives files that can be used.
#[test]
fn the_shipped_examples_of_all_this_work() {
    let uncommented = |file: &str, keys: &[&str]| {
        let mut text = std::fs::read_to_string(super::shipped().with_file_name(file)).unwrap();
        for key in keys {
            let commented = format!("# {key}: ");
            assert!(text.contains(&commented), "{key}");
            text = text.replace(&commented, &format!("{key}: "));
        }
        text
    };
    let keys = ["language", "dashboards", "call", "text", "messages", "deputies"];
    let config = uncommented("warroom.yaml", &["translations"]).replace("messages: {}", "messages:");
    let files = Files::new(&config, &uncommented("roster.yaml", &keys));
    let loaded = files.load(Strictness::Check).unwrap_or_else(|f| panic!("{}", f.draw(Colours::No)));
    let found: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let found: Vec<&String> = found.iter().filter(|f| !f.contains("is not set here")).collect();
    assert_eq!(found, Vec::<&String>::new());
    let route = &loaded.roster.routes[0];
    assert!(
        route.handout.call.is_some() && route.handout.text.is_some() && !route.handout.messages.is_empty()
    );
    assert_eq!((route.handout.dashboards.len(), route.deputies.len()), (1, 1));
}

#[test]
fn deputies_are_asked_first_in_the_order_of_the_file() {
    let quorum = "    quorum: { roles: [ commander ] }\n";
    let chain = |roster: &str| -> Vec<(String, String, String)> {
        let required = summon(roster, GOOD_CONFIG).quorum.unwrap();
        let chain = required.roles.into_iter().next().unwrap().stand_ins.into_iter();
        chain.map(|s| (s.who.person, s.who.why, s.instead_of)).collect()
    };
    let stand_in = |roster: &str| {
        roster.replace(
            "phone: \"+15550100103\", opted_in: true",
            "phone: \"+15550100103\", opted_in: true, stand_in: noor",
        )
    };
    let jo = |roster: &str, absences: &str| {
        let jo =
            format!("  jo: {{ name: Jo, phone: \"+15550100107\", opted_in: true{absences} }}\nrotations:\n");
        roster.replacen("rotations:\n", &jo, 1)
    };
    let roster =
        stand_in(&route(&format!("{quorum}    deputies: {{ commander: [ jo, rotation:platform ] }}\n")));
    // Lea is on duty, and called as a specialist already: she is passed over.
    assert_eq!(
        chain(&jo(&roster, "")),
        [
            ("jo".to_owned(), "deputy for commander in route acme".to_owned(), "Mei Tanaka".to_owned()),
            (
                "noor".to_owned(),
                "stands in for Mei Tanaka; named as the stand-in of Mei Tanaka".to_owned(),
                "Mei Tanaka".to_owned()
            ),
        ]
    );
    // Whoever is away is skipped, and not replaced by their own stand-in.
    let away = ", stand_in: sam, timezone: UTC, absences: [ { from: 2026-02-20, until: 2026-03-10 } ]";
    let people: Vec<String> = chain(&jo(&roster, away)).into_iter().map(|(person, ..)| person).collect();
    assert_eq!(people, ["noor"]);
    // Of a rotation, whoever is on duty.
    let only = route(&format!("{quorum}    deputies: {{ commander: rotation:platform }}\n"))
        .replace("specialist: [ sam, rotation:platform ]", "specialist: sam");
    let (person, why, _) = chain(&only).remove(0);
    assert_eq!(person, "lea");
    assert!(
        why.starts_with("deputy for commander in route acme; rotation platform, week 9, on duty"),
        "{why}"
    );
}

#[test]
fn mistakes_about_deputies_are_found() {
    let quorum = "    quorum: { roles: [ commander ] }\n";
    let deputies = |text: &str| format!("{quorum}    deputies: {{ {text} }}\n");
    says(&deputies("comander: noor"), "for the role `comander`, which this route does not invite");
    says(&deputies("client: noor"), "add it under `invite`, or name `commander` or `specialist`");
    says(&deputies("commander: nor"), "did you mean `noor`?");
    says(&deputies("commander: rotation:platfrm"), "did you mean `rotation:platform`?");
    says(&deputies("commander: sam"), "warning: `routes[0].deputies.commander` is never asked as a deputy");
    says(
        &deputies("specialist: noor"),
        "warning: `routes[0].deputies.specialist` has no effect, because `quorum` does not require this role",
    );
    says("    deputies: { commander: noor }\n", "has no effect, because `quorum` does not require");
}

#[test]
fn a_person_has_a_language_by_its_tag() {
    let person = |language: &str| {
        GOOD_ROSTER.replace("opted_in: true", &format!("opted_in: true, language: {language}"))
    };
    for good in ["de", "pt-BR", "zh-Hant-TW", "no"] {
        let found = roster_says(&person(good));
        assert!(found.iter().all(|found| found.contains("there are no texts in")), "{good}: {found:#?}");
    }
    for (bad, part) in [
        ("de_DE", "write `de-DE`"),
        ("German", "a tag such as `de`, `pt-BR`"),
        ("\"\"", "is empty"),
        ("[ de ]", "must be a text, not a list"),
    ] {
        let found = roster_says(&person(bad));
        assert!(found.len() == 1 && found[0].contains(part), "{bad}: {found:#?}");
    }
    assert_eq!(
        summon(&person("PT-br"), GOOD_CONFIG).stakeholders[0].language.as_ref().unwrap().as_str(),
        "pt-BR"
    );
}

#[test]
fn translations_are_checked_like_other_templates() {
    let config = |translations: &str| format!("{GOOD_CONFIG}messages:\n  translations: {translations}\n");
    let says = |translations: &str, part: &str| {
        let found = Files::new(&config(translations), GOOD_ROSTER).findings();
        assert!(found.len() == 1 && found[0].contains(part), "{translations}: {found:#?}");
    };
    let good = "{ de: { invite: 'Hallo {{ person.name }}: {{ link }}', quiet: 'Still.' } }";
    let files = Files::new(&config(good), GOOD_ROSTER);
    assert_eq!(files.findings(), Vec::<String>::new());
    let loaded = files.load(Strictness::Serve).unwrap();
    let texts = loaded.config.translations.values().next().unwrap();
    assert_eq!(texts.keys().collect::<Vec<_>>(), ["invite", "quiet"]);
    says("{ de: { invite: 'Hallo' } }", "the invite link `{{ link }}` is missing");
    says("{ de: { invite: '{{ lnk }}' } }", "`messages.translations.de.invite` does not render: line 1");
    says("{ de: { opt_in_request: 'Hallo {{ person.name }}' } }", "it does not say `STOP`");
    says("{ de: { farewell: 'Hallo' } }", "unknown key `farewell` in `messages.translations.de`");
    says("{ deutsch: { quiet: 'Still.' } }", "`deutsch` is not the tag of a language");
    says("{ de_AT: { quiet: 'Still.' } }", "write `de-AT`");
    says(
        "{ de-at: { quiet: a }, de-AT: { quiet: b } }",
        "is the language `de-AT`, which stands here already",
    );
    says("{ de: { quiet: { file: none.txt } } }", "cannot be read");
    says("[ de ]", "must be a map, not a list");
}

#[test]
fn a_language_that_nothing_is_written_in_is_told_of() {
    let roster = GOOD_ROSTER.replace("opted_in: true", "opted_in: true, language: nl-BE");
    let with = |messages: &str| Files::new(&format!("{GOOD_CONFIG}{messages}"), &roster).findings();
    let missing = |found: &[String], place: &str| {
        assert!(
            found.len() == 1
                && found[0].contains(place)
                && found[0].contains("there are no texts in `nl-BE`, the language of mei"),
            "{found:#?}"
        );
    };
    missing(&with(""), "warroom.yaml:1:1");
    missing(&with("messages: { translations: {} }\n"), "warroom.yaml:10:13");
    missing(&with("messages:\n  translations: { de: { quiet: x } }\n"), "warroom.yaml:11:3");
    assert_eq!(with("messages: { translations: { nl: { quiet: x } } }\n"), Vec::<String>::new());
}

#[test]
fn who_shows_what_a_route_hands_out_and_what_each_would_read_in_which_language() {
    let keys = "    dashboards: [ { title: Checkout, url: https://g.example/b } ]
    call: https://meet.example/acme
    text: Ask first.
    quorum: { roles: [ commander ] }
    deputies: { commander: [ noor ] }
";
    let roster = route(keys)
        .replace("specialist: [ sam, rotation:platform ]", "specialist: [ sam ]")
        .replace("{ name: Sam,", "{ name: Sam, language: de,");
    let german = "messages: { translations: { de: { invite: 'Hallo {{ person.name }} {{ link }}' } } }\n";
    let files = Files::new(&format!("{GOOD_CONFIG}{german}"), &roster);
    let ask = |json: bool| {
        let question = who::Question {
            labels: [("client".to_owned(), "acme".to_owned())].into(),
            severity: Severity::Sev1,
            assignees: Vec::new(),
            at: super::now(),
            now: super::now(),
            render: true,
            json,
        };
        let mut out = Vec::new();
        assert_eq!(who::run(&files.config(), &super::set, &question, Colours::No, &mut out).unwrap(), 0);
        String::from_utf8(out).unwrap()
    };
    let said = ask(false);
    for part in [
        "look at  Checkout, https://g.example/b",
        "call     https://meet.example/acme",
        "specialist: Sam (sam, …04, de)",
        "commander: then Noor (noor, …06)\n    deputy for commander in route acme",
        "  | Ask first.",
        "  | Checkout: https://g.example/b",
        "1:1 to mei (invite, en)\n  | ",
        "1:1 to sam (invite, de)\n  | *SEV1 · INCIDENT-1*\n  | Hallo Sam https://",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert_eq!(said.matches("1:1 to ").count(), 8, "four texts in two languages:\n{said}");
    let answer: serde_json::Value = serde_json::from_str(&ask(true)).unwrap();
    assert_eq!(answer["dashboards"][0]["title"], "Checkout");
    assert_eq!(answer["call"], "https://meet.example/acme");
    assert_eq!(answer["people"][1]["language"], "de");
    let german =
        answer["one_to_one"].as_array().unwrap().iter().filter(|one| one["language"] == "de").count();
    assert_eq!(german, 4, "{answer}");
}
