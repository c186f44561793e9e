//! The machine dies, not only the process: what was written behind is lost, and what was waited for is not.
//!
//! A life ends at a gate, as in the other stories. Of the store's file is left what had to be on disk by then: the log up
//! to the end of the last commit that was waited for.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use warroom::clock::SignedDuration;
use warroom::incident::IncidentId;
use warroom::room::PhaseName;
use warroom::store::sqlite::Sqlite;
use warroom::store::{Access, Database, Found, Stored, Transaction};

use crate::database::{Kept, is_postgres};
use crate::gates::{Gate, Gates};
use crate::harness::{ADA, BEN, DAN, firing, resolved};
use crate::place::Place;
use crate::sweep::{stride, sweep};
use crate::verdict::{Excuse, Violations, replay, said_of_each, verdict};

/// A log of this length may have been copied into the file, all of it and not only what is left of it.
const COPIED: u64 = 4 << 20;

/// A file on a machine that can die.
#[derive(Debug)]
struct Machine {
    file: Sqlite,
    path: PathBuf,
    /// How much of the log is on disk.
    on_disk: AtomicU64,
}

impl Machine {
    fn boot(path: PathBuf) -> Self {
        let machine = Self { file: Sqlite::open_alone(&path).unwrap(), path, on_disk: AtomicU64::new(0) };
        machine.on_disk.store(machine.log(), Ordering::SeqCst);
        machine
    }

    fn part(&self, end: &str) -> PathBuf {
        format!("{}{end}", self.path.display()).into()
    }

    fn log(&self) -> u64 {
        fs::metadata(self.part("-wal")).map_or(0, |log| log.len())
    }

    /// The files as they are found afterwards, and how much of the log is lost.
    fn rest(&self) -> (Vec<u8>, Vec<u8>, usize) {
        let (file, mut log) =
            (fs::read(&self.path).unwrap(), fs::read(self.part("-wal")).unwrap_or_default());
        let on_disk = usize::try_from(self.on_disk.load(Ordering::SeqCst)).unwrap();
        let lost = if self.log() < COPIED { log.len().saturating_sub(on_disk) } else { 0 };
        log.truncate(log.len() - lost);
        (file, log, lost)
    }
}

#[async_trait]
impl Database for Machine {
    async fn run(&self, transaction: Transaction) -> Stored<Found> {
        let (waits, before) = (transaction.access == Access::Write, self.log());
        let found = self.file.run(transaction).await;
        let log = self.log();
        // One that changes nothing waits for nothing.
        if waits && found.is_ok() && log > before {
            self.on_disk.fetch_max(log, Ordering::SeqCst);
        }
        found
    }
}

/// Tells the story of a place through one machine after another, each ended by a gate; returns how much of the log was
/// lost.
async fn tell_all(place: &Place, gates: &Arc<Gates>) -> usize {
    let Kept::File(path) = &place.kept else { panic!("this is about a file") };
    let mut lost = 0;
    loop {
        let (gate, machine): (Arc<dyn Gate>, _) = (gates.clone(), Arc::new(Machine::boot(path.clone())));
        let process = place.start_over(machine.clone(), &gate);
        tokio::select! {
            () = place.tell(&process) => return lost,
            () = gates.fallen() => {}
        }
        let (file, log, now_lost) = machine.rest();
        let parts = ["", "-wal", "-shm"].map(|end| machine.part(end));
        drop((process, machine));
        for (part, rest) in parts.iter().zip([Some(file), Some(log), None]) {
            match rest {
                Some(rest) => fs::write(part, rest).unwrap(),
                None => drop(fs::remove_file(part)),
            }
        }
        lost += now_lost;
    }
}

/// What came of a story: the gates it passed, how much was lost, what was violated.
type Told = (usize, usize, Vec<String>);

/// The machine dies at each of the story's gates, or at every n-th.
fn at_each_gate(story: impl AsyncFn(Arc<Gates>) -> Told + Sync, stride: usize, what: &str) {
    let clean = sweep(&[()], async |()| {
        let (gates, _, violations) = story(Gates::new(&[], &[])).await;
        (gates, violations)
    });
    assert!(clean.violations.is_empty(), "{:?}", clean.violations);
    let gates: Vec<usize> = (0..clean.results[0]).step_by(stride).collect();
    let swept = sweep(&gates, async |gate| {
        let (_, lost, violations) = story(Gates::new(&[*gate], &[])).await;
        let where_it_died = |violation| format!("dead at {gate}: {violation}");
        (lost, violations.into_iter().map(where_it_died).collect())
    });
    swept.conclude(what);
    assert!(swept.results.iter().any(|lost| *lost > 0), "nothing was lost in any of them");
}

/// The usual story.
async fn usual(gates: Arc<Gates>) -> Told {
    let place = Place::new().await;
    let lost = tell_all(&place, &gates).await;
    let (_, violations) = verdict(&place, "", Excuse::default()).await;
    (gates.count(), lost, violations)
}

/// Two incidents, and a number that may make one group an hour.
async fn over_budget(gates: Arc<Gates>) -> Told {
    let mut place = Place::new().await;
    place.loaded.config.rooms.share_when_over_budget = false;
    place.loaded.config.gateway.instances[0].budget.rooms_per_hour = 1;
    let end = 4500;
    place.story =
        vec![(0, firing("Down")), (1, firing("Stock")), (end, resolved("Down")), (end, resolved("Stock"))];
    let lost = tell_all(&place, &gates).await;
    let mut bad = Violations::default();
    let store = place.open();
    for receipt in place.receipts.take() {
        let stored = store.receipt(receipt.parse().unwrap()).await.unwrap().is_some();
        bad.expect(stored, || format!("{receipt} was answered and is not stored"));
    }
    let made: Vec<_> = place.sandbox.creations().iter().map(|made| made.at).collect();
    // One of which nobody knows whether it was asked for counts as well, and leaves none within the hour.
    let asked = place.kept.number("SELECT count(*) FROM journal WHERE number IS NOT NULL");
    let is_used_up = asked > i64::try_from(made.len()).unwrap();
    for id in [1, 2].map(IncidentId) {
        let dossier = store.dossier(id).await.unwrap().expect("what was accepted is stored");
        let phase = dossier.room.as_ref().unwrap().phase.clone();
        let replayed = replay(&store, &dossier).await;
        bad.expect(replayed.as_ref() == Ok(&phase), || format!("{id}: {replayed:?} but {phase:?}"));
        let is_over = phase.name() == PhaseName::Closed || (phase.name() == PhaseName::Skipped && is_used_up);
        bad.expect(is_over, || format!("{id} ended in {phase:?}"));
    }
    let apart = made.windows(2).all(|two| two[1].duration_since(two[0]) >= SignedDuration::from_hours(1));
    bad.expect(apart && (made.len() == 2 || is_used_up), || format!("groups were made at {made:?}"));
    for group in place.sandbox.groups() {
        let said = said_of_each(&group);
        let all = said.len() == 1 && said.values().all(|said| said.len() == 4);
        bad.expect(all, || format!("in {}: {said:?}", group.subject));
    }
    for digits in [ADA, BEN, DAN] {
        let texts: Vec<String> = place.sandbox.chat(digits).into_iter().map(|message| message.text).collect();
        let is_of_it = |text: &&String| text.contains("INCIDENT-2") && text.contains("You get this directly");
        let told = texts.iter().filter(is_of_it).count();
        bad.expect(told == 1, || format!("{digits} was told {told} times that there is no group: {texts:?}"));
    }
    (gates.count(), lost, bad.0)
}

#[test]
fn what_was_written_behind_is_done_again_after_the_machine_died() {
    if is_postgres() {
        return;
    }
    let swept = sweep(&["lease_rooms", "put_off", "gather"], async |what| {
        let (_, lost, violations) = over_budget(Gates::after_the_first(what)).await;
        assert!(lost > 0, "nothing is lost after {what}");
        ((), violations)
    });
    swept.conclude("the machine dies after what is written behind");
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn a_room_survives_the_death_of_its_machine_at_every_gate_of_its_life() {
    if !is_postgres() {
        at_each_gate(usual, 1, "the machine dies at each gate");
    }
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn an_incident_that_waits_for_the_budget_survives_the_death_of_its_machine() {
    if !is_postgres() {
        let stride = stride("WARROOM_PAIRS", 7);
        at_each_gate(over_budget, stride, "the machine dies while an incident waits for the budget");
    }
}
