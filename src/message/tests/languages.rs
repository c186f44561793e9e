//! Every text in every language: complete, within its bounds, in the words of its readers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::alert::Link;
use crate::alert::LinkKind;
use crate::consent::Verdict;
use crate::message::phrase::Phrase;
use crate::room::SeatState;

/// What is inserted or decided in a text.
fn holes(text: &str) -> BTreeSet<&str> {
    let mut holes = BTreeSet::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let from = &rest[at..];
        let close = match from.as_bytes().get(1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => "}",
        };
        let end = from.find(close).unwrap() + close.len();
        holes.insert(&from[..end]);
        rest = &from[end..];
    }
    holes
}

/// Every text of a sample and every letter, by name.
fn everything(composer: &Composer, sample: &Sample) -> Vec<(Wording, String)> {
    let mut said = all_said(composer, sample);
    said.extend(composer.letter_previews().map(|preview| (preview.wording, preview.text)));
    said
}

/// The full sample with many people and the longest names that come up.
fn longest() -> Sample {
    let mut sample = Sample::full();
    let name = "Maximiliane-Alexandra von Hohenstein-Schwarzenberg 👩‍🚒 ".repeat(2);
    let incident = &mut sample.incident;
    incident.title = "Checkout, login and the payment queue answer 502 in every region ".repeat(4);
    incident.summary = "94 % of requests to /pay end with status 502. ".repeat(60);
    incident.source = "prometheus-in-the-data-center-of-frankfurt".repeat(3);
    for label in incident.labels.values_mut() {
        *label = "a value that is as long as labels can be, and then some more of it".repeat(3);
    }
    for n in 0..20 {
        let url = format!("https://graphs.example/{}/{n}", "d".repeat(120));
        incident.links.push(Link { kind: LinkKind::Dashboard, url });
    }
    let first = sample.room.seats[0].clone();
    sample.room.seats.extend((0..16).map(|n| {
        let mut seat = first.clone();
        seat.who.person = format!("person-{n}");
        seat.state = if n % 2 == 0 { SeatState::Asked } else { first.state.clone() };
        seat
    }));
    for seat in &mut sample.room.seats {
        seat.who.name.clone_from(&name);
    }
    sample.guest = Room { guest_of: sample.guest.guest_of, ..sample.room.clone() };
    sample
}

#[test]
fn every_language_has_every_text_and_every_phrase_with_the_same_values() {
    let english = Catalog::english();
    for catalog in Catalog::all() {
        for wording in Wording::every() {
            let (own, original) = (catalog.template(wording), english.template(wording));
            assert!(!own.trim().is_empty(), "{}: {wording:?}", catalog.tag);
            assert_eq!(holes(own), holes(original), "{}: {wording:?}", catalog.tag);
        }
        for phrase in Phrase::ALL {
            let (own, original) = (catalog.raw(*phrase), english.raw(*phrase));
            assert!(!own.is_empty(), "{}: {}", catalog.tag, phrase.key());
            // A form for one or two may do without its number.
            assert_eq!(holes(own), holes(original), "{}: {}", catalog.tag, phrase.key());
        }
        for (list, many) in [(Phrase::Weekdays, 7), (Phrase::Months, 12)] {
            assert_eq!(catalog.raw(list).split(',').count(), many, "{}", catalog.tag);
        }
    }
    assert_eq!(built_in_languages(), ["en", "de", "es", "pt", "fr", "ar", "hi", "id"]);
}

#[test]
fn every_text_in_every_language() {
    for tag in built_in_languages() {
        let composer = speaking(tag);
        let mut shown = String::new();
        for (name, sample) in
            [("usual", Sample::full()), ("little known", Sample::sparse()), ("over", Sample::full().over())]
        {
            for (wording, text) in everything(&composer, &sample) {
                let letter = Wording::LETTERS.contains(&wording);
                if (name == "usual" || !letter) && (name != "over" || wording == Wording::LastWords) {
                    write!(shown, "--- {} · {name}\n{text}\n\n", wording.as_str()).unwrap();
                }
            }
        }
        let cut = Settings { limits: limited(700).settings.limits, ..speaking(tag).settings };
        for (wording, text) in all_said(&Composer::built_in(cut), &longest()) {
            write!(shown, "--- {} · longest, of 700\n{text}\n\n", wording.as_str()).unwrap();
        }
        insta::assert_snapshot!(format!("texts_{tag}"), shown);
    }
}

#[test]
fn no_text_is_longer_than_the_gateway_takes_and_each_keeps_severity_and_id_first() {
    for tag in built_in_languages() {
        for sample in [Sample::full(), longest()] {
            for longest in [200, 4096] {
                let limits = Capabilities { longest_text: longest, ..speaking(tag).settings.limits };
                let composer = Composer::built_in(Settings { limits, ..speaking(tag).settings });
                for (wording, text) in all_said(&composer, &sample) {
                    assert!(size(&text) <= composer.longest(wording), "{tag} {wording:?}: {text}");
                    let first = text.lines().next().unwrap().trim_start_matches(['*', '\u{200f}']);
                    let id = sample.incident.id.to_string();
                    let begins = if wording == Wording::Subject { id } else { format!("SEV1 · {id}") };
                    assert!(first.starts_with(&begins), "{tag} {wording:?}: {text}");
                }
            }
        }
    }
}

#[test]
fn every_text_says_who_speaks() {
    for tag in built_in_languages() {
        let catalog = Catalog::tagged(tag).unwrap();
        let neutral = Composer::built_in(Settings { operator: None, ..speaking(tag).settings });
        for (composer, name) in [(speaking(tag), "Acme Operations"), (neutral, catalog.raw(Phrase::Operator))]
        {
            for (wording, text) in everything(&composer, &Sample::full()) {
                assert!(wording == Wording::Subject || text.contains(name), "{tag} {wording:?}: {text}");
            }
        }
    }
}

#[test]
fn what_matters_stands_before_whatsapp_folds_the_text() {
    const SHOWN: usize = 10;
    let sample = Sample::full();
    for tag in built_in_languages() {
        let first_lines = |wording| {
            let text = said_by(&speaking(tag), &sample, wording);
            text.lines().take(SHOWN).collect::<Vec<_>>().join("\n")
        };
        for (wording, parts) in [
            (
                Wording::Welcome,
                &[
                    "Checkout answers 502",
                    "Acme Operations",
                    "one in five",
                    "Jonas Weber",
                    "runbooks.example",
                    "Amira Haddad",
                ][..],
            ),
            (
                Wording::Guest,
                &["Checkout answers 502", "Acme Operations", "one in five", "Jonas Weber", "INCIDENT-1041"],
            ),
            (Wording::Invite, &["Checkout answers 502", "Acme Operations", "chat.whatsapp.com", "16:00"]),
            (Wording::Brief, &["Checkout answers 502", "Acme Operations", "Jonas Weber", "16:00"]),
            (Wording::Quiet, &["Checkout answers 502", "Acme Operations", "Jonas Weber"]),
        ] {
            let shown = first_lines(wording);
            for part in parts {
                assert!(shown.contains(part), "{tag} {wording:?}: no {part} in\n{shown}");
            }
        }
    }
}

#[test]
fn the_words_to_answer_with_are_understood() {
    for tag in built_in_languages() {
        for (wording, text) in speaking(tag).letter_previews().map(|preview| (preview.wording, preview.text))
        {
            let bold: Vec<&str> = text.split('*').skip(1).step_by(2).collect();
            let verdicts: Vec<Verdict> = bold.into_iter().map(Verdict::of).collect();
            let expected: &[Verdict] = match wording {
                Wording::OptInRequest => &[Verdict::Yes, Verdict::Stop],
                Wording::StopTaken => &[Verdict::Start],
                _ => &[Verdict::Stop],
            };
            assert_eq!(verdicts, expected, "{tag}: {text}");
            let own = Verdict::of(&text);
            assert!(matches!(own, Verdict::Other | Verdict::Unclear), "{tag}: an echo is no answer: {text}");
        }
    }
}

#[test]
fn in_a_text_that_runs_from_right_to_left_what_is_inserted_has_its_own_direction() {
    let [begin, end] = ['\u{2068}', '\u{2069}'];
    for tag in built_in_languages() {
        for sample in [Sample::full(), Sample::sparse(), longest()] {
            for (wording, text) in everything(&speaking(tag), &sample) {
                let marks = |mark: char| text.matches(mark).count();
                if tag != "ar" {
                    assert_eq!(marks(begin) + marks(end), 0, "{tag} {wording:?}");
                    continue;
                }
                for line in text.lines() {
                    let open = line.chars().try_fold(0_u32, |open, c| match c {
                        _ if c == begin => Some(open + 1),
                        _ if c == end => open.checked_sub(1),
                        _ => Some(open),
                    });
                    assert!(open.is_some_and(|open| open <= 1), "{wording:?}: {line}");
                }
                for (at, _) in text.match_indices("https://") {
                    let word = text[at..].split_whitespace().next().unwrap();
                    assert!(!word.contains([begin, end]), "a link stays a link: {word}");
                }
            }
        }
    }
    let welcome = said_by(&speaking("ar"), &Sample::full(), Wording::Welcome);
    assert!(welcome.contains("\u{2068}Jonas Weber\u{2069}، يُرجى الرد هنا الآن"), "{welcome}");
}

#[test]
fn a_person_reads_their_own_language_and_the_room_that_of_its_route() {
    let mut sample = Sample::full();
    let says = |sample: &Sample, wording| said_by(&composer(), sample, wording);
    assert!(says(&sample, Wording::Welcome).contains("needs you here"));
    sample.room.summons.handout.language = "de".parse().ok();
    assert!(says(&sample, Wording::Welcome).contains("braucht Sie hier"));
    assert!(says(&sample, Wording::Invite).contains("Guten Tag"), "who has none reads that of the room");
    sample.room.seats.last_mut().unwrap().who.language = "fr-CA".parse().ok();
    assert!(says(&sample, Wording::Invite).contains("Bonjour Amira"));
    assert!(says(&sample, Wording::Welcome).contains("braucht Sie hier"));
    sample.room.seats.last_mut().unwrap().who.language = "nl".parse().ok();
    assert!(says(&sample, Wording::Invite).contains("Guten Tag"), "one that nobody speaks is none");
    let spanish = said_by(&speaking("es"), &Sample::full(), Wording::Welcome);
    assert!(spanish.contains("le necesita aquí"), "the config's for a route without one: {spanish}");
}

#[test]
fn an_own_text_of_a_language_serves_rooms_too_and_its_values_are_of_that_language() {
    let own = BTreeMap::from([("welcome".to_owned(), "{{ token }} {{ language }} {{ lasting }}".to_owned())]);
    let composer = composer().with_translations(BTreeMap::from([("hi".parse().unwrap(), own)]));
    let mut sample = Sample::full();
    sample.room.summons.handout.language = "hi".parse().ok();
    assert_eq!(said_by(&composer, &sample, Wording::Welcome), "INCIDENT-1042 hi 5 मिनट");
}

#[test]
fn the_readers_clock_comes_first_and_the_day_only_where_it_is_another() {
    let mut sample = Sample::full();
    let says = |sample: &Sample, wording| said_by(&composer(), sample, wording);
    assert!(says(&sample, Wording::Invite).contains("*Since* 16:00 Dubai (13:00 Berlin)\n"));
    assert!(says(&sample, Wording::Welcome).contains("*Since* 13:00 Berlin (12:00 UTC) · 5 min · 3 alerts"));
    sample.room.seats.last_mut().unwrap().who.timezone = Some("America/New_York".to_owned());
    assert!(says(&sample, Wording::Invite).contains("*Since* 07:00 New York (13:00 Berlin)\n"));
    sample.room.seats.last_mut().unwrap().who.timezone = Some("Pacific/Auckland".to_owned());
    assert!(says(&sample, Wording::Invite).contains("*Since* 01:00 Auckland (Sun 1 Mar 13:00 Berlin)\n"));
    let later = crate::clock::later(sample.now, SignedDuration::from_hours(30));
    let text = composer().welcome(&sample.incident, &sample.room, later);
    assert!(text.contains("*Since* Sun 1 Mar 13:00 Berlin (12:00 UTC) · 1 d 6 h"), "{text}");
    sample.room.summons.timezone = None;
    assert!(says(&sample, Wording::Welcome).contains("*Since* 12:00 UTC · 5 min"));
}
