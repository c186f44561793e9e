//! One room's whole life, with the process dying at every point at which it can.
//!
//! A life ends at a gate: everything in memory is dropped, only the store's file and the gateway's groups
//! stay. The next life opens the file, the clock moves past the lease, and the story goes on. At the end
//! there must be one group, each message once, everybody accounted for, the room closed and its link dead.
//! The loop finds the number of gates by itself; that number is asserted, so a new step shows in review.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use warroom::app::{Bridge, link_numbers};
use warroom::clock::{Clock, SignedDuration, TestClock, Timestamp, later};
use warroom::config::Loaded;
use warroom::gateway::Gateway;
use warroom::incident::IncidentId;
use warroom::receiver;
use warroom::room::{Phase, PhaseName, SeatState};
use warroom::sandbox::{Engine, Person, Privacy, Sandbox, Setup};
use warroom::store::Store;
use warroom::store::sqlite::Sqlite;
use warroom::worker::Number;

use crate::gates::{GatedGateway, GatedStore, Gates};
use crate::harness::{ADA, BEN, CLEO, Options, TOKEN, beginning, firing, listen, load, resolved};

/// What outlives a process: the disk, the gateway, the time, and what the monitoring tool still has to send.
struct Place {
    clock: Arc<TestClock>,
    sandbox: Sandbox,
    folder: TempDir,
    loaded: Loaded,
    sent: Cell<usize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the monitoring tool says, and when, in seconds from the beginning.
fn story() -> Vec<(i64, Value)> {
    vec![(0, firing("Down")), (300, resolved("Down"))]
}

/// When everything is long over.
const END: i64 = 3600;

impl Place {
    async fn new() -> Self {
        let clock = Arc::new(TestClock::at(beginning()));
        let shared: Arc<dyn Clock> = clock.clone();
        let sandbox = Sandbox::new(Setup::with_engine(Engine::Gows), shared);
        sandbox.set_person(BEN, Person { privacy: Privacy::Refuses403, ..Person::default() });
        sandbox.set_person(CLEO, Person { privacy: Privacy::NotOnWhatsapp404, ..Person::default() });
        let (gateway, server): (SocketAddr, _) = listen(sandbox.router()).await;
        let folder = TempDir::new().unwrap();
        let options = Options { rooms: "  close_after: 5m".to_owned(), ..Options::default() };
        let loaded = load(&folder, &options, gateway);
        Self { clock, sandbox, folder, loaded, sent: Cell::new(0), server }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// Lives until the story is told or a gate ends it; true when the story is told.
    async fn live(&self, gates: &Arc<Gates>) -> bool {
        let store: Arc<dyn Store> = Arc::new(GatedStore {
            inner: Arc::new(Sqlite::open(&self.file()).unwrap()),
            gates: Arc::clone(gates),
        });
        let clock: Arc<dyn Clock> = self.clock.clone();
        let numbers = link_numbers(&self.loaded.config, &clock)
            .unwrap()
            .into_iter()
            .map(|number| {
                let gateway: Arc<dyn Gateway> =
                    Arc::new(GatedGateway { inner: number.gateway, gates: Arc::clone(gates) });
                Number { gateway, ..number }
            })
            .collect();
        let roster = self.loaded.roster.clone();
        let bridge = Bridge::assemble(&self.loaded.config, roster, store.clone(), numbers, clock).unwrap();
        tokio::select! {
            () = self.tell(&bridge, store.as_ref()) => true,
            () = gates.fallen() => false,
        }
    }

    async fn tell(&self, bridge: &Bridge, store: &dyn Store) {
        while let Some((at, body)) = story().get(self.sent.get()) {
            self.pass_until(later(beginning(), SignedDuration::from_secs(*at)), bridge, store).await;
            let request = Request::post("/hooks/prometheus")
                .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
                .body(Body::from(body.to_string()))
                .unwrap();
            let router = receiver::router(Arc::clone(&bridge.receiver));
            let response = router.oneshot(request).await.unwrap();
            // A tool that hears nothing sends again; one that hears 200 never does.
            assert_eq!(response.status(), StatusCode::OK);
            self.sent.set(self.sent.get() + 1);
        }
        self.pass_until(later(beginning(), SignedDuration::from_secs(END)), bridge, store).await;
    }

    async fn pass_until(&self, end: Timestamp, bridge: &Bridge, store: &dyn Store) {
        loop {
            bridge.worker.run_until_idle().await.unwrap();
            match store.next_wake().await.unwrap() {
                Some(at) if at <= end => {
                    self.clock.advance_to(at.max(later(self.clock.now(), SignedDuration::from_millis(10))));
                }
                _ => break,
            }
        }
        self.clock.advance_to(end);
        bridge.worker.run_until_idle().await.unwrap();
    }

    async fn check(&self, label: &str) {
        let store = Sqlite::open(&self.file()).unwrap();
        let id = IncidentId(1);
        let dossier = store.dossier(id).await.unwrap().expect("I1: what was accepted is stored");
        let room = dossier.room.expect("a room was wanted");
        let groups = self.sandbox.groups();
        assert_eq!(groups.len(), 1, "{label}: I2: one incident, one group");
        let group = &groups[0];
        assert_eq!(room.phase.group().map(ToString::to_string), Some(group.id.clone()), "{label}");
        assert!(dossier.orphans.is_empty(), "{label}: {:?}", dossier.orphans);
        assert_eq!(room.phase.name(), PhaseName::Closed, "{label}: {:?}", room.phase);

        let said = |part: &str| group.texts().iter().filter(|t| t.contains(part)).count();
        assert_eq!(group.texts().len(), 4, "{label}: I4: {:#?}", group.texts());
        assert!(group.texts()[0].contains("This group was made"), "{label}: {:#?}", group.texts());
        assert_eq!(said("update 1"), 1, "{label}: the end was told: {:#?}", group.texts());
        assert_eq!(said("who is here"), 1, "{label}: {:#?}", group.texts());
        assert!(group.texts()[3].contains("only admins can write"), "{label}: {:#?}", group.texts());

        assert!(group.has(ADA), "{label}");
        assert!(room.seats.iter().all(warroom::room::Seat::is_settled), "{label}: I3: {:#?}", room.seats);
        let refused = |n: usize| matches!(room.seats[n].state, SeatState::Refused { .. });
        assert!(refused(2), "{label}: {:?}", room.seats[2]);
        let links: Vec<String> = self
            .sandbox
            .chat(BEN)
            .into_iter()
            .filter_map(|m| {
                m.text.split_whitespace().find(|w| w.contains("chat.whatsapp.com")).map(str::to_owned)
            })
            .collect();
        assert_eq!(links.len(), 1, "{label}: one link, once");
        assert!(self.sandbox.join_by_link(BEN, &links[0]).is_err(), "{label}: the link is dead");
        assert!(group.announce, "{label}: only admins write");

        let mut phase = Phase::Wanted { since: beginning(), not_before: beginning() };
        for (at, event) in store.moves(id).await.unwrap() {
            phase = phase.after(&event, at).unwrap_or_else(|e| panic!("{label}: I6: {e}"));
        }
        assert_eq!(phase, room.phase, "{label}: I6: the journal gives the stored phase");
        assert_eq!(store.next_wake().await.unwrap(), None, "{label}: I5: nothing is due");
        let far = later(beginning(), SignedDuration::from_hours(24 * 365));
        assert!(store.lease_rooms(far, 10, SignedDuration::from_secs(1)).await.unwrap().is_empty());
    }
}

/// Tells the story with lives ending at `stops`; returns how many gates it passed.
async fn run(stops: &[usize]) -> usize {
    let place = Place::new().await;
    let gates = Gates::stopping_at(stops);
    let lease = place.loaded.config.rooms.lease;
    let mut lives = 1;
    while !place.live(&gates).await {
        lives += 1;
        assert!(lives <= stops.len() + 1, "a life ended at no gate");
        place.clock.advance(lease);
    }
    place.check(&format!("crash at {stops:?}")).await;
    gates.count()
}

#[tokio::test]
async fn a_room_survives_a_crash_at_every_gate_of_its_life() {
    let gates = run(&[]).await;
    assert_eq!(gates, 147, "the number of gates in a clean life");
    for gate in 0..gates {
        run(&[gate]).await;
    }
    println!("crash gates: {gates}, violations: 0");
}
