//! The text of a call that a room has chosen.

use super::*;
use crate::consent::Stances;
use crate::jid::ChatId;
use crate::room::{Inputs, Message, Phase, Task};

fn wanted(sample: &Sample) -> Inputs {
    Inputs {
        incident: sample.incident.clone(),
        news: sample.news.clone(),
        wish: None,
        notices: vec![],
        host: None,
        guests: vec![],
        duplicates: vec![],
        stances: Stances::default(),
        numbers: std::collections::BTreeMap::new(),
        numbers_changes: 0,
    }
}

fn say(message: Message) -> Task {
    Task::Say { message, chat: ChatId::Group("120363000000000001@g.us".parse().unwrap()) }
}

fn words(composer: &Composer, sample: &Sample, step: &Task) -> Option<String> {
    let limits = composer.settings.limits;
    composer.words(step, &sample.room, &wanted(sample), &Also::default(), limits, sample.now)
}

#[test]
fn those_who_left_are_named_at_the_end_however_long_the_text_is() {
    let mut sample = Sample::full();
    let left = "*Left:* Sam Roe (specialist), Lea Sand (account manager)";
    let leavers = vec!["sam".to_owned(), "lea".to_owned()];
    sample.news[0].at = sample.now;
    sample.news.truncate(1);
    for what in [
        Message::Presence { leavers: leavers.clone() },
        Message::News { through: 1, leavers: leavers.clone() },
        Message::Departures { leavers },
    ] {
        let usual = words(&composer(), &sample, &say(what.clone())).unwrap();
        assert!(usual.contains(left), "{usual}");
        let short = words(&limited(150), &sample, &say(what)).unwrap();
        assert!(short.contains(left) && size(&short) <= 150, "{short}");
    }
}

#[test]
fn news_is_told_as_far_as_it_was_known_when_it_was_chosen() {
    let sample = Sample::full();
    let what = Message::News { through: 2, leavers: vec![] };
    let text = words(&composer(), &sample, &say(what)).unwrap();
    assert!(text.lines().next().unwrap().ends_with("update 2*"), "{text}");
}

#[test]
fn a_repeat_has_the_words_of_the_first_try() {
    let mut sample = Sample::full();
    let Task::Say { message, chat } = say(Message::Welcome) else { unreachable!() };
    let now = sample.now;
    let mut room = sample.room.clone();
    room.begin((&say(Message::Welcome), Some("as it was")), "main", &wanted(&sample), now).unwrap();
    let said = room.tasks.unknown_message(&Message::Welcome).unwrap();
    assert_eq!((said.sends, said.text.as_str()), (1, "as it was"));
    sample.room = room;
    assert_eq!(words(&composer(), &sample, &Task::Say { message, chat }).unwrap(), "as it was");
}

#[test]
fn a_brief_with_a_link_holds_it_whatever_its_template_says() {
    let mut sample = Sample::full();
    let link = Some(InviteLink("https://chat.whatsapp.com/_Abc_-".to_owned()));
    sample.room.phase = Phase::Live { group: "120363000000000001@g.us".parse().unwrap(), since: sample.now };
    let what = Message::Brief { person: "lea".to_owned(), why: Why::Late { link } };
    for composer in [composer(), own("brief", "{{ token }}: come"), limited(120)] {
        let text = words(&composer, &sample, &say(what.clone())).unwrap();
        assert!(text.contains("https://chat.whatsapp.com/_Abc_-"), "{text}");
    }
}

#[test]
fn what_says_nothing_has_no_words() {
    let sample = Sample::full();
    let read = Task::GetLink { group: "120363000000000001@g.us".parse().unwrap() };
    assert_eq!(words(&composer(), &sample, &read), None);
}
