//! A stateful simulator of the Wawp v2 API, or of WAHA's, with people, phones, privacy settings and faults.
//!
//! It exists so that everything the bridge promises can be tried without a WhatsApp number: in tests, in
//! the demo, and by hand on its page. It shares no code with the client that talks to it, so that an error
//! in one is not hidden by the same error in the other.
//!
//! Actors: [`Sandbox`] is the handle (clones share one world); `api` is the HTTP face of the simulated API,
//! `control` the routes that change people and faults, `page` the phones on a web page; `world`, `membership`
//! and `talk` hold the rules; `engine` and `transcript` the shapes of the three engines; `events` what the API tells by itself.
//!
//! Whatever happens later (a late member, a lagging list, a ticket, a lock) is computed from the clock when
//! somebody looks; nothing here runs by itself.

mod api;
mod call;
mod control;
mod delivery;
mod engine;
mod events;
mod fault;
mod group;
mod link;
mod membership;
mod operation;
mod page;
mod person;
mod policy;
mod quirks;
mod reply;
mod settings;
mod setup;
mod talk;
mod transcript;
mod view;
mod world;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::call::{CallRecord, CredentialPlace};
pub use self::events::{EventRecord, EventStyle, OutgoingEvent};
pub use self::fault::{Effect, Fault, FaultKind, FaultView};
pub use self::group::Rank;
pub use self::link::JoinRefused;
pub use self::operation::{Operation, Target, UnknownCall};
pub use self::person::{LidKnowledge, Person, Privacy, Reach};
pub use self::policy::{Policy, TooMuch};
pub use self::quirks::{HALF_EMOJI, Quirks};
pub use self::setup::{Addressing, Api, Engine, InviteForm, Number, Setup, UnknownApi, UnknownEngine};
pub use self::view::{
    Creation, GroupHead, GroupView, MemberView, MessageKind, MessageView, PhoneChat, PhoneView,
};
use self::world::World;
use crate::clock::{Clock, SignedDuration, Timestamp};

/// The session state in which every call answers 404 `invalid_session`, as for a phone that dropped the link.
pub const UNLINKED: &str = "UNLINKED";

/// The session state of a number that `WhatsApp` has banned: the API says `FAILED` to every call, no restart helps,
/// and the account is not named any more. Its groups go on without it.
pub const BANNED: &str = "BANNED";

/// The simulator. Clones share one world.
#[derive(Debug, Clone)]
pub struct Sandbox {
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Clock>,
}

impl Sandbox {
    /// A fresh world.
    #[must_use]
    pub fn new(setup: Setup, clock: Arc<dyn Clock>) -> Self {
        let world = World::new(setup, clock.now());
        Self { world: Arc::new(Mutex::new(world)), clock }
    }

    /// The simulated API, the control routes under `/sandbox/` and the page of phones at `/`.
    pub fn router(&self) -> Router {
        self.router_speaking(self.with(|world, _| world.api))
    }

    /// The same world behind another API.
    pub fn router_speaking(&self, api: Api) -> Router {
        api::router(api)
            .merge(control::router())
            .merge(page::router())
            .fallback(api::unknown)
            .method_not_allowed_fallback(api::unknown)
            .with_state(self.clone())
    }

    /// Looks at the world as of now, after everything that was due has happened.
    fn with<T>(&self, look: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        api::catch_up(&mut world, now);
        look(&mut world, now)
    }

    /// Sets up a person, or changes one; what already happened to them stays.
    pub fn set_person(&self, digits: &str, settings: Person) {
        self.with(|world, _| {
            world.lid(digits);
            world.people.insert(digits.to_owned(), settings);
        });
    }

    /// Adds a fault behind those that are already there; the first that matches a call strikes it.
    pub fn add_fault(&self, fault: Fault) {
        self.with(|world, _| world.faults.add(fault));
    }

    /// Takes all faults away. Effects that were put off by a fault still come.
    pub fn clear_faults(&self) {
        self.with(|world, _| world.faults.clear());
    }

    /// All faults with the number of calls that each has struck.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultView> {
        self.with(|world, _| world.faults.view())
    }

    /// Puts an instance into a state: `WORKING`, `SCAN_QR_CODE`, `FAILED`, `STOPPED`, `STARTING`,
    /// [`UNLINKED`], or [`BANNED`].
    pub fn set_session(&self, instance_id: &str, status: &str) {
        self.with(|world, now| world.set_session(instance_id, status, now));
    }

    /// Sets the addresses to which an instance tells its events, in the form of the API:
    /// `[{"url", "events", "is_active"}]`, and a `hmac: {"key"}` if they are to be signed.
    pub fn set_webhooks(&self, instance_id: &str, webhooks: serde_json::Value) {
        self.with(|world, _| {
            if let Ok(account) = world.account_mut(instance_id) {
                account.webhooks = webhooks;
            }
        });
    }

    /// Sets how events are told.
    pub fn set_event_style(&self, style: EventStyle) {
        self.with(|world, _| world.events.style = style);
    }

    /// Events that are to be posted now. Each is handed out once until [`Sandbox::event_answered`] tells what
    /// came of it.
    #[must_use]
    pub fn due_events(&self) -> Vec<OutgoingEvent> {
        self.with(|world, now| world.events.due(now))
    }

    /// Takes in the status that an event was answered with; `None` if there was no answer.
    pub fn event_answered(&self, ticket: u64, status: Option<u16>) {
        self.with(|world, now| world.events.answered(ticket, status, now));
    }

    /// The last tries to deliver events, oldest first.
    #[must_use]
    pub fn told_events(&self) -> Vec<EventRecord> {
        self.with(|world, _| world.events.records.iter().cloned().collect())
    }

    /// Sets how long a new group is absent from the lists of groups and chats.
    pub fn set_list_lag(&self, by: SignedDuration) {
        self.with(|world, _| world.list_lag = by);
    }

    /// Sets what is odd about the provider.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.with(|world, _| world.quirks = quirks);
    }

    /// Sets the limits for all numbers.
    pub fn set_policy(&self, policy: Policy) {
        self.with(|world, _| world.policy = policy);
    }

    /// Someone taps a link (or enters a bare code, or accepts their private invitation).
    pub fn join_by_link(&self, digits: &str, link_or_code: &str) -> Result<String, JoinRefused> {
        self.with(|world, now| world.join_by_link(digits, link_or_code, now))
    }

    /// Someone leaves a group by themselves; nothing happens if they were not in it.
    pub fn leave(&self, digits: &str, group_id: &str) {
        self.with(|world, now| world.leave(digits, group_id, now));
    }

    /// Someone writes into a group, or to a bot's id (`<digits>@c.us`). Nothing arrives from someone who is
    /// not a member, or is no admin where only admins may write.
    pub fn say(&self, digits: &str, chat_id: &str, text: &str) {
        self.with(|world, now| world.say(digits, chat_id, text, now));
    }

    /// Every group that was ever made, oldest first.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        self.with(|world, now| {
            let groups = world.groups.iter();
            groups.map(|group| world.group_view(group, now)).collect()
        })
    }

    /// What a person got from the bots 1:1, oldest first: texts and private invitation cards.
    #[must_use]
    pub fn chat(&self, digits: &str) -> Vec<MessageView> {
        let mut messages = self.conversation(digits);
        messages.retain(|message| message.from != digits);
        messages
    }

    /// The whole 1:1 conversation of a person with the bots, oldest first.
    #[must_use]
    pub fn conversation(&self, digits: &str) -> Vec<MessageView> {
        self.with(|world, now| world.conversation(digits, now))
    }

    /// The phones of all people, as each of them would see it.
    #[must_use]
    pub fn phones(&self) -> Vec<PhoneView> {
        self.with(|world, now| world.phones(now))
    }

    /// Every group that was made through the API, for checking budgets.
    #[must_use]
    pub fn creations(&self) -> Vec<Creation> {
        self.with(|world, _| world.creations.clone())
    }

    /// Every API call that was seen, oldest first, unreadable and unknown ones included.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.with(|world, _| world.calls.iter().cloned().collect())
    }
}

/// Serves a sandbox until `stop` is cancelled, then finishes the requests under way.
pub async fn serve(listener: TcpListener, sandbox: Sandbox, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, sandbox.router())
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::clock::SystemClock;

    /// What a raw socket receives for one call, up to the end of the connection.
    async fn received(sandbox: &Sandbox) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let client = async {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let request = format!(
                "GET /v2/session/info?instance_id={}&access_token={} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n",
                Setup::INSTANCE_ID,
                Setup::ACCESS_TOKEN
            );
            socket.write_all(request.as_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            let mut chunk = [0_u8; 512];
            while let Ok(count @ 1..) = socket.read(&mut chunk).await {
                bytes.extend_from_slice(&chunk[..count]);
            }
            stop.cancel();
            String::from_utf8(bytes).unwrap()
        };
        let (served, text) = tokio::join!(serve(listener, sandbox.clone(), stop.clone()), client);
        served.unwrap();
        text
    }

    #[tokio::test]
    async fn a_reset_ends_a_real_connection_without_a_byte() {
        let sandbox = Sandbox::new(Setup::default(), Arc::new(SystemClock));
        sandbox.add_fault(Fault::on(Operation::SessionInfo, FaultKind::Reset).after_effect());
        assert_eq!(received(&sandbox).await, "");
        let whole = received(&sandbox).await;
        assert!(whole.starts_with("HTTP/1.1 200"), "{whole}");
        assert!(whole.ends_with('}'), "{whole}");
    }

    #[tokio::test]
    async fn an_answer_cut_short_begins_well_and_never_ends() {
        let sandbox = Sandbox::new(Setup::default(), Arc::new(SystemClock));
        sandbox.add_fault(Fault::on(Operation::SessionInfo, FaultKind::CutShort).after_effect());
        let text = received(&sandbox).await;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(text.contains("transfer-encoding: chunked"), "{text}");
        assert!(!text.ends_with("0\r\n\r\n"), "the last chunk is missing: {text}");
    }
}
