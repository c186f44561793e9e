//! What to do next in a room: one [`Step`], or sleep.
//!
//! The order inside a living room is the order of this file: welcome first (the group is useless without
//! it), then the description, the members, the links to those missing, the settings, and then whatever
//! there is to tell. A step that failed is passed over until it may be tried again, so that a description
//! that nobody accepts does not keep an invite link from somebody who is left out.

use serde::{Deserialize, Serialize};

use super::appeal::{self, Appeal};
use super::closing;
use super::news::fold_news;
use super::numbers::Numbers;
use super::offers::Agenda;
use super::phase::{Event, Phase};
use super::policy::{Policy, Strangers};
use super::seat::{Seat, SeatState};
use super::standby::{self, StandbyStep};
use super::unsure;
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
    /// All of our numbers as they are now.
    pub numbers: &'a Numbers,
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
    /// Bring another of our numbers further on its way into the room.
    Standby(StandbyStep),
    /// Tell it by the second way, which is no linked number.
    Appeal(Appeal),
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
    /// Why nothing is heard in the room, to one person.
    Quiet {
        /// Key in the roster.
        person: String,
    },
    /// The last message of the room.
    LastWords,
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
            Self::Quiet { person } => format!("quiet {person}"),
            Self::LastWords => "last words".to_owned(),
        }
    }

    /// Whether it goes to one person, where a repeat is a nuisance, and not into the room, where silence is.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self {
            Self::Invite { .. } | Self::Brief { .. } | Self::Quiet { .. } => true,
            Self::Welcome | Self::Presence | Self::News { .. } | Self::LastWords => false,
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
            Self::Standby(step) => step.name(),
            Self::Appeal(_) => "second_way",
        }
    }

    /// What its failures are counted under.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Say { what, .. } => format!("say {}", what.key()),
            Self::LookForMessage { what, .. } => format!("look for {}", what.key()),
            Self::CheckReachable { person, .. } => format!("check_reachable {person}"),
            Self::Standby(step) => format!("{} {}", step.name(), step.instance()),
            Self::Appeal(appeal) => format!("second_way {}", appeal.reason.as_str()),
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

    /// Whether only the room's own number can make this call. Others can while that one does not work.
    #[must_use]
    pub fn needs_its_number(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Appeal(_) => false,
            Self::Standby(step) => !step.is_its_own(),
            Self::Say { what, .. } | Self::LookForMessage { what, .. } => {
                !matches!(what, What::Brief { .. } | What::Quiet { .. })
            }
            Self::Look { .. }
            | Self::Sweep { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::GetLink { .. }
            | Self::CheckReachable { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. } => true,
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

/// What to do next in `room`, given what is wanted of it now.
#[must_use]
pub fn next_step(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Next {
    if let Some(wish) = &wanted.wish {
        return Next::Note(wish.event());
    }
    let own_works = room.instance.as_deref().is_none_or(|own| ground.numbers.works(own));
    let next = match &room.phase {
        Phase::Skipped { .. } => Next::Rest,
        Phase::Parked { why, .. } => appeal::unreached(room, wanted, ground, why, now)
            .map_or(Next::Rest, |step| appeal::offered(room, step, now).decide()),
        Phase::Closed { group, since } => closing::after_the_end(room, ground, group.as_ref(), *since, now),
        // Whoever stored the intent is gone, or would have stored the outcome too.
        Phase::Creating { .. } => Next::Note(Event::Lost { look_at: now }),
        Phase::Wanted { not_before, .. } => while_wanted(room, wanted, ground, *not_before, now),
        Phase::Unsure { since, look_at, .. } => {
            unsure::while_unsure(room, wanted, ground, (*since, *look_at), now)
        }
        Phase::Live { group, since } => while_live(room, wanted, ground, (group, *since), now),
        Phase::Closing { group, since } => closing::while_closing(room, wanted, ground, (group, *since), now),
    };
    // Who waits for one number goes on with the others where they can do it.
    let waits = |step: &Step| step.needs_its_number() || (own_works && !matches!(step, Step::Appeal(_)));
    let next = match (next, room.hold_until) {
        (Next::Call(step), Some(until)) if until > now && waits(&step) => Next::Sleep(until),
        (next, _) => next,
    };
    match (next, ground.numbers.next_at(now)) {
        (Next::Sleep(until), Some(at)) => Next::Sleep(until.min(at)),
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
    if let Some(step) = appeal::numbers_down(room, wanted, ground, now)
        && let call @ Next::Call(_) = appeal::offered(room, step, now).decide()
    {
        return call;
    }
    if let (Some(saying), None) = (&room.saying, &room.hopeless)
        && standby::can_be_looked_for(saying, ground, now)
    {
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
    if let Some(saying) =
        room.saying.as_ref().filter(|saying| standby::can_be_looked_for(saying, ground, now))
    {
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
    // Whom a number that is lost may have told is not told again by another one.
    let pending = |s: &Seat| {
        room.saying.as_ref().is_some_and(|t| t.what == What::Brief { person: s.who.person.clone() })
    };
    let reachable = |s: &&Seat| {
        !s.briefed && !pending(s) && (s.who.introduced || ground.policy.strangers != Strangers::LeaveOut)
    };
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
    if let Some(step) = appeal::numbers_down(room, wanted, ground, now)
        && let call @ Next::Call(_) = appeal::offered(room, step, now).decide()
    {
        return call;
    }
    if let Some(next) = standby::without_its_number(room, wanted, ground, group, now) {
        return next;
    }
    if let Some(saying) =
        room.saying.as_ref().filter(|saying| standby::can_be_looked_for(saying, ground, now))
    {
        return look_for(saying, room, now);
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
        // Our own numbers too, so that their hidden ids are not taken for strangers'.
        let ours = ground.numbers.ids().into_iter().filter(|_| !room.standby.is_empty());
        let wanted = room.seats.iter().map(|s| s.who.jid.clone()).chain(ours).collect();
        agenda.offer_at(read_at, Step::ReadMembers { group: group.clone(), wanted });
    }
    invite_missing(&mut agenda, room, wanted, ground, group);
    if policy.lock_settings {
        agenda.chore(Chore::Settings, Step::LockSettings { group: group.clone() });
    }
    if policy.second_admin
        && let Some(seat) = room.seats.iter().find(|s| matches!(s.state, SeatState::In { .. }))
    {
        let (person, jid) = (seat.who.person.clone(), seat.who.jid.clone());
        agenda.chore(Chore::SecondAdmin, Step::Promote { group: group.clone(), person, jid });
    }
    standby::keep_standby(&mut agenda, room, ground, group);
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
