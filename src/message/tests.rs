//! The promises of the texts.

use proptest::prelude::*;

use super::*;
use crate::incident::News;

mod claims;
mod handout;
mod languages;
mod quorum;
mod words;

fn settings() -> Settings {
    Settings {
        trust: BTreeMap::from([("prometheus".to_owned(), Trust::Signed)]),
        operator: Some("Acme Operations".to_owned()),
        ..Settings::default()
    }
}

fn composer() -> Composer {
    Composer::built_in(settings())
}

/// The same, for rooms and people of this language.
fn speaking(tag: &str) -> Composer {
    let language = tag.parse().ok();
    Composer::built_in(Settings { language, reads_replies: true, ..settings() })
}

/// Every text of a sample, as it would be sent.
fn all_said(composer: &Composer, sample: &Sample) -> Vec<(Wording, String)> {
    let said = |(wording, scene)| (wording, composer.said(wording, &scene));
    sample.scenes().into_iter().map(said).collect()
}

fn said_by(composer: &Composer, sample: &Sample, wording: Wording) -> String {
    let mut said = all_said(composer, sample).into_iter();
    said.find(|(w, _)| *w == wording).unwrap().1
}

fn said(sample: &Sample, wording: Wording) -> String {
    said_by(&composer(), sample, wording)
}

fn with(room_name: &str, overrides: &[(&str, &str)]) -> Result<Composer, Vec<TemplateProblem>> {
    let overrides =
        overrides.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
    Composer::new(room_name, &overrides, Settings::default())
}

fn own(name: &str, source: &str) -> Composer {
    with(ROOM_NAME, &[(name, source)]).unwrap()
}

fn limited(longest_text: usize) -> Composer {
    let limits = Capabilities {
        longest_subject: 25,
        safe_subject: 25,
        longest_description: longest_text,
        longest_text,
    };
    Composer::built_in(Settings { limits, ..Settings::default() })
}

#[test]
fn the_name_is_the_id_and_what_broke() {
    insta::assert_snapshot!(said(&Sample::full(), Wording::Subject), @"INCIDENT-1042 | Checkout answers 502");
}

#[test]
fn a_guest_ends_without_ending_the_group() {
    let (composer, sample) = (composer(), Sample::full().over());
    let about = |topic| scene(&sample.incident, &sample.guest, sample.now, topic);
    let text = composer.compose(Wording::LastWords, &about(Topic::End));
    assert!(text.contains("This group goes on for INCIDENT-1041"), "{text}");
    assert!(!text.contains("Only admins"), "{text}");
    let resolved = &sample.news[1];
    let text = composer.compose(Wording::Resolved, &about(Topic::News(resolved)));
    assert!(!text.contains("closed at"), "{text}");
    let others = [crate::incident::IncidentId(1050), crate::incident::IncidentId(1051)];
    let at_home = scene(&sample.incident, &sample.room, sample.now, Topic::News(resolved));
    let text = composer.compose(Wording::Resolved, &Scene { guests: &others, ..at_home });
    assert!(text.contains("stays open for INCIDENT-1050, INCIDENT-1051."), "{text}");
}

#[test]
fn a_brief_of_ones_own_words_tells_of_the_other_incidents_too() {
    let composer = own("brief", "{{ token }}: {{ why }}");
    let text = said_by(&composer, &Sample::full(), Wording::Brief);
    assert!(text.contains("INCIDENT-1043 · SEV1 · Payments queue is growing"), "{text}");
    assert!(text.ends_with("+3"), "{text}");
}

#[test]
fn a_brief_of_very_many_incidents_names_the_first_and_counts_the_rest() {
    let sample = Sample::full();
    let listed: Vec<Incident> = (0..60)
        .map(|n| Incident {
            id: crate::incident::IncidentId(2000 + n),
            title: "A title that is as long as titles in a list of many can be, and longer".to_owned(),
            ..sample.incident.clone()
        })
        .collect();
    let also = Also { listed, more: 9_000 };
    let seat = sample.room.seats.last().unwrap();
    let composer = composer();
    let text = composer.brief(&sample.incident, &sample.room, seat, (&sample.why, &also), sample.now);
    let named = text.matches("INCIDENT-20").count();
    assert!(named >= 20, "{text}");
    assert!(text.contains(&format!("and {} more", 9_060 - named)), "{text}");
    assert!(size(&text) <= 4096);
}

#[test]
fn every_built_in_text_renders_for_every_sample() {
    let composer = composer();
    for sample in [Sample::full(), Sample::sparse(), Sample::full().over()] {
        let mut met = Vec::new();
        for (wording, scene) in sample.scenes() {
            met.push(wording);
            let attempt = composer.text_by(Author::BuiltIn("en"), wording, &scene);
            let attempt = attempt.unwrap_or_else(|p| panic!("{p} line {:?}", p.line));
            assert!(!attempt.was_cut, "{wording:?}");
        }
        met.sort();
        met.dedup();
        assert_eq!(met, Wording::ALL, "a sample shows each kind of text");
    }
}

#[test]
fn a_person_under_ten_links_still_finds_the_runbook_of_the_route_first() {
    let mut sample = Sample::full();
    sample.incident.links.insert(
        0,
        crate::alert::Link {
            kind: crate::alert::LinkKind::Runbook,
            url: "https://other.example/book".to_owned(),
        },
    );
    let welcome = said(&sample, Wording::Welcome);
    let at = |part: &str| welcome.find(part).unwrap();
    assert!(at("https://runbooks.example/acme") < at("https://other.example/book"));
    assert!(at("https://other.example/book") < at("https://alerts.example/7f3"));
    assert!(!welcome.contains("silence"));
}

#[test]
fn no_text_holds_a_phone_number() {
    for sample in [Sample::full(), Sample::sparse()] {
        for (wording, text) in all_said(&composer(), &sample) {
            for seat in &sample.room.seats {
                assert!(!text.contains(seat.who.jid.digits()), "{wording:?}");
            }
            assert!(!text.contains("5550100"), "{wording:?}");
        }
    }
}

#[test]
fn nothing_is_claimed_about_a_source_whose_proof_is_not_known() {
    let sample = Sample::full();
    let told = |trust: Option<Trust>| {
        let trust = trust.map(|t| ("prometheus".to_owned(), t)).into_iter().collect();
        let settings = Settings { trust, ..Settings::default() };
        let text = said_by(&Composer::built_in(settings), &sample, Wording::Description);
        text.rsplit("Reported by ").next().and_then(|rest| rest.split('.').next()).unwrap().to_owned()
    };
    assert_eq!(told(Some(Trust::Signed)), "a signed alert from prometheus");
    assert_eq!(told(Some(Trust::Token)), "an alert from prometheus");
    assert_eq!(told(Some(Trust::Unverified)), "an unverified alert from prometheus");
    assert_eq!(told(None), "an alert from prometheus");
}

#[test]
fn a_cut_list_is_said_to_be_one() {
    let mut sample = Sample::full();
    sample.incident.truncated = true;
    let welcome = said(&sample, Wording::Welcome);
    assert!(welcome.contains("· at least 3 alerts (the source cut its list)"), "{welcome}");
}

#[test]
fn two_pieces_of_news_are_never_the_same_text() {
    let composer = own("update", "{{ token }} · update 1");
    let sample = Sample::full();
    let mut items = [sample.news[0].clone(), sample.news[0].clone()];
    items[1].seq = 11;
    let texts: Vec<String> = items
        .iter()
        .map(|item| scene(&sample.incident, &sample.room, sample.now, Topic::News(item)))
        .map(|scene| composer.compose(Wording::Update, &scene))
        .collect();
    assert_eq!(texts[0], "INCIDENT-1042 · update 1");
    assert_eq!(texts[1], "*SEV1 · INCIDENT-1042 · update 11*\nINCIDENT-1042 · update 1");
}

#[test]
fn a_long_name_is_cut_in_its_title_and_keeps_the_whole_id() {
    let mut incident = Sample::full().incident;
    assert_eq!(composer().subject(&incident, None, 25), "INCIDENT-1042 | Checkout…");
    incident.title = "👩‍🚒 ".repeat(60);
    let subject = composer().subject(&incident, None, 25);
    assert_eq!(subject, "INCIDENT-1042 | 👩‍🚒…");
    let own = with("INCIDENT-{{ id }} | {{ title }} | {{ client }}", &[]).unwrap();
    incident.title = "Checkout answers 502 for everybody in the shop".to_owned();
    assert_eq!(own.subject(&incident, None, 40), "INCIDENT-1042 | Checkout answers… | acme");
}

#[test]
fn a_title_that_names_another_incident_is_not_found_as_that_one() {
    let mut incident = Sample::full().incident;
    incident.title = "INCIDENT-7 is back".to_owned();
    let subject = composer().subject(&incident, None, 100);
    assert!(subject_has_token(&subject, "INCIDENT-1042"));
    assert!(!subject_has_token(&subject, "INCIDENT-7"), "{subject}");
}

#[test]
fn a_name_that_does_not_begin_with_the_id_gives_way_and_is_reported() {
    let incident = Sample::full().incident;
    for room_name in [
        "{{ title }}",
        "SEV1 INCIDENT-{{ id }}",
        "INCIDENT-{{ id }}{{ id }}",
        "INCIDENT-{{ id }} or INCIDENT-7",
        "INCIDENT-1 | {{ title }}",
        "{{ labels.nothing }}",
        " ",
    ] {
        let composer = with(room_name, &[]).unwrap();
        assert_eq!(composer.subject(&incident, None, 100), "INCIDENT-1042 | Checkout answers 502");
        assert_eq!(composer.check()[0].template, "name", "{room_name}");
    }
    assert_eq!(with("{{ token }} {{ severity }}", &[]).unwrap().check(), []);
}

#[test]
fn a_replaced_wording_is_used() {
    let composer = own(
        "welcome",
        "{{ token }}: {{ title | upper }}{% for l in labels | items %} {{ l[0] }}={{ l[1] }}{% endfor %}",
    );
    let sample = Sample::full();
    assert_eq!(composer.check(), []);
    assert_eq!(
        said_by(&composer, &sample, Wording::Welcome),
        "INCIDENT-1042: CHECKOUT ANSWERS 502 client=acme environment=production \
         impact=one in five orders fails service=checkout_api"
    );
    assert_eq!(composer.preview()[1].text, said_by(&composer, &sample, Wording::Welcome));
}

#[test]
fn a_text_without_the_id_in_its_first_line_gets_it() {
    let composer = own("brief", "Dear {{ person.name }},\n{{ token }} is broken.");
    assert_eq!(
        said_by(&composer, &Sample::sparse(), Wording::Brief),
        "*SEV1 · INCIDENT-7*\nDear Sam Roe,\nINCIDENT-7 is broken."
    );
}

#[test]
fn templates_that_cannot_be_read_are_all_reported_with_their_lines() {
    let problems = with(
        "INCIDENT-{{ id }} | {{ titel }}",
        &[
            ("welcome", "{{ token }}\n{% if title %}\nx"),
            ("brief", "a\nb {% if false %}{{ person.name }} {{ link }}{% endif %}"),
            ("farewell", "x"),
            ("name", "x"),
        ],
    )
    .unwrap_err();
    let said: Vec<String> =
        problems.iter().map(|p| format!("{} {:?} {}", p.template, p.line, p.why)).collect();
    assert_eq!(
        (said.len(), said[4].as_str()),
        (5, "welcome Some(3) syntax error: unexpected end of input, expected end of block")
    );
    assert!(said[0].starts_with("brief Some(2) `link` is not known here"), "{}", said[0]);
    assert!(said[1].starts_with("farewell None there is no text of this name; there is welcome, "));
    assert_eq!(said[2], "name None there is no text of this name; the room's name is set beside it");
    assert_eq!(said[3], "name Some(1) `titel` is not known here; did you mean `title`?");
}

#[test]
fn a_template_that_does_not_render_gives_way_and_is_reported() {
    let sample = Sample::sparse();
    for (source, why) in [
        ("{{ token }}\n{{ labels.region.city }}", "undefined value"),
        ("{{ token }}\n{% for p in people %}{{ p.nmae }}{% endfor %}", "undefined value"),
        ("{{ token }}\n{{ title | reverse }}", "unknown filter: filter reverse is unknown"),
        ("{{ token }} {{ title | safe }}", "unknown filter: filter safe is unknown"),
        ("{{ token }} {{ 'x' * 99999999 }}", "it does too much work for one text"),
        (
            "{{ token }} {% for a in 'x' * 3000 %}{% for b in 'x' * 3000 %}y{% endfor %}{% endfor %}",
            "it does too much work for one text",
        ),
        ("{{ token }} {{ 'x' * 70000 }}", "it makes more than 65536 bytes of text"),
        ("{% if not title %}{{ token }}{% endif %}\n ", "it says nothing"),
    ] {
        let composer = own("welcome", source);
        let welcome = said_by(&composer, &sample, Wording::Welcome);
        assert_eq!(welcome, said_by(&Composer::default(), &sample, Wording::Welcome), "{source}");
        let problems = composer.check();
        assert!(problems.iter().any(|p| p.template == "welcome" && p.why == why), "{source}: {problems:?}");
    }
    let problems = own("welcome", "{{ token }}\n{{ labels.region.city }}").check();
    assert_eq!(problems[0].line, Some(2));
}

#[test]
fn a_label_that_an_alert_does_not_have_is_unknown() {
    let composer = own(
        "welcome",
        "{{ token }}: {{ labels.region }}, {{ labels['data-center'] }}, {{ labels.region|default('anywhere') }}\
         {% if labels.region %}, region{% endif %}{% if 'region' in labels %}, in{% endif %}\
         {% if labels.region is defined %}, defined{% endif %}\
         {% for name in labels %}{% if name == 'client' %} ({{ name }} {{ labels[name] }}){% endif %}{% endfor %}",
    );
    assert_eq!(composer.check(), []);
    let mut sample = Sample::full();
    assert_eq!(
        said_by(&composer, &sample, Wording::Welcome),
        "INCIDENT-1042: unknown, unknown, anywhere (client acme)"
    );
    sample.incident.labels.insert("region".to_owned(), "eu".to_owned());
    assert_eq!(
        said_by(&composer, &sample, Wording::Welcome),
        "INCIDENT-1042: eu, unknown, eu, region, in, defined (client acme)"
    );
}

#[test]
fn an_invitation_without_its_link_gives_way() {
    let composer = own("invite", "{{ token }}: please come{% if not link %}{{ link }}{% endif %}");
    let invite = said_by(&composer, &Sample::full(), Wording::Invite);
    assert!(invite.lines().any(|l| l == "https://chat.whatsapp.com/Abc_123-xyz"), "{invite}");
    assert_eq!(composer.check()[0].why, "the invite link `{{ link }}` is missing");
}

#[test]
fn a_wording_that_never_fits_is_cut_and_reported() {
    let composer = own("welcome", &format!("{{{{ token }}}} {}", "long ".repeat(1000)));
    let welcome = said_by(&composer, &Sample::full(), Wording::Welcome);
    assert_eq!((size(&welcome), welcome.ends_with('…')), (4096, true));
    assert!(composer.check()[0].why.starts_with("it is longer than the 4096"));
}

#[test]
fn autoescape_cannot_be_turned_off_and_literals_in_expressions_are_values_too() {
    let mut sample = Sample::full();
    sample.incident.title = "*a*".to_owned();
    let composer = own(
        "welcome",
        "{{ token }} {% autoescape false %}{{ title }}{{ token ~ title }}{% endautoescape %}\
         {% set x %}*{{ title }}*{% endset %} {{ x }} {{ '*b*' }} {{ token ~ title }}",
    );
    assert_eq!(
        said_by(&composer, &sample, Wording::Welcome),
        "INCIDENT-1042 ∗a∗INCIDENT\u{2011}1042∗a∗ *∗a∗* ∗b∗ INCIDENT-1042∗a∗"
    );
}

#[test]
fn the_long_parts_go_before_the_essentials_are_cut() {
    let mut sample = Sample::full();
    sample.incident.summary = "line\n".repeat(200);
    sample.incident.links[2].url = format!("https://graphs.example/{}", "d".repeat(900));
    for longest in [1500, 1100] {
        let text = said_by(&limited(longest), &sample, Wording::Welcome);
        assert!(size(&text) <= longest);
        for part in [
            "*SEV1 · INCIDENT-1042*",
            "Checkout answers 502",
            "Jonas Weber (lead)",
            "*Impact:*",
            "Automatic message from Incident Response.",
        ] {
            assert!(text.contains(part), "{longest}: {text}");
        }
        assert!(!text.contains("https://graphs.example/ddd…") && !text.ends_with('…'));
    }
}

/// The full sample with `value` wherever a foreign word can stand.
fn filled_with(value: &str) -> Sample {
    let mut sample = Sample::full();
    let value = || value.to_owned();
    let incident = &mut sample.incident;
    (incident.title, incident.summary, incident.source) = (value(), value(), value());
    for label in incident.labels.values_mut() {
        *label = value();
    }
    let summons = &mut sample.room.summons;
    (summons.route, summons.rule) = (value(), value());
    for seat in &mut sample.room.seats {
        (seat.who.name, seat.who.why) = (value(), value());
    }
    for item in &mut sample.news {
        match &mut item.news {
            News::Changed { joined, .. } => joined.iter_mut().for_each(|title| *title = value()),
            News::Reopened { title, .. } => *title = value(),
            News::Resolved { reason, .. } => *reason = Some(value()),
            News::Stale { .. } => {}
        }
    }
    sample
}

/// What `WhatsApp` would act upon in a text: its markers, and its lines that are no quotes.
fn structure(text: &str) -> [usize; 4] {
    let lines = text.lines().filter(|l| !l.starts_with("> ")).count();
    let count = |marker: char| text.matches(marker).count();
    [lines, count('*'), count('~'), count('`')]
}

/// Foreign text of the worst kind; never without a letter, because sources never hand over empty titles.
fn foreign() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => r"[*_~`>\-0-9.) a-z]{1,6}",
        1 => Just("\n".to_owned()),
        1 => Just("INCIDENT-7 ".to_owned()),
        1 => Just("👨‍👩‍👧🏽".to_owned()),
        1 => Just("عطل \u{202e}كبير\u{2060}".to_owned()),
        1 => Just("e\u{301}\u{323}".to_owned()),
        1 => Just("*bold* _italic_ ~gone~ ```code```\n> quote\n- item\n1. first ".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    let pieces = proptest::collection::vec(piece, 1..30).prop_map(|p| p.concat());
    (pieces, prop_oneof![8 => Just(1usize), 1 => Just(200)]).prop_map(|(p, n)| p.repeat(n) + "x")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_value_formats_forges_or_outgrows_a_text(value in foreign()) {
        let composer = composer();
        let plain = all_said(&composer, &filled_with("x"));
        for ((wording, text), (_, calm)) in all_said(&composer, &filled_with(&value)).into_iter().zip(plain) {
            let longest = composer.longest(wording);
            prop_assert!(size(&text) <= longest && !text.is_empty());
            prop_assert!(subject_has_token(text.lines().next().unwrap(), "INCIDENT-1042"), "{}", text);
            prop_assert!(!subject_has_token(&text, "INCIDENT-7"), "{}", text);
            prop_assert_eq!(structure(&text), structure(&calm), "{:?}\n{}\n{}", wording, text, calm);
            for line in text.lines() {
                let quoted = line.strip_prefix("> ").unwrap_or(line);
                let digits = quoted.trim_start_matches(|c: char| c.is_ascii_digit());
                let numbered = digits.len() < quoted.len() && digits.starts_with([')', '.']);
                let numbered = numbered && digits.chars().nth(1).is_none_or(|c| c == ' ');
                prop_assert!(!quoted.starts_with('>') && !quoted.starts_with("- ") && !numbered, "{}", line);
            }
            let openers = text.char_indices().filter(|(at, c)| {
                let before = text[..*at].chars().next_back();
                *c == '_' && !before.is_some_and(|b| b.is_ascii_alphanumeric())
            });
            prop_assert_eq!(openers.count(), 0, "{}", text);
        }
    }

    #[test]
    fn however_little_room_there_is_the_id_and_the_link_survive(value in foreign(), longest in 80usize..900) {
        let sample = filled_with(&value);
        let composer = limited(longest);
        for (wording, text) in all_said(&composer, &sample) {
            prop_assert!(size(&text) <= composer.longest(wording), "{:?} {}", wording, text);
            prop_assert!(subject_has_token(text.lines().next().unwrap(), "INCIDENT-1042"), "{}", text);
            if wording == Wording::Invite {
                prop_assert!(text.contains(&sample.link.0), "{}", text);
            }
        }
    }

    #[test]
    fn no_limit_is_too_small_to_say_something_without_a_panic(value in foreign(), longest in 0usize..80) {
        let composer = limited(longest);
        let sample = filled_with(&value);
        for (wording, text) in all_said(&composer, &sample) {
            prop_assert!(size(&text) <= composer.longest(wording), "{}", text);
        }
        let subject = composer.subject(&sample.incident, None, longest);
        prop_assert!(subject.starts_with("INCIDENT-1042"), "{}", subject);
    }

    #[test]
    fn any_template_at_all_leaves_every_text_said(source in r"([{%}\| a-z._*\n>]|\{\{ [a-z]{1,9} \}\}|INCIDENT-){0,30}") {
        let everything: BTreeMap<String, String> = Wording::ALL
            .iter()
            .skip(1)
            .map(|w| (w.as_str().to_owned(), source.clone()))
            .collect();
        if let Ok(composer) = Composer::new(&source, &everything, Settings::default()) {
            for (_, text) in all_said(&composer, &Sample::full()) {
                prop_assert!(subject_has_token(text.lines().next().unwrap(), "INCIDENT-1042"), "{}", text);
            }
        }
    }
}

#[test]
fn last_words_do_not_call_over_what_is_still_active() {
    let text = said(&Sample::sparse(), Wording::LastWords);
    assert!(text.contains("*Closed by an operator while alerts are still active.*"), "{text}");
}

#[test]
fn a_guest_says_whose_group_it_is_in() {
    let text = said(&Sample::full(), Wording::Guest);
    assert!(text.contains("*Another incident in this group,* besides INCIDENT-1041."), "{text}");
}
