//! What outlives a process (the disk, the gateway, the time, and what the monitoring tool still has to say),
//! and the processes that live there one after another or side by side.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use warroom::app::{Bridge, link_numbers};
use warroom::clock::{Clock, SignedDuration, TestClock, Timestamp, later};
use warroom::config::{Instance, Loaded};
use warroom::gateway::Gateway;
use warroom::jid::Jid;
use warroom::receiver;
use warroom::roster_in_force::RosterInForce;
use warroom::sandbox::{self, Engine, Person, Privacy, Sandbox, Setup};
use warroom::store::{Database, Store};
use warroom::worker::Number;

use crate::database::Kept;
use crate::gates::{Gate, GatedDatabase, GatedGateway, Gates};
use crate::harness::{
    BEN, CLEO, Options, SECOND_DIGITS, SECOND_ID, SECOND_TOKEN, TOKEN, api, beginning, firing, listen, load,
    resolved,
};

/// When everything is long over, in seconds from the beginning.
pub(crate) const END: i64 = 7200;

/// What the monitoring tool says, and when, in seconds from the beginning. The end comes late enough for two
/// leases to run out before it.
fn story() -> Vec<(i64, Value)> {
    story_until(600)
}

/// The same with another end.
pub(crate) fn story_until(resolves_at: i64) -> Vec<(i64, Value)> {
    vec![(0, firing("Down")), (resolves_at, resolved("Down"))]
}

pub(crate) struct Place {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) sandbox: Sandbox,
    pub(crate) loaded: Loaded,
    /// Receipts that were answered with 200.
    pub(crate) receipts: RefCell<Vec<String>>,
    /// What the monitoring tool says, and when, in seconds from the beginning.
    pub(crate) story: Vec<(i64, Value)>,
    pub(crate) kept: Kept,
    _folder: TempDir,
    sent: Cell<usize>,
    server: JoinHandle<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A folder in memory where there is one: these stories end processes, never the machine.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// The config of all places, read once; only the gateway's address differs.
fn loaded(gateway: SocketAddr) -> Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    let options = Options { rooms: "  close_after: 5m".to_owned(), ..Options::default() };
    let mut loaded = LOADED.get_or_init(|| load(&TempDir::new().unwrap(), &options, gateway)).clone();
    for instance in &mut loaded.config.gateway.instances {
        instance.base_url = format!("http://{gateway}");
    }
    loaded
}

impl Place {
    /// One person can only be invited, one is not on the network, and the gateway says so.
    pub(crate) async fn new() -> Self {
        let place = Self::on(Engine::Gows).await;
        place.keep_out();
        place
    }

    /// One person can only be invited, and one is not on the network.
    pub(crate) fn keep_out(&self) {
        self.sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
        self.sandbox.set_person(CLEO, Person { privacy: Privacy::NotOnWhatsapp404, ..Person::default() });
    }

    /// Everybody can be added.
    pub(crate) async fn on(engine: Engine) -> Self {
        Self::with_setup(Setup::with_engine(engine)).await
    }

    /// One person can only be invited, one is not on the network, and there are two linked numbers whose phones
    /// the config says.
    pub(crate) async fn with_two_numbers() -> Self {
        Self::with_two_numbers_on(Engine::Gows).await
    }

    /// The same on another engine.
    pub(crate) async fn with_two_numbers_on(engine: Engine) -> Self {
        let mut setup = Setup::with_engine(engine);
        setup.instances.push(sandbox::Number::new(SECOND_ID, SECOND_DIGITS, SECOND_TOKEN));
        let mut place = Self::with_setup(setup).await;
        place.keep_out();
        let instances = &mut place.loaded.config.gateway.instances;
        let phone = |digits: &str| Jid::from_phone(&format!("+{digits}")).ok();
        let second = Instance {
            name: "second".to_owned(),
            kind: instances[0].kind,
            base_url: instances[0].base_url.clone(),
            id: SECOND_ID.to_owned(),
            access_token: SECOND_TOKEN.into(),
            phone: phone(SECOND_DIGITS),
            ..instances[0].clone()
        };
        instances[0].phone = phone(Setup::BOT_DIGITS);
        instances.push(second);
        place
    }

    async fn with_setup(setup: Setup) -> Self {
        let clock = Arc::new(TestClock::at(beginning()));
        let shared: Arc<dyn Clock> = clock.clone();
        let sandbox = Sandbox::new(Setup { api: api(), ..setup }, shared);
        let (gateway, server) = listen(sandbox.router()).await;
        let folder = folder();
        Self {
            clock,
            sandbox,
            loaded: loaded(gateway),
            story: story(),
            receipts: RefCell::default(),
            kept: Kept::of(folder.path()),
            _folder: folder,
            sent: Cell::new(0),
            server,
        }
    }

    pub(crate) fn open(&self) -> Store {
        Store::over(self.kept.open().database())
    }

    pub(crate) fn lease(&self) -> SignedDuration {
        self.loaded.config.rooms.lease
    }

    /// A process with a connection to the store and clients of its own.
    pub(crate) fn start(&self, gates: &Arc<dyn Gate>) -> Process {
        self.start_over(self.kept.open().database(), gates)
    }

    pub(crate) fn start_over(&self, inner: Arc<dyn Database>, gates: &Arc<dyn Gate>) -> Process {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let store = Store::over(Arc::new(GatedDatabase { inner, gates: Arc::clone(gates) }));
        let numbers = link_numbers(&self.loaded.config, &clock)
            .unwrap()
            .into_iter()
            .map(|number| {
                let gateway: Arc<dyn Gateway> =
                    Arc::new(GatedGateway { inner: number.gateway, gates: Arc::clone(gates) });
                Number { gateway, ..number }
            })
            .collect();
        let roster = RosterInForce::of(&self.loaded, clock.now());
        let bridge = Bridge::assemble(&self.loaded.config, roster, store.clone(), numbers, clock).unwrap();
        Process { bridge, store }
    }

    /// Tells the story through one process after another, each ended by a gate; returns how many lived.
    pub(crate) async fn tell_all(&self, gates: &Arc<Gates>) -> usize {
        let mut lives = 1;
        loop {
            let gate: Arc<dyn Gate> = gates.clone();
            let process = self.start_over(self.kept.open_after_death().database(), &gate);
            tokio::select! {
                () = self.tell(&process) => return lives,
                () = gates.fallen() => {}
            }
            drop(process);
            lives += 1;
        }
    }

    /// Goes on with the story where it stands.
    pub(crate) async fn tell(&self, process: &Process) {
        while let Some(at) = self.next_hook_at() {
            self.pass_until(at, process).await;
            self.post_what_is_due(process).await;
        }
        self.pass_until(later(beginning(), SignedDuration::from_secs(END)), process).await;
    }

    /// When the monitoring tool has something to say next.
    pub(crate) fn next_hook_at(&self) -> Option<Timestamp> {
        let (at, _) = *self.story.get(self.sent.get())?;
        Some(later(beginning(), SignedDuration::from_secs(at)))
    }

    /// The monitoring tool says what it has to say by now.
    pub(crate) async fn post_what_is_due(&self, process: &Process) {
        while self.next_hook_at().is_some_and(|at| at <= self.clock.now()) {
            let (_, body) = &self.story[self.sent.get()];
            let (mut status, mut receipt) = process.post(body).await;
            // On a busy machine a store may take too long.
            while status == StatusCode::SERVICE_UNAVAILABLE {
                (status, receipt) = process.post(body).await;
            }
            // A tool that hears nothing sends again; one that hears 200 never does.
            assert_eq!(status, StatusCode::OK);
            self.receipts.borrow_mut().push(receipt["receipt"].as_str().unwrap().to_owned());
            self.sent.set(self.sent.get() + 1);
        }
    }

    /// Lets time pass until `end`, doing everything at its moment.
    pub(crate) async fn pass_until(&self, end: Timestamp, process: &Process) {
        loop {
            process.work().await;
            match process.store.next_wake().await.unwrap() {
                Some(at) if at <= end => {
                    self.clock.advance_to(at.max(later(self.clock.now(), SignedDuration::from_millis(10))));
                }
                _ => break,
            }
        }
        self.clock.advance_to(end);
        process.work().await;
    }
}

/// A bridge whose every effect goes through gates.
pub(crate) struct Process {
    pub(crate) bridge: Bridge,
    pub(crate) store: Store,
}

impl Process {
    /// Does everything that is due now.
    pub(crate) async fn work(&self) {
        self.bridge.worker.run_until_idle().await.unwrap();
    }

    /// A body from the monitoring tool, with the right token.
    pub(crate) async fn post(&self, body: &Value) -> (StatusCode, Value) {
        let request = Request::post("/hooks/prometheus")
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let router = receiver::router(Arc::clone(&self.bridge.receiver));
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}
