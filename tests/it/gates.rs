//! Points at which a process can die: before and after every commit and every gateway call.
//!
//! [`Gates`] counts them and stops the world at the ones it was told; [`GatedStore`] and [`GatedGateway`]
//! put one before and one after each thing that leaves the process.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;
use warroom::clock::{SignedDuration, Timestamp};
use warroom::gateway::{
    Added, Capabilities, CreatedGroup, FoundGroup, Gateway, GatewayError, InviteLink, Members, OwnMessage,
    Sent, Session,
};
use warroom::incident::IncidentId;
use warroom::jid::{ChatId, GroupId, Jid};
use warroom::room::{Event, Room, Wish};
use warroom::store::{
    Acceptance, Began, Dossier, Finished, IncidentQuery, Intent, Lease, Receipt, StepOutcome, Store,
    StoreError, StoredHook, Summary, WishTaken,
};

/// Counts gates over all lives of a story and ends a life at the chosen ones.
#[derive(Debug)]
pub(crate) struct Gates {
    passed: AtomicUsize,
    stops: Vec<usize>,
    fell: Notify,
}

impl Gates {
    /// Ends a life at each of `stops`, counted from 0 over all lives.
    pub(crate) fn stopping_at(stops: &[usize]) -> Arc<Self> {
        Arc::new(Self { passed: AtomicUsize::new(0), stops: stops.to_vec(), fell: Notify::new() })
    }

    /// How many gates were passed or stopped at.
    pub(crate) fn count(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    /// Resolves when a life has ended.
    pub(crate) async fn fallen(&self) {
        self.fell.notified().await;
    }

    async fn pass(&self) {
        let gate = self.passed.fetch_add(1, Ordering::SeqCst);
        if self.stops.contains(&gate) {
            self.fell.notify_one();
            pending::<()>().await;
        }
    }

    async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        self.pass().await;
        let result = work.await;
        self.pass().await;
        result
    }
}

#[derive(Debug)]
pub(crate) struct GatedStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) gates: Arc<Gates>,
}

#[async_trait]
impl Store for GatedStore {
    async fn accept(&self, hook: Acceptance) -> Result<Receipt, StoreError> {
        self.gates.around(self.inner.accept(hook)).await
    }

    async fn lease_rooms(
        &self,
        now: Timestamp,
        limit: usize,
        lease_for: SignedDuration,
    ) -> Result<Vec<Lease>, StoreError> {
        // A look that finds nothing changes nothing, so only one that leases is worth two gates.
        let leases = self.inner.lease_rooms(now, limit, lease_for).await?;
        if !leases.is_empty() {
            self.gates.pass().await;
        }
        Ok(leases)
    }

    async fn begin_step(&self, lease: &Lease, intent: Intent, now: Timestamp) -> Result<Began, StoreError> {
        self.gates.around(self.inner.begin_step(lease, intent, now)).await
    }

    async fn finish_step(
        &self,
        lease: &Lease,
        outcome: StepOutcome,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.gates.around(self.inner.finish_step(lease, outcome, now)).await
    }

    async fn note(
        &self,
        lease: &Lease,
        room: Room,
        event: Event,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.gates.around(self.inner.note(lease, room, event, now)).await
    }

    async fn refuse_wish(&self, lease: &Lease, why: &str, now: Timestamp) -> Result<Finished, StoreError> {
        self.gates.around(self.inner.refuse_wish(lease, why, now)).await
    }

    async fn release(
        &self,
        lease: &Lease,
        wake_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.gates.around(self.inner.release(lease, wake_at, now)).await
    }

    async fn close_quiet(&self, now: Timestamp) -> Result<usize, StoreError> {
        let closed = self.inner.close_quiet(now).await?;
        if closed > 0 {
            self.gates.pass().await;
        }
        Ok(closed)
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_wake().await
    }

    async fn wish(&self, id: IncidentId, wish: Wish, now: Timestamp) -> Result<WishTaken, StoreError> {
        self.gates.around(self.inner.wish(id, wish, now)).await
    }

    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<Summary>, StoreError> {
        self.inner.incidents(query).await
    }

    async fn dossier(&self, id: IncidentId) -> Result<Option<Dossier>, StoreError> {
        self.inner.dossier(id).await
    }

    async fn receipt(&self, id: &str) -> Result<Option<StoredHook>, StoreError> {
        self.inner.receipt(id).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}

#[derive(Debug)]
pub(crate) struct GatedGateway {
    pub(crate) inner: Arc<dyn Gateway>,
    pub(crate) gates: Arc<Gates>,
}

#[async_trait]
impl Gateway for GatedGateway {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn session(&self) -> Result<Session, GatewayError> {
        self.gates.around(self.inner.session()).await
    }

    async fn create_group(&self, subject: &str, people: &[Jid]) -> Result<CreatedGroup, GatewayError> {
        self.gates.around(self.inner.create_group(subject, people)).await
    }

    async fn find_groups(&self, token: &str) -> Result<Vec<FoundGroup>, GatewayError> {
        self.gates.around(self.inner.find_groups(token)).await
    }

    async fn members(&self, group: &GroupId, wanted: &[Jid]) -> Result<Members, GatewayError> {
        self.gates.around(self.inner.members(group, wanted)).await
    }

    async fn add_members(&self, group: &GroupId, people: &[Jid]) -> Result<Vec<Added>, GatewayError> {
        self.gates.around(self.inner.add_members(group, people)).await
    }

    async fn promote(&self, group: &GroupId, person: &Jid) -> Result<(), GatewayError> {
        self.gates.around(self.inner.promote(group, person)).await
    }

    async fn invite_link(&self, group: &GroupId) -> Result<InviteLink, GatewayError> {
        self.gates.around(self.inner.invite_link(group)).await
    }

    async fn revoke_link(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.gates.around(self.inner.revoke_link(group)).await
    }

    async fn describe(&self, group: &GroupId, text: &str) -> Result<(), GatewayError> {
        self.gates.around(self.inner.describe(group, text)).await
    }

    async fn rename(&self, group: &GroupId, subject: &str) -> Result<(), GatewayError> {
        self.gates.around(self.inner.rename(group, subject)).await
    }

    async fn lock_settings(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.gates.around(self.inner.lock_settings(group)).await
    }

    async fn lock_messages(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.gates.around(self.inner.lock_messages(group)).await
    }

    async fn send_text(&self, chat: &ChatId, text: &str) -> Result<Sent, GatewayError> {
        self.gates.around(self.inner.send_text(chat, text)).await
    }

    async fn recent_own_messages(&self, chat: &ChatId) -> Result<Vec<OwnMessage>, GatewayError> {
        self.gates.around(self.inner.recent_own_messages(chat)).await
    }

    async fn is_reachable(&self, person: &Jid) -> Result<bool, GatewayError> {
        self.gates.around(self.inner.is_reachable(person)).await
    }

    async fn leave(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.gates.around(self.inner.leave(group)).await
    }
}
