use crate::room::Look;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::alert::{DedupKey, Severity};
use crate::gateway::{Member, Members, Own, Sent};
use crate::incident::{Incident, IncidentId, State};
use crate::jid::{ChatId, Jid};
use crate::number::Loss;
use crate::room::{Inputs, Numbers, OurNumber, Policy, SeatState};
use crate::roster::{Handout, Stakeholder, Summons};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn phone(n: u32) -> Jid {
    format!("1555010000{n}@c.us").parse().unwrap()
}

fn lid(n: u32) -> Jid {
    format!("9900000{n}@lid").parse().unwrap()
}

fn group() -> GroupId {
    "120363000000000001@g.us".parse().unwrap()
}

fn incident() -> Incident {
    Incident {
        id: IncidentId(7),
        key: DedupKey::new("test", 1, "x"),
        source: "test".into(),
        state: State::Open,
        severity: Severity::Sev1,
        worst: Severity::Sev1,
        title: "Checkout is down".into(),
        summary: String::new(),
        labels: BTreeMap::new(),
        links: vec![],
        assignees: vec![],
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

fn wanted() -> Inputs {
    Inputs {
        incident: incident(),
        news: vec![],
        wish: None,
        notices: vec![],
        host: None,
        guests: vec![],
        duplicates: vec![],
        stances: crate::consent::Stances::default(),
        numbers: BTreeMap::new(),
        numbers_changes: 0,
    }
}

/// Two numbers, the first of which may not work since so many seconds.
fn numbers(main: Option<i64>) -> Numbers {
    let number = |name: &str, n, loss: Option<i64>| OurNumber {
        name: name.to_owned(),
        own: Some(Own { phone: phone(n), hidden: Some(lid(n)) }),
        loss: loss.map(|since| Loss { since: at(since), believed_at: at(since + 60) }),
        resting_until: None,
        last_down_at: loss.map(at),
    };
    Numbers(vec![number("main", 8, main), number("second", 9, None)])
}

/// A living room of one person, who is in.
fn room(stage: Option<Stage>) -> Room {
    let ada = Stakeholder {
        person: "ada".into(),
        name: "Ada Obi".into(),
        jid: phone(1),
        role: "commander".into(),
        opted_in: true,
        email: None,
        timezone: None,
        why: "test".into(),
        language: None,
    };
    let summons = Summons {
        route: "x".into(),
        rule: "x".into(),
        stakeholders: vec![ada],
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
    room.seats[0].state = SeatState::In { since: at(1) };
    room.instance = Some("main".into());
    room.standby.extend(stage.map(|stage| Standby { instance: "second".into(), stage, by_link: false }));
    room
}

fn ready() -> Stage {
    Stage::Ready { since: at(0) }
}

/// Asks `about` on the context of these numbers.
fn on<T>(numbers: &Numbers, about: impl FnOnce(Context<'_>) -> T) -> T {
    about(Context { policy: &Policy::default(), numbers, no_private_before: None, began_at: Timestamp::MIN })
}

fn next(room: &Room, numbers: &Numbers, now: i64) -> Option<Next> {
    let inputs = &wanted();
    on(numbers, |context| without_its_number(View { room, inputs, context, now: at(now) }, &group()))
}

fn row(phone: Option<Jid>, hidden: Option<Jid>) -> Member {
    Member { phone, hidden, admin: false }
}

#[test]
fn a_room_switches_when_its_number_is_given_up_and_not_before() {
    assert_eq!(next(&room(Some(ready())), &numbers(None), 999), None, "it works");
    assert_eq!(next(&room(Some(ready())), &numbers(Some(0)), 59), None);
    let switched = Next::Note(Event::Switched { instance: "second".into() });
    assert_eq!(next(&room(Some(ready())), &numbers(Some(0)), 60), Some(switched));
}

#[test]
fn a_number_that_was_made_an_admin_looks_for_itself_before_it_takes_over() {
    let check = Task::CheckNumber { group: group(), instance: "second".into() };
    assert_eq!(next(&room(Some(Stage::ToCheck)), &numbers(Some(0)), 5), Some(Next::Call(check)));
}

#[test]
fn without_a_standby_people_are_told_once_by_the_number_that_works() {
    let mut room = room(None);
    let Some(Next::Call(Task::Say { message, .. })) = next(&room, &numbers(Some(0)), 60) else {
        panic!("nobody is told")
    };
    assert_eq!(message, Message::Quiet { person: "ada".into() });
    room.tasks.done("say quiet ada", at(60));
    assert_eq!(next(&room, &numbers(Some(0)), 60), None);
}

#[test]
fn a_message_that_the_old_number_left_is_looked_for_anew_and_a_private_one_is_not_said_again() {
    let say = |message, chat| Task::Say { message, chat };
    let switched = Event::Switched { instance: "second".into() };
    let mut lost = room(Some(ready()));
    let welcome = say(Message::Welcome, ChatId::Group(group()));
    lost.begin((&welcome, Some("w")), "main", &wanted(), at(1)).unwrap();
    lost.tasks.unknown_mut("say welcome").unwrap().looks = 2;
    lost.take(&switched, at(60)).unwrap();
    let said = lost.tasks.unknown_message(&Message::Welcome).unwrap();
    assert_eq!((said.looks, said.look), (0, Look::planned(at(60), at(60))));

    let mut lost = room(Some(ready()));
    lost.seats[0].state = SeatState::Asked;
    let message = Message::Invite { person: "ada".into() };
    lost.begin((&say(message, ChatId::Person(phone(1))), Some("i")), "main", &wanted(), at(1)).unwrap();
    lost.take(&switched, at(60)).unwrap();
    assert_eq!(lost.tasks.unknown().count(), 0);
    assert_eq!(lost.seats[0].words(), "the invitation could not be delivered");
}

#[test]
fn a_room_message_is_looked_for_after_people_are_told() {
    let mut room = room(None);
    let welcome = Task::Say { message: Message::Welcome, chat: ChatId::Group(group()) };
    room.begin((&welcome, Some("w")), "main", &wanted(), at(1)).unwrap();
    let message = Message::Quiet { person: "ada".into() };
    let quiet = Task::Say { message, chat: ChatId::Person(phone(1)) };
    room.begin((&quiet, Some("q")), "second", &wanted(), at(61)).unwrap();
    let sent = Answer::Sent(Sent::default());
    on(&numbers(Some(0)), |context| room.finish((&quiet, Some("q")), &sent, context, at(62))).unwrap();
    let lost: Vec<&Message> = room.tasks.unknown().map(|said| &said.message).collect();
    assert_eq!(lost, [&Message::Welcome]);
    assert!(room.tasks.is_over("say quiet ada"));
}

#[test]
fn a_standby_that_somebody_has_taken_out_is_none_any_more() {
    let stage = |rows| {
        let mut room = room(Some(ready()));
        let members = Members { rows, ..Members::default() };
        on(&numbers(None), |context| room.without_our_rows(&members, context, at(9)));
        room.standby[0].stage.as_str()
    };
    assert_eq!(stage(vec![row(Some(phone(1)), None)]), "given_up");
    assert_eq!(stage(vec![row(Some(phone(9)), None)]), "ready");
    assert_eq!(stage(vec![row(None, Some(lid(3)))]), "ready", "that row may be it");
}

/// Found by a reader: one nameless row and one person missing was taken for that person.
#[test]
fn where_incidents_share_a_group_a_nameless_row_is_nobody_in_particular() {
    let read = |share: fn(&mut Room)| {
        let mut room = room(None);
        room.seats[0].state = SeatState::Asked;
        room.seats.truncate(1);
        share(&mut room);
        let rows = vec![row(None, Some(lid(7)))];
        let answer = Answer::Members(Members { rows, ..Members::default() });
        let task = Task::ReadMembers { group: group(), wanted: vec![] };
        on(&numbers(None), |context| room.finish((&task, None), &answer, context, at(9))).unwrap();
        matches!(room.seats[0].state, SeatState::In { .. })
    };
    assert!(read(|_| {}), "in a group of its own it can be nobody else");
    assert!(!read(|room| room.guest_of = Some(IncidentId(3))));
    assert!(!read(|room| room.has_hosted = true));
}

/// Found by a reader: the room's own number was put on hold for what another one was refused.
#[test]
fn a_second_group_whose_number_is_throttled_keeps_nothing_else_waiting() {
    let mut room = room(None);
    let beside: GroupId = "120363000000000002@g.us".parse().unwrap();
    let throttled = |seconds| GatewayError::Throttled {
        retry_after: Some(std::time::Duration::from_secs(seconds)),
        detail: "slow down".into(),
    };
    let task = Task::LeaveDuplicate { group: beside.clone() };
    on(&numbers(None), |context| room.finish((&task, None), &Answer::Failed(throttled(300)), context, at(9)))
        .unwrap();
    assert_eq!(room.throttled_until(), None);
    assert_eq!(room.tasks.retry_at(&task.key()), Some(at(309)), "it is left alone for as long as it asks");
    // Its own number is another matter.
    let read = Task::ReadMembers { group: group(), wanted: vec![] };
    on(&numbers(None), |context| {
        room.finish((&read, None), &Answer::Failed(throttled(300)), context, at(10))
    })
    .unwrap();
    assert_eq!(room.throttled_until(), Some(at(310)));
}

proptest! {
    #[test]
    fn our_numbers_are_never_among_the_guests_and_nobody_else_is_left_out(
        rows in proptest::collection::vec((0u32..10, any::<bool>(), any::<bool>()), 0..8),
        is_in in any::<bool>(),
    ) {
        let row = |(n, by_phone, by_lid): &(u32, bool, bool)| {
            row(by_phone.then(|| phone(*n)), (*by_lid || !by_phone).then(|| lid(*n)))
        };
        let members = Members { rows: rows.iter().map(row).collect(), ..Members::default() };
        let mut room = room(is_in.then(ready));
        let guests = on(&numbers(None), |context| room.without_our_rows(&members, context, at(9)));
        let ours = |row: &Member| {
            [8, 9].iter().any(|n| row.phone == Some(phone(*n)) || row.hidden == Some(lid(*n)))
        };
        prop_assert!(!guests.rows.iter().any(ours));
        let named = |rows: &[Member]| rows.iter().filter(|r| r.phone.is_some() && !ours(r)).count();
        prop_assert_eq!(named(&members.rows), named(&guests.rows));
        let others = members.rows.iter().filter(|r| !ours(r)).count();
        prop_assert!(guests.rows.len() + usize::from(is_in) >= others);
        prop_assert!(guests.rows.len() == others || guests.self_not_listed);
    }
}
