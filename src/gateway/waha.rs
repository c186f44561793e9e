//! The client of WAHA's protocol, a `WhatsApp` HTTP API that anybody can run and that Wawp hosts.
//!
//! Behind it runs one of three engines, each with shapes of its own, and which one serves a number is not told by
//! all providers. So every reply is read in all shapes, and a 2xx is no success before its body has been looked at.
//!
//! Actors: [`Client`], the [`Gateway`] for one linked number; below it `dialect` (what each provider says differently),
//! `http` (requests and their time limit), `settings`, `reply` and `envelope` (bodies and the errors in them), `classify` (what an answer means for the next step),
//! `groups`, `people`, `messages`, `account`, `events` (shapes → words of this crate), `membership`, `search`, `history`
//! and `reachability` (the calls that take more than one request), `redaction` (what may be kept of the provider's words).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};
use crate::gateway::{
    Added, Capabilities, CreatedGroup, FoundGroups, Gateway, GatewayError, GroupSearch, InviteLink, Members,
    Own, OwnMessage, Refusal, Sent, Session,
};
use crate::jid::{ChatId, GroupId, Jid};
use call::{Call, CallContext, refused};
use classify::{Answer, Classifier};
use dialect::{Dialect, encoded};
use http::{Deadline, Request, Transport};
use reply::Reply;

pub use dialect::waha::Waha;
pub use dialect::wawp::{Credentials, Wawp};
pub use events::notices;
pub use http::ClientNotBuilt;
pub use settings::{Provider, Settings};

mod account;
mod call;
mod classify;
mod dialect;
mod envelope;
mod events;
mod groups;
mod history;
mod http;
mod membership;
mod messages;
mod people;
mod reachability;
mod redaction;
mod reply;
mod search;
mod settings;

/// What `WhatsApp` and the providers take. 100 characters of subject is today's limit of `WhatsApp`'s own apps, 25
/// the one that some older gateways still have; Wawp's proxy documents 4096 characters of text.
pub const LIMITS: Capabilities =
    Capabilities { longest_subject: 100, safe_subject: 25, longest_description: 2048, longest_text: 4096 };

/// One linked number.
pub struct Client {
    name: String,
    dialect: Box<dyn Dialect>,
    transport: Transport,
    classifier: Classifier,
    call_timeout: Duration,
    clock: Arc<dyn Clock>,
    /// The linked number's own ids, once they are known.
    me: Mutex<Option<Own>>,
    /// The next moment at which an existence check may start.
    check_gap: Duration,
    next_check: Mutex<Option<Instant>>,
    /// When the provider was last told to read its group list afresh.
    refreshes: Mutex<search::Refreshes>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
            .field("host", &self.transport.host())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client for one instance. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, ClientNotBuilt> {
        let dialect = settings.provider.dialect();
        Ok(Self {
            name: settings.name,
            transport: Transport::new(&settings.base_url, settings.call_timeout)?,
            classifier: Classifier::new(dialect.redaction()),
            dialect,
            call_timeout: settings.call_timeout,
            clock: settings.clock,
            me: Mutex::new(None),
            check_gap: settings.check_gap,
            next_check: Mutex::new(None),
            refreshes: Mutex::default(),
        })
    }

    /// The address of a group and what follows.
    fn group_path(&self, group: &GroupId, rest: &str) -> String {
        self.dialect.path(&format!("/groups/{}{rest}", encoded(group.as_str())))
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.call_timeout)
    }

    /// One request; `read` turns a whole 2xx body into what was asked for, or says that it is none.
    async fn ask<T>(
        &self,
        context: CallContext,
        request: Request,
        deadline: Deadline,
        read: impl FnOnce(&Reply) -> Option<T> + Send,
    ) -> Result<T, GatewayError> {
        let began = Instant::now();
        let sent =
            self.transport.send(context, self.dialect.authorize(request), deadline, self.clock.now()).await;
        let status = sent.as_ref().map_or(0, |answer| answer.status);
        let outcome = sent.and_then(|answer| self.outcome(context, &answer, read));
        let class = outcome.as_ref().err().map_or("ok", GatewayError::class);
        tracing::debug!(
            gateway.call = context.call.name(),
            gateway.instance = self.name,
            http.status = status,
            elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            error.class = class,
            "gateway call"
        );
        outcome
    }

    fn outcome<T>(
        &self,
        context: CallContext,
        answer: &Answer,
        read: impl FnOnce(&Reply) -> Option<T>,
    ) -> Result<T, GatewayError> {
        if !answer.is_success() {
            return Err(self.classifier.failure(context, answer));
        }
        let value = answer.whole.then(|| read(&answer.reply)).flatten();
        value.ok_or_else(|| self.classifier.unusable(context, answer))
    }

    /// A call whose answer only says whether it worked.
    async fn set(&self, call: Call, request: Request) -> Result<(), GatewayError> {
        self.ask(CallContext::new(call), request, self.deadline(), envelope::is_done).await
    }

    /// Leaves something in a group to its admins. It is read back, because engines say yes without doing it;
    /// where it cannot be read, yes is believed.
    async fn let_only_admins(&self, call: Call, group: &GroupId, setting: &str) -> Result<(), GatewayError> {
        let deadline = self.deadline();
        let request = Request::put(self.group_path(group, setting)).field("adminsOnly", true);
        self.ask(CallContext::new(call), request, deadline, envelope::is_done).await?;
        let is_set = |reply: &Reply| {
            reply.layers().into_iter().find_map(|layer| reply::flag_at(layer, &["adminsOnly"]))
        };
        let context = CallContext::new(Call::ReadSettings);
        match self.ask(context, Request::get(self.group_path(group, setting)), deadline, is_set).await {
            Ok(false) => {
                Err(GatewayError::NotSent { detail: "it was answered with yes and is not done".to_owned() })
            }
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// The linked number's own ids. A failure is not kept: the next call asks again.
    async fn me(&self, deadline: Deadline) -> Option<Own> {
        // A small part of the time only: what comes after it matters more.
        let deadline = deadline.at_most(self.call_timeout / 6);
        let known = locked(&self.me).clone();
        if known.is_some() {
            return known;
        }
        let request = self.dialect.session();
        let me = self.ask(CallContext::new(Call::Session), request, deadline, account::me).await;
        Some(self.keep(me.ok()?))
    }

    /// Keeps what the provider said of the number's ids. The hidden one is not told every time.
    fn keep(&self, told: Own) -> Own {
        let mut known = locked(&self.me);
        let before = known.take().filter(|before| before.phone == told.phone);
        let hidden = told.hidden.or_else(|| before?.hidden);
        known.insert(Own { phone: told.phone, hidden }).clone()
    }

    /// The same with the hidden id, which some engines tell nowhere but in their table of such ids.
    async fn me_with_hidden(&self, deadline: Deadline) -> Option<Own> {
        let me = self.me(deadline).await?;
        if me.hidden.is_some() {
            return Some(me);
        }
        let hidden = self.lid_of(&me.phone, deadline.at_most(self.call_timeout / 6)).await;
        Some(self.keep(Own { hidden, ..me }))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Gateway for Client {
    fn capabilities(&self) -> Capabilities {
        LIMITS
    }

    async fn session(&self) -> Result<Session, GatewayError> {
        let request = self.dialect.session();
        let read = |reply: &Reply| Some((account::session(reply)?, account::me(reply)));
        match self.ask(CallContext::new(Call::Session), request, self.deadline(), read).await {
            Ok((session, me)) => {
                // The instance may have been linked to another number meanwhile.
                let own = me.map(|me| self.keep(me));
                Ok(match session {
                    Session::Working { .. } => Session::Working { own },
                    Session::Down(word) => Session::Down(self.classifier.clean(&word)),
                })
            }
            Err(GatewayError::SessionDown { detail }) => Ok(Session::Down(detail)),
            Err(error) => Err(error),
        }
    }

    async fn create_group(&self, subject: &str, people: &[Jid]) -> Result<CreatedGroup, GatewayError> {
        let deadline = self.deadline();
        let me = self.me(deadline).await;
        let people = people::without_me(people, me.as_ref());
        if people.is_empty() {
            return Err(refused(Refusal::Invalid, "a group needs somebody else in it"));
        }
        let request = Request::post(self.dialect.create_path())
            .field("name", subject)
            .field("participants", people::named(&people));
        let read = |reply: &Reply| {
            Some(CreatedGroup { group: groups::created_group(reply)?, said: people::said_at_creation(reply) })
        };
        let mut made = self.ask(CallContext::new(Call::Create), request, deadline, read).await?;
        made.said.retain(|added| !me.as_ref().is_some_and(|me| me.is(&added.person)));
        people::assign_unmatched_result(&mut made.said, &people);
        Ok(made)
    }

    async fn find_groups(&self, search: &GroupSearch) -> Result<FoundGroups, GatewayError> {
        self.search(search, self.deadline()).await
    }

    async fn members(&self, group: &GroupId, wanted: &[Jid]) -> Result<Members, GatewayError> {
        self.membership(group, wanted, self.deadline()).await
    }

    async fn add_members(&self, group: &GroupId, people: &[Jid]) -> Result<Vec<Added>, GatewayError> {
        let deadline = self.deadline();
        let me = self.me(deadline).await;
        let people = people::without_me(people, me.as_ref());
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request::post(self.group_path(group, "/participants/add"))
            .field("participants", people::named(&people));
        let read = |reply: &Reply| match reply {
            // Adding is proven by the member list only, so that silence is as good as any answer.
            Reply::Empty => Some(Vec::new()),
            _ if envelope::Envelope::read(reply).failed || envelope::is_ticket(reply) => None,
            _ => people::results(reply).or_else(|| envelope::is_done(reply).map(|()| Vec::new())),
        };
        let mut said = self.ask(CallContext::new(Call::Add), request, deadline, read).await?;
        self.unhide(&mut said, &people, deadline).await;
        people::assign_unmatched_result(&mut said, &people);
        Ok(said)
    }

    async fn join(&self, link: &InviteLink) -> Result<GroupId, GatewayError> {
        let code = link.0.rsplit('/').next().unwrap_or_default();
        let request = Request::post(self.dialect.path("/groups/join")).field("code", code);
        self.ask(CallContext::new(Call::Join), request, self.deadline(), groups::created_group).await
    }

    async fn promote(&self, group: &GroupId, person: &Jid) -> Result<(), GatewayError> {
        let one = std::slice::from_ref(person);
        let request =
            Request::post(self.group_path(group, "/admin/promote")).field("participants", people::named(one));
        let refusal = |reply: &Reply| {
            let results = people::results(reply).unwrap_or_default();
            results.into_iter().find(|said| said.outcome != crate::gateway::AddOutcome::Added)
        };
        let read = |reply: &Reply| match refusal(reply) {
            Some(said) => {
                Some(Err(refused(Refusal::Invalid, format!("not made an admin: {:?}", said.outcome))))
            }
            None => envelope::is_done(reply).map(Ok),
        };
        self.ask(CallContext::new(Call::Promote), request, self.deadline(), read).await?
    }

    async fn invite_link(&self, group: &GroupId) -> Result<InviteLink, GatewayError> {
        let request = Request::get(self.group_path(group, "/invite-code"));
        let context = CallContext::new(Call::InviteLink);
        self.ask(context, request, self.deadline(), messages::invite_link).await
    }

    async fn revoke_link(&self, group: &GroupId) -> Result<(), GatewayError> {
        let request = Request::post(self.group_path(group, "/invite-code/revoke"));
        let read =
            |reply: &Reply| messages::invite_link(reply).map(|_| ()).or_else(|| envelope::is_done(reply));
        self.ask(CallContext::new(Call::RevokeLink), request, self.deadline(), read).await
    }

    async fn describe(&self, group: &GroupId, text: &str) -> Result<(), GatewayError> {
        let request = Request::put(self.group_path(group, "/description")).field("description", text);
        self.set(Call::Describe, request).await
    }

    async fn rename(&self, group: &GroupId, subject: &str) -> Result<(), GatewayError> {
        let request = Request::put(self.group_path(group, "/subject")).field("subject", subject);
        self.set(Call::Rename, request).await
    }

    async fn lock_settings(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.let_only_admins(Call::LockSettings, group, "/settings/security/info-admin-only").await
    }

    async fn lock_messages(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.let_only_admins(Call::LockMessages, group, "/settings/security/messages-admin-only").await
    }

    async fn send_text(&self, chat: &ChatId, text: &str) -> Result<Sent, GatewayError> {
        let context = CallContext {
            on_group: matches!(chat, ChatId::Group(_)),
            long_text: text.encode_utf16().count() > LIMITS.longest_text,
            ..CallContext::new(Call::SendText)
        };
        let request = self.dialect.send_text(chat, text);
        self.ask(context, request, self.deadline(), messages::sent).await
    }

    async fn recent_own_messages(
        &self,
        chat: &ChatId,
        ours: &[Jid],
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        self.own_texts(chat, ours, self.deadline()).await
    }

    async fn has_written(&self, person: &Jid, since: Timestamp) -> Result<bool, GatewayError> {
        self.wrote_since(person, since, self.deadline().at_most(history::FAST_POLL)).await
    }

    async fn is_reachable(&self, person: &Jid) -> Result<Option<Jid>, GatewayError> {
        self.is_on_network(person, self.deadline()).await
    }

    async fn whose(&self, hidden: &Jid, among: &[Jid]) -> Result<Option<Jid>, GatewayError> {
        Ok(self.owner_of(hidden, among, self.deadline()).await)
    }

    async fn leave(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.set(Call::Leave, Request::post(self.group_path(group, "/leave"))).await
    }
}
