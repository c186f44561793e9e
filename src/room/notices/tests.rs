use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::Said;
use super::super::seat::{Refused, read_members};
use super::*;
use crate::alert::{DedupKey, Severity};
use crate::gateway::Notice;
use crate::gateway::{AddOutcome, Member, Members};
use crate::incident::{Incident, IncidentId, State};
use crate::jid::Jid;
use crate::room::Phase;
use crate::roster::{Handout, Stakeholder, Summons};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn group() -> GroupId {
    "120363000000000001@g.us".parse().unwrap()
}

fn phone(n: usize) -> Jid {
    format!("1555010000{n}@c.us").parse().unwrap()
}

fn lid(n: usize) -> Jid {
    format!("9900000{n}@lid").parse().unwrap()
}

fn by_phone(n: usize) -> Whom {
    Whom { phone: Some(phone(n)), hidden: None }
}

fn by_lid(n: usize) -> Whom {
    Whom { phone: None, hidden: Some(lid(n)) }
}

fn seat(n: usize, state: SeatState) -> Seat {
    let who = Stakeholder {
        person: format!("p{n}"),
        name: format!("Person {n}"),
        jid: phone(n),
        role: "specialist".into(),
        opted_in: true,
        timezone: None,
        why: "test".into(),
        email: None,
        language: None,
    };
    Seat { state, ..Seat::new(who) }
}

fn incident() -> Incident {
    Incident {
        id: IncidentId(7),
        key: DedupKey::new("test", 1, "down"),
        source: "test".into(),
        state: State::Open,
        severity: Severity::Sev1,
        worst: Severity::Sev1,
        title: "Down".into(),
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
    }
}

/// A living room, its people in these states.
fn room(states: &[SeatState]) -> Room {
    let summons = Summons {
        route: "r".into(),
        rule: String::new(),
        stakeholders: Vec::new(),
        runbook: None,
        timezone: None,
        quorum: None,
        size: 20,
        important: false,
        client: None,
        contacts_of: None,
        handout: Handout::default(),
    };
    let mut room = Room::wanted(&incident(), summons, at(0));
    room.phase = Phase::Live { group: group(), since: at(0) };
    room.instance = Some("main".into());
    room.seats = states.iter().enumerate().map(|(n, state)| seat(n, state.clone())).collect();
    room
}

fn invited() -> SeatState {
    SeatState::Invited { since: at(0), by_gateway: false }
}

fn told(seq: i64, second: i64, what: NoticeKind) -> NoticeItem {
    let notice = Notice { id: None, at: Some(at(second)), what };
    NoticeItem { seq, at: at(second), instance: "main".into(), notice }
}

fn joined(who: Whom) -> NoticeKind {
    NoticeKind::Joined { group: group(), who: vec![who] }
}

fn left(who: Whom) -> NoticeKind {
    NoticeKind::Left { group: group(), who: vec![who] }
}

fn words(room: &Room) -> Vec<String> {
    room.seats.iter().map(Seat::words).collect()
}

#[test]
fn whoever_is_known_is_in_at_once_and_nobody_has_to_look() {
    let mut room = room(&[invited(), invited()]);
    room.seats[1].hidden = Some(lid(1));
    room.apply_notices(&[told(1, 5, joined(by_phone(0))), told(2, 6, joined(by_lid(1)))], at(6));
    assert_eq!(words(&room), ["in", "in"]);
    assert_eq!((room.read_again_at, room.last_notice), (None, 2));
}

#[test]
fn a_hidden_id_that_nobody_can_map_makes_the_room_look_once_for_all_of_them() {
    let mut room = room(&[invited(), invited()]);
    room.read_at = Some(at(0));
    room.apply_notices(&[told(1, 20, joined(by_lid(0)))], at(20));
    assert_eq!(words(&room)[0], "invited by link", "not taken for anybody");
    assert_eq!(room.read_again_at, Some(at(23)));
    room.apply_notices(&[told(2, 22, joined(by_lid(1)))], at(22));
    assert_eq!(room.read_again_at, Some(at(23)), "one look for both");
    room.read_at = Some(at(23));
    room.read_again_at = None;
    room.apply_notices(&[told(3, 24, joined(by_lid(5)))], at(24));
    assert_eq!(room.read_again_at, Some(at(33)), "and not too often");
}

#[test]
fn an_outsider_with_a_number_of_their_own_is_no_reason_to_look() {
    let mut room = room(&[invited()]);
    room.apply_notices(&[told(1, 5, joined(by_phone(9))), told(2, 6, left(by_phone(9)))], at(6));
    assert_eq!((words(&room)[0].as_str(), room.read_again_at), ("invited by link", None));
}

#[test]
fn whoever_leaves_has_left_gets_no_link_and_can_come_back() {
    let mut room = room(&[SeatState::In { since: at(0) }]);
    room.apply_notices(&[told(1, 5, left(by_phone(0)))], at(5));
    assert_eq!(words(&room), ["left"]);
    assert!(!room.seats[0].needs_link() && room.seats[0].is_settled() && !room.seats[0].may_arrive());
    assert_eq!(room.leavers().count(), 1);
    let told_of = Message::Departures { leavers: vec!["p0".into()] };
    room.tasks.begin_message(Said::new(told_of.clone(), ChatId::Group(group()), at(6)), at(6));
    room.was_said(&told_of, None, at(7));
    room.apply_notices(&[told(2, 9, joined(by_phone(0)))], at(9));
    assert_eq!((words(&room)[0].as_str(), room.leavers().count()), ("in", 0));
    room.apply_notices(&[told(3, 12, left(by_phone(0)))], at(12));
    assert_eq!(room.leavers().count(), 1, "a second time is told a second time");
}

#[test]
fn what_happened_earlier_does_not_undo_what_happened_later() {
    let mut room = room(&[invited()]);
    room.apply_notices(&[told(1, 9, left(by_phone(0))), told(2, 5, joined(by_phone(0)))], at(10));
    assert_eq!(words(&room), ["left"]);
    room.apply_notices(&[told(3, 9, left(by_phone(0))), told(2, 20, joined(by_phone(0)))], at(11));
    assert_eq!(words(&room), ["left"], "a notice heard before is passed over");
}

#[test]
fn a_notice_older_than_the_list_that_shows_otherwise_is_settled_by_another_list() {
    let mut room = room(&[SeatState::In { since: at(30) }]);
    room.read_at = Some(at(30));
    room.apply_notices(&[told(1, 20, left(by_phone(0)))], at(31));
    assert_eq!(words(&room), ["in"]);
    assert!(room.read_again_at.is_some());
}

#[test]
fn the_invitation_of_somebody_who_came_is_not_looked_for_any_more() {
    let mut room = room(&[SeatState::Asked]);
    let invite = Message::Invite { person: "p0".into() };
    room.tasks.begin_message(Said::new(invite, ChatId::Person(phone(0)), at(0)), at(1));
    room.apply_notices(&[told(1, 5, joined(by_phone(0)))], at(5));
    assert_eq!(room.tasks.unknown().count(), 0);
}

#[test]
fn a_lost_message_that_was_seen_in_the_room_counts_as_said() {
    let mut room = room(&[]);
    let chat = ChatId::Group(group());
    let text = "*SEV1*\nhello".to_owned();
    room.tasks.begin_message(Said { text, ..Said::new(Message::Welcome, chat.clone(), at(0)) }, at(1));
    let own = |text: &str| NoticeKind::Message {
        chat: chat.clone(),
        from: None,
        from_me: true,
        message_id: Some("3EB0".into()),
        text: Some(text.into()),
        verdict: None,
    };
    room.apply_notices(&[told(1, 1, own("something else"))], at(1));
    assert!(!room.is_briefed());
    room.apply_notices(&[told(2, 1, own("*SEV1*\r\nhello "))], at(2));
    assert!(room.is_briefed() && room.tasks.unknown().next().is_none());
    assert_eq!(room.tasks.all_said()[0].1.message_id.as_deref(), Some("3EB0"));
}

#[test]
fn that_our_number_is_out_is_only_believed_of_the_rooms_own_number_and_after_a_look() {
    let mut room = room(&[]);
    let out = |seq, instance: &str| NoticeItem {
        instance: instance.into(),
        ..told(seq, 5, NoticeKind::WeLeft { group: group() })
    };
    room.apply_notices(&[out(1, "second")], at(5));
    assert_eq!(room.ousted_at, None, "another number of ours left");
    room.apply_notices(&[out(2, "main")], at(5));
    assert_eq!((room.ousted_at, room.read_again_at), (Some(at(5)), Some(at(5))));
    assert!(matches!(room.phase, Phase::Live { .. }), "the read decides");
}

#[test]
fn the_last_name_counts_whatever_order_it_comes_in() {
    let named = |seq, second, subject: &str| {
        told(seq, second, NoticeKind::Renamed { group: group(), subject: subject.to_owned() })
    };
    let mut room = room(&[]);
    room.apply_notices(&[named(1, 9, "new"), named(2, 5, "old")], at(9));
    assert_eq!(room.named.unwrap().subject, "new");
}

/// A list of those who are in; some rows show the hidden id alone.
fn list(present: &[bool], hides: &[bool]) -> Members {
    let row = |n: usize| Member { phone: (!hides[n]).then(|| phone(n)), hidden: Some(lid(n)), admin: false };
    Members {
        rows: present.iter().enumerate().filter(|(_, is_in)| **is_in).map(|(n, _)| row(n)).collect(),
        hidden_ids: (0..present.len()).map(|n| (phone(n), lid(n))).collect(),
        ..Members::default()
    }
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_notices_and_then_lists_gives_the_same_seats(
        moves in proptest::collection::vec((0usize..3, any::<bool>(), 0i64..60), 0..8),
        order in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..20),
        hides in proptest::collection::vec(any::<bool>(), 3),
        present in proptest::collection::vec(any::<bool>(), 3),
        said in proptest::option::of(Just(AddOutcome::NeedsInvite { by_gateway: false })),
    ) {
        let mut room = room(&[SeatState::In { since: at(0) }, invited(), SeatState::Asked]);
        room.seats[2].said = said;
        for (seq, (which, hidden)) in order.iter().enumerate() {
            if moves.is_empty() {
                break;
            }
            let (n, comes, second) = moves[which.index(moves.len())];
            let whom = if *hidden { by_lid(n) } else { by_phone(n) };
            let what = if comes { joined(whom) } else { left(whom) };
            room.apply_notices(&[told(i64::try_from(seq).unwrap() + 1, second, what)], at(60));
        }
        // Whatever was told, the lists that follow have the last word.
        for second in [130, 200, 270] {
            read_members(&mut room.seats, &list(&present, &hides), true, at(second));
        }
        for (seat, is_in) in room.seats.iter().zip(&present) {
            prop_assert_eq!(matches!(seat.state, SeatState::In { .. }), *is_in, "{:?}", seat);
            let was_told = seat.moved_at.is_some();
            prop_assert!(!(was_told && seat.needs_link()), "no link for whoever came or went: {seat:?}");
        }
    }
}

/// Found by a reader: moving into another group and out again asked everybody anew.
#[test]
fn who_is_ruled_out_is_not_asked_in_another_group_either() {
    let refused = |why| SeatState::Refused { why };
    let out = [Refused::OverSize, Refused::Stranger, Refused::Blocked, Refused::NotOnNetwork].map(refused);
    let mut states = vec![SeatState::In { since: at(0) }];
    states.extend(out.clone());
    let mut guest = room(&states);
    let everybody: Vec<String> = guest.seats.iter().map(|s| s.who.person.clone()).collect();
    guest.move_in(IncidentId(3), "main", &everybody);
    assert_eq!(guest.seats[0].state, SeatState::Asked);
    assert!(guest.seats[1..].iter().map(|s| &s.state).eq(&out));
    guest.move_out();
    assert_eq!(guest.seats[0].state, SeatState::Wanted);
    assert!(guest.seats[1..].iter().map(|s| &s.state).eq(&out));
}
