//! Points at which a process can die, wait or be failed: before and after every commit and every gateway call.
//!
//! [`GatedDatabase`] and [`GatedGateway`] put one gate before and one after each thing that leaves the process,
//! and ask a [`Gate`] what happens there. [`Gates`] is the plain one: it counts, ends the world at the gates
//! it was told, and spoils one gateway call.

use std::fmt::Debug;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;
use warroom::clock::Timestamp;
use warroom::gateway::{
    Added, Capabilities, CreatedGroup, FoundGroups, Gateway, GatewayError, GroupSearch, InviteLink, Members,
    OwnMessage, Sent, Session,
};
use warroom::jid::{ChatId, GroupId, Jid};
use warroom::store::{Access, Database, Found, Lease, LetterTurn, StoreError, Stored, Transaction};

/// On which side of an effect something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// A gateway call that goes wrong, with or without its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mishap {
    pub(crate) moment: Moment,
    pub(crate) error: GatewayError,
}

/// Decides what happens at the edges of a process.
#[async_trait]
pub(crate) trait Gate: Debug + Send + Sync {
    /// Returns when the process may go on from one side of `what`.
    async fn pass(&self, what: &'static str, moment: Moment);

    /// What goes wrong with this gateway call, about this group, subject, token or text.
    fn mishap(&self, _call: &'static str, _about: &str) -> Option<Mishap> {
        None
    }

    /// Whether the store fails now.
    fn store_fails(&self, _what: &'static str) -> Option<Moment> {
        None
    }
}

/// Counts gates and calls over all lives of a story, ends a life at the chosen gates, and spoils the chosen
/// calls.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    passed: AtomicUsize,
    stops: Vec<usize>,
    /// After the first of these transactions or calls a life ends too.
    stop_after: Mutex<Option<&'static str>>,
    fell: Notify,
    calls: Mutex<Vec<&'static str>>,
    mishaps: Vec<(usize, Mishap)>,
}

impl Gates {
    /// Ends a life at each of `stops`, and spoils the calls of `mishaps`, all counted from 0 over all lives.
    pub(crate) fn new(stops: &[usize], mishaps: &[(usize, Mishap)]) -> Arc<Self> {
        Arc::new(Self { stops: stops.to_vec(), mishaps: mishaps.to_vec(), ..Self::default() })
    }

    /// Ends a life after the first transaction or call of this name.
    pub(crate) fn after_the_first(what: &'static str) -> Arc<Self> {
        Arc::new(Self { stop_after: Mutex::new(Some(what)), ..Self::default() })
    }

    /// How many gates were passed or stopped at.
    pub(crate) fn count(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    /// The gateway calls that were begun, in order.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Resolves when a life has ended.
    pub(crate) async fn fallen(&self) {
        self.fell.notified().await;
    }
}

#[async_trait]
impl Gate for Gates {
    async fn pass(&self, what: &'static str, moment: Moment) {
        let gate = self.passed.fetch_add(1, Ordering::SeqCst);
        let is_first = moment == Moment::After
            && self.stop_after.lock().unwrap().take_if(|after| *after == what).is_some();
        if is_first || self.stops.contains(&gate) {
            self.fell.notify_one();
            pending::<()>().await;
        }
    }

    fn mishap(&self, call: &'static str, _about: &str) -> Option<Mishap> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(call);
        let number = calls.len() - 1;
        self.mishaps.iter().find(|(at, _)| *at == number).map(|(_, mishap)| mishap.clone())
    }
}

/// A database with gates before and after each transaction that a story depends on.
#[derive(Debug)]
pub(crate) struct GatedDatabase {
    pub(crate) inner: Arc<dyn Database>,
    pub(crate) gates: Arc<dyn Gate>,
}

/// Where the gates of a transaction are.
enum Gated {
    Nowhere,
    /// After it, if it has changed something.
    After(fn(&Found) -> bool),
    Around,
}

/// A look that finds nothing changes nothing, so of those that look for work only one that takes some is worth a gate.
/// What is seen to beside the story has none.
fn gated(transaction: &Transaction) -> Gated {
    match transaction.name {
        _ if transaction.access == Access::Read => Gated::Nowhere,
        "forget_bodies"
        | "keep_certificate"
        | "next_wake"
        | "note_number"
        | "note_source_trouble"
        | "ready"
        | "record_operator"
        | "take_trouble_call"
        | "to_name"
        | "trouble_told" => Gated::Nowhere,
        "lease_rooms" => {
            Gated::After(|found| found.downcast_ref().is_some_and(|l: &Vec<Lease>| !l.is_empty()))
        }
        "begin_letter" => Gated::After(|found| matches!(found.downcast_ref(), Some(LetterTurn::Go(_)))),
        "close_quiet" => Gated::After(|found| found.downcast_ref().is_some_and(|closed: &usize| *closed > 0)),
        _ => Gated::Around,
    }
}

#[async_trait]
impl Database for GatedDatabase {
    async fn run(&self, transaction: Transaction) -> Stored<Found> {
        let (name, gated) = (transaction.name, gated(&transaction));
        if matches!(gated, Gated::Around) {
            self.gates.pass(name, Moment::Before).await;
        }
        let failure = if matches!(gated, Gated::Nowhere) { None } else { self.gates.store_fails(name) };
        let failed = || Err(StoreError::Unavailable("so it was told".to_owned()));
        let result =
            if failure == Some(Moment::Before) { failed() } else { self.inner.run(transaction).await };
        let has_changed = match gated {
            Gated::Nowhere => false,
            Gated::After(has_changed) => result.as_ref().is_ok_and(has_changed),
            Gated::Around => true,
        };
        if has_changed {
            self.gates.pass(name, Moment::After).await;
        }
        if failure.is_some() { failed() } else { result }
    }
}

#[derive(Debug)]
pub(crate) struct GatedGateway {
    pub(crate) inner: Arc<dyn Gateway>,
    pub(crate) gates: Arc<dyn Gate>,
}

impl GatedGateway {
    async fn around<T>(
        &self,
        call: &'static str,
        about: &str,
        work: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        self.gates.pass(call, Moment::Before).await;
        let result = match self.gates.mishap(call, about) {
            None => work.await,
            Some(Mishap { moment: Moment::Before, error }) => Err(error),
            Some(Mishap { moment: Moment::After, error }) => work.await.and(Err(error)),
        };
        self.gates.pass(call, Moment::After).await;
        result
    }
}

#[async_trait]
impl Gateway for GatedGateway {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn session(&self) -> Result<Session, GatewayError> {
        self.around("session", "", self.inner.session()).await
    }

    async fn create_group(&self, subject: &str, people: &[Jid]) -> Result<CreatedGroup, GatewayError> {
        self.around("create_group", subject, self.inner.create_group(subject, people)).await
    }

    async fn find_groups(&self, search: &GroupSearch) -> Result<FoundGroups, GatewayError> {
        self.around("find_groups", &search.token, self.inner.find_groups(search)).await
    }

    async fn members(&self, group: &GroupId, wanted: &[Jid]) -> Result<Members, GatewayError> {
        self.around("members", group.as_str(), self.inner.members(group, wanted)).await
    }

    async fn add_members(&self, group: &GroupId, people: &[Jid]) -> Result<Vec<Added>, GatewayError> {
        self.around("add_members", group.as_str(), self.inner.add_members(group, people)).await
    }

    async fn join(&self, link: &InviteLink) -> Result<GroupId, GatewayError> {
        self.around("join", "", self.inner.join(link)).await
    }

    async fn promote(&self, group: &GroupId, person: &Jid) -> Result<(), GatewayError> {
        self.around("promote", group.as_str(), self.inner.promote(group, person)).await
    }

    async fn invite_link(&self, group: &GroupId) -> Result<InviteLink, GatewayError> {
        self.around("invite_link", group.as_str(), self.inner.invite_link(group)).await
    }

    async fn revoke_link(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.around("revoke_link", group.as_str(), self.inner.revoke_link(group)).await
    }

    async fn describe(&self, group: &GroupId, text: &str) -> Result<(), GatewayError> {
        self.around("describe", group.as_str(), self.inner.describe(group, text)).await
    }

    async fn rename(&self, group: &GroupId, subject: &str) -> Result<(), GatewayError> {
        self.around("rename", group.as_str(), self.inner.rename(group, subject)).await
    }

    async fn lock_settings(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.around("lock_settings", group.as_str(), self.inner.lock_settings(group)).await
    }

    async fn lock_messages(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.around("lock_messages", group.as_str(), self.inner.lock_messages(group)).await
    }

    async fn send_text(&self, chat: &ChatId, text: &str) -> Result<Sent, GatewayError> {
        self.around("send_text", text, self.inner.send_text(chat, text)).await
    }

    async fn recent_own_messages(
        &self,
        chat: &ChatId,
        ours: &[Jid],
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        let look = self.inner.recent_own_messages(chat, ours);
        self.around("recent_own_messages", &chat.to_string(), look).await
    }

    async fn has_written(&self, person: &Jid, since: Timestamp) -> Result<bool, GatewayError> {
        self.around("has_written", "", self.inner.has_written(person, since)).await
    }

    async fn is_reachable(&self, person: &Jid) -> Result<Option<Jid>, GatewayError> {
        self.around("is_reachable", "", self.inner.is_reachable(person)).await
    }

    async fn whose(&self, hidden: &Jid, among: &[Jid]) -> Result<Option<Jid>, GatewayError> {
        self.around("whose", "", self.inner.whose(hidden, among)).await
    }

    async fn leave(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.around("leave", group.as_str(), self.inner.leave(group)).await
    }
}
