//! The room: a persisted saga that takes one incident from "nobody knows" to "everybody is briefed".
//!
//! Pure: no I/O, and `now` is an argument. The worker reads what is wanted (the incident, its news, the
//! operator's wish), asks [`next_step`] what to do, writes the intent ([`Room::begin`]), makes the one gateway
//! call, and writes the outcome ([`Room::finish`]). A crash between any two of these loses nothing, because
//! the next worker asks the same question of the same record.
//!
//! Actors: [`Phase`] is what is known of the group; a [`Seat`] what is known of one person; a [`Saying`] a
//! message that may or may not have arrived; a [`Trouble`] a step that failed and when it may be tried again.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::clock::Timestamp;
use crate::consent::Stances;
use crate::gateway::InviteLink;
use crate::incident::{Incident, IncidentId, News};
use crate::jid::{ChatId, GroupId, Jid};
use crate::roster::Summons;

mod adoption;
pub mod agenda;
mod alone;
pub mod appeal;
mod attendance;
pub mod clock_set;
mod closing;
pub mod consenting;
pub mod farewell;
pub mod guest;
pub mod hearing;
pub mod ladder;
pub mod numbers;
mod offers;
mod our_rows;
mod patience;
pub mod phase;
pub mod policy;
pub mod progress;
pub mod quorum;
mod reading;
mod saying;
pub mod seat;
pub mod standby;
mod tries;
mod unlinked;
mod unsure;
pub mod urgency;
mod why;
pub mod wish;
pub mod word;

pub use agenda::{Ground, Next, Step, What, brief_key, next_step};
pub use appeal::Appeal;
pub use farewell::{Farewell, Orphaned};
pub use guest::{GUESTS, Host, Hosting};
pub use hearing::{Named, NoticeItem};
pub use ladder::{Also, Rung, rung, tell_of_delay};
pub use numbers::{Loss, Numbers, OurNumber};
pub use phase::{Event, Look, Phase, PhaseName};
pub use policy::{Policy, Strangers};
pub use progress::{Answer, Effect};
pub use quorum::{Matter, Pursuit, Turn};
pub use seat::{Seat, SeatState};
pub use standby::{Stage, Standby, StandbyStep};
pub use unsure::Ask;
pub use urgency::Urgency;
pub use why::Why;
pub use wish::Wish;

/// The group made for one incident, and everything known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a room")]
pub struct Room {
    /// Its incident.
    pub incident: IncidentId,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it is wanted: from then on it counts when its people hear of it at the latest.
    pub wanted_at: Timestamp,
    /// Why these people, from the roster in force when it opened.
    pub summons: Summons,
    /// One per wanted person, commander first.
    pub seats: Vec<Seat>,
    /// The linked number it is made with.
    pub instance: Option<String>,
    /// The subject last asked for.
    pub subject: Option<String>,
    /// The provider did not take the long subject.
    pub short_subject: bool,
    /// The provider did not take all people at once: make the group with one, and invite the others.
    pub core_only: bool,
    /// Creates whose outcome was not "certainly nothing", since the last fresh start.
    pub creates: u32,
    /// All creates whose outcome was not "certainly nothing", oldest first.
    pub asked: Vec<Ask>,
    /// The numbers whose groups were looked through in this phase.
    pub looked: BTreeSet<String>,
    /// Groups that bear its token and are not to be taken for it: an operator wanted another one.
    pub rejected: BTreeSet<GroupId>,
    /// A group that an operator named, once it was read, with the number that can read it.
    pub readable: Option<(GroupId, String)>,
    /// When somebody was made an admin, as far as it was answered with yes.
    pub promotions: Vec<Timestamp>,
    /// Why it can never be made, once that is certain.
    pub hopeless: Option<String>,
    /// Whether anybody ever did not know if the group exists.
    pub was_unsure: bool,
    /// Everything said so far.
    pub told: Vec<Told>,
    /// The last piece of news said.
    pub heard: i64,
    /// A message whose arrival is not known.
    pub saying: Option<Saying>,
    /// Small things to do once, with how they went.
    pub chores: BTreeMap<Chore, Done>,
    /// The invite link, once it was needed.
    pub link: Option<InviteLink>,
    /// Member lists read.
    pub reads: u32,
    /// When the last one was read.
    pub read_at: Option<Timestamp>,
    /// What was done about the roles that must be filled.
    #[serde(default)]
    pub pursuit: Pursuit,
    /// Steps that failed, by [`Step::key`].
    pub troubles: BTreeMap<String, Trouble>,
    /// The last call that failed, and how: what an operator reads beside a room that is given up.
    pub last_failure: Option<String>,
    /// Nothing is called before this moment, because the number is down or throttled.
    pub hold_until: Option<Timestamp>,
    /// When the number was last seen down, so that waiting for it does not use up a deadline.
    pub down_at: Option<Timestamp>,
    /// The last notice of the gateway that was heard.
    #[serde(default)]
    pub noticed: i64,
    /// When the members are read because of what was heard.
    #[serde(default)]
    pub read_again_at: Option<Timestamp>,
    /// When it was told that our number is out of the group; a read decides.
    #[serde(default)]
    pub ousted_at: Option<Timestamp>,
    /// What the group is called, as far as was heard.
    #[serde(default)]
    pub named: Option<Named>,
    /// The incident in whose group it is, because one of its own had to wait.
    #[serde(default)]
    pub guest_of: Option<IncidentId>,
    /// Whether other incidents ever were in its group, whose people may be there too.
    #[serde(default)]
    pub has_hosted: bool,
    /// Other numbers of ours that are in the group, or on their way.
    #[serde(default)]
    pub standby: Vec<Standby>,
    /// A message to the room without an answer, set aside while people are told 1:1.
    #[serde(default)]
    pub aside: Option<Saying>,
    /// How far groups beside the room are closed.
    #[serde(default)]
    pub farewells: BTreeMap<GroupId, Farewell>,
    /// When anything here was last written down.
    #[serde(default)]
    pub touched_at: Option<Timestamp>,
    /// Who of all that it may call said STOP, and when; see [`Room::mind`].
    #[serde(default)]
    pub stopped: BTreeMap<Jid, Timestamp>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What it was.
    pub what: What,
    /// When it was known to have been handed over.
    pub at: Timestamp,
    /// The words.
    pub text: String,
    /// The provider's id of the message.
    pub message_id: Option<String>,
}

/// A message that was handed over, or was about to be, without an answer so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// What it is.
    pub what: What,
    /// Where it goes.
    pub chat: ChatId,
    /// The exact words, by which it is looked for.
    pub text: String,
    /// When it was first tried.
    pub begun_at: Timestamp,
    /// How often it was tried.
    pub sends: u32,
    /// Looks since the last try that did not find it.
    pub looks: u32,
    /// When to look.
    pub look: Look,
    /// The last piece of news that was known when the words were chosen.
    #[serde(default)]
    pub covers: i64,
    /// The chat could not be read after the last try.
    #[serde(default)]
    pub unreadable: bool,
    /// The linked number that handed it over last.
    #[serde(default)]
    pub instance: Option<String>,
}

/// Small things to do once in a room's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chore {
    /// Set the description.
    Description,
    /// Let only admins change subject and description.
    Settings,
    /// Make a person admin.
    SecondAdmin,
    /// Look once more for a second group.
    Sweep,
    /// Look for one a last time at the end, because a list can lag by more than it should.
    LastSweep,
    /// Tell who is here.
    Presence,
    /// Make the link useless at the end.
    RevokeLink,
    /// Let only admins write at the end.
    LockMessages,
    /// Show in the name that it is over.
    Rename,
    /// Leave the group, long after the end.
    Leave,
    /// Say the last words.
    LastWords,
    /// Tell the second way that all numbers are down.
    TellNumbersDown,
    /// Tell the second way that people could not be reached 1:1.
    TellUnreached,
}

/// How a chore went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// It worked.
    Well {
        /// When.
        at: Timestamp,
    },
    /// It did not, and is not tried again.
    GivenUp {
        /// Why.
        why: String,
        /// When.
        at: Timestamp,
    },
}

impl Done {
    /// When it was.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Well { at } | Self::GivenUp { at, .. } => *at,
        }
    }
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    /// Those among them that will not get better by waiting.
    pub refusals: u32,
    /// When the first of them was seen.
    pub since: Timestamp,
    /// When it may be tried again.
    pub retry_at: Timestamp,
    /// What was said.
    pub last: String,
}

/// A piece of news with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewsItem {
    /// Counts from 1 in each incident.
    pub seq: i64,
    /// When we heard it.
    pub at: Timestamp,
    /// What.
    pub news: News,
}

/// What is wanted of a room right now, read afresh before each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The incident as it is now.
    pub incident: Incident,
    /// News not said yet, oldest first.
    pub news: Vec<NewsItem>,
    /// What an operator asked for.
    pub wish: Option<Wish>,
    /// What the gateway told and the room has not heard yet, oldest first.
    pub notices: Vec<NoticeItem>,
    /// The room it is a guest of; while it has no group, one that it could be a guest of.
    pub host: Option<Host>,
    /// Incidents that are guests in its room.
    pub guests: Vec<IncidentId>,
    /// Groups beside the room that are not closed.
    pub orphans: Vec<Orphaned>,
    /// Who of its people wants to be called.
    pub stances: Stances,
}

impl Room {
    /// A room that is wanted since `now`.
    #[must_use]
    pub fn wanted(incident: &Incident, summons: Summons, now: Timestamp) -> Self {
        Self {
            incident: incident.id,
            phase: Phase::Wanted { since: now, not_before: now },
            wanted_at: now,
            seats: seats(&summons),
            summons,
            instance: None,
            subject: None,
            short_subject: false,
            core_only: false,
            creates: 0,
            asked: Vec::new(),
            looked: BTreeSet::new(),
            rejected: BTreeSet::new(),
            readable: None,
            promotions: Vec::new(),
            hopeless: None,
            was_unsure: false,
            told: Vec::new(),
            heard: 0,
            saying: None,
            chores: BTreeMap::new(),
            link: None,
            reads: 0,
            read_at: None,
            pursuit: Pursuit::default(),
            troubles: BTreeMap::new(),
            last_failure: None,
            hold_until: None,
            down_at: None,
            noticed: 0,
            read_again_at: None,
            ousted_at: None,
            named: None,
            guest_of: None,
            has_hosted: false,
            standby: Vec::new(),
            aside: None,
            farewells: BTreeMap::new(),
            touched_at: Some(now),
            stopped: BTreeMap::new(),
        }
    }

    /// Whether the welcome is known to be there.
    #[must_use]
    pub fn is_briefed(&self) -> bool {
        self.told.iter().any(|t| t.what == What::Welcome)
    }

    /// Whether the group is there, briefed, and everybody is accounted for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
            && self.is_briefed()
            && (self.guest_of.is_some() || self.chores.contains_key(&Chore::Description))
            && self.read_at.is_some()
            && self.seats.iter().all(Seat::is_settled)
    }

    /// Who would be asked to be added if the group were made now. At least one, because a group needs
    /// somebody besides the number that makes it; nobody only if everybody has said STOP.
    #[must_use]
    pub fn first_members(&self, strangers: Strangers) -> Vec<Jid> {
        let mut people: Vec<Jid> = self
            .seats
            .iter()
            .filter(|s| s.is_known() || strangers == Strangers::Add)
            .filter(|s| !matches!(s.state, SeatState::Refused { .. }))
            .map(|s| s.address().clone())
            .collect();
        if people.is_empty() {
            let mut willing = self.seats.iter().filter(|s| !self.has_stopped(&s.who.jid));
            people.extend(willing.next().map(|s| s.address().clone()));
        }
        if self.core_only {
            people.truncate(1);
        }
        self.fewer_than_were_lost(people)
    }

    /// The word by which a group of this room is known.
    #[must_use]
    pub fn token(&self) -> String {
        self.incident.to_string()
    }

    /// The worst that may be said of its severity in a name.
    #[must_use]
    pub fn severity_word(severity: Severity) -> String {
        severity.as_str().to_uppercase()
    }

    /// Through which piece of news a message was begun.
    #[must_use]
    pub fn news_told(&self) -> i64 {
        let begun = [&self.saying, &self.aside].into_iter().flatten().map(|saying| saying.covers);
        begun.max().map_or(self.heard, |covers| covers.max(self.heard))
    }

    /// When the last piece of news was told.
    #[must_use]
    pub fn last_news_at(&self) -> Option<Timestamp> {
        let is_news = |what: &What| matches!(what, What::News { .. } | What::Departures { .. });
        self.told.iter().filter(|t| is_news(&t.what)).map(|t| t.at).max()
    }

    fn seat_of_mut(&mut self, person: &str) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|s| s.who.person == person)
    }
}

/// One seat each, commander first; those who do not fit into a room of that size are told so.
fn seats(summons: &Summons) -> Vec<Seat> {
    let called = summons.stakeholders.iter().cloned().map(Seat::new).enumerate();
    called
        .map(|(place, seat)| {
            let state = SeatState::Refused { why: seat::Refused::OverSize };
            if place < summons.size { seat } else { Seat { state, ..seat } }
        })
        .collect()
}
