//! Puts everything together, and is the only place that starts tasks.
//!
//! Actors: [`Bridge`] is the whole program without a task running, which is what tests drive by hand;
//! [`Running`] is the same with its listeners bound and its worker at work.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::clock::{Clock, Numbers, SystemClock};
use crate::config::{Config, CredentialPlace, GatewayKind, Instance, Loaded, Server, StoreAddress};
use crate::console::{self, Console};
use crate::gateway::Gateway;
use crate::gateway::fallback_webhook::{self, FallbackWebhook, Webhook, WebhookNotBuilt};
use crate::gateway::fetch::Https;
use crate::gateway::posting::Poster;
use crate::gateway::waha::{self, Client, ClientNotBuilt, Credentials, Provider, Settings, Waha, Wawp};
use crate::message::{self, Composer, Trust};
use crate::pacing::{Budget, NumberId};
use crate::peer::Proxies;
use crate::receiver::certificates::CertificateCache;
use crate::receiver::{self, BodyBudget, EventChannel, Readiness, Receiver, Troubles};
use crate::roster_in_force::RosterInForce;
use crate::sandbox::Sandbox;
use crate::signature::Scheme;
use crate::source::Source;
use crate::store::postgres::Postgres;
use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::telemetry::{InstanceLabels, Metrics};
use crate::worker::alarm::Alarm;
use crate::worker::calling::Calling;
use crate::worker::handover::Handover;
use crate::worker::{Number, Worker};

mod listener;
mod presence;
mod reloading;
mod sandbox_events;

use listener::{CONNECTIONS, Terms, Timeouts};
use presence::Presence;

/// The longest a commit may take before a sender is asked to come again. PagerDuty gives us five seconds,
/// Grafana's `OnCall` four.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Incidents of one source and route that begin at once without being taken for an outbreak, however few groups the
/// numbers may make: these share groups.
const FEW: usize = 12;

/// Operators get this part of the connections that senders may have.
const OPERATORS: usize = 8;

/// Why the bridge did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store could not be opened.
    #[error("{address}: {error}")]
    Store {
        /// Where it is.
        address: String,
        /// Why.
        error: StoreError,
    },
    /// No client could be made for a linked number.
    #[error("instance `{instance}`: {error}")]
    Gateway {
        /// Its name in the config.
        instance: String,
        /// Why.
        error: ClientNotBuilt,
    },
    /// No client could be made for the fallback webhook.
    #[error("fallback_webhook: {0}")]
    FallbackWebhook(WebhookNotBuilt),
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// No client could be made that posts the sandbox's events.
    #[error("no HTTP client could be made: {0}")]
    Client(String),
    /// The store did not take that this replica is there.
    #[error("the store does not take that this replica is there: {0}")]
    Absent(StoreError),
    /// The process cannot be asked by a signal to look at its roster.
    #[error("cannot listen for SIGHUP: {0}")]
    Signal(io::Error),
    /// The templates do not render.
    #[error("a message template does not render: {0}")]
    Words(String),
}

/// A part of the bridge ended although nobody had told it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} ended by itself, and nobody would do its work")]
pub struct BrokeOff(pub &'static str);

/// The whole bridge, with nothing running yet.
#[derive(Debug)]
pub struct Bridge {
    /// Takes in hooks.
    pub receiver: Arc<Receiver>,
    /// Works on rooms.
    pub worker: Arc<Worker>,
    /// Shows and takes wishes.
    pub console: Arc<Console>,
    /// The roster in force, and its file.
    pub roster: Arc<RosterInForce>,
}

/// Opens the store that the config names; returns the clock that everything in it goes by, too.
pub fn open_store(
    address: &StoreAddress,
    clock: Arc<dyn Clock>,
) -> Result<(Store, Arc<dyn Clock>), StartError> {
    let failed = |error| StartError::Store { address: address.to_string(), error };
    Ok(match address {
        StoreAddress::Sqlite(path) => {
            (Store::over(Arc::new(Sqlite::open_alone(path).map_err(failed)?)), clock)
        }
        StoreAddress::Postgres(address) => {
            let (postgres, clock) = Postgres::open(address).map_err(failed)?;
            (Store::shared(Arc::new(postgres)), clock)
        }
    })
}

/// One client per linked number.
pub fn link_numbers(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<Number>, StartError> {
    config.gateway.instances.iter().map(|instance| link(config, instance, clock)).collect()
}

fn link(config: &Config, instance: &Instance, clock: &Arc<dyn Clock>) -> Result<Number, StartError> {
    let settings = &config.gateway;
    let not_built = |error| StartError::Gateway { instance: instance.name.clone(), error };
    let provider = match instance.kind {
        GatewayKind::Wawp => {
            let credentials = match settings.credentials {
                CredentialPlace::Mixed => Credentials::Mixed,
                CredentialPlace::Query => Credentials::Query,
                CredentialPlace::Body => Credentials::Body,
                CredentialPlace::Header => Credentials::Header,
            };
            let token = instance.access_token.clone();
            Wawp::new(&instance.id, token, credentials, &settings.create_path).map(Provider::Wawp)
        }
        GatewayKind::Waha => Waha::new(&instance.id, instance.access_token.clone()).map(Provider::Waha),
    };
    let client = Client::new(Settings {
        name: instance.name.clone(),
        base_url: instance.base_url.clone(),
        provider: provider.map_err(not_built)?,
        call_timeout: settings.call_timeout,
        check_gap: settings.check_gap,
        clock: Arc::clone(clock),
    });
    let gateway: Arc<dyn Gateway> = Arc::new(client.map_err(not_built)?);
    Ok(Number {
        name: instance.name.clone(),
        gateway,
        budget: Budget { number: number_id(instance), ..instance.budget },
        phone: instance.phone.clone(),
        hears: !instance.events.is_empty(),
    })
}

/// Wawp's ids are unique by themselves; sessions of WAHA are often called `default`.
fn number_id(instance: &Instance) -> NumberId {
    match instance.kind {
        GatewayKind::Wawp => NumberId::of(&instance.id),
        GatewayKind::Waha => NumberId::of(&format!("{}/{}", instance.base_url, instance.id)),
    }
}

/// The way out for when no number works, if the config has one.
fn fallback_webhook(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn FallbackWebhook>>, StartError> {
    let Some(settings) = &config.gateway.fallback_webhook else { return Ok(None) };
    let settings = fallback_webhook::Settings {
        url: settings.url.clone(),
        secret: settings.secret.clone(),
        call_timeout: config.gateway.call_timeout,
    };
    let webhook = Webhook::new(settings, Arc::clone(clock)).map_err(StartError::FallbackWebhook)?;
    Ok(Some(Arc::new(webhook)))
}

/// The words of the config, within the limits of its provider.
pub fn compose(config: &Config) -> Result<Composer, StartError> {
    let trust = config.sources.values().map(|source| (source.name.clone(), trust(source))).collect();
    let settings = message::Settings {
        limits: waha::LIMITS,
        close_after: config.rooms.close_after,
        trust,
        operator: config.operator.clone(),
        language: config.language.clone(),
        reads_replies: config.gateway.instances.iter().any(|instance| !instance.events.is_empty()),
    };
    let composer = Composer::new(&config.room_name, &config.messages, settings).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(|p| format!("`{}`: {}", p.template, p.why)).collect();
        StartError::Words(all.join("; "))
    })?;
    Ok(composer.with_translations(config.translations.clone()))
}

fn trust(source: &Source) -> Trust {
    match &source.verifier.scheme {
        Scheme::Hmac { .. }
        | Scheme::HmacItems { .. }
        | Scheme::PagerDuty { .. }
        | Scheme::StandardWebhooks { .. }
        | Scheme::Waha { .. } => Trust::Signed,
        // Where raw deliveries are taken, whoever holds their secret is believed.
        Scheme::Sns(terms) if terms.raw.is_none() => Trust::Signed,
        Scheme::Bearer { .. }
        | Scheme::Basic { .. }
        | Scheme::Header { .. }
        | Scheme::Query { .. }
        | Scheme::FormField { .. }
        | Scheme::Sns(_) => Trust::Token,
        Scheme::Insecure => Trust::Unverified,
    }
}

/// Whose events are taken, and how they are proven and read.
fn event_channels(config: &Config) -> BTreeMap<String, EventChannel> {
    let instances = config.gateway.instances.iter();
    instances
        .map(|i| (i.name.clone(), EventChannel { proofs: i.events.clone(), read: waha::notices }))
        .collect()
}

impl Bridge {
    /// Puts the parts together over a store and linked numbers that are given.
    pub fn assemble(
        config: &Config,
        roster: RosterInForce,
        store: Store,
        numbers: Vec<Number>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::default());
        let wake_worker = Arc::new(Notify::new());
        let handover = Arc::new(Handover::new(Arc::clone(&wake_worker), config.rooms.lease));
        let roster = Arc::new(roster);
        roster.measure(&metrics);
        let composer = compose(config)?;
        let alarm = Arc::new(Alarm::new(
            store.clone(),
            Arc::clone(&metrics),
            Arc::clone(&wake_worker),
            config.rooms.failover_after,
        ));
        for number in &numbers {
            // There from the start at 0, so that the first alarm is an increase to whoever watches.
            drop(metrics.alarms.get_or_create(&InstanceLabels { instance: number.name.clone() }));
        }
        let numbers_named = numbers.iter().map(|number| number.name.clone()).collect();
        let receiver = Receiver {
            sources: config.sources.clone(),
            event_channels: event_channels(config),
            alarm: Arc::clone(&alarm),
            store: store.clone(),
            roster: roster.reader(),
            most_rooms: numbers.iter().map(|n| n.budget.rooms_per_hour as usize).sum::<usize>().max(FEW),
            rules: config.rooms.rules(),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            wake_worker: Arc::clone(&wake_worker),
            certificates: Arc::new(CertificateCache::new(Arc::new(Https::default()), store.clone())),
            body_budget: BodyBudget::new(config.server.max_body, config.server.body_timeout),
            commit_timeout: COMMIT_TIMEOUT,
            troubles: Troubles::default(),
            readiness: Readiness::default(),
            numbers: Numbers::default(),
            handover: Arc::clone(&handover),
            readings: receiver::Readings::default(),
        };
        receiver::count_from_zero(&metrics, &receiver.sources, &receiver.event_channels);
        let worker = Worker {
            keep_bodies: config.keep_bodies,
            store: store.clone(),
            numbers,
            roster: roster.reader(),
            policy: config.rooms.clone(),
            composer,
            began_at: clock.now(),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            wake_worker: Arc::clone(&wake_worker),
            alarm,
            calling: Calling::default(),
            handover,
            fallback_webhook: fallback_webhook(config, &clock)?,
        };
        let receiver = Arc::new(receiver);
        let console = Console {
            store,
            metrics,
            clock,
            token: config.server.admin_token.clone(),
            receiver: Arc::clone(&receiver),
            wake_worker,
            roster: Arc::clone(&roster),
            composer: compose(config)?,
            numbers: numbers_named,
        };
        Ok(Self { receiver, worker: Arc::new(worker), console: Arc::new(console), roster })
    }
}

/// A bridge at work.
#[derive(Debug)]
pub struct Running {
    /// Where monitoring tools call.
    pub public: SocketAddr,
    /// Where operators look.
    pub operator: SocketAddr,
    /// The memory, for whoever wants to watch.
    pub store: Store,
    tasks: TaskTracker,
    presence: Presence,
    broke_off: Arc<OnceLock<BrokeOff>>,
}

impl Running {
    /// Opens the listeners and starts to work. Ends when `stop` is cancelled and everything in hand is
    /// done: see [`Running::ended`].
    pub async fn start(
        loaded: &Loaded,
        clock: Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> Result<Self, StartError> {
        let config = &loaded.config;
        let (store, clock) = open_store(&config.store, clock)?;
        let roster = RosterInForce::of(loaded, clock.now());
        let numbers = link_numbers(config, &clock)?;
        let bridge = Bridge::assemble(config, roster, store, numbers, clock)?;
        Self::with(bridge, &config.server, stop).await
    }

    /// Opens the listeners of a bridge that is put together, and starts to work.
    pub async fn with(bridge: Bridge, server: &Server, stop: &CancellationToken) -> Result<Self, StartError> {
        let Bridge { receiver, worker, console, roster } = bridge;
        let (store, metrics, clock) =
            (worker.store.clone(), Arc::clone(&worker.metrics), Arc::clone(&worker.clock));
        let presence = Presence::begin(&store, &roster, &clock).await.map_err(StartError::Absent)?;
        let asked = reloading::asked_for().map_err(StartError::Signal)?;
        let (public, public_address) = bind(server.listen).await?;
        let (operator, operator_address) = bind(server.admin).await?;
        let (tasks, broke_off) = (TaskTracker::new(), Arc::new(OnceLock::new()));
        let supervise = |part, work: Work| {
            listener::spawn(&tasks, see_to(part, work, Arc::clone(&broke_off), stop.clone()));
        };
        let timeouts =
            Timeouts { head: server.header_timeout, unread: server.body_timeout, grace: server.stop_grace };
        let allowed = listener::connections_allowed();
        let serve = |listener, router, connections| {
            let (metrics, clock) = (Arc::clone(&metrics), Arc::clone(&clock));
            let terms = Terms { timeouts, connections, proxies: server.proxies.clone(), metrics, clock };
            Box::pin(listener::serve(listener, router, terms, stop.clone()))
        };
        supervise("public listener", serve(public, receiver::router(receiver), allowed));
        supervise("operator listener", serve(operator, console::router(console), allowed / OPERATORS));
        let (hand, stopping) = (Arc::clone(&worker), stop.clone());
        supervise("worker", Box::pin(async move { hand.run(&stopping).await }));
        let (hand, stopping) = (Arc::clone(&worker), stop.clone());
        supervise("writer of 1:1 messages", Box::pin(async move { hand.correspond(&stopping).await }));
        let stopping = stop.clone();
        let wake_worker = Arc::clone(&worker.wake_worker);
        supervise("watch over the numbers", Box::pin(async move { worker.watch(&stopping).await }));
        let (own, stopping) = (Arc::clone(&broke_off), stop.clone());
        presence.keep((store.clone(), Arc::clone(&roster), Arc::clone(&clock)), wake_worker, |work| {
            Box::pin(see_to("presence among the replicas", work, own, stopping))
        });
        let reporting = report_repeats(Arc::clone(&metrics), Arc::clone(&clock), stop.clone());
        supervise("report of repeats", Box::pin(reporting));
        supervise(
            "watch over the roster",
            Box::pin(reloading::reload(roster, metrics, clock, asked, stop.clone())),
        );
        tasks.close();
        if server.admin_token.is_none() {
            warn!(
                server.admin = %operator_address,
                "the console has no token: whoever is on this machine may use it, and so may everybody for whom a \
                 proxy on this machine speaks; set `server.admin_token` before there is one"
            );
        }
        info!(server.listen = %public_address, server.admin = %operator_address, "the bridge is up");
        Ok(Self { public: public_address, operator: operator_address, store, tasks, presence, broke_off })
    }

    /// Waits until everything in hand is done after the stop, and says if a part broke off before it.
    pub async fn ended(&self) -> Result<(), BrokeOff> {
        self.tasks.wait().await;
        self.presence.end(&self.store).await;
        self.broke_off.get().map_or(Ok(()), |part| Err(*part))
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does `work` until the stop. If it ends before, everything else is stopped too: a bridge that takes hooks in and
/// does nothing about them is worse than none, which whoever runs it notices and starts again.
async fn see_to(part: &'static str, work: Work, broke_off: Arc<OnceLock<BrokeOff>>, stop: CancellationToken) {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    if ended.is_ok() && stop.is_cancelled() {
        return;
    }
    let broken = BrokeOff(part);
    error!(error = %broken, "the bridge ends");
    // The first one tells what happened.
    let _ = broke_off.set(broken);
    stop.cancel();
}

/// Says what strangers have repeated, when its minute is over.
async fn report_repeats(metrics: Arc<Metrics>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    const GAP: Duration = Duration::from_secs(10);
    while tokio::time::timeout(GAP, stop.cancelled()).await.is_err() {
        metrics.log.report(clock.now());
    }
}

/// Starts a sandbox that also posts its events; returns its address. It ends with `stop`.
pub async fn start_sandbox(
    address: SocketAddr,
    sandbox: Sandbox,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<SocketAddr, StartError> {
    let (listener, address) = bind(address).await?;
    let router = sandbox.router();
    let poster = Poster::new().map_err(StartError::Client)?;
    listener::spawn(tasks, sandbox_events::tell(sandbox, poster, stop.clone()));
    // A simulated hang must not keep the process from ending.
    let grace = Duration::from_secs(1);
    let timeouts = Timeouts { head: Duration::from_secs(30), unread: Duration::from_secs(30), grace };
    let (metrics, clock) = (Arc::default(), Arc::new(SystemClock));
    let terms = Terms { timeouts, connections: CONNECTIONS, proxies: Proxies::default(), metrics, clock };
    let task = listener::serve(listener, router, terms, stop.clone());
    listener::spawn(tasks, task);
    Ok(address)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Cancels the returned token at the first signal to stop, and calls `at_once` at the second.
pub fn stop_on_signals(at_once: impl FnOnce() + Send + 'static) -> io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    let watcher = TaskTracker::new();
    listener::spawn(&watcher, async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        info!("stopping: the steps in hand are finished; a second signal ends at once");
        token.cancel();
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        at_once();
    });
    Ok(stop)
}
