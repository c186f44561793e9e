//! What is remembered: one method per whole transaction.
//!
//! Actors: [`Store`], which the receiver writes accepted hooks into and the worker leases rooms from. The
//! tables behind it: *receipts* (each accepted body, with its answer), *incidents* and the *alerts* inside
//! them, *news* (what a room should hear), *rooms* (one document each, written only by the holder of the
//! lease), the *journal* (every intent, outcome and move), *orphans* (groups that carry an incident's id
//! but are not its room), *notices* (what the gateway told of a room), *consents* (who wants to be called) and
//! *letters* (1:1 messages that belong to no room). `now` is always an argument: no
//! clock of a database is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Judge, Severity};
use crate::clock::{SignedDuration, Timestamp, first_number};
use crate::consent::letter::Tried;
use crate::consent::{Acquaintance, Change, Letter, Standing, Verdict};
use crate::gateway::{GatewayError, Notice, NoticeKind, Whom};
use crate::incident::{Incident, IncidentId, Outcome, Rules};
use crate::jid::{GroupId, Jid};
use crate::pacing::{Budget, Creation, Made, Pace};
use crate::room::{Also, Effect, Event, Inputs, Note, Room, Task, Wish};
use source_trouble::{Sighting, SourceTrouble};

pub mod source_trouble;
pub mod sqlite;

/// Makes the room of an incident that opens now. Called inside the transaction, so it must be quick and
/// pure.
pub type OpenRoom = Arc<dyn Fn(&Incident, Timestamp) -> Room + Send + Sync>;

/// Takes rooms whose leases are committed, on the store's thread: it must be quick.
pub type HandOver = Arc<dyn Fn(Vec<Lease>) + Send + Sync>;

/// The durable memory.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Takes in a verified hook: receipt, alerts, incidents, wanted rooms and news in one transaction.
    /// When this returns `Ok`, all of it is on disk. Dropped before it was begun, nothing is done at all.
    async fn accept(&self, hook: Acceptance) -> Result<Accepted, StoreError>;

    /// The receipt of the same delivery, if it came before and did something, or was read in the same way. What
    /// did something is said to be repeated.
    async fn earlier_receipt(
        &self,
        source: &str,
        replay_key: &str,
        reading: &str,
    ) -> Result<Option<Receipt>, StoreError>;

    /// The signers' certificates that were fetched, by their address.
    async fn certificates(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Keeps a signer's certificate, in place of the oldest if there are many.
    async fn keep_certificate(
        &self,
        address: &str,
        certificate: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes rooms that are due and free, for `lease_for`, the most urgent first.
    async fn lease_rooms(
        &self,
        now: Timestamp,
        slots: Slots,
        lease_for: SignedDuration,
    ) -> Result<Vec<Lease>, StoreError>;

    /// Writes an intent, if the lease still holds and the number's pace allows it.
    async fn begin_step(&self, lease: &Lease, intent: Intent, now: Timestamp) -> Result<Began, StoreError>;

    /// Writes [what was done](Lease::done) with the room it led to, as every method with a lease does. If the lease
    /// was lost meanwhile, it is filed as stray instead and a group made by it becomes an orphan.
    async fn finish_steps(&self, lease: &Lease, now: Timestamp) -> Result<Finished, StoreError>;

    /// How often something came up for the room: as in the lease, unless there is something new.
    async fn stirred(&self, id: IncidentId) -> Result<i64, StoreError>;

    /// Writes a move that needed no call.
    async fn note(
        &self,
        lease: &Lease,
        room: Room,
        event: Event,
        now: Timestamp,
    ) -> Result<Finished, StoreError>;

    /// Drops an operator's wish that cannot be granted from where the room is.
    async fn refuse_wish(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<Finished, StoreError>;

    /// Takes in what the gateway told `instance` by itself: repeats are known by their ids, and each room that
    /// it concerns finds it in [`Inputs`] and is due now. When this returns `Ok`, all of it is on disk.
    async fn hear(&self, instance: &str, notices: Vec<Notice>, now: Timestamp)
    -> Result<Hearing, StoreError>;

    /// Takes in what people wrote to `instance` about being called. When this returns `Ok`, all of it is on disk.
    async fn hear_answers(
        &self,
        instance: &str,
        answers: Vec<Heard>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError>;

    /// Answers of which only a hidden id is known and whose turn it is to be looked up.
    async fn to_name(&self, now: Timestamp) -> Result<Vec<Unnamed>, StoreError>;

    /// It was found out whose hidden id it is; `person` is their key in the roster, if they are in it.
    async fn name(
        &self,
        hidden: Jid,
        jid: Jid,
        person: Option<String>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError>;

    /// Queues introductions, or says whom they would go to.
    async fn introduce(&self, asking: Asking, now: Timestamp) -> Result<Vec<Introducing>, StoreError>;

    /// Everybody of whom it is known whether they want to be called, or who was asked.
    async fn acquaintances(&self) -> Result<Vec<Acquaintance>, StoreError>;

    /// How many people stand where, and how many answers wait for a name.
    async fn count_consents(&self) -> Result<(Vec<(Standing, i64)>, i64), StoreError>;

    /// Takes the next letter that may be sent or looked for now, and writes down that it is.
    async fn begin_letter(&self, ask: LetterAsk, now: Timestamp) -> Result<LetterTurn, StoreError>;

    /// Writes down what came of it; the letter as it is now, unless somebody else has taken it over.
    async fn finish_letter(
        &self,
        posted: Posted,
        tried: Tried,
        now: Timestamp,
    ) -> Result<Option<Letter>, StoreError>;

    /// Writes a room that has heard what the gateway told.
    async fn heed(&self, lease: &Lease, room: Room, now: Timestamp) -> Result<Finished, StoreError>;
    /// Notes that these people (keys in the roster) have to hear 1:1 that the room's group has to wait, and says
    /// who of them can be written to now, and of what else that message can tell.
    async fn gather(
        &self,
        lease: &Lease,
        people: Vec<String>,
        now: Timestamp,
    ) -> Result<Gathered, StoreError>;

    /// The groups that a number was asked for within its window.
    async fn creations(&self, creation: Creation, now: Timestamp) -> Result<Vec<Made>, StoreError>;

    /// Groups in which a number is known to be: those of its living rooms, and recorded ones beside them.
    async fn groups_of(&self, instance: &str) -> Result<Vec<GroupId>, StoreError>;

    /// Gives the room back, to be woken at `wake_at`, or at once if something came up meanwhile. False if somebody else
    /// has it.
    async fn release(
        &self,
        lease: &Lease,
        wake_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Wakes every room that is not over, because the linked number `instance` is given up or works again;
    /// returns how many of them have a group with it.
    async fn wake_rooms(&self, instance: &str, now: Timestamp) -> Result<usize, StoreError>;

    /// Keeps since when a linked number does not work, or that it works.
    async fn put_outage(&self, instance: &str, since: Option<Timestamp>) -> Result<(), StoreError>;

    /// The linked numbers that did not work when they were last heard of, and since when.
    async fn outages(&self) -> Result<BTreeMap<String, Timestamp>, StoreError>;

    /// Closes incidents whose quiet time is over and wakes their rooms; returns how many. Also sees to those of which
    /// nothing was heard for long, see [`pass_time`](crate::incident::pass_time).
    async fn close_quiet(&self, rules: Rules, now: Timestamp) -> Result<usize, StoreError>;

    /// The next moment at which anything is due.
    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Stores what an operator asks of a room.
    async fn wish(&self, id: IncidentId, wish: Wish, now: Timestamp) -> Result<WishTaken, StoreError>;

    /// Records in the incident's timeline what an operator did that changes nothing in its room.
    async fn record_operator(&self, id: IncidentId, did: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Stores that an operator wants a recorded second group closed.
    async fn close_orphan(
        &self,
        id: IncidentId,
        group: GroupId,
        now: Timestamp,
    ) -> Result<WishTaken, StoreError>;

    /// How many second groups are not closed.
    async fn open_orphans(&self) -> Result<i64, StoreError>;

    /// Incidents, newest first, in the wanted state if one is given.
    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<Summary>, StoreError>;

    /// Everything about one incident.
    async fn dossier(&self, id: IncidentId) -> Result<Option<Dossier>, StoreError>;

    /// An accepted hook, with its body.
    async fn receipt(&self, id: ReceiptId) -> Result<Option<StoredHook>, StoreError>;

    /// Empties the bodies of hooks that were accepted before a moment, the oldest first and `limit` at most;
    /// returns how many. What else is known of them stays.
    async fn forget_bodies(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Gives a room back on which work breaks off, to be tried again at `wake_at`; until it has gone well it is among
    /// what is set aside.
    async fn set_aside(&self, lease: &Lease, wake_at: Timestamp, now: Timestamp) -> Result<bool, StoreError>;

    /// What was found to be unreadable, or to break the work on it, since the start; everything else goes on without.
    async fn aside(&self) -> Result<Vec<Aside>, StoreError>;

    /// Writes down that something came which could not be taken. What [`Self::accept`] takes in says so itself.
    async fn note_source_trouble(&self, seen: Sighting, now: Timestamp) -> Result<(), StoreError>;

    /// What came within the last day and could not be taken, the newest first.
    async fn source_troubles(&self, now: Timestamp) -> Result<Vec<SourceTrouble>, StoreError>;

    /// Takes the next trouble that the fallback webhook is to be told of: of a source that has opened rooms, and once
    /// an hour. Unless [`Self::trouble_told`] follows, it is taken again after a minute.
    async fn take_trouble_call(&self, now: Timestamp) -> Result<Option<SourceTrouble>, StoreError>;

    /// The fallback webhook was told.
    async fn trouble_told(&self, told: &SourceTrouble, now: Timestamp) -> Result<(), StoreError>;

    /// Whether the store answers and takes writes.
    async fn ready(&self, now: Timestamp) -> Result<(), StoreError>;
}

/// The store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or the disk does not take it: try again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// More came than it can take, and this has not been begun: try again.
    #[error("the store has more to do than it can; this was not begun")]
    Busy,
    /// A stored document cannot be read.
    #[error("a stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which document.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The file was made by another version.
    #[error(
        "this store was made by another version of the program (schema {found:08x}, not {known:08x}): run that \
         version, or name a file that does not exist yet"
    )]
    Version {
        /// In the file.
        found: i64,
        /// Known here.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("this file is not a store of warroom: name one that does not exist yet")]
    Foreign,
    /// Another process works with it.
    #[error("another process is using this store: stop it first; one file is for one bridge")]
    InUse,
}

/// Something stored that is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Aside {
    /// What sort of thing.
    pub what: String,
    /// Of which incident, or of whom.
    pub whose: String,
    /// Why. Names a place, never what stands there.
    pub why: String,
}

/// A verified hook on its way into the store.
#[derive(Clone)]
pub struct Acceptance {
    /// The new receipt's id.
    pub receipt: ReceiptId,
    /// The source, as named in the config.
    pub source: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What identifies this very delivery, if anything proven does. It is spent only if the hook does something:
    /// a copy of one that did nothing gets the same answer again, and is read anew under another [`reading`](
    /// Self::reading).
    pub replay_key: Option<String>,
    /// What in config and program the body's meaning depends on.
    pub reading: String,
    /// The body as it came.
    pub body: Bytes,
    /// What was understood, possibly nothing.
    pub alerts: Vec<Alert>,
    /// Headers that say how the body is to be read, see [`KEPT_HEADERS`](crate::signature::KEPT_HEADERS).
    pub headers: Vec<(String, String)>,
    /// The receipt of the stored hook that this is, when an operator replays it.
    pub replays: Option<ReceiptId>,
    /// Why nothing was, if nothing was.
    pub ignored: Option<String>,
    /// What of it was not understood.
    pub trouble: Option<Sighting>,
    /// The operator's rules.
    pub rules: Rules,
    /// Incidents of one source and route that may begin at once; further ones join one of them.
    pub most_rooms: usize,
    /// Decides the severity of an alert whose earlier bodies said more than this one.
    pub judge: Arc<Judge>,
    /// Makes rooms.
    pub open_room: OpenRoom,
    /// For how long a room that opens is leased, and who takes it, if somebody does.
    pub hand_over: Option<(SignedDuration, HandOver)>,
}

impl fmt::Debug for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptance")
            .field("receipt", &self.receipt)
            .field("source", &self.source)
            .field("alerts", &self.alerts.len())
            .finish_non_exhaustive()
    }
}

/// What came of taking in a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What to answer.
    pub receipt: Receipt,
    /// Whether a room has something to do because of it.
    pub wakes: bool,
    /// Rooms that were leased as they opened, until they are handed over.
    pub leases: Vec<Lease>,
}

/// A receipt's id; later ones are greater. Shown as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId(pub i64);

impl ReceiptId {
    /// One that is not smaller than any that was made before `at`.
    #[must_use]
    pub fn earliest_of(at: Timestamp) -> Self {
        Self(first_number(at))
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is no receipt's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receipt's id is 16 digits and letters from a to f")]
pub struct NotAReceipt;

impl FromStr for ReceiptId {
    type Err = NotAReceipt;

    fn from_str(text: &str) -> Result<Self, NotAReceipt> {
        let is_plain = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = i64::from_str_radix(text, 16).ok().filter(|_| is_plain);
        number.map(Self).ok_or(NotAReceipt)
    }
}

impl Serialize for ReceiptId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReceiptId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The durable proof that a hook was accepted, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    #[serde(rename = "receipt")]
    pub id: ReceiptId,
    /// What it did, by incident.
    pub incidents: Vec<Answered>,
    /// `ignored` or `repeated`, when the body as a whole was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// Why, when nothing was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The receipt of the stored hook that was taken in once more, if an operator asked for that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replays: Option<ReceiptId>,
}

/// What a hook did to one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// `INCIDENT-<number>`, if there is one.
    pub id: Option<String>,
    /// What happened.
    pub outcome: Outcome,
    /// How bad it is now.
    pub severity: Severity,
    /// Why nothing was done, if nothing was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// How many rooms may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// In all.
    pub rooms: usize,
    /// Of those whose work [can wait](crate::room::Urgency::can_wait).
    pub that_can_wait: usize,
}

impl Slots {
    /// Any `rooms` rooms.
    #[must_use]
    pub fn any(rooms: usize) -> Self {
        Self { rooms, that_can_wait: rooms }
    }

    /// Those that are left when some are taken.
    #[must_use]
    pub fn less(self, rooms: usize, that_can_wait: usize) -> Self {
        Self {
            rooms: self.rooms.saturating_sub(rooms),
            that_can_wait: self.that_can_wait.saturating_sub(that_can_wait),
        }
    }
}

/// The time-limited right to work on a room, with the room as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The room.
    pub room: Room,
    /// What is wanted of it.
    pub wanted: Inputs,
    /// Proof of the lease.
    pub token: String,
    /// Until when it holds.
    pub until: Timestamp,
    /// How often something came up for the room, as seen with `wanted`.
    pub stirred: i64,
    /// What came of the last calls and is not written yet. Whatever is written next of the room takes it along.
    pub done: Vec<StepOutcome>,
}

/// A step about to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The room after [`Room::begin`].
    pub room: Room,
    /// The step.
    pub step: Task,
    /// The linked number it goes through.
    pub instance: String,
    /// The move that comes with it, if any.
    pub event: Option<Event>,
    /// The pace to keep.
    pub pace: Pace,
    /// For a message of which [`Gathering::due`] said what else it tells of: its [`Due::through`].
    pub covers: Option<i64>,
}

/// Who can be told 1:1 now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathered {
    /// This.
    Yes(Box<Gathering>),
    /// Somebody else has the room now.
    LeaseLost,
}

/// Who can be told 1:1 now, and what was heard of those who were told already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathering {
    /// The room, with the seats of those who heard of it in the message of another incident.
    pub room: Room,
    /// Whom to write to.
    pub due: Option<Due>,
    /// When there may be more to do for the others.
    pub again_at: Option<Timestamp>,
}

/// A person to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Key in the roster.
    pub person: String,
    /// What else waits for a group and for this person.
    pub also: Also,
    /// Up to which place in the store's list that is.
    pub through: i64,
}

/// Whether a step may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// Yes; the id of the journalled intent.
    Yes(i64),
    /// Not before this moment.
    Throttled(Timestamp),
    /// Somebody whom it would reach has said STOP since the room was read.
    Stopped,
    /// Somebody else has the room now.
    LeaseLost,
}

/// What somebody wrote about being called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The provider's id of the event.
    pub id: Option<String>,
    /// Who wrote it, as far as the provider said.
    pub from: Whom,
    /// Their key in the roster, if they are in it.
    pub person: Option<String>,
    /// What it says.
    pub verdict: Verdict,
    /// When it was written, by the provider's clock.
    pub at: Timestamp,
}

/// What came of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Introduced {
    /// Answers of people who are on record now.
    pub people: usize,
    /// Answers that were told before.
    pub repeated: usize,
    /// Answers of which only a hidden id is known so far.
    pub unnamed: usize,
    /// Rooms that have to know.
    pub rooms: usize,
    /// Who stopped or came back, with their key in the roster.
    pub changes: Vec<(Jid, String, Change)>,
}

/// An answer of which only a hidden id is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// The id.
    pub hidden: Jid,
    /// The linked number that was written to.
    pub instance: String,
    /// Tries to find out whose it is.
    pub tries: i64,
}

/// Whom to introduce ourselves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Whom, with the words for each.
    pub people: Vec<AskedPerson>,
    /// Also those who were asked before and did not answer.
    pub again: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// One person to introduce ourselves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPerson {
    /// Where they are reached.
    pub jid: Jid,
    /// Key in the roster.
    pub person: String,
    /// The words.
    pub text: String,
}

/// Whether a person is introduced to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introducing {
    /// Key in the roster.
    pub person: String,
    /// Why not, if not.
    pub objection: Option<String>,
}

/// What letters may go by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterAsk {
    /// The numbers that work, in order of preference.
    pub ways: Vec<LetterWay>,
    /// All numbers of the config.
    pub known: Vec<String>,
    /// The receipt for a STOP.
    pub stopped: Worded,
    /// The receipt for a START.
    pub started: Worded,
    /// The question whether a sentence was meant as a STOP.
    pub question: Worded,
    /// Until when nobody else touches the letter that is taken.
    pub until: Timestamp,
}

/// The words of a receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worded {
    /// What most people read.
    pub usual: String,
    /// What those read who have a translation.
    pub translated: BTreeMap<Jid, String>,
}

impl Worded {
    /// What this person reads.
    #[must_use]
    pub fn to(&self, jid: &Jid) -> &str {
        self.translated.get(jid).unwrap_or(&self.usual)
    }
}

/// A number that letters may go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterWay {
    /// Its name in the config.
    pub name: String,
    /// What it may do.
    pub budget: Budget,
    /// Whether it can hear a STOP: otherwise it introduces itself to nobody.
    pub hears: bool,
}

/// Whether there is a letter to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterTurn {
    /// Yes.
    Go(Box<Posted>),
    /// Not before this moment, or not at all for now.
    Wait(Option<Timestamp>),
}

/// A letter in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its row.
    pub id: i64,
    /// Proof that it is in this hand.
    pub token: String,
    /// It is to be looked for, and not sent.
    pub looks: bool,
    /// The letter.
    pub letter: Letter,
    /// The id that it is sent to: the network may have the person under another one than the roster.
    pub chat: Jid,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// The journalled intent, if it [needed one](Task::needs_intent).
    pub intent: Option<i64>,
    /// The step.
    pub step: Task,
    /// The linked number it went through.
    pub instance: String,
    /// When it was called.
    pub begun_at: Timestamp,
    /// When it was answered.
    pub ended_at: Timestamp,
    /// In words.
    pub note: Note,
    /// What it means beyond the room.
    pub effect: Effect,
    /// The group that was made, if one was: never to be lost.
    pub made: Option<GroupId>,
    /// Ids by which the network was found to have people, beside those in the roster.
    pub aliases: Vec<Alias>,
    /// Whether the store has failed to take it: it may have it all the same.
    pub is_tried: bool,
}

/// A person's other id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Key in the roster.
    pub person: String,
    /// The id made of the number in the roster.
    pub jid: Jid,
    /// The id by which the network has them.
    pub alias: Jid,
}

/// Whether an outcome went into the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// Yes; what is wanted now, and how often something came up.
    Yes {
        /// Read afresh.
        wanted: Box<Inputs>,
        /// See [`Lease::stirred`].
        stirred: i64,
    },
    /// The move is not possible any more; the room is as it was.
    NotNow {
        /// Read afresh.
        wanted: Box<Inputs>,
        /// See [`Lease::stirred`].
        stirred: i64,
    },
    /// The lease was lost: it was filed as a stray.
    Stray,
}

/// What came of notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Rooms that have something to hear.
    pub rooms: usize,
    /// Notices that were told before.
    pub repeated: usize,
    /// Groups that carry an incident's id beside its room, told of for the first time.
    pub second_groups: usize,
}

/// Whether an operator's wish was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishTaken {
    /// It will be done.
    Yes,
    /// There is no such room.
    NoSuchRoom,
    /// It cannot be done from where the room is.
    No(String),
}

/// Which incidents to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Only those in this state.
    pub state: Option<IncidentState>,
    /// At most this many; 0 for the default of 100.
    pub limit: usize,
}

/// The state column of incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// Something fires.
    Open,
    /// In the quiet time.
    Resolved,
    /// Over.
    Closed,
}

/// An incident with its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The incident.
    pub incident: Incident,
    /// Its room, if it ever wanted one.
    pub room: Option<Room>,
    /// While it waits for a number's budget: about when it has one.
    pub turn_at: Option<Timestamp>,
    /// Groups that carry its id but are not its room.
    pub orphans: Vec<Orphan>,
}

/// Everything about one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The incident.
    pub incident: Incident,
    /// Its room, if it ever wanted one.
    pub room: Option<Room>,
    /// While it waits for a number's budget: about when it has one.
    pub turn_at: Option<Timestamp>,
    /// What an operator asked for that is not done yet.
    pub wish: Option<Wish>,
    /// Groups that carry its id but are not its room.
    pub orphans: Vec<Orphan>,
    /// What happened, oldest first.
    pub timeline: Vec<Entry>,
}

/// A group that carries an incident's id but is not its room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// The group.
    pub group: GroupId,
    /// The linked number that is in it, if that is known.
    pub instance: Option<String>,
    /// When we learned of it.
    pub found_at: Timestamp,
    /// How.
    pub how: String,
    /// What was done about it.
    pub state: OrphanState,
    /// Since when.
    pub changed_at: Option<Timestamp>,
    /// Why it could not be closed, if that was tried.
    pub trouble: Option<String>,
}

impl Orphan {
    /// Whether nothing is left to do about it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == OrphanState::Closed
    }
}

/// What was done about a group beside the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrphanState {
    /// Nothing.
    Open,
    /// An operator wants it closed.
    Closing,
    /// Its people were told where the room is, and our number has left.
    Closed,
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Which part of the story.
    #[serde(flatten)]
    pub what: Happening,
}

/// What a timeline is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// A hook came.
    Hook {
        /// Its receipt.
        receipt: ReceiptId,
        /// Its source.
        source: String,
        /// What it did.
        outcome: Outcome,
    },
    /// A gateway call.
    Call {
        /// The step's key.
        step: String,
        /// Through which number.
        instance: String,
        /// What came of it; absent while nobody knows.
        outcome: Option<Note>,
        /// When it came.
        ended_at: Option<Timestamp>,
    },
    /// A move of the room.
    Moved {
        /// Which.
        #[serde(flatten)]
        event: Event,
    },
    /// The gateway told something by itself.
    Notice {
        /// To which linked number.
        instance: String,
        /// What.
        #[serde(flatten)]
        notice: NoticeKind,
    },
    /// An outcome that came after the lease was lost.
    Stray {
        /// Of which step.
        step: String,
        /// What it was.
        outcome: Note,
    },
    /// A person heard of the incident in the message of another one.
    Covered {
        /// The step that was not needed.
        step: String,
        /// What was told, and where.
        how: String,
    },
    /// What an operator asked for.
    Asked {
        /// In words.
        what: String,
    },
    /// An operator's wish that could not be granted.
    Refused {
        /// Why.
        why: String,
    },
}

/// An accepted hook as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHook {
    /// What it did.
    pub receipt: Receipt,
    /// Its source.
    pub source: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Its body, for as long as bodies are kept.
    pub body: Option<Bytes>,
    /// Headers that say how the body is to be read, kept with it.
    pub headers: Vec<(String, String)>,
}

impl From<&GatewayError> for Note {
    fn from(error: &GatewayError) -> Self {
        Self::Failed { error: error.clone() }
    }
}
