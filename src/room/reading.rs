//! Reading the members: when, and what a list means for the room.
//!
//! Gently: a few times soon after the beginning, then at notices that leave something open, then in minutes
//! while somebody may still arrive, and now and then to see who has left without anybody telling us.

use super::Room;
use super::answer::{Answer, Answered, Effect};
use super::message::{Message, Why, brief_key};
use super::phase::{Event, Phase};
use super::policy::{NotOptedIn, Policy};
use super::seat::{Refused, Seat, SeatState, read_members};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, Members, Refusal};

/// How often somebody is made an admin until the member list shows one.
const PROMOTIONS: usize = 3;
/// How long after the last planned read members are read again while somebody may still arrive. The last
/// is also how often it is seen whether somebody has left.
const LATER_READS: [SignedDuration; 3] =
    [SignedDuration::from_mins(1), SignedDuration::from_mins(5), SignedDuration::from_mins(15)];

/// When to read the members next, if ever.
pub(super) fn next_read(room: &Room, policy: &Policy, live_since: Timestamp) -> Option<Timestamp> {
    // Whoever is known by another id since the last list may have been in it.
    let is_renamed = |s: &Seat| s.alias.is_some() && s.state == SeatState::Asked && s.absences == 0;
    let asked_for = room.read_again_at.filter(|_| {
        is_planned_done(room, policy) || room.ousted_at.is_some() || room.seats.iter().any(is_renamed)
    });
    [asked_for, planned_read(room, policy, live_since)].into_iter().flatten().min()
}

/// The first reads are so close that nothing has to come before them.
fn is_planned_done(room: &Room, policy: &Policy) -> bool {
    usize::try_from(room.reads).unwrap_or(usize::MAX) >= policy.member_reads.len()
}

fn planned_read(room: &Room, policy: &Policy, live_since: Timestamp) -> Option<Timestamp> {
    let planned = usize::try_from(room.reads).unwrap_or(usize::MAX);
    if let Some(offset) = policy.member_reads.get(planned) {
        return Some(later(live_since, *offset));
    }
    let [minute, .., rarely] = LATER_READS;
    // Somebody whom one list missed is looked for until it is certain: there is no link before that.
    let unclear = |s: &Seat| s.state == SeatState::Asked && !s.needs_link();
    // Those added later are looked for as soon as the first ones were.
    if let Some(added_at) = room.escalation.added_at.filter(|_| room.seats.iter().any(unclear)) {
        let read_at = room.read_at.unwrap_or(live_since);
        let soon = policy.member_reads.iter().map(|offset| later(added_at, *offset)).find(|at| *at > read_at);
        if soon.is_some() {
            return soon;
        }
    }
    let is_in = |s: &Seat| matches!(s.state, SeatState::In { .. });
    let gap = if room.seats.iter().any(|s| is_in(s) && s.absences > 0) {
        minute
    } else if room.seats.iter().any(|s| s.may_arrive() || unclear(s)) {
        let again = planned - policy.member_reads.len();
        *LATER_READS.get(again).unwrap_or(&rarely)
    } else if room.seats.iter().any(is_in) {
        rarely
    } else {
        return None;
    };
    Some(later(room.read_at.unwrap_or(live_since), gap))
}

impl Room {
    pub(super) fn finish_read(&mut self, ended: Answered<'_>, effect: &mut Effect) {
        let Answered { task, answer, context, now } = ended;
        let policy = context.policy;
        if let Answer::Members(members) = answer {
            let link_is_out = self.link.is_some();
            let mut members = self.without_our_rows(members, context, now);
            // Where several incidents share a group, a row without a name can be another one's people.
            members.self_not_listed |= self.guest_of.is_some() || self.has_hosted;
            read_members(&mut self.seats, &members, link_is_out, now);
            self.spare_links(now);
            self.seek_admin();
            if policy.second_admin && !self.tasks.is_over("promote") {
                self.see_admins(&members, now);
            }
            self.was_read(policy, now);
        } else if self.is_out_for_good(answer) {
            let why = format!("our number is no longer in the group: {}", answer.error());
            let is_guest = self.guest_of.is_some() && matches!(self.phase, Phase::Live { .. });
            effect.event = Some(if is_guest { Event::Unhosted { why } } else { Event::Gone { why } });
        } else if self.fail(ended, effect) {
            self.tasks.forget_trouble(&task.key());
            self.was_read(policy, now);
            for seat in &mut self.seats {
                if seat.state == SeatState::Asked && !seat.was_refused() {
                    seat.state = SeatState::CannotTell { look_at: later(now, SignedDuration::from_mins(10)) };
                }
            }
        }
        if policy.not_opted_in == NotOptedIn::LeaveOut {
            for seat in self.seats.iter_mut().filter(|s| s.state == SeatState::Wanted && !s.who.opted_in) {
                seat.state = SeatState::Refused { why: Refused::Stranger };
            }
        }
    }

    /// Who is out and was told 1:1 with the link in it already, because nobody could tell, holds an invitation.
    fn spare_links(&mut self, now: Timestamp) {
        let (tasks, link) = (&self.tasks, &self.link);
        let holds_it = |who: &str| {
            let brief = tasks.get(&brief_key(who)).filter(|progress| progress.done_at().is_some());
            let given = brief.and_then(|progress| Some(&progress.said.as_ref()?.message));
            matches!(given, Some(Message::Brief { why: Why::Late { link: given }, .. })
                if given.is_some() && given == link)
        };
        for seat in self.seats.iter_mut().filter(|s| s.needs_link() && holds_it(&s.who.person)) {
            seat.state = SeatState::Invited { since: now, by_gateway: false };
        }
    }

    /// Whether somebody may be made an admin now: not while the list has still to show what came of the last time.
    pub(super) fn may_promote(&self) -> bool {
        let last = self.promotions.last();
        last.is_none_or(|at| {
            self.promotions.len() < PROMOTIONS && self.read_at.is_some_and(|read| read > *at)
        })
    }

    pub(super) fn was_promoted(&mut self, now: Timestamp) {
        self.promotions.push(now);
        self.read_soon(now);
    }

    /// Only the list shows whether somebody is an admin: engines say yes without doing it. Somebody among us may
    /// be one already, made so by an earlier try; where rows cannot be told apart, yes is believed.
    fn see_admins(&mut self, members: &Members, now: Timestamp) {
        let asked = self.promotions.len();
        if members.self_not_listed {
            if asked > 0 {
                self.tasks.done("promote", now);
            }
        } else if members.rows.iter().any(|row| row.admin) {
            self.tasks.done("promote", now);
        } else if asked >= PROMOTIONS {
            let why = format!(
                "the room has one admin: making another was answered with yes {asked} times and is not done"
            );
            self.tasks.give_up("promote", why, now);
        }
    }

    fn was_read(&mut self, policy: &Policy, now: Timestamp) {
        let asked_for = self.read_again_at.is_some_and(|at| at <= now);
        // What a notice caused comes on top: the plan goes on as it was.
        if !(asked_for && is_planned_done(self, policy)) {
            self.reads += 1;
        }
        if asked_for {
            self.read_again_at = None;
        }
        self.read_at = Some(now);
        self.ousted_at = None;
    }

    /// We were told that our number left, and the list is closed to us: together that is certain.
    fn is_out_for_good(&self, answer: &Answer) -> bool {
        let closed = matches!(
            answer.error(),
            GatewayError::Gone { .. } | GatewayError::Refused { reason: Refusal::Forbidden, .. }
        );
        closed && self.ousted_at.is_some()
    }
}
