//! What to do next in a room: one [`Step`], or sleep.
//!
//! The order inside a living room is the order of this file: welcome first (the group is useless without
//! it), then the description, the members, the links to those missing, the settings, and then whatever
//! there is to tell. A step that failed is passed over until it may be tried again, so that a description
//! that nobody accepts does not keep an invite link from somebody who is left out.

use serde::{Deserialize, Serialize};

use super::adoption;
use super::alone::{look_for, pending, reach_one_by_one};
use super::appeal::{self, Appeal};
use super::attendance::{bring_in, chat_to_check, everybody_looked_for};
use super::closing;
use super::farewell;
use super::guest::lost_host;
use super::numbers::Numbers;
use super::offers::Agenda;
use super::patience;
use super::phase::{Event, Phase};
use super::policy::Policy;
use super::quorum::{Judgement, Matter, judge};
use super::reading::next_read;
use super::seat::SeatState;
use super::standby::{self, StandbyStep};
use super::unlinked;
use super::unsure;
use super::why::Why;
use super::word;
use super::{Chore, Room, Wanted};
use crate::clock::{Timestamp, later};
use crate::incident::State;
use crate::jid::{ChatId, GroupId, Jid};

/// What a room's logic stands on besides what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The operator's decisions.
    pub policy: &'a Policy,
    /// All of our numbers as they are now.
    pub numbers: &'a Numbers,
    /// Nobody is written to 1:1 before this moment, because no number may do it: other work goes on.
    pub no_private_before: Option<Timestamp>,
    /// When this process began to work.
    pub began_at: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make one gateway call.
    Call(Step),
    /// Nothing to call: just note what happened.
    Note(Event),
    /// What the operator asked for cannot be granted.
    Refuse(String),
    /// Nothing before this moment.
    Sleep(Timestamp),
    /// Nothing until somebody wakes the room.
    Rest,
}

/// One gateway call. What it says is worded when it is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of the call of the same name")]
pub enum Step {
    /// Make the group.
    Create { people: Vec<Jid> },
    /// Look whether a lost create of this number made one.
    Look { token: String, instance: String, asked_at: Timestamp, thoroughly: bool },
    /// Look for a second group, once the list has settled.
    Sweep { token: String, instance: String, asked_at: Timestamp },
    /// Read a group that an operator named, before it is taken.
    ReadGroup { group: GroupId, instance: String },
    /// Say something.
    Say { what: What, chat: ChatId },
    /// Look whether something lost was said.
    LookForMessage { what: What, chat: ChatId },
    /// Set the description.
    Describe { group: GroupId },
    /// Read who is in.
    ReadMembers { group: GroupId, wanted: Vec<Jid> },
    /// Add people to the group that is there already.
    AddMembers { group: GroupId, people: Vec<Jid> },
    /// Ask whether a person has written to this number since a moment.
    CheckHistory { person: String, jid: Jid, since: Timestamp },
    /// Get the invite link.
    GetLink { group: GroupId },
    /// Ask whether a person is on the network, before writing to them.
    CheckReachable { person: String, jid: Jid },
    /// Let only admins change subject and description.
    LockSettings { group: GroupId },
    /// Make a person admin.
    Promote { group: GroupId, person: String, jid: Jid },
    /// Make the invite link useless.
    RevokeLink { group: GroupId },
    /// Let only admins write.
    LockMessages { group: GroupId },
    /// Change the subject.
    Rename { group: GroupId },
    /// Leave the group.
    Leave { group: GroupId },
    /// Bring another of our numbers further on its way into the room.
    Standby(StandbyStep),
    /// Tell it by the second way, which is no linked number.
    Appeal(Appeal),
    /// Show in its name that a group beside the room is not the room.
    RenameOrphan { group: GroupId },
    /// Leave a group beside the room.
    LeaveOrphan { group: GroupId },
}

/// What a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The first message of the room.
    Welcome,
    /// Who is here, once.
    Presence {
        /// Those of whom it says that they left (keys in the roster).
        leavers: Vec<String>,
    },
    /// News up to and including this number.
    News {
        /// The last piece of news in it.
        through: i64,
        /// Those of whom it says that they left (keys in the roster).
        leavers: Vec<String>,
    },
    /// The link, to one person.
    Invite {
        /// Key in the roster.
        person: String,
    },
    /// That nobody came in a role that must be filled, to one person who holds an invitation.
    Reminder {
        /// Key in the roster.
        person: String,
    },
    /// Who must be there and is not, or is after all.
    Quorum {
        /// What of it.
        matter: Matter,
    },
    /// "There is no room", to one person.
    Brief {
        /// Key in the roster.
        person: String,
        /// Why they are told so.
        why: Why,
    },
    /// Who left, when nothing else is told that could say so.
    Departures {
        /// Those who left (keys in the roster).
        leavers: Vec<String>,
    },
    /// Why nothing is heard in the room, to one person.
    Quiet {
        /// Key in the roster.
        person: String,
    },
    /// The last message of the room.
    LastWords,
    /// Where the room is, into a group beside it.
    Pointer {
        /// That group.
        group: GroupId,
    },
}

/// The name of what tells `person` that there is no room, see [`What::key`].
#[must_use]
pub fn brief_key(person: &str) -> String {
    format!("brief {person}")
}

/// What failures to say that are counted under.
pub(super) fn brief_trouble(person: &str) -> String {
    format!("say {}", brief_key(person))
}

impl What {
    /// The name in the journal and in trouble keys.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Welcome => "welcome".to_owned(),
            Self::Presence { .. } => "presence".to_owned(),
            Self::News { through, .. } => format!("news {through}"),
            Self::Invite { person } => format!("invite {person}"),
            Self::Reminder { person } => format!("reminder {person}"),
            Self::Quorum { matter } => matter.key(),
            Self::Brief { person, .. } => brief_key(person),
            Self::Departures { .. } => "departures".to_owned(),
            Self::Quiet { person } => format!("quiet {person}"),
            Self::LastWords => "last words".to_owned(),
            Self::Pointer { group } => format!("pointer {group}"),
        }
    }

    /// What failures to say it are counted under.
    #[must_use]
    pub fn trouble(&self) -> String {
        format!("say {}", self.key())
    }

    /// Whether it is for the same as `other`, which may be about an earlier moment.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Whether it goes to one person, where a repeat is a nuisance, and not into the room, where silence is.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.person().is_some()
    }

    /// The one person to whom it goes, by their key in the roster.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match self {
            Self::Invite { person }
            | Self::Reminder { person }
            | Self::Brief { person, .. }
            | Self::Quiet { person } => Some(person),
            Self::Welcome
            | Self::Presence { .. }
            | Self::News { .. }
            | Self::Departures { .. }
            | Self::Quorum { .. }
            | Self::LastWords
            | Self::Pointer { .. } => None,
        }
    }
}

impl Step {
    /// A bounded name for metrics, the journal and spans.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Look { .. } => "look",
            Self::Sweep { .. } => "sweep",
            Self::ReadGroup { .. } => "read_group",
            Self::Say { .. } => "say",
            Self::LookForMessage { .. } => "look_for_message",
            Self::Describe { .. } => "describe",
            Self::ReadMembers { .. } => "read_members",
            Self::AddMembers { .. } => "add_members",
            Self::CheckHistory { .. } => "check_history",
            Self::GetLink { .. } => "get_link",
            Self::CheckReachable { .. } => "check_reachable",
            Self::LockSettings { .. } => "lock_settings",
            Self::Promote { .. } => "promote",
            Self::RevokeLink { .. } => "revoke_link",
            Self::LockMessages { .. } => "lock_messages",
            Self::Rename { .. } => "rename",
            Self::Leave { .. } => "leave",
            Self::Standby(step) => step.name(),
            Self::Appeal(_) => "second_way",
            Self::RenameOrphan { .. } => "rename_orphan",
            Self::LeaveOrphan { .. } => "leave_orphan",
        }
    }

    /// What its failures are counted under.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Say { what, .. } => what.trouble(),
            Self::LookForMessage { what, .. } => format!("look for {}", what.key()),
            Self::CheckReachable { person, .. } => format!("check_reachable {person}"),
            Self::CheckHistory { person, .. } => format!("check_history {person}"),
            Self::Standby(step) => format!("{} {}", step.name(), step.instance()),
            Self::Appeal(appeal) => format!("second_way {}", appeal.reason.as_str()),
            Self::RenameOrphan { group } => format!("rename_orphan {group}"),
            Self::LeaveOrphan { group } => format!("leave_orphan {group}"),
            Self::Look { instance, .. } | Self::Sweep { instance, .. } => {
                format!("{} {instance}", self.name())
            }
            Self::ReadGroup { group, instance } => format!("read_group {group} {instance}"),
            Self::Create { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::AddMembers { .. }
            | Self::GetLink { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. } => self.name().to_owned(),
        }
    }

    /// Whether it is written down before it is called. What only asks, or may be called any number of times, is
    /// written with its outcome, unless it concerns somebody who may have said STOP.
    #[must_use]
    pub fn needs_intent(&self) -> bool {
        let may_be_repeated = self.is_read()
            || matches!(
                self,
                Self::Describe { .. }
                    | Self::LockSettings { .. }
                    | Self::RevokeLink { .. }
                    | Self::LockMessages { .. }
                    | Self::Rename { .. }
            );
        !may_be_repeated || !self.reaches().is_empty()
    }

    /// Whether it only asks: without an answer nothing has happened.
    #[must_use]
    pub fn is_read(&self) -> bool {
        match self {
            Self::Look { .. }
            | Self::Sweep { .. }
            | Self::ReadGroup { .. }
            | Self::LookForMessage { .. }
            | Self::ReadMembers { .. }
            | Self::CheckHistory { .. }
            | Self::CheckReachable { .. }
            | Self::GetLink { .. } => true,
            Self::Standby(step) => matches!(step, StandbyStep::Check { .. }),
            Self::Create { .. }
            | Self::Say { .. }
            | Self::Describe { .. }
            | Self::AddMembers { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. }
            | Self::Appeal(_)
            | Self::RenameOrphan { .. }
            | Self::LeaveOrphan { .. } => false,
        }
    }

    /// The people whom this call would reach or ask about, our own numbers left out.
    #[must_use]
    pub fn reaches(&self) -> Vec<Jid> {
        match self {
            Self::Create { people, .. } | Self::AddMembers { people, .. } => people.clone(),
            Self::Say { chat: ChatId::Person(jid), .. }
            | Self::CheckHistory { jid, .. }
            | Self::CheckReachable { jid, .. }
            | Self::Promote { jid, .. } => vec![jid.clone()],
            Self::Say { chat: ChatId::Group(_), .. }
            | Self::Look { .. }
            | Self::Sweep { .. }
            | Self::ReadGroup { .. }
            | Self::LookForMessage { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::GetLink { .. }
            | Self::LockSettings { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. }
            | Self::Standby(_)
            | Self::Appeal(_)
            | Self::RenameOrphan { .. }
            | Self::LeaveOrphan { .. } => Vec::new(),
        }
    }

    /// The number through which this call goes and no other, where that is not a question of the room.
    #[must_use]
    pub fn through(&self) -> Option<&str> {
        match self {
            Self::Look { instance, .. } | Self::Sweep { instance, .. } | Self::ReadGroup { instance, .. } => {
                Some(instance)
            }
            Self::Standby(step) if step.is_its_own() => Some(step.instance()),
            Self::Create { .. }
            | Self::Say { .. }
            | Self::LookForMessage { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::AddMembers { .. }
            | Self::CheckHistory { .. }
            | Self::GetLink { .. }
            | Self::CheckReachable { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. }
            | Self::Standby(_)
            | Self::Appeal(_)
            | Self::RenameOrphan { .. }
            | Self::LeaveOrphan { .. } => None,
        }
    }

    /// Whether only the room's own number can make this call. Others can while that one does not work.
    #[must_use]
    pub fn needs_its_number(&self) -> bool {
        match self {
            Self::Create { .. } | Self::CheckHistory { .. } | Self::Appeal(_) | Self::ReadGroup { .. } => {
                false
            }
            Self::Standby(step) => !step.is_its_own(),
            Self::Say { what, .. } | Self::LookForMessage { what, .. } => {
                !matches!(what, What::Brief { .. } | What::Quiet { .. })
            }
            Self::Look { .. }
            | Self::Sweep { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::AddMembers { .. }
            | Self::GetLink { .. }
            | Self::CheckReachable { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. }
            | Self::RenameOrphan { .. }
            | Self::LeaveOrphan { .. } => true,
        }
    }
}

/// Looks without a find before a lost message is said again.
pub(super) const LOOKS: u32 = 2;
/// Refusals after which a small thing is given up, and something essential needs a person.
pub(super) const REFUSALS: u32 = 3;

/// What to do next in `room`, given what is wanted of it now.
#[must_use]
pub fn next_step(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Next {
    if let Some(event) = room.clock_was_set(now) {
        return Next::Note(event);
    }
    // Noted before any wish is granted: no wish fits while nobody knows what became of the create. Whoever
    // stored the intent is gone, or would have stored the outcome too.
    if matches!(room.phase, Phase::Creating { .. }) {
        return Next::Note(Event::Lost { look_at: now });
    }
    if let Some(event) = unsure::told_of(room, wanted) {
        return Next::Note(event);
    }
    if let Some(wish) = &wanted.wish {
        return adoption::grant(wish, room, wanted, ground, now);
    }
    let own_works = room.instance.as_deref().is_none_or(|own| ground.numbers.works(own));
    let next = match &room.phase {
        Phase::Skipped { .. } | Phase::Creating { .. } => Next::Rest,
        Phase::Parked { why, .. } => appeal::unreached(room, wanted, ground, why)
            .map_or(Next::Rest, |step| appeal::offered(room, step, now).decide()),
        Phase::Closed { group, since } => closing::after_the_end(room, ground, group.as_ref(), *since, now),
        Phase::Wanted { not_before, .. } => while_wanted(room, wanted, ground, *not_before, now),
        Phase::Unsure { since, look, .. } => unsure::while_unsure(room, wanted, ground, (*since, *look), now),
        Phase::Live { group, since } => while_live(room, wanted, ground, (group, *since), now),
        Phase::Closing { group, since } => closing::while_closing(room, wanted, ground, (group, *since), now),
    };
    let next = farewell::after(next, room, wanted, ground, now);
    // Who waits for one number goes on with the others where they can do it.
    let held_until = |step: &Step| {
        if let Step::Say { what: What::Brief { .. }, .. } = step {
            // Whatever else the number is made to wait with: people are told.
            return room.private_hold();
        }
        let waits = step.needs_its_number() || (own_works && !matches!(step, Step::Appeal(_)));
        room.hold_until.filter(|_| waits)
    };
    let next = match next {
        Next::Call(step) => match held_until(&step).filter(|until| *until > now) {
            Some(until) => Next::Sleep(until),
            None => Next::Call(step),
        },
        next @ (Next::Note(_) | Next::Refuse(_) | Next::Sleep(_) | Next::Rest) => next,
    };
    let next = match (next, ground.numbers.next_at(now)) {
        (Next::Sleep(until), Some(at)) => Next::Sleep(until.min(at)),
        (next, _) => next,
    };
    match (next, word::next_at(room, wanted, ground.policy, now)) {
        (Next::Sleep(until), Some(at)) => Next::Sleep(until.min(at)),
        (Next::Rest, Some(at)) => Next::Sleep(at),
        (next, _) => next,
    }
}

fn while_wanted(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    not_before: Timestamp,
    now: Timestamp,
) -> Next {
    let pending = pending(room, wanted, ground, now);
    match wanted.incident.state {
        State::Closed { .. } => return Next::Note(Event::Ended),
        // Nothing fires: no reason to call anybody together, unless it comes back.
        State::Resolved { closes_at, .. } if pending.is_none() => return Next::Sleep(closes_at),
        State::Resolved { .. } | State::Open => {}
    }
    if let Some(step) = appeal::numbers_down(room, wanted, ground, now)
        && let call @ Next::Call(_) = appeal::offered(room, step, now).decide()
    {
        return call;
    }
    if let (Some(saying), None) = (pending, &room.hopeless) {
        let looked_for = look_for(saying, room, ground, now);
        let late = if let Next::Sleep(_) = looked_for { word::due(room, wanted, ground, now) } else { None };
        return late.unwrap_or(looked_for);
    }
    let attempts_spent = room.creates >= ground.policy.create_attempts;
    let hopeless = room.hopeless.clone().or_else(|| {
        attempts_spent.then(|| format!("the group could not be made in {} attempts", room.creates))
    });
    if let Some(why) = hopeless {
        return reach_one_by_one(room, wanted, ground, why, now);
    }
    if let Some(next) = patience::never_sent(room, wanted, ground, now) {
        return next;
    }
    if not_before > now {
        return word::due(room, wanted, ground, now).unwrap_or(Next::Sleep(not_before));
    }
    if let Some(step) = chat_to_check(room, ground.policy, now) {
        return Next::Call(step);
    }
    let people = room.first_members(ground.policy.strangers);
    if people.is_empty() {
        let why = "nobody is left to make a group with: everybody called has said STOP".to_owned();
        return reach_one_by_one(room, wanted, ground, why, now);
    }
    Next::Call(Step::Create { people })
}

fn while_live(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (group, since): (&GroupId, Timestamp),
    now: Timestamp,
) -> Next {
    if let Some(event) = lost_host(room, wanted) {
        return Next::Note(event);
    }
    if let Some(step) = appeal::numbers_down(room, wanted, ground, now)
        && let call @ Next::Call(_) = appeal::offered(room, step, now).decide()
    {
        return call;
    }
    if let Some(next) = standby::without_its_number(room, wanted, ground, group, now) {
        return next;
    }
    if let Some(call @ Next::Call(_)) = word::due_beside(room, wanted, ground, now) {
        return call;
    }
    if let Some(saying) = pending(room, wanted, ground, now) {
        return look_for(saying, room, ground, now);
    }
    // The group is the host's matter; a guest only speaks in it.
    let owns_group = room.guest_of.is_none();
    if let Some(next) = patience::never_briefed(room, wanted, ground, since, now) {
        return next;
    }
    let policy = ground.policy;
    let mut agenda = Agenda::new(room, now);
    let into_room = |what| Step::Say { what, chat: ChatId::Group(group.clone()) };
    if !room.is_briefed() {
        let welcome = into_room(What::Welcome);
        if let Some(trouble) = room.troubles.get(&welcome.key()).filter(|t| t.refusals >= REFUSALS) {
            let why = format!("the welcome could not be said: {}", trouble.last);
            return reach_one_by_one(room, wanted, ground, why, now);
        }
        agenda.offer(welcome);
    }
    if owns_group {
        agenda.chore(Chore::Description, Step::Describe { group: group.clone() });
    }
    let mut read_at = next_read(room, policy, since);
    if room.is_briefed() && wanted.incident.state == State::Open {
        match judge(room, policy.strangers, now) {
            Judgement::Take(turn) => return Next::Note(Event::Quorum { turn }),
            Judgement::ReadAt(at) => read_at = Some(read_at.map_or(at, |planned| planned.min(at))),
            Judgement::Rest => {}
        }
    }
    if let Some(read_at) = read_at {
        // Our own numbers too, so that their hidden ids are not taken for strangers'.
        let ours = ground.numbers.ids().into_iter().filter(|_| !room.standby.is_empty());
        let wanted = room.seats.iter().map(|s| s.address().clone()).chain(ours).collect();
        agenda.offer_at(read_at, Step::ReadMembers { group: group.clone(), wanted });
    }
    bring_in(&mut agenda, room, wanted, policy, group);
    unlinked::brief(&mut agenda, room, wanted, policy);
    if owns_group && policy.lock_settings {
        agenda.chore(Chore::Settings, Step::LockSettings { group: group.clone() });
    }
    if owns_group
        && policy.second_admin
        && room.may_promote()
        && let Some(seat) = room
            .seats
            .iter()
            .find(|s| matches!(s.state, SeatState::In { .. }) && !room.has_stopped(&s.who.jid))
    {
        let (person, jid) = (seat.who.person.clone(), seat.address().clone());
        agenda.chore(Chore::SecondAdmin, Step::Promote { group: group.clone(), person, jid });
    }
    if owns_group {
        standby::keep_standby(&mut agenda, room, ground, group);
    }
    if room.is_briefed() {
        let leavers: Vec<String> = room.leavers().map(|s| s.who.person.clone()).collect();
        let all_in = room.seats.iter().all(|s| matches!(s.state, SeatState::In { .. }));
        if everybody_looked_for(room, wanted, policy) && (owns_group || !all_in) {
            let leavers = leavers.clone();
            agenda.chore(Chore::Presence, into_room(What::Presence { leavers }));
        }
        if let Some(matter) = room.next_matter().filter(|_| wanted.incident.state == State::Open) {
            agenda.offer(into_room(What::Quorum { matter: matter.clone() }));
        }
        // What comes soon after the last news is told together with what comes after it.
        let soonest = room.last_news_at().map_or(now, |at| later(at, policy.update_interval));
        if let Some(last) = wanted.news.last() {
            let due = if wanted.incident.is_closed() { now } else { soonest };
            agenda.offer_at(due, into_room(What::News { through: last.seq, leavers }));
        } else if wanted.incident.is_closed()
            && agenda.is_free()
            && wanted.guests.is_empty()
            && everybody_looked_for(room, wanted, policy)
        {
            return Next::Note(Event::Ended);
        } else if room.chores.contains_key(&Chore::Presence) && !leavers.is_empty() {
            agenda.offer_at(soonest, into_room(What::Departures { leavers }));
        }
    }
    unsure::sweep(&mut agenda, room, ground, later(since, policy.settle));
    if let Some(closes_at) = wanted.incident.closes_at() {
        agenda.wake(closes_at);
    }
    agenda.decide()
}
