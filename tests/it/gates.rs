//! Points at which a process can die, wait or be failed: before and after every commit and every gateway call.
//!
//! [`GatedStore`] and [`GatedGateway`] put one gate before and one after each thing that leaves the process,
//! and ask a [`Gate`] what happens there. [`Gates`] is the plain one: it counts, ends the world at the gates
//! it was told, and spoils one gateway call.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;
use warroom::clock::{SignedDuration, Timestamp};
use warroom::consent::letter::Tried;
use warroom::consent::{Acquaintance, Letter, Standing};
use warroom::gateway::{
    Added, Capabilities, CreatedGroup, FoundGroups, Gateway, GatewayError, GroupSearch, InviteLink, Members,
    Notice, OwnMessage, Sent, Session,
};
use warroom::incident::{IncidentId, Rules};
use warroom::jid::{ChatId, GroupId, Jid};
use warroom::pacing::{Creation, Made};
use warroom::room::{Event, Room, Wish};
use warroom::store::source_trouble::{Sighting, SourceTrouble};
use warroom::store::{
    Acceptance, Accepted, Aside, Asking, Began, Dossier, Finished, Gathered, Heard, Hearing, IncidentQuery,
    Intent, Introduced, Introducing, Lease, LetterAsk, LetterTurn, Posted, Receipt, ReceiptId, Slots, Store,
    StoreError, StoredHook, Summary, Unnamed, WishTaken,
};

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
    fell: Notify,
    calls: Mutex<Vec<&'static str>>,
    mishaps: Vec<(usize, Mishap)>,
}

impl Gates {
    /// Ends a life at each of `stops`, and spoils the calls of `mishaps`, all counted from 0 over all lives.
    pub(crate) fn new(stops: &[usize], mishaps: &[(usize, Mishap)]) -> Arc<Self> {
        Arc::new(Self { stops: stops.to_vec(), mishaps: mishaps.to_vec(), ..Self::default() })
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
    async fn pass(&self, _what: &'static str, _moment: Moment) {
        let gate = self.passed.fetch_add(1, Ordering::SeqCst);
        if self.stops.contains(&gate) {
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

#[derive(Debug)]
pub(crate) struct GatedStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) gates: Arc<dyn Gate>,
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("so it was told".to_owned())
}

impl GatedStore {
    async fn around<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.gates.pass(what, Moment::Before).await;
        let result = match self.gates.store_fails(what) {
            None => work.await,
            Some(Moment::Before) => Err(unavailable()),
            Some(Moment::After) => work.await.and(Err(unavailable())),
        };
        self.gates.pass(what, Moment::After).await;
        result
    }
}

#[async_trait]
impl Store for GatedStore {
    async fn accept(&self, hook: Acceptance) -> Result<Accepted, StoreError> {
        self.around("accept", self.inner.accept(hook)).await
    }

    async fn lease_rooms(
        &self,
        now: Timestamp,
        slots: Slots,
        lease_for: SignedDuration,
    ) -> Result<Vec<Lease>, StoreError> {
        let failure = self.gates.store_fails("lease_rooms");
        if failure == Some(Moment::Before) {
            return Err(unavailable());
        }
        // A look that finds nothing changes nothing, so only one that leases is worth a gate.
        let leases = self.inner.lease_rooms(now, slots, lease_for).await?;
        if !leases.is_empty() {
            self.gates.pass("lease_rooms", Moment::After).await;
        }
        if failure.is_some() { Err(unavailable()) } else { Ok(leases) }
    }

    async fn begin_step(&self, lease: &Lease, intent: Intent, now: Timestamp) -> Result<Began, StoreError> {
        self.around("begin_step", self.inner.begin_step(lease, intent, now)).await
    }

    async fn finish_steps(&self, lease: &Lease, now: Timestamp) -> Result<Finished, StoreError> {
        self.around("finish_steps", self.inner.finish_steps(lease, now)).await
    }

    async fn stirred(&self, id: IncidentId) -> Result<i64, StoreError> {
        self.inner.stirred(id).await
    }

    async fn note(
        &self,
        lease: &Lease,
        room: Room,
        event: Event,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.around("note", self.inner.note(lease, room, event, now)).await
    }

    async fn refuse_wish(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<Finished, StoreError> {
        self.around("refuse_wish", self.inner.refuse_wish(lease, why, now)).await
    }

    async fn hear(
        &self,
        instance: &str,
        notices: Vec<Notice>,
        now: Timestamp,
    ) -> Result<Hearing, StoreError> {
        self.around("hear", self.inner.hear(instance, notices, now)).await
    }

    async fn hear_answers(
        &self,
        instance: &str,
        answers: Vec<Heard>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError> {
        self.around("hear_answers", self.inner.hear_answers(instance, answers, now)).await
    }

    async fn to_name(&self, now: Timestamp) -> Result<Vec<Unnamed>, StoreError> {
        self.inner.to_name(now).await
    }

    async fn name(
        &self,
        hidden: Jid,
        jid: Jid,
        person: Option<String>,
        now: Timestamp,
    ) -> Result<Introduced, StoreError> {
        self.around("name", self.inner.name(hidden, jid, person, now)).await
    }

    async fn introduce(&self, asking: Asking, now: Timestamp) -> Result<Vec<Introducing>, StoreError> {
        self.around("introduce", self.inner.introduce(asking, now)).await
    }

    async fn acquaintances(&self) -> Result<Vec<Acquaintance>, StoreError> {
        self.inner.acquaintances().await
    }

    async fn count_consents(&self) -> Result<(Vec<(Standing, i64)>, i64), StoreError> {
        self.inner.count_consents().await
    }

    async fn begin_letter(&self, ask: LetterAsk, now: Timestamp) -> Result<LetterTurn, StoreError> {
        let turn = self.inner.begin_letter(ask, now).await?;
        // A look that finds nothing changes nothing, so only one that takes a letter is worth a gate.
        if matches!(turn, LetterTurn::Go(_)) {
            self.gates.pass("begin_letter", Moment::After).await;
        }
        Ok(turn)
    }

    async fn finish_letter(
        &self,
        posted: Posted,
        tried: Tried,
        now: Timestamp,
    ) -> Result<Option<Letter>, StoreError> {
        self.around("finish_letter", self.inner.finish_letter(posted, tried, now)).await
    }

    async fn heed(&self, lease: &Lease, room: Room, now: Timestamp) -> Result<Finished, StoreError> {
        self.around("heed", self.inner.heed(lease, room, now)).await
    }

    async fn release(
        &self,
        lease: &Lease,
        wake_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.around("release", self.inner.release(lease, wake_at, now)).await
    }

    async fn gather(
        &self,
        lease: &Lease,
        people: Vec<String>,
        now: Timestamp,
    ) -> Result<Gathered, StoreError> {
        self.around("gather", self.inner.gather(lease, people, now)).await
    }

    async fn creations(&self, creation: Creation, now: Timestamp) -> Result<Vec<Made>, StoreError> {
        self.inner.creations(creation, now).await
    }

    async fn groups_of(&self, instance: &str) -> Result<Vec<GroupId>, StoreError> {
        self.inner.groups_of(instance).await
    }

    async fn wake_rooms(&self, instance: &str, now: Timestamp) -> Result<usize, StoreError> {
        self.around("wake_rooms", self.inner.wake_rooms(instance, now)).await
    }

    async fn put_outage(&self, instance: &str, since: Option<Timestamp>) -> Result<(), StoreError> {
        self.inner.put_outage(instance, since).await
    }

    async fn outages(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.inner.outages().await
    }

    async fn close_quiet(&self, rules: Rules, now: Timestamp) -> Result<usize, StoreError> {
        let closed = self.inner.close_quiet(rules, now).await?;
        if closed > 0 {
            self.gates.pass("close_quiet", Moment::After).await;
        }
        Ok(closed)
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_wake().await
    }

    async fn record_operator(&self, id: IncidentId, did: &str, now: Timestamp) -> Result<(), StoreError> {
        self.inner.record_operator(id, did, now).await
    }

    async fn wish(&self, id: IncidentId, wish: Wish, now: Timestamp) -> Result<WishTaken, StoreError> {
        self.around("wish", self.inner.wish(id, wish, now)).await
    }

    async fn close_orphan(
        &self,
        id: IncidentId,
        group: GroupId,
        now: Timestamp,
    ) -> Result<WishTaken, StoreError> {
        self.around("close_orphan", self.inner.close_orphan(id, group, now)).await
    }

    async fn open_orphans(&self) -> Result<i64, StoreError> {
        self.inner.open_orphans().await
    }

    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<Summary>, StoreError> {
        self.inner.incidents(query).await
    }

    async fn dossier(&self, id: IncidentId) -> Result<Option<Dossier>, StoreError> {
        self.inner.dossier(id).await
    }

    async fn set_aside(&self, lease: &Lease, wake_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.around("set_aside", self.inner.set_aside(lease, wake_at, now)).await
    }

    async fn aside(&self) -> Result<Vec<Aside>, StoreError> {
        self.inner.aside().await
    }

    async fn earlier_receipt(
        &self,
        source: &str,
        replay_key: &str,
        reading: &str,
    ) -> Result<Option<Receipt>, StoreError> {
        self.inner.earlier_receipt(source, replay_key, reading).await
    }

    async fn certificates(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner.certificates().await
    }

    async fn keep_certificate(&self, at: &str, pem: Vec<u8>, now: Timestamp) -> Result<(), StoreError> {
        self.inner.keep_certificate(at, pem, now).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<StoredHook>, StoreError> {
        self.inner.receipt(id).await
    }

    async fn note_source_trouble(&self, seen: Sighting, now: Timestamp) -> Result<(), StoreError> {
        self.inner.note_source_trouble(seen, now).await
    }

    async fn source_troubles(&self, now: Timestamp) -> Result<Vec<SourceTrouble>, StoreError> {
        self.inner.source_troubles(now).await
    }

    async fn take_trouble_call(&self, now: Timestamp) -> Result<Option<SourceTrouble>, StoreError> {
        self.inner.take_trouble_call(now).await
    }

    async fn trouble_told(&self, told: &SourceTrouble, now: Timestamp) -> Result<(), StoreError> {
        self.inner.trouble_told(told, now).await
    }

    async fn forget_bodies(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.forget_bodies(before, limit).await
    }

    async fn ready(&self, now: Timestamp) -> Result<(), StoreError> {
        self.inner.ready(now).await
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
