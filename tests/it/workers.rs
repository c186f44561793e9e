//! Two workers over one store, and a scheduler that decides whose gate opens next.
//!
//! Each worker has a store connection and gateway clients of its own, as two replicas have. Only one of them
//! runs at any moment, from one gate to the next, so an interleaving is a list of decisions: go on, let the
//! other one, or let the lease run out first. A short story is told in all interleavings with few decisions
//! against the grain, long ones with random decisions from a seed that is printed with what it violated.
//!
//! A worker that stands still past its lease and then calls acts on a lease that it no longer has. Only that
//! may make a second group or say something twice, and the group must be on record.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;
use warroom::clock::{Clock, SignedDuration, Timestamp, later};

use crate::gates::{Gate, Gates, Moment};
use crate::harness::beginning;
use crate::place::{END, Place, Process};
use crate::sweep::{stride, sweep};
use crate::verdict::{Ending, Excuse, verdict};

/// Where a worker is that has nothing to do.
const IDLE: &str = "idle";

/// Steps after which a story goes round in circles.
const ENDLESS: usize = 20_000;

/// One worker's gates: it stops at each until it is let on.
#[derive(Debug)]
struct Turnstile {
    at: Mutex<(&'static str, Moment)>,
    arrived: Notify,
    open: Notify,
    passed: AtomicUsize,
}

impl Turnstile {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            at: Mutex::new((IDLE, Moment::After)),
            arrived: Notify::new(),
            open: Notify::new(),
            passed: AtomicUsize::new(0),
        })
    }

    fn at(&self) -> (&'static str, Moment) {
        *self.at.lock().unwrap()
    }
}

#[async_trait]
impl Gate for Turnstile {
    async fn pass(&self, what: &'static str, moment: Moment) {
        *self.at.lock().unwrap() = (what, moment);
        self.passed.fetch_add(usize::from(what != IDLE), Ordering::SeqCst);
        self.arrived.notify_one();
        self.open.notified().await;
    }
}

/// Works for ever, from one gate to the next.
async fn labour(process: &Process, stile: &Turnstile) {
    loop {
        stile.pass(IDLE, Moment::After).await;
        process.work().await;
    }
}

/// What may be decided at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// The worker goes on.
    GoOn,
    /// It stands still, and the other one goes on.
    Switch,
    /// It stands still for this long.
    Wait(SignedDuration),
    /// It stands still for this long, while the other one does whatever is due.
    Stall(SignedDuration),
}

/// A worker in the middle of something.
#[derive(Debug, Clone, Copy)]
struct Crossroads {
    /// Gates passed by both so far.
    gate: usize,
    /// Where it is.
    at: (&'static str, Moment),
    /// Whether the other one has something to do.
    other: bool,
}

/// Two workers at a place, and who runs.
struct Two<'a> {
    place: &'a Place,
    stiles: [Arc<Turnstile>; 2],
    /// Takes in hooks and looks into the store.
    clerk: Process,
    current: usize,
    lease_until: [Timestamp; 2],
    excuse: Excuse,
}

impl Two<'_> {
    /// Lets `who` run to its next gate.
    async fn step(&mut self, who: usize) {
        self.current = who;
        let stile = Arc::clone(&self.stiles[who]);
        let now = self.place.clock.now();
        let on_no_lease = self.lease_until[who] <= now;
        match stile.at() {
            ("create_group", Moment::Before) => self.excuse.second_group |= on_no_lease,
            ("send_text", Moment::Before) => self.excuse.repeat |= on_no_lease,
            _ => {}
        }
        stile.open.notify_one();
        stile.arrived.notified().await;
        if stile.at() == ("lease_rooms", Moment::After) {
            self.lease_until[who] = later(now, self.place.lease());
        }
    }

    fn is_idle(&self, who: usize) -> bool {
        self.stiles[who].at().0 == IDLE
    }

    /// Whether `who` has something to do now.
    async fn is_able(&self, who: usize) -> bool {
        let due = || async { self.clerk.store.next_wake().await.unwrap() };
        !self.is_idle(who) || due().await.is_some_and(|at| at <= self.place.clock.now())
    }

    /// Passes the time until something is due; false when that is not before `end`.
    async fn wait_for_work(&self, end: Timestamp) -> bool {
        let next = [self.clerk.store.next_wake().await.unwrap(), self.place.next_hook_at()];
        let Some(next) = next.into_iter().flatten().min().filter(|at| *at <= end) else { return false };
        let now = self.place.clock.now();
        self.place.clock.advance_to(next.max(later(now, SignedDuration::from_millis(10))));
        true
    }

    /// The other one does what is due for so long.
    async fn stall(&mut self, length: SignedDuration) {
        let (end, other) = (later(self.place.clock.now(), length), 1 - self.current);
        loop {
            self.place.post_what_is_due(&self.clerk).await;
            if self.is_able(other).await {
                self.step(other).await;
            } else if !self.wait_for_work(end).await {
                break;
            }
        }
        self.place.clock.advance_to(end);
        self.current = 1 - other;
    }

    /// Tells the story to its end, asking `decide` wherever a worker could be held up.
    async fn drive(&mut self, decide: &mut impl FnMut(Crossroads) -> Move) {
        let end = later(beginning(), SignedDuration::from_secs(END));
        for stile in &self.stiles {
            stile.arrived.notified().await;
        }
        for _ in 0..ENDLESS {
            self.place.post_what_is_due(&self.clerk).await;
            let able = [self.is_able(0).await, self.is_able(1).await];
            let (me, other) = (self.current, 1 - self.current);
            if !able[me] && !able[other] {
                if !self.wait_for_work(end).await {
                    return;
                }
                continue;
            }
            if self.is_idle(me) {
                // Whoever was held up goes on first; what is due is taken by either.
                let next = if able[other] && (!able[me] || !self.is_idle(other)) { other } else { me };
                self.step(next).await;
                continue;
            }
            let gate = self.stiles.iter().map(|s| s.passed.load(Ordering::SeqCst)).sum();
            match decide(Crossroads { gate, at: self.stiles[me].at(), other: able[other] }) {
                Move::Switch if able[other] => self.step(other).await,
                Move::GoOn | Move::Switch => self.step(me).await,
                Move::Wait(length) => self.place.clock.advance(length),
                Move::Stall(length) => self.stall(length).await,
            }
        }
        panic!("the story goes round in circles");
    }
}

/// Tells the story with two workers; `decide` is asked at every gate.
async fn run(label: &str, mut decide: impl FnMut(Crossroads) -> Move) -> (Ending, Vec<String>) {
    let place = Place::new().await;
    let stiles = [Turnstile::new(), Turnstile::new()];
    let gate = |n: usize| -> Arc<dyn Gate> { stiles[n].clone() };
    let processes = [place.start(&gate(0)), place.start(&gate(1))];
    let ungated: Arc<dyn Gate> = Gates::new(&[], &[]);
    let mut two = Two {
        place: &place,
        stiles: stiles.clone(),
        clerk: place.start(&ungated),
        current: 0,
        lease_until: [beginning(); 2],
        excuse: Excuse::default(),
    };
    tokio::select! {
        () = labour(&processes[0], &stiles[0]) => {}
        () = labour(&processes[1], &stiles[1]) => {}
        () = two.drive(&mut decide) => {}
    }
    let excuse = two.excuse;
    drop(two);
    drop(processes);
    verdict(&place, label, excuse).await
}

/// How the stories of a sweep ended, in a line.
fn count(endings: &[Ending]) -> String {
    let two_groups = endings.iter().filter(|e| e.groups > 1).count();
    let unknown = endings.iter().filter(|e| e.groups > 1 + e.orphans).count();
    let repeated = endings.iter().filter(|e| e.repeats > 0).count();
    format!(
        "two groups {two_groups}, of which the store never learns {unknown}; something said twice {repeated}"
    )
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn one_worker_stalls_at_each_gate_and_the_other_takes_over() {
    let stride = stride("WARROOM_WORKERS", 29);
    let lease = sweep(&[()], async |()| (Place::new().await.lease(), Vec::new())).results[0];
    let milli = SignedDuration::from_millis(1);
    let lengths = [
        SignedDuration::from_secs(1),
        lease / 2,
        lease - milli,
        lease,
        lease + milli,
        lease + SignedDuration::from_secs(60),
        SignedDuration::from_hours(1),
    ];
    let gates = sweep(&[()], async |()| {
        let mut gates = 0;
        let (ending, violations) = run("no stall", |at| {
            gates = at.gate;
            Move::GoOn
        })
        .await;
        ((ending, gates), violations)
    });
    assert!(gates.violations.is_empty(), "{:?}", gates.violations);
    let gates = gates.results[0].1;
    for length in lengths {
        let stalls: Vec<usize> = (1..=gates).step_by(stride).collect();
        let swept = sweep(&stalls, async |stall| {
            let mut stalled = false;
            let label = format!("stalled for {length:#} at gate {stall}");
            run(&label, |at| {
                let now = at.gate == *stall && !stalled;
                stalled |= now;
                if now { Move::Stall(length) } else { Move::GoOn }
            })
            .await
        });
        swept.conclude(&format!(
            "a stall of {length:#} at 1 in {stride} of {gates} gates: {}",
            count(&swept.results)
        ));
    }
}

/// A disk that takes an hour for a commit must not lead to a call on a lease that is long lost.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn however_long_an_intent_takes_to_be_written_its_call_is_not_made_without_a_lease() {
    let intents: Vec<usize> = (0..20).collect();
    let swept = sweep(&intents, async |intent| {
        let mut seen = 0;
        let label = format!("intent {intent} took an hour");
        let (ending, mut violations) = run(&label, |at| {
            let here = at.at == ("begin_step", Moment::After);
            seen += usize::from(here);
            let now = here && seen == intent + 1;
            if now { Move::Stall(SignedDuration::from_hours(1)) } else { Move::GoOn }
        })
        .await;
        if ending.groups > 1 || ending.repeats > 0 {
            violations.push(format!("{label}: {ending:?}"));
        }
        (ending, violations)
    });
    swept.conclude(&format!("an intent that takes an hour to be written: {}", count(&swept.results)));
}

/// Gates at which the exhaustive search holds a worker up: the group is made and the welcome said.
const SHORT: usize = 30;

/// Decisions against the grain, by their number among all decisions of a story.
type Script = Vec<(usize, Move)>;

/// Tells the story by a script; also returns what else could have been decided, after the script's last line.
async fn play(script: &Script) -> ((Ending, Vec<(usize, Move)>), Vec<String>) {
    let (mut number, mut others) = (0, Vec::new());
    let waits = script.iter().filter(|(_, step)| matches!(step, Move::Wait(_) | Move::Stall(_))).count();
    let past_lease = Move::Wait(SignedDuration::from_secs(121));
    let past_settling = Move::Stall(SignedDuration::from_secs(200));
    let (ending, violations) = run(&format!("{script:?}"), |at| {
        let here = number;
        number += 1;
        let planned = script.iter().find(|(at, _)| *at == here).map(|(_, step)| *step);
        if at.gate < SHORT && script.last().is_none_or(|(last, _)| *last < here) {
            others.extend(at.other.then_some((here, Move::Switch)));
            if waits == 0 {
                others.extend([(here, past_lease), (here, past_settling)]);
            }
        }
        planned.unwrap_or(Move::GoOn)
    })
    .await;
    ((ending, others), violations)
}

/// All interleavings of the first steps of a story with one lease that runs out and two switches.
#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn every_short_interleaving_keeps_one_room() {
    let stride = stride("WARROOM_WORKERS", 13);
    let mut scripts: Vec<Script> = vec![vec![]];
    for decisions in 0..=3 {
        // Scripts with one decision are few, and none is left out.
        let stride = if decisions < 2 { 1 } else { stride };
        let chosen: Vec<Script> = scripts.iter().step_by(stride).cloned().collect();
        let swept = sweep(&chosen, play);
        let endings: Vec<Ending> = swept.results.iter().map(|(ending, _)| *ending).collect();
        swept.conclude(&format!(
            "{decisions} decisions against the grain, 1 in {stride} of {} interleavings: {}",
            scripts.len(),
            count(&endings)
        ));
        scripts = chosen
            .iter()
            .zip(&swept.results)
            .flat_map(|(script, (_, others))| {
                others.iter().map(move |next| script.iter().copied().chain([*next]).collect())
            })
            .collect();
    }
}

/// Numbers from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn two_workers_that_take_turns_at_random_keep_one_room() {
    // Seeds are the story's numbers: one that failed is told again by its number.
    let seeds: Vec<u64> = match stride("WARROOM_WORKERS", 2) {
        1 => (0..4000).collect(),
        _ => (0..40).collect(),
    };
    let swept = sweep(&seeds, async |seed| {
        let mut dice = Dice(*seed);
        // Whoever stands still longer than the incident lasts makes no room for it any more.
        let mut left = 450_000;
        run(&format!("seed {seed}"), |_| match dice.roll(40) {
            0..8 => Move::Switch,
            8..10 if left > 0 => {
                let longest =
                    [1_000, 60_000, 119_000, 121_000, 400_000][usize::try_from(dice.roll(5)).unwrap()];
                let length = dice.roll(longest.min(left)) + 1;
                left -= length;
                let length = SignedDuration::from_millis(i64::try_from(length).unwrap());
                if dice.roll(2) == 0 { Move::Wait(length) } else { Move::Stall(length) }
            }
            _ => Move::GoOn,
        })
        .await
    });
    swept.conclude(&format!("two workers at random: {}", count(&swept.results)));
}
