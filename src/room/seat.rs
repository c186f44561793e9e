//! A seat per wanted person: what is known of their being in the room.
//!
//! "The API said OK" never puts anybody into a seat; only a member list does. And a member list may show
//! hidden ids only, so a person can be *in*, *certainly absent*, or *not to be told*: the last is never
//! treated as absent.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{AddOutcome, Added, Members};
use crate::jid::Jid;
use crate::roster::Stakeholder;

/// One wanted person's place in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Who, in which role, and why.
    pub who: Stakeholder,
    /// What is known.
    pub state: SeatState,
    /// What the gateway said when it was asked to add the person.
    pub said: Option<AddOutcome>,
    /// Member lists in a row that certainly did not hold the person.
    pub absences: u32,
    /// Whether the number was found to be on the network, where it was asked.
    pub reachable: Option<bool>,
    /// Whether they were told 1:1 that there will be no room for now.
    pub briefed: bool,
    /// A 1:1 message about the incident was given up: nobody knows that the person heard of it.
    #[serde(default)]
    pub unreached: bool,
    /// Whether they were told 1:1 why nothing is heard in the room.
    #[serde(default)]
    pub told_quiet: bool,
}

/// What is known of a person's being in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seat", rename_all = "snake_case")]
pub enum SeatState {
    /// Nothing was done yet.
    Wanted,
    /// The gateway was asked to add them.
    Asked,
    /// A member list showed them.
    In {
        /// Since when we know.
        since: Timestamp,
    },
    /// They hold an invitation.
    Invited {
        /// Since when.
        since: Timestamp,
        /// The gateway invited them by itself.
        by_gateway: bool,
    },
    /// They will not be in the room.
    Refused {
        /// Why.
        why: Refused,
    },
    /// A member list showed ids that nobody can map; look again.
    CannotTell {
        /// When to look again.
        look_at: Timestamp,
    },
}

/// Why a person will not be in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The number is not on the network.
    NotOnNetwork,
    /// They have blocked our number, so we must not write to them.
    Blocked,
    /// They left a short while ago; that is respected.
    LeftRecently,
    /// The group is full.
    Full,
    /// Never introduced, and the policy leaves strangers out.
    Stranger,
    /// The invitation could not be delivered.
    Undeliverable,
}

impl Refused {
    /// In words for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotOnNetwork => "not on WhatsApp",
            Self::Blocked => "has blocked this number",
            Self::LeftRecently => "left a short while ago",
            Self::Full => "the group is full",
            Self::Stranger => "never introduced to this number",
            Self::Undeliverable => "the invitation could not be delivered",
        }
    }
}

/// How long until a "cannot tell" is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// Member lists in a row that must miss a person before silence counts as absence: a person can show up
/// in the list a few seconds late.
const ABSENCES_BELIEVED: u32 = 2;

impl Seat {
    /// An untouched seat.
    #[must_use]
    pub fn new(who: Stakeholder) -> Self {
        Self {
            who,
            state: SeatState::Wanted,
            said: None,
            absences: 0,
            reachable: None,
            briefed: false,
            unreached: false,
            told_quiet: false,
        }
    }

    /// Whether the seat needs nothing more for now.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self.state {
            SeatState::In { .. }
            | SeatState::Invited { .. }
            | SeatState::Refused { .. }
            | SeatState::CannotTell { .. } => true,
            SeatState::Wanted | SeatState::Asked => false,
        }
    }

    /// Whether a later look may change it for the better.
    #[must_use]
    pub fn may_arrive(&self) -> bool {
        match self.state {
            SeatState::Invited { .. } | SeatState::CannotTell { .. } => true,
            SeatState::Wanted | SeatState::Asked | SeatState::In { .. } | SeatState::Refused { .. } => false,
        }
    }

    /// Whether the person is certainly out and an invite link would help.
    #[must_use]
    pub fn needs_link(&self) -> bool {
        match self.state {
            // Never asked to be added: a stranger, who gets the link instead.
            SeatState::Wanted => true,
            SeatState::Asked => {
                let told = matches!(self.said, Some(AddOutcome::NeedsInvite { by_gateway: false }));
                self.absences >= if told { 1 } else { ABSENCES_BELIEVED }
            }
            SeatState::In { .. }
            | SeatState::Invited { .. }
            | SeatState::Refused { .. }
            | SeatState::CannotTell { .. } => false,
        }
    }

    /// In words for people.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.state {
            SeatState::Wanted | SeatState::Asked => "asked".to_owned(),
            SeatState::In { .. } => "in".to_owned(),
            SeatState::Invited { .. } => "invited by link".to_owned(),
            SeatState::Refused { why } => why.words().to_owned(),
            SeatState::CannotTell { .. } => "cannot tell".to_owned(),
        }
    }
}

/// Notes what the gateway said about people it was asked to add.
pub(super) fn note_said(seats: &mut [Seat], said: &[Added]) {
    for Added { person, outcome } in said {
        if let Some(seat) = seats.iter_mut().find(|s| s.who.jid == *person) {
            seat.said = Some(*outcome);
        }
    }
}

/// Reads a member list into the seats. `link_is_out`: somebody we do not know of may have joined by link.
pub(super) fn read_members(seats: &mut [Seat], members: &Members, link_is_out: bool, now: Timestamp) {
    note_said(seats, &members.refused);
    let phones: BTreeSet<&Jid> = members.rows.iter().filter_map(|r| r.phone.as_ref()).collect();
    let hidden: BTreeSet<&Jid> = members.rows.iter().filter_map(|r| r.hidden.as_ref()).collect();
    let is_in = |jid: &Jid| {
        phones.contains(jid) || members.hidden_ids.get(jid).is_some_and(|lid| hidden.contains(lid))
    };
    let mapped: BTreeSet<&Jid> = members.hidden_ids.values().collect();
    // Rows that could be anybody: no phone, and not the hidden id of a person we can map.
    let strangers = members
        .rows
        .iter()
        .filter(|r| r.phone.is_none() && !r.hidden.as_ref().is_some_and(|h| mapped.contains(h)))
        .count();
    let certainly_out = |seat: &Seat| {
        matches!(
            seat.said,
            Some(
                AddOutcome::NeedsInvite { .. }
                    | AddOutcome::NotOnNetwork
                    | AddOutcome::Blocked
                    | AddOutcome::LeftRecently
                    | AddOutcome::Full
            )
        ) || members.hidden_ids.contains_key(&seat.who.jid)
            || seat.state == SeatState::Wanted
    };
    let open = seats.iter().filter(|s| !is_in(&s.who.jid) && !certainly_out(s)).count();
    // As many nameless rows as people unaccounted for, and no way in for anybody else: it is them.
    let all_of_them = strangers > 0 && strangers == open && !link_is_out && !members.own_row_unknown;

    for seat in seats {
        let open = !certainly_out(seat);
        let present = is_in(&seat.who.jid) || (all_of_them && open);
        let nameless_rows = strangers > 0 && (open || link_is_out);
        seat.state = match (&seat.state, present) {
            (SeatState::In { since }, true) => SeatState::In { since: *since },
            (_, true) => SeatState::In { since: now },
            // A refusal, an invitation and a seat once taken stand until a list says otherwise.
            (
                state @ (SeatState::Refused { .. } | SeatState::Invited { .. } | SeatState::In { .. }),
                false,
            ) => state.clone(),
            (SeatState::Wanted, false) => SeatState::Wanted,
            (SeatState::Asked | SeatState::CannotTell { .. }, false) if nameless_rows && open => {
                SeatState::CannotTell { look_at: later(now, LOOK_AGAIN) }
            }
            (SeatState::Asked | SeatState::CannotTell { .. }, false) => {
                seat.absences += 1;
                absent(seat.said, now)
            }
        };
        if present {
            seat.absences = 0;
        }
    }
}

/// The state of somebody who was asked for and is certainly not in.
fn absent(said: Option<AddOutcome>, now: Timestamp) -> SeatState {
    match said {
        Some(AddOutcome::NeedsInvite { by_gateway: true }) => {
            SeatState::Invited { since: now, by_gateway: true }
        }
        Some(AddOutcome::NotOnNetwork) => SeatState::Refused { why: Refused::NotOnNetwork },
        Some(AddOutcome::Blocked) => SeatState::Refused { why: Refused::Blocked },
        Some(AddOutcome::LeftRecently) => SeatState::Refused { why: Refused::LeftRecently },
        Some(AddOutcome::Full) => SeatState::Refused { why: Refused::Full },
        Some(AddOutcome::NeedsInvite { by_gateway: false } | AddOutcome::Added | AddOutcome::Unclear(_))
        | None => SeatState::Asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Member;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_772_000_000).unwrap()
    }

    fn phone(n: u32) -> Jid {
        format!("1555010000{n}@c.us").parse().unwrap()
    }

    fn lid(n: u32) -> Jid {
        format!("9900000{n}@lid").parse().unwrap()
    }

    fn seat(n: u32) -> Seat {
        let who = Stakeholder {
            person: format!("p{n}"),
            name: format!("Person {n}"),
            jid: phone(n),
            role: "specialist".into(),
            introduced: true,
            email: None,
            timezone: None,
            why: "test".into(),
        };
        Seat { state: SeatState::Asked, ..Seat::new(who) }
    }

    fn row(phone: Option<Jid>, hidden: Option<Jid>) -> Member {
        Member { phone, hidden, admin: false }
    }

    fn list(rows: Vec<Member>) -> Members {
        Members { rows, ..Members::default() }
    }

    fn words(seats: &[Seat]) -> Vec<String> {
        seats.iter().map(Seat::words).collect()
    }

    #[test]
    fn a_person_in_the_list_is_in_and_one_missing_twice_needs_a_link() {
        let mut seats = vec![seat(1), seat(2)];
        read_members(&mut seats, &list(vec![row(Some(phone(1)), None)]), false, now());
        assert_eq!(words(&seats), ["in", "asked"]);
        assert!(!seats[1].needs_link(), "one list may be early");
        read_members(&mut seats, &list(vec![row(Some(phone(1)), None)]), false, now());
        assert!(seats[1].needs_link());
    }

    #[test]
    fn a_refusal_for_privacy_needs_a_link_at_once() {
        let mut seats = vec![seat(1)];
        seats[0].said = Some(AddOutcome::NeedsInvite { by_gateway: false });
        read_members(&mut seats, &list(vec![]), false, now());
        assert!(seats[0].needs_link());
    }

    #[test]
    fn an_invitation_by_the_gateway_is_not_doubled() {
        let mut seats = vec![seat(1)];
        seats[0].said = Some(AddOutcome::NeedsInvite { by_gateway: true });
        read_members(&mut seats, &list(vec![]), false, now());
        assert_eq!(words(&seats), ["invited by link"]);
        assert!(!seats[0].needs_link());
    }

    #[test]
    fn a_mapped_hidden_id_counts_and_its_absence_counts_too() {
        let mut seats = vec![seat(1), seat(2)];
        let mut members = list(vec![row(None, Some(lid(1)))]);
        members.hidden_ids = [(phone(1), lid(1)), (phone(2), lid(2))].into();
        read_members(&mut seats, &members, false, now());
        assert_eq!(words(&seats), ["in", "asked"]);
    }

    #[test]
    fn a_nameless_row_makes_two_people_cannot_tell_and_neither_gets_a_link() {
        let mut seats = vec![seat(1), seat(2)];
        for _ in 0..3 {
            read_members(&mut seats, &list(vec![row(None, Some(lid(7)))]), false, now());
        }
        assert_eq!(words(&seats), ["cannot tell", "cannot tell"]);
        assert!(seats.iter().all(|s| !s.needs_link()));
    }

    #[test]
    fn as_many_nameless_rows_as_people_means_everybody_is_in() {
        let mut seats = vec![seat(1), seat(2)];
        let rows = vec![row(Some(phone(1)), None), row(None, Some(lid(7)))];
        read_members(&mut seats, &list(rows.clone()), false, now());
        assert_eq!(words(&seats), ["in", "in"]);
        let mut seats = vec![seat(1), seat(2)];
        read_members(&mut seats, &list(rows), true, now());
        assert_eq!(words(&seats), ["in", "cannot tell"], "somebody else may hold the link");
    }

    #[test]
    fn one_refused_for_certain_leaves_the_nameless_row_to_the_other() {
        let mut seats = vec![seat(1), seat(2)];
        seats[1].said = Some(AddOutcome::NeedsInvite { by_gateway: false });
        read_members(&mut seats, &list(vec![row(None, Some(lid(7)))]), false, now());
        assert_eq!(words(&seats), ["in", "asked"]);
        assert!(seats[1].needs_link());
    }

    #[test]
    fn somebody_not_on_the_network_or_who_blocked_us_is_refused() {
        let mut seats = vec![seat(1), seat(2)];
        seats[0].said = Some(AddOutcome::NotOnNetwork);
        seats[1].said = Some(AddOutcome::Blocked);
        read_members(&mut seats, &list(vec![]), false, now());
        assert_eq!(words(&seats), ["not on WhatsApp", "has blocked this number"]);
    }

    #[test]
    fn an_invited_person_who_joins_is_in() {
        let mut seats = vec![seat(1)];
        seats[0].state = SeatState::Invited { since: now(), by_gateway: false };
        read_members(&mut seats, &list(vec![]), true, now());
        assert_eq!(words(&seats), ["invited by link"]);
        read_members(&mut seats, &list(vec![row(Some(phone(1)), None)]), true, now());
        assert_eq!(words(&seats), ["in"]);
    }

    proptest! {
        #[test]
        fn nobody_who_is_in_ever_gets_a_link(
            present in proptest::collection::vec(any::<bool>(), 1..6),
            nameless in proptest::collection::vec(any::<bool>(), 6),
            mapped in proptest::collection::vec(any::<bool>(), 6),
            reads in 1usize..4,
        ) {
            let mut seats: Vec<Seat> = (0..present.len()).map(|n| seat(u32::try_from(n).unwrap())).collect();
            let mut members = Members::default();
            for (n, is_in) in present.iter().enumerate() {
                let n32 = u32::try_from(n).unwrap();
                if mapped[n] {
                    members.hidden_ids.insert(phone(n32), lid(n32));
                }
                if *is_in {
                    let shown = if nameless[n] { None } else { Some(phone(n32)) };
                    members.rows.push(row(shown, Some(lid(n32))));
                }
            }
            for _ in 0..reads {
                read_members(&mut seats, &members, false, now());
            }
            for (seat, is_in) in seats.iter().zip(&present) {
                prop_assert!(!(*is_in && seat.needs_link()), "{seat:?}");
            }
        }
    }
}
