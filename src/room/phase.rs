//! Where a room stands, and the one function that knows every legal move.
//!
//! A phase holds what is known *for certain*. "We asked and heard nothing" is a phase of its own, because
//! acting on it as if it were "no" makes a second group, and as if it were "yes" leaves people without one.
//! The journal keeps every [`Event`]; replaying them through [`Phase::after`] gives the stored phase.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::jid::GroupId;

/// One decision about roles that must be filled. People are their keys in the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum EscalationStep {
    /// Remind those of this role who hold an invitation.
    Remind { role: String, people: Vec<String> },
    /// Ask somebody else.
    StandIn { role: String, person: String },
    /// Nobody can tell whether somebody is there: ask the room.
    Unsure { roles: Vec<String> },
    /// Nobody is left to ask: tell the room and these people.
    Short { roles: Vec<String>, tell: Vec<String> },
    /// Everybody needed is there after all.
    Reached,
}

/// Why a room is parked that was cancelled in the wrong moment.
pub(super) const CANCELLED: &str = "cancelled while nobody knows whether a group exists";

/// Where a room stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Phase {
    /// Nothing asked since the last certain answer; not to be tried before a moment.
    Wanted { since: Timestamp, not_before: Timestamp },
    /// A create intent is stored, no outcome is.
    Creating { asked_at: Timestamp },
    /// A create may or may not have worked. The first look that finds nothing sets from when on another one is
    /// believed.
    Unsure { since: Timestamp, asked_at: Timestamp, look: Look, believe_at: Option<Timestamp> },
    /// The group exists and is ours.
    Live { group: GroupId, since: Timestamp },
    /// The incident is over: last words, lock, revoke the link.
    Closing { group: GroupId, since: Timestamp },
    /// Over.
    Closed { group: Option<GroupId>, since: Timestamp },
    /// Ended before anything was made.
    Skipped { since: Timestamp },
    /// A person must decide.
    Parked { from: Box<Phase>, why: String, since: Timestamp },
}

/// The next look for what a call without an answer may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    planned_at: Timestamp,
    at: Timestamp,
}

impl Look {
    pub(super) fn planned(now: Timestamp, at: Timestamp) -> Self {
        Self { planned_at: now, at }
    }

    /// When it is due for a worker that began at `began_at`. What a process planned that is gone is due at once,
    /// because people have waited for the restart already.
    #[must_use]
    pub fn due_at(self, began_at: Timestamp, now: Timestamp) -> Timestamp {
        let is_of_another_process = self.planned_at < began_at && began_at <= now;
        if is_of_another_process { self.at.min(now) } else { self.at }
    }

    pub(super) fn put_back(self, at: Timestamp) -> Self {
        Self { planned_at: self.planned_at.min(at), at: self.at.min(at) }
    }
}

/// What happened to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Event {
    /// A create intent was stored.
    Began,
    /// The create worked.
    Made { group: GroupId },
    /// The create certainly did nothing.
    NotSent { retry_at: Timestamp },
    /// Nobody knows whether the create worked.
    Lost { look_at: Timestamp },
    /// The create will never work.
    Refused { why: String },
    /// A look found our group, the oldest that carries our id.
    Found { group: GroupId },
    /// A look found nothing. If it is the first, another one is believed from then on.
    Absent { look_at: Timestamp, believe_at: Timestamp },
    /// Its group has to wait, so it goes into the room of another incident of its route, with the number that looks
    /// after that one and the people (keys in the roster) who were asked into it.
    Folded { into: IncidentId, group: GroupId, instance: String, people: Vec<String> },
    /// The room it was in is not there for it any more.
    Unhosted { why: String },
    /// The incident is over.
    Ended,
    /// The group does not exist for us any more, as the provider says.
    Gone { why: String },
    /// Attempts or time are used up.
    Spent { why: String },
    /// All last steps are done.
    Finished,
    /// Something was decided about those who must be there.
    Escalated { step: EscalationStep },
    /// The room goes on through another of our numbers, because its own does not work.
    Switched { instance: String },
    /// An operator says: no room.
    Cancel,
    /// An operator says: go on, perhaps with this group.
    Resume { group: Option<GroupId> },
    /// An operator says: make another group.
    NewGroup,
    /// The clock was put back: what was known is known since now at the latest.
    ClockSet,
}

/// The names of phases, for columns, labels and the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are the variants of `Phase`")]
pub enum PhaseName {
    Wanted,
    Creating,
    Unsure,
    Live,
    Closing,
    Closed,
    Skipped,
    Parked,
}

impl PhaseName {
    /// The name in columns and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Creating => "creating",
            Self::Unsure => "unsure",
            Self::Live => "live",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Skipped => "skipped",
            Self::Parked => "parked",
        }
    }
}

/// An event that cannot happen in this phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a room that is {from} cannot take `{event}`")]
pub struct Illegal {
    /// The phase.
    pub from: &'static str,
    /// The event.
    pub event: &'static str,
}

impl Event {
    /// The name in the journal.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Made { .. } => "made",
            Self::NotSent { .. } => "not_sent",
            Self::Lost { .. } => "lost",
            Self::Refused { .. } => "refused",
            Self::Found { .. } => "found",
            Self::Absent { .. } => "absent",
            Self::Folded { .. } => "folded",
            Self::Unhosted { .. } => "unhosted",
            Self::Ended => "ended",
            Self::Gone { .. } => "gone",
            Self::Spent { .. } => "spent",
            Self::Finished => "finished",
            Self::Escalated { .. } => "escalated",
            Self::Switched { .. } => "switched",
            Self::Cancel => "cancel",
            Self::Resume { .. } => "resume",
            Self::NewGroup => "new_group",
            Self::ClockSet => "clock_set",
        }
    }
}

impl Phase {
    /// The phase's name.
    #[must_use]
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Wanted { .. } => PhaseName::Wanted,
            Self::Creating { .. } => PhaseName::Creating,
            Self::Unsure { .. } => PhaseName::Unsure,
            Self::Live { .. } => PhaseName::Live,
            Self::Closing { .. } => PhaseName::Closing,
            Self::Closed { .. } => PhaseName::Closed,
            Self::Skipped { .. } => PhaseName::Skipped,
            Self::Parked { .. } => PhaseName::Parked,
        }
    }

    /// The group, where there is one.
    #[must_use]
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Live { group, .. } | Self::Closing { group, .. } => Some(group),
            Self::Closed { group, .. } => group.as_ref(),
            Self::Parked { from, .. } => from.group(),
            Self::Wanted { .. } | Self::Creating { .. } | Self::Unsure { .. } | Self::Skipped { .. } => None,
        }
    }

    /// The phase after `event` at `at`. This is the whole state machine; what is not listed cannot happen.
    pub fn after(self, event: &Event, at: Timestamp) -> Result<Self, Illegal> {
        let illegal = Illegal { from: self.name().as_str(), event: event.name() };
        Ok(match (self, event) {
            (Self::Wanted { .. }, Event::Began) => Self::Creating { asked_at: at },
            (Self::Wanted { .. }, Event::Ended | Event::Cancel) => Self::Skipped { since: at },
            (wanted @ Self::Wanted { .. }, Event::Spent { why }) => wanted.park(why, at),

            // The group is somebody else's: a guest has a place in it, and waits for one of its own again
            // when that is lost.
            (Self::Live { .. }, Event::Unhosted { .. }) => Self::Wanted { since: at, not_before: at },

            (Self::Wanted { .. }, Event::Folded { group, .. })
            | (Self::Creating { .. }, Event::Made { group })
            // While another create waits, the provider may tell of the group that an earlier one made.
            | (Self::Wanted { .. } | Self::Unsure { .. }, Event::Found { group })
            | (Self::Parked { .. }, Event::Resume { group: Some(group) }) => Self::live(group, at),
            (Self::Creating { .. }, Event::NotSent { retry_at }) => {
                Self::Wanted { since: at, not_before: *retry_at }
            }
            (Self::Creating { asked_at }, Event::Lost { look_at }) => {
                Self::Unsure { since: at, asked_at, look: Look::planned(at, *look_at), believe_at: None }
            }
            // Nothing was made, so a resumed room starts again from the beginning.
            (Self::Creating { .. }, Event::Refused { why }) => {
                Self::Wanted { since: at, not_before: at }.park(why, at)
            }

            (Self::Unsure { believe_at: Some(believe_at), .. }, Event::Absent { .. }) if believe_at <= at => {
                Self::Wanted { since: at, not_before: at }
            }
            (
                Self::Unsure { since, asked_at, believe_at, .. },
                Event::Absent { look_at, believe_at: first },
            ) => {
                let believe_at = Some(believe_at.unwrap_or(*first));
                Self::Unsure { since, asked_at, look: Look::planned(at, *look_at), believe_at }
            }
            (unsure @ Self::Unsure { .. }, Event::Spent { why }) => unsure.park(why, at),
            (unsure @ Self::Unsure { .. }, Event::Cancel) => unsure.park(CANCELLED, at),

            (Self::Live { group, .. }, Event::Ended | Event::Cancel) => Self::Closing { group, since: at },
            (live @ Self::Live { .. }, Event::Escalated { .. }) => live,
            // Which number speaks says nothing about the group.
            (same @ (Self::Live { .. } | Self::Closing { .. }), Event::Switched { .. }) => same,
            (live @ Self::Live { .. }, Event::Gone { why } | Event::Spent { why }) => live.park(why, at),

            (Self::Closing { group, .. }, Event::Finished | Event::Gone { .. } | Event::Cancel) => {
                Self::Closed { group: Some(group), since: at }
            }
            (closing @ Self::Closing { .. }, Event::Spent { why }) => closing.park(why, at),

            (phase, Event::ClockSet) => phase.put_back(at),

            (Self::Parked { .. } | Self::Unsure { .. }, Event::NewGroup) => {
                Self::Wanted { since: at, not_before: at }
            }
            (Self::Parked { from, .. }, Event::Resume { group: None }) => from.restart(at),
            (Self::Parked { from, .. }, Event::Cancel) => {
                Self::Closed { group: from.group().cloned(), since: at }
            }

            (
                Self::Wanted { .. }
                | Self::Creating { .. }
                | Self::Unsure { .. }
                | Self::Live { .. }
                | Self::Closing { .. }
                | Self::Closed { .. }
                | Self::Skipped { .. }
                | Self::Parked { .. },
                _,
            ) => return Err(illegal),
        })
    }

    fn live(group: &GroupId, since: Timestamp) -> Self {
        Self::Live { group: group.clone(), since }
    }

    fn park(self, why: &str, at: Timestamp) -> Self {
        Self::Parked { from: Box::new(self), why: why.to_owned(), since: at }
    }

    /// Whether something may still be done about the room without a person.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Wanted { .. }
            | Self::Creating { .. }
            | Self::Unsure { .. }
            | Self::Live { .. }
            | Self::Closing { .. } => true,
            Self::Closed { .. } | Self::Skipped { .. } | Self::Parked { .. } => false,
        }
    }

    /// The same phase with nothing in it after `at`. How long "there is none" was seen is not known any more.
    fn put_back(self, at: Timestamp) -> Self {
        match self {
            Self::Wanted { since, not_before } => {
                Self::Wanted { since: since.min(at), not_before: not_before.min(at) }
            }
            Self::Creating { asked_at } => Self::Creating { asked_at: asked_at.min(at) },
            Self::Unsure { since, asked_at, look, .. } => Self::Unsure {
                since: since.min(at),
                asked_at: asked_at.min(at),
                look: look.put_back(at),
                believe_at: None,
            },
            Self::Live { group, since } => Self::Live { group, since: since.min(at) },
            Self::Closing { group, since } => Self::Closing { group, since: since.min(at) },
            Self::Closed { group, since } => Self::Closed { group, since: since.min(at) },
            Self::Skipped { since } => Self::Skipped { since: since.min(at) },
            Self::Parked { from, why, since } => {
                Self::Parked { from: Box::new(from.put_back(at)), why, since: since.min(at) }
            }
        }
    }

    /// The same phase with its deadline counted anew, because an operator asked for another go.
    fn restart(self, at: Timestamp) -> Self {
        match self {
            Self::Wanted { .. } => Self::Wanted { since: at, not_before: at },
            Self::Unsure { asked_at, believe_at, .. } => {
                Self::Unsure { since: at, asked_at, look: Look::planned(at, at), believe_at }
            }
            Self::Live { group, .. } => Self::Live { group, since: at },
            Self::Closing { group, .. } => Self::Closing { group, since: at },
            other @ (Self::Creating { .. }
            | Self::Closed { .. }
            | Self::Skipped { .. }
            | Self::Parked { .. }) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn group() -> GroupId {
        "120363000000000001@g.us".parse().unwrap()
    }

    fn phases() -> Vec<(&'static str, Phase)> {
        let unsure = |believe_at| Phase::Unsure {
            since: at(0),
            asked_at: at(0),
            look: Look::planned(at(0), at(1)),
            believe_at,
        };
        let live = Phase::Live { group: group(), since: at(0) };
        vec![
            ("wanted", Phase::Wanted { since: at(0), not_before: at(0) }),
            ("creating", Phase::Creating { asked_at: at(0) }),
            ("unsure", unsure(None)),
            ("unsure, absent once", unsure(Some(at(90)))),
            ("unsure, absent one settle ago", unsure(Some(at(5)))),
            ("live", live.clone()),
            ("closing", Phase::Closing { group: group(), since: at(0) }),
            ("closed", Phase::Closed { group: None, since: at(0) }),
            ("skipped", Phase::Skipped { since: at(0) }),
            ("parked from live", live.park("x", at(0))),
        ]
    }

    fn events() -> Vec<Event> {
        let why = || "x".to_owned();
        vec![
            Event::Began,
            Event::Made { group: group() },
            Event::NotSent { retry_at: at(20) },
            Event::Lost { look_at: at(20) },
            Event::Refused { why: why() },
            Event::Found { group: group() },
            Event::Absent { look_at: at(20), believe_at: at(60) },
            Event::Folded { into: IncidentId(1), group: group(), instance: why(), people: vec![] },
            Event::Unhosted { why: why() },
            Event::Ended,
            Event::Gone { why: why() },
            Event::Spent { why: why() },
            Event::Finished,
            Event::Escalated { step: EscalationStep::Reached },
            Event::Switched { instance: "second".to_owned() },
            Event::Cancel,
            Event::Resume { group: None },
            Event::NewGroup,
            Event::ClockSet,
        ]
    }

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for (name, phase) in phases() {
            for event in events() {
                if let Ok(next) = phase.clone().after(&event, at(10)) {
                    let _ = writeln!(table, "{name:30} + {:9} -> {}", event.name(), next.name().as_str());
                }
            }
        }
        insta::assert_snapshot!(table, @r"
        wanted                         + began     -> creating
        wanted                         + found     -> live
        wanted                         + folded    -> live
        wanted                         + ended     -> skipped
        wanted                         + spent     -> parked
        wanted                         + cancel    -> skipped
        wanted                         + clock_set -> wanted
        creating                       + made      -> live
        creating                       + not_sent  -> wanted
        creating                       + lost      -> unsure
        creating                       + refused   -> parked
        creating                       + clock_set -> creating
        unsure                         + found     -> live
        unsure                         + absent    -> unsure
        unsure                         + spent     -> parked
        unsure                         + cancel    -> parked
        unsure                         + new_group -> wanted
        unsure                         + clock_set -> unsure
        unsure, absent once            + found     -> live
        unsure, absent once            + absent    -> unsure
        unsure, absent once            + spent     -> parked
        unsure, absent once            + cancel    -> parked
        unsure, absent once            + new_group -> wanted
        unsure, absent once            + clock_set -> unsure
        unsure, absent one settle ago  + found     -> live
        unsure, absent one settle ago  + absent    -> wanted
        unsure, absent one settle ago  + spent     -> parked
        unsure, absent one settle ago  + cancel    -> parked
        unsure, absent one settle ago  + new_group -> wanted
        unsure, absent one settle ago  + clock_set -> unsure
        live                           + unhosted  -> wanted
        live                           + ended     -> closing
        live                           + gone      -> parked
        live                           + spent     -> parked
        live                           + escalated -> live
        live                           + switched  -> live
        live                           + cancel    -> closing
        live                           + clock_set -> live
        closing                        + gone      -> closed
        closing                        + spent     -> parked
        closing                        + finished  -> closed
        closing                        + switched  -> closing
        closing                        + cancel    -> closed
        closing                        + clock_set -> closing
        closed                         + clock_set -> closed
        skipped                        + clock_set -> skipped
        parked from live               + cancel    -> closed
        parked from live               + resume    -> live
        parked from live               + new_group -> wanted
        parked from live               + clock_set -> parked
        ");
    }

    #[test]
    fn every_phase_can_be_reached_and_every_phase_can_end() {
        let mut seen: Vec<Phase> = vec![Phase::Wanted { since: at(0), not_before: at(0) }];
        let mut names = BTreeSet::new();
        let mut next = 0;
        while let Some(phase) = seen.get(next).cloned() {
            next += 1;
            names.insert(phase.name());
            for event in events() {
                match phase.clone().after(&event, at(100)) {
                    Ok(after) if !seen.contains(&after) && seen.len() < 200 => seen.push(after),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        assert_eq!(names.len(), 8, "{names:?}");
        for phase in seen {
            let last = matches!(phase.name(), PhaseName::Closed | PhaseName::Skipped);
            let moves = events()
                .iter()
                .filter(|e| **e != Event::ClockSet && phase.clone().after(e, at(100)).is_ok())
                .count();
            assert_eq!(last, moves == 0, "{phase:?}");
        }
    }

    #[test]
    fn no_create_begins_while_one_is_open_or_a_group_is_known() {
        for (name, phase) in phases() {
            assert_eq!(phase.after(&Event::Began, at(10)).is_ok(), name == "wanted", "{name}");
        }
    }

    #[test]
    fn an_illegal_move_says_from_where_and_what() {
        let error = Phase::Skipped { since: at(0) }.after(&Event::Began, at(1)).unwrap_err();
        assert_eq!(error.to_string(), "a room that is skipped cannot take `began`");
    }

    #[test]
    fn after_the_clock_was_put_back_there_is_none_has_to_be_seen_twice_anew() {
        let (_, almost) = phases().remove(4);
        let earlier = at(-10_000);
        let unsure = almost.after(&Event::ClockSet, earlier).unwrap();
        let look = |second| Event::Absent { look_at: at(second), believe_at: at(second + 45) };
        let once = unsure.after(&look(-9_990), at(-9_999)).unwrap();
        assert_eq!(once.name(), PhaseName::Unsure, "one look is not enough");
    }

    #[test]
    fn an_operator_can_name_the_group() {
        let parked = Phase::Wanted { since: at(0), not_before: at(0) }.park("x", at(0));
        let live = parked.after(&Event::Resume { group: Some(group()) }, at(1)).unwrap();
        assert_eq!(live.group(), Some(&group()));
    }
}
