//! The room: a persisted saga that takes one incident from "nobody knows" to "everybody is briefed".
//!
//! Pure: no I/O, and `now` is an argument. The worker reads what is wanted (the incident, its news, the
//! operator's wish), asks [`plan()`] what to do, writes the intent ([`Room::begin`]), makes the one gateway
//! call, and writes the outcome ([`Room::finish`]). A crash between any two of these loses nothing, because
//! the next worker asks the same question of the same record.
//!
//! [`Phase`] is what is known of the group, a [`Seat`] what is known of one person's being in it, and a [`Task`] a
//! thing that can be done: how far each of them is stands in [`Tasks`] and nowhere else.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::clock::Timestamp;
use crate::gateway::InviteLink;
use crate::incident::{Incident, IncidentId};
use crate::jid::{GroupId, Jid};
use crate::roster::Summons;

mod adoption;
mod answer;
mod apply;
mod attendance;
mod clock_set;
mod closing;
mod consent;
pub mod deadline;
mod delivery;
mod direct;
pub mod duplicates;
pub mod escalation;
mod inputs;
pub mod message;
mod notices;
pub mod numbers;
mod options;
mod our_rows;
mod over_budget;
pub mod phase;
mod phase_deadline;
mod plan;
pub mod policy;
mod progress;
mod reading;
mod search;
pub mod seat;
mod second_number;
pub mod shared;
pub mod task;
pub mod urgency;
mod webhook;
pub mod wish;

pub use answer::{Answer, Effect, LeftDuplicate, Note};
pub use escalation::Escalation;
pub use inputs::{Context, Host, Inputs, NewsItem, NoticeItem, OpenDuplicate};
pub use message::{Matter, Message, Why, brief_key};
pub use notices::Named;
pub use numbers::{By, Numbers, OurNumber};
pub use options::Next;
pub use over_budget::{Also, BudgetFallback, budget_fallback, tell_of_delay};
pub use phase::{EscalationStep, Event, Look, Phase, PhaseName};
pub use plan::plan;
pub use policy::{NotOptedIn, Policy};
pub use progress::{Progress, Said, State, Tasks, Trouble};
pub use search::Ask;
pub use seat::{Seat, SeatState};
pub use second_number::{Stage, Standby};
pub use shared::{GUESTS, Hosting};
pub use task::{Reason, Task, WebhookCall};
pub use urgency::Urgency;
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
    /// People with whom alone the provider refused a group: they have no account, for instance.
    pub refused_alone: BTreeSet<Jid>,
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
    /// The last piece of news said.
    pub last_news: i64,
    /// How far everything is that was to be done or said.
    pub tasks: Tasks,
    /// The invite link, once it was needed.
    pub link: Option<InviteLink>,
    /// Member lists read.
    pub reads: u32,
    /// When the last one was read.
    pub read_at: Option<Timestamp>,
    /// What was done about the roles that must be filled.
    pub escalation: Escalation,
    /// The last call that failed, and how: what an operator reads beside a room that is given up.
    pub last_failure: Option<String>,
    /// When work on it went on after nobody had worked on it for a while: that time uses up no deadline.
    pub resumed_at: Option<Timestamp>,
    /// The last notice of the gateway that was heard.
    pub last_notice: i64,
    /// When the members are read because of what was heard.
    pub read_again_at: Option<Timestamp>,
    /// When it was told that our number is out of the group; a read decides.
    pub ousted_at: Option<Timestamp>,
    /// What the group is called, as far as was heard.
    pub named: Option<Named>,
    /// The incident in whose group it is, because one of its own had to wait.
    pub guest_of: Option<IncidentId>,
    /// Whether other incidents ever were in its group, whose people may be there too.
    pub has_hosted: bool,
    /// Other numbers of ours that are in the group, or on their way.
    pub standby: Vec<Standby>,
    /// When anything here was last written down.
    pub touched_at: Option<Timestamp>,
    /// Who of all that it may call said STOP, and when; see [`Room::apply_consent`].
    pub stopped: BTreeMap<Jid, Timestamp>,
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
            refused_alone: BTreeSet::new(),
            creates: 0,
            asked: Vec::new(),
            looked: BTreeSet::new(),
            rejected: BTreeSet::new(),
            readable: None,
            promotions: Vec::new(),
            hopeless: None,
            was_unsure: false,
            last_news: 0,
            tasks: Tasks::default(),
            link: None,
            reads: 0,
            read_at: None,
            escalation: Escalation::default(),
            last_failure: None,
            resumed_at: None,
            last_notice: 0,
            read_again_at: None,
            ousted_at: None,
            named: None,
            guest_of: None,
            has_hosted: false,
            standby: Vec::new(),
            touched_at: Some(now),
            stopped: BTreeMap::new(),
        }
    }

    /// When the welcome was there, as far as that is known.
    #[must_use]
    pub fn briefed_at(&self) -> Option<Timestamp> {
        self.tasks.done_at("say welcome")
    }

    /// Whether the welcome is known to be there.
    #[must_use]
    pub fn is_briefed(&self) -> bool {
        self.briefed_at().is_some()
    }

    /// Whether the group is there, briefed, and everybody is accounted for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
            && self.is_briefed()
            && (self.guest_of.is_some() || self.tasks.is_over("describe"))
            && self.read_at.is_some()
            && self.seats.iter().all(Seat::is_settled)
    }

    /// Who would be asked to be added if the group were made now. At least one, because a group needs
    /// somebody besides the number that makes it; nobody only if everybody has said STOP.
    #[must_use]
    pub fn first_members(&self, not_opted_in: NotOptedIn) -> Vec<Jid> {
        let possible = || self.seats.iter().filter(|s| !self.refused_alone.contains(s.address()));
        let mut people: Vec<Jid> = possible()
            .filter(|s| s.is_known() || not_opted_in == NotOptedIn::Add)
            .filter(|s| !matches!(s.state, SeatState::Refused { .. }))
            .map(|s| s.address().clone())
            .collect();
        if people.is_empty() {
            let mut willing = possible().filter(|s| !self.has_stopped(&s.who.jid));
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
        self.tasks
            .unknown()
            .map(|said| said.covers)
            .max()
            .map_or(self.last_news, |covers| covers.max(self.last_news))
    }

    /// When the last piece of news was told.
    #[must_use]
    pub fn last_news_at(&self) -> Option<Timestamp> {
        let is_news = |m: &Message| matches!(m, Message::News { .. } | Message::Departures { .. });
        let news = self.tasks.messages().filter(|(_, said)| is_news(&said.message));
        news.filter_map(|(progress, _)| progress.done_at()).max()
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
