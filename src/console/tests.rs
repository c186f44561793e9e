//! The operator listener over a real store: what it lets in, what it answers, what it never shows.
//!
//! Actor: [`Desk`], which puts incidents into the store the way the receiver and the worker do, and asks the
//! router without a socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::{Console, router};
use crate::alert::{Alert, AlertState, DedupKey, Draft, LinkKind, Severity, SeverityOrigin};
use crate::clock::{Clock, Numbers, SignedDuration, TestClock, Timestamp};
use crate::config::{self, Strictness};
use crate::gateway::fetch::Https;
use crate::gateway::{AddOutcome, Added, CreatedGroup, GatewayError, InviteLink};
use crate::gateway::{FoundGroup, FoundGroups, Member, Members, Refusal, Sent};
use crate::incident::{Incident, IncidentId};
use crate::jid::{ChatId, GroupId, Jid};
use crate::message::Composer;
use crate::pacing::Pace;
use crate::peer::Peer;
use crate::receiver::certificates::CertificateCache;
use crate::receiver::{BodyBudget, Readiness, Receiver, Troubles};
use crate::room::{Answer, Context, Event, Message, Policy, Room, Task, Wish};
use crate::roster::{Handout, Roster, Route, Stakeholder, Summons};
use crate::roster_in_force::RosterInForce;
use crate::signature::{Scheme, Verifier};
use crate::source::{Source, SourceKind};
use crate::store::sqlite::Sqlite;
use crate::store::{Acceptance, Began, Finished, Intent, Lease, ReceiptId, Slots, StepOutcome, Store};
use crate::telemetry::Metrics;
use crate::worker::alarm::Alarm;
use crate::worker::handover::Handover;

mod answers;
mod description;
mod guarding;
mod numbers;
mod pages;

const TOKEN: &str = "operators-own-token-4711";
const LINK: &str = "https://chat.whatsapp.com/SeCrEtCoDe9";
const GROUP: &str = "120363000000000001@g.us";
const OTHER_GROUP: &str = "120363000000000002@g.us";
/// Name, role, digits of the phone.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("Ines Duarte", "commander", "15550100101"),
    ("Tomas Novak", "specialist", "15550100102"),
    ("Priya Raman", "client", "15550100103"),
    ("Kofi Mensah", "account manager", "15550100104"),
];

/// A console with its store, clock.
struct Desk {
    store: Store,
    clock: Arc<TestClock>,
    console: Arc<Console>,
    router: Router,
    _dir: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// Status and stable code of a problem.
    fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().to_owned())
    }
}

/// The roster that is shipped, as if it had just been loaded.
fn shipped_roster() -> RosterInForce {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/warroom.yaml");
    let loaded =
        config::load(&config, &|_| None, Strictness::Check, "2026-03-01T09:00:00Z".parse().unwrap()).unwrap();
    RosterInForce::of(&loaded, "2026-03-01T09:00:00Z".parse().unwrap())
}

impl Desk {
    fn open() -> Self {
        Self::with_token(None)
    }

    fn with_token(token: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::over(Arc::new(Sqlite::open(&dir.path().join("store.db")).unwrap()));
        let clock = Arc::new(TestClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
        let console = Arc::new(Console {
            store: store.clone(),
            metrics: Arc::new(Metrics::default()),
            clock: clock.clone(),
            token: token.map(SecretString::from),
            receiver: receiver(store.clone(), clock.clone()),
            wake_worker: Arc::new(tokio::sync::Notify::new()),
            roster: Arc::new(shipped_roster()),
            composer: Composer::default(),
            numbers: vec!["number-1".to_owned()],
        });
        Self { store, clock, router: router(console.clone()), console, _dir: dir }
    }

    /// As somebody on this machine, unless the request says who.
    async fn ask(&self, mut request: Request<Body>) -> Reply {
        request.extensions_mut().get_or_insert_with(Peer::here);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: head.status, headers: head.headers, text }
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(Request::get(path).header("host", "localhost:9090").body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str) -> Reply {
        self.ask(Request::post(path).header("host", "localhost:9090").body(Body::empty()).unwrap()).await
    }

    async fn post_json(&self, path: &str, body: &str) -> Reply {
        let request = Request::post(path)
            .header("host", "localhost:9090")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.ask(request).await
    }

    fn later(&self, millis: i64) {
        self.clock.advance(SignedDuration::from_millis(millis));
    }

    /// Takes in a hook with one alert, as the receiver does.
    async fn hook(&self, draft: Draft, state: AlertState, severity: Severity) -> IncidentId {
        let now = self.clock.now();
        let key = DedupKey::new("console-test", 1, &draft.id);
        let open_room = |incident: &Incident, now: Timestamp| Room::wanted(incident, summons(), now);
        let acceptance = Acceptance {
            receipt: ReceiptId(Numbers::default().next(now)),
            source: "prometheus".into(),
            received_at: now,
            replay_key: None,
            reading: String::new(),
            body: Bytes::from_static(b"{}"),
            alerts: vec![draft.finish(key, state, (severity, SeverityOrigin::Field))],
            headers: vec![],
            replays: None,
            ignored: None,
            most_rooms: 12,
            trouble: None,
            rules: Policy::default().rules(),
            resolve_severity: Arc::new(|alert: &Alert| (alert.severity, alert.severity_origin)),
            open_room: Arc::new(open_room),
            hand_over: None,
        };
        let receipt = self.store.accept(acceptance).await.unwrap().receipt;
        receipt.incidents[0].id.as_ref().unwrap().parse().unwrap()
    }

    /// A Sev-1 incident of its own, with this title.
    async fn incident(&self, title: &str) -> IncidentId {
        let draft = Draft {
            id: title.into(),
            title: title.into(),
            summary: "Checkout answers 502 for most buyers.\nQuestions to +1 (555) 010-0177.".into(),
            labels: BTreeMap::from([("client".into(), "acme".into()), ("region".into(), "eu-1".into())]),
            links: vec![(LinkKind::Dashboard, "https://grafana.example/d/checkout?from=now-1h".into())],
            assignees: vec!["ines@ops.example".into()],
            ..Draft::default()
        };
        self.hook(draft, AlertState::Firing, Severity::Sev1).await
    }

    /// Nothing fires any more.
    async fn resolve(&self, title: &str) {
        let draft = Draft { id: title.into(), title: title.into(), ..Draft::default() };
        self.hook(draft, AlertState::Resolved, Severity::Sev1).await;
    }

    /// Leases this room, giving all others back.
    async fn lease(&self, id: IncidentId) -> Lease {
        let now = self.clock.now();
        let mut found = None;
        for lease in
            self.store.lease_rooms(now, Slots::any(1000), SignedDuration::from_mins(2)).await.unwrap()
        {
            if lease.room.incident == id {
                found = Some(lease);
            } else {
                self.store.release(&lease, Some(now), now).await.unwrap();
            }
        }
        found.expect("the room is due")
    }

    /// One call that is answered after 340 ms, as the worker makes it.
    async fn call(&self, id: IncidentId, step: Task, answer: Answer) {
        self.call_with(id, (step, None), answer).await;
    }

    async fn call_with(&self, id: IncidentId, (step, words): (Task, Option<String>), answer: Answer) {
        let spoken = (&step, words.as_deref());
        let mut lease = self.lease(id).await;
        let began_at = self.clock.now();
        let event = lease.room.begin(spoken, "number-1", &lease.wanted, began_at).unwrap();
        let intent = Intent {
            room: lease.room.clone(),
            step: step.clone(),
            instance: "number-1".into(),
            event,
            pace: Pace::Free,
            covers: None,
        };
        let Began::Yes(intent) = self.store.begin_step(&lease, intent, began_at).await.unwrap() else {
            panic!("the lease holds")
        };
        self.later(340);
        let (policy, numbers) = (Policy::default(), crate::room::Numbers::default());
        let now = self.clock.now();
        let context = Context { policy: &policy, numbers: &numbers, no_private_before: None, began_at: now };
        let effect = lease.room.finish(spoken, &answer, context, now).unwrap();
        let made = match &answer {
            Answer::Created(created) => Some(created.group.clone()),
            _ => None,
        };
        lease.done.push(StepOutcome {
            intent: Some(intent),
            step: step.clone(),
            instance: "number-1".into(),
            begun_at: began_at,
            ended_at: now,
            note: answer.note(),
            effect,
            made,
            aliases: vec![],
            is_tried: false,
        });
        assert!(matches!(self.store.finish_steps(&lease, now).await.unwrap(), Finished::Yes { .. }));
        lease.done.clear();
        self.store.release(&lease, Some(now), now).await.unwrap();
    }

    async fn create(&self, id: IncidentId, answer: Answer) {
        let people = PEOPLE.iter().map(|(_, _, digits)| jid(digits)).collect();
        let step = Task::Create { people };
        self.call_with(id, (step, Some(format!("{id} | Checkout is down"))), answer).await;
    }

    /// A room that is live and briefed: Ines is in, nobody can tell about Tomas, Priya holds an invitation,
    /// Kofi is not on the network.
    async fn live(&self, title: &str) -> IncidentId {
        let id = self.incident(title).await;
        let said = vec![Added { person: jid(PEOPLE[3].2), outcome: AddOutcome::NotOnNetwork }];
        self.create(id, Answer::Created(CreatedGroup { group: group(GROUP), said })).await;
        let chat = ChatId::Group(group(GROUP));
        let text = format!("*SEV1* {id}: {title}\nJoin at {LINK}, or call +15550100101.");
        let sent = || Answer::Sent(Sent { message_id: Some("true_3EB0A1".into()) });
        self.call_with(id, (Task::Say { message: Message::Welcome, chat }, Some(text)), sent()).await;
        let hidden = |lid: &str| Member { phone: None, hidden: Some(lid.parse().unwrap()), admin: false };
        let known = Member { phone: Some(jid(PEOPLE[0].2)), hidden: None, admin: false };
        let members = Members {
            rows: vec![known, hidden("99000001@lid"), hidden("99000002@lid"), hidden("99000003@lid")],
            refused: vec![],
            hidden_ids: BTreeMap::from([(jid(PEOPLE[2].2), "99000009@lid".parse().unwrap())]),
            ..Members::default()
        };
        for _ in 0..2 {
            let step = Task::ReadMembers { group: group(GROUP), wanted: vec![] };
            self.call(id, step, Answer::Members(members.clone())).await;
        }
        self.call(id, Task::GetLink { group: group(GROUP) }, Answer::Link(InviteLink(LINK.into()))).await;
        let message = Message::Invite { person: "p2".into() };
        let chat = ChatId::Person(jid(PEOPLE[2].2));
        let text = format!("Please join: {LINK}");
        self.call_with(id, (Task::Say { message, chat }, Some(text)), sent()).await;
        id
    }

    /// A room that is parked because the provider does not make the group.
    async fn parked(&self, title: &str) -> IncidentId {
        let id = self.incident(title).await;
        let refused = GatewayError::Refused { reason: Refusal::Plan, detail: "403".into() };
        self.create(id, Answer::Failed(refused)).await;
        self.moves(id, Event::Spent { why: "the plan makes no groups".into() }).await;
        id
    }

    /// A room that came back from a lost create, with a second group beside it.
    async fn doubled(&self, title: &str) -> IncidentId {
        let id = self.incident(title).await;
        self.create(id, Answer::Failed(GatewayError::Unknown { detail: "no answer in 30 s".into() })).await;
        self.later(1000);
        let found = |id: &str, second: i64| FoundGroup {
            group: group(id),
            subject: "INCIDENT-1 | Checkout is down".into(),
            created_at: Some(Timestamp::from_second(self.clock.now().as_second() + second).unwrap()),
        };
        let groups = vec![found(GROUP, -1), found(OTHER_GROUP, 0)];
        let look = Task::Look {
            token: id.to_string(),
            instance: "main".into(),
            asked_at: self.clock.now(),
            thoroughly: true,
        };
        self.call(id, look, Answer::Groups(FoundGroups { groups, doubt: None })).await;
        id
    }

    /// A move that needs no call, as the worker writes it.
    async fn moves(&self, id: IncidentId, event: Event) {
        let lease = self.lease(id).await;
        let now = self.clock.now();
        let mut room = lease.room.clone();
        room.take(&event, now).unwrap();
        self.store.note(&lease, room, event, now).await.unwrap();
        self.store.release(&lease, Some(now), now).await.unwrap();
    }

    /// What the store keeps as the operator's wish.
    async fn wish(&self, id: IncidentId) -> Option<Wish> {
        let lease = self.lease(id).await;
        let now = self.clock.now();
        self.store.release(&lease, Some(now), now).await.unwrap();
        lease.wanted.wish
    }

    /// Whether the worker was woken since the last time somebody asked.
    fn was_rung(&self) -> bool {
        use futures_util::FutureExt;
        self.console.wake_worker.notified().now_or_never().is_some()
    }
}

/// Knows the source of [`Desk::hook`] and calls nobody.
fn receiver(store: Store, clock: Arc<TestClock>) -> Arc<Receiver> {
    let nobody = Route {
        name: "fallback".into(),
        matchers: vec![],
        goes_on: false,
        invite: vec![],
        runbook: None,
        quorum: None,
        size: 20,
        important: false,
        deputies: Vec::new(),
        handout: Handout::default(),
        clients: true,
    };
    let roster = Roster {
        people: BTreeMap::new(),
        rotations: BTreeMap::new(),
        teams: BTreeMap::new(),
        clients: BTreeMap::new(),
        routes: vec![],
        fallback: nobody,
    };
    let (_, roster) = tokio::sync::watch::channel(Arc::new(roster));
    let source = Source::new("prometheus", SourceKind::Alertmanager, Verifier::new(Scheme::Insecure));
    let (metrics, wake_worker) = (Arc::new(Metrics::default()), Arc::new(tokio::sync::Notify::new()));
    let handover = Arc::new(Handover::new(Arc::clone(&wake_worker), Policy::default().lease));
    Arc::new(Receiver {
        sources: BTreeMap::from([("prometheus".to_owned(), source)]),
        event_channels: BTreeMap::new(),
        alarm: Arc::new(Alarm::new(
            store.clone(),
            Arc::clone(&metrics),
            Arc::clone(&wake_worker),
            Policy::default().failover_after,
        )),
        certificates: Arc::new(CertificateCache::new(Arc::new(Https::default()), store.clone())),
        store,
        roster,
        most_rooms: 12,
        rules: Policy::default().rules(),
        clock,
        metrics,
        wake_worker,
        body_budget: BodyBudget::new(1 << 20, std::time::Duration::from_secs(1)),
        commit_timeout: std::time::Duration::from_secs(3),
        readiness: Readiness::default(),
        troubles: Troubles::default(),
        numbers: Numbers::default(),
        handover,
        readings: crate::receiver::Readings::default(),
    })
}

fn jid(digits: &str) -> Jid {
    format!("{digits}@c.us").parse().unwrap()
}

fn group(id: &str) -> GroupId {
    id.parse().unwrap()
}

fn summons() -> Summons {
    let stakeholders = PEOPLE
        .iter()
        .enumerate()
        .map(|(n, (name, role, digits))| Stakeholder {
            person: format!("p{n}"),
            name: (*name).into(),
            jid: jid(digits),
            role: (*role).into(),
            opted_in: n != 2,
            email: None,
            timezone: None,
            why: format!("{role} of route acme production"),
            language: None,
        })
        .collect();
    Summons {
        route: "acme production".into(),
        rule: "client = acme".into(),
        stakeholders,
        runbook: Some("https://runbooks.example/acme".into()),
        timezone: None,
        quorum: None,
        size: crate::roster::USUAL_SIZE,
        important: false,
        handout: Handout::default(),
        client: None,
        contacts_of: None,
    }
}
