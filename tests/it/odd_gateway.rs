//! A gateway in front of another one that answers some calls its own way.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use warroom::app::Bridge;
use warroom::clock::{Clock, SignedDuration, TestClock, Timestamp};
use warroom::gateway::{
    Added, Capabilities, CreatedGroup, FoundGroups, Gateway, GatewayError, GroupSearch, InviteLink, Members,
    OwnMessage, Sent, Session,
};
use warroom::jid::{ChatId, GroupId, Jid};
use warroom::roster_in_force::RosterInForce;
use warroom::worker::Number;

use crate::harness::World;

/// What happens to one call instead.
pub(crate) enum Odd {
    /// It fails and does nothing.
    Before(GatewayError),
    /// It does its work, and the answer is this error.
    After(GatewayError),
    /// It does nothing, and fails after so long by the world's clock.
    Late(SignedDuration, GatewayError),
}

/// Decides by the call's name and how often that name was called before (from 0).
pub(crate) type Whim = dyn Fn(&'static str, usize) -> Option<Odd> + Send + Sync;

pub(crate) struct OddGateway {
    inner: Arc<dyn Gateway>,
    whim: Arc<Whim>,
    clock: Arc<TestClock>,
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl fmt::Debug for OddGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OddGateway")
    }
}

impl OddGateway {
    /// Puts one in front of each of the world's numbers; the worker uses them from now on. They count together.
    pub(crate) fn before(
        world: &mut World,
        whim: impl Fn(&'static str, usize) -> Option<Odd> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let clock: Arc<dyn Clock> = world.clock.clone();
        let numbers = warroom::app::link_numbers(&world.loaded.config, &clock).unwrap();
        let (whim, calls) = (Arc::new(whim) as Arc<Whim>, Arc::default());
        let odd = |inner: &Arc<dyn Gateway>| {
            Arc::new(Self {
                inner: Arc::clone(inner),
                whim: Arc::clone(&whim),
                clock: world.clock.clone(),
                calls: Arc::clone(&calls),
            })
        };
        let first = odd(&numbers[0].gateway);
        let numbers =
            numbers.into_iter().map(|number| Number { gateway: odd(&number.gateway), ..number }).collect();
        let roster = RosterInForce::of(&world.loaded, clock.now());
        world.bridge =
            Bridge::assemble(&world.loaded.config, roster, world.store.clone(), numbers, clock).unwrap();
        first
    }

    /// How often a call was made.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap().get(call).copied().unwrap_or(0)
    }

    async fn pass<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        let nth = {
            let mut calls = self.calls.lock().unwrap();
            let count = calls.entry(call).or_insert(0);
            *count += 1;
            *count - 1
        };
        match (self.whim)(call, nth) {
            None => work.await,
            Some(Odd::Before(error)) => Err(error),
            Some(Odd::Late(wait, error)) => {
                // Time goes on in small steps, so that whoever waits for an earlier moment wakes at it.
                let step = SignedDuration::from_millis(250);
                let steps = wait.as_millis() / step.as_millis();
                for _ in 0..steps {
                    self.clock.advance(step);
                    tokio::task::yield_now().await;
                }
                Err(error)
            }
            Some(Odd::After(error)) => {
                let _ = work.await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Gateway for OddGateway {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn session(&self) -> Result<Session, GatewayError> {
        self.pass("session", self.inner.session()).await
    }

    async fn create_group(&self, subject: &str, people: &[Jid]) -> Result<CreatedGroup, GatewayError> {
        self.pass("create_group", self.inner.create_group(subject, people)).await
    }

    async fn find_groups(&self, search: &GroupSearch) -> Result<FoundGroups, GatewayError> {
        self.pass("find_groups", self.inner.find_groups(search)).await
    }

    async fn members(&self, group: &GroupId, wanted: &[Jid]) -> Result<Members, GatewayError> {
        self.pass("members", self.inner.members(group, wanted)).await
    }

    async fn add_members(&self, group: &GroupId, people: &[Jid]) -> Result<Vec<Added>, GatewayError> {
        self.pass("add_members", self.inner.add_members(group, people)).await
    }

    async fn join(&self, link: &InviteLink) -> Result<GroupId, GatewayError> {
        self.pass("join", self.inner.join(link)).await
    }

    async fn promote(&self, group: &GroupId, person: &Jid) -> Result<(), GatewayError> {
        self.pass("promote", self.inner.promote(group, person)).await
    }

    async fn invite_link(&self, group: &GroupId) -> Result<InviteLink, GatewayError> {
        self.pass("invite_link", self.inner.invite_link(group)).await
    }

    async fn revoke_link(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.pass("revoke_link", self.inner.revoke_link(group)).await
    }

    async fn describe(&self, group: &GroupId, text: &str) -> Result<(), GatewayError> {
        self.pass("describe", self.inner.describe(group, text)).await
    }

    async fn rename(&self, group: &GroupId, subject: &str) -> Result<(), GatewayError> {
        self.pass("rename", self.inner.rename(group, subject)).await
    }

    async fn lock_settings(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.pass("lock_settings", self.inner.lock_settings(group)).await
    }

    async fn lock_messages(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.pass("lock_messages", self.inner.lock_messages(group)).await
    }

    async fn send_text(&self, chat: &ChatId, text: &str) -> Result<Sent, GatewayError> {
        let call = if matches!(chat, ChatId::Group(_)) { "send_to_group" } else { "send_to_person" };
        self.pass(call, self.inner.send_text(chat, text)).await
    }

    async fn recent_own_messages(
        &self,
        chat: &ChatId,
        ours: &[Jid],
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        self.pass("recent_own_messages", self.inner.recent_own_messages(chat, ours)).await
    }

    async fn has_written(&self, person: &Jid, since: Timestamp) -> Result<bool, GatewayError> {
        self.pass("has_written", self.inner.has_written(person, since)).await
    }

    async fn is_reachable(&self, person: &Jid) -> Result<Option<Jid>, GatewayError> {
        self.pass("is_reachable", self.inner.is_reachable(person)).await
    }

    async fn whose(&self, hidden: &Jid, among: &[Jid]) -> Result<Option<Jid>, GatewayError> {
        self.pass("whose", self.inner.whose(hidden, among)).await
    }

    async fn leave(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.pass("leave", self.inner.leave(group)).await
    }
}
