//! What to do next in a room: one [`Step`], or sleep.
//!
//! The order inside a living room is the order of this file: welcome first (the group is useless without
//! it), then the description, the members, the links to those missing, the settings, and then whatever
//! there is to tell. A step that failed is passed over until it may be tried again, so that a description
//! that nobody accepts does not keep an invite link from somebody who is left out.

use serde::{Deserialize, Serialize};

use super::farewell;
use super::news::fold_news;
use super::patience;
use super::phase::{Event, Phase};
use super::policy::{Policy, Strangers};
use super::seat::{Seat, SeatState};
use super::unlinked;
use super::{Chore, Room, Saying, Wanted};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::Capabilities;
use crate::incident::State;
use crate::jid::{ChatId, GroupId, Jid};
use crate::message::Composer;

/// What a room's logic stands on: the operator's decisions, the words, the provider's limits.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The operator's decisions.
    pub policy: &'a Policy,
    /// The words.
    pub composer: &'a Composer,
    /// The provider's limits.
    pub capabilities: Capabilities,
    /// Since when the room's number could have been used without a break.
    pub well_since: Timestamp,
}

impl Ground<'_> {
    pub(super) fn longest_subject(&self, room: &Room) -> usize {
        let Capabilities { longest_subject, safe_subject, .. } = self.capabilities;
        if room.short_subject { safe_subject } else { longest_subject }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make one gateway call.
    Call(Step),
    /// Nothing to call: just note what happened.
    Note(Event),
    /// Nothing before this moment.
    Sleep(Timestamp),
    /// Nothing until somebody wakes the room.
    Rest,
}

/// One gateway call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the arguments of the call of the same name")]
pub enum Step {
    /// Make the group.
    Create { subject: String, people: Vec<Jid> },
    /// Look whether a lost create made one.
    Look { token: String },
    /// Look for a second group, once the list has settled.
    Sweep { token: String },
    /// Say something.
    Say { what: What, chat: ChatId, text: String },
    /// Look whether something lost was said.
    LookForMessage { what: What, chat: ChatId, text: String, since: Timestamp },
    /// Set the description.
    Describe { group: GroupId, text: String },
    /// Read who is in.
    ReadMembers { group: GroupId, wanted: Vec<Jid> },
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
    Rename { group: GroupId, subject: String },
    /// Leave the group.
    Leave { group: GroupId },
    /// Show in its name that a group beside the room is not the room.
    RenameOrphan { group: GroupId, subject: String },
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
    Presence,
    /// News up to and including this number.
    News {
        /// The last piece of news in it.
        through: i64,
    },
    /// The link, to one person.
    Invite {
        /// Key in the roster.
        person: String,
    },
    /// "There is no room", to one person.
    Brief {
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

impl What {
    /// The name in the journal and in trouble keys.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Welcome => "welcome".to_owned(),
            Self::Presence => "presence".to_owned(),
            Self::News { through } => format!("news {through}"),
            Self::Invite { person } => format!("invite {person}"),
            Self::Brief { person } => format!("brief {person}"),
            Self::LastWords => "last words".to_owned(),
            Self::Pointer { group } => format!("pointer {group}"),
        }
    }

    /// Whether it goes to one person, where a repeat is a nuisance, and not into the room, where silence is.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self {
            Self::Invite { .. } | Self::Brief { .. } => true,
            Self::Welcome | Self::Presence | Self::News { .. } | Self::LastWords | Self::Pointer { .. } => {
                false
            }
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
            Self::Say { .. } => "say",
            Self::LookForMessage { .. } => "look_for_message",
            Self::Describe { .. } => "describe",
            Self::ReadMembers { .. } => "read_members",
            Self::GetLink { .. } => "get_link",
            Self::CheckReachable { .. } => "check_reachable",
            Self::LockSettings { .. } => "lock_settings",
            Self::Promote { .. } => "promote",
            Self::RevokeLink { .. } => "revoke_link",
            Self::LockMessages { .. } => "lock_messages",
            Self::Rename { .. } => "rename",
            Self::Leave { .. } => "leave",
            Self::RenameOrphan { .. } => "rename_orphan",
            Self::LeaveOrphan { .. } => "leave_orphan",
        }
    }

    /// What its failures are counted under.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Say { what, .. } => format!("say {}", what.key()),
            Self::LookForMessage { what, .. } => format!("look for {}", what.key()),
            Self::CheckReachable { person, .. } => format!("check_reachable {person}"),
            Self::RenameOrphan { group, .. } => format!("rename_orphan {group}"),
            Self::LeaveOrphan { group } => format!("leave_orphan {group}"),
            Self::Create { .. }
            | Self::Look { .. }
            | Self::Sweep { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::GetLink { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. } => self.name().to_owned(),
        }
    }
}

/// Looks without a find before a lost message is said again.
pub(super) const LOOKS: u32 = 2;
/// Refusals after which a small thing is given up, and something essential needs a person.
pub(super) const REFUSALS: u32 = 3;
/// How long after the last planned read members are read again while somebody may still arrive.
const LATER_READS: [SignedDuration; 3] =
    [SignedDuration::from_mins(1), SignedDuration::from_mins(5), SignedDuration::from_mins(15)];

/// After this long the last steps are left to a person, even if the number was down all the time.
const CLOSING: SignedDuration = SignedDuration::from_hours(24);

/// Collects what could be done, in order, and picks the first that may be done now.
pub(super) struct Agenda<'a> {
    room: &'a Room,
    now: Timestamp,
    pick: Option<Step>,
    wake_at: Option<Timestamp>,
}

impl<'a> Agenda<'a> {
    pub(super) fn new(room: &'a Room, now: Timestamp) -> Self {
        Self { room, now, pick: None, wake_at: None }
    }

    /// `step`, as soon as it may be tried.
    pub(super) fn offer(&mut self, step: Step) {
        let not_before = self.room.troubles.get(&step.key()).map_or(self.now, |t| t.retry_at);
        self.offer_at(not_before, step);
    }

    /// `step`, not before `at` nor before it may be tried again.
    fn offer_at(&mut self, at: Timestamp, step: Step) {
        let retry_at = self.room.troubles.get(&step.key()).map_or(at, |t| t.retry_at.max(at));
        if retry_at > self.now {
            self.wake(retry_at);
        } else if self.pick.is_none() {
            self.pick = Some(step);
        }
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |w| w.min(at)));
    }

    fn chore(&mut self, chore: Chore, step: Step) {
        if !self.room.chores.contains_key(&chore) {
            self.offer(step);
        }
    }

    fn is_free(&self) -> bool {
        self.pick.is_none()
    }

    pub(super) fn decide(self) -> Next {
        match (self.pick, self.wake_at) {
            (Some(step), _) => Next::Call(step),
            (None, Some(at)) => Next::Sleep(at),
            (None, None) => Next::Rest,
        }
    }
}

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
    if let Some(wish) = &wanted.wish {
        return Next::Note(wish.next_move(&room.phase));
    }
    let next = match &room.phase {
        Phase::Parked { .. } | Phase::Skipped { .. } | Phase::Creating { .. } => Next::Rest,
        Phase::Closed { group, since } => after_the_end(room, ground.policy, group.as_ref(), *since, now),
        Phase::Wanted { not_before, .. } => while_wanted(room, wanted, ground, *not_before, now),
        Phase::Unsure { since, look_at, .. } => while_unsure(room, wanted, ground, (*since, *look_at), now),
        Phase::Live { group, since } => while_live(room, wanted, ground, (group, *since), now),
        Phase::Closing { group, since } => while_closing(room, wanted, ground, (group, *since), now),
    };
    let next = farewell::after(next, room, wanted, ground, now);
    match (next, room.hold_until) {
        (Next::Call(_), Some(until)) if until > now => Next::Sleep(until),
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
    match wanted.incident.state {
        State::Closed { .. } => return Next::Note(Event::Ended),
        // Nothing fires: no reason to call anybody together, unless it comes back.
        State::Resolved { closes_at, .. } if room.saying.is_none() => return Next::Sleep(closes_at),
        State::Resolved { .. } | State::Open => {}
    }
    if let (Some(saying), None) = (&room.saying, &room.hopeless) {
        return look_for(saying, room, now);
    }
    let attempts_spent = room.creates >= ground.policy.create_attempts;
    let hopeless = room.hopeless.clone().or_else(|| {
        attempts_spent.then(|| format!("the group could not be made in {} attempts", room.creates))
    });
    if let Some(why) = hopeless {
        return reach_one_by_one(room, wanted, ground, why, now);
    }
    if not_before > now {
        return Next::Sleep(not_before);
    }
    Next::Call(Step::Create {
        subject: ground.composer.subject(&wanted.incident, ground.longest_subject(room)),
        people: room.first_members(ground.policy.strangers),
    })
}

/// The next person to tell 1:1 that the group has to wait, and `why`; `None` when everybody is told or
/// cannot be now.
#[must_use]
pub fn tell_of_delay(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    why: &str,
    now: Timestamp,
) -> Option<Step> {
    if room.hold_until.is_some_and(|until| until > now) {
        return None;
    }
    match one_by_one(room, wanted, ground, why, now).decide() {
        Next::Call(step) => Some(step),
        Next::Note(_) | Next::Sleep(_) | Next::Rest => None,
    }
}

/// Before a room without a group is left to a person, everybody is told 1:1.
pub(super) fn reach_one_by_one(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    why: String,
    now: Timestamp,
) -> Next {
    if let Some(saying) = &room.saying {
        return look_for(saying, room, now);
    }
    match one_by_one(room, wanted, ground, &why, now).decide() {
        Next::Rest => Next::Note(Event::Spent { why }),
        next @ (Next::Call(_) | Next::Note(_) | Next::Sleep(_)) => next,
    }
}

fn one_by_one<'a>(
    room: &'a Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    why: &str,
    now: Timestamp,
) -> Agenda<'a> {
    let mut agenda = Agenda::new(room, now);
    let reachable =
        |s: &&Seat| !s.briefed && (s.who.introduced || ground.policy.strangers != Strangers::LeaveOut);
    for seat in room.seats.iter().filter(reachable) {
        let text = ground.composer.brief(&wanted.incident, room, seat, why, now);
        agenda.offer(Step::Say {
            what: What::Brief { person: seat.who.person.clone() },
            chat: ChatId::Person(seat.who.jid.clone()),
            text,
        });
    }
    agenda
}

fn while_unsure(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (since, look_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> Next {
    let deadline = patience::deadline(room, ground, since);
    if deadline <= now {
        let why = "nobody could tell whether the group was made".to_owned();
        return reach_one_by_one(room, wanted, ground, why, now);
    }
    if look_at > now {
        return Next::Sleep(look_at);
    }
    let mut agenda = Agenda::new(room, now);
    agenda.offer(Step::Look { token: room.token() });
    agenda.wake(deadline);
    agenda.decide()
}

/// A message without an answer: look for it, and say it again only when it is not there.
pub(super) fn look_for(saying: &Saying, room: &Room, now: Timestamp) -> Next {
    let mut agenda = Agenda::new(room, now);
    if saying.looks >= LOOKS {
        agenda.offer(Step::Say {
            what: saying.what.clone(),
            chat: saying.chat.clone(),
            text: saying.text.clone(),
        });
    } else {
        agenda.offer_at(
            saying.look_at,
            Step::LookForMessage {
                what: saying.what.clone(),
                chat: saying.chat.clone(),
                text: saying.text.clone(),
                since: saying.begun_at,
            },
        );
    }
    agenda.decide()
}

fn while_live(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (group, since): (&GroupId, Timestamp),
    now: Timestamp,
) -> Next {
    if let Some(saying) = &room.saying {
        return look_for(saying, room, now);
    }
    if let Some(next) = patience::never_briefed(room, wanted, ground, since, now) {
        return next;
    }
    let Ground { policy, composer, .. } = ground;
    let mut agenda = Agenda::new(room, now);
    let into_room = |what, text| Step::Say { what, chat: ChatId::Group(group.clone()), text };
    if !room.is_briefed() {
        let welcome = into_room(What::Welcome, composer.welcome(&wanted.incident, room, now));
        if let Some(trouble) = room.troubles.get(&welcome.key()).filter(|t| t.refusals >= REFUSALS) {
            let why = format!("the welcome could not be said: {}", trouble.last);
            return reach_one_by_one(room, wanted, ground, why, now);
        }
        agenda.offer(welcome);
    }
    let text = composer.description(&wanted.incident, room, now);
    agenda.chore(Chore::Description, Step::Describe { group: group.clone(), text });
    if room.was_unsure && !room.chores.contains_key(&Chore::Sweep) {
        agenda.offer_at(later(since, policy.settle), Step::Sweep { token: room.token() });
    }
    if let Some(read_at) = next_read(room, policy, since) {
        let wanted = room.seats.iter().map(|s| s.who.jid.clone()).collect();
        agenda.offer_at(read_at, Step::ReadMembers { group: group.clone(), wanted });
    }
    invite_missing(&mut agenda, room, wanted, ground, group);
    unlinked::brief(&mut agenda, room, wanted, ground, now);
    if policy.lock_settings {
        agenda.chore(Chore::Settings, Step::LockSettings { group: group.clone() });
    }
    if policy.second_admin
        && let Some(seat) = room.seats.iter().find(|s| matches!(s.state, SeatState::In { .. }))
    {
        let (person, jid) = (seat.who.person.clone(), seat.who.jid.clone());
        agenda.chore(Chore::SecondAdmin, Step::Promote { group: group.clone(), person, jid });
    }
    if room.is_briefed() {
        if everybody_looked_for(room, policy) {
            let text = composer.presence(&wanted.incident, room, now);
            agenda.chore(Chore::Presence, into_room(What::Presence, text));
        }
        if let Some(item) = fold_news(&wanted.news) {
            // What comes soon after the last news is told together with what comes after it.
            let soonest = room.last_news_at().map_or(now, |at| later(at, policy.update_interval));
            let due = if wanted.incident.is_closed() { now } else { soonest };
            let text = composer.news(&wanted.incident, room, &item, now);
            agenda.offer_at(due, into_room(What::News { through: item.seq }, text));
        } else if wanted.incident.is_closed() && agenda.is_free() && everybody_looked_for(room, policy) {
            return Next::Note(Event::Ended);
        }
    }
    if let Some(closes_at) = wanted.incident.closes_at() {
        agenda.wake(closes_at);
    }
    agenda.decide()
}

/// When to read the members next, if ever.
fn next_read(room: &Room, policy: &Policy, live_since: Timestamp) -> Option<Timestamp> {
    let planned = usize::try_from(room.reads).unwrap_or(usize::MAX);
    if let Some(offset) = policy.member_reads.get(planned) {
        return Some(later(live_since, *offset));
    }
    // Somebody whom one list missed is looked for until it is certain: there is no link before that.
    let unclear = |s: &Seat| s.state == SeatState::Asked && !s.needs_link();
    if !room.seats.iter().any(|s| s.may_arrive() || unclear(s)) {
        return None;
    }
    let again = planned - policy.member_reads.len();
    let gap = LATER_READS.get(again).or(LATER_READS.last())?;
    Some(later(room.read_at.unwrap_or(live_since), *gap))
}

/// Whether the planned member lists were read and everybody missing has been dealt with.
fn everybody_looked_for(room: &Room, policy: &Policy) -> bool {
    usize::try_from(room.reads).unwrap_or(usize::MAX) >= policy.member_reads.len()
        && room.seats.iter().all(Seat::is_settled)
}

fn invite_missing(
    agenda: &mut Agenda<'_>,
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    group: &GroupId,
) {
    let missing: Vec<&Seat> = room.seats.iter().filter(|s| s.needs_link()).collect();
    if missing.is_empty() || room.read_at.is_none() {
        return;
    }
    let Some(link) = &room.link else {
        agenda.offer(Step::GetLink { group: group.clone() });
        return;
    };
    for seat in missing {
        let person = seat.who.person.clone();
        if seat.reachable.is_none() {
            agenda.offer(Step::CheckReachable { person, jid: seat.who.jid.clone() });
        } else {
            let text = ground.composer.invite(&wanted.incident, room, seat, link);
            let chat = ChatId::Person(seat.who.jid.clone());
            agenda.offer(Step::Say { what: What::Invite { person }, chat, text });
        }
    }
}

fn while_closing(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (group, since): (&GroupId, Timestamp),
    now: Timestamp,
) -> Next {
    let deadline = later(since, CLOSING);
    if deadline <= now {
        let why = "the group could not be closed in a day: its link may still work".to_owned();
        return Next::Note(Event::Spent { why });
    }
    if let Some(saying) = &room.saying {
        return look_for(saying, room, now);
    }
    let mut agenda = Agenda::new(room, now);
    if room.is_briefed() {
        let text = ground.composer.last_words(&wanted.incident, room, now);
        let chat = ChatId::Group(group.clone());
        agenda.chore(Chore::LastWords, Step::Say { what: What::LastWords, chat, text });
    }
    agenda.chore(Chore::RevokeLink, Step::RevokeLink { group: group.clone() });
    agenda.chore(Chore::LockMessages, Step::LockMessages { group: group.clone() });
    let subject = ground.composer.closed_subject(&wanted.incident, ground.longest_subject(room));
    agenda.chore(Chore::Rename, Step::Rename { group: group.clone(), subject });
    if room.was_unsure {
        agenda.chore(Chore::LastSweep, Step::Sweep { token: room.token() });
    }
    match agenda.decide() {
        Next::Rest => Next::Note(Event::Finished),
        next @ (Next::Call(_) | Next::Note(_) | Next::Sleep(_)) => next,
    }
}

/// A group that is over is left alone, and left altogether if the policy says so.
fn after_the_end(
    room: &Room,
    policy: &Policy,
    group: Option<&GroupId>,
    since: Timestamp,
    now: Timestamp,
) -> Next {
    let mut agenda = Agenda::new(room, now);
    if let (Some(group), Some(leave_after)) = (group, policy.leave_after)
        && !room.chores.contains_key(&Chore::Leave)
    {
        agenda.offer_at(later(since, leave_after), Step::Leave { group: group.clone() });
    }
    agenda.decide()
}
