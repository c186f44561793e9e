//! Whoever said STOP is out of everything that a room decides, whatever else is true of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::alert::{DedupKey, Severity};
use crate::clock::SignedDuration;
use crate::consent::{Consent, Verdict};
use crate::incident::{Incident, IncidentId, State};
use crate::room::{NotOptedIn, Phase, Said};
use crate::roster::{Handout, Required, RequiredRole, StandIn, Summons, USUAL_SIZE};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn jid(n: usize) -> Jid {
    format!("1555010000{n}@c.us").parse().unwrap()
}

fn who(n: usize, opted_in: bool) -> Stakeholder {
    Stakeholder {
        person: format!("p{n}"),
        name: format!("Person {n}"),
        jid: jid(n),
        role: "specialist".to_owned(),
        opted_in,
        email: None,
        timezone: None,
        language: None,
        why: "test".to_owned(),
    }
}

/// Three people, the last of them a stranger; a fourth can stand in, a fifth is told last.
fn room() -> Room {
    let incident = Incident {
        id: IncidentId(1),
        key: DedupKey::new("test", 1, "x"),
        source: "test".to_owned(),
        state: State::Open,
        severity: Severity::Sev1,
        worst: Severity::Sev1,
        title: "Checkout is down".to_owned(),
        summary: String::new(),
        labels: BTreeMap::new(),
        links: Vec::new(),
        assignees: Vec::new(),
        started_at: at(0),
        opened_at: at(0),
        changed_at: at(0),
        heard_at: at(0),
        look_at: None,
        stale_since: None,
        end_reason: None,
        unseen: 0,
        firing: [1, 0, 0, 0, 0],
        acknowledged: false,
        truncated: false,
        has_room: true,
    };
    let stand_in = StandIn { who: who(4, false), instead_of: "Person 1".to_owned() };
    let required = Required {
        within: SignedDuration::from_mins(5),
        step: SignedDuration::from_mins(2),
        roles: vec![RequiredRole { role: "specialist".to_owned(), stand_ins: vec![stand_in] }],
        otherwise: vec![who(5, false)],
    };
    let summons = Summons {
        route: "test".to_owned(),
        rule: String::new(),
        stakeholders: vec![who(1, true), who(2, true), who(3, false)],
        runbook: None,
        timezone: None,
        quorum: Some(required),
        size: USUAL_SIZE,
        important: false,
        client: None,
        contacts_of: None,
        handout: Handout::default(),
    };
    Room::wanted(&incident, summons, at(0))
}

fn stopped(people: &[usize]) -> Stances {
    Stances { stopped: people.iter().map(|n| (jid(*n), at(-60))).collect(), ..Stances::default() }
}

fn said_stop(seat: &Seat) -> bool {
    seat.words() == format!("said STOP on {}", at(-60).strftime("%F"))
}

#[test]
fn whoever_said_stop_is_refused_with_the_reason_and_not_among_the_first_members() {
    for not_opted_in in [NotOptedIn::Invite, NotOptedIn::Add, NotOptedIn::LeaveOut] {
        let mut room = room();
        assert!(room.apply_consent(&stopped(&[1, 3]), at(1)));
        assert!(said_stop(&room.seats[0]) && said_stop(&room.seats[2]), "{:?}", room.seats);
        assert_eq!(room.first_members(not_opted_in), [jid(2)]);
        assert!(!room.apply_consent(&stopped(&[1, 3]), at(2)), "nothing new");
    }
}

#[test]
fn nobody_is_left_to_make_a_group_with_only_if_everybody_said_stop() {
    let mut room = room();
    room.apply_consent(&stopped(&[1, 2]), at(1));
    assert_eq!(room.first_members(NotOptedIn::Invite), [jid(3)], "a stranger is better than no group");
    room.apply_consent(&stopped(&[1, 2, 3]), at(2));
    assert_eq!(room.first_members(NotOptedIn::Invite), []);
}

#[test]
fn who_is_in_the_room_stays_in_it_and_who_left_has_left() {
    let mut room = room();
    room.seats[0].state = SeatState::In { since: at(5) };
    room.seats[1].state = SeatState::Left { since: at(6) };
    room.apply_consent(&stopped(&[1, 2]), at(7));
    let words: Vec<String> = room.seats.iter().map(Seat::words).collect();
    assert_eq!(words, ["in", "left", "asked"]);
    assert!(room.has_stopped(&jid(1)), "and nothing is said to them 1:1");
}

#[test]
fn a_lost_message_to_them_is_not_said_again() {
    let mut room = room();
    room.seats[1].state = SeatState::Asked;
    let mut lost = |message: Message, chat: ChatId| {
        room.tasks.begin_message(Said { text: "…".to_owned(), ..Said::new(message, chat, at(1)) }, at(2));
    };
    lost(Message::Welcome, ChatId::Group("120363000000000001@g.us".parse().unwrap()));
    lost(Message::Invite { person: "p2".to_owned() }, ChatId::Person(jid(2)));
    room.apply_consent(&stopped(&[2]), at(3));
    let lost: Vec<&Message> = room.tasks.unknown().map(|said| &said.message).collect();
    assert_eq!(lost, [&Message::Welcome], "what else is lost is looked for");
    assert!(said_stop(&room.seats[1]));
}

#[test]
fn start_brings_somebody_back_as_if_they_were_called_only_now() {
    let mut room = room();
    room.apply_consent(&stopped(&[1]), at(1));
    room.phase = Phase::Live { group: "120363000000000001@g.us".parse().unwrap(), since: at(2) };
    room.apply_consent(&Stances::default(), at(3));
    assert_eq!((&room.seats[0].state, room.seats[0].to_add), (&SeatState::Wanted, true));
    assert!(!room.has_stopped(&jid(1)));
}

#[test]
fn whoever_has_talked_with_us_is_no_stranger_any_more() {
    let mut room = room();
    let stances = Stances { acquainted: [jid(3), jid(4)].into(), ..Stances::default() };
    assert!(room.apply_consent(&stances, at(1)));
    assert_eq!(room.first_members(NotOptedIn::Invite), [jid(1), jid(2), jid(3)]);
    let required = room.summons.quorum.as_ref().unwrap();
    assert!(required.roles[0].stand_ins[0].who.opted_in);
}

#[test]
fn too_many_people_do_not_come_in_by_a_start() {
    let mut room = room();
    room.seats[2].state = SeatState::Refused { why: Refused::OverSize };
    room.apply_consent(&stopped(&[3]), at(1));
    room.apply_consent(&Stances::default(), at(2));
    assert_eq!(room.seats[2].state, SeatState::Refused { why: Refused::OverSize });
}

proptest! {
    #[test]
    fn minding_twice_is_minding_once_and_the_last_word_counts(
        first in proptest::collection::btree_set(1usize..6, 0..5),
        last in proptest::collection::btree_set(1usize..6, 0..5),
    ) {
        let as_stances = |people: &std::collections::BTreeSet<usize>| {
            let mut stances = Stances::default();
            for n in people {
                let mut consent = Consent::default();
                consent.hear(Verdict::Stop, at(-60), at(0));
                stances.add(jid(*n), &consent);
            }
            stances
        };
        let mut room = room();
        room.apply_consent(&as_stances(&first), at(1));
        room.apply_consent(&as_stances(&last), at(2));
        prop_assert!(!room.apply_consent(&as_stances(&last), at(3)));
        for seat in &room.seats {
            let n: usize = seat.who.person[1..].parse().unwrap();
            prop_assert_eq!(said_stop(seat), last.contains(&n));
        }
        let members = room.first_members(NotOptedIn::Add);
        prop_assert!(members.iter().all(|m| !room.has_stopped(m)));
    }
}
