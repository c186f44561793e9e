//! The whole simulated world as data: numbers, people, groups, chats. No I/O; `now` is an argument.
//! Actors: [`World`] is held by the handle behind a lock; `membership` and `talk` hold its rules.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::call::{Call, CallRecord, split_id};
use super::events::EventBook;
use super::fault::FaultBook;
use super::group::{Group, Message, Presence, Rank};
use super::person::{LidKnowledge, Person};
use super::policy::{Pace, Policy};
use super::quirks::Quirks;
use super::reply::Refused;
use super::setup::{Addressing, Api, Engine, InviteForm, Number, Setup};
use super::view::Creation;
use crate::clock::{SignedDuration, Timestamp, later};

/// How long NOWEB believes its list of groups.
const LIST_CACHE: SignedDuration = SignedDuration::from_hours(24);
/// Older call records are dropped beyond this many, so that a sandbox can run for days.
const RECORDS_KEPT: usize = 50_000;

/// Who made the groups of other people's.
const ELSEWHERE: &str = "15550190001";

/// One linked number with what it did.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) number: Number,
    pub(super) status: String,
    pub(super) webhooks: Value,
    pub(super) policy_slug: String,
    pub(super) pace: Pace,
}

impl Account {
    /// The state as the API names it, which has no word for a ban.
    pub(super) fn shown_status(&self) -> &str {
        if self.status == super::BANNED { "FAILED" } else { &self.status }
    }
}

/// The messages between one bot number and one person.
#[derive(Debug)]
pub(super) struct DirectChat {
    pub(super) bot: String,
    pub(super) person: String,
    pub(super) log: Vec<Message>,
}

/// A call whose effect comes later than its answer.
#[derive(Debug)]
pub(super) struct Deferred {
    pub(super) due_at: Timestamp,
    pub(super) call: Call,
}

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) api: Api,
    pub(super) engine: Engine,
    pub(super) addressing: Addressing,
    pub(super) invite_form: InviteForm,
    pub(super) policy: Policy,
    pub(super) list_lag: SignedDuration,
    pub(super) quirks: Quirks,
    pub(super) refreshed_at: Timestamp,
    pub(super) chat_store: bool,
    pub(super) session_wait: SignedDuration,
    pub(super) accounts: Vec<Account>,
    pub(super) people: BTreeMap<String, Person>,
    lids: BTreeMap<String, String>,
    pub(super) groups: Vec<Group>,
    pub(super) direct: Vec<DirectChat>,
    pub(super) faults: FaultBook,
    pub(super) events: EventBook,
    pub(super) deferred: Vec<Deferred>,
    pub(super) creations: Vec<Creation>,
    pub(super) calls: VecDeque<CallRecord>,
    dice: u64,
}

impl World {
    pub(super) fn new(setup: Setup, now: Timestamp) -> Self {
        let accounts = setup
            .instances
            .into_iter()
            .map(|number| Account {
                number,
                status: "WORKING".to_owned(),
                webhooks: json!([]),
                policy_slug: "strict".to_owned(),
                pace: Pace::default(),
            })
            .collect();
        Self {
            api: setup.api,
            engine: setup.engine,
            addressing: setup.addressing,
            invite_form: setup.invite_form,
            policy: setup.policy,
            list_lag: setup.list_lag,
            quirks: setup.quirks,
            refreshed_at: now,
            chat_store: setup.chat_store,
            session_wait: setup.session_wait,
            accounts,
            people: BTreeMap::new(),
            lids: BTreeMap::new(),
            groups: Vec::new(),
            direct: Vec::new(),
            faults: FaultBook::default(),
            events: EventBook::default(),
            deferred: Vec::new(),
            creations: Vec::new(),
            calls: VecDeque::new(),
            dice: 0x5EED,
        }
    }

    pub(super) fn account(&self, instance_id: &str) -> Result<&Account, Refused> {
        self.accounts
            .iter()
            .find(|account| account.number.instance_id == instance_id)
            .ok_or(Refused::InvalidSession)
    }

    pub(super) fn account_mut(&mut self, instance_id: &str) -> Result<&mut Account, Refused> {
        self.accounts
            .iter_mut()
            .find(|account| account.number.instance_id == instance_id)
            .ok_or(Refused::InvalidSession)
    }

    /// Puts an instance into a state; false if there is no such instance.
    pub(super) fn set_session(&mut self, instance_id: &str, status: &str, now: Timestamp) -> bool {
        let Ok(account) = self.account_mut(instance_id) else { return false };
        let changed = account.status != status;
        status.clone_into(&mut account.status);
        if changed {
            self.tell_session(instance_id, now);
        }
        true
    }

    /// The account with the policy beside it, because counting needs both.
    pub(super) fn pace(&mut self, instance_id: &str) -> Result<(&mut Pace, &Policy), Refused> {
        let account = self
            .accounts
            .iter_mut()
            .find(|account| account.number.instance_id == instance_id)
            .ok_or(Refused::InvalidSession)?;
        Ok((&mut account.pace, &self.policy))
    }

    /// The digits of the bot that an instance speaks for.
    pub(super) fn bot(&self, instance_id: &str) -> Result<String, Refused> {
        Ok(self.account(instance_id)?.number.digits.clone())
    }

    pub(super) fn is_bot(&self, digits: &str) -> bool {
        self.accounts.iter().any(|account| account.number.digits == digits)
    }

    pub(super) fn person(&self, digits: &str) -> Person {
        self.people.get(digits).cloned().unwrap_or_default()
    }

    /// The name others see, or the number for someone nameless.
    pub(super) fn name_of(&self, digits: &str) -> String {
        let bot = self.accounts.iter().find(|account| account.number.digits == digits);
        match (bot, self.people.get(digits)) {
            (Some(account), _) => account.number.name.clone(),
            (None, Some(person)) if !person.name.is_empty() => person.name.clone(),
            _ => format!("+{digits}"),
        }
    }

    /// The hidden id of a number; it gets one when it is first seen.
    pub(super) fn lid(&mut self, digits: &str) -> String {
        let next = 210_000_000_000_007_u64 + 104_729 * self.lids.len() as u64;
        self.lids.entry(digits.to_owned()).or_insert_with(|| next.to_string()).clone()
    }

    /// The hidden id of a number that was seen before.
    pub(super) fn known_lid(&self, digits: &str) -> Option<&str> {
        self.lids.get(digits).map(String::as_str)
    }

    pub(super) fn digits_of_lid(&self, lid: &str) -> Option<&str> {
        self.lids.iter().find(|(_, known)| *known == lid).map(|(digits, _)| digits.as_str())
    }

    /// Pairs that the bot can resolve, in the order of the numbers.
    pub(super) fn resolvable_lids(&self) -> Vec<(String, String)> {
        self.lids
            .iter()
            .filter(|(digits, _)| self.can_resolve(digits))
            .map(|(digits, lid)| (digits.clone(), lid.clone()))
            .collect()
    }

    pub(super) fn can_resolve(&self, digits: &str) -> bool {
        self.people.get(digits).is_none_or(|person| person.lid != LidKnowledge::LidOnly)
    }

    /// The digits behind any form of a person's id.
    pub(super) fn digits_of(&self, id: &str) -> Option<String> {
        match split_id(id)? {
            (user, "lid") => self.digits_of_lid(user).map(str::to_owned),
            (user, "c.us" | "s.whatsapp.net") => Some(user.to_owned()),
            _ => None,
        }
    }

    pub(super) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(super) fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.id == id)
    }

    /// Whether lists show this group yet.
    pub(super) fn is_listed(&self, group: &Group, now: Timestamp) -> bool {
        let cached_away = self.quirks.list_cache
            && group.created_at > self.refreshed_at
            && now < later(group.created_at, LIST_CACHE);
        !cached_away && later(group.created_at, self.list_lag) <= now
    }

    /// The groups that the bot is in and that lists show, oldest first.
    pub(super) fn listed_groups(&self, bot: &str, now: Timestamp) -> Vec<&Group> {
        self.groups.iter().filter(|group| group.has(bot, now) && self.is_listed(group, now)).collect()
    }

    /// The groups of other people's that the bot is in.
    pub(super) fn elsewhere(&self, bot: &str) -> Vec<Group> {
        let began = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50);
        let names = self.quirks.elsewhere.iter().enumerate();
        let group = |(place, name): (usize, &String)| Group {
            id: format!("120363{:012}@g.us", 900_001 + place),
            subject: name.clone(),
            description: String::new(),
            created_at: began,
            creator: ELSEWHERE.to_owned(),
            instance_id: String::new(),
            code: String::new(),
            dead_codes: Vec::new(),
            announce: false,
            locked: false,
            presences: [(ELSEWHERE, Rank::SuperAdmin), (bot, Rank::Member)]
                .map(|(digits, rank)| Presence { digits: digits.to_owned(), rank, since: began, until: None })
                .into(),
            turned_away: BTreeMap::new(),
            left: BTreeSet::new(),
            log: Vec::new(),
        };
        names.map(group).collect()
    }

    pub(super) fn record(&mut self, record: CallRecord) {
        if self.calls.len() >= RECORDS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(record);
    }

    /// The next number of a fixed sequence (splitmix64), so that a run can be repeated exactly.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A new invite code: 22 letters and digits.
    pub(super) fn new_code(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..22)
            .filter_map(|_| {
                let place = self.roll() % LETTERS.len() as u64;
                LETTERS.iter().copied().nth(usize::try_from(place).ok()?)
            })
            .map(char::from)
            .collect()
    }

    /// A new bare message id, which WhatsApp's web clients begin with `3EB0`.
    pub(super) fn new_message_id(&mut self) -> String {
        format!("3EB0{:016X}", self.roll())
    }

    /// A new group id: `120363` and twelve more digits that grow with each group.
    pub(super) fn new_group_id(&self) -> String {
        format!("120363{:012}@g.us", 400_000_000_001 + 977 * self.groups.len() as u64)
    }
}
