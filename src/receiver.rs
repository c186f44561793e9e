//! `POST /hooks/{source}`: limit, verify, parse, accept, answer. What the gateway tells by itself comes in by
//! a door of its own, see `gateway_events`.
//!
//! The order is the point. Nothing looks into a body before its signature holds; nothing is answered 2xx
//! before it is on disk; and a body that was verified is never answered 4xx, because senders drop or disable
//! what is (PagerDuty disables a subscription for a day after three of them).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, WWW_AUTHENTICATE};
use http::{Extensions, HeaderValue, Method, StatusCode, Uri};
use tokio::sync::{Notify, watch};
use tracing::{Level, debug, error, info};

use crate::alert::{Alert, AlertState, SeverityOrigin, SeverityResolver};
use crate::clock::{Clock, Numbers, SignedDuration, Timestamp};
use crate::incident::{Incident, Outcome, Rules};
use crate::peer::Peer;
use crate::problem::Problem;
use crate::room::Room;
use crate::roster::{Roster, Subject};
use crate::signature::{
    RawHook, Rejected, SnsAction, VerifiedBody, certificate_for, from_stored, verify, verify_with,
};
use crate::source::document::{is_packed, unpacked};
use crate::source::{Parsed, Read, Source, SourceKind, delivery_key, read};
use crate::store::{
    Acceptance, Accepted, Answered, HandOver, OpenRoom, Receipt, ReceiptId, Store, StoreError, StoredHook,
};
use crate::telemetry::throttled_log::Event;
use crate::telemetry::{AlertLabels, Metrics, SourceLabels};
use crate::worker::alarm::Alarm;
use crate::worker::handover::Handover;

mod body_budget;
pub mod certificates;
mod gateway_events;
mod readiness;
mod troubles;

pub use body_budget::BodyBudget;
use body_budget::Sender;
use certificates::CertificateCache;
pub use gateway_events::EventChannel;
pub use readiness::Readiness;
pub use troubles::Troubles;

/// Takes in hooks.
#[derive(Debug)]
pub struct Receiver {
    /// The monitoring tools, by the name in their path.
    pub sources: BTreeMap<String, Source>,
    /// The linked numbers whose provider may tell us things, by their names.
    pub event_channels: BTreeMap<String, EventChannel>,
    /// Hears at once when a number goes down or works again.
    pub alarm: Arc<Alarm>,
    /// The memory.
    pub store: Store,
    /// The roster in force.
    pub roster: watch::Receiver<Arc<Roster>>,
    /// The operator's rules.
    pub rules: Rules,
    /// Incidents of one source and route that may begin at once.
    pub most_rooms: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Rung when a room has something to do.
    pub wake_worker: Arc<Notify>,
    /// What is fetched to judge a hook.
    pub certificates: Arc<CertificateCache>,
    /// `BodyBudget` while they come in.
    pub body_budget: BodyBudget,
    /// The longest a commit may take before the sender is asked to come again.
    pub commit_timeout: Duration,
    /// Whether a hook would be stored.
    pub readiness: Readiness,
    /// What came lately and could not be taken.
    pub troubles: Troubles,
    /// Numbers of receipts.
    pub numbers: Numbers,
    /// Where rooms go that open.
    pub handover: Arc<Handover>,
    /// What is worked out of each source once.
    pub readings: Readings,
}

/// How the bodies of each source are read: its fingerprint, and what decides severities anew.
#[derive(Default)]
pub struct Readings(OnceLock<BTreeMap<String, Reading>>);

type Reading = (String, Arc<SeverityResolver>);

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}

/// Everything that a hook of a source can be counted as.
const OUTCOMES: [&str; 13] = [
    "accepted",
    "repeated",
    "ignored",
    "not_understood",
    "missing",
    "wrong",
    "stale",
    "malformed",
    "body_too_large",
    "body_too_slow",
    "body_broken",
    "crowded",
    "unavailable",
];

/// What a request for a path that is nobody's is counted as.
const NOBODYS: (&str, &str) = ("unknown", "unknown_source");

/// Lets every outcome begin at 0, so that the first wrong token is an increase to whoever watches.
pub fn count_from_zero(
    metrics: &Metrics,
    sources: &BTreeMap<String, Source>,
    event_channels: &BTreeMap<String, EventChannel>,
) {
    let gateway = event_channels
        .values()
        .any(|channel| !channel.proofs.is_empty())
        .then_some(gateway_events::COUNTED_AS);
    for source in sources.keys().map(String::as_str).chain(gateway) {
        for outcome in OUTCOMES {
            metrics.preset_hook(source, outcome);
        }
    }
    metrics.preset_hook(NOBODYS.0, NOBODYS.1);
}

/// The public listener's routes.
pub fn router(receiver: Arc<Receiver>) -> Router {
    Router::new()
        .route("/hooks/{source}", post(hook))
        .route("/hooks/{source}/", post(hook))
        .route("/hooks/gateway/{instance}", post(gateway_events::hook))
        .route("/hooks/gateway/{instance}/", post(gateway_events::hook))
        .route("/hooks/{source}/api/v2/alerts", post(hook_as_alertmanager))
        .route("/hooks/{source}/api/v2/alerts/", post(hook_as_alertmanager))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness::ready))
        .fallback(no_address)
        .method_not_allowed_fallback(other_method)
        .with_state(receiver)
}

/// What Prometheus and vmalert do to every Alertmanager that they are told of.
async fn hook_as_alertmanager(
    State(receiver): State<Arc<Receiver>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let name = named(name);
    let takes_it = receiver.sources.get(&name).is_some_and(|source| source.kind == SourceKind::Prometheus);
    if takes_it {
        take_hook(&receiver, &name, request).await
    } else {
        no_source(&receiver, request.uri(), request.extensions()).await
    }
}

/// Whoever posts means a source; others look for what they can find.
async fn no_address(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    if request.method() == Method::POST {
        return no_source(&receiver, request.uri(), request.extensions()).await;
    }
    Problem::NotFound.into_response()
}

async fn no_source(receiver: &Receiver, address: &Uri, sender: &Extensions) -> Response {
    let peer = Peer::of(sender).map(|peer| peer.client);
    receiver.no_such_source(address.path(), peer, receiver.clock.now()).await;
    Problem::NotFound.into_response()
}

/// Nothing but `POST`, except for the CloudEvents webhook profile: a sender asks by `OPTIONS` whether we want
/// its events before it sends any. We say yes to everybody, because whoever then sends must still prove it.
async fn other_method(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let path = request.uri().path();
    let name = path.strip_prefix("/hooks/").map(|name| name.strip_suffix('/').unwrap_or(name));
    let source = name.and_then(|name| receiver.sources.get(name));
    let takes_events = source.is_some_and(|source| source.kind == SourceKind::CloudEvents);
    let asks = takes_events && request.method() == Method::OPTIONS;
    let Some(origin) = request.headers().get("webhook-request-origin").filter(|_| asks).cloned() else {
        return Problem::MethodNotAllowed.into_response();
    };
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert("webhook-allowed-origin", origin);
    response.headers_mut().insert("webhook-allowed-rate", HeaderValue::from_static("*"));
    response
}

async fn hook(
    State(receiver): State<Arc<Receiver>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    take_hook(&receiver, &named(name), request).await
}

/// The name in the path; one that is no text is nobody's name.
fn named(name: Result<Path<String>, PathRejection>) -> String {
    name.map_or_else(|_no_text| String::new(), |Path(name)| name)
}

async fn take_hook(receiver: &Receiver, name: &str, request: Request) -> Response {
    // How long we took is measured by the machine, whatever clock the incident runs on.
    let begun = Instant::now();
    let Some(source) = receiver.sources.get(name) else {
        receiver.metrics.count_hook(NOBODYS.0, NOBODYS.1, begun.elapsed());
        return no_source(receiver, request.uri(), request.extensions()).await;
    };
    let (outcome, response) = match receiver.take(source, request).await {
        Ok(receipt) => (receipt_outcome(&receipt), (StatusCode::OK, Json(receipt)).into_response()),
        Err(rejection) => {
            let mut response = rejection.problem.into_response();
            if rejection.problem == Problem::Unauthorized {
                response.headers_mut().insert(WWW_AUTHENTICATE, source.verifier.challenge());
            }
            (rejection.word, response)
        }
    };
    receiver.metrics.count_hook(name, outcome, begun.elapsed());
    response
}

/// Why a hook is not answered with a receipt.
#[derive(Debug)]
struct HookRejection {
    word: &'static str,
    problem: Problem,
}

fn reject(word: &'static str, problem: Problem) -> HookRejection {
    HookRejection { word, problem }
}

/// How much longer a commit may take for each mebibyte of its body.
const MEBIBYTE_TIMEOUT: Duration = Duration::from_secs(1);

/// How the reason begins for which a body that is not understood is ignored.
const NOT_UNDERSTOOD: &str = "not understood: ";

/// Whoever sends from there is no stranger any more.
fn prove(peer: Option<&Peer>) {
    if let Some(peer) = peer {
        peer.prove();
    }
}

fn receipt_outcome(receipt: &Receipt) -> &'static str {
    let of_all = receipt.incidents.iter().map(|i| i.outcome).max();
    match receipt.outcome.or(of_all) {
        Some(Outcome::Repeated) => "repeated",
        _ if receipt.reason.as_ref().is_some_and(|reason| reason.starts_with(NOT_UNDERSTOOD)) => {
            "not_understood"
        }
        Some(Outcome::Ignored) | None => "ignored",
        Some(Outcome::Opened | Outcome::Updated | Outcome::Resolved) => "accepted",
    }
}

/// Why a stored hook was not taken in once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReplayed {
    /// Its source is not in the config any more.
    NoSuchSource,
    /// Its body is not kept any more.
    Forgotten,
    /// It could not be stored.
    Unavailable,
}

impl Receiver {
    /// Takes in a stored hook once more, as it would be taken in today: with the present config and roster,
    /// into a receipt of its own. What it says is folded like any other hook, so what is known already is a
    /// repeat and opens nothing.
    pub async fn replay(&self, stored: &StoredHook) -> Result<Receipt, NotReplayed> {
        let source = self.sources.get(&stored.source).ok_or(NotReplayed::NoSuchSource)?;
        let body = from_stored(stored).ok_or(NotReplayed::Forgotten)?;
        info!(source.name = source.name, receipt.id = %stored.receipt.id, "an operator replays a hook");
        let replays = Some(stored.receipt.id);
        self.accept(source, &body, replays, self.clock.now())
            .await
            .map_err(|_refusal| NotReplayed::Unavailable)
    }

    async fn take(&self, source: &Source, request: Request) -> Result<Receipt, HookRejection> {
        let (head, body) = request.into_parts();
        let peer = Peer::of(&head.extensions);
        let mut sender = Sender::Stranger(peer);
        let mut hook = RawHook {
            source: source.name.clone(),
            headers: head.headers,
            query: head.uri.query().map(str::to_owned),
            body: Bytes::new(),
        };
        if source.verifier.needs_no_body() {
            // Nobody who is turned away anyway makes us hold a body.
            self.verify(source, hook.clone(), peer, self.clock.now()).await?;
            sender = Sender::Proven(&source.name);
            prove(peer);
        }
        let read = self.body_budget.read(body, sender).await;
        let now = self.clock.now();
        if read.as_ref().is_err_and(|rejection| rejection.problem == Problem::BodyTooLarge) {
            let said = hook.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
            self.too_large(&source.name, sender, said, now).await;
        }
        let mut held = read?;
        hook.body = held.bytes.clone();
        let hook = self.as_signed(source, hook, now);
        let verified = held.keep(self.verify(source, hook, peer, now)).await?;
        if let Sender::Stranger(_) = sender {
            self.body_budget.prove(&mut held, &source.name)?;
            prove(peer);
        }
        let accepted = async {
            let _turn = self.body_budget.turn(verified.body()).await?;
            self.perform_action(source, &verified).await?;
            self.accept(source, &verified, None, now).await
        };
        held.keep(accepted).await
    }

    /// Says what a source may cause again and again.
    fn note(&self, level: Level, what: &'static str, source: &Source, reason: &str, now: Timestamp) {
        let event = Event { what, level, source: &source.name, reason, peer: None, bytes: None };
        self.metrics.log.note(event, now);
    }

    /// Some senders sign a text and some what they have packed it to: the one that the signature holds for is taken.
    fn as_signed(&self, source: &Source, hook: RawHook, now: Timestamp) -> RawHook {
        let holds = |hook: &RawHook| verify(hook.clone(), &source.verifier, now).is_ok();
        if is_packed(&hook.body)
            && !holds(&hook)
            && let Some(plain) = unpacked(&hook.body, self.body_budget.longest(Sender::Stranger(None)))
        {
            let plain = RawHook { body: plain.into_owned().into(), ..hook.clone() };
            if holds(&plain) {
                return plain;
            }
        }
        hook
    }

    /// A signer whose certificate cannot be had right now is asked to come again: to SNS, a 4xx would mean that
    /// the message has arrived.
    async fn verify(
        &self,
        source: &Source,
        hook: RawHook,
        peer: Option<&Peer>,
        now: Timestamp,
    ) -> Result<VerifiedBody, HookRejection> {
        let note = |what: &'static str, reason: &str| {
            let peer = peer.map(|peer| peer.client);
            let event = Event { what, level: Level::WARN, source: &source.name, reason, peer, bytes: None };
            self.metrics.log.note(event, now);
        };
        let turned_away = |why: Rejected| {
            note("a hook was turned away unverified", why.as_str());
            reject(why.as_str(), Problem::Unauthorized)
        };
        let by = peer.map(Peer::network);
        let certificate = match certificate_for(&hook, &source.verifier, now).map_err(turned_away)? {
            Some(address) => {
                Some(self.certificates.certificate(&address, by, now).await.map_err(|_said_there| {
                    note("a hook cannot be judged now; the sender is asked to repeat it", "no certificate");
                    reject("unavailable", Problem::Unavailable)
                })?)
            }
            None => None,
        };
        verify_with(hook, &source.verifier, certificate.as_deref(), now).map_err(turned_away)
    }

    /// What the signer asks for beside reading the body, once: a copy that somebody has captured asks for nothing.
    async fn perform_action(&self, source: &Source, body: &VerifiedBody) -> Result<(), HookRejection> {
        let action = body.action();
        if action.is_some() && self.came_before(source, body).await? {
            return Ok(());
        }
        match action {
            None => {}
            Some(SnsAction::ConfirmSubscription { topic, address }) => {
                self.certificates
                    .confirm_subscription(address)
                    .await
                    .map_err(|_said_there| reject("unavailable", Problem::Unavailable))?;
                info!(source.name = source.name, topic, "the subscription was confirmed");
            }
            Some(SnsAction::NoticeUnsubscribed { topic }) => {
                error!(
                    source.name = source.name,
                    topic, "UNSUBSCRIBED: no alert will come from this topic any more; subscribe it again"
                );
            }
        }
        Ok(())
    }

    async fn came_before(&self, source: &Source, body: &VerifiedBody) -> Result<bool, HookRejection> {
        let Some(key) = delivery_key(body, source) else { return Ok(false) };
        let earlier = self.store.earlier_receipt(&source.name, &key, &self.reading(source).0).await;
        earlier.map(|receipt| receipt.is_some()).map_err(|error| {
            self.readiness.doubt();
            self.metrics.store_failures.inc();
            error!(source.name = source.name, error = %error, "it cannot be told whether a hook came before");
            reject("unavailable", Problem::Unavailable)
        })
    }

    /// Something is due: here, or where a worker has room for it.
    fn wake(&self) {
        self.wake_worker.notify_one();
        self.store.wake_others();
    }

    /// Takes in a body that was verified, or was when it came.
    async fn accept(
        &self,
        source: &Source,
        body: &VerifiedBody,
        replays: Option<ReceiptId>,
        now: Timestamp,
    ) -> Result<Receipt, HookRejection> {
        let Read { parsed, oddities } = read(body, source, now);
        self.note_oddities(source, &oddities, now);
        let (alerts, ignored, unread) = match parsed {
            Ok(Parsed::Alerts(alerts)) => (alerts, None, None),
            Ok(Parsed::Partly { alerts, unread }) => (alerts, None, Some(unread)),
            Ok(Parsed::Ignored { reason }) => (Vec::new(), Some(reason), None),
            Err(why) => (Vec::new(), Some(format!("{NOT_UNDERSTOOD}{why}")), Some(why)),
        };
        let length = body.body().len();
        let trouble = unread.map(|why| self.not_understood(&source.name, &why.why, length, now));
        // What an operator replays came, and was seen to, before.
        let trouble = trouble.filter(|_| replays.is_none());
        self.count_severities(source, &alerts, now);
        let (reading, resolve_severity) = self.reading(source);
        let acceptance = Acceptance {
            receipt: ReceiptId(self.numbers.next(now)),
            source: source.name.clone(),
            received_at: now,
            // A body that an operator replays is not a delivery that came twice.
            replay_key: if replays.is_some() { None } else { delivery_key(body, source) },
            reading,
            body: body.bytes(),
            headers: body.kept_headers(),
            replays,
            alerts,
            ignored,
            trouble,
            rules: self.rules,
            most_rooms: self.most_rooms,
            resolve_severity,
            open_room: self.open_room(),
            hand_over: self.hand_over(),
        };
        // A large group takes long on a slow disk, and would not get in for ever.
        let patience = self.commit_timeout + MEBIBYTE_TIMEOUT * u32::try_from(length >> 20).unwrap_or(0);
        let committed = tokio::time::timeout(patience, self.store.accept(acceptance)).await;
        let Accepted { receipt, wakes, .. } = match committed {
            Ok(Ok(accepted)) => accepted,
            // This source sends more than can be stored; that says nothing about the store.
            Ok(Err(StoreError::Busy)) => {
                let what = "more hooks come than can be stored; the sender is asked to come again";
                let (level, reason) = (Level::WARN, "busy");
                let event = Event { what, level, source: &source.name, reason, peer: None, bytes: None };
                self.metrics.log.note(event, now);
                return Err(reject("unavailable", Problem::Unavailable));
            }
            Ok(Err(error)) => {
                self.readiness.doubt();
                self.metrics.store_failures.inc();
                self.note(Level::ERROR, "a hook could not be stored", source, &error.to_string(), now);
                return Err(reject("unavailable", Problem::Unavailable));
            }
            // It may be committed all the same; sent again, it will be known.
            Err(_elapsed) => {
                self.readiness.doubt();
                self.metrics.store_failures.inc();
                self.note(Level::ERROR, "the store did not take a hook in time", source, "slow", now);
                return Err(reject("unavailable", Problem::Unavailable));
            }
        };
        if wakes {
            self.wake();
        }
        if receipt.outcome == Some(Outcome::Repeated) {
            // A sender that signs the same bytes for every outage would be deaf to the second one: say so.
            let what = "this very delivery was accepted before and does nothing again; a sender whose bodies \
                        never differ must put a changing id or started_at into them";
            self.note(Level::WARN, what, source, "repeated", now);
        }
        for told in receipt.incidents.iter().filter(|told| told.outcome == Outcome::Repeated) {
            if let (Some(id), Some(reason)) = (&told.id, &told.reason) {
                let reason = format!("{id}: {reason}");
                self.note(Level::WARN, "an alert repeats itself oddly", source, &reason, now);
            }
        }
        let incidents: Vec<&str> = receipt.incidents.iter().filter_map(|i| i.id.as_deref()).collect();
        let outcome = receipt_outcome(&receipt);
        let changes = |i: &Answered| matches!(i.outcome, Outcome::Opened | Outcome::Resolved);
        // Of what a noisy source repeats or adds by the thousand, its receipts in the store tell.
        if receipt.incidents.iter().any(changes) {
            info!(
                source.name = source.name,
                receipt.id = %receipt.id,
                outcome,
                ?incidents,
                "a hook was accepted"
            );
        } else {
            debug!(
                source.name = source.name,
                receipt.id = %receipt.id,
                outcome,
                ?incidents,
                "a hook was accepted"
            );
        }
        Ok(receipt)
    }

    fn count_severities(&self, source: &Source, alerts: &[Alert], now: Timestamp) {
        for alert in alerts {
            let severity = alert.severity.as_str();
            self.metrics.alerts.get_or_create(&AlertLabels { source: source.name.clone(), severity }).inc();
            // The end of something needs no severity: it can be no page that nobody gets. Nor does a body that
            // never has one, after the one that has.
            let needs_one = alert.state != AlertState::Resolved && !alert.omitted.severity;
            if alert.severity_origin == SeverityOrigin::Unmapped && needs_one {
                self.metrics.unmapped.get_or_create(&SourceLabels { source: source.name.clone() }).inc();
                let what = "an alert says no severity that is known; the configured default was taken";
                self.note(Level::WARN, what, source, severity, now);
            }
        }
    }

    fn reading(&self, source: &Source) -> Reading {
        let of = |source: &Source| (source.reading(self.rules.open_at), source.severity_resolver());
        let all = self
            .readings
            .0
            .get_or_init(|| self.sources.iter().map(|(name, source)| (name.clone(), of(source))).collect());
        all.get(&source.name).cloned().unwrap_or_else(|| of(source))
    }

    fn hand_over(&self) -> Option<(SignedDuration, HandOver)> {
        let handover = Arc::clone(&self.handover);
        Some((handover.lease_for()?, Arc::new(move |leases| handover.give(leases))))
    }

    /// Rooms are made with the roster in force at the moment the incident opens, and keep it.
    fn open_room(&self) -> OpenRoom {
        let roster = self.roster.borrow().clone();
        Arc::new(move |incident: &Incident, now: Timestamp| {
            let subject = Subject {
                labels: &incident.labels,
                source: &incident.source,
                severity: incident.severity,
                title: &incident.title,
                assignees: &incident.assignees,
            };
            Room::wanted(incident, roster.summon(&subject, now), now)
        })
    }
}
