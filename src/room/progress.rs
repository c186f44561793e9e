//! How far the tasks of a room are: to do, of unknown outcome, done or given up.
//!
//! This is the only place where it is written whether something was done or said. A task that is not here was not
//! tried, or is done again from the beginning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::Message;
use super::phase::Look;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::GatewayError;
use crate::jid::ChatId;

/// The tasks of one room, by [`Task::key`](super::Task::key).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tasks(BTreeMap<String, Progress>);

/// How far one task is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Where it stands.
    pub state: State,
    /// How it failed so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What is said, if it says something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum State {
    /// To do, as far as it is still wanted.
    #[default]
    ToDo,
    /// A message that was handed over, or was about to be, without an answer: it is looked for.
    Unknown,
    /// It worked.
    Done { at: Timestamp },
    /// It did not, and is not tried again.
    GivenUp { why: String, at: Timestamp },
}

/// A message, as it was said or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it is.
    pub message: Message,
    /// Where it goes.
    pub chat: ChatId,
    /// The exact words, by which it is looked for.
    pub text: String,
    /// When it was first tried; before that, when it was decided.
    pub begun_at: Timestamp,
    /// How often it was handed over with a chance to arrive.
    pub sends: u32,
    /// The last piece of news that was known when the words were chosen.
    pub covers: i64,
    /// The linked number that handed it over last.
    pub instance: Option<String>,
    /// The provider's id of it.
    pub message_id: Option<String>,
    /// When to look for it, while nobody knows whether it arrived.
    pub look: Look,
    /// Looks since the last try that did not find it.
    pub looks: u32,
    /// The chat could not be read after the last try.
    pub unreadable: bool,
}

/// How a task failed so far.
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

/// The longest wait between two tries.
const LONGEST_GAP: i64 = 60;
/// The longest wait that a provider may ask for.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(15);

impl State {
    /// When it came to its end, if it did.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::ToDo | Self::Unknown => None,
            Self::Done { at } | Self::GivenUp { at, .. } => Some(*at),
        }
    }
}

impl Progress {
    /// When it was done, if it was.
    #[must_use]
    pub fn done_at(&self) -> Option<Timestamp> {
        if let State::Done { at } = self.state { Some(at) } else { None }
    }

    /// Why it was given up, if it was.
    #[must_use]
    pub fn given_up(&self) -> Option<&str> {
        if let State::GivenUp { why, .. } = &self.state { Some(why) } else { None }
    }
}

impl Tasks {
    /// How far a task is, if anything was done about it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Progress> {
        self.0.get(key)
    }

    /// All of them, by their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Progress)> {
        self.0.iter().map(|(key, progress)| (key.as_str(), progress))
    }

    pub(super) fn messages_mut(&mut self) -> impl Iterator<Item = &mut Said> {
        self.0.values_mut().filter_map(|progress| progress.said.as_mut())
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &mut Progress) -> bool) {
        self.0.retain(|key, progress| keep(key, progress));
    }

    /// How a task failed so far.
    #[must_use]
    pub fn trouble(&self, key: &str) -> Option<&Trouble> {
        self.0.get(key)?.trouble.as_ref()
    }

    pub(super) fn retry_at(&self, key: &str) -> Option<Timestamp> {
        Some(self.trouble(key)?.retry_at)
    }

    /// The last failure, also of what was given up.
    pub(super) fn last_failure(&self, key: &str) -> Option<&str> {
        let progress = self.0.get(key)?;
        progress.trouble.as_ref().map(|t| t.last.as_str()).or_else(|| progress.given_up())
    }

    /// When a task was done or given up.
    #[must_use]
    pub fn ended_at(&self, key: &str) -> Option<Timestamp> {
        self.0.get(key)?.state.ended_at()
    }

    /// Whether nothing is to be done about it any more.
    #[must_use]
    pub fn is_over(&self, key: &str) -> bool {
        self.ended_at(key).is_some()
    }

    /// When a task was done.
    #[must_use]
    pub fn done_at(&self, key: &str) -> Option<Timestamp> {
        self.0.get(key)?.done_at()
    }

    /// Why a task was given up.
    #[must_use]
    pub fn given_up(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.given_up()
    }

    /// It worked.
    pub fn done(&mut self, key: &str, now: Timestamp) {
        self.end(key, State::Done { at: now });
    }

    /// It is not tried again, for this reason.
    pub(super) fn give_up(&mut self, key: &str, why: String, now: Timestamp) {
        self.end(key, State::GivenUp { why, at: now });
    }

    fn end(&mut self, key: &str, state: State) {
        let progress = self.0.entry(key.to_owned()).or_default();
        progress.state = state;
        progress.trouble = None;
    }

    /// It is to do again: no try of it may have worked.
    pub(super) fn reopen(&mut self, key: &str) {
        if let Some(progress) = self.0.get_mut(key) {
            progress.state = State::ToDo;
        }
    }

    /// It is done again from the beginning.
    pub(super) fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// It works again, or starts afresh.
    pub(super) fn forget_trouble(&mut self, key: &str) {
        if let Some(progress) = self.0.get_mut(key) {
            progress.trouble = None;
            if progress.said.is_none() && progress.state == State::ToDo {
                self.0.remove(key);
            }
        }
    }

    pub(super) fn forget_troubles(&mut self) {
        self.0.values_mut().for_each(|progress| progress.trouble = None);
        self.0.retain(|_, progress| progress.said.is_some() || progress.state != State::ToDo);
    }

    /// Counts a failure, after which each further try waits longer.
    pub(super) fn failed(&mut self, key: &str, error: &GatewayError, now: Timestamp) -> &mut Trouble {
        let trouble = &mut self.0.entry(key.to_owned()).or_default().trouble;
        let fresh = Trouble { failures: 0, refusals: 0, since: now, retry_at: now, last: String::new() };
        let trouble = trouble.get_or_insert(fresh);
        let hard = matches!(error, GatewayError::Refused { .. } | GatewayError::Gone { .. });
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.refusals += u32::from(hard);
        let gap = SignedDuration::from_secs((1i64 << trouble.failures.min(6)).min(LONGEST_GAP));
        let asked = if let GatewayError::Throttled { retry_after: Some(asked), .. } = error {
            SignedDuration::try_from(*asked).unwrap_or(LONGEST_HOLD).min(LONGEST_HOLD)
        } else {
            SignedDuration::ZERO
        };
        trouble.retry_at = later(now, gap.max(asked));
        trouble.last = error.to_string();
        trouble
    }

    /// Everything that was or is to be said, in the order of its keys.
    pub fn messages(&self) -> impl Iterator<Item = (&Progress, &Said)> {
        self.0.values().filter_map(|progress| Some((progress, progress.said.as_ref()?)))
    }

    /// What was said, oldest first.
    #[must_use]
    pub fn all_said(&self) -> Vec<(Timestamp, &Said)> {
        let mut said: Vec<_> = self.messages().filter_map(|(p, said)| Some((p.done_at()?, said))).collect();
        said.sort_by_key(|(at, said)| (*at, said.begun_at));
        said
    }

    /// The messages of which nobody knows whether they arrived, those to one person first.
    pub fn unknown(&self) -> impl Iterator<Item = &Said> {
        let of = |private: bool| {
            let unknown = self.messages().filter(|(progress, _)| progress.state == State::Unknown);
            unknown.map(|(_, said)| said).filter(move |said| said.message.is_private() == private)
        };
        of(true).chain(of(false))
    }

    /// A message that is of unknown arrival.
    #[must_use]
    pub fn unknown_message(&self, message: &Message) -> Option<&Said> {
        let progress = self.0.get(&message.task_key()).filter(|progress| progress.state == State::Unknown);
        progress?.said.as_ref()
    }

    /// Whether nobody knows if it worked.
    pub(super) fn is_unknown(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|progress| progress.state == State::Unknown)
    }

    /// A message of unknown arrival, under the key of saying it.
    pub(super) fn unknown_mut(&mut self, key: &str) -> Option<&mut Said> {
        let progress = self.0.get_mut(key).filter(|progress| progress.state == State::Unknown);
        progress?.said.as_mut()
    }

    /// It was decided that this is said, once.
    pub(super) fn is_to_be_said(&mut self, message: Message, chat: ChatId, now: Timestamp) {
        let key = message.task_key();
        let fresh = || Progress { said: Some(Said::new(message, chat, now)), ..Progress::default() };
        self.0.entry(key).or_insert_with(fresh);
    }

    /// A message is about to be handed over. A repeat keeps the words and the moment of the first try.
    pub(super) fn begin_message(&mut self, said: Said, now: Timestamp) {
        let progress = self.0.entry(said.message.task_key()).or_default();
        let before = progress.said.take().filter(|_| progress.state == State::Unknown);
        let again =
            Said { chat: said.chat.clone(), instance: said.instance.clone(), ..before.unwrap_or(said) };
        let sends = again.sends + 1;
        progress.said =
            Some(Said { sends, looks: 0, look: Look::planned(now, now), unreadable: false, ..again });
        progress.state = State::Unknown;
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Progress> {
        self.0.get_mut(key)
    }

    /// Nothing lies after `now`, see [`clock_set`](super::clock_set).
    pub(super) fn put_back(&mut self, now: Timestamp) {
        let sooner = |at: &mut Timestamp| *at = (*at).min(now);
        for progress in self.0.values_mut() {
            if let State::Done { at } | State::GivenUp { at, .. } = &mut progress.state {
                sooner(at);
            }
            if let Some(trouble) = &mut progress.trouble {
                sooner(&mut trouble.retry_at);
                sooner(&mut trouble.since);
            }
            if let Some(said) = &mut progress.said {
                sooner(&mut said.begun_at);
                said.look = said.look.put_back(now);
            }
        }
    }
}

impl Said {
    /// A message that was not handed over yet.
    #[must_use]
    pub fn new(message: Message, chat: ChatId, now: Timestamp) -> Self {
        Self {
            message,
            chat,
            text: String::new(),
            begun_at: now,
            sends: 0,
            covers: 0,
            instance: None,
            message_id: None,
            look: Look::planned(now, now),
            looks: 0,
            unreadable: false,
        }
    }
}
