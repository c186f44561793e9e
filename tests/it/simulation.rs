//! Generated lists of things that happen to two workers, a gateway and a store, shortened when one fails.
//!
//! After each of them the invariants marked • in DESIGN §5 are checked, and the others when it has been quiet
//! for long: everything that was going wrong has stopped, all alerts are resolved, and an operator has said
//! "go on" to what waits for a person. Seeds are numbers; the one that failed is printed with its shortest list.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use http::StatusCode;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;
use warroom::clock::{Clock, SignedDuration, Timestamp, later};
use warroom::gateway::subject_has_token;
use warroom::incident::IncidentId;
use warroom::room::{PhaseName, Room, Seat, SeatState, Wish};
use warroom::roster::Roster;
use warroom::sandbox::{Effect, Engine, Fault, FaultKind, GroupView, Operation, Setup};
use warroom::store::{Dossier, Store, WishTaken};

use crate::faults::{KINDS, Kind};
use crate::gates::{Gate, Gates, Mishap, Moment};
use crate::harness::{ADA, BEN, CLEO, DAN, Options, alertmanager, load};
use crate::place::{Place, Process};
use crate::sweep::{sweep, times};
use crate::verdict::{Said, Violations, replay, said_of_each};

/// Names of alerts; each is an incident of its own.
const ALERTS: [&str; 3] = ["Checkout", "Login", "Search"];

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
enum Op {
    /// An alert fires, or is repeated.
    Fire(usize),
    /// It becomes less bad.
    Ease(usize),
    /// It is over.
    Resolve(usize),
    /// Seconds pass in which nobody works.
    Pause(i64),
    /// Seconds pass in which both workers do what is due at its moment.
    Pass(i64),
    /// One worker does what is due now.
    Work(usize),
    /// One worker dies so many gates later, and is started again.
    Crash(usize, usize),
    /// So many calls later, so many calls go wrong.
    Fault(usize, usize, Kind),
    /// A create that answers with an error takes effect so many seconds later.
    LateCreate(i64),
    /// So many transactions later, so many fail, before or after the commit.
    StoreFails(usize, usize, Moment),
    /// New groups are missing from the list for so many seconds.
    ListLag(i64),
    /// So many lists of groups are empty, or do not tell names.
    OddList(bool, u32),
    /// Another roster is in force.
    Roster(usize),
    /// The number's session works, or does not.
    Session(bool),
    /// An operator says "no room" of the n-th incident.
    Cancel(i64),
    /// An operator says "go on".
    Resume(i64),
}

fn any_op() -> impl Strategy<Value = Op> {
    let alert = 0..ALERTS.len();
    let moment = prop_oneof![Just(Moment::Before), Just(Moment::After)];
    let kind = proptest::sample::select(KINDS.to_vec());
    prop_oneof![
        6 => alert.clone().prop_map(Op::Fire),
        1 => alert.clone().prop_map(Op::Ease),
        3 => alert.prop_map(Op::Resolve),
        3 => (1..400i64).prop_map(Op::Pause),
        6 => (1..400i64).prop_map(Op::Pass),
        4 => (0..2usize).prop_map(Op::Work),
        6 => (0..2usize, 0..40usize).prop_map(|(who, gates)| Op::Crash(who, gates)),
        6 => (0..12usize, 1..4usize, kind).prop_map(|(skip, times, kind)| Op::Fault(skip, times, kind)),
        1 => (1..20i64).prop_map(Op::LateCreate),
        3 => (0..10usize, 1..4usize, moment).prop_map(|(skip, times, m)| Op::StoreFails(skip, times, m)),
        1 => (0..20i64).prop_map(Op::ListLag),
        1 => (any::<bool>(), 1..5u32).prop_map(|(empty, times)| Op::OddList(empty, times)),
        1 => (0..2usize).prop_map(Op::Roster),
        1 => any::<bool>().prop_map(Op::Session),
        1 => (1..4i64).prop_map(Op::Cancel),
        1 => (1..4i64).prop_map(Op::Resume),
    ]
}

/// One generated story.
#[derive(Debug, Clone, PartialEq)]
struct Story {
    engine: Engine,
    /// Whether some people cannot be added.
    kept_out: bool,
    /// Groups that the number may make in an hour.
    budget: u32,
    ops: Vec<Op>,
}

fn any_story() -> impl Strategy<Value = Story> {
    let engine = proptest::sample::select(Engine::ALL.to_vec());
    let kept_out = prop_oneof![3 => Just(false), 1 => Just(true)];
    let ops = proptest::collection::vec(any_op(), 1..30);
    (engine, kept_out, 1..4u32, ops).prop_map(|(engine, kept_out, budget, ops)| Story {
        engine,
        kept_out,
        budget,
        ops,
    })
}

/// What goes wrong outside, for both workers.
#[derive(Debug, Default)]
struct Weather {
    gusts: Mutex<VecDeque<(usize, usize, Kind)>>,
    outage: Mutex<Option<(usize, usize, Moment)>>,
    /// Every call with what it was about.
    calls: Mutex<Vec<(&'static str, String)>>,
    /// What was struck.
    struck: Mutex<Vec<(&'static str, Kind)>>,
    failed_commits: AtomicUsize,
}

impl Weather {
    fn clear(&self) {
        self.gusts.lock().unwrap().clear();
        *self.outage.lock().unwrap() = None;
    }

    fn next_mishap(&self) -> Option<Kind> {
        let mut gusts = self.gusts.lock().unwrap();
        let (skip, times, kind) = gusts.front_mut()?;
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        let kind = *kind;
        *times -= 1;
        if *times == 0 {
            gusts.pop_front();
        }
        Some(kind)
    }

    /// Whether a look into a chat went wrong, after which something may be said again.
    fn was_unreadable(&self) -> bool {
        self.struck.lock().unwrap().iter().any(|(call, _)| *call == "recent_own_messages")
    }
}

/// One worker's gates: it can be told to die at one of them.
#[derive(Debug)]
struct Brink {
    left: Mutex<Option<usize>>,
    fell: Notify,
    weather: Arc<Weather>,
}

#[async_trait]
impl Gate for Brink {
    async fn pass(&self, _what: &'static str, _moment: Moment) {
        let falls = {
            let mut left = self.left.lock().unwrap();
            let falls = *left == Some(0);
            *left = left.and_then(|left| left.checked_sub(1));
            falls
        };
        if falls {
            self.fell.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn mishap(&self, call: &'static str, about: &str) -> Option<Mishap> {
        self.weather.calls.lock().unwrap().push((call, about.to_owned()));
        let kind = self.weather.next_mishap()?;
        self.weather.struck.lock().unwrap().push((call, kind));
        Some(kind.mishap())
    }

    fn store_fails(&self, _what: &'static str) -> Option<Moment> {
        let mut outage = self.weather.outage.lock().unwrap();
        let (skip, times, moment) = outage.as_mut()?;
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        let moment = *moment;
        self.weather.failed_commits.fetch_add(1, Ordering::SeqCst);
        *times -= 1;
        if *times == 0 {
            *outage = None;
        }
        Some(moment)
    }
}

/// The usual roster, and one in which other people do other things.
fn rosters() -> &'static [Roster; 2] {
    static ROSTERS: OnceLock<[Roster; 2]> = OnceLock::new();
    ROSTERS.get_or_init(|| {
        let other = |options: Options| {
            load(&TempDir::new().unwrap(), &options, "127.0.0.1:1".parse().unwrap()).roster
        };
        let usual = Options::default().roster;
        let changed = usual
            .replace("commander: [ ada ]", "commander: [ dan ]")
            .replace("client: [ dan ]", "client: [ ada ]");
        assert_ne!(usual, changed);
        [other(Options::default()), other(Options { roster: changed, ..Options::default() })]
    })
}

/// The world of one story.
struct Simulation {
    place: Place,
    weather: Arc<Weather>,
    brinks: [Arc<Brink>; 2],
    processes: [Process; 2],
    /// Takes an operator's wishes and looks into the store.
    clerk: Process,
    store: Store,
    roster: usize,
    /// What was not answered with 200 and will be sent again.
    unsent: VecDeque<Value>,
    /// Rooms that waited for a person at the last check, with the length of their journal.
    parked: BTreeMap<IncidentId, usize>,
    cancelled: BTreeSet<IncidentId>,
    budget: usize,
    /// Rooms that ever waited for a person.
    were_parked: BTreeSet<IncidentId>,
    tally: Tally,
    bad: Violations,
}

/// What happened in a story, so that one in which nothing does is not taken for proof.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    operations: usize,
    crashes: usize,
    spoiled_calls: usize,
    failed_commits: usize,
    rooms: usize,
    parked: usize,
    groups: usize,
    folded: usize,
}

impl Tally {
    fn with(self, other: &Self) -> Self {
        Self {
            operations: self.operations + other.operations,
            crashes: self.crashes + other.crashes,
            spoiled_calls: self.spoiled_calls + other.spoiled_calls,
            failed_commits: self.failed_commits + other.failed_commits,
            rooms: self.rooms + other.rooms,
            parked: self.parked + other.parked,
            groups: self.groups + other.groups,
            folded: self.folded + other.folded,
        }
    }
}

impl Simulation {
    async fn new(story: &Story) -> Self {
        let mut place = Place::on(story.engine).await;
        place.loaded.config.gateway.instances[0].budget.rooms_per_hour = story.budget;
        if story.kept_out {
            place.keep_out();
        }
        let weather = Arc::new(Weather::default());
        let brink =
            || Arc::new(Brink { left: Mutex::new(None), fell: Notify::new(), weather: Arc::clone(&weather) });
        let brinks = [brink(), brink()];
        let start = |n: usize| {
            let gate: Arc<dyn Gate> = brinks[n].clone();
            place.start(&gate)
        };
        let processes = [start(0), start(1)];
        let ungated: Arc<dyn Gate> = Gates::new(&[], &[]);
        let clerk = place.start(&ungated);
        let store = place.open();
        Self {
            place,
            weather,
            brinks,
            processes,
            clerk,
            store,
            roster: 0,
            unsent: VecDeque::new(),
            parked: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            budget: usize::try_from(story.budget).unwrap(),
            were_parked: BTreeSet::new(),
            tally: Tally::default(),
            bad: Violations::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.place.clock.now()
    }

    async fn happen(&mut self, op: &Op) {
        self.tally.operations += 1;
        match *op {
            Op::Fire(n) => self.hook(alertmanager(ALERTS[n], "firing", "critical")).await,
            Op::Ease(n) => self.hook(alertmanager(ALERTS[n], "firing", "warning")).await,
            Op::Resolve(n) => self.hook(alertmanager(ALERTS[n], "resolved", "critical")).await,
            Op::Pause(seconds) => self.place.clock.advance(SignedDuration::from_secs(seconds)),
            Op::Pass(seconds) => self.pass(seconds).await,
            Op::Work(who) => self.work(who).await,
            Op::Crash(who, gates) => *self.brinks[who].left.lock().unwrap() = Some(gates),
            Op::Fault(skip, times, kind) => {
                self.weather.gusts.lock().unwrap().push_back((skip, times, kind));
            }
            Op::LateCreate(seconds) => self.place.sandbox.add_fault(
                Fault::on(Operation::CreateGroup, FaultKind::InternalError)
                    .with_effect(Effect::Later(SignedDuration::from_secs(seconds))),
            ),
            Op::StoreFails(skip, times, moment) => {
                *self.weather.outage.lock().unwrap() = Some((skip, times, moment));
            }
            Op::ListLag(seconds) => self.place.sandbox.set_list_lag(SignedDuration::from_secs(seconds)),
            Op::OddList(empty, times) => {
                let kind = if empty { FaultKind::EmptyList } else { FaultKind::Nameless };
                let fault = Fault::on(Operation::ListGroups, kind).after_effect().times(times);
                self.place.sandbox.add_fault(fault);
            }
            Op::Roster(n) => {
                self.roster = n;
                for who in 0..2 {
                    self.post_up_roster(who);
                }
            }
            Op::Session(works) => self.session(works),
            Op::Cancel(n) => self.wish(IncidentId(n), Wish::Cancel).await,
            Op::Resume(n) => self.wish(IncidentId(n), Wish::Resume { group: None }).await,
        }
    }

    fn session(&self, works: bool) {
        let status = if works { "WORKING" } else { "SCAN_QR_CODE" };
        self.place.sandbox.set_session(Setup::INSTANCE_ID, status);
    }

    fn post_up_roster(&self, who: usize) {
        self.processes[who].bridge.roster.put(rosters()[self.roster].clone());
    }

    /// What the tool has to say; what was not taken before goes first.
    async fn hook(&mut self, body: Value) {
        self.unsent.push_back(body);
        while let Some(body) = self.unsent.pop_front() {
            let answer = tokio::select! {
                answer = self.processes[0].post(&body) => Some(answer),
                () = self.brinks[0].fell.notified() => None,
            };
            let Some((StatusCode::OK, receipt)) = answer else {
                self.unsent.push_front(body);
                if answer.is_none() {
                    self.start_again(0);
                }
                return;
            };
            self.place.receipts.borrow_mut().push(receipt["receipt"].as_str().unwrap().to_owned());
        }
    }

    async fn wish(&mut self, id: IncidentId, wish: Wish) {
        let cancels = wish == Wish::Cancel;
        let taken = self.clerk.store.wish(id, wish, self.now()).await.unwrap();
        if cancels && taken == WishTaken::Yes {
            self.cancelled.insert(id);
        }
    }

    /// One worker does what is due now, or dies over it.
    async fn work(&mut self, who: usize) {
        tokio::select! {
            // A store that fails is the worker's to survive; it works on at the next chance.
            _ = self.processes[who].bridge.worker.run_until_idle() => return,
            () = self.brinks[who].fell.notified() => {}
        }
        self.start_again(who);
    }

    fn start_again(&mut self, who: usize) {
        self.tally.crashes += 1;
        let gate: Arc<dyn Gate> = self.brinks[who].clone();
        self.processes[who] = self.place.start(&gate);
        self.post_up_roster(who);
    }

    async fn pass(&mut self, seconds: i64) {
        let end = later(self.now(), SignedDuration::from_secs(seconds));
        for turn in 0.. {
            self.work(turn % 2).await;
            self.work((turn + 1) % 2).await;
            match self.store.next_wake().await.unwrap() {
                Some(at) if at <= end => {
                    let soon = later(self.now(), SignedDuration::from_millis(10));
                    self.place.clock.advance_to(at.max(soon));
                }
                _ => break,
            }
            if turn > 2_000 {
                self.bad.expect(false, || "it goes round in circles".to_owned());
                break;
            }
        }
        self.place.clock.advance_to(end);
    }

    async fn dossiers(&self) -> Vec<Dossier> {
        let mut dossiers = Vec::new();
        for number in 1.. {
            match self.store.dossier(IncidentId(number)).await.unwrap() {
                Some(dossier) => dossiers.push(dossier),
                None => break,
            }
        }
        dossiers
    }

    /// I1, I4, I6, I7 and I8.
    async fn check(&mut self) {
        let receipts = self.place.receipts.borrow().clone();
        for receipt in receipts {
            let stored = self.store.receipt(receipt.parse().unwrap()).await.unwrap().is_some();
            self.bad.expect(stored, || format!("I1: receipt {receipt} was answered and is not stored"));
        }
        let groups = self.place.sandbox.groups();
        let calls = std::mem::take(&mut *self.weather.calls.lock().unwrap());
        let mut parked = BTreeMap::new();
        for dossier in self.dossiers().await {
            let id = dossier.incident.id;
            let Some(room) = &dossier.room else { continue };
            let replayed = replay(&self.store, &dossier).await;
            self.bad.expect(replayed.as_ref() == Ok(&room.phase), || {
                format!("I6: {id} tells {replayed:?} and is {:?}", room.phase)
            });
            if room.phase.name() == PhaseName::Parked {
                let moves = self.store.moves(id).await.unwrap().len();
                let stood_still = self.parked.get(&id) == Some(&moves);
                let called = calls.iter().find(|(_, about)| concerns(about, &id.to_string(), &groups));
                self.bad
                    .expect(!stood_still || called.is_none(), || format!("I8: {id} is parked: {called:?}"));
                parked.insert(id, moves);
                self.were_parked.insert(id);
            }
        }
        self.parked = parked;
        self.check_messages(&groups);
        let made: Vec<Timestamp> = self.place.sandbox.creations().iter().map(|c| c.at).collect();
        for first in &made {
            let hour = later(*first, SignedDuration::from_hours(1));
            let within = made.iter().filter(|at| *at >= first && **at < hour).count();
            self.bad.expect(within <= self.budget, || format!("I7: {within} groups in an hour"));
        }
    }

    fn check_messages(&mut self, groups: &[GroupView]) {
        let may_repeat = self.weather.was_unreadable();
        for group in groups {
            for (id, kinds) in said_of_each(group) {
                let different: BTreeSet<Said> = kinds.iter().copied().collect();
                let once = kinds.len() == different.len();
                self.bad.expect(once || may_repeat, || {
                    format!("I4: said twice of {id} in {}: {kinds:?}", group.subject)
                });
                let welcome_first = kinds.first().is_none_or(|kind| *kind == Said::Welcome);
                self.bad.expect(welcome_first, || format!("I4: {id}: {kinds:?}"));
                let updates: Vec<Said> =
                    kinds.iter().copied().filter(|kind| matches!(kind, Said::Update(_))).collect();
                self.bad.expect(may_repeat || updates.is_sorted(), || {
                    format!("I4: {id} out of order: {kinds:?}")
                });
            }
        }
    }

    /// It clears up, everything ends, and an operator lets go on what waits for a person.
    async fn quiet_down(&mut self) {
        self.weather.clear();
        self.session(true);
        for brink in &self.brinks {
            *brink.left.lock().unwrap() = None;
        }
        self.place.sandbox.clear_faults();
        self.place.sandbox.set_list_lag(SignedDuration::ZERO);
        self.pass(400).await;
        for alert in ALERTS {
            self.hook(alertmanager(alert, "resolved", "critical")).await;
        }
        self.bad
            .expect(self.unsent.is_empty(), || "a hook is not taken although the store is well".to_owned());
        self.pass(2 * 3600).await;
        self.check().await;
        for id in self.parked.clone().into_keys() {
            if !self.cancelled.contains(&id) {
                self.wish(id, Wish::Resume { group: None }).await;
            }
        }
        self.pass(12 * 3600).await;
        self.check().await;
    }

    /// I2, I3 and I5.
    async fn check_end(&mut self) {
        let groups = self.place.sandbox.groups();
        let due = self.store.next_wake().await.unwrap();
        self.bad.expect(due.is_none(), || format!("I5: due at {due:?}"));
        for dossier in self.dossiers().await {
            let id = dossier.incident.id;
            let Some(room) = &dossier.room else { continue };
            let cancelled = self.cancelled.contains(&id);
            let over = matches!(room.phase.name(), PhaseName::Closed | PhaseName::Skipped);
            self.bad.expect(over || cancelled, || format!("{id} ended as {:?}", room.phase));
            let token = id.to_string();
            let there: BTreeSet<&str> = groups
                .iter()
                .filter(|g| subject_has_token(&g.subject, &token))
                .map(|g| g.id.as_str())
                .collect();
            let mut known: BTreeSet<&str> = dossier.duplicates.iter().map(|o| o.group.as_str()).collect();
            let one_room = there.len() <= 1 && known.is_empty();
            self.bad.expect(one_room, || format!("I2: {id} has {there:?}, orphans {known:?}"));
            // A guest's group is its host's.
            let own = room.phase.group().filter(|_| room.guest_of.is_none());
            known.extend(own.map(warroom::jid::GroupId::as_str));
            self.tally.folded += usize::from(room.guest_of.is_some());
            // Whoever cancels while nobody knows is left with a group that may or may not be there.
            self.bad.expect(there == known || cancelled, || {
                format!("I2: {id} has {there:?}, known are {known:?}, {:?}", room.phase)
            });
            if !cancelled && !self.were_parked.contains(&id) {
                self.check_seats(room, &groups);
            }
        }
    }

    fn check_seats(&mut self, room: &Room, groups: &[GroupView]) {
        let Some(group) = groups.iter().find(|g| room.phase.group().is_some_and(|own| own.as_str() == g.id))
        else {
            return;
        };
        let settled = room.seats.iter().all(Seat::is_settled);
        self.bad.expect(settled, || format!("I3: {} not settled: {:#?}", room.incident, room.seats));
        for seat in &room.seats {
            let digits = match seat.who.person.as_str() {
                "ada" => ADA,
                "ben" => BEN,
                "cleo" => CLEO,
                _ => DAN,
            };
            let says_in = matches!(seat.state, SeatState::In { .. });
            self.bad.expect(!says_in || group.has(digits), || {
                format!("I3: {digits} is said to be in {} and is not", room.incident)
            });
        }
        let kinds = said_of_each(group).remove(&room.incident.to_string()).unwrap_or_default();
        // What is refused again and again is given up, but never the welcome.
        let well = self.weather.struck.lock().unwrap().is_empty();
        // A guest's people may all be there already, and then there is nothing to say of it.
        let wanted = match (well, room.guest_of) {
            (true, None) => &[Said::Welcome, Said::Presence, Said::LastWords][..],
            (true, Some(_)) => &[Said::Welcome, Said::LastWords][..],
            (false, _) => &[Said::Welcome][..],
        };
        let all = wanted.iter().all(|kind| kinds.contains(kind));
        self.bad.expect(all, || format!("I4: {} heard only {kinds:?}", room.incident));
    }
}

/// Whether a call about `about` concerns the incident with this token.
fn concerns(about: &str, token: &str, groups: &[GroupView]) -> bool {
    let of_group = groups.iter().find(|g| about.contains(&g.id));
    of_group.map_or(subject_has_token(about, token), |g| subject_has_token(&g.subject, token))
}

/// Tells a story; returns how much happened and what was violated.
async fn tell(story: &Story) -> (Tally, Vec<String>) {
    let mut simulation = Simulation::new(story).await;
    for op in &story.ops {
        simulation.happen(op).await;
        simulation.check().await;
        if !simulation.bad.0.is_empty() {
            break;
        }
    }
    if simulation.bad.0.is_empty() {
        simulation.quiet_down().await;
        simulation.check_end().await;
    }
    let rooms = simulation.dossiers().await.iter().filter(|d| d.room.is_some()).count();
    let tally = Tally {
        spoiled_calls: simulation.weather.struck.lock().unwrap().len(),
        failed_commits: simulation.weather.failed_commits.load(Ordering::SeqCst),
        rooms,
        parked: simulation.were_parked.len(),
        groups: simulation.place.sandbox.groups().len(),
        ..simulation.tally
    };
    (tally, simulation.bad.0)
}

/// The shortest story like this one that still fails, with what fails in it.
async fn shorten(
    mut tree: impl ValueTree<Value = Story>,
    mut violations: Vec<String>,
) -> (Story, Vec<String>) {
    let mut shortest = tree.current();
    for _ in 0..300 {
        if !tree.simplify() {
            break;
        }
        loop {
            let story = tree.current();
            let (_, found) = tell(&story).await;
            if !found.is_empty() {
                (shortest, violations) = (story, found);
                break;
            }
            if !tree.complicate() {
                return (shortest, violations);
            }
        }
    }
    (shortest, violations)
}

/// `WARROOM_STORIES=5000 cargo test --release --test it -- --ignored simulation:: --nocapture` tells more of them.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn whatever_happens_there_is_one_room_and_everybody_knows() {
    let seeds: Vec<u64> = (0..times("WARROOM_STORIES", 60)).collect();
    let swept = sweep(&seeds, async |seed| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let tree = any_story().new_tree(&mut runner).unwrap();
        let (tally, violations) = tell(&tree.current()).await;
        if violations.is_empty() {
            return (tally, violations);
        }
        let (story, violations) = shorten(tree, violations).await;
        (tally, vec![format!("seed {seed}: {story:?}: {}", violations.join("; "))])
    });
    let all = swept.results.iter().fold(Tally::default(), Tally::with);
    swept.conclude(&format!("generated stories, {all:?}"));
}

/// Tells one story that once failed.
async fn once_failed(ops: &[Op]) {
    let story = Story { engine: Engine::Webjs, kept_out: false, budget: 3, ops: ops.to_vec() };
    let (_, violations) = tell(&story).await;
    assert!(violations.is_empty(), "{violations:#?}");
}

#[tokio::test]
async fn an_outcome_whose_commit_is_answered_with_an_error_is_written_once() {
    // A lease, the intent, the outcome: the last is committed, and nobody hears of it.
    once_failed(&[Op::Fire(0), Op::StoreFails(2, 1, Moment::After), Op::Pass(1)]).await;
}
