//! What a route gives into its rooms, and who is written to in which language.

use proptest::prelude::*;

use super::*;
use crate::alert::{Link, LinkKind};
use crate::roster::{Dashboard, Handout};

fn language(tag: &str) -> Language {
    tag.parse().unwrap()
}

/// The full sample, with this template in the route's own words.
fn routed(wording: Wording, source: &str) -> Sample {
    let mut sample = Sample::full();
    sample.room.summons.handout.messages = BTreeMap::from([(wording.as_str().to_owned(), source.to_owned())]);
    sample
}

/// The full sample, with everybody reading this language.
fn reading(tag: &str) -> Sample {
    let mut sample = Sample::full();
    for seat in &mut sample.room.seats {
        seat.who.language = Some(language(tag));
    }
    sample
}

fn translating(texts: &[(&str, Wording, &str)]) -> Composer {
    let mut translations: BTreeMap<Language, BTreeMap<String, String>> = BTreeMap::new();
    for (tag, wording, source) in texts {
        let texts = translations.entry(language(tag)).or_default();
        texts.insert(wording.as_str().to_owned(), (*source).to_owned());
    }
    composer().with_translations(translations)
}

const GERMAN: &str = "*{{ severity }} · {{ token }}*\nHallo {{ person.name }}, bitte komm dazu: {{ link }}";

#[test]
fn the_alerts_own_links_come_first_of_their_kind_and_no_address_comes_twice() {
    let text = said(&Sample::full(), Wording::Description);
    let links: Vec<&str> = text.lines().filter(|line| line.contains("https://")).collect();
    assert_eq!(
        links,
        [
            "Runbook: https://runbooks.example/acme",
            "Alert: https://alerts.example/7f3",
            // The alert's, by the name that the route has for it.
            "Checkout: https://graphs.example/d/checkout_api",
            "Orders: https://graphs.example/d/orders",
            "Dashboard: https://graphs.example/d/payments",
            "Call: https://call.example/war",
            "Call: https://meet.example/acme",
        ]
    );
}

#[test]
fn where_links_are_too_many_dashboards_give_way_before_the_call() {
    let mut sample = Sample::full();
    sample.room.summons.handout.dashboards =
        (0..30).map(|n| Dashboard { title: None, url: format!("https://graphs.example/d/{n}") }).collect();
    sample.incident.links.push(Link { kind: LinkKind::Source, url: "https://alerts.example/8".to_owned() });
    let text = said(&sample, Wording::Welcome);
    assert!(text.contains("Call: https://meet.example/acme"), "{text}");
    assert!(text.contains("https://graphs.example/d/0\n"), "{text}");
    assert!(!text.contains("https://graphs.example/d/29"), "{text}");
}

#[test]
fn a_title_cannot_format_or_pass_for_another_incident() {
    let mut sample = Sample::full();
    sample.room.summons.handout.dashboards =
        vec![Dashboard { title: Some("*x* INCIDENT-7".to_owned()), url: "https://g.example/".to_owned() }];
    let text = said(&sample, Wording::Welcome);
    assert!(text.contains("∗x∗ INCIDENT\u{2011}7: https://g.example/"), "{text}");
}

#[test]
fn the_routes_text_goes_after_the_summary_and_before_people_and_links() {
    let mut sample = Sample::full();
    sample.incident.summary = "s".repeat(1500);
    sample.room.summons.handout.text = Some("t".repeat(600));
    let welcome = |longest| limited(longest).welcome(&sample.incident, &sample.room, sample.now);
    let has = |text: &str, letter: &str| text.contains(&letter.repeat(20));

    let whole = welcome(4096);
    assert!(has(&whole, "s") && whole.contains(&"t".repeat(600)), "{whole}");
    let without_summary = welcome(size(&whole) - 100);
    assert!(!has(&without_summary, "s"), "{without_summary}");
    assert!(without_summary.contains(&"t".repeat(600)), "{without_summary}");
    let less_text = welcome(size(&without_summary) - 50);
    assert!(has(&less_text, "t") && less_text.contains('…'), "{less_text}");
    assert!(less_text.contains("Amira Haddad") && less_text.contains("https://runbooks.example/acme"));
    let without = welcome(800);
    assert!(!has(&without, "t"), "{without}");
    assert!(
        without.contains("Jonas Weber") && without.contains("https://runbooks.example/acme"),
        "{without}"
    );
}

#[test]
fn a_route_says_it_in_words_of_its_own_and_the_configs_are_for_the_others() {
    let config = own("welcome", "{{ token }} config");
    let sample = routed(
        Wording::Welcome,
        "{{ token }} route {{ call }}{% for d in dashboards %} {{ d.name }}{% endfor %}",
    );
    assert_eq!(
        said_by(&config, &sample, Wording::Welcome),
        "INCIDENT-1042 route https://call.example/war Checkout Orders Dashboard"
    );
    assert_eq!(said_by(&config, &Sample::full(), Wording::Welcome), "INCIDENT-1042 config");
}

#[test]
fn a_routes_wording_that_does_not_render_gives_way_to_the_configs_and_that_to_the_built_in() {
    let config = own("welcome", "{{ token }} config");
    for broken in ["{{ titel }}", "{% if %}", "{{ 1 / 0 }}", "  "] {
        let sample = routed(Wording::Welcome, broken);
        assert_eq!(said_by(&config, &sample, Wording::Welcome), "INCIDENT-1042 config", "{broken}");
        assert!(said(&sample, Wording::Welcome).contains("needs you here"), "{broken}");
    }
    let sample = routed(Wording::Invite, "{{ token }} without it");
    assert!(
        said(&sample, Wording::Invite).contains(&sample.link.0),
        "an invitation is nothing without its link"
    );
}

#[test]
fn somebody_is_invited_in_their_language_and_others_as_usual() {
    let composer = translating(&[("de", Wording::Invite, GERMAN)]);
    assert_eq!(
        said_by(&composer, &reading("de"), Wording::Invite),
        "*SEV1 · INCIDENT-1042*\nHallo Amira Haddad, bitte komm dazu: https://chat.whatsapp.com/Abc_123-xyz"
    );
    let usual = said(&Sample::full(), Wording::Invite);
    assert_eq!(said_by(&composer, &Sample::full(), Wording::Invite), usual);
    assert_eq!(said_by(&composer, &reading("nl"), Wording::Invite), usual);
    // What is said to everybody is said in the usual language.
    assert_eq!(said_by(&composer, &reading("de"), Wording::Welcome), said(&Sample::full(), Wording::Welcome));
    // The text that has no translation is built in.
    assert!(said_by(&composer, &reading("de"), Wording::Reminder).contains("braucht Sie noch immer"));
}

#[test]
fn the_nearest_language_that_has_the_text_is_taken() {
    let composer = translating(&[
        ("pt", Wording::Invite, "{{ token }} pt {{ link }}"),
        ("pt", Wording::Quiet, "{{ token }} pt"),
        ("pt-BR", Wording::Invite, "{{ token }} pt-BR {{ link }}"),
    ]);
    let invited = |tag: &str| said_by(&composer, &reading(tag), Wording::Invite);
    assert!(invited("pt-BR").starts_with("INCIDENT-1042 pt-BR "));
    assert!(invited("pt-PT").starts_with("INCIDENT-1042 pt "));
    let sample = reading("pt-BR");
    let seat = sample.room.seats.last().unwrap();
    assert_eq!(composer.quiet(&sample.incident, &sample.room, seat, sample.now), "INCIDENT-1042 pt");
    let said_in = |wording, tag: &str| composer.language_of(wording, &sample.room, Some(&language(tag)));
    assert_eq!(said_in(Wording::Invite, "pt-BR"), "pt-BR");
    assert_eq!(said_in(Wording::Quiet, "pt-BR"), "pt");
    assert_eq!(said_in(Wording::Quiet, "de-AT"), "de");
    assert_eq!(said_in(Wording::Quiet, "nl"), "en");
}

#[test]
fn a_translation_wins_over_the_routes_words_and_gives_way_where_it_does_not_render() {
    let mut sample = reading("de");
    sample.room.summons.handout.messages =
        BTreeMap::from([("invite".to_owned(), "{{ token }} route {{ link }}".to_owned())]);
    let good = translating(&[("de", Wording::Invite, GERMAN)]);
    assert!(said_by(&good, &sample, Wording::Invite).contains("Hallo"));
    let broken = translating(&[("de", Wording::Invite, "{{ nonsense }}")]);
    assert!(said_by(&broken, &sample, Wording::Invite).starts_with("INCIDENT-1042 route"));
}

#[test]
fn a_text_for_one_person_knows_that_person_and_no_other_text_does() {
    let sample = Sample::full();
    for (wording, scene) in sample.scenes() {
        assert_eq!(Wording::ONE_TO_ONE.contains(&wording), scene.reader().is_some(), "{wording:?}");
    }
}

#[test]
fn a_template_that_leaves_no_room_for_long_parts_is_told_of() {
    let wide = format!("{{{{ token }}}} {}{{{{ text }}}}", "w".repeat(4040));
    let tight = own("welcome", &wide).tight();
    assert_eq!(tight.len(), 1, "{tight:?}");
    assert!(tight[0].why.contains("4096 characters"), "{tight:?}");
    assert_eq!(own("welcome", "{{ token }} {{ text }}").tight(), []);
    assert_eq!(own("welcome", &"w".repeat(5000)).tight(), [], "that is cut, which is an error");
}

fn handouts() -> impl Strategy<Value = Handout> {
    let dashboard = (proptest::option::of("\\PC{0,80}"), "https://[a-z.]{1,20}/[a-z]{0,400}")
        .prop_map(|(title, url)| Dashboard { title, url });
    let dashboards = proptest::collection::vec(dashboard, 0..20);
    let text = proptest::option::of("(?s)[ \\PC\n]{0,600}|[👨‍👩‍👧*_~\n]{0,600}");
    let call = proptest::option::of("https://[a-z.]{1,20}/[a-z]{0,400}");
    (dashboards, call, text, 1..5_usize).prop_map(|(dashboards, call, text, routes)| {
        let one = Handout { dashboards, call, text, language: None, messages: BTreeMap::new() };
        // As several routes that continue may add up to.
        let many: Vec<Handout> = (0..routes)
            .map(|n| Handout { text: one.text.as_ref().map(|t| format!("{t}{n}")), ..one.clone() })
            .collect();
        Handout::joined(&many.iter().collect::<Vec<_>>())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_a_route_hands_out_no_text_is_too_long_and_each_names_its_incident(handout in handouts(), longest in 200usize..4096) {
        for mut sample in [Sample::full(), Sample::sparse()] {
            sample.room.summons.handout = handout.clone();
            sample.guest.summons.handout = handout.clone();
            let token = sample.incident.id.to_string();
            for composer in [limited(longest), composer()] {
                for (wording, text) in all_said(&composer, &sample) {
                    prop_assert!(size(&text) <= composer.longest(wording), "{:?} {}", wording, text);
                    prop_assert!(subject_has_token(text.lines().next().unwrap(), &token), "{}", text);
                    if wording == Wording::Invite {
                        prop_assert!(text.contains(&sample.link.0), "{}", text);
                    }
                }
            }
        }
    }
}
