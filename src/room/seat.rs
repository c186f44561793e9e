//! A seat per wanted person: what is known of their being in the room.
//!
//! "The API said OK" never puts anybody into a seat; only a member list does, or the provider's notice that
//! somebody came. And a member list may show hidden ids only, so a person can be *in*, *certainly absent*, or
//! *not to be told*: the last is never treated as absent. Somebody who left is not asked again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{AddOutcome, Added, Members, Whom};
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
    /// To be added to the group that is there already, where the policy allows that.
    pub to_add: bool,
    /// Whether they have written to our number lately, where that was asked: as good as an opt-in.
    pub has_written: Option<bool>,
    /// Called only because others did not come.
    pub late: bool,
    /// The hidden id, once a member list or a look-up told it.
    pub hidden: Option<Jid>,
    /// The id under which the network has them, where it is another one than the roster's.
    pub alias: Option<Jid>,
    /// When they last came or went, by the clock of the provider that told.
    pub moved_at: Option<Timestamp>,
}

/// What is known of a person's being in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seat", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum SeatState {
    /// Nothing was done yet.
    Wanted,
    /// The gateway was asked to add them.
    Asked,
    /// A member list showed them, or the provider told that they came.
    In { since: Timestamp },
    /// They hold an invitation, from us or from the gateway itself.
    Invited { since: Timestamp, by_gateway: bool },
    /// They were in and are not any more: that is respected, they are neither added nor written to again.
    Left { since: Timestamp },
    /// They will not be in the room.
    Refused { why: Refused },
    /// A member list showed ids that nobody can map; look again.
    CannotTell { look_at: Timestamp },
    /// They hold an invitation but did not come, and somebody else (by name) was asked instead. They may still come.
    Replaced { by: String, since: Timestamp },
}

/// Why a person will not be in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Refused {
    /// The number is not on the network.
    NotOnNetwork,
    /// They have blocked our number, so we must not write to them.
    Blocked,
    /// They left a short while ago; that is respected.
    LeftRecently,
    /// The group is full.
    Full,
    /// Never opted in, and the policy leaves strangers out.
    Stranger,
    /// The invitation could not be delivered.
    Undeliverable,
    /// The route calls more people than one room holds.
    OverSize,
    /// It was over before they came.
    NotNeeded,
    /// They said STOP, and perhaps had been asked into this room before: they are neither added nor written to,
    /// whatever else is true of them.
    Stopped { at: Timestamp, asked: bool },
}

impl Refused {
    /// In words for people.
    #[must_use]
    pub fn words(self) -> String {
        let words = match self {
            Self::Stopped { at, .. } => return format!("said STOP on {}", at.strftime("%F")),
            Self::NotOnNetwork => "not on WhatsApp",
            Self::Blocked => "has blocked this number",
            Self::LeftRecently => "left a short while ago",
            Self::Full => "the group is full",
            Self::Stranger => "never opted in with this number",
            Self::Undeliverable => "the invitation could not be delivered",
            Self::OverSize => "too many for one room",
            Self::NotNeeded => "it was over before they came",
        };
        words.to_owned()
    }
}

/// How long until a "cannot tell" is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// Member lists in a row that must miss a person before silence counts as absence: a person can show up
/// in the list a few seconds late.
const ABSENCES_BELIEVED: u32 = 2;

/// For this long after somebody came a list may still miss them.
const SETTLED: SignedDuration = SignedDuration::from_mins(1);

/// What a notice of somebody's coming or going is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The seat is as it says.
    Believed {
        /// Nothing speaks against it.
        surely: bool,
    },
    /// Something newer is known.
    Old,
    /// It contradicts what was seen about as late: a list has to decide.
    Doubtful,
}

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
            to_add: false,
            has_written: None,
            late: false,
            hidden: None,
            alias: None,
            moved_at: None,
        }
    }

    /// Whether they have talked with our number before, as far as anybody knows.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.who.opted_in || self.has_written == Some(true)
    }

    /// The id by which they are added and written to.
    #[must_use]
    pub fn address(&self) -> &Jid {
        self.alias.as_ref().unwrap_or(&self.who.jid)
    }

    /// Whether it has to be asked by which id the network has them, before anything is believed or written.
    #[must_use]
    pub fn is_to_be_checked(&self) -> bool {
        self.reachable.is_none() && self.alias.is_none() && self.who.jid.has_variants()
    }

    fn has_id(&self, id: &Jid) -> bool {
        [Some(&self.who.jid), self.alias.as_ref(), self.hidden.as_ref()].contains(&Some(id))
    }

    /// Whether a notice means this person.
    #[must_use]
    pub fn is(&self, whom: &Whom) -> bool {
        [&whom.phone, &whom.hidden].into_iter().flatten().any(|id| self.has_id(id))
    }

    /// Somebody told that the person came at `at`.
    pub(super) fn came(&mut self, at: Timestamp, now: Timestamp) -> Freshness {
        let is_in = matches!(self.state, SeatState::In { .. });
        let freshness = self.weigh(at, is_in);
        if let Freshness::Believed { .. } = freshness {
            // Back after leaving, of which the notice may be late: a list confirms it.
            let was_out = matches!(self.state, SeatState::Left { .. });
            self.moved_at = Some(at);
            if !is_in {
                self.sit_down(now);
            }
            return Freshness::Believed { surely: !was_out };
        }
        freshness
    }

    /// Somebody told that the person went at `at`.
    pub(super) fn went(&mut self, at: Timestamp, now: Timestamp) -> Freshness {
        let is_out = matches!(self.state, SeatState::Left { .. });
        let freshness = self.weigh(at, is_out);
        if let Freshness::Believed { .. } = freshness {
            self.moved_at = Some(at);
            if !is_out {
                self.state = SeatState::Left { since: now };
                self.absences = 0;
            }
        }
        freshness
    }

    fn sit_down(&mut self, now: Timestamp) {
        self.state = SeatState::In { since: now };
        self.absences = 0;
    }

    /// Whether what happened at `at` is newer than what is known; `agrees` if it changes nothing.
    fn weigh(&self, at: Timestamp, agrees: bool) -> Freshness {
        let seen_at = if let SeatState::In { since } | SeatState::Left { since } = self.state {
            Some(since)
        } else {
            None
        };
        match (self.moved_at, seen_at) {
            (Some(last), _) if at < last => Freshness::Old,
            (Some(last), _) if at == last => {
                if agrees {
                    Freshness::Old
                } else {
                    Freshness::Doubtful
                }
            }
            // Two clocks: what lies before the list that showed it may be older or not.
            (None, Some(seen_at)) if at < seen_at && !agrees => Freshness::Doubtful,
            (Some(_) | None, _) => Freshness::Believed { surely: true },
        }
    }

    /// Whether the person is not to be asked in any group: too many, a stranger who is left out, somebody who
    /// said STOP, or nobody who can be written to.
    #[must_use]
    pub fn is_ruled_out(&self) -> bool {
        matches!(
            self.state,
            SeatState::Refused {
                why: Refused::OverSize
                    | Refused::Stranger
                    | Refused::Blocked
                    | Refused::NotOnNetwork
                    | Refused::Stopped { .. }
            }
        )
    }

    /// Whether the seat needs nothing more for now.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self.state, SeatState::Wanted | SeatState::Asked)
    }

    /// Whether a later look may change it for the better.
    #[must_use]
    pub fn may_arrive(&self) -> bool {
        matches!(
            self.state,
            SeatState::Invited { .. } | SeatState::CannotTell { .. } | SeatState::Replaced { .. }
        )
    }

    /// Whether the person is certainly out and an invite link would help.
    #[must_use]
    pub fn needs_link(&self) -> bool {
        // Never asked to be added: a stranger, who gets the link instead. Whoever is asked again gets an answer first.
        let is_out = self.was_refused() || self.absences >= ABSENCES_BELIEVED;
        self.state == SeatState::Wanted || (self.state == SeatState::Asked && !self.to_add && is_out)
    }

    /// Whether the provider said that the person cannot be added but has to be invited.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        self.said == Some(AddOutcome::NeedsInvite { by_gateway: false })
    }

    /// In words for people.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.state {
            SeatState::Wanted | SeatState::Asked => "asked".to_owned(),
            SeatState::In { .. } => "in".to_owned(),
            SeatState::Invited { .. } => "invited by link".to_owned(),
            SeatState::Left { .. } => "left".to_owned(),
            SeatState::Refused { why } => why.words(),
            SeatState::CannotTell { .. } => "cannot tell".to_owned(),
            SeatState::Replaced { by, .. } => format!("invited, replaced by {by}"),
        }
    }
}

/// Notes what the gateway said about people it was asked to add.
pub(super) fn note_said(seats: &mut [Seat], said: &[Added]) {
    for Added { person, outcome } in said {
        if let Some(seat) = seats.iter_mut().find(|s| s.has_id(person)) {
            seat.said = Some(*outcome);
        }
    }
}

/// Reads a member list into the seats. `link_is_out`: somebody we do not know of may have joined by link.
pub(super) fn read_members(seats: &mut [Seat], members: &Members, link_is_out: bool, now: Timestamp) {
    note_said(seats, &members.refused);
    for seat in seats.iter_mut() {
        if let Some(hidden) = members.hidden_ids.get(seat.address()) {
            seat.hidden = Some(hidden.clone());
        }
    }
    let phones: BTreeSet<&Jid> = members.rows.iter().filter_map(|r| r.phone.as_ref()).collect();
    let hidden: BTreeSet<&Jid> = members.rows.iter().filter_map(|r| r.hidden.as_ref()).collect();
    let is_in = |seat: &Seat| {
        let ids = [Some(&seat.who.jid), seat.alias.as_ref(), seat.hidden.as_ref()];
        ids.into_iter().flatten().any(|id| phones.contains(id) || hidden.contains(id))
    };
    let mapped: BTreeSet<&Jid> =
        members.hidden_ids.values().chain(seats.iter().filter_map(|s| s.hidden.as_ref())).collect();
    // Rows that could be anybody: no phone, and not the hidden id of a person we can map.
    let strangers = members
        .rows
        .iter()
        .filter(|r| r.phone.is_none() && !r.hidden.as_ref().is_some_and(|h| mapped.contains(h)))
        .count();
    let certainly_out = |seat: &Seat| {
        !matches!(seat.said, None | Some(AddOutcome::Added | AddOutcome::Unclear(_)))
            || seat.hidden.is_some()
            || matches!(
                seat.state,
                SeatState::Wanted
                    | SeatState::Left { .. }
                    | SeatState::Refused {
                        why: Refused::Stranger
                            | Refused::OverSize
                            | Refused::NotNeeded
                            | Refused::Stopped { asked: false, .. }
                    }
            )
    };
    let open = seats.iter().filter(|s| !is_in(s) && !certainly_out(s)).count();
    // As many nameless rows as people unaccounted for, and no way in for anybody else: it is them.
    let all_of_them = strangers > 0 && strangers == open && !link_is_out && !members.self_not_listed;
    let found: Vec<(bool, bool)> = seats
        .iter()
        .map(|seat| {
            let open = !certainly_out(seat);
            (is_in(seat) || (all_of_them && open), open)
        })
        .collect();

    for (seat, (present, open)) in seats.iter_mut().zip(found) {
        if present {
            seat.absences = 0;
            if !matches!(seat.state, SeatState::In { .. }) {
                seat.sit_down(now);
            }
            continue;
        }
        let nameless_rows = strangers > 0 && (open || link_is_out);
        seat.state = match &seat.state {
            SeatState::In { since } => {
                let since = *since;
                let may_be_nameless = strangers > 0 && seat.hidden.is_none();
                seat.absences = if may_be_nameless { 0 } else { seat.absences + 1 };
                if seat.absences >= ABSENCES_BELIEVED && later(since, SETTLED) <= now {
                    seat.absences = 0;
                    SeatState::Left { since: now }
                } else {
                    SeatState::In { since }
                }
            }
            // A refusal, an invitation and somebody's leaving stand until a list says otherwise.
            state @ (SeatState::Refused { .. }
            | SeatState::Invited { .. }
            | SeatState::Replaced { .. }
            | SeatState::Left { .. }) => state.clone(),
            SeatState::Wanted => SeatState::Wanted,
            SeatState::Asked | SeatState::CannotTell { .. } if nameless_rows && open => {
                SeatState::CannotTell { look_at: later(now, LOOK_AGAIN) }
            }
            SeatState::Asked | SeatState::CannotTell { .. } => {
                seat.absences += 1;
                // Of a number in another form than the registered one "no account" is no word about the person.
                let said =
                    seat.said.filter(|said| *said != AddOutcome::NotOnNetwork || !seat.is_to_be_checked());
                absent(said, now)
            }
        };
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
            opted_in: true,
            email: None,
            timezone: None,
            why: "test".into(),
            language: None,
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

    fn minutes_later(minutes: i64) -> Timestamp {
        later(now(), SignedDuration::from_mins(minutes))
    }

    #[test]
    fn somebody_who_was_in_and_is_missing_twice_has_left_and_gets_no_link() {
        let mut seats = vec![seat(1)];
        read_members(&mut seats, &list(vec![row(Some(phone(1)), None)]), true, now());
        for _ in 0..3 {
            read_members(&mut seats, &list(vec![]), true, now());
        }
        assert_eq!(words(&seats), ["in"], "a list may miss somebody who has just come");
        read_members(&mut seats, &list(vec![row(Some(phone(1)), None)]), true, minutes_later(1));
        read_members(&mut seats, &list(vec![]), true, minutes_later(2));
        assert_eq!(words(&seats), ["in"], "one list may be wrong");
        read_members(&mut seats, &list(vec![]), true, minutes_later(3));
        assert_eq!(words(&seats), ["left"]);
        read_members(&mut seats, &list(vec![]), true, minutes_later(4));
        assert!(!seats[0].needs_link());
        read_members(&mut seats, &list(vec![row(Some(phone(1)), None)]), true, minutes_later(5));
        assert_eq!(words(&seats), ["in"]);
    }

    #[test]
    fn a_nameless_row_may_be_whoever_is_missing_unless_their_hidden_id_is_known() {
        let mut seats = vec![seat(1), seat(2)];
        let mut members = list(vec![row(Some(phone(1)), None), row(Some(phone(2)), Some(lid(2)))]);
        members.hidden_ids = [(phone(2), lid(2))].into();
        read_members(&mut seats, &members, true, now());
        for minute in 2..6 {
            read_members(&mut seats, &list(vec![row(None, Some(lid(7)))]), true, minutes_later(minute));
        }
        assert_eq!(words(&seats), ["in", "left"], "cannot tell is never absent");
        read_members(&mut seats, &list(vec![row(None, Some(lid(2)))]), true, minutes_later(7));
        assert_eq!(words(&seats), ["in", "in"], "a mapping once learnt is remembered");
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
