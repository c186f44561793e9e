//! The whole bridge over real HTTP against the sandbox: background work driven by hand, time injected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use warroom::app::{Bridge, link_numbers};
use warroom::clock::{Clock, SignedDuration, TestClock, Timestamp};
use warroom::config::{self, GatewayKind, Loaded, Strictness};
use warroom::incident::IncidentId;
use warroom::number::Outage;
use warroom::peer::Peer;
use warroom::room::Room;
use warroom::roster_in_force::RosterInForce;
use warroom::sandbox::{Api, Engine, GroupView, Number, Sandbox, Setup};
use warroom::store::{Dossier, Store};
use warroom::{console, receiver};

use crate::database::{Kept, Opened};
use crate::place::folder;

/// The bearer token of the harness's Alertmanager.
pub(crate) const TOKEN: &str = "a-token-for-the-tests-only";

/// When every story begins.
pub(crate) fn beginning() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

const ROSTER: &str = r#"
people:
  ada:   { name: Ada Obi,     phone: "+15550100001", opted_in: true }
  ben:   { name: Ben Cho,     phone: "+15550100002", opted_in: true }
  cleo:  { name: Cleo Diaz,   phone: "+15550100003", opted_in: true }
  dan:   { name: Dan Eze,     phone: "+15550100004", opted_in: true }
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite:
      commander: [ ada ]
      specialist: [ ben ]
      account manager: [ cleo ]
      client: [ dan ]
    runbook: https://runbooks.example/all
fallback:
  invite: { commander: [ ada ] }
"#;

/// One person only: a second create has fewer people in it, and the rest of them would be invited, which asks
/// about each of them in real time.
pub(crate) const ONE_PERSON: &str = r#"
people: { ada: { name: Ada Obi, phone: "+15550100001", opted_in: true } }
fallback: { invite: { commander: [ ada ] } }
"#;

/// Digits of the people above.
pub(crate) const ADA: &str = "15550100001";
pub(crate) const BEN: &str = "15550100002";
pub(crate) const CLEO: &str = "15550100003";
pub(crate) const DAN: &str = "15550100004";

/// The second linked number, for those who want one.
pub(crate) const SECOND_ID: &str = "SANDBOX00002";
pub(crate) const SECOND_TOKEN: &str = "the-second-access-token";
pub(crate) const SECOND_DIGITS: &str = "15550109999";

/// What a test may want to be different.
pub(crate) struct Options {
    pub(crate) engine: Engine,
    pub(crate) roster: String,
    /// Further lines below `rooms:`.
    pub(crate) rooms: String,
    /// Further lines below `sources:`, indented by two.
    pub(crate) sources: String,
    /// Further settings of `server`, each with a comma before it.
    pub(crate) server: &'static str,
    pub(crate) rooms_per_hour: u32,
    /// Further settings of each instance, each with a comma before it.
    pub(crate) budget: &'static str,
    pub(crate) messages_per_minute: u32,
    /// Whether there is a second linked number.
    pub(crate) second_number: bool,
    /// The provider of the second one; that of the first, if absent.
    pub(crate) second_api: Option<Api>,
    /// How many rooms an hour the second one may make; as many as the first, if absent.
    pub(crate) second_rooms_per_hour: Option<u32>,
    /// How the first number's events are proven; none are taken if this is empty.
    pub(crate) events: &'static str,
    /// Further lines below `gateway:`, indented by two.
    pub(crate) gateway: String,
    /// Further lines of the config, not indented.
    pub(crate) more: String,
    /// The longest a gateway call may take.
    pub(crate) call_timeout: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: Engine::Webjs,
            roster: ROSTER.to_owned(),
            rooms: String::new(),
            sources: String::new(),
            server: "",
            rooms_per_hour: 6,
            budget: ", rooms_burst: 60, rooms_gap: 0s",
            messages_per_minute: 600,
            second_number: false,
            second_api: None,
            second_rooms_per_hour: None,
            events: "",
            gateway: String::new(),
            more: String::new(),
            call_timeout: "5s",
        }
    }
}

/// A bridge, its sandbox, and the clock they share.
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) sandbox: Sandbox,
    pub(crate) bridge: Bridge,
    pub(crate) store: Store,
    pub(crate) opened: Opened,
    pub(crate) kept: Kept,
    pub(crate) public: SocketAddr,
    pub(crate) operator: SocketAddr,
    pub(crate) loaded: Loaded,
    pub(crate) folder: TempDir,
    pub(crate) http: reqwest::Client,
    servers: Vec<JoinHandle<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

/// Serves `router` on a free port.
#[expect(clippy::disallowed_methods, reason = "the harness is the app of the tests")]
pub(crate) async fn listen(router: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        axum::serve(listener, router.layer(Extension(Peer::here()))).await.unwrap();
    });
    (address, server)
}

/// The provider's API that is spoken: Wawp's, unless `WARROOM_TEST_API` says `waha`.
#[expect(clippy::disallowed_methods, reason = "how the tests are run is no setting of the bridge")]
pub(crate) fn api() -> Api {
    std::env::var("WARROOM_TEST_API").map_or(Api::Wawp, |name| name.parse().unwrap())
}

/// Writes config and roster into `folder` and loads them.
pub(crate) fn load(folder: &TempDir, options: &Options, gateway: SocketAddr) -> Loaded {
    let path: PathBuf = folder.path().join("warroom.yaml");
    let config = format!(
        r"
server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0{limits}{server} }}
store: sqlite:store.db
roster: roster.yaml
gateway:
  kind: {kind}
  base_url: http://{gateway}
  call_timeout: {call_timeout}
  settle: 45s
  messages_per_minute: {messages_per_minute}
{gateway_lines}
  instances:
    - {{ name: main, id: {id}, access_token: {token}, rooms_per_hour: {rooms_per_hour}{budget}{events} }}
{second}
sources:
  prometheus:
    kind: alertmanager
    verify: {{ bearer: {bearer} }}
{sources}
rooms:
  open_at: sev1
{rooms}
{more}
",
        kind = api(),
        more = options.more,
        call_timeout = options.call_timeout,
        gateway_lines = options.gateway,
        id = Setup::INSTANCE_ID,
        second = if options.second_number {
            format!(
                "    - {{ name: second, id: {SECOND_ID}, access_token: {SECOND_TOKEN}, rooms_per_hour: {}{} }}",
                options.second_rooms_per_hour.unwrap_or(options.rooms_per_hour),
                options.budget
            )
        } else {
            String::new()
        },
        token = Setup::ACCESS_TOKEN,
        events =
            if options.events.is_empty() { String::new() } else { format!(", events: {}", options.events) },
        rooms_per_hour = options.rooms_per_hour,
        messages_per_minute = options.messages_per_minute,
        budget = options.budget,
        bearer = TOKEN,
        limits = [", body_timeout: 1s", ", header_timeout: 1s"]
            .into_iter()
            .filter(|limit| limit.split_once(':').is_none_or(|(key, _)| !options.server.contains(key)))
            .collect::<String>(),
        server = options.server,
        sources = options.sources,
        rooms = options.rooms,
    );
    std::fs::write(&path, config).unwrap();
    std::fs::write(folder.path().join("roster.yaml"), &options.roster).unwrap();
    match config::load(&path, &|_| None, Strictness::Serve, beginning()) {
        Ok(mut loaded) => {
            // The one wait that the clock of a story does not know.
            loaded.config.gateway.check_gap = Duration::ZERO;
            loaded
        }
        Err(findings) => panic!("{}", findings.draw(config::Colours::No)),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn on(engine: Engine) -> Self {
        Self::with(Options { engine, ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let clock = Arc::new(TestClock::at(beginning()));
        let shared: Arc<dyn Clock> = clock.clone();
        let mut setup = Setup::with_engine(options.engine);
        setup.instances.push(Number::new(SECOND_ID, SECOND_DIGITS, SECOND_TOKEN));
        let sandbox = Sandbox::new(Setup { api: api(), ..setup }, shared);
        Self::before(sandbox, clock, options).await
    }

    /// A bridge whose clock can be put back without the gateway's; returns the gateway's too.
    pub(crate) async fn with_a_clock_of_its_own() -> (Self, Arc<TestClock>) {
        Self::with_a_clock_of_its_own_and(Options::default()).await
    }

    /// The same with other options.
    pub(crate) async fn with_a_clock_of_its_own_and(options: Options) -> (Self, Arc<TestClock>) {
        let (ours, theirs) = (Arc::new(TestClock::at(beginning())), Arc::new(TestClock::at(beginning())));
        let sandbox = Sandbox::new(Setup { api: api(), ..Setup::with_engine(Engine::Webjs) }, theirs.clone());
        (Self::before(sandbox, ours, options).await, theirs)
    }

    /// Another bridge with an empty store before the same gateway.
    pub(crate) async fn with_sandbox(other: &Self, options: Options) -> Self {
        Self::before(other.sandbox.clone(), Arc::clone(&other.clock), options).await
    }

    /// Another bridge with the same store before the same gateway.
    pub(crate) async fn another(&self) -> Self {
        let (sandbox, clock) = (self.sandbox.clone(), Arc::clone(&self.clock));
        Self::going_on(self.kept.clone(), sandbox, clock, self.loaded.clone()).await
    }

    /// A bridge whose store is a file in this folder, whatever database the tests run on.
    pub(crate) async fn on_file(file: &TempDir, options: Options) -> Self {
        let clock = Arc::new(TestClock::at(beginning()));
        let sandbox = Sandbox::new(Setup::with_engine(options.engine), clock.clone());
        let (gateway, server) = listen(sandbox.router()).await;
        let folder = folder();
        let loaded = load(&folder, &options, gateway);
        let kept = Kept::File(file.path().join("store.db"));
        Self::over(kept, sandbox, clock, (loaded, folder), vec![server]).await
    }

    /// The next bridge before the same gateway, on a store that another one has left.
    pub(crate) async fn going_on(
        kept: Kept,
        sandbox: Sandbox,
        clock: Arc<TestClock>,
        mut loaded: Loaded,
    ) -> Self {
        let (gateway, server) = listen(sandbox.router()).await;
        for instance in &mut loaded.config.gateway.instances {
            instance.base_url = format!("http://{gateway}");
        }
        Self::over(kept, sandbox, clock, (loaded, folder()), vec![server]).await
    }

    async fn before(sandbox: Sandbox, clock: Arc<TestClock>, options: Options) -> Self {
        let (gateway, sandbox_server) = listen(sandbox.router()).await;
        let folder = folder();
        let mut loaded = load(&folder, &options, gateway);
        let mut servers = vec![sandbox_server];
        if let Some(api) = options.second_api {
            let (other, server) = listen(sandbox.router_speaking(api)).await;
            servers.push(server);
            let second = loaded.config.gateway.instances.last_mut().unwrap();
            second.kind = if api == Api::Waha { GatewayKind::Waha } else { GatewayKind::Wawp };
            second.base_url = format!("http://{other}");
        }
        Self::over(Kept::of(folder.path()), sandbox, clock, (loaded, folder), servers).await
    }

    async fn over(
        kept: Kept,
        sandbox: Sandbox,
        clock: Arc<TestClock>,
        (loaded, folder): (Loaded, TempDir),
        mut servers: Vec<JoinHandle<()>>,
    ) -> Self {
        let shared: Arc<dyn Clock> = clock.clone();
        let opened = kept.open();
        let store = Store::over(opened.database());
        let numbers = link_numbers(&loaded.config, &shared).unwrap();
        let bridge = Bridge::assemble(
            &loaded.config,
            RosterInForce::of(&loaded, clock.now()),
            store.clone(),
            numbers,
            shared,
        )
        .unwrap();
        let (public, public_server) = listen(receiver::router(Arc::clone(&bridge.receiver))).await;
        let (operator, operator_server) = listen(console::router(Arc::clone(&bridge.console))).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        servers.extend([public_server, operator_server]);
        Self { clock, sandbox, bridge, store, opened, kept, public, operator, loaded, folder, http, servers }
    }

    /// Posts an Alertmanager body with the right token.
    pub(crate) async fn post(&self, body: &Value) -> (u16, Value) {
        let response = self
            .http
            .post(format!("http://{}/hooks/prometheus", self.public))
            .bearer_auth(TOKEN)
            .json(body)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    /// A Sev-1 alert comes in; returns the incident's name.
    pub(crate) async fn fire(&self, name: &str) -> String {
        let (status, receipt) = self.post(&firing(name)).await;
        assert_eq!(status, 200, "{receipt}");
        receipt["incidents"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn resolve(&self, name: &str) {
        let (status, receipt) = self.post(&resolved(name)).await;
        assert_eq!((status, &receipt["incidents"][0]["outcome"]), (200, &json!("resolved")), "{receipt}");
    }

    /// Does everything that is due now.
    pub(crate) async fn work(&self) {
        self.bridge.worker.run_until_idle().await.unwrap();
    }

    /// Lets `seconds` pass, doing what becomes due on the way at its moment.
    pub(crate) async fn pass(&self, seconds: i64) {
        let end = self.clock.now() + SignedDuration::from_secs(seconds);
        self.work().await;
        loop {
            let letter_at = self.bridge.worker.write_letters().await.unwrap();
            match self.store.next_wake().await.unwrap().into_iter().chain(letter_at).min() {
                Some(at) if at <= end => {
                    self.clock.advance_to(at.max(self.clock.now() + SignedDuration::from_millis(10)));
                    self.work().await;
                }
                _ => break,
            }
        }
        self.clock.advance_to(end);
        self.work().await;
    }

    pub(crate) async fn dossier(&self, id: &str) -> Dossier {
        self.store.dossier(id.parse().unwrap()).await.unwrap().expect("the incident is stored")
    }

    pub(crate) async fn room(&self, id: &str) -> Room {
        self.dossier(id).await.room.expect("it has a room")
    }

    /// What is known not to work of a linked number.
    pub(crate) async fn outage(&self, number: &str) -> Option<Outage> {
        self.store.numbers().await.unwrap().remove(number)?.outage
    }

    /// Groups of one incident at the gateway.
    pub(crate) fn groups(&self, id: &str) -> Vec<GroupView> {
        let of = |g: &GroupView| warroom::gateway::subject_has_token(&g.subject, id);
        self.sandbox.groups().into_iter().filter(of).collect()
    }

    /// The only group of an incident.
    pub(crate) fn group(&self, id: &str) -> GroupView {
        let mut groups = self.groups(id);
        assert_eq!(groups.len(), 1, "one incident, one group");
        groups.remove(0)
    }

    /// How many welcomes stand in all groups of an incident.
    pub(crate) fn welcomes(&self, id: &str) -> usize {
        let groups = self.groups(id);
        groups.iter().flat_map(GroupView::texts).filter(|t| t.contains("needs you here")).count()
    }

    /// Pieces of news in an incident's group.
    pub(crate) fn updates(&self, id: &str) -> usize {
        self.group(id).texts().iter().filter(|t| t.contains("· update ")).count()
    }

    /// Each seat in words, by person.
    pub(crate) async fn seats(&self, id: &str) -> BTreeMap<String, String> {
        self.room(id).await.seats.iter().map(|s| (s.who.person.clone(), s.words())).collect()
    }

    /// How many messages with a link this person got 1:1.
    pub(crate) fn links_of(&self, digits: &str) -> usize {
        self.sandbox.chat(digits).iter().filter(|m| m.text.contains("https://chat.whatsapp.com/")).count()
    }

    /// Replaying the journal gives the stored phase (I6), and nothing is left over (I5).
    pub(crate) async fn assert_sound(&self, id: &str) {
        let room = self.room(id).await;
        let number: IncidentId = id.parse().unwrap();
        let mut phase = warroom::room::Phase::Wanted {
            since: self.dossier(id).await.incident.opened_at,
            not_before: self.dossier(id).await.incident.opened_at,
        };
        for (at, event) in self.store.moves(number).await.unwrap() {
            phase = phase.after(&event, at).unwrap();
        }
        assert_eq!(phase.name(), room.phase.name(), "the journal tells the same story");
    }
}

/// An Alertmanager body with one critical alert.
pub(crate) fn firing(name: &str) -> Value {
    alertmanager(name, "firing", "critical")
}

/// Its end.
pub(crate) fn resolved(name: &str) -> Value {
    alertmanager(name, "resolved", "critical")
}

pub(crate) fn alertmanager(name: &str, status: &str, severity: &str) -> Value {
    let ends = if status == "resolved" { "2026-03-02T10:05:00Z" } else { "0001-01-01T00:00:00Z" };
    let labels = json!({ "alertname": name, "severity": severity, "client": "acme", "service": "checkout" });
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{alertname=\"{name}\"}}"),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "warroom",
        "groupLabels": { "alertname": name },
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example",
        "alerts": [{
            "status": status,
            "labels": labels,
            "annotations": { "summary": format!("{name} is broken") },
            "startsAt": "2026-03-02T09:59:30Z",
            "endsAt": ends,
            "generatorURL": "https://prometheus.example/graph?g0.expr=up",
            "fingerprint": format!("{:016x}", name.bytes().fold(7u64, |h, b| h.wrapping_mul(31) + u64::from(b))),
        }],
    })
}
