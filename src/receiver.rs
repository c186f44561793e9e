//! `POST /hooks/{source}`: limit, verify, parse, accept, answer. What the gateway tells by itself comes in by
//! a door of its own, see `notices`.
//!
//! The order is the point. Nothing looks into a body before its signature holds; nothing is answered 2xx
//! before it is on disk; and a body that was verified is never answered 4xx, because senders drop or disable
//! what is (PagerDuty disables a subscription for a day after three of them).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::{Notify, watch};
use tracing::{Level, debug, error, info, warn};

use crate::alert::{AlertState, SeverityOrigin};
use crate::clock::{Clock, Timestamp, new_id};
use crate::incident::{Incident, Outcome, Rules};
use crate::peer::Peer;
use crate::problem::Problem;
use crate::room::Room;
use crate::roster::{Roster, Subject};
use crate::signature::{
    Errand, RawHook, Rejected, VerifiedBody, certificate_for, verified_before, verify_with,
};
use crate::source::{Parsed, Source, SourceKind, delivery_key, parse};
use crate::store::{Acceptance, Answered, OpenRoom, Receipt, Store, StoredHook};
use crate::telemetry::throttled_log::Event;
use crate::telemetry::{AlertLabels, Metrics, SourceLabels};
use crate::worker::alarm::Alarm;

mod bodies;
mod notices;
pub mod outside;
mod readiness;

pub use bodies::Bodies;
use bodies::Sender;
pub use notices::Told;
use outside::Outside;
pub use readiness::Readiness;

/// Takes in hooks.
#[derive(Debug)]
pub struct Receiver {
    /// The monitoring tools, by the name in their path.
    pub sources: BTreeMap<String, Source>,
    /// The linked numbers whose provider may tell us things, by their names.
    pub told: BTreeMap<String, Told>,
    /// Hears at once when a number goes down or works again.
    pub alarm: Arc<Alarm>,
    /// The memory.
    pub store: Arc<dyn Store>,
    /// The roster in force.
    pub roster: watch::Receiver<Arc<Roster>>,
    /// The operator's rules.
    pub rules: Rules,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Rung when a room has something to do.
    pub bell: Arc<Notify>,
    /// What is fetched to judge a hook.
    pub outside: Arc<Outside>,
    /// Bodies while they come in.
    pub bodies: Bodies,
    /// The longest a commit may take before the sender is asked to come again.
    pub commit_timeout: Duration,
    /// Whether a hook would be stored.
    pub readiness: Readiness,
}

/// Everything that a hook of a source can be counted as.
const OUTCOMES: [&str; 12] = [
    "accepted",
    "repeated",
    "ignored",
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
pub fn count_from_zero(metrics: &Metrics, sources: &BTreeMap<String, Source>, told: &BTreeMap<String, Told>) {
    let gateway = told.values().any(|told| !told.proofs.is_empty()).then_some(notices::COUNTED_AS);
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
        .route("/hooks/gateway/{instance}", post(notices::hook))
        .route("/hooks/{source}/api/v2/alerts", post(hook_as_alertmanager))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness::ready))
        .fallback(|| async { Problem::NotFound })
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
    if takes_it { take_hook(&receiver, &name, request).await } else { Problem::NotFound.into_response() }
}

/// Nothing but `POST`, except for the CloudEvents webhook profile: a sender asks by `OPTIONS` whether we want
/// its events before it sends any. We say yes to everybody, because whoever then sends must still prove it.
async fn other_method(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let source = request.uri().path().strip_prefix("/hooks/").and_then(|name| receiver.sources.get(name));
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
        return Problem::NotFound.into_response();
    };
    let (outcome, response) = match receiver.take(source, request).await {
        Ok(receipt) => (receipt_outcome(&receipt), (StatusCode::OK, Json(receipt)).into_response()),
        Err(refusal) => {
            let mut response = refusal.problem.into_response();
            if refusal.problem == Problem::Unauthorized {
                response.headers_mut().insert(WWW_AUTHENTICATE, source.verifier.challenge());
            }
            (refusal.word, response)
        }
    };
    receiver.metrics.count_hook(name, outcome, begun.elapsed());
    response
}

/// Why a hook is not answered with a receipt.
#[derive(Debug)]
struct Refusal {
    word: &'static str,
    problem: Problem,
}

fn refuse(word: &'static str, problem: Problem) -> Refusal {
    Refusal { word, problem }
}

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
        let body = verified_before(stored).ok_or(NotReplayed::Forgotten)?;
        info!(source.name = source.name, receipt.id = stored.receipt.id, "an operator replays a hook");
        let replays = Some(stored.receipt.id.clone());
        self.accept(source, &body, replays, self.clock.now())
            .await
            .map_err(|_refusal| NotReplayed::Unavailable)
    }

    async fn take(&self, source: &Source, request: Request) -> Result<Receipt, Refusal> {
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
        let mut held = self.bodies.read(body, sender).await?;
        hook.body = held.bytes.clone();
        let now = self.clock.now();
        let verified = held.keep(self.verify(source, hook, peer, now)).await?;
        if let Sender::Stranger(_) = sender {
            self.bodies.prove(&mut held, &source.name)?;
            prove(peer);
        }
        let accepted = async {
            self.run_errand(source, &verified).await?;
            self.accept(source, &verified, None, now).await
        };
        held.keep(accepted).await
    }

    /// A signer whose certificate cannot be had right now is asked to come again: to SNS, a 4xx would mean that
    /// the message has arrived.
    async fn verify(
        &self,
        source: &Source,
        hook: RawHook,
        peer: Option<&Peer>,
        now: Timestamp,
    ) -> Result<VerifiedBody, Refusal> {
        let note = |what: &'static str, reason: &str| {
            let peer = peer.map(|peer| peer.client);
            let event = Event { what, level: Level::WARN, source: &source.name, reason, peer, bytes: None };
            self.metrics.log.note(event, now);
        };
        let turned_away = |why: Rejected| {
            note("a hook was turned away unverified", why.as_str());
            refuse(why.as_str(), Problem::Unauthorized)
        };
        let certificate = match certificate_for(&hook, &source.verifier, now).map_err(turned_away)? {
            Some(address) => Some(self.outside.certificate(&address, now).await.map_err(|_said_there| {
                note("a hook cannot be judged now; the sender is asked to repeat it", "no certificate");
                refuse("unavailable", Problem::Unavailable)
            })?),
            None => None,
        };
        verify_with(hook, &source.verifier, certificate.as_deref(), now).map_err(turned_away)
    }

    /// What the signer asks for beside reading the body, once: a copy that somebody has captured asks for nothing.
    async fn run_errand(&self, source: &Source, body: &VerifiedBody) -> Result<(), Refusal> {
        let errand = body.errand();
        if errand.is_some() && self.came_before(source, body).await? {
            return Ok(());
        }
        match errand {
            None => {}
            Some(Errand::ConfirmSubscription { topic, address }) => {
                self.outside
                    .visit(address)
                    .await
                    .map_err(|_said_there| refuse("unavailable", Problem::Unavailable))?;
                info!(source.name = source.name, topic, "the subscription was confirmed");
            }
            Some(Errand::NoticeUnsubscribed { topic }) => {
                error!(
                    source.name = source.name,
                    topic, "UNSUBSCRIBED: no alert will come from this topic any more; subscribe it again"
                );
            }
        }
        Ok(())
    }

    async fn came_before(&self, source: &Source, body: &VerifiedBody) -> Result<bool, Refusal> {
        let Some(key) = delivery_key(body, source) else { return Ok(false) };
        let earlier =
            self.store.earlier_receipt(&source.name, &key, &source.reading(self.rules.open_at)).await;
        earlier.map(|receipt| receipt.is_some()).map_err(|error| {
            self.readiness.doubt();
            self.metrics.store_failures.inc();
            error!(source.name = source.name, error = %error, "it cannot be told whether a hook came before");
            refuse("unavailable", Problem::Unavailable)
        })
    }

    /// Takes in a body that was verified, or was when it came.
    async fn accept(
        &self,
        source: &Source,
        body: &VerifiedBody,
        replays: Option<String>,
        now: Timestamp,
    ) -> Result<Receipt, Refusal> {
        let (alerts, ignored) = match parse(body, source, now) {
            Ok(Parsed::Alerts(alerts)) => (alerts, None),
            Ok(Parsed::Partly { alerts, unread }) => {
                warn!(source.name = source.name, reason = %unread, "a part of a hook was not understood");
                (alerts, None)
            }
            Ok(Parsed::Ignored { reason }) => (Vec::new(), Some(reason)),
            Err(why) => {
                warn!(source.name = source.name, reason = %why, "a verified hook was not understood; it is kept");
                (Vec::new(), Some(format!("not understood: {why}")))
            }
        };
        for alert in &alerts {
            let severity = alert.severity.as_str();
            self.metrics.alerts.get_or_create(&AlertLabels { source: source.name.clone(), severity }).inc();
            // The end of something needs no severity: it can be no page that nobody gets. Nor does a body that
            // never has one, after the one that has.
            let needs_one = alert.state != AlertState::Resolved && !alert.keeps.severity;
            if alert.severity_origin == SeverityOrigin::Unmapped && needs_one {
                self.metrics.unmapped.get_or_create(&SourceLabels { source: source.name.clone() }).inc();
                warn!(
                    source.name = source.name,
                    severity, "an alert says no severity that is known; the configured default was taken"
                );
            }
        }
        let acceptance = Acceptance {
            receipt: new_id(now),
            source: source.name.clone(),
            received_at: now,
            // A body that an operator replays is not a delivery that came twice.
            replay_key: if replays.is_some() { None } else { delivery_key(body, source) },
            reading: source.reading(self.rules.open_at),
            body: body.bytes(),
            headers: body.kept_headers(),
            replays,
            alerts,
            ignored,
            rules: self.rules,
            judge: source.judge(),
            open_room: self.open_room(),
        };
        let committed = tokio::time::timeout(self.commit_timeout, self.store.accept(acceptance)).await;
        let receipt = match committed {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => {
                self.readiness.doubt();
                self.metrics.store_failures.inc();
                error!(source.name = source.name, error = %error, "a hook could not be stored");
                return Err(refuse("unavailable", Problem::Unavailable));
            }
            // It may be committed all the same; sent again, it will be known.
            Err(_elapsed) => {
                self.readiness.doubt();
                self.metrics.store_failures.inc();
                error!(source.name = source.name, "the store did not take a hook in time");
                return Err(refuse("unavailable", Problem::Unavailable));
            }
        };
        self.bell.notify_one();
        if receipt.outcome == Some(Outcome::Repeated) {
            // A sender that signs the same bytes for every outage would be deaf to the second one: say so.
            let what = "this very delivery was accepted before and does nothing again; a sender whose bodies \
                        never differ must put a changing id or started_at into them";
            let (level, reason) = (Level::WARN, "repeated");
            let event = Event { what, level, source: &source.name, reason, peer: None, bytes: None };
            self.metrics.log.note(event, now);
        }
        for told in receipt.incidents.iter().filter(|told| told.outcome == Outcome::Repeated) {
            if let (Some(id), Some(reason)) = (&told.id, &told.reason) {
                warn!(source.name = source.name, incident.id = id, reason, "an alert repeats itself oddly");
            }
        }
        let incidents: Vec<&str> = receipt.incidents.iter().filter_map(|i| i.id.as_deref()).collect();
        let outcome = receipt_outcome(&receipt);
        let changes = |i: &Answered| matches!(i.outcome, Outcome::Opened | Outcome::Resolved);
        // Of what a noisy source repeats or adds by the thousand, its receipts in the store tell.
        if receipt.incidents.iter().any(changes) {
            info!(
                source.name = source.name,
                receipt.id = receipt.id,
                outcome,
                ?incidents,
                "a hook was accepted"
            );
        } else {
            debug!(
                source.name = source.name,
                receipt.id = receipt.id,
                outcome,
                ?incidents,
                "a hook was accepted"
            );
        }
        Ok(receipt)
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
