//! Whatever happens to people, the escalation of a role comes to an end and repeats nothing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::alert::{DedupKey, Severity};
use crate::incident::{Incident, IncidentId, State};
use crate::jid::Jid;
use crate::room::Phase;
use crate::roster::{Handout, Stakeholder, Summons, USUAL_SIZE};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + seconds).unwrap()
}

fn who(n: usize, role: &str, opted_in: bool) -> Stakeholder {
    Stakeholder {
        person: format!("p{n}"),
        name: format!("Person {n}"),
        jid: Jid::from_phone(&format!("+155501000{n:02}")).unwrap(),
        role: role.to_owned(),
        opted_in,
        timezone: None,
        why: "test".to_owned(),
        email: None,
        language: None,
    }
}

/// Two roles with one person each, stand-ins of which one can do both, and one person who is told last.
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
    let chain = |role: &str, people: [usize; 2]| RequiredRole {
        role: role.to_owned(),
        stand_ins: people
            .map(|n| StandIn { who: who(n, role, n % 2 == 0), instead_of: "somebody".to_owned() })
            .into(),
    };
    let required = Required {
        within: SignedDuration::from_mins(5),
        step: SignedDuration::from_mins(2),
        roles: vec![chain("commander", [3, 4]), chain("specialist", [4, 5])],
        otherwise: vec![who(6, "told last", true)],
    };
    let summons = Summons {
        route: "test".to_owned(),
        rule: "everything".to_owned(),
        stakeholders: vec![who(1, "commander", true), who(2, "specialist", true)],
        runbook: None,
        timezone: None,
        quorum: Some(required),
        size: USUAL_SIZE,
        important: false,
        client: None,
        contacts_of: None,
        handout: Handout::default(),
    };
    let mut room = Room::wanted(&incident, summons, at(0));
    room.phase = Phase::Live { group: "120363000000000001@g.us".parse().unwrap(), since: at(0) };
    room.tasks.done("say welcome", at(0));
    room
}

fn any_state() -> impl Strategy<Value = SeatState> {
    prop_oneof![
        Just(SeatState::Wanted),
        Just(SeatState::Asked),
        Just(SeatState::In { since: at(10) }),
        Just(SeatState::Invited { since: at(10), by_gateway: false }),
        Just(SeatState::Refused { why: Refused::Blocked }),
        Just(SeatState::CannotTell { look_at: at(10) }),
    ]
}

#[test]
fn nothing_is_done_before_it_is_time_and_then_a_fresh_list_is_read_first() {
    let mut room = room();
    for seat in &mut room.seats {
        seat.state = SeatState::Invited { since: at(10), by_gateway: false };
    }
    room.read_at = Some(at(15));
    assert_eq!(evaluate(&room, NotOptedIn::Invite, at(299)), Decision::ReadAt(at(300)));
    assert_eq!(evaluate(&room, NotOptedIn::Invite, at(300)), Decision::ReadAt(at(300)), "the list is old");
    room.read_at = Some(at(300));
    let turn = EscalationStep::Remind { role: "commander".to_owned(), people: vec!["p1".to_owned()] };
    assert_eq!(evaluate(&room, NotOptedIn::Invite, at(300)), Decision::Take(turn));
}

#[test]
fn somebody_who_was_only_just_invited_is_not_reminded_yet() {
    let mut room = room();
    room.seats[1].state = SeatState::In { since: at(20) };
    room.seats[0].state = SeatState::Invited { since: at(290), by_gateway: false };
    room.read_at = Some(at(300));
    assert_eq!(evaluate(&room, NotOptedIn::Invite, at(300)), Decision::ReadAt(at(290 + 150)));
}

proptest! {
    #[test]
    fn every_escalation_ends_and_asks_nobody_twice(
        changes in proptest::collection::vec((0usize..6, any_state(), 0i64..400), 0..60),
        leave_out in any::<bool>(),
    ) {
        let not_opted_in = if leave_out { NotOptedIn::LeaveOut } else { NotOptedIn::Invite };
        let mut room = room();
        let mut now = at(0);
        let mut taken: Vec<EscalationStep> = Vec::new();
        // After all that happens to people, time passes until nothing is left to do.
        let calm = std::iter::repeat_n((usize::MAX, SeatState::Wanted, 400), 20);
        for (seat, state, seconds) in changes.into_iter().chain(calm) {
            now = later(now, SignedDuration::from_secs(seconds));
            if let Some(seat) = room.seats.get_mut(seat) {
                seat.state = state;
            }
            room.read_at = Some(now);
            while let Decision::Take(turn) = evaluate(&room, not_opted_in, now) {
                prop_assert!(taken.len() < 20, "it never ends: {taken:?}");
                room.take_escalation_step(&turn, now);
                // What the room hears is said at once.
                let raised: Vec<String> = room.tasks.iter().map(|(key, _)| key.to_owned()).collect();
                for key in raised.iter().filter(|key| !key.starts_with("say reminder")) {
                    room.tasks.done(key, now);
                }
                taken.push(turn);
            }
        }
        let different: BTreeSet<String> = taken.iter().map(|turn| format!("{turn:?}")).collect();
        prop_assert_eq!(different.len(), taken.len(), "{:?}", taken);
        let keys: BTreeSet<&str> = room.seats.iter().map(|s| s.who.person.as_str()).collect();
        prop_assert_eq!(keys.len(), room.seats.len(), "a person has one seat");
        for role in ["commander", "specialist"] {
            let asked_so_far = room.escalation.roles.get(role);
            let settled = match room.coverage(role) {
                Coverage::Somebody => true,
                Coverage::Perhaps => asked_so_far.is_some_and(|c| c.unsure),
                Coverage::Nobody => asked_so_far.is_some_and(|c| c.spent_at.is_some()),
            };
            prop_assert!(settled, "{role} is left as it is: {taken:?}");
        }
        if leave_out {
            let strangers_called = room.seats.iter().any(|s| !s.who.opted_in);
            prop_assert!(!strangers_called, "{taken:?}");
        }
    }
}
