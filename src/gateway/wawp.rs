//! The Wawp v2 client.
//!
//! Wawp is a hosted `WhatsApp` HTTP API; behind it runs one of three engines, each with shapes of its own,
//! and which one serves an instance is not told. So every reply is read in all shapes, and a 2xx is no
//! success before its body has been looked at.
//!
//! Actors: [`Wawp`], the [`Gateway`] for one instance; below it `http` (requests and their time limit),
//! `reply` and `told` (bodies and the errors in them), `classify` (what an answer means for the next step),
//! `groups`, `people`, `messages`, `account` (shapes → words of this crate), `membership` and `search` (the
//! calls that take more than one request), `redaction` (what may be kept of the provider's words).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};
use crate::gateway::{
    Added, Capabilities, CreatedGroup, FoundGroup, Gateway, GatewayError, InviteLink, Members, OwnMessage,
    Refusal, Sent, Session,
};
use crate::jid::{ChatId, GroupId, Jid};
use account::Me;
use call::{Asked, Call, refused};
use classify::{Answer, Classifier};
use http::{Deadline, Request, Transport};
use redaction::Redaction;
use reply::Reply;

mod account;
mod call;
mod classify;
mod groups;
mod http;
mod membership;
mod messages;
mod people;
mod redaction;
mod reply;
mod search;
mod told;

/// What `WhatsApp` and Wawp take. 100 characters of subject is today's limit of `WhatsApp`'s own apps, 25
/// the one that some older gateways still have; Wawp's proxy documents 4096 characters of text.
const LIMITS: Capabilities = Capabilities {
    longest_subject: 100,
    safe_subject: 25,
    longest_description: 2048,
    longest_text: 4096,
};
/// How many of the latest messages of a chat are looked through.
const RECENT: u32 = 50;
/// Wawp asks for at most one existence check per second and instance.
const BETWEEN_CHECKS: Duration = Duration::from_secs(1);

/// Where the credentials go in a request. Five ways are seen in the field; these four are the ones that
/// Wawp's documentation and its own tools use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Query of GET and DELETE, JSON body of POST and PUT, and always the header `access-token`: what
    /// Wawp's own MCP server sends.
    #[default]
    Mixed,
    /// Always the query, as in Wawp's samples. Keeps the token in every access log on the way.
    Query,
    /// JSON body; the query where a request has no body.
    Body,
    /// The token only in the header `access-token`, the instance id as in `Body`.
    Header,
}

/// Everything one instance needs.
pub struct Settings {
    /// What to call the instance in logs.
    pub name: String,
    /// Where the API is, without `/v2`.
    pub base_url: String,
    /// Which linked number.
    pub instance_id: String,
    /// The account's secret.
    pub access_token: SecretString,
    /// Every call ends within this time, however many requests it takes.
    pub call_timeout: Duration,
    /// Where the credentials go.
    pub credentials: Credentials,
    /// Where groups are made: `/v2/groups`; some clients of Wawp use `/v2/groups/create`.
    pub create_path: String,
    /// Says what time it is, for `Retry-After` dates and the pace of list refreshes.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("call_timeout", &self.call_timeout)
            .field("credentials", &self.credentials)
            .field("create_path", &self.create_path)
            .finish_non_exhaustive()
    }
}

/// Why no client could be made of the settings. None of the texts holds what was set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientNotBuilt {
    /// Not an address of a web server.
    #[error("the gateway's base address is not an http or https address")]
    BaseUrl,
    /// Empty, or with characters that no HTTP header can carry.
    #[error("the gateway's access token is empty or holds characters that cannot be sent")]
    AccessToken,
    /// Empty.
    #[error("the gateway's instance id is empty")]
    InstanceId,
    /// Not a path.
    #[error("the gateway's create path does not begin with `/`")]
    CreatePath,
    /// The TLS library did not start.
    #[error("the HTTP client could not be set up: {0}")]
    Tls(String),
}

/// One linked number at Wawp.
pub struct Wawp {
    name: String,
    transport: Transport,
    classifier: Classifier,
    call_timeout: Duration,
    create_path: String,
    clock: Arc<dyn Clock>,
    /// The linked number's own ids, once they are known.
    me: Mutex<Option<Me>>,
    /// The next moment at which an existence check may start.
    next_check: Mutex<Option<Instant>>,
    /// When the provider was last told to read its group list afresh.
    refreshed_at: Mutex<Option<Timestamp>>,
}

impl fmt::Debug for Wawp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wawp")
            .field("name", &self.name)
            .field("host", &self.transport.host())
            .finish_non_exhaustive()
    }
}

impl Wawp {
    /// A client for one instance. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, ClientNotBuilt> {
        use secrecy::ExposeSecret as _;
        if settings.access_token.expose_secret().trim().is_empty() {
            return Err(ClientNotBuilt::AccessToken);
        }
        if settings.instance_id.trim().is_empty() {
            return Err(ClientNotBuilt::InstanceId);
        }
        if !settings.create_path.starts_with('/') {
            return Err(ClientNotBuilt::CreatePath);
        }
        let transport = Transport::new(
            &settings.base_url,
            &settings.instance_id,
            &settings.access_token,
            settings.credentials,
            settings.call_timeout,
        )?;
        Ok(Self {
            name: settings.name,
            transport,
            classifier: Classifier::new(Redaction::new(settings.access_token, settings.instance_id)),
            call_timeout: settings.call_timeout,
            create_path: settings.create_path,
            clock: settings.clock,
            me: Mutex::new(None),
            next_check: Mutex::new(None),
            refreshed_at: Mutex::new(None),
        })
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.call_timeout)
    }

    /// One request; `read` turns a whole 2xx body into what was asked for, or says that it is none.
    async fn ask<T>(
        &self,
        asked: Asked,
        request: Request,
        deadline: Deadline,
        read: impl FnOnce(&Reply) -> Option<T> + Send,
    ) -> Result<T, GatewayError> {
        let began = Instant::now();
        let sent = self
            .transport
            .send(asked, request, deadline, self.clock.now())
            .await;
        let status = sent.as_ref().map_or(0, |answer| answer.status);
        let outcome = sent.and_then(|answer| self.outcome(asked, &answer, read));
        let class = outcome.as_ref().err().map_or("ok", GatewayError::class);
        tracing::debug!(
            gateway.call = asked.call.name(),
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
        asked: Asked,
        answer: &Answer,
        read: impl FnOnce(&Reply) -> Option<T>,
    ) -> Result<T, GatewayError> {
        if !answer.is_success() {
            return Err(self.classifier.failure(asked, answer));
        }
        let value = answer.whole.then(|| read(&answer.reply)).flatten();
        value.ok_or_else(|| self.classifier.unusable(asked, answer))
    }

    /// A call whose answer only says whether it worked.
    async fn set(&self, call: Call, request: Request) -> Result<(), GatewayError> {
        self.ask(Asked::new(call), request, self.deadline(), is_done)
            .await
    }

    /// The linked number's own ids. A failure is not kept: the next call asks again.
    async fn me(&self, deadline: Deadline) -> Option<Me> {
        let known = locked(&self.me).clone();
        if known.is_some() {
            return known;
        }
        let request = Request::get("/v2/session/info");
        let me = self
            .ask(Asked::new(Call::Session), request, deadline, account::me)
            .await;
        let me = me.ok()?;
        *locked(&self.me) = Some(me.clone());
        Some(me)
    }
}

/// Whether a setter worked: nothing, `true`, a good word, or an object without the marks of a failure.
fn is_done(reply: &Reply) -> Option<()> {
    let good_word = |word: &str| {
        ["true", "ok", "success", "done"]
            .iter()
            .any(|w| word.eq_ignore_ascii_case(w))
    };
    let done = match reply {
        Reply::Empty => true,
        Reply::Json(Value::Bool(done)) => *done,
        Reply::Json(Value::Object(_)) => {
            let denied = reply.layers().iter().any(|layer| layer.as_bool() == Some(false));
            !denied && !told::Told::read(reply).failed && !told::is_ticket(reply)
        }
        Reply::Json(Value::Array(_)) => true,
        Reply::Text(word) => good_word(word),
        Reply::Json(_) | Reply::Page | Reply::Broken => false,
    };
    done.then_some(())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `/v2/groups/{id}` and what follows, with the `@` of the id encoded.
fn group_path(group: &GroupId, rest: &str) -> String {
    format!("/v2/groups/{}{rest}", group.as_str().replace('@', "%40"))
}

fn people_field(people: &[Jid]) -> Value {
    people
        .iter()
        .map(|person| json!({ "id": person.to_string() }))
        .collect()
}

/// Sorted, each once, and never the number itself: the engine adds it.
fn without_me(people: &[Jid], me: Option<&Me>) -> Vec<Jid> {
    let mut people: Vec<Jid> = people
        .iter()
        .filter(|p| !me.is_some_and(|me| me.is(p)))
        .cloned()
        .collect();
    people.sort();
    people.dedup();
    people
}

#[async_trait]
impl Gateway for Wawp {
    fn capabilities(&self) -> Capabilities {
        LIMITS
    }

    async fn session(&self) -> Result<Session, GatewayError> {
        let request = Request::get("/v2/session/info");
        let read = |reply: &Reply| Some((account::session(reply)?, account::me(reply)));
        match self
            .ask(Asked::new(Call::Session), request, self.deadline(), read)
            .await
        {
            Ok((session, me)) => {
                // The instance may have been linked to another number meanwhile.
                if me.is_some() {
                    *locked(&self.me) = me;
                }
                Ok(session)
            }
            Err(GatewayError::SessionDown { detail }) => Ok(Session::Down(detail)),
            Err(error) => Err(error),
        }
    }

    async fn create_group(&self, subject: &str, people: &[Jid]) -> Result<CreatedGroup, GatewayError> {
        let deadline = self.deadline();
        // A small part of the time: the creation itself may take long.
        let me = self.me(deadline.at_most(self.call_timeout / 6)).await;
        let people = without_me(people, me.as_ref());
        if people.is_empty() {
            return Err(refused(Refusal::Invalid, "a group needs somebody else in it"));
        }
        let request = Request::post(self.create_path.as_str())
            .field("name", subject)
            .field("participants", people_field(&people));
        let read = |reply: &Reply| {
            Some(CreatedGroup {
                group: groups::created_group(reply)?,
                said: people::said_at_creation(reply),
            })
        };
        let mut made = self
            .ask(Asked::new(Call::Create), request, deadline, read)
            .await?;
        made.said
            .retain(|added| !me.as_ref().is_some_and(|me| me.is(&added.person)));
        people::match_the_last(&mut made.said, &people);
        Ok(made)
    }

    async fn find_groups(&self, token: &str) -> Result<Vec<FoundGroup>, GatewayError> {
        self.search(token, self.deadline()).await
    }

    async fn members(&self, group: &GroupId, wanted: &[Jid]) -> Result<Members, GatewayError> {
        self.membership(group, wanted, self.deadline()).await
    }

    async fn add_members(&self, group: &GroupId, people: &[Jid]) -> Result<Vec<Added>, GatewayError> {
        let deadline = self.deadline();
        let me = self.me(deadline.at_most(self.call_timeout / 6)).await;
        let people = without_me(people, me.as_ref());
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request::post(group_path(group, "/participants/add"))
            .field("participants", people_field(&people));
        let read = |reply: &Reply| match reply {
            // Adding is proven by the member list only, so that silence is as good as any answer.
            Reply::Empty => Some(Vec::new()),
            _ if told::Told::read(reply).failed || told::is_ticket(reply) => None,
            _ => people::results(reply).or_else(|| is_done(reply).map(|()| Vec::new())),
        };
        let mut said = self.ask(Asked::new(Call::Add), request, deadline, read).await?;
        self.unhide(&mut said, &people, deadline).await;
        people::match_the_last(&mut said, &people);
        Ok(said)
    }

    async fn promote(&self, group: &GroupId, person: &Jid) -> Result<(), GatewayError> {
        let one = std::slice::from_ref(person);
        let request =
            Request::post(group_path(group, "/admin/promote")).field("participants", people_field(one));
        let refusal = |reply: &Reply| {
            let results = people::results(reply).unwrap_or_default();
            results
                .into_iter()
                .find(|said| said.outcome != crate::gateway::AddOutcome::Added)
        };
        let read = |reply: &Reply| match refusal(reply) {
            Some(said) => Some(Err(refused(
                Refusal::Invalid,
                format!("not made an admin: {:?}", said.outcome),
            ))),
            None => is_done(reply).map(Ok),
        };
        self.ask(Asked::new(Call::Promote), request, self.deadline(), read)
            .await?
    }

    async fn invite_link(&self, group: &GroupId) -> Result<InviteLink, GatewayError> {
        let request = Request::get(group_path(group, "/invite-code"));
        let asked = Asked::new(Call::InviteLink);
        self.ask(asked, request, self.deadline(), messages::invite_link)
            .await
    }

    async fn revoke_link(&self, group: &GroupId) -> Result<(), GatewayError> {
        let request = Request::post(group_path(group, "/invite-code/revoke"));
        let read = |reply: &Reply| {
            messages::invite_link(reply)
                .map(|_| ())
                .or_else(|| is_done(reply))
        };
        self.ask(Asked::new(Call::RevokeLink), request, self.deadline(), read)
            .await
    }

    async fn describe(&self, group: &GroupId, text: &str) -> Result<(), GatewayError> {
        let request = Request::put(group_path(group, "/description")).field("description", text);
        self.set(Call::Describe, request).await
    }

    async fn rename(&self, group: &GroupId, subject: &str) -> Result<(), GatewayError> {
        let request = Request::put(group_path(group, "/subject")).field("subject", subject);
        self.set(Call::Rename, request).await
    }

    async fn lock_settings(&self, group: &GroupId) -> Result<(), GatewayError> {
        let request =
            Request::put(group_path(group, "/settings/security/info-admin-only")).field("adminsOnly", true);
        self.set(Call::LockSettings, request).await
    }

    async fn lock_messages(&self, group: &GroupId) -> Result<(), GatewayError> {
        let request = Request::put(group_path(group, "/settings/security/messages-admin-only"))
            .field("adminsOnly", true);
        self.set(Call::LockMessages, request).await
    }

    async fn send_text(&self, chat: &ChatId, text: &str) -> Result<Sent, GatewayError> {
        let asked = Asked {
            on_group: matches!(chat, ChatId::Group(_)),
            long_text: text.encode_utf16().count() > LIMITS.longest_text,
            ..Asked::new(Call::SendText)
        };
        let request = Request::post("/v2/send/text")
            .field("chatId", chat.to_string())
            .field("message", text);
        self.ask(asked, request, self.deadline(), messages::sent).await
    }

    async fn recent_own_messages(&self, chat: &ChatId) -> Result<Vec<OwnMessage>, GatewayError> {
        let deadline = self.deadline();
        let first = self.chat(chat, deadline).await;
        let person = match chat {
            ChatId::Person(person) if !person.is_hidden() => person,
            _ => return first,
        };
        if first.as_ref().is_ok_and(|own| !own.is_empty()) {
            return first;
        }
        // A chat with one person may be filed under the hidden id instead.
        match self.lid_of(person, deadline).await {
            Some(hidden) => self.chat(&ChatId::Person(hidden), deadline).await,
            None => first,
        }
    }

    async fn is_reachable(&self, person: &Jid) -> Result<bool, GatewayError> {
        if person.is_hidden() {
            // Only the network itself gives out hidden ids.
            return Ok(true);
        }
        let deadline = self.deadline();
        self.wait_for_check(deadline).await?;
        let request = Request::get("/v2/contacts/check-exists").query("phone", person.digits());
        self.ask(Asked::new(Call::CheckExists), request, deadline, account::exists)
            .await
    }

    async fn leave(&self, group: &GroupId) -> Result<(), GatewayError> {
        self.set(Call::Leave, Request::post(group_path(group, "/leave")))
            .await
    }
}

impl Wawp {
    async fn chat(&self, chat: &ChatId, deadline: Deadline) -> Result<Vec<OwnMessage>, GatewayError> {
        let asked = Asked {
            on_group: matches!(chat, ChatId::Group(_)),
            ..Asked::new(Call::ReadChat)
        };
        let request = Request::get("/v2/chats/messages")
            .query("chatId", chat)
            .query("limit", RECENT)
            .query("offset", 0)
            .query("downloadMedia", false);
        self.ask(asked, request, deadline, messages::own_messages).await
    }

    /// Waits for this call's turn to check a number, if that comes before the deadline.
    async fn wait_for_check(&self, deadline: Deadline) -> Result<(), GatewayError> {
        let turn = {
            let mut next = locked(&self.next_check);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            if turn >= deadline.instant() {
                return Err(GatewayError::Throttled {
                    retry_after: Some(turn - now),
                    detail: "too many existence checks are waiting".to_owned(),
                });
            }
            *next = turn.checked_add(BETWEEN_CHECKS);
            turn
        };
        tokio::time::sleep_until(turn).await;
        Ok(())
    }
}
