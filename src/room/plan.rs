//! What to do next in a room: one [`Task`], or sleep.
//!
//! The order inside a living room is the order of this file: welcome first (the group is useless without
//! it), then the description, the members, the links to those missing, the settings, and then whatever
//! there is to tell. A task that failed is passed over until it may be tried again, so that a description
//! that nobody accepts does not keep an invite link from somebody who is left out.

use super::attendance::{bring_in, chat_to_check, everybody_looked_for};
use super::delivery::REFUSALS;
use super::direct::{look_for, pending, reach_one_by_one};
use super::escalation::{Decision, evaluate};
use super::inputs::{Context, Inputs, View};
use super::message::Message;
use super::numbers::By;
use super::options::{Next, Options};
use super::phase::{Event, Phase};
use super::reading::next_read;
use super::seat::SeatState;
use super::task::Task;
use super::{
    Room, adoption, closing, deadline, direct, duplicates, phase_deadline, search, second_number, shared,
    webhook,
};
use crate::clock::{Timestamp, later};
use crate::incident::State;
use crate::jid::{ChatId, GroupId};

/// What to do next in `room`, given what is wanted of it now.
#[must_use]
pub fn plan(room: &Room, inputs: &Inputs, context: Context<'_>, now: Timestamp) -> Next {
    let view = View { room, inputs, context, now };
    // Noted before any wish is granted: no wish fits while nobody knows what became of the create. Whoever
    // stored the intent is gone, or would have stored the outcome too.
    if matches!(room.phase, Phase::Creating { .. }) {
        return Next::Note(Event::Lost { look_at: now });
    }
    if let Some(event) = search::told_of(view) {
        return Next::Note(event);
    }
    if let Some(wish) = &inputs.wish {
        return adoption::grant(wish, view);
    }
    let next = match &room.phase {
        Phase::Skipped { .. } | Phase::Creating { .. } => Next::Rest,
        Phase::Parked { why, .. } => webhook::unreached(view, why).unwrap_or(Next::Rest),
        Phase::Closed { group, since } => closing::after_the_end(view, group.as_ref(), *since),
        Phase::Wanted { not_before, .. } => while_wanted(view, *not_before),
        Phase::Unsure { since, look, .. } => search::while_unsure(view, *since, *look),
        Phase::Live { group, since } => while_live(view, group, *since),
        Phase::Closing { group, since } => closing::while_closing(view, group, *since),
    };
    let mut next = duplicates::after(next, view);
    if let Next::Call(task) = &next
        && let Some(until) = held_until(view, task).filter(|until| *until > now)
    {
        next = Next::Sleep(until);
    }
    // A number that is given up meanwhile changes what there is to do.
    let given_up_at = context.numbers.next_at(now).filter(|_| room.phase.is_under_way());
    let word_at = deadline::next_at(room, inputs, context.policy, now);
    match (next, given_up_at.into_iter().chain(word_at).min()) {
        (Next::Sleep(until), Some(at)) => Next::Sleep(until.min(at)),
        (Next::Rest, Some(at)) => Next::Sleep(at),
        (next, _) => next,
    }
}

/// Until when a call has to wait. While the room's own number does not work, what others can do goes on.
fn held_until(View { room, context, .. }: View<'_>, task: &Task) -> Option<Timestamp> {
    if let Some(Message::Brief { .. }) = task.private() {
        // Whatever else the number is made to wait with: people are told.
        return room.private_hold();
    }
    let (numbers, own) = (context.numbers, room.instance.as_deref());
    let own_works = own.is_none_or(|own| numbers.works(own));
    match task.kind().by {
        By::Webhook => None,
        By::Any | By::Number(_) => room.throttled_until().filter(|_| own_works),
        By::Room | By::Beside(_) => {
            room.throttled_until().max(own.and_then(|own| numbers.resting_until(own)))
        }
    }
}

fn while_wanted(view: View<'_>, not_before: Timestamp) -> Next {
    let View { room, inputs, context, now } = view;
    let pending = pending(view);
    match inputs.incident.state {
        State::Closed { .. } => return Next::Note(Event::Ended),
        // Nothing fires: no reason to call anybody together, unless it comes back.
        State::Resolved { closes_at, .. } if pending.is_none() => return Next::Sleep(closes_at),
        State::Resolved { .. } | State::Open => {}
    }
    if let Some(call) = deadline::numbers_down(view) {
        return call;
    }
    if let (Some(said), None) = (pending, &room.hopeless) {
        let looked_for = look_for(said, view);
        let late = if let Next::Sleep(_) = looked_for { deadline::due(view) } else { None };
        return late.unwrap_or(looked_for);
    }
    let attempts_spent = room.creates >= context.policy.create_attempts;
    let hopeless = room.hopeless.clone().or_else(|| {
        attempts_spent.then(|| format!("the group could not be made in {} attempts", room.creates))
    });
    if let Some(why) = hopeless {
        return reach_one_by_one(view, why);
    }
    if let Some(next) = phase_deadline::never_sent(view) {
        return next;
    }
    if not_before > now {
        return deadline::due(view).unwrap_or(Next::Sleep(not_before));
    }
    if let Some(task) = chat_to_check(view) {
        return Next::Call(task);
    }
    let people = room.first_members(context.policy.not_opted_in);
    if people.is_empty() {
        let why = "nobody is left to make a group with: everybody called has said STOP".to_owned();
        return reach_one_by_one(view, why);
    }
    Next::Call(Task::Create { people })
}

fn while_live(view: View<'_>, group: &GroupId, since: Timestamp) -> Next {
    let View { room, inputs, context, now } = view;
    if let Some(event) = shared::lost_host(view) {
        return Next::Note(event);
    }
    let first = deadline::numbers_down(view)
        .or_else(|| second_number::without_its_number(view, group))
        .or_else(|| deadline::due_beside(view));
    if let Some(next) = first {
        return next;
    }
    if let Some(said) = pending(view) {
        return look_for(said, view);
    }
    if let Some(next) = phase_deadline::never_briefed(view, since) {
        return next;
    }
    // The group is the host's matter; a guest only speaks in it.
    let owns_group = room.guest_of.is_none();
    let policy = context.policy;
    let mut options = Options::new(room, now);
    let into_room = |message| Task::Say { message, chat: ChatId::Group(group.clone()) };
    if !room.is_briefed() {
        let welcome = into_room(Message::Welcome);
        if let Some(trouble) = room.tasks.trouble(&welcome.key()).filter(|t| t.refusals >= REFUSALS) {
            return reach_one_by_one(view, format!("the welcome could not be said: {}", trouble.last));
        }
        options.offer(welcome);
    }
    if owns_group {
        options.once(Task::Describe { group: group.clone() });
    }
    let mut read_at = next_read(room, policy, since);
    if room.is_briefed() && inputs.incident.state == State::Open {
        match evaluate(room, policy.not_opted_in, now) {
            Decision::Take(step) => return Next::Note(Event::Escalated { step }),
            Decision::ReadAt(at) => read_at = Some(read_at.map_or(at, |planned| planned.min(at))),
            Decision::Rest => {}
        }
    }
    if let Some(read_at) = read_at {
        // Our own numbers too, so that their hidden ids are not taken for strangers'.
        let ours = context.numbers.ids().into_iter().filter(|_| !room.standby.is_empty());
        let wanted = room.seats.iter().map(|s| s.address().clone()).chain(ours).collect();
        options.offer_at(read_at, Task::ReadMembers { group: group.clone(), wanted });
    }
    bring_in(&mut options, view, group);
    direct::tell_the_unlinked(&mut options, view);
    if owns_group && policy.lock_settings {
        options.once(Task::LockSettings { group: group.clone() });
    }
    let is_in = |seat: &super::Seat| matches!(seat.state, SeatState::In { .. });
    if owns_group
        && policy.second_admin
        && room.may_promote()
        && let Some(seat) = room.seats.iter().find(|s| is_in(s) && !room.has_stopped(&s.who.jid))
    {
        let (person, jid) = (seat.who.person.clone(), seat.address().clone());
        options.once(Task::Promote { group: group.clone(), person, jid });
    }
    if owns_group {
        second_number::bring_in(&mut options, view, group);
    }
    if room.is_briefed() {
        let leavers: Vec<String> = room.leavers().map(|s| s.who.person.clone()).collect();
        if everybody_looked_for(view) && (owns_group || !room.seats.iter().all(is_in)) {
            options.once(into_room(Message::Presence { leavers: leavers.clone() }));
        }
        if let Some(matter) = room.next_matter().filter(|_| inputs.incident.state == State::Open) {
            options.offer(into_room(Message::Quorum { matter: matter.clone() }));
        }
        // What comes soon after the last news is told together with what comes after it.
        let soonest = room.last_news_at().map_or(now, |at| later(at, policy.update_interval));
        let is_closed = inputs.incident.is_closed();
        if let Some(last) = inputs.news.last() {
            let due = if is_closed { now } else { soonest };
            options.offer_at(due, into_room(Message::News { through: last.seq, leavers }));
        } else if is_closed && options.is_free() && inputs.guests.is_empty() && everybody_looked_for(view) {
            return Next::Note(Event::Ended);
        } else if room.tasks.is_over("say presence") && !leavers.is_empty() {
            options.offer_at(soonest, into_room(Message::Departures { leavers }));
        }
    }
    search::sweep(&mut options, view, later(since, policy.settle));
    if let Some(closes_at) = inputs.incident.closes_at() {
        options.wake(closes_at);
    }
    options.decide()
}
